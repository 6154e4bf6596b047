//! The short convolution of LFM2 (<https://arxiv.org/abs/2511.23404>, section 2.2): a causal convolution of few taps between two
//! gates, each channel by itself, in a layer that mixes neighbouring tokens instead of attention.
//!
//! ```text
//! u[t] = B[t] X[t]
//! y[t] = C[t] (bias + Σ_i w[i] u[t + i + 1 - taps])
//! ```
//! bcx: B, C and X of a token side by side, as one projection gives them. The last tap is the token itself, and before the
//! first token everything is 0. Weights are `[taps, channels]`, so that neighbouring channels lie side by side;
//! checkpoints hold them turned round.
//!
//! `short_conv_update` goes on where a sequence stands: u of what came before lies in a ring of `rows` tokens of its
//! slot, that of position p in row p mod rows, rounded to the type of the state. Of the new tokens it keeps the last
//! `taps`. A row more than the convolution reads lets a sequence go back by a token, and a slot that rides along in a step
//! of others write to the place after its last token without harm; rows are at least as many.
//!
//! New tokens may be any number, so that rows which the first of them read are those which the last of them write: the
//! first program of a sequence does both, and one launch is enough.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Size, Tile, View};

/// The catalog's row of whole sequences.
pub static SHORT_CONV: Entry = Entry {
    name: "short_conv",
    family: Family::Sequence,
    summary: "gated short convolution of each channel along the time, as in LFM2",
    formula: "u = B X; y[t, c] = C[t, c] (bias[c] + Σ_i w[i, c] u[t + i + 1 - taps, c]), zero before the first token",
    signature: "bcx: T[batch, time, 3*channels], w: T[taps, channels], bias: T[channels] \
                -> y: T[batch, time, channels]",
    build: short_conv,
    reference: whole_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("taps", 3)],
    fills: &[("w", Fill::Uniform(-1.0, 1.0))],
    cases: &[
        Case::of(&[("batch", 1), ("time", 1), ("channels", 1)]),
        Case::of(&[("batch", 2), ("time", 7), ("channels", 33)]),
        Case::of(&[("batch", 1), ("time", 2), ("channels", 5)]).with(&[("taps", 2)]),
        Case::of(&[("batch", 3), ("time", 19), ("channels", 64)]).with(&[("taps", 1)]),
        Case::of(&[("batch", 2), ("time", 0), ("channels", 8)]),
        Case::of(&[("batch", 8), ("time", 2048), ("channels", 2048)]).bench(),
    ],
    flops: Some(|a| 2.0 * (a.size("taps") + 1) as f64 * (a.tensor("bcx").len() / 3) as f64),
};

/// The catalog's row of sequences that go on.
pub static SHORT_CONV_UPDATE: Entry = Entry {
    name: "short_conv_update",
    summary: "gated short convolution of new tokens, and what the next ones need of them kept in place",
    formula: "y = short_conv of what came before and the new tokens; \
              state[slots[s], p mod rows] = B X of the last taps of them, p their positions",
    signature: "bcx: T[sequences, time, 3*channels], w: T[taps, channels], bias: T[channels], \
                slots: i32[sequences], positions: i32[sequences], state: &T[batch, rows, channels] \
                -> y: T[sequences, time, channels]",
    build: short_conv_update,
    reference: update_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    fills: &[
        ("w", Fill::Uniform(-1.0, 1.0)),
        // Products that a state of 16 bits holds.
        ("bcx", Fill::Uniform(-3.0, 3.0)),
        ("slots", Fill::Permutation),
        ("positions", Fill::Integer(9)),
    ],
    cases: &[
        Case::of(&[("sequences", 1), ("time", 1), ("channels", 1), ("batch", 1), ("rows", 3)]),
        Case::of(&[("sequences", 5), ("time", 1), ("channels", 33), ("batch", 7), ("rows", 3)]),
        Case::of(&[("sequences", 4), ("time", 2), ("channels", 7), ("batch", 4), ("rows", 5)])
            .with(&[("taps", 4)]),
        Case::of(&[("sequences", 2), ("time", 19), ("channels", 64), ("batch", 2), ("rows", 16)]),
        Case::of(&[("sequences", 2), ("time", 3), ("channels", 8), ("batch", 2), ("rows", 1)])
            .with(&[("taps", 1)]),
        Case::of(&[("sequences", 0), ("time", 1), ("channels", 8), ("batch", 1), ("rows", 4)]),
        Case::of(&[
            ("sequences", 1),
            ("time", 4096),
            ("channels", 2048),
            ("batch", 1),
            ("rows", 16),
        ])
        .bench(),
        Case::of(&[
            ("sequences", 64),
            ("time", 1),
            ("channels", 2048),
            ("batch", 64),
            ("rows", 16),
        ])
        .bench(),
    ],
    ..SHORT_CONV
};

/// The convolution in f64 of a sequence of which u is `past(p)` at the positions before `start`.
fn conv_f64(a: &Inputs, bcx: &[f64], start: usize, past: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let (channels, taps) = (a.size("channels"), a.size("taps"));
    let (w, bias) = (a.tensor("w"), a.tensor("bias"));
    let part = |t: usize, which: usize, c: usize| bcx[(3 * t + which) * channels + c];
    let u = |p: usize, c: usize| match p.checked_sub(start) {
        Some(t) => part(t, 0, c) * part(t, 2, c),
        None => past(p, c),
    };
    let outputs = (0..bcx.len() / 3).map(|n| (n / channels, n % channels));
    let output = |(t, c): (usize, usize)| {
        let seen = (0..taps).filter(|i| start + t + i + 1 >= taps);
        let sum: f64 = seen.map(|i| w[i * channels + c] * u(start + t + i + 1 - taps, c)).sum();
        part(t, 1, c) * (bias[c] + sum)
    };
    outputs.map(output).collect()
}

