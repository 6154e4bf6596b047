//! Rows of an MLX affine table by their numbers, as floats: an embedding lookup without the whole table as floats,
//! `y[r] = q[index[r]] scales[index[r]] + biases[index[r]]`. An index past the last entry is an error.

use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static GATHER_DEQUANTIZE_AFFINE: Entry = Entry {
    name: "gather_dequantize_affine",
    family: Family::Quantized,
    summary: "rows of an MLX affine table by their numbers (embedding lookup)",
    formula: "y[r] = q[e] scales[e] + biases[e], e = index[r]",
    signature: "w: u32[entries, bits*group/32*groups], scales: T[entries, groups], \
                biases: T[entries, groups], index: u32[*rows] -> y: T[*rows, group*groups]",
    build: gather_dequantize_affine,
    reference: gathered_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64)],
    fills: &[("w", Fill::Bits), ("index", Fill::Index("entries"))],
    cases: &[
        Case::of(&[("entries", 1), ("rows", 1), ("groups", 1)]),
        Case::of(&[("entries", 7), ("rows", 5), ("groups", 3)]).with(&[("bits", 5), ("group", 32)]),
        Case::of(&[("entries", 33), ("rows", 3), ("groups", 2)]).with(&[("group", 128)]),
        Case::of(&[("entries", 3), ("rows", 2), ("groups", 1)]).with(&[("bits", 2)]),
        Case::of(&[("entries", 4), ("rows", 0), ("groups", 2)]),
        Case::of(&[("entries", 32768), ("rows", 512), ("groups", 16)]).bench(),
    ],
    flops: None,
};

/// The whole table in f64, and the rows that `index` names.
fn gathered_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let cols = a.size("group") * a.size("groups");
    let table = affine_f64(a);
    let starts = a.tensor("index").iter().map(|&i| i as usize * cols);
    vec![starts.flat_map(|start| &table[start..start + cols]).copied().collect()]
}

/// One program a row of the result.
pub fn gather_dequantize_affine(k: &mut Kernel, a: &Args) {
    let format = Affine::of(a);
    let row = k.program();
    let entry = a["index"].row(row).load().to(I32);
    let part = |name: &str| a[name].row(entry);
    a["y"].row(row).store(affine(part("w"), part("scales"), part("biases"), format));
}
