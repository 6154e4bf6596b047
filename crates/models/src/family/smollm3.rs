//! SmolLM 3 (<https://huggingface.co/blog/smollm3>): Llama where positions turn nothing in every fourth layer.

use super::{llama_like, slide_where, sliding, window};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::Rope;

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "smollm3", doc: "SmolLM 3", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rope_theta", 2e6).or("tie_word_embeddings", true);
    let mut decoder = llama_like(config)?;
    let layers = decoder.windows.len();
    let turns: Vec<bool> = match config.sizes("no_rope_layers")? {
        Some(turns) if turns.len() == layers => turns.into_iter().map(|turns| turns != 0).collect(),
        Some(turns) => {
            let what = format!("has {} numbers for {layers} layers", turns.len());
            let next = "it must have one for each layer, 0 where positions turn nothing";
            return Err(config.error("no_rope_layers", &what, next));
        }
        None => {
            let every = config.positive_or("no_rope_layer_interval", 4)?;
            (0..layers).map(|layer| (layer + 1) % every != 0).collect()
        }
    };
    if config.flag("use_sliding_window")? == Some(true) {
        let slides = sliding(config, layers, |layer| !turns[layer])?;
        slide_where(&mut decoder, window(config)?, &slides);
    }
    decoder.ropes.push(Rope::still(decoder.attention.head_dim));
    decoder.turned_by = turns.into_iter().map(|turns| usize::from(!turns)).collect();
    Ok(decoder)
}
