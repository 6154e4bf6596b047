//! Formulas and one-liners by value, on the interpreter.

use tilewright_ir::interpret::{Argument, Tensor, bind_arguments, interpret};
use tilewright_ir::{Access, DType, ParamKind, Program};
use tilewright_lang::DType::{F16, F32, F64, I32, U32};
use tilewright_lang::oneliner::{
    Backward, Broadcast, Elementwise, Layout, MapReduce, Pass, Reduce,
};

/// Runs a program on tensors in the order of its inputs (scalars take their defaults) and gives the first output.
fn run(program: &Program, inputs: &[(&[usize], &[f64])], outputs: &[&[usize]]) -> Vec<f64> {
    let (mut inputs, mut outputs) = (inputs.iter(), outputs.iter());
    let mut arguments: Vec<Argument> = program
        .params
        .iter()
        .map(|param| match &param.kind {
            ParamKind::Tensor { dtype, access: Access::Out, .. } => {
                Argument::Tensor(Tensor::zeros(*dtype, outputs.next().unwrap()))
            }
            ParamKind::Tensor { dtype, .. } => {
                let (shape, values) = inputs.next().unwrap();
                Argument::Tensor(Tensor::from_values(*dtype, shape, values))
            }
            ParamKind::Scalar { default, .. } => Argument::Scalar(default.unwrap()),
        })
        .collect();
    let bindings = bind_arguments(program, &arguments).unwrap();
    interpret(program, &mut arguments, &bindings)
        .unwrap_or_else(|e| panic!("{}: {e}", program.name));
    let is_output =
        |p: &tilewright_ir::Param| matches!(p.kind, ParamKind::Tensor { access: Access::Out, .. });
    let first = program.params.iter().position(is_output).unwrap();
    arguments[first].tensor().unwrap().values()
}

/// The values of a formula of one variable.
fn map(text: &str, dtype: DType, x: &[f64]) -> Vec<f64> {
    let e = Elementwise::formula(text).unwrap_or_else(|e| panic!("{e}"));
    let count = e.inputs().len();
    let program = e.program(&vec![dtype; count], &Layout::flat(count)).unwrap();
    run(&program, &vec![(&[x.len()][..], x); count], &[&[x.len()]])
}

fn close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        assert!(
            same || (a - b).abs() <= tolerance * b.abs().max(1e-3),
            "{what}[{i}]: {a}, not {b}"
        );
    }
}

const POINTS: [f64; 12] =
    [-1e30, -100.0, -20.0, -3.0, -1.0, -0.5, 0.0, 0.25, 1.0, 3.0, 20.0, 100.0];

