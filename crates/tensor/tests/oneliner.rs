//! One-liners on tensors of any shape and layout.

use tilewright_ir::DType;
use tilewright_tensor::{
    Callable, Elementwise, Fault, OneLiner, Pass, Reduce, Result, Tensor, elementwise,
    elementwise_with, elementwise_with_gradient, map_reduce, map_reduce_with, reduce, reduce_with,
};

fn close(tensor: &Tensor, expected: &[f64]) {
    let values = tensor.to_f64().unwrap();
    assert_eq!(values.len(), expected.len(), "{tensor}");
    for (a, b) in values.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{tensor} is not {expected:?}");
    }
}

fn numbers(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::new((0..count).map(|i| i as f32 - 3.0).collect::<Vec<_>>(), shape).unwrap()
}

#[test]
fn any_shape_and_layout() {
    let affine = elementwise("2 * x + 1").unwrap();
    for shape in [&[][..], &[5], &[2, 3], &[2, 1, 3, 4], &[0, 3]] {
        let x = numbers(shape);
        let y = affine.call(&[&x]).unwrap();
        assert_eq!(y.shape(), shape);
        let expected: Vec<f64> = x.to_f64().unwrap().iter().map(|x| 2.0 * x + 1.0).collect();
        close(&y, &expected);
    }
    let x = numbers(&[4, 6]);
    let views = [
        x.transpose().unwrap(),
        x.every(1, 2).unwrap(),
        x.flip(0).unwrap(),
        x.narrow(1, 2, 3).unwrap(),
        x.narrow(0, 1, 1).unwrap().broadcast_to(&[3, 6]).unwrap(),
    ];
    for view in views {
        let y = affine.call(&[&view]).unwrap();
        assert_eq!(y.shape(), view.shape());
        let expected: Vec<f64> = view.to_f64().unwrap().iter().map(|x| 2.0 * x + 1.0).collect();
        close(&y, &expected);
        let mut z = Tensor::zeros(DType::F32, view.shape()).unwrap();
        affine.call_into(&[&view], &mut [&mut z]).unwrap();
        close(&z, &expected);
    }
}

#[test]
fn inputs_broadcast_and_their_gradients_sum() {
    let product = elementwise("a * b").unwrap();
    let by_hand = elementwise_with_gradient(
        Elementwise::formula("a * b").unwrap(),
        "",
        &[("a", "g * b"), ("b", "g * a")],
    )
    .unwrap();
    let (a, b) = (numbers(&[2, 3]), numbers(&[3]));
    let y = product.call(&[&a, &b]).unwrap();
    close(&y, &[9.0, 4.0, 1.0, 0.0, -2.0, -2.0]);
    let g = Tensor::full(DType::F32, &[2, 3], 1.0).unwrap();
    for callable in [&product, &by_hand] {
        let made = callable.grad().unwrap().call_all(&[&a, &b, &g]).unwrap();
        assert_eq!((made["d_a"].shape(), made["d_b"].shape()), (&[2, 3][..], &[3][..]));
        close(&made["d_a"], &[-3.0, -2.0, -1.0, -3.0, -2.0, -1.0]);
        close(&made["d_b"], &[-3.0, -1.0, 1.0]);
    }
    let column = numbers(&[2, 1]);
    assert_eq!(product.call(&[&column, &b]).unwrap().shape(), [2, 3]);
    let made = product.grad().unwrap().call_all(&[&column, &b, &g]).unwrap();
    assert_eq!(made["d_a"].shape(), [2, 1]);
    let scalar = Tensor::full(DType::F32, &[], 2.0).unwrap();
    close(&product.call(&[&b, &scalar]).unwrap(), &[-6.0, -4.0, -2.0]);
    let made = product.grad().unwrap().call_all(&[&b, &scalar, &b]).unwrap();
    close(&made["d_b"], &[14.0]);
    assert_eq!(made["d_b"].shape(), [0usize; 0]);
}

