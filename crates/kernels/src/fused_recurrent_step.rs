//! One step of a recurrence in depth: a gated, normalized, activated update of the hidden state.
//!
//! ```text
//! y = h + alpha silu(h / sqrt(mean h² + eps) weight) gate
//! ```
//! h, gate, y: `[*rows, cols]`; weight: `[cols]`; alpha is a run-time value, and 0 makes y = h.

use crate::activation::silu_f64;
use crate::cases::ROWS;
use crate::rmsnorm::{rms_normalized, rms_normalized_f64};
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row.
pub static FUSED_RECURRENT_STEP: Entry = Entry {
    name: "fused_recurrent_step",
    family: Family::Norm,
    summary: "gated update of a hidden state by silu of its norm",
    formula: "y = h + alpha silu(rmsnorm(h) weight) gate",
    signature: "h: T[*rows, cols], weight: T[cols], gate: T[*rows, cols], alpha: f32 = 0.1, \
                eps: f32 = 1e-6 -> y: T[*rows, cols]",
    build: |k, a| {
        let (alpha, eps) = (a.scalar("alpha"), a.scalar("eps"));
        fused_recurrent_step(k, a["h"], a["weight"], a["gate"], alpha, eps, a["y"]);
    },
    reference: fused_recurrent_step_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Each row in f64.
fn fused_recurrent_step_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let cols = a.size("cols");
    let (weight, alpha) = (a.tensor("weight"), a.scalar("alpha"));
    let mut y = Vec::new();
    for (h, gate) in a.rows("h", cols).zip(a.rows("gate", cols)) {
        let normalized = rms_normalized_f64(h, a.scalar("eps"));
        let update = |i: usize| alpha * silu_f64(normalized[i] * weight[i]) * gate[i];
        y.extend((0..cols).map(|i| h[i] + update(i)));
    }
    vec![y]
}

/// One program a row.
pub fn fused_recurrent_step(
    k: &mut Kernel,
    h: View,
    weight: View,
    gate: View,
    alpha: Tile,
    eps: Tile,
    y: View,
) {
    let row = k.program();
    let t = h.row(row).load().to(F32); // [cols]
    let candidate = (rms_normalized(t, eps) * weight.load().to(F32)).silu(); // [cols]
    y.row(row).store(t + alpha * candidate * gate.row(row).load().to(F32));
}
