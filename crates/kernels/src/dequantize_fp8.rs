//! Eight-bit floats to wider ones, times one scale (Micikevicius et al., 2022, <https://arxiv.org/abs/2209.05433>).
//!
//! e4m3: 4 exponent bits of bias 7, 3 mantissa bits, no infinity, NaN where all of these are 1, greatest 448.
//! e5m2: 5 exponent bits of bias 15, 2 mantissa bits, infinity and NaN as in IEEE 754, greatest 57344.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, U32};
use tilewright_lang::{Tile, View};

/// The catalog's row for e4m3.
pub static DEQUANTIZE_FP8_E4M3: Entry = Entry {
    name: "dequantize_fp8_e4m3",
    family: Family::Quantized,
    summary: "8-bit floats e4m3 times one scale",
    formula: "y = scale (-1)^s 2^(e-7) (1 + m/8), subnormal scale (-1)^s 2^-6 m/8",
    signature: "x: u8[*n], scale: f32 -> y: T[*n]",
    build: |_, a| dequantize_fp8(a["x"], a.scalar("scale"), a["y"], Fp8::E4M3),
    reference: |a| fp8_f64(a, Fp8::E4M3),
    grad: Grad::None("the quantized values are integers"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("x", Fill::Bits)],
    cases: &[
        Case::of(&[("n", 1)]).scalars(&[("scale", 0.5)]),
        Case::of(&[("n", 4099)]).scalars(&[("scale", 0.03)]),
        Case::of(&[("n", 0)]).scalars(&[("scale", 1.0)]),
        Case::of(&[("n", 16 << 20)]).scalars(&[("scale", 0.01)]).bench(),
    ],
    flops: None,
};

/// The catalog's row for e5m2.
pub static DEQUANTIZE_FP8_E5M2: Entry = Entry {
    name: "dequantize_fp8_e5m2",
    summary: "8-bit floats e5m2 times one scale",
    formula: "y = scale (-1)^s 2^(e-15) (1 + m/4), subnormal scale (-1)^s 2^-14 m/4",
    build: |_, a| dequantize_fp8(a["x"], a.scalar("scale"), a["y"], Fp8::E5M2),
    reference: |a| fp8_f64(a, Fp8::E5M2),
    ..DEQUANTIZE_FP8_E4M3
};

/// The two formats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fp8 {
    /// 4 exponent bits, 3 mantissa bits.
    E4M3,
    /// 5 exponent bits, 2 mantissa bits.
    E5M2,
}

/// The values in f64, by the formula.
fn fp8_f64(a: &Inputs, format: Fp8) -> Vec<Vec<f64>> {
    let (bias, steps) = if format == Fp8::E4M3 { (7, 8) } else { (15, 4) };
    let value = |code: &f64| {
        let code = *code as i32;
        let (exponent, mantissa) = (code % 128 / steps, code % steps);
        let size = match (format, exponent, mantissa) {
            (Fp8::E4M3, 15, 7) => f64::NAN,
            (Fp8::E5M2, 31, 0) => f64::INFINITY,
            (Fp8::E5M2, 31, _) => f64::NAN,
            (_, 0, m) => m as f64 / steps as f64 * 2f64.powi(1 - bias),
            (_, e, m) => (1.0 + m as f64 / steps as f64) * 2f64.powi(e - bias),
        };
        a.scalar("scale") * if code < 128 { size } else { -size }
    };
    vec![a.tensor("x").iter().map(value).collect()]
}

/// One map over the bytes.
pub fn dequantize_fp8(x: View, scale: Tile, y: View, format: Fp8) {
    y.store(fp8_value(x.load().to(U32), format) * scale);
}

/// The f32 values of 8-bit floats: exponent and mantissa move to their places in an f32. Conversions of integers would take a
/// GPU longer than all else; a subnormal is what its mantissa adds to the least normal number.
pub fn fp8_value(code: Tile, format: Fp8) -> Tile {
    let (mantissa_bits, bias, special) =
        if format == Fp8::E4M3 { (3u32, 7i32, 0x7fu32) } else { (2, 15, 0x7c) };
    let place = 23 - mantissa_bits;
    let size = (code & 0x7f) << place;
    let normal = size + ((127 - bias) << 23);
    // All ones in the exponent of an f32 make an infinity of mantissa 0, a NaN of any other.
    let normal = size.ge(special << place).select(normal | 0x7f80_0000u32, normal);
    let subnormal = (size + ((128 - bias) << 23)).bitcast(F32) - f64::powi(2.0, 1 - bias);
    let bits = size.lt(1 << 23).select(subnormal.bitcast(U32), normal);
    (bits | (code & 0x80) << 24).bitcast(F32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_give_the_published_vectors() {
        let half = Inputs::default().with_scalar("scale", 0.5);
        let codes = half.clone().with_tensor("x", &[0x2A, 0xAA, 0x35, 0x7E, 0x01].map(f64::from));
        let expected = [0.15625, -0.15625, 0.40625, 224.0, f64::powi(2.0, -10)];
        assert_eq!(fp8_f64(&codes, Fp8::E4M3), [expected]);
        let codes = half.with_tensor("x", &[0x29, 0xA9, 0x3C, 0x7B, 0xFC].map(f64::from));
        let expected = [0.01953125, -0.01953125, 0.5, 28672.0, f64::NEG_INFINITY];
        assert_eq!(fp8_f64(&codes, Fp8::E5M2), [expected]);
    }
}
