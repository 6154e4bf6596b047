//! Integers with one scale, or one scale a block, back to floats: y = q scale.
//!
//! Four-bit integers are unsigned, 0 to 15, two in a byte, the low nibble first. Eight-bit integers are signed.
//!
//! A CPU writes four to eight bytes here for each that it reads, and memory takes them more slowly than it gives: two
//! threads of a Zen 4 that copies 42.5 GB/s fill it at 26.5, past the caches, with a quarter as much read beside at 33
//! and with an eighth at 30, which is 77 and 70 % of copy. (Lines of zeros go twice as fast there.)

use crate::{Case, Entry, Family, Fill, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Tile, View};

const INTEGERS: Grad = Grad::None("the quantized values are integers");

const CASES: &[Case] = &[
    Case::of(&[("n", 1)]).scalars(&[("scale", 0.25)]),
    Case::of(&[("n", 257)]).scalars(&[("scale", -0.1)]),
    Case::of(&[("n", 0)]).scalars(&[("scale", 1.0)]),
    Case::of(&[("n", 16 << 20)]).scalars(&[("scale", 0.01)]).bench(),
];

const BLOCK_CASES: &[Case] = &[
    Case::of(&[("blocks", 1)]).with(&[("block", 4)]),
    Case::of(&[("blocks", 7)]).with(&[("block", 32)]),
    Case::of(&[("blocks", 0)]),
    Case::of(&[("blocks", 128 << 10)]).bench(),
];

/// The catalog's row: signed bytes, one scale.
pub static DEQUANTIZE_INT8: Entry = Entry {
    name: "dequantize_int8",
    family: Family::Quantized,
    summary: "signed bytes times one scale",
    formula: "y = x scale",
    signature: "x: i8[*n], scale: f32 -> y: T[*n]",
    build: |_, a| dequantize_int8(a["x"], a.scalar("scale"), a["y"], |y| y),
    reference: |a| vec![a.tensor("x").iter().map(|x| x * a.scalar("scale")).collect()],
    grad: INTEGERS,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("x", Fill::Bits)],
    cases: CASES,
    flops: None,
};

/// The catalog's row: silu of signed bytes with one scale.
pub static DEQUANTIZE_SILU_INT8: Entry = Entry {
    name: "dequantize_silu_int8",
    summary: "silu of signed bytes times one scale",
    formula: "y = silu(x scale)",
    build: |_, a| dequantize_int8(a["x"], a.scalar("scale"), a["y"], Tile::silu),
    reference: |a| {
        let values = a.tensor("x").iter().map(|x| x * a.scalar("scale"));
        vec![values.map(|x| x / (1.0 + (-x).exp())).collect()]
    },
    ..DEQUANTIZE_INT8
};

/// The catalog's row: nibbles, one scale.
pub static DEQUANTIZE_INT4: Entry = Entry {
    name: "dequantize_int4",
    summary: "unsigned nibbles, low first, times one scale",
    formula: "y[2i] = (x[i] mod 16) scale, y[2i+1] = ⌊x[i] / 16⌋ scale",
    signature: "x: u8[n], scale: f32 -> y: T[2*n]",
    build: |_, a| dequantize_int4(a["x"], a.scalar("scale"), a["y"]),
    reference: |a| vec![nibbles(a.tensor("x")).map(|q| q * a.scalar("scale")).collect()],
    ..DEQUANTIZE_INT8
};

/// The catalog's row: signed bytes, one scale a block.
pub static DEQUANTIZE_BLOCKWISE: Entry = Entry {
    name: "dequantize_blockwise",
    summary: "signed bytes times one scale a block",
    formula: "y[i] = x[i] scales[i / block]",
    signature: "x: i8[block*blocks], scales: f32[blocks] -> y: T[block*blocks]",
    build: |_, a| blockwise(a["x"].load(), a["scales"], a["y"], a.constant("block")),
    reference: |a| {
        let scale = |i: usize| a.tensor("scales")[i / a.size("block")];
        vec![a.tensor("x").iter().enumerate().map(|(i, x)| x * scale(i)).collect()]
    },
    grad: Grad::Auto,
    constants: &[("block", 128)],
    cases: BLOCK_CASES,
    ..DEQUANTIZE_INT8
};

