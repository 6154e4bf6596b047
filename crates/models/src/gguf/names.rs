//! What llama.cpp calls architectures and tensors, and what they are called here.

/// An architecture of llama.cpp.
#[derive(Clone, Copy)]
pub(super) struct Architecture {
    /// Its name there.
    pub name: &'static str,
    /// The family of its models; mixtral's are llama there.
    pub family: &'static str,
    /// Rows of queries and keys lie in another order there, for ropes that turn neighbours.
    pub reordered: bool,
    /// What is added to the weights of norms there, so that none need adding.
    pub in_norms: f32,
}

pub(super) const ARCHITECTURES: [Architecture; 9] = [
    Architecture { name: "llama", family: "llama", reordered: true, in_norms: 0.0 },
    Architecture { name: "qwen2", family: "qwen2", reordered: false, in_norms: 0.0 },
    Architecture { name: "qwen3", family: "qwen3", reordered: false, in_norms: 0.0 },
    Architecture { name: "qwen3moe", family: "qwen3_moe", reordered: false, in_norms: 0.0 },
    Architecture { name: "gemma", family: "gemma", reordered: false, in_norms: 1.0 },
    Architecture { name: "gemma2", family: "gemma2", reordered: false, in_norms: 1.0 },
    Architecture { name: "phi3", family: "phi3", reordered: false, in_norms: 0.0 },
    Architecture { name: "lfm2", family: "lfm2", reordered: false, in_norms: 0.0 },
    Architecture { name: "lfm2moe", family: "lfm2_moe", reordered: false, in_norms: 0.0 },
];

/// Divisors of a rope's frequencies: Llama 3.1's and later, for every length; and LongRoPE's, for short caches and long.
pub(super) const ROPE_FACTORS: [&str; 3] =
    ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"];

/// Names of the tensors of a layer.
const LAYER: [(&str, &str); 11] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// Names of a family that differ, or that only it has.
const OWN: [(&str, &str, &str); 16] = [
    ("lfm2", "attn_norm", "operator_norm"),
    ("lfm2", "attn_output", "self_attn.out_proj"),
    ("lfm2", "attn_q_norm", "self_attn.q_layernorm"),
    ("lfm2", "attn_k_norm", "self_attn.k_layernorm"),
    ("lfm2", "ffn_norm", "ffn_norm"),
    ("lfm2", "ffn_gate", "feed_forward.w1"),
    ("lfm2", "ffn_up", "feed_forward.w3"),
    ("lfm2", "ffn_down", "feed_forward.w2"),
    ("lfm2", "shortconv.conv", "conv.conv"),
    ("lfm2", "shortconv.in_proj", "conv.in_proj"),
    ("lfm2", "shortconv.out_proj", "conv.out_proj"),
    ("gemma2", "post_attention_norm", "post_attention_layernorm"),
    ("gemma2", "ffn_norm", "pre_feedforward_layernorm"),
    ("gemma2", "post_ffw_norm", "post_feedforward_layernorm"),
    ("phi3", "attn_qkv", "self_attn.qkv_proj"),
    ("phi3", "ffn_up", "mlp.gate_up_proj"),
];

/// Below the module that holds the experts.
const ROUTER: &str = "gate";

/// What steers the choice of experts, a vector that is no module's bias here.
pub(super) const STEERING: &str = "expert_bias";

/// The projections of all experts; in older files each has tensors of its own, with its number at the end.
const EXPERTS: [(&str, &str); 3] =
    [("ffn_gate", "gate_proj"), ("ffn_up", "up_proj"), ("ffn_down", "down_proj")];

/// Where a tensor belongs.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// To the module of that path.
    Module(String),
    /// To queries, keys and values, whose modules have this path before their names.
    Fused(String),
    /// To one expert of the module of that path.
    Expert(String, usize),
}

