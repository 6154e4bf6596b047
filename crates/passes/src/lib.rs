//! IR to IR, one file a pass.
//!
//! [`pipeline::PASSES`] is the list of passes that every program goes through before it is compiled.

pub mod dead;
#[allow(dead_code)]
mod emit;
#[allow(dead_code)]
mod extent;
pub mod pipeline;
mod rewrite;
pub mod simplify;

pub use pipeline::{PASSES, Pass, optimize};
pub use rewrite::Rule;