/// The catalog's row: nibbles, one scale a block.
pub static DEQUANTIZE_BLOCKWISE_INT4: Entry = Entry {
    name: "dequantize_blockwise_int4",
    summary: "unsigned nibbles, low first, times one scale a block",
    formula: "y[i] = q[i] scales[i / block], q = nibbles of x",
    signature: "x: u8[block/2*blocks], scales: f32[blocks] -> y: T[block*blocks]",
    build: |_, a| blockwise(a["x"].load().unpack(4), a["scales"], a["y"], a.constant("block")),
    reference: |a| {
        let scale = |i: usize| a.tensor("scales")[i / a.size("block")];
        vec![nibbles(a.tensor("x")).enumerate().map(|(i, q)| q * scale(i)).collect()]
    },
    ..DEQUANTIZE_BLOCKWISE
};

/// The nibbles of bytes in f64, low first.
pub(crate) fn nibbles(bytes: &[f64]) -> impl Iterator<Item = f64> {
    bytes.iter().flat_map(|byte| [byte.rem_euclid(16.0), (byte / 16.0).floor()])
}

/// One map over the bytes.
pub fn dequantize_int8(x: View, scale: Tile, y: View, activation: fn(Tile) -> Tile) {
    y.store(activation(x.load().to(F32) * scale));
}

/// One map over the bytes.
pub fn dequantize_int4(x: View, scale: Tile, y: View) {
    y.store(x.load().unpack(4).to(F32) * scale);
}

/// One map over the integers `q`, of which `block` share a scale.
pub fn blockwise(q: Tile, scales: View, y: View, block: usize) {
    let scales = scales.load().column(); // [blocks, 1]
    let blocks = scales.size(0);
    let q = q.to(F32).reshape(&[blocks, block.into()]);
    y.store((q * scales).reshape(&[block * blocks]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inputs;

    fn check(entry: &Entry, case: Inputs, expected: &[f64]) {
        let found = (entry.reference)(&case).remove(0);
        assert_eq!(found.len(), expected.len(), "{}", entry.name);
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-6, "{}: {found:?} is not {expected:?}", entry.name);
        }
    }

    #[test]
    fn the_references_give_the_published_vectors() {
        let bytes = Inputs::default().with_tensor("x", &[-8.0, -1.0, 0.0, 3.0, 7.0]);
        let quarter = bytes.clone().with_scalar("scale", 0.25);
        check(&DEQUANTIZE_INT8, quarter, &[-2.0, -0.25, 0.0, 0.75, 1.75]);
        let silu = [-0.2480204, -0.0475021, 0.0, 0.1723328, 0.4677314];
        check(&DEQUANTIZE_SILU_INT8, bytes.with_scalar("scale", 0.1), &silu);
        let packed = Inputs::default().with_tensor("x", &[0x21, 0xBA].map(f64::from));
        check(&DEQUANTIZE_INT4, packed.with_scalar("scale", 0.5), &[0.5, 1.0, 5.0, 5.5]);
        let blocks = Inputs::default().with_size("block", 4).with_size("blocks", 2);
        let packed = blocks.clone().with_tensor("x", &[0x21, 0xBA, 0x07, 0xF0].map(f64::from));
        let packed = packed.with_tensor("scales", &[1.0, 0.5]);
        let expected = [1.0, 2.0, 10.0, 11.0, 3.5, 0.0, 0.0, 7.5];
        check(&DEQUANTIZE_BLOCKWISE_INT4, packed, &expected);
        let bytes = blocks.with_tensor("x", &[1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0]);
        let expected = [0.5, -1.0, 1.5, -2.0, 10.0, -12.0, 14.0, -16.0];
        check(&DEQUANTIZE_BLOCKWISE, bytes.with_tensor("scales", &[0.5, 2.0]), &expected);
    }
}
