//! The parts of which a decoder is described.

use tilewright_formats::Affine;
use tilewright_nn::{Gate, MoeShape};

/// A short convolution along the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvStyle {
    /// Tokens that it sees, the newest included.
    pub taps: usize,
    /// It and the projections around it have a bias.
    pub bias: bool,
}

/// Names of modules in checkpoints.
#[derive(Debug)]
pub struct Names {
    /// The norm at the end.
    pub norm: &'static str,
    /// Of attention: the norms of queries and of keys, and the projection back.
    pub attention: [&'static str; 3],
    /// The feed-forward part of a layer, whether of experts or not.
    pub feed_forward: &'static str,
    /// Gate, up and down of a gated layer, each as mlx-lm has it and as transformers does.
    pub gated: [[&'static str; 2]; 3],
}

impl Names {
    /// Those of Llama, and of most.
    pub const USUAL: Names = Names {
        norm: "model.norm",
        attention: ["q_norm", "k_norm", "o_proj"],
        feed_forward: "mlp",
        gated: [["gate_proj"; 2], ["up_proj"; 2], ["down_proj"; 2]],
    };
    /// Those of LFM2.
    pub const LFM2: Names = Names {
        norm: "model.embedding_norm",
        attention: ["q_layernorm", "k_layernorm", "out_proj"],
        feed_forward: "feed_forward",
        gated: [["w1"; 2], ["w3"; 2], ["w2"; 2]],
    };
    /// Those of LFM2 with experts, whose dense layers mlx-lm names otherwise.
    pub const LFM2_MOE: Names = Names {
        gated: [["gate_proj", "w1"], ["up_proj", "w3"], ["down_proj", "w2"]],
        ..Names::LFM2
    };
}

/// The attention of a family.
#[derive(Clone, Copy, Debug)]
pub struct AttentionStyle {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Features of a head.
    pub head_dim: usize,
    /// What scores are multiplied with.
    pub scale: f64,
    /// The bound of the scores.
    pub softcap: Option<f64>,
    /// Queries, keys and values have a bias.
    pub bias: bool,
    /// So has the projection back.
    pub output_bias: bool,
    /// Queries and keys are normed.
    pub norms: Option<Normed>,
    /// The features of a head that turn with each other are stored side by side, instead of half a head apart.
    pub interleaved: bool,
    /// Queries, keys and values come out of one projection, `qkv_proj`.
    pub fused: bool,
    /// They come out of vectors that all heads share; of stored heads the features that turn are the last.
    pub latent: Option<LatentStyle>,
}

/// The vectors that all heads share, in attention as in DeepSeek-V2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatentStyle {
    /// Features of that of queries; they have one projection when `None`.
    pub query_rank: Option<usize>,
    /// Features of that of keys and values.
    pub rank: usize,
    /// Features of a head of values.
    pub value_dim: usize,
}

/// What of queries and keys is normed as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normed {
    /// Each head.
    Heads,
    /// All heads of a token.
    Rows,
}

/// The feed-forward part of a layer.
#[derive(Clone, Debug)]
pub enum FeedForward {
    /// `mlp.gate_proj`, `mlp.up_proj`, `mlp.down_proj`.
    Gated {
        /// Features inside.
        intermediate: usize,
        /// Its activation.
        gate: Gate,
        /// Its projections have a bias.
        bias: bool,
    },
    /// `mlp.gate_up_proj`, `mlp.down_proj`.
    Packed {
        /// Features inside.
        intermediate: usize,
        /// Its activation.
        gate: Gate,
    },
    /// A router and experts.
    Experts(Box<Experts>),
}

/// A mixture of experts and the names of its tensors.
#[derive(Clone, Debug)]
pub struct Experts {
    /// How tokens are routed.
    pub shape: MoeShape,
    /// Features inside an expert.
    pub intermediate: usize,
    /// The module in a layer that holds them. Transformers holds all of them in `mlp`, whatever they are called in the
    /// files of their authors.
    pub module: &'static str,
    /// What gate, up and down are called in one expert.
    pub projections: [&'static str; 3],
    /// What mlx-lm calls all of them put together, in `module`.
    pub stacked: &'static str,
    /// What mlx-lm packs the router in.
    pub router: RouterFormat,
    /// What steers the choice by sigmoids, beside the router; nothing when `None`.
    pub steering: Option<&'static str>,
    /// What every token takes beside them.
    pub shared: Option<SharedExperts>,
}

/// What mlx-lm packs a router in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterFormat {
    /// As other layers.
    AsOthers,
    /// In a format of its own, whatever the others are packed in.
    Own(Affine),
    /// It stays floats.
    Floats,
}

/// A gated layer that every token takes beside its experts.
#[derive(Clone, Copy, Debug)]
pub struct SharedExperts {
    /// Its name beside theirs.
    pub name: &'static str,
    /// Features inside.
    pub intermediate: usize,
    /// The name of the layer whose sigmoid it is multiplied with.
    pub gate: Option<&'static str>,
}

/// The norms of a family.
#[derive(Clone, Copy, Debug)]
pub struct Norms {
    /// What is added to the mean square.
    pub eps: f64,
    /// What is added to the stored weight.
    pub offset: f64,
    /// Their names before and after attention, and before and after the feed-forward part.
    pub places: [Option<&'static str>; 4],
}

impl Norms {
    /// Before each branch, as in Llama.
    pub const BEFORE: [Option<&'static str>; 4] =
        [Some("input_layernorm"), None, Some("post_attention_layernorm"), None];
    /// After each branch, as in OLMo 2.
    pub const AFTER: [Option<&'static str>; 4] =
        [None, Some("post_attention_layernorm"), None, Some("post_feedforward_layernorm")];
    /// On both ends of each branch, as in Gemma 2.
    pub const AROUND: [Option<&'static str>; 4] = [
        Some("input_layernorm"),
        Some("post_attention_layernorm"),
        Some("pre_feedforward_layernorm"),
        Some("post_feedforward_layernorm"),
    ];
}
