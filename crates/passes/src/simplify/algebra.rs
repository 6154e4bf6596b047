//! Exact identities of arithmetic.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{BinaryOp, Expr, ExprId, ExprKind, TernaryOp, UnaryOp};

macro_rules! rule {
    ($name:ident, $law:literal) => {
        Rule { name: stringify!($name), law: $law, apply: $name }
    };
}

pub(crate) static RULES: &[Rule] = &[
    rule!(
        neutral,
        "a + -0 = a, a - 0 = a, a * 1 = a, a / 1 = a; integers also a + 0, a | 0, a << 0"
    ),
    rule!(absorbing, "integers and bool: a * 0 = 0, a & 0 = 0"),
    rule!(to_negation, "a * -1 = -a, a / -1 = -a, -0 - a = -a"),
    rule!(
        negations,
        "-(-a) = a, a + -b = a - b, a - -b = a + b, -a * -b = a * b, -a * b = -(a * b)"
    ),
    rule!(even, "|-a| = |a|, | |a| | = |a|, cos(-a) = cos(|a|) = cos(a)"),
    rule!(reciprocal_power_of_two, "a / 2^n = a * 2^-n"),
    rule!(recip, "1 / a = recip(a)"),
    rule!(same_operands, "max(a, a) = min(a, a) = a & a = a | a = a; integers a - a = a ^ a = 0"),
    rule!(trivial_powers, "a^0 = 1 (for NaN too), a^1 = a"),
    rule!(complements, "!!a = a, !(a == b) = a != b, !(a != b) = a == b"),
    rule!(logic, "bool: a & true = a, a | false = a, a | true = true"),
    rule!(choices, "c ? a : a = a, true ? a : b = a, !c ? a : b = c ? b : a"),
];

fn neutral(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(op, a, b) = e.kind else { return None };
    let kept = match op {
        // Adding +0 turns -0 into +0.
        BinaryOp::Add if r.is_float(a) => r.beside(-0.0, a, b)?,
        BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor => r.beside(0.0, a, b)?,
        BinaryOp::Sub | BinaryOp::Shl | BinaryOp::Shr if r.is(b, 0.0) => a,
        BinaryOp::Mul => r.beside(1.0, a, b)?,
        BinaryOp::Div if r.is(b, 1.0) => a,
        _ => return None,
    };
    Some(r.broadcast(kept, &e.ty.shape))
}

fn absorbing(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Mul | BinaryOp::And, a, b) = e.kind else { return None };
    if r.is_float(a) {
        return None;
    }
    r.beside(0.0, a, b)?;
    Some(r.filled(0.0, e))
}

fn to_negation(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(op, a, b) = e.kind else { return None };
    let negated = match op {
        BinaryOp::Mul => r.beside(-1.0, a, b)?,
        BinaryOp::Div if r.is(b, -1.0) && r.is_float(a) => a,
        // 0 - 0 is +0 for floats, where -(0) is -0.
        BinaryOp::Sub if r.is(a, if r.is_float(a) { -0.0 } else { 0.0 }) => b,
        _ => return None,
    };
    let negated = r.broadcast(negated, &e.ty.shape);
    Some(r.make_unary(UnaryOp::Neg, negated))
}

