//! Stable forms: formulas that overflow or cancel, replaced by the ops that do neither; and small powers.
//!
//! Both sides of each law are equal for real numbers. In floating point the right side is the one that stays
//! finite where the result is, and accurate where the left side subtracts nearly equal numbers.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{BinaryOp, DType, Expr, ExprId, ExprKind, TernaryOp, Type, UnaryOp};

macro_rules! rule {
    ($name:ident, $law:literal) => {
        Rule { name: stringify!($name), law: $law, apply: $name }
    };
}

pub(crate) static RULES: &[Rule] = &[
    rule!(log_of_exp, "log(e^x) = x"),
    rule!(log_of_quotient, "log(e^x / s) = x - log(s)"),
    rule!(log_of_sigmoid, "log(sigmoid(x)) = -softplus(-x)"),
    rule!(log1p, "log(1 + x) = log1p(x), log(1 - x) = log1p(-x)"),
    rule!(log_of_powers, "log(e^a + e^b) = max(a, b) + softplus(min(a, b) - max(a, b))"),
    rule!(softplus, "log1p(e^x) = softplus(x), log1p(-sigmoid(x)) = -softplus(x)"),
    rule!(tanh_of_softplus, "tanh(softplus(x)) = n / (n + 2) with n = e^x (e^x + 2)"),
    rule!(expm1, "e^x - 1 = expm1(x)"),
    rule!(sigmoid, "a / (1 + e^-x) = a * sigmoid(x)"),
    rule!(sigmoid_of_positive, "e^x / (1 + e^x) = sigmoid(x)"),
    rule!(rsqrt, "1 / sqrt(x) = rsqrt(x)"),
    rule!(abs, "sqrt(x * x) = |x|"),
    rule!(small_powers, "x^2 = x * x, x^3 = x * x * x, x^4 = (x * x)^2, x^-1 = 1 / x"),
];

/// The `x` of `value + x` or `x + value`, where `x` has the type `ty` of the sum.
fn added(r: &Rewriter<'_>, value: f64, sum: ExprId, ty: &Type) -> Option<ExprId> {
    let (a, b) = r.operands_of(BinaryOp::Add, sum)?;
    r.beside(value, a, b).filter(|&x| r.ty(x) == ty)
}

/// The `x` of `1 + e^x`, where `x` has the type of the sum.
fn one_plus_exp(r: &Rewriter<'_>, sum: ExprId) -> Option<ExprId> {
    let power = added(r, 1.0, sum, r.ty(sum))?;
    r.operand_of(UnaryOp::Exp, power)
}

fn log_of_exp(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log, a) = e.kind else { return None };
    r.operand_of(UnaryOp::Exp, a)
}

fn log_of_quotient(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log, a) = e.kind else { return None };
    let (power, s) = r.operands_of(BinaryOp::Div, a)?;
    let x = r.operand_of(UnaryOp::Exp, power)?;
    let log = r.make_unary(UnaryOp::Log, s);
    Some(r.make_binary(BinaryOp::Sub, x, log, &e.ty))
}

fn log_of_sigmoid(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log, a) = e.kind else { return None };
    let x = r.operand_of(UnaryOp::Sigmoid, a)?;
    let minus = r.make_unary(UnaryOp::Neg, x);
    let softplus = r.make_unary(UnaryOp::Softplus, minus);
    Some(r.make_unary(UnaryOp::Neg, softplus))
}

fn log1p(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log, sum) = e.kind else { return None };
    if let Some(x) = added(r, 1.0, sum, &e.ty) {
        return Some(r.make_unary(UnaryOp::Log1p, x));
    }
    let (one, x) = r.operands_of(BinaryOp::Sub, sum)?;
    if !r.is(one, 1.0) || *r.ty(x) != e.ty {
        return None;
    }
    let minus = r.make_unary(UnaryOp::Neg, x);
    Some(r.make_unary(UnaryOp::Log1p, minus))
}

/// By choice, as `log_add_exp` is recorded: `max` and `min` have kinks where this has none.
fn log_of_powers(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log, sum) = e.kind else { return None };
    let (a, b) = r.operands_of(BinaryOp::Add, sum)?;
    let (a, b) = (r.operand_of(UnaryOp::Exp, a)?, r.operand_of(UnaryOp::Exp, b)?);
    let truth = Type { dtype: DType::Bool, shape: e.ty.shape.clone() };
    let choose = |r: &mut Rewriter<'_>, condition, yes, no| {
        r.make(ExprKind::Ternary(TernaryOp::Select, [condition, yes, no]), e.ty.clone())
    };
    let first = r.make_binary(BinaryOp::Ge, a, b, &truth);
    let (greater, less) = (choose(r, first, a, b), choose(r, first, b, a));
    // Of two equal infinities the difference is NaN; they are 0 apart.
    let (size, infinity) = (r.make_unary(UnaryOp::Abs, greater), r.filled(f64::INFINITY, e));
    let infinite = r.make_binary(BinaryOp::Eq, size, infinity, &truth);
    let equal = r.make_binary(BinaryOp::Eq, less, greater, &truth);
    let same = r.make_binary(BinaryOp::And, infinite, equal, &truth);
    let apart = r.make_binary(BinaryOp::Sub, less, greater, &e.ty);
    let zero = r.filled(0.0, e);
    let apart = choose(r, same, zero, apart);
    let rest = r.make_unary(UnaryOp::Softplus, apart);
    Some(r.make_binary(BinaryOp::Add, greater, rest, &e.ty))
}

