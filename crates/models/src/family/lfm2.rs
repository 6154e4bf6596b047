//! LFM2 (<https://arxiv.org/abs/2511.23404>): short convolutions in place of attention in most layers, attention with norms
//! on every head of queries and keys in the others, and names of its own.

use super::{MOST_LAYERS, eps, first_of, llama_like};
use crate::{ConvStyle, Decoder, Family, Names, Normed};
use tilewright_formats::{Config, FormatError};

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "lfm2", doc: "LFM2 and LFM2.5 without experts", read };

/// Tokens that a convolution sees: more than any published one, few enough to record one after the other.
const MOST_TAPS: usize = 64;

/// Features inside a feed-forward layer, beyond which sizes are a mistake.
const MOST_INSIDE: usize = 1 << 30;

fn read(config: &Config) -> Result<Decoder, FormatError> {
    start(config, inside(config)?, &Names::LFM2)
}

/// The decoder of `config`, whose feed-forward layers have `inside` features inside; also the start for the form with
/// experts.
pub(crate) fn start(
    config: &Config,
    inside: usize,
    names: &'static Names,
) -> Result<Decoder, FormatError> {
    let eps = eps(config, "norm_eps", 1e-5)?;
    let mut config = config
        .clone()
        .or("rope_theta", 1e6)
        .or("max_position_embeddings", 128_000)
        .with("intermediate_size", inside.into());
    // Names of fields in the first configurations.
    if let Some(theta) = config.number("theta")? {
        config = config.with("rope_theta", theta.into());
    }
    let tied = config.flag("tie_embedding")?.or(config.flag("tie_word_embeddings")?);
    let mut decoder = llama_like(&config)?;
    decoder.attention.bias = false;
    decoder.attention.output_bias = false;
    decoder.attention.norms = Some(Normed::Heads);
    decoder.norms.eps = eps;
    decoder.norms.places = [Some("operator_norm"), None, Some("ffn_norm"), None];
    decoder.names = names;
    decoder.tied = tied.unwrap_or(true);
    let taps = config.positive_or("conv_L_cache", 3)?;
    if taps > MOST_TAPS {
        let next = format!("a convolution sees at most {MOST_TAPS} tokens");
        return Err(config.error("conv_L_cache", &format!("is {taps}"), next));
    }
    let style = ConvStyle { taps, bias: config.flag("conv_bias")?.unwrap_or(false) };
    let attends = attending(&config, decoder.windows.len())?;
    decoder.convolutions = attends.iter().map(|attends| (!attends).then_some(style)).collect();
    Ok(decoder)
}

/// Which layers attend: those of `layer_types`, or of `full_attn_idxs`, or all.
fn attending(config: &Config, layers: usize) -> Result<Vec<bool>, FormatError> {
    let kinds = match config.texts("layer_types")? {
        Some(kinds) if kinds.len() != layers => {
            let what = format!("has {} kinds for {layers} layers", kinds.len());
            return Err(config.error("layer_types", &what, "it must have one for each layer"));
        }
        Some(kinds) => {
            let attends = |kind: &String| match kind.as_str() {
                "full_attention" => Ok(true),
                "conv" => Ok(false),
                other => {
                    let what = format!("holds `{other}`, which is not supported");
                    Err(config.error("layer_types", &what, "kinds are conv and full_attention"))
                }
            };
            Some(kinds.iter().map(attends).collect::<Result<Vec<bool>, FormatError>>()?)
        }
        None => None,
    };
    let Some(places) = config.sizes("full_attn_idxs")? else {
        return Ok(kinds.unwrap_or_else(|| vec![true; layers.min(MOST_LAYERS)]));
    };
    let mut attends = vec![false; layers.min(MOST_LAYERS)];
    for place in places {
        let Some(attends) = attends.get_mut(place) else {
            let what = format!("holds {place}, of {layers} layers");
            return Err(config.error("full_attn_idxs", &what, "the first layer is 0"));
        };
        *attends = true;
    }
    match kinds {
        Some(kinds) if kinds != attends => {
            let next = "name the same layers in both, or leave one out";
            Err(config.error("full_attn_idxs", "names other layers than `layer_types`", next))
        }
        _ => Ok(attends),
    }
}

