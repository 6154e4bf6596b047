//! GLM-4.5 to 4.7 (<https://arxiv.org/abs/2508.06471>): experts chosen as in DeepSeek-V3 behind the first layers, half of a
//! head's features turning, and norms on queries and keys where the configuration asks for them.

use super::{llama_like_turning, partial, sigmoid_experts, sparse_behind};
use crate::{Decoder, Family, Normed};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "glm4_moe", doc: "GLM-4.5, 4.6 and 4.7, and their Air", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config
        .clone()
        .or("rms_norm_eps", 1e-5)
        .or("first_k_dense_replace", 1)
        .or("n_shared_experts", 1);
    let mut decoder = llama_like_turning(config, |head_dim| partial(config, head_dim, 0.5))?;
    decoder.attention.output_bias = false;
    decoder.attention.norms = config.flag("use_qk_norm")?.unwrap_or(false).then_some(Normed::Heads);
    let experts = sigmoid_experts(config, "switch_mlp")?;
    sparse_behind(config, &mut decoder, &experts)?;
    Ok(decoder)
}
