//! A norm folded into the product that follows it: `y[i, j] = Σ_l n[i, l] (q[j, l] scales[j, l / group] +
//! biases[j, l / group])` with `n = x / sqrt(mean x² + eps) norm`, which is rounded to the storage type as
//! [`crate::rmsnorm`] rounds it.
//!
//! Meant for one row, as in decoding: every program norms the row anew, which costs less than a kernel of its own.

use crate::dequantize_affine::{Affine, affine};
use crate::quantized_matvec::product_f64;
use crate::rmsnorm::{rms_normed, rms_normed_f64};
use crate::{Case, Entry, Family, Fill, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static NORM_QUANTIZED_MATVEC: Entry = Entry {
    name: "norm_quantized_matvec",
    family: Family::Quantized,
    summary: "product of a row's root mean square norm with an MLX affine weight",
    formula: "y[i, j] = Σ_l rmsnorm(x[i], norm)[l] (q[j, l] scales[j, l / group] + biases[j, l / group])",
    signature: "x: T[*rows, group*groups], norm: T[group*groups], w: u32[columns, bits*group/32*groups], \
                scales: T[columns, groups], biases: T[columns, groups], eps: f32 = 1e-6 \
                -> y: T[*rows, columns]",
    build: norm_quantized_matvec,
    reference: |a| {
        let normed = rms_normed_f64(a, a.size("group") * a.size("groups"));
        product_f64(&a.clone().with_tensor("x", &normed))
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64)],
    fills: &[
        ("w", Fill::Bits),
        ("scales", Fill::Uniform(-0.02, 0.02)),
        ("biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: &[
        Case::of(&[("rows", 1), ("columns", 1), ("groups", 1)]),
        Case::of(&[("rows", 1), ("columns", 33), ("groups", 5)]).with(&[("group", 32)]),
        Case::of(&[("rows", 3), ("columns", 17), ("groups", 3)]).with(&[("bits", 8)]),
        Case::of(&[("rows", 1), ("columns", 64), ("groups", 32)]).with(&[("group", 128)]),
        // More than a group of threads takes in a few rounds.
        Case::of(&[("rows", 1), ("columns", 5), ("groups", 257)]),
        Case::of(&[("rows", 0), ("columns", 3), ("groups", 1)]),
        Case::of(&[("rows", 1), ("columns", 3072), ("groups", 32)]).bench(),
    ],
    flops: None,
};

/// One program an element of y.
pub fn norm_quantized_matvec(k: &mut Kernel, a: &Args) {
    let format = Affine::of(a);
    let (row, column) = (k.program(), k.program());
    let normed = rms_normed(a["x"].row(row).load().to(F32), a["norm"], a.scalar("eps"));
    let part = |name: &str| a[name].row(column);
    let weights = affine(part("w"), part("scales"), part("biases"), format);
    a["y"].row(row).at(column).store((normed * weights).row_sum());
}
