//! Mutants of kernels whose gradients are held to finite differences.

use super::{MOVES, Size, Verdict, draw, reference};
use crate::programs::Disagreement;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tilewright_ir::random::{Case, shrink};
use tilewright_ir::{
    Access, Argument, BinaryOp, DimRule, Expr, ExprKind, ParamKind, Program, Tensor, Trial, UnaryOp,
};
use tilewright_passes::check::{Arguments, CheckOptions, Direction, check_backward};
use tilewright_passes::precision::to_f64;
use tilewright_passes::{GradOptions, grad};

/// A finite difference runs a mutant some dozen times.
const SIZE: Size = Size { elements: 150, work: 1 << 14, moves: MOVES };

/// Derivatives are compared to this share: what a step crosses in a mutant is not bounded.
const SHARE: f64 = 1e-2;

/// Differentiates the mutant of that seed, and compares with finite differences. The same seed draws the same mutant for the
/// same catalog. Refused are those that have no gradient, and those of steps, which finite differences cannot tell from
/// slopes.
pub fn check_gradient_mutant(seed: u64) -> Verdict {
    let Some((case, origin)) = draw(seed, SIZE, false) else { return Verdict::Refused };
    match difference(&case) {
        None => Verdict::Refused,
        Some(None) => Verdict::Agrees,
        Some(Some(_)) => {
            let small = shrink(&case, |case| matches!(difference(case), Some(Some(_))));
            let what = difference(&small).flatten().unwrap_or_default();
            Verdict::Differs(Box::new(Disagreement {
                seed,
                what: format!("the gradient of a mutant of {origin}: {what}"),
                sizes: small.dims,
                program: small.program.compact().to_string(),
            }))
        }
    }
}

/// What is wrong with the gradient, if anything is; `None` where there is none to compare.
fn difference(case: &Case) -> Option<Option<String>> {
    if case.program.exprs.iter().any(|expr| is_stepped(&case.program, expr)) {
        return None;
    }
    let wide = to_f64(&case.program).ok()?;
    let made = reference(&case.program, &case.arguments, SIZE.trial())?;
    let finite = |a: &Argument| {
        a.tensor().is_none_or(|tensor: &Tensor| tensor.values().iter().all(|x| x.abs() < 1e6))
    };
    if !made.iter().all(finite) || !case.arguments.iter().all(finite) {
        return None;
    }
    let Ok(backward) = catch_unwind(AssertUnwindSafe(|| grad(&wide, &GradOptions::default())))
    else {
        return Some(Some("it panicked".into()));
    };
    let backward = backward.ok()?;
    let mut known = Arguments::new();
    for (param, argument) in case.program.params.iter().zip(&case.arguments) {
        if !matches!(param.kind, ParamKind::Tensor { access: Access::Out, .. }) {
            known.insert(param.name.clone(), argument.clone());
        }
    }
    let dims = case.program.dims.iter().zip(&case.dims);
    let free = dims.filter(|(dim, _)| dim.rule == DimRule::Free);
    let sizes: Vec<(&str, usize)> = free.map(|(dim, size)| (dim.name.as_str(), *size)).collect();
    let options = CheckOptions { tolerance: 1e-5, ..CheckOptions::default() };
    let report = match check_backward(&case.program, &backward, &known, &sizes, &options) {
        Ok(report) => report,
        // A step may leave what an index may be.
        Err(error) if error.contains("outside axis") => return None,
        // What is added atomically has no form in f64.
        Err(error) if error.contains("atomic") => return None,
        Err(error) => return Some(Some(error)),
    };
    let apart = |d: &&Direction| {
        let (a, n) = (d.analytic, d.numeric);
        // A slope without bound is what the function has, perhaps, and no step is small enough for a steep one.
        let told = n.is_finite() && n.abs() < 1e6 && (a.is_nan() || a.abs() < 1e6);
        // NaN is no slope, and near none.
        let near = (a - n).abs() <= SHARE * a.abs().max(n.abs());
        told && !d.agrees() && !near
    };
    let found = report.failures().find(apart);
    // At a pole, as 1 / (x / 0) has one on its way to 0, and where equal elements are ordered, there is no slope to find.
    let orders = |expr: &Expr| matches!(expr.kind, ExprKind::TopK { .. });
    let orders = case.program.exprs.iter().any(orders);
    if found.is_some_and(|direction| direction.analytic.is_nan() || orders) {
        let trial = Trial { smooth: true, ..SIZE.trial() };
        reference(&case.program, &case.arguments, trial)?;
    }
    Some(found.map(Direction::to_string))
}

/// True for what goes up in steps.
fn is_stepped(program: &Program, expr: &Expr) -> bool {
    use UnaryOp::{Ceil, Floor, Round, Sign, Trunc};
    match expr.kind {
        ExprKind::Unary(Floor | Ceil | Round | Trunc | Sign, _) => true,
        ExprKind::Binary(BinaryOp::Rem, ..) => true,
        ExprKind::Cast(of) => program.expr(of).ty.dtype.is_float() && !expr.ty.dtype.is_float(),
        _ => false,
    }
}
