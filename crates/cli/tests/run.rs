//! `run`: kernels of the catalog on files, and every wrong file.

// Published numbers stand here with the digits of their source.
#![allow(clippy::excessive_precision)]

mod support;

use support::{directory, floats, get, integers, near, put, tilewright_in};
use tilewright_formats::{ElementType, Tensor, TensorFile};

const FILES: [&str; 4] = ["--in", "in.safetensors", "--out", "out.safetensors"];

/// `run KERNEL --in .. --out ..` and more.
fn arguments<'a>(kernel: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["run", kernel];
    args.extend(FILES);
    args.extend(more);
    args
}

#[test]
fn a_row_kernel_with_a_scalar_and_any_rank() {
    let here = directory("run-rmsnorm");
    put(&here, &[floats("x", &[1, 1, 4], &[1., 2., 3., 4.]), floats("weight", &[4], &[1.; 4])]);
    for device in [&[][..], &["--device", "interpreter"]] {
        let more = [&["--set", "eps=1e-6"], device].concat();
        let args = arguments("rmsnorm", &more);
        let said = tilewright_in(&here, &args).ok();
        assert_eq!(said, "out.safetensors: y f32 1x1x4\n");
        let (shape, y) = get(&here, "y");
        assert_eq!(shape, [1, 1, 4]);
        near(&y, &[0.3651483, 0.7302967, 1.095445, 1.4605934], 1e-6);
    }
}

#[test]
fn a_gradient_with_a_cotangent_and_with_ones() {
    let here = directory("run-grad");
    let (x, weight) = (floats("x", &[1, 4], &[1., 2., 3., 4.]), floats("weight", &[4], &[1.; 4]));
    put(&here, &[x.clone(), weight.clone(), floats("d_y", &[1, 4], &[1., 0., 0., 0.])]);
    tilewright_in(&here, &arguments("rmsnorm", &["--grad"])).ok();
    let expected = [0.3529767, -0.0243432, -0.0365148, -0.0486864];
    near(&get(&here, "d_x").1, &expected, 1e-6);
    near(&get(&here, "d_weight").1, &[0.3651483, 0., 0., 0.], 1e-6);
    near(&get(&here, "y").1[..1], &[0.3651483], 1e-6);

    // Without a cotangent it is the gradient of the sum: of softmax, nothing.
    put(&here, &[floats("x", &[2, 3], &[1., 2., 3., -1., 0., 5.])]);
    tilewright_in(&here, &arguments("softmax", &["--grad"])).ok();
    near(&get(&here, "d_x").1, &[0.; 6], 1e-6);

    // Of two outputs, one cotangent given and the other ones.
    let residual = floats("residual", &[1, 4], &[0.; 4]);
    put(&here, &[x, weight, residual, floats("d_y", &[1, 4], &[0.; 4])]);
    tilewright_in(&here, &arguments("rmsnorm_residual", &["--grad"])).ok();
    near(&get(&here, "d_x").1, &[1.; 4], 1e-6);
    near(&get(&here, "d_residual").1, &[1.; 4], 1e-6);
}

