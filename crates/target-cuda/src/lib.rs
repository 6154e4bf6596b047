//! The CUDA target: NVIDIA GPUs, through the driver and NVRTC found at run time.
//!
//! Builds anywhere; [`CudaDevice::open`] says plainly what is missing on a machine that cannot run it.

mod attention;
mod cache;
mod capture;
mod compile;
mod copy;
mod dependent;
mod device;
mod dialect;
mod driver;
mod graph;
mod grouped;
mod launch;
mod library;
mod map;
mod multiply;
mod outline;
mod prepared;
mod routine;
mod source;
mod specified;
mod unpacked;
mod variant;

pub use compile::{Usage, compile, compile_with_usage};
pub use dependent::waiting;
pub use device::{CudaBuffer, CudaDevice};
pub use dialect::CudaC;
pub use source::sign;

use specified::Specified;
use tilewright_ir::Program;
use tilewright_passes::lower::{LowerError, Multiprocessors, Units, lower_with};
use tilewright_target::c;

/// The CUDA C of a program as it is compiled for sizes like these: the same text serves every size with the same power
/// of two above it that vectors divide likewise.
///
/// # Errors
/// When the program has no lowering to threads.
pub fn source(program: &Program, size: impl Fn(&str) -> usize) -> Result<String, LowerError> {
    Ok(c::source(&lower_with(program, Units::Half, true, None, size)?.threads, &CudaC))
}

/// The same for a device on whose multiprocessors groups may stay: where columns of packed weights share out well, they do, and
/// the text serves these columns alone.
///
/// # Errors
/// As [`source`].
pub fn staying_source(
    program: &Program,
    on: Multiprocessors,
    size: impl Fn(&str) -> usize,
) -> Result<String, LowerError> {
    Ok(c::source(&lower_with(program, Units::Half, true, Some(on), size)?.threads, &CudaC))
}

/// The CUDA C by which `program`, which is optimized, runs as a whole on an architecture such as `sm_90`, and what to
/// compile it for: a text for each of the sizes that make a difference. None where the text of [`source`] runs.
pub fn own_sources(program: &Program, architecture: &str) -> Vec<(String, String)> {
    let specified = Specified::of(program, architecture);
    let texts = specified.iter().flat_map(|specified| specified.texts());
    texts.map(|text| (text.source.clone(), text.architecture.clone())).collect()
}
