//! Qwen 1.5 and 2 with experts (<https://arxiv.org/abs/2407.10671>): Qwen 2 whose layers have experts beside a layer that
//! every token takes, times the sigmoid of a number of the token.

use super::{first_of, mlp_experts, qwen2, sparse_layers};
use crate::{Decoder, Family, RouterFormat, SharedExperts};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "qwen2_moe", doc: "Qwen1.5-MoE-A2.7B, Qwen2-57B-A14B", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = qwen2::read(config)?;
    decoder.attention.bias = config.flag("qkv_bias")?.unwrap_or(true);
    // Transformers 5 writes the field under Mixtral's name.
    let count = first_of(config, ["num_experts", "num_local_experts"])?.unwrap_or(60);
    let inside = config.positive("moe_intermediate_size")?;
    let mut experts = mlp_experts(config, count, inside, RouterFormat::AsOthers)?;
    experts.shared = Some(SharedExperts {
        name: "shared_expert",
        intermediate: config.positive("shared_expert_intermediate_size")?,
        gate: Some("shared_expert_gate"),
    });
    sparse_layers(config, &mut decoder, &experts)?;
    Ok(decoder)
}
