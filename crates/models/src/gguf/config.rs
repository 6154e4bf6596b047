//! The configuration that the metadata of a GGUF file says.

use super::names::{ARCHITECTURES, Architecture, ROPE_FACTORS};
use serde_json::{Value, json};
use tilewright_formats::{Block, Config, ElementType, FormatError, Gguf};

/// llama.cpp's number of routers of sigmoids.
const SIGMOID: usize = 2;

/// What a file declares to be; llama with experts is mixtral, and llama whose queries alone have a bias is qwen2.
pub(super) fn architecture(file: &Gguf) -> Result<Architecture, FormatError> {
    let told = file.metadata();
    let field = "general.architecture";
    let declared = told.text(field)?.ok_or_else(|| told.missing(field))?;
    let known = ARCHITECTURES.into_iter().find(|known| known.name == declared);
    let mut known = known.ok_or_else(|| {
        let names = ARCHITECTURES.map(|known| known.name).join(", ");
        let what = format!("is `{declared}`, which is not read from GGUF files");
        told.error(field, &what, format!("those that are: {names}"))
    })?;
    let of = format!("{declared}.expert_count");
    let experts = told.size(&of)?.is_some_and(|count| count > 0);
    match known.family {
        "llama" if experts => known.family = "mixtral",
        "llama" if has_bias(file, "attn_q") && !has_bias(file, "attn_output") => {
            known.family = "qwen2";
        }
        "qwen3_moe" | "lfm2_moe" => {}
        _ if experts => {
            return Err(told.error(
                &of,
                "is above 0",
                "of mixtures, llama, qwen3moe and lfm2moe are read",
            ));
        }
        _ => {}
    }
    Ok(known)
}

/// The type of the floats that are written, and so that of the arithmetic.
pub(super) fn float(file: &Gguf, architecture: &Architecture) -> ElementType {
    let matrices =
        || file.names().filter_map(|name| file.tensor(name)).filter(|t| t.shape.len() > 1);
    let is_kept = |block: Block| [Block::BF16, Block::F32].contains(&block);
    // A checkpoint of bf16 is one again; of that, the converter makes what chooses experts f32.
    if matrices().any(|t| t.block == Block::BF16) && matrices().all(|t| is_kept(t.block)) {
        return ElementType::BF16;
    }
    match architecture.family {
        "gemma" | "gemma2" => ElementType::F32,
        _ => ElementType::F16,
    }
}

fn has_bias(file: &Gguf, of: &str) -> bool {
    file.tensor(&format!("blk.0.{of}.bias")).is_some()
}

