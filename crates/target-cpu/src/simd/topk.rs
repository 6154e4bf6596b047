//! The k greatest elements of rows, descending, with their positions.
//!
//! NaN comes first, equal elements by position. A first pass finds a floor below which nothing can be among the k: the
//! k-th greatest of the 16 (or 64) lanes' maxima. A second pass collects what reaches it, which is little more than k
//! elements. Those are put in order: floats without NaN by counting for each how many come before it, which needs no
//! branch that depends on the data; others by their keys ([`Order`]), inserted into a sorted list.
//!
//! Short rows of floats are done sixteen at a time where the CPU can ([`together`]).
//!
//! Tried for the eight greatest of 128 and not faster (86 ns a row on Zen 3, as this): networks of comparisons that put
//! the lanes of eight vectors in order and join them lane by lane, then a sweep that finds where those values are.
//!
//! Tried on a Zen 4 and not faster either (270 cycles for the eight greatest of 128, 510 for those of 1024): maxima of groups
//! of vectors kept, and only the classes that reach the floor looked at again, all without a branch that depends on the
//! data (375 and 630: packing lanes and gathering take longer than what is foretold wrongly); ranks as counts of mask bits,
//! for four rows side by side (247 and 510).

use super::Level;
use super::arg::{
    COUNT, GROUP, Greatest, IntGreatest, MOST_FETCHED, Order, UnsignedGreatest, better_of, group,
    keys,
};
#[cfg(target_arch = "x86_64")]
use super::call::Operand;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::{prefetch, prefetch_far};

use std::mem::MaybeUninit;
use tilewright_ir::DType;

#[cfg(target_arch = "x86_64")]
mod together;

/// Up to this k the result is collected in a sorted list; beyond, or when all elements are wanted, in the scratch.
pub const FEW: usize = 32;

/// # Safety
/// Input 0: `len` elements a row. Output: `k = extra[0] <= len` elements a row. Input 1: `k` positions (u32) a row,
/// written. Input 3: scratch of `2 * len` words, one for all
/// rows, unless `k <= FEW` and `k < len`.
#[inline(always)]
unsafe fn top_rows<S: Simd, O: Order, const FLOAT: bool>(s: S, call: &Call) {
    let k = call.extra[0] as usize;
    for r in 0..call.rows {
        let x: *const f32 = call.inputs[0].row(r);
        let (values, positions): (*mut f32, *mut u32) = (call.out.row(r), call.inputs[1].row(r));
        if k == 0 {
            continue;
        }
        let (rows, far) = if super::made_by_amd() { (2, true) } else { (1, false) };
        let ahead = (call.row_after(r, rows), far);
        // SAFETY: the caller's promise, element by element below.
        unsafe {
            if FLOAT
                && k <= LANES
                && call.len > k
                && select_floats(s, x, call.len, k, values, positions, ahead)
            {
                continue;
            }
            if k <= FEW && call.len > k {
                let mut best = [(0i32, 0u32); FEW];
                select_few::<S, O>(s, x, call.len, &mut best[..k]);
                for (j, &(_, position)) in best[..k].iter().enumerate() {
                    *values.add(j) = *x.add(position as usize);
                    *positions.add(j) = position;
                }
            } else {
                let scratch: *mut u64 = call.inputs[3].at.cast();
                select_many::<S, O>(s, x, call.len, k, scratch);
                for j in 0..k {
                    let position = !(*scratch.add(j)) as u32;
                    *values.add(j) = *x.add(position as usize);
                    *positions.add(j) = position;
                }
            }
        }
    }
}

/// Room for candidates: in random rows there are less than twice as many as are wanted.
const MOST: usize = 4 * LANES;

