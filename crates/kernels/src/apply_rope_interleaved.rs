//! Rotary position embedding of neighbours: feature 2i turns with feature 2i + 1, as in the paper (Su et al., 2021,
//! <https://arxiv.org/abs/2104.09864>) and in Meta's Llama.
//!
//! `y[2i] = x[2i] cos - x[2i + 1] sin`, `y[2i + 1] = x[2i] sin + x[2i + 1] cos`, with cos and sin of the row's position
//! and pair i. Halves turn in [`crate::apply_rope`].

use crate::apply_rope::{POSITION_CASES, REPEATING_CASES, rope_f64, rotate};
use crate::{Entry, Family, Fill, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row: row r stands at position r mod length.
pub static APPLY_ROPE_INTERLEAVED: Entry = Entry {
    name: "apply_rope_interleaved",
    family: Family::Rope,
    summary: "rotary embedding of neighbours, positions repeating over the rows",
    formula: "y[2i] = x[2i] cos - x[2i+1] sin, y[2i+1] = x[2i] sin + x[2i+1] cos, position = row mod length",
    signature: "x: T[*rows, 2*half], cos: f32[length, half], sin: f32[length, half] -> y: T[*rows, 2*half]",
    build: |k, a| apply_rope_interleaved(k, a["x"], a["cos"], a["sin"], a["y"]),
    reference: |a| rope_f64(a, |row| row % a.size("length").max(1), |i, _| (2 * i, 2 * i + 1)),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("cos", Fill::Uniform(-1.0, 1.0)), ("sin", Fill::Uniform(-1.0, 1.0))],
    cases: REPEATING_CASES,
    flops: None,
};

/// The catalog's row: every row names its position.
pub static APPLY_ROPE_INTERLEAVED_AT: Entry = Entry {
    name: "apply_rope_interleaved_at",
    family: Family::Rope,
    summary: "rotary embedding of neighbours, one position a row",
    formula: "y[2i] = x[2i] cos - x[2i+1] sin, y[2i+1] = x[2i] sin + x[2i+1] cos, position = positions[row]",
    signature: "x: T[*rows, 2*half], positions: i32[*rows], cos: f32[length, half], sin: f32[length, half] \
                -> y: T[*rows, 2*half]",
    build: |k, a| apply_rope_interleaved_at(k, a["x"], a["positions"], a["cos"], a["sin"], a["y"]),
    reference: |a| {
        rope_f64(a, |row| a.tensor("positions")[row] as usize, |i, _| (2 * i, 2 * i + 1))
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[
        ("positions", Fill::Index("length")),
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
    ],
    cases: POSITION_CASES,
    flops: None,
};

/// One program a row.
pub fn apply_rope_interleaved(k: &mut Kernel, x: View, cos: View, sin: View, y: View) {
    let row = k.program();
    let position = row % cos.size(0);
    turn_neighbours(x.row(row), cos.row(position), sin.row(position), y.row(row));
}

/// One program a row.
pub fn apply_rope_interleaved_at(
    k: &mut Kernel,
    x: View,
    positions: View,
    cos: View,
    sin: View,
    y: View,
) {
    let row = k.program();
    let x = x.row(row);
    let position = positions.at(row).load();
    turn_neighbours(x, cos.row(position), sin.row(position), y.row(row));
}

/// Turns the even features of a row with the odd ones.
fn turn_neighbours(x: View, cos: View, sin: View, y: View) {
    let (a, b) = (x.every(2, 0).load().to(F32), x.every(2, 1).load().to(F32)); // [half]
    let (first, second) = rotate(a, b, cos.load(), sin.load());
    y.every(2, 0).store(first);
    y.every(2, 1).store(second);
}
