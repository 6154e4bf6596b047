//! `dot` on matrix units: operands of a half type go to shared memory while earlier ones are multiplied, products are
//! summed in fragments that stay in registers.
//!
//! A sum's fragment is a [`Layout`], so that what is computed from it (softmax, an activation, the store) needs to know
//! nothing about matrix units. [`plan`] says which dots and loads take this way, [`stage`] brings operands to shared
//! memory, [`multiply`] multiplies, [`coarsen`] joins neighbouring programs.

pub(super) mod coarsen;
mod multiply;
mod plan;
mod square;
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
    /// Tensor cores: products of half types, 16 by 8 by 16, summed in f32. Other floats are multiplied by the threads.
    Half,
    /// The matrices of a simdgroup: products in f32, 8 by 8 by 8.
    Float,
}

/// How a program's dots are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Packed pairs of a half type on tensor cores.
    Half,
    /// 8 by 8 matrices of a simdgroup, in f32.
    Float,
    /// A block of the sum in each thread, exact multiplications and additions in f32.
    Threads,
}

/// How dots are multiplied block by block. Data, as the rest of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// By what.
    pub way: Way,
    /// log2 of how many neighbouring programs along each axis of the grid one group takes.
    pub coarsen: Vec<u32>,
    /// log2 of the subgroups along the columns of a product; the others lie along its rows.
    pub columns: u32,
    /// Blocks of the operands of a loop that are in shared memory at once.
    pub stages: usize,
    /// Neighbouring groups take a square of blocks of this many rows, whose operands stay in the cache.
    pub square: usize,
    /// Operands that are loads are read from the tensors where they are multiplied, since shared memory has no room for
    /// them.
    pub direct: bool,
}

/// log2 of the rows and of the summed positions of one product of a subgroup; columns come in pairs of eight.
pub(super) const TILE: u32 = 4;

/// The layout of a sum of `2^rows` x `2^columns` over `2^(5 + row_groups + column_groups)` threads, with axes of extent 1
/// before up to `rank`: tiles of the unit side by side, rows of tiles after each other.
pub(super) fn fragment(
    way: Way,
    rank: usize,
    (rows, row_groups): (u32, u32),
    (columns, column_groups): (u32, u32),
) -> Layout {
    let row = |bit| Bit { axis: rank - 2, bit };
    let column = |bit| Bit { axis: rank - 1, bit };
    let (register, mut thread) = match way {
        Way::Half => {
            let mut register = vec![column(0), row(3)];
            register.extend((3..columns - column_groups).map(column));
            register.extend((4..rows - row_groups).map(row));
            (register, vec![column(1), column(2), row(0), row(1), row(2)])
        }
        Way::Float => {
            let mut register = vec![column(0)];
            register.extend((3..columns - column_groups).map(column));
            register.extend((3..rows - row_groups).map(row));
            (register, vec![column(1), row(0), row(1), column(2), row(2)])
        }
        Way::Threads => {
            // 16 threads along the columns, each up to four neighbours; the others along the rows.
            let near = (columns - 4).min(2);
            let down = row_groups + column_groups + 1;
            let mut register: Vec<Bit> = (0..near).map(column).collect();
            register.extend((near + 4..columns).map(column));
            register.extend((down..rows).map(row));
            let mut thread: Vec<Bit> = (near..near + 4).map(column).collect();
            thread.extend((0..down).map(row));
            let mut capacity = vec![0; rank];
            (capacity[rank - 2], capacity[rank - 1]) = (rows, columns);
            let thread = thread.into_iter().map(Some).collect();
            return Layout { capacity, register, thread };
        }
    };
    thread.extend((columns - column_groups..columns).map(column));
    thread.extend((rows - row_groups..rows).map(row));
    let mut capacity = vec![0; rank];
    (capacity[rank - 2], capacity[rank - 1]) = (rows, columns);
    Layout { capacity, register, thread: thread.into_iter().map(Some).collect() }
}

