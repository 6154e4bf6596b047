//! Attention of many queries over many keys, grouped heads, as in prefill and training forward:
//! `out[b, h, i] = Σ_j p_j values[b, h / group, j]` with `p = softmax_j(scale q[b, h, i] · keys[b, h / group, j])`.
//!
//! The last query stands at the last key: query i at position i + keys - queries. With `causal` = 1 a query sees the
//! keys up to its own position; of these the last `window`, which is all by default. A query that sees no key gives
//! zeros. Blocks of keys that no query of a block sees are skipped, not computed and masked.

use crate::attention_gradient::{ATTENTION_GRADIENT, ATTENTION_SOFTCAP_GRADIENT};
use crate::online_softmax::OnlineSoftmax;
use crate::softcap::{softcap, softcap_f64};
use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static ATTENTION: Entry = Entry {
    name: "attention",
    family: Family::Attention,
    summary: "attention of many queries, causal with an optional window or full, grouped heads",
    formula: "out[b, h, i] = Σ_j softmax_j(scale q[b, h, i] · keys[b, h/group, j]) values[b, h/group, j], \
              causal: i + keys - queries - window < j <= i + keys - queries",
    signature: "q: T[batch, group*kv_heads, queries, head_dim], keys: T[batch, kv_heads, length, head_dim], \
                values: T[batch, kv_heads, length, head_dim], scale: f32, window: i32 = 2147483647 \
                -> out: T[batch, group*kv_heads, queries, head_dim]",
    build: attention,
    reference: |a| attention_f64(a, |score| score),
    grad: Grad::By(ATTENTION_GRADIENT),
    dtypes: &[F32, F16, BF16],
    constants: &[("head_dim", 128), ("group", 4), ("causal", 1)],
    fills: &[],
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 1), ("length", 1)])
            .with(&[("head_dim", 1), ("group", 1)])
            .scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 2), ("kv_heads", 2), ("queries", 13), ("length", 67)])
            .with(&[("head_dim", 24), ("group", 3)])
            .scalars(&[("scale", 0.2)]),
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 131), ("length", 131)])
            .with(&[("head_dim", 16), ("group", 2)])
            .scalars(&[("scale", 0.25), ("window", 5.0)]),
        Case::of(&[("batch", 2), ("kv_heads", 1), ("queries", 70), ("length", 130)])
            .with(&[("head_dim", 8), ("group", 2), ("causal", 0)])
            .scalars(&[("scale", 0.3)]),
        // The first queries stand before the first key.
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 9), ("length", 5)])
            .with(&[("head_dim", 8), ("group", 1)])
            .scalars(&[("scale", 0.3)]),
        // Few elements in large tiles, for which a GPU may have no room beside each other.
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 3), ("length", 7)])
            .with(&[("head_dim", 256), ("group", 2)])
            .scalars(&[("scale", 0.06)]),
        // Heads of 64, 128 and 256 features, for which targets have ways of their own.
        Case::of(&[("batch", 1), ("kv_heads", 2), ("queries", 150), ("length", 200)])
            .with(&[("head_dim", 64), ("group", 2)])
            .scalars(&[("scale", 0.125), ("window", 90.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 131), ("length", 170)])
            .with(&[("head_dim", 256), ("group", 2)])
            .scalars(&[("scale", 0.0625)]),
        Case::of(&[("batch", 2), ("kv_heads", 2), ("queries", 150), ("length", 333)])
            .with(&[("group", 2)])
            .scalars(&[("scale", 0.09), ("window", 100.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 140), ("length", 70)])
            .with(&[("group", 1)])
            .scalars(&[("scale", 0.2)]),
        // Many heads: targets may take few and many in different ways.
        Case::of(&[("batch", 3), ("kv_heads", 41), ("queries", 2), ("length", 50)])
            .with(&[("head_dim", 256), ("group", 1)])
            .scalars(&[("scale", 0.0625)]),
        Case::of(&[("batch", 1), ("kv_heads", 2), ("queries", 3), ("length", 0)])
            .scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 8), ("queries", 1024), ("length", 1024)])
            .scalars(&[("scale", 0.08838834764831845)])
            .bench(),
    ],
    flops: Some(|a| {
        let scores = (a.size("queries") * a.size("length")) as f64;
        let heads = (a.size("batch") * a.size("group") * a.size("kv_heads")) as f64;
        let seen = if a.size("causal") != 0 { 0.5 } else { 1.0 };
        4.0 * heads * scores * a.size("head_dim") as f64 * seen
    }),
};

