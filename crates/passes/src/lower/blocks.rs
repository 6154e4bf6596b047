//! Rows too long for the registers of a team: a loop over blocks of the row for every pass over it. Each reduction ends
//! a pass; maps are computed anew in every pass that needs them, so that nothing as long as a row is ever held.

mod online;
mod round;
mod running;

use super::Schedule;
use crate::emit::Emitter;
use crate::lines::RESIDENT;
use tilewright_ir::table::{HashMap, HashSet};
use tilewright_ir::{
    Access, Axis, DType, ExprId, ExprKind, Extent, ParamKind, Place, Program, Shape, Stmt, Type,
    infer,
};

// Tried on an H100 with the loss and gradient of 8192 rows of 128256 in bf16, 1.98 ms: every pass from the start 2.18, and
// without telling last reads and writes 2.13; groups of 512 threads 2.11, one group a processor 2.36, blocks of 2^14 by one
// group 2.24; letting the first half of a row go from the cache in the first pass 2.12. Since the first pass gathers by
// powers of two it takes 1.95, with the memory at 77 % of its rate and the processors at 72 % of theirs.

/// log2 of the elements of a block, at least.
const BLOCK: u32 = 13;

/// log2 of the vectors of a block where threads only gather or map elements: two each, so that loads of one are under way while
/// the other is computed with. On an H200, the loss of 8192 rows of 128256 in bf16 so 0.488 ms instead of 0.501, with its gradient
/// 1.116 instead of 1.182.
const VECTORS: u32 = super::LARGEST_TEAM + 1;

/// Groups of the largest size that a processor should hold at once: reductions of blocks take few registers, and the
/// loads of one group on their way are too few. Scans and top-k take more registers than that leaves; fewer threads a group leave
/// more groups room by themselves.
pub(super) fn resident_groups(program: &Program, schedule: &Schedule) -> usize {
    let large = schedule.team + schedule.teams >= super::LARGEST_TEAM;
    if meets_elsewise(program) || !large { 0 } else { 2 }
}

/// True where the elements of a block meet otherwise than by a reduction.
fn meets_elsewise(program: &Program) -> bool {
    let elsewise = |kind: &ExprKind| {
        use ExprKind::*;
        matches!(kind, Scan { .. } | ScanBy { .. } | TopK { .. } | ReduceBy { .. })
    };
    program.exprs.iter().any(|e| elsewise(&e.kind))
}

/// The index of the last pass over the rows of a program in blocks, if there are several.
pub(super) fn last_pass(program: &Program) -> Option<ExprId> {
    let passes = program.body.iter().filter_map(|statement| match statement {
        Stmt::For { index, .. } => Some(*index),
        _ => None,
    });
    let passes: Vec<ExprId> = passes.collect();
    passes.last().copied().filter(|_| passes.len() > 1)
}

/// `program` with its long rows in blocks; `None` when it has none, or is no straight line of maps, reductions, scans
/// and top-k over them.
pub(super) fn blocked(program: &Program, schedule: &Schedule) -> Option<Program> {
    if super::spread::split_axis(program, |e| schedule.capacity_of(e)).is_some() {
        return None;
    }
    let row = long_row(program, schedule)?;
    let mut blocks = Blocks {
        program,
        row,
        block: match meets_elsewise(program) {
            true => BLOCK,
            false => BLOCK.max(VECTORS + schedule.vector),
        },
        vector: schedule.vector,
        out: Emitter::like(program),
        known: HashMap::default(),
        parts: HashMap::default(),
        pending: Vec::new(),
        unknown: HashSet::default(),
        with_sum: HashMap::default(),
        gathered: HashMap::default(),
        passes: 0,
    };
    blocks.find_exponentials();
    for statement in &program.body {
        blocks.statement(statement)?;
    }
    blocks.flush()?;
    let program = blocks.out.finish().ok()?;
    tilewright_ir::validate::validate_rewritten(&program).is_ok().then_some(program)
}

