//! Products that are summed, written as the fused multiply-adds that they become: compilers of C contract `x * y + z`
//! where they see both ops together, which a mask between them can hinder, so that one formula would be rounded
//! differently in two kernels.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, TernaryOp};

/// Fuses sums of f32 products. Products of matrices, which are summed where they are made, stay.
pub(super) const RULES: &[Rule] = &[Rule {
    name: "fused multiply-add",
    law: "x y + z = fma(x, y, z), rounded once",
    apply: fused,
}];

fn fused(out: &mut Rewriter<'_>, expr: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Add, a, b) = expr.kind else { return None };
    let is_dot = |id: ExprId| matches!(out.kind(id), ExprKind::Dot(..));
    if expr.ty.dtype != DType::F32 || is_dot(a) || is_dot(b) {
        return None;
    }
    let (product, z) = [(a, b), (b, a)]
        .into_iter()
        .find_map(|(of, z)| Some((out.operands_of(BinaryOp::Mul, of)?, z)))?;
    let kind = ExprKind::Ternary(TernaryOp::Fma, [product.0, product.1, z]);
    Some(out.emit(kind, Some(expr.ty.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead::remove_dead;
    use crate::rewrite::rewrite;
    use tilewright_ir::text;

    #[test]
    fn a_product_and_a_sum_are_rounded_once() {
        let source = "kernel t(x: in f32[n], y: in f32[n], z: in f32[n], out: out f32[n])\n\
                      %0: f32[n] = load x[:]\n%1: f32[n] = load y[:]\n%2: f32[n] = mul %0, %1\n\
                      %3: f32[n] = load z[:]\n%4: f32[n] = add %3, %2\nstore out[:] = %4\n";
        let mut program = text::parse(source).unwrap();
        rewrite(&mut program, &[RULES]);
        remove_dead(&mut program);
        let fused = program.to_string();
        assert!(fused.contains("fma %0, %1, %2") && !fused.contains("mul"), "{fused}");
    }
}
