//! Programs that add rows where indices say run on all threads, rather than one item after another: the sum is cut into
//! ranges of rows, a first pass puts the numbers of the items into a list for each range, a second one adds them range by
//! range.
//!
//! Lists keep the order of the items, and each element belongs to one range: it is added up in the order of the program,
//! whatever the number of threads and ranges. A range is so large that it stays in the second cache while rows of values go
//! by.
//!
//! That every thread goes through all items and adds those of its own rows needs no lists, but on as many threads as items
//! have elements there would be nothing left to gain, and ranges as large as a thread's share leave the caches.

mod drive;
mod recognize;
#[cfg(test)]
mod tests;

pub use drive::run;
pub use recognize::{Scatter, scatter};

use crate::bind::TensorLayout;
use recognize::Position;
use tilewright_ir::{DType, ParamId, ParamKind, Program};

/// Most loops of a nest: the axes of a grid, and one for each axis of positions.
const LOOPS: usize = 8;

/// A [`Scatter`] bound to the arguments of a call.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Which parameter the sum is.
    pub param: usize,
    /// Axes that a program's place in the grid has, and whether items are programs.
    pub grid: (usize, bool),
    sum: *mut u8,
    zeroed: bool,
    /// Extents of the chosen axes.
    extents: Vec<usize>,
    /// Rows of the sum.
    rows: usize,
    /// Elements of a row.
    columns: usize,
    nests: Vec<Items>,
    /// Of all nests.
    items: usize,
}

// SAFETY: addresses that are followed by `run` only, whose contract covers them.
unsafe impl Send for Bound {}
// SAFETY: as above.
unsafe impl Sync for Bound {}

/// The items of a nest.
#[derive(Clone, Debug)]
struct Items {
    counts: Vec<usize>,
    /// Number of the first, counted through all nests, and of the one after the last.
    first: usize,
    end: usize,
    /// A row for each item, one behind the other.
    values: *const u8,
    dtype: DType,
    /// One for each chosen axis.
    positions: Vec<Along>,
}

/// Where items go along a chosen axis.
#[derive(Clone, Debug)]
enum Along {
    Loop(usize),
    /// The first index, and bytes from one to the next in each loop.
    Loaded(*const u8, [isize; LOOPS]),
}

impl Scatter {
    /// Binds it to the arguments of a call; `None` where the program itself had better run: a grid that adds everything
    /// several times, tensors that are laid out otherwise, more items than lists can tell.
    pub fn bind(
        &self,
        program: &Program,
        dims: &[usize],
        grid: &[usize],
        tensors: &[*mut u8],
        layouts: &[TensorLayout],
    ) -> Option<Bound> {
        let programs = grid.iter().product::<usize>();
        if !self.by_program && (programs == 0 || !self.blocked && programs != 1) {
            return None;
        }
        // Axes of one stride each.
        let axes = |param: ParamId| {
            let axis = |parts: &Vec<(usize, isize)>| match parts[..] {
                [part] => Some(part),
                _ => None,
            };
            layouts[param.index()].iter().map(axis).collect::<Option<Vec<_>>>()
        };
        let dense = |axes: &[(usize, isize)], size: usize| {
            let mut behind = size as isize;
            axes.iter().rev().all(|&(extent, stride)| {
                let fits = extent == 1 || stride == behind;
                behind = behind.saturating_mul(extent as isize);
                fits
            })
        };
        let product = |extents: &[usize]| {
            extents.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
        };
        let sum = axes(self.sum)?;
        dense(&sum, 4).then_some(())?;
        let extents: Vec<usize> = sum[..self.chosen].iter().map(|axis| axis.0).collect();
        let rows = product(&extents)?;
        let columns = sum[self.chosen..].iter().map(|axis| axis.0).product();
        let (mut nests, mut items) = (Vec::new(), 0usize);
        for nest in &self.nests {
            let counts: Vec<usize> = nest.counts.iter().map(|count| count.value(dims)).collect();
            let ParamKind::Tensor { dtype, .. } = program.param(nest.values).kind else {
                return None;
            };
            let values = axes(nest.values)?;
            (counts.len().max(nest.positions.len()) <= LOOPS && dense(&values, dtype.size()))
                .then_some(())?;
            let position = |position: &Position| match position {
                Position::Loop(number) => Some(Along::Loop(*number)),
                Position::Loaded(param, loops) => {
                    let mut strides = [0; LOOPS];
                    for (&number, (_, stride)) in loops.iter().zip(axes(*param)?) {
                        strides[number] += stride;
                    }
                    Some(Along::Loaded(tensors[param.index()], strides))
                }
            };
            let positions = nest.positions.iter().map(position).collect::<Option<_>>()?;
            let first = items;
            items = items.checked_add(product(&counts)?)?;
            let values = tensors[nest.values.index()].cast_const();
            nests.push(Items { counts, first, end: items, values, dtype, positions });
        }
        // Lists hold 32-bit numbers.
        let fits = |n: usize| u32::try_from(n).is_ok();
        (fits(items) && fits(rows)).then_some(Bound {
            param: self.sum.index(),
            grid: (grid.len(), self.by_program),
            sum: tensors[self.sum.index()],
            zeroed: self.zeroed,
            extents,
            rows,
            columns,
            nests,
            items,
        })
    }
}

impl Bound {
    /// The index that leaves its axis, and where.
    fn place_of(&self, mut item: usize) -> Vec<usize> {
        let (axes, by_program) = self.grid;
        let mut at = vec![0; axes];
        if by_program && let Some(nest) = self.nests.first() {
            for (at, count) in at.iter_mut().zip(&nest.counts).rev() {
                *at = item % count.max(&1);
                item /= count.max(&1);
            }
        }
        at
    }
}
