//! Gemma (<https://arxiv.org/abs/2403.08295>): embeddings times the root of their length, norms that store their weight
//! less 1, gelu, and the embedding as head.

use super::{gate, llama_like, with_gate};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::Gate;

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "gemma", doc: "Gemma 2B, 7B", read };

/// Also the start for Gemma 2.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.norms.offset = 1.0;
    decoder.embedding_scale = Some((decoder.hidden as f64).sqrt());
    decoder.tied = config.flag("tie_word_embeddings")?.unwrap_or(true);
    // Where both fields are there, the newer one counts. The older one said gelu and meant its approximation, by which
    // the models were trained.
    let gate = match config.value("hidden_activation") {
        Some(_) => gate(config, "hidden_activation", None)?,
        None => match gate(config, "hidden_act", Some(Gate::GeluTanh))? {
            Gate::Gelu => Gate::GeluTanh,
            other => other,
        },
    };
    Ok(with_gate(decoder, gate))
}
