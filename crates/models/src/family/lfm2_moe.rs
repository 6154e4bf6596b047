//! LFM2 with experts (<https://arxiv.org/abs/2511.23404>): behind the first layers experts chosen by sigmoids, which a bias may
//! steer. (mlx-lm before 0.30 chose them by a softmax.)

use super::{lfm2, mlp_experts, sparse_from};
use crate::{Decoder, Family, Names, RouterFormat};
use tilewright_formats::{Affine, Config, FormatError};
use tilewright_nn::Routing;

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "lfm2_moe", doc: "LFM2 with experts, as LFM2-8B-A1B", read };

fn read(config: &Config) -> Result<Decoder, FormatError> {
    let config = &config
        .clone()
        .or("intermediate_size", 7168)
        .or("moe_intermediate_size", 1792)
        .or("num_experts", 32)
        .or("num_experts_per_tok", 4)
        .or("num_dense_layers", 2);
    let mut decoder = lfm2::start(config, config.positive("intermediate_size")?, &Names::LFM2_MOE)?;
    let [count, inside] =
        ["num_experts", "moe_intermediate_size"].map(|field| config.positive(field));
    let router = RouterFormat::Own(Affine { bits: 8, group: 64 });
    let mut experts = mlp_experts(config, count?, inside?, router)?;
    let normalize = config.flag("norm_topk_prob")?.unwrap_or(true);
    experts.shape.routing = Routing::Sigmoid { groups: 1, top_groups: 1, normalize, eps: 1e-6 };
    experts.shape.factor = config.number("routed_scaling_factor")?.filter(|factor| *factor != 1.0);
    experts.module = "feed_forward";
    experts.projections = ["w1", "w3", "w2"];
    experts.steering = config.flag("use_expert_bias")?.unwrap_or(true).then_some("expert_bias");
    sparse_from(&mut decoder, config.size("num_dense_layers")?.unwrap_or(2), &experts);
    Ok(decoder)
}
