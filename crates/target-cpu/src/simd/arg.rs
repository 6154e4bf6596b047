//! The place of the greatest or least element of each row; of equal ones the first, and NaN before all.

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::reduce::{FIRST, LAST};
use tilewright_ir::DType;

/// Maps elements to i32 whose order is that of arg-reductions and top-k: NaN above all, zeros equal.
pub trait Order: 'static {
    /// The key of a value's bits.
    fn key<S: Simd>(s: S, x: S::F) -> S::I;
}

macro_rules! orders {
    ($($Order:ident($s:ident, $x:ident) = $body:expr;)*) => { $(
        /// See [`Order`].
        pub struct $Order;
        impl Order for $Order {
            #[inline(always)]
            fn key<S: Simd>($s: S, $x: S::F) -> S::I {
                $body
            }
        }
    )* };
}

orders! {
    Greatest(s, x) = {
        let bits = s.bits(s.add(x, s.f(0.0)));
        let key = s.xor(bits, s.shr::<1>(s.sar::<31>(bits)));
        s.iselect(s.unordered(x, x), s.i(i32::MAX as u32), key)
    };
    IntGreatest(s, x) = s.bits(x);
    IntLeast(s, x) = s.xor(s.bits(x), s.i(u32::MAX));
    UnsignedGreatest(s, x) = s.xor(s.bits(x), s.i(0x8000_0000));
    UnsignedLeast(s, x) = s.xor(s.bits(x), s.i(0x7fff_ffff));
}

/// The keys of elements `at ..`, the least in lanes past the end.
///
/// # Safety
/// `x` has `len > at` elements.
#[inline(always)]
pub unsafe fn keys<S: Simd, O: Order>(s: S, x: *const f32, at: usize, len: usize) -> S::I {
    if at + LANES <= len {
        // SAFETY: whole vector inside the row.
        return O::key(s, unsafe { s.load(x.add(at)) });
    }
    let n = len - at;
    // SAFETY: `n` elements remain.
    let key = O::key(s, unsafe { s.load_part(x.add(at), n) });
    let lane = s.i_from(COUNT);
    s.iselect(s.igt(s.i(n as u32), lane), key, s.i(i32::MIN as u32))
}

/// The numbers of the lanes.
pub const COUNT: [u32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// How a primitive of this file ranks the elements of a row.
trait Rank: 'static {
    /// The best element, in a form that ranks among the best of other blocks, and the first place of it; `len` if there is
    /// none. `ahead` is where the next row begins, which may be fetched meanwhile.
    /// # Safety
    /// `x` has `len` elements.
    unsafe fn first<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> (i32, usize);
    /// True when `new` comes before `old`.
    fn beats(new: i32, old: i32) -> bool;
}

/// Ranks integers by their keys.
struct ByKey<O>(std::marker::PhantomData<O>);

impl<O: Order> Rank for ByKey<O> {
    #[inline(always)]
    unsafe fn first<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> (i32, usize) {
        let mut best = s.i(i32::MIN as u32);
        let mut at = 0;
        while at < len {
            // SAFETY: `at < len`.
            let key = unsafe { keys::<S, O>(s, x, at, len) };
            best = s.iselect(s.igt(key, best), key, best);
            at += LANES;
        }
        fetch(ahead, len);
        let top = greatest_lane(s, best);
        at = 0;
        while at < len {
            // SAFETY: `at < len`.
            let key = unsafe { keys::<S, O>(s, x, at, len) };
            let hits = s.mask_bits(s.ieq(key, s.i(top as u32)));
            if hits != 0 {
                return (top, at + hits.trailing_zeros() as usize);
            }
            at += LANES;
        }
        (top, len)
    }

    fn beats(new: i32, old: i32) -> bool {
        new > old
    }
}

