//! Maps: one function of up to three operands applied to every element.
//!
//! An operand may be *uniform*: one value a row, read from its row's first element. Which ones are is part of the
//! instance (a bit each), so that row scalars are never spread out in memory.

use super::Level;
use super::call::{Call, Meaning, Primitive, primitive};
use super::lanes::{LANES, Lanes, Simd};
use crate::native::{Record, Recorder, Value};

/// A function of lanes. Integers and truth values (0 or 1) travel as the bits of floats.
pub trait Map: 'static {
    /// Number of operands.
    const OPERANDS: usize;
    /// The function for native code, where it is arithmetic on lanes and nothing else.
    const RECORD: Option<Record> = None;
    /// The function.
    fn apply<S: Simd>(s: S, v: [S::F; 3]) -> S::F;
}

/// A [`Map`] that is arithmetic on lanes and nothing else.
pub trait Lanewise: 'static {
    /// Number of operands.
    const OPERANDS: usize;
    /// The function.
    fn apply<S: Lanes>(s: S, v: [S::F; 3]) -> S::F;
}

impl<O: Lanewise> Map for O {
    const OPERANDS: usize = O::OPERANDS;
    const RECORD: Option<Record> = Some(record::<O>);
    #[inline(always)]
    fn apply<S: Simd>(s: S, v: [S::F; 3]) -> S::F {
        <O as Lanewise>::apply(s, v)
    }
}

fn record<O: Lanewise>(recorder: Recorder<'_>, v: [Value; 3]) -> Value {
    <O as Lanewise>::apply(recorder, v)
}

/// A bit of a loop's mode: it writes past the caches. Modes are instances, because in a cheap map each further
/// instruction shows.
const STREAM: u8 = 1;
/// A bit of a loop's mode: it fetches the next rows' data meanwhile.
const AHEAD: u8 = 2;

/// # Safety
/// Each operand has `len` elements in each row, or one where its bit in `UNIFORM` is set.
#[inline(always)]
pub unsafe fn map_rows<S: Simd, O: Map, const UNIFORM: u8>(s: S, call: &Call) {
    let ahead = !call.prefetch.at.is_null();
    for r in 0..call.rows {
        let stream = call.stream && (call.out.row::<f32>(r) as usize).is_multiple_of(64);
        // SAFETY: the caller's promise.
        unsafe {
            match (stream, ahead) {
                (false, false) => map_row::<S, O, UNIFORM, 0>(s, call, r),
                (true, false) => map_row::<S, O, UNIFORM, STREAM>(s, call, r),
                (false, true) => map_row::<S, O, UNIFORM, AHEAD>(s, call, r),
                (true, true) => map_row::<S, O, UNIFORM, { STREAM | AHEAD }>(s, call, r),
            }
        }
    }
}

/// # Safety
/// As [`map_rows`], for row `r`.
#[inline(always)]
unsafe fn map_row<S: Simd, O: Map, const UNIFORM: u8, const MODE: u8>(s: S, call: &Call, r: usize) {
    let out: *mut f32 = call.out.row(r);
    let ahead: *const u8 = call.prefetch.row(r);
    let mut pointers = [std::ptr::null::<f32>(); 3];
    let mut values = [s.f(0.0); 3];
    for k in 0..O::OPERANDS {
        pointers[k] = call.inputs[k].row(r);
        if is_uniform::<UNIFORM>(k) {
            // SAFETY: a uniform operand has one element a row.
            values[k] = s.f(unsafe { *pointers[k] });
        }
    }
    let whole = call.len / LANES * LANES;
    let mut at = 0;
    while at < whole {
        // SAFETY: `at + 16 <= len`; the operands cover `len` elements. Prefetching is safe at any address.
        unsafe {
            for k in 0..O::OPERANDS {
                if !is_uniform::<UNIFORM>(k) {
                    values[k] = s.load(pointers[k].add(at));
                }
            }
            if MODE & AHEAD != 0 {
                prefetch(ahead.wrapping_add(at * 4));
            }
            let y = O::apply(s, values);
            if MODE & STREAM != 0 { s.stream(out.add(at), y) } else { s.store(out.add(at), y) }
        }
        at += LANES;
    }
    let rest = call.len - whole;
    if rest > 0 {
        // SAFETY: `rest` elements remain in each operand.
        unsafe {
            for k in 0..O::OPERANDS {
                if !is_uniform::<UNIFORM>(k) {
                    values[k] = s.load_part(pointers[k].add(at), rest);
                }
            }
            s.store_part(out.add(at), O::apply(s, values), rest);
        }
    }
}

#[inline(always)]
const fn is_uniform<const UNIFORM: u8>(operand: usize) -> bool {
    UNIFORM >> operand & 1 == 1
}

/// Asks for the line of an address, which need not be valid.
#[inline(always)]
pub fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

primitive! {
    fn map_primitive<O: Map; const UNIFORM: u8> = map_rows
}

/// The map `O` with the given uniform operands.
pub fn map<O: Map, const UNIFORM: u8>(level: Level) -> Primitive {
    let primitive = map_primitive::<O, UNIFORM>(level);
    match O::RECORD {
        None => primitive,
        Some(record) => {
            let operands = O::OPERANDS;
            primitive.that(Meaning::Map { record, operands, uniform: UNIFORM })
        }
    }
}
