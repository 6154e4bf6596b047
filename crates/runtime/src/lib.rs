//! Compile cache, launch, memory pool, and the list of targets.
//!
//! A [`Runtime`] is a device with its compiled kernels and its freed memory. [`Runtime::compile`] turns a program
//! into a [`Kernel`]; [`Kernel::plan`] finds the shapes of a call, [`Kernel::launch`] runs it. Tensors with owned
//! memory, and callables that do all this in one call, are `tilewright-tensor`'s.
//!
//! This is the lowest crate that may read the environment (`SHOW`, see [`Show`]) or a clock.

mod adopt;
mod cache;
pub mod emit;
mod emulator;
mod interpreter;
mod kernel;
mod nearest;
mod pool;
mod recording;
mod runtime;
mod show;
pub mod source;
pub mod targets;
pub mod tuned;

pub use kernel::{Kernel, Plan, TensorMut, TensorRef, Value};
pub use nearest::nearest;
pub use pool::{Memory, Pool, PoolStats};
pub use recording::Recording;
pub use runtime::{Runtime, Stats};
pub use show::Show;
pub use tilewright_ir::error::{Error, Fault, Result};
pub use tilewright_target::host::{BorrowedBuffer, Element, HostBuffer};
pub use tilewright_target::{
    Argument as Passed, Buffer, Caps, Chosen, Device, DeviceKind, Region, TargetError,
    contiguous_strides,
};