/// Each sequence from its beginning.
fn whole_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let row = 3 * a.size("channels") * a.size("time");
    vec![a.rows("bcx", row).flat_map(|bcx| conv_f64(a, bcx, 0, |_, _| 0.0)).collect()]
}

/// Each sequence from where it stands, and what its slot keeps.
fn update_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (channels, time, rows) = (a.size("channels"), a.size("time"), a.size("rows"));
    let (mut state, mut y) = (a.tensor("state").to_vec(), Vec::new());
    for (sequence, bcx) in a.rows("bcx", 3 * channels * time).enumerate() {
        let slot = a.tensor("slots")[sequence] as usize;
        let start = a.tensor("positions")[sequence] as usize;
        let place = |p: usize, c: usize| (slot * rows + p % rows) * channels + c;
        y.extend(conv_f64(a, bcx, start, |p, c| a.tensor("state")[place(p, c)]));
        for t in time.saturating_sub(a.size("taps"))..time {
            for c in 0..channels {
                let (b, x) = (bcx[3 * t * channels + c], bcx[(3 * t + 2) * channels + c]);
                state[place(start + t, c)] = b * x;
            }
        }
    }
    vec![state, y]
}

/// B, C and X of new tokens of a sequence, and the weights.
struct Tokens {
    /// `[time, 3*channels]`.
    bcx: View,
    w: View,
    bias: Tile,
    taps: usize,
    channels: Size,
}

impl Tokens {
    fn of(a: &Args, sequence: Tile) -> Tokens {
        Tokens {
            bcx: a["bcx"].row(sequence),
            w: a["w"],
            bias: a["bias"].load().to(F32),
            taps: a.constant("taps"),
            channels: a["bias"].size(0),
        }
    }

    /// Part `which` of a token, `[channels]`.
    fn part(&self, token: View, which: usize) -> Tile {
        token.part(which, 3).load().reshape(&[self.channels]).to(F32)
    }

    /// What the convolution reads of a token.
    fn u(&self, token: View) -> Tile {
        self.part(token, 0) * self.part(token, 2)
    }

    /// The result of a token, for which the convolution reads `u(j)` of the token `j` before.
    fn y(&self, token: View, u: impl Fn(usize) -> Tile) -> Tile {
        let mut sum = self.bias;
        for i in 0..self.taps {
            sum = sum + u(self.taps - 1 - i) * self.w.row(i).load().to(F32);
        }
        self.part(token, 1) * sum
    }
}

/// One program a token.
pub fn short_conv(k: &mut Kernel, a: &Args) {
    let (batch, t) = (k.program(), k.programs(a["bcx"].size(1)));
    let tokens = Tokens::of(a, batch);
    // What lies before the first token reads as 0.
    let before = |j: usize| match j {
        0 => tokens.bcx.row(t),
        _ => tokens.bcx.rows(t - j as i32, 1),
    };
    a["y"].row(batch).row(t).store(tokens.y(before(0), |j| tokens.u(before(j))));
}

/// One program a token, but for those that see what came before: they are the first program's, which alone reads and writes
/// the state of its sequence.
pub fn short_conv_update(k: &mut Kernel, a: &Args) {
    let time = a["bcx"].size(1);
    let (sequence, t) = (k.program(), k.programs(time));
    let tokens = Tokens::of(a, sequence);
    let (taps, dtype) = (tokens.taps, a["state"].dtype());
    let (bcx, y) = (tokens.bcx, a["y"].row(sequence));
    // As the state has it, so that tokens see the same however they come.
    let seen = |token: View| tokens.u(token).to(dtype).to(F32);
    let seeing = taps.saturating_sub(1).max(1);
    k.when(t.ge(seeing as i32), || {
        y.row(t).store(tokens.y(bcx.row(t), |j| seen(bcx.row(t - j as i32))));
    });
    k.when(t.lt(1), || {
        let start = a["positions"].at(sequence).load();
        let state = a["state"].row(a["slots"].at(sequence).load()); // [rows, channels]
        let row = |position: Tile| position % state.size(0);
        let past = |j: usize| {
            let position = start - j as i32;
            let row = position.lt(0).select(-1, row(position));
            state.rows(row, 1).load().reshape(&[tokens.channels]).to(F32)
        };
        let past: Vec<Tile> = (1..taps).map(past).collect();
        let before = |t: usize, j: usize| match j.checked_sub(t + 1) {
            Some(back) => past[back],
            None => seen(bcx.row((t - j) as i32)),
        };
        for t in 0..seeing {
            k.when(time.tile().gt(t as i32), || {
                y.row(t as i32).store(tokens.y(bcx.row(t as i32), |j| before(t, j)));
            });
        }
        for back in (1..=taps as i32).rev() {
            let token = time.tile() - back;
            k.when(token.ge(0), || state.row(row(start + token)).store(tokens.u(bcx.row(token))));
        }
    });
}
