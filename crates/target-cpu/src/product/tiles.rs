//! Products of many rows of bf16 on matrix tiles ([`crate::simd::amx`]): as [`super::drive`] has them, but that x stays
//! bf16, and so does what it is multiplied with: floats as they are, packed weights as integers. What tiles cannot hold is
//! computed as on other processors.

use super::drive::{Part, Resources, Stopped, lock, room, run_all, run_apart, store_columns};
use super::own::Own;
use super::round::{integers_of, numbers_of};
use super::{Factor, Problem};
use crate::ahead::Next;
use crate::simd::amx::affine::{BLOCK, Block, affine};
use crate::simd::amx::{Amx, BYTES, Configured, DEPTH, ROWS, blocks, packs};
use crate::simd::blocks::{COLUMNS, Kernels};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use tilewright_ir::DType;

/// Bytes of x that stay in a core's second cache while weights go by.
const NEAR: usize = 1 << 20;

/// The tiles, where they may be used and compute this product.
pub fn of(problem: &Problem, resources: &Resources<'_>) -> Option<Amx> {
    let whole =
        |group: usize| matches!(group, 32 | 64 | 128) && problem.depth.is_multiple_of(group);
    let fits = match problem.factor {
        Factor::Affine { bits, group, .. } => whole(group) && matches!(bits, 2..=6 | 8),
        Factor::Floats(w) => {
            w.dtype == DType::BF16 && matches!((w.row, w.element), (2, 1..) | (1.., 2))
        }
    };
    resources.tiles.filter(|_| fits && problem.x.dtype == DType::BF16)
}

/// Rows that are computed together: they stay in the second cache while the weights go by.
pub fn slab(depth: usize, most: usize) -> usize {
    (NEAR / (2 * depth)).clamp(BLOCK, most) / BLOCK * BLOCK
}

/// The rows of x as tiles.
#[derive(Clone, Copy)]
struct Panels {
    /// `[panel][tile]`
    tiles: *mut u8,
    /// `[panel][group][ROWS]`, of packed weights.
    sums: *mut f32,
    /// Tiles of a panel, and groups.
    count: usize,
    groups: usize,
}

// SAFETY: threads write different panels, and read them when all are written.
unsafe impl Send for Panels {}
// SAFETY: as above.
unsafe impl Sync for Panels {}

impl Panels {
    fn of(&self, panel: usize) -> (*mut u8, *mut f32) {
        let tiles = self.tiles.wrapping_add(panel * self.count * BYTES);
        (tiles, self.sums.wrapping_add(panel * self.groups * ROWS))
    }
}

