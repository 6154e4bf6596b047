//! A linear layer with bias and activation: y = activation(x wᵀ + bias). The activation works on the accumulated f32
//! sums, which never go to memory; the gradient computes them again.

use crate::linear::{CASES, LINEAR_BIAS, linear, linear_f64};
use crate::matmul::{COLUMNS, ROWS, column_sums, matmul, matmul_transposed};
use crate::{BackwardKernel, Entry, Grad};
use tilewright_ir::DType::F32;
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row with silu.
pub static FUSED_LINEAR_BIAS_SILU: Entry = Entry {
    name: "fused_linear_bias_silu",
    summary: "linear layer with bias and silu",
    formula: "y[i, j] = silu(Σ_l x[i, l] w[j, l] + bias[j])",
    build: |k, a| linear_bias(k, a, Tile::silu),
    reference: |a| linear_f64(a, |sum| sum / (1.0 + (-sum).exp())),
    grad: Grad::By(&[
        BackwardKernel {
            name: "fused_linear_bias_silu_d_sum",
            signature: D_SUM,
            build: |k, a| d_sum(k, a, silu_slope),
        },
        D_X,
        D_W,
        D_BIAS,
    ]),
    cases: CASES,
    ..LINEAR_BIAS
};

/// The catalog's row with the tanh form of gelu.
pub static FUSED_LINEAR_BIAS_GELU: Entry = Entry {
    name: "fused_linear_bias_gelu",
    summary: "linear layer with bias and gelu_tanh",
    formula: "y[i, j] = gelu_tanh(Σ_l x[i, l] w[j, l] + bias[j])",
    build: |k, a| linear_bias(k, a, Tile::gelu_tanh),
    reference: |a| {
        linear_f64(a, |sum| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044715 * sum.powi(3));
            0.5 * sum * (1.0 + inner.tanh())
        })
    },
    grad: Grad::By(&[
        BackwardKernel {
            name: "fused_linear_bias_gelu_d_sum",
            signature: D_SUM,
            build: |k, a| d_sum(k, a, gelu_tanh_slope),
        },
        D_X,
        D_W,
        D_BIAS,
    ]),
    cases: CASES,
    ..LINEAR_BIAS
};

/// The first step of the gradient: d_sum, the cotangent of what the activation takes.
const D_SUM: &str = "x: T[*rows, depth], w: T[columns, depth], bias: T[columns], d_y: T[*rows, columns] \
                     -> d_sum: T[*rows, columns]";

const D_X: BackwardKernel = BackwardKernel {
    name: "fused_linear_bias_d_x",
    signature: "d_sum: T[*rows, columns], w: T[columns, depth] -> d_x: T[*rows, depth]",
    build: |k, a| matmul(k, a["d_sum"], a["w"], a["d_x"]),
};

const D_W: BackwardKernel = BackwardKernel {
    name: "fused_linear_bias_d_w",
    signature: "d_sum: T[*rows, columns], x: T[*rows, depth] -> d_w: T[columns, depth]",
    build: |k, a| matmul_transposed(k, a["d_sum"], a["x"], a["d_w"]),
};

const D_BIAS: BackwardKernel = BackwardKernel {
    name: "fused_linear_bias_d_bias",
    signature: "d_sum: T[*rows, columns] -> d_bias: T[columns]",
    build: |k, a| column_sums(k, a["d_sum"], a["d_bias"]),
};

/// One program a block of y.
pub fn linear_bias(k: &mut Kernel, a: &Args, activation: fn(Tile) -> Tile) {
    linear(k, a["x"], a["w"], a["y"], |sum, [_, j]| {
        activation(sum + a["bias"].range(j, COLUMNS).load().to(F32))
    });
}

/// One program a block of d_sum = d_y activation'(x wᵀ + bias).
fn d_sum(k: &mut Kernel, a: &Args, slope: fn(Tile) -> Tile) {
    linear(k, a["x"], a["w"], a["d_sum"], |sum, [i, j]| {
        let d_y = a["d_y"].block([i, j], [ROWS, COLUMNS]).load().to(F32);
        d_y * slope(sum + a["bias"].range(j, COLUMNS).load().to(F32))
    });
}

/// silu' = s (1 + x (1 - s)) with s = sigmoid(x).
fn silu_slope(x: Tile) -> Tile {
    let s = x.sigmoid();
    s * (x * (1.0 - s) + 1.0)
}

/// gelu_tanh = x sigmoid(u) with u = 2 sqrt(2/pi) (x + 0.044715 x³), so its slope is s + x s (1 - s) u'.
fn gelu_tanh_slope(x: Tile) -> Tile {
    let scale = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
    let cubic = 0.044715 * x.square();
    let s = (x * (cubic + 1.0) * scale).sigmoid();
    s + x * s * (1.0 - s) * ((3.0 * cubic + 1.0) * scale)
}
