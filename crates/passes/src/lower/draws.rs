//! Draws compared as the integers that they are: a number of 24 random bits is not below p where its bits are not below
//! p 2^24, which costs no conversion an element.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, Extent, UnaryOp};

/// Replaces comparisons of random numbers by those of their bits.
pub(super) const RULES: &[Rule] = &[Rule {
    name: "draw of 24 bits",
    law: "n 2^-24 >= p = n >= ceil(p 2^24), for n below 2^24",
    apply: compared,
}];

fn compared(out: &mut Rewriter<'_>, expr: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Ge, number, p) = expr.kind else { return None };
    let (a, b) = out.operands_of(BinaryOp::Mul, number)?;
    let unit = 2f64.powi(-24);
    let wide = match (out.splat(a), out.splat(b)) {
        (_, Some(scale)) if scale == unit => a,
        (Some(scale), _) if scale == unit => b,
        _ => return None,
    };
    let ExprKind::Cast(bits) = *out.kind(wide) else { return None };
    let (_, by) = out.operands_of(BinaryOp::Shr, bits)?;
    let narrow = out.ty(bits).dtype == DType::U32 && out.splat(by) == Some(8.0);
    let f32s = [wide, p].iter().all(|id| out.ty(*id).dtype == DType::F32);
    // A bound for each element would be converted for each.
    if !narrow || !f32s || out.shape(p).iter().any(|e| *e != Extent::Const(1)) {
        return None;
    }
    // Exact: only the exponent changes. Negative bounds become 0, and those above 1 nothing reaches.
    let scaled = out.scale(p, 2f64.powi(24));
    let bound = out.unary(UnaryOp::Ceil, scaled);
    let bound = out.cast(bound, DType::U32);
    // Nothing is at least NaN, nor the greatest integer.
    let (nan, most) = (out.unary(UnaryOp::IsNan, p), out.constant(DType::U32, u32::MAX as f64));
    let bound = out.select(nan, most, bound);
    Some(out.binary(BinaryOp::Ge, bits, bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::rewrite;
    use tilewright_ir::text;

    #[test]
    fn draws_are_compared_as_integers() {
        let source = "kernel t(r: in u32[n], p: scalar f32, y: out bool[n])\n%0: f32 = scalar p\n\
                      %1: u32[n] = load r[:]\n%2: u32 = const 8\n%3: u32[n] = shr %1, %2\n\
                      %4: f32[n] = cast %3\n%5: f32 = const 5.9604644775390625e-8\n\
                      %6: f32[n] = mul %4, %5\n%7: bool[n] = ge %6, %0\nstore y[:] = %7\n";
        let mut program = text::parse(source).unwrap();
        rewrite(&mut program, &[RULES]);
        let compared = |e: &Expr| match e.kind {
            ExprKind::Binary(BinaryOp::Ge, a, _) => Some(program.expr(a).ty.dtype),
            _ => None,
        };
        assert_eq!(program.exprs.iter().find_map(compared), Some(DType::U32));
    }
}
