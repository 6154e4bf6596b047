//! Reductions of rows.
//!
//! A row is folded into 64 lanes (four vectors), element `i` into lane `i % 64`, and the lanes in a fixed tree. The
//! order depends on the row's length alone, so a row may come in blocks of any multiple of 64 elements, on any level
//! and any thread, with one and the same result.

use super::Level;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use tilewright_ir::{DType, ReduceOp};

/// Words of state that a row's unfinished reduction takes.
pub const STATE: usize = 4 * LANES;

/// An associative fold of lanes; integers travel as bits.
pub trait Fold: 'static {
    /// Bits of the identity.
    const IDENTITY: u32;
    /// True when the fold takes a product of two operands at once.
    const PAIR: bool = false;
    /// Folds `x` (and `y` for pairs) into `total`.
    fn fold<S: Simd>(s: S, total: S::F, x: S::F, y: S::F) -> S::F;
    /// Joins two totals.
    #[inline(always)]
    fn join<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
        Self::fold(s, a, b, b)
    }
}

/// `call.extra[0]`: this block is the row's first.
pub const FIRST: u64 = 1;
/// `call.extra[0]`: this block is the row's last, so the result is written.
pub const LAST: u64 = 2;

/// # Safety
/// Inputs 0 (and 1 for pairs): `len` elements a row. Output: one element a row. Input 3: `STATE` words a row, unless
/// the block is both first and last. All blocks but the last have a multiple of 64 elements.
#[inline(always)]
unsafe fn reduce_rows<S: Simd, O: Fold>(s: S, call: &Call) {
    let (first, last) = (call.extra[0] & FIRST != 0, call.extra[0] & LAST != 0);
    for r in 0..call.rows {
        let x: *const f32 = call.inputs[0].row(r);
        let y: *const f32 = if O::PAIR { call.inputs[1].row(r) } else { x };
        let state: *mut f32 = call.inputs[3].row(r);
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { x.cast() } else { call.prefetch.row(r) };
        let identity = s.float(s.i(O::IDENTITY));
        let mut total = [identity; 4];
        if !first {
            for (k, total) in total.iter_mut().enumerate() {
                // SAFETY: the state has four vectors.
                *total = unsafe { s.load(state.add(k * LANES)) };
            }
        }
        let whole = call.len / STATE * STATE;
        let mut at = 0;
        while at < whole {
            // SAFETY: 64 elements from `at` on are inside the row.
            unsafe {
                let mut k = 0;
                while k < 4 {
                    let here = at + k * LANES;
                    prefetch(ahead.wrapping_add(here * 4));
                    let a = s.load(x.add(here));
                    let b = if O::PAIR { s.load(y.add(here)) } else { a };
                    total[k] = O::fold(s, total[k], a, b);
                    k += 1;
                }
            }
            at += STATE;
        }
        let mut k = 0;
        while at < call.len {
            let n = (call.len - at).min(LANES);
            // SAFETY: `n` elements remain.
            unsafe {
                let a = load_or(s, x.add(at), n, O::IDENTITY);
                let b = if O::PAIR { s.load_part(y.add(at), n) } else { a };
                total[k] = O::fold(s, total[k], a, b);
            }
            at += LANES;
            k += 1;
        }
        // SAFETY: the state has four vectors; the output one element a row.
        unsafe {
            if last {
                let joined =
                    O::join(s, O::join(s, total[0], total[1]), O::join(s, total[2], total[3]));
                *call.out.row::<f32>(r) = join_lanes::<S, O>(s, joined);
            } else {
                for (k, total) in total.into_iter().enumerate() {
                    s.store(state.add(k * LANES), total);
                }
            }
        }
    }
}

/// `n` elements, and the identity in the lanes past them.
///
/// # Safety
/// `n <= 16` readable elements.
#[inline(always)]
unsafe fn load_or<S: Simd>(s: S, p: *const f32, n: usize, identity: u32) -> S::F {
    // SAFETY: the caller's promise.
    let part = unsafe { s.load_part(p, n) };
    if n == LANES || identity == 0 {
        return part;
    }
    let lane = s.i_from(std::array::from_fn(|k| k as u32));
    s.select(s.igt(s.i(n as u32), lane), part, s.float(s.i(identity)))
}

