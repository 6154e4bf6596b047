//! Rows that no group can hold and that cannot be read in blocks (see [`blocks`](super::blocks)), as sums over rows are carried
//! from one to the next: a cluster holds them, groups on neighbouring multiprocessors that reach each other's shared memory.
//! Together they are one large team; only reductions cross from group to group.
//!
//! Gradients of norms add up that of the weight. One group spills what it holds of a row of 65536: H200, 8192 rows in f32,
//! rmsnorm 7.52 ms and layernorm 10.37. By clusters of 8, each reduction with a barrier before and one after, 2.95 and 4.59;
//! with one barrier for what can be known together 2.05 and 3.47.

use super::schedule::LARGEST_TEAM;
use super::{Schedule, blocks};
use std::ops::Range;
use tilewright_ir::table::HashSet;
use tilewright_ir::{Access, ExprId, ExprKind, Extent, ParamKind, Program, Stmt, VarId};

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
    let row = blocks::long_row(program, schedule)?;
    let is_row = |shape: &[Extent]| shape.last() == Some(&row);
    let loads = program
        .exprs
        .iter()
        .filter(|expr| is_row(&expr.ty.shape) && matches!(expr.kind, ExprKind::Load { .. }));
    let vars = program.vars.iter().filter(|var| is_row(&var.ty.shape));
    let team = schedule.capacity_of(row) - elements_a_thread(loads.count() + vars.count())?;
    (team <= LARGEST && !comes_in_blocks(program, schedule)).then_some(team.max(LARGEST_TEAM + 1))
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

/// True where one group can read the rows in blocks. It then hides the time of one row behind that of another, as a cluster
/// does not: on an H200, softmax of 4096 rows of 128256 in bf16 took 0.712 ms in blocks and 0.894 by clusters, the loss with
/// its gradient 1.529 and 3.000, rmsnorm of 8192 rows of 65536 in f32 1.086 and 1.218.
fn comes_in_blocks(program: &Program, schedule: &Schedule) -> bool {
    blocks::blocked(program, schedule).is_some()
}

/// True where nothing but reductions moves elements between threads, and nothing is read that is written.
fn only_maps_and_reductions(program: &Program) -> bool {
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
            Reshape(of) => is_single(&program.expr(*of).ty.shape),
            Pick { of, indices } => {
                is_read(program, *of) && is_single(&program.expr(*indices).ty.shape)
            }
            _ => false,
        }
    };
    program.exprs.iter().all(|expr| plain(&expr.kind)) && all_meet(program, &program.body, false)
}

fn is_single(shape: &[Extent]) -> bool {
    shape.iter().all(|e| *e == Extent::Const(1))
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

/// Puts reductions that do not need each other's result one behind the other, so that the threads meet once for all.
pub(super) fn meet_once(program: &mut Program) {
    let body = std::mem::take(&mut program.body);
    program.body = together(program, body);
}

/// True for a reduction to a single element.
pub(super) fn is_meeting(program: &Program, statement: &Stmt) -> bool {
    let Stmt::Let(id) = statement else { return false };
    let expr = program.expr(*id);
    matches!(expr.kind, ExprKind::Reduce(..)) && is_single(&expr.ty.shape)
}

fn together(program: &Program, mut body: Vec<Stmt>) -> Vec<Stmt> {
    for statement in &mut body {
        if let Stmt::For { body, .. } = statement {
            *body = together(program, std::mem::take(body));
        }
    }
    let mut start = 0;
    while start < body.len() {
        let mut end = start + 1;
        if is_meeting(program, &body[start]) {
            while let Some(next) = (end..body.len()).find(|&at| is_meeting(program, &body[at]))
                && let Some((before, after)) = apart(program, &body, start..end, next)
            {
                let run: Vec<Stmt> =
                    body[start..end].iter().chain(&body[next..=next]).cloned().collect();
                let moved = before.len();
                let all = before.into_iter().chain(run).chain(after);
                body.splice(start..=next, all.collect::<Vec<_>>());
                (start, end) = (start + moved, end + moved + 1);
            }
        }
        start = end;
    }
    body
}

/// The statements between a run of reductions and the `next`, those that need nothing of the run and those that do; `None`
/// where the next does, or where the order of others matters.
fn apart(
    program: &Program,
    body: &[Stmt],
    run: Range<usize>,
    next: usize,
) -> Option<(Vec<Stmt>, Vec<Stmt>)> {
    let (mut of_run, mut vars) = (HashSet::default(), HashSet::default());
    for statement in &body[run.clone()] {
        if let Stmt::Let(id) = statement {
            of_run.insert(*id);
        }
    }
    let needs = |id: ExprId, of_run: &HashSet<ExprId>, vars: &HashSet<VarId>| {
        let kind = &program.expr(id).kind;
        let mut needs = matches!(kind, ExprKind::Get(var) if vars.contains(var));
        kind.operands(|a| needs |= of_run.contains(&a));
        needs
    };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for statement in &body[run.end..next] {
        match statement {
            Stmt::Let(id) if needs(*id, &of_run, &vars) => {
                of_run.insert(*id);
                after.push(statement.clone());
            }
            Stmt::Let(_) => before.push(statement.clone()),
            Stmt::Set(var, value) if of_run.contains(value) => {
                vars.insert(*var);
                after.push(statement.clone());
            }
            Stmt::Set(var, _) if !vars.contains(var) => before.push(statement.clone()),
            Stmt::Store { .. } => after.push(statement.clone()),
            Stmt::Set(..) | Stmt::For { .. } | Stmt::When { .. } => return None,
        }
    }
    let Stmt::Let(id) = body[next] else { return None };
    (!needs(id, &of_run, &vars)).then_some((before, after))
}
