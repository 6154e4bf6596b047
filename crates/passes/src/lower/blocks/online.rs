//! Softmax in one pass less: with the maximum of a row, the pass gathers the sum of exponentials relative to it
//! (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
//!
//! A block is taken as vectors that one thread holds each. For each vector of a block: with x its next elements, m the
//! greatest before and s = Σ exp(x' - r) over those, r being m where that is finite and else 0,
//!
//! ```text
//! m' = max(m, max x)        s' = s exp(m - r') + Σ exp(x - r')
//! ```
//!
//! and at the end Σ exp(x - shift) = Σ s exp(m - shift) over vectors. A vector costs one exponential more than it has
//! elements, and an element a few instructions: element by element, each would scale the sum.

use super::{Blocks, Exponentials};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, ReduceOp, Shape, UnaryOp, VarId};

impl Blocks<'_> {
    /// Finds sums of exponentials of rows whose maximum is taken before.
    pub(super) fn find_exponentials(&mut self) {
        let program = self.program;
        let kind = |id: ExprId| &program.expr(id).kind;
        for number in 0..program.exprs.len() {
            let sum = ExprId(number as u32);
            let ExprKind::Reduce(ReduceOp::Sum, e, axis) = *kind(sum) else { continue };
            let ExprKind::Unary(UnaryOp::Exp, d) = *kind(e) else { continue };
            let ExprKind::Binary(BinaryOp::Sub, x, shift) = *kind(d) else { continue };
            let shift = match *kind(shift) {
                ExprKind::Broadcast(of) => of,
                _ => shift,
            };
            if program.expr(x).ty.dtype != DType::F32 || !self.is_row(x) || self.is_row(shift) {
                continue;
            }
            let before = (0..sum.0).map(ExprId);
            let mut maxima =
                before.filter(|id| *kind(*id) == ExprKind::Reduce(ReduceOp::Max, x, axis));
            if let Some(max) = maxima.next() {
                self.with_sum.entry(max).or_insert(Exponentials { sum, shift });
            }
        }
    }

    /// The shape of a block as vectors, and of a number for each.
    pub(super) fn in_vectors(&self) -> [Shape; 2] {
        let vectors = Extent::Const(1 << (self.block - self.vector));
        [Extent::Const(1 << self.vector), Extent::Const(1)].map(|lanes| vec![vectors, lanes])
    }

    /// Updates maxima and sums of a block's vectors with its elements. Past the end of the row these are minus infinity,
    /// which adds nothing. Where all are, so is the maximum, and scales the sum of nothing by nothing.
    pub(super) fn gather_exponentials(&mut self, [maxima, sums]: [VarId; 2], x: ExprId) {
        let [shape, _] = self.in_vectors();
        let out = &mut self.out;
        let x = out.reshape(x, shape);
        let before = out.get(maxima);
        let own = out.reduce(ReduceOp::Max, x, 1);
        let greatest = out.binary(BinaryOp::Max, before, own);
        out.set(maxima, greatest);
        let (zero, infinity) =
            (out.constant(DType::F32, 0.0), out.constant(DType::F32, f64::INFINITY));
        let size = out.unary(UnaryOp::Abs, greatest);
        let finite = out.binary(BinaryOp::Lt, size, infinity);
        let reference = out.select(finite, greatest, zero);
        // By the power of two, which costs half as much. What rounding the exponent does to e is at most 0.37 units of the
        // sum's last place, since x e^-x is.
        let mut exponential = |a: ExprId| {
            let distance = out.sub(a, reference);
            let to_two = out.constant(DType::F32, std::f64::consts::LOG2_E);
            let exponent = out.mul(distance, to_two);
            out.unary(UnaryOp::Exp2, exponent)
        };
        let (scale, terms) = (exponential(before), exponential(x));
        let sum = out.get(sums);
        let scaled = out.mul(sum, scale);
        let own = out.reduce(ReduceOp::Sum, terms, 1);
        let joined = out.add(scaled, own);
        out.set(sums, joined);
    }

    /// Computes such a sum from what was gathered.
    pub(super) fn sum_up(&mut self, id: ExprId) -> Option<()> {
        let (maxima, sums) = *self.gathered.get(&id)?;
        let shift = self.with_sum.values().find(|e| e.sum == id)?.shift;
        let shift = *self.known.get(&shift)?;
        let program = self.program;
        let ExprKind::Reduce(op, ..) = program.expr(id).kind else { return None };
        let difference = self.out.sub(maxima, shift);
        let e = self.out.unary(UnaryOp::Exp, difference);
        // Vectors that got no element are at minus infinity, which no shift moves.
        let terms = self.out.mul(sums, e);
        let total = self.out.reduce(op, terms, 0);
        let total = self.out.reshape(total, program.expr(id).ty.shape.clone());
        if let Some(name) = &program.expr(id).name {
            self.out.name(total, name.clone());
        }
        self.known.insert(id, total);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use crate::lower::{Schedule, Units, blocks};
    use tilewright_ir::{Stmt, text};

    #[test]
    fn softmax_reads_a_long_row_twice() {
        let source = "kernel t(x: in f32[rows, cols], y: out f32[rows, cols])\ngrid rows\n\
                      %0: i32 = program 0\n%1: f32[cols] = load x[%0, :]\n\
                      %2: f32[1] = reduce_max %1 axis 0\n%3: f32[cols] = sub %1, %2\n\
                      %4: f32[cols] = exp %3\n%5: f32[1] = reduce_sum %4 axis 0\n\
                      %6: f32[cols] = div %4, %5\nstore y[%0, :] = %6\n";
        let program = text::parse(source).unwrap();
        let schedule = Schedule::default_for(&program, &[2, 20000], Units::None);
        let blocked = blocks::blocked(&program, &schedule).unwrap();
        let passes = blocked.body.iter().filter(|s| matches!(s, Stmt::For { .. })).count();
        assert_eq!(passes, 2);
    }
}
