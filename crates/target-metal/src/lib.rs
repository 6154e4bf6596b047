//! The Metal target: what MSL spells its own way.
//!
//! Emission works on every host. Without a Mac the emitted text is proven by building it unchanged with a C++ compiler.

mod dialect;
mod family;
pub mod host;

pub use dialect::{Msl, PLACE};
pub use family::{FAMILIES, Family, NEWEST};

use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{DimRule, Program};
use tilewright_passes::lower::{LowerError, PASSES, Schedule, lower};
use tilewright_passes::pipeline;
use tilewright_target::c;

/// The MSL of a program as it is compiled for sizes like these: the same text serves every size with the same power of
/// two above it that vectors divide likewise.
///
/// # Errors
/// When the program has no lowering to threads, or breaks a limit of every GPU.
pub fn source(program: &Program, size: impl Fn(&str) -> usize) -> Result<String, LowerError> {
    Ok(c::source(&threads(program, size)?, &Msl))
}

/// The thread program that [`source`] prints.
///
/// # Errors
/// As [`source`].
pub fn threads(
    program: &Program,
    size: impl Fn(&str) -> usize,
) -> Result<ThreadProgram, LowerError> {
    let mut program = program.clone();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    let mut dims: Vec<usize> = Vec::with_capacity(program.dims.len());
    for dim in &program.dims {
        dims.push(match dim.rule {
            DimRule::CeilDiv { dim: of, by } => {
                dims.get(of.index()).map_or(1, |whole| whole.div_ceil(by.max(1)))
            }
            DimRule::Free => size(&dim.name),
        });
    }
    let threads = lower(&program, &Schedule::default_for(&program, &dims))?;
    NEWEST.check(&threads).map_err(|limit| LowerError(format!("{}: {limit}", program.name)))?;
    Ok(threads)
}
