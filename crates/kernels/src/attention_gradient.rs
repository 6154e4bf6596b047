//! The gradient of [`crate::attention`], by recomputing the weights block by block instead of keeping them (Dao, 2023,
//! <https://arxiv.org/abs/2307.08691>, algorithm 2).
//!
//! With s = scale q kᵀ, p = e^(s - lse), lse = log Σ e^s, dp = d_out vᵀ and delta = Σ_d out d_out of each query:
//! d_values = pᵀ d_out, ds = p (dp - delta), d_q = scale ds k, d_keys = scale dsᵀ q. The first kernel makes lse and
//! delta; the second owns queries and loops over keys; the third owns keys and loops over the queries of all heads of
//! their group. Nothing is added by two programs, so the result does not depend on any order. Soft-capped scores,
//! s = cap tanh(r / cap) with r = scale q kᵀ, hand on ds (1 - tanh²(r / cap)) instead of ds.

use crate::BackwardKernel;
use crate::attention::{KEYS, QUERIES, attend, keys_and_values, keys_seen, offset, seen, window};
use crate::softcap::softcap;
use tilewright_ir::DType::{F32, I32};
use tilewright_lang::{Args, Kernel, Tile};

/// What differs between the forms of attention.
#[derive(Clone, Copy)]
struct Form {
    /// The cap of soft-capped scores.
    cap: Option<Tile>,
    /// Whether the heads of a query lie side by side in the result.
    merged: bool,
}

/// The signature of a kernel of a gradient: inputs of the shapes of the forward kernel's, `$more` inputs and scalars, outputs.
macro_rules! signature {
    ($d_out:literal, $more:literal, $scalars:literal, $outputs:literal) => {
        concat!(
            "q: T[batch, group*kv_heads, queries, head_dim], keys: T[batch, kv_heads, length, head_dim], \
             values: T[batch, kv_heads, length, head_dim], d_out: T",
            $d_out,
            ", ",
            $more,
            $scalars,
            " -> ",
            $outputs
        )
    };
}

/// The same with what the first kernel makes of each query.
macro_rules! signature_of_second {
    ($d_out:literal, $scalars:literal, $outputs:literal) => {
        signature!(
            $d_out,
            "lse: f32[batch, group*kv_heads, queries], delta: f32[batch, group*kv_heads, queries], ",
            $scalars,
            $outputs
        )
    };
}

/// The kernels of a gradient in order; `$d_out` is the result's shape and `$form` makes the form of the arguments.
macro_rules! kernels {
    ($name:literal, $d_out:literal, $scalars:literal, $form:expr) => {
        &[
            BackwardKernel {
                name: concat!($name, "_rows"),
                signature: signature!(
                    $d_out,
                    "",
                    $scalars,
                    "lse: f32[batch, group*kv_heads, queries], delta: f32[batch, group*kv_heads, queries]"
                ),
                build: |k, a| attention_rows(k, a, $form(a)),
            },
            BackwardKernel {
                name: concat!($name, "_d_q"),
                signature: signature_of_second!(
                    $d_out,
                    $scalars,
                    "d_q: T[batch, group*kv_heads, queries, head_dim]"
                ),
                build: |k, a| attention_d_q(k, a, $form(a)),
            },
            BackwardKernel {
                name: concat!($name, "_d_keys"),
                signature: signature_of_second!(
                    $d_out,
                    $scalars,
                    "d_keys: T[batch, kv_heads, length, head_dim], d_values: T[batch, kv_heads, length, head_dim]"
                ),
                build: |k, a| attention_d_keys(k, a, $form(a)),
            },
        ]
    };
}

/// Of [`crate::attention`].
pub(crate) const ATTENTION_GRADIENT: &[BackwardKernel] = kernels!(
    "attention",
    "[batch, group*kv_heads, queries, head_dim]",
    "scale: f32, window: i32 = 2147483647",
    |_| Form { cap: None, merged: false }
);

/// Of [`crate::attention`] with soft-capped scores.
pub(crate) const ATTENTION_SOFTCAP_GRADIENT: &[BackwardKernel] = kernels!(
    "attention_softcap",
    "[batch, group*kv_heads, queries, head_dim]",
    "scale: f32, softcap: f32 = 50, window: i32 = 2147483647",
    |a: &Args| Form { cap: Some(a.scalar("softcap")), merged: false }
);

/// Of [`crate::attention_merged`].
pub(crate) const ATTENTION_MERGED_GRADIENT: &[BackwardKernel] = kernels!(
    "attention_merged",
    "[batch, queries, group*kv_heads, head_dim]",
    "scale: f32, window: i32 = 2147483647",
    |_| Form { cap: None, merged: true }
);

/// Of [`crate::attention_merged`] with soft-capped scores.
pub(crate) const ATTENTION_MERGED_SOFTCAP_GRADIENT: &[BackwardKernel] = kernels!(
    "attention_merged_softcap",
    "[batch, queries, group*kv_heads, head_dim]",
    "scale: f32, softcap: f32 = 50, window: i32 = 2147483647",
    |a: &Args| Form { cap: Some(a.scalar("softcap")), merged: true }
);

