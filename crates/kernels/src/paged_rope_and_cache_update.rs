//! [`crate::rope_and_cache_update`] for a cache in pages, the step before [`crate::paged_attention`]: the new token of
//! sequence b goes to page tables[b, offset / page], slot offset mod page, with `offset = offsets[b]`.
//!
//! A page beyond the caches, or a position beyond the tables, is an error; two sequences must not share the page that
//! they write to.

use crate::rope_and_cache_update::{append, append_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static PAGED_ROPE_AND_CACHE_UPDATE: Entry = Entry {
    name: "paged_rope_and_cache_update",
    family: Family::Rope,
    summary: "turns a token's queries and keys, and appends key and value to caches in pages",
    formula: "q_out = rope(q); k_cache[p, s, h] = rope(k); v_cache[p, s, h] = v; \
              p = tables[b, offset / page], s = offset mod page",
    signature: "q: T[batch, group*kv_heads, 2*half], k: T[batch, kv_heads, 2*half], \
                v: T[batch, kv_heads, 2*half], cos: f32[max_len, half], sin: f32[max_len, half], \
                offsets: i32[batch], tables: i32[batch, table], \
                k_cache: &T[pages, page, kv_heads, 2*half], v_cache: &T[pages, page, kv_heads, 2*half] \
                -> q_out: T[batch, group*kv_heads, 2*half]",
    build: paged_rope_and_cache_update,
    reference: update_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[("group", 4), ("page", 16)],
    fills: &[
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
        ("offsets", Fill::Index("max_len")),
        ("tables", Fill::Permutation),
    ],
    cases: &[
        Case::of(&[
            ("batch", 1),
            ("kv_heads", 1),
            ("max_len", 1),
            ("table", 1),
            ("pages", 1),
            ("half", 1),
        ])
        .with(&[("group", 1), ("page", 1)]),
        Case::of(&[
            ("batch", 3),
            ("kv_heads", 2),
            ("max_len", 15),
            ("table", 5),
            ("pages", 16),
            ("half", 5),
        ])
        .with(&[("group", 3), ("page", 3)]),
        Case::of(&[
            ("batch", 0),
            ("kv_heads", 2),
            ("max_len", 15),
            ("table", 5),
            ("pages", 2),
            ("half", 4),
        ]),
        Case::of(&[
            ("batch", 4),
            ("kv_heads", 8),
            ("max_len", 1024),
            ("table", 64),
            ("pages", 256),
            ("half", 64),
        ])
        .bench(),
    ],
    flops: None,
};

/// The update in f64: copies of the caches with one row a head replaced.
fn update_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (page, table) = (a.size("page"), a.size("table"));
    append_f64(a, |batch, head, position| {
        let number = a.tensor("tables")[batch * table + position / page] as usize;
        (number * page + position % page) * a.size("kv_heads") + head
    })
}

/// One program a key head and its queries.
pub fn paged_rope_and_cache_update(k: &mut Kernel, a: &Args) {
    let page = a.constant("page");
    append(k, a, |cache, [batch, head, position]| {
        let number = a["tables"].row(batch).at(position / page).load();
        cache.row(number).row(position % page).row(head)
    });
}
