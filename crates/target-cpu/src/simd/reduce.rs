//! Reductions of rows.
//!
//! A row is folded into 64 lanes (four vectors), element `i` into lane `i % 64`, and the lanes in a fixed tree. The
//! order depends on the row's length alone, so a row may come in blocks of any multiple of 64 elements, on any level
//! and any thread, with one and the same result.

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Folding, Meaning, Primitive, primitive};
use super::lanes::{LANES, Lanes, Simd};
use super::map::prefetch;
use super::portable::One;
use tilewright_ir::{DType, ReduceOp};

/// Words of state that a row's unfinished reduction takes.
pub const STATE: usize = 4 * LANES;

/// An associative fold of lanes; integers travel as bits.
pub trait Fold: 'static {
    /// Bits of the identity.
    const IDENTITY: u32;
    /// A NaN in the row makes the result NaN, which `fold` does not see to.
    const NAN_WINS: bool = false;
    /// True when the fold takes a product of two operands at once.
    const PAIR: bool = false;
    /// Folds `x` (and `y` for pairs) into `total`.
    fn fold<S: Lanes>(s: S, total: S::F, x: S::F, y: S::F) -> S::F;
    /// Joins two totals.
    #[inline(always)]
    fn join<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
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
        let state: *mut f32 = call.inputs[3].row(r);
        let mut total = [s.float(s.i(O::IDENTITY)); 4];
        if !first {
            for (k, total) in total.iter_mut().enumerate() {
                // SAFETY: the state has four vectors.
                *total = unsafe { s.load(state.add(k * LANES)) };
            }
        }
        // SAFETY: the caller's promise; the state has four vectors, the output one element a row.
        unsafe {
            let total = match call.prefetch.at.is_null() {
                true => reduce_row::<S, O, false>(s, call, r, total),
                false => reduce_row::<S, O, true>(s, call, r, total),
            };
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

/// Folds row `r` into `total`; `AHEAD` if the next rows' data is fetched meanwhile.
///
/// # Safety
/// As [`reduce_rows`].
#[inline(always)]
unsafe fn reduce_row<S: Simd, O: Fold, const AHEAD: bool>(
    s: S,
    call: &Call,
    r: usize,
    mut total: [S::F; 4],
) -> [S::F; 4] {
    let x: *const f32 = call.inputs[0].row(r);
    let y: *const f32 = if O::PAIR { call.inputs[1].row(r) } else { x };
    let ahead: *const u8 = call.prefetch.row(r);
    let mut nan = s.mor(s.unordered(total[0], total[1]), s.unordered(total[2], total[3]));
    let whole = call.len / STATE * STATE;
    let mut at = 0;
    while at < whole {
        let (mut a, mut b) = (total, total);
        let mut k = 0;
        while k < 4 {
            let here = at + k * LANES;
            // SAFETY: 64 elements from `at` on are inside the row; prefetching is safe anywhere.
            unsafe {
                if AHEAD {
                    prefetch(ahead.wrapping_add(here * 4));
                }
                a[k] = s.load(x.add(here));
                b[k] = if O::PAIR { s.load(y.add(here)) } else { a[k] };
            }
            total[k] = O::fold(s, total[k], a[k], b[k]);
            k += 1;
        }
        if O::NAN_WINS {
            nan = s.mor(nan, s.mor(s.unordered(a[0], a[1]), s.unordered(a[2], a[3])));
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
            nan = s.mor(nan, s.unordered(a, a));
        }
        at += LANES;
        k += 1;
    }
    if O::NAN_WINS && s.mask_bits(nan) != 0 {
        return [s.f(f32::NAN); 4];
    }
    total
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
    let lane = s.i_from(COUNT);
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

/// The sum of 64 lanes, in the order of [`sum_of_products`].
#[inline(always)]
pub fn join_sums<S: Simd>(s: S, total: [S::F; 4]) -> f32 {
    let joined = s.add(s.add(total[0], total[1]), s.add(total[2], total[3]));
    join_lanes::<S, SumProduct>(s, joined)
}

/// The same on the portable level: lane by lane, in loops that the compiler turns into vectors.
///
/// # Safety
/// As [`reduce_rows`].
unsafe fn reduce_singly<O: Fold>(call: &Call, _: u8) {
    let (first, last) = (call.extra[0] & FIRST != 0, call.extra[0] & LAST != 0);
    for r in 0..call.rows {
        let state: *mut [f32; STATE] = call.inputs[3].row(r);
        // SAFETY: the state has so many lanes, the operands `len` elements a row.
        let (mut total, x, y) = unsafe {
            let total = if first { [f32::from_bits(O::IDENTITY); STATE] } else { *state };
            let x = std::slice::from_raw_parts(call.inputs[0].row::<f32>(r), call.len);
            let y = if O::PAIR { call.inputs[1].row(r) } else { call.inputs[0].row::<f32>(r) };
            (total, x, std::slice::from_raw_parts(y, call.len))
        };
        let mut nan = O::NAN_WINS && total.iter().any(|x| x.is_nan());
        for (x, y) in x.chunks(STATE).zip(y.chunks(STATE)) {
            for ((total, &x), &y) in total.iter_mut().zip(x).zip(y) {
                *total = O::fold(One, *total, x, y);
                nan |= O::NAN_WINS && x.is_nan();
            }
        }
        if nan {
            total = [f32::NAN; STATE];
        }
        if last {
            // The tree of `reduce_rows`: vectors 0 with 1 and 2 with 3, then lanes half a row apart.
            let [a, b, c, d]: [usize; 4] = std::array::from_fn(|k| k * LANES);
            let mut joined: [f32; LANES] = std::array::from_fn(|k| {
                let low = O::join(One, total[a + k], total[b + k]);
                O::join(One, low, O::join(One, total[c + k], total[d + k]))
            });
            let mut width = LANES / 2;
            while width > 0 {
                for k in 0..width {
                    joined[k] = O::join(One, joined[k], joined[k + width]);
                }
                width /= 2;
            }
            // SAFETY: one element a row.
            unsafe { *call.out.row::<f32>(r) = joined[0] };
        } else {
            // SAFETY: the state has so many lanes.
            unsafe { *state = total };
        }
    }
}

primitive! {
    fn fold_primitive<O: Fold; > = reduce_rows
}

fn fold<O: Fold>(level: Level) -> Primitive {
    let primitive = match level {
        Level::Portable => Primitive::opaque(reduce_singly::<O>),
        level => fold_primitive::<O>(level),
    };
    primitive.that(Meaning::Fold(Folding {
        identity: O::IDENTITY,
        pair: O::PAIR,
        fold: |s, [total, x, y]| nan_or(s, O::NAN_WINS, x, O::fold(s, total, x, y)),
        join: |s, [a, b, _]| nan_or(s, O::NAN_WINS, b, O::join(s, a, b)),
    }))
}

/// For folds in which NaN wins and a NaN total stays: `x` where it is NaN, else `joined`.
pub(super) fn nan_or<S: Lanes>(s: S, nan_wins: bool, x: S::F, joined: S::F) -> S::F {
    if nan_wins { s.select(s.unordered(x, x), x, joined) } else { joined }
}

macro_rules! folds {
    ($($Op:ident = $identity:expr, ($s:ident, $a:ident, $b:ident) $body:expr;)*) => { $(
        struct $Op;
        impl Fold for $Op {
            const IDENTITY: u32 = $identity;
            #[inline(always)]
            fn fold<S: Lanes>($s: S, $a: S::F, $b: S::F, _: S::F) -> S::F {
                $body
            }
        }
    )* };
}

folds! {
    // -0 is the one identity of a float sum that keeps the sign of an all-negative-zero row; +0 is C's and NumPy's.
    Sum = 0, (s, a, b) s.add(a, b);
    Prod = 0x3f80_0000, (s, a, b) s.mul(a, b);
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

macro_rules! extrema {
    ($($Op:ident = $identity:expr, $better:ident;)*) => { $(
        struct $Op;
        impl Fold for $Op {
            const IDENTITY: u32 = $identity;
            const NAN_WINS: bool = true;
            #[inline(always)]
            fn fold<S: Lanes>(s: S, total: S::F, x: S::F, _: S::F) -> S::F {
                s.$better(x, total)
            }
        }
    )* };
}

extrema! {
    Max = 0xff80_0000, max_or_b;
    Min = 0x7f80_0000, min_or_b;
}

/// The sum of products of two rows.
pub(super) struct SumProduct;
impl Fold for SumProduct {
    const IDENTITY: u32 = 0;
    const PAIR: bool = true;
    #[inline(always)]
    fn fold<S: Lanes>(s: S, total: S::F, x: S::F, y: S::F) -> S::F {
        s.fma(x, y, total)
    }
    #[inline(always)]
    fn join<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
        s.add(a, b)
    }
}

/// What is made of a fold that is known by its type.
pub(super) trait Folded {
    /// What it is.
    type Result;
    /// Makes it.
    fn by<O: Fold>(self) -> Self::Result;
}

/// The fold of a reduction of `dtype`.
pub(super) fn of_op<F: Folded>(op: ReduceOp, dtype: DType, folded: F) -> F::Result {
    let unsigned = matches!(dtype, DType::U8 | DType::U32 | DType::Bool);
    match (op, dtype.is_float(), unsigned) {
        (ReduceOp::Sum, true, _) => folded.by::<Sum>(),
        (ReduceOp::Prod, true, _) => folded.by::<Prod>(),
        (ReduceOp::Max, true, _) => folded.by::<Max>(),
        (ReduceOp::Min, true, _) => folded.by::<Min>(),
        (ReduceOp::Sum, false, _) => folded.by::<IntSum>(),
        (ReduceOp::Prod, false, _) => folded.by::<IntProd>(),
        (ReduceOp::Max, false, false) => folded.by::<IntMax>(),
        (ReduceOp::Max, false, true) => folded.by::<UnsignedMax>(),
        (ReduceOp::Min, false, false) => folded.by::<IntMin>(),
        (ReduceOp::Min, false, true) => folded.by::<UnsignedMin>(),
        (ReduceOp::All, _, _) if dtype == DType::Bool => folded.by::<AllTrue>(),
        (ReduceOp::All, _, _) => folded.by::<AllBits>(),
        (ReduceOp::Any, _, _) => folded.by::<AnyBits>(),
    }
}

/// The reduction of rows of `dtype`. Bytes still have to be narrowed.
pub fn reduce(op: ReduceOp, dtype: DType, level: Level) -> Primitive {
    struct Rows(Level);
    impl Folded for Rows {
        type Result = Primitive;
        fn by<O: Fold>(self) -> Primitive {
            fold::<O>(self.0)
        }
    }
    of_op(op, dtype, Rows(level))
}

/// Sum over the elements of input 0 times input 1.
pub fn sum_of_products(level: Level) -> Primitive {
    fold::<SumProduct>(level)
}
