//! Stabilizing shifts: values such as a softmax' row maximum, on which no result depends.
//!
//! `exp(x - m) / Σ exp(x - m)` is the same for every `m`, so its derivative with respect to `m` is zero. Left to
//! itself, reverse mode would compute that zero as a sum of cancelling terms and add the rounding errors to the
//! gradient of the greatest element. This analysis proves the independence and the sweep then stops at `m`.
//!
//! Each expression is classed by how it answers to `m := m + c`: not at all, by adding `k * c`, or by a factor of
//! `e^(k * c)`. The shift is free when every stored value answers not at all.

use super::straight::Straight;
use tilewright_ir::{BinaryOp, ExprId, ExprKind, Extent, ReduceOp, TernaryOp, UnaryOp};

/// How a value answers to adding `c` to the shift.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    /// It stays.
    Fixed,
    /// It grows by `k * c`.
    Adds(f64),
    /// It is multiplied by `e^(k * c)`.
    Scales(f64),
    /// In some other way.
    Other,
}

use Answer::{Adds, Fixed, Other, Scales};

/// The expressions on which no stored value depends, by [`ExprId`].
pub(super) fn free_shifts(forward: &Straight) -> Vec<bool> {
    let mut free = vec![false; forward.program.exprs.len()];
    let mut candidate = vec![false; forward.program.exprs.len()];
    for &id in &forward.order {
        candidate[id.index()] = match &forward.program.expr(id).kind {
            ExprKind::Reduce(ReduceOp::Max | ReduceOp::Min, ..) | ExprKind::TopK { .. } => true,
            // A maximum made finite, clipped, converted or reshaped is as good a shift.
            ExprKind::Ternary(TernaryOp::Select, [_, yes, no]) => {
                candidate[yes.index()] || candidate[no.index()]
            }
            ExprKind::Binary(BinaryOp::Max | BinaryOp::Min, a, b) => {
                candidate[a.index()] || candidate[b.index()]
            }
            ExprKind::Cast(a) | ExprKind::Reshape(a) | ExprKind::Broadcast(a) => {
                candidate[a.index()]
            }
            ExprKind::Slice { of, .. } => candidate[of.index()],
            _ => false,
        };
        if candidate[id.index()] {
            free[id.index()] = Analysis::new(forward, id).finds_free();
        }
    }
    free
}

struct Analysis<'a> {
    forward: &'a Straight,
    shift: ExprId,
    /// The shift is one number, so that every axis of every tile has one shift.
    single: bool,
    answers: Vec<Answer>,
}

impl<'a> Analysis<'a> {
    fn new(forward: &'a Straight, shift: ExprId) -> Self {
        let single = forward.program.expr(shift).ty.shape.iter().all(|e| *e == Extent::Const(1));
        let answers = vec![Fixed; forward.program.exprs.len()];
        Analysis { forward, shift, single, answers }
    }

    fn finds_free(mut self) -> bool {
        for &id in &self.forward.order {
            self.answers[id.index()] = match id == self.shift {
                true => Adds(1.0),
                false => self.answer(id),
            };
        }
        self.forward.stores.iter().all(|store| {
            let mut fixed = self.at(store.value) == Fixed;
            fixed &= store.mask.is_none_or(|m| self.at(m) == Fixed);
            store.place.operands(&mut |id| fixed &= self.at(id) == Fixed);
            fixed
        })
    }

    fn at(&self, id: ExprId) -> Answer {
        self.answers[id.index()]
    }

    /// True when the shift is the same all along `axis` of `tile`.
    fn same_along(&self, tile: ExprId, axis: usize) -> bool {
        let shift = &self.forward.program.expr(self.shift).ty.shape;
        let rank = self.forward.program.expr(tile).ty.shape.len();
        self.single
            || (axis + shift.len()).checked_sub(rank).is_none_or(|i| shift[i] == Extent::Const(1))
    }

    fn answer(&self, id: ExprId) -> Answer {
        let kind = &self.forward.program.expr(id).kind;
        let mut fixed = true;
        kind.operands(|operand| fixed &= self.at(operand) == Fixed);
        if fixed {
            return Fixed;
        }
        match kind {
            ExprKind::Unary(op, a) => unary(*op, self.at(*a)),
            ExprKind::Binary(op, a, b) => self.binary(*op, *a, *b),
            ExprKind::Ternary(TernaryOp::Select, [condition, yes, no])
                if self.at(*condition) == Fixed =>
            {
                match self.guarded(*condition, *yes, *no) {
                    Some(answer) => answer,
                    None => self.join(*yes, *no),
                }
            }
            ExprKind::Cast(a) if self.forward.program.expr(id).ty.dtype.is_float() => self.at(*a),
            ExprKind::Broadcast(a) => self.at(*a),
            ExprKind::Reshape(a) | ExprKind::Transpose(a, _) if self.single => self.at(*a),
            ExprKind::Slice { of, axis, .. } if self.same_along(*of, *axis) => self.at(*of),
            ExprKind::Concat(parts, axis) if self.same_along(id, *axis) => {
                let first = self.at(parts[0]);
                let all = parts.iter().all(|&p| self.at(p) == first);
                if all { first } else { Other }
            }
            ExprKind::Pick { of, indices } if self.at(*indices) == Fixed && self.single => {
                self.at(*of)
            }
            ExprKind::Reduce(op, a, axis) if self.same_along(*a, *axis) => {
                match (op, self.at(*a)) {
                    (ReduceOp::Sum, Scales(k)) => Scales(k),
                    (ReduceOp::Max | ReduceOp::Min, answer) => answer,
                    _ => Other,
                }
            }
            // A shift or a positive factor changes no order.
            ExprKind::ArgReduce { of, axis, .. } if self.same_along(*of, *axis) => {
                if self.at(*of) == Other { Other } else { Fixed }
            }
            ExprKind::TopK { of, .. } if self.single => self.at(*of),
            ExprKind::Part(top, 1) if matches!(self.top_k(*top), Some(Adds(_) | Scales(_))) => {
                Fixed
            }
            ExprKind::Scan { op: ReduceOp::Sum, of, axis, .. } if self.same_along(*of, *axis) => {
                match self.at(*of) {
                    Scales(k) => Scales(k),
                    _ => Other,
                }
            }
            _ => Other,
        }
    }

