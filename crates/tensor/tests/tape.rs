//! Reverse mode over several calls.

use tilewright_ir::DType;
use tilewright_lang::scan_by;
use tilewright_tensor::{Elementwise, OneLiner, Tape, Tensor, elementwise, kernel, tile_kernel};

#[test]
fn a_chain_with_a_fork_agrees_with_differences() {
    let run = |w: f64| {
        let tape = Tape::new();
        let x = tape.watch(Tensor::from([[0.5f32, -1.0, 2.0], [1.5, 0.25, -0.75]]));
        let w = tape.watch(Tensor::from_f64(DType::F32, &[3], &[w, 1.0, -1.0]).unwrap());
        let y = tape.call(&kernel("rmsnorm").unwrap(), &[&x, &w]).unwrap();
        let gate = tape.call(&kernel("silu").unwrap(), &[&y]).unwrap();
        // `y` is used twice.
        let z = tape.call(&elementwise("a * b + a").unwrap(), &[&y, &gate]).unwrap();
        let loss = tape.call(&kernel("sum").unwrap(), &[&z]).unwrap();
        let gradients = tape.backward(&loss).unwrap();
        let d_w = gradients.of(&w).unwrap().to_f64().unwrap()[0];
        assert_eq!(gradients.of(&x).unwrap().shape(), [2, 3]);
        (loss.value().to_f64().unwrap().iter().sum::<f64>(), d_w)
    };
    let step = 1e-2;
    let numeric = (run(0.7 + step).0 - run(0.7 - step).0) / (2.0 * step);
    let (_, analytic) = run(0.7);
    assert!((numeric - analytic).abs() < 1e-3 * analytic.abs().max(1.0), "{numeric} {analytic}");
}

#[test]
fn scalars_reach_the_gradient_and_strangers_get_none() {
    let tape = Tape::new();
    let (x, other) = (tape.watch(Tensor::from([3.0f32])), tape.watch(Tensor::from([1.0f32])));
    let power =
        Elementwise::formula("x * x * s").unwrap().scalar("s", Some(1.0)).callable().unwrap();
    let y = tape.call_with(&power, &[&x], &[("s", 10.0)]).unwrap().remove(0);
    let gradients = tape.backward(&y).unwrap();
    assert_eq!(gradients.of(&x).unwrap().to_f64().unwrap(), [60.0]);
    assert!(gradients.of(&other).is_none());
    let twice = tape.backward_from(&y, Tensor::from([2.0f32])).unwrap();
    assert_eq!(twice.of(&x).unwrap().to_f64().unwrap(), [120.0]);
}

/// h[i] = a[i] h[i-1] + b[i], as state space models and gated linear attention have it.
#[test]
fn a_recurrence_of_pairs_runs_and_has_a_gradient() {
    let kernel = tile_kernel(
        "recurrence",
        "a: f32[*rows, n], b: f32[*rows, n] -> h: f32[*rows, n]",
        |k, v| {
            let row = k.program();
            let pair = [v["a"].row(row).load(), v["b"].row(row).load()];
            let [_, h] = scan_by(pair, |[a, b], [c, d]| [a * c, b * c + d]);
            v["h"].row(row).store(h);
        },
    )
    .unwrap();
    let (rows, n) = (3, 1000);
    let numbers = |salt: usize, low: f64, high: f64| -> Vec<f64> {
        let fraction = |i: usize| ((i + salt) as f64 * 0.618_033_988_749_895).fract();
        (0..rows * n).map(|i| (low + (high - low) * fraction(i)) as f32 as f64).collect()
    };
    let (a, b, d_h) = (numbers(0, 0.5, 1.0), numbers(7, -1.0, 1.0), numbers(77, -1.0, 1.0));
    let (mut h, mut d_a, mut d_b) = (vec![0.0; a.len()], vec![0.0; a.len()], vec![0.0; a.len()]);
    for row in 0..rows {
        let (mut value, mut slope) = (0.0, 0.0);
        for i in row * n..(row + 1) * n {
            value = a[i] * value + b[i];
            h[i] = value;
        }
        for i in (row * n..(row + 1) * n).rev() {
            slope += d_h[i];
            d_b[i] = slope;
            d_a[i] = if i == row * n { 0.0 } else { slope * h[i - 1] };
            slope *= a[i];
        }
    }
    let tensor = |values: &[f64]| Tensor::from_f64(DType::F32, &[rows, n], values).unwrap();
    let tape = Tape::new();
    let (x, y) = (tape.watch(tensor(&a)), tape.watch(tensor(&b)));
    let result = tape.call(&kernel, &[&x, &y]).unwrap();
    let gradients = tape.backward_from(&result, tensor(&d_h)).unwrap();
    for (found, expected) in
        [(result.value(), &h), (gradients.of(&x).unwrap(), &d_a), (gradients.of(&y).unwrap(), &d_b)]
    {
        for (found, expected) in found.to_f64().unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn what_a_tape_cannot_do_says_so() {
    let tape = Tape::new();
    let x = tape.watch(Tensor::from([[3.0f32, 4.0]]));
    let update = tile_kernel("update", "x: &T[*n]", |_, a| {
        a["x"].store(a["x"].load() + 1.0);
    });
    let error = tape.call(&update.unwrap(), &[&x]).unwrap_err().to_string();
    assert!(error.contains("in place"), "{error}");
    let error = tape.call(&kernel("topk").unwrap(), &[&x]).unwrap_err().to_string();
    assert!(!error.is_empty(), "k exceeds the row");
    let y = tape.call(&kernel("argmax").unwrap(), &[&x]).unwrap();
    assert!(tape.backward(&y).is_err());
    let error = tape.backward_from(&x, Tensor::from([1.0f32])).unwrap_err().to_string();
    assert!(error.contains("cotangent of shape [1]"), "{error}");
}

#[test]
fn variables_of_another_tape_are_refused() {
    let (tape, other) = (Tape::new(), Tape::new());
    let x = tape.watch(Tensor::from([1.0f32]));
    // Its number is one that `tape` has too, and another one's is not.
    let strangers = [Tensor::from([5.0f32]), Tensor::from([7.0f32])].map(|t| other.watch(t));
    for stranger in &strangers {
        let error = tape.call(&kernel("mul").unwrap(), &[&x, stranger]).unwrap_err().to_string();
        assert!(error.contains("of another tape"), "{error}");
        let error = tape.backward(stranger).unwrap_err().to_string();
        assert!(error.contains("of another tape"), "{error}");
    }
    let y = tape.call(&kernel("exp").unwrap(), &[&x]).unwrap();
    assert!(tape.backward(&y).unwrap().of(&strangers[0]).is_none());
}