/// The features inside a feed-forward layer: those that the configuration declares, or two thirds of them, times a factor,
/// up to the next multiple.
fn inside(config: &Config) -> Result<usize, FormatError> {
    let declared = first_of(config, ["block_ff_dim", "intermediate_size"])?.unwrap_or(12288);
    let adjusts = config.flag("block_auto_adjust_ff_dim")?.unwrap_or(true);
    let config = config.clone().or("block_ffn_dim_multiplier", 1.0);
    let inside = match (adjusts, config.number("block_ffn_dim_multiplier")?) {
        (false, _) => declared,
        (true, factor) => {
            let two_thirds = (2.0 * declared as f64 / 3.0) as usize;
            match factor {
                Some(factor) => {
                    let multiple = config.positive_or("block_multiple_of", 256)?;
                    let scaled = (factor * two_thirds as f64) as usize;
                    scaled.div_ceil(multiple).saturating_mul(multiple)
                }
                None => two_thirds,
            }
        }
    };
    match inside {
        1..=MOST_INSIDE => Ok(inside),
        _ => {
            let field = if config.names().any(|name| name == "block_ff_dim") {
                "block_ff_dim"
            } else {
                "intermediate_size"
            };
            let what = format!("makes feed-forward layers of {inside} features");
            Err(config.error(field, &what, format!("they have 1 to {MOST_INSIDE}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeedForward;
    use std::path::Path;

    fn read(model_type: &str, more: &str) -> Result<Decoder, String> {
        let text = format!(
            r#"{{"model_type": "{model_type}", "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 8,
               "num_hidden_layers": 3, "intermediate_size": 100, "max_position_embeddings": 64 {more}}}"#
        );
        let config = Config::parse(Path::new("config.json"), &text).unwrap();
        crate::describe(&config).map_err(|e| e.to_string())
    }

    fn attends(more: &str) -> Result<Vec<bool>, String> {
        let decoder = read("lfm2", more)?;
        Ok(decoder.convolutions.iter().map(Option::is_none).collect())
    }

    #[test]
    fn layers_attend_or_convolve_as_either_list_says() {
        let kinds = r#", "layer_types": ["conv", "full_attention", "conv"]"#;
        assert_eq!(attends(kinds), Ok(vec![false, true, false]));
        assert_eq!(attends(r#", "full_attn_idxs": [2, 0]"#), Ok(vec![true, false, true]));
        assert_eq!(
            attends(&[kinds, r#", "full_attn_idxs": [1]"#].concat()),
            Ok(vec![false, true, false])
        );
        assert_eq!(attends(""), Ok(vec![true; 3]));
        for (wrong, told) in [
            (r#", "layer_types": ["conv"]"#, "`layer_types` has 1 kinds for 3 layers"),
            (r#", "layer_types": ["conv", "mamba", "conv"]"#, "`layer_types` holds `mamba`"),
            (r#", "full_attn_idxs": [1, 3]"#, "`full_attn_idxs` holds 3, of 3 layers"),
            (r#", "full_attn_idxs": [-1]"#, "`full_attn_idxs`"),
            (
                &[kinds, r#", "full_attn_idxs": [0]"#].concat(),
                "names other layers than `layer_types`",
            ),
            (r#", "conv_L_cache": 0"#, "`conv_L_cache` is 0"),
            (r#", "conv_L_cache": 1000000"#, "`conv_L_cache` is 1000000"),
            (r#", "norm_eps": 2"#, "`norm_eps` is 2"),
        ] {
            let error = attends(wrong).unwrap_err();
            assert!(error.contains(told) && error.lines().count() == 1, "{wrong}: {error}");
        }
    }

    #[test]
    fn the_width_of_feed_forward_layers_is_adjusted() {
        let inside = |more: &str| {
            read("lfm2", more).map(|decoder| match decoder.feed_forward[0] {
                FeedForward::Gated { intermediate, .. } => intermediate,
                _ => 0,
            })
        };
        assert_eq!(inside(""), Ok(256));
        assert_eq!(inside(r#", "block_auto_adjust_ff_dim": false"#), Ok(100));
        assert_eq!(inside(r#", "block_ff_dim": 6656"#), Ok(4608));
        assert_eq!(inside(r#", "block_multiple_of": 8, "block_ffn_dim_multiplier": 1.3"#), Ok(88));
        assert_eq!(inside(r#", "block_ffn_dim_multiplier": null"#), Ok(66));
        for wrong in ["-1", "0", "1e300", "1e-9"] {
            let error = inside(&format!(r#", "block_ffn_dim_multiplier": {wrong}"#)).unwrap_err();
            assert!(error.contains("makes feed-forward layers of"), "{error}");
        }
        assert!(inside(r#", "block_ff_dim": 0"#).unwrap_err().contains("`block_ff_dim`"));
    }

    #[test]
    fn fields_have_the_names_of_the_first_configurations_too() {
        let old = read("lfm2", r#", "theta": 500.0, "tie_embedding": false, "rope_theta": 7.0"#);
        let old = old.unwrap();
        assert_eq!((old.tied, &old.ropes), (false, &vec![tilewright_nn::Rope::new(16, 500.0)]));
        let new = read("lfm2", "").unwrap();
        assert_eq!((new.tied, &new.ropes), (true, &vec![tilewright_nn::Rope::new(16, 1e6)]));
    }

    #[test]
    fn experts_come_behind_the_first_layers() {
        let decoder =
            read("lfm2_moe", r#", "num_dense_layers": 1, "use_expert_bias": false"#).unwrap();
        let dense = matches!(decoder.feed_forward[0], FeedForward::Gated { intermediate: 100, .. });
        let FeedForward::Experts(experts) = &decoder.feed_forward[1] else { panic!("dense") };
        assert_eq!((dense, experts.steering, experts.shape.experts), (true, None, 32));
        assert!(
            read("lfm2_moe", r#", "num_experts": 2"#).unwrap_err().contains("is 4 of 2 experts")
        );
    }
}
