//! Product with a weight in MLX's affine format, as `mlx.core.quantized_matmul` with `transpose=True` computes it:
//! `y[i, j] = Σ_l x[i, l] (q[j, l] scales[j, l / group] + biases[j, l / group])`.
//!
//! Meant for few rows of x, as in decoding, where reading w is the whole cost: one program an element of y reads
//! its row of w once. The packed row is never written back as floats. Targets may sum the integers' products before they
//! scale them: where x is infinite, or so great that 255 x overflows, a result may be NaN where the formula gives an infinity.

use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, View};

/// The catalog's row.
pub static QUANTIZED_MATVEC: Entry = Entry {
    name: "quantized_matvec",
    family: Family::Quantized,
    summary: "product of a few rows with an MLX affine weight",
    formula: "y[i, j] = Σ_l x[i, l] (q[j, l] scales[j, l / group] + biases[j, l / group])",
    signature: "x: T[*rows, group*groups], w: u32[columns, bits*group/32*groups], \
                scales: T[columns, groups], biases: T[columns, groups] -> y: T[*rows, columns]",
    build: |k, a| {
        let format = Affine::of(a);
        quantized_matvec(k, a["x"], a["w"], a["scales"], a["biases"], a["y"], format);
    },
    reference: product_f64,
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
        Case::of(&[("rows", 2), ("columns", 7), ("groups", 3)]).with(&[("bits", 3)]),
        Case::of(&[("rows", 1), ("columns", 64), ("groups", 32)]).with(&[("group", 128)]),
        // More than a group of threads takes in a few rounds.
        Case::of(&[("rows", 1), ("columns", 5), ("groups", 257)]),
        Case::of(&[("rows", 0), ("columns", 3), ("groups", 1)]),
        Case::of(&[("rows", 1), ("columns", 4096), ("groups", 224)]).bench(),
        Case::of(&[("rows", 1), ("columns", 14336), ("groups", 64)]).bench(),
        Case::of(&[("rows", 1), ("columns", 4096), ("groups", 224)]).with(&[("bits", 8)]).bench(),
    ],
    flops: Some(|a| {
        2.0 * (a.size("rows") * a.size("columns") * a.size("group") * a.size("groups")) as f64
    }),
};

/// The catalog's row with a sum after it.
pub static QUANTIZED_MATVEC_RESIDUAL: Entry = Entry {
    name: "quantized_matvec_residual",
    summary: "product of a few rows with an MLX affine weight, added to what was there",
    formula: "y[i, j] = residual[i, j] + Σ_l x[i, l] (q[j, l] scales[j, l / group] + biases[j, l / group])",
    signature: "x: T[*rows, group*groups], w: u32[columns, bits*group/32*groups], \
                scales: T[columns, groups], biases: T[columns, groups], residual: T[*rows, columns] \
                -> y: T[*rows, columns]",
    build: quantized_matvec_residual,
    reference: |a| {
        let product = product_f64(a).remove(0);
        vec![product.iter().zip(a.tensor("residual")).map(|(y, r)| y + r).collect()]
    },
    ..QUANTIZED_MATVEC
};

/// The product in f64 with the dequantized weight.
pub(crate) fn product_f64(a: &Inputs) -> Vec<Vec<f64>> {
    vec![matvec_f64(a, &affine_f64(a))]
}

/// The product in f64 with `weight`, `[columns, group*groups]`.
pub(crate) fn matvec_f64(a: &Inputs, weight: &[f64]) -> Vec<f64> {
    let depth = a.size("group") * a.size("groups");
    let dot = |x: &[f64], w: &[f64]| -> f64 { x.iter().zip(w).map(|(x, w)| x * w).sum() };
    let rows = a.rows("x", depth);
    rows.flat_map(|x| weight.chunks(depth.max(1)).map(move |w| dot(x, w))).collect()
}

/// One program an element of y.
pub fn quantized_matvec(
    k: &mut Kernel,
    x: View,
    w: View,
    scales: View,
    biases: View,
    y: View,
    format: Affine,
) {
    let (row, column) = (k.program(), k.program());
    let x = x.row(row).load().to(F32); // [group*groups]
    let weights = affine(w.row(column), scales.row(column), biases.row(column), format);
    y.row(row).at(column).store((x * weights).row_sum());
}

/// One program an element of y. The product is rounded to the storage type before the sum, as a kernel of its own rounds
/// it.
pub fn quantized_matvec_residual(k: &mut Kernel, a: &Args) {
    let format = Affine::of(a);
    let (row, column) = (k.program(), k.program());
    let x = a["x"].row(row).load().to(F32); // [group*groups]
    let part = |name: &str| a[name].row(column);
    let sum = (x * affine(part("w"), part("scales"), part("biases"), format)).row_sum();
    let residual = a["residual"].row(row).at(column).load().to(F32);
    a["y"].row(row).at(column).store(residual + sum.to(a["y"].dtype()).to(F32));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dequantize_affine::tests::MLX;

    #[test]
    fn the_reference_gives_what_mlx_gives() {
        // mlx.core.quantized_matmul of x = 1 ..= 32 with the weights of `MLX`.
        let products = [727.125, 713.475, 711.375, 704.0, 705.7588, 704.27386];
        let x: Vec<f64> = (1..=32).map(f64::from).collect();
        for ((bits, words, scale), product) in MLX.into_iter().zip(products) {
            let case = Inputs::default()
                .with_size("bits", bits)
                .with_size("group", 32)
                .with_size("groups", 1)
                .with_tensor("x", &x)
                .with_tensor("w", &words.iter().map(|&w| w as f64).collect::<Vec<_>>())
                .with_tensor("scales", &[scale as f64])
                .with_tensor("biases", &[2.625]);
            let y = product_f64(&case)[0][0];
            assert!((y - product).abs() < 2e-4, "{bits} bits: {y} is not {product}");
        }
    }
}