/// The catalog's row with soft-capped scores.
pub static ATTENTION_SOFTCAP: Entry = Entry {
    name: "attention_softcap",
    summary: "attention of many queries whose scores are soft-capped",
    formula: "attention with the scores softcap tanh(scale q · keys / softcap)",
    signature: "q: T[batch, group*kv_heads, queries, head_dim], keys: T[batch, kv_heads, length, head_dim], \
                values: T[batch, kv_heads, length, head_dim], scale: f32, softcap: f32 = 50, \
                window: i32 = 2147483647 -> out: T[batch, group*kv_heads, queries, head_dim]",
    build: attention_softcap,
    reference: |a| attention_f64(a, |score| softcap_f64(score, a.scalar("softcap"))),
    grad: Grad::By(ATTENTION_SOFTCAP_GRADIENT),
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 1), ("length", 1)])
            .with(&[("head_dim", 1), ("group", 1)])
            .scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 2), ("kv_heads", 2), ("queries", 13), ("length", 67)])
            .with(&[("head_dim", 24), ("group", 3)])
            .scalars(&[("scale", 0.2), ("softcap", 2.0), ("window", 5.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 2), ("queries", 150), ("length", 200)])
            .with(&[("head_dim", 64), ("group", 2)])
            .scalars(&[("scale", 0.125), ("softcap", 3.0), ("window", 90.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 1), ("queries", 131), ("length", 170)])
            .with(&[("head_dim", 256), ("group", 2)])
            .scalars(&[("scale", 0.0625)]),
        Case::of(&[("batch", 1), ("kv_heads", 41), ("queries", 2), ("length", 50)])
            .with(&[("head_dim", 64), ("group", 3)])
            .scalars(&[("scale", 0.125), ("softcap", 1.0), ("window", 40.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 2), ("queries", 3), ("length", 0)])
            .scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 8), ("queries", 1024), ("length", 1024)])
            .scalars(&[("scale", 0.08838834764831845)])
            .bench(),
    ],
    ..ATTENTION
};

/// Queries that one program computes.
pub(crate) const QUERIES: usize = 64;
/// Keys that one round of the loop takes.
pub(crate) const KEYS: usize = 64;

/// Attention in f64, one query after the other; `shape` is what becomes of a score.
fn attention_f64(a: &Inputs, shape: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let (dim, queries, length) = (a.size("head_dim"), a.size("queries"), a.size("length"));
    let (group, causal) = (a.size("group"), a.size("causal") != 0);
    let (keys, values) = (a.tensor("keys"), a.tensor("values"));
    let (scale, window) = (a.scalar("scale"), a.scalar("window"));
    let mut out = Vec::new();
    for (row, q) in a.rows("q", dim).enumerate() {
        // Rows of q count [batch, head, query], and batch * heads + head divided by the group is the head of the keys.
        let (head, query) = (row / queries / group, row % queries);
        let position = query as f64 + length as f64 - queries as f64;
        let sees = |j: &usize| {
            let distance = position - *j as f64;
            !causal || (0.0 <= distance && distance < window)
        };
        let seen: Vec<usize> = (0..length).filter(sees).collect();
        let score = |j: &usize| {
            let key = &keys[(head * length + j) * dim..][..dim];
            let dot: f64 = q.iter().zip(key).map(|(q, k)| q * k).sum();
            shape(scale * dot)
        };
        let scores: Vec<f64> = seen.iter().map(score).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        let mut mixed = vec![0.0; dim];
        for (j, score) in seen.iter().zip(scores) {
            let weight = (score - max).exp() / sum;
            let value = &values[(head * length + j) * dim..][..dim];
            mixed.iter_mut().zip(value).for_each(|(m, v)| *m += weight * v);
        }
        out.extend(mixed);
    }
    vec![out]
}

/// One program a block of queries of one head.
pub fn attention(k: &mut Kernel, a: &Args) {
    attention_of(k, a, |scores| scores);
}

/// One program a block of queries of one head.
pub fn attention_softcap(k: &mut Kernel, a: &Args) {
    attention_of(k, a, |scores| softcap(scores, a.scalar("softcap")));
}

fn attention_of(k: &mut Kernel, a: &Args, shape: impl Fn(Tile) -> Tile) {
    let (batch, head) = (k.program(), k.program());
    let out = a["out"].row(batch).row(head); // [queries, head_dim]
    let first = k.blocks(out.size(0), QUERIES);
    out.rows(first, QUERIES).store(attend(k, a, [batch, head, first], shape).mean());
}

