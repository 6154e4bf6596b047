//! DeepSeek-V2-Lite (<https://arxiv.org/abs/2405.04434>): attention by vectors that all heads share, and experts chosen by a
//! softmax behind the first layers.

use super::{deepseek_experts, latent_attention, sparse_behind};
use crate::{Decoder, Family};
use tilewright_formats::{Config, FormatError};
use tilewright_nn::Routing;

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "deepseek_v2", doc: "DeepSeek-V2-Lite and its Coder", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config.clone().or("n_shared_experts", 2);
    let mut decoder = latent_attention(config)?;
    let method = config.text("topk_method")?.unwrap_or("greedy");
    if method != "greedy" {
        let what = format!("is `{method}`, which is not supported");
        return Err(config.error("topk_method", &what, "experts are chosen greedily out of all"));
    }
    if config.flag("norm_topk_prob")? == Some(true) {
        let next = "weights of chosen experts are those of the softmax";
        return Err(config.error("norm_topk_prob", "is true, which is not supported", next));
    }
    let softmax = Routing::Softmax { normalize: false };
    let experts = deepseek_experts(config, softmax, "switch_mlp")?;
    sparse_behind(config, &mut decoder, &experts)?;
    Ok(decoder)
}
