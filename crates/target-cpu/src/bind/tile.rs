//! A tile's place and layout while binding.

use crate::step::Address;
use tilewright_ir::DType;

/// Where the elements of a value lie: 32-bit lanes at `at`, with the program of the batch as the first axis.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Its type.
    pub dtype: DType,
    /// Extents, the batch's first.
    pub shape: Vec<usize>,
    /// Bytes between neighbours along each axis.
    pub strides: Vec<isize>,
    /// The first element.
    pub at: Address,
    /// It has the axis that comes in blocks.
    pub main: bool,
    /// It is the same for all programs: the batch has extent 1.
    pub hoisted: bool,
}

impl Tile {
    /// The strides of a row-major layout of lanes, with those of extent 1 (and of an absent batch) 0.
    pub fn row_major(shape: &[usize]) -> Vec<isize> {
        let mut strides = vec![0; shape.len()];
        let mut step = 4isize;
        for axis in (0..shape.len()).rev() {
            if shape[axis] != 1 {
                strides[axis] = step;
                step = step.saturating_mul(shape[axis] as isize);
            }
        }
        strides
    }

    /// Lanes of all programs.
    pub fn lanes(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when the elements are neighbours in row-major order.
    pub fn is_contiguous(&self) -> bool {
        let plain = Self::row_major(&self.shape);
        (0..self.shape.len()).all(|k| self.shape[k] == 1 || self.strides[k] == plain[k])
    }

    /// The stride of the last axis, the batch's included, that has more than one element; 4 when there is none.
    pub fn inner_stride(&self) -> isize {
        let last = (0..self.shape.len()).rev().find(|&k| self.shape[k] != 1);
        last.map_or(4, |k| self.strides[k])
    }

    /// The strides that this tile has in an iteration over `shape`, axes aligned at the right, the batch apart.
    pub fn strides_in(&self, shape: &[usize]) -> Vec<isize> {
        let missing = shape.len() - self.shape.len();
        (0..shape.len())
            .map(|k| match k {
                0 => self.stride_of(0),
                k if k <= missing => 0,
                k => self.stride_of(k - missing),
            })
            .collect()
    }

    fn stride_of(&self, axis: usize) -> isize {
        if self.shape[axis] == 1 { 0 } else { self.strides[axis] }
    }

    /// The same elements seen otherwise.
    pub fn view(&self, shape: Vec<usize>, strides: Vec<isize>) -> Tile {
        Tile { shape, strides, ..self.clone() }
    }
}

/// Nested loops over several operands: axes from the outermost, each with an extent and a stride an operand.
pub type Nest = Vec<(usize, [isize; 5])>;

/// Joins neighbouring axes that all operands run through as one, and drops those of extent 1.
pub fn collapse(nest: &Nest) -> Nest {
    let mut joined: Nest = Vec::with_capacity(nest.len());
    for &(extent, strides) in nest.iter().filter(|(extent, _)| *extent != 1) {
        if let Some((outer, outer_strides)) = joined.last_mut() {
            let fits = |k: usize| outer_strides[k] == strides[k] * extent as isize;
            if (0..5).all(fits) {
                *outer *= extent;
                *outer_strides = strides;
                continue;
            }
        }
        joined.push((extent, strides));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_join_when_every_operand_allows_it() {
        let nest = vec![(2, [48, 48, 0, 0, 0]), (3, [16, 16, 0, 0, 0]), (4, [4, 4, 0, 0, 0])];
        assert_eq!(collapse(&nest), vec![(24, [4, 4, 0, 0, 0])]);
        let nest = vec![(2, [48, 0, 0, 0, 0]), (1, [9; 5]), (12, [4, 4, 0, 0, 0])];
        assert_eq!(collapse(&nest), vec![nest[0], nest[2]]);
    }

    #[test]
    fn row_major_ignores_single_axes() {
        assert_eq!(Tile::row_major(&[1, 3, 1, 5]), [0, 20, 0, 4]);
    }
}