/// The configuration of the model in `file`.
pub(super) fn config(file: &Gguf, architecture: &Architecture) -> Result<Config, FormatError> {
    let told = file.metadata();
    let Architecture { name, family, .. } = *architecture;
    let of = |field: &str| format!("{name}.{field}");
    let size = |field: &str| told.positive(&of(field));
    let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let head_dim = told.size(&of("attention.key_length"))?.unwrap_or(hidden / heads);
    let embedding = file.tensor("token_embd.weight");
    let vocabulary = embedding.and_then(|t| t.shape.first().copied()).unwrap_or(0);
    let eps = told.number(&of("attention.layer_norm_rms_epsilon"))?.unwrap_or(1e-5);
    let dtype = match float(file, architecture) {
        ElementType::F32 => "float32",
        ElementType::BF16 => "bfloat16",
        _ => "float16",
    };
    let mut config = Config::parse(file.path(), "{}")?
        .with("model_type", family.into())
        .with("torch_dtype", dtype.into())
        .with("hidden_size", hidden.into())
        .with("num_hidden_layers", size("block_count")?.into())
        .with("num_attention_heads", heads.into())
        .with("head_dim", head_dim.into())
        .with("intermediate_size", size("feed_forward_length")?.into())
        .with("max_position_embeddings", size("context_length")?.into())
        .with("rms_norm_eps", json!(eps))
        .with("rope_theta", json!(told.number(&of("rope.freq_base"))?.unwrap_or(10000.0)))
        .with("vocab_size", vocabulary.into())
        .with("tie_word_embeddings", file.tensor("output.weight").is_none().into());
    config = match family {
        "lfm2" | "lfm2_moe" => lfm2(told, name, config)?,
        _ => {
            let kv_heads = told.size(&of("attention.head_count_kv"))?.unwrap_or(heads);
            config.with("num_key_value_heads", kv_heads.into())
        }
    };
    if told.size(&of("attention.value_length"))?.is_some_and(|length| length != head_dim) {
        let what = format!("is not the {head_dim} of keys");
        let next = "values of another length than keys are not supported";
        return Err(told.error(&of("attention.value_length"), &what, next));
    }
    if family != "qwen2" && has_bias(file, "attn_output") {
        config = config.with("attention_bias", true.into());
    }
    if family == "llama" && has_bias(file, "ffn_down") {
        config = config.with("mlp_bias", true.into());
    }
    config = match family {
        "mixtral" => config
            .with("num_local_experts", size("expert_count")?.into())
            .with("num_experts_per_tok", size("expert_used_count")?.into()),
        "qwen3_moe" => config
            .with("num_experts", size("expert_count")?.into())
            .with("num_experts_per_tok", size("expert_used_count")?.into())
            .with("moe_intermediate_size", size("expert_feed_forward_length")?.into())
            .with("norm_topk_prob", true.into()),
        "lfm2_moe" => {
            let field = of("expert_gating_func");
            if told.size(&field)?.is_some_and(|kind| kind != SIGMOID) {
                let next = "experts of this architecture are chosen by sigmoids";
                return Err(told.error(&field, "is that of another router", next));
            }
            let scale = told.number(&of("expert_weights_scale"))?.filter(|scale| *scale != 0.0);
            config
                .with("num_experts", size("expert_count")?.into())
                .with("num_experts_per_tok", size("expert_used_count")?.into())
                .with("moe_intermediate_size", size("expert_feed_forward_length")?.into())
                .with("routed_scaling_factor", json!(scale.unwrap_or(1.0)))
                .with(
                    "num_dense_layers",
                    told.size(&of("leading_dense_block_count"))?.unwrap_or(0).into(),
                )
        }
        "gemma" => config.with("hidden_activation", "gelu_pytorch_tanh".into()),
        "gemma2" => gemma2(told, config)?,
        _ => config,
    };
    config = rope(file, name, head_dim, config)?;
    for name in ["bos_token_id", "eos_token_id"] {
        if let Some(id) = told.size(&format!("tokenizer.ggml.{name}"))? {
            config = config.with(name, id.into());
        }
    }
    Ok(config)
}

/// Bounds and windows of Gemma 2, which are those of the published models where a file is silent.
fn gemma2(told: &Config, config: Config) -> Result<Config, FormatError> {
    let number = |field: &str, default: f64| -> Result<Value, FormatError> {
        Ok(json!(told.number(&format!("gemma2.{field}"))?.unwrap_or(default)))
    };
    let window = told.size("gemma2.attention.sliding_window")?.unwrap_or(4096);
    let [hidden, heads, head_dim, layers] =
        ["hidden_size", "num_attention_heads", "head_dim", "num_hidden_layers"]
            .map(|field| config.positive(field));
    // No field tells what scores are divided by: it is the root of a head's features, but for the model of 27B, which
    // is known by its layers.
    let scalar = if layers? == 46 { hidden? / heads? } else { head_dim? };
    Ok(config
        .with("hidden_activation", "gelu_pytorch_tanh".into())
        .with("attn_logit_softcapping", number("attn_logit_softcapping", 50.0)?)
        .with("final_logit_softcapping", number("final_logit_softcapping", 30.0)?)
        .with("query_pre_attn_scalar", scalar.into())
        .with("sliding_window", window.into()))
}

/// Which layers of LFM2 attend, those with heads of keys, and what the others convolve over.
fn lfm2(told: &Config, name: &str, config: Config) -> Result<Config, FormatError> {
    let of = |field: &str| format!("{name}.{field}");
    let field = &of("attention.head_count_kv");
    let heads = told.sizes(field)?.ok_or_else(|| told.missing(field))?;
    let most = heads.iter().copied().max().unwrap_or(0);
    if let Some(other) = heads.iter().find(|count| **count != 0 && **count != most) {
        let what = format!("holds {other} and {most}");
        return Err(told.error(field, &what, "all layers that attend have as many heads"));
    }
    let layers = config.positive("num_hidden_layers")?;
    // One number stands for all layers.
    let attends = |layer: usize| if heads.len() == 1 { most > 0 } else { heads[layer] > 0 };
    if heads.len() > 1 && heads.len() != layers {
        let what = format!("has {} numbers for {layers} layers", heads.len());
        return Err(told.error(field, &what, "it must have one for each layer"));
    }
    let [causal, window] = ["attention.causal", "attention.sliding_window"].map(of);
    let is_other =
        [told.flag(&causal)? == Some(false), told.size(&window)?.is_some_and(|window| window > 0)];
    if let Some((field, _)) = [causal, window].iter().zip(is_other).find(|(_, other)| *other) {
        let next = "models that see all tokens before one, and none after it, are read";
        return Err(told.error(field, "is that of another kind of model", next));
    }
    // A short list where there are too many layers to be a model's.
    let kinds = (0..layers.min(4096))
        .map(|layer| if attends(layer) { "full_attention" } else { "conv" })
        .collect::<Vec<_>>();
    let eps = config.number("rms_norm_eps")?;
    Ok(config
        .with("num_key_value_heads", most.max(1).into())
        .with("layer_types", json!(kinds))
        .with("conv_L_cache", told.positive(&of("shortconv.l_cache"))?.into())
        .with("norm_eps", json!(eps))
        .with("block_auto_adjust_ff_dim", false.into()))
}

