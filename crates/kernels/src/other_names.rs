//! What other projects call the kernels of the catalog, so that a search by those names ends at ours.

use crate::{Entry, find};

/// Names that no rule leads to, of MLX, PyTorch and the collections of kernels for them.
const NAMES: &[(&str, &str)] = &[
    ("add_rms_norm", "rmsnorm_residual"),
    ("attention_tile_proto", "linear"),
    ("cross_entropy", "softmax_cross_entropy"),
    ("cross_entropy_loss", "softmax_cross_entropy"),
    ("decode_step", "rope_decode_attention"),
    ("dequant_q4", "dequantize_affine"),
    ("dequant_q8", "dequantize_affine"),
    ("dequantize", "dequantize_affine"),
    ("dequantize_affine_packed", "dequantize_affine"),
    ("dequantize_fp8", "dequantize_fp8_e4m3"),
    ("embedding", "gather"),
    ("fast_attention", "attention"),
    ("flash_attention", "attention"),
    ("gather_mmk_combine", "gather_qmm_combine"),
    ("gelu_fast", "gelu_tanh"),
    ("gelu_new", "gelu_tanh"),
    ("gqa_attention", "attention"),
    ("groupwise_dequant", "dequantize_affine"),
    ("kv_cache_update", "cache_update"),
    ("paged_decode_attention", "paged_attention"),
    ("q4_matvec_decode", "quantized_matvec"),
    ("q8_matvec_decode", "quantized_matvec"),
    ("qkv_rope_cache_update", "qkv_rope_cache"),
    ("quantized_linear", "quantized_matmul"),
    ("residual_add", "add"),
    ("residual_rmsnorm", "add_rmsnorm"),
    ("rope", "apply_rope"),
    ("scaled_dot_product_attention", "attention"),
    ("silu_mul", "swiglu2"),
    ("swish", "silu"),
];

/// Our kernel for the name that another project has for it, and whether that name means its gradient.
///
/// Rules take care of case, of `rms_norm` for `rmsnorm`, of `fused_` before a name, of `_lastdim` after one, and of
/// `_grad`.
pub fn known_elsewhere(name: &str) -> Option<(&'static Entry, bool)> {
    let name = name.to_ascii_lowercase();
    let base = name.strip_suffix("_grad");
    let entry = same(base.unwrap_or(&name))?;
    Some((entry, base.is_some()))
}

fn same(name: &str) -> Option<&'static Entry> {
    let listed = |name: &str| NAMES.iter().find(|(other, _)| *other == name);
    if let Some((_, ours)) = listed(name) {
        return find(ours);
    }
    let name = name.strip_suffix("_lastdim").unwrap_or(name);
    let joined = name.replace("rms_norm", "rmsnorm").replace("layer_norm", "layernorm");
    find(&joined).or_else(|| same(joined.strip_prefix("fused_")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_another_and_leads_to_a_kernel() {
        for (other, ours) in NAMES {
            assert!(find(other).is_none(), "{other} is a kernel");
            assert_eq!(known_elsewhere(other).map(|(e, _)| e.name), Some(*ours));
        }
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn rules_lead_on() {
        let found = |name: &str| known_elsewhere(name).map(|(e, gradient)| (e.name, gradient));
        assert_eq!(found("softmax_lastdim"), Some(("softmax", false)));
        assert_eq!(found("fused_add_layernorm"), Some(("add_layernorm", false)));
        assert_eq!(found("layer_norm_dropout"), Some(("layernorm_dropout", false)));
        assert_eq!(found("RMS_Norm"), Some(("rmsnorm", false)));
        assert_eq!(found("cumsum_grad"), Some(("cumsum", true)));
        assert_eq!(found("silu_mul_grad"), Some(("swiglu2", true)));
        assert_eq!(found("fused_"), None);
        assert_eq!(found("_grad"), None);
    }
}
