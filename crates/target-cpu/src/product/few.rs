//! Few rows of an expert: the weights are read where they lie, without panels.

use super::drive::{Resources, Stopped, lock, of_expert, room, run_all, run_apart};
use super::{Factor, Matrix, Problem};
use crate::ahead::{Next, Reads};
use crate::simd::call::{Call, Operand};
use crate::simd::integers::eight;
use crate::simd::integers::last::{Form, Last};
use crate::simd::integers::whole::negligible;
use crate::simd::integers::{ByRows, CHUNK, Part, Prepared};
use crate::simd::{Level, integers, quantized};
use crate::sixteens::SIDE_BY_SIDE;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use tilewright_ir::DType;

/// Rows of an expert up to which panels do not pay.
pub const FEW: usize = 8;
/// The most columns of a unit of work, and the weights that it reads, about: the last thread is done soon after the first.
const COLUMNS: usize = 128;
const WEIGHTS: usize = 64 << 10;

/// True for products that few rows can be computed of.
pub fn fits(x: &Matrix, factor: &Factor, depth: usize) -> bool {
    match *factor {
        Factor::Affine { scales, biases, bits, group, .. } => {
            x.dtype != DType::F32
                && scales.dtype == biases.dtype
                && integers::fits(bits, group, depth)
        }
        Factor::Floats(_) => false,
    }
}

/// Rows of x as integers.
struct Rows {
    /// The rows, ascending.
    numbers: Vec<u32>,
    /// By row: integers would do.
    whole: Vec<AtomicBool>,
    /// By row, one for each [`CHUNK`] of it.
    prepared: *mut Prepared,
    chunks: usize,
}

// SAFETY: threads prepare different rows, and read them when all are prepared.
unsafe impl Sync for Rows {}

impl Rows {
    /// Prepares a row; what was there is of no use where integers would not do.
    ///
    /// # Safety
    /// The row of x exists, and nobody else prepares it.
    unsafe fn prepare(&self, problem: &Problem, (level, code): (Level, &ByRows), place: usize) {
        let Factor::Affine { group, .. } = problem.factor else { return };
        let mut values = [MaybeUninit::uninit(); CHUNK];
        for chunk in 0..self.chunks {
            let from = chunk * CHUNK;
            let len = CHUNK.min(problem.depth - from);
            // SAFETY: the caller's promise; there is room for the chunks of each row.
            let whole = unsafe {
                let values = widened(problem, level, self.numbers[place], from, &mut values[..len]);
                let to = Prepared::at(self.prepared.add(place * self.chunks + chunk));
                code.prepare(to, values, group, negligible(problem.depth))
            };
            if !whole {
                self.whole[place].store(false, Ordering::Relaxed);
            }
        }
    }

    /// Prepares the only row, of one chunk, unless it is there already.
    ///
    /// # Safety
    /// As [`Self::prepare`].
    unsafe fn prepare_or_find(
        &mut self,
        problem: &Problem,
        level: Level,
        code: &ByRows,
        last: &mut Last,
    ) {
        let Factor::Affine { bits, group, .. } = problem.factor else { return };
        let mut values = [MaybeUninit::uninit(); CHUNK];
        let form = Form { level, bits, group, negligible: negligible(problem.depth) };
        // SAFETY: the caller's promise.
        let whole = unsafe {
            let row = self.numbers[0];
            let values = widened(problem, level, row, 0, &mut values[..problem.depth]);
            last.holds(&form, values) || {
                let whole = code.prepare(&mut last.prepared, values, group, form.negligible);
                last.note(&form, values, whole)
            }
        };
        self.whole[0].store(whole, Ordering::Relaxed);
        self.prepared = &raw mut last.prepared;
    }

    /// The chunks of a row of x, if integers would do.
    ///
    /// # Safety
    /// The rows are prepared.
    unsafe fn of(&self, row: u32) -> Option<&[Prepared]> {
        let place = self.numbers.binary_search(&row).ok()?;
        let whole = self.whole[place].load(Ordering::Relaxed);
        // SAFETY: the caller's promise.
        whole.then(|| unsafe {
            std::slice::from_raw_parts(self.prepared.add(place * self.chunks), self.chunks)
        })
    }
}

