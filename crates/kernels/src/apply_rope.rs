//! Rotary position embedding, half-split: feature i turns with feature i + half, as in GPT-NeoX and the Hugging
//! Face form of Llama (Su et al., 2021, <https://arxiv.org/abs/2104.09864>).
//!
//! `y[i] = x[i] cos - x[i + half] sin`, `y[i + half] = x[i] sin + x[i + half] cos`, with cos and sin of the row's
//! position and feature i. Pairs of neighbours turn in [`crate::apply_rope_interleaved`].

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row: row r stands at position r mod length.
pub static APPLY_ROPE: Entry = Entry {
    name: "apply_rope",
    family: Family::Rope,
    summary: "rotary embedding, half-split, positions repeating over the rows",
    formula: "y = [a cos - b sin | a sin + b cos] with x = [a | b], position = row mod length",
    signature: "x: T[*rows, 2*half], cos: f32[length, half], sin: f32[length, half] -> y: T[*rows, 2*half]",
    build: |k, a| apply_rope(k, a["x"], a["cos"], a["sin"], a["y"]),
    reference: |a| rope_f64(a, |row| row % a.size("length").max(1), |i, half| (i, i + half)),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("cos", Fill::Uniform(-1.0, 1.0)), ("sin", Fill::Uniform(-1.0, 1.0))],
    cases: REPEATING_CASES,
    flops: None,
};

/// The catalog's row: every row names its position.
pub static APPLY_ROPE_AT: Entry = Entry {
    name: "apply_rope_at",
    family: Family::Rope,
    summary: "rotary embedding, half-split, one position a row",
    formula: "y = [a cos - b sin | a sin + b cos] with x = [a | b], position = positions[row]",
    signature: "x: T[*rows, 2*half], positions: i32[*rows], cos: f32[length, half], sin: f32[length, half] \
                -> y: T[*rows, 2*half]",
    build: |k, a| apply_rope_at(k, a["x"], a["positions"], a["cos"], a["sin"], a["y"]),
    reference: |a| rope_f64(a, |row| a.tensor("positions")[row] as usize, |i, half| (i, i + half)),
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

/// Cases of the forms whose positions repeat: the rows are `[batch, heads, length]` flattened.
pub(crate) const REPEATING_CASES: &[Case] = &[
    Case::of(&[("rows", 1), ("length", 1), ("half", 1)]),
    Case::of(&[("rows", 21), ("length", 7), ("half", 5)]),
    Case::of(&[("rows", 300), ("length", 7), ("half", 5)]),
    Case::of(&[("rows", 3), ("length", 8), ("half", 4)]),
    Case::of(&[("rows", 34), ("length", 17), ("half", 64)]),
    Case::of(&[("rows", 0), ("length", 4), ("half", 8)]),
    Case::of(&[("rows", 65536), ("length", 2048), ("half", 64)]).bench(),
];

/// Cases of the forms with explicit positions.
pub(crate) const POSITION_CASES: &[Case] = &[
    Case::of(&[("rows", 1), ("length", 1), ("half", 1)]),
    Case::of(&[("rows", 13), ("length", 7), ("half", 5)]),
    Case::of(&[("rows", 32), ("length", 4096), ("half", 64)]),
    Case::of(&[("rows", 0), ("length", 4), ("half", 8)]),
    Case::of(&[("rows", 65536), ("length", 2048), ("half", 64)]).bench(),
];

/// Turns each pair of features that `pair(i, half)` names, in f64.
pub(crate) fn rope_f64(
    a: &Inputs,
    position: impl Fn(usize) -> usize,
    pair: fn(usize, usize) -> (usize, usize),
) -> Vec<Vec<f64>> {
    let half = a.size("half");
    let (cos, sin) = (a.tensor("cos"), a.tensor("sin"));
    let mut y = Vec::new();
    for (row, x) in a.rows("x", 2 * half).enumerate() {
        let mut turned = vec![0.0; 2 * half];
        for i in 0..half {
            let (c, s) = (cos[position(row) * half + i], sin[position(row) * half + i]);
            let (first, second) = pair(i, half);
            turned[first] = x[first] * c - x[second] * s;
            turned[second] = x[first] * s + x[second] * c;
        }
        y.extend(turned);
    }
    vec![y]
}

/// One program a row.
pub fn apply_rope(k: &mut Kernel, x: View, cos: View, sin: View, y: View) {
    let row = k.program();
    let position = row % cos.size(0);
    turn_halves(x.row(row), cos.row(position), sin.row(position), y.row(row));
}

/// One program a row.
pub fn apply_rope_at(k: &mut Kernel, x: View, positions: View, cos: View, sin: View, y: View) {
    let row = k.program();
    let x = x.row(row);
    let position = positions.at(row).load();
    turn_halves(x, cos.row(position), sin.row(position), y.row(row));
}

/// Turns the first half of a row with the second.
fn turn_halves(x: View, cos: View, sin: View, y: View) {
    let (a, b) = (x.part(0, 2).load().to(F32), x.part(1, 2).load().to(F32)); // [half]
    let (first, second) = rotate(a, b, cos.load(), sin.load());
    y.part(0, 2).store(first);
    y.part(1, 2).store(second);
}

/// The points (a, b) turned by the angles of these cosines and sines.
pub(crate) fn rotate(a: Tile, b: Tile, cos: Tile, sin: Tile) -> (Tile, Tile) {
    (a.fma(cos, -(b * sin)), a.fma(sin, b * cos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply_rope_interleaved::APPLY_ROPE_INTERLEAVED_AT;

    #[test]
    fn the_references_give_the_published_vectors() {
        // Head dimension 4, base 10000: angles of 1 and 0.01 a position; here position 1.
        let angles = [0.0, 0.0, 1.0, 0.01f64];
        let case = Inputs::default()
            .with_size("half", 2)
            .with_size("length", 2)
            .with_tensor("positions", &[1.0])
            .with_tensor("cos", &angles.map(f64::cos))
            .with_tensor("sin", &angles.map(f64::sin))
            .with_tensor("x", &[1.0, 2.0, 3.0, 4.0]);
        for (entry, expected) in [
            (&APPLY_ROPE_AT, [-1.9841106, 1.9599007, 2.4623779, 4.0197997]),
            (&APPLY_ROPE_INTERLEAVED_AT, [-1.1426397, 1.9220756, 2.9598507, 4.0297995]),
        ] {
            let y = (entry.reference)(&case).remove(0);
            let close = y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-7);
            assert!(close, "{}: {y:?} is not {expected:?}", entry.name);
        }
    }
}
