//! Running reductions of rows.
//!
//! The float sum goes 16 lanes at a time: a prefix inside the vector, plus what came before (after, where it goes
//! backwards). All others go element by element. Either order depends on positions alone.

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::map::prefetch;
use super::reduce::FIRST;
use tilewright_ir::{DType, ReduceOp};

/// `call.extra[0]`: the first result is the identity.
pub const EXCLUSIVE: u64 = 4;
/// `call.extra[0]`: from the end to the start.
pub const REVERSE: u64 = 8;

/// # Safety
/// Input 0 and output: `len` elements a row. Input 3: a word of state a row, unless the block is a whole row. Backwards
/// only whole rows.
#[inline(always)]
unsafe fn sum_rows<S: Simd>(s: S, call: &Call) {
    let (exclusive, reverse) = (call.extra[0] & EXCLUSIVE != 0, call.extra[0] & REVERSE != 0);
    for r in 0..call.rows {
        let (x, out): (*const f32, *mut f32) = (call.inputs[0].row(r), call.out.row(r));
        let state: *mut f32 = call.inputs[3].row(r);
        let whole = call.len / LANES * LANES;
        // Backwards the vectors end where the row does.
        let first = if reverse { call.len - whole } else { 0 };
        let stream = call.stream && (out.wrapping_add(first) as usize).is_multiple_of(64);
        // SAFETY: a word of state.
        let before = if call.extra[0] & FIRST != 0 { 0.0 } else { unsafe { *state } };
        let mut carry = s.f(before);
        // Only who goes backwards is given something to fetch: no CPU follows that as well.
        let next: *const u8 = match call.prefetch.at.is_null() {
            true => x.cast(),
            false => call.prefetch.row(r),
        };
        let mut done = 0;
        while done < whole {
            let at = if reverse { call.len - done - LANES } else { done };
            prefetch(next.wrapping_add(at * 4));
            // SAFETY: a vector remains in both rows.
            unsafe {
                let y = next_of(s, s.load(x.add(at)), &mut carry, exclusive, reverse);
                match stream {
                    true => s.stream(out.add(at), y),
                    false => s.store(out.add(at), y),
                }
            }
            done += LANES;
        }
        if whole < call.len {
            let (at, n) = (if reverse { 0 } else { whole }, call.len - whole);
            // SAFETY: `n` elements remain in both rows.
            unsafe {
                let y = next_of(s, s.load_part(x.add(at), n), &mut carry, exclusive, reverse);
                s.store_part(out.add(at), y, n);
            }
        }
        if !call.inputs[3].at.is_null() {
            // SAFETY: a word of state.
            unsafe { *state = s.f_array(carry)[0] };
        }
    }
}

/// The running sums of a vector from either end. What is missing of the last vector is zeros, which come first when
/// lanes are turned round.
#[inline(always)]
fn next_of<S: Simd>(s: S, v: S::F, carry: &mut S::F, exclusive: bool, reverse: bool) -> S::F {
    if !reverse {
        return next(s, v, carry, exclusive);
    }
    let turn = s.isub(s.i(LANES as u32 - 1), s.i_from(COUNT));
    let turned = s.float(s.permute(s.bits(v), turn));
    s.float(s.permute(s.bits(next(s, turned, carry, exclusive)), turn))
}

/// The running sums of a vector, `carry` being the sum of all before it.
#[inline(always)]
fn next<S: Simd>(s: S, v: S::F, carry: &mut S::F, exclusive: bool) -> S::F {
    let p = s.add(v, s.shift_up::<1>(v));
    let p = s.add(p, s.shift_up::<2>(p));
    let p = s.add(p, s.shift_up::<4>(p));
    let p = s.add(p, s.shift_up::<8>(p));
    let y = s.add(if exclusive { s.shift_up::<1>(p) } else { p }, *carry);
    *carry = s.add(*carry, s.last(p));
    y
}

primitive! {
    fn sum<; > = sum_rows
}

/// A scan step on the bits of two elements.
trait Step: 'static {
    const IDENTITY: u32;
    fn join(a: u32, b: u32) -> u32;
}

