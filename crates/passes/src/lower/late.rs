//! Sums that a loop carries: `v = v + Σ tile`, along an axis that threads hold parts of. Each thread carries what it has of them,
//! and the threads meet once, behind the loop, instead of in each of its turns.
//!
//! The gradients of weights that many rows share are of this kind, such as those of a window over an image, of which nine are summed
//! in each turn.

use super::collective::{Joiner, literal};
use super::{Lowering, cluster};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Program, ReduceOp, Stmt, VarId};

/// A sum of which each thread has a part until its loop ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateSum {
    var: VarId,
    /// What is added in each turn.
    pub reduction: ExprId,
}

impl Lowering<'_> {
    /// The sums that threads may carry in parts round `statement`, a loop.
    pub(super) fn late_sums(&self, statement: &Stmt) -> Vec<LateSum> {
        let program = self.program;
        let Stmt::For { body, .. } = statement else { return Vec::new() };
        if self.is_blocked || self.loops > 0 || cluster::groups_of(self.schedule.team) > 0 {
            return Vec::new();
        }
        let late = |statement: &Stmt| match statement {
            Stmt::Set(var, value) => late_sum(program, body, *var, *value),
            _ => None,
        };
        body.iter().filter_map(late).filter(|sum| self.lies_as_carried(sum)).collect()
    }

    /// True where the threads that have parts of a sum are those that hold the variable.
    fn lies_as_carried(&self, sum: &LateSum) -> bool {
        let ExprKind::Reduce(_, of, axis) = self.program.expr(sum.reduction).kind else {
            return false;
        };
        let shape = &self.program.expr(of).ty.shape;
        let layout = self.layout(shape);
        let axis = axis + self.rank - shape.len();
        let carried = self.layout(&self.program.vars[sum.var.index()].ty.shape);
        let held = self.vars.get(&sum.var).is_some_and(|held| held.layout == carried);
        held && !layout.thread_bits(axis).is_empty() && carried == layout.without(axis)
    }

    /// Joins what the threads have of sums whose loop has ended.
    pub(super) fn join_late(&mut self, sums: &[LateSum]) {
        let identity = [literal(0.0, DType::F32)];
        let joiner = Joiner::Op(ReduceOp::Sum, DType::F32);
        for (number, sum) in sums.iter().enumerate() {
            let ExprKind::Reduce(_, of, axis) = self.program.expr(sum.reduction).kind else {
                continue;
            };
            let shape = &self.program.expr(of).ty.shape;
            let layout = self.layout(shape);
            let axis = axis + self.rank - shape.len();
            let Some(held) = self.vars.get(&sum.var).cloned() else { continue };
            let bits = layout.thread_bits(axis);
            if number > 0 && bits.iter().any(|bit| *bit >= super::SUBGROUP) {
                // The room of the sum before is then free.
                self.barrier();
            }
            let into = [held.register];
            self.reduce_threads(&into, &[DType::F32], &held.layout, &bits, &joiner, &identity);
        }
    }
}

/// `var = var + Σ tile` as such a sum: nothing else in the program sets the variable but a 0 before, reads it in this loop, or needs
/// what is added.
fn late_sum(program: &Program, turn: &[Stmt], var: VarId, value: ExprId) -> Option<LateSum> {
    let ExprKind::Binary(BinaryOp::Add, a, b) = program.expr(value).kind else { return None };
    let is_read = |id: ExprId| program.expr(id).kind == ExprKind::Get(var);
    let (read, added) = match (is_read(a), is_read(b)) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return None,
    };
    let reduction = match program.expr(added).kind {
        ExprKind::Reshape(of) => of,
        _ => added,
    };
    let ExprKind::Reduce(ReduceOp::Sum, of, _) = program.expr(reduction).kind else { return None };
    // Squares have an order of their own.
    if matches!(program.expr(of).kind, ExprKind::Binary(BinaryOp::Mul, a, b) if a == b) {
        return None;
    }
    let mut uses = Uses { of: [read, added, reduction, value], counts: [0; 4] };
    program.exprs.iter().for_each(|expr| expr.kind.operands(|id| uses.count(id)));
    let mut sets = Vec::new();
    uses.block(&program.body, var, &mut sets);
    let zero = |id: ExprId| is_zero(program, id);
    let begins_at_zero = matches!(sets[..], [first, last] if zero(first) && last == value);
    let once = |id: ExprId| {
        let number = uses.of.iter().position(|of| *of == id);
        number.is_some_and(|number| uses.counts[number] == 1)
    };
    let alone = [read, added, reduction, value].iter().all(|id| once(*id));
    let alone = alone && touches(program, turn, var) == 2;
    let is_f32 = program.expr(value).ty.dtype == DType::F32;
    (begins_at_zero && alone && is_f32).then_some(LateSum { var, reduction })
}

/// How often a block reads or sets a variable.
fn touches(program: &Program, body: &[Stmt], var: VarId) -> usize {
    let of = |statement: &Stmt| match statement {
        Stmt::Let(id) => usize::from(program.expr(*id).kind == ExprKind::Get(var)),
        Stmt::Set(set, _) => usize::from(*set == var),
        Stmt::Store { .. } => 0,
        Stmt::For { body, .. } | Stmt::When { body, .. } => touches(program, body, var),
    };
    body.iter().map(of).sum()
}

/// How often some expressions are mentioned.
struct Uses {
    of: [ExprId; 4],
    counts: [usize; 4],
}

impl Uses {
    fn count(&mut self, id: ExprId) {
        for (of, count) in self.of.iter().zip(&mut self.counts) {
            *count += usize::from(*of == id);
        }
    }

    /// Counts what statements mention, and notes what `var` is set to.
    fn block(&mut self, body: &[Stmt], var: VarId, sets: &mut Vec<ExprId>) {
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(set, value) => {
                    self.count(*value);
                    if *set == var {
                        sets.push(*value);
                    }
                }
                Stmt::Store { place, value, mask, .. } => {
                    place.operands(&mut |id| self.count(id));
                    self.count(*value);
                    mask.iter().for_each(|mask| self.count(*mask));
                }
                Stmt::For { start, end, body, .. } => {
                    self.count(*start);
                    self.count(*end);
                    self.block(body, var, sets);
                }
                Stmt::When { condition, body } => {
                    self.count(*condition);
                    self.block(body, var, sets);
                }
            }
        }
    }
}

/// True for 0 in all places.
fn is_zero(program: &Program, id: ExprId) -> bool {
    match program.expr(id).kind {
        ExprKind::Broadcast(of) => is_zero(program, of),
        _ => program.constant(id) == Some(0.0),
    }
}
