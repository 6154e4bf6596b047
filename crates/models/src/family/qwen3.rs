//! Qwen 3 (<https://arxiv.org/abs/2505.09388>): Llama with a norm on every head of queries and keys.

use super::llama_like;
use super::qwen2::late_windows;
use crate::{Decoder, Family, Normed};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "qwen3", doc: "Qwen 3, dense", read };

/// Also the start for the form with experts.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.attention.norms = Some(Normed::Heads);
    late_windows(config, &mut decoder)?;
    Ok(decoder)
}