/// Bytes of a group's operands in shared memory, at most: two groups share a processor.
const SHARED: usize = 100 << 10;

/// The same where a group has a processor for itself.
const ALL_SHARED: usize = 224 << 10;

/// The same of an Apple GPU.
pub(super) const THREADGROUP: usize = 32 << 10;

/// A good way to run the dots of `program` block by block, and log2 of the threads of a group; `None` if it has none that
/// can be.
pub(super) fn choose(program: &Program, dims: &[usize], units: Units) -> Option<(Matrix, u32)> {
    let dots = plan::dots(program);
    if dots.is_empty() || units == Units::None {
        return None;
    }
    let way = match units {
        Units::Half if plan::of_one_half(program, &dots) => Way::Half,
        Units::Half | Units::None => Way::Threads,
        Units::Float => Way::Float,
    };
    let log2 = |id: tilewright_ir::ExprId, axis: usize| {
        program.expr(id).ty.shape[axis].constant().map_or(0, ceil_log2)
    };
    let rows = dots.keys().map(|id| log2(*id, 0)).min()?;
    let columns = dots.keys().map(|id| log2(*id, 1)).min()?;
    let coarsen = vec![0; program.grid.len()];
    let mut matrix = Matrix { way, coarsen, columns: 0, stages: 2, square: 1, direct: false };
    let limit = if way == Way::Float { THREADGROUP } else { ALL_SHARED };
    // Sums that are reduced or multiplied further keep their rows in one subgroup.
    if !plan::alone(program, &dots) {
        let fits = |stages: &usize| plan::bytes(program, *stages, false) <= limit;
        matrix.direct = ![2, 1].iter().any(fits);
        if matrix.direct && (way != Way::Float || plan::bytes(program, 1, true) > limit) {
            return None;
        }
        matrix.stages = [2, 1].into_iter().find(fits).unwrap_or(1);
        return Some((matrix, 5 + (rows - TILE).min(2)));
    }
    let (mut rows, mut columns) = (rows, columns);
    if way != Way::Float
        && let Some([row_axis, column_axis]) = coarsen::axes(program, &dots)
    {
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
    let bytes = plan::staged_bytes(program, &dots, rows, columns).max(1);
    if bytes > limit {
        matrix.direct = way == Way::Float && plan::bytes(program, 1, true) <= limit;
        if !matrix.direct {
            return None;
        }
    }
    if way == Way::Threads {
        matrix.stages = (ALL_SHARED / bytes).clamp(1, 2);
        return Some((matrix, (rows + columns).saturating_sub(5).clamp(5, 8).min(rows + 4)));
    }
    // Four subgroups, each a square if it can.
    matrix.columns = u32::from(columns > TILE);
    let down = (rows - TILE).min(2 - matrix.columns);
    matrix.stages = match way {
        Way::Float => (THREADGROUP / bytes).clamp(1, 2),
        _ => (SHARED / bytes).clamp(2, 4),
    };
    let team = 5 + matrix.columns + down;
    Some((matrix, team))
}

/// Processors of a large GPU.
const PROCESSORS: usize = 128;

// Tried on an H100 with matmul of 8192 x 8192 x 8192 in bf16, where cuBLAS reaches 771 TFLOP/s and blocks of 128 x 128 by
// four subgroups with three stages 404 (linear: 413), and slower: eight subgroups on the same block, 376 to 379; blocks of
// 128 x 256 by eight, 392, and of 256 x 128, 399; blocks of 64 x 128, 344; two stages, 396. Squares of 16 or of one row
// of groups, instead of 8, make no difference there.
//
// The same product in f32 by threads, where cuBLAS reaches 51.4 TFLOP/s: blocks of 128 x 128 by 256 threads with two
// stages 27.4, with one stage and two groups a processor 29.3; blocks of 64 x 64 by 128 threads 20.5. Every read of shared
// memory there is of one element, as the compiler does not see that four neighbours are aligned: the next thing to do.
