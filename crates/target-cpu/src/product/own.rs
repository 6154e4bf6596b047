//! What a thread keeps while it computes columns: weights as panels, and the tiles of the result.

use crate::simd::blocks::Kernels;

/// Elements of the summed axis whose panels of weights stay in the first cache, as integers and as floats, one beside the
/// other.
pub const INTEGERS: usize = 512;
const FLOATS: usize = 256;

/// A thread's own memory.
pub struct Own {
    /// `[steps][columns]` of a round.
    pub panel: *mut u32,
    /// `[groups][columns]` of all rounds.
    pub scales: *mut f32,
    /// The same.
    pub biases: *mut f32,
    /// A row of weights, of a round.
    pub row: *mut f32,
    /// `[rows][columns]`
    pub c: *mut f32,
}

impl Own {
    /// Elements of the summed axis of a round.
    pub fn round(kernels: &Kernels, whole: bool) -> usize {
        (if whole { INTEGERS } else { FLOATS }) / kernels.beside
    }

    /// Words of the panel, scales, biases, the row, the tiles of so many rows; of so many groups.
    fn sizes(kernels: &Kernels, groups: usize, rows: usize) -> [usize; 5] {
        let [integers, floats] = [true, false].map(|whole| Self::round(kernels, whole));
        let numbers = groups * kernels.columns;
        let tiles = rows.next_multiple_of(kernels.rows) * kernels.columns;
        [(integers / 2).max(floats) * kernels.columns, numbers, numbers, integers, tiles]
    }

    /// Bytes for so many rows and groups.
    pub fn bytes(kernels: &Kernels, rows: usize, groups: usize) -> usize {
        Self::sizes(kernels, groups, rows).iter().sum::<usize>() * kernels.beside * 4
    }

    /// That of the tiles that are so many from the first.
    pub fn at(at: *mut u8, kernels: &Kernels, groups: usize, rows: usize, beside: usize) -> Own {
        let sizes = Self::sizes(kernels, groups, rows);
        let [panel, scales, biases, row, _] = sizes;
        let at = at.cast::<f32>().wrapping_add(beside * sizes.iter().sum::<usize>());
        let after = |count: usize| at.wrapping_add(count);
        Own {
            panel: at.cast(),
            scales: after(panel),
            biases: after(panel + scales),
            row: after(panel + scales + biases),
            c: after(panel + scales + biases + row),
        }
    }
}
