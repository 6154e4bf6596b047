//! Attention of one new token a sequence over its cache of keys and values, grouped heads (Ainslie et al., 2023,
//! <https://arxiv.org/abs/2305.13245>): `out[b, h] = Σ_t p_t values[b, h / group, t]` over `t < lens[b]`, with
//! `p = softmax_t(scale q[b, h] · keys[b, h / group, t])`.
//!
//! The caches are `[batch, kv_heads, max_len, head_dim]`, so that the keys of a head lie one after the other. How much
//! of them counts is a run-time value, `lens`: a sequence grows without a new recording. A length beyond max_len
//! counts as max_len; of length 0 or less the result is 0. What lies in the caches past the length is never used.
//! `group` query heads share a key head and are computed together, so that the cache is read once.

use crate::online_softmax::OnlineSoftmax;
use crate::softcap::{softcap, softcap_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static DECODE_ATTENTION: Entry = Entry {
    name: "decode_attention",
    family: Family::Attention,
    summary: "attention of one token a sequence over its cache, grouped heads",
    formula: "out[b, h] = Σ_t softmax_t(scale q[b, h] · keys[b, h/group, t]) values[b, h/group, t], \
              lens[b] - window <= t < lens[b]",
    signature: "q: T[batch, group*kv_heads, head_dim], keys: T[batch, kv_heads, max_len, head_dim], \
                values: T[batch, kv_heads, max_len, head_dim], lens: i32[batch], scale: f32, \
                window: i32 = 2147483647 -> out: T[batch, group*kv_heads, head_dim]",
    build: decode_attention,
    reference: |a| decode_attention_f64(a, |score| score),
    grad: Grad::None(
        "decoding is not trained through; the state carried round its loop has no gradient rule",
    ),
    dtypes: &[F32, F16, BF16],
    constants: &[("head_dim", 128), ("group", 4)],
    fills: &[("lens", Fill::Index("max_len"))],
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("max_len", 1)])
            .with(&[("head_dim", 1), ("group", 1)])
            .scalars(&[("scale", 1.0)])
            .fills(&[("lens", Fill::Size("max_len"))]),
        Case::of(&[("batch", 1), ("kv_heads", 1), ("max_len", 9)])
            .scalars(&[("scale", 0.09)])
            .fills(&[("lens", Fill::Size("max_len"))]),
        Case::of(&[("batch", 3), ("kv_heads", 2), ("max_len", 67)])
            .with(&[("head_dim", 24), ("group", 5)])
            .scalars(&[("scale", 0.2)]),
        Case::of(&[("batch", 2), ("kv_heads", 3), ("max_len", 1000)])
            .with(&[("head_dim", 64), ("group", 1)])
            .scalars(&[("scale", 0.125)]),
        Case::of(&[("batch", 2), ("kv_heads", 2), ("max_len", 8)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Integer(0))]),
        Case::of(&[("batch", 4), ("kv_heads", 1), ("max_len", 200)])
            .with(&[("head_dim", 16), ("group", 2)])
            .scalars(&[("scale", 0.25), ("window", 70.0)]),
        Case::of(&[("batch", 0), ("kv_heads", 2), ("max_len", 8)]).scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 8), ("max_len", 4096)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Size("max_len"))])
            .bench(),
    ],
    flops: Some(|a| {
        let heads = (a.size("batch") * a.size("group") * a.size("kv_heads")) as f64;
        4.0 * heads * (a.size("max_len") * a.size("head_dim")) as f64
    }),
};

/// The catalog's row with soft-capped scores.
pub static DECODE_ATTENTION_SOFTCAP: Entry = Entry {
    name: "decode_attention_softcap",
    summary: "attention of one token a sequence whose scores are soft-capped",
    formula: "decode_attention with the scores softcap tanh(scale q · keys / softcap)",
    signature: "q: T[batch, group*kv_heads, head_dim], keys: T[batch, kv_heads, max_len, head_dim], \
                values: T[batch, kv_heads, max_len, head_dim], lens: i32[batch], scale: f32, \
                softcap: f32 = 50, window: i32 = 2147483647 -> out: T[batch, group*kv_heads, head_dim]",
    build: decode_attention_softcap,
    reference: |a| decode_attention_f64(a, |score| softcap_f64(score, a.scalar("softcap"))),
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("max_len", 1)])
            .with(&[("head_dim", 1), ("group", 1)])
            .scalars(&[("scale", 1.0)])
            .fills(&[("lens", Fill::Size("max_len"))]),
        Case::of(&[("batch", 3), ("kv_heads", 2), ("max_len", 167)])
            .with(&[("head_dim", 24), ("group", 5)])
            .scalars(&[("scale", 0.2), ("softcap", 2.0), ("window", 70.0)]),
        Case::of(&[("batch", 0), ("kv_heads", 2), ("max_len", 8)]).scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 8), ("max_len", 4096)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Size("max_len"))])
            .bench(),
    ],
    ..DECODE_ATTENTION
};

