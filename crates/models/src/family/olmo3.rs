//! OLMo 3 (<https://allenai.org/blog/olmo3>): OLMo 2 with a window in three of four layers, whose rope is not scaled.

use super::{olmo2, slide_where, sliding, usual_window};
use crate::rope::ropes;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "olmo3", doc: "OLMo 3", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("rope_theta", 5e5);
    let base = config.number("rope_theta")?.unwrap_or(5e5);
    let mut decoder = olmo2::read(config)?;
    let slides = sliding(config, decoder.windows.len(), |layer| (layer + 1) % 4 != 0)?;
    slide_where(&mut decoder, usual_window(config)?, &slides);
    decoder.ropes = ropes(config, decoder.attention.head_dim, decoder.context, base)?.into();
    decoder.turned_by = slides.into_iter().map(usize::from).collect();
    Ok(decoder)
}
