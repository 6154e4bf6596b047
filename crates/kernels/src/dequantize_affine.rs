//! Weights in MLX's affine format back to floats: w = q scale + bias, with one scale and one bias a group.
//!
//! `bits` is 2, 3, 4, 5, 6 or 8 and `group` 32, 64 or 128 consecutive weights of a row. The integers of a row form
//! one bit stream, the lowest bit first, through its little-endian u32 words: a 3-, 5- or 6-bit integer may straddle
//! two words. (`mlx/backend/cpu/quantized.cpp`; the words in the tests are MLX's own.)

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, ReduceOp, Size, Tile, View};

/// The catalog's row.
pub static DEQUANTIZE_AFFINE: Entry = Entry {
    name: "dequantize_affine",
    family: Family::Quantized,
    summary: "MLX affine weights of 2 to 8 bits to floats",
    formula: "y[i] = q[i] scales[i / group] + biases[i / group], q = bits of w",
    signature: "w: u32[*rows, bits*group/32*groups], scales: T[*rows, groups], biases: T[*rows, groups] \
                -> y: T[*rows, group*groups]",
    build: |k, a| {
        let format = Affine::of(a);
        dequantize_affine(k, a["w"], a["scales"], a["biases"], a["y"], format);
    },
    reference: |a| vec![affine_f64(a)],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64)],
    fills: &[("w", Fill::Bits)],
    cases: &[
        Case::of(&[("rows", 1), ("groups", 1)]),
        Case::of(&[("rows", 3), ("groups", 5)]).with(&[("bits", 2), ("group", 32)]),
        Case::of(&[("rows", 3), ("groups", 7)]).with(&[("bits", 3), ("group", 64)]),
        Case::of(&[("rows", 2), ("groups", 4)]).with(&[("bits", 4), ("group", 128)]),
        Case::of(&[("rows", 3), ("groups", 7)]).with(&[("bits", 5), ("group", 32)]),
        Case::of(&[("rows", 3), ("groups", 3)]).with(&[("bits", 6), ("group", 128)]),
        Case::of(&[("rows", 5), ("groups", 9)]).with(&[("bits", 8), ("group", 64)]),
        Case::of(&[("rows", 0), ("groups", 2)]),
        Case::of(&[("rows", 4096), ("groups", 64)]).bench(),
    ],
    flops: None,
};

/// How the weights of a row are packed.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    /// Bits of one integer.
    pub bits: u32,
    /// Weights that share a scale and a bias.
    pub group: usize,
}

impl Affine {
    /// As a kernel's constants `bits` and `group` say.
    pub fn of(a: &Args) -> Affine {
        Affine { bits: a.constant("bits") as u32, group: a.constant("group") }
    }

    /// Words that hold a group.
    pub fn words(self) -> usize {
        self.bits as usize * self.group / 32
    }

    /// How many whole groups are closest to `depth` weights from below; at least one.
    pub fn groups_in(self, depth: usize) -> usize {
        (depth / self.group.max(1)).max(1)
    }
}

/// The weights of every row in f64, one bit after the other.
pub(crate) fn affine_f64(a: &Inputs) -> Vec<f64> {
    let (bits, group) = (a.size("bits"), a.size("group"));
    let words = bits * group / 32 * a.size("groups");
    let groups = a.rows("scales", a.size("groups")).zip(a.rows("biases", a.size("groups")));
    let mut y = Vec::new();
    for (row, (scales, biases)) in a.rows("w", words).zip(groups) {
        let bit = |i: usize| (row[i / 32] as u32 >> (i % 32)) & 1;
        for i in 0..group * scales.len() {
            let q = (0..bits).fold(0, |q, j| q | bit(i * bits + j) << j);
            y.push(q as f64 * scales[i / group] + biases[i / group]);
        }
    }
    y
}

/// One program a row.
pub fn dequantize_affine(
    k: &mut Kernel,
    w: View,
    scales: View,
    biases: View,
    y: View,
    format: Affine,
) {
    let row = k.program();
    y.row(row).store(affine(w.row(row), scales.row(row), biases.row(row), format));
}

/// The weights of a row or of several, `f32[.., group*groups]`, where `scales` and `biases` are `[.., groups]`.
pub fn affine(w: View, scales: View, biases: View, format: Affine) -> Tile {
    let scales = scales.load().to(F32).column(); // [.., groups, 1]
    let q = w.load().unpack(format.bits).to(F32); // [.., group*groups]
    let flat = q.shape();
    let mut grouped = scales.shape();
    grouped.pop();
    grouped.push(format.group.into());
    (q.reshape(&grouped) * scales + biases.load().to(F32).column()).reshape(&flat)
}

