//! The Metal target: what MSL spells its own way.
//!
//! Emission works on every host. Without a Mac the emitted text is proven by building it unchanged with a C++ compiler.

#[cfg(any(target_os = "macos", tilewright_typecheck))]
mod apple;
mod dialect;
mod family;
pub mod host;
mod place;
pub mod source;

#[cfg(any(target_os = "macos", tilewright_typecheck))]
pub use apple::{MetalBuffer, MetalDevice};
pub use dialect::{Msl, PLACE};
pub use family::{FAMILIES, Family, NEWEST};

use tilewright_ir::Program;
use tilewright_passes::lower::{Aim, LowerError, Typical, Units, lower_for};
use tilewright_target::c;

/// The MSL of a program as it is compiled for sizes like these: the same text serves every size with the same power of
/// two above it that vectors divide likewise.
///
/// # Errors
/// When the program has no lowering to threads, or breaks a limit of every GPU.
pub fn source(program: &Program, size: impl Fn(&str) -> usize) -> Result<String, LowerError> {
    Ok(c::source(&typical(program, size)?.threads, &Msl))
}

/// What [`source()`] prints, and the sizes that it serves.
///
/// # Errors
/// As [`source()`].
pub fn typical<A: Into<Aim>>(
    program: &Program,
    size: impl Fn(&str) -> A,
) -> Result<Typical, LowerError> {
    let typical = lower_for(program, Units::Float, size)?;
    let fits = NEWEST.check(&typical.threads);
    fits.map_err(|limit| LowerError(format!("{}: {limit}", program.name)))?;
    Ok(typical)
}
