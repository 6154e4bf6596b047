//! Positions of the greatest and the least element of the last axis, `[*rows, cols] -> u32[*rows]`.
//!
//! Of equal elements the lowest position wins, and a NaN wins over every number, on every target.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The position of the greatest element.
pub static ARGMAX: Entry = Entry {
    name: "argmax",
    family: Family::Reduction,
    summary: "position of the greatest element of the last axis",
    formula: "y = the lowest i with x[i] = max x",
    signature: "x: T[*rows, cols] -> y: u32[*rows]",
    build: |k, a| argmax(k, a["x"], a["y"]),
    reference: |a| positions(a, |x, best| x > best),
    grad: Grad::None("a position does not change with its input's values, except in jumps"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// The position of the least element.
pub static ARGMIN: Entry = Entry {
    name: "argmin",
    summary: "position of the least element of the last axis",
    formula: "y = the lowest i with x[i] = min x",
    build: |k, a| argmin(k, a["x"], a["y"]),
    reference: |a| positions(a, |x, best| x < best),
    ..ARGMAX
};

/// The greatest element and its position: what is left to do after the parts of a row that was cut.
pub static MAX_AND_ARGMAX: Entry = Entry {
    name: "max_and_argmax",
    summary: "greatest element of the last axis, and its position",
    formula: "greatest = max x; position = the lowest i with x[i] = max x",
    signature: "x: T[*rows, cols] -> greatest: f32[*rows], position: u32[*rows]",
    build: |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load().to(F32); // [cols]
        a["greatest"].row(row).store(x.row_max().reshape(&[]));
        a["position"].row(row).store(x.row_argmax().reshape(&[]));
    },
    reference: |a| {
        let position = positions(a, |x, best| x > best).remove(0);
        let rows = a.rows("x", a.size("cols")).zip(&position);
        let greatest = rows.map(|(row, at)| row[*at as usize]).collect();
        vec![greatest, position]
    },
    ..ARGMAX
};

/// The first position of each row that no other is `better` than.
fn positions(a: &Inputs, better: fn(f64, f64) -> bool) -> Vec<Vec<f64>> {
    let mut y = Vec::new();
    for row in a.rows("x", a.size("cols")) {
        let mut best = 0;
        for (i, x) in row.iter().enumerate() {
            let first_nan = x.is_nan() && !row[best].is_nan();
            if first_nan || better(*x, row[best]) {
                best = i;
            }
        }
        y.push(best as f64);
    }
    vec![y]
}

/// One program a row.
pub fn argmax(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    y.row(row).store(x.row(row).load().to(F32).row_argmax());
}

/// One program a row.
pub fn argmin(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    y.row(row).store(x.row(row).load().to(F32).row_argmin());
}
