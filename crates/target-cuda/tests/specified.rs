//! Programs that run by text of this target's own: that they are recognized by what they say, and that the text compiles.

use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_ir::text::print;
use tilewright_ir::{DType, Program};
use tilewright_passes::pipeline;
use tilewright_target_cuda::{compile_with_usage, own_source};

fn program(name: &str, dtype: DType, constants: &[(&str, usize)]) -> Program {
    let entry = tilewright_kernels::find(name).unwrap();
    let mut program = entry.record(&entry.specialization(dtype, constants)).unwrap();
    pipeline::optimize(&mut program);
    program
}

/// Asserts that the program has a text of its own, which compiles without spills where NVRTC is installed.
#[track_caller]
fn has_text(name: &str, dtype: DType, constants: &[(&str, usize)]) -> String {
    let program = program(name, dtype, constants);
    let found = own_source(&program, "sm_90");
    let (text, architecture) = found.unwrap_or_else(|| panic!("not known:\n{}", print(&program)));
    match compile_with_usage(&text, &architecture) {
        Ok((_, usage)) => assert_eq!(usage.spill_stores, 0, "{name}: {usage:?}"),
        Err(missing) if missing.to_string().contains("is not found") => {
            eprintln!("not compiled: {missing}");
        }
        Err(error) => panic!("{name}: {error}"),
    }
    text
}

#[track_caller]
fn has_none(name: &str, dtype: DType, constants: &[(&str, usize)]) {
    assert!(own_source(&program(name, dtype, constants), "sm_90").is_none(), "{name}");
}

#[test]
fn packed_weights_of_experts() {
    let mut texts = Vec::new();
    for dtype in [BF16, F16] {
        for block in [64, 128] {
            texts.push(has_text("grouped_quantized_linear", dtype, &[("block", block)]));
        }
    }
    let different = texts.iter().enumerate().all(|(i, text)| !texts[..i].contains(text));
    assert!(different, "types or blocks are taken for each other");
    // The text multiplies halves with integers of 4 bits in groups of 64 only.
    has_none("grouped_quantized_linear", F32, &[]);
    has_none("grouped_quantized_linear", BF16, &[("bits", 8)]);
    has_none("grouped_quantized_linear", BF16, &[("group", 32)]);
    has_none("grouped_quantized_linear", BF16, &[("block", 32)]);
    has_none("grouped_linear", BF16, &[]);
}

#[test]
fn attention_with_heads_of_64_128_or_256_features() {
    for dtype in [BF16, F16] {
        for (group, features) in [(1, 64), (1, 128), (4, 128), (7, 128), (2, 256)] {
            has_text("attention", dtype, &[("group", group), ("head_dim", features)]);
            has_text("attention_merged", dtype, &[("group", group), ("head_dim", features)]);
        }
    }
    has_none("attention", F32, &[]);
    has_none("attention", BF16, &[("head_dim", 96)]);
    has_none("attention", BF16, &[("causal", 0)]);
    has_none("attention_softcap", BF16, &[]);
    let older = own_source(&program("attention", BF16, &[]), "sm_80");
    assert!(older.is_none(), "the products are those of 9.0");
}
