//! Heads out of a vector that all of them share, as in DeepSeek-V2 (<https://arxiv.org/abs/2405.04434>, section 2.1).
//!
//! ```text
//! latent_heads: k[t, h] = [turning[t] | first of kv[t, h]], v[t, h] = [rest of kv[t, h] | 0]
//! first_features: y[t, h] = the first features of x[t, h]
//! ```
//! The features of a key that turn with its position are the same in all heads, and stand first, where the kernels of
//! attention turn them. Values that have fewer features than keys end in zeros, and so do the sums of them, which
//! `first_features` takes off again.

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// Keys and values.
pub static LATENT_HEADS: Entry = Entry {
    name: "latent_heads",
    family: Family::Attention,
    summary: "keys and values of all heads out of what a shared vector projects to",
    formula: "k[t, h] = [turning[t] | first of kv[t, h]], v[t, h] = [rest of kv[t, h] | 0]",
    signature: "kv: T[*tokens, heads, both], turning: T[*tokens, rotary] \
                -> k: T[*tokens, heads, head_dim], v: T[*tokens, heads, head_dim]",
    build: latent_heads,
    reference: latent_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("both", 256), ("rotary", 64), ("head_dim", 192)],
    fills: &[],
    cases: &[
        Case::of(&[("tokens", 1), ("heads", 1)]).with(&[
            ("both", 2),
            ("rotary", 2),
            ("head_dim", 3),
        ]),
        Case::of(&[("tokens", 5), ("heads", 3)]).with(&[
            ("both", 13),
            ("rotary", 4),
            ("head_dim", 11),
        ]),
        Case::of(&[("tokens", 4), ("heads", 20)]).with(&[
            ("both", 448),
            ("rotary", 64),
            ("head_dim", 256),
        ]),
        Case::of(&[("tokens", 0), ("heads", 3)]),
        Case::of(&[("tokens", 2048), ("heads", 16)]).bench(),
    ],
    flops: None,
};

/// The first features of each head.
pub static FIRST_FEATURES: Entry = Entry {
    name: "first_features",
    family: Family::Attention,
    summary: "the first features of each head",
    formula: "y[t, h, i] = x[t, h, i]",
    signature: "x: T[*tokens, heads, head_dim] -> y: T[*tokens, heads, kept]",
    build: first_features,
    reference: first_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("kept", 128)],
    fills: &[],
    cases: &[
        Case::of(&[("tokens", 1), ("heads", 1), ("head_dim", 3)]).with(&[("kept", 1)]),
        Case::of(&[("tokens", 5), ("heads", 3), ("head_dim", 11)]).with(&[("kept", 7)]),
        Case::of(&[("tokens", 4), ("heads", 2), ("head_dim", 128)]),
        Case::of(&[("tokens", 0), ("heads", 3), ("head_dim", 192)]),
        Case::of(&[("tokens", 2048), ("heads", 16), ("head_dim", 192)]).bench(),
    ],
    flops: None,
};

/// Copies in f64.
fn latent_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (heads, both) = (a.size("heads"), a.size("both"));
    let (rotary, head_dim) = (a.size("rotary"), a.size("head_dim"));
    let plain = head_dim - rotary;
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (row, kv) in a.rows("kv", both).enumerate() {
        let turning = &a.tensor("turning")[row / heads * rotary..][..rotary];
        keys.extend_from_slice(turning);
        keys.extend_from_slice(&kv[..plain]);
        values.extend_from_slice(&kv[plain..]);
        values.resize(keys.len(), 0.0);
    }
    vec![keys, values]
}

fn first_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let kept = a.size("kept");
    vec![a.rows("x", a.size("head_dim")).flat_map(|x| x[..kept].to_vec()).collect()]
}

/// One program a token.
pub fn latent_heads(k: &mut Kernel, a: &Args) {
    let (both, rotary, head_dim) =
        (a.constant("both"), a.constant("rotary"), a.constant("head_dim"));
    let plain = head_dim.saturating_sub(rotary);
    let value = both.saturating_sub(plain);
    k.require(rotary <= head_dim && plain <= both && value <= head_dim, || {
        format!("heads of {head_dim} features, of which {rotary} turn, are not made of {both}")
    });
    let token = k.program();
    let (kv, keys, values) = (a["kv"].row(token), a["k"].row(token), a["v"].row(token));
    let turning = a["turning"].row(token).load(); // [rotary]
    keys.range(0, rotary).store(turning); // [heads, rotary]
    if plain > 0 {
        keys.range(rotary, plain).store(kv.range(0, plain).load()); // [heads, plain]
    }
    values.range(0, value).store(kv.range(plain, value).load()); // [heads, value]
    if value < head_dim {
        values.range(value, head_dim - value).store(0.0);
    }
}

/// One program a token.
pub fn first_features(k: &mut Kernel, a: &Args) {
    let (kept, token) = (a.constant("kept"), k.program());
    a["y"].row(token).store(a["x"].row(token).range(0, kept).load()); // [heads, kept]
}
