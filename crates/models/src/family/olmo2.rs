//! OLMo 2 (<https://arxiv.org/abs/2501.00656>): Llama with norms after each branch instead of before, and on queries and
//! keys of all heads as one row.

use super::llama_like;
use crate::{Decoder, Family, Normed, Norms};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "olmo2", doc: "OLMo 2", read };

/// Also the start for OLMo 3.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5).or("max_position_embeddings", 2048);
    let mut decoder = llama_like(config)?;
    decoder.norms.places = Norms::AFTER;
    decoder.attention.norms = Some(Normed::Rows);
    Ok(decoder)
}
