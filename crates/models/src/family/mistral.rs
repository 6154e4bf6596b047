//! Mistral 7B (<https://arxiv.org/abs/2310.06825>): Llama with a sliding window in every layer, where there is one.

use super::{llama_like, usual_window};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "mistral", doc: "Mistral 7B, Nemo, Small", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.windows.fill(usual_window(config)?);
    Ok(decoder)
}
