//! Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// What the rounds take of a seed and a stream.
///
/// Half a product becomes a factor in its own round, under that round's key, and the other half a round later, under
/// that one's. Both keys are mixed into the whole product at once, so that the next round needs none: the two products
/// take turns. Where three words are mixed at once, each factor takes its own key instead. In the first rounds much is the
/// same for all blocks and lies in these keys too.
struct Keys<S: Simd> {
    by: [S::I; 2],
    first: [S::I; 3],
    rounds: [S::I; 6],
    last: [S::I; 2],
    /// What the first factor of the third round takes, and both of the later ones but the last round's.
    start: S::I,
    each: [[S::I; 2]; 7],
}

/// `even` in the even lanes, `odd` in the odd ones.
#[inline(always)]
fn lanes_of<S: Simd>(s: S, even: u32, odd: u32) -> S::I {
    let mut lanes = [even; LANES];
    let mut lane = 1;
    // Plain loops here and below: a closure would not be compiled for the level.
    while lane < LANES {
        lanes[lane] = odd;
        lane += 2;
    }
    s.i_from(lanes)
}

#[inline(always)]
fn keys<S: Simd>(s: S, seed: u32, stream: u32) -> Keys<S> {
    let key = |round: u32, half: usize| {
        WEYL[half].wrapping_mul(round).wrapping_add(if half == 0 { seed } else { 0 })
    };
    let product = |by: u32, x: u32| {
        let product = by as u64 * x as u64;
        (product as u32, (product >> 32) as u32)
    };
    // The halves that do not depend on the block: of the stream, and of what it gives.
    let (low, high) = product(MULTIPLIERS[1], stream);
    let (low_next, high_next) = product(MULTIPLIERS[0], high ^ key(0, 0));
    let mut rounds = [s.i(0); 6];
    let mut k = 0;
    while k < 6 {
        let round = k as u32 + 3;
        rounds[k] = lanes_of(s, key(round + 1, k % 2), key(round, k % 2));
        k += 1;
    }
    let mut each = [[s.i(0); 2]; 7];
    k = 0;
    while k < 7 {
        let round = k as u32 + 2;
        each[k] = [s.i(key(round, 0)), s.i(key(round, 1))];
        k += 1;
    }
    // The third round's fourth word is the same for all blocks.
    each[0][1] = s.i(key(2, 1) ^ low_next);
    Keys {
        by: [s.i(MULTIPLIERS[0]), s.i(MULTIPLIERS[1])],
        first: [
            lanes_of(s, key(2, 0), low ^ key(1, 0)),
            s.i(high_next ^ key(1, 1)),
            lanes_of(s, key(3, 1), low_next ^ key(2, 1)),
        ],
        rounds,
        last: [s.i(key(9, 0)), s.i(key(9, 1))],
        start: s.i(low ^ key(1, 0)),
        each,
    }
}

/// Vectors of blocks that are drawn side by side: a round is a chain of operations that wait for one another, and one
/// vector's leave most of the CPU idle.
const SIDE_BY_SIDE: usize = 4;
/// Positions that are drawn together: the four words of a block for every even lane.
const TOGETHER: usize = 2 * LANES * SIDE_BY_SIDE;
/// Fewer positions than this are drawn one by one.
const WORTH_DRAWING: usize = LANES;

