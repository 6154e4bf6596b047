//! The seam between the compiler and the machines.
//!
//! A [`Device`] compiles an IR program into an [`Executable`] and owns memory as [`Buffer`]s. A launch passes one
//! [`Argument`] a parameter: where a tensor lies, with its strides in elements, or a run-time number. Nothing
//! here knows a tensor library, a model or a kernel by name, and nothing here reads the environment or a clock.

mod argument;
pub mod arguments;
pub mod c;
mod device;
mod error;
pub mod host;
pub mod mlx;
pub mod null;
pub mod recording;
pub mod source;
pub mod tuned;

pub use argument::{Argument, Region, contiguous_stride, contiguous_strides};
pub use device::{Buffer, Caps, Chosen, Device, DeviceKind, Executable};
pub use error::TargetError;
