//! Lowering for typical sizes: what text is emitted for, and which other sizes it serves.

use super::spread::split_axis;
use super::{LowerError, Multiprocessors, PASSES, Schedule, Stay, Units, lower};
use crate::pipeline;
use tilewright_ir::thread::{Serves, ThreadProgram};
use tilewright_ir::{DimId, DimRule, Extent, ParamKind, Program};

/// A thread program, and the sizes that it serves.
#[derive(Clone, Debug)]
pub struct Typical {
    /// What a thread does.
    pub threads: ThreadProgram,
    /// For each size, which values the text is right for; `None` for any.
    pub sizes: Vec<Option<Serves>>,
}

/// A size that a text is made for.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// The size.
    pub size: usize,
    /// The text is to serve others too, at the cost of masks: a power of two alone needs none.
    pub others: bool,
}

impl From<usize> for Aim {
    fn from(size: usize) -> Aim {
        Aim { size, others: false }
    }
}

/// Optimizes and lowers `program` for sizes like these.
///
/// # Errors
/// As [`lower()`].
pub fn lower_for<A: Into<Aim>>(
    program: &Program,
    units: Units,
    size: impl Fn(&str) -> A,
) -> Result<Typical, LowerError> {
    lower_with(program, units, false, None, size)
}

/// As [`lower_for`], for a device that has routines or has none; `stay` are its multiprocessors, where groups may stay on them
/// and run in clusters.
///
/// # Errors
/// As [`lower()`].
pub fn lower_with<A: Into<Aim>>(
    program: &Program,
    units: Units,
    routines: bool,
    stay: Option<Multiprocessors>,
    size: impl Fn(&str) -> A,
) -> Result<Typical, LowerError> {
    let mut program = program.clone();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    let told = program.dims.iter().map(|dim| match dim.rule {
        DimRule::Free => size(&dim.name).into(),
        DimRule::CeilDiv { .. } | DimRule::Quotient { .. } => Aim::from(1),
    });
    let told: Vec<Aim> = told.collect();
    let mut dims: Vec<usize> = told.iter().map(|aim| aim.size).collect();
    program.derive(&mut dims);
    let mut schedule = Schedule::default_for(&program, &dims, units);
    if stay.is_some() {
        schedule = schedule.in_clusters(&program);
    }
    schedule.routines = routines;
    schedule.stay = stay.and_then(|on| Stay::of(&program, &dims, on));
    schedule.keep = stay.map_or(0, |on| on.shared);
    for (i, aim) in told.iter().enumerate() {
        schedule.exact[i] &= !aim.others;
    }
    let threads = lower(&program, &schedule)?;
    let split = match split_axis(&program, |e| schedule.capacity_of(e)) {
        Some(Extent::Dim { dim, .. }) => Some(dim),
        _ => None,
    };
    let in_tiles = |dim: DimId| {
        let mut shapes = program.exprs.iter().map(|e| &e.ty.shape);
        shapes.any(|s| s.iter().any(|e| matches!(e, Extent::Dim { dim: d, .. } if *d == dim)))
    };
    // A vector may begin wherever its lanes are a multiple of a line and of all strides: those of the lines around are, once
    // the last axis is.
    let lanes = 1 << schedule.vector;
    let lines = |dim: DimId| {
        let mut shapes = program.params.iter().filter_map(|param| match &param.kind {
            ParamKind::Tensor { shape, .. } => Some(match shape.last() {
                Some(Extent::Const(n)) if n % lanes != 0 => &shape[1..],
                _ => &shape[shape.len().saturating_sub(1)..],
            }),
            ParamKind::Scalar { .. } => None,
        });
        shapes.any(|s| s.iter().any(|e| matches!(e, Extent::Dim { dim: d, .. } if *d == dim)))
    };
    let serves = |i: usize| {
        let capacity = 1usize << schedule.capacity[i].min(31);
        let known = schedule.stay.as_ref().and_then(|stay| stay.sizes[i]);
        let (least, greatest) = match (schedule.exact[i], split) {
            _ if known.is_some() => (dims[i], dims[i]),
            (true, _) => (capacity, capacity),
            // Any number of groups shares it.
            (false, Some(dim)) if dim.index() == i => (0, i32::MAX as usize),
            (false, _) => (0, capacity),
        };
        let multiple_of = if schedule.divides[i] { 1 << schedule.vector } else { 1 };
        Serves { least, greatest, multiple_of }
    };
    let sizes = (0..dims.len()).map(|i| match (in_tiles(DimId(i as u32)), serves(i)) {
        (true, serves) => Some(serves),
        (false, Serves { multiple_of, .. }) => (multiple_of > 1 && lines(DimId(i as u32)))
            .then_some(Serves { least: 0, greatest: i32::MAX as usize, multiple_of }),
    });
    let sizes = sizes.collect();
    Ok(Typical { threads, sizes })
}
