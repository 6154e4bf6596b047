//! What a program says that attends over a cache: its loop over blocks of keys, understood.

use super::{halves, is_scalar, widened};
use tilewright_ir::table::HashMap;
use tilewright_ir::{
    Axis, BinaryOp, DType, ExprId, ExprKind, Extent, ParamKind, Place, Program, ReduceOp, Stmt,
    TernaryOp, UnaryOp, VarId,
};

/// The most queries that share a key.
const QUERIES: usize = 8;

/// What attends.
#[derive(Clone, Copy)]
pub(super) enum Query<'a> {
    /// Rows of a tensor.
    Rows(&'a Place),
    /// A tile that the program computes before the loop, in the half type.
    Tile(ExprId),
}

impl<'a> Query<'a> {
    fn of(program: &'a Program, id: ExprId) -> Option<(Query<'a>, DType)> {
        if let Some((place, dtype)) = halves(program, id) {
            return Some((Query::Rows(place), dtype));
        }
        let ExprKind::Cast(of) = program.expr(id).kind else { return None };
        let dtype = program.expr(of).ty.dtype;
        let is_half = matches!(dtype, DType::F16 | DType::BF16);
        is_half.then_some((Query::Tile(of), dtype))
    }
}

/// The loop, understood.
pub(super) struct Loop<'a> {
    pub index: ExprId,
    pub start: ExprId,
    pub end: ExprId,
    pub block: usize,
    pub queries: usize,
    pub head_dim: usize,
    pub dtype: DType,
    pub greatest: VarId,
    pub sum: VarId,
    pub mixed: VarId,
    pub product: ExprId,
    pub scores: ExprId,
    pub q: Query<'a>,
    pub scale: Option<ExprId>,
    pub keys: &'a Place,
    pub values: &'a Place,
    pub keep: Option<ExprId>,
}

