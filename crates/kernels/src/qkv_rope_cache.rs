//! What lies between the projections of an attention layer and its softmax: queries and keys are turned by their
//! token's position (half-split, as [`crate::apply_gqa_rope`]), keys and values go into the caches, in place; with
//! `qkv_norm_rope_cache` each head of queries and keys is normed before it turns, as in Qwen 3.
//!
//! Tokens of one sequence (prefill) and of several (decode) come in any mixture: token t belongs to sequence
//! `slots[t]` and stands at `positions[t]` in it; two tokens must not share a place. The first `2*half` features of a
//! head turn, the others stay. A slot beyond the caches, or a position beyond them or the tables, is an error.
//!
//! Between norm and rotation a head is rounded to the storage type, so that the results are those of the three or five
//! kernels that this one replaces: [`crate::rmsnorm`], [`crate::apply_gqa_rope`] and [`crate::cache_update`].

use crate::apply_gqa_rope::unturned;
use crate::apply_rope::rotate;
use crate::rmsnorm::rms_normalized_f64;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static QKV_ROPE_CACHE: Entry = Entry {
    name: "qkv_rope_cache",
    family: Family::Rope,
    summary: "turns queries and keys of tokens, and appends keys and values to the caches in place",
    formula: "q_out = rope(q); k_cache[slots[t], h, positions[t]] = rope(k[t, h]); \
              v_cache[slots[t], h, positions[t]] = v[t, h]",
    signature: "q: T[tokens, group*kv_heads, head_dim], k: T[tokens, kv_heads, head_dim], \
                v: T[tokens, kv_heads, head_dim], cos: f32[length, half], sin: f32[length, half], \
                slots: i32[tokens], positions: i32[tokens], \
                k_cache: &T[batch, kv_heads, max_len, head_dim], \
                v_cache: &T[batch, kv_heads, max_len, head_dim] \
                -> q_out: T[tokens, group*kv_heads, head_dim]",
    build: qkv_rope_cache,
    reference: |a| append_f64(a, |_, head| head.to_vec()),
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[("head_dim", 128), ("half", 64), ("group", 4)],
    fills: &[
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
        ("slots", Fill::Index("batch")),
        ("positions", Fill::Permutation),
    ],
    cases: &[
        Case::of(&[("tokens", 1), ("kv_heads", 1), ("batch", 1), ("max_len", 1), ("length", 1)])
            .with(&[("head_dim", 2), ("half", 1), ("group", 1)]),
        Case::of(&[("tokens", 5), ("kv_heads", 3), ("batch", 2), ("max_len", 9), ("length", 7)])
            .with(&[("head_dim", 13), ("half", 5), ("group", 3)]),
        Case::of(&[("tokens", 3), ("kv_heads", 2), ("batch", 3), ("max_len", 4), ("length", 4)])
            .with(&[("head_dim", 32), ("half", 16)]),
        Case::of(&[("tokens", 0), ("kv_heads", 2), ("batch", 1), ("max_len", 4), ("length", 4)]),
        Case::of(&[
            ("tokens", 1),
            ("kv_heads", 8),
            ("batch", 1),
            ("max_len", 512),
            ("length", 512),
        ]),
        Case::of(&[
            ("tokens", 512),
            ("kv_heads", 8),
            ("batch", 1),
            ("max_len", 1024),
            ("length", 1024),
        ])
        .bench(),
    ],
    flops: None,
};

/// The catalog's row with norms of the heads.
pub static QKV_NORM_ROPE_CACHE: Entry = Entry {
    name: "qkv_norm_rope_cache",
    summary: "norms and turns heads of queries and keys, and appends keys and values to the caches in place",
    formula: "q_out = rope(rmsnorm(q, q_weight)); \
              k_cache[slots[t], h, positions[t]] = rope(rmsnorm(k[t, h], k_weight)); \
              v_cache[slots[t], h, positions[t]] = v[t, h]",
    signature: "q: T[tokens, group*kv_heads, head_dim], k: T[tokens, kv_heads, head_dim], \
                v: T[tokens, kv_heads, head_dim], q_weight: T[head_dim], k_weight: T[head_dim], \
                cos: f32[length, half], sin: f32[length, half], \
                slots: i32[tokens], positions: i32[tokens], \
                k_cache: &T[batch, kv_heads, max_len, head_dim], \
                v_cache: &T[batch, kv_heads, max_len, head_dim], eps: f32 = 1e-6 \
                -> q_out: T[tokens, group*kv_heads, head_dim]",
    build: qkv_norm_rope_cache,
    reference: |a| append_f64(a, |name, head| normed_head_f64(a, name, head)),
    ..QKV_ROPE_CACHE
};

