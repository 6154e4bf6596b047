//! One file a family, and the fields that most of them share.

pub(crate) mod deepseek_v2;
pub(crate) mod deepseek_v3;
pub(crate) mod dots1;
pub(crate) mod ernie4_5;
pub(crate) mod exaone4;
pub(crate) mod gemma;
pub(crate) mod gemma2;
pub(crate) mod gemma3_text;
pub(crate) mod glm;
pub(crate) mod glm4;
pub(crate) mod glm4_moe;
pub(crate) mod glm4_moe_lite;
pub(crate) mod granite;
pub(crate) mod helium;
pub(crate) mod lfm2;
pub(crate) mod lfm2_moe;
pub(crate) mod llama;
pub(crate) mod mistral;
pub(crate) mod mixtral;
pub(crate) mod olmo2;
pub(crate) mod olmo3;
pub(crate) mod olmoe;
pub(crate) mod phi3;
pub(crate) mod qwen2;
pub(crate) mod qwen2_moe;
pub(crate) mod qwen3;
pub(crate) mod qwen3_moe;
pub(crate) mod seed_oss;
pub(crate) mod smollm3;

use crate::rope::{rope, yarn_scale};
use crate::{
    AttentionStyle, Decoder, Experts, FeedForward, LatentStyle, Names, Norms, RouterFormat,
    SharedExperts,
};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::{Gate, MoeShape, Routing};

/// Layers of a decoder: more than any published one has, few enough to list.
const MOST_LAYERS: usize = 4096;

/// Features of a head: recordings of attention hold a block of heads of this size.
const MOST_FEATURES: usize = 512;

/// What Llama's fields say of a decoder: the start for every family, which then changes what it does otherwise.
fn llama_like(config: &Config) -> Result<Decoder, FormatError> {
    llama_like_turning(config, Ok)
}

/// As [`llama_like`], where `turning` of the features of a head turn.
fn llama_like_turning(
    config: &Config,
    turning: impl FnOnce(usize) -> Result<usize, FormatError>,
) -> Result<Decoder, FormatError> {
    let hidden = config.positive("hidden_size")?;
    let heads = config.positive("num_attention_heads")?;
    let kv_heads = config.size("num_key_value_heads")?.filter(|heads| *heads > 0).unwrap_or(heads);
    let head_dim = config.positive_or("head_dim", hidden / heads)?;
    // Before anything is made for each feature.
    if head_dim > MOST_FEATURES {
        let next = format!("heads have at most {MOST_FEATURES} features");
        return Err(config.error("head_dim", &format!("is {head_dim}"), next));
    }
    let layers = config.positive("num_hidden_layers")?;
    if layers > MOST_LAYERS {
        let next = format!("at most {MOST_LAYERS} layers are supported");
        return Err(config.error("num_hidden_layers", &format!("is {layers}"), next));
    }
    let context = config.positive("max_position_embeddings")?;
    let part = FeedForward::Gated {
        intermediate: config.positive("intermediate_size")?,
        gate: gate(config, "hidden_act", Some(Gate::Silu))?,
        bias: config.flag("mlp_bias")?.unwrap_or(false),
    };
    let bias = config.flag("attention_bias")?.unwrap_or(false);
    let turning = turning(head_dim)?;
    Ok(Decoder {
        vocabulary: config.positive("vocab_size")?,
        hidden,
        context,
        attention: AttentionStyle {
            heads,
            kv_heads,
            head_dim,
            scale: (head_dim as f64).powf(-0.5),
            softcap: None,
            bias,
            output_bias: bias,
            norms: None,
            interleaved: false,
            fused: false,
            latent: None,
        },
        windows: vec![None; layers],
        convolutions: Vec::new(),
        feed_forward: vec![part; layers],
        norms: Norms {
            eps: eps(config, "rms_norm_eps", 1e-6)?,
            offset: 0.0,
            places: Norms::BEFORE,
        },
        names: &Names::USUAL,
        ropes: vec![rope(config, turning, context)?],
        turned_by: vec![0; layers],
        embedding_scale: None,
        branch_factor: None,
        logit_factor: None,
        softcap: None,
        tied: config.flag("tie_word_embeddings")?.unwrap_or(false),
    })
}

