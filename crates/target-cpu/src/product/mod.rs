//! Programs that are a matrix product and nothing else run by blocks on all threads, rather than step by step: each
//! factor is copied into panels that tiles of the result are computed from ([`crate::simd::blocks`]).
//!
//! Work is cut by the shapes alone, so results repeat whatever the number of threads. halves times packed weights are
//! computed with integers.

mod drive;
mod few;
mod matrix;
mod own;
mod pack;
mod pair;
mod recognize;
mod round;
#[cfg(test)]
pub mod tests;
#[cfg(target_arch = "x86_64")]
mod tiles;

pub use drive::{Resources, Stopped, go_together, room, run, run_all, run_together};
pub use matrix::Matrix;
pub use pair::{Pair, pair};
pub use recognize::{Product, Weight, product};

use crate::bind::TensorLayout;
use crate::simd::integers;
use crate::sixteens::Sixteens;
use tilewright_ir::{ParamId, ParamKind, Program};

/// Rows from which a program an element gives way to blocks.
const MANY_ROWS: usize = 9;

/// A product bound to the arguments of a call.
#[derive(Clone, Debug)]
pub struct Problem {
    /// `[rows, depth]`
    pub x: Matrix,
    /// `[rows, columns]`
    pub y: Matrix,
    /// What x is multiplied with; of the first expert, where there are several.
    pub factor: Factor,
    /// Bytes from expert to expert, of each part of the factor.
    pub experts: [isize; 3],
    /// Terms of a sum.
    pub depth: usize,
    /// Columns of y.
    pub columns: usize,
    /// Rows of x and of y, those of one expert together.
    pub rows: Vec<(u32, u32)>,
    /// Experts, and where their rows end.
    pub ends: Vec<(usize, usize)>,
    /// Columns of the packed factor lie by [sixteens](crate::sixteens).
    pub by_sixteens: bool,
}

/// The factor of a [`Problem`].
#[derive(Clone, Copy, Debug)]
pub enum Factor {
    /// `[columns, depth]` floats.
    Floats(Matrix),
    /// `[columns, ..]` words, scales, biases.
    Affine { words: Matrix, scales: Matrix, biases: Matrix, bits: u32, group: usize },
}

impl Product {
    /// Binds the product to the arguments of a call; `None` where the program itself had better run: few rows, tensors
    /// that overlap or are laid out otherwise, an index beyond the experts.
    ///
    /// # Safety
    /// `tensors` and `layouts` are those of the arguments, which hold every element that they reach.
    pub unsafe fn problem(
        &self,
        program: &Program,
        dims: &[usize],
        tensors: &[*mut u8],
        layouts: &[TensorLayout],
    ) -> Option<Problem> {
        let [rows, depth, columns] =
            [self.rows, self.depth, self.columns].map(|extent| extent.value(dims));
        if rows == 0 || depth == 0 || columns == 0 {
            return None;
        }
        let dtype = |param: ParamId| match program.param(param).kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => dtype,
        };
        let stride = |parts: &[(usize, isize)]| match *parts {
            [(_, stride)] => Some(stride),
            _ => None,
        };
        // The last two axes as a matrix, and bytes along the axis before them.
        let matrix = |param: ParamId| {
            let [before @ .., rows, row] = &layouts[param.index()][..] else { return None };
            let before = before.last().map_or(Some(0), |parts| stride(parts))?;
            let (at, dtype) = (tensors[param.index()], dtype(param));
            Some((Matrix { at, row: stride(rows)?, element: stride(row)?, dtype }, before))
        };
        // The same of rows that lie by sixteens.
        let by_sixteens = |param: ParamId| {
            let [before @ .., rows, row] = &layouts[param.index()][..] else { return None };
            let before = before.last().map_or(Some(0), |parts| stride(parts))?;
            let (at, dtype) = (tensors[param.index()], dtype(param));
            let (bytes, element) = (Sixteens::row_of(rows, row, dtype.size())?, dtype.size());
            Some((Matrix { at, row: bytes, element: element as isize, dtype }, before))
        };
        let dense = |(matrix, _): &(Matrix, isize)| matrix.element == matrix.dtype.size() as isize;
        let x = matrix(self.x).filter(dense)?.0;
        let mut lies_by_sixteens = false;
        let (factor, experts) = match self.weight {
            Weight::Floats { w, turned } => {
                let (w, _) = matrix(w)?;
                let w = if turned { w } else { Matrix { row: w.element, element: w.row, ..w } };
                (Factor::Floats(w), [0; 3])
            }
            Weight::Affine { w, scales, biases, bits, group } => {
                let all = [w, scales, biases];
                let [w, s, b] = all.map(by_sixteens);
                let parts = if let (Some(w), Some(s), Some(b)) = (w, s, b) {
                    let types = [x.dtype, s.0.dtype];
                    integers::takes_sixteens((bits, group), types, depth).then_some(())?;
                    lies_by_sixteens = true;
                    [w, s, b]
                } else {
                    let [w, s, b] = all.map(matrix);
                    [w?, s?, b?]
                };
                parts.iter().all(dense).then_some(())?;
                let [words, scales, biases] = parts.map(|part| part.0);
                let factor = Factor::Affine { words, scales, biases, bits, group };
                (factor, parts.map(|part| part.1))
            }
        };
        // What is computed with integers is as exact either way.
        if self.by_element && rows < MANY_ROWS && !few::fits(&x, &factor, depth) {
            return None;
        }
        let (y, before) = matrix(self.y).filter(dense)?;
        let Some(indices) = self.indices else {
            let numbers = 0..u32::try_from(rows).ok()?;
            let rows: Vec<(u32, u32)> = numbers.map(|row| (row, row)).collect();
            let ends = vec![(0, rows.len())];
            let by_sixteens = lies_by_sixteens;
            let found = Problem { x, y, factor, experts, depth, columns, rows, ends, by_sixteens };
            return Some(found);
        };
        // Rows of y are counted through tokens and slots.
        let layout = &layouts[indices.index()];
        let [token, slot] = &layout[..] else { return None };
        let (&[(_, token)], &[(slots, slot)]) = (&token[..], &slot[..]) else { return None };
        let weight = match self.weight {
            Weight::Affine { w, .. } | Weight::Floats { w, .. } => w,
        };
        let &[(count, _)] = &layouts[weight.index()].first()?[..] else { return None };
        (before == y.row * slots as isize).then_some(())?;
        let all = u32::try_from(rows.checked_mul(slots)?).ok()?;
        let index = |number: usize| {
            let at = token * (number / slots) as isize + slot * (number % slots) as isize;
            let at = tensors[indices.index()].wrapping_offset(at).cast::<u32>();
            // SAFETY: the caller's promise.
            unsafe { at.read_unaligned() as usize }
        };
        let mut ends = vec![0usize; count];
        for number in 0..all as usize {
            *ends.get_mut(index(number))? += 1;
        }
        let mut next = Vec::with_capacity(count);
        let mut end = 0;
        for count in &mut ends {
            next.push(end);
            end += *count;
            *count = end;
        }
        let mut sorted = vec![(0, 0); all as usize];
        for number in 0..all {
            let place = &mut next[index(number as usize)];
            sorted[*place] = (number / slots as u32, number);
            *place += 1;
        }
        let mut begin = 0;
        let used = ends.into_iter().enumerate().filter(|(_, end)| {
            let some = *end > begin;
            begin = *end;
            some
        });
        let ends = used.collect();
        let (rows, by_sixteens) = (sorted, lies_by_sixteens);
        Some(Problem { x, y, factor, experts, depth, columns, rows, ends, by_sixteens })
    }
}
