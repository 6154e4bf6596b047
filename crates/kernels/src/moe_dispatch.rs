//! Copies each token to its k experts: `y[t, j] = x[t]`. Which expert slot j stands for is the router's business.

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static MOE_DISPATCH: Entry = Entry {
    name: "moe_dispatch",
    family: Family::Moe,
    summary: "each token once for each of its k experts",
    formula: "y[t, j] = x[t]",
    signature: "x: T[*tokens, cols] -> y: T[*tokens, k, cols]",
    build: |k, a| moe_dispatch(k, a["x"], a["y"]),
    reference: dispatch_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[],
    cases: &[
        Case::of(&[("tokens", 1), ("cols", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("cols", 7)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 5), ("cols", 257)]),
        Case::of(&[("tokens", 0), ("cols", 8)]),
        Case::of(&[("tokens", 512), ("cols", 2048)]).bench(),
    ],
    flops: None,
};

/// Copies in f64.
fn dispatch_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let rows = a.rows("x", a.size("cols"));
    vec![rows.flat_map(|row| std::iter::repeat_n(row, a.size("k")).flatten().copied()).collect()]
}

/// One program a token.
pub fn moe_dispatch(k: &mut Kernel, x: View, y: View) {
    let token = k.program();
    y.row(token).store(x.row(token).load()); // [cols] to [k, cols]
}
