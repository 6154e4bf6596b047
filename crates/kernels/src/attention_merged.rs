//! [`crate::attention`] with the heads of a query side by side in the result, `[batch, queries, heads, head_dim]`, as
//! the projection after it reads them: what [`crate::merge_heads`] would make of it in a pass of its own.

use crate::attention::{ATTENTION, ATTENTION_SOFTCAP, QUERIES, attend};
use crate::attention_gradient::{ATTENTION_MERGED_GRADIENT, ATTENTION_MERGED_SOFTCAP_GRADIENT};
use crate::softcap::softcap;
use crate::{Entry, Grad, Inputs};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static ATTENTION_MERGED: Entry = Entry {
    name: "attention_merged",
    summary: "attention of many queries, the heads of each side by side in the result",
    formula: "out[b, i, h] = Σ_j softmax_j(scale q[b, h, i] · keys[b, h/group, j]) values[b, h/group, j], \
              causal: i + keys - queries - window < j <= i + keys - queries",
    signature: "q: T[batch, group*kv_heads, queries, head_dim], keys: T[batch, kv_heads, length, head_dim], \
                values: T[batch, kv_heads, length, head_dim], scale: f32, window: i32 = 2147483647 \
                -> out: T[batch, queries, group*kv_heads, head_dim]",
    build: attention_merged,
    reference: |a| merged_f64(a, (ATTENTION.reference)(a)),
    grad: Grad::By(ATTENTION_MERGED_GRADIENT),
    ..ATTENTION
};

/// The catalog's row with soft-capped scores.
pub static ATTENTION_MERGED_SOFTCAP: Entry = Entry {
    name: "attention_merged_softcap",
    summary: "attention of many queries with soft-capped scores, the heads of each side by side in the result",
    formula: "attention_merged with the scores softcap tanh(scale q · keys / softcap)",
    signature: "q: T[batch, group*kv_heads, queries, head_dim], keys: T[batch, kv_heads, length, head_dim], \
                values: T[batch, kv_heads, length, head_dim], scale: f32, softcap: f32 = 50, \
                window: i32 = 2147483647 -> out: T[batch, queries, group*kv_heads, head_dim]",
    build: attention_merged_softcap,
    reference: |a| merged_f64(a, (ATTENTION_SOFTCAP.reference)(a)),
    grad: Grad::By(ATTENTION_MERGED_SOFTCAP_GRADIENT),
    ..ATTENTION_SOFTCAP
};

/// The rows `[batch, heads, queries]` of attention's result in the order `[batch, queries, heads]`.
fn merged_f64(a: &Inputs, out: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let (dim, queries) = (a.size("head_dim"), a.size("queries"));
    let heads = a.size("group") * a.size("kv_heads");
    let mut merged = vec![0.0; out[0].len()];
    for (row, mixed) in out[0].chunks(dim.max(1)).enumerate() {
        let (batch, head, query) = (row / queries / heads, row / queries % heads, row % queries);
        let start = ((batch * queries + query) * heads + head) * dim;
        merged[start..start + dim].copy_from_slice(mixed);
    }
    vec![merged]
}

/// One program a block of queries of one head.
pub fn attention_merged(k: &mut Kernel, a: &Args) {
    merged(k, a, |scores| scores);
}

/// One program a block of queries of one head.
pub fn attention_merged_softcap(k: &mut Kernel, a: &Args) {
    merged(k, a, |scores| softcap(scores, a.scalar("softcap")));
}

fn merged(k: &mut Kernel, a: &Args, shape: impl Fn(Tile) -> Tile) {
    let (batch, head) = (k.program(), k.programs(a["q"].size(1)));
    let first = k.blocks(a["q"].size(2), QUERIES);
    let mixed = attend(k, a, [batch, head, first], shape).mean(); // [QUERIES, head_dim]
    a["out"].row(batch).rows(first, QUERIES).row(head).store(mixed);
}
