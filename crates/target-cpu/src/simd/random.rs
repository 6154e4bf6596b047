//! Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The four words of counters (block, 0, stream, 0) under key (seed, 0).
#[inline(always)]
fn words<S: Simd>(s: S, block: S::I, seed: u32, stream: S::I) -> [S::I; 4] {
    let zero = s.i(0);
    let (mut x0, mut x1, mut x2, mut x3) = (block, zero, stream, zero);
    let mut key = [seed, 0u32];
    let mut round = 0;
    while round < 10 {
        let (high0, low0) = s.umul_wide(x0, s.i(MULTIPLIERS[0]));
        let (high1, low1) = s.umul_wide(x2, s.i(MULTIPLIERS[1]));
        x0 = s.xor(s.xor(high1, x1), s.i(key[0]));
        x2 = s.xor(s.xor(high0, x3), s.i(key[1]));
        (x1, x3) = (low1, low0);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    [x0, x1, x2, x3]
}

/// # Safety
/// Output and input 0 (positions): `len` elements a row. Inputs 1 (seed) and 2 (stream): one element a row where bit 1
/// or 2 of `extra[0]` is set, else `len`.
#[inline(always)]
unsafe fn philox_rows<S: Simd>(s: S, call: &Call) {
    let uniform = call.extra[0] & 6 == 6;
    for r in 0..call.rows {
        let (position, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let (seed, stream): (*const u32, *const u32) =
            (call.inputs[1].row(r), call.inputs[2].row(r));
        let lane = s.i_from(std::array::from_fn(|k| k as u32));
        let mut at = 0;
        // SAFETY: positions at, at + 16, ... are inside the row while `at + 64 <= len`; seed and stream are uniform.
        unsafe {
            while uniform && at + 4 * LANES <= call.len {
                // 64 consecutive positions from a multiple of 4 are the 4 words of 16 consecutive blocks.
                let start = *position.add(at);
                let mut consecutive = start % 4 == 0 && start <= u32::MAX - 64;
                for k in 0..4 {
                    let expected = s.iadd(s.i(start + (k * LANES) as u32), lane);
                    let found = s.iload(position.add(at + k * LANES));
                    consecutive &= s.mask_bits(s.ieq(found, expected)) == 0xffff;
                }
                if !consecutive {
                    break;
                }
                let block = s.iadd(s.i(start / 4), lane);
                let four = s.interleave4(words(s, block, *seed, s.i(*stream)));
                for (k, v) in four.into_iter().enumerate() {
                    s.istore(out.add(at + k * LANES), v);
                }
                at += 4 * LANES;
            }
            while at < call.len {
                let pick = |p: *const u32, k: u64| {
                    *p.add(if call.extra[0] >> k & 1 == 1 { 0 } else { at })
                };
                let p = *position.add(at);
                *out.add(at) = one(p, pick(seed, 1), pick(stream, 2));
                at += 1;
            }
        }
    }
}

/// One number.
fn one(position: u32, seed: u32, stream: u32) -> u32 {
    let (mut x, mut key) = ([position / 4, 0, stream, 0], [seed, 0u32]);
    for _ in 0..10 {
        let p0 = MULTIPLIERS[0] as u64 * x[0] as u64;
        let p1 = MULTIPLIERS[1] as u64 * x[2] as u64;
        x = [
            (p1 >> 32) as u32 ^ x[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ x[3] ^ key[1],
            p0 as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    x[(position % 4) as usize]
}

primitive! {
    fn philox_primitive<; > = philox_rows
}

/// Word `a % 4` of counter (a / 4, 0, c, 0) under key (b, 0), of each element.
pub fn philox(level: Level) -> Primitive {
    philox_primitive(level)
}
