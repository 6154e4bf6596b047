//! The position of an extremum, in two steps: the extremum, then the first element that is it. Each is a reduction of
//! plain numbers, which threads do faster than of pairs.

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
    let (dtype, shape) = (out.ty(of).dtype, out.shape(of).to_vec());
    let op = if max { ReduceOp::Max } else { ReduceOp::Min };
    let extremum = out.reduce(op, of, axis);
    let mut hit = out.binary(BinaryOp::Eq, of, extremum);
    if dtype.is_float() {
        // The extremum is NaN if any element is, and equals none then.
        let nan = out.unary(UnaryOp::IsNan, of);
        hit = out.binary(BinaryOp::Or, hit, nan);
    }
    let positions = out.positions(shape[axis], axis, shape.len());
    let positions = out.cast(positions, DType::U32);
    let nowhere = out.constant(DType::U32, u32::MAX as f64);
    let positions = out.select(hit, positions, nowhere);
    let first = out.reduce(ReduceOp::Min, positions, axis);
    // That of no elements is 0, as it is everywhere else.
    Some(match shape[axis].constant() {
        Some(1..) => first,
        _ => {
            let (empty, none) =
                (out.binary(BinaryOp::Eq, first, nowhere), out.constant(DType::U32, 0.0));
            out.select(empty, none, first)
        }
    })
}
