//! What a thread keeps while it computes columns: weights as panels, and the tiles of the result.

use crate::simd::blocks::{COLUMNS, Kernels};
use crate::simd::integers::LEAST_GROUP;

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
    /// `[groups][columns]` of a round: products of neighbours.
    pub crossed: *mut u32,
    /// A row of weights, of a round.
    pub row: *mut f32,
    /// `[rows]` of [`COLUMNS`], from the first of the tiles on.
    pub c: *mut f32,
}

impl Own {
    /// Elements of the summed axis of a round.
    pub fn round(kernels: &Kernels, whole: bool) -> usize {
        (if whole { INTEGERS } else { FLOATS }) / kernels.beside
    }

    /// Words of the panel, scales, biases, products of neighbours and the row; of so many groups.
    fn sizes(kernels: &Kernels, groups: usize) -> [usize; 5] {
        let [integers, floats] = [true, false].map(|whole| Self::round(kernels, whole));
        let numbers = groups * kernels.columns;
        let crossed = integers / LEAST_GROUP * kernels.columns;
        [(integers / 2).max(floats) * kernels.columns, numbers, numbers, crossed, integers]
    }

    /// Words of the tiles of so many rows.
    fn tiles(kernels: &Kernels, rows: usize) -> usize {
        rows.next_multiple_of(kernels.rows) * COLUMNS
    }

    /// Bytes for so many rows and groups.
    pub fn bytes(kernels: &Kernels, rows: usize, groups: usize) -> usize {
        let each = Self::sizes(kernels, groups).iter().sum::<usize>();
        (Self::tiles(kernels, rows) + each * kernels.beside) * 4
    }

    /// That of the tiles that are so many from the first.
    pub fn at(at: *mut u8, kernels: &Kernels, groups: usize, rows: usize, beside: usize) -> Own {
        let sizes = Self::sizes(kernels, groups);
        let [panel, scales, biases, crossed, _] = sizes;
        let c = at.cast::<f32>();
        let first = Self::tiles(kernels, rows) + beside * sizes.iter().sum::<usize>();
        let after = |count: usize| c.wrapping_add(first + count);
        Own {
            panel: after(0).cast(),
            scales: after(panel),
            biases: after(panel + scales),
            crossed: after(panel + scales + biases).cast(),
            row: after(panel + scales + biases + crossed),
            c: c.wrapping_add(beside * kernels.columns),
        }
    }
}