/// The number of features of a head that turn; `usual` is their share where a file is silent.
fn partial(config: &Config, head_dim: usize, usual: f64) -> Result<usize, FormatError> {
    let field = "partial_rotary_factor";
    let share = match config.object("rope_parameters")? {
        Some(parameters) => parameters.number(field)?,
        None => None,
    };
    let share = share.or(config.number(field)?).unwrap_or(usual);
    if !(share > 0.0 && share <= 1.0) {
        let next = "it must be above 0 and at most 1";
        return Err(config.error(field, &format!("is {share}"), next));
    }
    // Of an odd number, transformers turns one more and mlx-lm none.
    match (head_dim as f64 * share) as usize {
        odd if odd % 2 == 1 => {
            let what = format!("is {share}, of {head_dim} features of a head {odd}");
            Err(config.error(field, &what, "features turn in pairs"))
        }
        even => Ok(even),
    }
}

/// Gate and up projections as one, `mlp.gate_up_proj`, without a bias.
fn pack_gates(decoder: &mut Decoder) {
    for part in &mut decoder.feed_forward {
        if let FeedForward::Gated { intermediate, gate, .. } = *part {
            *part = FeedForward::Packed { intermediate, gate };
        }
    }
}

/// `count` experts in `mlp`, each of the projections of a dense layer, `intermediate` features inside, chosen by a softmax;
/// mlx-lm packs their router in `router`.
fn mlp_experts(
    config: &Config,
    count: usize,
    intermediate: usize,
    router: RouterFormat,
) -> Result<Experts, FormatError> {
    Ok(Experts {
        shape: MoeShape {
            experts: count,
            per_token: config.positive("num_experts_per_tok")?,
            routing: Routing::Softmax {
                normalize: config.flag("norm_topk_prob")?.unwrap_or(false),
            },
            factor: None,
            gate: gate(config, "hidden_act", Some(Gate::Silu))?,
        },
        intermediate,
        module: "mlp",
        projections: ["gate_proj", "up_proj", "down_proj"],
        stacked: "switch_mlp",
        router,
        steering: None,
        shared: None,
    })
}

/// Experts as in DeepSeek-V3, chosen by sigmoids out of groups: those of [`deepseek_experts`].
fn sigmoid_experts(config: &Config, stacked: &'static str) -> Result<Experts, FormatError> {
    if config.flag("norm_topk_prob")? == Some(false) {
        let next = "weights of chosen experts must be made to sum to one number";
        return Err(config.error("norm_topk_prob", "is false, which is not supported", next));
    }
    let groups = config.positive_or("n_group", 1)?;
    let top_groups = config.positive_or("topk_group", 1)?;
    let routing = Routing::Sigmoid { groups, top_groups, normalize: true, eps: 0.0 };
    let steering = Some("gate.e_score_correction_bias");
    Ok(Experts { steering, ..deepseek_experts(config, routing, stacked)? })
}

/// Experts beside a layer that every token takes, under the names of DeepSeek's configurations; `stacked` is what mlx-lm
/// calls them put together.
fn deepseek_experts(
    config: &Config,
    routing: Routing,
    stacked: &'static str,
) -> Result<Experts, FormatError> {
    // Transformers 5 writes the field under Mixtral's name.
    let count = first_of(config, ["n_routed_experts", "num_local_experts"])?;
    let count = count.ok_or_else(|| config.missing("n_routed_experts"))?;
    let inside = config.positive("moe_intermediate_size")?;
    let factor = config.number("routed_scaling_factor")?.filter(|factor| *factor != 1.0);
    let mut experts = mlp_experts(config, count, inside, RouterFormat::Floats)?;
    experts.shape.routing = routing;
    experts.shape.factor = factor;
    experts.stacked = stacked;
    let shared = config.size("n_shared_experts")?.unwrap_or(0);
    experts.shared = (shared > 0).then_some(SharedExperts {
        name: "shared_experts",
        intermediate: shared.saturating_mul(inside),
        gate: None,
    });
    Ok(experts)
}

