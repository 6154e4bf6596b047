//! Where the elements lie that a thread holds.

use super::layout::{Layout, Run};
use super::{Lowering, add, binary, int, padded, run, shift_left, shift_right};
use tilewright_ir::thread::Value;
use tilewright_ir::{BinaryOp, DType, ExprId, Extent, TernaryOp};

impl Lowering<'_> {
    /// The position along `axis` that a register of this thread holds, an i32.
    pub(super) fn position(&mut self, layout: &Layout, axis: usize, register: &Value) -> Value {
        let held = layout.register_runs(axis).iter().map(|r| run(*r, register.clone())).reduce(add);
        let runs = layout.thread_runs(axis);
        let key: Vec<_> = runs.iter().map(|r| (r.from, r.count, r.to)).collect();
        let thread = (!runs.is_empty()).then(|| match self.coordinates.get(&key) {
            Some(&register) => Value::Get(register),
            None => {
                let all = self.schedule.team;
                let part = |r: &Run| match r.from + r.count == all {
                    true => shift_left(shift_right(self.thread.clone(), r.from), r.to),
                    false => run(*r, self.thread.clone()),
                };
                let value = runs.iter().map(part).reduce(add).unwrap_or(int(0));
                let value = self.prologue_let("at", DType::I32, value);
                if let Value::Get(register) = value {
                    self.coordinates.insert(key, register);
                }
                value
            }
        });
        let inside = match (thread, held) {
            (Some(a), Some(b)) => add(a, b),
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => int(0),
        };
        match self.split {
            Some((_, per_group)) if layout.capacity[axis] > 0 => {
                add(shift_left(self.part.clone(), per_group), inside)
            }
            _ => inside,
        }
    }

    /// As [`position`](Self::position) along an axis of `extent` elements; 0 past the last, where nobody asks for the result
    /// and other memory must not be read.
    pub(super) fn position_inside(
        &mut self,
        layout: &Layout,
        axis: usize,
        extent: Extent,
        register: &Value,
    ) -> Value {
        let position = self.position(layout, axis, register);
        if extent == Extent::Const(1) || self.schedule.is_exact(extent) {
            return position;
        }
        let inside = binary(BinaryOp::Lt, position.clone(), super::size(extent));
        Value::Ternary(TernaryOp::Select, DType::I32, Box::new([inside, position, int(0)]))
    }

    /// The condition that a register of this thread holds an element of a tile of `shape`; `None` when all do.
    pub(super) fn valid(
        &mut self,
        layout: &Layout,
        shape: &[Extent],
        register: &Value,
    ) -> Option<Value> {
        let shape = padded(shape, self.rank);
        let mut condition = None;
        for (axis, &extent) in shape.iter().enumerate() {
            let split = self.split.is_some_and(|(split, _)| split == extent);
            if extent == Extent::Const(1) || (self.schedule.is_exact(extent) && !split) {
                continue;
            }
            let position = self.position(layout, axis, register);
            let inside = binary(BinaryOp::Lt, position, Value::Size(extent));
            condition = Some(match condition {
                None => inside,
                Some(before) => {
                    Value::Binary(BinaryOp::And, DType::Bool, Box::new(before), Box::new(inside))
                }
            });
        }
        condition
    }

    /// Where a comparison for equality is of a vector's positions with one number: the lane that it is about.
    pub(super) fn lane_sought(
        &mut self,
        op: BinaryOp,
        [position, sought]: [ExprId; 2],
        layout: &Layout,
        register: &Value,
    ) -> Option<Value> {
        let program = self.program;
        let bits = layout.vector();
        let [position_ty, sought_ty] = [position, sought].map(|id| &program.expr(id).ty);
        let one = sought_ty.shape.iter().all(|e| *e == Extent::Const(1));
        if !matches!(op, BinaryOp::Eq | BinaryOp::Ne)
            || bits == 0
            || !one
            || position_ty.dtype != DType::I32
            || sought_ty.dtype != DType::I32
            || !self.counts_from(position, bits)
        {
            return None;
        }
        let first = shift_left(shift_right(register.clone(), bits), bits);
        let rank = layout.capacity.len();
        let at: Vec<Value> = (0..rank).map(|axis| self.position(layout, axis, &first)).collect();
        let own = rank - position_ty.shape.len().min(rank);
        let first = self.value_at(position, &at[own..])?;
        let sought = self.element(sought, layout, register).ok()?;
        let distance = super::map::arithmetic(BinaryOp::Sub, position_ty, sought, first);
        let lane = run(Run { from: 0, count: bits, to: 0 }, register.clone());
        Some(Value::Binary(op, DType::I32, Box::new(distance), Box::new(lane)))
    }
}