#[test]
fn a_sum_needs_only_shapes_for_its_gradient() {
    let gradient = elementwise("a + b").unwrap().grad().unwrap();
    let (a, b, g) = (numbers(&[2, 3]), numbers(&[1, 3]), numbers(&[2, 3]));
    let made = gradient.call_all(&[&a, &b, &g]).unwrap();
    close(&made["d_b"], &[-3.0, -1.0, 1.0]);
    let made = gradient.bind().input("d_out", &g.to(DType::F16).unwrap()).run().unwrap();
    assert_eq!((made["d_a"].dtype(), made["d_b"].shape()), (DType::F16, &[2, 3][..]));
    let error = gradient.call_all(&[&a, &b, &b]).unwrap_err().to_string();
    assert!(error.contains("`d_out` has shape [1, 3], expected [2, 3]"), "{error}");
}

#[test]
fn smooth_functions_have_one_slope_at_every_point() {
    let slopes = |formula: &str, a: &[f32], b: &[f32]| -> [Vec<f64>; 2] {
        let (a, b) = (Tensor::from(a.to_vec()), Tensor::from(b.to_vec()));
        let ones = Tensor::full(DType::F32, a.shape(), 1.0).unwrap();
        let gradient = elementwise(formula).unwrap().grad().unwrap();
        let of = gradient.call_all(&[&a, &b, &ones]).unwrap();
        ["d_a", "d_b"].map(|name| of[name].to_f64().unwrap())
    };
    // Where both are equal, where one is far greater, and where nothing is left of one.
    let [da, db] = slopes(
        "logaddexp(a, b)",
        &[2.0, 0.0, -1e30, 90.0, 1.0, f32::NEG_INFINITY],
        &[2.0, -0.0, -1e30, -90.0, f32::NEG_INFINITY, 3.0],
    );
    assert_eq!(da, [0.5, 0.5, 0.5, 1.0, 1.0, 0.0]);
    assert_eq!(db, [0.5, 0.5, 0.5, 0.0, 0.0, 1.0]);
    let [da, db] = slopes("pow(a, b)", &[0.0, 3.0, 0.0, 2.0], &[0.0, 0.0, 2.0, 3.0]);
    assert_eq!(da, [0.0, 0.0, 0.0, 12.0]);
    assert!((db[1] - 3f64.ln()).abs() < 1e-6 && db[0] == 0.0 && db[2] == 0.0, "{db:?}");
    // The values of infinities and NaN.
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let a = Tensor::from([inf, -inf, inf, nan, inf, 1.0]);
    let b = Tensor::from([inf, -inf, -inf, inf, nan, nan]);
    let sum = elementwise("logaddexp(a, b)").unwrap().call(&[&a, &b]).unwrap();
    let sum = sum.to_vec::<f32>().unwrap();
    assert_eq!(sum[..3], [inf, -inf, inf]);
    assert!(sum[3..].iter().all(|x| x.is_nan()), "{sum:?}");
}

#[test]
fn dtypes_mix_and_scalars_compile_nothing() {
    let swish = Elementwise::formula("x * sigmoid(a * x)").unwrap().scalar("a", Some(1.0));
    let swish = swish.callable().unwrap();
    let x = Tensor::from([1.0f32]);
    close(&swish.call(&[&x]).unwrap(), &[0.7310586]);
    close(&swish.bind().input("x", &x).scalar("a", 0.0).run().unwrap()["out"], &[0.5]);
    assert_eq!((swish.stats().misses, swish.stats().hits), (1, 1));
    let half = x.to(DType::F16).unwrap();
    let sum = elementwise("x + y").unwrap();
    assert_eq!(sum.call(&[&half, &half]).unwrap().dtype(), DType::F16);
    assert_eq!(sum.call(&[&half, &x]).unwrap().dtype(), DType::F32);
    assert_eq!(sum.call(&[&Tensor::from([1i32]), &x]).unwrap().dtype(), DType::F32);
    assert_eq!(sum.stats().misses, 3);
}