/// The place of the tensor that is called `name` there, without its `.weight` or `.bias`.
pub(super) fn place(family: &str, name: &str) -> Option<Place> {
    let module = |path: &str| Some(Place::Module(path.into()));
    // With experts, names are those of the form without and some more.
    let plain = if family == "lfm2_moe" { "lfm2" } else { family };
    match name {
        "token_embd" => return module("model.embed_tokens"),
        "token_embd_norm" | "output_norm" if plain == "lfm2" => {
            return module("model.embedding_norm");
        }
        "output_norm" => return module("model.norm"),
        "output" => return module("lm_head"),
        _ => {}
    }
    let (layer, name) = name.strip_prefix("blk.")?.split_once('.')?;
    let layer: usize = layer.parse().ok()?;
    let path = |ours: &str| format!("model.layers.{layer}.{ours}");
    if let Some((.., ours)) = OWN.iter().find(|(of, theirs, _)| *of == plain && *theirs == name) {
        return Some(Place::Module(path(ours)));
    }
    let mixture = match family {
        "mixtral" => Some("block_sparse_moe"),
        "qwen3_moe" => Some("mlp"),
        "lfm2_moe" => Some("feed_forward"),
        _ => None,
    };
    let stacked = |theirs: &str| {
        let (_, ours) = EXPERTS.iter().find(|(name, _)| *name == theirs)?;
        Some(path(&format!("{}.switch_mlp.{ours}", mixture?)))
    };
    if let Some(all) = name.strip_suffix("_exps") {
        return stacked(all).map(Place::Module);
    }
    if let Some((theirs, expert)) = name.split_once('.') {
        return Some(Place::Expert(stacked(theirs)?, expert.parse().ok()?));
    }
    match name {
        "attn_qkv" => Some(Place::Fused(path("self_attn."))),
        "exp_probs_b" if family == "lfm2_moe" => {
            Some(Place::Module(path(&format!("feed_forward.{STEERING}"))))
        }
        "ffn_gate_inp" => Some(Place::Module(path(&format!("{}.{ROUTER}", mixture?)))),
        _ => {
            let (_, ours) = LAYER.iter().find(|(theirs, _)| *theirs == name)?;
            Some(Place::Module(path(ours)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_its_family_makes_of_it() {
        let module = |path: &str| Some(Place::Module(path.into()));
        let layer = "model.layers.3.";
        for (family, name, expected) in [
            ("llama", "blk.3.ffn_norm", module(&format!("{layer}post_attention_layernorm"))),
            ("gemma2", "blk.3.ffn_norm", module(&format!("{layer}pre_feedforward_layernorm"))),
            ("phi3", "blk.3.ffn_up", module(&format!("{layer}mlp.gate_up_proj"))),
            ("phi3", "blk.3.attn_qkv", module(&format!("{layer}self_attn.qkv_proj"))),
            ("llama", "blk.3.attn_qkv", Some(Place::Fused(format!("{layer}self_attn.")))),
            (
                "mixtral",
                "blk.3.ffn_up_exps",
                module(&format!("{layer}block_sparse_moe.switch_mlp.up_proj")),
            ),
            (
                "mixtral",
                "blk.3.ffn_up.11",
                Some(Place::Expert(format!("{layer}block_sparse_moe.switch_mlp.up_proj"), 11)),
            ),
            ("qwen3_moe", "blk.3.ffn_gate_inp", module(&format!("{layer}mlp.gate"))),
            ("llama", "blk.3.ffn_up_exps", None),
            ("llama", "blk.3.ffn_gate_inp", None),
            ("lfm2", "token_embd_norm", module("model.embedding_norm")),
            ("lfm2", "blk.3.shortconv.in_proj", module(&format!("{layer}conv.in_proj"))),
            ("llama", "token_embd_norm", None),
            ("llama", "blk.3.shortconv.in_proj", None),
            ("llama", "blk.3.ssm_in", None),
            ("llama", "blk.x.ffn_up", None),
        ] {
            assert_eq!(place(family, name), expected, "{family} {name}");
        }
    }
}
