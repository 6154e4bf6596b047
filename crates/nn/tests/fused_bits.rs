//! Fused kernels against the kernels that they stand for, bit for bit: where two tokens are as probable as each other but
//! for rounding, which is not rare in bf16, a patched model says what the plain one says only if every sum is the same and
//! rounded at the same places.
//!
//! Products of halves with packed weights are exact sums of integers on the CPU, whatever their order. Those of f32 are not,
//! and are left out here: many rows are summed in another order than few.

use tilewright_nn::{DType, Kernels, Runtime, Tensor};

/// Numbers that repeat: a linear congruence.
struct Numbers(u64);

impl Numbers {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    fn tensor(&mut self, dtype: DType, shape: &[usize], [low, high]: [f32; 2]) -> Tensor {
        let mut of = || low + (high - low) * (self.word() as f32 / u32::MAX as f32);
        let values = (0..shape.iter().product()).map(|_| of()).collect();
        Tensor::new::<f32>(values, shape).unwrap().to(dtype).unwrap()
    }

    fn integers(&mut self, shape: &[usize], mask: u32) -> Tensor {
        let all = (0..shape.iter().product()).map(|_| self.word() & mask).collect();
        Tensor::new::<u32>(all, shape).unwrap()
    }

    /// Words, scales and biases of `[experts, columns, depth]`.
    fn packed(
        &mut self,
        dtype: DType,
        [bits, group]: [usize; 2],
        [e, n, d]: [usize; 3],
    ) -> Vec<Tensor> {
        let scales = self.tensor(dtype, &[e, n, d / group], [0.001, 0.01]);
        let biases = self.tensor(dtype, &[e, n, d / group], [-0.2, 0.0]);
        vec![self.integers(&[e, n, d * bits / 32], u32::MAX), scales, biases]
    }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.to(DType::F32).unwrap().to_vec::<f32>().unwrap().iter().map(|x| x.to_bits()).collect()
}

fn call(
    kernels: &Kernels,
    name: &str,
    constants: &[(&str, usize)],
    inputs: &[&[Tensor]],
) -> Tensor {
    let inputs: Vec<&Tensor> = inputs.iter().flat_map(|list| list.iter()).collect();
    kernels.get(name, constants).unwrap().call(&inputs).unwrap()
}

#[test]
fn products_sum_and_round_alike() {
    let kernels = Kernels::new(Runtime::open("cpu").unwrap());
    let mut wrong = Vec::new();
    let (experts, k, depth, columns) = (8, 3, 256, 96);
    for dtype in [DType::BF16, DType::F16] {
        for width in [2, 3, 4, 5, 6, 8] {
            for group in [32, 64, 128] {
                for tokens in [1, 5] {
                    let format = [("bits", width), ("group", group)];
                    let chosen = [format[0], format[1], ("k", k)];
                    let single = [format[0], format[1], ("k", 1)];
                    let mut numbers = Numbers((width * group) as u64);
                    let mut packed = |shape| numbers.packed(dtype, [width, group], shape);
                    let gate = packed([experts, columns, depth]);
                    let up = packed([experts, columns, depth]);
                    let x = numbers.tensor(dtype, &[tokens, depth], [-2.0, 2.0]);
                    let indices = numbers.integers(&[tokens, k], experts as u32 - 1);
                    let first = [x, indices];
                    let parts =
                        [&gate, &up].map(|w| call(&kernels, "gather_qmm", &chosen, &[&first, w]));
                    let plain = call(&kernels, "swiglu2", &[], &[&parts]);
                    let fused = call(&kernels, "gather_qmm_swiglu", &chosen, &[&first, &gate, &up]);
                    if bits(&fused) != bits(&plain) {
                        wrong.push(format!("swiglu {dtype} {width} {group} {tokens}"));
                    }
                    let act = numbers.tensor(dtype, &[tokens, k, depth], [-2.0, 2.0]);
                    let weights = numbers.tensor(DType::F32, &[tokens, k], [0.1, 0.9]);
                    let rows = act.reshape(&[tokens * k, depth]).unwrap();
                    let each = first[1].reshape(&[tokens * k, 1]).unwrap();
                    let each = call(&kernels, "gather_qmm", &single, &[&[rows, each], &gate]);
                    let each = each.reshape(&[tokens, k, columns]).unwrap();
                    let plain =
                        call(&kernels, "moe_combine", &[("k", k)], &[&[each, weights.clone()]]);
                    let rest = [weights, first[1].clone()];
                    let fused = call(
                        &kernels,
                        "gather_qmm_combine_quantized",
                        &chosen,
                        &[&[act], &gate, &rest],
                    );
                    if bits(&fused) != bits(&plain) {
                        wrong.push(format!("combine {dtype} {width} {group} {tokens}"));
                    }
                    // The same of a layer without experts.
                    let first = [first[0].clone()];
                    let mut own = |columns| {
                        let shape = [1, columns, depth];
                        let all = numbers.packed(dtype, [width, group], shape).into_iter();
                        all.map(|w| w.reshape(&w.shape()[1..]).unwrap()).collect::<Vec<_>>()
                    };
                    let (gate, up) = (own(columns), own(columns));
                    let parts = [&gate, &up]
                        .map(|w| call(&kernels, "quantized_matvec", &format, &[&first, w]));
                    let plain = call(&kernels, "swiglu2", &[], &[&parts]);
                    let name = "fused_quantized_swiglu_gemv";
                    let fused = call(&kernels, name, &format, &[&first, &gate, &up]);
                    if bits(&fused) != bits(&plain) {
                        wrong.push(format!("gemv {dtype} {width} {group} {tokens}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} {}", wrong.len(), wrong.join("\n"));
}
