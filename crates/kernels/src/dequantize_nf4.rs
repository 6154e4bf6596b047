//! NormalFloat of 4 bits to floats: `y = table[q] scale`, the low nibble first. The 16 values of the table are
//! quantiles of a normal distribution, 0 among them (Dettmers et al., 2023, <https://arxiv.org/abs/2305.14314>,
//! appendix E).

use crate::dequantize::nibbles;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row.
pub static DEQUANTIZE_NF4: Entry = Entry {
    name: "dequantize_nf4",
    family: Family::Quantized,
    summary: "4-bit NormalFloats, low nibble first, times one scale",
    formula: "y[2i] = NF4[x[i] mod 16] scale, y[2i+1] = NF4[⌊x[i] / 16⌋] scale",
    signature: "x: u8[n], scale: f32 -> y: T[2*n]",
    build: |k, a| dequantize_nf4(k, a["x"], a.scalar("scale"), a["y"]),
    reference: nf4_f64,
    grad: Grad::None("the quantized values are integers"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("x", Fill::Bits)],
    cases: &[
        Case::of(&[("n", 1)]).scalars(&[("scale", 0.25)]),
        Case::of(&[("n", 257)]).scalars(&[("scale", -0.1)]),
        Case::of(&[("n", 0)]).scalars(&[("scale", 1.0)]),
        Case::of(&[("n", 16 << 20)]).scalars(&[("scale", 0.01)]).bench(),
    ],
    flops: None,
};

/// The values of the 16 codes.
pub const NF4: [f64; 16] = [
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
];

/// Table lookups in f64.
fn nf4_f64(a: &Inputs) -> Vec<Vec<f64>> {
    vec![nibbles(a.tensor("x")).map(|q| NF4[q as usize] * a.scalar("scale")).collect()]
}

/// One map over the bytes.
pub fn dequantize_nf4(k: &mut Kernel, x: View, scale: Tile, y: View) {
    let entry = |value: f64| k.full(F32, &[1.into()], value);
    let table = NF4[1..].iter().fold(entry(NF4[0]), |table, &value| table.concat(entry(value)));
    y.store(table.pick(x.load().unpack(4)) * scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_vector() {
        let case = Inputs::default().with_tensor("x", &[0x10, 0xF3].map(f64::from));
        let found = nf4_f64(&case.with_scalar("scale", 0.25)).remove(0);
        for (f, e) in found.iter().zip([-0.25, -0.1740482, -0.0987294, 0.25]) {
            assert!((f - e).abs() < 1e-7, "{f} is not {e}");
        }
    }
}
