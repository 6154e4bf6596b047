//! The gated half of a feed-forward layer on float weights: y = act(x gateᵀ) (x upᵀ), both products of a row at once,
//! so that neither goes to memory. `act` is silu, gelu with tanh or gelu with erf, a kernel each. Packed weights have
//! [`crate::fused_quantized_swiglu_gemv`].
//!
//! Both products are rounded to the storage type before the gate, as the kernels round them that this one replaces; but
//! not where great ones would become infinite, as in f16.

use crate::activation::{gelu_f64, gelu_tanh_f64, silu_f64};
use crate::linear::linear_f64;
use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row with silu.
pub static FUSED_SWIGLU_GEMV: Entry = Entry {
    name: "fused_swiglu_gemv",
    family: Family::Linear,
    summary: "silu(x gateᵀ) (x upᵀ) of a few rows",
    formula: "y = silu(x gateᵀ) (x upᵀ)",
    signature: "x: T[*rows, depth], gate: T[columns, depth], up: T[columns, depth] -> y: T[*rows, columns]",
    build: |k, a| fused_gemv(k, a, Tile::silu),
    reference: |a| gated_f64(a, silu_f64),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("rows", 1), ("columns", 1), ("depth", 1)]),
        Case::of(&[("rows", 3), ("columns", 17), ("depth", 67)]),
        Case::of(&[("rows", 1), ("columns", 33), ("depth", 257)]),
        Case::of(&[("rows", 0), ("columns", 3), ("depth", 8)]),
        Case::of(&[("rows", 1), ("columns", 8192), ("depth", 2048)]).bench(),
    ],
    flops: Some(|a| 4.0 * a.tensor("x").len() as f64 * a.size("columns") as f64),
};

/// The catalog's row with gelu in its form with tanh.
pub static FUSED_GEGLU_GEMV: Entry = Entry {
    name: "fused_geglu_gemv",
    summary: "gelu (with tanh) of x gateᵀ times x upᵀ of a few rows",
    formula: "y = gelu_tanh(x gateᵀ) (x upᵀ)",
    build: |k, a| fused_gemv(k, a, Tile::gelu_tanh),
    reference: |a| gated_f64(a, gelu_tanh_f64),
    ..FUSED_SWIGLU_GEMV
};

/// The catalog's row with gelu in its form with erf.
pub static FUSED_GEGLU_ERF_GEMV: Entry = Entry {
    name: "fused_geglu_erf_gemv",
    summary: "gelu (with erf) of x gateᵀ times x upᵀ of a few rows",
    formula: "y = gelu(x gateᵀ) (x upᵀ)",
    build: |k, a| fused_gemv(k, a, Tile::gelu),
    reference: |a| gated_f64(a, gelu_f64),
    ..FUSED_SWIGLU_GEMV
};

/// Both products in f64, then the gate.
fn gated_f64(a: &Inputs, act: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let product = |weight: &str| {
        linear_f64(&a.clone().with_tensor("w", a.tensor(weight)), |sum| sum).remove(0)
    };
    let gated = |(g, u): (f64, f64)| act(g) * u;
    vec![product("gate").into_iter().zip(product("up")).map(gated).collect()]
}

/// One program an element of y.
pub fn fused_gemv(k: &mut Kernel, a: &Args, act: fn(Tile) -> Tile) {
    let (row, column) = (k.program(), k.program());
    let x = a["x"].row(row).load().to(F32); // [depth]
    let dtype = a["y"].dtype();
    let product = |name: &str| {
        let sum = (x * a[name].row(column).load().to(F32)).row_sum();
        let rounded = sum.to(dtype).to(F32);
        if dtype == F16 { rounded.is_finite().select(rounded, sum) } else { rounded }
    };
    let (gate, up) = (product("gate"), product("up"));
    a["y"].row(row).at(column).store(act(gate) * up);
}
