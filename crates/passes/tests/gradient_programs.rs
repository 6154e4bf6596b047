//! What the programs of a gradient are: no more than is needed, and none where there is no gradient.

mod finite;

use finite::{checked, count, inputs, recorded};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{BinaryOp, ExprKind, Stmt, UnaryOp};
use tilewright_lang::{Args, DType::*, Kernel, Tile};
use tilewright_passes::check::{Arguments, CheckOptions, check_backward, finite_difference_check};
use tilewright_passes::precision::to_f64;
use tilewright_passes::{Backward, GradOptions, grad};

#[test]
fn the_gradient_of_softmax_is_the_one_written_by_hand() {
    let program = recorded("x: f32[*rows, cols] -> y: f32[*rows, cols]", |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load().softmax());
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let [stage] = &backward.programs[..] else { panic!("one program") };
    // y (g - Σ g y): one division, two products, one difference, no trace of the maximum's own gradient.
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Div, ..))), 1);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Mul, ..))), 2);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Sub, ..))), 2);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Unary(UnaryOp::Neg, _))), 0);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::ArgReduce { .. })), 0);
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Load { .. })), 2);
}

#[test]
fn the_gradient_of_a_masked_softmax_has_the_same_form() {
    let signature = "x: f32[*rows, cols], mask: bool[*rows, cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let kept = a["mask"].row(row).load().select(a["x"].row(row).load(), f64::NEG_INFINITY);
        let max = kept.row_max();
        let e = (kept - max.eq(f64::NEG_INFINITY).select(0.0, max)).exp();
        let sum = e.row_sum();
        a["y"].row(row).store(e / sum.eq(0.0).select(1.0, sum));
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let [stage] = &backward.programs[..] else { panic!("one program") };
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Binary(BinaryOp::Div, ..))), 1, "{stage}");
    assert_eq!(count(stage, |k| matches!(k, ExprKind::ArgReduce { .. })), 0);
    // A row that keeps nothing has zero gradients, not NaN.
    let x = Tensor::from_values(F32, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mask = Tensor::from_values(Bool, &[2, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    let all = [("x".into(), Argument::Tensor(x)), ("mask".into(), Argument::Tensor(mask))];
    let all = Arguments::from(all);
    let report = finite_difference_check(&program, &all, &[], &CheckOptions::default()).unwrap();
    assert!(report.passed());
    assert_eq!(report.gradients["d_x"].values()[..3], [0.0; 3]);
}

#[test]
fn a_maximum_that_is_no_shift_keeps_its_gradient() {
    let program = recorded("x: f32[*rows, cols] -> y: f32[*rows, cols]", |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store((x - x.row_max()).exp());
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let ties = |k: &ExprKind| matches!(k, ExprKind::Binary(BinaryOp::Eq, ..));
    assert_eq!(count(&backward.programs[0], ties), 1);
    checked(&program, &[("rows", 3), ("cols", 5)]);
}

#[test]
fn weight_gradients_read_each_input_once() {
    let signature = "x: f16[*rows, cols], w: f16[cols] -> y: f16[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load().to(F32);
        a["y"].row(row).store(x * (x * x).row_mean().rsqrt() * a["w"].load().to(F32));
    });
    let backward = grad(&program, &GradOptions::default()).unwrap();
    assert_eq!(backward.programs.len(), 2);
    let stage = &backward.programs[0];
    assert_eq!(count(stage, |k| matches!(k, ExprKind::Load { .. })), 3);
    // The weight is read before the loop.
    let before = stage.body.iter().filter(
        |s| matches!(s, Stmt::Let(id) if matches!(stage.expr(*id).kind, ExprKind::Load { .. })),
    );
    assert_eq!(before.count(), 1);
}

#[test]
fn only_what_is_wanted_is_computed() {
    let signature = "x: f32[*rows, cols], w: f32[cols] -> y: f32[*rows, cols], z: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, w) = (a["x"].row(row).load(), a["w"].load());
        a["y"].row(row).store(x * w);
        a["z"].row(row).store(x.exp() * w);
    });
    let names = |list: &[&str]| Some(list.iter().map(|s| s.to_string()).collect());
    let options = GradOptions { inputs: names(&["x"]), outputs: names(&["y"]) };
    let backward = grad(&program, &options).unwrap();
    assert_eq!((backward.programs.len(), backward.cotangents.len()), (1, 1));
    let inputs: Vec<_> = backward.programs[0].params.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(inputs, ["w", "d_y", "d_x"]);
    let wrong = GradOptions { inputs: names(&["q"]), outputs: None };
    assert!(grad(&program, &wrong).unwrap_err().to_string().contains("`q`"));
    let wrong = GradOptions { inputs: None, outputs: names(&["x"]) };
    assert!(grad(&program, &wrong).unwrap_err().to_string().contains("`x`"));
}

