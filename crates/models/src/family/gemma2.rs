//! Gemma 2 (<https://arxiv.org/abs/2408.00118>): Gemma with soft-capped scores and logits, a window in every other
//! layer, and norms on both ends of each branch.

use super::{gemma, slide, usual_window};
use crate::{Decoder, Family, Norms};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "gemma2", doc: "Gemma 2", read };

/// Also the start for Gemma 3.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    // Where a file is silent, as transformers and mlx-lm read it; null is no bound.
    let config =
        &config.clone().or("attn_logit_softcapping", 50.0).or("final_logit_softcapping", 30.0);
    let mut decoder = gemma::read(config)?;
    decoder.norms.places = Norms::AROUND;
    decoder.attention.scale = match config.number("query_pre_attn_scalar")? {
        Some(scalar) if scalar > 0.0 => scalar.powf(-0.5),
        Some(scalar) => {
            let what = format!("is {scalar}");
            return Err(config.error("query_pre_attn_scalar", &what, "it must be above 0"));
        }
        None => 256f64.powf(-0.5),
    };
    decoder.attention.softcap = softcap(config, "attn_logit_softcapping")?;
    decoder.softcap = softcap(config, "final_logit_softcapping")?;
    slide(config, &mut decoder, usual_window(config)?, |layer| layer % 2 == 0)?;
    Ok(decoder)
}

/// A bound, where the configuration has one.
fn softcap(config: &Config, field: &str) -> Result<Option<f64>, FormatError> {
    match config.number(field)? {
        Some(cap) if cap <= 0.0 => {
            Err(config.error(field, &format!("is {cap}"), "it must be above 0, or null"))
        }
        cap => Ok(cap),
    }
}
