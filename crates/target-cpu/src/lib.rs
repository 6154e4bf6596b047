//! The CPU target: SIMD primitives over cache-resident blocks, on all cores.