/// Elements of a row of x from one on, as many as there is room for.
///
/// # Safety
/// They exist, and the CPU has the level's features.
unsafe fn widened<'a>(
    problem: &Problem,
    level: Level,
    row: u32,
    from: usize,
    room: &'a mut [MaybeUninit<f32>],
) -> &'a [f32] {
    let (at, len) = (room.as_mut_ptr().cast::<f32>(), room.len());
    // SAFETY: the caller's promise; all are written.
    unsafe {
        problem.x.widen_rows(level, [row as usize, 1], [from, len], (at, 0));
        std::slice::from_raw_parts(at, len)
    }
}

/// True for products of the same rows with weights that are packed alike, so that they can be computed together.
pub fn alike(a: &Problem, b: &Problem) -> bool {
    let kind = |problem: &Problem| match problem.factor {
        Factor::Affine { bits, group, .. } => Some((bits, group, problem.by_sixteens)),
        Factor::Floats(_) => None,
    };
    a.x == b.x && a.depth == b.depth && a.rows == b.rows && kind(a) == kind(b) && kind(a).is_some()
}

/// Computes the rows of these experts; of several problems, which are [`alike`], the same rows of each.
///
/// # Safety
/// As [`super::run`], for problems that [`fits`] admits.
///
/// # Errors
/// As [`super::run`].
pub unsafe fn run(
    problems: &[&Problem],
    resources: &Resources<'_>,
    parts: &[(usize, Range<usize>)],
    alone: bool,
) -> Result<(), Stopped> {
    let Some(&problem) = problems.first() else { return Ok(()) };
    let Factor::Affine { bits, group, .. } = problem.factor else { return Ok(()) };
    let code = ByRows::of(bits, resources.level);
    let taken = parts.iter().flat_map(|(_, rows)| rows.clone()).map(|row| problem.rows[row].0);
    let mut numbers: Vec<u32> = taken.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let chunks = problem.depth.div_ceil(CHUNK);
    let mut shared = lock(resources.shared);
    let whole = numbers.iter().map(|_| AtomicBool::new(true)).collect();
    let mut rows = Rows { numbers, whole, prepared: std::ptr::null_mut(), chunks };
    let count = rows.numbers.len();
    // A single row may be that of the product before.
    let mut last = (count * chunks == 1).then(Last::take);
    if let Some(last) = &mut last {
        // SAFETY: the caller's promise.
        unsafe { rows.prepare_or_find(problem, resources.level, &code, last) };
    } else {
        let bytes = count * chunks * size_of::<Prepared>();
        rows.prepared = room(&mut shared, bytes)?.cast::<Prepared>();
        let prepare = |_: usize, place: usize| {
            // SAFETY: the caller's promise; each row is prepared once.
            unsafe { rows.prepare(problem, (resources.level, &code), place) };
        };
        run_all(resources.pool, count, count < 3, Next::default(), &prepare)?;
    }
    let groups = problem.depth / group;
    let most = parts.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
    // Results, and what a row that is no integers is computed from.
    let need = (most * COLUMNS + problem.depth + 2 * COLUMNS * groups) * 4;
    let row = problem.depth * bits as usize / 8;
    let width = (WEIGHTS / row.max(1) / 8 * 8).clamp(8, COLUMNS);
    let (width, streams) = match problem.by_sixteens {
        true => in_streams_of_sixteens(problems, width),
        false => in_streams(problems, width, &code),
    };
    // Where the units of each problem begin.
    let mut begins = Vec::with_capacity(problems.len());
    let mut units = 0;
    for problem in problems {
        begins.push(units);
        units += parts.len() * problem.columns.div_ceil(width);
    }
    let failed = AtomicBool::new(false);
    let work = |worker: usize, unit: usize| {
        let number = begins.partition_point(|begin| *begin <= unit) - 1;
        let (problem, unit) = (problems[number], unit - begins[number]);
        let across = problem.columns.div_ceil(width);
        let part = &parts[unit / across];
        let own = Columns::of(problem, unit % across, (width, streams));
        (resources.own)(worker, &mut |block| match room(block, need) {
            // SAFETY: these columns of these rows are this call's, and so is the memory.
            Ok(at) => unsafe { columns(problem, resources, &rows, part, own, at.cast()) },
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    let own = reads(problems, resources, parts, (width, streams, &begins, units));
    let next = own.map_or(Next::default(), |own| resources.order.note(&own));
    run_apart(resources.pool, units, alone, next, &work)?;
    if let Some(last) = last {
        last.give();
    }
    if failed.load(Ordering::Relaxed) { Err(Stopped::Memory(need)) } else { Ok(()) }
}

/// What is read of the weights of one expert, the only one of the problems: others are chosen anew each time. Each unit
/// takes so many columns, and those of each problem begin somewhere.
fn reads(
    problems: &[&Problem],
    resources: &Resources<'_>,
    parts: &[(usize, Range<usize>)],
    (width, streams, begins, units): (usize, usize, &[usize], usize),
) -> Option<Reads> {
    let (Factor::Affine { words: first, .. }, [(0, _)]) = (problems.first()?.factor, parts) else {
        return None;
    };
    let mut reads = Reads::new(first.at, units, resources.pool.runs_apart(units));
    for (problem, begin) in problems.iter().zip(begins) {
        let Factor::Affine { words, scales, biases, .. } = problem.factor else { continue };
        let own = *begin..begin + problem.columns.div_ceil(width);
        for Matrix { at, row, .. } in [words, scales, biases] {
            let Columns { count, apart, .. } = Columns::of(problem, 0, (width, streams));
            let piece = row * (count / streams) as isize;
            let pieces = (streams, row * apart as isize);
            reads.push_for(own.clone(), at, piece, piece.unsigned_abs(), pieces);
        }
    }
    Some(reads)
}

/// How many columns a unit takes, about so many, and from how many places: as many from each, so that who takes one unit after
/// the other reads on at each place.
fn in_streams(problems: &[&Problem], width: usize, code: &ByRows) -> (usize, usize) {
    if code.streams == 1 {
        return (width, 1);
    }
    let mut widths = (1..=width / 8).rev().map(|eights| 8 * eights).filter(|w| 2 * w > width);
    let whole = |w: &usize| problems.iter().all(|problem| problem.columns.is_multiple_of(*w));
    match widths.find(whole) {
        Some(width) => (width, code.streams),
        None => (width, 1),
    }
}

/// The same of columns that lie by [sixteens](crate::sixteens).
fn in_streams_of_sixteens(problems: &[&Problem], width: usize) -> (usize, usize) {
    const STREAMS: usize = 4;
    let mut widths = [COLUMNS, STREAMS * SIDE_BY_SIDE].into_iter();
    let fits = |w: &usize| {
        *w <= width.max(STREAMS * SIDE_BY_SIDE)
            && problems.iter().all(|problem| problem.columns.is_multiple_of(*w))
    };
    match widths.find(fits) {
        Some(width) => (width, STREAMS),
        None => (width.next_multiple_of(SIDE_BY_SIDE).min(COLUMNS), 1),
    }
}

/// The columns of a unit: as many from each of some places.
#[derive(Clone, Copy)]
struct Columns {
    /// The first column, of the first place.
    first: usize,
    /// Columns in all.
    count: usize,
    streams: usize,
    /// Columns from place to place.
    apart: usize,
}

impl Columns {
    /// Those of a unit.
    fn of(problem: &Problem, unit: usize, (width, streams): (usize, usize)) -> Columns {
        let first = unit * (width / streams);
        match streams {
            1 => {
                let count = width.min(problem.columns - first);
                Columns { first, count, streams, apart: count }
            }
            _ => Columns { first, count: width, streams, apart: problem.columns / streams },
        }
    }

    /// The first column of each place, how many there are, and where their results begin.
    fn pieces(self) -> impl Iterator<Item = ([usize; 2], usize)> {
        let piece = self.count / self.streams;
        (0..self.streams).map(move |k| ([self.first + k * self.apart, piece], k * piece))
    }
}

/// # Safety
/// As [`run`]; `own` has room for the results and for what [`as_floats`] takes.
unsafe fn columns(
    problem: &Problem,
    resources: &Resources<'_>,
    x: &Rows,
    (expert, rows): &(usize, Range<usize>),
    which: Columns,
    own: *mut f32,
) {
    let Factor::Affine { words, scales, biases, bits, group } = problem.factor else { return };
    let code = ByRows::of(bits, resources.level);
    let Columns { first, count, streams, apart } = which;
    let [w, s, b] = problem.experts;
    let parts = [of_expert(&words, *expert, w), of_expert(&scales, *expert, s)];
    let parts = [parts[0], parts[1], of_expert(&biases, *expert, b)];
    let mut call = Call::new(count, problem.depth);
    for (input, part) in call.inputs[1..].iter_mut().zip(&parts) {
        let at = part.at.wrapping_offset(part.row * first as isize);
        *input = Operand { at, row: part.row };
    }
    let (numbers, step) = (scales.dtype, scales.dtype.size() as isize);
    call.extra = quantized::options((bits, group, numbers), [step; 2]);
    // What a row's chunks are multiplied to, with rows of weights that are read together.
    let multiply = |call: &mut Call, together: &dyn Fn(&Call, &Prepared, usize, usize)| {
        for (k, row) in rows.clone().enumerate() {
            // SAFETY: the caller's promise.
            let Some(chunks) = (unsafe { x.of(problem.rows[row].0) }) else { continue };
            call.out = Operand { at: own.wrapping_add(k * COLUMNS).cast(), row: 4 };
            for (chunk, prepared) in chunks.iter().enumerate() {
                let at = chunk * CHUNK;
                together(call, prepared, at, CHUNK.min(problem.depth - at));
            }
        }
    };
    match problem.by_sixteens {
        false => {
            for eight in eight::of_pieces(count, streams, apart) {
                multiply(&mut call, &|call, prepared, at, len| {
                    let part = Part { at, len, group, eight, numbers };
                    // SAFETY: the operands are as long as the code asks.
                    unsafe { (code.columns)(call, prepared, part) };
                });
            }
        }
        #[cfg(target_arch = "x86_64")]
        true => {
            let (piece, apart) = (count / streams, if streams == 1 { 0 } else { apart });
            for first in (0..piece).step_by(SIDE_BY_SIDE) {
                let rows = integers::Rows { first, apart, sums: [first, piece] };
                multiply(&mut call, &|call, prepared, at, len| {
                    // SAFETY: as above, and the CPU is one that rows are laid so for.
                    unsafe {
                        integers::sixteens(call, prepared, [at, len], (group, numbers), rows)
                    };
                });
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        true => {}
    }
    for (k, row) in rows.clone().enumerate() {
        let (from, to) = problem.rows[row];
        let y = own.wrapping_add(k * COLUMNS);
        for (piece, begin) in which.pieces() {
            let y = y.wrapping_add(begin);
            // SAFETY: the caller's promise.
            unsafe {
                if x.of(from).is_none() {
                    let room = own.wrapping_add(rows.len() * COLUMNS);
                    as_floats(problem, resources, &parts, from, piece, y, room);
                }
                problem.y.narrow(resources.level, [to as usize, 1], piece, (y, 0));
            }
        }
    }
}

/// Some columns of a row that is no integers.
///
/// # Safety
/// As [`run`]; `own` has room for a row of x, and for scales and biases of the columns.
unsafe fn as_floats(
    problem: &Problem,
    resources: &Resources<'_>,
    [words, scales, biases]: &[Matrix; 3],
    row: u32,
    [column, count]: [usize; 2],
    y: *mut f32,
    own: *mut f32,
) {
    let Factor::Affine { bits, group, .. } = problem.factor else { return };
    let groups = problem.depth / group;
    let numbers = own.wrapping_add(problem.depth);
    let numbers = [numbers, numbers.wrapping_add(count * groups)];
    for (matrix, to) in [scales, biases].into_iter().zip(numbers) {
        for k in 0..count {
            // SAFETY: the caller's promise.
            unsafe {
                let to = std::slice::from_raw_parts_mut(to.add(k * groups), groups);
                matrix.row(column + k, problem.by_sixteens).widen(resources.level, 0, 0, to);
            }
        }
    }
    let own_words: Vec<u32>;
    let mut words = *words;
    let mut column = column;
    if problem.by_sixteens {
        let len = problem.depth * bits as usize / 32;
        let all = (column..column + count).flat_map(|k| {
            let row = words.row(k, true);
            // SAFETY: the caller's promise.
            let word = move |w: usize| unsafe {
                row.at.wrapping_offset(row.element * w as isize).cast::<u32>().read()
            };
            (0..len).map(word)
        });
        own_words = all.collect();
        words.at = own_words.as_ptr().cast_mut().cast();
        column = 0;
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
    call.extra = quantized::options((bits, group, DType::F32), [4; 2]);
    // SAFETY: the caller's promise; the operands are as long as the primitive asks.
    unsafe {
        let x = std::slice::from_raw_parts_mut(own, problem.depth);
        problem.x.widen(resources.level, row as usize, 0, x);
        quantized::sum_of_products(bits, resources.level).call(&call);
    }
}