    /// `s == 0 ? 1 : s`, which keeps an empty row from dividing 0 by 0, answers as `s` does: wherever it does not,
    /// `s` is 0 and stays 0.
    fn guarded(&self, condition: ExprId, yes: ExprId, no: ExprId) -> Option<Answer> {
        let ExprKind::Binary(op, a, b) = self.forward.program.expr(condition).kind else {
            return None;
        };
        let (constant, s) = match op {
            BinaryOp::Eq => (yes, no),
            BinaryOp::Ne => (no, yes),
            _ => return None,
        };
        let compares = (a == s && self.forward.program.constant(b) == Some(0.0))
            || (b == s && self.forward.program.constant(a) == Some(0.0));
        let scales = matches!(self.at(s), Scales(_));
        (compares && scales && self.forward.program.constant(constant).is_some())
            .then(|| self.at(s))
    }

    fn top_k(&self, id: ExprId) -> Option<Answer> {
        matches!(self.forward.program.expr(id).kind, ExprKind::TopK { .. }).then(|| self.at(id))
    }

    fn binary(&self, op: BinaryOp, a: ExprId, b: ExprId) -> Answer {
        let (x, y) = (self.at(a), self.at(b));
        match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let sign = if op == BinaryOp::Add { 1.0 } else { -1.0 };
                match (x, y) {
                    (Adds(k), Adds(l)) => adds(k + sign * l),
                    (Adds(k), Fixed) => Adds(k),
                    (Fixed, Adds(l)) => adds(sign * l),
                    _ => self.join(a, b),
                }
            }
            BinaryOp::Mul => match (x, y) {
                (Scales(k), Scales(l)) => scales(k + l),
                (Scales(k), Fixed) | (Fixed, Scales(k)) => Scales(k),
                (Adds(k), Fixed) => self.forward.program.constant(b).map_or(Other, |c| adds(k * c)),
                (Fixed, Adds(k)) => self.forward.program.constant(a).map_or(Other, |c| adds(k * c)),
                _ => Other,
            },
            BinaryOp::Div => match (x, y) {
                (Scales(k), Scales(l)) => scales(k - l),
                (Scales(k), Fixed) => Scales(k),
                (Fixed, Scales(k)) => Scales(-k),
                (Adds(k), Fixed) => self.forward.program.constant(b).map_or(Other, |c| adds(k / c)),
                _ => Other,
            },
            BinaryOp::Max | BinaryOp::Min => self.join(a, b),
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
                if x == y && x != Other =>
            {
                Fixed
            }
            // Of a number that scales, the sign is fixed.
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge => match (x, y) {
                (Scales(_), Fixed) if self.forward.program.constant(b) == Some(0.0) => Fixed,
                (Fixed, Scales(_)) if self.forward.program.constant(a) == Some(0.0) => Fixed,
                _ => Other,
            },
            _ => Other,
        }
    }

    /// Either of two values: they answer alike, or one is a constant that answers as anything (0 to a factor, an
    /// infinity to a shift).
    fn join(&self, a: ExprId, b: ExprId) -> Answer {
        let absorbs = |constant: Option<f64>, other: Answer| match (constant, other) {
            (Some(0.0), Scales(_)) => true,
            (Some(c), Adds(_)) => c.is_infinite(),
            _ => false,
        };
        match (self.at(a), self.at(b)) {
            (x, y) if x == y => x,
            (Fixed, y) if absorbs(self.forward.program.constant(a), y) => y,
            (x, Fixed) if absorbs(self.forward.program.constant(b), x) => x,
            _ => Other,
        }
    }
}

fn adds(k: f64) -> Answer {
    if k == 0.0 { Fixed } else { Adds(k) }
}

fn scales(k: f64) -> Answer {
    if k == 0.0 { Fixed } else { Scales(k) }
}

fn unary(op: UnaryOp, a: Answer) -> Answer {
    match (op, a) {
        (UnaryOp::Neg, Adds(k)) => Adds(-k),
        (UnaryOp::Neg | UnaryOp::Abs, Scales(k)) => Scales(k),
        (UnaryOp::Sign, Scales(_)) => Fixed,
        (UnaryOp::Recip, Scales(k)) => Scales(-k),
        (UnaryOp::Sqrt, Scales(k)) => Scales(k / 2.0),
        (UnaryOp::Rsqrt, Scales(k)) => Scales(-k / 2.0),
        (UnaryOp::Exp, Adds(k)) => Scales(k),
        (UnaryOp::Log, Scales(k)) => Adds(k),
        _ => Other,
    }
}
