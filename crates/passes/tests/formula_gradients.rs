//! Gradients of formulas: the automatic one of every function, and those that authors write.

use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{DType, Program};
use tilewright_lang::DType::F64;
use tilewright_lang::formula::FUNCTIONS;
use tilewright_lang::oneliner::{Backward as ByFormula, Broadcast, Elementwise, Layout};
use tilewright_passes::check::{Arguments, CheckOptions, check_backward, finite_difference_check};
use tilewright_passes::{Backward, GradOptions, grad};

fn inputs(names: &[&str], shapes: &[Vec<usize>], low: f64, high: f64) -> Arguments {
    let mut number = 0usize;
    let mut value = || {
        number += 1;
        low + (high - low) * (number as f64 * 0.618_033_988_749_895).fract()
    };
    let mut tensor = |shape: &Vec<usize>| {
        let values: Vec<f64> = (0..shape.iter().product()).map(|_| value()).collect();
        Argument::Tensor(Tensor::from_values(DType::F32, shape, &values))
    };
    names.iter().zip(shapes).map(|(name, shape)| (name.to_string(), tensor(shape))).collect()
}

fn flat(text: &str) -> (Program, Vec<String>) {
    let e = Elementwise::formula(text).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<String> = e.inputs().into_iter().map(String::from).collect();
    let program = e.program(&vec![DType::F32; names.len()], &Layout::flat(names.len()));
    (program.unwrap_or_else(|e| panic!("{e}")), names)
}

fn checked(text: &str, low: f64, high: f64) {
    let (program, names) = flat(text);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let inputs = inputs(&names, &vec![vec![9]; names.len()], low, high);
    let report = finite_difference_check(&program, &inputs, &[], &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{text}: {e}"));
    let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
    assert!(failures.is_empty(), "{text}: {}", failures.join("\n"));
}

#[test]
fn every_function_of_formulas() {
    for function in FUNCTIONS {
        let name = function.names[0];
        let call = match name {
            // Of a truth value there is no gradient.
            "isnan" | "isinf" | "isfinite" => continue,
            "where" => "where(a > 0.9, b, c)".to_string(),
            "select" => "select(b, c, a > 0.9)".to_string(),
            "clamp" => "clamp(a, 0.8, 1.2)".to_string(),
            "smoothstep" => "smoothstep(0.1, 2.9, a)".to_string(),
            "max" | "min" => format!("{name}(a, b, c)"),
            // Where they are defined.
            "asin" | "acos" | "atanh" => format!("{name}(a / 2)"),
            "acosh" => "acosh(a + 1)".to_string(),
            _ => {
                let (_, form) = function.form.split_once('(').unwrap();
                let count = form.split(',').filter(|p| !p.contains('=')).count();
                format!("{name}({})", ["a", "b", "c"][..count].join(", "))
            }
        };
        checked(&format!("{call} * d + {call}"), 0.4, 1.6);
    }
    for text in [
        "elu(a, b)",
        "leaky_relu(a, b)",
        "sinh(a)",
        "logaddexp(a, b)",
        "log(exp(a) + exp(b))",
        "mish(a) ** 2",
    ] {
        checked(text, -2.0, 2.0);
    }
}

#[test]
fn the_strings_of_the_seeds() {
    for text in [
        "x * tanh(log(1 + exp(x)))",
        "metal::exp(x)",
        "kk_silu(x)",
        "g * (s + x * s * ((T)1 - s))",
        "exp(x - s1) / (s2 + 3)",
        "((x > (T)0.0)) ? (x) : ((T)0.0)",
        "T s = kk_sigmoid(x); x * s",
        "x ** 3 - x ** 2 + a * x",
    ] {
        checked(text, -2.0, 2.0);
    }
}

/// The seed's mish is exp(x) / (1 + exp(x)) in its gradient: as written, inf / inf from x = 89 on.
#[test]
fn the_gradient_of_mish_is_finite_everywhere() {
    let (program, _) = flat("x * tanh(log(1 + exp(x)))");
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let points = [-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4];
    let tensor = |values: &[f64]| Argument::Tensor(Tensor::from_values(DType::F32, &[7], values));
    let mut known: Arguments =
        [("x".to_string(), tensor(&points)), ("d_out".into(), tensor(&[1.0; 7]))]
            .into_iter()
            .collect();
    tilewright_passes::check::run_backward(&backward, &mut known, &[]).unwrap();
    let slopes = known["d_x"].tensor().unwrap().values();
    let expected = [0.0, 0.0, -19.0 * (-20f64).exp(), 0.6, 1.0, 1.0, 1.0];
    for (slope, expected) in slopes.iter().zip(expected) {
        assert!((slope - expected).abs() <= 1e-5 * expected.abs() + 1e-12, "{slopes:?}");
    }
}

fn checked_by_formula(text: &str, prelude: &str, formulas: &[(&str, &str)], shapes: &[Vec<usize>]) {
    let failures = failures(text, prelude, formulas, shapes);
    assert!(failures.is_empty(), "{text}: {}", failures.join("\n"));
}

/// Where a gradient by formula differs from finite differences of its forward kernel.
fn failures(
    text: &str,
    prelude: &str,
    formulas: &[(&str, &str)],
    shapes: &[Vec<usize>],
) -> Vec<String> {
    let forward = Elementwise::formula(text).unwrap();
    let names: Vec<&str> = forward.inputs();
    let views: Vec<(&[usize], Option<&[isize]>)> =
        shapes.iter().map(|s| (s.as_slice(), None)).collect();
    let call = Broadcast::of(&views).unwrap();
    let dtypes = vec![F64; names.len()];
    let program = forward.program(&dtypes, &call.layout).unwrap();
    let by_formula = ByFormula::of(&forward, prelude, formulas).unwrap_or_else(|e| panic!("{e}"));
    let by_formula =
        by_formula.program(&dtypes, F64, &call.layout).unwrap_or_else(|e| panic!("{e}"));
    let backward = Backward::by_hand(&program, vec![by_formula]);
    assert_eq!(backward.gradients.len(), formulas.len());
    let inputs = inputs(&names, &call.inputs, 0.4, 1.6);
    let report = check_backward(&program, &backward, &inputs, &[], &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{text}: {e}"));
    report.failures().map(|f| f.to_string()).collect()
}

#[test]
fn gradients_that_authors_write() {
    let prelude = "T s = kk_sigmoid(x);";
    let silu = [("x", "g * (s + x * s * ((T)1 - s))")];
    checked_by_formula("kk_silu(x)", prelude, &silu, &[vec![3, 4]]);
    checked_by_formula("exp(x)", "", &[("x", "g * y")], &[vec![5]]);
    checked_by_formula("tanh(x)", "", &[("x", "g * (1 - y * y)")], &[vec![5]]);
    let product = [("a", "g * b"), ("b", "g * a")];
    checked_by_formula("a * b", "", &product, &[vec![2, 3], vec![2, 3]]);
    // Broadcast inputs get the sum over what they were stretched to.
    checked_by_formula("a * b", "", &product, &[vec![2, 3, 2], vec![3, 1]]);
    checked_by_formula("a + b", "", &[("a", "g"), ("b", "g")], &[vec![4, 1], vec![5]]);
}

#[test]
fn a_wrong_gradient_is_noticed() {
    assert!(!failures("exp(x)", "", &[("x", "g * (y + 0.01)")], &[vec![5]]).is_empty());
    assert!(
        !failures("a * b", "", &[("a", "g * b"), ("b", "g * b")], &[vec![2], vec![2]]).is_empty()
    );
}
