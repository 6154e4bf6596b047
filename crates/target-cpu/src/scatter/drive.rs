//! Runs a bound scatter: lists of items for ranges of rows, then sums range by range.

use super::{Along, Bound, Items, LOOPS};
use crate::ahead::Next;
use crate::engine::fence;
use crate::product::{Resources, Stopped, room, run_all};
use crate::simd::Level;
use crate::simd::accumulate::{add, entry};
use crate::simd::call::{Call, Operand};
use crate::simd::memory;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tilewright_ir::DType;

/// Elements that are worth waking another thread.
const WORTH_WAKING: usize = 16 << 10;
/// Bytes of a range of the sum: it stays in the second cache beside the rows that are added.
const RANGE_BYTES: usize = 128 << 10;
/// Ranges at most: their lists are counted for each share of the items.
const MOST_RANGES: usize = 1 << 16;
/// Units a thread that even out what the system does to the threads.
const UNITS: usize = 8;
/// The least columns that a row is cut into: two lines of f32 and their neighbours.
const FEW_COLUMNS: usize = 64;
/// Items of a share, at least.
const SHARE: usize = 4 << 10;

/// An index that left its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    item: usize,
    /// The axis of the sum, the index and the extent.
    pub axis: usize,
    pub index: i64,
    pub extent: usize,
}

/// How the work is cut.
struct Cut {
    /// Rows of a range, and how many ranges.
    rows: usize,
    ranges: usize,
    /// Shares of the items, in their order.
    shares: usize,
    /// Columns of a unit.
    columns: usize,
}

impl Cut {
    fn of(bound: &Bound, threads: usize, alone: bool) -> Cut {
        let (rows, columns) = (bound.rows.max(1), bound.columns);
        if alone {
            return Cut { rows, ranges: 1, shares: 1, columns };
        }
        let units = UNITS * threads;
        let near = (RANGE_BYTES / (4 * columns.max(1))).max(1);
        let rows = near.min(rows.div_ceil(units)).max(rows.div_ceil(MOST_RANGES));
        let ranges = bound.rows.div_ceil(rows).max(1);
        let shares = (bound.items / SHARE).clamp(1, 2 * threads);
        // Few rows are cut along their columns, too, and so are those that are longer than a range.
        let across = units.div_ceil(ranges).min(columns / FEW_COLUMNS);
        let across = across.max((4 * columns).div_ceil(RANGE_BYTES)).max(1);
        let columns = columns.div_ceil(across).next_multiple_of(FEW_COLUMNS).min(columns);
        Cut { rows, ranges, shares, columns }
    }
}

/// The lists: where each range's begin, by range and share, and the entries.
#[derive(Clone, Copy)]
struct Lists {
    starts: *mut u32,
    entries: *mut u64,
}

// SAFETY: threads write the numbers of different shares, and read them when all are written.
unsafe impl Send for Lists {}
// SAFETY: as above.
unsafe impl Sync for Lists {}

impl Lists {
    /// The numbers of a share, one for each range.
    ///
    /// # Safety
    /// They exist, and nobody else uses them.
    unsafe fn numbers<'a>(self, share: usize, ranges: usize) -> &'a mut [u32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.starts.add(share * ranges), ranges) }
    }

    /// # Safety
    /// There is such an entry, and it is nobody else's.
    unsafe fn put(self, at: u32, entry: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.entries.add(at as usize).write(entry) };
    }

    /// The entries from `at` on.
    fn from(self, at: u32) -> *const u64 {
        self.entries.wrapping_add(at as usize)
    }
}