/// Joins 16 lanes in a tree: lane k with lane k + 8, then k + 4, and so on.
#[inline(always)]
fn join_lanes<S: Simd, O: Fold>(s: S, a: S::F) -> f32 {
    let mut lanes = s.f_array(a);
    let mut width = LANES / 2;
    while width > 0 {
        let mut upper = lanes;
        upper[..width].copy_from_slice(&lanes[width..2 * width]);
        lanes = s.f_array(O::join(s, s.f_from(lanes), s.f_from(upper)));
        width /= 2;
    }
    lanes[0]
}

primitive! {
    fn fold<O: Fold; > = reduce_rows
}

macro_rules! folds {
    ($($Op:ident = $identity:expr, ($s:ident, $a:ident, $b:ident) $body:expr;)*) => { $(
        struct $Op;
        impl Fold for $Op {
            const IDENTITY: u32 = $identity;
            #[inline(always)]
            fn fold<S: Simd>($s: S, $a: S::F, $b: S::F, _: S::F) -> S::F {
                $body
            }
        }
    )* };
}

folds! {
    // -0 is the one identity of a float sum that keeps the sign of an all-negative-zero row; +0 is C's and NumPy's.
    Sum = 0, (s, a, b) s.add(a, b);
    Prod = 0x3f80_0000, (s, a, b) s.mul(a, b);
    Max = 0xff80_0000, (s, a, b) s.max(a, b);
    Min = 0x7f80_0000, (s, a, b) s.min(a, b);
    IntSum = 0, (s, a, b) s.float(s.iadd(s.bits(a), s.bits(b)));
    IntProd = 1, (s, a, b) s.float(s.imul(s.bits(a), s.bits(b)));
    IntMax = i32::MIN as u32, (s, a, b) {
        let (a, b) = (s.bits(a), s.bits(b));
        s.float(s.iselect(s.igt(a, b), a, b))
    };
    IntMin = i32::MAX as u32, (s, a, b) {
        let (a, b) = (s.bits(a), s.bits(b));
        s.float(s.iselect(s.igt(a, b), b, a))
    };
    UnsignedMax = 0, (s, a, b) {
        let (a, b) = (s.bits(a), s.bits(b));
        s.float(s.iselect(s.ugt(a, b), a, b))
    };
    UnsignedMin = u32::MAX, (s, a, b) {
        let (a, b) = (s.bits(a), s.bits(b));
        s.float(s.iselect(s.ugt(a, b), b, a))
    };
    AllBits = u32::MAX, (s, a, b) s.float(s.and(s.bits(a), s.bits(b)));
    AnyBits = 0, (s, a, b) s.float(s.or(s.bits(a), s.bits(b)));
    AllTrue = 1, (s, a, b) s.float(s.and(s.bits(a), s.bits(b)));
}

/// The sum of products of two rows.
struct SumProduct;
impl Fold for SumProduct {
    const IDENTITY: u32 = 0;
    const PAIR: bool = true;
    #[inline(always)]
    fn fold<S: Simd>(s: S, total: S::F, x: S::F, y: S::F) -> S::F {
        s.fma(x, y, total)
    }
    #[inline(always)]
    fn join<S: Simd>(s: S, a: S::F, b: S::F) -> S::F {
        s.add(a, b)
    }
}

/// The reduction of rows of `dtype`. Bytes still have to be narrowed.
pub fn reduce(op: ReduceOp, dtype: DType, level: Level) -> Primitive {
    let unsigned = matches!(dtype, DType::U8 | DType::U32 | DType::Bool);
    match (op, dtype.is_float(), unsigned) {
        (ReduceOp::Sum, true, _) => fold::<Sum>(level),
        (ReduceOp::Prod, true, _) => fold::<Prod>(level),
        (ReduceOp::Max, true, _) => fold::<Max>(level),
        (ReduceOp::Min, true, _) => fold::<Min>(level),
        (ReduceOp::Sum, false, _) => fold::<IntSum>(level),
        (ReduceOp::Prod, false, _) => fold::<IntProd>(level),
        (ReduceOp::Max, false, false) => fold::<IntMax>(level),
        (ReduceOp::Max, false, true) => fold::<UnsignedMax>(level),
        (ReduceOp::Min, false, false) => fold::<IntMin>(level),
        (ReduceOp::Min, false, true) => fold::<UnsignedMin>(level),
        (ReduceOp::All, _, _) if dtype == DType::Bool => fold::<AllTrue>(level),
        (ReduceOp::All, _, _) => fold::<AllBits>(level),
        (ReduceOp::Any, _, _) => fold::<AnyBits>(level),
    }
}

