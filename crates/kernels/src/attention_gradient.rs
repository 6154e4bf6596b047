//! The gradient of [`crate::attention`], by recomputing the weights block by block instead of keeping them (Dao, 2023,
//! <https://arxiv.org/abs/2307.08691>, algorithm 2).
//!
//! With s = scale q kᵀ, p = e^(s - lse), lse = log Σ e^s, dp = d_out vᵀ and delta = Σ_d out d_out of each query:
//! d_values = pᵀ d_out, ds = p (dp - delta), d_q = scale ds k, d_keys = scale dsᵀ q. The first kernel makes lse and
//! delta; the second owns queries and loops over keys; the third owns keys and loops over the queries of all heads of
//! their group. Nothing is added by two programs, so the result does not depend on any order.

use crate::BackwardKernel;
use crate::attention::{KEYS, QUERIES, attend, keys_and_values, keys_seen, offset, seen, window};
use tilewright_ir::DType::{F32, I32};
use tilewright_lang::{Args, Kernel, Tile};

/// The kernels in order.
pub(crate) const ATTENTION_GRADIENT: &[BackwardKernel] = &[
    BackwardKernel {
        name: "attention_rows",
        signature: "q: T[batch, group*kv_heads, queries, head_dim], \
                    keys: T[batch, kv_heads, length, head_dim], \
                    values: T[batch, kv_heads, length, head_dim], \
                    d_out: T[batch, group*kv_heads, queries, head_dim], \
                    scale: f32, window: i32 = 2147483647 \
                    -> lse: f32[batch, group*kv_heads, queries], \
                    delta: f32[batch, group*kv_heads, queries]",
        build: attention_rows,
    },
    BackwardKernel {
        name: "attention_d_q",
        signature: "q: T[batch, group*kv_heads, queries, head_dim], \
                    keys: T[batch, kv_heads, length, head_dim], \
                    values: T[batch, kv_heads, length, head_dim], \
                    d_out: T[batch, group*kv_heads, queries, head_dim], \
                    lse: f32[batch, group*kv_heads, queries], \
                    delta: f32[batch, group*kv_heads, queries], \
                    scale: f32, window: i32 = 2147483647 \
                    -> d_q: T[batch, group*kv_heads, queries, head_dim]",
        build: attention_d_q,
    },
    BackwardKernel {
        name: "attention_d_keys",
        signature: "q: T[batch, group*kv_heads, queries, head_dim], \
                    keys: T[batch, kv_heads, length, head_dim], \
                    values: T[batch, kv_heads, length, head_dim], \
                    d_out: T[batch, group*kv_heads, queries, head_dim], \
                    lse: f32[batch, group*kv_heads, queries], \
                    delta: f32[batch, group*kv_heads, queries], \
                    scale: f32, window: i32 = 2147483647 \
                    -> d_keys: T[batch, kv_heads, length, head_dim], \
                    d_values: T[batch, kv_heads, length, head_dim]",
        build: attention_d_keys,
    },
];

/// One program a block of queries of one head: the forward pass again, for lse and delta.
fn attention_rows(k: &mut Kernel, a: &Args) {
    let (batch, head) = (k.program(), k.program());
    let d_out = a["d_out"].row(batch).row(head); // [queries, head_dim]
    let first = k.blocks(d_out.size(0), QUERIES);
    let attended = attend(k, a, [batch, head, first], |scores| scores);
    let delta = (attended.mean() * d_out.rows(first, QUERIES).load().to(F32)).row_sum();
    a["lse"].row(batch).row(head).range(first, QUERIES).store(attended.log_sum());
    a["delta"].row(batch).row(head).range(first, QUERIES).store(delta);
}

/// A block of queries of a head, as the gradient needs them. Past the last query everything is 0, so that such rows
/// add nothing.
struct Queries {
    first: Tile,
    scaled: Tile, // [QUERIES, head_dim]
    d_out: Tile,  // [QUERIES, head_dim]
    lse: Tile,    // [QUERIES, 1]
    delta: Tile,  // [QUERIES, 1]
}

impl Queries {
    fn load(a: &Args, batch: Tile, head: Tile, first: Tile) -> Queries {
        let rows = |name: &str| a[name].row(batch).row(head).rows(first, QUERIES).load().to(F32);
        Queries {
            first,
            scaled: rows("q") * a.scalar("scale"),
            d_out: rows("d_out"),
            lse: rows("lse").column(),
            delta: rows("delta").column(),
        }
    }

    /// Weights p and cotangents ds of the scores with a block of keys, f32[QUERIES, KEYS] each.
    fn weights(&self, k: &Kernel, a: &Args, block: Tile, keys: Tile, values: Tile) -> (Tile, Tile) {
        let scores = self.scaled.dot(keys.transpose()) - self.lse;
        let p = seen(k, a, self.first, block).select(scores, f64::NEG_INFINITY).exp();
        (p, p * (self.d_out.dot(values.transpose()) - self.delta))
    }
}

/// One program a block of queries of one head.
fn attention_d_q(k: &mut Kernel, a: &Args) {
    let (batch, head) = (k.program(), k.program());
    let d_q = a["d_q"].row(batch).row(head); // [queries, head_dim]
    let first = k.blocks(d_q.size(0), QUERIES);
    let queries = Queries::load(a, batch, head, first);
    let (keys, values) = keys_and_values(a, batch, head / a.constant("group"));
    let mut sum = k.var(k.full(F32, &[QUERIES.into(), a.constant("head_dim").into()], 0.0));
    let (start, end) = keys_seen(k, a, first);
    for block in k.range_step(start, end, KEYS) {
        let keys = keys.rows(block, KEYS).load().to(F32);
        let values = values.rows(block, KEYS).load().to(F32);
        let (_, ds) = queries.weights(k, a, block, keys, values);
        sum += ds.dot(keys);
    }
    d_q.rows(first, QUERIES).store(sum.get() * a.scalar("scale"));
}

/// One program a block of keys of one key head.
fn attention_d_keys(k: &mut Kernel, a: &Args) {
    let group = a.constant("group");
    let (batch, kv_head) = (k.program(), k.program());
    let (keys, values) = keys_and_values(a, batch, kv_head);
    let block = k.blocks(keys.size(0), KEYS);
    let keys = keys.rows(block, KEYS).load().to(F32);
    let values = values.rows(block, KEYS).load().to(F32);
    let zeros = k.full(F32, &[KEYS.into(), a.constant("head_dim").into()], 0.0);
    let (mut d_keys, mut d_values) = (k.var(zeros), k.var(zeros));
    // The first query at or behind the first key of the block, and the last that still sees its last key.
    let (mut start, mut end) = (k.full(I32, &[], 0), a["q"].size(2).tile());
    if a.constant("causal") != 0 {
        let query = block - offset(a);
        start = query.max(0) / QUERIES * QUERIES;
        end = end.min(query + (KEYS - 1) + window(a));
    }
    for member in k.range(0, group) {
        for first in k.range_step(start, end, QUERIES) {
            let queries = Queries::load(a, batch, kv_head * group + member, first);
            let (p, ds) = queries.weights(k, a, block, keys, values);
            d_keys += ds.transpose().dot(queries.scaled);
            d_values += p.transpose().dot(queries.d_out);
        }
    }
    a["d_keys"].row(batch).row(kv_head).rows(block, KEYS).store(d_keys.get());
    a["d_values"].row(batch).row(kv_head).rows(block, KEYS).store(d_values.get());
}
