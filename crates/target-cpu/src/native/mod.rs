//! Native code for chains of maps: what the primitives would do one after the other, in registers.
//!
//! A primitive sweeps rows that lie in the first cache; each op of a chain costs a load and a store per vector. Where
//! several follow one another, their arithmetic is *recorded* instead ([`Recorder`] implements the lane arithmetic
//! that maps are written in, so nothing is written twice), freed of common parts, given registers, and encoded for
//! AVX-512 or AVX2. The instructions are those of the primitives, so the bits are the same; the tests hold them to it.
//!
//! Rows are folded with the order of [`simd::reduce`](crate::simd::reduce). A value that depends on a fold exists in a
//! later sweep over the row ([`lower`]), all of them inside one call.

mod assemble;
mod code;
mod encoding;
mod fetch;
mod graph;
mod join;
mod lower;
mod masked;
mod moves;
mod multiply;
mod record;
mod registers;

pub use code::{Arguments, Code, runs_here};
pub use graph::{Chain, Format, Op, Operand, Sink, Value};
pub use lower::{compile, may_stagger};
pub use record::Recorder;

/// A map as native code knows it: records its arithmetic on recorded values.
pub type Record = fn(Recorder<'_>, [Value; 3]) -> Value;

#[cfg(test)]
mod tests;
