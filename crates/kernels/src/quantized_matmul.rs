//! [`crate::quantized_matvec`] for many rows of x, as in prefill: blocks of w become floats once for a block of rows.

use crate::dequantize_affine::{Affine, affine, affine_gradient};
use crate::matmul::{COLUMNS, DEPTH, ROWS};
use crate::quantized_matvec::{QUANTIZED_MATVEC, product_f64};
use crate::{BackwardKernel, Case, Entry, Grad};
use tilewright_ir::DType::F32;
use tilewright_lang::{Args, Kernel, View};

/// The catalog's row.
pub static QUANTIZED_MATMUL: Entry = Entry {
    name: "quantized_matmul",
    summary: "product of many rows with an MLX affine weight",
    build: |k, a| {
        quantized_matmul(k, a["x"], a["w"], a["scales"], a["biases"], a["y"], Affine::of(a));
    },
    reference: product_f64,
    grad: Grad::By(&[
        BackwardKernel {
            name: "quantized_matmul_d_x",
            signature: "d_y: T[*rows, columns], w: u32[columns, bits*group/32*groups], \
                        scales: T[columns, groups], biases: T[columns, groups] \
                        -> d_x: T[*rows, group*groups]",
            build: quantized_matmul_d_x,
        },
        BackwardKernel {
            name: "quantized_matmul_d_scales",
            signature: "x: T[*rows, group*groups], d_y: T[*rows, columns], \
                        w: u32[columns, bits*group/32*groups] \
                        -> d_scales: T[columns, groups], d_biases: T[columns, groups]",
            build: quantized_matmul_d_scales,
        },
    ]),
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

/// Columns of a weight whose gradient a program holds until it is summed by groups.
pub(crate) const FOLDED: usize = 32;

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
    let (groups, words) = (format.groups_in(DEPTH), format.words());
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

/// d_x = d_y w. One program a block of d_x.
fn quantized_matmul_d_x(k: &mut Kernel, a: &Args) {
    let (format, d_y, d_x) = (Affine::of(a), a["d_y"], a["d_x"]);
    let (groups, words) = (format.groups_in(DEPTH), format.words());
    let depth = groups * format.group;
    let (i, g) = (k.blocks(d_y.size(0), ROWS), k.blocks(a["scales"].size(1), groups));
    let mut sum = k.var(k.full(F32, &[ROWS.into(), depth.into()], 0.0));
    for j in k.range_step(0, d_y.size(1), COLUMNS) {
        let part = |name: &str, each: usize| a[name].block([j, g * each], [COLUMNS, groups * each]);
        let w = affine(part("w", words), part("scales", 1), part("biases", 1), format);
        sum += d_y.block([i, j], [ROWS, COLUMNS]).load().to(F32).dot(w);
    }
    d_x.block([i, g * format.group], [ROWS, depth]).store(sum.get());
}

/// d_w = d_yᵀ x block by block, which goes to memory only as the sums of its groups. One program a block of d_scales.
fn quantized_matmul_d_scales(k: &mut Kernel, a: &Args) {
    let (format, x, d_y, d_scales) = (Affine::of(a), a["x"], a["d_y"], a["d_scales"]);
    let (groups, words) = (format.groups_in(DEPTH), format.words());
    let depth = groups * format.group;
    let (j, g) = (k.blocks(d_scales.size(0), FOLDED), k.blocks(d_scales.size(1), groups));
    let mut d_w = k.var(k.full(F32, &[FOLDED.into(), depth.into()], 0.0));
    for i in k.range_step(0, x.size(0), ROWS) {
        let x = x.block([i, g * format.group], [ROWS, depth]).load();
        d_w += d_y.block([i, j], [ROWS, FOLDED]).load().transpose().dot(x);
    }
    let w = a["w"].block([j, g * words], [FOLDED, groups * words]);
    let (scales, biases) = affine_gradient(w, d_w.get(), format);
    d_scales.block([j, g], [FOLDED, groups]).store(scales);
    a["d_biases"].block([j, g], [FOLDED, groups]).store(biases);
}
