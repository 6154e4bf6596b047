//! Rows that lie side by side in memory, as those of a turned tensor do, give the bits of rows that lie by themselves.

use tilewright_ir::DType::{self, BF16, F16, F32};
use tilewright_lang::{reduce_by, scan_by};
use tilewright_proof::normal;
use tilewright_tensor::{Callable, OneLiner, Reduce, Tensor, kernel, tile_kernel};

/// The results on `x` with its last two axes turned, and on a copy of that.
fn alike(callable: &Callable, x: &Tensor) {
    let turned = x.transpose().unwrap();
    let copy = turned.contiguous().unwrap();
    let [a, b] = [&turned, &copy].map(|x| callable.call(&[x]).unwrap());
    assert_eq!(a.shape(), b.shape());
    let shape = x.shape();
    assert!(a.to_bytes().unwrap() == b.to_bytes().unwrap(), "{} of {shape:?}", callable.name());
}

#[test]
fn rows_of_turned_tensors() {
    let kernels = ["cumsum", "softmax", "argmax"].map(|name| kernel(name).unwrap());
    // Rows shorter and longer than vectors and blocks, a number of them that is no multiple of either.
    let shapes = [[1, 40], [17, 16], [33, 100], [300, 35], [1000, 67], [9000, 18], [20_000, 32]];
    for dtype in [F32, F16, BF16] {
        for shape in shapes {
            let x = normal(dtype, &shape, 1).unwrap();
            kernels.iter().for_each(|kernel| alike(kernel, &x));
            // The rows of several matrices are one list of rows.
            let x = normal(dtype, &[3, shape[0] / 3 + 1, shape[1]], 2).unwrap();
            kernels.iter().for_each(|kernel| alike(kernel, &x));
        }
    }
}

