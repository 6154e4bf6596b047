//! Gradients that other systems' documents and tests state literally.

use tilewright_ir::DType::{F32, I32};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_kernels::find;
use tilewright_passes::check::{Arguments, run_backward};
use tilewright_passes::{GradOptions, grad};

/// The gradient of a kernel in f32 at `inputs`, cotangents included: what it gives for `wanted`.
fn gradient<const N: usize>(kernel: &str, inputs: [(&str, Tensor); N], wanted: &str) -> Vec<f64> {
    let entry = find(kernel).unwrap();
    let program = entry.record(&entry.specialization(F32, &[])).unwrap();
    let backward = grad(&program, &GradOptions::default()).unwrap();
    let mut arguments = Arguments::new();
    for (name, tensor) in inputs {
        arguments.insert(name.into(), Argument::Tensor(tensor));
    }
    run_backward(&backward, &mut arguments, &[]).unwrap_or_else(|e| panic!("{e}"));
    arguments[wanted].tensor().unwrap().values()
}

fn vector(elements: &[f64]) -> Tensor {
    Tensor::from_values(F32, &[elements.len()], elements)
}

#[track_caller]
fn close(results: &[f64], expected: &[f64]) {
    assert_eq!(results.len(), expected.len());
    let near = results.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-6);
    assert!(near, "{results:?}, expected {expected:?}");
}

#[test]
fn of_softmax() {
    let inputs = [("x", vector(&[1.0, 2.0, 3.0])), ("d_y", vector(&[1.0, 0.0, 0.0]))];
    close(&gradient("softmax", inputs, "d_x"), &[0.0819251, -0.0220330, -0.0598920]);
}

#[test]
fn of_rmsnorm_and_its_weight() {
    let inputs = || {
        [
            ("x", vector(&[1.0, 2.0, 3.0, 4.0])),
            ("weight", vector(&[1.0; 4])),
            ("d_y", vector(&[1.0, 0.0, 0.0, 0.0])),
        ]
    };
    let dx = gradient("rmsnorm", inputs(), "d_x");
    close(&dx, &[0.3529767, -0.0243432, -0.0365148, -0.0486864]);
    close(&gradient("rmsnorm", inputs(), "d_weight"), &[0.3651483, 0.0, 0.0, 0.0]);
}

#[test]
fn of_cross_entropy() {
    let logits = Tensor::from_values(F32, &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let target = Tensor::from_values(I32, &[2], &[2.0, 0.0]);
    let inputs = [("logits", logits), ("target", target), ("d_loss", vector(&[1.0, 0.0]))];
    let dlogits = gradient("softmax_cross_entropy", inputs, "d_logits");
    close(&dlogits, &[0.0900306, 0.2447285, -0.3347590, 0.0, 0.0, 0.0]);
}

#[test]
fn of_a_running_sum() {
    let inputs = [("x", vector(&[5.0, 6.0, 7.0])), ("d_y", vector(&[1.0, 2.0, 4.0]))];
    close(&gradient("cumsum", inputs, "d_x"), &[7.0, 6.0, 4.0]);
}

/// Scores pass the gradient of what they chose, and nothing else.
#[test]
fn of_a_maximum() {
    let inputs = [("x", vector(&[1.0, 3.0, 2.0])), ("d_y", Tensor::from_values(F32, &[], &[2.0]))];
    close(&gradient("max", inputs, "d_x"), &[0.0, 2.0, 0.0]);
}

#[test]
fn at_kinks() {
    let inputs = || [("x", vector(&[-1.0, 0.0, 2.0])), ("d_y", vector(&[3.0, 3.0, 3.0]))];
    close(&gradient("relu", inputs(), "d_x"), &[0.0, 0.0, 3.0]);
    close(&gradient("relu2", inputs(), "d_x"), &[0.0, 0.0, 12.0]);
    close(&gradient("elu", inputs(), "d_x"), &[3.0 * (-1f64).exp(), 3.0, 3.0]);
}
