//! The kernel catalog: one file a kernel, one static list.
//!
//! Each file holds the formula, the obvious f64 reference, the tile program, its cases, and what was tried and was
//! slower. Tests, docs, benchmarks and the command line iterate [`CATALOG`].

pub mod activation;
pub mod argmax;
pub mod arithmetic;
mod cases;
pub mod catalog;
pub mod cross_entropy;
pub mod cumsum;
pub mod dropout;
pub mod entry;
pub mod fused_recurrent_step;
pub mod gather;
pub mod geglu;
pub mod grpo_advantage_norm;
pub mod layernorm;
pub mod layernorm_residual;
pub mod log_softmax;
pub mod logsumexp;
pub mod masked_softmax;
pub mod norm_dropout;
pub mod reduction;
pub mod rmsnorm;
pub mod rmsnorm_residual;
pub mod scatter_add;
pub mod softmax;
pub mod swiglu;
pub mod topk;

pub use catalog::{CATALOG, find};
pub use entry::{Case, Entry, Family, Fill, Grad, Inputs};
