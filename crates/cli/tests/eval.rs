//! `eval`: formulas on files, and every wrong one.

mod support;

use std::process::Command;
use support::{directory, floats, get, near, put, tilewright_in};
use tilewright_formats::{ElementType, Tensor, TensorFile};

const FILES: [&str; 4] = ["--in", "in.safetensors", "--out", "out.safetensors"];

/// `eval --expr FORMULA --in .. --out ..` and more.
fn arguments<'a>(formula: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["eval", "--expr", formula];
    args.extend(FILES);
    args.extend(more);
    args
}

#[test]
fn formulas_of_any_rank_and_their_gradients() {
    let here = directory("eval-mish");
    put(&here, &[floats("x", &[2, 1, 2], &[-1., 0., 1., 100.])]);
    for device in [&[][..], &["--device", "interpreter"]] {
        let args = arguments("x * tanh(log(1 + exp(x)))", &[&["--grad"], device].concat());
        let said = tilewright_in(&here, &args).ok();
        assert_eq!(said, "out.safetensors: out f32 2x1x2, d_x f32 2x1x2\n");
        let (shape, values) = get(&here, "out");
        assert_eq!(shape, [2, 1, 2]);
        near(&values, &[-0.3034015, 0., 0.8650984, 100.], 1e-5);
        near(&get(&here, "d_x").1, &[0.0592167, 0.6, 1.0490363, 1.], 1e-5);
    }
}

#[test]
fn scalars_are_set_and_tensors_broadcast() {
    let here = directory("eval-swish");
    put(&here, &[floats("x", &[2, 2], &[1., 2., 3., 4.]), floats("b", &[2], &[10., 20.])]);
    let args = arguments("x * sigmoid(a * x) + b", &["--set", "a=1e-9", "--grad"]);
    tilewright_in(&here, &args).ok();
    near(&get(&here, "out").1, &[10.5, 21., 11.5, 22.], 1e-5);
    assert_eq!(get(&here, "d_b"), (vec![2], vec![2., 2.]));

    // A negative number, a formula that starts with a minus, and a cotangent.
    put(&here, &[floats("x", &[2], &[1., 2.]), floats("d_out", &[2], &[1., -3.])]);
    let args = arguments("-x * a", &["--set", "a=-2", "--grad"]);
    tilewright_in(&here, &args).ok();
    near(&get(&here, "out").1, &[2., 4.], 0.0);
    near(&get(&here, "d_x").1, &[2., -6.], 0.0);
}

#[test]
fn an_input_may_be_named_like_a_cotangent() {
    let here = directory("eval-named");
    put(&here, &[floats("x", &[2], &[1., 2.]), floats("d_k", &[2], &[3., 4.])]);
    tilewright_in(&here, &arguments("x * d_k", &["--grad"])).ok();
    assert_eq!(get(&here, "d_x").1, [3., 4.]);
    assert_eq!(get(&here, "d_d_k").1, [1., 2.]);
    // One that names nothing is still a mistake.
    put(&here, &[floats("x", &[1], &[1.]), floats("d_k", &[1], &[3.])]);
    tilewright_in(&here, &arguments("x * 2", &["--grad"])).fails(2, "holds `d_k`");
}

#[test]
fn the_result_has_the_dtype_of_the_inputs() {
    let here = directory("eval-bf16");
    // 1.0 as bf16.
    put(&here, &[Tensor::owned("x".into(), ElementType::BF16, vec![1], vec![0x80, 0x3f])]);
    tilewright_in(&here, &arguments("x + x", &[])).ok();
    let file = TensorFile::open(&here.join("out.safetensors")).unwrap();
    let out = file.tensor("out").unwrap();
    assert_eq!((out.dtype, &out.bytes[..]), (ElementType::BF16, &[0x00, 0x40][..]));
}

#[test]
fn seeds_of_the_field_work_as_written() {
    let here = directory("eval-seeds");
    put(&here, &[floats("x", &[2], &[-1., 1.]), floats("g", &[2], &[1., 1.])]);
    for (formula, expected) in [
        ("x * tanh(log(1 + exp(x)))", [-0.3034015, 0.8650984]),
        ("metal::exp(x)", [0.3678794, std::f32::consts::E]),
        ("kk_silu(x)", [-0.2689414, 0.7310586]),
        ("T s = kk_sigmoid(x); g * (s + x * s * ((T)1 - s))", [0.0723295, 0.9276706]),
        ("x > 0.0f ? x : -INFINITY", [f32::NEG_INFINITY, 1.]),
    ] {
        tilewright_in(&here, &arguments(formula, &[])).ok();
        let (_, out) = get(&here, "out");
        let close = |(a, b): (&f32, &f32)| a == b || (a - b).abs() < 1e-6;
        assert!(out.iter().zip(&expected).all(close), "{formula}: {out:?}");
    }
}

