//! [`crate::decode_attention`] over a cache in pages (Kwon et al., 2023, <https://arxiv.org/abs/2309.06180>): token t
//! of sequence b lies in page `tables[b, t / page]` at slot t mod page.
//!
//! The caches are `[pages, page, kv_heads, head_dim]`. A length beyond the pages of its table counts as all of them;
//! of length 0 or less the result is 0. Entries of the table past the length are never read.

use crate::online_softmax::OnlineSoftmax;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static PAGED_ATTENTION: Entry = Entry {
    name: "paged_attention",
    family: Family::Attention,
    summary: "attention of one token a sequence over a cache in pages, grouped heads",
    formula: "decode_attention with the key of token t in keys[tables[b, t / page], t mod page]",
    signature: "q: T[batch, group*kv_heads, head_dim], keys: T[pages, page, kv_heads, head_dim], \
                values: T[pages, page, kv_heads, head_dim], tables: i32[batch, table], \
                lens: i32[batch], scale: f32 -> out: T[batch, group*kv_heads, head_dim]",
    build: paged_attention,
    reference: paged_attention_f64,
    grad: Grad::None(
        "decoding is not trained through; the state carried round its loop has no gradient rule",
    ),
    dtypes: &[F32, F16, BF16],
    constants: &[("head_dim", 128), ("group", 4), ("page", 16)],
    fills: &[("tables", Fill::Index("pages"))],
    cases: &[
        Case::of(&[("batch", 1), ("kv_heads", 1), ("pages", 1), ("table", 1)])
            .with(&[("head_dim", 1), ("group", 1), ("page", 1)])
            .scalars(&[("scale", 1.0)])
            .fills(&[("lens", Fill::Integer(1))]),
        Case::of(&[("batch", 3), ("kv_heads", 2), ("pages", 11), ("table", 5)])
            .with(&[("head_dim", 24), ("group", 5), ("page", 7)])
            .scalars(&[("scale", 0.2)])
            .fills(&[("lens", Fill::Integer(35))]),
        Case::of(&[("batch", 2), ("kv_heads", 2), ("pages", 3), ("table", 2)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Integer(0))]),
        Case::of(&[("batch", 0), ("kv_heads", 2), ("pages", 3), ("table", 2)])
            .scalars(&[("scale", 1.0)])
            .fills(&[("lens", Fill::Integer(0))]),
        Case::of(&[("batch", 4), ("kv_heads", 8), ("pages", 300), ("table", 64)])
            .scalars(&[("scale", 0.08838834764831845)])
            .fills(&[("lens", Fill::Integer(1024))])
            .bench(),
    ],
    flops: None,
};

/// Attention in f64: the pages of each sequence joined, then one head after the other.
fn paged_attention_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (dim, kv_heads, page) = (a.size("head_dim"), a.size("kv_heads"), a.size("page"));
    let (heads, table) = (a.size("group") * kv_heads, a.size("table"));
    let mut out = Vec::new();
    for (row, q) in a.rows("q", dim).enumerate() {
        let (batch, kv_head) = (row / heads, row % heads / a.size("group"));
        let length = (a.tensor("lens")[batch].max(0.0) as usize).min(table * page);
        let token = |t: usize| {
            let number = a.tensor("tables")[batch * table + t / page] as usize;
            ((number * page + t % page) * kv_heads + kv_head) * dim
        };
        let mut weighted = vec![0.0; dim];
        let mut total = 0.0;
        let score = |t: usize| {
            let key = &a.tensor("keys")[token(t)..][..dim];
            a.scalar("scale") * q.iter().zip(key).map(|(q, k)| q * k).sum::<f64>()
        };
        let max = (0..length).map(score).fold(f64::NEG_INFINITY, f64::max);
        for t in 0..length {
            let weight = (score(t) - max).exp();
            total += weight;
            let value = &a.tensor("values")[token(t)..][..dim];
            weighted.iter_mut().zip(value).for_each(|(w, v)| *w += weight * v);
        }
        out.extend(weighted.iter().map(|w| if length == 0 { 0.0 } else { w / total }));
    }
    vec![out]
}

/// One program the query heads of one key head.
pub fn paged_attention(k: &mut Kernel, a: &Args) {
    let (group, head_dim) = (a.constant("group"), a.constant("head_dim"));
    let page = a.constant("page");
    let (batch, kv_head) = (k.program(), k.programs(a["keys"].size(2)));
    let q = a["q"].row(batch).rows(kv_head * group, group); // [group, head_dim]
    let table = a["tables"].row(batch); // [table]
    let length = a["lens"].at(batch).load().min(page * table.size(0));
    let scaled = q.load().to(F32) * a.scalar("scale");
    let attended = OnlineSoftmax::new(k, group, head_dim);
    for start in k.range_step(0, length, page) {
        let number = table.at(start / page).load();
        let head = |cache: &str| a[cache].row(number).rows(0, page).row(kv_head).load().to(F32);
        let inside = (k.iota(page) + start).lt(length); // [page]
        let scores = scaled.dot(head("keys").transpose());
        // What was left in the page past the length may be anything, also NaN, which 0 does not cancel.
        let values = inside.column().select(head("values"), 0.0);
        attended.absorb(inside.select(scores, f64::NEG_INFINITY), values);
    }
    a["out"].row(batch).rows(kv_head * group, group).store(attended.mean());
}