/// The k greatest of floats; false, with nothing written, for a row that has a NaN or too many candidates.
///
/// # Safety
/// `x` has `len > k` elements, `values` and `positions` have room for `k`, which is at most 16.
#[inline(always)]
unsafe fn select_floats<S: Simd>(
    s: S,
    x: *const f32,
    len: usize,
    k: usize,
    values: *mut f32,
    positions: *mut u32,
    (ahead, far): (*const u8, bool),
) -> bool {
    let mut maxima = s.f(f32::NEG_INFINITY);
    let mut nan = s.unordered(maxima, maxima);
    let mut at = 0;
    while at < len {
        // SAFETY: `at < len`.
        let (new, found) = better_of::<S, true>(s, unsafe { group::<S, true>(s, x, at, len) });
        nan = s.mor(nan, found);
        maxima = s.max_or_b(new, maxima);
        at += GROUP;
    }
    if s.mask_bits(nan) != 0 {
        return false;
    }
    let row = x;
    let floor = s.f(floor_of(s, maxima, k));
    // Elements that may be among the k, by their positions. Few rooms are ever filled, and clearing all of them would
    // take longer than what is done with the few.
    let mut values_found = [const { MaybeUninit::<f32>::uninit() }; MOST];
    let mut positions_found = [const { MaybeUninit::<u32>::uninit() }; MOST];
    let mut count = 0;
    at = 0;
    while at < len {
        // The hits of four vectors at a time, so that the loop over them ends seldom.
        let mut hits = 0u64;
        // SAFETY: inside the row.
        unsafe {
            let x = x.add(at);
            if at + 4 * LANES <= len {
                // The next row comes while this one, which the first cache holds, is gone over again; little by little, as what
                // waits for room among the lines that are on their way holds up all that comes after it. AMD's bring the
                // one after it, into the second cache. (Zen 4, 16384 rows of 1024: 2.14 ms; into the first 2.21; the next row
                // into the first 2.31, into the second 2.80; three rows on 2.15.)
                if !ahead.is_null() && at * 4 < MOST_FETCHED {
                    for line in 0..4 {
                        let at = ahead.wrapping_add((at + line * LANES) * 4);
                        if far { prefetch_far(at) } else { prefetch(at) }
                    }
                }
                let mut lane = 0;
                while lane < 4 {
                    let reaches = s.le(floor, s.load(x.add(lane * LANES)));
                    hits |= (s.mask_bits(reaches) as u64) << (lane * LANES);
                    lane += 1;
                }
                at += 4 * LANES;
            } else {
                let n = (len - at).min(LANES);
                hits = s.mask_bits(s.le(floor, s.load_part(x, n))) as u64 & ((1 << n) - 1);
                at += n;
            }
            while hits != 0 {
                let lane = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if count == MOST {
                    return false;
                }
                values_found[count].write(*x.add(lane));
                positions_found[count].write(x.add(lane).offset_from(row) as u32);
                count += 1;
            }
        }
    }
    if count < k {
        return false;
    }
    for lane in count..count.next_multiple_of(LANES) {
        values_found[lane].write(0.0);
    }
    let mut ordered = [const { MaybeUninit::<(f32, u32)>::uninit() }; MOST];
    for first in (0..count).step_by(LANES) {
        // SAFETY: a whole vector of the room, written up to here or just now.
        let own = unsafe { s.load(values_found.as_ptr().add(first).cast()) };
        let number = s.iadd(s.i_from(COUNT), s.i(first as u32));
        let mut before = s.i(0);
        for (j, other) in values_found[..count].iter().enumerate() {
            // SAFETY: one of those found.
            let other = s.f(unsafe { other.assume_init() });
            let earlier = s.mand(s.eq(own, other), s.igt(number, s.i(j as u32)));
            let ahead = s.mor(s.lt(own, other), earlier);
            before = s.iadd(before, s.one_if(ahead));
        }
        for (lane, &rank) in s.i_array(before).iter().enumerate().take(count - first) {
            // SAFETY: both were written when this one was found.
            let pair = unsafe {
                (
                    values_found[first + lane].assume_init(),
                    positions_found[first + lane].assume_init(),
                )
            };
            ordered[rank as usize % MOST].write(pair);
        }
    }
    for (j, pair) in ordered[..k].iter().enumerate() {
        // SAFETY: room for `k`. So many were found, as so many lanes have a maximum that reaches the floor, and each has
        // a rank of its own.
        unsafe {
            let (value, position) = pair.assume_init();
            *values.add(j) = value;
            *positions.add(j) = position;
        }
    }
    true
}

/// The k-th greatest lane.
#[inline(always)]
fn floor_of<S: Simd>(s: S, lanes: S::F, k: usize) -> f32 {
    // The least of those with fewer than k lanes above them.
    let mut above = s.i(0);
    for other in s.f_array(lanes) {
        above = s.iadd(above, s.one_if(s.lt(lanes, s.f(other))));
    }
    let high = s.select(s.igt(s.i(k as u32), above), lanes, s.f(f32::INFINITY));
    // By halves: one after the other each would wait for the last.
    let mut high = s.f_array(high);
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            let (a, b) = (high[lane], high[lane + half]);
            high[lane] = if a < b { a } else { b };
        }
        half /= 2;
    }
    high[0]
}

