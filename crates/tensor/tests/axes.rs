//! Reductions and row maps over any axes, and maps of more axes than a kernel has room for.

use tilewright_ir::DType;
use tilewright_lang::oneliner::MapReduce;
use tilewright_tensor::{
    Callable, OneLiner, Pass, Reduce, Tensor, elementwise, map_reduce, reduce,
};

const SHAPE: [usize; 4] = [2, 3, 4, 5];

/// Numbers without a pattern, the same ones for each `seed`.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 4001) as f64 / 1000.0 - 2.0
    };
    (0..count).map(next).collect()
}

fn tensor(dtype: DType, shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_f64(dtype, shape, &numbers(shape.iter().product(), seed)).unwrap()
}

/// The place of element `number` along each axis.
fn place(mut number: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (at, &extent) in place.iter_mut().zip(shape).rev() {
        (*at, number) = (number % extent, number / extent);
    }
    place
}

fn number(place: &[usize], shape: &[usize]) -> usize {
    place.iter().zip(shape).fold(0, |n, (at, extent)| n * extent + at)
}

/// `axes` of a sum with their extent taken for 1.
fn kept(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().map(|(axis, &n)| if axes.contains(&axis) { 1 } else { n }).collect()
}

/// Sums of `values` over `axes`, which stay with extent 1.
fn summed(values: &[f64], shape: &[usize], axes: &[usize]) -> Vec<f64> {
    let small = kept(shape, axes);
    let mut sums = vec![0.0; small.iter().product()];
    for (i, value) in values.iter().enumerate() {
        let mut at = place(i, shape);
        axes.iter().for_each(|&axis| at[axis] = 0);
        sums[number(&at, &small)] += value;
    }
    sums
}

fn close(got: &Tensor, wanted: &[f64], scale: f64, told: &str) {
    let got = got.to_f64().unwrap();
    assert_eq!(got.len(), wanted.len(), "{told}");
    for (i, (a, b)) in got.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() <= scale * (b.abs() + 1.0), "{told}: [{i}] {a} is not {b}");
    }
}

/// The tensor as it is, turned round and back, and every second of twice as many elements.
fn layouts(x: &Tensor) -> Vec<Tensor> {
    let last = x.rank() - 1;
    let turned = x.permute(&(0..x.rank()).rev().collect::<Vec<_>>()).unwrap().contiguous().unwrap();
    let wide = x.reshape(&[x.shape(), &[1]].concat()).unwrap();
    let wide = wide.broadcast_to(&[x.shape(), &[2]].concat()).unwrap().contiguous().unwrap();
    let shape = [&x.shape()[..last], &[x.shape()[last] * 2]].concat();
    vec![
        x.clone(),
        turned.permute(&(0..x.rank()).rev().collect::<Vec<_>>()).unwrap(),
        wide.reshape(&shape).unwrap().every(last, 2).unwrap(),
        x.flip(0).unwrap().contiguous().unwrap().flip(0).unwrap(),
    ]
}

fn sum() -> Reduce {
    Reduce::formulas("0", "acc + v").unwrap()
}

#[test]
fn sums_over_any_axes_and_their_gradients() {
    let x = tensor(DType::F32, &SHAPE, 1);
    let values = x.to_f64().unwrap();
    for (named, axes) in [
        (&[0isize][..], &[0usize][..]),
        (&[-1], &[3]),
        (&[1], &[1]),
        (&[-2, 1], &[1, 2]),
        (&[0, -1], &[0, 3]),
        (&[3, 2, 1, 0], &[0, 1, 2, 3]),
        (&[], &[]),
    ] {
        let wanted = summed(&values, &SHAPE, axes);
        let small: Vec<usize> =
            (0..4).filter(|axis| !axes.contains(axis)).map(|axis| SHAPE[axis]).collect();
        let plain = sum().axes(named).callable().unwrap();
        let keeps = sum().axes(named).keepdims().callable().unwrap();
        for x in layouts(&x) {
            let told = format!("{named:?} of strides {:?}", x.strides());
            let (y, z) = (plain.call(&[&x]).unwrap(), keeps.call(&[&x]).unwrap());
            assert_eq!((y.shape(), z.shape()), (&*small, &*kept(&SHAPE, axes)), "{told}");
            close(&y, &wanted, 1e-6, &told);
            close(&z, &wanted, 1e-6, &told);
            // d_x[i] is the cotangent of the sum that x[i] is in.
            for (callable, y) in [(&plain, &y), (&keeps, &z)] {
                let d_out = tensor(DType::F32, y.shape(), 7);
                let gradient = callable.grad().unwrap();
                let d_x = gradient.bind().input("x", &x).input("d_out", &d_out).run().unwrap();
                let d_x = d_x.single().unwrap();
                assert_eq!(d_x.shape(), SHAPE, "{told}");
                let wide = d_out.reshape(&kept(&SHAPE, axes)).unwrap();
                let wide = wide.broadcast_to(&SHAPE).unwrap().to_f64().unwrap();
                close(&d_x, &wide, 0.0, &told);
            }
        }
        assert_eq!(plain.stats().misses, 1, "{named:?}: other strides compile nothing");
    }
}