#[test]
fn closures_and_rows() {
    let silu = elementwise_with(|x| x * x.sigmoid()).unwrap();
    close(&silu.call(&[&Tensor::from([1.0f32])]).unwrap(), &[0.7310586]);
    let x = numbers(&[2, 3]);
    let rows: [(Callable, [f64; 2]); 3] = [
        (reduce("0.0f", "acc + v").unwrap(), [-6.0, 3.0]),
        (reduce("-INFINITY", "max(acc, v)").unwrap(), [-1.0, 2.0]),
        (reduce_with(|row| row.square().row_mean()).unwrap(), [14.0 / 3.0, 5.0 / 3.0]),
    ];
    for (callable, expected) in rows {
        let y = callable.call(&[&x]).unwrap();
        assert_eq!(y.shape(), [2]);
        close(&y, &expected);
        assert_eq!(callable.call(&[&x.reshape(&[2, 1, 3]).unwrap()]).unwrap().shape(), [2, 1]);
    }
    let sum_gradient = reduce("0.0f", "acc + v").unwrap().grad().unwrap();
    close(
        &sum_gradient.call(&[&x, &Tensor::from([1.0f32, 2.0])]).unwrap(),
        &[1., 1., 1., 2., 2., 2.],
    );
    let softmax = map_reduce(
        Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
        Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
        "exp(x - s1) / s2",
    )
    .unwrap();
    let same = map_reduce_with(|row| {
        let e = (row - row.row_max()).exp();
        e / e.row_sum()
    })
    .unwrap();
    let x = Tensor::from([[1.0f32, 2.0, 3.0]]);
    close(&softmax.call(&[&x]).unwrap(), &[0.09003058, 0.24472848, 0.66524094]);
    let g = Tensor::from([[1.0f32, 0.0, 0.0]]);
    for callable in [softmax, same] {
        let dx = callable.grad().unwrap().call(&[&x, &g]).unwrap();
        close(&dx, &[0.0819251, -0.0220330, -0.0598920]);
    }
}

#[test]
fn mistakes_are_shown() {
    let error = elementwise("x * tanhh(x)").unwrap_err().to_string();
    assert!(error.contains('^') && error.contains("tanh"), "{error}");
    let sum = elementwise("x + y").unwrap();
    let (a, b) = (numbers(&[2, 3]), numbers(&[4]));
    let error = sum.call(&[&a, &b]).unwrap_err().to_string();
    assert!(error.contains("[2, 3] and [4] do not broadcast"), "{error}");
    let mut out = Tensor::zeros(DType::F32, &[3, 2]).unwrap();
    let error = sum.call_into(&[&a, &numbers(&[3])], &mut [&mut out]).unwrap_err().to_string();
    assert!(error.contains("`out` has shape [3, 2], expected [2, 3]"), "{error}");
    let error = sum.call_into(&[&a, &a], &mut [&mut out]).unwrap_err().to_string();
    assert!(error.contains("`out` has shape [3, 2], expected"), "{error}");
    assert!(elementwise("1 + 2").is_err(), "no input tells the shape");
}

#[test]
fn formulas_of_bits_take_integers() {
    let bits = elementwise("(a & b) ^ (~a >> 1)").unwrap();
    let (a, b) = (Tensor::from([0u32, 1, 0xffff_ffff, 12]), Tensor::from([7u32, 3, 5, 10]));
    let right: Vec<u32> =
        [(0u32, 7u32), (1, 3), (0xffff_ffff, 5), (12, 10)].map(|(a, b)| (a & b) ^ (!a >> 1)).into();
    assert_eq!(bits.call(&[&a, &b]).unwrap().to_vec::<u32>().unwrap(), right);
    // Beside floats, which have gradients.
    let some = elementwise("x * (n & 3)").unwrap();
    let (x, n) = (Tensor::from([0.5f32, 2.0]), Tensor::from([7i32, 6]));
    assert_eq!(some.call(&[&x, &n]).unwrap().to_vec::<f32>().unwrap(), [1.5, 4.0]);
    let d_out = Tensor::from([1.0f32, 10.0]);
    let d_x = some.grad().unwrap().bind().input("n", &n).input("d_out", &d_out).run().unwrap();
    assert_eq!(d_x["d_x"].to_vec::<f32>().unwrap(), [3.0, 20.0]);
    let any = reduce("0", "acc | v").unwrap();
    let rows = Tensor::from([[1i32, 4, 8], [0, 2, 2]]);
    assert_eq!(any.call(&[&rows]).unwrap().to_vec::<i32>().unwrap(), [13, 2]);
    // Floats still have no bits, and the fault is told as such.
    let floats = Tensor::from([1.0f32, 2.0]);
    let told = bits.call(&[&floats, &floats]).unwrap_err().to_string();
    assert!(told.contains("this is a float"), "{told}");
    assert!(elementwise("x +").is_err());
}