fn negations(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    match e.kind {
        // -(a - b) = b - a fails for a = b: the zeros differ in sign.
        ExprKind::Unary(UnaryOp::Neg, a) => r.operand_of(UnaryOp::Neg, a),
        ExprKind::Binary(BinaryOp::Add, a, b) => {
            if let Some(b) = negative_of(r, b) {
                return Some(r.make_binary(BinaryOp::Sub, a, b, &e.ty));
            }
            let a = negative_of(r, a)?;
            Some(r.make_binary(BinaryOp::Sub, b, a, &e.ty))
        }
        ExprKind::Binary(BinaryOp::Sub, a, b) => {
            let b = negative_of(r, b)?;
            Some(r.make_binary(BinaryOp::Add, a, b, &e.ty))
        }
        ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Div), a, b) if r.is_float(a) => {
            match (r.operand_of(UnaryOp::Neg, a), r.operand_of(UnaryOp::Neg, b)) {
                (Some(a), Some(b)) => Some(r.make_binary(op, a, b, &e.ty)),
                // Outward, where it meets a sum, unless the product is larger than the factor.
                (Some(a), None) if *r.ty(a) == e.ty => {
                    let product = r.make_binary(op, a, b, &e.ty);
                    Some(r.make_unary(UnaryOp::Neg, product))
                }
                (None, Some(b)) if *r.ty(b) == e.ty => {
                    let product = r.make_binary(op, a, b, &e.ty);
                    Some(r.make_unary(UnaryOp::Neg, product))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `-id` without a negation, where `id` is one or a product of one.
fn negative_of(r: &mut Rewriter<'_>, id: ExprId) -> Option<ExprId> {
    let ty = r.ty(id).clone();
    match *r.kind(id) {
        ExprKind::Unary(UnaryOp::Neg, a) => Some(a),
        ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Div), a, b) if ty.dtype.is_float() => {
            match (r.operand_of(UnaryOp::Neg, a), r.operand_of(UnaryOp::Neg, b)) {
                (Some(a), _) => Some(r.make_binary(op, a, b, &ty)),
                (_, Some(b)) => Some(r.make_binary(op, a, b, &ty)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn even(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(op @ (UnaryOp::Abs | UnaryOp::Cos), a) = e.kind else { return None };
    if op == UnaryOp::Abs && r.operand_of(UnaryOp::Abs, a).is_some() {
        return Some(a);
    }
    // The negative of an unsigned number is another number, and its own magnitude.
    if !e.ty.dtype.is_signed() {
        return None;
    }
    let inner = r.operand_of(UnaryOp::Neg, a).or_else(|| r.operand_of(UnaryOp::Abs, a))?;
    Some(r.make_unary(op, inner))
}

fn reciprocal_power_of_two(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Div, a, b) = e.kind else { return None };
    let divisor = r.splat(b).filter(|_| r.is_float(a))?;
    let reciprocal = 1.0 / divisor;
    // Powers of two have an empty mantissa; the exponents stay within the normal numbers of f16, so of all types.
    let power =
        divisor.to_bits() << 12 == 0 && (2f64.powi(-14)..=2f64.powi(14)).contains(&divisor.abs());
    if !power || divisor == 1.0 {
        return None;
    }
    let reciprocal = r.constant(e.ty.dtype, reciprocal);
    let product = r.make_binary(BinaryOp::Mul, a, reciprocal, &e.ty);
    r.as_is(product, e)
}

fn recip(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Div, a, b) = e.kind else { return None };
    if !r.is(a, 1.0) || !r.is_float(a) || *r.ty(b) != e.ty {
        return None;
    }
    Some(r.make_unary(UnaryOp::Recip, b))
}

fn same_operands(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    match e.kind {
        ExprKind::Binary(op, a, b) if a == b => match op {
            BinaryOp::Max | BinaryOp::Min | BinaryOp::And | BinaryOp::Or => Some(a),
            BinaryOp::Sub | BinaryOp::Xor if !r.is_float(a) => Some(r.filled(0.0, e)),
            _ => None,
        },
        _ => None,
    }
}

fn trivial_powers(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(BinaryOp::Pow, a, b) = e.kind else { return None };
    match r.splat(b) {
        Some(0.0) => Some(r.filled(1.0, e)),
        Some(1.0) => Some(r.broadcast(a, &e.ty.shape)),
        _ => None,
    }
}

fn complements(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Unary(UnaryOp::Not, a) = e.kind else { return None };
    match *r.kind(a) {
        ExprKind::Unary(UnaryOp::Not, inner) => Some(inner),
        ExprKind::Binary(BinaryOp::Eq, x, y) => Some(r.make_binary(BinaryOp::Ne, x, y, &e.ty)),
        ExprKind::Binary(BinaryOp::Ne, x, y) => Some(r.make_binary(BinaryOp::Eq, x, y, &e.ty)),
        _ => None,
    }
}

fn logic(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) = e.kind else { return None };
    if !r.is_bool(a) {
        return None;
    }
    if op == BinaryOp::Or && r.beside(1.0, a, b).is_some() {
        return Some(r.filled(1.0, e));
    }
    let kept = r.beside(if op == BinaryOp::And { 1.0 } else { 0.0 }, a, b)?;
    Some(r.broadcast(kept, &e.ty.shape))
}

fn choices(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Ternary(TernaryOp::Select, [condition, yes, no]) = e.kind else { return None };
    if yes == no {
        return Some(r.broadcast(yes, &e.ty.shape));
    }
    if let Some(truth) = r.splat(condition) {
        let kept = if truth != 0.0 { yes } else { no };
        return Some(r.broadcast(kept, &e.ty.shape));
    }
    let inner = r.operand_of(UnaryOp::Not, condition)?;
    let kind = ExprKind::Ternary(TernaryOp::Select, [inner, no, yes]);
    Some(r.make(kind, e.ty.clone()))
}