/// Puts `experts` into all layers behind the first `first_k_dense_replace`.
fn sparse_behind(
    config: &Config,
    decoder: &mut Decoder,
    experts: &Experts,
) -> Result<(), FormatError> {
    sparse_from(decoder, config.size("first_k_dense_replace")?.unwrap_or(0), experts);
    Ok(())
}

/// Puts `experts` into all layers from `first` on.
fn sparse_from(decoder: &mut Decoder, first: usize, experts: &Experts) {
    for part in decoder.feed_forward.iter_mut().skip(first) {
        *part = FeedForward::Experts(Box::new(experts.clone()));
    }
}

/// Attention by vectors that all heads share, as in DeepSeek-V2, in a decoder that is otherwise Llama's.
fn latent_attention(config: &Config) -> Result<Decoder, FormatError> {
    let rotary = config.positive("qk_rope_head_dim")?;
    let plain = config.positive("qk_nope_head_dim")?;
    let (rank, value_dim) = (config.positive("kv_lora_rank")?, config.positive("v_head_dim")?);
    let head_dim = plain.saturating_add(rotary);
    let heads = config.positive("num_attention_heads")?;
    let config =
        &config.clone().with("head_dim", head_dim.into()).with("num_key_value_heads", heads.into());
    if value_dim > head_dim {
        let what = format!("is {value_dim}, of keys that have {head_dim}");
        return Err(config.error("v_head_dim", &what, "values have at most the features of keys"));
    }
    if rotary % 2 == 1 {
        let next = "features turn in pairs";
        return Err(config.error("qk_rope_head_dim", &format!("is {rotary}"), next));
    }
    let mut decoder = llama_like_turning(config, |_| Ok(rotary))?;
    let attention = &mut decoder.attention;
    attention.interleaved = config.flag("rope_interleave")?.unwrap_or(true);
    attention.scale *= yarn_scale(config)?;
    attention.latent =
        Some(LatentStyle { query_rank: config.size("q_lora_rank")?, rank, value_dim });
    Ok(decoder)
}

/// The first of these fields that is there.
fn first_of(config: &Config, fields: [&str; 2]) -> Result<Option<usize>, FormatError> {
    match config.size(fields[0])? {
        Some(size) => Ok(Some(size)),
        None => config.size(fields[1]),
    }
}

/// Puts `experts` into each `decoder_sparse_step`-th layer that `mlp_only_layers` does not list, as Qwen does.
fn sparse_layers(
    config: &Config,
    decoder: &mut Decoder,
    experts: &Experts,
) -> Result<(), FormatError> {
    let step = config.size("decoder_sparse_step")?.unwrap_or(1).max(1);
    let dense = config.sizes("mlp_only_layers")?.unwrap_or_default();
    for (layer, part) in decoder.feed_forward.iter_mut().enumerate() {
        if (layer + 1) % step == 0 && !dense.contains(&layer) {
            *part = FeedForward::Experts(Box::new(experts.clone()));
        }
    }
    Ok(())
}

/// What is added to the mean square of a norm.
fn eps(config: &Config, field: &str, usual: f64) -> Result<f64, FormatError> {
    match config.number(field)?.unwrap_or(usual) {
        eps if (0.0..1.0).contains(&eps) => Ok(eps),
        eps => {
            let next = "it must be at least 0 and less than 1";
            Err(config.error(field, &format!("is {eps}"), next))
        }
    }
}

/// The activation that a field names.
fn gate(config: &Config, field: &str, default: Option<Gate>) -> Result<Gate, FormatError> {
    match (config.text(field)?, default) {
        (Some("silu" | "swish"), _) => Ok(Gate::Silu),
        (Some("gelu"), _) => Ok(Gate::Gelu),
        (Some("gelu_pytorch_tanh" | "gelu_new" | "gelu_fast"), _) => Ok(Gate::GeluTanh),
        (Some(other), _) => {
            let next = "activations are silu, gelu and gelu_pytorch_tanh";
            Err(config.error(field, &format!("is `{other}`, which is not supported"), next))
        }
        (None, Some(default)) => Ok(default),
        (None, None) => Err(config.missing(field)),
    }
}

