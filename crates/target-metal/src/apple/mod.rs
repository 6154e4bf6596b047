//! Apple's GPUs through Metal. Compiled on macOS alone; `.ci/typecheck-metal` checks its types elsewhere.

mod device;
mod gpu;
mod launch;
mod pipeline;

pub use device::{MetalBuffer, MetalDevice};
