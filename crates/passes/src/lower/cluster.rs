//! Rows that no group can hold, held by a cluster: groups on neighbouring multiprocessors that reach each other's shared
//! memory. Together they are one large team, so a row is read once, whatever is made of it; only reductions cross from group
//! to group. The alternative reads a long row once a pass (see [`blocks`](super::blocks)).

use super::{Schedule, blocks};
use super::schedule::LARGEST_TEAM;
use crate::lines::RESIDENT;
use tilewright_ir::{Access, ExprId, ExprKind, Extent, ParamKind, Program, Stmt};

/// log2 of the most groups of a cluster, on every GPU that has them.
const MOST_GROUPS: u32 = 3;

/// log2 of the threads of a group of the smaller clusters: several groups find room on a multiprocessor, and one loads while
/// another's threads meet.
const GROUP: u32 = 9;

/// The most rows that a program may read and carry: more of them leave too few registers.
const MOST_ROWS: usize = 9;

/// The largest team of a cluster, in log2.
pub(super) const LARGEST: u32 = LARGEST_TEAM + MOST_GROUPS;

/// log2 of the groups of a team.
pub(super) fn groups_of(team: u32) -> u32 {
    match team > LARGEST_TEAM {
        true => (team - GROUP).min(MOST_GROUPS),
        false => 0,
    }
}

/// Groups that a multiprocessor should have room for, see
/// [`ThreadProgram::resident`](tilewright_ir::thread::ThreadProgram::resident).
pub(super) fn resident_groups(schedule: &Schedule) -> usize {
    let groups = groups_of(schedule.team);
    usize::from(groups > 0) << (LARGEST_TEAM + groups).saturating_sub(schedule.team)
}

/// log2 of the elements of a row that a thread takes, where so many rows are held at once.
fn elements_a_thread(rows: usize) -> Option<u32> {
    match rows {
        0 | 1 => Some(5),
        2 => Some(4),
        3..=MOST_ROWS => Some(3),
        _ => None,
    }
}

/// log2 of the threads of a cluster for the long rows of `program`; `None` where it has none, or does more with them than
/// maps and reductions.
pub(super) fn team(program: &Program, schedule: &Schedule) -> Option<u32> {
    let plain = schedule.matrix.is_none() && schedule.teams == 0;
    if !schedule.clusters || !plain || !only_maps_and_reductions(program) {
        return None;
    }
    let row = long_row(program, schedule)?;
    let is_row = |shape: &[Extent]| shape.last() == Some(&row);
    let loads = program.exprs.iter().filter(|expr| {
        is_row(&expr.ty.shape) && matches!(expr.kind, ExprKind::Load { .. })
    });
    let vars = program.vars.iter().filter(|var| is_row(&var.ty.shape));
    let team = schedule.capacity_of(row) - elements_a_thread(loads.count() + vars.count())?;
    (team <= LARGEST && reads_again(program, schedule)).then_some(team.max(LARGEST_TEAM + 1))
}

impl Schedule {
    /// The same for a device with clusters.
    pub fn in_clusters(mut self, program: &Program) -> Schedule {
        self.clusters = true;
        if let Some(team) = team(program, &self) {
            self.team = team;
        }
        self
    }
}

/// The one extent that is too long for a group, if every tile that has it is a row of it.
fn long_row(program: &Program, schedule: &Schedule) -> Option<Extent> {
    let mut found = None;
    for shape in program.exprs.iter().map(|expr| &expr.ty.shape) {
        if !shape.iter().any(|e| schedule.capacity_of(*e) > RESIDENT) {
            continue;
        }
        let (last, leading) = shape.split_last()?;
        if leading.iter().any(|e| *e != Extent::Const(1)) || found.is_some_and(|f| f != *last) {
            return None;
        }
        found = Some(*last);
    }
    found
}

/// True where one group would read a row several times, or cannot hold it at all.
fn reads_again(program: &Program, schedule: &Schedule) -> bool {
    blocks::blocked(program, schedule).is_none_or(|blocked| blocks::last_pass(&blocked).is_some())
}

/// True where nothing but reductions moves elements between threads, and nothing is read that is written.
fn only_maps_and_reductions(program: &Program) -> bool {
    let single = |shape: &[Extent]| shape.iter().all(|e| *e == Extent::Const(1));
    let plain = |kind: &ExprKind| {
        use ExprKind::*;
        match kind {
            Const(_) | Scalar(_) | Size(_) | Program(_) | LoopIndex | Argument | Iota(_) => true,
            Unary(..) | Binary(..) | Ternary(..) | Cast(_) | Bitcast(_) | Broadcast(_) => true,
            Reduce(..) | ReduceBy { .. } | Part(..) | Get(_) => true,
            Load { place, .. } => {
                let kind = &program.param(place.param).kind;
                matches!(kind, ParamKind::Tensor { access: Access::In, .. })
            }
            Reshape(of) => single(&program.expr(*of).ty.shape),
            Pick { of, indices } => {
                is_read(program, *of) && single(&program.expr(*indices).ty.shape)
            }
            _ => false,
        }
    };
    program.exprs.iter().all(|expr| plain(&expr.kind)) && all_meet(program, &program.body, false)
}

/// True for rows whose elements any thread can read for itself.
fn is_read(program: &Program, row: ExprId) -> bool {
    match program.expr(row).kind {
        ExprKind::Load { .. } => true,
        ExprKind::Cast(of) => is_read(program, of),
        _ => false,
    }
}

/// True where no reduction is under a condition.
fn all_meet(program: &Program, body: &[Stmt], conditional: bool) -> bool {
    body.iter().all(|statement| match statement {
        Stmt::When { body, .. } => all_meet(program, body, true),
        Stmt::For { body, .. } => all_meet(program, body, conditional),
        Stmt::Let(id) => {
            let kind = &program.expr(*id).kind;
            !conditional || !matches!(kind, ExprKind::Reduce(..) | ExprKind::ReduceBy { .. })
        }
        Stmt::Set(..) | Stmt::Store { .. } => true,
    })
}