/// The words of [`TOGETHER`] positions from `start` on, a multiple of 4.
///
/// The words of a block lie in the even lanes of four vectors; the odd ones hold anything. A product of two words takes
/// two lanes: its lower word is where the next round's factor has to be, and what lies in the lane above is not read,
/// so that nothing is ever put together again.
#[inline(always)]
fn words<S: Simd>(s: S, start: u32, keys: &Keys<S>) -> [[S::I; 2]; SIDE_BY_SIDE] {
    if S::XOR3 {
        return words_by_threes(s, start, keys);
    }
    let four = s.i_from(S::FOURS);
    let mut x = [[s.i(0); 4]; SIDE_BY_SIDE];
    let mut k = 0;
    while k < SIDE_BY_SIDE {
        let block = s.iadd(s.i(start / 4 + (k * LANES / 2) as u32), four);
        let first = s.mul_even(block, keys.by[0]);
        let second = s.xor(s.mul_even(s.odd_down(first), keys.by[1]), keys.first[0]);
        x[k] = [s.odd_down(second), second, s.xor(first, keys.first[1]), first];
        k += 1;
    }
    k = 0;
    while k < SIDE_BY_SIDE {
        let products = [s.mul_even(x[k][0], keys.by[0]), s.mul_even(x[k][2], keys.by[1])];
        let keyed = s.xor(products[0], keys.first[2]);
        x[k] = [s.xor(s.odd_down(products[1]), x[k][1]), products[1], s.odd_down(keyed), keyed];
        k += 1;
    }
    // One after the other, so that nothing moves from register to register between them.
    let x = mix::<S, 0>(s, mix::<S, 1>(s, x, keys.by, keys.rounds[0]), keys.by, keys.rounds[1]);
    let x = mix::<S, 0>(s, mix::<S, 1>(s, x, keys.by, keys.rounds[2]), keys.by, keys.rounds[3]);
    let x = mix::<S, 0>(s, mix::<S, 1>(s, x, keys.by, keys.rounds[4]), keys.by, keys.rounds[5]);
    let mut ordered = [[s.i(0); 2]; SIDE_BY_SIDE];
    k = 0;
    while k < SIDE_BY_SIDE {
        let products = [s.mul_even(x[k][0], keys.by[0]), s.mul_even(x[k][2], keys.by[1])];
        ordered[k] = s.interleave_even([
            s.xor(s.odd_down(products[1]), s.xor(x[k][1], keys.last[0])),
            products[1],
            s.xor(s.odd_down(products[0]), x[k][3]),
            products[0],
        ]);
        k += 1;
    }
    ordered
}

/// The same where three words are mixed at once: a round is six instructions rather than seven.
#[inline(always)]
fn words_by_threes<S: Simd>(s: S, start: u32, keys: &Keys<S>) -> [[S::I; 2]; SIDE_BY_SIDE] {
    let four = s.i_from(S::FOURS);
    let mut x = [[s.i(0); 4]; SIDE_BY_SIDE];
    let mut k = 0;
    while k < SIDE_BY_SIDE {
        let block = s.iadd(s.i(start / 4 + (k * LANES / 2) as u32), four);
        let first = s.mul_even(block, keys.by[0]);
        let second = s.mul_even(s.odd_down(first), keys.by[1]);
        let factor = s.xor(s.odd_down(second), keys.start);
        let other = s.xor(first, keys.first[1]);
        let products = [s.mul_even(factor, keys.by[0]), s.mul_even(other, keys.by[1])];
        x[k] = [
            s.xor3(s.odd_down(products[1]), second, keys.each[0][0]),
            products[1],
            s.xor(s.odd_down(products[0]), keys.each[0][1]),
            products[0],
        ];
        k += 1;
    }
    let mut round = 1;
    while round < 7 {
        x = mix_each(s, x, keys.by, keys.each[round]);
        round += 1;
    }
    x = mix_each(s, x, keys.by, keys.last);
    let mut ordered = [[s.i(0); 2]; SIDE_BY_SIDE];
    k = 0;
    while k < SIDE_BY_SIDE {
        ordered[k] = s.interleave_even(x[k]);
        k += 1;
    }
    ordered
}

/// One round, in which each factor takes its key.
#[inline(always)]
fn mix_each<S: Simd>(
    s: S,
    mut x: [[S::I; 4]; SIDE_BY_SIDE],
    by: [S::I; 2],
    keys: [S::I; 2],
) -> [[S::I; 4]; SIDE_BY_SIDE] {
    let mut k = 0;
    while k < SIDE_BY_SIDE {
        let products = [s.mul_even(x[k][0], by[0]), s.mul_even(x[k][2], by[1])];
        x[k] = [
            s.xor3(s.odd_down(products[1]), x[k][1], keys[0]),
            products[1],
            s.xor3(s.odd_down(products[0]), x[k][3], keys[1]),
            products[0],
        ];
        k += 1;
    }
    x
}

