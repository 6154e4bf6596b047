//! Linear layers of many experts at once: each block of rows of x meets the weight of the expert that owns it,
//! `y[i] = x[i] w[owners[i / block]]ᵀ`. [`crate::expert_rows`] makes the blocks.
//!
//! A block whose owner is none of the experts gives zeros, and costs no product.

use crate::matmul::DEPTH;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static GROUPED_LINEAR: Entry = Entry {
    name: "grouped_linear",
    family: Family::Moe,
    summary: "product of blocks of rows, each with the float weight of its expert",
    formula: "y[i] = x[i] w[owners[i / block]]ᵀ, 0 where there is no such expert",
    signature: "x: T[block*blocks, depth], owners: u32[blocks], w: T[experts, columns, depth] \
                -> y: T[block*blocks, columns]",
    build: grouped_linear,
    reference: grouped_f64,
    grad: Grad::None("a product accumulated round a loop needs a backward kernel of its own"),
    dtypes: &[F32, F16, BF16],
    constants: &[("block", 64)],
    fills: &[("owners", Fill::Index("experts"))],
    cases: &[
        Case::of(&[("blocks", 1), ("experts", 1), ("columns", 1), ("depth", 1)]),
        Case::of(&[("blocks", 1), ("experts", 2), ("columns", 5), ("depth", 40)]),
        Case::of(&[("blocks", 3), ("experts", 7), ("columns", 129), ("depth", 67)]),
        Case::of(&[("blocks", 5), ("experts", 2), ("columns", 33), ("depth", 64)])
            .with(&[("block", 128)])
            // 0, 1, and 2, which is no expert.
            .fills(&[("owners", Fill::Integer(2))]),
        Case::of(&[("blocks", 0), ("experts", 3), ("columns", 4), ("depth", 8)]),
        Case::of(&[("blocks", 64), ("experts", 16), ("columns", 768), ("depth", 2048)]).bench(),
        Case::of(&[("blocks", 64), ("experts", 16), ("columns", 2048), ("depth", 768)]).bench(),
    ],
    flops: Some(|a| {
        let rows = a.size("block") * a.size("blocks");
        2.0 * (rows * a.size("columns")) as f64 * a.size("depth") as f64
    }),
};

/// Columns of y that one program computes.
pub(crate) const COLUMNS: usize = 128;

/// Block after block in f64.
pub(crate) fn grouped_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (block, columns, depth) = (a.size("block"), a.size("columns"), a.size("depth"));
    let mut y = Vec::new();
    for i in 0..block * a.size("blocks") {
        let x = &a.tensor("x")[i * depth..][..depth];
        let expert = a.tensor("owners")[i / block] as usize;
        for j in 0..columns {
            let weight = a.tensor("w").get((expert * columns + j) * depth..).unwrap_or_default();
            y.push(x.iter().zip(weight).map(|(x, w)| x * w).sum());
        }
    }
    vec![y]
}

/// One program a block of rows and `COLUMNS` columns.
pub fn grouped_linear(k: &mut Kernel, a: &Args) {
    let block = a.constant("block");
    let (x, w, y) = (a["x"], a["w"], a["y"]);
    let (number, j) = (k.programs(a["owners"].size(0)), k.blocks(w.size(1), COLUMNS));
    let owner = a["owners"].at(number).load().to(I32);
    let experts = w.size(0).tile();
    let end = owner.lt(experts).select(w.size(2).tile(), 0);
    let (w, i) = (w.row(owner.min(experts - 1)), number * block);
    let mut sum = k.var(k.full(F32, &[block.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, end, DEPTH) {
        let (x, w) = (x.block([i, l], [block, DEPTH]), w.block([j, l], [COLUMNS, DEPTH]));
        sum += x.load().dot(w.load().transpose());
    }
    y.block([i, j], [block, COLUMNS]).store(sum.get());
}
