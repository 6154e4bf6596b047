//! Phi 3 and 4 (<https://arxiv.org/abs/2404.14219>): Llama with fused projections; the long forms turn with LongRoPE, and
//! Phi-4-mini turns a part of each head.

use super::{llama_like_turning, pack_gates, partial, window};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "phi3", doc: "Phi 3, 3.5, 4", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5);
    let mut decoder = llama_like_turning(config, |head_dim| partial(config, head_dim, 1.0))?;
    decoder.attention.fused = true;
    decoder.windows.fill(window(config)?);
    pack_gates(&mut decoder);
    Ok(decoder)
}
