//! Modules of language models.
//!
//! A [`Module`] is a function of one tensor with parameters and children; its children have names, and a path of names
//! leads to each (`model.layers.0.mlp.gate_proj`). A [`Model`] is the root: embedding, blocks, norm, head. What changes
//! from call to call, positions and the caches of keys and values, comes as a [`Step`].
//!
//! Modules call kernels of the catalog and name no device: [`Kernels`] holds the runtime that the caller chose. The
//! modules here are the plain ones, one kernel for each operation of the model; [`patch`] puts fused ones over them.

mod attend;
mod attention;
mod block;
mod cache;
mod decoding;
mod dispatch;
mod embedding;
mod greedy;
mod grouped;
mod kernels;
mod latent;
mod linear;
mod mlp;
mod model;
mod module;
mod moe;
mod norm;
mod parts;
pub mod patch;
mod random;
mod rope;
mod routing;
mod sampler;
mod scaling;
mod short_conv;
mod unpacked;
mod weights;

pub use attend::Attend;
pub use attention::{Attention, AttentionShape, Projections, QueryKeyNorms};
pub use block::{Block, Branch};
pub use cache::{Cache, CacheShape, StateShape, Step};
pub use decoding::{Decoding, not_numbers};
pub use dispatch::{AttentionConfig, AttentionStats, Thresholds};
pub use embedding::Embedding;
pub use greedy::Greedy;
pub use kernels::Kernels;
pub use latent::{Latent, LatentShape};
pub use linear::{DenseLinear, QuantizedLinear};
pub use mlp::{Gate, GatedMlp, PackedGatedMlp};
pub use model::{Logits, Model, ModelShape};
pub use module::{Module, Slot, find, named_modules, named_parameters, replace};
pub use moe::{ExpertLinear, Moe, MoeShape};
pub use norm::{LayerNorm, RmsNorm, Softmax};
pub use parts::{ExpertNames, Part, PartKind, Source};
pub use rope::Rope;
pub use routing::{Router, Routing, Shared};
pub use sampler::Draw;
pub use short_conv::{ShortConv, ShortConvShape};
pub use tilewright_ir::DType;
pub use tilewright_tensor::{Error, Recording, Result, Runtime, Tensor};
pub use weights::{Order, Weights, dtype_of, tensor};
