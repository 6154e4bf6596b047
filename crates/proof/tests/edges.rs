//! What random inputs do not show: memory that must not count, and ties, on every present target.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_ir::interpret::Tensor;
use tilewright_ir::tolerance::Tolerance;
use tilewright_kernels::{Entry, find};
use tilewright_proof::{Call, Layout, Selection, execute};
use tilewright_runtime::Runtime;

/// Case `number` of a kernel in f32.
fn call(name: &str, number: usize) -> (&'static Entry, Call) {
    let entry = find(name).unwrap();
    (entry, Call::new(entry, &entry.cases[number], DType::F32, 7).unwrap())
}

fn position(call: &Call, name: &str) -> usize {
    call.program.find_param(name).unwrap().index()
}

/// The elements of an input.
fn values(call: &Call, name: &str) -> Vec<f64> {
    call.arguments[position(call, name)].tensor().map(Tensor::values).unwrap()
}

/// Runs the call everywhere, compares its one float output with the reference and gives all outputs of each target.
fn check(entry: &Entry, call: &Call) -> Vec<Vec<Vec<f64>>> {
    let runtimes: Vec<Arc<Runtime>> = Selection::new(vec![]).runtimes;
    assert!(!runtimes.is_empty());
    let reference = (entry.reference)(&call.inputs);
    let run = |runtime: &Arc<Runtime>| {
        let outputs = execute(runtime, call, Layout::Contiguous).unwrap();
        for (output, expected) in outputs.iter().zip(&reference) {
            let tolerance = Tolerance::of(&call.program, &call.bindings.dims, output.dtype);
            let found = tolerance.check(&output.values(), expected);
            found.unwrap_or_else(|miss| panic!("{} on {}: {miss}", entry.name, runtime.target()));
        }
        outputs.iter().map(Tensor::values).collect()
    };
    runtimes.iter().map(run).collect()
}

/// The cache holds NaN past each length; nothing of it may reach the result, and a length of 0 gives zeros.
#[test]
fn attention_never_uses_what_lies_past_the_length() {
    let (entry, mut call) = call("decode_attention", 1);
    let [kv_heads, max_len, head_dim] =
        ["kv_heads", "max_len", "head_dim"].map(|name| call.inputs.size(name));
    let lens = [0, 65, max_len];
    for cache in ["keys", "values"] {
        let mut elements = values(&call, cache);
        for (i, element) in elements.iter_mut().enumerate() {
            let row = i / head_dim;
            if row % max_len >= lens[row / max_len / kv_heads] {
                *element = f64::NAN;
            }
        }
        let at = position(&call, cache);
        call.set(at, &elements);
    }
    let at = position(&call, "lens");
    call.set(at, &lens.map(|len| len as f64));
    for outputs in check(entry, &call) {
        let out = &outputs[0];
        assert!(out[..out.len() / lens.len()].iter().all(|x| *x == 0.0), "length 0 gives zeros");
    }
}

/// The same in pages: NaN in the last page's free slots, and entries of the table past the length that name no page.
#[test]
fn paged_attention_never_uses_what_lies_past_the_length() {
    let (entry, mut call) = call("paged_attention", 1);
    let [kv_heads, page, head_dim, table] =
        ["kv_heads", "page", "head_dim", "table"].map(|name| call.inputs.size(name));
    let lens = [0, page + 3, 2 * page];
    // Sequence 1 has pages 4 and 2, sequence 2 has pages 0 and 1.
    let tables = [[-1.0; 5], [4.0, 2.0, 99.0, -5.0, 99.0], [0.0, 1.0, 99.0, 99.0, -1.0]].concat();
    assert_eq!(tables.len(), lens.len() * table);
    for cache in ["keys", "values"] {
        let mut elements = values(&call, cache);
        for (i, element) in elements.iter_mut().enumerate() {
            let slot = i / head_dim / kv_heads;
            let used = match slot / page {
                4 | 0 | 1 => true,
                2 => slot % page < 3,
                _ => false,
            };
            if !used {
                *element = f64::NAN;
            }
        }
        let at = position(&call, cache);
        call.set(at, &elements);
    }
    let (at, table) = (position(&call, "lens"), position(&call, "tables"));
    call.set(at, &lens.map(|len| len as f64));
    call.set(table, &tables);
    for outputs in check(entry, &call) {
        let out = &outputs[0];
        assert!(out[..out.len() / lens.len()].iter().all(|x| *x == 0.0), "length 0 gives zeros");
    }
}

