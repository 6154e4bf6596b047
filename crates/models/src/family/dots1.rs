//! dots.llm1 (<https://arxiv.org/abs/2506.05767>): Qwen 3's attention, and experts chosen as in DeepSeek-V3 behind the first
//! layers.

use super::{qwen3, sigmoid_experts, slide, sparse_behind, window};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "dots1", doc: "dots.llm1", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("norm_topk_prob", false).or("max_window_layers", 62);
    let mut decoder = qwen3::read(config)?;
    let first = config.size("max_window_layers")?.unwrap_or(usize::MAX);
    slide(config, &mut decoder, window(config)?, |layer| layer >= first)?;
    let experts = sigmoid_experts(config, "experts")?;
    sparse_behind(config, &mut decoder, &experts)?;
    Ok(decoder)
}
