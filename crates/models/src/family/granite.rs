//! Granite 3 (<https://arxiv.org/abs/2408.13359>): Llama with factors on embeddings, scores, branches and logits, by which
//! what was learned with a small model holds for a large one.

use super::llama_like;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "granite", doc: "Granite 3, dense", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.attention.scale = factor(config, "attention_multiplier")?;
    let other_than_1 = |factor: f64| (factor != 1.0).then_some(factor);
    decoder.embedding_scale = other_than_1(factor(config, "embedding_multiplier")?);
    decoder.branch_factor = other_than_1(factor(config, "residual_multiplier")?);
    decoder.logit_factor = other_than_1(1.0 / factor(config, "logits_scaling")?);
    Ok(decoder)
}

/// A factor; 1 where a file is silent.
fn factor(config: &Config, field: &str) -> Result<f64, FormatError> {
    match config.number(field)?.unwrap_or(1.0) {
        factor if (1e-12..=1e12).contains(&factor) => Ok(factor),
        factor => Err(config.error(field, &format!("is {factor}"), "it must be above 0")),
    }
}