/// The softmax-weighted sum for a block of queries of a head; `shape` is what becomes of a block of scores.
pub(crate) fn attend(
    k: &mut Kernel,
    a: &Args,
    [batch, head, first]: [Tile; 3],
    shape: impl Fn(Tile) -> Tile,
) -> OnlineSoftmax {
    let q = a["q"].row(batch).row(head).rows(first, QUERIES).load(); // [QUERIES, head_dim]
    let (keys, values) = keys_and_values(a, batch, head / a.constant("group"));
    let attended = OnlineSoftmax::new(k, QUERIES, a.constant("head_dim"));
    let (start, end) = keys_seen(k, a, first);
    for block in k.range_step(start, end, KEYS) {
        let scores = q.dot(keys.rows(block, KEYS).load().transpose());
        let scores = shape(scores * a.scalar("scale"));
        let scores = seen(k, a, first, block).select(scores, f64::NEG_INFINITY);
        attended.absorb(scores, values.rows(block, KEYS).load());
    }
    attended
}

/// The keys and values of a head, [length, head_dim].
pub(crate) fn keys_and_values(a: &Args, batch: Tile, kv_head: Tile) -> (View, View) {
    (a["keys"].row(batch).row(kv_head), a["values"].row(batch).row(kv_head))
}

/// The position of query 0 among the keys; negative when there are more queries than keys.
pub(crate) fn offset(a: &Args) -> Tile {
    a["keys"].size(2).tile() - a["q"].size(2)
}

/// How many keys a query sees at most; a sum with a position still fits an i32.
pub(crate) fn window(a: &Args) -> Tile {
    a.scalar("window").min(1 << 30)
}

/// Start and end of the blocks of keys of which some query of the block from `first` on may see one.
pub(crate) fn keys_seen(k: &Kernel, a: &Args, first: Tile) -> (Tile, Tile) {
    let length = a["keys"].size(2).tile();
    if a.constant("causal") == 0 {
        return (k.full(I32, &[], 0), length);
    }
    let position = first + offset(a);
    let start = (position - window(a) + 1).max(0) / KEYS * KEYS;
    (start, length.min(position + QUERIES))
}

/// Which keys of a block which queries of a block see, bool[QUERIES, KEYS].
pub(crate) fn seen(k: &Kernel, a: &Args, first_query: Tile, first_key: Tile) -> Tile {
    let key = k.iota(KEYS) + first_key;
    let inside = key.lt(a["keys"].size(2));
    if a.constant("causal") == 0 {
        return inside.broadcast_to(&[QUERIES.into(), KEYS.into()]);
    }
    let position = (k.iota(QUERIES) + first_query + offset(a)).column(); // [QUERIES, 1]
    inside & key.le(position) & (position - key).lt(window(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_vectors() {
        let case = Inputs::default()
            .with_size("head_dim", 2)
            .with_size("queries", 3)
            .with_size("length", 3)
            .with_size("group", 2)
            .with_size("causal", 1)
            .with_scalar("scale", 0.5f64.sqrt())
            .with_scalar("window", 2147483647.0)
            .with_tensor("q", &[1., 0., 1., 1., 0., 2., 0., 1., 1., -1., 2., 0.])
            .with_tensor("keys", &[1., 0., 0., 1., 1., 1.])
            .with_tensor("values", &[1., 2., 3., 4., 5., 6.]);
        let check = |case: &Inputs, head: usize, query: usize, expected: [f64; 2]| {
            let out = attention_f64(case, |score| score).remove(0);
            let found = &out[(head * 3 + query) * 2..][..2];
            let close = found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-6);
            assert!(close, "head {head}, query {query}: {found:?} is not {expected:?}");
        };
        check(&case, 0, 0, [1.0, 2.0]);
        check(&case, 1, 0, [1.0, 2.0]);
        check(&case, 0, 1, [2.0, 3.0]);
        check(&case, 1, 1, [1.3911406, 2.3911406]);
        check(&case, 0, 2, [3.6748496, 4.6748496]);
        check(&case, 1, 2, [3.0, 4.0]);
        let windowed = case.with_scalar("window", 2.0);
        check(&windowed, 0, 2, [4.0, 5.0]);
        check(&windowed, 1, 2, [4.6088594, 5.6088594]);
    }
}