/// How positions turn queries and keys.
fn rope(file: &Gguf, name: &str, head_dim: usize, config: Config) -> Result<Config, FormatError> {
    let told = file.metadata();
    let of = |field: &str| format!("{name}.{field}");
    let turning = told.size(&of("rope.dimension_count"))?.unwrap_or(head_dim);
    let mut config = config;
    if name == "phi3" {
        let window = told.size(&of("attention.sliding_window"))?.unwrap_or(0);
        config = config.with("sliding_window", window.into());
        if turning != head_dim {
            config = config.with("partial_rotary_factor", json!(share(turning, head_dim)));
        }
    } else if turning != head_dim {
        let what = format!("is {turning}, of {head_dim} features of a head");
        let next = "heads that turn in part are read of phi3 only";
        return Err(told.error(&of("rope.dimension_count"), &what, next));
    }
    Ok(match scaling(file, name, &config)? {
        Some(scaling) => config.with("rope_scaling", scaling),
        None => config,
    })
}

/// The share whose product with `all` is cut off to `part`, though it is rounded.
fn share(part: usize, all: usize) -> f64 {
    let share = part as f64 / all as f64;
    if ((all as f64 * share) as usize) < part { share.next_up() } else { share }
}

/// What is done to the rope, if anything is.
fn scaling(file: &Gguf, name: &str, config: &Config) -> Result<Option<Value>, FormatError> {
    let told = file.metadata();
    let of = |field: &str| format!("{name}.rope.scaling.{field}");
    let factors = ROPE_FACTORS.map(|name| {
        let tensor = file.tensor(name)?;
        Some(tensor.block.floats(tensor.bytes))
    });
    let original = told.size(&of("original_context_length"))?;
    let context = config.positive("max_position_embeddings")?;
    match factors {
        // The same divisors for every length, and nothing else.
        [Some(all), ..] => {
            return Ok(Some(json!({
                "rope_type": "longrope", "short_factor": all, "long_factor": all,
                "attention_factor": 1.0,
            })));
        }
        [None, Some(short), Some(long)] => {
            return Ok(Some(json!({
                "rope_type": "longrope", "short_factor": short, "long_factor": long,
                "attention_factor": told.number(&of("attn_factor"))?.unwrap_or(1.0),
                "original_max_position_embeddings": original.unwrap_or(context),
            })));
        }
        [None, None, None] => {}
        _ => {
            let what = "has divisors of the rope for caches of one kind only";
            let next = "rope_factors_short and rope_factors_long belong together";
            return Err(FormatError::new(file.path(), what, next));
        }
    }
    // Files older than the field have another, and mean the only kind that there was.
    let factor = match told.number(&of("factor"))? {
        Some(factor) => Some(factor),
        None => told.number(&format!("{name}.rope.scale_linear"))?,
    };
    let factor = factor.filter(|factor| *factor != 0.0);
    Ok(match (told.text(&of("type"))?, factor) {
        (Some("none"), _) | (Some("linear" | "yarn") | None, None) => None,
        (Some("linear") | None, Some(factor)) => {
            Some(json!({"rope_type": "linear", "factor": factor}))
        }
        (Some("yarn"), Some(factor)) => Some(json!({
            "rope_type": "yarn", "factor": factor,
            "original_max_position_embeddings": original.unwrap_or(context),
        })),
        (Some(other), _) => {
            let what = format!("is `{other}`, which is not supported");
            return Err(told.error(&of("type"), &what, "it is one of none, linear, yarn"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_gives_its_part_back() {
        for all in (2..=512usize).step_by(2) {
            for part in (2..=all).step_by(2) {
                let back = (all as f64 * share(part, all)) as usize;
                assert_eq!(back, part, "of {all}");
            }
        }
    }
}