#[test]
fn long_integers_serve_as_indices() {
    let here = directory("run-loss");
    let target: Vec<u8> = [2i64, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
    // This crate's writer has no 64-bit type, so the file is made by hand.
    let header = r#"{"logits":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},"target":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(&target);
    file.extend([1f32, 2., 3., 4., 5., 6.].iter().flat_map(|v| v.to_le_bytes()));
    std::fs::write(here.join("in.safetensors"), file).unwrap();
    tilewright_in(&here, &arguments("softmax_cross_entropy", &["--grad"])).ok();
    near(&get(&here, "loss").1, &[0.4076060, 2.4076060], 1e-6);
    near(&get(&here, "d_logits").1[..3], &[0.0900306, 0.2447285, -0.3347590], 1e-6);
}

#[test]
fn constants_come_from_set_or_from_shapes() {
    let here = directory("run-gating");
    put(&here, &[floats("x", &[1, 4], &[1., 2., 3., 4.])]);
    let read_indices = || {
        let file = TensorFile::open(&here.join("out.safetensors")).unwrap();
        let indices = file.tensor("indices").unwrap();
        assert_eq!((indices.dtype, &indices.shape[..]), (ElementType::U32, &[1, 2][..]));
        indices.bytes.to_vec()
    };
    tilewright_in(&here, &arguments("topk_gating_softmax", &["--set", "k=2"])).ok();
    near(&get(&here, "weights").1, &[0.7310586, 0.2689414], 1e-6);
    assert_eq!(read_indices(), [3, 0, 0, 0, 2, 0, 0, 0]);
    let more = ["--set", "k=2", "--set", "norm_topk_prob=0", "--set", "experts=4"];
    tilewright_in(&here, &arguments("topk_gating_softmax", &more)).ok();
    near(&get(&here, "weights").1, &[0.6439143, 0.2368828], 1e-6);
}

#[test]
fn constants_come_from_products_in_shapes() {
    let here = directory("run-attention");
    // Three heads of queries for the one of keys; the values are the one key's.
    let zeros =
        |name: &str, shape: &[usize]| floats(name, shape, &vec![0.; shape.iter().product()]);
    let values = floats("values", &[1, 1, 1, 2], &[3., 4.]);
    put(&here, &[zeros("q", &[1, 3, 1, 2]), zeros("keys", &[1, 1, 1, 2]), values]);
    tilewright_in(&here, &arguments("attention", &["--set", "scale=1"])).ok();
    assert_eq!(get(&here, "out"), (vec![1, 3, 1, 2], vec![3., 4., 3., 4., 3., 4.]));
    // 8 bits in groups of 32, neither of them the default.
    let w = Tensor::owned("w".into(), ElementType::U32, vec![1, 8], vec![1; 32]);
    let (scales, biases) = (floats("scales", &[1, 1], &[2.]), floats("biases", &[1, 1], &[0.5]));
    put(&here, &[floats("x", &[1, 32], &[1.; 32]), w, scales, biases]);
    tilewright_in(&here, &arguments("quantized_matvec", &[])).ok();
    assert_eq!(get(&here, "y"), (vec![1, 1], vec![80.]));
    let more = ["--set", "bits=4"];
    let wrong = tilewright_in(&here, &arguments("quantized_matvec", &more));
    wrong.fails(2, "it was recorded for group = 64, bits = 4");
}

#[test]
fn what_is_updated_in_place_comes_out_and_the_input_file_stays() {
    let here = directory("run-adamw");
    let zero = [0f32; 4];
    let tensors = [
        floats("p", &[4], &[1., -2., 3., -4.]),
        floats("g", &[4], &[0.1, -0.2, 0.3, -0.4]),
        floats("m", &[4], &zero),
        floats("v", &[4], &zero),
    ];
    put(&here, &tensors);
    let before = std::fs::read(here.join("in.safetensors")).unwrap();
    let set = ["--set", "lr=0.1", "--set", "step=1"];
    tilewright_in(&here, &arguments("adamw_step", &set)).ok();
    near(&get(&here, "p").1, &[0.89900001, -1.898000005, 2.8970000033, -3.8960000025], 1e-6);
    let set_on_the_command_line = get(&here, "p").1;
    assert!(get(&here, "m").1[0] != 0.0 && get(&here, "v").1[0] != 0.0);
    assert_eq!(std::fs::read(here.join("in.safetensors")).unwrap(), before);

    // Numbers may lie in the file too.
    let numbers = [floats("lr", &[], &[0.1]), floats("step", &[1], &[1.])];
    put(&here, &[&tensors[..], &numbers].concat());
    tilewright_in(&here, &arguments("adamw_step", &[])).ok();
    near(&get(&here, "p").1, &set_on_the_command_line, 1e-7);
}

#[test]
fn other_dtypes_follow_the_tensors() {
    let here = directory("run-f16");
    // 1.0 and 2.0 as f16, and as bf16.
    for (dtype, one, two) in
        [(ElementType::F16, 0x3c00u16, 0x4000u16), (ElementType::BF16, 0x3f80, 0x4000)]
    {
        let bytes: Vec<u8> = [one, two].iter().flat_map(|v| v.to_le_bytes()).collect();
        put(&here, &[Tensor::owned("x".into(), dtype, vec![2], bytes)]);
        tilewright_in(&here, &arguments("square", &[])).ok();
        let file = TensorFile::open(&here.join("out.safetensors")).unwrap();
        let y = file.tensor("y").unwrap();
        assert_eq!((y.dtype, &y.bytes[..2]), (dtype, &one.to_le_bytes()[..]));
    }
}

#[test]
fn tensors_that_nothing_reads_are_named() {
    let here = directory("run-extra");
    let (x, weight) = (floats("x", &[1, 2], &[1., 2.]), floats("weight", &[2], &[1.; 2]));
    let more = [x, weight, floats("wieght", &[2], &[5.; 2]), floats("eps", &[1], &[1e-6])];
    put(&here, &more);
    let said = tilewright_in(&here, &arguments("rmsnorm", &[])).ok();
    let note = "note: in.safetensors also holds `wieght`, which nothing reads";
    assert_eq!(said, format!("out.safetensors: y f32 1x2\n{note}\n"));
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let here = directory("run-dropout");
    put(&here, &[floats("x", &[4], &[1.; 4]), floats("weight", &[4], &[1.; 4])]);
    for (kernel, p) in [
        ("dropout", "p=1"),
        ("dropout", "p=1.5"),
        ("dropout", "p=-0.5"),
        ("dropout", "p=nan"),
        ("dropout", "p=0.999999999999"), // 1 in f32
        ("rmsnorm_dropout", "p=2"),
    ] {
        let run = tilewright_in(&here, &arguments(kernel, &["--set", p, "--grad"]));
        run.fails(2, &format!("{kernel}: p must be in [0, 1), got "));
    }
    // The commands that run nothing, or on numbers of their own, take no others.
    for command in [&["emit", "dropout"][..], &["bench", "dropout"]] {
        let with = |set| tilewright_in(&here, &[command, &["--set", set]].concat());
        with("p=1.5").fails(2, "dropout: p must be in [0, 1), got 1.5");
        with("seed=-1").fails(2, "dropout: `seed` must be a number of type u32, got -1");
    }
    for seed in ["seed=-1", "seed=1.5", "seed=4294967296", "seed=nan"] {
        let run = tilewright_in(&here, &arguments("dropout", &["--set", seed]));
        run.fails(2, "dropout: `seed` must be a number of type u32, got ");
    }
    assert!(!here.join("out.safetensors").exists());
    tilewright_in(&here, &arguments("dropout", &["--set", "p=0"])).ok();
    assert_eq!(get(&here, "y").1, [1.; 4]);
}

#[test]
fn a_file_tells_whether_its_values_are_finite() {
    let here = directory("run-inspect-values");
    let halves = [0x80, 0x3f, 0xc0, 0x7f]; // 1 and NaN in bf16
    let half = Tensor::owned("h".into(), ElementType::BF16, vec![2], halves.into());
    put(&here, &[floats("x", &[3], &[1., f32::INFINITY, -1.]), half]);
    let said = tilewright_in(&here, &["inspect", "in.safetensors", "--values"]).ok();
    assert!(said.ends_with("\n2 of 5 floats are NaN or infinite, first in `h`\n"), "{said}");
    let said = tilewright_in(&here, &["inspect", "in.safetensors", "--values", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&said).unwrap();
    let counts: Vec<_> =
        list.as_array().unwrap().iter().map(|t| t["not_finite"].as_u64()).collect();
    assert_eq!(counts, [Some(1), Some(1)], "{said}");
    put(&here, &[floats("x", &[3], &[1., 0., -1.])]);
    let said = tilewright_in(&here, &["inspect", "in.safetensors", "--values"]).ok();
    assert!(said.ends_with("\nall 3 floats are finite\n"), "{said}");
}

#[test]
fn no_rows_are_no_failure() {
    let here = directory("run-empty");
    put(&here, &[floats("x", &[0, 8], &[])]);
    tilewright_in(&here, &arguments("softmax", &["--grad"])).ok();
    assert_eq!(get(&here, "y"), (vec![0, 8], vec![]));
    assert_eq!(get(&here, "d_x"), (vec![0, 8], vec![]));
}

#[test]
fn each_wrong_call_names_its_fault_and_writes_nothing() {
    let here = directory("run-wrong");
    let x = || floats("x", &[2, 3], &[0.; 6]);
    let weight = |n: usize| floats("weight", &[n], &vec![1.; n]);
    let index = |value: i32| integers("target", &[2], &[0, value]);
    let logits = || floats("logits", &[2, 3], &[0.; 6]);
    let half = || Tensor::owned("weight".into(), ElementType::F16, vec![3], vec![0; 6]);
    let byte = || Tensor::owned("x".into(), ElementType::U8, vec![2, 3], vec![0; 6]);
    let cases: Vec<(&str, Vec<Tensor>, &[&str], i32, &str)> = vec![
        ("rmsnrm", vec![x()], &[], 2, "did you mean `rmsnorm`?"),
        ("softmax_lastdim", vec![x()], &[], 2, "did you mean `softmax`?"),
        ("cumsum_grad", vec![x()], &[], 2, "its gradient comes with `cumsum`"),
        ("rmsnorm", vec![x()], &[], 2, "holds no tensor `weight`"),
        ("rmsnorm", vec![x(), floats("wieght", &[3], &[1.; 3])], &[], 2, "`wieght`"),
        ("rmsnorm", vec![x(), weight(4)], &[], 2, "`weight` has shape [4]"),
        ("rmsnorm", vec![floats("x", &[], &[1.]), weight(3)], &[], 2, "`x` has shape []"),
        ("rmsnorm", vec![x(), half()], &[], 2, "`weight` has dtype f16"),
        ("softmax", vec![byte()], &[], 2, "u8"),
        ("rmsnorm", vec![x(), weight(3)], &["--set", "epsilon=1"], 2, "`epsilon`"),
        ("rmsnorm", vec![x(), weight(3)], &["--set", "eps=1e-5x"], 2, "`1e-5x` is not a number"),
        ("topk", vec![x()], &["--set", "k=-1"], 2, "`k` is a size"),
        ("topk", vec![x()], &["--set", "k=4"], 2, "the 4 greatest of 3 elements"),
        ("topk", vec![x()], &["--set", "k=99999"], 2, "`k` would be 99999"),
        ("adamw_step", vec![x()], &[], 2, "holds no tensor `p`"),
        ("topk", vec![x()], &["--set", "kk=1"], 2, "it has k"),
        (
            "softmax_cross_entropy",
            vec![logits(), index(3)],
            &[],
            1,
            "3 is out of range for axis 1 of `logits`",
        ),
        ("softmax_cross_entropy", vec![logits(), index(-7)], &[], 1, "-7"),
        ("rmsnorm", vec![x(), weight(3), floats("eps", &[2], &[0.; 2])], &[], 2, "`eps` has 2"),
        ("adamw_step", vec![floats("p", &[1], &[1.])], &["--set", "lr=1"], 2, "`g`"),
        ("argmax", vec![x()], &["--grad"], 2, "argmax"),
        ("softmax", vec![x(), floats("d_z", &[2, 3], &[0.; 6])], &["--grad"], 2, "`d_z`"),
        ("softmax", vec![x(), floats("d_y", &[3], &[0.; 3])], &["--grad"], 2, "`d_y` has shape"),
        ("softmax", vec![x()], &["--device", "metal"], 1, "Metal: this is no Mac"),
        ("softmax", vec![x()], &["--device", "tpu"], 2, "tpu"),
    ];
    for (kernel, tensors, more, status, fault) in cases {
        put(&here, &tensors);
        tilewright_in(&here, &arguments(kernel, more)).fails(status, fault);
        assert_eq!(std::fs::read_dir(&here).unwrap().count(), 1, "{fault}: something was written");
    }

    std::fs::write(here.join("in.safetensors"), b"not a tensor file").unwrap();
    tilewright_in(&here, &arguments("softmax", &[])).fails(1, "in.safetensors: ");
    let absent = ["run", "softmax", "--in", "absent", "--out", "o"];
    tilewright_in(&here, &absent).fails(1, "absent: cannot read it");
    put(&here, &[x()]);
    let unwritable = ["run", "softmax", "--in", "in.safetensors", "--out", "no/such/file"];
    tilewright_in(&here, &unwritable).fails(1, "no/such/file: cannot write it");
}
