//! Truth values to bits: eight bytes, zero or not, become one, the first in the lowest bit.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::U8;
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static PACK_BITS: Entry = Entry {
    name: "pack_bits",
    family: Family::Bits,
    summary: "eight truth values to one byte, lowest bit first",
    formula: "y[i] = Σ_j (x[8i + j] ≠ 0) 2^j",
    signature: "x: u8[8*bytes] -> y: u8[bytes]",
    build: |k, a| pack_bits(k, a["x"], a["y"]),
    reference: pack_f64,
    grad: Grad::None("its results are integers"),
    dtypes: &[],
    constants: &[],
    fills: &[("x", Fill::Integer(2))],
    cases: &[
        Case::of(&[("bytes", 1)]),
        Case::of(&[("bytes", 257)]),
        Case::of(&[("bytes", 0)]),
        Case::of(&[("bytes", 8 << 20)]).bench(),
    ],
    flops: None,
};

/// Packs in f64: the bits as powers of two.
fn pack_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let byte = |eight: &[f64]| {
        eight
            .iter()
            .enumerate()
            .map(|(j, &x)| if x != 0.0 { f64::powi(2.0, j as i32) } else { 0.0 })
            .sum()
    };
    vec![a.rows("x", 8).map(byte).collect()]
}

/// One map over the bytes.
pub fn pack_bits(_: &mut Kernel, x: View, y: View) {
    let bit = |j: usize| x.every(8, j).load().ne(0).to(U8) << j; // [bytes]
    y.store((1..8).map(bit).fold(bit(0), |byte, bit| byte | bit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_bytes() {
        let bits = [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1].map(f64::from);
        assert_eq!(pack_f64(&Inputs::default().with_tensor("x", &bits)), [[77.0, 166.0]]);
    }
}
