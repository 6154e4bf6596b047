//! The products that the routine of [`super::products`] makes, as they stand in a program.

use super::norm::Factor;
use super::{halves, is_input};
use tilewright_ir::recognize::AffineWeights;
use tilewright_ir::{Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Place, Program, ReduceOp};

/// What a product reads.
pub(super) struct Product<'a> {
    pub(super) sum: ExprId,
    pub(super) x: &'a Place,
    pub(super) norm: Option<Norm<'a>>,
    pub(super) w: &'a Place,
    pub(super) scales: &'a Place,
    pub(super) biases: &'a Place,
    pub(super) bits: u32,
    pub(super) group: usize,
    pub(super) groups: Extent,
    pub(super) dtype: DType,
}

impl<'a> Product<'a> {
    pub(super) fn of(program: &'a Program, sum: ExprId) -> Option<Product<'a>> {
        let ExprKind::Reduce(ReduceOp::Sum, of, 0) = program.expr(sum).kind else { return None };
        let ExprKind::Binary(BinaryOp::Mul, a, b) = program.expr(of).kind else { return None };
        if program.expr(of).ty.shape.len() != 1 {
            return None;
        }
        Product::times(program, sum, a, b).or_else(|| Product::times(program, sum, b, a))
    }

    fn times(program: &'a Program, sum: ExprId, x: ExprId, weights: ExprId) -> Option<Product<'a>> {
        let (x_place, dtype, norm) = match halves(program, x) {
            Some((place, dtype)) => (place, dtype, None),
            None => {
                let (place, dtype, norm) = Norm::of(program, x)?;
                (place, dtype, Some(norm))
            }
        };
        let AffineWeights { words, scales, biases, bits, group, groups } =
            AffineWeights::of(program, weights)?;
        let (scales_place, scales_dtype) = halves(program, scales)?;
        let (biases_place, biases_dtype) = halves(program, biases)?;
        let per_group =
            |id: ExprId| program.expr(program.under_shapes(id)).ty.shape.as_slice() == [groups];
        // A single number beside the weights is no product of rows.
        let alike = program.expr(x).ty.shape == program.expr(weights).ty.shape;
        let fits = alike
            && is_input(program, words)
            && scales_dtype == dtype
            && biases_dtype == dtype
            && per_group(scales)
            && per_group(biases);
        let product = Product {
            sum,
            x: x_place,
            norm,
            w: words,
            scales: scales_place,
            biases: biases_place,
            bits,
            group,
            groups,
            dtype,
        };
        let whole_rows = product.places().into_iter().all(|place| {
            let (last, outer) = place.axes.split_last().unwrap_or((&Axis::All, &[]));
            *last == Axis::All && outer.iter().all(|axis| matches!(axis, Axis::At(_)))
        });
        let weight = product.norm.as_ref().map(|norm| &norm.weight.axes[..]);
        let whole_weight = weight.is_none_or(|axes| axes == [Axis::All]);
        (fits && whole_rows && whole_weight).then_some(product)
    }

    pub(super) fn places(&self) -> [&'a Place; 4] {
        [self.x, self.w, self.scales, self.biases]
    }
}

/// A row that is normed before it is multiplied: `(x / sqrt(mean x² + eps) weight)` rounded to the type of x.
#[derive(Clone, PartialEq)]
pub(super) struct Norm<'a> {
    pub(super) weight: &'a Place,
    pub(super) eps: ExprId,
    /// The sum of the squares.
    pub(super) squares: ExprId,
}

impl<'a> Norm<'a> {
    fn of(program: &'a Program, id: ExprId) -> Option<(&'a Place, DType, Norm<'a>)> {
        let cast = |id: ExprId| match program.expr(program.under_shapes(id)).kind {
            ExprKind::Cast(of) => Some((of, program.expr(of).ty.dtype)),
            _ => None,
        };
        let (rounded, dtype) = cast(id)?;
        let (product, _) = cast(rounded)?;
        let mut factors = Vec::new();
        flatten(program, product, &mut factors);
        let row = |id: ExprId| halves(program, id).filter(|(_, found)| *found == dtype);
        let scalar = factors.iter().position(|id| row(*id).is_none())?;
        let scalar = factors.remove(scalar);
        let [a, b] = factors[..] else { return None };
        let factor = Factor::of(program, scalar)?;
        let of = |x: ExprId, weight: ExprId| {
            let ((x, _), (weight, _)) = (row(x)?, row(weight)?);
            let norm = Norm { weight, eps: factor.eps, squares: factor.squares };
            (x == factor.x && factor.dtype == dtype).then_some((x, dtype, norm))
        };
        of(a, b).or_else(|| of(b, a))
    }
}

/// The factors of a product.
fn flatten(program: &Program, id: ExprId, factors: &mut Vec<ExprId>) {
    let id = program.under_shapes(id);
    match program.expr(id).kind {
        ExprKind::Binary(BinaryOp::Mul, a, b) => {
            flatten(program, a, factors);
            flatten(program, b, factors);
        }
        _ => factors.push(id),
    }
}
