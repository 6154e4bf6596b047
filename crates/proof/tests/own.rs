//! Callables of an author's own, held to a reference and timed side by side.

use std::time::Duration;
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_kernels::{Inputs, find};
use tilewright_proof::{Budget, gradient_matches, matches, normal, side_by_side};
use tilewright_tensor::{
    Callable, Elementwise, OneLiner, Pass, Reduce, Tensor, elementwise, elementwise_with_gradient,
    kernel, map_reduce, tile_kernel,
};

fn softmax() -> Callable {
    map_reduce(
        Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
        Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
        "exp(x - s1) / s2",
    )
    .unwrap()
}

#[test]
fn one_liners_match_references_of_the_catalog() {
    let reference = find("softmax").unwrap().reference;
    for shape in [&[8, 1024][..], &[2, 3, 17], &[1], &[0, 4]] {
        for dtype in [F32, F16, BF16] {
            let x = normal(dtype, shape, 3).unwrap();
            matches(&softmax(), reference, &[&x]).unwrap();
            gradient_matches(&softmax(), reference, &[&x]).unwrap();
        }
    }
}

#[test]
fn broadcast_formulas_and_rows_over_other_axes_match() {
    let scaled = elementwise("x * tanh(w) + 1").unwrap();
    let (x, w) = (normal(F32, &[3, 5], 0).unwrap(), normal(F32, &[5], 1).unwrap());
    let reference = |a: &Inputs| {
        let w = a.tensor("w");
        vec![
            a.rows("x", 5).flat_map(|r| r.iter().zip(w).map(|(x, w)| x * w.tanh() + 1.0)).collect(),
        ]
    };
    matches(&scaled, reference, &[&x, &w]).unwrap();
    gradient_matches(&scaled, reference, &[&x, &w]).unwrap();

    let norm = Reduce::formulas("0", "acc + v * v").unwrap().finalize("sqrt(acc)").unwrap();
    let norm = norm.axes(&[0]).callable().unwrap();
    let x = normal(F32, &[700, 3], 0).unwrap();
    let reference = |a: &Inputs| {
        let column = |j: usize| a.tensor("x").iter().skip(j).step_by(3).map(|x| x * x).sum::<f64>();
        vec![(0..3).map(|j| column(j).sqrt()).collect()]
    };
    matches(&norm, reference, &[&x]).unwrap();
    gradient_matches(&norm, reference, &[&x]).unwrap();
}

#[test]
fn several_outputs_whole_numbers_and_kinks() {
    let entry = find("rmsnorm_residual").unwrap();
    let (x, r) = (normal(F32, &[5, 33], 0).unwrap(), normal(F32, &[5, 33], 1).unwrap());
    let w = normal(F32, &[33], 2).unwrap();
    let callable = kernel(entry.name).unwrap();
    matches(&callable, entry.reference, &[&x, &r, &w]).unwrap();
    gradient_matches(&callable, entry.reference, &[&x, &r, &w]).unwrap();

    let gather = find("gather").unwrap();
    let index = Tensor::from([4u32, 0, 4]);
    matches(&kernel("gather").unwrap(), gather.reference, &[&x, &index]).unwrap();
    gradient_matches(&kernel("gather").unwrap(), gather.reference, &[&x, &index]).unwrap();

    let relu = find("relu").unwrap();
    let at_its_kink = Tensor::from([-1.0f32, 0.0, 2.0]);
    gradient_matches(&kernel("relu").unwrap(), relu.reference, &[&at_its_kink]).unwrap();
}

#[test]
fn wrong_values_slopes_and_programs_are_found() {
    let x = normal(F32, &[4, 9], 0).unwrap();
    let reference = find("log_softmax").unwrap().reference;
    let wrong = matches(&softmax(), reference, &[&x]).unwrap_err().to_string();
    assert!(wrong.contains("`out`") && wrong.contains("element"), "{wrong}");
    let wrong = gradient_matches(&softmax(), reference, &[&x]).unwrap_err().to_string();
    assert!(wrong.contains("`d_x`: element"), "{wrong}");

    // The author's own slope lacks a factor.
    let silu = Elementwise::formula("x * sigmoid(x)").unwrap();
    let slope = [("x", "g * (s + x * s * (1 - x))")];
    let silu = elementwise_with_gradient(silu, "T s = sigmoid(x);", &slope).unwrap();
    let reference = find("silu").unwrap().reference;
    matches(&silu, reference, &[&x]).unwrap();
    assert!(gradient_matches(&silu, reference, &[&x]).is_err());

    // Right values, by two programs that write one row.
    let race = tile_kernel("race", "x: f32[rows, cols] -> y: f32[cols]", |k, a| {
        k.programs(a["x"].size(0));
        a["y"].store(a["x"].row(0).load());
    });
    let reference = |a: &Inputs| vec![a.rows("x", 9).next().unwrap().to_vec()];
    let wrong = matches(&race.unwrap(), reference, &[&x]).unwrap_err().to_string();
    assert!(wrong.contains("`y`"), "{wrong}");

    let few = |_: &Inputs| vec![];
    let wrong = matches(&softmax(), few, &[&x]).unwrap_err().to_string();
    assert!(wrong.contains("1 outputs, the reference has 0"), "{wrong}");
    assert!(matches(&softmax(), few, &[]).is_err());
}

#[test]
fn callables_are_timed_in_turns() {
    let (mine, theirs) = (softmax(), kernel("softmax").unwrap());
    let x = normal(F32, &[16, 300], 0).unwrap();
    let budget = Budget { runs: 5, time: Duration::ZERO };
    let race = side_by_side(&[("mine", &mine), ("catalog", &theirs)], &[&x], budget).unwrap();
    assert_eq!((race.rows[0].1.runs, race.rows[1].1.runs), (5, 5));
    assert_eq!(race.speedup(1), 1.0);
    let told = race.to_string();
    assert!(told.starts_with("[16, 300]\n  mine     ") && told.contains("1.00x"), "{told}");
    let sum = kernel("sum").unwrap();
    let wrong = side_by_side(&[("sum", &sum), ("softmax", &theirs)], &[&x], budget).unwrap_err();
    assert!(wrong.to_string().contains("`sum` gives outputs of other shapes"), "{wrong}");
}
