//! Matrices as they lie in memory, whose elements are computed with as f32.

use crate::simd::call::{Call, Operand};
use crate::simd::{Level, memory};
use crate::sixteens::SIDE_BY_SIDE;
use tilewright_ir::DType;

/// A matrix in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix {
    /// First element.
    pub at: *mut u8,
    /// Bytes from row to row.
    pub row: isize,
    /// Bytes from element to element.
    pub element: isize,
    /// Its type.
    pub dtype: DType,
}

// SAFETY: addresses, followed only where a caller promises what they lead to.
unsafe impl Send for Matrix {}
// SAFETY: as above.
unsafe impl Sync for Matrix {}

impl Matrix {
    /// A row by itself, of rows that lie by [sixteens](crate::sixteens) or not.
    pub fn row(&self, row: usize, by_sixteens: bool) -> Matrix {
        let at = self.at.wrapping_offset(self.row * row as isize);
        if !by_sixteens {
            return Matrix { at, row: 0, ..*self };
        }
        let lane = row % SIDE_BY_SIDE;
        let at = at.wrapping_offset((self.element - self.row) * lane as isize);
        Matrix { at, row: 0, element: self.element * SIDE_BY_SIDE as isize, ..*self }
    }

    /// The sixteen rows from `row` on, of rows that lie by [sixteens](crate::sixteens), as columns.
    pub fn sixteen(&self, row: usize) -> Matrix {
        let at = self.at.wrapping_offset(self.row * row as isize);
        Matrix { at, row: self.element * SIDE_BY_SIDE as isize, ..*self }
    }

    /// Elements from `row` and `column` on.
    fn part(&self, row: usize, column: usize) -> Operand {
        let at = self.at.wrapping_offset(self.row * row as isize);
        Operand { at: at.wrapping_offset(self.element * column as isize), row: self.row }
    }

    /// Elements `from .. from + out.len()` of a row as f32.
    ///
    /// # Safety
    /// They exist, and the CPU has the level's features.
    pub unsafe fn widen(&self, level: Level, row: usize, from: usize, out: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { self.widen_rows(level, [row, 1], [from, out.len()], (out.as_mut_ptr(), 0)) }
    }

    /// `count` elements of each of `rows` rows as f32; those of the next row are `pitch` further on.
    ///
    /// # Safety
    /// The elements exist, the f32 can be written, and the CPU has the level's features.
    pub unsafe fn widen_rows(
        &self,
        level: Level,
        [row, rows]: [usize; 2],
        [column, count]: [usize; 2],
        (out, pitch): (*mut f32, usize),
    ) {
        let mut call = Call::new(rows, count);
        call.inputs[0] = self.part(row, column);
        call.out = Operand { at: out.cast(), row: 4 * pitch as isize };
        call.extra[0] = self.element as u64;
        // SAFETY: the caller's promise.
        unsafe { memory::load(self.dtype, level).call(&call) }
    }

    /// Rounds f32 to `count` elements of each of `rows` rows; those of the next row are `pitch` further on.
    ///
    /// # Safety
    /// The elements exist and are nobody else's, the f32 can be read, and the CPU has the level's features.
    pub unsafe fn narrow(
        &self,
        level: Level,
        [row, rows]: [usize; 2],
        [column, count]: [usize; 2],
        (from, pitch): (*const f32, usize),
    ) {
        let mut call = Call::new(rows, count);
        call.inputs[0] = Operand { at: from.cast_mut().cast(), row: 4 * pitch as isize };
        call.out = self.part(row, column);
        call.extra[0] = self.element as u64;
        // SAFETY: the caller's promise.
        unsafe { memory::store(self.dtype, level).call(&call) }
    }
}
