//! Ops that move elements without computing.

use crate::rewrite::{Rewriter, Rule};
use tilewright_ir::{Expr, ExprId, ExprKind, Extent, ReduceOp, Type};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        name: "same_shape",
        law: "a broadcast, reshaped, sliced or reordered to what it is = a; a alone joined = a",
        apply: same_shape,
    },
    Rule {
        name: "moves_of_moves",
        law: "a broadcast of a broadcast, a reshape of a reshape, an order of an order is one",
        apply: moves_of_moves,
    },
    Rule {
        name: "late_broadcast",
        law: "op(broadcast a) = broadcast(op a); a op broadcast b = a op b where the shape stays",
        apply: late_broadcast,
    },
    Rule {
        name: "slice_of_concat",
        law: "the positions of a joined tile that were one part are that part",
        apply: slice_of_concat,
    },
    Rule {
        name: "reduce_of_one",
        law: "max, min and product over an axis of one element are that element",
        apply: reduce_of_one,
    },
];

fn same_shape(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    match &e.kind {
        ExprKind::Broadcast(a) | ExprKind::Reshape(a) | ExprKind::Slice { of: a, .. } => {
            r.as_is(*a, e)
        }
        ExprKind::Transpose(a, order) if order.iter().copied().eq(0..order.len()) => Some(*a),
        ExprKind::Concat(parts, _) if parts.len() == 1 => Some(parts[0]),
        _ => None,
    }
}

fn moves_of_moves(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let kind = match &e.kind {
        ExprKind::Broadcast(a) => match r.kind(*a) {
            ExprKind::Broadcast(b) => ExprKind::Broadcast(*b),
            _ => return None,
        },
        ExprKind::Reshape(a) => match r.kind(*a) {
            ExprKind::Reshape(b) => ExprKind::Reshape(*b),
            // One value everywhere has it everywhere in any shape.
            ExprKind::Broadcast(b) if r.shape(*b).is_empty() => ExprKind::Broadcast(*b),
            _ => return None,
        },
        ExprKind::Transpose(a, outer) => match r.kind(*a) {
            ExprKind::Transpose(b, inner) => {
                ExprKind::Transpose(*b, outer.iter().map(|&i| inner[i]).collect())
            }
            ExprKind::Broadcast(b) if r.shape(*b).is_empty() => ExprKind::Broadcast(*b),
            _ => return None,
        },
        ExprKind::Slice { of, .. } => match r.kind(*of) {
            ExprKind::Broadcast(b) if r.shape(*b).is_empty() => ExprKind::Broadcast(*b),
            _ => return None,
        },
        _ => return None,
    };
    Some(r.make(kind, e.ty.clone()))
}

fn late_broadcast(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let elementwise = matches!(
        e.kind,
        ExprKind::Unary(..) | ExprKind::Binary(..) | ExprKind::Ternary(..) | ExprKind::Cast(_)
    );
    if !elementwise {
        return None;
    }
    let mut kind = e.kind.clone();
    let mut stripped = false;
    kind.map_operands(|id| match *r.kind(id) {
        ExprKind::Broadcast(a) => {
            stripped = true;
            a
        }
        _ => id,
    });
    if !stripped {
        return None;
    }
    let mut shape = Vec::new();
    let mut fits = true;
    kind.operands(|id| {
        let joined = tilewright_ir::infer::broadcast(&r.program, &shape, r.shape(id));
        fits &= joined.is_ok();
        shape = joined.unwrap_or_default();
    });
    // Fewer elements are computed when the operands alone have a smaller shape.
    if !fits {
        return None;
    }
    let small = r.make(kind, Type { dtype: e.ty.dtype, shape });
    Some(r.broadcast(small, &e.ty.shape))
}

fn slice_of_concat(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    let ExprKind::Slice { of, axis, start } = e.kind else { return None };
    let ExprKind::Concat(parts, joined) = r.kind(of) else { return None };
    if *joined != axis {
        return None;
    }
    let mut offset = Extent::Const(0);
    for &part in parts {
        if offset == start && *r.ty(part) == e.ty {
            return Some(part);
        }
        offset = crate::extent::add(offset, r.shape(part)[axis])?;
    }
    None
}

fn reduce_of_one(r: &mut Rewriter<'_>, e: &Expr) -> Option<ExprId> {
    // A sum is left out: it starts from +0, which a lone -0 does not survive.
    let ExprKind::Reduce(ReduceOp::Max | ReduceOp::Min | ReduceOp::Prod, a, axis) = e.kind else {
        return None;
    };
    match r.shape(a).get(axis) {
        Some(Extent::Const(1)) => Some(a),
        _ => None,
    }
}
