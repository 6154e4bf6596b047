//! What a round of columns is multiplied with, as the kernels take it.

use super::drive::of_expert;
use super::own::Own;
use super::pack::{dequantize, float_panel};
use super::{Factor, Matrix, Problem};
use crate::simd::blocks::{COLUMNS, Kernels};
use crate::simd::integers::{self, distance};
use crate::sixteens::SIDE_BY_SIDE;

/// Scales and biases of columns, and a word ahead of time of those beside them, which are next.
///
/// # Safety
/// The problem's tensors are there, and `own` has room for a round of columns.
pub(super) unsafe fn numbers_of(
    problem: &Problem,
    kernels: &Kernels,
    expert: usize,
    [column, count]: [usize; 2],
    groups: usize,
    own: &Own,
) {
    let Factor::Affine { scales, biases, .. } = problem.factor else { return };
    const AT_ONCE: usize = 32;
    let mut rows = [[0.0f32; AT_ONCE]; COLUMNS];
    for (matrix, stride, to) in
        [(&scales, problem.experts[1], own.scales), (&biases, problem.experts[2], own.biases)]
    {
        let matrix = of_expert(matrix, expert, stride);
        if problem.by_sixteens {
            // Past the end the last are repeated.
            for k in (0..kernels.columns).step_by(SIDE_BY_SIDE) {
                let first = (column + k).min(problem.columns - SIDE_BY_SIDE);
                let (all, to) = ([0, groups], to.wrapping_add(k));
                // SAFETY: the caller's promise; there is room for the numbers of so many columns.
                unsafe {
                    matrix.sixteen(first).widen_rows(
                        kernels.level,
                        all,
                        [0, SIDE_BY_SIDE],
                        (to, kernels.columns),
                    );
                }
            }
            continue;
        }
        for next in column..column + count {
            prefetch(matrix.at.wrapping_offset(matrix.row * (next + COLUMNS) as isize));
        }
        for from in (0..groups).step_by(AT_ONCE) {
            let taken = [from, AT_ONCE.min(groups - from)];
            let out = (rows.as_mut_ptr().cast(), AT_ONCE);
            // SAFETY: the caller's promise; there is room for so many rows of columns.
            unsafe { matrix.widen_rows(kernels.level, [column, count], taken, out) };
            for g in 0..taken[1] {
                for k in 0..kernels.columns {
                    // SAFETY: as above. Columns past the end repeat the last.
                    unsafe {
                        *to.add((from + g) * kernels.columns + k) = rows[k.min(count - 1)][g];
                    }
                }
            }
        }
    }
}

/// Packs a round of weights as pairs; steps of a group, groups, and the first group.
///
/// # Safety
/// The problem's tensors are there, and `own` has room for a round of columns.
pub(super) unsafe fn integers_of(
    problem: &Problem,
    kernels: &Kernels,
    expert: usize,
    [column, count]: [usize; 2],
    [from, len]: [usize; 2],
    own: &Own,
) -> (usize, usize, usize) {
    let Factor::Affine { words, bits, group, .. } = problem.factor else {
        return (0, 0, 0);
    };
    let words = of_expert(&words, expert, problem.experts[0]);
    let (first, groups, of_group) = (from / group, len / group, bits as usize * group / 32);
    // The next round is of these columns, or of those beside them.
    let ahead = match from + len < problem.depth {
        true => 4 * (groups * of_group) as isize,
        false => words.row * COLUMNS as isize - 4 * (first * of_group) as isize,
    };
    #[cfg(target_arch = "x86_64")]
    if problem.by_sixteens {
        for k in (0..kernels.columns).step_by(SIDE_BY_SIDE) {
            // Past the end the last are repeated.
            let of = words.sixteen((column + k).min(problem.columns - SIDE_BY_SIDE));
            let at = of.at.cast::<u32>().wrapping_add(first * of_group * SIDE_BY_SIDE);
            let next = match from + len < problem.depth {
                true => at.wrapping_add(groups * of_group * SIDE_BY_SIDE),
                false => of.at.cast::<u32>().wrapping_byte_offset(words.row * COLUMNS as isize),
            };
            let to = own.panel.wrapping_add(k);
            // SAFETY: the caller's promise, and the CPU is one that lays rows so.
            unsafe {
                integers::pairs_of_sixteen([at, next], groups * of_group, (to, kernels.columns));
            }
        }
        return (group / 2, groups, first);
    }
    let mut rows = [std::ptr::null::<u32>(); 64];
    for (k, to) in rows[..kernels.columns].iter_mut().enumerate() {
        // Columns past the end repeat the last.
        let row = words.row * (column + k.min(count - 1)) as isize;
        *to = words.at.wrapping_offset(row).cast::<u32>().wrapping_add(first * of_group);
        for line in 0..(4 * groups * of_group).div_ceil(64) {
            prefetch(to.cast::<u8>().wrapping_offset(ahead).wrapping_add(64 * line));
        }
    }
    // SAFETY: the caller's promise.
    unsafe { (kernels.pairs)(bits, groups * of_group, &rows[..kernels.columns], own.panel) };
    debug_assert_eq!(group / 2 % distance(bits), 0);
    (group / 2, groups, first)
}

/// Asks for memory that is soon read; any address will do.
fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of no memory does nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Packs a round of weights as floats.
///
/// # Safety
/// The problem's tensors are there, and `own` has room for a round of columns.
pub(super) unsafe fn floats_of(
    problem: &Problem,
    kernels: &Kernels,
    expert: usize,
    [column, count]: [usize; 2],
    [from, len]: [usize; 2],
    own: &Own,
) {
    let (level, width) = (kernels.level, kernels.columns);
    // SAFETY: `own` has room for a row and a panel.
    unsafe {
        let row = std::slice::from_raw_parts_mut(own.row, len.max(width));
        let panel = std::slice::from_raw_parts_mut(own.panel, len * width);
        if count < width {
            panel.fill(0);
        }
        match &problem.factor {
            // Columns that lie side by side are read so.
            Factor::Floats(w) if w.row == w.dtype.size() as isize => {
                let turned = Matrix { row: w.element, element: w.row, ..*w };
                for (step, to) in panel.chunks_exact_mut(width).enumerate() {
                    let row = &mut row[..count];
                    turned.widen(level, from + step, column, row);
                    to.iter_mut().zip(row).for_each(|(to, value)| *to = value.to_bits());
                }
            }
            factor => {
                for k in 0..count {
                    match factor {
                        Factor::Floats(w) => w.widen(level, column + k, from, &mut row[..len]),
                        Factor::Affine { words, scales, biases, bits, group } => {
                            let [w, s, b] = problem.experts;
                            let parts = [
                                &of_expert(words, expert, w),
                                &of_expert(scales, expert, s),
                                &of_expert(biases, expert, b),
                            ];
                            let (format, row) = ((*bits, *group), &mut row[..len]);
                            let parts = parts.map(|part| part.row(column + k, problem.by_sixteens));
                            dequantize(level, parts.each_ref(), format, from / group, row);
                        }
                    }
                    float_panel(k, width, &row[..len], panel);
                }
            }
        }
    }
}
