//! [`crate::quantized_matvec`] for many rows of x, as in prefill: blocks of w become floats once for a block of rows.

use crate::dequantize_affine::{Affine, affine};
use crate::matmul::{COLUMNS, DEPTH, ROWS};
use crate::quantized_matvec::{QUANTIZED_MATVEC, product_f64};
use crate::{Case, Entry, Grad};
use tilewright_ir::DType::F32;
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static QUANTIZED_MATMUL: Entry = Entry {
    name: "quantized_matmul",
    summary: "product of many rows with an MLX affine weight",
    build: |k, a| {
        let format = Affine { bits: a.constant("bits") as u32, group: a.constant("group") };
        quantized_matmul(k, a["x"], a["w"], a["scales"], a["biases"], a["y"], format);
    },
    reference: product_f64,
    grad: Grad::None("a product accumulated round a loop needs a backward kernel of its own"),
    cases: &[
        Case::of(&[("rows", 1), ("columns", 1), ("groups", 1)]),
        Case::of(&[("rows", 67), ("columns", 33), ("groups", 5)]).with(&[("group", 32)]),
        Case::of(&[("rows", 3), ("columns", 65), ("groups", 3)]).with(&[("bits", 8)]),
        Case::of(&[("rows", 5), ("columns", 7), ("groups", 3)]).with(&[("bits", 6)]),
        Case::of(&[("rows", 3), ("columns", 5), ("groups", 2)]).with(&[("group", 128)]),
        Case::of(&[("rows", 64), ("columns", 64), ("groups", 2)]).with(&[("group", 128)]),
        Case::of(&[("rows", 0), ("columns", 3), ("groups", 1)]),
        Case::of(&[("rows", 512), ("columns", 2048), ("groups", 32)]).bench(),
    ],
    ..QUANTIZED_MATVEC
};

/// One program a block of y.
pub fn quantized_matmul(
    k: &mut Kernel,
    x: View,
    w: View,
    scales: View,
    biases: View,
    y: View,
    format: Affine,
) {
    let (i, j) = (k.blocks(x.size(0), ROWS), k.blocks(w.size(0), COLUMNS));
    let groups = (DEPTH / format.group.max(1)).max(1); // of a round of the loop
    let words = format.bits as usize * format.group / 32; // of a group
    let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
    for g in k.range_step(0, scales.size(1), groups) {
        let x = x.block([i, g * format.group], [ROWS, groups * format.group]);
        let w = w.block([j, g * words], [COLUMNS, groups * words]);
        let (scales, biases) =
            (scales.block([j, g], [COLUMNS, groups]), biases.block([j, g], [COLUMNS, groups]));
        sum += x.load().to(F32).dot(affine(w, scales, biases, format).transpose());
    }
    y.block([i, j], [ROWS, COLUMNS]).store(sum.get());
}