#[inline(always)]
fn greatest_lane<S: Simd>(s: S, lanes: S::I) -> i32 {
    let mut lanes = s.i_array(lanes);
    let mut half = LANES / 2;
    while half > 0 {
        let mut lane = 0;
        while lane < half {
            lanes[lane] = (lanes[lane] as i32).max(lanes[lane + half] as i32) as u32;
            lane += 1;
        }
        half /= 2;
    }
    lanes[0] as i32
}

/// Ranks floats as they are, the greatest first or the least; what ranks is the bits of a float.
struct Floats<const MAX: bool>;

/// Elements that are looked at together: a group.
pub const GROUP: usize = 4 * LANES;

/// A group's four vectors, and the worst in lanes past the end of the row.
///
/// # Safety
/// `x` has `len > at` elements.
#[inline(always)]
pub unsafe fn group<S: Simd, const MAX: bool>(
    s: S,
    x: *const f32,
    at: usize,
    len: usize,
) -> [S::F; 4] {
    let worst = s.f(Floats::<MAX>::WORST);
    let mut vectors = [worst; 4];
    let mut k = 0;
    // SAFETY: inside the row.
    unsafe {
        if at + GROUP <= len {
            while k < 4 {
                vectors[k] = s.load(x.add(at + k * LANES));
                k += 1;
            }
        } else {
            while k < 4 && at + k * LANES < len {
                let n = (len - at - k * LANES).min(LANES);
                let part = s.load_part(x.add(at + k * LANES), n);
                vectors[k] = s.select(s.igt(s.i(n as u32), s.i_from(COUNT)), part, worst);
                k += 1;
            }
        }
    }
    vectors
}

/// The better of a group's vectors in each lane, and where there is a NaN, which the former does not show.
#[inline(always)]
pub fn better_of<S: Simd, const MAX: bool>(s: S, [a, b, c, d]: [S::F; 4]) -> (S::F, S::M) {
    let better = Floats::<MAX>::better::<S>;
    let nan = s.mor(s.unordered(a, b), s.unordered(c, d));
    (better(s, better(s, a, b), better(s, c, d)), nan)
}

impl<const MAX: bool> Floats<MAX> {
    const WORST: f32 = if MAX { f32::NEG_INFINITY } else { f32::INFINITY };

    #[inline(always)]
    fn better<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
        if MAX { s.max_or_b(a, b) } else { s.min_or_b(a, b) }
    }

    /// The best lane. By halves: one after the other each would wait for the last.
    #[inline(always)]
    fn best_lane<S: Simd>(s: S, lanes: S::F) -> f32 {
        let mut lanes = s.f_array(lanes);
        let mut half = LANES / 2;
        while half > 0 {
            let mut lane = 0;
            while lane < half {
                let (a, b) = (lanes[lane], lanes[lane + half]);
                let keeps = if MAX { a > b } else { a < b };
                lanes[lane] = if keeps { a } else { b };
                lane += 1;
            }
            half /= 2;
        }
        lanes[0]
    }
}

