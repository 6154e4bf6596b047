//! Few rows of an expert: the weights are read where they lie, without panels, to the same bits as by blocks.

use super::drive::{Resources, Stopped, of_expert, room, run_all};
use super::pack::{narrow, widen};
use super::{Factor, Matrix, Problem};
use crate::simd::call::{Call, Operand};
use crate::simd::{integers, quantized};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use tilewright_ir::DType;

/// Rows of an expert up to which panels do not pay.
pub const FEW: usize = 3;
/// Columns that share what is prepared of x.
const COLUMNS: usize = 128;

/// True for products that few rows can be computed of.
pub fn fits(problem: &Problem) -> bool {
    match problem.factor {
        Factor::Affine { bits, group, .. } => {
            problem.x.dtype != DType::F32 && integers::fits(bits, group, problem.depth)
        }
        Factor::Floats(_) => false,
    }
}

/// Computes the rows of these experts.
///
/// # Safety
/// As [`super::run`], for a problem that [`fits`].
///
/// # Errors
/// As [`super::run`].
pub unsafe fn run(
    problem: &Problem,
    resources: &Resources<'_>,
    parts: &[(usize, Range<usize>)],
    alone: bool,
) -> Result<(), Stopped> {
    let Factor::Affine { group, .. } = problem.factor else { return Ok(()) };
    let groups = problem.depth / group;
    let need = (problem.depth + 2 * COLUMNS * groups + COLUMNS) * 4;
    let across = problem.columns.div_ceil(COLUMNS);
    let failed = AtomicBool::new(false);
    let work = |worker: usize, unit: usize| {
        let (part, column) = (&parts[unit / across], unit % across * COLUMNS);
        (resources.own)(worker, &mut |block| match room(block, need) {
            // SAFETY: these columns of these rows are this call's, and so is the memory.
            Ok(at) => unsafe { columns(problem, resources, part, column, at.cast()) },
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    run_all(resources.pool, parts.len() * across, alone, &work)?;
    if failed.load(Ordering::Relaxed) { Err(Stopped::Memory(need)) } else { Ok(()) }
}

/// # Safety
/// As [`run`]; `own` has room for a row of x, scales, biases and results.
unsafe fn columns(
    problem: &Problem,
    resources: &Resources<'_>,
    (expert, rows): &(usize, Range<usize>),
    column: usize,
    own: *mut f32,
) {
    let Factor::Affine { words, scales, biases, bits, group } = problem.factor else { return };
    let count = COLUMNS.min(problem.columns - column);
    let groups = problem.depth / group;
    let [w, s, b] = problem.experts;
    let words = of_expert(&words, *expert, w);
    let (numbers, held) = (own.wrapping_add(problem.depth), COLUMNS * groups);
    let numbers = [numbers, numbers.wrapping_add(held)];
    let y = numbers[1].wrapping_add(held);
    let matrices: [Matrix; 2] = [of_expert(&scales, *expert, s), of_expert(&biases, *expert, b)];
    for (matrix, to) in matrices.iter().zip(numbers) {
        for k in 0..count {
            // SAFETY: the caller's promise.
            unsafe {
                let to = std::slice::from_raw_parts_mut(to.add(k * groups), groups);
                widen(matrix, column + k, 0, to);
            }
        }
    }
    let operand = |at: *mut f32, row: usize| Operand { at: at.cast(), row: row as isize };
    let mut call = Call::new(count, problem.depth);
    let first = words.at.wrapping_offset(words.row * column as isize);
    call.inputs = [
        operand(own, 0),
        Operand { at: first, row: words.row },
        operand(numbers[0], groups * 4),
        operand(numbers[1], groups * 4),
    ];
    call.out = operand(y, 4);
    call.extra = quantized::options(bits, group, 4, 4);
    for row in rows.clone() {
        let (from, to) = problem.rows[row];
        // SAFETY: the caller's promise; the operands are as long as the primitive asks.
        unsafe {
            let x = std::slice::from_raw_parts_mut(own, problem.depth);
            widen(&problem.x, from as usize, 0, x);
            integers::sum_of_products(bits, resources.level).call(&call);
            let y = std::slice::from_raw_parts(y, count);
            narrow(&problem.y, to as usize, column, y);
        }
    }
}
