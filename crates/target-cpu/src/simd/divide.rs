//! Division of rows by one number each: by its reciprocal and a correction, a fifth of the cost of dividing.

use super::Level;
use super::call::{Call, Operand, Primitive, primitive};
use super::lanes::Simd;
use super::map::{Map, map_rows};
use super::ops::Div;

/// a / b, given 1 / b.
struct DivWith;

impl Map for DivWith {
    const OPERANDS: usize = 3;
    #[inline(always)]
    fn apply<S: Simd>(s: S, [n, d, r]: [S::F; 3]) -> S::F {
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
                map_rows::<S, DivWith, 0b110>(s, &row);
            } else {
                map_rows::<S, Div, 0b10>(s, &row);
            }
        }
    }
}

primitive! { fn divide<; > = divide_rows }

/// The quotient of rows of f32 by one element a row.
pub fn by_uniform(level: Level) -> Primitive {
    divide(level)
}