/// One round, which mixes `key` into the product `KEYED`.
#[inline(always)]
fn mix<S: Simd, const KEYED: usize>(
    s: S,
    mut x: [[S::I; 4]; SIDE_BY_SIDE],
    by: [S::I; 2],
    key: S::I,
) -> [[S::I; 4]; SIDE_BY_SIDE] {
    let mut k = 0;
    while k < SIDE_BY_SIDE {
        let mut products = [s.mul_even(x[k][0], by[0]), s.mul_even(x[k][2], by[1])];
        products[KEYED] = s.xor(products[KEYED], key);
        x[k] = [
            s.xor(s.odd_down(products[1]), x[k][1]),
            products[1],
            s.xor(s.odd_down(products[0]), x[k][3]),
            products[0],
        ];
        k += 1;
    }
    x
}

/// True when so many positions from one on can be drawn together, if they count up.
fn together(start: u32, n: usize) -> bool {
    n >= WORTH_DRAWING && start.is_multiple_of(4) && start <= u32::MAX - TOGETHER as u32
}

/// Positions that are drawn at once from one on: those to the next block of four come first.
fn before_next(start: u32) -> usize {
    match start % 4 {
        0 => TOGETHER,
        inside => 4 - inside as usize,
    }
}

/// True when `n` positions count up.
///
/// # Safety
/// There are so many.
#[inline(always)]
unsafe fn counts_up<S: Simd>(s: S, position: *const u32, n: usize) -> bool {
    let lane = s.i_from(COUNT);
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let start = *position;
        while at + LANES <= n {
            let expected = s.iadd(s.i(start.wrapping_add(at as u32)), lane);
            if s.mask_bits(s.ieq(s.iload(position.add(at)), expected)) != 0xffff {
                return false;
            }
            at += LANES;
        }
        while at < n {
            if *position.add(at) != start.wrapping_add(at as u32) {
                return false;
            }
            at += 1;
        }
    }
    true
}

/// Of `extra[1]`: the positions are not read but count up from `extra[0]` in every row.
pub const COUNTED: u64 = 1 << 8;
/// Of `extra[1]`, beside [`COUNTED`]: input 0 is one number a row, from which on they count.
pub const FROM: u64 = 1 << 9;

