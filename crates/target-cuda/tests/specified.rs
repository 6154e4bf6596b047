//! Programs that run by text of this target's own: that they are recognized by what they say, and that the text compiles.

use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_ir::text::print;
use tilewright_ir::{DType, Program};
use tilewright_passes::pipeline;
use tilewright_target_cuda::{compile_with_usage, own_sources};

fn program(name: &str, dtype: DType, constants: &[(&str, usize)]) -> Program {
    let entry = tilewright_kernels::find(name).unwrap();
    let mut program = entry.record(&entry.specialization(dtype, constants)).unwrap();
    pipeline::optimize(&mut program);
    program
}

/// The texts of its own that the program has, which are so many.
#[track_caller]
fn texts(count: usize, name: &str, dtype: DType, constants: &[(&str, usize)]) -> Vec<String> {
    let program = program(name, dtype, constants);
    let found = own_sources(&program, "sm_90");
    assert_eq!(found.len(), count, "{}", print(&program));
    found.into_iter().map(|(text, _)| text).collect()
}

/// The same, which compile without spills where NVRTC is installed.
#[track_caller]
fn compiled(count: usize, name: &str, dtype: DType, constants: &[(&str, usize)]) -> Vec<String> {
    for (text, architecture) in own_sources(&program(name, dtype, constants), "sm_90") {
        match compile_with_usage(&text, &architecture) {
            Ok((_, usage)) => assert_eq!(usage.spill_stores, 0, "{name}: {usage:?}"),
            Err(missing) if missing.to_string().contains("is not found") => {
                eprintln!("not compiled: {missing}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    texts(count, name, dtype, constants)
}

#[track_caller]
fn has_none(name: &str, dtype: DType, constants: &[(&str, usize)]) {
    assert!(own_sources(&program(name, dtype, constants), "sm_90").is_empty(), "{name}");
}

#[test]
fn packed_weights_of_experts() {
    let mut found = Vec::new();
    for dtype in [BF16, F16] {
        for block in [32, 48, 64, 128] {
            found.extend(compiled(1, "grouped_quantized_linear", dtype, &[("block", block)]));
        }
    }
    let different = found.iter().enumerate().all(|(i, text)| !found[..i].contains(text));
    assert!(different, "types or blocks are taken for each other");
    // The text multiplies halves with integers of 4 bits in groups of 64 only.
    has_none("grouped_quantized_linear", F32, &[]);
    has_none("grouped_quantized_linear", BF16, &[("bits", 8)]);
    has_none("grouped_quantized_linear", BF16, &[("group", 32)]);
    has_none("grouped_quantized_linear", BF16, &[("block", 16)]);
    has_none("grouped_linear", BF16, &[]);
}

#[test]
fn packed_weights_as_halves() {
    let mut found = Vec::new();
    for dtype in [BF16, F16] {
        for (bits, group) in [(2, 32), (4, 32), (4, 64), (4, 128), (8, 64)] {
            let constants = [("bits", bits), ("group", group)];
            found.extend(compiled(1, "dequantize_affine", dtype, &constants));
        }
    }
    let different = found.iter().enumerate().all(|(i, text)| !found[..i].contains(text));
    assert!(different, "types or formats are taken for each other");
    // Integers of 3 bits straddle words.
    has_none("dequantize_affine", BF16, &[("bits", 3)]);
    has_none("dequantize_affine", F32, &[]);
}

#[test]
fn attention_with_heads_of_64_128_or_256_features() {
    // A text for many queries, and one for few.
    for dtype in [BF16, F16] {
        for features in [64, 128, 256] {
            let constants = [("group", 2), ("head_dim", features)];
            let plain = compiled(2, "attention", dtype, &constants);
            let capped = compiled(2, "attention_softcap", dtype, &constants);
            assert!(plain.iter().all(|text| !capped.contains(text)), "the bound is forgotten");
            // How the heads of a result lie is told at the launch, and how many share keys too.
            for group in [1, 2, 4, 7] {
                let constants = [("group", group), ("head_dim", features)];
                assert_eq!(plain, texts(2, "attention", dtype, &constants));
                assert_eq!(plain, texts(2, "attention_merged", dtype, &constants));
                assert_eq!(capped, texts(2, "attention_merged_softcap", dtype, &constants));
            }
        }
    }
    has_none("attention", F32, &[]);
    has_none("attention", BF16, &[("head_dim", 96)]);
    has_none("attention", BF16, &[("causal", 0)]);
    has_none("attention_softcap", BF16, &[("causal", 0)]);
    let older = own_sources(&program("attention", BF16, &[]), "sm_80");
    assert!(older.is_empty(), "the products are those of 9.0");
}