/// Computes these parts; false where tiles would not do, and y is of no use.
///
/// # Safety
/// As [`super::run`], for a problem that there are tiles [`of`].
///
/// # Errors
/// As [`super::run`].
pub unsafe fn run(
    problem: &Problem,
    resources: &Resources<'_>,
    amx: Amx,
    (parts, alone): (&[Part], bool),
) -> Result<bool, Stopped> {
    let kernels = Kernels::of(resources.level);
    let (depth, count) = (problem.depth, problem.depth.div_ceil(DEPTH));
    let groups = match problem.factor {
        Factor::Affine { group, .. } => depth / group,
        Factor::Floats(_) => 0,
    };
    // The panels of each part, and rows of each panel.
    let (mut list, mut firsts): (Vec<Range<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
    for part in parts {
        firsts.push(list.len());
        let panels = part.rows.clone().step_by(ROWS);
        list.extend(panels.map(|row| row..part.rows.end.min(row + ROWS)));
    }
    let tiles = list.len() * count * BYTES;
    let mut shared = lock(resources.shared);
    let start = room(&mut shared, tiles + list.len() * groups * ROWS * 4)?;
    let x = Panels { tiles: start, sums: start.wrapping_add(tiles).cast(), count, groups };
    let odd = AtomicBool::new(false);
    let pack = |_: usize, panel: usize| {
        let to = x.of(panel);
        let rows = list[panel].clone();
        if rows.len() < ROWS {
            // SAFETY: the panel is this call's.
            unsafe {
                to.0.write_bytes(0, count * BYTES);
                to.1.write_bytes(0, groups * ROWS);
            }
        }
        for (k, row) in rows.enumerate() {
            let number = problem.rows[row].0 as isize;
            let from = problem.x.at.wrapping_offset(problem.x.row * number);
            // SAFETY: the caller's promise.
            let fits = unsafe {
                match problem.factor {
                    Factor::Affine { bits, group, .. } => {
                        packs::row(from, [depth, group], bits, k, to)
                    }
                    Factor::Floats(_) => packs::row_of_floats(from, depth, k, to.0),
                }
            };
            if !fits {
                return odd.store(true, Ordering::Relaxed);
            }
        }
    };
    run_all(resources.pool, list.len(), alone, Next::default(), &pack)?;
    if odd.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let across = problem.columns.div_ceil(COLUMNS);
    let most = parts.iter().map(|part| part.rows.len()).max().unwrap_or(0);
    let need = Own::bytes(&kernels, most.next_multiple_of(BLOCK), groups);
    let failed = AtomicBool::new(false);
    let work = |worker: usize, unit: usize| {
        let (part, column) = (unit / across, unit % across * COLUMNS);
        (resources.own)(worker, &mut |block| match room(block, need) {
            Ok(own) => {
                let own = Own::at(own, &kernels, groups, most.next_multiple_of(BLOCK), 0);
                let configured = Configured::new(amx);
                // SAFETY: these columns of these rows are this call's, and so is the memory.
                let fits = unsafe {
                    columns(problem, &kernels, &x, (&parts[part], firsts[part]), column, &own)
                };
                drop(configured);
                if !fits {
                    odd.store(true, Ordering::Relaxed);
                }
            }
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    run_apart(resources.pool, parts.len() * across, alone, Next::default(), &work)?;
    match failed.load(Ordering::Relaxed) {
        true => Err(Stopped::Memory(need)),
        false => Ok(!odd.load(Ordering::Relaxed)),
    }
}

/// Computes the columns from `column` on for the rows of a part, whose first panel is given; false where tiles would not
/// do.
///
/// # Safety
/// As [`run`]; the panels hold x, `own` is this thread's, and so are its tiles.
unsafe fn columns(
    problem: &Problem,
    kernels: &Kernels,
    x: &Panels,
    (part, first): (&Part, usize),
    column: usize,
    own: &Own,
) -> bool {
    let count = COLUMNS.min(problem.columns - column);
    let round = Own::round(kernels, true);
    let (expert, rows) = (part.expert, part.rows.len());
    // SAFETY: the caller's promise; `own` has room for a round, and for the rows in whole blocks.
    unsafe {
        if matches!(problem.factor, Factor::Affine { .. }) {
            numbers_of(problem, kernels, expert, [column, count], x.groups, own);
        }
        for from in (0..problem.depth).step_by(round) {
            let len = round.min(problem.depth - from);
            match problem.factor {
                Factor::Affine { bits, .. } => {
                    integers_of(problem, kernels, expert, [column, count], [from, len], own);
                    packs::integers(bits, own.panel, len / 2 * COLUMNS);
                }
                Factor::Floats(w) => {
                    let at = w.at.wrapping_offset(w.row * column as isize);
                    let at = at.wrapping_offset(w.element * from as isize);
                    let strides = [w.row, w.element].map(isize::unsigned_abs);
                    if !packs::columns(at, strides, [count, len], own.panel) {
                        return false;
                    }
                }
            }
            for row in (0..rows).step_by(BLOCK) {
                let halves = (rows - row).div_ceil(ROWS).min(2);
                let of = [0, halves - 1].map(|half| x.of(first + row / ROWS + half));
                let tiles =
                    of.map(|(tiles, _)| tiles.wrapping_add(from / DEPTH * BYTES).cast_const());
                let c = own.c.wrapping_add(row * COLUMNS);
                let Factor::Affine { group, .. } = problem.factor else {
                    let w = own.panel.cast::<u8>().cast_const();
                    let w = [w, w.wrapping_add(4 * ROWS)];
                    let x = blocks::Factor { at: tiles, row: 64, step: BYTES };
                    let w =
                        blocks::Factor { at: w, row: 4 * COLUMNS, step: 4 * COLUMNS * DEPTH / 2 };
                    let c = blocks::Sums { at: c, row: 4 * COLUMNS, more: from > 0 };
                    blocks::product([halves, 2], x, w, len.div_ceil(DEPTH), c);
                    continue;
                };
                let before = from / group;
                affine(
                    halves,
                    &Block {
                        x: tiles,
                        w: own.panel,
                        sums: of.map(|(_, sums)| sums.wrapping_add(before * ROWS).cast_const()),
                        scales: own.scales.wrapping_add(before * COLUMNS),
                        biases: own.biases.wrapping_add(before * COLUMNS),
                        c,
                        groups: len / group,
                        tiles: group / DEPTH,
                        first: from == 0,
                    },
                );
            }
        }
        store_columns(problem, kernels.level, part, [column, count], own.c);
    }
    true
}
