//! The step before [`crate::decode_attention`]: turns the new token's queries and keys by its position (half-split, as
//! [`crate::apply_rope`]) and writes key and value into the caches there, in place.
//!
//! `offsets[b]` is the new token's position, the number of tokens that the cache of sequence b holds. Everything
//! else in the caches stays. A position beyond the caches or the tables is an error.

use crate::apply_rope::rotate;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static ROPE_AND_CACHE_UPDATE: Entry = Entry {
    name: "rope_and_cache_update",
    family: Family::Rope,
    summary: "turns a token's queries and keys, and appends key and value to the caches in place",
    formula: "q_out = rope(q); k_cache[b, h, offsets[b]] = rope(k); v_cache[b, h, offsets[b]] = v",
    signature: "q: T[batch, group*kv_heads, 2*half], k: T[batch, kv_heads, 2*half], \
                v: T[batch, kv_heads, 2*half], cos: f32[max_len, half], sin: f32[max_len, half], \
                offsets: i32[batch], k_cache: &T[batch, kv_heads, max_len, 2*half], \
                v_cache: &T[batch, kv_heads, max_len, 2*half] -> q_out: T[batch, group*kv_heads, 2*half]",
    build: rope_and_cache_update,
    reference: update_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[("group", 4)],
    fills: &[
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
        ("offsets", Fill::Index("max_len")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("max_len", 1), ("half", 1)])
            .with(&[("group", 1)]),
        Case::of(&[("batch", 3), ("kv_heads", 2), ("max_len", 7), ("half", 5)])
            .with(&[("group", 3)]),
        Case::of(&[("batch", 0), ("kv_heads", 2), ("max_len", 7), ("half", 4)]),
        Case::of(&[("batch", 4), ("kv_heads", 8), ("max_len", 1024), ("half", 64)]).bench(),
    ],
    flops: None,
};

/// The update in f64: copies of the caches with one row a head replaced.
fn update_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (max_len, kv_heads) = (a.size("max_len"), a.size("kv_heads"));
    append_f64(a, |batch, head, position| (batch * kv_heads + head) * max_len + position)
}

/// The update in f64, of the cache row that `row` picks for a sequence, head and position.
pub(crate) fn append_f64(a: &Inputs, row: impl Fn(usize, usize, usize) -> usize) -> Vec<Vec<f64>> {
    let (half, kv_heads) = (a.size("half"), a.size("kv_heads"));
    let offset = |batch: usize| a.tensor("offsets")[batch] as usize;
    let turned = |name: &str, heads: usize| -> Vec<Vec<f64>> {
        let turn = |(number, x): (usize, &[f64])| {
            let angle = |i: usize| offset(number / heads) * half + i % half;
            let feature = |i: usize| {
                let (c, s) = (a.tensor("cos")[angle(i)], a.tensor("sin")[angle(i)]);
                if i < half { x[i] * c - x[i + half] * s } else { x[i - half] * s + x[i] * c }
            };
            (0..2 * half).map(feature).collect()
        };
        a.rows(name, 2 * half).enumerate().map(turn).collect()
    };
    let (mut k_cache, mut v_cache) = (a.tensor("k_cache").to_vec(), a.tensor("v_cache").to_vec());
    let pairs = turned("k", kv_heads).into_iter().zip(a.rows("v", 2 * half));
    for (number, (key, value)) in pairs.enumerate() {
        let (batch, head) = (number / kv_heads, number % kv_heads);
        let start = row(batch, head, offset(batch)) * 2 * half;
        k_cache[start..start + 2 * half].copy_from_slice(&key);
        v_cache[start..start + 2 * half].copy_from_slice(value);
    }
    vec![k_cache, v_cache, turned("q", a.size("group") * kv_heads).concat()]
}

/// One program a key head and its queries.
pub fn rope_and_cache_update(k: &mut Kernel, a: &Args) {
    append(k, a, |cache, [batch, head, position]| cache.row(batch).row(head).row(position));
}

/// The update, of the cache row that `row` picks for a sequence, head and position.
pub(crate) fn append(k: &mut Kernel, a: &Args, row: impl Fn(View, [Tile; 3]) -> View) {
    let group = a.constant("group");
    let (batch, head) = (k.program(), k.programs(a["k"].size(1)));
    let key = a["k"].row(batch).row(head); // [2*half]
    let position = a["offsets"].at(batch).load();
    let (cos, sin) = (a["cos"].row(position).load(), a["sin"].row(position).load()); // [half]
    let turn = |from: View, to: View| {
        let (first, second) =
            rotate(from.part(0, 2).load().to(F32), from.part(1, 2).load().to(F32), cos, sin);
        to.part(0, 2).store(first);
        to.part(1, 2).store(second);
    };
    let queries = |name: &str| a[name].row(batch).rows(head * group, group); // [group, 2*half]
    turn(queries("q"), queries("q_out"));
    turn(key, row(a["k_cache"], [batch, head, position]));
    row(a["v_cache"], [batch, head, position]).store(a["v"].row(batch).row(head).load());
}
