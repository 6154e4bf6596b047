//! Qwen 2 and 2.5 (<https://arxiv.org/abs/2407.10671>): Llama with a bias in queries, keys and values, and a window in
//! the later layers where the configuration asks for it.

use super::{llama_like, slide, usual_window};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "qwen2", doc: "Qwen 2 and 2.5", read };

/// Also the start for the form with experts.
pub(crate) fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = llama_like(config)?;
    decoder.attention.bias = true;
    decoder.attention.output_bias = false;
    late_windows(config, &mut decoder)?;
    Ok(decoder)
}

/// Windows where `layer_types` tells, or from layer `max_window_layers` on, if `use_sliding_window`.
pub(crate) fn late_windows(config: &Config, decoder: &mut Decoder) -> Result<(), FormatError> {
    if config.flag("use_sliding_window")? == Some(true) {
        let first = config.size("max_window_layers")?.unwrap_or(28);
        slide(config, decoder, usual_window(config)?, |layer| layer >= first)?;
    }
    Ok(())
}
