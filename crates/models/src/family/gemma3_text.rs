//! Gemma 3, its text (<https://arxiv.org/abs/2503.19786>): Gemma 2 with a norm on every head of queries and keys in
//! place of bounds, a window in five of six layers, and a rope of its own for the layers that slide.

use super::{gemma2, slide_where, sliding, usual_window};
use crate::rope::rope;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::Rope;

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
    decoder.attention.head_norms = true;
    // The configuration has the field, and neither transformers nor mlx-lm bounds by it.
    decoder.attention.softcap = None;
    let every = config.positive_or("sliding_window_pattern", 6)?;
    let slides = sliding(config, decoder.windows.len(), |layer| (layer + 1) % every != 0)?;
    slide_where(&mut decoder, usual_window(config)?, &slides);
    decoder.ropes = ropes(config, decoder.attention.head_dim, decoder.context)?.into();
    decoder.turned_by = slides.into_iter().map(usize::from).collect();
    Ok(decoder)
}

/// The ropes of layers that see everything and of those that slide: one for each kind since transformers 5; before,
/// only the former's base and scaling have the usual names.
fn ropes(config: &Config, features: usize, context: usize) -> Result<[Rope; 2], FormatError> {
    let plain = config.clone().without("rope_parameters").without("rope_scaling");
    let local = config.number("rope_local_base_freq")?.unwrap_or(1e4);
    let of_kind = |kind: &str, otherwise: Config| {
        let told = match config.object("rope_parameters")? {
            Some(kinds) => kinds.value(kind).cloned(),
            None => None,
        };
        let config = match told {
            Some(told) => otherwise.with("rope_parameters", told),
            None => otherwise,
        };
        rope(&config, features, context)
    };
    Ok([
        of_kind("full_attention", config.clone())?,
        of_kind("sliding_attention", plain.with("rope_theta", local.into()))?,
    ])
}
