//! Division of rows by one number each: by its reciprocal and a correction, a fifth of the cost of dividing.

use super::Level;
use super::call::{Call, Meaning, Operand, Primitive, primitive};
use super::lanes::{Lanes, Simd};
use super::map::{Lanewise, map_rows};
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

/// # Safety
/// Output and input 0: `len` elements a row. Input 1: one element a row.
#[inline(always)]
unsafe fn divide_rows<S: Simd>(s: S, call: &Call) {
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
            if d.is_normal() && reciprocal.is_normal() {
                row.inputs[2] = Operand { at: (&raw mut reciprocal).cast(), row: 0 };
                map_rows::<S, DivWith>(s, &row, 0b110);
            } else {
                map_rows::<S, Div>(s, &row, 0b10);
            }
        }
    }
}

primitive! { fn divide<; > = divide_rows }

/// The quotient of rows of f32 by one element a row.
pub fn by_uniform(level: Level) -> Primitive {
    divide(level).that(Meaning::Map { record, operands: 2, uniform: 0b10 })
}

/// The same for native code.
fn record(s: Recorder<'_>, [n, d, _]: [Value; 3]) -> Value {
    let reciprocal = s.div(s.f(1.0), d);
    let normal = |x: Value| {
        let size = s.abs(x);
        s.mand(s.le(s.f(f32::MIN_POSITIVE), size), s.lt(size, s.f(f32::INFINITY)))
    };
    let usual = s.mand(normal(d), normal(reciprocal));
    s.either(usual, s.div_with(n, d, reciprocal), s.div(n, d))
}
