//! Division of rows by one number each: by its reciprocal and a correction, a fifth of the cost of dividing.

use super::Level;
use super::call::{Call, Meaning, Operand, Primitive, primitive};
use super::lanes::{Lanes, Simd};
use super::map::{Lanewise, map_rows};
use super::math::{MOST_WHOLE, PART_SCALE};
use super::ops::Div;
use crate::native::{Recorder, Value};

/// a / b, given 1 / b.
struct DivWith;

impl Lanewise for DivWith {
    const OPERANDS: usize = 3;
    #[inline(always)]
    fn apply<S: Lanes>(s: S, [n, d, r]: [S::F; 3]) -> S::F {
        s.div_with(n, d, r)
    }
}

/// a / b for a from 0 to b, given 1 / b.
struct PartOf;

impl Lanewise for PartOf {
    const OPERANDS: usize = 3;
    #[inline(always)]
    fn apply<S: Lanes>(s: S, [n, d, r]: [S::F; 3]) -> S::F {
        s.part_of(n, d, r)
    }
}

/// # Safety
/// Output and input 0: `len` elements a row. Input 1: one element a row.
#[inline(always)]
unsafe fn divide_rows<S: Simd, const PART: bool>(s: S, call: &Call) {
    for r in 0..call.rows {
        // SAFETY: one element a row.
        let d = unsafe { *call.inputs[1].row::<f32>(r) };
        let mut reciprocal = 1.0 / d;
        let mut row = Call { rows: 1, ..*call };
        for operand in [&mut row.out, &mut row.prefetch].into_iter().chain(&mut row.inputs) {
            *operand = Operand { at: operand.row(r), row: 0 };
        }
        if call.prefetch.at.is_null() {
            row.prefetch = Operand::NONE;
        }
        // SAFETY: row `r` of the operands; the reciprocal is one element.
        unsafe {
            if d.is_normal() && reciprocal.is_normal() && (!PART || d < MOST_WHOLE) {
                row.inputs[2] = Operand { at: (&raw mut reciprocal).cast(), row: 0 };
                match PART {
                    true => map_rows::<S, PartOf>(s, &row, 0b110),
                    false => map_rows::<S, DivWith>(s, &row, 0b110),
                }
            } else {
                map_rows::<S, Div>(s, &row, 0b10);
            }
        }
    }
}

primitive! { fn divide<; const PART: bool> = divide_rows }

/// The quotient of rows of f32 by one element a row.
pub fn by_uniform(level: Level) -> Primitive {
    divide::<false>(level).that(Meaning::Map { record, operands: 2, uniform: 0b10 })
}

/// The same of rows whose elements are not negative and not greater than what they are divided by, or NaN; as
/// exponentials are of their sum.
pub fn parts(level: Level) -> Primitive {
    divide::<true>(level).that(Meaning::Map { record: record_parts, operands: 2, uniform: 0b10 })
}

/// The same for native code. Where a vector has several rows, both ways would be gone.
fn record(s: Recorder<'_>, [n, d, _]: [Value; 3]) -> Value {
    if !s.is_uniform(d) {
        return s.div(n, d);
    }
    let (usual, reciprocal) = reciprocal(s, d);
    s.either(usual, s.div_with(n, d, reciprocal), s.div(n, d))
}

/// Where a vector has several rows, divisions as large as where it has one: quotients that are denormal are rounded twice.
fn record_parts(s: Recorder<'_>, [n, d, _]: [Value; 3]) -> Value {
    if !s.is_uniform(d) {
        // So is the reciprocal of what is below the most.
        let usual = s.mand(s.le(s.f(f32::MIN_POSITIVE), d), s.lt(d, s.f(MOST_WHOLE)));
        let scale = |by: f32| s.select(usual, s.f(by), s.f(1.0));
        let scaled = s.div(s.mul(n, scale(PART_SCALE)), d);
        return s.mul(scaled, scale(1.0 / PART_SCALE));
    }
    let (usual, reciprocal) = reciprocal(s, d);
    let usual = s.mand(usual, s.lt(d, s.f(MOST_WHOLE)));
    s.either(usual, s.part_of(n, d, reciprocal), s.div(n, d))
}

/// 1 / d, and whether it and d are normal.
fn reciprocal(s: Recorder<'_>, d: Value) -> (Value, Value) {
    let reciprocal = s.div(s.f(1.0), d);
    let normal = |x: Value| {
        let size = s.abs(x);
        s.mand(s.le(s.f(f32::MIN_POSITIVE), size), s.lt(size, s.f(f32::INFINITY)))
    };
    (s.mand(normal(d), normal(reciprocal)), reciprocal)
}
