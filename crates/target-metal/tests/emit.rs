//! The whole catalog as MSL, without a Mac: every kernel in every dtype lowers and prints.

use std::collections::BTreeSet;
use tilewright_ir::DType;
use tilewright_kernels::CATALOG;
use tilewright_target_metal::source;

/// Kernels some of whose cases want more threadgroup memory than Apple's GPUs have, and say so.
const TOO_LARGE: [&str; 10] = [
    "attention",
    "attention_merged",
    "attention_merged_softcap",
    "attention_softcap",
    "decode_attention",
    "decode_attention_softcap",
    "gather_qmm_combine",
    "grouped_linear",
    "grouped_quantized_linear",
    "quantized_matmul",
];

#[test]
fn every_kernel_has_msl() {
    let mut refused = BTreeSet::new();
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        for &dtype in dtypes {
            for case in entry.cases {
                let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
                let size = |name: &str| {
                    case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
                };
                let text = match source(&program, size) {
                    Ok(text) => text,
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains("of threadgroup memory, Metal has"), "{error}");
                        refused.insert(entry.name);
                        continue;
                    }
                };
                let signature = format!("tw_kernel_{}(", entry.name);
                assert_eq!(text.matches(&signature).count(), 1, "{text}");
                let (open, close) = (text.matches('{').count(), text.matches('}').count());
                assert_eq!(open, close, "{text}");
                assert!(text.contains("#include <metal_stdlib>"), "{text}");
            }
        }
    }
    let unknown: Vec<_> = refused.iter().filter(|name| !TOO_LARGE.contains(name)).collect();
    assert!(unknown.is_empty(), "more kernels are refused: {unknown:?}");
}
