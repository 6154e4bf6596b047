//! Helium 1 (<https://kyutai.org/2025/04/30/helium.html>): Llama whose turning features are stored in pairs.

use super::llama_like;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "helium", doc: "Helium 1", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("head_dim", 128).or("rms_norm_eps", 1e-8).or("rope_theta", 1e5);
    let mut decoder = llama_like(config)?;
    decoder.attention.interleaved = true;
    decoder.attention.output_bias = false;
    Ok(decoder)
}
