//! Constants that nobody chose are told by the shapes of a call.

use tilewright_ir::DType::F32;
use tilewright_tensor::{Tensor, kernel, kernel_with};

fn numbers(shape: &[usize], salt: usize) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|i| ((i + salt) * 7 % 23) as f64 / 16.0 - 0.7).collect();
    Tensor::from_f64(F32, shape, &values).unwrap()
}

#[test]
fn one_callable_serves_heads_of_any_size_and_its_gradient_too() {
    let attention = kernel("attention").unwrap();
    let gradient = attention.grad().unwrap();
    for (head_dim, group) in [(8, 3), (16, 1), (8, 3)] {
        let q = numbers(&[2, 2 * group, 5, head_dim], 1);
        let (keys, values) = (numbers(&[2, 2, 9, head_dim], 2), numbers(&[2, 2, 9, head_dim], 3));
        let chosen = kernel_with("attention", &[("head_dim", head_dim), ("group", group)]).unwrap();
        let results = [&attention, &chosen].map(|kernel| {
            let call = kernel.bind().input("q", &q).input("keys", &keys).input("values", &values);
            call.scalar("scale", 0.3).run().unwrap()["out"].to_f64().unwrap()
        });
        assert_eq!(results[0], results[1]);
        let d_out = numbers(&[2, 2 * group, 5, head_dim], 4);
        let results = [&gradient, &chosen.grad().unwrap()].map(|gradient| {
            let call = gradient.bind().input("q", &q).input("keys", &keys).input("values", &values);
            let out = call.input("d_out", &d_out).scalar("scale", 0.3).run().unwrap();
            ["d_q", "d_keys", "d_values"].map(|name| out[name].to_f64().unwrap())
        });
        assert_eq!(results[0], results[1]);
    }
    // The shapes of two calls were met, one of them twice.
    assert_eq!((attention.stats().misses, attention.stats().hits), (2, 1));
}

#[test]
fn what_was_chosen_stays_and_what_is_too_great_is_refused() {
    let q = numbers(&[1, 1, 1, 16], 1);
    let fixed = kernel_with("attention", &[("head_dim", 8), ("group", 1)]).unwrap();
    let call = fixed.bind().input("q", &q).input("keys", &q).input("values", &q);
    let error = call.scalar("scale", 0.3).run().err().unwrap().to_string();
    assert!(error.contains("head_dim") || error.contains('8'), "{error}");
    let q = Tensor::zeros(F32, &[1, 1, 1, 70_000]).unwrap();
    let open = kernel("attention").unwrap();
    let call = open.bind().input("q", &q).input("keys", &q).input("values", &q);
    let error = call.scalar("scale", 0.3).run().err().unwrap().to_string();
    assert!(error.contains("`head_dim` would be 70000"), "{error}");
}