/// Positions of the cache that one round of the loop takes.
pub(crate) const KEYS: usize = 64;

/// Attention in f64, one head after the other; `shape` is what becomes of a score.
pub(crate) fn decode_attention_f64(a: &Inputs, shape: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let (dim, max_len, kv_heads) = (a.size("head_dim"), a.size("max_len"), a.size("kv_heads"));
    let heads = a.size("group") * kv_heads;
    let (keys, values) = (a.tensor("keys"), a.tensor("values"));
    let mut out = Vec::new();
    for (row, q) in a.rows("q", dim).enumerate() {
        let (batch, head) = (row / heads, row % heads);
        let first = (batch * kv_heads + head / a.size("group")) * max_len;
        let length = (a.tensor("lens")[batch].max(0.0) as usize).min(max_len);
        let cached = |cache: &[f64], t: usize| cache[(first + t) * dim..][..dim].to_vec();
        let dot = |k: Vec<f64>| q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>();
        let start = (length as f64 - a.scalar("window")).max(0.0) as usize;
        let scores: Vec<f64> =
            (start..length).map(|t| shape(a.scalar("scale") * dot(cached(keys, t)))).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        let mut mixed = vec![0.0; dim];
        for (t, score) in (start..length).zip(&scores) {
            let weight = (score - max).exp() / sum;
            mixed.iter_mut().zip(cached(values, t)).for_each(|(m, v)| *m += weight * v);
        }
        out.extend(mixed);
    }
    vec![out]
}

/// One program the query heads of one key head.
pub fn decode_attention(k: &mut Kernel, a: &Args) {
    decode_attention_of(k, a, |scores| scores);
}

/// One program the query heads of one key head.
pub fn decode_attention_softcap(k: &mut Kernel, a: &Args) {
    decode_attention_of(k, a, |scores| softcap(scores, a.scalar("softcap")));
}

fn decode_attention_of(k: &mut Kernel, a: &Args, shape: impl Fn(Tile) -> Tile) {
    let group = a.constant("group");
    let (batch, kv_head) = (k.program(), k.programs(a["keys"].size(1)));
    let q = a["q"].row(batch).rows(kv_head * group, group); // [group, head_dim]
    let caches = ["keys", "values"].map(|name| a[name].row(batch).row(kv_head)); // [max_len, head_dim]
    attend(k, a, [batch, kv_head], q.load().to(F32), caches, shape);
}

/// The queries `q` `[group, head_dim]` of a key head over its keys and values.
pub(crate) fn attend(
    k: &mut Kernel,
    a: &Args,
    [batch, kv_head]: [Tile; 2],
    q: Tile,
    [keys, values]: [View; 2],
    shape: impl Fn(Tile) -> Tile,
) {
    let (group, head_dim) = (a.constant("group"), a.constant("head_dim"));
    let length = a["lens"].at(batch).load().min(keys.size(0));
    let scaled = q * a.scalar("scale");
    let attended = OnlineSoftmax::new(k, group, head_dim);
    let oldest = (length - a.scalar("window")).max(0);
    for start in k.range_step(oldest / KEYS * KEYS, length, KEYS) {
        let position = k.iota(KEYS) + start;
        let inside = position.ge(oldest) & position.lt(length); // [KEYS]
        let scores = shape(scaled.dot(keys.rows(start, KEYS).load().to(F32).transpose()));
        // What was left in the cache past the length may be anything, also NaN, which 0 does not cancel.
        let values = inside.column().select(values.rows(start, KEYS).load().to(F32), 0.0);
        attended.absorb(inside.select(scores, f64::NEG_INFINITY), values);
    }
    a["out"].row(batch).rows(kv_head * group, group).store(attended.mean());
}
