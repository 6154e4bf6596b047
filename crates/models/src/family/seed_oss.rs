//! Seed-OSS (<https://github.com/ByteDance-Seed/seed-oss>): Llama whose queries, keys and values have a bias.

use super::llama_like;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "seed_oss", doc: "Seed-OSS", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("head_dim", 128).or("attention_bias", true);
    let mut decoder = llama_like(config)?;
    decoder.attention.output_bias = config.flag("attention_out_bias")?.unwrap_or(false);
    Ok(decoder)
}
