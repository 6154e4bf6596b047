//! What products read, laid out as the device likes it, is the same to everybody.

use tilewright_nn::{DType, Kernels, Runtime, Tensor};

/// Numbers that differ, around 0.
fn numbers(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// Words, scales and biases of so many columns.
fn packed(
    runtime: &Runtime,
    dtype: DType,
    [columns, depth]: [usize; 2],
    group: usize,
) -> [Tensor; 3] {
    let word = |x: &f64| ((x + 0.5) * f64::from(u32::MAX)) as u32;
    let words: Vec<u32> = numbers(columns * depth / 8, 7).iter().map(word).collect();
    let words = Tensor::new(words, &[columns, depth / 8]).unwrap();
    let of = |seed| {
        Tensor::from_f64(dtype, &[columns, depth / group], &numbers(columns * depth / group, seed))
    };
    [words, of(3).unwrap(), of(5).unwrap()].map(|tensor| tensor.own(runtime).unwrap())
}

#[test]
fn settled_weights_are_the_same_to_every_kernel() {
    let runtime = Runtime::open("cpu").unwrap();
    let kernels = Kernels::new(runtime.clone());
    for (columns, depth, group) in [(192, 512, 64), (48, 320, 32), (80, 576, 64), (40, 128, 64)] {
        for dtype in [DType::BF16, DType::F16, DType::F32] {
            let plain = packed(&runtime, dtype, [columns, depth], group);
            let mut settled = packed(&runtime, dtype, [columns, depth], group);
            let [words, scales, biases] = &mut settled;
            Tensor::settle(&mut [words, scales, biases]);
            for (plain, settled) in plain.iter().zip(&settled) {
                assert_eq!(plain.to_bytes().unwrap(), settled.to_bytes().unwrap());
                // Rows from amid sixteen on.
                let [plain, settled] = [plain, settled].map(|of| of.narrow(0, 5, 20).unwrap());
                assert_eq!(plain.to_bytes().unwrap(), settled.to_bytes().unwrap());
            }
            let constants = [("bits", 4), ("group", group)];
            for rows in [1, 3, 9, 70] {
                let x = Tensor::from_f64(dtype, &[rows, depth], &numbers(rows * depth, 1)).unwrap();
                let norm = Tensor::from_f64(dtype, &[depth], &numbers(depth, 2)).unwrap();
                for name in ["quantized_matvec", "quantized_matmul", "norm_quantized_matvec"] {
                    let kernel = kernels.get(name, &constants).unwrap();
                    let of = |packed: &[Tensor; 3], from: usize, len: usize| {
                        let [w, s, b] =
                            packed.each_ref().map(|of| of.narrow(0, from, len).unwrap());
                        let call = kernel.bind().input("x", &x);
                        let call = match name {
                            "norm_quantized_matvec" => {
                                call.input("norm", &norm).scalar("eps", 1e-5)
                            }
                            _ => call,
                        };
                        let call = call.input("w", &w).input("scales", &s).input("biases", &b);
                        call.run().unwrap().single().unwrap().to_bytes().unwrap()
                    };
                    for (from, len) in [(0, columns), (16, 16), (3, 20)] {
                        let told =
                            format!("{name} {columns} {depth} {group} {dtype} {rows} {from}");
                        assert!(of(&plain, from, len) == of(&settled, from, len), "{told}");
                    }
                }
            }
            let ids = Tensor::new(vec![3u32, 0, columns as u32 - 1, 17], &[4]).unwrap();
            for (name, ids) in
                [("gather_dequantize_affine", Some(&ids)), ("dequantize_affine", None)]
            {
                let kernel = kernels.get(name, &constants).unwrap();
                let of = |packed: &[Tensor; 3]| {
                    let inputs: Vec<&Tensor> = packed.iter().chain(ids).collect();
                    kernel.call(&inputs).unwrap().to_bytes().unwrap()
                };
                assert!(of(&plain) == of(&settled), "{name} {columns} {depth} {group} {dtype}");
            }
        }
    }
}

#[test]
fn what_is_shared_is_not_settled_and_memory_is_used_again() {
    let runtime = Runtime::open("cpu").unwrap();
    let [mut words, ..] = packed(&runtime, DType::BF16, [64, 128], 64);
    let before = words.to_bytes().unwrap();
    let shared = words.clone();
    Tensor::settle(&mut [&mut words]);
    assert_eq!(words.bytes().unwrap().as_ref(), before, "in place, as before");
    drop(shared);
    Tensor::settle(&mut [&mut words]);
    assert_eq!(words.to_bytes().unwrap(), before);
    let zeros = Tensor::zeros(DType::U32, &[64, 16]).unwrap();
    // Memory that comes back is any memory.
    Tensor::settle(&mut [&mut words]);
    drop(words);
    let next = zeros.own(&runtime).unwrap();
    assert_eq!(next.to_bytes().unwrap(), zeros.to_bytes().unwrap());
}