#[test]
fn integers_wrap_as_those_of_c() {
    let (i, u) = (Tensor::from([-1i32, -7, 5]), Tensor::from([5u32, 7, u32::MAX]));
    let sum = elementwise("i + u").unwrap().call(&[&i, &u]).unwrap();
    assert_eq!(sum.to_vec::<u32>().unwrap(), [4, 0, 4]);
    let less = elementwise("i < u ? 1 : 0").unwrap().call(&[&i, &u]).unwrap();
    assert_eq!(less.to_vec::<u32>().unwrap(), [0, 0, 1]);
    let narrow = elementwise("x + y").unwrap();
    let (x, y) = (Tensor::from([200u8, 255, 3]), Tensor::from([100u8, 1, 4]));
    assert_eq!(narrow.call(&[&x, &y]).unwrap().to_vec::<u8>().unwrap(), [44, 0, 7]);
    let (x, y) = (Tensor::from([100i8, -128, 3]), Tensor::from([100i8, -1, 4]));
    assert_eq!(narrow.call(&[&x, &y]).unwrap().to_vec::<i8>().unwrap(), [-56, 127, 7]);
    let x = Tensor::from([-1i32, 300, -200]);
    let cast = |ty: &str| elementwise(&format!("({ty})x")).unwrap().call(&[&x]).unwrap();
    assert_eq!(cast("uchar").to_vec::<i32>().unwrap(), [255, 44, 56]);
    assert_eq!(cast("char").to_vec::<i32>().unwrap(), [-1, 44, 56]);
    assert_eq!(cast("uint").to_vec::<i32>().unwrap(), [-1, 300, -200]);
}

#[test]
fn hyperbolic_functions_reach_as_far_as_their_results() {
    let x =
        Tensor::from([89.0f32, -89.0, 89.4, 81.0, -81.0, 79.0, f32::INFINITY, f32::NEG_INFINITY]);
    let values = x.to_f64().unwrap();
    for (name, exact) in [("sinh", f64::sinh as fn(f64) -> f64), ("cosh", f64::cosh)] {
        let call = elementwise(&format!("{name}(x)")).unwrap();
        let y = call.call(&[&x]).unwrap().to_f64().unwrap();
        for (x, y) in values.iter().zip(&y) {
            let right = exact(*x);
            assert!(
                *y == right || ((y - right) / right).abs() < 2e-6,
                "{name}({x}) is {y}, not {right}"
            );
        }
        let nan = Tensor::from([f32::NAN]);
        assert!(call.call(&[&nan]).unwrap().item().unwrap().is_nan());
        // Its gradient is the other one.
        let (gradient, ones) = (call.grad().unwrap(), Tensor::from([1.0f32; 8]));
        let d_x = gradient.bind().input("x", &x).input("d_out", &ones).run().unwrap();
        let d_x = d_x.single().unwrap().to_f64().unwrap();
        let other = if name == "sinh" { f64::cosh } else { f64::sinh };
        for (x, d) in values[..6].iter().zip(&d_x) {
            let right = other(*x);
            assert!(((d - right) / right).abs() < 4e-6, "d {name}({x}) is {d}, not {right}");
        }
    }
}

