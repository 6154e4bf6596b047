//! Phi 3 and 4 (<https://arxiv.org/abs/2404.14219>): Llama with fused projections; the long forms turn with LongRoPE, and
//! Phi-4-mini turns a part of each head.

use super::{llama_like_turning, window};
use crate::{Decoder, Family, FeedForward};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "phi3", doc: "Phi 3, 3.5, 4", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5);
    let mut decoder = llama_like_turning(config, |head_dim| partial(config, head_dim))?;
    decoder.attention.fused = true;
    decoder.windows.fill(window(config)?);
    for part in &mut decoder.feed_forward {
        if let FeedForward::Gated { intermediate, gate, .. } = *part {
            *part = FeedForward::Packed { intermediate, gate };
        }
    }
    Ok(decoder)
}

/// The number of features of a head that turn.
fn partial(config: &Config, head_dim: usize) -> Result<usize, FormatError> {
    let field = "partial_rotary_factor";
    let share = match config.object("rope_parameters")? {
        Some(parameters) => parameters.number(field)?,
        None => None,
    };
    let share = share.or(config.number(field)?).unwrap_or(1.0);
    if !(share > 0.0 && share <= 1.0) {
        let next = "it must be above 0 and at most 1";
        return Err(config.error(field, &format!("is {share}"), next));
    }
    // Of an odd number, transformers turns one more and mlx-lm none.
    match (head_dim as f64 * share) as usize {
        odd if odd % 2 == 1 => {
            let what = format!("is {share}, of {head_dim} features of a head {odd}");
            Err(config.error(field, &what, "features turn in pairs"))
        }
        even => Ok(even),
    }
}