/// The cotangents of a block of queries of a head, [QUERIES, head_dim].
fn d_out(a: &Args, form: Form, [batch, head, first]: [Tile; 3]) -> Tile {
    let d_out = a["d_out"].row(batch);
    let rows = match form.merged {
        true => d_out.rows(first, QUERIES).row(head),
        false => d_out.row(head).rows(first, QUERIES),
    };
    rows.load()
}

/// One program a block of queries of one head: the forward pass again, for lse and delta.
fn attention_rows(k: &mut Kernel, a: &Args, form: Form) {
    let (batch, head) = (k.program(), k.program());
    let first = k.blocks(a["q"].size(2), QUERIES);
    let shape = |scores| form.cap.map_or(scores, |cap| softcap(scores, cap));
    let attended = attend(k, a, [batch, head, first], shape);
    let d_out = d_out(a, form, [batch, head, first]).to(F32);
    let delta = (attended.mean() * d_out).row_sum();
    a["lse"].row(batch).row(head).range(first, QUERIES).store(attended.log_sum());
    a["delta"].row(batch).row(head).range(first, QUERIES).store(delta);
}

/// A block of queries of a head, as the gradient needs them. Past the last query everything is 0, so that such rows
/// add nothing. What is multiplied has the storage type, as forward, so that a matrix unit can do it.
struct Queries {
    first: Tile,
    cap: Option<Tile>,
    q: Tile,     // [QUERIES, head_dim]
    d_out: Tile, // [QUERIES, head_dim]
    lse: Tile,   // f32[QUERIES, 1]
    delta: Tile, // f32[QUERIES, 1]
}

impl Queries {
    fn load(a: &Args, [batch, head, first]: [Tile; 3], form: Form) -> Queries {
        let rows = |name: &str| a[name].row(batch).row(head).rows(first, QUERIES).load();
        Queries {
            first,
            cap: form.cap,
            q: rows("q"),
            d_out: d_out(a, form, [batch, head, first]),
            lse: rows("lse").column(),
            delta: rows("delta").column(),
        }
    }

    /// Weights p and cotangents ds of the scores with a block of keys, [QUERIES, KEYS] each.
    fn weights(&self, k: &Kernel, a: &Args, block: Tile, keys: Tile, values: Tile) -> (Tile, Tile) {
        let scores = self.q.dot(keys.transpose()) * a.scalar("scale");
        let (scores, slope) = match self.cap {
            None => (scores, None),
            Some(cap) => {
                let bent = (scores / cap).tanh();
                (bent * cap, Some(1.0 - bent.square()))
            }
        };
        let shifted = scores - self.lse;
        let p = seen(k, a, self.first, block).select(shifted, f64::NEG_INFINITY).exp();
        let ds = p * (self.d_out.dot(values.transpose()) - self.delta);
        let ds = slope.map_or(ds, |slope| ds * slope);
        (p.to(keys.dtype()), ds.to(keys.dtype()))
    }
}

/// One program a block of queries of one head.
fn attention_d_q(k: &mut Kernel, a: &Args, form: Form) {
    let (batch, head) = (k.program(), k.program());
    let d_q = a["d_q"].row(batch).row(head); // [queries, head_dim]
    let first = k.blocks(d_q.size(0), QUERIES);
    let queries = Queries::load(a, [batch, head, first], form);
    let (keys, values) = keys_and_values(a, batch, head / a.constant("group"));
    let mut sum = k.var(k.full(F32, &[QUERIES.into(), a.constant("head_dim").into()], 0.0));
    let (start, end) = keys_seen(k, a, first);
    for block in k.range_step(start, end, KEYS) {
        let (keys, values) = (keys.rows(block, KEYS).load(), values.rows(block, KEYS).load());
        let (_, ds) = queries.weights(k, a, block, keys, values);
        sum += ds.dot(keys);
    }
    d_q.rows(first, QUERIES).store(sum.get() * a.scalar("scale"));
}

/// One program a block of keys of one key head.
fn attention_d_keys(k: &mut Kernel, a: &Args, form: Form) {
    let group = a.constant("group");
    let (batch, kv_head) = (k.program(), k.program());
    let (keys, values) = keys_and_values(a, batch, kv_head);
    let block = k.blocks(keys.size(0), KEYS);
    let (keys, values) = (keys.rows(block, KEYS).load(), values.rows(block, KEYS).load());
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
            let queries = Queries::load(a, [batch, kv_head * group + member, first], form);
            let (p, ds) = queries.weights(k, a, block, keys, values);
            d_keys += ds.transpose().dot(queries.q);
            d_values += p.transpose().dot(queries.d_out);
        }
    }
    a["d_keys"].row(batch).row(kv_head).rows(block, KEYS).store(d_keys.get() * a.scalar("scale"));
    a["d_values"].row(batch).row(kv_head).rows(block, KEYS).store(d_values.get());
}
