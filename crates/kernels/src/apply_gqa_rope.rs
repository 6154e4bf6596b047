//! [`crate::apply_rope`] for `[batch, length, heads, head_dim]`, where all heads of a token stand at one position: the
//! layout in which projections come out, before heads and positions are exchanged.

use crate::apply_rope::rotate;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, View};

/// The catalog's row.
pub static APPLY_GQA_ROPE: Entry = Entry {
    name: "apply_gqa_rope",
    family: Family::Rope,
    summary: "rotary embedding, half-split, all heads of a token at one position",
    formula: "y = [a cos - b sin | a sin + b cos] with x = [a | b], position = token mod length",
    signature: "x: T[*tokens, heads, 2*half], cos: f32[length, half], sin: f32[length, half] \
                -> y: T[*tokens, heads, 2*half]",
    build: |k, a| apply_gqa_rope(k, a["x"], a["cos"], a["sin"], a["y"]),
    reference: |a| rope_f64(a, |token| token % a.size("length")),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("cos", Fill::Uniform(-1.0, 1.0)), ("sin", Fill::Uniform(-1.0, 1.0))],
    cases: &[
        Case::of(&[("tokens", 1), ("heads", 1), ("length", 1), ("half", 1)]),
        Case::of(&[("tokens", 14), ("heads", 3), ("length", 7), ("half", 5)]),
        Case::of(&[("tokens", 17), ("heads", 3), ("length", 7), ("half", 5)]),
        Case::of(&[("tokens", 3), ("heads", 2), ("length", 7), ("half", 4)]),
        Case::of(&[("tokens", 0), ("heads", 3), ("length", 7), ("half", 4)]),
        Case::of(&[("tokens", 2048), ("heads", 32), ("length", 2048), ("half", 64)]).bench(),
    ],
    flops: None,
};

/// The catalog's row: every token names its position.
pub static APPLY_GQA_ROPE_AT: Entry = Entry {
    name: "apply_gqa_rope_at",
    summary: "rotary embedding, half-split, all heads of a token at one position that the token names",
    formula: "y = [a cos - b sin | a sin + b cos] with x = [a | b], position = positions[token]",
    signature: "x: T[*tokens, heads, 2*half], positions: i32[*tokens], cos: f32[length, half], \
                sin: f32[length, half] -> y: T[*tokens, heads, 2*half]",
    build: |k, a| apply_gqa_rope_at(k, a["x"], a["positions"], a["cos"], a["sin"], a["y"]),
    reference: |a| rope_f64(a, |token| a.tensor("positions")[token] as usize),
    fills: &[
        ("positions", Fill::Index("length")),
        ("cos", Fill::Uniform(-1.0, 1.0)),
        ("sin", Fill::Uniform(-1.0, 1.0)),
    ],
    ..APPLY_GQA_ROPE
};

/// The catalog's row for heads of which only the first features turn, as in Phi-4-mini.
pub static APPLY_PARTIAL_GQA_ROPE_AT: Entry = Entry {
    name: "apply_partial_gqa_rope_at",
    summary: "rotary embedding of the first features of each head, the others unchanged",
    formula: "y = [a cos - b sin | a sin + b cos | c] with x = [a | b | c], position = positions[token]",
    signature: "x: T[*tokens, heads, head_dim], positions: i32[*tokens], cos: f32[length, half], \
                sin: f32[length, half] -> y: T[*tokens, heads, head_dim]",
    build: apply_partial_gqa_rope_at,
    reference: |a| rope_f64(a, |token| a.tensor("positions")[token] as usize),
    constants: &[("head_dim", 128), ("half", 48)],
    cases: &[
        Case::of(&[("tokens", 1), ("heads", 1), ("length", 1)])
            .with(&[("head_dim", 3), ("half", 1)]),
        Case::of(&[("tokens", 14), ("heads", 3), ("length", 7)])
            .with(&[("head_dim", 13), ("half", 5)]),
        Case::of(&[("tokens", 0), ("heads", 3), ("length", 7)]),
        Case::of(&[("tokens", 2048), ("heads", 32), ("length", 2048)]).bench(),
    ],
    ..APPLY_GQA_ROPE_AT
};

/// Rotation in f64, one pair after the other; features past the pairs stay.
fn rope_f64(a: &Inputs, position: impl Fn(usize) -> usize) -> Vec<Vec<f64>> {
    let (heads, half) = (a.size("heads"), a.size("half"));
    let head_dim = a.size("head_dim").max(2 * half);
    let mut y = a.tensor("x").to_vec();
    for (row, head) in y.chunks_mut(head_dim).enumerate() {
        let position = position(row / heads);
        for i in 0..half {
            let (c, s) =
                (a.tensor("cos")[position * half + i], a.tensor("sin")[position * half + i]);
            let (first, second) = (head[i], head[i + half]);
            head[i] = first * c - second * s;
            head[i + half] = first * s + second * c;
        }
    }
    vec![y]
}

/// One program a token.
pub fn apply_gqa_rope(k: &mut Kernel, x: View, cos: View, sin: View, y: View) {
    let token = k.program();
    let position = token % cos.size(0);
    turn_heads(x.row(token), cos.row(position), sin.row(position), y.row(token));
}

/// One program a token.
pub fn apply_gqa_rope_at(k: &mut Kernel, x: View, positions: View, cos: View, sin: View, y: View) {
    let token = k.program();
    let position = positions.at(token).load();
    turn_heads(x.row(token), cos.row(position), sin.row(position), y.row(token));
}

/// Turns the first half of every head with the second.
fn turn_heads(x: View, cos: View, sin: View, y: View) {
    let (a, b) = (x.part(0, 2).load().to(F32), x.part(1, 2).load().to(F32)); // [heads, half]
    let (first, second) = rotate(a, b, cos.load(), sin.load());
    y.part(0, 2).store(first);
    y.part(1, 2).store(second);
}

/// One program a token.
pub fn apply_partial_gqa_rope_at(k: &mut Kernel, a: &Args) {
    let (head_dim, half) = (a.constant("head_dim"), a.constant("half"));
    let token = k.program();
    let (x, y) = (a["x"].row(token), a["y"].row(token)); // [heads, head_dim]
    let position = a["positions"].at(token).load();
    let (cos, sin) = (a["cos"].row(position).load(), a["sin"].row(position).load()); // [half]
    let part = |start: usize| x.range(start, half).load().to(F32); // [heads, half]
    let (first, second) = rotate(part(0), part(half), cos, sin);
    y.range(0, half).store(first);
    y.range(half, half).store(second);
    let rest = unturned(k, head_dim, half);
    y.range(2 * half, rest).store(x.range(2 * half, rest).load());
}

/// The features of a head after the two halves that turn.
#[track_caller]
pub(crate) fn unturned(k: &Kernel, head_dim: usize, half: usize) -> usize {
    let more = || format!("two halves of {half} features are more than the {head_dim} of a head");
    k.require(2 * half <= head_dim, more);
    head_dim.saturating_sub(2 * half)
}
