//! The whole catalog as CUDA C, without a GPU: every kernel in every dtype lowers and prints.

use std::sync::Arc;
use tilewright_ir::{DType, UnaryOp};
use tilewright_kernels::CATALOG;
use tilewright_target::tuned::Untuned;
use tilewright_target_cuda::{CudaDevice, source};

#[test]
fn every_kernel_has_cuda_c() {
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        for &dtype in dtypes {
            for case in entry.cases {
                let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
                let size = |name: &str| {
                    case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
                };
                let text = source(&program, size)
                    .unwrap_or_else(|e| panic!("{} {dtype} {:?}: {e}", entry.name, case.sizes));
                let signature = format!("tw_kernel_{}(", entry.name);
                assert_eq!(text.matches(&signature).count(), 1, "{text}");
                let (open, close) = (text.matches('{').count(), text.matches('}').count());
                assert_eq!(open, close, "{text}");
            }
        }
    }
}

#[test]
fn a_machine_without_the_driver_is_told_what_is_missing() {
    if let Err(error) = CudaDevice::open(0, None, Arc::new(Untuned)) {
        let text = error.to_string();
        assert!(text.contains("CUDA: "), "{text}");
        assert!(
            ["libcuda", "libnvrtc", "GPU", "driver"].iter().any(|w| text.contains(w)),
            "{text}"
        );
    }
}

/// The lines of a helper's body in the text of a kernel.
fn helper<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let from = text.lines().skip_while(|line| !line.contains(&format!(" {name}(")));
    from.take_while(|line| *line != "}").collect()
}

#[test]
fn a_normal_distribution_is_one_exponential_in_halves_and_exact_in_f32() {
    let text = |dtype| {
        let entry = tilewright_kernels::find("gelu").unwrap();
        let program = entry.record(&entry.specialization(dtype, &[])).unwrap();
        source(&program, |_| 4096).unwrap()
    };
    let kernel = |dtype| text(dtype).split_once("tw_kernel_gelu(").unwrap().1.to_owned();
    assert!(kernel(DType::F32).contains("(erff(product_2) + 1.0f)"), "{}", kernel(DType::F32));
    for dtype in [DType::F16, DType::BF16] {
        let kernel = kernel(dtype);
        assert!(kernel.contains("* tw_fast_one_and_erf(product_2)"), "{kernel}");
        assert!(!kernel.contains("erff"), "{kernel}");
    }

    // The helper's polynomial, as its text has it.
    let text = text(DType::BF16);
    let numbers = helper(&text, "tw_fast_one_and_erf").into_iter().flat_map(|line| {
        let call = line.split_once("fmaf(")?.1.trim_end_matches(");");
        Some(call.split(", ").filter_map(|word| word.strip_suffix('f')?.parse::<f32>().ok()))
    });
    let coefficients: Vec<f32> = numbers.flatten().collect();
    assert_eq!(coefficients.len(), 8, "{text}");
    let one_and_erf = |x: f32| {
        let t = x.abs();
        let p = coefficients.iter().skip(1).fold(coefficients[0], |p, c| p.mul_add(t, *c));
        let y = (p * t).exp2();
        if x < 0.0 { y } else { 2.0 - y }
    };
    let erf = |x: f32| tilewright_ir::meaning::unary(UnaryOp::Erf, DType::F32, x as f64);
    for i in -1200..=1200 {
        let x = i as f32 / 100.0;
        let error = (one_and_erf(x) as f64 - (erf(x) + 1.0)).abs();
        assert!(error < 2.5e-7, "1 + erf({x}) errs by {error:e}");
    }
    for (x, y) in [(0.0, 1.0), (f32::INFINITY, 2.0), (f32::NEG_INFINITY, 0.0), (-1e30, 0.0)] {
        assert_eq!(one_and_erf(x), y);
    }
    assert!(one_and_erf(f32::NAN).is_nan());
}

