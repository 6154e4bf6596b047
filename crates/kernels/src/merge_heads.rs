//! The way back from attention: the results of a token's heads side by side, `y[b, t, h] = x[b, h, t]`.

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static MERGE_HEADS: Entry = Entry {
    name: "merge_heads",
    family: Family::Attention,
    summary: "the results of a token's heads side by side",
    formula: "y[b, t, h] = x[b, h, t]",
    signature: "x: T[batch, heads, tokens, head_dim] -> y: T[batch, tokens, heads, head_dim]",
    build: |k, a| merge_heads(k, a["x"], a["y"]),
    reference: merge_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("batch", 1), ("heads", 1), ("tokens", 1), ("head_dim", 1)]),
        Case::of(&[("batch", 2), ("heads", 3), ("tokens", 5), ("head_dim", 7)]),
        Case::of(&[("batch", 1), ("heads", 4), ("tokens", 0), ("head_dim", 8)]),
        Case::of(&[("batch", 1), ("heads", 32), ("tokens", 2048), ("head_dim", 128)]).bench(),
    ],
    flops: None,
};

/// Copies in f64.
fn merge_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (heads, tokens, dim) = (a.size("heads"), a.size("tokens"), a.size("head_dim"));
    let mut y = vec![0.0; a.tensor("x").len()];
    for (row, x) in a.rows("x", dim).enumerate() {
        let (batch, head, token) = (row / tokens / heads, row / tokens % heads, row % tokens);
        y[((batch * tokens + token) * heads + head) * dim..][..dim].copy_from_slice(x);
    }
    vec![y]
}

/// One program a token and head.
pub fn merge_heads(k: &mut Kernel, x: View, y: View) {
    let (batch, token, head) = (k.program(), k.programs(x.size(2)), k.programs(x.size(1)));
    y.row(batch).row(token).row(head).store(x.row(batch).row(head).row(token).load());
}
