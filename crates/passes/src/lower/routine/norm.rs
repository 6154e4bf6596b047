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

/// The extent that a float is: no other type has room for all of them.
fn size_of(program: &Program, id: ExprId) -> Option<Extent> {
    let number = program.expr(program.under_shapes(id));
    match number.kind {
        ExprKind::Cast(of) if number.ty.dtype == DType::F32 => {
            match program.expr(program.under_shapes(of)).kind {
                ExprKind::Size(extent) => Some(extent),
                _ => None,
            }
        }
        ExprKind::Const(literal) => {
            let value = literal.value();
            (value.fract() == 0.0 && value >= 0.0).then_some(Extent::Const(value as usize))
        }
        _ => None,
    }
}