#[test]
fn inputs_may_be_named_like_gradients() {
    let (small, large) = (Tensor::from([1.0f32, 2.0, 3.0]), numbers(&[2, 3]));
    let right: Vec<f64> =
        large.to_f64().unwrap().iter().enumerate().map(|(i, x)| x * (i % 3 + 1) as f64).collect();
    for formula in ["d_x * x", "d_out * x"] {
        let product = elementwise(formula).unwrap();
        close(&product.call(&[&small, &large]).unwrap(), &right);
        close(&product.call(&[&large, &small]).unwrap(), &right);
    }
    let d_out = Tensor::from([[1.0f32; 3]; 2]);
    let gradient = elementwise("d_k * x").unwrap().grad().unwrap();
    let call = gradient.bind().input("d_k", &small).input("x", &large).input("d_out", &d_out);
    let out = call.run().unwrap();
    close(&out["d_x"], &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    close(&out["d_d_k"], &[-3.0, -1.0, 1.0]);
}

#[test]
fn inverses_of_circular_and_hyperbolic_functions() {
    let wide = [
        0.0,
        -0.0,
        1e-30,
        -1e-5,
        2e-4,
        0.3,
        -0.42,
        0.9,
        1.0,
        -1.1,
        2.5,
        -40.0,
        1e12,
        -1e30,
        f64::INFINITY,
    ];
    let inside = [0.0, -0.0, 1e-30, -1e-5, 2e-4, 0.3, -0.42, 0.9, -0.999, 0.9999];
    let cases: [(&str, fn(f64) -> f64, fn(f64) -> f64, &[f64]); 6] = [
        ("atan", f64::atan, |x| 1.0 / (1.0 + x * x), &wide),
        ("asinh", f64::asinh, |x| 1.0 / (1.0 + x * x).sqrt(), &wide),
        ("asin", f64::asin, |x| 1.0 / (1.0 - x * x).sqrt(), &inside),
        ("acos", f64::acos, |x| -1.0 / (1.0 - x * x).sqrt(), &inside),
        ("atanh", f64::atanh, |x| 1.0 / (1.0 - x * x), &inside),
        ("acosh", f64::acosh, |x| 1.0 / (x * x - 1.0).sqrt(), &[1.001, 1.5, 2.0, 30.0, 1e12, 1e30]),
    ];
    for (name, exact, slope, at) in cases {
        let call = elementwise(&format!("{name}(x)")).unwrap();
        let x = Tensor::from_f64(DType::F32, &[at.len()], at).unwrap();
        let (at, y) = (x.to_f64().unwrap(), call.call(&[&x]).unwrap().to_f64().unwrap());
        let (gradient, ones) =
            (call.grad().unwrap(), Tensor::full(DType::F32, x.shape(), 1.0).unwrap());
        let d_x = gradient.bind().input("x", &x).input("d_out", &ones).run().unwrap();
        let d_x = d_x.single().unwrap().to_f64().unwrap();
        for ((x, y), d) in at.iter().zip(y).zip(d_x) {
            let (right, slope) = (exact(*x), slope(*x));
            let near = y == right || (y - right).abs() <= 8e-7 * right.abs();
            assert!(near, "{name}({x}) is {y}, not {right}");
            assert_eq!(y.is_sign_negative(), right.is_sign_negative(), "{name}({x})");
            if x.abs() < 1e10 {
                assert!(
                    (d - slope).abs() <= 4e-6 * slope.abs(),
                    "d {name}({x}) is {d}, not {slope}"
                );
            }
        }
    }
    use std::f32::consts::{FRAC_PI_2, PI};
    for (name, ends) in [("asin", [FRAC_PI_2, -FRAC_PI_2]), ("acos", [0.0, PI])] {
        let call = elementwise(&format!("{name}(x)")).unwrap();
        let y = call.call(&[&Tensor::from([1.0f32, -1.0, 1.5])]).unwrap().to_vec::<f32>().unwrap();
        assert!(
            (y[0] - ends[0]).abs() < 4e-7 && (y[1] - ends[1]).abs() < 4e-7 && y[2].is_nan(),
            "{name} {y:?}"
        );
    }
}

#[test]
fn mistakes_of_the_language_are_errors_of_calls() {
    fn total(update: &str) -> Result<Tensor> {
        let sum = Reduce::formulas("0", update)?.callable()?;
        sum.call(&[&Tensor::from([1.0f32, 2.0, 4.0])])
    }
    assert_eq!(total("acc + v").unwrap().to_vec::<f32>().unwrap(), [7.0]);
    let error = total("acc + w").unwrap_err();
    assert_eq!(error.fault(), Fault::Usage);
    assert!(error.to_string().contains("unknown name `w`\n  acc + w\n        ^"), "{error}");
}
