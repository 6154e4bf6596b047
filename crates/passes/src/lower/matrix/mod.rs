//! `dot` on matrix units: operands of a half type go to shared memory while earlier ones are multiplied, products are
//! summed in fragments that stay in registers.
//!
//! A sum's fragment is a [`Layout`], so that what is computed from it (softmax, an activation, the store) needs to know
//! nothing about matrix units. [`plan`] says which dots and loads take this way, [`stage`] brings operands to shared
//! memory, [`multiply`] multiplies, [`coarsen`] joins neighbouring programs.

pub(super) mod coarsen;
mod multiply;
mod plan;
mod stage;

use super::layout::{Bit, Layout};
use super::schedule::ceil_log2;
pub(super) use plan::Plan;
pub(super) use stage::Tile;
use tilewright_ir::Program;

/// What a GPU has for products of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Units {
    /// Nothing that a lowering uses.
    None,
    /// Tensor cores: products of half types, 16 by 8 by 16, summed in f32.
    Half,
}

/// How dots of half types run on matrix units. Data, as the rest of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// log2 of how many neighbouring programs along each axis of the grid one group takes.
    pub coarsen: Vec<u32>,
    /// log2 of the subgroups along the columns of a product; the others lie along its rows.
    pub columns: u32,
    /// Blocks of the operands of a loop that are in shared memory at once.
    pub stages: usize,
    /// Neighbouring groups take a square of blocks of this many rows, whose operands stay in the cache.
    pub square: usize,
}

/// log2 of the rows and of the summed positions of one product of a subgroup; columns come in pairs of eight.
pub(super) const TILE: u32 = 4;

/// The layout of a sum of `2^rows` x `2^columns` over `2^(5 + row_groups + column_groups)` threads, with axes of extent 1
/// before up to `rank`: that of m16n8 tiles side by side, rows of tiles after each other.
pub(super) fn fragment(
    rank: usize,
    (rows, row_groups): (u32, u32),
    (columns, column_groups): (u32, u32),
) -> Layout {
    let row = |bit| Bit { axis: rank - 2, bit };
    let column = |bit| Bit { axis: rank - 1, bit };
    let mut register = vec![column(0), row(3)];
    register.extend((3..columns - column_groups).map(column));
    register.extend((4..rows - row_groups).map(row));
    let mut thread = vec![column(1), column(2), row(0), row(1), row(2)];
    thread.extend((columns - column_groups..columns).map(column));
    thread.extend((rows - row_groups..rows).map(row));
    let mut capacity = vec![0; rank];
    (capacity[rank - 2], capacity[rank - 1]) = (rows, columns);
    Layout { capacity, register, thread: thread.into_iter().map(Some).collect() }
}

/// Bytes of a group's operands in shared memory, at most: two groups share a processor.
const SHARED: usize = 100 << 10;

/// A good way to run the dots of `program` on matrix units, and log2 of the threads of a group; `None` if it has none
/// that they can do.
pub(super) fn choose(program: &Program, dims: &[usize], units: Units) -> Option<(Matrix, u32)> {
    let dots = plan::dots(program);
    if dots.is_empty() || units == Units::None {
        return None;
    }
    let log2 = |id: tilewright_ir::ExprId, axis: usize| {
        program.expr(id).ty.shape[axis].constant().map_or(0, ceil_log2)
    };
    let rows = dots.keys().map(|id| log2(*id, 0)).min()?;
    let columns = dots.keys().map(|id| log2(*id, 1)).min()?;
    let mut matrix =
        Matrix { coarsen: vec![0; program.grid.len()], columns: 0, stages: 2, square: 1 };
    // Sums that are reduced or multiplied further keep their rows in one subgroup.
    if !plan::alone(program, &dots) {
        return Some((matrix, 5 + (rows - TILE).min(2)));
    }
    let (mut rows, mut columns) = (rows, columns);
    if let Some([row_axis, column_axis]) = coarsen::axes(program, &dots) {
        let along = |axis: usize, log2: u32| {
            let axis = &program.grid[axis];
            axis.extent.value(dims).div_ceil(axis.block << log2)
        };
        let others: usize = (0..program.grid.len())
            .filter(|axis| ![row_axis, column_axis].contains(axis))
            .map(|axis| program.grid[axis].programs(dims))
            .product();
        // As large as leaves a block for every processor of a large GPU.
        for [down, right] in [[1, 1], [0, 1]] {
            let (down, right) = ((7 - rows.min(7)).min(down), (7 - columns.min(7)).min(right));
            if along(row_axis, down) * along(column_axis, right) * others >= PROCESSORS {
                (matrix.coarsen[row_axis], matrix.coarsen[column_axis]) = (down, right);
                (rows, columns) = (rows + down, columns + right);
                break;
            }
        }
        matrix.square = 8;
    }
    // Four subgroups, each a square if it can.
    matrix.columns = u32::from(columns > TILE);
    let down = (rows - TILE).min(2 - matrix.columns);
    let bytes = plan::staged_bytes(program, &dots, rows, columns);
    matrix.stages = (SHARED / bytes.max(1)).clamp(2, 4);
    Some((matrix.clone(), 5 + matrix.columns + down))
}

/// Processors of a large GPU.
const PROCESSORS: usize = 128;
