//! Recognizes sums of products with packed weights: Σ x (q s + b), with q the integers in 32-bit words, and s and b
//! one number for each group of them. Written plainly, the weights would be spread out in memory three times.

use crate::analysis::{Analysis, Fusion};
use crate::simd::ops::{Fused, Inner, Outer};
use crate::simd::{integers, quantized};
use tilewright_ir::{Access, DType, ExprId, ExprKind, ParamKind, Program};

/// The fusion for the sum of the product of two vectors, one of which is such weights, and its operands: x, the words,
/// scales and biases.
pub fn packed_sum(
    program: &Program,
    analysis: &Analysis,
    factors: [ExprId; 2],
) -> Option<(Fusion, Vec<ExprId>)> {
    let [x, y] = factors;
    [(x, y), (y, x)].into_iter().find_map(|(x, weights)| {
        // Of one row of numbers each: a single number beside the weights is no product of vectors.
        let alike = program.expr(x).ty.shape == program.expr(weights).ty.shape;
        let plain = program.expr(x).ty.shape.len() == 1 && alike && x != weights;
        let (bits, group, operands) = weights_of(program, analysis, weights)?;
        let short = match program.expr(x).kind {
            ExprKind::Cast(of) => matches!(program.expr(of).ty.dtype, DType::BF16 | DType::F16),
            _ => false,
        };
        let fusion = Fusion::PackedSum { bits, group, short };
        let mut operands = operands;
        if let (true, [_, scales, biases]) = (short, &mut operands)
            && let Some(halves) = halves(program, analysis, [*scales, *biases])
        {
            [*scales, *biases] = halves;
        }
        // Of other widths and floats, the weights are better spread out.
        let plain = plain && (quantized::has(bits) || short && integers::fits(bits, group, group));
        plain.then(|| (fusion, [&[x][..], &operands].concat()))
    })
}

/// The loads behind both columns of numbers, if these are halves of memory that nobody writes or sees otherwise.
fn halves(program: &Program, analysis: &Analysis, columns: [ExprId; 2]) -> Option<[ExprId; 2]> {
    let once = |id: ExprId| analysis.uses[id.index()] == 1;
    let load = |column: ExprId| {
        let ExprKind::Reshape(cast) = program.expr(column).kind else { return None };
        let ExprKind::Cast(load) = program.expr(cast).kind else { return None };
        let ExprKind::Load { place, .. } = &program.expr(load).kind else { return None };
        let ParamKind::Tensor { dtype, access: Access::In, .. } = program.param(place.param).kind
        else {
            return None;
        };
        let plain =
            program.expr(cast).ty.dtype == DType::F32 && program.expr(load).ty.shape.len() == 1;
        let half =
            matches!(dtype, DType::BF16 | DType::F16) && program.expr(load).ty.dtype == dtype;
        (plain && half && once(column) && once(cast) && once(load)).then_some((load, dtype))
    };
    let [(scales, a), (biases, b)] = [load(columns[0])?, load(columns[1])?];
    (a == b).then_some([scales, biases])
}

/// Bits, group, and words, scales, biases of the weights `[groups * group]`.
fn weights_of(
    program: &Program,
    analysis: &Analysis,
    weights: ExprId,
) -> Option<(u32, usize, [ExprId; 3])> {
    let once = |id: ExprId| analysis.uses[id.index()] == 1;
    let kind = |id: ExprId| &program.expr(id).kind;
    let ExprKind::Reshape(sum) = *kind(weights) else { return None };
    let (fused, operands) = analysis.fused[sum.index()].as_ref()?;
    let (Fusion::Map(Fused::Pair(Inner::Mul, Outer::Add)), &[a, b, biases]) =
        (fused, &operands[..])
    else {
        return None;
    };
    let shape = &program.expr(sum).ty.shape;
    let &[groups, group] = &shape[..] else { return None };
    let group = group.constant()?;
    // A number a group: a column, repeated along the group or not.
    let column = |id: ExprId| {
        let id = if let ExprKind::Broadcast(of) = *kind(id) { of } else { id };
        match program.expr(id).ty.shape[..] {
            [rows, one] if rows == groups && one.constant() == Some(1) => Some(id),
            _ => None,
        }
    };
    let fits = group == 32 || group.is_multiple_of(64) && group > 0;
    if !fits || !once(weights) || !once(sum) {
        return None;
    }
    let biases = column(biases)?;
    [(a, b), (b, a)].into_iter().find_map(|(q, scales)| {
        let ExprKind::Reshape(cast) = *kind(q) else { return None };
        let ExprKind::Cast(unpack) = *kind(cast) else { return None };
        let ExprKind::Unpack { of: words, bits } = *kind(unpack) else { return None };
        let packed = program.expr(words).ty.dtype == DType::U32
            && program.expr(cast).ty.dtype == DType::F32
            && program.expr(words).ty.shape.len() == 1;
        let alone = once(q) && once(cast) && once(unpack);
        (packed && alone).then_some((bits, group, [words, column(scales)?, biases]))
    })
}