/// Adds; the first item in the order of the program whose index left its axis, if one did.
///
/// # Safety
/// The tensors hold every element that the sizes reach, the sum overlaps nothing, nobody else writes them, and the CPU has
/// the level's features.
///
/// # Errors
/// When there is no memory, or a thread panicked.
pub unsafe fn run(bound: &Bound, resources: &Resources<'_>) -> Result<Option<Outside>, Stopped> {
    let added = bound.items.saturating_mul(bound.columns);
    let held = if bound.zeroed { bound.rows.saturating_mul(bound.columns) } else { 0 };
    let alone = added.saturating_add(held) < WORTH_WAKING;
    let cut = Cut::of(bound, resources.pool.threads(), alone);
    let counts = cut.ranges * cut.shares;
    let bytes = (counts.div_ceil(2) + bound.items).checked_mul(8);
    let bytes = bytes.ok_or(Stopped::Memory(usize::MAX))?;
    let mut shared = resources.shared.lock().unwrap_or_else(PoisonError::into_inner);
    let at = room(&mut shared, bytes)?;
    let lists = Lists {
        starts: at.cast(),
        entries: at.wrapping_add(counts.next_multiple_of(2) * 4).cast(),
    };
    let share = |number: usize| {
        let of = |number: usize| bound.items * number / cut.shares;
        of(number)..of(number + 1)
    };

    // How many items of each share go to each range.
    let outside = Mutex::new(None::<Outside>);
    let count = |_, number: usize| {
        // SAFETY: these numbers are this call's; the indices exist.
        let counts = unsafe { lists.numbers(number, cut.ranges) };
        counts.fill(0);
        // SAFETY: the caller's promise.
        let found =
            unsafe { each(bound, share(number), |_, row| counts[row as usize / cut.rows] += 1) };
        if let Err(found) = found {
            let mut outside = outside.lock().unwrap_or_else(PoisonError::into_inner);
            if outside.is_none_or(|earlier| found.item < earlier.item) {
                *outside = Some(found);
            }
        }
    };
    let next = Next::default;
    run_all(resources.pool, cut.shares, cut.shares == 1, next(), &count)?;
    let outside = outside.into_inner().unwrap_or_else(PoisonError::into_inner);
    if outside.is_some() {
        return Ok(outside);
    }

    // Where they go: range by range, in each those of one share after those of another.
    // SAFETY: nobody else is at them now.
    let starts = unsafe { lists.numbers(0, cut.shares * cut.ranges) };
    let mut sum = 0;
    for range in 0..cut.ranges {
        for share in 0..cut.shares {
            let count = &mut starts[share * cut.ranges + range];
            sum += std::mem::replace(count, sum);
        }
    }
    let place = |_, number: usize| {
        // SAFETY: as above; where the entries of a share go is this call's alone.
        unsafe {
            let next = lists.numbers(number, cut.ranges);
            // No index is outside, so this cannot fail.
            let _ = each(bound, share(number), |item, row| {
                let range = row as usize / cut.rows;
                let to = next[range];
                next[range] += 1;
                lists.put(to, entry(item, row - (range * cut.rows) as u32));
            });
        }
    };
    run_all(resources.pool, cut.shares, cut.shares == 1, next(), &place)?;

    // Each share's numbers now are where its part of a range ends; so the last share's are where ranges do.
    // SAFETY: nobody writes them any more.
    let ends = unsafe { &*lists.numbers(cut.shares - 1, cut.ranges) };
    let across = bound.columns.div_ceil(cut.columns.max(1));
    let need = cut.rows.min(bound.rows) * cut.columns * 4;
    let apart = bound.zeroed && !alone && need <= 2 * RANGE_BYTES;
    let failed = AtomicBool::new(false);
    let work = |worker: usize, unit: usize| {
        let (range, column) = (unit / across, unit % across * cut.columns);
        let begin = if range == 0 { 0 } else { ends[range - 1] };
        let rows = range * cut.rows..bound.rows.min((range + 1) * cut.rows);
        let unit = Unit {
            entries: lists.from(begin),
            count: (ends[range] - begin) as usize,
            rows,
            columns: column..bound.columns.min(column + cut.columns),
        };
        if !apart {
            // SAFETY: these elements of the sum are this call's.
            unsafe { unit.add(bound, resources.level, None) };
            return;
        }
        (resources.own)(worker, &mut |block| match room(block, need) {
            // SAFETY: as above, and so is the memory.
            Ok(at) => unsafe { unit.add(bound, resources.level, Some(at.cast())) },
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    run_all(resources.pool, cut.ranges * across, alone, next(), &work)?;
    if failed.load(Ordering::Relaxed) { Err(Stopped::Memory(need)) } else { Ok(None) }
}

/// Items that go to some rows of the sum, and the columns that are added.
struct Unit {
    entries: *const u64,
    count: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Unit {
    /// Adds them; where the sum holds zeros first, in memory of the thread's `own`, so that a row need not be read before it
    /// is written.
    ///
    /// # Safety
    /// The elements are nobody else's, and `own` has room for them.
    unsafe fn add(&self, bound: &Bound, level: Level, own: Option<*mut f32>) {
        let (rows, len) = (self.rows.len(), self.columns.len());
        if rows == 0 || len == 0 || self.count == 0 && !bound.zeroed {
            return;
        }
        let row = (bound.columns * 4) as isize;
        let first = (self.rows.start * bound.columns + self.columns.start) * 4;
        let sum = Operand { at: bound.sum.wrapping_add(first), row };
        let out = match own {
            Some(at) => Operand { at: at.cast(), row: (len * 4) as isize },
            None => sum,
        };
        // SAFETY: the caller's promise, of rows and columns of the sum and of items' rows of values.
        unsafe {
            if bound.zeroed {
                (0..rows).for_each(|r| out.row::<u32>(r).write_bytes(0, len));
            }
            let entries = std::slice::from_raw_parts(self.entries, self.count);
            let mut done = 0;
            for items in bound.nests() {
                // In a list one nest's items follow another's.
                let more =
                    entries[done..].partition_point(|&entry| (entry as u32 as usize) < items.end);
                let size = items.dtype.size();
                let mut call = Call::new(more, len);
                call.inputs[0] = Operand { at: self.entries.add(done).cast_mut().cast(), row: 8 };
                let values = items.values.wrapping_add(self.columns.start * size);
                let behind = bound.columns * size;
                call.inputs[1] = Operand {
                    at: values.wrapping_sub(items.first * behind).cast_mut(),
                    row: behind as isize,
                };
                call.out = out;
                add(items.dtype, level).call(&call);
                done += more;
            }
            if own.is_some() {
                let mut call = Call::new(rows, len);
                (call.inputs[0], call.out, call.extra[0]) = (out, sum, 4);
                call.stream = true;
                memory::store(DType::F32, level).call(&call);
                fence();
            }
        }
    }
}

/// Calls `visit` with the number and the row of each of some items, in their order.
///
/// # Safety
/// The indices of the items exist.
///
/// # Errors
/// At the first item with an index outside its axis.
unsafe fn each(
    bound: &Bound,
    range: Range<usize>,
    mut visit: impl FnMut(u32, u32),
) -> Result<(), Outside> {
    for items in bound.nests() {
        let (mut item, end) = (items.first.max(range.start), items.end.min(range.end));
        let inner = items.counts().last().copied().unwrap_or(1);
        while item < end {
            // A piece of the innermost loop.
            let position = (item - items.first) % inner;
            let len = (inner - position).min(end - item);
            // SAFETY: the caller's promise.
            unsafe { piece(bound, items, item, len, &mut visit) }?;
            item += len;
        }
    }
    Ok(())
}

/// # Safety
/// As [`each`], for so many items from `first` on, of one innermost loop.
unsafe fn piece(
    bound: &Bound,
    items: &Items,
    first: usize,
    len: usize,
    visit: &mut impl FnMut(u32, u32),
) -> Result<(), Outside> {
    let mut at = [0; LOOPS];
    let mut rest = first - items.first;
    for (at, &count) in at.iter_mut().zip(items.counts()).rev() {
        (*at, rest) = (rest % count, rest / count);
    }
    let loops = items.loops;
    let inner = loops.wrapping_sub(1);
    // Where the index of the first item is.
    let start = |from: *const u8, strides: &[isize; LOOPS]| {
        let offset = (0..loops).map(|k| at[k] as isize * strides[k]).sum::<isize>();
        from.wrapping_offset(offset)
    };
    // What one axis says of item `k` of the piece.
    let index = |along: &Along, k: usize| match along {
        Along::Loop(number) => (at[*number] + if *number == inner { k } else { 0 }) as i64,
        Along::Loaded(from, strides) => {
            let behind = if loops > 0 { strides[inner] * k as isize } else { 0 };
            let index = start(*from, strides).wrapping_offset(behind);
            // SAFETY: the index of an item.
            i64::from(unsafe { index.cast::<i32>().read_unaligned() })
        }
    };
    let varies = |along: &Along| match along {
        Along::Loop(number) => *number == inner,
        Along::Loaded(_, strides) => loops > 0 && strides[inner] != 0,
    };
    // Axes whose position is the same for all of them are asked once; the others have so many rows behind each position.
    let (mut fixed, mut behind) = (0, 1);
    let mut moving = [(0usize, 0usize); LOOPS];
    let mut count = 0;
    for (axis, along) in items.positions[..bound.chosen].iter().enumerate().rev() {
        let extent = bound.extents[axis];
        if varies(along) {
            moving[count] = (axis, behind);
            count += 1;
        } else {
            let found = index(along, 0);
            if found < 0 || found as usize >= extent {
                return Err(Outside { item: first, axis, index: found, extent });
            }
            fixed += found as usize * behind;
        }
        behind *= extent;
    }
    if let (1, Along::Loaded(..)) = (count, &items.positions[moving[0].0]) {
        let (axis, behind) = moving[0];
        let Along::Loaded(from, strides) = &items.positions[axis] else { return Ok(()) };
        let extent = bound.extents[axis];
        let from = start(*from, strides);
        for k in 0..len {
            // SAFETY: the index of an item.
            let found = unsafe {
                from.wrapping_offset(strides[inner] * k as isize).cast::<u32>().read_unaligned()
            };
            if found as usize >= extent || found > i32::MAX as u32 {
                let index = i64::from(found as i32);
                return Err(Outside { item: first + k, axis, index, extent });
            }
            visit((first + k) as u32, (fixed + found as usize * behind) as u32);
        }
        return Ok(());
    }
    for k in 0..len {
        let mut row = fixed;
        // The outermost axis is checked first.
        for &(axis, behind) in moving[..count].iter().rev() {
            let (found, extent) = (index(&items.positions[axis], k), bound.extents[axis]);
            if found < 0 || found as usize >= extent {
                return Err(Outside { item: first + k, axis, index: found, extent });
            }
            row += found as usize * behind;
        }
        visit((first + k) as u32, row as u32);
    }
    Ok(())
}

impl Outside {
    /// The program of a bound scatter that met it.
    pub fn place(&self, bound: &Bound) -> Vec<usize> {
        bound.place_of(self.item)
    }
}
