//! The factor by which a norm scales a row.

use super::{halves, is_scalar};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, Place, Program, ReduceOp, UnaryOp};

/// `1 / sqrt(mean x² + eps)`, the mean over the last axis of half floats.
pub(super) struct Factor<'a> {
    /// Where x is read, the whole of its last axis.
    pub x: &'a Place,
    pub dtype: DType,
    /// The sum of the squares.
    pub squares: ExprId,
    pub eps: ExprId,
}

impl<'a> Factor<'a> {
    pub fn of(program: &'a Program, id: ExprId) -> Option<Factor<'a>> {
        let kind = |id: ExprId| &program.expr(program.under_shapes(id)).kind;
        let ExprKind::Unary(UnaryOp::Rsqrt, of) = *kind(id) else { return None };
        let ExprKind::Binary(BinaryOp::Add, a, b) = *kind(of) else { return None };
        let factor = |mean: ExprId, eps: ExprId| {
            let ExprKind::Binary(BinaryOp::Div, sum, count) = *kind(mean) else { return None };
            let squares = program.under_shapes(sum);
            let ExprKind::Reduce(ReduceOp::Sum, square, axis) = *kind(squares) else {
                return None;
            };
            let ExprKind::Binary(BinaryOp::Mul, c, d) = *kind(square) else { return None };
            let ((x, dtype), (other, _)) = (halves(program, c)?, halves(program, d)?);
            let shape = &program.expr(square).ty.shape;
            let fits = x == other
                && axis + 1 == shape.len()
                && size_of(program, count).as_ref() == shape.last()
                && is_scalar(program, eps);
            fits.then_some(Factor { x, dtype, squares, eps })
        };
        factor(a, b).or_else(|| factor(b, a))
    }
}

/// The extent that a number is.
fn size_of(program: &Program, id: ExprId) -> Option<Extent> {
    match program.expr(program.under_shapes(id)).kind {
        ExprKind::Cast(of) => size_of(program, of),
        ExprKind::Size(extent) => Some(extent),
        ExprKind::Const(literal) => Some(Extent::Const(literal.value() as usize)),
        _ => None,
    }
}
