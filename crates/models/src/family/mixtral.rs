//! Mixtral (<https://arxiv.org/abs/2401.04088>): Mistral with experts in every layer, whose weights sum to 1.

use super::{gate, llama_like, window};
use crate::{Decoder, Experts, Family, FeedForward, RouterFormat};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::{Gate, MoeShape, Routing};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "mixtral", doc: "Mixtral 8x7B, 8x22B", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5).or("rope_theta", 1e6);
    let mut decoder = llama_like(config)?;
    decoder.windows.fill(window(config)?);
    let experts = Experts {
        shape: MoeShape {
            experts: config.positive("num_local_experts")?,
            per_token: config.positive("num_experts_per_tok")?,
            routing: Routing::Softmax { normalize: true },
            factor: None,
            gate: gate(config, "hidden_act", Some(Gate::Silu))?,
        },
        intermediate: config.positive("intermediate_size")?,
        module: "block_sparse_moe",
        projections: ["w1", "w3", "w2"],
        stacked: "switch_mlp",
        router: RouterFormat::AsOthers,
        steering: None,
        shared: None,
    };
    decoder.feed_forward.fill(FeedForward::Experts(Box::new(experts)));
    Ok(decoder)
}
