//! [`crate::grouped_linear`] with MLX affine weights, each rounded to the storage type as
//! [`crate::dequantize_affine`] rounds it: the products of both kernels after each other, without the floats between
//! them.

use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::grouped_linear::{COLUMNS, grouped_f64};
use crate::matmul::DEPTH;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
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
    grad: Grad::None("a product accumulated round a loop needs a backward kernel of its own"),
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
    let format = Affine { bits: a.constant("bits") as u32, group: a.constant("group") };
    let (block, x) = (a.constant("block"), a["x"]);
    let number = k.programs(a["owners"].size(0));
    let j = k.blocks(a["w"].size(1), COLUMNS);
    let owner = a["owners"].at(number).load().to(I32);
    let experts = a["w"].size(0).tile();
    let end = owner.lt(experts).select(a["scales"].size(2).tile(), 0);
    let (expert, i) = (owner.min(experts - 1), number * block);
    let groups = (DEPTH / format.group.max(1)).max(1); // of a round of the loop
    let words = format.bits as usize * format.group / 32; // of a group
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
