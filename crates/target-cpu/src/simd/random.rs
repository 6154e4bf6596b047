//! Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Lanes, Simd};
use super::map::prefetch;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The keys of the ten rounds, in every lane.
type Keys<S> = [[<S as Lanes>::I; 2]; 10];

/// The keys that follow from a seed.
#[inline(always)]
fn keys<S: Simd>(s: S, seed: u32) -> Keys<S> {
    let mut keys = [[s.i(0); 2]; 10];
    let mut key = [seed, 0u32];
    let mut round = 0;
    // Plain loops here and below: a closure would not be compiled for the level.
    while round < 10 {
        keys[round] = [s.i(key[0]), s.i(key[1])];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    keys
}

/// The four words of counters (block, 0, stream, 0) in the even lanes; the odd ones hold anything.
///
/// A product of two words takes two lanes: its lower word is where the next round's factor has to be, and what lies in
/// the lane above is not read, so that nothing is ever put together again.
#[inline(always)]
fn words<S: Simd>(s: S, block: S::I, stream: S::I, keys: &Keys<S>) -> [S::I; 4] {
    let by = [s.i(MULTIPLIERS[0]), s.i(MULTIPLIERS[1])];
    // One after the other, so that nothing moves from register to register between them.
    let x = [block, s.i(0), stream, s.i(0)];
    let x = mix(s, mix(s, mix(s, x, by, keys[0]), by, keys[1]), by, keys[2]);
    let x = mix(s, mix(s, mix(s, x, by, keys[3]), by, keys[4]), by, keys[5]);
    let x = mix(s, mix(s, mix(s, x, by, keys[6]), by, keys[7]), by, keys[8]);
    mix(s, x, by, keys[9])
}

/// One round.
#[inline(always)]
fn mix<S: Simd>(s: S, x: [S::I; 4], by: [S::I; 2], key: [S::I; 2]) -> [S::I; 4] {
    let (product0, product1) = (s.mul_even(x[0], by[0]), s.mul_even(x[2], by[1]));
    [
        // What does not wait for a product comes first.
        s.xor(s.odd_down(product1), s.xor(x[1], key[0])),
        product1,
        s.xor(s.odd_down(product0), s.xor(x[3], key[1])),
        product0,
    ]
}

/// Positions that are drawn together: the four words of a block for every even lane.
const TOGETHER: usize = 2 * LANES;

/// Of `extra[1]`: the positions are not read but count up from `extra[0]` in every row.
pub const COUNTED: u64 = 1 << 8;

/// # Safety
/// Output and input 0 (positions, unless `extra[1]` has [`COUNTED`]): `len` elements a row. Inputs 1 (seed) and 2
/// (stream): one element a row where bit 1 or 2 of `extra[1]` is set, else `len`.
#[inline(always)]
unsafe fn philox_rows<S: Simd>(s: S, call: &Call) {
    let uniform = call.extra[1] & 6 == 6;
    let counted = call.extra[1] & COUNTED != 0;
    let first = call.extra[0] as u32;
    let (lane, four) = (s.i_from(COUNT), s.i_from(S::FOURS));
    for r in 0..call.rows {
        let (position, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let (seed, stream): (*const u32, *const u32) =
            (call.inputs[1].row(r), call.inputs[2].row(r));
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { position.cast() } else { call.prefetch.row(r) };
        let mut at = 0;
        // SAFETY: positions at, at + 16, ... are inside the row while `at + 32 <= len`; seed and stream are uniform.
        unsafe {
            if uniform && TOGETHER <= call.len {
                let (keys, stream) = (keys(s, *seed), s.i(*stream));
                while at + TOGETHER <= call.len {
                    // So many consecutive positions from a multiple of 4 are the words of consecutive blocks.
                    let start =
                        if counted { first.wrapping_add(at as u32) } else { *position.add(at) };
                    let mut consecutive = start % 4 == 0 && start <= u32::MAX - TOGETHER as u32;
                    for k in 0..2 {
                        if !counted {
                            let expected = s.iadd(s.i(start + (k * LANES) as u32), lane);
                            let found = s.iload(position.add(at + k * LANES));
                            consecutive &= s.mask_bits(s.ieq(found, expected)) == 0xffff;
                        }
                        prefetch(ahead.wrapping_add((at + k * LANES) * 4));
                    }
                    if !consecutive {
                        break;
                    }
                    let block = s.iadd(s.i(start / 4), four);
                    let two = s.interleave_even(words(s, block, stream, &keys));
                    s.istore(out.add(at), two[0]);
                    s.istore(out.add(at + LANES), two[1]);
                    at += TOGETHER;
                }
            }
            while at < call.len {
                let pick = |p: *const u32, k: u64| {
                    *p.add(if call.extra[1] >> k & 1 == 1 { 0 } else { at })
                };
                let p = if counted { first.wrapping_add(at as u32) } else { *position.add(at) };
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