#[test]
fn what_has_no_gradient_says_which_op_and_where() {
    let error = |signature: &str, build: &dyn Fn(&mut Kernel, &Args)| {
        let program = recorded(signature, build);
        grad(&program, &GradOptions::default()).unwrap_err()
    };
    let looped = error("x: f32[n] -> y: f32[1]", &|k, a| {
        let mut sum = k.var(k.full(F32, &[], 0.0));
        for i in k.range(0, a["x"].size(0)) {
            sum += a["x"].at(i).load();
        }
        a["y"].at(0).store(sum.get());
    });
    assert!(looped.what.contains("loop"), "{looped}");
    assert!(
        looped.at.as_ref().is_some_and(|at| at.file.ends_with("gradient_programs.rs")),
        "{looped}"
    );
    let bits = error("x: f32[n] -> y: f32[n]", &|_, a| {
        a["y"].store((a["x"].load().bitcast(I32) + 1).bitcast(F32));
    });
    assert!(bits.what.contains("bit cast"), "{bits}");
    let integers =
        error("x: f32[n] -> y: u32[1]", &|_, a| a["y"].store(a["x"].load().row_argmax()));
    assert!(integers.to_string().contains("float outputs"), "{integers}");
    let atomic = error("x: f32[n], i: i32[n], y: &f32[m] -> z: f32[n]", &|k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["z"].row(row).store(x);
        a["y"].row(a["i"].row(row).load()).atomic_max(x);
    });
    assert!(atomic.what.contains("atomic"), "{atomic}");
    let partial = error("p: &f32[n], m: bool[n]", &|_, a| {
        a["p"].store_where(a["m"].load(), a["p"].load().exp());
    });
    assert!(partial.what.contains("`p`"), "{partial}");
    let doubled = error("x: f32[n], d_x: f32[n] -> y: f32[n]", &|_, a| {
        a["y"].store(a["x"].load() * a["d_x"].load());
    });
    assert!(doubled.what.contains("d_x"), "{doubled}");
}

#[test]
fn bits_that_come_back_unchanged_are_the_value() {
    let program = recorded("x: f32[n] -> y: f32[n]", |_, a| {
        a["y"].store(a["x"].load().bitcast(I32).bitcast(F32));
    });
    assert!(grad(&program, &GradOptions::default()).is_ok());
}

#[test]
fn the_check_notices_a_wrong_gradient() {
    let kernel = |f: fn(Tile) -> Tile| {
        recorded("x: f32[n] -> y: f32[n]", |_, a| a["y"].store(f(a["x"].load())))
    };
    let (program, other) = (kernel(Tile::tanh), kernel(|x| x.tanh() * 1.001));
    let wrong: Backward = grad(&to_f64(&other).unwrap(), &GradOptions::default()).unwrap();
    let inputs = inputs(&program, &[("n", 9)], -2.0, 2.0);
    let report = check_backward(&program, &wrong, &inputs, &[], &CheckOptions::default()).unwrap();
    assert!(report.failures().count() >= 4);
}
