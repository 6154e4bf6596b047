//! The list of families. Adding one is a new file and a row here.

use crate::Decoder;
use crate::family::{
    deepseek_v2, deepseek_v3, dots1, ernie4_5, exaone4, gemma, gemma2, gemma3_text, glm, glm4,
    glm4_moe, glm4_moe_lite, granite, helium, lfm2, lfm2_moe, llama, mistral, mixtral, olmo2,
    olmo3, olmoe, phi3, qwen2, qwen2_moe, qwen3, qwen3_moe, seed_oss, smollm3,
};
use std::sync::Arc;
use tilewright_formats::{Checkpoint, Config, FormatError};
use tilewright_nn::{DType, Error, Model, Part, Result, Runtime, Weights};

/// A family of models: those that one reading of `config.json` describes.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The `model_type` that its configurations declare.
    pub model_type: &'static str,
    /// What it is, in one line.
    pub doc: &'static str,
    /// Reads the rest of the configuration.
    pub read: fn(&Config) -> std::result::Result<Decoder, FormatError>,
}

/// Every family.
pub static FAMILIES: &[Family] = &[
    deepseek_v2::FAMILY,
    deepseek_v3::FAMILY,
    dots1::FAMILY,
    ernie4_5::FAMILY,
    exaone4::FAMILY,
    gemma::FAMILY,
    gemma2::FAMILY,
    gemma3_text::FAMILY,
    glm::FAMILY,
    glm4::FAMILY,
    glm4_moe::FAMILY,
    glm4_moe_lite::FAMILY,
    granite::FAMILY,
    helium::FAMILY,
    lfm2::FAMILY,
    lfm2_moe::FAMILY,
    llama::FAMILY,
    mistral::FAMILY,
    mixtral::FAMILY,
    olmo2::FAMILY,
    olmo3::FAMILY,
    olmoe::FAMILY,
    phi3::FAMILY,
    qwen2::FAMILY,
    qwen2_moe::FAMILY,
    qwen3::FAMILY,
    qwen3_moe::FAMILY,
    seed_oss::FAMILY,
    smollm3::FAMILY,
];

/// The family that a configuration declares.
///
/// # Errors
/// When it declares none, or one that is not known; the message lists those that are.
pub fn find(config: &Config) -> std::result::Result<&'static Family, FormatError> {
    let declared = config.text("model_type")?.ok_or_else(|| config.missing("model_type"))?;
    FAMILIES.iter().find(|family| family.model_type == declared).ok_or_else(|| {
        let known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type).collect();
        let what = format!("is `{declared}`, a family that is not known");
        config.error("model_type", &what, format!("the families are {}", known.join(", ")))
    })
}

/// What a configuration says of its model.
///
/// # Errors
/// When the family is not known, or a field is missing, wrong or not supported.
pub fn describe(config: &Config) -> std::result::Result<Decoder, FormatError> {
    let decoder = (find(config)?.read)(config)?;
    decoder.check(config)?;
    Ok(decoder)
}

/// The model of a checkpoint on `runtime`, with arithmetic between kernels in `dtype` or the checkpoint's own type.
///
/// # Errors
/// When the configuration cannot be read ([`describe`]), a tensor is missing or does not fit, or the device has no
/// memory for it.
pub fn load(checkpoint: &Checkpoint, runtime: Arc<Runtime>, dtype: Option<DType>) -> Result<Model> {
    Ok(load_listed(checkpoint, runtime, dtype)?.0)
}

/// As [`load`], with the list of the modules that have weights.
///
/// # Errors
/// As [`load`].
pub fn load_listed(
    checkpoint: &Checkpoint,
    runtime: Arc<Runtime>,
    dtype: Option<DType>,
) -> Result<(Model, Vec<Part>)> {
    let wrong = |e: FormatError| Error::failure(e.to_string()).help(e.next);
    let decoder = describe(checkpoint.config()).map_err(wrong)?;
    decoder.build_listed(Weights::new(checkpoint, runtime, dtype)?)
}