#[test]
fn shapes_that_do_not_broadcast_are_explained_as_shapes() {
    let here = directory("eval-broadcast");
    put(&here, &[floats("x", &[2, 3], &[0.; 6]), floats("y", &[2], &[0.; 2])]);
    let run = tilewright_in(&here, &arguments("x + y", &[]));
    assert!(run.stderr.contains("help: inputs broadcast as NumPy's do"), "{}", run.stderr);
    run.fails(2, "shapes [2, 3] and [2] do not broadcast");
}

#[test]
fn each_wrong_formula_names_its_fault_and_writes_nothing() {
    let here = directory("eval-wrong");
    let x = || floats("x", &[2, 3], &[0.; 6]);
    let half = || Tensor::owned("h".into(), ElementType::F16, vec![2, 3], vec![0; 12]);
    let integers = || Tensor::owned("x".into(), ElementType::I32, vec![3], vec![1; 12]);
    let cases: Vec<(&str, Vec<Tensor>, &[&str], i32, &str)> = vec![
        ("", vec![x()], &[], 2, "empty"),
        ("x * sigmod(x)", vec![x()], &[], 2, "      ^^^^^^ did you mean `sigmoid`?"),
        ("x * (y + 1", vec![x()], &[], 2, "^"),
        ("x * y", vec![x()], &[], 2, "no tensor `y`, which the formula names"),
        ("x * y", vec![x()], &["--set", "z=1"], 2, "no `z`"),
        ("x * y", vec![x()], &["--set", "y=one"], 2, "`one` is not a number"),
        ("x + b", vec![x(), floats("b", &[2], &[0.; 2])], &[], 2, "broadcast"),
        ("x & h", vec![x(), half()], &[], 2, "float"),
        ("x", vec![x(), floats("d_out", &[3], &[0.; 3])], &["--grad"], 2, "`d_out`"),
        ("x", vec![x(), floats("d_y", &[2, 3], &[0.; 6])], &["--grad"], 2, "`d_y`"),
        ("x * 2", vec![integers()], &["--grad"], 2, "help: leave --grad out, or store the inputs"),
        ("1 + 1", vec![x()], &[], 2, "no input"),
        ("x", vec![x()], &["--device", "metal"], 1, "Metal: this is no Mac"),
    ];
    for (formula, tensors, more, status, fault) in cases {
        put(&here, &tensors);
        tilewright_in(&here, &arguments(formula, more)).fails(status, fault);
        assert_eq!(std::fs::read_dir(&here).unwrap().count(), 1, "{fault}: something was written");
    }
}

#[test]
fn an_empty_tensor_costs_nothing_whatever_its_other_axes() {
    let here = directory("eval-empty");
    for shape in [&[1 << 40, 0][..], &[0, 1 << 63], &[usize::MAX, 0, 2], &[0]] {
        put(&here, &[floats("x", shape, &[])]);
        tilewright_in(&here, &arguments("exp(x)", &["--grad"])).ok();
        assert_eq!(get(&here, "d_x"), (shape.to_vec(), vec![]));
    }
}

#[test]
fn each_station_is_shown_on_each_device() {
    let here = directory("eval-show");
    put(&here, &[floats("x", &[2], &[1., 2.])]);
    for (device, schedule) in [
        ("cpu", "mul"),
        ("interpreter", "one program after the other"),
        ("emulator", "threads of a GPU"),
        ("msl-host", "[[kernel"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
        command.args(arguments("x * 2", &["--device", device])).current_dir(&here);
        let said = command.env("SHOW", "ir,source,time").output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        if said.contains("no C++ compiler") {
            eprintln!("skipped: {said}");
            continue;
        }
        let parts =
            said.split(&format!("schedule of elementwise for {device}:")).collect::<Vec<_>>();
        let [before, after] = parts[..] else { panic!("{said}") };
        assert!(
            before.contains("ir of elementwise") && before.contains("compile elementwise"),
            "{said}"
        );
        assert!(after.contains(schedule) && after.contains("launch elementwise: "), "{said}");
    }
}