#[test]
fn all_axes_are_one_row_whatever_their_number() {
    let mean = sum().finalize("acc / D").unwrap().all_axes().callable().unwrap();
    for shape in [&[][..], &[7], &[2, 3], &[1, 2, 1, 3, 1, 2, 1, 2]] {
        let x = tensor(DType::F32, shape, 3);
        let values = x.to_f64().unwrap();
        let y = mean.call(&[&x]).unwrap();
        assert!(y.shape().is_empty());
        close(&y, &[values.iter().sum::<f64>() / values.len() as f64], 1e-6, "mean");
    }
    assert_eq!(mean.stats().misses, 1);
    let keeps = sum().all_axes().keepdims().callable().unwrap();
    assert_eq!(
        keeps.call(&[&Tensor::zeros(DType::F32, &[0, 3]).unwrap()]).unwrap().shape(),
        [1, 1]
    );
}

#[test]
fn row_maps_over_other_axes() {
    let passes = [
        Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
        Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
    ];
    let softmax = |axes: &[isize]| {
        let spec = MapReduce::formulas(passes[0], passes[1], "exp(x - s1) / s2").unwrap();
        spec.axes(axes).callable().unwrap()
    };
    let x = tensor(DType::F32, &SHAPE, 5);
    let e: Vec<f64> = x.to_f64().unwrap().iter().map(|x| x.exp()).collect();
    let d_out = tensor(DType::F32, &SHAPE, 6);
    let g = d_out.to_f64().unwrap();
    for axes in [&[0usize][..], &[1], &[1, 2], &[0, 3], &[3], &[]] {
        let named: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
        let callable = softmax(&named);
        let wide = |sums: Vec<f64>| {
            let small = kept(&SHAPE, axes);
            let at = |i| {
                let mut at = place(i, &SHAPE);
                axes.iter().for_each(|&axis| at[axis] = 0);
                number(&at, &small)
            };
            (0..e.len()).map(|i| sums[at(i)]).collect::<Vec<f64>>()
        };
        let total = wide(summed(&e, &SHAPE, axes));
        let y: Vec<f64> = e.iter().zip(&total).map(|(e, total)| e / total).collect();
        let weighted: Vec<f64> = y.iter().zip(&g).map(|(y, g)| y * g).collect();
        let mean = wide(summed(&weighted, &SHAPE, axes));
        let d_x: Vec<f64> = (0..e.len()).map(|i| y[i] * (g[i] - mean[i])).collect();
        for x in layouts(&x) {
            let told = format!("{axes:?} of strides {:?}", x.strides());
            let out = callable.call(&[&x]).unwrap();
            assert_eq!(out.shape(), SHAPE, "{told}");
            close(&out, &y, 1e-6, &told);
            let mut into = Tensor::zeros(DType::F32, &SHAPE).unwrap();
            callable.call_into(&[&x], &mut [&mut into]).unwrap();
            close(&into, &y, 1e-6, &told);
            let gradient = callable.grad().unwrap();
            for d_out in layouts(&d_out) {
                let call = gradient.bind().input("x", &x).input("d_out", &d_out);
                close(&call.run().unwrap().single().unwrap(), &d_x, 3e-6, &told);
            }
        }
    }
}

