//! Qwen 3 with experts (<https://arxiv.org/abs/2505.09388>): in every layer, or in each `decoder_sparse_step`-th one that
//! `mlp_only_layers` does not list.

use super::{first_of, mlp_experts, qwen3, sparse_layers, usual_window};
use crate::{Decoder, Family, RouterFormat};
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
    let count = first_of(config, ["num_experts", "num_local_experts"])?;
    match count.ok_or_else(|| config.missing("num_experts"))? {
        0 => {}
        count => {
            let inside = config.positive("moe_intermediate_size")?;
            let router = RouterFormat::Own(Affine { bits: 8, group: 64 });
            let experts = mlp_experts(config, count, inside, router)?;
            sparse_layers(config, &mut decoder, &experts)?;
        }
    }
    Ok(decoder)
}
