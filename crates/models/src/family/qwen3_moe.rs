//! Qwen 3 with experts (<https://arxiv.org/abs/2505.09388>): in every layer, or in each `decoder_sparse_step`-th one that
//! `mlp_only_layers` does not list.

use super::{mlp_experts, qwen3, usual_window};
use crate::{Decoder, Family, FeedForward};
use tilewright_formats::{Affine, Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "qwen3_moe", doc: "Qwen 3 with experts, as Qwen3-30B-A3B", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = qwen3::read(config)?;
    // Unlike the dense form, every layer slides or none does.
    let slides = config.flag("use_sliding_window")? == Some(true);
    decoder.windows.fill(usual_window(config)?.filter(|_| slides));
    // Transformers 5 writes the field under Mixtral's name.
    let count = match config.size("num_experts")? {
        Some(count) => count,
        None => config.size("num_local_experts")?.ok_or_else(|| config.missing("num_experts"))?,
    };
    if count == 0 {
        return Ok(decoder);
    }
    let inside = config.positive("moe_intermediate_size")?;
    let experts = mlp_experts(config, count, inside, Some(Affine { bits: 8, group: 64 }))?;
    let step = config.size("decoder_sparse_step")?.unwrap_or(1).max(1);
    let dense = config.sizes("mlp_only_layers")?.unwrap_or_default();
    for (layer, part) in decoder.feed_forward.iter_mut().enumerate() {
        if (layer + 1) % step == 0 && !dense.contains(&layer) {
            *part = FeedForward::Experts(experts.clone());
        }
    }
    Ok(decoder)
}
