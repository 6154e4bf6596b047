//! The CPU target: SIMD primitives over cache-resident blocks, on all cores.
#![allow(dead_code, unused_imports)]
pub mod memory;
pub mod pool;
pub mod simd;
