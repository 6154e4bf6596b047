//! Phi 3 and 4 (<https://arxiv.org/abs/2404.14219>): Llama with fused projections; the long forms turn with LongRoPE, and
//! Phi-4-mini turns a part of each head.

use super::{llama_like, window};
use crate::{Decoder, Family, FeedForward};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "phi3", doc: "Phi 3, 3.5, 4", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.attention.fused = true;
    decoder.windows.fill(window(config)?);
    for part in &mut decoder.feed_forward {
        if let FeedForward::Gated { intermediate, gate, .. } = *part {
            *part = FeedForward::Packed { intermediate, gate };
        }
    }
    Ok(decoder)
}