#[test]
fn axes_that_are_not_there_are_named() {
    let told = |callable: Callable, shape: &[usize]| {
        let x = Tensor::zeros(DType::F32, shape).unwrap();
        callable.call(&[&x]).unwrap_err().to_string()
    };
    let two = told(sum().axes(&[2]).callable().unwrap(), &[2, 3]);
    assert!(two.contains("reduce: a tensor of 2 axes has no axis 2"), "{two}");
    let twice = told(sum().axes(&[1, -1]).callable().unwrap(), &[2, 3]);
    assert!(twice.contains("axis 1 is named twice"), "{twice}");
    let keeps = sum().axes(&[0]).callable().unwrap().grad().unwrap();
    let (x, d_out) = (tensor(DType::F32, &[2, 3], 1), tensor(DType::F32, &[2], 1));
    let told = keeps.bind().input("x", &x).input("d_out", &d_out).run().unwrap_err().to_string();
    assert!(told.contains("`d_out` has shape [2], expected [3]"), "{told}");
    // Nothing of that has to be said for the last axis.
    assert!(reduce("0", "acc + v").unwrap().call(&[&x]).is_ok());
    let pass = Pass { init: "0", update: "acc1 + x", reduce: "a + b" };
    let second = Pass { init: "0", update: "acc2 + x", reduce: "a + b" };
    assert!(map_reduce(pass, second, "s1 + s2").unwrap().call(&[&x]).is_ok());
}

#[test]
fn maps_of_many_axes_have_values_and_gradients() {
    let product = elementwise("a * b + a").unwrap();
    for (left, right) in [
        // Axes repeat in turns, so that no two of them are one.
        (&[2, 3, 2, 3, 2, 3][..], &[2, 1, 2, 1, 2, 1][..]),
        (&[2, 3, 2, 3, 2, 3], &[3, 1, 3, 1, 3]),
        (&[2, 1, 2, 1, 2, 1, 2, 1], &[1, 3, 1, 2, 1, 2, 1, 3]),
        (&[2, 3, 1, 0, 2], &[1, 3, 2, 1, 2]),
    ] {
        let (a, b) = (tensor(DType::F32, left, 11), tensor(DType::F32, right, 12));
        let y = product.call(&[&a, &b]).unwrap();
        let (wide_a, wide_b) =
            (a.broadcast_to(y.shape()).unwrap(), b.broadcast_to(y.shape()).unwrap());
        let (va, vb) = (wide_a.to_f64().unwrap(), wide_b.to_f64().unwrap());
        let wanted: Vec<f64> = va.iter().zip(&vb).map(|(a, b)| a * b + a).collect();
        let told = format!("{left:?} {right:?}");
        close(&y, &wanted, 1e-6, &told);
        let d_out = tensor(DType::F32, y.shape(), 13);
        let g = d_out.to_f64().unwrap();
        let gradient = product.grad().unwrap();
        let call = || gradient.bind().input("a", &a).input("b", &b).input("d_out", &d_out);
        let out = call().run().unwrap();
        let mut into = Tensor::zeros(DType::F32, right).unwrap();
        call().output("d_b", &mut into).run().unwrap();
        for (name, shape, factors) in [("d_a", left, vb.clone()), ("d_b", right, va.clone())] {
            let one = if name == "d_a" { 1.0 } else { 0.0 };
            let terms: Vec<f64> = factors.iter().zip(&g).map(|(f, g)| (f + one) * g).collect();
            let lead = y.rank() - shape.len();
            let repeats = |axis: &usize| *axis < lead || shape[axis - lead] != y.shape()[*axis];
            let axes: Vec<usize> = (0..y.rank()).filter(repeats).collect();
            let sums = summed(&terms, y.shape(), &axes);
            assert_eq!(out[name].shape(), shape, "{told}");
            close(&out[name], &sums, 2e-5, &format!("{name} of {told}"));
            if name == "d_b" {
                close(&into, &sums, 2e-5, &format!("{name} into place, of {told}"));
            }
        }
    }
    // Strides alone keep eight axes apart.
    let wide = tensor(DType::F32, &[4; 8], 14);
    let every = (0..8).fold(wide, |x, axis| x.every(axis, 2).unwrap());
    let y = elementwise("x + 1").unwrap().call(&[&every]).unwrap();
    let wanted: Vec<f64> = every.to_f64().unwrap().iter().map(|x| x + 1.0).collect();
    close(&y, &wanted, 1e-6, "eight axes");
}
