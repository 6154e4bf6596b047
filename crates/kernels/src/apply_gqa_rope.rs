//! [`crate::apply_rope`] for `[batch, length, heads, head_dim]`, where all heads of a token stand at one position: the
//! layout in which projections come out, before heads and positions are exchanged.

use crate::apply_rope::rotate;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static APPLY_GQA_ROPE: Entry = Entry {
    name: "apply_gqa_rope",
    family: Family::Rope,
    summary: "rotary embedding, half-split, all heads of a token at one position",
    formula: "y = [a cos - b sin | a sin + b cos] with x = [a | b], position = token mod length",
    signature: "x: T[*tokens, heads, 2*half], cos: f32[length, half], sin: f32[length, half] \
                -> y: T[*tokens, heads, 2*half]",
    build: |k, a| apply_gqa_rope(k, a["x"], a["cos"], a["sin"], a["y"]),
    reference: rope_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("cos", Fill::Uniform(-1.0, 1.0)), ("sin", Fill::Uniform(-1.0, 1.0))],
    cases: &[
        Case::of(&[("tokens", 1), ("heads", 1), ("length", 1), ("half", 1)]),
        Case::of(&[("tokens", 14), ("heads", 3), ("length", 7), ("half", 5)]),
        Case::of(&[("tokens", 0), ("heads", 3), ("length", 7), ("half", 4)]),
        Case::of(&[("tokens", 2048), ("heads", 32), ("length", 2048), ("half", 64)]).bench(),
    ],
    flops: None,
};

/// Rotation in f64, one pair after the other.
fn rope_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (heads, half, length) = (a.size("heads"), a.size("half"), a.size("length"));
    let mut y = a.tensor("x").to_vec();
    for (row, head) in y.chunks_mut(2 * half).enumerate() {
        let position = row / heads % length;
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
    let (x, y) = (x.row(token), y.row(token)); // [heads, 2*half]
    let position = token % cos.size(0);
    let (cos, sin) = (cos.row(position).load(), sin.row(position).load()); // [half]
    let (a, b) = (x.part(0, 2).load().to(F32), x.part(1, 2).load().to(F32)); // [heads, half]
    let (first, second) = rotate(a, b, cos, sin);
    y.part(0, 2).store(first);
    y.part(1, 2).store(second);
}