/// Reductions and scans by a function, over rows that lie side by side and rows of which several are one batch.
#[test]
fn rows_joined_by_a_function() {
    let signature = "x: T[*rows, n], s: f32 = 0.5 -> y: T[*rows, n], m: f32[*rows], v: f32[*rows]";
    let joined = tile_kernel("joined", signature, |k, a| {
        let (row, s) = (k.program(), a.scalar("s"));
        let x = a["x"].row(row).load().to(F32);
        // The mean and the sum of squared distances from it, as Welford and Chan join them.
        let one = x * 0.0 + 1.0;
        let [_, m, v] = reduce_by([one, x, x * 0.0], [0.0; 3], |[n, m, v], [o, p, w]| {
            let all = n + o;
            let share = all.eq(0.0).select(0.0, o / all);
            [all, m + (p - m) * share, v + w + (p - m) * (p - m) * n * share]
        });
        let [_, y] = scan_by([one * s, x], |[a, b], [c, d]| [a * c, b * c + d]);
        a["y"].row(row).store(y);
        a["m"].at(row).store(m.reshape(&[]));
        a["v"].at(row).store(v.reshape(&[]));
    })
    .unwrap();
    for dtype in [F32, F16] {
        for shape in [[1, 40], [5, 300], [17, 16], [33, 100], [700, 67], [3000, 18], [9000, 32]] {
            let x = normal(dtype, &shape, 8).unwrap();
            let turned = x.transpose().unwrap();
            let copy = turned.contiguous().unwrap();
            let [a, b] = [&turned, &copy].map(|x| joined.call_all(&[x]).unwrap());
            for name in ["y", "m", "v"] {
                assert!(
                    a[name].to_bytes().unwrap() == b[name].to_bytes().unwrap(),
                    "{name} {shape:?}"
                );
            }
            // A row has the bits that it has alone.
            for row in (0..shape[1]).step_by(7) {
                let alone = joined.call_all(&[&copy.narrow(0, row, 1).unwrap()]).unwrap();
                for name in ["y", "m", "v"] {
                    let own = a[name].narrow(0, row, 1).unwrap().contiguous().unwrap();
                    assert!(own.to_bytes().unwrap() == alone[name].to_bytes().unwrap(), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_part_of_a_turned_tensor_is_read_and_nothing_else() {
    let cumsum = kernel("cumsum").unwrap();
    let x = normal(F32, &[500, 100], 3).unwrap();
    for (start, len) in [(1, 99), (3, 16), (50, 33)] {
        let part = x.narrow(1, start, len).unwrap().transpose().unwrap();
        let copy = part.contiguous().unwrap();
        let [a, b] = [&part, &copy].map(|x| cumsum.call(&[x]).unwrap().to_bytes().unwrap());
        assert!(a == b, "{start} {len}");
    }
}

#[test]
fn tiles_scanned_along_their_first_axis() {
    let columns = tile_kernel("cumsum_columns", "x: T[rows, n] -> y: T[rows, n]", |_, a| {
        let x = a["x"].load().to(F32);
        a["y"].store(x.transpose().cumsum().transpose());
    })
    .unwrap();
    let rows = kernel("cumsum").unwrap();
    for dtype in [F32, F16, BF16] {
        for shape in [[1, 7], [40, 1], [129, 50], [700, 33], [5000, 48]] {
            let x = normal(dtype, &shape, 4).unwrap();
            let turned = x.transpose().unwrap().contiguous().unwrap();
            let right = rows.call(&[&turned]).unwrap().transpose().unwrap().contiguous().unwrap();
            let y = columns.call(&[&x]).unwrap();
            assert!(y.to_bytes().unwrap() == right.to_bytes().unwrap(), "{shape:?} {dtype}");
        }
    }
}

#[test]
fn reductions_over_the_first_axis() {
    let sum = Reduce::formulas("0", "acc + v").unwrap();
    let first = sum.clone().axes(&[0]).callable().unwrap();
    let last = sum.callable().unwrap();
    for dtype in [F32, F16, DType::I32] {
        for shape in [[100, 40], [3000, 33]] {
            let count = shape[0] * shape[1];
            let values: Vec<f64> = (0..count).map(|i| (i * 7 % 61) as f64 - 30.0).collect();
            let x = Tensor::from_f64(dtype, &shape, &values).unwrap();
            let turned = x.transpose().unwrap().contiguous().unwrap();
            let [a, b] = [first.call(&[&x]), last.call(&[&turned])];
            assert_eq!(a.unwrap().to_bytes().unwrap(), b.unwrap().to_bytes().unwrap());
        }
    }
}

/// On a GPU one group could not hold such a tile.
#[test]
fn lines_of_the_only_program_of_a_kernel_are_programs_on_gpus() {
    let emulator = tilewright_runtime::Runtime::open("emulator").unwrap();
    let norms = tile_kernel("norms", "x: T[rows, n] -> y: T[rows]", |_, a| {
        let x = a["x"].load().to(F32);
        a["y"].store((x * x).row_sum().sqrt().reshape(&[a["x"].size(0)]));
    })
    .unwrap();
    for shape in [[3, 5], [700, 300], [5, 1]] {
        let x = normal(F32, &shape, 5).unwrap();
        let [a, b] = [&norms, &norms.on(&emulator)].map(|k| k.call(&[&x]).unwrap());
        for (a, b) in a.to_vec::<f32>().unwrap().into_iter().zip(b.to_vec::<f32>().unwrap()) {
            assert!((a - b).abs() <= 1e-5 * a.abs(), "{shape:?}: {a} {b}");
        }
    }
    // Scales of many blocks: what the gradient of `dequantize_blockwise` sums.
    let (blocks, block) = (3000, 128);
    let gradient = kernel("dequantize_blockwise").unwrap().grad().unwrap();
    let bytes: Vec<f64> = (0..blocks * block).map(|i| (i * 37 % 251) as f64 - 125.0).collect();
    let x = Tensor::from_f64(DType::I8, &[blocks * block], &bytes).unwrap();
    let scales = normal(F32, &[blocks], 6).unwrap();
    let d_y = normal(F32, &[blocks * block], 7).unwrap();
    let [a, b] = [&gradient, &gradient.on(&emulator)].map(|gradient| {
        let call = gradient.bind().input("x", &x).input("scales", &scales).input("d_y", &d_y);
        call.run().unwrap()["d_scales"].to_vec::<f32>().unwrap()
    });
    let greatest = a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5 * greatest));
}
