//! Sums and products of two tensors, and of a tensor and a bias over its last axis.
//!
//! ```text
//! add:            y = a + b
//! mul:            y = a b
//! scale:          y = factor x
//! widen:          y = x in f32
//! add_bias:       y = x + bias
//! bias_silu:      y = silu(x + bias)
//! bias_gelu_tanh: y = gelu_tanh(x + bias)
//! add_gated:      y = a + sigmoid(gate) b
//! ```
//! a, b: of any shape, with a gate `[*rows, cols]`; x: `[*rows, cols]`; bias: `[cols]`; gate: `[*rows]`. The activations are
//! those of [`crate::activation`].

use crate::activation::{gelu_tanh_f64, sigmoid_f64, silu_f64};
use crate::cases::{ELEMENTS, ROWS};
use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// y = a + b.
pub static ADD: Entry = Entry {
    signature: "a: T[*n], b: T[*n] -> y: T[*n]",
    cases: ELEMENTS,
    ..arithmetic(
        "add",
        "sum of two tensors",
        "y = a + b",
        |_, a| two_tensors(a, |a, b| a + b),
        |a| each_pair(a, |a, b| a + b),
    )
};

/// y = a b.
pub static MUL: Entry = Entry {
    signature: "a: T[*n], b: T[*n] -> y: T[*n]",
    cases: ELEMENTS,
    ..arithmetic(
        "mul",
        "product of two tensors",
        "y = a b",
        |_, a| two_tensors(a, |a, b| a * b),
        |a| each_pair(a, |a, b| a * b),
    )
};

/// y = factor x.
pub static SCALE: Entry = Entry {
    signature: "x: T[*n], factor: f32 = 2 -> y: T[*n]",
    cases: SCALE_CASES,
    ..arithmetic(
        "scale",
        "product of a tensor and a number",
        "y = factor x",
        |_, a| a["y"].store(a["x"].load().to(F32) * a.scalar("factor")),
        |a| vec![a.tensor("x").iter().map(|x| a.scalar("factor") * x).collect()],
    )
};

/// y = x in f32, as whoever chooses a token takes logits.
pub static WIDEN: Entry = Entry {
    signature: "x: T[*n] -> y: f32[*n]",
    cases: ELEMENTS,
    ..arithmetic(
        "widen",
        "the same numbers in f32",
        "y = x",
        |_, a| a["y"].store(a["x"].load().to(F32)),
        |a| vec![a.tensor("x").to_vec()],
    )
};

const SCALE_CASES: &[Case] = &[
    Case::of(&[("n", 1)]).scalars(&[("factor", 2.0)]),
    Case::of(&[("n", 257)]).scalars(&[("factor", -0.3)]),
    Case::of(&[("n", 0)]).scalars(&[("factor", 1.0)]),
    Case::of(&[("n", 16 << 20)]).scalars(&[("factor", 0.5)]).bench(),
];

/// y = x + bias.
pub static ADD_BIAS: Entry = arithmetic(
    "add_bias",
    "bias over the last axis",
    "y = x + bias",
    |k, a| biased(k, a, |t| t),
    |a| each_biased(a, |t| t),
);

/// y = silu(x + bias).
pub static BIAS_SILU: Entry = arithmetic(
    "bias_silu",
    "bias over the last axis, then silu",
    "y = silu(x + bias)",
    |k, a| biased(k, a, |t| t.silu()),
    |a| each_biased(a, silu_f64),
);

/// y = gelu_tanh(x + bias).
pub static BIAS_GELU_TANH: Entry = arithmetic(
    "bias_gelu_tanh",
    "bias over the last axis, then gelu with tanh",
    "y = gelu_tanh(x + bias)",
    |k, a| biased(k, a, |t| t.gelu_tanh()),
    |a| each_biased(a, gelu_tanh_f64),
);

/// y = a + sigmoid(gate) b, a number of the gate a row: the layer that every token takes beside its experts in Qwen2-MoE
/// (<https://arxiv.org/abs/2407.10671>).
pub static ADD_GATED: Entry = Entry {
    family: Family::Moe,
    signature: "a: T[*rows, cols], b: T[*rows, cols], gate: T[*rows] -> y: T[*rows, cols]",
    ..arithmetic(
        "add_gated",
        "sum of two tensors, the second times the sigmoid of a number of its row",
        "y = a + sigmoid(gate) b",
        add_gated,
        |a| {
            let gate = a.tensor("gate").iter().map(|g| sigmoid_f64(*g));
            let rows = a.rows("a", a.size("cols")).zip(a.rows("b", a.size("cols"))).zip(gate);
            vec![
                rows.flat_map(|((a, b), gate)| a.iter().zip(b).map(move |(a, b)| a + gate * b))
                    .collect(),
            ]
        },
    )
};

const fn arithmetic(
    name: &'static str,
    summary: &'static str,
    formula: &'static str,
    build: fn(&mut Kernel, &Args),
    reference: fn(&Inputs) -> Vec<Vec<f64>>,
) -> Entry {
    Entry {
        name,
        family: Family::Activation,
        summary,
        formula,
        signature: "x: T[*rows, cols], bias: T[cols] -> y: T[*rows, cols]",
        build,
        reference,
        grad: Grad::Auto,
        dtypes: &[F32, F16, BF16],
        constants: &[],
        fills: &[],
        cases: ROWS,
        flops: None,
    }
}

/// One map over all elements, in f32.
fn two_tensors(args: &Args, of: impl FnOnce(Tile, Tile) -> Tile) {
    let (a, b) = (args["a"].load().to(F32), args["b"].load().to(F32)); // [n]
    args["y"].store(of(a, b));
}

/// One program a row.
fn biased(k: &mut Kernel, args: &Args, of: impl FnOnce(Tile) -> Tile) {
    let row = k.program();
    let x = args["x"].row(row).load().to(F32); // [cols]
    let bias = args["bias"].load().to(F32); // [cols]
    args["y"].row(row).store(of(x + bias));
}

/// One program a row.
fn add_gated(k: &mut Kernel, args: &Args) {
    let row = k.program();
    let (a, b) = (args["a"].row(row).load().to(F32), args["b"].row(row).load().to(F32)); // [cols]
    let share = args["gate"].at(row).load().to(F32).sigmoid(); // []
    args["y"].row(row).store(b.fma(share, a));
}

fn each_pair(a: &Inputs, of: impl Fn(f64, f64) -> f64) -> Vec<Vec<f64>> {
    vec![a.tensor("a").iter().zip(a.tensor("b")).map(|(&a, &b)| of(a, b)).collect()]
}

fn each_biased(a: &Inputs, of: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    let bias = a.tensor("bias").iter().cycle();
    vec![a.tensor("x").iter().zip(bias).map(|(x, b)| of(x + b)).collect()]
}
