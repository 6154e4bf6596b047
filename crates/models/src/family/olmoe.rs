//! OLMoE (<https://arxiv.org/abs/2409.02060>): Llama with experts in every layer, and norms on queries and keys of all heads
//! as one row.

use super::{llama_like, mlp_experts};
use crate::{Decoder, Family, FeedForward, Normed, RouterFormat};
use tilewright_formats::{Config, FormatError};

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
    let [count, inside] = ["num_experts", "intermediate_size"].map(|field| config.positive(field));
    let experts = mlp_experts(config, count?, inside?, RouterFormat::AsOthers)?;
    decoder.feed_forward.fill(FeedForward::Experts(Box::new(experts)));
    Ok(decoder)
}
