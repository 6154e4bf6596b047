//! The gradient of each op: what the adjoint of its result gives to its operands.
//!
//! Choices at kinks and ties are those of the [conventions](super#conventions).

use super::adjoint::{Adjoint, Sweep, Ties};
use crate::extent;
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, Extent, ReduceOp, TernaryOp, Type, UnaryOp,
};

/// Scatters up to this many positions in line; more become a loop.
const IN_LINE: usize = 16;

impl Sweep<'_> {
    /// Hands the adjoint `g` of `id` on to its operands.
    ///
    /// # Errors
    /// The op that has no gradient, in words.
    pub(super) fn propagate(&mut self, id: ExprId, g: Adjoint) -> Result<(), String> {
        let expr = self.forward.program.expr(id);
        let shape = expr.ty.shape.clone();
        self.out.at = expr.at.clone();
        match expr.kind.clone() {
            ExprKind::Unary(op, a) => self.unary(op, id, a, g, &shape),
            ExprKind::Binary(op, a, b) => self.binary(op, id, [a, b], g, &shape),
            ExprKind::Ternary(op, operands) => self.ternary(op, id, operands, g, &shape),
            ExprKind::Cast(a) => {
                let dtype = Self::dtype(self.dtype_of(a));
                let over = g.over.map(|over| self.out.cast(over, dtype));
                let value = self.out.cast(g.value, dtype);
                self.send(a, Adjoint { value, over, ..g }, &shape);
            }
            ExprKind::Broadcast(a) => self.send(a, g, &shape),
            ExprKind::Reshape(a) => {
                let target = self.shape(a);
                let g = self.moved(g, &shape, |out, tile| out.reshape(tile, target.clone()));
                self.send(a, g, &target);
            }
            ExprKind::Transpose(a, order) => {
                let mut inverse = vec![0; order.len()];
                for (i, &axis) in order.iter().enumerate() {
                    inverse[axis] = i;
                }
                let g = self.moved(g, &shape, |out, tile| {
                    out.emit(ExprKind::Transpose(tile, inverse.clone()), None)
                });
                let target = self.shape(a);
                self.send(a, g, &target);
            }
            ExprKind::Slice { of, axis, start } => {
                let value = self.plain(g);
                self.send_slice(of, axis, start, shape[axis], value);
            }
            ExprKind::Concat(parts, axis) => self.concat(&parts, axis, g, &shape)?,
            ExprKind::Pick { of, indices } => {
                let value = self.plain(g);
                let indices = self.recomputed(indices);
                let target = self.shape(of);
                let value = self.scatter(value, indices, &target, false)?;
                self.send_value(of, value, &target);
            }
            ExprKind::TopK { of, .. } => {
                let value = self.plain(g);
                let top = self.recomputed(id);
                let indices = self.out.emit(ExprKind::Part(top, 1), None);
                let target = self.shape(of);
                let value = self.scatter(value, indices, &target, true)?;
                self.send_value(of, value, &target);
            }
            ExprKind::Reduce(op, a, axis) => self.reduce(op, id, a, axis, g)?,
            ExprKind::Scan { op: ReduceOp::Sum, of, axis, exclusive, reverse } => {
                let value = self.plain(g);
                let of_value = self.full(value, &shape);
                let op = ReduceOp::Sum;
                let kind = ExprKind::Scan { op, of: of_value, axis, exclusive, reverse: !reverse };
                let value = self.out.emit(kind, None);
                self.send_value(of, value, &shape);
            }
            ExprKind::Dot(a, b) => self.dot(a, b, g, &shape),
            ExprKind::Scan { op, of, axis, exclusive, reverse } => {
                if axis + 1 != shape.len() {
                    let name = op.name();
                    return Err(format!("a running {name} along an axis that is not the last"));
                }
                self.scan(id, (op, exclusive, reverse), of, g)?;
            }
            ExprKind::ScanBy { of, axis, combine, exclusive, reverse } => {
                let parts = self.take_parts(id, of.len(), Some(g));
                let how = (axis, exclusive.is_some(), reverse);
                self.scan_by(id, &of, how, &combine, &parts)?;
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                let parts = self.take_parts(id, of.len(), Some(g));
                self.reduce_by(&of, axis, &combine, &identity, &parts)?;
            }
            ExprKind::Part(of, part) => self.keep_part(of, part, g),
            ExprKind::Bitcast(_) => return Err("a bit cast".into()),
            // Leaves, and what has no float operand or result.
            ExprKind::Const(_)
            | ExprKind::Scalar(_)
            | ExprKind::Size(_)
            | ExprKind::Program(_)
            | ExprKind::LoopIndex
            | ExprKind::Argument
            | ExprKind::Iota(_)
            | ExprKind::ArgReduce { .. }
            | ExprKind::Unpack { .. }
            | ExprKind::Get(_)
            | ExprKind::Load { .. } => {}
        }
        Ok(())
    }

    fn unary(&mut self, op: UnaryOp, id: ExprId, a: ExprId, g: Adjoint, shape: &[Extent]) {
        if !self.active[a.index()] {
            return;
        }
        let (x, y) = (self.value(a), self.value(id));
        let value = match op {
            UnaryOp::Neg => return self.send_negative(a, g, shape),
            UnaryOp::Abs => {
                let sign = self.out.unary(UnaryOp::Sign, x);
                self.times(g, sign)
            }
            UnaryOp::Sqrt => {
                // 1 / (2 sqrt(a))
                let g = self.divided(g, y);
                let half = self.scale(g, 0.5);
                return self.send(a, half, shape);
            }
            UnaryOp::Rsqrt => {
                // -1/2 a^(-3/2)
                let value = self.times(g, y);
                let square = self.out.mul(y, y);
                let value = self.times(value, square);
                self.scale(value, -0.5)
            }
            UnaryOp::Recip => {
                let value = self.times(g, y);
                let value = self.times(value, y);
                return self.send_negative(a, value, shape);
            }
            UnaryOp::Exp => self.times(g, y),
            UnaryOp::Exp2 => {
                let value = self.times(g, y);
                self.scale(value, std::f64::consts::LN_2)
            }
            UnaryOp::Expm1 => {
                // e^a, since expm1(a) + 1 cancels for large negative a
                let exp = self.out.unary(UnaryOp::Exp, x);
                self.times(g, exp)
            }
            UnaryOp::Log => self.divided(g, x),
            UnaryOp::Log2 => {
                let g = self.divided(g, x);
                self.scale(g, std::f64::consts::LOG2_E)
            }
            UnaryOp::Log1p => {
                let over = self.out.constant_op(BinaryOp::Add, 1.0, x);
                self.divided(g, over)
            }
            UnaryOp::Sin => {
                let cos = self.out.unary(UnaryOp::Cos, x);
                self.times(g, cos)
            }
            UnaryOp::Cos => {
                let sin = self.out.unary(UnaryOp::Sin, x);
                let value = self.times(g, sin);
                return self.send_negative(a, value, shape);
            }
            UnaryOp::Tanh => {
                let square = self.out.mul(y, y);
                let slope = self.out.constant_op(BinaryOp::Sub, 1.0, square);
                self.times(g, slope)
            }
            UnaryOp::Sigmoid => {
                let rest = self.out.constant_op(BinaryOp::Sub, 1.0, y);
                let slope = self.out.mul(y, rest);
                self.times(g, slope)
            }
            UnaryOp::Softplus => {
                let sigmoid = self.out.unary(UnaryOp::Sigmoid, x);
                self.times(g, sigmoid)
            }
            UnaryOp::Erf => {
                // 2 / sqrt(pi) e^(-a^2)
                let square = self.out.mul(x, x);
                let minus = self.out.neg(square);
                let exp = self.out.unary(UnaryOp::Exp, minus);
                let slope = self.out.scale(exp, std::f64::consts::FRAC_2_SQRT_PI);
                self.times(g, slope)
            }
            // Piecewise constant.
            UnaryOp::Sign | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => {
                return;
            }
            // No float result.
            UnaryOp::Not | UnaryOp::IsNan => return,
        };
        self.send(a, value, shape);
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        id: ExprId,
        [a, b]: [ExprId; 2],
        g: Adjoint,
        shape: &[Extent],
    ) {
        let (to_a, to_b) = (self.active[a.index()], self.active[b.index()]);
        match op {
            BinaryOp::Add => {
                self.send(a, g, shape);
                self.send(b, g, shape);
            }
            BinaryOp::Sub => {
                self.send(a, g, shape);
                self.send_negative(b, g, shape);
            }
            BinaryOp::Mul if a == b => {
                let x = self.value(a);
                let twice = self.scale(g, 2.0);
                let value = self.times(twice, x);
                self.send(a, value, shape);
            }
            BinaryOp::Mul => {
                for (to, other) in [(a, b), (b, a)] {
                    if self.active[to.index()] {
                        let factor = self.value(other);
                        let value = self.times(g, factor);
                        self.send(to, value, shape);
                    }
                }
            }
            BinaryOp::Div => {
                let (y, denominator) = (self.value(id), self.value(b));
                if to_a {
                    let value = self.divided(g, denominator);
                    self.send(a, value, shape);
                }
                if to_b {
                    // -(a / b^2) = -y / b, where y = a / b cannot overflow on its own
                    let value = self.times(g, y);
                    let value = self.divided(value, denominator);
                    self.send_negative(b, value, shape);
                }
            }
            BinaryOp::Rem => {
                self.send(a, g, shape);
                if to_b {
                    let (x, y) = (self.value(a), self.value(b));
                    let quotient = self.out.div(x, y);
                    let whole = self.out.unary(UnaryOp::Trunc, quotient);
                    let value = self.times(g, whole);
                    self.send_negative(b, value, shape);
                }
            }
            BinaryOp::Pow => self.power(id, [a, b], g, shape),
            BinaryOp::Max | BinaryOp::Min => self.extremum(op, [a, b], g, shape),
            // Integers and comparisons.
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => {}
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt => {}
            BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {}
        }
    }

    fn power(&mut self, id: ExprId, [a, b]: [ExprId; 2], g: Adjoint, shape: &[Extent]) {
        let (x, exponent) = (self.value(a), self.value(b));
        if self.active[a.index()] {
            // b a^(b - 1)
            let dtype = self.out.ty(exponent).dtype;
            let one = self.out.constant(dtype, 1.0);
            let less = self.out.sub(exponent, one);
            let power = self.out.binary(BinaryOp::Pow, x, less);
            let slope = self.out.mul(exponent, power);
            let value = self.times(g, slope);
            // x^0 is 1 everywhere, at 0 too, where x^-1 is infinite.
            let zero = self.out.constant(dtype, 0.0);
            let flat = self.out.binary(BinaryOp::Eq, exponent, zero);
            let value = self.dropped(value, flat);
            self.send(a, value, shape);
        }
        if self.active[b.index()] {
            // a^b log(a), which tends to 0 with a
            let (y, log) = (self.value(id), self.out.unary(UnaryOp::Log, x));
            let slope = self.out.mul(y, log);
            let value = self.times(g, slope);
            let zero = self.out.constant(self.out.ty(x).dtype, 0.0);
            let at_zero = self.out.binary(BinaryOp::Eq, x, zero);
            let value = self.dropped(value, at_zero);
            self.send(b, value, shape);
        }
    }

    /// Two that may differ share a tie, half and half. Against a constant a value counts only beyond it, as relu's.
    fn extremum(&mut self, op: BinaryOp, [a, b]: [ExprId; 2], g: Adjoint, shape: &[Extent]) {
        let (x, y) = (self.value(a), self.value(b));
        let (beyond, below) = match op {
            BinaryOp::Max => (BinaryOp::Gt, BinaryOp::Lt),
            _ => (BinaryOp::Lt, BinaryOp::Gt),
        };
        let [beyond, below] = [beyond, below].map(|op| self.out.binary(op, x, y));
        match (self.differentiable(a), self.differentiable(b)) {
            (true, true) if self.ties == Ties::Shared => {
                let equal = self.out.binary(BinaryOp::Eq, x, y);
                let dtype = self.out.ty(x).dtype;
                let [half, one] = [0.5, 1.0].map(|share| self.out.constant(dtype, share));
                let share = self.out.select(equal, half, one);
                let g = self.times(g, share);
                for (to, other) in [(a, below), (b, beyond)] {
                    if self.active[to.index()] {
                        let kept = self.dropped(g, other);
                        self.send(to, kept, shape);
                    }
                }
            }
            (first, second) => {
                // In a combining function the first of two has a tie, so that all joins of a reduction agree on one.
                let selects_a = match first && !second {
                    true => beyond,
                    false => self.out.unary(UnaryOp::Not, below),
                };
                if self.active[a.index()] {
                    let kept = self.kept(g, selects_a);
                    self.send(a, kept, shape);
                }
                if self.active[b.index()] {
                    let kept = self.dropped(g, selects_a);
                    self.send(b, kept, shape);
                }
            }
        }
    }

    fn ternary(
        &mut self,
        op: TernaryOp,
        id: ExprId,
        [a, b, c]: [ExprId; 3],
        g: Adjoint,
        shape: &[Extent],
    ) {
        match op {
            TernaryOp::Select => {
                let condition = self.recomputed(a);
                // A guarded denominator, `s == 0 ? 1 : s`, is not zero where the condition drops: its adjoint is
                // zero there as it is, and can be added to others over the same.
                if g.over.is_some() && g.over == self.map[id.index()] {
                    if self.active[b.index()] {
                        let value = self.out.keep_where(condition, g.value);
                        self.send(b, Adjoint { value, ..g }, shape);
                    }
                    if self.active[c.index()] {
                        let value = self.out.drop_where(condition, g.value);
                        self.send(c, Adjoint { value, ..g }, shape);
                    }
                    return;
                }
                if self.active[b.index()] {
                    let kept = self.kept(g, condition);
                    self.send(b, kept, shape);
                }
                if self.active[c.index()] {
                    let kept = self.dropped(g, condition);
                    self.send(c, kept, shape);
                }
            }
            TernaryOp::Fma => {
                for (to, other) in [(a, b), (b, a)] {
                    if self.active[to.index()] {
                        let factor = self.value(other);
                        let value = self.times(g, factor);
                        self.send(to, value, shape);
                    }
                }
                self.send(c, g, shape);
            }
            TernaryOp::Philox => {}
        }
    }

    fn concat(
        &mut self,
        parts: &[ExprId],
        axis: usize,
        g: Adjoint,
        shape: &[Extent],
    ) -> Result<(), String> {
        let value = self.plain(g);
        let value = self.full(value, shape);
        let mut start = Extent::Const(0);
        for &part in parts {
            let ty = self.forward.program.expr(part).ty.clone();
            if self.active[part.index()] {
                let dtype = self.out.ty(value).dtype;
                let hint = Type { dtype, shape: ty.shape.clone() };
                let kind = ExprKind::Slice { of: value, axis, start };
                let value = self.out.emit(kind, Some(hint));
                self.send_value(part, value, &ty.shape);
            }
            start =
                extent::add(start, ty.shape[axis]).ok_or("tiles joined at an unknown position")?;
        }
        Ok(())
    }

    fn reduce(
        &mut self,
        op: ReduceOp,
        id: ExprId,
        a: ExprId,
        axis: usize,
        g: Adjoint,
    ) -> Result<(), String> {
        let target = self.shape(a);
        match op {
            // The adjoint has extent 1 along the axis: it is the same for every element.
            ReduceOp::Sum => self.send(a, g, &target),
            ReduceOp::Prod => {
                // The product of all others, from both sides, which holds where an element is 0.
                let x = self.value(a);
                let [before, after] = [false, true].map(|reverse| {
                    let op = ReduceOp::Prod;
                    let kind = ExprKind::Scan { op, of: x, axis, exclusive: true, reverse };
                    self.out.emit(kind, None)
                });
                let others = self.out.mul(before, after);
                let value = self.times(g, others);
                self.send(a, value, &target);
            }
            ReduceOp::Max | ReduceOp::Min => {
                // Equal elements share it evenly.
                let (x, found) = (self.recomputed(a), self.recomputed(id));
                let selected = self.out.binary(BinaryOp::Eq, x, found);
                let ones = self.out.cast(selected, Self::dtype(self.dtype_of(a)));
                let count = self.out.reduce(ReduceOp::Sum, ones, axis);
                let share = self.divided(g, count);
                let share = self.kept(share, selected);
                self.send(a, share, &target);
            }
            ReduceOp::All | ReduceOp::Any => return Err(format!("`{}`", op.name())),
        }
        Ok(())
    }

    fn dot(&mut self, a: ExprId, b: ExprId, g: Adjoint, shape: &[Extent]) {
        let value = self.plain(g);
        let value = self.full(value, shape);
        let (x, y) = (self.value(a), self.value(b));
        if self.active[a.index()] {
            let transposed = self.out.emit(ExprKind::Transpose(y, vec![1, 0]), None);
            let value = self.out.emit(ExprKind::Dot(value, transposed), None);
            let target = self.shape(a);
            self.send_value(a, value, &target);
        }
        if self.active[b.index()] {
            let transposed = self.out.emit(ExprKind::Transpose(x, vec![1, 0]), None);
            let value = self.out.emit(ExprKind::Dot(transposed, value), None);
            let target = self.shape(b);
            self.send_value(b, value, &target);
        }
    }

    /// A tile of shape `target` that holds at each position along the last axis the sum of those elements of
    /// `value` whose index it is: the adjoint of picking. A few indices are compared in line; many go through a
    /// loop, which repeats the comparison for each but keeps one row in memory. Where they are `distinct` there is one such
    /// element at most, and nothing is added.
    fn scatter(
        &mut self,
        value: ExprId,
        indices: ExprId,
        target: &[Extent],
        distinct: bool,
    ) -> Result<ExprId, String> {
        let picked = self.out.shape(indices).to_vec();
        let value = self.full(value, &picked);
        let indices = self.out.cast(indices, DType::I32);
        let last = target.len() - 1;
        let positions = self.out.positions(target[last], last, target.len());
        let mut one = picked.clone();
        one[last] = Extent::Const(1);
        let place = |sweep: &mut Self, indices: ExprId, value: ExprId, before: Option<ExprId>| {
            let here = sweep.out.binary(BinaryOp::Eq, positions, indices);
            match before {
                Some(before) if distinct => sweep.out.select(here, value, before),
                Some(before) => {
                    let value = sweep.out.keep_where(here, value);
                    sweep.out.add(before, value)
                }
                None => sweep.out.keep_where(here, value),
            }
        };
        match picked[last] {
            Extent::Const(1) => Ok(place(self, indices, value, None)),
            Extent::Const(count) if (1..=IN_LINE).contains(&count) => {
                let mut sum: Option<ExprId> = None;
                for start in 0..count {
                    let [index, element] = [indices, value].map(|of| {
                        let ty = Type { dtype: self.out.ty(of).dtype, shape: one.clone() };
                        let start = Extent::Const(start);
                        self.out.emit(ExprKind::Slice { of, axis: last, start }, Some(ty))
                    });
                    sum = Some(place(self, index, element, sum));
                }
                sum.ok_or_else(|| "a pick of nothing".into())
            }
            count => {
                let zero = self.out.constant(self.out.ty(value).dtype, 0.0);
                let zeros = self.out.broadcast(zero, target);
                let sum = self.out.variable("picked".into(), zeros);
                let (start, end) = (self.out.index(0), self.out.size(count));
                let j = self.out.begin_loop("j");
                let at = self.out.broadcast(j, &one);
                let [index, element] = [indices, value]
                    .map(|of| self.out.emit(ExprKind::Pick { of, indices: at }, None));
                let before = self.out.get(sum);
                let after = place(self, index, element, Some(before));
                self.out.set(sum, after);
                self.out.end_loop(j, start, end);
                Ok(self.out.get(sum))
            }
        }
    }
}
