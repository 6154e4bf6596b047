//! Lowering for typical sizes: what text is emitted for, and which other sizes it serves.

use super::spread::split_axis;
use super::{LowerError, PASSES, Schedule, Units, lower};
use crate::pipeline;
use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{DimId, DimRule, Extent, Program};

/// A thread program, and the sizes that it serves.
#[derive(Clone, Debug)]
pub struct Typical {
    /// What a thread does.
    pub threads: ThreadProgram,
    /// For each size, which values the text is right for; `None` for any.
    pub sizes: Vec<Option<Serves>>,
}

/// Values of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serves {
    /// The least.
    pub least: usize,
    /// The greatest.
    pub greatest: usize,
    /// What divides all.
    pub multiple_of: usize,
}

/// Optimizes and lowers `program` for sizes like these.
///
/// # Errors
/// As [`lower()`].
pub fn lower_for(
    program: &Program,
    units: Units,
    size: impl Fn(&str) -> usize,
) -> Result<Typical, LowerError> {
    lower_with(program, units, false, size)
}

/// As [`lower_for`], for a device that has routines or has none.
///
/// # Errors
/// As [`lower()`].
pub fn lower_with(
    program: &Program,
    units: Units,
    routines: bool,
    size: impl Fn(&str) -> usize,
) -> Result<Typical, LowerError> {
    let mut program = program.clone();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    let told = program.dims.iter().map(|dim| match dim.rule {
        DimRule::Free => size(&dim.name),
        DimRule::CeilDiv { .. } => 1,
    });
    let mut dims: Vec<usize> = told.collect();
    program.derive(&mut dims);
    let mut schedule = Schedule::default_for(&program, &dims, units);
    schedule.routines = routines;
    let threads = lower(&program, &schedule)?;
    let split = match split_axis(&program, |e| schedule.capacity_of(e)) {
        Some(Extent::Dim { dim, .. }) => Some(dim),
        _ => None,
    };
    let in_tiles = |dim: DimId| {
        let mut shapes = program.exprs.iter().map(|e| &e.ty.shape);
        shapes.any(|s| s.iter().any(|e| matches!(e, Extent::Dim { dim: d, .. } if *d == dim)))
    };
    let serves = |i: usize| {
        let capacity = 1usize << schedule.capacity[i].min(31);
        let (least, greatest) = match (schedule.exact[i], split) {
            (true, _) => (capacity, capacity),
            // Any number of groups shares it.
            (false, Some(dim)) if dim.index() == i => (0, i32::MAX as usize),
            (false, _) => (0, capacity),
        };
        let multiple_of = if schedule.divides[i] { 1 << schedule.vector } else { 1 };
        Serves { least, greatest, multiple_of }
    };
    let sizes = (0..dims.len()).map(|i| in_tiles(DimId(i as u32)).then(|| serves(i))).collect();
    Ok(Typical { threads, sizes })
}
