//! Programs with loops as a batch: where all of them take the same turns, a turn is taken by all at once, as a step without a loop
//! is. What they carry from turn to turn has an axis for them like every tile.
//!
//! A gradient of a table that repeats over the rows is such: programs beside each other add up rows beside each other.

use super::turns::side_by_side;
use super::*;
use crate::bind::affine::Scalars;
use tilewright_ir::{Axis, Place};

/// Elements of a value of one program up to which a turn is little but the overhead of its steps.
const SHORT: usize = 512;

/// True for programs with loops that may run as a batch: they take the same turns, read what nobody writes and write rows of their
/// own.
pub fn loops_alike(request: &Request<'_>) -> bool {
    let Request { program, analysis, dims, grid, .. } = *request;
    if !analysis.control || analysis.atomic || grid.is_empty() || grid.len() > GRID_AXES {
        return false;
    }
    let scalars = Scalars::new(program, dims, grid);
    is_alike(request, &scalars, &program.body, true)
}

fn is_alike(request: &Request<'_>, scalars: &Scalars<'_>, body: &[Stmt], outermost: bool) -> bool {
    let Request { program, analysis, careful, overlapping, dims, .. } = *request;
    body.iter().all(|stmt| match stmt {
        Stmt::Let(id) => {
            let expr = program.expr(*id);
            let extents = expr.ty.shape.iter().map(|extent| extent.value(dims));
            let lanes = extents.fold(1usize, |n, extent| n.saturating_mul(extent));
            lanes <= SHORT
                && match &expr.kind {
                    ExprKind::Load { place, .. } => {
                        !careful[place.param.index()] && steps(request, scalars, place).is_some()
                    }
                    ExprKind::Get(_) | ExprKind::Program(_) => true,
                    kind => side_by_side(kind),
                }
        }
        Stmt::Set(..) => true,
        Stmt::Store { place, mask: None, mode: StoreMode::Set, .. } => {
            let param = place.param.index();
            let own = steps(request, scalars, place).is_some_and(|step| step > 0);
            own && !careful[param] && !overlapping[param] && analysis.stores[param] > 0
        }
        Stmt::For { start, end, step: 1, body, .. } => {
            let same = [start, end].into_iter().all(|bound| scalars.step(*bound) == Some(0));
            outermost && same && is_alike(request, scalars, body, false)
        }
        Stmt::Store { .. } | Stmt::For { .. } | Stmt::When { .. } => false,
    })
}

/// How many rows the next program's place lies behind, where they are along one axis and the programs tell them.
fn steps(request: &Request<'_>, scalars: &Scalars<'_>, place: &Place) -> Option<i64> {
    let mut along = 0;
    for (axis, parts) in place.axes.iter().zip(&request.tensors[place.param.index()]) {
        let step = match *axis {
            Axis::All => 0,
            Axis::At(id) => scalars.step(id)?,
            Axis::Range { start, .. } => scalars.constant(start).map(|_| 0)?,
            Axis::Gather(_) => return None,
        };
        if parts.len() != 1 || step < 0 || step > 0 && along > 0 {
            return None;
        }
        along += step;
    }
    Some(along)
}

impl Binder<'_> {
    /// The positions of all programs of a batch, of an index that a loop has a part in.
    pub(super) fn run_of_programs(&self, id: ExprId) -> Option<Positions> {
        let looped = self.request.batch > 1 && self.request.analysis.control;
        if !looped || self.together.is_some() || self.scalars.affine(id).is_some() {
            return None;
        }
        let step = self.scalars.step(id).filter(|step| *step > 0)?;
        let start = Index::At { at: self.value(id).at, batch: 0 };
        Some(Positions::Run { start, len: self.request.batch, step: usize::try_from(step).ok()? })
    }
}
