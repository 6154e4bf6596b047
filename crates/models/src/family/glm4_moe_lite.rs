//! GLM-4.7-Flash (<https://huggingface.co/zai-org/GLM-4.7-Flash>): DeepSeek-V3's attention and experts.

use super::{latent_attention, sigmoid_experts, sparse_from};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "glm4_moe_lite", doc: "GLM-4.7-Flash", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5).or("n_shared_experts", 1);
    let mut decoder = latent_attention(config)?;
    let experts = sigmoid_experts(config, "switch_mlp")?;
    let dense = match config.texts("mlp_layer_types")? {
        Some(kinds) => {
            let dense = kinds.iter().take_while(|kind| *kind == "dense").count();
            let layers = decoder.feed_forward.len();
            if kinds.len() != layers || kinds.iter().skip(dense).any(|kind| kind != "sparse") {
                let next =
                    format!("it has `dense` for the first of {layers} layers, then `sparse`");
                return Err(config.error("mlp_layer_types", "is of another kind", next));
            }
            dense
        }
        None => config.size("first_k_dense_replace")?.unwrap_or(1),
    };
    sparse_from(&mut decoder, dense, &experts);
    Ok(decoder)
}
