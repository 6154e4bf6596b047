//! The first half of drawing a token: each part of a vocabulary gives its most probable tokens and its mass.
//!
//! ```text
//! x[i]        = logits[b, i], where seen[b, i]: / penalty[b] if it is positive, else * penalty[b]
//! values[p]   = the k greatest x of part p, descending; tokens[p] = their ids
//! masses[p]   = Σ_i exp((x[i] - max x) / temperature[b]) over the part
//! ```
//! logits, seen: `[batch, vocabulary]`; a part is 1024 tokens, the last one fewer; values, tokens: `[batch, k parts]`,
//! masses: `[batch, parts]`, all written in place so that a step makes no memory. Of equal logits the lower id comes first. A
//! part of less than k tokens is filled up with -infinity. With temperature 0 the mass is the number of tokens.
//!
//! A vocabulary is one row of 150 000, and one program a row would leave a GPU to one of its processors: parts are read by all
//! of them, and [`sample_token`](crate::sample_token) has only the best of each to look at.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32, U32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static SAMPLE_CANDIDATES: Entry = Entry {
    name: "sample_candidates",
    family: Family::Indexing,
    summary: "the most probable tokens of each part of a vocabulary, repetitions made less so, and its mass",
    formula: "x = logits, / or * penalty where seen; values, tokens = top-k of x; masses = Σ exp((x - max x) / temperature)",
    signature: "logits: T[batch, vocabulary], seen: u8[batch, vocabulary], penalty: f32[batch], \
                temperature: f32[batch], values: &f32[batch, k*parts], tokens: &u32[batch, k*parts], \
                masses: &f32[batch, parts]",
    build: sample_candidates,
    reference: candidates_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 64)],
    fills: &[
        ("logits", Fill::Distinct),
        ("seen", Fill::Integer(1)),
        ("penalty", Fill::Uniform(0.5, 2.0)),
        ("temperature", Fill::Uniform(0.25, 2.0)),
        ("tokens", Fill::Index("vocabulary")),
    ],
    cases: &[
        Case::of(&[("batch", 1), ("vocabulary", 1), ("parts", 1)]).with(&[("k", 1)]),
        Case::of(&[("batch", 3), ("vocabulary", 67), ("parts", 1)]),
        Case::of(&[("batch", 2), ("vocabulary", 2500), ("parts", 3)]).with(&[("k", 8)]),
        Case::of(&[("batch", 1), ("vocabulary", 1024), ("parts", 1)])
            .fills(&[("temperature", Fill::Integer(0))]),
        Case::of(&[("batch", 2), ("vocabulary", 32768), ("parts", 32)]),
        Case::of(&[("batch", 0), ("vocabulary", 8), ("parts", 1)]),
        Case::of(&[("batch", 1), ("vocabulary", 151936), ("parts", 149)]).bench(),
    ],
    flops: None,
};

/// Tokens of a part.
pub const PART: usize = 1024;

/// The logit of a token, less if it occurred. NaN stays NaN.
pub(crate) fn penalized_f64(x: f64, seen: bool, penalty: f64) -> f64 {
    match (seen, x >= 0.0) {
        (false, _) => x,
        (true, true) => x / penalty,
        (true, false) => x * penalty,
    }
}

/// What a maximum is as something to subtract: an infinite one would give NaN.
pub(crate) fn base_f64(greatest: f64) -> f64 {
    if greatest.is_finite() { greatest } else { 0.0 }
}

/// What logits are multiplied with: 0 for temperature 0, where it makes no difference.
pub(crate) fn inverse_f64(temperature: f64) -> f64 {
    if temperature > 0.0 { 1.0 / temperature } else { 0.0 }
}

/// Each part in f64.
fn candidates_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (vocabulary, k, parts) = (a.size("vocabulary"), a.size("k"), a.size("parts"));
    let (mut values, mut tokens, mut masses) = (Vec::new(), Vec::new(), Vec::new());
    for (b, row) in a.rows("logits", vocabulary).enumerate() {
        let seen = &a.tensor("seen")[b * vocabulary..];
        let inverse = inverse_f64(a.tensor("temperature")[b]);
        for part in 0..parts {
            let at = |i: usize| match row.get(i) {
                Some(x) => penalized_f64(*x, seen[i] > 0.0, a.tensor("penalty")[b]),
                None => f64::NEG_INFINITY,
            };
            let x: Vec<f64> = (part * PART..(part + 1) * PART).map(at).collect();
            let mut order: Vec<usize> = (0..PART).collect();
            // A stable sort keeps equal ones in order.
            order.sort_by(|&i, &j| x[j].total_cmp(&x[i]));
            let base = base_f64(x[order[0]]);
            masses
                .push(x.iter().map(|x| ((x - base) * inverse).exp()).filter(|w| !w.is_nan()).sum());
            values.extend(order[..k].iter().map(|&i| x[i]));
            tokens.extend(order[..k].iter().map(|&i| (part * PART + i) as f64));
        }
    }
    vec![values, tokens, masses]
}

/// The logits of the part that begins at `start`, of sequence `row`, repetitions made less probable; -infinity past the end.
pub(crate) fn penalized(a: &Args, row: Tile, start: Tile) -> Tile {
    let x = a["logits"].row(row).range(start, PART).load_or(f64::NEG_INFINITY).to(F32);
    let seen = a["seen"].row(row).range(start, PART).load().to(I32).gt(0);
    let penalty = a["penalty"].at(row).load();
    let less = x.ge(0.0).select(x / penalty, x * penalty);
    seen.select(less, x)
}

/// A maximum as something to subtract.
pub(crate) fn base(greatest: Tile) -> Tile {
    greatest.is_finite().select(greatest, 0.0)
}

/// What the logits of sequence `row` are multiplied with.
pub(crate) fn inverse_temperature(a: &Args, row: Tile) -> Tile {
    let temperature = a["temperature"].at(row).load();
    temperature.gt(0.0).select(temperature.recip(), 0.0)
}

/// `exp(x * inverse)`, nothing for what was excluded, whatever the temperature.
pub(crate) fn weight(shifted: Tile, inverse: Tile) -> Tile {
    shifted.gt(f64::NEG_INFINITY).select((shifted * inverse).exp(), 0.0)
}

/// One program a part of a sequence's vocabulary.
pub fn sample_candidates(k: &mut Kernel, a: &Args) {
    let (row, part) = (k.program(), k.programs(a["masses"].size(1)));
    let count = a.constant("k");
    let x = penalized(a, row, part * PART); // [PART]
    let (best, places) = x.top_k(count); // [k]
    let mass = weight(x - base(x.row_max()), inverse_temperature(a, row)).row_sum();
    a["values"].row(row).range(part * count, count).store(best);
    let tokens = places + (part * PART).to(U32);
    a["tokens"].row(row).range(part * count, count).store(tokens);
    a["masses"].row(row).at(part).store(mass);
}