/// The cotangents of the scales and biases of several rows, `f32[rows, groups]` each, of `d_w`, f32[rows, group*groups],
/// that of their weights: each group's sum of q d_w, and of d_w.
pub fn affine_gradient(w: View, d_w: Tile, format: Affine) -> (Tile, Tile) {
    let q = w.load().unpack(format.bits).to(F32);
    let mut grouped = d_w.shape();
    let columns = grouped.pop().and_then(Size::constant).unwrap_or_default();
    grouped.push((columns / format.group.max(1)).into());
    grouped.push(format.group.into());
    let sum = |t: Tile| t.reshape(&grouped).reduce(ReduceOp::Sum, 2).reshape(&grouped[..2]);
    (sum(q * d_w), sum(d_w))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What `mlx.core.quantize` of MLX 0.32 gives for the 32 weights (i - 10) / 8: bits, words, scale, bias. The
    /// largest weight, 2.625, is the bias, since it is the edge of the range that is farther from zero.
    pub const MLX: [(usize, &[u32], f32); 6] = [
        (2, &[0xaaaaabff, 0x00055555], -1.3125),
        (3, &[0x6ddb6fff, 0x36dc925b, 0x00124a49], -0.525),
        (4, &[0xbccddeef, 0x8899aaab, 0x44556677, 0x00112233], -0.2625),
        (5, &[0x75be77df, 0x3a56d7c6, 0x35cf8465, 0xc74254b6, 0x00443214], -0.125),
        (
            6,
            &[0x77e7bf7f, 0xbb6fc73d, 0x863967a6, 0x1765b75f, 0xa30e4125, 0x00210620],
            -0.061_046_51,
        ),
        (
            8,
            &[
                0xe7eff7ff, 0xc6ced6de, 0xa5adb5bd, 0x848c949d, 0x636b737c, 0x424a525b, 0x2129313a,
                0x00081019,
            ],
            -0.015_173_41,
        ),
    ];

    /// MLX's quantizer of one group, in f32 as MLX computes it: integers, scale, bias.
    pub fn quantize(weights: &[f32], bits: usize) -> (Vec<u32>, f32, f32) {
        let steps = ((1 << bits) - 1) as f32;
        let low = weights.iter().copied().fold(f32::INFINITY, f32::min);
        let high = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = ((high - low) / steps).max(1e-7);
        let (edge, scale) = if low.abs() > high.abs() { (low, scale) } else { (high, -scale) };
        let zero = (edge / scale).round_ties_even();
        let (scale, bias) = if zero != 0.0 { (edge / zero, edge) } else { (scale, 0.0) };
        let integer = |w: &f32| ((w - bias) / scale).round_ties_even().clamp(0.0, steps) as u32;
        (weights.iter().map(integer).collect(), scale, bias)
    }

    /// Integers of `bits` bits as a stream through u32 words.
    pub fn pack(integers: &[u32], bits: usize) -> Vec<u32> {
        let mut words = vec![0; (integers.len() * bits).div_ceil(32)];
        for (i, q) in integers.iter().enumerate() {
            for j in 0..bits {
                words[(i * bits + j) / 32] |= (q >> j & 1) << ((i * bits + j) % 32);
            }
        }
        words
    }

    #[test]
    fn the_reference_reads_what_mlx_writes() {
        let weights: Vec<f32> = (0..32).map(|i| (i - 10) as f32 / 8.0).collect();
        for (bits, words, scale) in MLX {
            let (integers, own_scale, bias) = quantize(&weights, bits);
            assert_eq!((own_scale, bias), (scale, 2.625), "{bits} bits");
            assert_eq!(pack(&integers, bits), words, "{bits} bits");
            let case = Inputs::default()
                .with_size("bits", bits)
                .with_size("group", 32)
                .with_size("groups", 1)
                .with_tensor("w", &words.iter().map(|&w| w as f64).collect::<Vec<_>>())
                .with_tensor("scales", &[scale as f64])
                .with_tensor("biases", &[2.625]);
            for (y, w) in affine_f64(&case).iter().zip(&weights) {
                let half_step = scale.abs() as f64 / 2.0 + 1e-6;
                assert!((y - *w as f64).abs() <= half_step, "{bits} bits: {y} for {w}");
            }
        }
    }
}
