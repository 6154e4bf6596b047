//! The gated half of a feed-forward layer on MLX affine weights: y = act(x gateᵀ) (x upᵀ), both products of a row at
//! once, so that neither goes to memory. `act` is silu, gelu with tanh or gelu with erf, a kernel each.
//!
//! Both products are rounded to the storage type before the gate, as the kernels round them that this one replaces.

use crate::activation::{gelu_f64, gelu_tanh_f64, silu_f64};
use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::quantized_matvec::matvec_f64;
use crate::rmsnorm::{rms_normed, rms_normed_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row with silu.
pub static FUSED_QUANTIZED_SWIGLU_GEMV: Entry = Entry {
    name: "fused_quantized_swiglu_gemv",
    family: Family::Quantized,
    summary: "silu(x gateᵀ) (x upᵀ) of a few rows with MLX affine weights",
    formula: "y = silu(x gateᵀ) (x upᵀ) with the weights q scales + biases",
    signature: "x: T[*rows, group*groups], gate: u32[columns, bits*group/32*groups], \
                gate_scales: T[columns, groups], gate_biases: T[columns, groups], \
                up: u32[columns, bits*group/32*groups], up_scales: T[columns, groups], \
                up_biases: T[columns, groups] -> y: T[*rows, columns]",
    build: |k, a| fused_quantized_gemv(k, a, Tile::silu),
    reference: |a| gated_f64(a, silu_f64),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64)],
    fills: &[
        ("gate", Fill::Bits),
        ("gate_scales", Fill::Uniform(-0.02, 0.02)),
        ("gate_biases", Fill::Uniform(-0.1, 0.1)),
        ("up", Fill::Bits),
        ("up_scales", Fill::Uniform(-0.02, 0.02)),
        ("up_biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: &[
        Case::of(&[("rows", 1), ("columns", 1), ("groups", 1)]),
        Case::of(&[("rows", 3), ("columns", 17), ("groups", 3)]).with(&[("group", 32)]),
        Case::of(&[("rows", 1), ("columns", 33), ("groups", 5)]).with(&[("bits", 8)]),
        // More than a group of threads takes in a few rounds.
        Case::of(&[("rows", 1), ("columns", 9), ("groups", 129)]),
        Case::of(&[("rows", 0), ("columns", 3), ("groups", 1)]),
        Case::of(&[("rows", 1), ("columns", 14336), ("groups", 64)]).bench(),
    ],
    flops: Some(|a| 4.0 * a.tensor("x").len() as f64 * a.size("columns") as f64),
};

/// The catalog's row with gelu in its form with tanh.
pub static FUSED_QUANTIZED_GEGLU_GEMV: Entry = Entry {
    name: "fused_quantized_geglu_gemv",
    summary: "gelu (with tanh) of x gateᵀ times x upᵀ of a few rows with MLX affine weights",
    formula: "y = gelu_tanh(x gateᵀ) (x upᵀ) with the weights q scales + biases",
    build: |k, a| fused_quantized_gemv(k, a, Tile::gelu_tanh),
    reference: |a| gated_f64(a, gelu_tanh_f64),
    ..FUSED_QUANTIZED_SWIGLU_GEMV
};

/// The catalog's row with gelu in its form with erf.
pub static FUSED_QUANTIZED_GEGLU_ERF_GEMV: Entry = Entry {
    name: "fused_quantized_geglu_erf_gemv",
    summary: "gelu (with erf) of x gateᵀ times x upᵀ of a few rows with MLX affine weights",
    formula: "y = gelu(x gateᵀ) (x upᵀ) with the weights q scales + biases",
    build: |k, a| fused_quantized_gemv(k, a, Tile::gelu),
    reference: |a| gated_f64(a, gelu_f64),
    ..FUSED_QUANTIZED_SWIGLU_GEMV
};

