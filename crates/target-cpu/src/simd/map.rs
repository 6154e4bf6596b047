//! Maps: one function of up to three operands applied to every element.
//!
//! An operand may be *uniform*: one value a row, read from its row's first element. Which ones are is part of the
//! instance (a bit each), so that row scalars are never spread out in memory.

use super::call::{Call, primitive};
use super::lanes::{LANES, Simd};

/// A function of lanes. Integers and truth values (0 or 1) travel as the bits of floats.
pub trait Map: 'static {
    /// Number of operands.
    const OPERANDS: usize;
    /// So little work that the loop round it counts.
    const LIGHT: bool = false;
    /// The function.
    fn apply<S: Simd>(s: S, v: [S::F; 3]) -> S::F;
}

/// # Safety
/// Each operand has `len` elements in each row, or one where its bit in `UNIFORM` is set.
#[inline(always)]
unsafe fn map_rows<S: Simd, O: Map, const UNIFORM: u8>(s: S, call: &Call) {
    let uniform = |k: usize| UNIFORM >> k & 1 == 1;
    for r in 0..call.rows {
        let out: *mut f32 = call.out.row(r);
        let zero = s.f(0.0);
        let mut pointers = [std::ptr::null::<f32>(); 3];
        let mut values = [zero; 3];
        for k in 0..O::OPERANDS {
            pointers[k] = call.inputs[k].row(r);
            if uniform(k) {
                // SAFETY: a uniform operand has one element a row.
                values[k] = s.f(unsafe { *pointers[k] });
            }
        }
        // Without a prefetch address an operand's own lines are asked for, which costs nothing. Never the output's: a
        // streamed line must not be read.
        let ahead: *const u8 =
            if call.prefetch.at.is_null() { pointers[0].cast() } else { call.prefetch.row(r) };
        let stream = call.stream && (out as usize).is_multiple_of(64);
        let whole = call.len / LANES * LANES;
        let mut at = 0;
        // SAFETY: `at + 16 * n <= len` for n vectors; the operands cover `len` elements. Prefetching is safe at any
        // address.
        unsafe {
            if stream {
                while at < whole {
                    operands::<S, O, UNIFORM>(s, &mut values, &pointers, at);
                    prefetch(ahead.wrapping_add(at * 4));
                    s.stream(out.add(at), O::apply(s, values));
                    at += LANES;
                }
            }
            if O::LIGHT && call.prefetch.at.is_null() {
                while at + 2 * LANES <= whole {
                    operands::<S, O, UNIFORM>(s, &mut values, &pointers, at);
                    s.store(out.add(at), O::apply(s, values));
                    operands::<S, O, UNIFORM>(s, &mut values, &pointers, at + LANES);
                    s.store(out.add(at + LANES), O::apply(s, values));
                    at += 2 * LANES;
                }
            }
            while at < whole {
                operands::<S, O, UNIFORM>(s, &mut values, &pointers, at);
                prefetch(ahead.wrapping_add(at * 4));
                s.store(out.add(at), O::apply(s, values));
                at += LANES;
            }
        }
        let rest = call.len - whole;
        if rest > 0 {
            // SAFETY: `rest` elements remain in each operand.
            unsafe {
                for k in 0..O::OPERANDS {
                    if !uniform(k) {
                        values[k] = s.load_part(pointers[k].add(at), rest);
                    }
                }
                s.store_part(out.add(at), O::apply(s, values), rest);
            }
        }
    }
}

/// Loads a vector of each operand that is not uniform.
///
/// # Safety
/// 16 elements from `at` on.
#[inline(always)]
unsafe fn operands<S: Simd, O: Map, const UNIFORM: u8>(
    s: S,
    values: &mut [S::F; 3],
    pointers: &[*const f32; 3],
    at: usize,
) {
    for k in 0..O::OPERANDS {
        if UNIFORM >> k & 1 == 0 {
            // SAFETY: the caller's promise.
            values[k] = unsafe { s.load(pointers[k].add(at)) };
        }
    }
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
    /// The map `O` with the given uniform operands.
    pub fn map<O: Map; const UNIFORM: u8> = map_rows
}
