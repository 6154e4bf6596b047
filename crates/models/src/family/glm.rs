//! GLM-4 of 2024 (<https://arxiv.org/abs/2406.12793>): half of each head turns, its features stored in pairs; gate and up
//! projections are one.

use super::{llama_like_turning, pack_gates, partial};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "glm", doc: "GLM-4, of 2024", read };

/// Also the start for the form with more norms.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config
        .clone()
        .or("head_dim", 128)
        .or("num_key_value_heads", 2)
        .or("attention_bias", true)
        .or("rms_norm_eps", 1.5625e-7);
    let mut decoder = llama_like_turning(config, |head_dim| partial(config, head_dim, 0.5))?;
    decoder.attention.interleaved = true;
    decoder.attention.output_bias = false;
    pack_gates(&mut decoder);
    Ok(decoder)
}