/// The catalog's row with silu, of a row that is normed first.
pub static NORM_QUANTIZED_SWIGLU_GEMV: Entry = Entry {
    name: "norm_quantized_swiglu_gemv",
    summary: "silu(n gateᵀ) (n upᵀ) of a row's root mean square norm n with MLX affine weights",
    formula: "n = x / sqrt(mean x² + eps) norm; y = silu(n gateᵀ) (n upᵀ) with the weights q scales + biases",
    signature: "x: T[*rows, group*groups], norm: T[group*groups], \
                gate: u32[columns, bits*group/32*groups], \
                gate_scales: T[columns, groups], gate_biases: T[columns, groups], \
                up: u32[columns, bits*group/32*groups], up_scales: T[columns, groups], \
                up_biases: T[columns, groups], eps: f32 = 1e-6 -> y: T[*rows, columns]",
    build: |k, a| norm_quantized_gemv(k, a, Tile::silu),
    reference: |a| normed_gated_f64(a, silu_f64),
    ..FUSED_QUANTIZED_SWIGLU_GEMV
};

/// The catalog's row with gelu in its form with tanh, of a row that is normed first.
pub static NORM_QUANTIZED_GEGLU_GEMV: Entry = Entry {
    name: "norm_quantized_geglu_gemv",
    summary: "gelu (with tanh) of n gateᵀ times n upᵀ of a row's root mean square norm n with MLX affine weights",
    formula: "n = x / sqrt(mean x² + eps) norm; y = gelu_tanh(n gateᵀ) (n upᵀ) with the weights q scales + biases",
    build: |k, a| norm_quantized_gemv(k, a, Tile::gelu_tanh),
    reference: |a| normed_gated_f64(a, gelu_tanh_f64),
    ..NORM_QUANTIZED_SWIGLU_GEMV
};

/// The products of the rows' norms in f64, then the gate.
fn normed_gated_f64(a: &Inputs, act: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let normed = rms_normed_f64(a, a.size("group") * a.size("groups"));
    gated_f64(&a.clone().with_tensor("x", &normed), act)
}

/// Both products in f64, then the gate.
fn gated_f64(a: &Inputs, act: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let product = |weight: &str| {
        let part = |suffix: &str| a.tensor(&format!("{weight}{suffix}")).to_vec();
        let renamed = a.clone().with_tensor("w", &part("")).with_tensor("scales", &part("_scales"));
        let renamed = renamed.with_tensor("biases", &part("_biases"));
        matvec_f64(&renamed, &affine_f64(&renamed))
    };
    let gated = |(g, u): (f64, f64)| act(g) * u;
    vec![product("gate").into_iter().zip(product("up")).map(gated).collect()]
}

/// One program an element of y.
pub fn fused_quantized_gemv(k: &mut Kernel, a: &Args, act: fn(Tile) -> Tile) {
    let (row, column) = (k.program(), k.program());
    let x = a["x"].row(row).load().to(F32); // [group*groups]
    a["y"].row(row).at(column).store(gated(a, x, column, act));
}

/// One program an element of y, which norms its row as all others do.
pub fn norm_quantized_gemv(k: &mut Kernel, a: &Args, act: fn(Tile) -> Tile) {
    let (row, column) = (k.program(), k.program());
    let x = rms_normed(a["x"].row(row).load().to(F32), a["norm"], a.scalar("eps"));
    a["y"].row(row).at(column).store(gated(a, x, column, act));
}

/// One element of what the gate lets through of the row `x`, `[group*groups]`.
fn gated(a: &Args, x: Tile, column: Tile, act: fn(Tile) -> Tile) -> Tile {
    let format = Affine::of(a);
    let product = |w: &str, scales: &str, biases: &str| {
        let part = |name: &str| a[name].row(column);
        let sum = (x * affine(part(w), part(scales), part(biases), format)).row_sum();
        sum.to(a["y"].dtype()).to(F32)
    };
    let gate = product("gate", "gate_scales", "gate_biases");
    let up = product("up", "up_scales", "up_biases");
    act(gate) * up
}
