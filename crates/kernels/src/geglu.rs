//! GEGLU (Shazeer, 2020): a gate through gelu, times the other half.
//!
//! ```text
//! geglu:      y = gelu_tanh(gate) up              x = [gate | up], packed along the last axis
//! geglu_erf:  y = gelu(gate) up                   the same with erf
//! geglu2:     y = gelu_tanh(gate) up              two tensors
//! geglu2_erf: y = gelu(gate) up                   the same with erf
//! bias_geglu: y = gelu_tanh(gate + b) (up + c)    x = [gate | up], bias = [b | c]
//! ```
//! x: `[*rows, 2*cols]`; bias: `[2*cols]`; gate, up: of any shape; y: of theirs, or `[*rows, cols]`.
//! Both forms of gelu are in [`crate::activation`].

use crate::activation::{gelu_f64, gelu_tanh_f64};
use crate::cases::{ELEMENTS, ROWS};
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The packed form, with tanh.
pub static GEGLU: Entry = Entry {
    name: "geglu",
    family: Family::Glu,
    summary: "gelu (with tanh) of the first half times the second half",
    formula: "y = gelu_tanh(gate) up, x = [gate | up]",
    signature: "x: T[*rows, 2*cols] -> y: T[*rows, cols]",
    build: |k, a| geglu(k, a["x"], a["y"]),
    reference: |a| packed_f64(a, gelu_tanh_f64),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// The packed form, with erf.
pub static GEGLU_ERF: Entry = Entry {
    name: "geglu_erf",
    summary: "gelu (with erf) of the first half times the second half",
    formula: "y = gelu(gate) up, x = [gate | up]",
    build: |k, a| geglu_erf(k, a["x"], a["y"]),
    reference: |a| packed_f64(a, gelu_f64),
    ..GEGLU
};

/// The form with two tensors, with tanh.
pub static GEGLU2: Entry = Entry {
    name: "geglu2",
    summary: "gelu (with tanh) of one tensor times another",
    formula: "y = gelu_tanh(gate) up",
    signature: "gate: T[*n], up: T[*n] -> y: T[*n]",
    cases: ELEMENTS,
    build: |_, a| geglu2(a["gate"], a["up"], a["y"]),
    reference: |a| {
        let pairs = a.tensor("gate").iter().zip(a.tensor("up"));
        vec![pairs.map(|(&gate, up)| gelu_tanh_f64(gate) * up).collect()]
    },
    ..GEGLU
};

/// The form with two tensors, with erf.
pub static GEGLU2_ERF: Entry = Entry {
    name: "geglu2_erf",
    summary: "gelu (with erf) of one tensor times another",
    formula: "y = gelu(gate) up",
    build: |_, a| geglu2_erf(a["gate"], a["up"], a["y"]),
    reference: |a| {
        let pairs = a.tensor("gate").iter().zip(a.tensor("up"));
        vec![pairs.map(|(&gate, up)| gelu_f64(gate) * up).collect()]
    },
    ..GEGLU2
};

/// The packed form after a bias, with tanh.
pub static BIAS_GEGLU: Entry = Entry {
    name: "bias_geglu",
    summary: "bias, then gelu (with tanh) of the first half times the second half",
    formula: "y = gelu_tanh(gate + b) (up + c), x = [gate | up], bias = [b | c]",
    signature: "x: T[*rows, 2*cols], bias: T[2*cols] -> y: T[*rows, cols]",
    build: |k, a| bias_geglu(k, a["x"], a["bias"], a["y"]),
    reference: |a| {
        let cols = a.size("cols");
        let (b, c) = a.tensor("bias").split_at(cols);
        let mut y = Vec::new();
        for row in a.rows("x", 2 * cols) {
            let (gate, up) = row.split_at(cols);
            y.extend((0..cols).map(|i| gelu_tanh_f64(gate[i] + b[i]) * (up[i] + c[i])));
        }
        vec![y]
    },
    ..GEGLU
};

/// `activation(gate) up` of each packed row.
fn packed_f64(a: &Inputs, activation: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let cols = a.size("cols");
    let mut y = Vec::new();
    for row in a.rows("x", 2 * cols) {
        let (gate, up) = row.split_at(cols);
        y.extend(gate.iter().zip(up).map(|(&gate, up)| activation(gate) * up));
    }
    vec![y]
}

/// One program a row.
pub fn geglu(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let gate = x.row(row).part(0, 2).load().to(F32); // [cols]
    let up = x.row(row).part(1, 2).load().to(F32); // [cols]
    y.row(row).store(gate.gelu_tanh() * up);
}

/// One program a row.
pub fn geglu_erf(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let gate = x.row(row).part(0, 2).load().to(F32); // [cols]
    let up = x.row(row).part(1, 2).load().to(F32); // [cols]
    y.row(row).store(gate.gelu() * up);
}

/// One map over all elements.
pub fn geglu2(gate: View, up: View, y: View) {
    let (gate, up) = (gate.load().to(F32), up.load().to(F32)); // [n]
    y.store(gate.gelu_tanh() * up);
}

/// One map over all elements.
pub fn geglu2_erf(gate: View, up: View, y: View) {
    let (gate, up) = (gate.load().to(F32), up.load().to(F32)); // [n]
    y.store(gate.gelu() * up);
}

/// One program a row.
pub fn bias_geglu(k: &mut Kernel, x: View, bias: View, y: View) {
    let row = k.program();
    let gate = x.row(row).part(0, 2).load().to(F32) + bias.part(0, 2).load().to(F32); // [cols]
    let up = x.row(row).part(1, 2).load().to(F32) + bias.part(1, 2).load().to(F32); // [cols]
    y.row(row).store(gate.gelu_tanh() * up);
}
