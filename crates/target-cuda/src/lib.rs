//! The CUDA target: NVIDIA GPUs, through the driver and NVRTC found at run time.
//!
//! Builds anywhere; [`CudaDevice::open`] says plainly what is missing on a machine that cannot run it.

mod copy;
mod device;
mod dialect;
mod driver;
mod launch;

pub use device::{CudaBuffer, CudaDevice};
pub use dialect::CudaC;

use tilewright_ir::{DimRule, Program};
use tilewright_passes::lower::{LowerError, PASSES, Schedule, lower};
use tilewright_passes::pipeline;
use tilewright_target::c;

/// The CUDA C of a program as it is compiled for sizes like these: the same text serves every size with the same power
/// of two above it that vectors divide likewise.
///
/// # Errors
/// When the program has no lowering to threads.
pub fn source(program: &Program, size: impl Fn(&str) -> usize) -> Result<String, LowerError> {
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
    let schedule = Schedule::default_for(&program, &dims);
    Ok(c::source(&lower(&program, &schedule)?, &CudaC))
}
