//! Random words, a block of four at once: Philox computes four, so where four neighbouring registers hold the words of
//! one block it is computed once for them.

use super::access::keeps_integers;
use super::layout::Layout;
use super::{Held, LowerError, Lowering, shift_left};
use tilewright_ir::thread::Code;
use tilewright_ir::{BinaryOp, ExprId, ExprKind, Extent};

impl Lowering<'_> {
    /// True when each four registers of `layout` hold four neighbours of `position`, the first a multiple of 4.
    pub(super) fn is_four_by_four(&self, position: ExprId, layout: &Layout) -> bool {
        layout.vector() >= 2 && self.counts_from(position, 2)
    }

    /// True for positions along the last axis, from a multiple of `2^bits` on.
    pub(super) fn counts_from(&self, id: ExprId, bits: u32) -> bool {
        let expr = self.program.expr(id);
        let last = |id: ExprId| self.program.expr(id).ty.shape.last().copied();
        match &expr.kind {
            ExprKind::Iota(_) => true,
            // Negative ones would all become 0 where there are none, and great ones the greatest that there is.
            ExprKind::Cast(a) => {
                let (from, to) = (self.program.expr(*a).ty.dtype, expr.ty.dtype);
                keeps_integers(from, to)
                    && (to.is_signed() || !from.is_signed() || self.is_a_count(*a))
                    && self.counts_from(*a, bits)
            }
            // An extent of 1 would be repeated, not counted along.
            ExprKind::Broadcast(a) | ExprKind::Reshape(a) => {
                last(*a) == last(id)
                    && last(id) != Some(Extent::Const(1))
                    && self.counts_from(*a, bits)
            }
            ExprKind::Binary(BinaryOp::Add, a, b) => {
                let alike = |a: ExprId| {
                    let shape = &self.program.expr(a).ty.shape;
                    shape.last().is_none_or(|e| *e == Extent::Const(1)) && self.divisor(a) >= bits
                };
                (self.counts_from(*a, bits) && alike(*b))
                    || (self.counts_from(*b, bits) && alike(*a))
            }
            _ => false,
        }
    }

    /// True for integers that are surely not negative.
    fn is_a_count(&self, id: ExprId) -> bool {
        match self.program.expr(id).kind {
            ExprKind::Iota(_) => true,
            ExprKind::Broadcast(a) | ExprKind::Reshape(a) => self.is_a_count(a),
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Mul, a, b) => {
                self.is_a_count(a) && self.is_a_count(b)
            }
            _ => self.stays_inside(id, Extent::Const(0), true),
        }
    }

    /// Lowers random words at such positions.
    pub(super) fn random_blocks(
        &mut self,
        id: ExprId,
        name: &str,
        layout: Layout,
        [position, seed, stream]: [ExprId; 3],
    ) -> Result<(), LowerError> {
        let dtype = self.program.expr(id).ty.dtype;
        let register = self.register(name, dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        self.unroll(layout.registers() / 4, |l, i| {
            let index = shift_left(i, 2);
            let position = l.element(position, &layout, &index)?;
            let seed = l.element(seed, &layout, &index)?;
            let stream = l.element(stream, &layout, &index)?;
            l.code(Code::Philox { into: register, index, position, seed, stream });
            Ok::<(), LowerError>(())
        })?;
        self.hold(id, Held { register, layout });
        Ok(())
    }
}
