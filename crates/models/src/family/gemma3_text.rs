//! Gemma 3, its text (<https://arxiv.org/abs/2503.19786>): Gemma 2 with a norm on every head of queries and keys in
//! place of bounds, a window in five of six layers, and a rope of its own for the layers that slide.

use super::{gemma2, slide_where, sliding, usual_window};
use crate::rope::ropes;
use crate::{Decoder, Family, Normed};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "gemma3_text", doc: "Gemma 3, text", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    if config.flag("use_bidirectional_attention")? == Some(true) {
        let next = "only models whose tokens see what is before them run";
        return Err(config.error("use_bidirectional_attention", "is true", next));
    }
    // What the text part of a model with images leaves out, as transformers reads it.
    let config = &config
        .clone()
        .or("num_attention_heads", 8)
        .or("num_key_value_heads", 4)
        .or("head_dim", 256)
        .or("vocab_size", 262_208)
        .or("max_position_embeddings", 131_072)
        // A bound that a file does not name is none, otherwise than in Gemma 2.
        .or("final_logit_softcapping", ())
        .or("rope_theta", 1e6);
    let mut decoder = gemma2::read(config)?;
    decoder.attention.norms = Some(Normed::Heads);
    // The configuration has the field, and neither transformers nor mlx-lm bounds by it.
    decoder.attention.softcap = None;
    let every = config.positive_or("sliding_window_pattern", 6)?;
    let slides = sliding(config, decoder.windows.len(), |layer| (layer + 1) % every != 0)?;
    slide_where(&mut decoder, usual_window(config)?, &slides);
    let local = config.number("rope_local_base_freq")?.unwrap_or(1e4);
    decoder.ropes = ropes(config, decoder.attention.head_dim, decoder.context, local)?.into();
    decoder.turned_by = slides.into_iter().map(usize::from).collect();
    Ok(decoder)
}
