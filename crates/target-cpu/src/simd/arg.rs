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
    /// The best element, in a form that ranks among the best of other blocks. The lines from `ahead` on are fetched
    /// meanwhile.
    /// # Safety
    /// `x` has `len` elements.
    unsafe fn best<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> i32;
    /// The first element that is the best; `len` if there is none.
    /// # Safety
    /// `x` has `len` elements.
    unsafe fn find<S: Simd>(s: S, x: *const f32, len: usize, best: i32) -> usize;
    /// True when `new` comes before `old`.
    fn beats(new: i32, old: i32) -> bool;
}

/// Ranks integers by their keys.
struct ByKey<O>(std::marker::PhantomData<O>);

impl<O: Order> Rank for ByKey<O> {
    #[inline(always)]
    unsafe fn best<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> i32 {
        let mut best = s.i(i32::MIN as u32);
        let mut at = 0;
        while at < len {
            // SAFETY: `at < len`.
            let key = unsafe { keys::<S, O>(s, x, at, len) };
            prefetch(ahead.wrapping_add(at * 4));
            best = s.iselect(s.igt(key, best), key, best);
            at += LANES;
        }
        let lanes = s.i_array(best);
        let mut top = i32::MIN;
        for lane in lanes {
            top = top.max(lane as i32);
        }
        top
    }

    #[inline(always)]
    unsafe fn find<S: Simd>(s: S, x: *const f32, len: usize, best: i32) -> usize {
        let mut at = 0;
        while at < len {
            // SAFETY: `at < len`.
            let key = unsafe { keys::<S, O>(s, x, at, len) };
            let hits = s.mask_bits(s.ieq(key, s.i(best as u32)));
            if hits != 0 {
                return at + hits.trailing_zeros() as usize;
            }
            at += LANES;
        }
        len
    }

    fn beats(new: i32, old: i32) -> bool {
        new > old
    }
}

/// Ranks floats as they are, the greatest first or the least; what ranks is the bits of a float.
struct Floats<const MAX: bool>;

/// The best floats of 64 classes of elements, and whether any element is NaN, which no class shows. Lanes of empty
/// classes are infinite. Of the lines from `ahead` on every `EVERY`th is fetched.
///
/// # Safety
/// `x` has `len` elements.
#[inline(always)]
pub unsafe fn extrema<S: Simd, const MAX: bool, const EVERY: usize>(
    s: S,
    x: *const f32,
    len: usize,
    ahead: *const u8,
) -> ([S::F; 4], bool) {
    let worst = s.f(Floats::<MAX>::WORST);
    let better = Floats::<MAX>::better::<S>;
    let mut best = [worst; 4];
    let mut nan = s.unordered(worst, worst);
    let mut at = 0;
    // SAFETY: inside the row; prefetching is safe anywhere.
    unsafe {
        while at + 4 * LANES <= len {
            let x = x.add(at);
            let mut k = 0;
            while k < 4 {
                prefetch(ahead.wrapping_add((at + k * LANES) * 4));
                k += EVERY;
            }
            let (a, b) = (s.load(x), s.load(x.add(LANES)));
            let (c, d) = (s.load(x.add(2 * LANES)), s.load(x.add(3 * LANES)));
            nan = s.mor(nan, s.mor(s.unordered(a, b), s.unordered(c, d)));
            best[0] = better(s, a, best[0]);
            best[1] = better(s, b, best[1]);
            best[2] = better(s, c, best[2]);
            best[3] = better(s, d, best[3]);
            at += 4 * LANES;
        }
        while at < len {
            let n = (len - at).min(LANES);
            let part = s.load_part(x.add(at), n);
            let a = s.select(s.igt(s.i(n as u32), s.i_from(COUNT)), part, worst);
            nan = s.mor(nan, s.unordered(a, a));
            best[0] = better(s, a, best[0]);
            at += LANES;
        }
    }
    (best, s.mask_bits(nan) != 0)
}

/// The better of two in each lane, of four.
#[inline(always)]
pub fn join<S: Simd, const MAX: bool>(s: S, best: [S::F; 4]) -> S::F {
    let better = Floats::<MAX>::better::<S>;
    better(s, better(s, best[0], best[1]), better(s, best[2], best[3]))
}

impl<const MAX: bool> Floats<MAX> {
    const WORST: f32 = if MAX { f32::NEG_INFINITY } else { f32::INFINITY };

    #[inline(always)]
    fn better<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
        if MAX { s.max_or_b(a, b) } else { s.min_or_b(a, b) }
    }
}

impl<const MAX: bool> Rank for Floats<MAX> {
    #[inline(always)]
    unsafe fn best<S: Simd>(s: S, x: *const f32, len: usize, ahead: *const u8) -> i32 {
        // SAFETY: the caller's promise.
        let (best, nan) = unsafe { extrema::<S, MAX, 1>(s, x, len, ahead) };
        if nan {
            return f32::NAN.to_bits() as i32;
        }
        let mut top = Self::WORST;
        for lane in s.f_array(join::<S, MAX>(s, best)) {
            top = if MAX { top.max(lane) } else { top.min(lane) };
        }
        top.to_bits() as i32
    }

    #[inline(always)]
    unsafe fn find<S: Simd>(s: S, x: *const f32, len: usize, best: i32) -> usize {
        let best = f32::from_bits(best as u32);
        // The wanted ones are those equal to the best, or those not equal to themselves.
        let nan = best.is_nan();
        let wanted = s.f(best);
        let mut at = 0;
        while at + 4 * LANES <= len {
            // SAFETY: four vectors inside the row.
            unsafe {
                let x = x.add(at);
                let (a, b) = (s.load(x), s.load(x.add(LANES)));
                let (c, d) = (s.load(x.add(2 * LANES)), s.load(x.add(3 * LANES)));
                let hits = match nan {
                    true => s.mor(s.unordered(a, b), s.unordered(c, d)),
                    false => s.mor(
                        s.mor(s.eq(a, wanted), s.eq(b, wanted)),
                        s.mor(s.eq(c, wanted), s.eq(d, wanted)),
                    ),
                };
                if s.mask_bits(hits) != 0 {
                    break;
                }
            }
            at += 4 * LANES;
        }
        while at < len {
            let n = (len - at).min(LANES);
            // SAFETY: `n` elements remain.
            let a = unsafe { s.load_part(x.add(at), n) };
            let hits = if nan { s.unordered(a, a) } else { s.eq(a, wanted) };
            let hits = s.mask_bits(hits) & ((1 << n) - 1);
            if hits != 0 {
                return at + hits.trailing_zeros() as usize;
            }
            at += LANES;
        }
        len
    }

    fn beats(new: i32, old: i32) -> bool {
        let (new, old) = (f32::from_bits(new as u32), f32::from_bits(old as u32));
        !old.is_nan() && (new.is_nan() || if MAX { new > old } else { new < old })
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
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { x.cast() } else { call.prefetch.row(r) };
        // SAFETY: the caller's promise.
        unsafe {
            let best = R::best(s, x, call.len, ahead);
            let mut result = [best, 0];
            if first || R::beats(best, *state) {
                // Only an empty row has no best element.
                let place = R::find(s, x, call.len, best);
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
