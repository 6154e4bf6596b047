//! Rows of a table by their numbers.
//!
//! ```text
//! gather:     y[r] = source[index[r]]               an embedding lookup
//! gather_add: y[r] = source[index[r]] + other[r]
//! ```
//! source: `[entries, cols]`; index: `[*rows]`; other, y: `[*rows, cols]`. An index past the last entry is an error.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Kernel, View};

/// The rows alone.
pub static GATHER: Entry = Entry {
    name: "gather",
    family: Family::Indexing,
    summary: "rows of a table by their numbers (embedding lookup)",
    formula: "y[r] = source[index[r]]",
    signature: "source: T[entries, cols], index: u32[*rows] -> y: T[*rows, cols]",
    build: |k, a| gather(k, a["source"], a["index"], a["y"]),
    reference: |a| vec![gathered(a)],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("index", Fill::Index("entries"))],
    cases: &[
        Case::of(&[("entries", 1), ("rows", 1), ("cols", 1)]),
        Case::of(&[("entries", 5), ("rows", 31), ("cols", 3)]),
        Case::of(&[("entries", 31), ("rows", 7), ("cols", 257)]),
        Case::of(&[("entries", 128256), ("rows", 5), ("cols", 16)]),
        Case::of(&[("entries", 9), ("rows", 0), ("cols", 8)]),
        Case::of(&[("entries", 16384), ("rows", 16384), ("cols", 1024)]).bench(),
    ],
    flops: None,
};

/// The rows plus others.
pub static GATHER_ADD: Entry = Entry {
    name: "gather_add",
    summary: "rows of a table by their numbers, plus other rows",
    formula: "y[r] = source[index[r]] + other[r]",
    signature: "source: T[entries, cols], index: u32[*rows], other: T[*rows, cols] \
                -> y: T[*rows, cols]",
    build: |k, a| gather_add(k, a["source"], a["index"], a["other"], a["y"]),
    reference: |a| vec![gathered(a).iter().zip(a.tensor("other")).map(|(x, o)| x + o).collect()],
    ..GATHER
};

/// The rows of `source` that `index` names, one after another.
fn gathered(a: &Inputs) -> Vec<f64> {
    let (source, cols) = (a.tensor("source"), a.size("cols"));
    let rows = a.tensor("index").iter().map(|&i| i as usize * cols);
    rows.flat_map(|start| &source[start..start + cols]).copied().collect()
}

/// One program a row of the result.
pub fn gather(k: &mut Kernel, source: View, index: View, y: View) {
    let row = k.program();
    let entry = index.row(row).load().to(I32);
    y.row(row).store(source.row(entry).load());
}

/// One program a row of the result.
pub fn gather_add(k: &mut Kernel, source: View, index: View, other: View, y: View) {
    let row = k.program();
    let entry = index.row(row).load().to(I32);
    y.row(row).store(source.row(entry).load().to(F32) + other.row(row).load().to(F32));
}