/// Fills `best` with the greatest keys, descending, and their positions.
///
/// # Safety
/// `x` has `len > best.len()` elements.
#[inline(always)]
unsafe fn select_few<S: Simd, O: Order>(s: S, x: *const f32, len: usize, best: &mut [(i32, u32)]) {
    let k = best.len();
    let least = s.i(i32::MIN as u32);
    let mut maxima = [least; 4];
    let mut at = 0;
    while at < len {
        let mut lane = 0;
        while lane < 4 && at < len {
            // SAFETY: the caller's promise.
            let key = unsafe { keys::<S, O>(s, x, at, len) };
            maxima[lane] = s.iselect(s.igt(key, maxima[lane]), key, maxima[lane]);
            at += LANES;
            lane += 1;
        }
    }
    // A floor that at least k elements reach: for k up to 16 the k-th greatest of 16 maxima of disjoint classes.
    let floor = if k <= LANES {
        let mut joined = maxima[0];
        for lane in &maxima[1..] {
            joined = s.iselect(s.igt(*lane, joined), *lane, joined);
        }
        kth(&mut s.i_array(joined).map(|x| x as i32), k)
    } else {
        let mut all = [0i32; 4 * LANES];
        for (to, from) in all.chunks_exact_mut(LANES).zip(maxima) {
            to.copy_from_slice(&s.i_array(from).map(|x| x as i32));
        }
        kth(&mut all, k)
    };
    // The list holds keys above the floor or equal to it, equal keys by position.
    let mut held = 0;
    let mut bar = floor;
    let mut at = 0;
    while at < len {
        // SAFETY: the caller's promise.
        let key = unsafe { keys::<S, O>(s, x, at, len) };
        // Until the list is full an element equal to the bar enters, afterwards it comes too late.
        let below = s.igt(s.i(bar as u32), key);
        let mut hits = !s.mask_bits(below) & 0xffff;
        if held == k {
            hits &= s.mask_bits(s.igt(key, s.i(bar as u32)));
        }
        if hits != 0 {
            let lanes = s.i_array(key);
            while hits != 0 {
                let lane = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                let key = lanes[lane] as i32;
                if at + lane >= len || held == k && key <= best[k - 1].0 {
                    continue;
                }
                let mut slot = if held < k { held } else { k - 1 };
                while slot > 0 && best[slot - 1].0 < key {
                    best[slot] = best[slot - 1];
                    slot -= 1;
                }
                best[slot] = (key, (at + lane) as u32);
                held += (held < k) as usize;
            }
            if held == k {
                bar = bar.max(best[k - 1].0);
            }
        }
        at += LANES;
    }
}

/// The k-th greatest, by partial selection.
fn kth(all: &mut [i32], k: usize) -> i32 {
    let n = all.len();
    *all.select_nth_unstable(n - k).1
}

/// Leaves the k greatest as `key : !position` words in `scratch`, descending.
///
/// # Safety
/// `x` has `len >= k` elements, `scratch` room for `len` words.
unsafe fn select_many<S: Simd, O: Order>(
    s: S,
    x: *const f32,
    len: usize,
    k: usize,
    scratch: *mut u64,
) {
    let mut at = 0;
    while at < len {
        // SAFETY: the caller's promise.
        let lanes = s.i_array(unsafe { keys::<S, O>(s, x, at, len) });
        for (lane, &key) in lanes.iter().enumerate().take(len - at) {
            let ordered = (key ^ 0x8000_0000) as u64;
            // SAFETY: `at + lane < len`.
            unsafe { *scratch.add(at + lane) = ordered << 32 | !((at + lane) as u32) as u64 };
        }
        at += LANES;
    }
    // SAFETY: all `len` words were just written.
    let all = unsafe { std::slice::from_raw_parts_mut(scratch, len) };
    descending(all, k);
}

/// Puts the k greatest first, in order.
fn descending(all: &mut [u64], k: usize) {
    if k < all.len() {
        all.select_nth_unstable_by(k, |a, b| b.cmp(a));
    }
    all[..k].sort_unstable_by(|a, b| b.cmp(a));
}

primitive! {
    fn top<O: Order; const FLOAT: bool> = top_rows
}

/// The same for floats, sixteen rows at a time where the CPU and the sizes allow it.
///
/// # Safety
/// As [`top_rows`], on AVX-512 with what [`together`] needs.
#[cfg(target_arch = "x86_64")]
unsafe fn top_together(call: &Call, _: u8) {
    use together::{LONGEST, MOST_WANTED, TOGETHER, top_of_rows};
    let k = call.extra[0] as usize;
    let alone = top::<Greatest, true>(Level::Avx512);
    let mut rows = 0;
    if (1..=MOST_WANTED).contains(&k) && (k + 1..=LONGEST).contains(&call.len) {
        while rows + TOGETHER <= call.rows {
            // SAFETY: the caller's promise.
            unsafe {
                let mut left = top_of_rows(call, rows, k);
                while left != 0 {
                    let one = Call { rows: 1, prefetch: Operand::NONE, ..*call };
                    alone.call(&one.starting_at(rows + left.trailing_zeros() as usize));
                    left &= left - 1;
                }
            }
            rows += TOGETHER;
        }
    }
    if rows < call.rows {
        let rest = Call { rows: call.rows - rows, ..*call };
        // SAFETY: the caller's promise.
        unsafe { alone.call(&rest.starting_at(rows)) };
    }
}

/// The top-k of rows of `dtype`.
pub fn top_k(dtype: DType, level: Level) -> Primitive {
    #[cfg(target_arch = "x86_64")]
    if dtype.is_float() && level == Level::Avx512 && together::available() {
        return Primitive::opaque(top_together);
    }
    match dtype {
        d if d.is_float() => top::<Greatest, true>(level),
        DType::U8 | DType::U32 | DType::Bool => top::<UnsignedGreatest, false>(level),
        _ => top::<IntGreatest, false>(level),
    }
}
