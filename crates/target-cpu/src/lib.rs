//! The CPU target: SIMD primitives over cache-resident blocks, on all cores.
//!
//! A program is analyzed once ([`Device::compile`](tilewright_target::Device::compile)) and bound to the sizes and
//! strides of a call at its first launch with them, some microseconds of work: every value of the IR becomes a tile
//! with a place, every op a call of a primitive on whole tiles. Speed comes from primitives that are as fast as the CPU
//! can, tiles that stay in the first cache, and large outputs that go past all caches. On AVX-512, chains of maps and
//! folds become one piece of native code (the `native` module), which keeps in registers what lies between them.

// Loops over lanes and axes index several arrays at once; an iterator over one of them hides that.
#![allow(clippy::needless_range_loop)]

mod ahead;
mod analysis;
mod attention;
mod bind;
mod describe;
mod device;
mod engine;
mod execute;
mod memory;
mod native;
mod packed;
mod pool;
mod product;
mod scatter;
mod schedule;
mod simd;
mod sixteens;
mod step;

pub use device::{CpuDevice, CpuOptions};
pub use simd::Level;
