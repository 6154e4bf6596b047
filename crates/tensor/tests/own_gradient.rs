//! Gradients that an author writes: of a tile kernel, and of any function on a tape.

use tilewright_lang::DType::{BF16, F32};
use tilewright_tensor::{Callable, GradOptions, Result, Tape, Tensor, elementwise, tile_kernel};

/// The squares of `steps` doublings, by a loop that no pass differentiates: y = (2^steps x)².
fn doubled() -> Result<Callable> {
    tile_kernel("doubled", "x: T[*rows, n], steps: i32 = 3 -> y: T[*rows, n]", |k, a| {
        let row = k.program();
        let t = k.var(a["x"].row(row).load().to(F32));
        for _ in k.range(0, a.scalar("steps")) {
            t.set(t.get() * 2.0);
        }
        a["y"].row(row).store(t.get() * t.get());
    })
}

const SLOPE: &str = "x: T[*rows, n], steps: i32 = 3, d_y: T[*rows, n] -> d_x: T[*rows, n]";

fn with_slope() -> Result<Callable> {
    doubled()?.with_gradient(SLOPE, |k, a| {
        let row = k.program();
        let scale = (a.scalar("steps").to(F32) * 2.0 + 1.0).exp2(); // 2 · 4^steps
        let dy = a["d_y"].row(row).load().to(F32);
        a["d_x"].row(row).store(dy * a["x"].row(row).load().to(F32) * scale);
    })
}

#[test]
fn a_loop_gets_a_gradient_in_every_type_with_its_numbers() {
    assert!(doubled().unwrap().grad().is_err());
    let kernel = with_slope().unwrap();
    let gradient = kernel.grad().unwrap();
    for dtype in [F32, BF16] {
        let x = Tensor::from_f64(dtype, &[2, 1, 3], &[1.0, -2.0, 3.0, 0.5, 0.0, 4.0]).unwrap();
        let dy = Tensor::full(dtype, &[2, 1, 3], 0.5).unwrap();
        let dx = gradient.bind().input("x", &x).input("d_y", &dy).scalar("steps", 1.0).run();
        let dx = dx.unwrap().single().unwrap();
        assert_eq!((dx.dtype(), dx.shape()), (dtype, &[2, 1, 3][..]));
        assert_eq!(dx.to_f64().unwrap(), [4.0, -8.0, 12.0, 2.0, 0.0, 16.0]);
    }
    // On a tape, in order, and asked for by name.
    let tape = Tape::new();
    let x = tape.watch(Tensor::from([[1.0f32, 2.0]]));
    let y = tape.call_with(&kernel, &[&x], &[("steps", 0.0)]).unwrap();
    let slopes = tape.backward(&y[0]).unwrap().of(&x).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(slopes, [2.0, 4.0]);
    let only = GradOptions { inputs: Some(vec!["x".into()]), ..GradOptions::default() };
    assert_eq!(kernel.grad_with(&only).unwrap().outputs().len(), 1);
}

#[test]
fn a_gradient_of_several_kernels_passes_on_what_it_made() {
    // y = x w for each row, so d_w is a sum over the rows: of a product that the first kernel makes.
    let signature = "x: f32[rows, n], w: f32[n] -> y: f32[rows, n]";
    let scaled = tile_kernel("scaled", signature, |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load() * a["w"].load());
    })
    .unwrap();
    let first =
        "x: f32[rows, n], w: f32[n], d_y: f32[rows, n] -> d_x: f32[rows, n], product: f32[rows, n]";
    let by_hand = scaled
        .clone()
        .with_gradient(first, |k, a| {
            let row = k.program();
            let dy = a["d_y"].row(row).load();
            a["d_x"].row(row).store(dy * a["w"].load());
            a["product"].row(row).store(dy * a["x"].row(row).load());
        })
        .unwrap()
        .with_gradient("product: f32[rows, n] -> d_w: f32[n]", |k, a| {
            let column = k.programs(a["d_w"].size(0));
            let sum = k.var(k.full(F32, &[], 0.0));
            for row in k.range(0, a["product"].size(0)) {
                sum.set(sum.get() + a["product"].row(row).at(column).load());
            }
            a["d_w"].at(column).store(sum.get());
        })
        .unwrap();
    let (x, w) =
        (Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]), Tensor::from([2.0f32, -1.0]));
    let dy = Tensor::from([[1.0f32, 1.0], [0.5, 2.0], [1.0, 0.0]]);
    let of = |callable: &Callable, name: &str| {
        let gradient = callable.grad().unwrap();
        let out = gradient.bind().input("x", &x).input("w", &w).input("d_y", &dy).run().unwrap();
        out[name].to_vec::<f32>().unwrap()
    };
    for name in ["d_x", "d_w"] {
        assert_eq!(of(&by_hand, name), of(&scaled, name), "{name}");
    }
}