/// # Safety
/// As `sum_rows`; also backwards.
#[inline(always)]
unsafe fn scan_rows<O: Step>(call: &Call) {
    let (exclusive, reverse) = (call.extra[0] & EXCLUSIVE != 0, call.extra[0] & REVERSE != 0);
    for r in 0..call.rows {
        let (x, out): (*const u32, *mut u32) = (call.inputs[0].row(r), call.out.row(r));
        let state: *mut u32 = call.inputs[3].row(r);
        // SAFETY: a word of state.
        let mut total = if call.extra[0] & FIRST != 0 { O::IDENTITY } else { unsafe { *state } };
        for i in 0..call.len {
            let at = if reverse { call.len - 1 - i } else { i };
            // SAFETY: `at < len`.
            unsafe {
                let next = O::join(total, *x.add(at));
                *out.add(at) = if exclusive { total } else { next };
                total = next;
            }
        }
        if !call.inputs[3].at.is_null() {
            // SAFETY: a word of state.
            unsafe { *state = total };
        }
    }
}

primitive! {
    once fn scan_by<O: Step> = scan_rows
}

macro_rules! steps {
    ($($Op:ident = $identity:expr, |$a:ident, $b:ident| $body:expr;)*) => { $(
        struct $Op;
        impl Step for $Op {
            const IDENTITY: u32 = $identity;
            #[inline(always)]
            fn join($a: u32, $b: u32) -> u32 {
                $body
            }
        }
    )* };
}

fn float(bits: u32) -> f32 {
    f32::from_bits(bits)
}

steps! {
    Prod = 0x3f80_0000, |a, b| (float(a) * float(b)).to_bits();
    Max = 0xff80_0000, |a, b| if float(a) >= float(b) || float(a).is_nan() { a } else { b };
    Min = 0x7f80_0000, |a, b| if float(a) <= float(b) || float(a).is_nan() { a } else { b };
    IntSum = 0, |a, b| a.wrapping_add(b);
    IntProd = 1, |a, b| a.wrapping_mul(b);
    IntMax = i32::MIN as u32, |a, b| (a as i32).max(b as i32) as u32;
    IntMin = i32::MAX as u32, |a, b| (a as i32).min(b as i32) as u32;
    UnsignedMax = 0, |a, b| a.max(b);
    UnsignedMin = u32::MAX, |a, b| a.min(b);
    AllBits = u32::MAX, |a, b| a & b;
    AllTrue = 1, |a, b| a & b;
    AnyBits = 0, |a, b| a | b;
}

/// The scan of rows of `dtype`. Bytes still have to be narrowed; an exclusive byte extremum starts from the 32-bit
/// identity, which narrowing would wrap, so `identity` of those is the caller's.
pub fn scan(op: ReduceOp, dtype: DType, level: Level) -> Primitive {
    let unsigned = matches!(dtype, DType::U8 | DType::U32 | DType::Bool);
    match (op, dtype.is_float(), unsigned) {
        (ReduceOp::Sum, true, _) => sum(level),
        (ReduceOp::Prod, true, _) => scan_by::<Prod>(level),
        (ReduceOp::Max, true, _) => scan_by::<Max>(level),
        (ReduceOp::Min, true, _) => scan_by::<Min>(level),
        (ReduceOp::Sum, false, _) => scan_by::<IntSum>(level),
        (ReduceOp::Prod, false, _) => scan_by::<IntProd>(level),
        (ReduceOp::Max, false, false) => scan_by::<IntMax>(level),
        (ReduceOp::Max, false, true) => scan_by::<UnsignedMax>(level),
        (ReduceOp::Min, false, false) => scan_by::<IntMin>(level),
        (ReduceOp::Min, false, true) => scan_by::<UnsignedMin>(level),
        (ReduceOp::All, _, _) if dtype == DType::Bool => scan_by::<AllTrue>(level),
        (ReduceOp::All, _, _) => scan_by::<AllBits>(level),
        (ReduceOp::Any, _, _) => scan_by::<AnyBits>(level),
    }
}
