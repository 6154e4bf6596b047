//! Bits to truth values: one byte becomes eight, 0 or 1, the lowest bit first.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::U8;
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static UNPACK_BITS: Entry = Entry {
    name: "unpack_bits",
    family: Family::Bits,
    summary: "one byte to eight truth values, lowest bit first",
    formula: "y[8i + j] = ⌊x[i] / 2^j⌋ mod 2",
    signature: "x: u8[bytes] -> y: u8[8*bytes]",
    build: |k, a| unpack_bits(k, a["x"], a["y"]),
    reference: unpack_f64,
    grad: Grad::None("its results are integers"),
    dtypes: &[],
    constants: &[],
    fills: &[("x", Fill::Bits)],
    cases: &[
        Case::of(&[("bytes", 1)]),
        Case::of(&[("bytes", 257)]),
        Case::of(&[("bytes", 0)]),
        Case::of(&[("bytes", 8 << 20)]).bench(),
    ],
    flops: None,
};

/// Unpacks in f64: halves and remainders.
fn unpack_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let bits = |x: &f64| {
        let x = *x;
        (0..8).map(move |j| (x / f64::powi(2.0, j)).floor().rem_euclid(2.0))
    };
    vec![a.tensor("x").iter().flat_map(bits).collect()]
}

/// One map over the bytes.
pub fn unpack_bits(_: &mut Kernel, x: View, y: View) {
    y.store(x.load().unpack(1).to(U8)); // [8 bytes]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_bits() {
        let bytes = [0b10110010, 0b01011100].map(f64::from);
        let bits = [0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0].map(f64::from);
        assert_eq!(unpack_f64(&Inputs::default().with_tensor("x", &bytes)), [bits]);
    }
}