/// The window of a sliding layer; 0 counts as none.
fn window(config: &Config) -> Result<Option<usize>, FormatError> {
    Ok(config.size("sliding_window")?.filter(|window| *window > 0))
}

/// As [`window`]; 4096 where a file is silent, as transformers and mlx-lm read it, and none where it says null.
fn usual_window(config: &Config) -> Result<Option<usize>, FormatError> {
    window(&config.clone().or("sliding_window", 4096))
}

/// Gives the layers that slide the window: those that `layer_types` tells, or else those that `slides` picks.
fn slide(
    config: &Config,
    decoder: &mut Decoder,
    window: Option<usize>,
    slides: impl Fn(usize) -> bool,
) -> Result<(), FormatError> {
    let slides = sliding(config, decoder.windows.len(), slides)?;
    slide_where(decoder, window, &slides);
    Ok(())
}

/// Gives those layers the window.
fn slide_where(decoder: &mut Decoder, window: Option<usize>, slides: &[bool]) {
    for (slot, slides) in decoder.windows.iter_mut().zip(slides) {
        *slot = window.filter(|_| *slides);
    }
}

/// Which layers slide: those that `layer_types` tells, or else those that `slides` picks.
fn sliding(
    config: &Config,
    layers: usize,
    slides: impl Fn(usize) -> bool,
) -> Result<Vec<bool>, FormatError> {
    match config.texts("layer_types")? {
        Some(kinds) => {
            let given = kinds.len();
            if given != layers {
                let what = format!("has {given} kinds for {layers} layers");
                return Err(config.error("layer_types", &what, "it must have one for each layer"));
            }
            let slides = |kind: &String| match kind.as_str() {
                "sliding_attention" => Ok(true),
                "full_attention" => Ok(false),
                other => {
                    let what = format!("holds `{other}`, which is not supported");
                    let next = "kinds are full_attention and sliding_attention";
                    Err(config.error("layer_types", &what, next))
                }
            };
            kinds.iter().map(slides).collect()
        }
        None => Ok((0..layers).map(slides).collect()),
    }
}

