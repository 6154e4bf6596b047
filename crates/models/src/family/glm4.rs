//! GLM-4 of 2025 (<https://huggingface.co/zai-org/GLM-4-9B-0414>): as that of 2024, with norms on both ends of each branch.

use super::glm;
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family = Family { model_type: "glm4", doc: "GLM-4-0414", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let mut decoder = glm::read(config)?;
    decoder.norms.places = [
        Some("input_layernorm"),
        Some("post_self_attn_layernorm"),
        Some("post_attention_layernorm"),
        Some("post_mlp_layernorm"),
    ];
    Ok(decoder)
}
