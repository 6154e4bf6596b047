//! Dropout (Srivastava et al., 2014): each element is 0 with probability p, the others are scaled to keep the mean.
//!
//! ```text
//! y[e] = u(e) < p ? 0 : x[e] / (1 - p)        e = position of the element in row-major order
//! u(e) = word e mod 4 of Philox4x32-10 with counter (e / 4, 0, offset, 0) and key (seed, 0), as a number in [0, 1)
//! ```
//! x, y: of any shape. p, seed and offset are run-time values: a new seed compiles nothing. p = 0 gives x.
//! A call refuses p outside [0, 1). The draws depend on nothing but these numbers (Salmon et al., 2011), so that every
//! target drops the same elements, and the gradient those of the forward pass. Give each use in a model its own seed,
//! each step its own offset. Positions count modulo 2³².

use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, U32};
use tilewright_lang::{Args, Kernel, Tile, View};

/// The catalog's row.
pub static DROPOUT: Entry = Entry {
    name: "dropout",
    family: Family::Random,
    summary: "zeros with probability p, the rest scaled by 1 / (1 - p)",
    formula: "y = u < p ? 0 : x / (1 - p), u uniform in [0, 1) by Philox(seed, offset)",
    signature: "x: T[*n], p: f32 = 0.1 in 0..1, seed: u32 = 0, offset: u32 = 0 -> y: T[*n]",
    build: |k, a| dropout(k, a["x"], Draw::of(a), a["y"]),
    reference: |a| vec![drop_out_f64(a, a.tensor("x"))],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("n", 1)]),
        Case::of(&[("n", 31)]).scalars(&[("p", 0.0)]),
        // A seed and an offset that cannot stand for each other.
        Case::of(&[("n", 1009)]).scalars(&[("p", 0.5), ("seed", 42.0), ("offset", 7.0)]),
        Case::of(&[("n", 100_003)]).scalars(&[("seed", 1.0)]),
        Case::of(&[("n", 0)]),
        Case::of(&[("n", 16 << 20)]).bench(),
    ],
    flops: None,
};

/// The run-time values that decide what is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Probability of a zero, f32 scalar.
    pub p: Tile,
    /// The key, u32 scalar.
    pub seed: Tile,
    /// The third word of the counter, u32 scalar.
    pub offset: Tile,
}

impl Draw {
    /// The scalars `p`, `seed` and `offset` of a signature.
    pub fn of(a: &Args) -> Draw {
        Draw { p: a.scalar("p"), seed: a.scalar("seed"), offset: a.scalar("offset") }
    }
}

/// `t` with elements dropped and the rest scaled; `element` (u32) says which draw decides each.
pub fn drop_out(t: Tile, element: Tile, draw: Draw) -> Tile {
    let keep = element.philox(draw.seed, draw.offset).to_uniform().ge(draw.p);
    keep.select(t * (1.0 - draw.p).recip(), 0.0)
}

/// One map over all elements.
pub fn dropout(k: &mut Kernel, x: View, draw: Draw, y: View) {
    let element = k.iota(x.size(0)).to(U32); // [n]
    y.store(drop_out(x.load().to(F32), element, draw));
}

/// Dropout of `x` by the call's p, seed and offset.
pub(crate) fn drop_out_f64(a: &Inputs, x: &[f64]) -> Vec<f64> {
    // The draws are compared with p as the kernel gets it, in f32.
    let p = a.scalar("p") as f32 as f64;
    let (seed, offset) = (a.scalar("seed") as u32, a.scalar("offset") as u32);
    let drop = |(element, &x): (usize, &f64)| {
        let words = philox([element as u32 / 4, 0, offset, 0], [seed, 0]);
        let u = (words[element % 4] >> 8) as f64 / 2f64.powi(24);
        if u < p { 0.0 } else { x / (1.0 - p) }
    };
    x.iter().enumerate().map(drop).collect()
}

/// Philox4x32-10 as its paper states it (Salmon et al., 2011): ten rounds of two products, the key bumped between.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let left = 0xD251_1F53u64 * counter[0] as u64;
        let right = 0xCD9E_8D57u64 * counter[2] as u64;
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// The known answers of Random123, the authors' own implementation.
    #[test]
    fn philox_gives_the_known_answers() {
        let zeros = philox([0; 4], [0; 2]);
        assert_eq!(zeros, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        let ones = philox([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let counter = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        let pi = philox(counter, [0xa4093822, 0x299f31d0]);
        assert_eq!(pi, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }
}
