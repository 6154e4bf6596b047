//! Conversions between types.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{DType, Expr, ExprId, ExprKind};

pub(crate) static RULES: &[Rule] = &[
    Rule { name: "cast_to_own", law: "a as its own type = a", apply: cast_to_own },
    Rule {
        name: "cast_of_cast",
        law: "(a as wider) as t = a as t, where wider holds every value of a",
        apply: cast_of_cast,
    },
    Rule { name: "bitcast", law: "bits of bits of a = bits of a", apply: bitcast },
];

/// True when `to` holds every value of `from`, so that converting to it loses nothing.
pub(crate) fn lossless(from: DType, to: DType) -> bool {
    use DType::*;
    from == to
        || match from {
            Bool => true,
            // bf16 has 8 bits of significand, enough for 0..=255 and -128..=127.
            I8 => matches!(to, I32 | F16 | BF16 | F32 | F64),
            U8 => matches!(to, I32 | U32 | F16 | BF16 | F32 | F64),
            I32 | U32 | F32 => to == F64,
            F16 | BF16 => matches!(to, F32 | F64),
            F64 => false,
        }
}

fn cast_to_own(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Cast(a) = e.kind else { return None };
    r.as_is(a, e)
}

fn cast_of_cast(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Cast(outer) = e.kind else { return None };
    let ExprKind::Cast(a) = *r.kind(outer) else { return None };
    if !lossless(r.ty(a).dtype, r.ty(outer).dtype) {
        return None;
    }
    Some(r.make(ExprKind::Cast(a), e.ty.clone()))
}

fn bitcast(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Bitcast(a) = e.kind else { return None };
    if let Some(same) = r.as_is(a, e) {
        return Some(same);
    }
    let ExprKind::Bitcast(inner) = *r.kind(a) else { return None };
    Some(r.make(ExprKind::Bitcast(inner), e.ty.clone()))
}
