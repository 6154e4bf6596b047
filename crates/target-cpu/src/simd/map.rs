//! Maps: one function of up to three operands applied to every element.
//!
//! An operand may be *uniform*: one value a row, read from its row's first element. A map is one loop on each level,
//! whatever is uniform, streamed or fetched ahead, and whatever rest a row has: there are over a hundred maps, and
//! native code stands for most of them where speed counts.

use super::Level;
use super::call::{Call, Meaning, Primitive};
use super::lanes::{LANES, Lanes, Simd};
use super::portable::One;
use crate::native::{Record, Recorder, Value};

/// A function of one lane. Integers and truth values (0 or 1) travel as the bits of floats.
pub trait Single: 'static {
    /// Number of operands.
    const OPERANDS: usize;
    /// The function.
    fn single(v: [f32; 3]) -> f32;
}

/// A function of lanes, which does with each what it does with one.
pub trait Map: Single {
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

impl<O: Lanewise> Single for O {
    const OPERANDS: usize = O::OPERANDS;
    #[inline(always)]
    fn single(v: [f32; 3]) -> f32 {
        <O as Lanewise>::apply(One, v)
    }
}

impl<O: Lanewise> Map for O {
    const RECORD: Option<Record> = Some(record::<O>);
    #[inline(always)]
    fn apply<S: Simd>(s: S, v: [S::F; 3]) -> S::F {
        <O as Lanewise>::apply(s, v)
    }
}

fn record<O: Lanewise>(recorder: Recorder<'_>, v: [Value; 3]) -> Value {
    <O as Lanewise>::apply(recorder, v)
}

/// # Safety
/// Each operand has `len` elements in each row, or one where its bit in `uniform` is set.
#[inline(always)]
pub unsafe fn map_rows<S: Simd, O: Map>(s: S, call: &Call, uniform: u8) {
    let ahead = !call.prefetch.at.is_null();
    // What a uniform operand is read from, and the rest of a row, which may not be read or written past its end.
    let mut spread = [[0f32; LANES]; 3];
    let mut rest_out = [0f32; LANES];
    for r in 0..call.rows {
        let mut out: *mut f32 = call.out.row(r);
        let stream = call.stream && (out as usize).is_multiple_of(64);
        let mut next: *const u8 = call.prefetch.row(r);
        let mut from = [std::ptr::null::<f32>(); 3];
        let mut step = [LANES; 3];
        for k in 0..<O as Single>::OPERANDS {
            from[k] = call.inputs[k].row(r);
            if uniform >> k & 1 == 1 {
                // SAFETY: a uniform operand has one element a row.
                spread[k] = [unsafe { *from[k] }; LANES];
                (from[k], step[k]) = (spread[k].as_ptr(), 0);
            }
        }
        let mut vectors = call.len / LANES;
        let rest = call.len % LANES;
        let mut in_rest = false;
        // The whole vectors, then the rest: one loop for both, so that the map is compiled once.
        loop {
            // SAFETY: the operands have so many vectors. Prefetching is safe at any address.
            unsafe {
                while vectors > 0 {
                    let mut values = [s.f(0.0); 3];
                    for k in 0..<O as Single>::OPERANDS {
                        values[k] = s.load(from[k]);
                        from[k] = from[k].wrapping_add(step[k]);
                    }
                    if ahead {
                        prefetch(next);
                        next = next.wrapping_add(LANES * 4);
                    }
                    let y = O::apply(s, values);
                    if stream && !in_rest {
                        s.stream(out, y)
                    } else {
                        s.store(out, y)
                    }
                    out = out.wrapping_add(LANES);
                    vectors -= 1;
                }
                if in_rest {
                    let to = call.out.row::<f32>(r).add(call.len - rest);
                    s.store_part(to, s.load(rest_out.as_ptr()), rest);
                    break;
                }
                if rest == 0 {
                    break;
                }
                for k in 0..<O as Single>::OPERANDS {
                    if step[k] != 0 {
                        spread[k] = s.f_array(s.load_part(from[k], rest));
                        from[k] = spread[k].as_ptr();
                    }
                }
            }
            (out, vectors, in_rest) = (rest_out.as_mut_ptr(), 1, true);
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

/// The same, into the second cache.
#[inline(always)]
pub fn prefetch_far(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Lanes that the portable level works on at a time.
const STRIP: usize = 256;

/// A map of up to [`STRIP`] lanes: the compiler's vectors.
type Strip = fn(&[f32], &[f32], &[f32], &mut [f32]);

fn strip<O: Single>(a: &[f32], b: &[f32], c: &[f32], out: &mut [f32]) {
    for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
        *out = O::single([a, b, c]);
    }
}

/// # Safety
/// As [`map_rows`].
unsafe fn map_strips(call: &Call, uniform: u8, operands: usize, strip: Strip) {
    let mut spread = [[0f32; STRIP]; 3];
    let mut result = [0f32; STRIP];
    for r in 0..call.rows {
        let n = call.len.min(STRIP);
        for k in (0..operands).filter(|k| uniform >> k & 1 == 1) {
            // SAFETY: a uniform operand has one element a row.
            spread[k][..n].fill(unsafe { *call.inputs[k].row(r) });
        }
        for at in (0..call.len).step_by(STRIP) {
            let n = (call.len - at).min(STRIP);
            let from = |k: usize| match k < operands && uniform >> k & 1 == 0 {
                // SAFETY: `n` elements remain of the row.
                true => unsafe {
                    std::slice::from_raw_parts(call.inputs[k].row::<f32>(r).add(at), n)
                },
                false => &spread[k][..n],
            };
            // The output may be one of the inputs.
            strip(from(0), from(1), from(2), &mut result[..n]);
            // SAFETY: `n` elements remain of the row.
            unsafe {
                std::ptr::copy_nonoverlapping(result.as_ptr(), call.out.row::<f32>(r).add(at), n);
            }
        }
    }
}

/// The map `O` where the operands whose bits are set in `uniform` have one value a row.
pub fn map<O: Map>(uniform: u8, level: Level) -> Primitive {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
    unsafe fn avx512<O: Map>(call: &Call, uniform: u8) {
        // SAFETY: reached through `Level::Avx512` only; the rest is the caller's promise.
        unsafe { map_rows::<_, O>(super::avx512::Avx512::assume(), call, uniform) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn avx2<O: Map>(call: &Call, uniform: u8) {
        // SAFETY: reached through `Level::Avx2` only; the rest is the caller's promise.
        unsafe { map_rows::<_, O>(super::avx2::Avx2::assume(), call, uniform) }
    }
    let primitive = Primitive::opaque(match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => avx512::<O>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::<O>,
        _ => portable::<O>,
    });
    match O::RECORD {
        None => primitive.with_uniform(uniform),
        Some(record) => {
            let operands = <O as Single>::OPERANDS;
            primitive.with_uniform(uniform).that(Meaning::Map { record, operands, uniform })
        }
    }
}

/// # Safety
/// As [`map_rows`].
unsafe fn portable<O: Single>(call: &Call, uniform: u8) {
    // SAFETY: the caller's promise.
    unsafe { map_strips(call, uniform, <O as Single>::OPERANDS, strip::<O>) }
}

/// The map `O`, which looks at one lane after the other on every level.
pub fn map_singly<O: Single>(uniform: u8) -> Primitive {
    Primitive::opaque(portable::<O>).with_uniform(uniform)
}
