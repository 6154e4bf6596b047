//! Linear layers of many experts at once: each block of rows of x meets the weight of the expert that owns it,
//! `y[i] = x[i] w[owners[i / block]]ᵀ`. [`crate::expert_rows`] makes the blocks.
//!
//! A block whose owner is none of the experts gives zeros, and costs no product.

use crate::matmul::DEPTH;
use crate::{BackwardKernel, Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel, Size, Tile};

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
    grad: Grad::By(&[
        BackwardKernel {
            name: "grouped_linear_d_x",
            signature: "owners: u32[blocks], w: T[experts, columns, depth], d_y: T[block*blocks, columns] \
                        -> d_x: T[block*blocks, depth]",
            build: grouped_linear_d_x,
        },
        BackwardKernel {
            name: "grouped_linear_d_w",
            // w tells how many experts there are.
            signature: "x: T[block*blocks, depth], owners: u32[blocks], w: T[experts, columns, depth], \
                        d_y: T[block*blocks, columns] -> d_w: T[experts, columns, depth]",
            build: grouped_linear_d_w,
        },
    ]),
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
/// Rows of a block whose products are summed at a time, at most.
const ROWS_AT_A_TIME: usize = 16;

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
    let (expert, end) = expert_of(a, number, w.size(2));
    let (w, i) = (w.row(expert), number * block);
    let mut sum = k.var(k.full(F32, &[block.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, end, DEPTH) {
        let (x, w) = (x.block([i, l], [block, DEPTH]), w.block([j, l], [COLUMNS, DEPTH]));
        sum += x.load().dot(w.load().transpose());
    }
    y.block([i, j], [block, COLUMNS]).store(sum.get());
}

/// The expert of a block of rows, and how far its products sum: `end`, or 0 where there is no such expert.
pub(crate) fn expert_of(a: &Args, number: Tile, end: Size) -> (Tile, Tile) {
    let owner = a["owners"].at(number).load().to(I32);
    let experts = a["w"].size(0).tile();
    let end = owner.lt(experts).select(end.tile(), 0);
    (owner.min(experts - 1), end)
}

/// d_x[i] = d_y[i] w[owner]. One program a block of rows and `COLUMNS` of the depth.
fn grouped_linear_d_x(k: &mut Kernel, a: &Args) {
    let block = a.constant("block");
    let (w, d_y) = (a["w"], a["d_y"]);
    let (number, l) = (k.programs(a["owners"].size(0)), k.blocks(w.size(2), COLUMNS));
    let (expert, end) = expert_of(a, number, w.size(1));
    let (w, i) = (w.row(expert), number * block);
    let mut sum = k.var(k.full(F32, &[block.into(), COLUMNS.into()], 0.0));
    for j in k.range_step(0, end, DEPTH) {
        let (d_y, w) = (d_y.block([i, j], [block, DEPTH]), w.block([j, l], [DEPTH, COLUMNS]));
        sum += d_y.load().dot(w.load());
    }
    a["d_x"].block([i, l], [block, COLUMNS]).store(sum.get());
}

/// d_w[e] = the sum of d_yᵀ x over the blocks that e owns. One program a block of the weight of an expert.
fn grouped_linear_d_w(k: &mut Kernel, a: &Args) {
    let d_w = a["d_w"];
    let expert = k.programs(d_w.size(0));
    let (j, l) = (k.blocks(d_w.size(1), DEPTH), k.blocks(d_w.size(2), DEPTH));
    let sum = summed_over_blocks(k, a, expert, [j, l], [DEPTH, DEPTH]);
    d_w.row(expert).block([j, l], [DEPTH, DEPTH]).store(sum);
}

/// `lens` of d_yᵀ x from column j of d_y and column l of x on, over the rows of the blocks that `expert` owns, in order. Few
/// rows are taken at a time, for the little memory that a group of threads shares on Metal.
pub(crate) fn summed_over_blocks(
    k: &Kernel,
    a: &Args,
    expert: Tile,
    [j, l]: [Tile; 2],
    lens: [usize; 2],
) -> Tile {
    let block = a.constant("block");
    let rows = (1..=ROWS_AT_A_TIME).rev().find(|rows| block.is_multiple_of(*rows)).unwrap_or(1);
    let mut sum = k.var(k.full(F32, &lens.map(Size::from), 0.0));
    for number in k.range(0, a["owners"].size(0)) {
        let owner = a["owners"].at(number).load().to(I32);
        // No rows of blocks that others own.
        let end = owner.eq(expert).select(k.full(I32, &[], block as f64), 0);
        for row in k.range_step(0, end, rows) {
            let i = number * block + row;
            let d_y = a["d_y"].block([i, j], [rows, lens[0]]).load();
            sum += d_y.transpose().dot(a["x"].block([i, l], [rows, lens[1]]).load());
        }
    }
    sum.get()
}