impl<'a> Loop<'a> {
    /// That of a loop that attends.
    pub fn of(program: &'a Program, statement: &Stmt) -> Option<Loop<'a>> {
        let Stmt::For { index, start, end, step, body } = statement else { return None };
        let mut sets = HashMap::default();
        for statement in body {
            match statement {
                Stmt::Let(_) => {}
                Stmt::Set(var, value) => {
                    if sets.insert(*var, *value).is_some() {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        let kind = |id: ExprId| &program.expr(id).kind;
        let get = |id: ExprId| match kind(id) {
            ExprKind::Get(var) => Some(*var),
            _ => None,
        };
        // max(before, max of the scores)
        let (greatest, scores, most) = sets.iter().find_map(|(&var, &value)| {
            let ExprKind::Binary(BinaryOp::Max, a, b) = *kind(value) else { return None };
            let side = |before: ExprId, found: ExprId| match *kind(found) {
                ExprKind::Reduce(ReduceOp::Max, scores, 1) if get(before) == Some(var) => {
                    Some((var, scores, value))
                }
                _ => None,
            };
            side(a, b).or_else(|| side(b, a))
        })?;
        // before e^(greatest before - base) + what this block adds
        let updates = sets.iter().filter(|(var, _)| **var != greatest).map(|(&var, &value)| {
            let ExprKind::Binary(BinaryOp::Add, a, b) = *kind(value) else { return None };
            let side = |shrunk: ExprId, added: ExprId| {
                let ExprKind::Binary(BinaryOp::Mul, c, d) = *kind(shrunk) else { return None };
                let side = |before: ExprId, shrink: ExprId| {
                    let base = exp_of_difference(program, shrink, |a| get(a) == Some(greatest))?;
                    (get(before) == Some(var) && is_base(program, base, most))
                        .then_some((var, added, base))
                };
                side(c, d).or_else(|| side(d, c))
            };
            side(a, b).or_else(|| side(b, a))
        });
        let updates: Vec<(VarId, ExprId, ExprId)> = updates.collect::<Option<_>>()?;
        let [one, two] = updates[..] else { return None };
        let is_dot = |update: &(VarId, ExprId, ExprId)| matches!(kind(update.1), ExprKind::Dot(..));
        let (sum, mixed) = if is_dot(&one) { (two, one) } else { (one, two) };
        let ExprKind::Dot(weights, values) = *kind(mixed.1) else { return None };
        let ExprKind::Reduce(ReduceOp::Sum, summed, 1) = *kind(sum.1) else { return None };
        let base = exp_of_difference(program, weights, |a| a == scores)?;
        if summed != weights || !is_base(program, base, most) {
            return None;
        }
        let (keep, values) = match *kind(values) {
            ExprKind::Ternary(TernaryOp::Select, [keep, values, zero]) => {
                if program.constant(zero) != Some(0.0) {
                    return None;
                }
                (Some(keep), values)
            }
            _ => (None, values),
        };
        let product = the_dot(program, scores)?;
        let ExprKind::Dot(q, keys) = *kind(product) else { return None };
        let ExprKind::Transpose(keys, _) = *kind(keys) else { return None };
        let (scale, q) = match *kind(q) {
            ExprKind::Binary(BinaryOp::Mul, a, b) => {
                if is_scalar(program, b) {
                    (Some(b), a)
                } else {
                    (Some(a), b)
                }
            }
            _ => (None, q),
        };
        if scale.is_some_and(|scale| !is_scalar(program, scale)) {
            return None;
        }
        let (q, dtype) = Query::of(program, q)?;
        let (keys_place, keys_dtype) = widened(program, keys)?;
        let (values_place, values_dtype) = widened(program, values)?;
        let [Extent::Const(block), Extent::Const(head_dim)] = program.expr(keys).ty.shape[..]
        else {
            return None;
        };
        let [Extent::Const(queries), _] = program.expr(product).ty.shape[..] else { return None };
        let found = Loop {
            index: *index,
            start: *start,
            end: *end,
            block,
            queries,
            head_dim,
            dtype,
            greatest,
            sum: sum.0,
            mixed: mixed.0,
            product,
            scores,
            q,
            scale,
            keys: keys_place,
            values: values_place,
            keep,
        };
        let blocks = [keys_place, values_place].iter().all(|p| found.is_block(p));
        let fits = keys_dtype == dtype
            && values_dtype == dtype
            && *step == block
            && blocks
            && found.takes_its_queries(program)
            && program.expr(values).ty.shape == program.expr(keys).ty.shape
            && queries <= QUERIES
            && queries != block
            && head_dim.is_multiple_of(8)
            && head_dim <= 256;
        fits.then_some(found)
    }

    /// True when a place is the loop's block of rows.
    fn is_block(&self, place: &Place) -> bool {
        let [outer @ .., rows, Axis::All] = &place.axes[..] else { return false };
        let len = Extent::Const(self.block);
        let range = Axis::Range { start: self.index, len, step: 1 };
        *rows == range && outer.iter().all(|axis| matches!(axis, Axis::At(_)))
    }

    /// True when q's place is as many rows as there are queries, all of which are there.
    fn takes_its_queries(&self, program: &Program) -> bool {
        let place = match self.q {
            Query::Rows(place) => place,
            Query::Tile(tile) => {
                let shape = [self.queries, self.head_dim].map(Extent::Const);
                return program.expr(tile).ty.shape == shape;
            }
        };
        let [outer @ .., rows, Axis::All] = &place.axes[..] else { return false };
        let Axis::Range { start, len, step: 1 } = *rows else { return false };
        let ParamKind::Tensor { shape, .. } = &program.param(place.param).kind else {
            return false;
        };
        let all = shape[shape.len() - 2];
        let axis = match program.expr(start).kind {
            ExprKind::Program(axis) if self.queries == 1 => Some(axis),
            ExprKind::Binary(BinaryOp::Mul, a, b) => {
                let by = |axis: ExprId, times: ExprId| match program.expr(axis).kind {
                    ExprKind::Program(axis) => {
                        (program.constant(times) == Some(self.queries as f64)).then_some(axis)
                    }
                    _ => None,
                };
                by(a, b).or_else(|| by(b, a))
            }
            _ => None,
        };
        let heads = axis.map(|axis| program.grid[axis].extent);
        let whole = match (heads, all) {
            (Some(Extent::Dim { dim, times }), Extent::Dim { dim: d, times: all }) => {
                dim == d && times * self.queries == all
            }
            (Some(Extent::Const(heads)), Extent::Const(all)) => heads * self.queries == all,
            _ => false,
        };
        whole
            && len == Extent::Const(self.queries)
            && outer.iter().all(|axis| matches!(axis, Axis::At(_)))
    }

    /// True when the variables start with nothing seen yet, and nothing else is carried.
    pub fn starts_empty(&self, program: &Program, before: &[Stmt]) -> bool {
        let mut sets = 0;
        let all = before.iter().all(|statement| match statement {
            Stmt::Let(_) => true,
            // What is appended to the caches is there before the loop reads them.
            Stmt::Store { .. } => matches!(self.q, Query::Tile(_)),
            Stmt::Set(var, value) => {
                sets += 1;
                let first = program.constant(*value);
                match *var {
                    v if v == self.greatest => first == Some(f64::NEG_INFINITY),
                    v if v == self.sum || v == self.mixed => first == Some(0.0),
                    _ => false,
                }
            }
            _ => false,
        });
        all && sets == 3
    }
}

/// The base of e^(x - base), if x is right.
fn exp_of_difference(program: &Program, id: ExprId, x: impl Fn(ExprId) -> bool) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Exp, of) = program.expr(id).kind else { return None };
    let ExprKind::Binary(BinaryOp::Sub, a, base) = program.expr(of).kind else { return None };
    x(a).then_some(base)
}

/// True for the greatest score, 0 where it is -inf.
fn is_base(program: &Program, id: ExprId, greatest: ExprId) -> bool {
    let ExprKind::Ternary(TernaryOp::Select, [test, zero, or]) = program.expr(id).kind else {
        return false;
    };
    let ExprKind::Binary(BinaryOp::Eq, a, b) = program.expr(test).kind else { return false };
    let none =
        |a: ExprId, b: ExprId| a == greatest && program.constant(b) == Some(f64::NEG_INFINITY);
    or == greatest && program.constant(zero) == Some(0.0) && (none(a, b) || none(b, a))
}

/// The one product that scores are computed from.
fn the_dot(program: &Program, id: ExprId) -> Option<ExprId> {
    let kind = &program.expr(id).kind;
    if matches!(kind, ExprKind::Dot(..)) {
        return Some(id);
    }
    let mut operands = Vec::new();
    kind.operands(|a| operands.push(a));
    operands.into_iter().find_map(|a| the_dot(program, a))
}