#[test]
fn what_does_not_fit_the_kernel_is_told() {
    let told = |signature: &str| {
        let output = signature.rsplit("-> ").next().unwrap();
        let output = output.split(':').next().unwrap().to_string();
        let kernel = doubled().unwrap();
        let wrong = kernel.with_gradient(signature, move |_, a| a[output.as_str()].store(0.0));
        wrong.unwrap_err().to_string()
    };
    for (signature, part) in [
        ("x: T[*rows, n], g: T[*rows, n] -> d_x: T[*rows, n]", "reads `g`"),
        ("y: T[*rows, n] -> d_x: T[*rows, n]", "reads the output `y`"),
        (
            "d_y: f32[*rows, n] -> d_x: f32[*rows, n, n]",
            "`d_x` is f32[*rows, n, n], but `x` is f32[*rows, n]",
        ),
        ("steps: f32, d_y: T[*rows, n] -> d_x: T[*rows, n]", "`steps` is f32, but `steps` is i32"),
        ("d_y: T[*rows, n] -> x: T[*rows, n]", "writes `x`"),
        ("d_x: T[*rows, n] -> d_z: T[*rows, n]", "reads `d_x`"),
        ("d_y: T[*rows, n -> d_x: T[*rows, n]", "lacks `]`"),
    ] {
        let said = told(signature);
        assert!(said.contains(part), "{signature}: {said}");
    }
    let formula = elementwise("x * x").unwrap().with_gradient("x: T[*n] -> d_x: T[*n]", |_, _| {});
    assert!(formula.unwrap_err().to_string().contains("only a tile kernel"));
}

#[test]
fn a_function_on_a_tape_brings_its_own_gradient() {
    let tape = Tape::new();
    let (a, b) = (tape.watch(Tensor::from([1.0f32, 2.0])), tape.watch(Tensor::from([3.0f32, 5.0])));
    // Two outputs, of which one is used; the product's slope from the outputs and inputs that it kept.
    let (product, sum) = (elementwise("a * b").unwrap(), elementwise("a + b").unwrap());
    let made = tape
        .custom(
            &[&a, &b],
            |x| Ok(vec![product.call(x)?, sum.call(x)?]),
            |called| {
                let product = elementwise("g * x")?;
                assert_eq!((called.inputs.len(), called.outputs.len()), (2, 2));
                assert_eq!(called.cotangents[1].to_vec::<f32>()?, [0.0, 0.0]);
                let g = &called.cotangents[0];
                Ok(vec![Some(product.call(&[g, called.inputs[1]])?), None])
            },
        )
        .unwrap();
    let y = tape.call(&elementwise("2 * p * q").unwrap(), &[&made[0], &a]).unwrap();
    let slopes = tape.backward(&y).unwrap();
    // y = 2 a² b: of a by the function 2 a b, and 2 a b by the formula.
    assert_eq!(slopes.of(&a).unwrap().to_vec::<f32>().unwrap(), [12.0, 40.0]);
    assert!(slopes.of(&b).is_none());

    let wrong = |made: fn() -> Vec<Option<Tensor>>| {
        let tape = Tape::new();
        let x = tape.watch(Tensor::from([1.0f32]));
        let y = tape.custom(&[&x], |x| Ok(vec![x[0].clone()]), move |_| Ok(made())).unwrap();
        tape.backward(&y[0]).unwrap_err().to_string()
    };
    assert!(wrong(Vec::new).contains("gave 0 gradients, it has 1 inputs"));
    assert!(
        wrong(|| vec![Some(Tensor::from([1.0f32, 2.0]))]).contains("of shape [2] for its input 0")
    );
}