/// Sum over the elements of input 0 times input 1.
pub fn sum_of_products(level: Level) -> Primitive {
    fold::<SumProduct>(level)
}

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
    Least(s, x) = Greatest::key(s, s.neg(x));
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
    let lane = s.i_from(std::array::from_fn(|k| k as u32));
    // SAFETY: `n` elements remain.
    let key = O::key(s, unsafe { s.load_part(x.add(at), n) });
    s.iselect(s.igt(s.i(n as u32), lane), key, s.i(i32::MIN as u32))
}

/// # Safety
/// Input 0: `len` elements a row. Output: one u32 a row. Input 3: two words of state a row (key, position) unless the
/// block is first and last; `extra[1]` is the position of the block's first element.
#[inline(always)]
unsafe fn arg_rows<S: Simd, O: Order>(s: S, call: &Call) {
    for r in 0..call.rows {
        let x: *const f32 = call.inputs[0].row(r);
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { x.cast() } else { call.prefetch.row(r) };
        let least = s.i(i32::MIN as u32);
        let mut best = [least; 2];
        let mut at = 0;
        while at < call.len {
            prefetch(ahead.wrapping_add(at * 4));
            // SAFETY: `at < len`.
            let key = unsafe { keys::<S, O>(s, x, at, call.len) };
            best[0] = s.iselect(s.igt(key, best[0]), key, best[0]);
            at += LANES;
            if at < call.len {
                prefetch(ahead.wrapping_add(at * 4));
                // SAFETY: `at < len`.
                let key = unsafe { keys::<S, O>(s, x, at, call.len) };
                best[1] = s.iselect(s.igt(key, best[1]), key, best[1]);
                at += LANES;
            }
        }
        let lanes = [s.i_array(best[0]), s.i_array(best[1])];
        let top = lanes.iter().flatten().map(|&k| k as i32).max().unwrap_or(i32::MIN);
        let state: *mut i32 = call.inputs[3].row(r);
        let first = call.extra[0] & FIRST != 0;
        // SAFETY: the state has two words.
        let better = first || top > unsafe { *state };
        let mut result = [top, 0];
        if better {
            let wanted = s.i(top as u32);
            let mut at = 0;
            while at < call.len {
                // SAFETY: `at < len`.
                let key = unsafe { keys::<S, O>(s, x, at, call.len) };
                let hits = s.mask_bits(s.ieq(key, wanted));
                if hits != 0 {
                    result[1] = (call.extra[1] as usize + at) as i32 + hits.trailing_zeros() as i32;
                    break;
                }
                at += LANES;
            }
        } else {
            // SAFETY: the state has two words.
            result = unsafe { [*state, *state.add(1)] };
        }
        // SAFETY: one element a row; two words of state.
        unsafe {
            if call.extra[0] & LAST != 0 {
                *call.out.row::<i32>(r) = result[1];
            } else {
                *state = result[0];
                *state.add(1) = result[1];
            }
        }
    }
}

primitive! {
    fn arg<O: Order; > = arg_rows
}

/// The position (u32) of the greatest or least element of each row of `dtype`.
pub fn arg_reduce(max: bool, dtype: DType, level: Level) -> Primitive {
    let unsigned = matches!(dtype, DType::U8 | DType::U32 | DType::Bool);
    match (dtype.is_float(), unsigned, max) {
        (true, _, true) => arg::<Greatest>(level),
        (true, _, false) => arg::<Least>(level),
        (false, false, true) => arg::<IntGreatest>(level),
        (false, false, false) => arg::<IntLeast>(level),
        (false, true, true) => arg::<UnsignedGreatest>(level),
        (false, true, false) => arg::<UnsignedLeast>(level),
    }
}