/// # Safety
/// Output and input 0 (positions, unless `extra[1]` has [`COUNTED`]): `len` elements a row. Inputs 1 (seed) and 2
/// (stream): one element a row where bit 1 or 2 of `extra[1]` is set, else `len`.
#[inline(always)]
unsafe fn philox_rows<S: Simd>(s: S, call: &Call) {
    let uniform = call.extra[1] & 6 == 6;
    let counted = call.extra[1] & COUNTED != 0;
    for r in 0..call.rows {
        let (position, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let mut first = call.extra[0] as u32;
        if call.extra[1] & FROM != 0 {
            // SAFETY: one number a row.
            first = first.wrapping_add(unsafe { *position });
        }
        let (seed, stream): (*const u32, *const u32) =
            (call.inputs[1].row(r), call.inputs[2].row(r));
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { position.cast() } else { call.prefetch.row(r) };
        // SAFETY: there is a seed and a stream unless the row is empty, and `n` elements remain of it.
        unsafe {
            if call.len == 0 {
                continue;
            }
            let keys = keys(s, *seed, *stream);
            let mut at = 0;
            while at < call.len {
                let p = if counted { first.wrapping_add(at as u32) } else { *position.add(at) };
                let n = (call.len - at).min(before_next(p));
                if uniform && together(p, n) && (counted || counts_up(s, position.add(at), n)) {
                    let found = words(s, p, &keys);
                    if n == TOGETHER {
                        let mut k = 0;
                        while k < 2 * SIDE_BY_SIDE {
                            prefetch(ahead.wrapping_add((at + k * LANES) * 4));
                            s.istore(out.add(at + k * LANES), found[k / 2][k % 2]);
                            k += 1;
                        }
                    } else {
                        let room = in_memory(s, found);
                        std::ptr::copy_nonoverlapping(room.as_ptr(), out.add(at), n);
                    }
                } else {
                    for at in at..at + n {
                        let pick = |p: *const u32, k: u64| {
                            *p.add(if call.extra[1] >> k & 1 == 1 { 0 } else { at })
                        };
                        let p =
                            if counted { first.wrapping_add(at as u32) } else { *position.add(at) };
                        *out.add(at) = one(p, pick(seed, 1), pick(stream, 2));
                    }
                }
                at += n;
            }
        }
    }
}

/// The words one after the other.
#[inline(always)]
fn in_memory<S: Simd>(s: S, words: [[S::I; 2]; SIDE_BY_SIDE]) -> [u32; TOGETHER] {
    let mut room = [0; TOGETHER];
    for (k, to) in room.chunks_exact_mut(LANES).enumerate() {
        to.copy_from_slice(&s.i_array(words[k / 2][k % 2]));
    }
    room
}

/// The least word that gives a number of at least p; `None` if there is none.
fn least_kept(p: f32) -> Option<u32> {
    let least = (p as f64 * (1u32 << 24) as f64).ceil();
    // NaN is reached by nothing.
    (least < (1u32 << 24) as f64).then(|| (least.max(0.0) as u32) << 8)
}

/// # Safety
/// Output and input 0: `len` elements a row. Inputs 1 (seed) and 2 (stream): one element a row. Input 3: three words a
/// row, the probability of a zero, the scale of what stays and a position. Positions count up from there and `extra[0]`.
#[inline(always)]
unsafe fn drop_rows<S: Simd>(s: S, call: &Call) {
    for r in 0..call.rows {
        let (x, out): (*const f32, *mut f32) = (call.inputs[0].row(r), call.out.row(r));
        let (seed, stream): (*const u32, *const u32) =
            (call.inputs[1].row(r), call.inputs[2].row(r));
        let stream_out = call.stream && (out as usize).is_multiple_of(64);
        let ahead: *const u8 = call.prefetch.row(r);
        // SAFETY: the caller's promise; `n` elements remain of the row.
        unsafe {
            let [p, scale, first] = *call.inputs[3].row::<[f32; 3]>(r);
            let first = (call.extra[0] as u32).wrapping_add(first.to_bits());
            let Some(least_word) = least_kept(p) else {
                std::ptr::write_bytes(out, 0, call.len);
                continue;
            };
            let (keys, least) = (keys(s, *seed, *stream), s.i(least_word));
            let zero = s.f(0.0);
            let scales = s.f(scale);
            let mut at = 0;
            while at < call.len {
                let start = first.wrapping_add(at as u32);
                let n = (call.len - at).min(before_next(start));
                if !together(start, n) {
                    for at in at..at + n {
                        let word = one(first.wrapping_add(at as u32), *seed, *stream);
                        let kept = (word >> 8) as f32 * (1.0 / (1u32 << 24) as f32) >= p;
                        *out.add(at) = if kept { *x.add(at) * scale } else { 0.0 };
                    }
                    at += n;
                    continue;
                }
                let found = words(s, start, &keys);
                if n < TOGETHER {
                    let room = in_memory(s, found);
                    for (k, word) in room.into_iter().take(n).enumerate() {
                        let kept = word >= least_word;
                        *out.add(at + k) = if kept { *x.add(at + k) * scale } else { 0.0 };
                    }
                    break;
                }
                // No branch in between, for then one vector would be drawn after the other.
                let mut y = [zero; 2 * SIDE_BY_SIDE];
                let mut k = 0;
                while k < 2 * SIDE_BY_SIDE {
                    let dropped = s.ugt(least, found[k / 2][k % 2]);
                    let scaled = s.mul(s.load(x.add(at + k * LANES)), scales);
                    prefetch(ahead.wrapping_add((at + k * LANES) * 4));
                    y[k] = s.select(dropped, zero, scaled);
                    k += 1;
                }
                k = 0;
                if stream_out {
                    while k < 2 * SIDE_BY_SIDE {
                        s.stream(out.add(at + k * LANES), y[k]);
                        k += 1;
                    }
                } else {
                    while k < 2 * SIDE_BY_SIDE {
                        s.store(out.add(at + k * LANES), y[k]);
                        k += 1;
                    }
                }
                at += n;
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

primitive! {
    /// Elements times a scale, or 0 where the number of their position is below a probability.
    pub fn drop_out<; > = drop_rows
}

/// Word `a % 4` of counter (a / 4, 0, c, 0) under key (b, 0), of each element.
pub fn philox(level: Level) -> Primitive {
    philox_primitive(level)
}