/// The update in f64: copies of the caches with the rows of the new tokens replaced. `prepare` is what becomes of a head
/// of `q` or `k` before it turns.
pub(crate) fn append_f64(a: &Inputs, prepare: impl Fn(&str, &[f64]) -> Vec<f64>) -> Vec<Vec<f64>> {
    let (dim, half, kv_heads) = (a.size("head_dim"), a.size("half"), a.size("kv_heads"));
    let place = |name: &str, token: usize| a.tensor(name)[token] as usize;
    let turned = |name: &str, heads: usize| -> Vec<Vec<f64>> {
        let turn = |(number, head): (usize, &[f64])| {
            let mut head = prepare(name, head);
            for i in 0..half {
                let angle = place("positions", number / heads) * half + i;
                let (c, s) = (a.tensor("cos")[angle], a.tensor("sin")[angle]);
                let (first, second) = (head[i], head[i + half]);
                head[i] = first * c - second * s;
                head[i + half] = first * s + second * c;
            }
            head
        };
        a.rows(name, dim).enumerate().map(turn).collect()
    };
    let (mut k_cache, mut v_cache) = (a.tensor("k_cache").to_vec(), a.tensor("v_cache").to_vec());
    for (number, (key, value)) in turned("k", kv_heads).iter().zip(a.rows("v", dim)).enumerate() {
        let (token, head) = (number / kv_heads, number % kv_heads);
        let row = (place("slots", token) * kv_heads + head) * a.size("max_len");
        let start = (row + place("positions", token)) * dim;
        k_cache[start..start + dim].copy_from_slice(key);
        v_cache[start..start + dim].copy_from_slice(value);
    }
    vec![k_cache, v_cache, turned("q", a.size("group") * kv_heads).concat()]
}

/// One program a key head of a token, and the queries of that head.
pub fn qkv_rope_cache(k: &mut Kernel, a: &Args) {
    append(k, a, |_, head, [start, len]| head.range(start, len).load().to(F32));
}

/// One program a key head of a token, and the queries of that head.
pub fn qkv_norm_rope_cache(k: &mut Kernel, a: &Args) {
    append(k, a, |name, head, range| normed_head(a, name, head, range));
}

/// The features `start .. start + len` of normed heads of `q` or `k`, rounded to the storage type.
pub(crate) fn normed_head(a: &Args, name: &str, head: View, [start, len]: [usize; 2]) -> Tile {
    let square = head.load().to(F32).square().row_mean(); // one a head
    let weight = a[if name == "q" { "q_weight" } else { "k_weight" }].range(start, len);
    let normed = head.range(start, len).load().to(F32) * (square + a.scalar("eps")).rsqrt();
    (normed * weight.load().to(F32)).to(a["q"].dtype()).to(F32)
}

/// A normed head in f64.
pub(crate) fn normed_head_f64(a: &Inputs, name: &str, head: &[f64]) -> Vec<f64> {
    let weight = a.tensor(if name == "q" { "q_weight" } else { "k_weight" });
    let normed = rms_normalized_f64(head, a.scalar("eps"));
    normed.iter().zip(weight).map(|(x, w)| x * w).collect()
}

/// The update; `prepared` makes the features `start .. start + len` of heads of `q` or `k`, before they turn.
fn append(k: &mut Kernel, a: &Args, prepared: impl Fn(&str, View, [usize; 2]) -> Tile) {
    let (dim, half, group) = (a.constant("head_dim"), a.constant("half"), a.constant("group"));
    let (token, head) = (k.program(), k.programs(a["k"].size(1)));
    let (slot, position) = (a["slots"].at(token).load(), a["positions"].at(token).load());
    let (cos, sin) = (a["cos"].row(position).load(), a["sin"].row(position).load()); // [half]
    let cached = |name: &str| a[name].row(slot).row(head).row(position); // [head_dim]
    let rest = unturned(k, dim, half);
    let turn = |name: &str, from: View, to: View| {
        let part = |start, len| prepared(name, from, [start, len]);
        let (first, second) = rotate(part(0, half), part(half, half), cos, sin);
        to.range(0, half).store(first);
        to.range(half, half).store(second);
        if rest > 0 {
            to.range(2 * half, rest).store(part(2 * half, rest));
        }
    };
    let queries = |name: &str| a[name].row(token).rows(head * group, group); // [group, head_dim]
    turn("q", queries("q"), queries("q_out"));
    turn("k", a["k"].row(token).row(head), cached("k_cache"));
    cached("v_cache").store(a["v"].row(token).row(head).load());
}