/// The one extent that is too long for a group to hold, if every tile that has it is a row of it.
pub(super) fn long_row(program: &Program, schedule: &Schedule) -> Option<Extent> {
    let long = |e: &Extent| schedule.capacity_of(*e) > RESIDENT;
    let mut found = None;
    for expr in &program.exprs {
        let shape = &expr.ty.shape;
        if !shape.iter().any(long) {
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

/// What a pass over the row is made for.
enum Sink<'a> {
    /// An expression that depends on the whole row.
    Whole(ExprId),
    /// A store of a row.
    Store(&'a Stmt),
}

struct Blocks<'a> {
    program: &'a Program,
    row: Extent,
    out: Emitter,
    /// What became of the expressions that are no rows.
    known: HashMap<ExprId, ExprId>,
    /// The components of those that have several.
    parts: HashMap<ExprId, Vec<ExprId>>,
    /// The sinks of the pass that is being gathered.
    pending: Vec<Sink<'a>>,
    /// What they will have computed.
    unknown: HashSet<ExprId>,
    /// log2 of the elements of a block.
    block: u32,
    /// log2 of the neighbours that a thread holds.
    vector: u32,
    /// For a maximum, the sum of exponentials that its pass gathers too.
    with_sum: HashMap<ExprId, Exponentials>,
    /// Such sums once they are gathered: for each vector in a block the maximum, and the sum relative to it.
    gathered: HashMap<ExprId, (ExprId, ExprId)>,
    /// Passes that were made.
    passes: usize,
}

/// `sum`, over a row x, of exp(x - shift).
#[derive(Clone, Copy)]
struct Exponentials {
    sum: ExprId,
    shift: ExprId,
}

impl<'a> Blocks<'a> {
    /// The extent of a block.
    fn block_extent(&self) -> Extent {
        Extent::Const(1 << self.block)
    }

    fn is_row(&self, id: ExprId) -> bool {
        self.program.expr(id).ty.shape.last() == Some(&self.row)
    }

    fn statement(&mut self, statement: &'a Stmt) -> Option<()> {
        let mut operands = Vec::new();
        match statement {
            Stmt::Let(id) if self.is_row(*id) => {
                // Rows are computed where they are needed; what they read must be the same then.
                return match &self.program.expr(*id).kind {
                    ExprKind::Load { place, .. } if !self.is_input(place) => None,
                    ExprKind::Get(_) => None,
                    _ => Some(()),
                };
            }
            Stmt::Let(id) => self.program.expr(*id).kind.operands(|a| operands.push(a)),
            Stmt::Store { place, value, mask, .. } => {
                operands.push(*value);
                operands.extend(mask);
                place.operands(&mut |id| operands.push(id));
            }
            Stmt::Set(..) | Stmt::For { .. } | Stmt::When { .. } => return None,
        }
        if self.waits(&operands) {
            self.flush()?;
        }
        match statement {
            Stmt::Store { place, .. } => {
                let shape = infer::place_type(self.program, place).ok()?.shape;
                if shape.last() == Some(&self.row) {
                    self.pending.push(Sink::Store(statement));
                    return Some(());
                }
                let statement = self.with_known(statement)?;
                self.out.statement(statement);
                Some(())
            }
            Stmt::Let(id) if operands.iter().any(|a| self.is_row(*a)) => {
                let id = *id;
                match self.program.expr(id).kind {
                    ExprKind::Pick { of, indices } => {
                        let indices = *self.known.get(&indices)?;
                        let picked = self.picked(of, indices)?;
                        self.known.insert(id, picked);
                    }
                    _ if self.gathered.contains_key(&id) => self.sum_up(id)?,
                    _ => {
                        self.unknown.insert(id);
                        self.pending.push(Sink::Whole(id));
                    }
                }
                Some(())
            }
            Stmt::Let(id) => self.copy(*id),
            _ => None,
        }
    }

    fn is_input(&self, place: &Place) -> bool {
        let kind = &self.program.param(place.param).kind;
        matches!(kind, ParamKind::Tensor { access: Access::In, .. })
    }

    /// True when one of these, or of what the rows among them are computed from, is known only after the pass that is
    /// being gathered.
    fn waits(&self, operands: &[ExprId]) -> bool {
        if self.unknown.is_empty() {
            return false;
        }
        let (mut open, mut seen) = (operands.to_vec(), HashSet::default());
        while let Some(id) = open.pop() {
            if self.unknown.contains(&id) {
                return true;
            }
            if seen.insert(id) && self.is_row(id) {
                self.program.expr(id).kind.operands(|a| open.push(a));
            }
        }
        false
    }

    /// Copies an expression that is no row and needs none.
    fn copy(&mut self, id: ExprId) -> Option<()> {
        let program = self.program;
        let mut expr = program.expr(id).clone();
        if let ExprKind::Part(of, part) = expr.kind
            && let Some(parts) = self.parts.get(&of)
        {
            self.known.insert(id, *parts.get(part)?);
            return Some(());
        }
        let known = &self.known;
        let mut all = true;
        expr.kind.map_operands(|a| {
            all &= known.contains_key(&a);
            known.get(&a).copied().unwrap_or(a)
        });
        if !all {
            return None;
        }
        if let Some(combine) = program.expr(id).kind.combine() {
            let map = |o: ExprId| known.get(&o).copied().unwrap_or(o);
            let copied = self.out.copy_combine(program, combine, map);
            if let ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } =
                &mut expr.kind
            {
                *combine = copied;
            }
        }
        let new = self.emit(id, expr.kind, expr.ty.shape);
        self.known.insert(id, new);
        Some(())
    }

    /// Emits an expression in place of `id`, at its line and under its name.
    fn emit(&mut self, id: ExprId, kind: ExprKind, shape: Shape) -> ExprId {
        let expr = self.program.expr(id);
        self.out.at = expr.at.clone();
        let new = self.out.emit(kind, Some(Type { dtype: expr.ty.dtype, shape }));
        if let Some(name) = &expr.name {
            self.out.name(new, name.clone());
        }
        new
    }

    /// A statement about what is no row.
    fn with_known(&self, statement: &Stmt) -> Option<Stmt> {
        let mut statement = statement.clone();
        if let Stmt::Store { place, value, mask, .. } = &mut statement {
            self.map_place(place)?;
            *value = *self.known.get(value)?;
            if let Some(mask) = mask {
                *mask = *self.known.get(mask)?;
            }
        }
        Some(statement)
    }

    /// Elements of a row at the positions `indices`, from those of what it is computed from.
    fn picked(&mut self, row: ExprId, indices: ExprId) -> Option<ExprId> {
        if !self.is_row(row) {
            return self.known.get(&row).copied();
        }
        let expr = self.program.expr(row);
        let count = *self.out.shape(indices).last()?;
        let mut shape = expr.ty.shape.clone();
        *shape.last_mut()? = count;
        let mut kind = expr.kind.clone();
        match &mut kind {
            ExprKind::Load { place, .. } => {
                if !matches!(place.axes.last(), Some(Axis::All)) {
                    return None;
                }
                self.map_place(place)?;
                let flat = self.out.reshape(indices, vec![count]);
                *place.axes.last_mut()? = Axis::Gather(flat);
            }
            ExprKind::Iota(_) => {
                let flat = self.out.reshape(indices, vec![count]);
                return Some(self.out.cast(flat, DType::I32));
            }
            kind if is_map(kind) => {
                let mut picked = HashMap::default();
                let mut operands = Vec::new();
                kind.operands(|a| operands.push(a));
                for a in operands {
                    picked.insert(a, self.picked(a, indices)?);
                }
                kind.map_operands(|a| picked[&a]);
            }
            _ => return None,
        }
        Some(self.emit(row, kind, shape))
    }

    /// Puts what became of them in place of the indices of a place.
    fn map_place(&self, place: &mut Place) -> Option<()> {
        let mut all = true;
        place.map_operands(|id| {
            all &= self.known.contains_key(&id);
            self.known.get(&id).copied().unwrap_or(id)
        });
        all.then_some(())
    }
}

/// Ops whose elements depend on those at the same position alone.
fn is_map(kind: &ExprKind) -> bool {
    use ExprKind::*;
    matches!(kind, Unary(..) | Binary(..) | Ternary(..) | Cast(_) | Bitcast(_) | Broadcast(_))
}
