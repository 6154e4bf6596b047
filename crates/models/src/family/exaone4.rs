//! EXAONE 4 (<https://arxiv.org/abs/2507.11407>): norms after each branch and on every head of queries and keys; the large
//! form slides in three of four layers, and positions turn nothing in the others.

use super::{llama_like, slide_where, sliding, usual_window};
use crate::{Decoder, Family, Normed, Norms};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::Rope;

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "exaone4", doc: "EXAONE 4", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rms_norm_eps", 1e-5).or("max_position_embeddings", 2048);
    let mut decoder = llama_like(config)?;
    decoder.norms.places = Norms::AFTER;
    decoder.attention.norms = Some(Normed::Heads);
    let Some(window) = usual_window(config)? else { return Ok(decoder) };
    let pattern = pattern(config)?;
    let slides = sliding(config, decoder.windows.len(), |layer| pattern[layer % pattern.len()])?;
    slide_where(&mut decoder, Some(window), &slides);
    decoder.ropes.push(Rope::still(decoder.attention.head_dim));
    decoder.turned_by = slides.into_iter().map(|slides| usize::from(!slides)).collect();
    Ok(decoder)
}

/// Which layers slide, over and over again: one in so many does not, or as letters tell.
fn pattern(config: &Config) -> Result<Vec<bool>, FormatError> {
    let field = "sliding_window_pattern";
    match config.value(field).and_then(|value| value.as_str()) {
        Some(letters) if !letters.is_empty() && letters.chars().all(|c| matches!(c, 'L' | 'G')) => {
            Ok(letters.chars().map(|c| c == 'L').collect())
        }
        Some(other) => {
            let next = "it is a number of layers, or letters: L where a layer slides, else G";
            Err(config.error(field, &format!("is `{other}`"), next))
        }
        None => {
            let every = config.positive_or(field, 4)?;
            if every > config.positive("num_hidden_layers")? {
                return Ok(vec![true]);
            }
            Ok((1..=every).map(|layer| layer < every).collect())
        }
    }
}
