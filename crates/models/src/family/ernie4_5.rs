//! ERNIE 4.5, dense (<https://ernie.baidu.com/blog/publication/ERNIE_Technical_Report.pdf>): Llama whose turning features
//! are stored in pairs.

use super::llama_like;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "ernie4_5", doc: "ERNIE 4.5, dense", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let bias = config.flag("use_bias")?.unwrap_or(false);
    let config = &config
        .clone()
        .or("head_dim", 128)
        .or("rms_norm_eps", 1e-5)
        .or("rope_theta", 5e5)
        .or("tie_word_embeddings", true)
        .with("attention_bias", bias.into())
        .with("mlp_bias", bias.into());
    let mut decoder = llama_like(config)?;
    decoder.attention.interleaved = true;
    Ok(decoder)
}
