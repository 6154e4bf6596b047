//! Pieces of tile programs that devices have text of their own for, recognized by what they compute.
//!
//! A program whose weights are affine integers, or that attends over a cache, becomes a [`Routine`] and what the generic
//! lowering makes of the rest. A program that does not fit takes the generic way as a whole.

mod appended;
mod attend;
mod attended;
mod choice;
mod norm;
mod product;
mod products;
mod staying;
mod turned;

use super::{Lowering, Schedule};
use tilewright_ir::table::HashSet;
use tilewright_ir::thread::{Code, Routine, Split, ThreadProgram, Value};
use tilewright_ir::{Access, Axis, DType, ExprId, ExprKind, Extent, ParamKind, Place, Program};

/// `program` with a routine; `None` when none fits.
pub(super) fn lower(program: &Program, schedule: &Schedule) -> Option<ThreadProgram> {
    if !schedule.routines || schedule.linear {
        return None;
    }
    products::lower(program, schedule).or_else(|| attend::lower(program, schedule))
}

impl Lowering<'_> {
    /// The value of an expression that every thread can compute.
    fn known(&mut self, id: ExprId) -> Option<Value> {
        self.value_at(id, &[]).or_else(|| self.scalar(id).ok())
    }

    /// The program around a routine, as it stands: its few scalars need no tidying, but what nobody reads goes.
    fn finish_routine(mut self, threads: usize, split: Option<Split>) -> ThreadProgram {
        let mut body = std::mem::take(&mut self.prologue);
        body.append(&mut self.blocks.pop().unwrap_or_default());
        super::tidy::unused(&mut body, self.registers.len());
        let mut program = self.threads_of(threads, split, body);
        super::memory::place(&mut program.shared, &program.body, false);
        program
    }

    fn routine(&mut self, routine: Routine) {
        self.code(Code::Routine(routine));
    }
}

/// The place that a tile is read from, if it is a half type widened to f32 whose missing elements are zeros.
fn halves(program: &Program, id: ExprId) -> Option<(&Place, DType)> {
    widened(program, id).filter(|(place, _)| is_input(program, place))
}

/// The same of a tensor that the program may also write.
fn widened(program: &Program, id: ExprId) -> Option<(&Place, DType)> {
    let ExprKind::Cast(of) = program.expr(program.under_shapes(id)).kind else { return None };
    let expr = program.expr(of);
    let ExprKind::Load { place, fill } = &expr.kind else { return None };
    let half = matches!(expr.ty.dtype, DType::F16 | DType::BF16);
    let widened = program.expr(program.under_shapes(id)).ty.dtype == DType::F32;
    (half && widened && fill.value() == 0.0).then_some((place, expr.ty.dtype))
}

/// True when nobody writes the tensor.
fn is_input(program: &Program, place: &Place) -> bool {
    matches!(program.param(place.param).kind, ParamKind::Tensor { access: Access::In, .. })
}

/// True when an expression depends on the program's index along a grid axis.
fn depends(program: &Program, id: ExprId, axis: usize) -> bool {
    let kind = &program.expr(id).kind;
    let mut found = matches!(kind, ExprKind::Program(a) if *a == axis);
    kind.operands(|a| found = found || depends(program, a, axis));
    found
}

/// The indices of a place.
fn indices(place: &Place) -> impl Iterator<Item = (usize, ExprId)> + '_ {
    place.axes.iter().enumerate().filter_map(|(i, axis)| match axis {
        Axis::At(id) | Axis::Gather(id) | Axis::Range { start: id, .. } => Some((i, *id)),
        Axis::All => None,
    })
}

/// True for tiles of one element.
fn is_scalar(program: &Program, id: ExprId) -> bool {
    program.expr(id).ty.shape.iter().all(|e| *e == Extent::Const(1))
}

/// Adds an expression and all that it is computed from.
fn closure(program: &Program, id: ExprId, all: &mut HashSet<ExprId>) {
    if all.insert(id) {
        program.expr(id).kind.operands(|a| closure(program, a, all));
    }
}
