//! OLMoE (<https://arxiv.org/abs/2409.02060>): Llama with experts in every layer, and norms on queries and keys of all heads
//! as one row.

use super::{gate, llama_like};
use crate::{Decoder, Experts, Family, FeedForward, Normed};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::{Gate, MoeShape};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "olmoe", doc: "OLMoE 1B-7B", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    if let Some(bound) = config.number("clip_qkv")? {
        let what = format!("is {bound}, which is not supported");
        return Err(config.error("clip_qkv", &what, "only models without this bound run"));
    }
    let config = &config
        .clone()
        .or("rms_norm_eps", 1e-5)
        .or("num_experts", 64)
        .or("num_experts_per_tok", 8)
        .or("max_position_embeddings", 4096);
    let mut decoder = llama_like(config)?;
    decoder.attention.norms = Some(Normed::Rows);
    let experts = Experts {
        shape: MoeShape {
            experts: config.positive("num_experts")?,
            per_token: config.positive("num_experts_per_tok")?,
            normalize: config.flag("norm_topk_prob")?.unwrap_or(false),
            gate: gate(config, "hidden_act", Some(Gate::Silu))?,
        },
        intermediate: config.positive("intermediate_size")?,
        module: "mlp",
        projections: ["gate_proj", "up_proj", "down_proj"],
        router: None,
    };
    decoder.feed_forward.fill(FeedForward::Experts(experts));
    Ok(decoder)
}
