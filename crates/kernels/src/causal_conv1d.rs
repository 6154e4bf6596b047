//! Causal convolution along the time of sequences `[batch, time, channels]`, each channel by itself, as state-space models
//! mix neighbouring tokens (Mamba: Gu and Dao, 2023, <https://arxiv.org/abs/2312.00752>).
//!
//! `y[t, c] = bias[c] + Σ_i w[i, c] x[t + i + 1 - taps, c]`: the last tap is the token itself, and before the first
//! token everything is 0. Weights are `[taps, channels]`, so that neighbouring channels lie side by side as they do in x;
//! checkpoints hold them turned round.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static CAUSAL_CONV1D: Entry = Entry {
    name: "causal_conv1d",
    family: Family::Sequence,
    summary: "causal convolution of each channel along the time, with bias",
    formula: "y[t, c] = bias[c] + Σ_i w[i, c] x[t + i + 1 - taps, c], zero before the first token",
    signature: "x: T[batch, time, channels], w: T[taps, channels], bias: T[channels] \
                -> y: T[batch, time, channels]",
    build: |k, a| causal_conv1d(k, a, |sum| sum),
    reference: |a| conv_f64(a, |sum| sum),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("taps", 4)],
    fills: &[("w", Fill::Uniform(-1.0, 1.0))],
    cases: &[
        Case::of(&[("batch", 1), ("time", 1), ("channels", 1)]),
        Case::of(&[("batch", 2), ("time", 7), ("channels", 33)]),
        Case::of(&[("batch", 1), ("time", 2), ("channels", 5)]).with(&[("taps", 3)]),
        Case::of(&[("batch", 3), ("time", 19), ("channels", 64)]).with(&[("taps", 1)]),
        Case::of(&[("batch", 2), ("time", 0), ("channels", 8)]),
        Case::of(&[("batch", 8), ("time", 2048), ("channels", 2048)]).bench(),
    ],
    flops: Some(|a| 2.0 * a.size("taps") as f64 * a.tensor("x").len() as f64),
};

/// The catalog's row, followed by silu.
pub static CAUSAL_CONV1D_SILU: Entry = Entry {
    name: "causal_conv1d_silu",
    summary: "causal convolution of each channel along the time, with bias, then silu",
    formula: "silu of causal_conv1d",
    build: |k, a| causal_conv1d(k, a, Tile::silu),
    reference: |a| conv_f64(a, |sum| sum / (1.0 + (-sum).exp())),
    ..CAUSAL_CONV1D
};

/// Convolution in f64, one output after the other.
fn conv_f64(a: &Inputs, shape: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let (time, channels, taps) = (a.size("time"), a.size("channels"), a.size("taps"));
    let (w, bias) = (a.tensor("w"), a.tensor("bias"));
    let mut y = Vec::new();
    for x in a.rows("x", time * channels) {
        for (t, c) in (0..time * channels).map(|n| (n / channels, n % channels)) {
            let past = (0..taps).filter(|i| t + i + 1 >= taps);
            let sum: f64 =
                past.map(|i| w[i * channels + c] * x[(t + i + 1 - taps) * channels + c]).sum();
            y.push(shape(bias[c] + sum));
        }
    }
    vec![y]
}

/// One program a token.
fn causal_conv1d(k: &mut Kernel, a: &Args, shape: impl Fn(Tile) -> Tile) {
    let (batch, t) = (k.program(), k.programs(a["x"].size(1)));
    let (x, w, taps) = (a["x"].row(batch), a["w"], a.constant("taps"));
    let channels = [x.size(1)];
    let mut sum = a["bias"].load().to(F32);
    for i in 0..taps {
        let token = x.rows(t + (i as i32 + 1 - taps as i32), 1).load().reshape(&channels);
        sum = sum + token.to(F32) * w.row(i).load().to(F32);
    }
    a["y"].row(batch).row(t).store(shape(sum));
}