/// The activation of every layer replaced.
fn with_gate(mut decoder: Decoder, new: Gate) -> Decoder {
    for part in &mut decoder.feed_forward {
        match part {
            FeedForward::Gated { gate, .. } | FeedForward::Packed { gate, .. } => *gate = new,
            FeedForward::Experts(experts) => experts.shape.gate = new,
        }
    }
    decoder
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tilewright_nn::Rope;

    fn read(model_type: &str, more: &str) -> Decoder {
        let text = format!(
            r#"{{"model_type": "{model_type}", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
               "num_hidden_layers": 3, "intermediate_size": 32, "max_position_embeddings": 64 {more}}}"#
        );
        let config = Config::parse(Path::new("config.json"), &text).unwrap();
        crate::describe(&config).unwrap()
    }

    #[test]
    fn layer_types_are_those_of_every_layer() {
        let refused = |kinds: &str| {
            let text = format!(
                r#"{{"model_type": "gemma2", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
                   "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 64,
                   "sliding_window": 4, "layer_types": {kinds}}}"#
            );
            let config = Config::parse(Path::new("config.json"), &text).unwrap();
            crate::describe(&config).map(|decoder| decoder.windows).map_err(|e| e.to_string())
        };
        let windows = refused(r#"["full_attention", "sliding_attention"]"#);
        assert_eq!(windows, Ok(vec![None, Some(4)]));
        let error = refused(r#"["full_attention"]"#).unwrap_err();
        assert!(error.contains("has 1 kinds for 2 layers"), "{error}");
        let error = refused(r#"["full_attention", "chunked_attention"]"#).unwrap_err();
        assert!(error.contains("`chunked_attention`, which is not supported"), "{error}");
    }

    #[test]
    fn the_older_gelu_of_gemma_is_its_approximation() {
        for (fields, expected) in [
            ("", Gate::GeluTanh),
            (r#", "hidden_act": "gelu""#, Gate::GeluTanh),
            (r#", "hidden_act": "gelu", "hidden_activation": null"#, Gate::GeluTanh),
            (r#", "hidden_act": "gelu", "hidden_activation": "gelu""#, Gate::Gelu),
        ] {
            let part = &read("gemma", fields).feed_forward[0];
            assert!(
                matches!(part, FeedForward::Gated { gate, .. } if *gate == expected),
                "{fields}"
            );
        }
    }

    #[test]
    fn what_a_file_leaves_out_is_what_its_family_was_trained_with() {
        let capped = |fields: &str| {
            let decoder = read("gemma2", fields);
            (decoder.attention.softcap, decoder.softcap, decoder.windows[0])
        };
        assert_eq!(capped(""), (Some(50.0), Some(30.0), Some(4096)));
        let none = r#", "attn_logit_softcapping": null, "final_logit_softcapping": null, "sliding_window": null"#;
        assert_eq!(capped(none), (None, None, None));
        assert_eq!(read("mistral", "").windows, [Some(4096); 3]);
        assert_eq!(read("mistral", r#", "sliding_window": null"#).windows, [None; 3]);
        let late = r#", "use_sliding_window": true, "max_window_layers": 2"#;
        assert_eq!(read("qwen2", late).windows, [None, None, Some(4096)]);
        let experts = r#", "num_local_experts": 4, "num_experts_per_tok": 2"#;
        let mixtral = read("mixtral", experts);
        assert_eq!((mixtral.norms.eps, mixtral.windows[0]), (1e-5, None));
        let far = read("mixtral", &format!(r#"{experts}, "rope_theta": 1000000.0"#));
        assert_eq!(mixtral.ropes, far.ropes);
        assert_eq!(read("phi3", "").norms.eps, 1e-5);
        assert_eq!(read("llama", "").norms.eps, 1e-6);
    }

    #[test]
    fn a_dynamic_rope_turns_as_a_plain_one_within_the_context() {
        let scaled = read("llama", r#", "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}"#);
        assert_ne!(scaled.ropes, read("llama", "").ropes);
        assert!(scaled.ropes[0].tables(64).is_ok() && scaled.ropes[0].tables(65).is_err());
    }

    #[test]
    fn layers_of_gemma_3_that_slide_have_a_rope_of_their_own() {
        let read = |more: &str| read("gemma3_text", &format!(r#", "head_dim": 16{more}"#));
        let old = r#", "rope_theta": 5e5, "rope_local_base_freq": 2e4, "rope_scaling": {"rope_type": "linear",
            "factor": 8.0}, "sliding_window_pattern": 2, "sliding_window": 7"#;
        let new = r#", "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 5e5},
            "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}, "sliding_window": 7,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]"#;
        let (old, new) = (read(old), read(new));
        assert_eq!(old.ropes, [Rope::new(16, 5e5).linear(8.0), Rope::new(16, 2e4)]);
        assert_eq!((&old.ropes, &old.turned_by), (&new.ropes, &vec![1, 0, 1]));
        assert_eq!((&old.windows, &new.turned_by), (&new.windows, &vec![1, 0, 1]));
        assert_eq!(old.windows, [Some(7), None, Some(7)]);
        let silent = read("");
        assert_eq!(silent.ropes, [Rope::new(16, 1e6), Rope::new(16, 1e4)]);
        assert_eq!((silent.turned_by, silent.softcap), (vec![1, 1, 1], None));
        // A layer without a window still turns as its kind does.
        let endless = read(r#", "sliding_window": null"#);
        assert_eq!((endless.turned_by, endless.windows), (vec![1, 1, 1], vec![None; 3]));
    }

    #[test]
    fn what_the_text_part_of_gemma_3_leaves_out_is_that_of_its_family() {
        let text = r#"{"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}"#;
        let config = Config::parse(Path::new("config.json"), text).unwrap();
        let decoder = crate::describe(&config).unwrap();
        let AttentionStyle { heads, kv_heads, head_dim, .. } = decoder.attention;
        assert_eq!((heads, kv_heads, head_dim), (8, 4, 256));
        assert_eq!((decoder.vocabulary, decoder.context, decoder.tied), (262_208, 131_072, true));
        assert_eq!(decoder.ropes, [Rope::new(256, 1e6).linear(8.0), Rope::new(256, 1e4)]);
    }

    #[test]
    fn positions_turn_nothing_in_some_layers_of_smollm() {
        assert_eq!(read("smollm3", "").turned_by, [0, 0, 0]);
        assert_eq!(read("smollm3", r#", "no_rope_layer_interval": 2"#).turned_by, [0, 1, 0]);
        let told = read("smollm3", r#", "no_rope_layers": [0, 1, 0]"#);
        assert_eq!((told.turned_by, told.tied), (vec![1, 0, 1], true));
        assert_eq!(told.ropes, [Rope::new(16, 2e6), Rope::still(16)]);
        let slides =
            r#", "no_rope_layers": [0, 1, 0], "use_sliding_window": true, "sliding_window": 5"#;
        assert_eq!(read("smollm3", slides).windows, [Some(5), None, Some(5)]);
    }

    #[test]
    fn only_some_turn_a_part_of_a_head() {
        let part = r#", "partial_rotary_factor": 0.5"#;
        assert_eq!(read("llama", part).ropes[0].features(), 16);
        assert_eq!(read("phi3", part).ropes[0].features(), 8);
        assert_eq!(read("glm", r#", "head_dim": 16"#).ropes[0].features(), 8);
        let text = r#"{"model_type": "phi3", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
            "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 64,
            "partial_rotary_factor": 0.6}"#;
        let odd = Config::parse(Path::new("config.json"), text).unwrap();
        let error = crate::describe(&odd).unwrap_err().to_string();
        assert!(error.contains("is 0.6, of 16 features of a head 9"), "{error}");
    }

    #[test]
    fn layers_of_exaone_without_a_window_do_not_turn() {
        let read = |more: &str| read("exaone4", more);
        let some = read(r#", "sliding_window": 5, "sliding_window_pattern": 2"#);
        assert_eq!((some.windows, some.turned_by), (vec![Some(5), None, Some(5)], vec![0, 1, 0]));
        let letters = read(r#", "sliding_window": 5, "sliding_window_pattern": "GL""#);
        assert_eq!(
            (letters.windows, letters.turned_by),
            (vec![None, Some(5), None], vec![1, 0, 1])
        );
        let none = read(r#", "sliding_window": null, "sliding_window_pattern": null"#);
        assert_eq!((none.windows, none.turned_by), (vec![None; 3], vec![0; 3]));
        let text = r#"{"model_type": "exaone4", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
            "num_hidden_layers": 2, "intermediate_size": 32, "sliding_window_pattern": "LX"}"#;
        let odd = Config::parse(Path::new("config.json"), text).unwrap();
        let error = crate::describe(&odd).unwrap_err().to_string();
        assert!(error.contains("is `LX`"), "{error}");
    }

    #[test]
    fn the_factors_of_granite_are_numbers_above_0() {
        let read = read("granite", r#", "residual_multiplier": 0.22, "logits_scaling": 8"#);
        assert_eq!((read.branch_factor, read.logit_factor), (Some(0.22), Some(0.125)));
        assert_eq!((read.attention.scale, read.embedding_scale), (1.0, None));
        let text = r#"{"model_type": "granite", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
            "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 64, "logits_scaling": 0}"#;
        let odd = Config::parse(Path::new("config.json"), text).unwrap();
        let error = crate::describe(&odd).unwrap_err().to_string();
        assert!(error.contains("`logits_scaling`") && error.contains("is 0"), "{error}");
    }

    #[test]
    fn the_experts_of_qwen_slide_in_every_layer() {
        let more = r#", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "sliding_window": 5,
                     "max_window_layers": 2, "use_sliding_window": "#;
        let windows = |slides: &str| read("qwen3_moe", &format!("{more} {slides}")).windows;
        assert_eq!(windows("true"), [Some(5); 3]);
        assert_eq!(windows("false"), [None; 3]);
    }
}
