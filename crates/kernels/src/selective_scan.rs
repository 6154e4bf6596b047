//! The selective scan of state-space models (Mamba: Gu and Dao, 2023, <https://arxiv.org/abs/2312.00752>, algorithm 2),
//! in the layout of its authors' `selective_scan_fn`: channels before time.
//!
//! Each channel has `states` hidden values that decay and take up input as each token says:
//! `h[n] <- exp(Δ a[n]) h[n] + Δ b[n] x`, `y = Σ_n c[n] h[n] + d x`, with `Δ = softplus(delta + bias)`. As the recurrence is
//! a scan of pairs, its gradient runs the recurrence from the end.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_ir::ReduceOp::Sum;
use tilewright_lang::{Args, Kernel, scan_by};

/// The catalog's row.
pub static SELECTIVE_SCAN: Entry = Entry {
    name: "selective_scan",
    family: Family::Sequence,
    summary: "state-space recurrence whose decay and input each token chooses",
    formula: "h[n] <- exp(Δ a[n]) h[n] + Δ b[n] x; y = Σ_n c[n] h[n] + d x; Δ = softplus(delta + bias)",
    signature: "x: T[batch, channels, time], delta: T[batch, channels, time], a: f32[channels, states], \
                b: T[batch, states, time], c: T[batch, states, time], d: f32[channels], bias: f32[channels] \
                -> y: T[batch, channels, time]",
    build: selective_scan,
    reference: scan_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("states", 16)],
    // A great x is in all terms of y's sum, which may then overflow in one order and not in another. States that last for
    // a hundred tokens tell whether all of a line is scanned together; a decay that vanished, times an infinite state, would
    // be no number in one order and infinite in another.
    fills: &[
        ("a", Fill::Uniform(-0.6, -0.02)),
        ("delta", Fill::Uniform(-3.0, 1.0)),
        ("x", Fill::Uniform(-2.0, 2.0)),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("channels", 1), ("time", 1)]).with(&[("states", 1)]),
        Case::of(&[("batch", 2), ("channels", 3), ("time", 17)]).with(&[("states", 4)]),
        Case::of(&[("batch", 1), ("channels", 2), ("time", 131)]).with(&[("states", 3)]),
        Case::of(&[("batch", 1), ("channels", 5), ("time", 8)]),
        Case::of(&[("batch", 1), ("channels", 2), ("time", 96)]).with(&[("states", 3)]),
        Case::of(&[("batch", 2), ("channels", 3), ("time", 0)]).with(&[("states", 2)]),
        Case::of(&[("batch", 1), ("channels", 2048), ("time", 2048)]).bench(),
    ],
    // An exponential, and seven operations with each state.
    flops: Some(|a| 8.0 * (a.size("states") * a.tensor("x").len()) as f64),
};

/// The recurrence in f64, one token after the other.
fn scan_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (channels, time, states) = (a.size("channels"), a.size("time"), a.size("states"));
    let of_state = |name: &str, batch: usize, n: usize, t: usize| {
        a.tensor(name)[(batch * states + n) * time + t]
    };
    let mut y = Vec::new();
    for row in 0..a.size("batch") * channels {
        let (batch, channel) = (row / channels, row % channels);
        let mut h = vec![0.0; states];
        for t in 0..time {
            let x = a.tensor("x")[row * time + t];
            let delta = a.tensor("delta")[row * time + t] + a.tensor("bias")[channel];
            let delta = delta.max(0.0) + (-delta.abs()).exp().ln_1p();
            let mut sum = a.tensor("d")[channel] * x;
            for (n, h) in h.iter_mut().enumerate() {
                let decay = (delta * a.tensor("a")[channel * states + n]).exp();
                *h = decay * *h + delta * of_state("b", batch, n, t) * x;
                sum += of_state("c", batch, n, t) * *h;
            }
            y.push(sum);
        }
    }
    vec![y]
}

/// One program a channel of a sequence.
pub fn selective_scan(k: &mut Kernel, a: &Args) {
    let (batch, channel) = (k.program(), k.programs(a["x"].size(1)));
    let time = a["x"].size(2);
    let x = a["x"].row(batch).row(channel).load().to(F32); // [time]
    let delta = a["delta"].row(batch).row(channel).load().to(F32);
    let delta = (delta + a["bias"].at(channel).load()).softplus();
    let decay = (a["a"].row(channel).load().column() * delta).exp(); // [states, time]
    let input = a["b"].row(batch).load().to(F32) * (delta * x);
    // One token's step after another's: h -> d (c h + i) + j.
    let [_, h] = scan_by([decay, input], |[c, i], [d, j]| [c * d, i * d + j]);
    let read = (h * a["c"].row(batch).load().to(F32)).reduce(Sum, 0); // [1, time]
    let y = read.reshape(&[time]) + x * a["d"].at(channel).load();
    a["y"].row(batch).row(channel).store(y);
}
