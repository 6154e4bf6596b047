//! The kernel catalog: one file a kernel, one static list.
//!
//! Each file holds the formula, the obvious f64 reference, the tile program, its cases, and what was tried and was
//! slower. Tests, docs, benchmarks and the command line iterate [`CATALOG`].

pub mod catalog;
pub mod entry;
pub mod softmax;

pub use catalog::{CATALOG, find};
pub use entry::{Case, Entry, Family, Fill, Grad, Inputs};