/// What `tw_fast_sigmoid` computes, with exact powers and reciprocals, which GPUs round elsewise by two units.
#[test]
fn the_fast_sigmoid_reaches_the_least_numbers_of_f32() {
    let scale = 2f32.powi(-24);
    let flushed = |x: f32| if x.is_subnormal() { 0.0 } else { x };
    let sigmoid = |x: f32| {
        let e = flushed(x.mul_add(-std::f32::consts::LOG2_E, -24.0).exp2());
        flushed(1.0 / (e + scale)) * scale
    };
    let exact = |x: f32| tilewright_ir::meaning::unary(UnaryOp::Sigmoid, DType::F32, x as f64);
    for i in -10_200..=10_200 {
        let x = i as f32 / 100.0;
        let (found, right) = (sigmoid(x) as f64, exact(x));
        // Beyond 20 the rounding of the exponent's argument grows with it.
        let units = if x.abs() < 20.0 { 16.0 } else { 96.0 };
        let room = (units * right * 2f64.powi(-23)).max(2f64.powi(-149));
        assert!((found - right).abs() <= room, "sigmoid({x}): {found:e} {right:e}");
    }
    for (x, y) in [(f32::INFINITY, 1.0), (f32::NEG_INFINITY, 0.0), (-1e30, 0.0), (1e30, 1.0)] {
        assert_eq!(sigmoid(x), y);
    }
    assert!(sigmoid(f32::NAN).is_nan());
}

#[test]
fn caches_are_told_of_rows_that_pass_in_tensors_larger_than_they_are() {
    let reads = |how: &str, name: &str, dtype: DType, rows: usize| {
        let entry = tilewright_kernels::find(name).unwrap();
        let program = entry.record(&entry.specialization(dtype, &[])).unwrap();
        let size = |size: &str| match size {
            "rows" => rows,
            "n" => rows * 2048,
            _ => 2048,
        };
        let text = source(&program, size).unwrap();
        let kernel = text.split_once(&format!("tw_kernel_{name}(")).unwrap().1;
        let told = |param: &str| kernel.matches(&format!("{how}((const uint4*)({param} ")).count();
        let params = ["x", "weight", "source", "residual", "other"];
        params.into_iter().filter(|param| told(param) > 0).collect::<Vec<_>>()
    };
    let hints = |name: &str, dtype, rows| reads("tw_read_passing", name, dtype, rows);
    for dtype in [DType::F32, DType::BF16] {
        // The row, not the weight, which all programs read.
        assert_eq!(hints("rmsnorm", dtype, 65536), ["x"]);
        assert_eq!(hints("rmsnorm_residual", dtype, 65536), ["x", "residual"]);
        // Next to nothing is written.
        assert_eq!(hints("sum", dtype, 65536), [""; 0]);
        for (name, rows, once) in [
            ("sum", 65536, true),
            ("sum", 2048, false),
            ("topk", 65536, false),
            ("logsumexp", 65536, true),
        ] {
            let found = reads("tw_read_once", name, dtype, rows);
            assert_eq!(found == ["x"], once && dtype == DType::BF16, "{name} {dtype}");
        }
        // The next kernel may find these.
        assert_eq!(hints("rmsnorm", dtype, 2048), [""; 0]);
        assert_eq!(hints("mish", dtype, 2048), [""; 0]);
    }
    assert_eq!(hints("mish", DType::F32, 65536), ["x"]);
    assert_eq!(hints("gather_add", DType::F32, 65536), ["source", "other"]);
    // A map of halves has more to compute for each byte.
    assert_eq!(hints("mish", DType::BF16, 65536), [""; 0]);
}

#[test]
fn rows_of_the_next_turn_stay_in_words_until_they_are_used() {
    let text = |dtype| {
        let entry = tilewright_kernels::find("rmsnorm").unwrap();
        let program = entry.record(&entry.specialization(dtype, &[])).unwrap();
        let gradient = tilewright_passes::grad(&program, &Default::default()).unwrap();
        source(&gradient.programs[0], |_| 2048).unwrap()
    };
    let bf16 = text(DType::BF16);
    assert!(bf16.contains("unsigned int next_x[8];"), "{bf16}");
    assert!(bf16.contains("x_2[i] = tw_from_bf16_pair(next_x[i >> 1], i & 1);"), "{bf16}");
    // Halves of the other type are no parts of a float, and a wider row is not held twice.
    assert!(text(DType::F16).contains("float next_x[16];"));
    assert!(!text(DType::F32).contains("next_x"));
}
