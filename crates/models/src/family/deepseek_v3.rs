//! DeepSeek-V3 (<https://arxiv.org/abs/2412.19437>): attention by vectors that all heads share, and experts chosen by
//! sigmoids behind the first layers.

use super::{latent_attention, sigmoid_experts, sparse_behind};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "deepseek_v3", doc: "DeepSeek-V3 and R1, Moonlight", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("first_k_dense_replace", 3).or("n_shared_experts", 1);
    let mut decoder = latent_attention(config)?;
    let experts = sigmoid_experts(config, "switch_mlp")?;
    let step = config.size("moe_layer_freq")?.unwrap_or(1);
    if step != 1 {
        let next = "every layer behind the first has experts";
        return Err(config.error("moe_layer_freq", &format!("is {step}"), next));
    }
    sparse_behind(config, &mut decoder, &experts)?;
    Ok(decoder)
}
