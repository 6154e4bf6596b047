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
use tilewright_ir::{DType, GridAxis, ParamId, ParamKind, Program};

/// Most loops of a nest, and most axes in which positions are chosen: the axes of a grid, and some of positions.
const LOOPS: usize = 6;
/// Most nests. What is bound lies on the stack, so that a call allocates nothing.
const NESTS: usize = 8;

/// A [`Scatter`] bound to the arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Which parameter the sum is.
    pub param: usize,
    /// Axes that a program's place in the grid has, and whether items are programs.
    grid: (usize, bool),
    sum: *mut u8,
    zeroed: bool,
    /// Extents of the chosen axes, and how many there are.
    extents: [usize; LOOPS],
    chosen: usize,
    /// Rows of the sum.
    rows: usize,
    /// Elements of a row.
    columns: usize,
    nests: [Items; NESTS],
    nest_count: usize,
    /// Of all nests.
    items: usize,
}

// SAFETY: addresses that are followed by `run` only, whose contract covers them.
unsafe impl Send for Bound {}
// SAFETY: as above.
unsafe impl Sync for Bound {}

/// The items of a nest.
#[derive(Clone, Copy, Debug)]
struct Items {
    /// How often each loop runs, and how many loops there are.
    counts: [usize; LOOPS],
    loops: usize,
    /// Number of the first, counted through all nests, and of the one after the last.
    first: usize,
    end: usize,
    /// A row for each item, one behind the other.
    values: *const u8,
    dtype: DType,
    /// One for each chosen axis.
    positions: [Along; LOOPS],
}

impl Items {
    const NONE: Items = Items {
        counts: [1; LOOPS],
        loops: 0,
        first: 0,
        end: 0,
        values: std::ptr::null(),
        dtype: DType::F32,
        positions: [Along::Loop(0); LOOPS],
    };

    fn counts(&self) -> &[usize] {
        &self.counts[..self.loops]
    }
}

/// Where items go along a chosen axis.
#[derive(Clone, Copy, Debug)]
enum Along {
    Loop(usize),
    /// The first index, and bytes from one to the next in each loop.
    Loaded(*const u8, [isize; LOOPS]),
}

/// True where all axes are of one stride each and lie behind one another.
fn is_dense(layout: &TensorLayout, size: usize) -> bool {
    let mut behind = size as isize;
    layout.iter().rev().all(|parts| {
        let [(extent, stride)] = parts[..] else { return false };
        let fits = extent <= 1 || stride == behind;
        behind = behind.saturating_mul(extent as isize);
        fits
    })
}

fn product(mut extents: impl Iterator<Item = usize>) -> Option<usize> {
    extents.try_fold(1usize, |product, extent| product.checked_mul(extent))
}

impl Scatter {
    /// Binds it to the arguments of a call; `None` where the program itself had better run: a grid that adds everything
    /// several times, tensors that are laid out otherwise, more items than lists can tell.
    pub fn bind(
        &self,
        program: &Program,
        dims: &[usize],
        tensors: &[*mut u8],
        layouts: &[TensorLayout],
    ) -> Option<Bound> {
        if !self.by_program {
            let blocks = |axis: &GridAxis| axis.extent.value(dims).div_ceil(axis.block);
            let programs = program.grid.iter().map(blocks).product::<usize>();
            (programs == 1 || programs > 1 && self.blocked).then_some(())?;
        }
        let layout = |param: ParamId| &layouts[param.index()];
        let extents_of = |layout: &'_ [Vec<(usize, isize)>]| {
            let mut extents = [1; LOOPS];
            for (extent, parts) in extents.iter_mut().zip(layout) {
                *extent = parts.first().map_or(1, |part| part.0);
            }
            extents
        };
        let (sum, chosen) = (layout(self.sum), self.chosen);
        let fits = chosen <= LOOPS && self.nests.len() <= NESTS && is_dense(sum, 4);
        fits.then_some(())?;
        let extents = extents_of(&sum[..chosen]);
        let rows = product(extents.into_iter())?;
        let columns = sum[chosen..].iter().map(|parts| parts[0].0).product();
        let (mut nests, mut items) = ([Items::NONE; NESTS], 0usize);
        for (nest, found) in self.nests.iter().zip(&mut nests) {
            let ParamKind::Tensor { dtype, .. } = program.param(nest.values).kind else {
                return None;
            };
            let loops = nest.counts.len();
            let fits = loops <= LOOPS && is_dense(layout(nest.values), dtype.size());
            fits.then_some(())?;
            (found.loops, found.dtype) = (loops, dtype);
            for (to, count) in found.counts.iter_mut().zip(&nest.counts) {
                *to = count.value(dims);
            }
            for (to, position) in found.positions.iter_mut().zip(&nest.positions) {
                *to = match position {
                    Position::Loop(number) => Along::Loop(*number),
                    Position::Loaded(param, loops) => {
                        let mut strides = [0; LOOPS];
                        for (&number, parts) in loops.iter().zip(layout(*param)) {
                            let [(_, stride)] = parts[..] else { return None };
                            strides[number] += stride;
                        }
                        Along::Loaded(tensors[param.index()], strides)
                    }
                };
            }
            found.first = items;
            items = items.checked_add(product(found.counts.into_iter())?)?;
            found.end = items;
            found.values = tensors[nest.values.index()];
        }
        // Lists hold 32-bit numbers.
        let fits = |n: usize| u32::try_from(n).is_ok();
        (fits(items) && fits(rows)).then_some(Bound {
            param: self.sum.index(),
            grid: (program.grid.len(), self.by_program),
            sum: tensors[self.sum.index()],
            zeroed: self.zeroed,
            extents,
            chosen,
            rows,
            columns,
            nests,
            nest_count: self.nests.len(),
            items,
        })
    }
}

impl Bound {
    /// The program that adds an item.
    fn place_of(&self, mut item: usize) -> Vec<usize> {
        let (axes, by_program) = self.grid;
        let mut at = vec![0; axes];
        if by_program && let Some(nest) = self.nests().first() {
            for (at, count) in at.iter_mut().zip(nest.counts()).rev() {
                *at = item % count.max(&1);
                item /= count.max(&1);
            }
        }
        at
    }

    fn nests(&self) -> &[Items] {
        &self.nests[..self.nest_count]
    }
}
