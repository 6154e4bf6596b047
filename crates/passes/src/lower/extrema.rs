//! The position of an extremum, in two steps: the extremum, then the first element that is it. Each is a reduction of
//! plain numbers, which threads do faster than of pairs.

use crate::emit::Emitter;
use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, ReduceOp, UnaryOp};

/// Replaces the positions of extrema by the extrema and their first places.
pub(super) const RULES: &[Rule] = &[Rule {
    name: "position of an extremum",
    law: "argmax x = min { i : x[i] = max x }",
    apply: position,
}];

fn position(out: &mut Rewriter<'_>, expr: &Expr) -> Option<ExprId> {
    let ExprKind::ArgReduce { max, of, axis } = expr.kind else { return None };
    let shape = out.shape(of).to_vec();
    let positions = |out: &mut Emitter| {
        let positions = out.positions(shape[axis], axis, shape.len());
        out.cast(positions, DType::U32)
    };
    let is_empty = !matches!(shape[axis].constant(), Some(1..));
    Some(first_extremum(out, (max, of, axis), positions, is_empty))
}

/// Where no extremum is.
pub(super) const NOWHERE: f64 = u32::MAX as f64;

/// The least position of an extremum; 0 where there is none, if that `may_be`.
pub(super) fn first_extremum(
    out: &mut Emitter,
    (max, of, axis): (bool, ExprId, usize),
    positions: impl FnOnce(&mut Emitter) -> ExprId,
    may_be: bool,
) -> ExprId {
    let op = if max { ReduceOp::Max } else { ReduceOp::Min };
    let extremum = out.reduce(op, of, axis);
    let mut hit = out.binary(BinaryOp::Eq, of, extremum);
    if out.ty(of).dtype.is_float() {
        // The extremum is NaN if any element is, and equals none then.
        let nan = out.unary(UnaryOp::IsNan, of);
        hit = out.binary(BinaryOp::Or, hit, nan);
    }
    let positions = positions(out);
    let nowhere = out.constant(DType::U32, NOWHERE);
    let positions = out.select(hit, positions, nowhere);
    let first = out.reduce(ReduceOp::Min, positions, axis);
    if !may_be {
        return first;
    }
    let (empty, none) = (out.binary(BinaryOp::Eq, first, nowhere), out.constant(DType::U32, 0.0));
    out.select(empty, none, first)
}
