//! [`crate::grouped_linear`] with MLX affine weights, each rounded to the storage type as
//! [`crate::dequantize_affine`] rounds it: the products of both kernels after each other, without the floats between
//! them.

use crate::dequantize_affine::{Affine, affine, affine_f64, affine_gradient};
use crate::grouped_linear::{COLUMNS, expert_of, grouped_f64, summed_over_blocks};
use crate::matmul::DEPTH;
use crate::quantized_matmul::FOLDED;
use crate::{BackwardKernel, Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static GROUPED_QUANTIZED_LINEAR: Entry = Entry {
    name: "grouped_quantized_linear",
    family: Family::Moe,
    summary: "product of blocks of rows, each with the MLX affine weight of its expert",
    formula: "y[i] = x[i] w[owners[i / block]]ᵀ, 0 where there is no such expert",
    signature: "x: T[block*blocks, group*groups], owners: u32[blocks], \
                w: u32[experts, columns, bits*group/32*groups], \
                scales: T[experts, columns, groups], biases: T[experts, columns, groups] \
                -> y: T[block*blocks, columns]",
    build: grouped_quantized_linear,
    reference: product_f64,
    grad: Grad::By(&[
        BackwardKernel {
            name: "grouped_quantized_linear_d_x",
            signature: "owners: u32[blocks], w: u32[experts, columns, bits*group/32*groups], \
                        scales: T[experts, columns, groups], biases: T[experts, columns, groups], \
                        d_y: T[block*blocks, columns] -> d_x: T[block*blocks, group*groups]",
            build: grouped_quantized_linear_d_x,
        },
        BackwardKernel {
            name: "grouped_quantized_linear_d_scales",
            signature: "x: T[block*blocks, group*groups], owners: u32[blocks], \
                        w: u32[experts, columns, bits*group/32*groups], d_y: T[block*blocks, columns] \
                        -> d_scales: T[experts, columns, groups], d_biases: T[experts, columns, groups]",
            build: grouped_quantized_linear_d_scales,
        },
    ]),
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64), ("block", 64)],
    fills: &[
        ("owners", Fill::Index("experts")),
        ("w", Fill::Bits),
        ("scales", Fill::Uniform(-0.02, 0.02)),
        ("biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: &[
        Case::of(&[("blocks", 1), ("experts", 1), ("columns", 1), ("groups", 1)]),
        Case::of(&[("blocks", 3), ("experts", 7), ("columns", 131), ("groups", 3)])
            .with(&[("group", 32), ("bits", 8)]),
        // 0, 1, and 2, which is no expert.
        Case::of(&[("blocks", 5), ("experts", 2), ("columns", 33), ("groups", 2)])
            .fills(&[("owners", Fill::Integer(2))]),
        Case::of(&[("blocks", 3), ("experts", 2), ("columns", 136), ("groups", 5)])
            .with(&[("block", 128)]),
        Case::of(&[("blocks", 4), ("experts", 3), ("columns", 136), ("groups", 5)])
            .with(&[("block", 48)]),
        Case::of(&[("blocks", 2), ("experts", 2), ("columns", 128), ("groups", 4)])
            .with(&[("block", 32)]),
        Case::of(&[("blocks", 0), ("experts", 3), ("columns", 4), ("groups", 1)]),
        Case::of(&[("blocks", 64), ("experts", 16), ("columns", 768), ("groups", 32)]).bench(),
        Case::of(&[("blocks", 64), ("experts", 16), ("columns", 2048), ("groups", 12)]).bench(),
    ],
    flops: Some(|a| {
        let rows = a.size("block") * a.size("blocks");
        2.0 * (rows * a.size("columns")) as f64 * (a.size("group") * a.size("groups")) as f64
    }),
};

/// The product in f64 with the dequantized weights.
fn product_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let floats = affine_f64(a);
    grouped_f64(
        &a.clone().with_size("depth", a.size("group") * a.size("groups")).with_tensor("w", &floats),
    )
}

/// One program a block of rows and `COLUMNS` columns.
pub fn grouped_quantized_linear(k: &mut Kernel, a: &Args) {
    let format = Affine::of(a);
    let (block, x) = (a.constant("block"), a["x"]);
    let number = k.programs(a["owners"].size(0));
    let j = k.blocks(a["w"].size(1), COLUMNS);
    let (expert, end) = expert_of(a, number, a["scales"].size(2));
    let (groups, words, i) = (format.groups_in(DEPTH), format.words(), number * block);
    let mut sum = k.var(k.full(F32, &[block.into(), COLUMNS.into()], 0.0));
    for g in k.range_step(0, end, groups) {
        let part = |name: &str, each: usize| {
            a[name].row(expert).block([j, g * each], [COLUMNS, groups * each])
        };
        let w = affine(part("w", words), part("scales", 1), part("biases", 1), format);
        let depth = groups * format.group;
        let x = x.block([i, g * format.group], [block, depth]).load();
        sum += x.dot(w.to(x.dtype()).transpose());
    }
    a["y"].block([i, j], [block, COLUMNS]).store(sum.get());
}

/// d_x[i] = d_y[i] w[owner], with the weight as the forward kernel rounds it. One program a block of rows and the groups
/// of a round.
fn grouped_quantized_linear_d_x(k: &mut Kernel, a: &Args) {
    let (format, block, d_y) = (Affine::of(a), a.constant("block"), a["d_y"]);
    let (groups, words) = (format.groups_in(COLUMNS), format.words());
    let depth = groups * format.group;
    let (number, g) = (k.programs(a["owners"].size(0)), k.blocks(a["scales"].size(2), groups));
    let (expert, end) = expert_of(a, number, a["w"].size(1));
    let i = number * block;
    let mut sum = k.var(k.full(F32, &[block.into(), depth.into()], 0.0));
    for j in k.range_step(0, end, DEPTH) {
        let part = |name: &str, each: usize| {
            a[name].row(expert).block([j, g * each], [DEPTH, groups * each])
        };
        let w = affine(part("w", words), part("scales", 1), part("biases", 1), format);
        let d_y = d_y.block([i, j], [block, DEPTH]).load();
        sum += d_y.dot(w.to(d_y.dtype()));
    }
    a["d_x"].block([i, g * format.group], [block, depth]).store(sum.get());
}

/// The sum of d_yᵀ x over the blocks that an expert owns, which goes to memory only as the sums of its groups. One
/// program a block of an expert's d_scales.
fn grouped_quantized_linear_d_scales(k: &mut Kernel, a: &Args) {
    let (format, d_scales) = (Affine::of(a), a["d_scales"]);
    let (groups, words) = (format.groups_in(DEPTH), format.words());
    let expert = k.programs(d_scales.size(0));
    let (j, g) = (k.blocks(d_scales.size(1), FOLDED), k.blocks(d_scales.size(2), groups));
    let depth = groups * format.group;
    let d_w = summed_over_blocks(k, a, expert, [j, g * format.group], [FOLDED, depth]);
    let w = a["w"].row(expert).block([j, g * words], [FOLDED, groups * words]);
    let (scales, biases) = affine_gradient(w, d_w, format);
    d_scales.row(expert).block([j, g], [FOLDED, groups]).store(scales);
    a["d_biases"].row(expert).block([j, g], [FOLDED, groups]).store(biases);
}