impl<const MAX: bool> Rank for Floats<MAX> {
    /// One sweep, which notes for each lane the first group with the best: a second one to find it would end somewhere
    /// else in each row, which the CPU does not foresee, and stands still over.
    #[inline(always)]
    unsafe fn first<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> (i32, usize) {
        let worst = s.f(Self::WORST);
        let (mut best, mut nan) = (worst, s.unordered(worst, worst));
        let (mut start, mut first) = (s.i(0), s.i(0));
        let mut at = 0;
        while at < len {
            // SAFETY: `at < len`.
            let (new, found) = better_of::<S, MAX>(s, unsafe { group::<S, MAX>(s, x, at, len) });
            nan = s.mor(nan, found);
            let is_better = if MAX { s.lt(best, new) } else { s.lt(new, best) };
            first = s.iselect(is_better, start, first);
            best = Self::better(s, new, best);
            start = s.iadd(start, s.i(GROUP as u32));
            at += GROUP;
        }
        // All of the next row at once, while the lanes are compared. Asked for beside this row's, its lines would keep
        // those waiting that are needed now.
        fetch(ahead, len);
        let is_nan = s.mask_bits(nan) != 0;
        let mut top = Self::best_lane(s, best);
        let mut group_at = !greatest_lane(
            s,
            s.iselect(s.eq(best, s.f(top)), s.xor(first, s.i(u32::MAX)), s.i(i32::MIN as u32)),
        ) as u32 as usize;
        if is_nan {
            (top, group_at) = (f32::NAN, 0);
        }
        while group_at < len {
            // SAFETY: `group_at < len`.
            let vectors = unsafe { group::<S, MAX>(s, x, group_at, len) };
            let mut hits = 0u64;
            let mut k = 0;
            while k < 4 {
                let wanted = match is_nan {
                    true => s.unordered(vectors[k], vectors[k]),
                    false => s.eq(vectors[k], s.f(top)),
                };
                hits |= (s.mask_bits(wanted) as u64) << (k * LANES);
                k += 1;
            }
            if hits != 0 {
                return (top.to_bits() as i32, group_at + hits.trailing_zeros() as usize);
            }
            group_at += GROUP;
        }
        (top.to_bits() as i32, len)
    }

    fn beats(new: i32, old: i32) -> bool {
        let (new, old) = (f32::from_bits(new as u32), f32::from_bits(old as u32));
        !old.is_nan() && (new.is_nan() || if MAX { new > old } else { new < old })
    }
}

/// Bytes of a row that are fetched at once: it has to stay in the first cache until its turn comes.
pub const MOST_FETCHED: usize = 8 << 10;

/// Asks for the lines of the next row, of `len` elements, if it is one to be fetched.
#[inline(always)]
pub fn fetch(at: *const u8, len: usize) {
    let bytes = if at.is_null() { 0 } else { (len * 4).min(MOST_FETCHED) };
    let mut line = 0;
    while line < bytes {
        prefetch(at.wrapping_add(line));
        line += 64;
    }
}

/// # Safety
/// Input 0: `len` elements a row. Output: one u32 a row. Input 3: two words of state a row (best element, its
/// position) unless the block is first and last; `extra[1]` is the position of the block's first element.
#[inline(always)]
unsafe fn arg_rows<S: Simd, R: Rank>(s: S, call: &Call) {
    let (first, last) = (call.extra[0] & FIRST != 0, call.extra[0] & LAST != 0);
    for r in 0..call.rows {
        let (x, state): (*const f32, *mut i32) = (call.inputs[0].row(r), call.inputs[3].row(r));
        // SAFETY: the caller's promise.
        unsafe {
            let (best, place) = R::first(s, x, call.len, call.row_after(r, 1));
            let mut result = [best, 0];
            if first || R::beats(best, *state) {
                // Only an empty row has no best element.
                result[1] =
                    (call.extra[1] as usize + if place < call.len { place } else { 0 }) as i32;
            } else {
                result = [*state, *state.add(1)];
            }
            if last {
                *call.out.row::<i32>(r) = result[1];
            } else {
                *state = result[0];
                *state.add(1) = result[1];
            }
        }
    }
}

primitive! {
    fn arg<R: Rank; > = arg_rows
}

/// The position (u32) of the greatest or least element of each row of `dtype`.
pub fn arg_reduce(max: bool, dtype: DType, level: Level) -> Primitive {
    let unsigned = matches!(dtype, DType::U8 | DType::U32 | DType::Bool);
    match (dtype.is_float(), unsigned, max) {
        (true, _, true) => arg::<Floats<true>>(level),
        (true, _, false) => arg::<Floats<false>>(level),
        (false, false, true) => arg::<ByKey<IntGreatest>>(level),
        (false, false, false) => arg::<ByKey<IntLeast>>(level),
        (false, true, true) => arg::<ByKey<UnsignedGreatest>>(level),
        (false, true, false) => arg::<ByKey<UnsignedLeast>>(level),
    }
}