#[test]
fn functions_mean_what_they_say() {
    let cases: &[(&str, fn(f64) -> f64)] = &[
        ("x * tanh(log(1 + exp(x)))", |x| x * softplus(x).tanh()),
        ("mish(x)", |x| x * softplus(x).tanh()),
        ("metal::exp(x)", f64::exp),
        ("kk_sigmoid(x)", sigmoid),
        ("kk_silu(x)", |x| x * sigmoid(x)),
        ("1 / (1 + exp(-x))", sigmoid),
        ("x / (1.0f + exp(-x))", |x| x * sigmoid(x)),
        ("x / (1.0f + exp(x))", |x| x * sigmoid(-x)),
        ("log(exp(x) + (T)1)", softplus),
        ("softplus(x)", softplus),
        ("exp(x) - 1", f64::exp_m1),
        ("sinh(clamp(x, -5, 5))", |x| x.clamp(-5.0, 5.0).sinh()),
        ("cosh(clamp(x, -5, 5))", |x| x.clamp(-5.0, 5.0).cosh()),
        ("tan(clamp(x, -1, 1))", |x| x.clamp(-1.0, 1.0).tan()),
        ("log10(abs(x) + 1)", |x| (x.abs() + 1.0).log10()),
        ("log_sigmoid(x)", |x| -softplus(-x)),
        ("logaddexp(x, -x)", |x| x.abs() + (-2.0 * x.abs()).exp().ln_1p()),
        ("log(exp(x) + exp(x + 90))", |x| x + (90f64.exp() + 1.0).ln()),
        ("log(exp(-90 - x) + exp(-90))", |x| softplus(-x) - 90.0),
        ("logaddexp(x, x)", |x| x + std::f64::consts::LN_2),
        ("relu6(x)", |x| x.clamp(0.0, 6.0)),
        ("leaky_relu(x)", |x| if x > 0.0 { x } else { 0.01 * x }),
        ("leaky_relu(x, 0.5)", |x| if x > 0.0 { x } else { 0.5 * x }),
        ("elu(x)", |x| if x > 0.0 { x } else { x.exp_m1() }),
        ("elu(x, 2)", |x| if x > 0.0 { x } else { 2.0 * x.exp_m1() }),
        ("hardswish(x)", |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        ("softsign(x)", |x| x / (1.0 + x.abs())),
        ("square(clamp(x, -9, 9))", |x| x.clamp(-9.0, 9.0).powi(2)),
        ("clamp(x, -3, 3) ** 3", |x| x.clamp(-3.0, 3.0).powi(3)),
        ("pow(abs(x), 0.5)", |x| x.abs().sqrt()),
        ("(x - 2) ** -2", |x| (x as f32 as f64 - 2.0).powi(-2)),
        ("x ** 0", |_| 1.0),
        ("fract(x)", |x| x - x.floor()),
        ("round(x * 2)", |x| (x * 2.0).round_ties_even()),
        ("fmod(x, 3)", |x| (x as f32 as f64) % 3.0),
        ("x % -3", |x| (x as f32 as f64) % 3.0),
        ("sign(x)", |x| if x == 0.0 { 0.0 } else { x.signum() }),
        ("x > 0", |x| (x > 0.0) as u8 as f64),
        ("x > 0 ? x : -x", f64::abs),
        ("x if x > 0 else -x", f64::abs),
        ("where(x > 0, x, -x)", f64::abs),
        ("select(-x, x, x > 0)", f64::abs),
        ("not x > 0 and x < -5 or x == 20", |x| (x < -5.0 || x == 20.0) as u8 as f64),
        ("!x", |x| (x == 0.0) as u8 as f64),
        ("max(x, -1, 2 * x)", |x| x.max(-1.0).max(2.0 * x)),
        ("mix(x, 2 * x, 0.5)", |x| 1.5 * x),
        ("step(0, x)", |x| (x >= 0.0) as u8 as f64),
        ("smoothstep(0, 1, x)", |x| {
            let t = x.clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }),
        ("fma(x, 2, 1)", |x| 2.0 * x + 1.0),
        ("isfinite(x * 1e30f)", |x| ((x as f32 * 1e30).is_finite()) as u8 as f64),
        ("isnan(x - x / 0)", |x| (x == 0.0) as u8 as f64),
        ("(int)clamp(x, -50, 50)", |x| x.clamp(-50.0, 50.0).trunc()),
        ("as_type<float>(as_type<uint>(x) & 0x7fffffffu)", f64::abs),
        ("T s = kk_sigmoid(x); s * (1 - s)", |x| sigmoid(x) * (1.0 - sigmoid(x))),
        ("3 - 2 - 1 + 0 * x", |_| 0.0),
        ("-INFINITY * (x > 1e38)", |_| f64::NAN),
        ("M_PI_F + inf * 1 - inf + x", |_| f64::NAN),
    ];
    for (text, expected) in cases {
        let expected: Vec<f64> = POINTS.iter().map(|x| expected(F32.round(*x))).collect();
        close(
            &map(text, F32, &POINTS),
            &expected.iter().map(|y| F32.round(*y)).collect::<Vec<_>>(),
            4e-6,
            text,
        );
        // In f64 the interpreter gives the reference.
        let exact: Vec<f64> = map(text, F64, &POINTS.map(|x| F32.round(x)));
        if !text.contains("as_type") && !text.contains("isfinite") {
            close(&exact, &expected, 1e-6, text);
        }
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn the_published_vectors() {
    let near =
        |text: &str, x: &[f64], expected: &[f64]| close(&map(text, F32, x), expected, 2e-6, text);
    let six = [-3.0, -1.0, -0.5, 0.5, 1.0, 3.0];
    near(
        "kk_gelu_tanh(x)",
        &six,
        &[-0.0036374, -0.1588080, -0.1542860, 0.3457140, 0.8411920, 2.9963626],
    );
    near(
        "kk_silu(x)",
        &six,
        &[-0.1422776, -0.2689414, -0.1887703, 0.3112297, 0.7310586, 2.8577224],
    );
    near("log(exp(x) + 1)", &[-1.0, 1.0], &[0.3132617, 1.3132617]);
    near("x * tanh(log(1 + exp(x)))", &[-1.0, 1.0], &[-0.3034015, 0.8650984]);
    near(
        "sigmoid(x)",
        &[1.0, 2.0, 3.0, 4.0],
        &[0.7310585975646973, 0.8807970285415649, 0.9525741338729858, 0.9820137619972229],
    );
}

#[test]
fn integers_follow_c() {
    let ints = [-7.0, -2.0, -1.0, 0.0, 1.0, 2.0, 7.0, 2147483647.0];
    let cases: &[(&str, fn(i32) -> i32)] = &[
        ("n / 2", |n| n / 2),
        ("n % 3", |n| n % 3),
        ("n >> 1", |n| n >> 1),
        ("n << 3", |n| n << 3),
        ("n & 0xF | 16", |n| n & 15 | 16),
        ("n ^ ~n", |n| n ^ !n),
        ("n * n", |n| n.wrapping_mul(n)),
        ("n ** 3", |n| n.wrapping_mul(n).wrapping_mul(n)),
        ("n + 1", |n| n.wrapping_add(1)),
        ("(n > 0) + (n > 1)", |n| (n > 0) as i32 + (n > 1) as i32),
        ("~(n > 0)", |n| !((n > 0) as i32)),
        ("n > 0 ? 1 : -1", |n| if n > 0 { 1 } else { -1 }),
        ("(char)n", |n| i32::from(n as i8)),
        ("(uchar)n", |n| i32::from(n as u8)),
        ("(int)(n + 0u)", |n| n),
        ("min(n, 3, 5)", |n| n.min(3)),
        ("abs(n)", |n| n.wrapping_abs()),
        ("n && 1", |n| (n != 0) as i32),
        ("(T)1 - n", |n| 1i32.wrapping_sub(n)),
    ];
    for (text, expected) in cases {
        let expected: Vec<f64> = ints.iter().map(|n| expected(*n as i32) as f64).collect();
        assert_eq!(map(text, I32, &ints), expected, "{text}");
    }
    assert_eq!(map("n / 2.0f", I32, &ints[..3]), [-3.5, -1.0, -0.5], "floats of integers are f32");
    assert_eq!(map("u - 1", U32, &[0.0, 5.0]), [4294967295.0, 4.0]);
    assert_eq!(map("u / 2 > 0x7ffffffe ? 1u : 0u", U32, &[4294967295.0, 5.0]), [1.0, 0.0]);
    assert_eq!(
        map("u < -1", U32, &[0.0, 4294967295.0]),
        [1.0, 0.0],
        "as in C, -1 is the greatest u32"
    );
}

#[test]
fn half_is_computed_in_f32() {
    // 2048 + 1 is not a half, but it is the intermediate value here.
    assert_eq!(map("x + 1 - 2048", F16, &[2048.0]), [1.0]);
    assert_eq!(map("half(x + 1) - 2048", F16, &[2048.0]), [0.0]);
}

#[test]
fn broadcasting_by_value() {
    let b = Broadcast::of(&[(&[2, 3], None), (&[3], None), (&[2, 1], None)]).unwrap();
    let e = Elementwise::formula("x * w + b").unwrap();
    let program = e.program(&[F32; 3], &b.layout).unwrap();
    let (x, w, bias) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 10.0, 100.0], [0.5, 0.25]);
    let inputs: Vec<(&[usize], &[f64])> =
        b.inputs.iter().map(Vec::as_slice).zip([&x[..], &w, &bias]).collect();
    let got = run(&program, &inputs, &[&b.extents]);
    assert_eq!(got, [1.5, 20.5, 300.5, 4.25, 50.25, 600.25]);
    // Six axes that alternate: the first two are programs.
    let shapes: [&[usize]; 2] = [&[2, 1, 2, 1, 2, 1], &[1, 2, 1, 2, 1, 3]];
    let b = Broadcast::of(&[(shapes[0], None), (shapes[1], None)]).unwrap();
    let program = Elementwise::binary(|a, b| a - b).program(&[F32, F32], &b.layout).unwrap();
    let (a, c): (Vec<f64>, Vec<f64>) =
        ((0..8).map(f64::from).collect(), (0..12).map(|i| f64::from(i) * 100.0).collect());
    let got = run(&program, &[(shapes[0], &a), (shapes[1], &c)], &[&b.extents]);
    let mut expected = Vec::new();
    for i in 0..96 {
        let (i0, i1, i2, i3, i4, i5) =
            (i / 48, i / 24 % 2, i / 12 % 2, i / 6 % 2, i / 3 % 2, i % 3);
        expected.push(a[i0 * 4 + i2 * 2 + i4] - c[i1 * 6 + i3 * 3 + i5]);
    }
    assert_eq!(got, expected);
}

fn reduce(r: Reduce, dtype: DType, rows: &[&[f64]]) -> Vec<f64> {
    let program = r.program(dtype).unwrap_or_else(|e| panic!("{e}"));
    let shape = [rows.len(), rows.first().map_or(0, |r| r.len())];
    run(&program, &[(&shape, &rows.concat())], &[&[rows.len()]])
}

#[test]
fn reductions_by_value() {
    let rows: [&[f64]; 2] = [&[1.0, -2.0, 3.0, 4.0], &[0.5, 0.5, -8.0, 0.0]];
    let fold = |init: &str, update: &str| Reduce::formulas(init, update).unwrap();
    assert_eq!(reduce(fold("0.0f", "acc + v"), F32, &rows), [6.0, -7.0]);
    assert_eq!(reduce(fold("10", "acc + v"), F32, &rows), [16.0, 3.0]);
    assert_eq!(reduce(fold("-INFINITY", "max(acc, v)"), F32, &rows), [4.0, 0.5]);
    assert_eq!(reduce(fold("3.5", "max(acc, v)"), F32, &rows), [4.0, 3.5]);
    assert_eq!(reduce(fold("1", "acc * (v + 1)"), F32, &rows), [-40.0, -15.75]);
    assert_eq!(reduce(fold("0", "acc - v * v"), F32, &rows), [-30.0, -64.5]);
    assert_eq!(reduce(fold("0", "acc + (v > 0)"), F32, &rows), [3.0, 2.0]);
    assert_eq!(reduce(fold("0", "acc + 1"), F32, &rows), [4.0, 4.0]);
    assert_eq!(reduce(fold("0", "acc || v > 3"), F32, &rows), [1.0, 0.0]);
    assert_eq!(reduce(fold("true", "acc && v != 0"), F32, &rows), [1.0, 0.0]);
    assert_eq!(reduce(fold("0", "acc + v").finalize("acc / D").unwrap(), F32, &rows), [1.5, -1.75]);
    // The three ways of running one fold agree.
    let by_loop = || fold("0", "acc + v + acc * v");
    let product = [-2.0 * 4.0 * 5.0 - 1.0, 1.5 * 1.5 * -7.0 - 1.0];
    assert_eq!(reduce(by_loop(), F32, &rows), product);
    assert_eq!(reduce(by_loop().combine("a + b + a * b").unwrap(), F32, &rows), product);
    let choice = || fold("-INFINITY", "acc > v ? acc : v");
    assert_eq!(reduce(choice(), F32, &rows), [4.0, 0.5]);
    assert_eq!(reduce(choice().combine("max(a, b)").unwrap(), F32, &rows), [4.0, 0.5]);
    // Only a loop keeps the order that this one needs.
    assert_eq!(reduce(fold("0", "acc * 0.5f + v"), F32, &rows), [5.125, -3.8125]);
    // Integers stay exact.
    let large: [&[f64]; 1] = [&[16777217.0, 2.0, -5.0]];
    assert_eq!(reduce(fold("0", "acc + v"), I32, &large), [16777214.0]);
    assert_eq!(reduce(fold("-INFINITY", "max(acc, v)"), I32, &large), [16777217.0]);
    assert_eq!(reduce(fold("0", "acc ^ v"), I32, &large), [f64::from(16777217 ^ 2 ^ -5)]);
    assert_eq!(reduce(fold("0", "acc | v"), I32, &large), [-5.0]);
    // Rows of no elements give the initial value.
    assert_eq!(reduce(fold("7", "acc + v"), F32, &[&[]]), [7.0]);
    assert_eq!(reduce(fold("7", "acc * 0.5f + v"), F32, &[&[]]), [7.0]);
    let rms = Reduce::row(|row| row.square().row_mean().sqrt());
    close(&reduce(rms, F32, &rows), &[7.5f64.sqrt(), 16.125f64.sqrt()], 1e-6, "rms");
}

#[test]
fn a_row_gives_one_value_whatever_the_rank() {
    let sum = Reduce::formulas("0", "acc + v").unwrap().program(F32).unwrap();
    assert_eq!(run(&sum, &[(&[3], &[1.0, 2.0, 3.0])], &[&[]]), [6.0]);
    assert_eq!(run(&sum, &[(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0])], &[&[2, 1]]), [3.0, 7.0]);
}

