//! The experts of a row of logits: the k greatest, and their softmax weights, which a group finds once and keeps in
//! shared memory.

use super::{closure, halves, indices};
use crate::lower::{Held, Lowering, int};
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{Choose, Code, Routine, Rows, SharedId, Value};
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Place, Program, ReduceOp, Stmt, UnaryOp,
};

/// The most logits: each lane of a subgroup holds its part.
const LOGITS: usize = 1024;

/// The most that are chosen: each lane of a subgroup holds one.
const CHOSEN: usize = 32;

/// What a program chooses, of what it reads single elements only.
pub(super) struct Choice<'a> {
    logits: &'a Place,
    dtype: DType,
    experts: usize,
    k: usize,
    normalize: bool,
    /// The positions of the greatest.
    positions: Option<ExprId>,
    /// Their weights.
    weights: Option<ExprId>,
    /// All that the choice computes.
    inside: HashSet<ExprId>,
}

/// Where a choice is.
pub(super) struct Chosen<'a> {
    of: &'a Choice<'a>,
    arrays: [SharedId; 2],
}

impl<'a> Choice<'a> {
    /// That of `program`: `Some(None)` where it chooses nothing, `None` where it chooses otherwise.
    pub fn of(program: &'a Program) -> Option<Option<Choice<'a>>> {
        let lets = || {
            program.body.iter().filter_map(|statement| match statement {
                Stmt::Let(id) => Some(*id),
                _ => None,
            })
        };
        let mut found = lets().filter(|id| matches!(program.expr(*id).kind, ExprKind::TopK { .. }));
        let Some(top) = found.next() else { return Some(None) };
        let ExprKind::TopK { of, k } = program.expr(top).kind else { return None };
        let (logits, dtype) = halves(program, of)?;
        let [Extent::Const(experts)] = program.expr(of).ty.shape[..] else { return None };
        let (last, outer) = logits.axes.split_last()?;
        let whole = *last == Axis::All && outer.iter().all(|axis| matches!(axis, Axis::At(_)));
        if found.next().is_some() || !whole || experts > LOGITS || k > CHOSEN.min(experts) {
            return None;
        }
        let positions = lets().find(|id| program.expr(*id).kind == ExprKind::Part(top, 1));
        let softmax = |of: ExprId| lets().find(|id| is_softmax(program, *id, of));
        let unscaled = |all: ExprId| {
            let kind = ExprKind::Pick { of: all, indices: positions? };
            lets().find(|id| program.expr(*id).kind == kind)
        };
        let (normalize, weights) = match (softmax(top), softmax(of)) {
            (None, Some(all)) => (false, Some(unscaled(all)?)),
            (weights, None) => (true, weights),
            _ => return None,
        };
        let mut inside = HashSet::default();
        for id in [Some(top), positions, weights].into_iter().flatten() {
            closure(program, id, &mut inside);
        }
        // Where the row lies is said outside.
        let mut place = HashSet::default();
        indices(logits).for_each(|(_, id)| closure(program, id, &mut place));
        inside.retain(|id| !place.contains(id));
        let choice = Choice { logits, dtype, experts, k, normalize, positions, weights, inside };
        let outside = |id: &ExprId| !choice.inside.contains(id);
        let reads_one = |id: ExprId| {
            let mut all = true;
            program.expr(id).kind.operands(|a| all &= outside(&a));
            all || choice.pick(program, id).is_some()
        };
        let apart = program.body.iter().all(|statement| match statement {
            Stmt::Store { place, value, .. } => {
                outside(value) && indices(place).all(|(_, id)| outside(&id))
            }
            _ => true,
        });
        (apart && lets().filter(outside).all(reads_one)).then_some(Some(choice))
    }

    /// True for what the choice computes.
    pub fn computes(&self, id: ExprId) -> bool {
        self.inside.contains(&id)
    }

    /// Which of the two results an expression is an element of, and the index, if it is one that is there.
    fn pick(&self, program: &Program, id: ExprId) -> Option<(usize, ExprId)> {
        let ExprKind::Pick { of, indices } = program.expr(id).kind else { return None };
        let one = program.expr(id).ty.shape[..] == [Extent::Const(1)];
        let which = [self.positions, self.weights].iter().position(|known| *known == Some(of))?;
        let under = program.under_shapes(indices);
        let there = match program.expr(under).kind {
            ExprKind::Const(literal) => (0.0..self.k as f64).contains(&literal.value()),
            ExprKind::Program(axis) => {
                matches!(program.grid[axis].extent, Extent::Const(n) if n <= self.k)
            }
            _ => false,
        };
        (one && there).then_some((which, under))
    }
}

/// True when `id` is e^(x - max x) / Σ e^(x - max x).
fn is_softmax(program: &Program, id: ExprId, x: ExprId) -> bool {
    let kind = |id: ExprId| &program.expr(id).kind;
    let ExprKind::Binary(BinaryOp::Div, weights, sum) = *kind(id) else { return false };
    let ExprKind::Unary(UnaryOp::Exp, of) = *kind(weights) else { return false };
    let ExprKind::Binary(BinaryOp::Sub, a, greatest) = *kind(of) else { return false };
    a == x
        && *kind(sum) == ExprKind::Reduce(ReduceOp::Sum, weights, 0)
        && *kind(greatest) == ExprKind::Reduce(ReduceOp::Max, x, 0)
}

impl<'a> Chosen<'a> {
    /// Chooses; `early` says that the logits were made by a launch before the last.
    pub fn new(l: &mut Lowering<'_>, of: &'a Choice<'a>, early: bool) -> Option<Chosen<'a>> {
        let program = l.program;
        let mut needed = HashSet::default();
        indices(of.logits).for_each(|(_, id)| closure(program, id, &mut needed));
        let loads = |id: &ExprId| matches!(program.expr(*id).kind, ExprKind::Load { .. });
        if needed.iter().any(loads) {
            return None;
        }
        let offset = l.offset(of.logits, &[int(0)])?;
        let stride = Value::Wide(Box::new(int(0)));
        let logits = Rows { param: of.logits.param, offset, stride };
        let positions = l.shared("experts", DType::U32, of.k);
        let weights = l.shared("weights", DType::F32, of.k);
        let Choice { dtype, experts, k, normalize, .. } = *of;
        let choose = Choose { logits, dtype, experts, k, normalize, early, positions, weights };
        l.routine(Routine::Choose(Box::new(choose)));
        Some(Chosen { of, arrays: [positions, weights] })
    }

    /// Gives an element of the results its register; false for what is none.
    pub fn bind(&self, l: &mut Lowering<'_>, id: ExprId) -> Option<bool> {
        let program = l.program;
        let under = program.under_shapes(id);
        let Some((which, index)) = self.of.pick(program, under) else { return Some(false) };
        let layout = l.layout(&program.expr(id).ty.shape);
        if id != under {
            // The same under another shape.
            let register = l.held.get(&under)?.first()?.register;
            l.hold(id, Held { register, layout });
            return Some(true);
        }
        let index = l.value_at(index, &[])?;
        let (name, dtype) = [("expert", DType::U32), ("weight", DType::F32)][which];
        let register = l.register(name, dtype, None);
        l.code(Code::Let(register, Value::Shared(self.arrays[which], Box::new(index))));
        l.hold(id, Held { register, layout });
        Some(true)
    }
}