/// All logits equal: the experts come in order of their index, whatever k is.
#[test]
fn gating_breaks_ties_by_the_lower_index() {
    for name in ["topk_gating_softmax", "top2_gating_softmax", "deepseek_router_topk_sigmoid"] {
        let (entry, mut call) = call(name, 1);
        let logits = vec![2.0; values(&call, "x").len()];
        let at = position(&call, "x");
        call.set(at, &logits);
        if call.program.find_param("bias").is_some() {
            let at = position(&call, "bias");
            let bias = vec![0.5; values(&call, "bias").len()];
            call.set(at, &bias);
        }
        let top = if name == "top2_gating_softmax" { 2 } else { call.inputs.size("k") };
        for outputs in check(entry, &call) {
            let [weights, indices] = outputs.as_slice() else { panic!() };
            assert!(indices.iter().enumerate().all(|(i, index)| *index == (i % top) as f64));
            assert!(weights.iter().all(|w| (w - 1.0 / top as f64).abs() < 1e-6), "{weights:?}");
        }
    }
}

/// The words that MLX packs for (i - 10) / 8, i = 0 .. 32, in every width.
#[test]
fn mlx_words_are_read_as_mlx_reads_them() {
    let widths: [(usize, &[u32], f64); 3] = [
        (3, &[0x6ddb6fff, 0x36dc925b, 0x00124a49], -0.525),
        (5, &[0x75be77df, 0x3a56d7c6, 0x35cf8465, 0xc74254b6, 0x00443214], -0.125),
        (8, &MLX_BYTES, -0.015_173_410_065_472_126),
    ];
    for (bits, words, scale) in widths {
        let entry = find("dequantize_affine").unwrap();
        let case = tilewright_kernels::Case::of(&[("rows", 1), ("groups", 1)]);
        let constants = match bits {
            3 => &[("bits", 3), ("group", 32)],
            5 => &[("bits", 5), ("group", 32)],
            _ => &[("bits", 8), ("group", 32)],
        };
        let mut call = Call::new(entry, &case.with(constants), DType::F32, 1).unwrap();
        let words: Vec<f64> = words.iter().map(|word| *word as f64).collect();
        for (name, elements) in [("w", words), ("scales", vec![scale]), ("biases", vec![2.625])] {
            let at = position(&call, name);
            call.set(at, &elements);
        }
        for outputs in check(entry, &call) {
            for (i, y) in outputs[0].iter().enumerate() {
                let weight = (i as f64 - 10.0) / 8.0;
                assert!((y - weight).abs() <= scale.abs() / 2.0 + 1e-6, "{bits} bits: {y}");
            }
        }
    }
}

const MLX_BYTES: [u32; 8] = [
    0xe7eff7ff, 0xc6ced6de, 0xa5adb5bd, 0x848c949d, 0x636b737c, 0x424a525b, 0x2129313a, 0x00081019,
];

/// A step of AdamW on the interpreter and every target gives the published numbers.
#[test]
fn adamw_takes_the_published_step() {
    let (entry, _) = call("adamw_step", 0);
    let case = tilewright_kernels::Case::of(&[("n", 4)]).scalars(&[("lr", 0.1), ("step", 1.0)]);
    let mut call = Call::new(entry, &case, DType::F32, 1).unwrap();
    let zeros = [0.0; 4];
    let inputs =
        [("p", [1.0, -2.0, 3.0, -4.0]), ("g", [0.1, -0.2, 0.3, -0.4]), ("m", zeros), ("v", zeros)];
    for (name, elements) in inputs {
        let at = position(&call, name);
        call.set(at, &elements);
    }
    for outputs in check(entry, &call) {
        let expected = [0.89900001, -1.898000005, 2.8970000033, -3.8960000025];
        for (found, expected) in outputs[0].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}