fn softplus(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Log1p, a) = e.kind else { return None };
    if let Some(x) = r.operand_of(UnaryOp::Exp, a) {
        return Some(r.make_unary(UnaryOp::Softplus, x));
    }
    let minus = r.operand_of(UnaryOp::Neg, a)?;
    let x = r.operand_of(UnaryOp::Sigmoid, minus)?;
    let softplus = r.make_unary(UnaryOp::Softplus, x);
    Some(r.make_unary(UnaryOp::Neg, softplus))
}

/// tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1), without the cancellation: one power and one division in place of
/// three. Beyond 20 it is 1 to more digits than f64 has.
fn tanh_of_softplus(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Tanh, a) = e.kind else { return None };
    let x = r.operand_of(UnaryOp::Softplus, a)?;
    if !matches!(e.ty.dtype, DType::F32 | DType::F64) {
        return None;
    }
    let (two, most) = (r.filled(2.0, e), r.filled(20.0, e));
    let x = r.make_binary(BinaryOp::Min, x, most, &e.ty);
    let power = r.make_unary(UnaryOp::Exp, x);
    let sum = r.make_binary(BinaryOp::Add, power, two, &e.ty);
    let n = r.make_binary(BinaryOp::Mul, power, sum, &e.ty);
    let below = r.make_binary(BinaryOp::Add, n, two, &e.ty);
    Some(r.make_binary(BinaryOp::Div, n, below, &e.ty))
}

fn expm1(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(op, a, b) = e.kind else { return None };
    let power = match op {
        BinaryOp::Sub if r.is(b, 1.0) => a,
        BinaryOp::Add => r.beside(-1.0, a, b)?,
        _ => return None,
    };
    let x = r.operand_of(UnaryOp::Exp, power)?;
    let expm1 = r.make_unary(UnaryOp::Expm1, x);
    r.as_is(expm1, e)
}

fn sigmoid(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let (numerator, sum) = match e.kind {
        ExprKind::Binary(BinaryOp::Div, a, b) => (Some(a), b),
        ExprKind::Unary(UnaryOp::Recip, b) => (None, b),
        _ => return None,
    };
    let exponent = one_plus_exp(r, sum)?;
    if numerator.is_some_and(|n| r.operand_of(UnaryOp::Exp, n) == Some(exponent)) {
        return None;
    }
    // e^(0 - x) is e^-x: the sign of a zero is lost in the power.
    let x = match r.operands_of(BinaryOp::Sub, exponent) {
        Some((zero, x)) if r.is(zero, 0.0) && r.ty(x) == r.ty(exponent) => x,
        _ => r.make_unary(UnaryOp::Neg, exponent),
    };
    let sigmoid = r.make_unary(UnaryOp::Sigmoid, x);
    match numerator.filter(|&n| !r.is(n, 1.0)) {
        Some(a) => Some(r.make_binary(BinaryOp::Mul, a, sigmoid, &e.ty)),
        None => Some(r.broadcast(sigmoid, &e.ty.shape)),
    }
}

fn sigmoid_of_positive(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Div, a, b) = e.kind else { return None };
    let x = r.operand_of(UnaryOp::Exp, a)?;
    if one_plus_exp(r, b)? != x {
        return None;
    }
    Some(r.make_unary(UnaryOp::Sigmoid, x))
}

fn rsqrt(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let root = match e.kind {
        ExprKind::Binary(BinaryOp::Div, one, b) if r.is(one, 1.0) => b,
        ExprKind::Unary(UnaryOp::Recip, b) => b,
        _ => return None,
    };
    let x = r.operand_of(UnaryOp::Sqrt, root)?;
    let rsqrt = r.make_unary(UnaryOp::Rsqrt, x);
    r.as_is(rsqrt, e)
}

fn abs(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Sqrt, square) = e.kind else { return None };
    let (a, b) = r.operands_of(BinaryOp::Mul, square)?;
    if a != b {
        return None;
    }
    let abs = r.make_unary(UnaryOp::Abs, a);
    r.as_is(abs, e)
}

/// Products round at each step where `pow` rounds once; they are as accurate to a unit in the last place, right for
/// every special value, and many times faster.
fn small_powers(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Pow, x, b) = e.kind else { return None };
    let exponent = r.splat(b).filter(|_| *r.ty(x) == e.ty)?;
    let mut times = |a, b| r.make_binary(BinaryOp::Mul, a, b, &e.ty);
    match exponent {
        2.0 => Some(times(x, x)),
        3.0 => {
            let square = times(x, x);
            Some(times(square, x))
        }
        4.0 => {
            let square = times(x, x);
            Some(times(square, square))
        }
        -1.0 => Some(r.make_unary(UnaryOp::Recip, x)),
        _ => None,
    }
}
