//! Soft-capping, which keeps logits inside ±cap: `y = cap tanh(x / cap)` (Gemma 2, 2024,
//! <https://arxiv.org/abs/2408.00118>).

use crate::cases::ELEMENTS;
use crate::{Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::Tile;

/// The catalog's row.
pub static SOFTCAP: Entry = Entry {
    name: "softcap",
    family: Family::Activation,
    summary: "values kept inside a bound by tanh",
    formula: "y = cap tanh(x / cap)",
    signature: "x: T[*n], cap: f32 = 30 -> y: T[*n]",
    build: |_, a| a["y"].store(softcap(a["x"].load().to(F32), a.scalar("cap"))),
    reference: |a| vec![a.tensor("x").iter().map(|x| softcap_f64(*x, a.scalar("cap"))).collect()],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ELEMENTS,
    flops: None,
};

/// One element in f64.
pub(crate) fn softcap_f64(x: f64, cap: f64) -> f64 {
    cap * (x / cap).tanh()
}

/// Every element inside ±cap.
pub fn softcap(t: Tile, cap: Tile) -> Tile {
    (t / cap).tanh() * cap
}
