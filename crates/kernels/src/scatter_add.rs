//! Rows added into a table at given numbers, the opposite of a gather.
//!
//! ```text
//! y[e] = Σ updates[u] over all u with index[u] = e
//! ```
//! index: `[*count]`; updates: `[*count, cols]`; y: `[entries, cols]` in f32. An index past the last entry is an error.
//!
//! Each program owns a block of columns and adds the updates to it in their order, so that the result is the same
//! bit for bit in every run, and no atomics are needed. A row of y is added to as often as its number occurs, which
//! rounds to f32 each time. The gradient of an update is the row of d_y that it was added to.

use crate::gather::gather;
use crate::{BackwardKernel, Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Kernel, View};

/// Columns a program owns: 1 KiB of each row, and 4 programs for rows of 1024.
const COLUMNS: usize = 256;

/// The catalog's row.
pub static SCATTER_ADD: Entry = Entry {
    name: "scatter_add",
    family: Family::Indexing,
    summary: "sums of rows by the numbers they belong to",
    formula: "y[e] = Σ_{u: index[u] = e} updates[u]",
    signature: "index: u32[*count], updates: T[*count, cols] -> y: f32[entries, cols]",
    build: |k, a| scatter_add(k, a["index"], a["updates"], a["y"]),
    reference: scatter_add_f64,
    grad: Grad::By(&[BackwardKernel {
        name: "scatter_add_grad",
        signature: "index: u32[*count], d_y: f32[entries, cols] -> d_updates: T[*count, cols]",
        build: |k, a| gather(k, a["d_y"], a["index"], a["d_updates"]),
    }]),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("index", Fill::Index("entries"))],
    cases: &[
        Case::of(&[("count", 1), ("entries", 1), ("cols", 1)]),
        Case::of(&[("count", 31), ("entries", 5), ("cols", 3)]),
        Case::of(&[("count", 7), ("entries", 31), ("cols", 257)]),
        Case::of(&[("count", 64), ("entries", 3), ("cols", 1024)]),
        Case::of(&[("count", 0), ("entries", 9), ("cols", 8)]),
        Case::of(&[("count", 16384), ("entries", 4096), ("cols", 1024)]).bench(),
    ],
    flops: None,
};

/// Update after update.
fn scatter_add_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let cols = a.size("cols");
    let mut y = vec![0.0; a.size("entries") * cols];
    for (update, &entry) in a.rows("updates", cols).zip(a.tensor("index")) {
        for (column, value) in update.iter().enumerate() {
            y[entry as usize * cols + column] += value;
        }
    }
    vec![y]
}

/// One program a block of columns.
pub fn scatter_add(k: &mut Kernel, index: View, updates: View, y: View) {
    let column = k.blocks(y.size(1), COLUMNS);
    for entry in k.range(0, y.size(0)) {
        y.row(entry).range(column, COLUMNS).store(0.0);
    }
    for update in k.range(0, index.size(0)) {
        let entry = y.row(index.row(update).load().to(I32)).range(column, COLUMNS);
        let added = updates.row(update).range(column, COLUMNS).load().to(F32); // [COLUMNS]
        entry.store(entry.load() + added);
    }
}
