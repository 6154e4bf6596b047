//! The kernel catalog: one file a kernel, one static list.
//!
//! Each file holds the formula, the obvious f64 reference, the tile program, its cases, and what was tried and was
//! slower. Tests, docs, benchmarks and the command line iterate [`CATALOG`].

pub mod activation;
pub mod adamw_step;
pub mod apply_gqa_rope;
pub mod apply_rope;
pub mod apply_rope_interleaved;
pub mod argmax;
pub mod arithmetic;
pub mod attention;
pub mod attention_gradient;
mod cases;
pub mod catalog;
pub mod cross_entropy;
pub mod cumsum;
pub mod decode_attention;
pub mod deepseek_router_topk_sigmoid;
pub mod depthwise_conv_3x3;
pub mod dequantize;
pub mod dequantize_affine;
pub mod dequantize_fp8;
pub mod dequantize_nf4;
pub mod dropout;
pub mod entry;
pub mod fused_linear_bias;
pub mod fused_linear_rmsnorm;
pub mod fused_quantized_swiglu_gemv;
pub mod fused_recurrent_step;
pub mod gather;
pub mod gather_qmm;
pub mod gather_qmm_combine;
pub mod geglu;
pub mod grpo_advantage_norm;
pub mod layernorm;
pub mod layernorm_residual;
pub mod linear;
pub mod log_softmax;
pub mod logsumexp;
pub mod masked_softmax;
pub mod matmul;
pub mod moe_combine;
pub mod moe_dispatch;
pub mod norm_dropout;
pub mod online_softmax;
pub mod pack_bits;
pub mod paged_attention;
pub mod paged_rope_and_cache_update;
pub mod quantized_matmul;
pub mod quantized_matvec;
pub mod reduction;
pub mod resize_bilinear;
pub mod rmsnorm;
pub mod rmsnorm_residual;
pub mod rope_and_cache_update;
pub mod scatter_add;
pub mod softmax;
pub mod swiglu;
pub mod top2_gating_softmax;
pub mod topk;
pub mod topk_gating_softmax;
pub mod unpack_bits;

pub use catalog::{CATALOG, find};
pub use entry::{BackwardKernel, Case, Entry, Family, Fill, Grad, Inputs};
