//! Appends keys and values of new tokens to the caches of their sequences, in place:
//! `k_cache[slots[t], h, positions[t]] = k[t, h]`, and the same for v.
//!
//! Tokens of one sequence (prefill) and of several (decode) come in any mixture; two tokens must not share a place. A
//! slot or position beyond the caches is an error. With the rotation of the keys it is one kernel for decode:
//! [`crate::rope_and_cache_update`].

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static CACHE_UPDATE: Entry = Entry {
    name: "cache_update",
    family: Family::Attention,
    summary: "appends keys and values of new tokens to the caches of their sequences, in place",
    formula: "k_cache[slots[t], h, positions[t]] = k[t, h]; v_cache[slots[t], h, positions[t]] = v[t, h]",
    signature: "k: T[tokens, kv_heads, head_dim], v: T[tokens, kv_heads, head_dim], slots: i32[tokens], \
                positions: i32[tokens], k_cache: &T[batch, kv_heads, max_len, head_dim], \
                v_cache: &T[batch, kv_heads, max_len, head_dim]",
    build: cache_update,
    reference: update_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("slots", Fill::Index("batch")), ("positions", Fill::Permutation)],
    cases: &[
        Case::of(&[("tokens", 1), ("kv_heads", 1), ("head_dim", 1), ("batch", 1), ("max_len", 1)]),
        Case::of(&[("tokens", 5), ("kv_heads", 3), ("head_dim", 7), ("batch", 2), ("max_len", 9)]),
        Case::of(&[("tokens", 0), ("kv_heads", 2), ("head_dim", 8), ("batch", 1), ("max_len", 4)]),
        Case::of(&[
            ("tokens", 512),
            ("kv_heads", 8),
            ("head_dim", 128),
            ("batch", 1),
            ("max_len", 1024),
        ])
        .bench(),
    ],
    flops: None,
};

/// The update in f64: copies of the caches with the rows of the new tokens replaced.
fn update_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (heads, max_len, dim) = (a.size("kv_heads"), a.size("max_len"), a.size("head_dim"));
    let updated = |cache: &str, new: &str| {
        let mut cache = a.tensor(cache).to_vec();
        for (row, feature) in a.rows(new, dim).enumerate() {
            let (token, head) = (row / heads, row % heads);
            let slot = a.tensor("slots")[token] as usize;
            let position = a.tensor("positions")[token] as usize;
            let start = ((slot * heads + head) * max_len + position) * dim;
            cache[start..start + dim].copy_from_slice(feature);
        }
        cache
    };
    vec![updated("k_cache", "k"), updated("v_cache", "v")]
}

/// One program a token and head.
pub fn cache_update(k: &mut Kernel, a: &Args) {
    let (token, head) = (k.program(), k.programs(a["k"].size(1)));
    let (slot, position) = (a["slots"].at(token).load(), a["positions"].at(token).load());
    for (cache, new) in [("k_cache", "k"), ("v_cache", "v")] {
        let new = a[new].row(token).row(head); // [head_dim]
        a[cache].row(slot).row(head).row(position).store(new.load());
    }
}
