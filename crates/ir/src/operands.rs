//! The operands of expressions and places, to visit or to replace.

use crate::{Axis, ExprId, ExprKind, Place};

impl ExprKind {
    /// Calls `visit` with each operand, in order. The body of a `Combine` is not an operand; indices of a
    /// [`Place`] are.
    pub fn operands(&self, mut visit: impl FnMut(ExprId)) {
        self.each_operand(&mut visit);
    }

    /// As [`operands`](Self::operands), compiled once for all callers.
    fn each_operand(&self, visit: &mut dyn FnMut(ExprId)) {
        use ExprKind::*;
        match self {
            Const(_) | Scalar(_) | Size(_) | Program(_) | LoopIndex | Argument | Iota(_)
            | Get(_) => {}
            Unary(_, a) | Cast(a) | Bitcast(a) | Broadcast(a) | Reshape(a) | Transpose(a, _) => {
                visit(*a)
            }
            Slice { of, .. } | Reduce(_, of, _) | ArgReduce { of, .. } => visit(*of),
            Scan { of, .. } | TopK { of, .. } | Part(of, _) | Unpack { of, .. } => visit(*of),
            Binary(_, a, b) | Dot(a, b) | Pick { of: a, indices: b } => {
                visit(*a);
                visit(*b);
            }
            Ternary(_, abc) => abc.iter().for_each(|id| visit(*id)),
            Concat(list, _) => list.iter().for_each(|id| visit(*id)),
            ScanBy { of, exclusive, .. } => {
                of.iter().chain(exclusive.iter().flatten()).for_each(|id| visit(*id));
            }
            ReduceBy { of, identity, .. } => of.iter().chain(identity).for_each(|id| visit(*id)),
            Load { place, .. } => place.operands(visit),
        }
    }

    /// Replaces each operand by `map` of it, in order.
    pub fn map_operands(&mut self, mut map: impl FnMut(ExprId) -> ExprId) {
        self.map_each_operand(&mut map);
    }

    /// As [`map_operands`](Self::map_operands), compiled once for all callers.
    fn map_each_operand(&mut self, map: &mut dyn FnMut(ExprId) -> ExprId) {
        use ExprKind::*;
        let mut go = |id: &mut ExprId| *id = map(*id);
        match self {
            Const(_) | Scalar(_) | Size(_) | Program(_) | LoopIndex | Argument | Iota(_)
            | Get(_) => {}
            Unary(_, a) | Cast(a) | Bitcast(a) | Broadcast(a) | Reshape(a) | Transpose(a, _) => {
                go(a)
            }
            Slice { of, .. } | Reduce(_, of, _) | ArgReduce { of, .. } => go(of),
            Scan { of, .. } | TopK { of, .. } | Part(of, _) | Unpack { of, .. } => go(of),
            Binary(_, a, b) | Dot(a, b) | Pick { of: a, indices: b } => {
                go(a);
                go(b);
            }
            Ternary(_, abc) => abc.iter_mut().for_each(go),
            Concat(parts, _) => parts.iter_mut().for_each(go),
            ScanBy { of, exclusive, .. } => {
                of.iter_mut().chain(exclusive.iter_mut().flatten()).for_each(go);
            }
            ReduceBy { of, identity, .. } => of.iter_mut().chain(identity).for_each(go),
            Load { place, .. } => place.map_operands(map),
        }
    }
}

impl Place {
    /// Calls `visit` with each index expression.
    pub fn operands(&self, visit: &mut dyn FnMut(ExprId)) {
        for axis in &self.axes {
            match axis {
                Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => visit(*id),
                Axis::All => {}
            }
        }
    }

    /// Replaces each index expression by `map` of it.
    pub fn map_operands(&mut self, mut map: impl FnMut(ExprId) -> ExprId) {
        for axis in &mut self.axes {
            match axis {
                Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => *id = map(*id),
                Axis::All => {}
            }
        }
    }
}