fn rows(m: &MapReduce, cols: usize, x: &[f64]) -> Vec<f64> {
    let program = m.program(F32).unwrap_or_else(|e| panic!("{e}"));
    let shape = [x.len() / cols, cols];
    run(&program, &[(&shape, x)], &[&shape])
}

#[test]
fn map_reductions_by_value() {
    let softmax = MapReduce::formulas(
        Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
        Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
        "exp(x - s1) / s2",
    )
    .unwrap();
    let row = [0.09003058075904846, 0.2447284758090973, 0.6652409434318542];
    let x = [1.0, 2.0, 3.0, 1001.0, 1002.0, 1003.0];
    close(&rows(&softmax, 3, &x), &[row, row].concat(), 1e-6, "softmax");
    let rmsnorm = MapReduce::one_pass(
        Pass { init: "0", update: "acc1 + x * x", reduce: "a + b" },
        "x * rsqrt(s1 / D + eps)",
    )
    .unwrap()
    .scalar("eps", Some(1e-6));
    close(
        &rows(&rmsnorm, 4, &[1.0, 2.0, 3.0, 4.0]),
        &[0.3651483, 0.7302967, 1.0954450, 1.4605934],
        1e-6,
        "rmsnorm",
    );
    let layernorm = MapReduce::formulas(
        Pass { init: "0", update: "acc1 + x", reduce: "a + b" },
        Pass { init: "0", update: "acc2 + (x - s1 / D) ** 2", reduce: "" },
        "(x - s1 / D) * rsqrt(s2 / D + 1e-5f)",
    )
    .unwrap();
    close(
        &rows(&layernorm, 4, &[1.0, 2.0, 3.0, 4.0]),
        &[-1.3416354, -0.4472118, 0.4472118, 1.3416354],
        1e-6,
        "layernorm",
    );
    // A sequential pass after a vector one, and its result in the next.
    let odd = MapReduce::formulas(
        Pass { init: "0", update: "acc1 + x", reduce: "a + b" },
        Pass { init: "s1", update: "acc2 * 0.5f + x - s1", reduce: "" },
        "x + s2 * TG / D",
    )
    .unwrap()
    .threadgroup(4);
    assert_eq!(rows(&odd, 2, &[1.0, 2.0]), [1.0 - 2.5, 2.0 - 2.5]);
}

#[test]
fn gradients_by_formula() {
    let silu = Elementwise::formula("kk_silu(x)").unwrap();
    let text = "g * (s + x * s * ((T)1 - s))";
    let backward = Backward::of(&silu, "T s = kk_sigmoid(x);", &[("x", text)]).unwrap();
    let program = backward.program(&[F32], F32, &Layout::flat(1)).unwrap();
    let points = [-2.0, -0.5, 0.0, 1.0, 3.0];
    let got = run(&program, &[(&[5], &points), (&[5], &[1.0, 2.0, 3.0, 4.0, 5.0])], &[&[5]]);
    let expected: Vec<f64> = points
        .iter()
        .zip(1..)
        .map(|(x, g)| f64::from(g) * (sigmoid(*x) + x * sigmoid(*x) * (1.0 - sigmoid(*x))))
        .collect();
    close(&got, &expected, 1e-6, "silu");
}
