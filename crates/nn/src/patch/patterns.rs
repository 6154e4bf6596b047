//! The list of patterns. Adding one is a row here and its two functions.

use super::{Pattern, attention, feed_forward, norm, rope_cache, short_conv};

/// Every pattern, in the order in which they are tried.
pub static PATTERNS: &[Pattern] = &[
    Pattern {
        name: "swiglu_mlp",
        doc: "gate and up products of a silu-gated layer and the gate as one kernel, for few tokens",
        matches: feed_forward::swiglu_matches,
        replace: feed_forward::fuse_gated,
    },
    Pattern {
        name: "geglu_mlp",
        doc: "the same of a gelu-gated layer, each form of gelu by its own kernel",
        matches: feed_forward::geglu_matches,
        replace: feed_forward::fuse_gated,
    },
    Pattern {
        name: "moe_mlp",
        doc: "experts' products with their gate as one kernel, last products with their weighted sum as another",
        matches: feed_forward::moe_matches,
        replace: feed_forward::fuse_moe,
    },
    Pattern {
        name: "rmsnorm",
        doc: "RMS norms that keep the memory of their result",
        matches: norm::rmsnorm_matches,
        replace: norm::keep_output,
    },
    Pattern {
        name: "layernorm",
        doc: "layer norms that keep the memory of their result",
        matches: norm::layernorm_matches,
        replace: norm::keep_output,
    },
    Pattern {
        name: "softmax",
        doc: "softmax that keeps the memory of its result",
        matches: norm::softmax_matches,
        replace: norm::keep_output,
    },
    Pattern {
        name: "residual_norm",
        doc: "sums of a block's branches, normed or not, taken by the norms that read them, or norms and sums by the products around them",
        matches: norm::residual_matches,
        replace: norm::fuse_residual,
    },
    Pattern {
        name: "attention",
        doc: "attention by kernels for grouped heads where they pay, with a reason where not",
        matches: attention::matches,
        replace: attention::dispatch,
    },
    Pattern {
        name: "qkv_rope_cache",
        doc: "norms of heads, rotation and the caches' update as one kernel; on GPUs also one product for all three ways in",
        matches: rope_cache::matches,
        replace: rope_cache::fuse,
    },
    Pattern {
        name: "short_conv",
        doc: "on GPUs the norm before a short convolution by its way in, and the sum after it by its way out",
        matches: short_conv::matches,
        replace: short_conv::fuse,
    },
];
