//! Softmax in one pass less: with the maximum of a row, the pass gathers the sum of exponentials relative to it
//! (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
//!
//! For each position of a block: with x the next element, m the greatest before and s = Σ exp(x' - m) over those,
//!
//! ```text
//! e = exp(-|x - m|)        s = x > m ? s e + 1 : s + e        m = max(m, x)
//! ```
//!
//! and at the end Σ exp(x - shift) = Σ s exp(m - shift) over positions.

use super::{Blocks, Exponentials};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, ReduceOp, UnaryOp};

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

    /// Updates the sums of a block's positions with its elements; `before` are the maxima. Past the end of the row x is
    /// minus infinity: such adds nothing to a sum of others, and what it makes of a sum of none counts for nothing, since
    /// it is relative to minus infinity.
    pub(super) fn gather_exponentials(
        &mut self,
        sums: tilewright_ir::VarId,
        x: ExprId,
        before: ExprId,
    ) {
        let out = &mut self.out;
        let zero = out.constant(DType::F32, 0.0);
        let one = out.constant(DType::F32, 1.0);
        // Equal infinities have no difference.
        let same = out.binary(BinaryOp::Eq, x, before);
        let difference = out.sub(x, before);
        let difference = out.select(same, zero, difference);
        // By the power of two, which costs half as much. What rounding the exponent does to e is at most 0.37 units of the
        // sum's last place, since x e^-x is.
        let distance = out.unary(UnaryOp::Abs, difference);
        let to_two = out.constant(DType::F32, -std::f64::consts::LOG2_E);
        let exponent = out.mul(distance, to_two);
        let e = out.unary(UnaryOp::Exp2, exponent);
        let above = out.binary(BinaryOp::Gt, difference, zero);
        let (scale, term) = (out.select(above, e, one), out.select(above, one, e));
        let sum = out.get(sums);
        let scaled = out.mul(sum, scale);
        let joined = out.add(scaled, term);
        out.set(sums, joined);
    }

    /// Computes such a sum from what was gathered.
    pub(super) fn sum_up(&mut self, id: ExprId) -> Option<()> {
        let (maxima, sums) = *self.gathered.get(&id)?;
        let shift = self.with_sum.values().find(|e| e.sum == id)?.shift;
        let shift = *self.known.get(&shift)?;
        let program = self.program;
        let ExprKind::Reduce(op, _, axis) = program.expr(id).kind else { return None };
        let difference = self.out.sub(maxima, shift);
        let e = self.out.unary(UnaryOp::Exp, difference);
        // Positions that got no element are at minus infinity, which no shift moves.
        let terms = self.out.mul(sums, e);
        let total = self.out.reduce(op, terms, axis);
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
