//! SwiGLU (Shazeer, 2020): a gate through silu, times the other half.
//!
//! ```text
//! swiglu:            y = silu(gate) up                x = [gate | up], packed along the last axis
//! swiglu2:           y = silu(gate) up                two tensors
//! bias_swiglu:       y = silu(gate + b) (up + c)      x = [gate | up], bias = [b | c]
//! silu_mul_residual: y = silu(gate) up + residual
//! ```
//! x: `[*rows, 2*cols]`; bias: `[2*cols]`; gate, up, residual: of any shape; y: of theirs, or `[*rows, cols]`.

use crate::activation::silu_f64;
use crate::cases::{ELEMENTS, ROWS};
use crate::{Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The packed form.
pub static SWIGLU: Entry = Entry {
    name: "swiglu",
    family: Family::Glu,
    summary: "silu of the first half times the second half",
    formula: "y = silu(gate) up, x = [gate | up]",
    signature: "x: T[*rows, 2*cols] -> y: T[*rows, cols]",
    build: |k, a| swiglu(k, a["x"], a["y"]),
    reference: |a| {
        let cols = a.size("cols");
        let halves = a.rows("x", 2 * cols).map(|row| row.split_at(cols));
        vec![halves.flat_map(|(gate, up)| silu_times(gate, up)).collect()]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// The form with two tensors, also called `silu_mul`.
pub static SWIGLU2: Entry = Entry {
    name: "swiglu2",
    summary: "silu of one tensor times another",
    formula: "y = silu(gate) up",
    signature: "gate: T[*n], up: T[*n] -> y: T[*n]",
    cases: ELEMENTS,
    build: |_, a| swiglu2(a["gate"], a["up"], a["y"]),
    reference: |a| vec![silu_times(a.tensor("gate"), a.tensor("up")).collect()],
    ..SWIGLU
};

/// The packed form after a bias.
pub static BIAS_SWIGLU: Entry = Entry {
    name: "bias_swiglu",
    summary: "bias, then silu of the first half times the second half",
    formula: "y = silu(gate + b) (up + c), x = [gate | up], bias = [b | c]",
    signature: "x: T[*rows, 2*cols], bias: T[2*cols] -> y: T[*rows, cols]",
    build: |k, a| bias_swiglu(k, a["x"], a["bias"], a["y"]),
    reference: |a| {
        let cols = a.size("cols");
        let mut y = Vec::new();
        for row in a.rows("x", 2 * cols) {
            let biased: Vec<f64> = row.iter().zip(a.tensor("bias")).map(|(x, b)| x + b).collect();
            let (gate, up) = biased.split_at(cols);
            y.extend(silu_times(gate, up));
        }
        vec![y]
    },
    ..SWIGLU
};

/// The form with two tensors and a residual.
pub static SILU_MUL_RESIDUAL: Entry = Entry {
    name: "silu_mul_residual",
    summary: "silu of one tensor times another, plus a residual",
    formula: "y = silu(gate) up + residual",
    signature: "gate: T[*n], up: T[*n], residual: T[*n] -> y: T[*n]",
    cases: ELEMENTS,
    build: |_, a| silu_mul_residual(a["gate"], a["up"], a["residual"], a["y"]),
    reference: |a| {
        let products = silu_times(a.tensor("gate"), a.tensor("up"));
        vec![products.zip(a.tensor("residual")).map(|(product, r)| product + r).collect()]
    },
    ..SWIGLU
};

/// silu(gate) up, element by element.
fn silu_times<'a>(gate: &'a [f64], up: &'a [f64]) -> impl Iterator<Item = f64> {
    gate.iter().zip(up).map(|(&gate, &up)| silu_f64(gate) * up)
}

/// One program a row.
pub fn swiglu(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let gate = x.row(row).part(0, 2).load().to(F32); // [cols]
    let up = x.row(row).part(1, 2).load().to(F32); // [cols]
    y.row(row).store(gate.silu() * up);
}

/// One map over all elements.
pub fn swiglu2(gate: View, up: View, y: View) {
    let (gate, up) = (gate.load().to(F32), up.load().to(F32)); // [n]
    y.store(gate.silu() * up);
}

/// One program a row.
pub fn bias_swiglu(k: &mut Kernel, x: View, bias: View, y: View) {
    let row = k.program();
    let gate = x.row(row).part(0, 2).load().to(F32) + bias.part(0, 2).load().to(F32); // [cols]
    let up = x.row(row).part(1, 2).load().to(F32) + bias.part(1, 2).load().to(F32); // [cols]
    y.row(row).store(gate.silu() * up);
}

/// One map over all elements.
pub fn silu_mul_residual(gate: View, up: View, residual: View, y: View) {
    let (gate, up) = (gate.load().to(F32), up.load().to(F32)); // [n]
    y.store(gate.silu() * up + residual.load().to(F32));
}
