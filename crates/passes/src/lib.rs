//! IR to IR, one file a pass.
//!
//! [`pipeline::PASSES`] is the list of passes that every program goes through before it is compiled.

pub mod check;
pub mod dead;
mod emit;
mod extent;
pub mod grad;
pub mod hoist;
pub mod lines;
pub mod lower;
pub mod pipeline;
pub mod precision;
pub mod product;
mod rewrite;
pub mod simplify;
pub mod specification;

pub use grad::{Backward, GradError, GradOptions, grad};
pub use pipeline::{PASSES, Pass, optimize};
pub use rewrite::Rule;
