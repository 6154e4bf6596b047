//! What lies between the projections of an attention layer for one new token a sequence, as one kernel: queries and
//! keys are turned (and normed before that, as in Qwen 3), keys and values appended to the caches in place, as
//! [`crate::qkv_rope_cache`] does it, and the queries attend over the caches, as [`crate::decode_attention`] does it.
//!
//! Token b is the next one of sequence b and stands at `positions[b]` in it. Heads are rounded to the storage type
//! where the kernels that this one replaces round them.

use crate::apply_gqa_rope::unturned;
use crate::apply_rope::rotate;
use crate::decode_attention::{DECODE_ATTENTION, attend, decode_attention_f64};
use crate::qkv_rope_cache::{append_f64, normed_head, normed_head_f64};
use crate::{Case, Entry, Fill, Grad, Inputs};
use tilewright_ir::DType::F32;
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static ROPE_DECODE_ATTENTION: Entry = Entry {
    name: "rope_decode_attention",
    summary: "turns a token's queries and keys, appends to the caches, and attends over them",
    formula: "k_cache[b, h, positions[b]] = rope(k[b, h]); v_cache[b, h, positions[b]] = v[b, h]; \
              out = decode_attention(rope(q), k_cache, v_cache, lens)",
    signature: "q: T[batch, group*kv_heads, head_dim], k: T[batch, kv_heads, head_dim], \
                v: T[batch, kv_heads, head_dim], cos: f32[length, half], sin: f32[length, half], \
                positions: i32[batch], lens: i32[batch], \
                k_cache: &T[batch, kv_heads, max_len, head_dim], \
                v_cache: &T[batch, kv_heads, max_len, head_dim], \
                scale: f32, window: i32 = 2147483647 -> out: T[batch, group*kv_heads, head_dim]",
    build: |k, a| turned(k, a, |_, head, [start, len]| head.range(start, len).load().to(F32)),
    reference: |a| reference(a, |_, head| head.to_vec()),
    grad: Grad::None("an update in place is not a function of its inputs"),
    constants: &[("head_dim", 128), ("half", 64), ("group", 4)],
    fills: &[
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
        ("positions", Fill::Permutation),
        ("lens", Fill::Index("max_len")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("max_len", 1), ("length", 1)])
            .with(&[("head_dim", 2), ("half", 1), ("group", 1)])
            .scalars(&[("scale", 1.0)])
            .fills(&[("lens", Fill::Size("max_len"))]),
        Case::of(&[("batch", 3), ("kv_heads", 2), ("max_len", 67), ("length", 67)])
            .with(&[("head_dim", 24), ("half", 10), ("group", 3)])
            .scalars(&[("scale", 0.2)])
            .fills(&[("lens", Fill::Size("max_len"))]),
        Case::of(&[("batch", 4), ("kv_heads", 1), ("max_len", 200), ("length", 200)])
            .with(&[("head_dim", 16), ("half", 8), ("group", 2)])
            .scalars(&[("scale", 0.25), ("window", 70.0)]),
        Case::of(&[("batch", 0), ("kv_heads", 2), ("max_len", 8), ("length", 8)])
            .scalars(&[("scale", 1.0)]),
        Case::of(&[("batch", 1), ("kv_heads", 8), ("max_len", 1024), ("length", 1024)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Size("max_len"))])
            .bench(),
    ],
    flops: None,
    ..DECODE_ATTENTION
};

/// The catalog's row with norms of the heads.
pub static NORM_ROPE_DECODE_ATTENTION: Entry = Entry {
    name: "norm_rope_decode_attention",
    summary: "norms and turns a token's queries and keys, appends to the caches, and attends over them",
    formula: "k_cache[b, h, positions[b]] = rope(rmsnorm(k[b, h], k_weight)); \
              v_cache[b, h, positions[b]] = v[b, h]; \
              out = decode_attention(rope(rmsnorm(q, q_weight)), k_cache, v_cache, lens)",
    signature: "q: T[batch, group*kv_heads, head_dim], k: T[batch, kv_heads, head_dim], \
                v: T[batch, kv_heads, head_dim], q_weight: T[head_dim], k_weight: T[head_dim], \
                cos: f32[length, half], sin: f32[length, half], \
                positions: i32[batch], lens: i32[batch], \
                k_cache: &T[batch, kv_heads, max_len, head_dim], \
                v_cache: &T[batch, kv_heads, max_len, head_dim], \
                scale: f32, window: i32 = 2147483647, eps: f32 = 1e-6 \
                -> out: T[batch, group*kv_heads, head_dim]",
    build: |k, a| turned(k, a, |name, head, range| normed_head(a, name, head, range)),
    reference: |a| reference(a, |name, head| normed_head_f64(a, name, head)),
    ..ROPE_DECODE_ATTENTION
};

/// The caches, and the mixtures of their values.
fn reference(a: &Inputs, prepare: impl Fn(&str, &[f64]) -> Vec<f64>) -> Vec<Vec<f64>> {
    let slots: Vec<f64> = (0..a.size("batch")).map(|slot| slot as f64).collect();
    let mut all = append_f64(&a.clone().with_tensor("slots", &slots), prepare);
    let turned = all.pop().unwrap_or_default();
    let after = a.clone().with_tensor("q", &turned);
    let after = after.with_tensor("keys", &all[0]).with_tensor("values", &all[1]);
    all.extend(decode_attention_f64(&after, |score| score));
    all
}

/// One program the query heads of one key head; `prepared` makes the features `start .. start + len` of heads of `q` or
/// `k`, before they turn.
fn turned(k: &mut Kernel, a: &Args, prepared: impl Fn(&str, View, [usize; 2]) -> Tile) {
    let (dim, half, group) = (a.constant("head_dim"), a.constant("half"), a.constant("group"));
    let (batch, kv_head) = (k.program(), k.programs(a["k"].size(1)));
    let position = a["positions"].at(batch).load();
    let (cos, sin) = (a["cos"].row(position).load(), a["sin"].row(position).load()); // [half]
    let dtype = a["q"].dtype();
    let rest = unturned(k, dim, half);
    // The whole heads, rounded.
    let turn = |name: &str, heads: View| {
        let part = |start, len| prepared(name, heads, [start, len]);
        let (first, second) = rotate(part(0, half), part(half, half), cos, sin);
        let mut whole = first.concat(second);
        if rest > 0 {
            whole = whole.concat(part(2 * half, rest));
        }
        whole.to(dtype)
    };
    let q = turn("q", a["q"].row(batch).rows(kv_head * group, group)); // [group, head_dim]
    let [keys, values] = ["k_cache", "v_cache"].map(|name| a[name].row(batch).row(kv_head));
    keys.row(position).store(turn("k", a["k"].row(batch).row(kv_head)));
    values.row(position).store(a["v"].row(batch).row(kv_head).load());
    attend(k, a, [batch, kv_head], q.to(F32), [keys, values], |scores| scores);
}
