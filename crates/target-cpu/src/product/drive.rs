//! Runs a bound product: first x becomes panels, then each unit of work is some columns of one expert for all its rows.

use super::own::{INTEGERS, Own};
use super::pack::{IntegerPanel, float_panel};
use super::round::{floats_of, integers_of, numbers_of};
#[cfg(target_arch = "x86_64")]
use super::tiles;
use super::{Factor, Matrix, Problem, few};
use crate::ahead::{Next, Order};
use crate::memory::Block;
use crate::pool::Pool;
use crate::simd::Level;
use crate::simd::amx::Amx;
use crate::simd::blocks::{COLUMNS, Kernels, Tile, crossed};
use crate::simd::integers::distance;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tilewright_ir::DType;
use tilewright_target::TargetError;

/// Rows that are computed together: their panels stay near the caches while the weights go by.
const SLAB: usize = 512;
/// Products that are worth waking another thread.
const WORTH_WAKING: usize = 1 << 18;

/// What a product needs besides its arguments.
pub struct Resources<'a> {
    /// The threads.
    pub pool: &'a Pool,
    /// Their instructions.
    pub level: Level,
    /// Which of their launches follows which.
    pub order: &'a Order,
    /// Matrix tiles, where they may be used.
    pub tiles: Option<Amx>,
    /// Memory for panels of x.
    pub shared: &'a Mutex<Option<Block>>,
    /// Memory for each thread's own panel and tiles.
    pub own: &'a (dyn Fn(usize, &mut dyn FnMut(&mut Option<Block>)) + Sync),
}

/// Why a product was not computed.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// There is no memory.
    Memory(usize),
    /// A thread panicked.
    Panicked,
}

/// Rows of one expert that are computed together, and the panels of x that they are in.
pub(super) struct Part {
    pub expert: usize,
    pub rows: std::ops::Range<usize>,
    /// In panels of [`Kernels::rows`].
    first_panel: usize,
}

/// Computes `y = x w`.
///
/// # Safety
/// The matrices of the problem hold every element that its sizes reach, y overlaps nothing, nobody else writes them, and
/// the CPU has the level's features.
///
/// # Errors
/// When there is no memory for the panels, or a thread panicked.
pub unsafe fn run(problem: &Problem, resources: &Resources<'_>) -> Result<(), Stopped> {
    let kernels = Kernels::of(resources.level);
    let whole = match problem.factor {
        Factor::Affine { .. } => problem.x.dtype != DType::F32,
        Factor::Floats(_) => false,
    };
    #[cfg(target_arch = "x86_64")]
    let slab_rows = match tiles::of(problem, resources) {
        Some(_) => tiles::slab(problem.depth, SLAB),
        None => SLAB,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let slab_rows = SLAB;
    let mut parts = Vec::new();
    let (mut begin, mut panels, mut held) = (0, 0, 0);
    let (fits, mut small) = (few::fits(&problem.x, &problem.factor, problem.depth), Vec::new());
    for &(expert, end) in &problem.ends {
        if fits && end - begin <= few::FEW {
            small.push((expert, begin..end));
            begin = end;
        }
        while begin < end {
            let room = slab_rows.saturating_sub(held).max(1);
            let rows = begin..end.min(begin + room);
            begin = rows.end;
            held += rows.len();
            let count = rows.len().div_ceil(kernels.rows);
            parts.push(Part { expert, rows, first_panel: panels });
            panels += count;
            if held >= slab_rows {
                // SAFETY: the caller's promise.
                unsafe { slab(problem, resources, &kernels, &parts, panels, whole) }?;
                parts.clear();
                (panels, held) = (0, 0);
            }
        }
    }
    if !small.is_empty() {
        let rows = small.iter().map(|(_, rows)| rows.len()).sum();
        // SAFETY: the caller's promise.
        unsafe { few::run(&[problem], resources, &small, is_small(problem, rows)) }?;
    }
    if parts.is_empty() {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    unsafe { slab(problem, resources, &kernels, &parts, panels, whole) }
}

/// True for products that [`run_together`] computes.
pub fn go_together(problems: [&Problem; 2]) -> bool {
    let fits = |problem: &Problem| {
        few::fits(&problem.x, &problem.factor, problem.depth)
            && matches!(problem.ends[..], [(0, rows)] if rows <= few::FEW)
    };
    problems.into_iter().all(fits) && few::alike(problems[0], problems[1])
}

/// Computes several products of the same few rows, each of which goes together with the first.
///
/// # Safety
/// As [`run`], for each; none reads what another writes.
///
/// # Errors
/// As [`run`].
pub unsafe fn run_together(
    problems: &[&Problem],
    resources: &Resources<'_>,
) -> Result<(), Stopped> {
    let rows = problems.first().map_or(0, |problem| problem.rows.len());
    let alone = problems.iter().all(|problem| is_small(problem, problems.len() * rows));
    // SAFETY: the caller's promise.
    unsafe { few::run(problems, resources, &[(0, 0..rows)], alone) }
}

/// True for work that is not worth waking another thread.
fn is_small(problem: &Problem, rows: usize) -> bool {
    rows.saturating_mul(problem.depth).saturating_mul(problem.columns) < WORTH_WAKING
}

/// # Safety
/// As [`run`].
unsafe fn slab(
    problem: &Problem,
    resources: &Resources<'_>,
    kernels: &Kernels,
    parts: &[Part],
    panels: usize,
    whole: bool,
) -> Result<(), Stopped> {
    #[cfg(target_arch = "x86_64")]
    if let Some(amx) = tiles::of(problem, resources) {
        let alone = is_small(problem, parts.iter().map(|part| part.rows.len()).sum());
        // SAFETY: the caller's promise.
        if unsafe { tiles::run(problem, resources, amx, (parts, alone)) }? {
            return Ok(());
        }
    }
    if whole {
        let odd = AtomicBool::new(false);
        // SAFETY: the caller's promise.
        unsafe { slab_of(problem, resources, kernels, parts, panels, Some(&odd)) }?;
        if !odd.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
    // SAFETY: the caller's promise.
    unsafe { slab_of(problem, resources, kernels, parts, panels, None) }
}

/// The panels of x in memory.
#[derive(Clone, Copy)]
struct Panels {
    /// `[panel][step][rows]`
    words: *mut u32,
    /// The same of what is left of integers.
    rest: *mut u32,
    /// `[panel][group][rows]`
    units: *mut f32,
    sums: *mut f32,
    /// `[panel][group]`: the rows in which what is left counts, a bit each.
    rests: *mut u16,
    /// `[panel][group][rows]`: the steps in which it does, a bit each.
    places: *mut u64,
    /// `[panel][group][rows]`: products of neighbours; null where sums are not [`crossed`].
    crossed: *mut u32,
    /// Words of a panel, and groups.
    words_of: usize,
    groups: usize,
}

// SAFETY: threads write different panels, and read them when all are written.
unsafe impl Send for Panels {}
// SAFETY: as above.
unsafe impl Sync for Panels {}

/// # Safety
/// As [`run`]; with `odd`, as integers, and it is set instead where they would not do.
unsafe fn slab_of(
    problem: &Problem,
    resources: &Resources<'_>,
    kernels: &Kernels,
    parts: &[Part],
    panels: usize,
    odd: Option<&AtomicBool>,
) -> Result<(), Stopped> {
    let width = kernels.rows;
    let (bits, group) = match problem.factor {
        Factor::Affine { bits, group, .. } => (bits, group),
        Factor::Floats(_) => (32, problem.depth.max(1)),
    };
    let (words_of, groups) = match odd {
        Some(_) => (problem.depth / 2 * width, problem.depth / group),
        None => (problem.depth * width, 0),
    };
    let numbers = panels * groups * width;
    let words = panels * words_of;
    let rests = if odd.is_some() { words } else { 0 };
    let marks = (panels * groups).div_ceil(2);
    let places = if odd.is_some() { numbers } else { 0 };
    let is_crossed = odd.is_some() && kernels.crossed && crossed::fits(bits);
    let neighbours = if is_crossed { numbers } else { 0 };
    let bytes = (2 * places + words + rests + 2 * numbers + neighbours + marks).checked_mul(4);
    let bytes = bytes.ok_or(Stopped::Memory(usize::MAX))?;
    let mut shared = lock(resources.shared);
    let start = room(&mut shared, bytes)?.cast::<u64>();
    let at = start.wrapping_add(places).cast::<u32>();
    let units = at.wrapping_add(words + rests).cast::<f32>();
    let x = Panels {
        words: at,
        rest: at.wrapping_add(words),
        units,
        sums: units.wrapping_add(numbers),
        rests: units.wrapping_add(2 * numbers + neighbours).cast(),
        places: start,
        crossed: match is_crossed {
            true => units.wrapping_add(2 * numbers).cast(),
            false => std::ptr::null_mut(),
        },
        words_of,
        groups,
    };
    let alone = is_small(problem, parts.iter().map(|part| part.rows.len()).sum());

    // Panels of x.
    let list: Vec<(usize, std::ops::Range<usize>)> = parts
        .iter()
        .flat_map(|part| {
            let panels = part.rows.clone().step_by(width).enumerate();
            panels.map(|(k, row)| (part.first_panel + k, row..part.rows.end.min(row + width)))
        })
        .collect();
    let pack = |number: usize| {
        let (panel, rows) = &list[number];
        // SAFETY: this panel is this call's; the rows of x exist.
        unsafe { pack_panel(problem, kernels, &x, *panel, rows.clone(), (bits, group), odd) };
    };
    run_all(resources.pool, list.len(), alone, Next::default(), &|_, number| pack(number))?;
    if odd.is_some_and(|odd| odd.load(Ordering::Relaxed)) {
        return Ok(());
    }

    // Columns.
    let across = problem.columns.div_ceil(COLUMNS);
    let rows = parts.iter().map(|part| part.rows.len()).max().unwrap_or(0);
    let need = Own::bytes(kernels, rows, groups);
    let failed = AtomicBool::new(false);
    let work = |worker: usize, unit: usize| {
        let (part, column) = (&parts[unit / across], unit % across * COLUMNS);
        (resources.own)(worker, &mut |block| match room(block, need) {
            // SAFETY: these columns of these rows are this call's, and so is the memory.
            Ok(at) => unsafe { columns(problem, kernels, &x, part, column, at, odd.is_some()) },
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
    };
    run_apart(resources.pool, parts.len() * across, alone, Next::default(), &work)?;
    if failed.load(Ordering::Relaxed) { Err(Stopped::Memory(need)) } else { Ok(()) }
}

/// Does each of `count` things on the pool, the first ones first, or here.
///
/// # Errors
/// When a thread panicked.
pub fn run_all(
    pool: &Pool,
    count: usize,
    alone: bool,
    next: Next,
    work: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), Stopped> {
    let done = match alone {
        true => pool.run(1, next, &|worker, _| (0..count).for_each(|number| work(worker, number))),
        false => pool.run(count, next, work),
    };
    done.map_err(|_| Stopped::Panicked)
}

/// The same, but each thread begins with neighbours of its own.
///
/// # Errors
/// As [`run_all`].
pub fn run_apart(
    pool: &Pool,
    count: usize,
    alone: bool,
    next: Next,
    work: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), Stopped> {
    match alone {
        true => run_all(pool, count, alone, next, work),
        false => pool.run_apart(count, next, work).map_err(|_| Stopped::Panicked),
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// At least so many bytes of a block, which is made anew where it is smaller.
///
/// # Errors
/// When there is no memory.
pub fn room(block: &mut Option<Block>, bytes: usize) -> Result<*mut u8, Stopped> {
    if block.as_ref().is_none_or(|block| block.size() < bytes) {
        *block = None;
        let new = Block::new(bytes.max(1));
        *block = Some(new.map_err(|_: TargetError| Stopped::Memory(bytes))?);
    }
    Ok(block.as_ref().map_or(std::ptr::null_mut(), |block| block.start().as_ptr()))
}

/// # Safety
/// The rows of x and of the panel exist.
unsafe fn pack_panel(
    problem: &Problem,
    kernels: &Kernels,
    x: &Panels,
    panel: usize,
    rows: std::ops::Range<usize>,
    (bits, group): (u32, usize),
    odd: Option<&AtomicBool>,
) {
    let width = kernels.rows;
    let numbers = x.groups * width;
    let (from, first) = (panel * x.words_of, panel * numbers);
    // SAFETY: the caller's promise; nobody else knows this panel.
    let mut all = unsafe {
        let rests = if odd.is_some() { x.words_of } else { 0 };
        IntegerPanel {
            pairs: std::slice::from_raw_parts_mut(x.words.add(from), x.words_of),
            rest: std::slice::from_raw_parts_mut(x.rest.wrapping_add(from), rests),
            units: std::slice::from_raw_parts_mut(x.units.add(first), numbers),
            sums: std::slice::from_raw_parts_mut(x.sums.add(first), numbers),
            rests: std::slice::from_raw_parts_mut(x.rests.add(panel * x.groups), x.groups),
            places: match odd {
                Some(_) => std::slice::from_raw_parts_mut(x.places.add(first), numbers),
                None => &mut [],
            },
            crossed: match x.crossed.is_null() {
                true => &mut [],
                false => std::slice::from_raw_parts_mut(x.crossed.add(first), numbers),
            },
            width,
            group,
            apart: distance(bits),
        }
    };
    all.rests.fill(0);
    if rows.len() < width {
        all.pairs.fill(0);
        all.units.fill(0.0);
        all.sums.fill(0.0);
        all.crossed.fill(0);
    }
    for (k, row) in rows.enumerate() {
        let row = problem.rows[row].0 as usize;
        if let Some(odd) = odd {
            // SAFETY: the caller's promise.
            if !unsafe { all.fill(kernels, k, (&problem.x, row, problem.depth)) } {
                odd.store(true, Ordering::Relaxed);
                return;
            }
            continue;
        }
        let mut values = [0.0; INTEGERS];
        for from in (0..problem.depth).step_by(INTEGERS) {
            let values = &mut values[..INTEGERS.min(problem.depth - from)];
            // SAFETY: the caller's promise.
            unsafe { problem.x.widen(kernels.level, row, from, values) };
            float_panel(k, width, values, &mut all.pairs[from * width..]);
        }
    }
}

/// Computes the columns from `column` on for the rows of a part.
///
/// # Safety
/// As [`run`]; the panels hold x, and `own` is this thread's.
unsafe fn columns(
    problem: &Problem,
    kernels: &Kernels,
    x: &Panels,
    part: &Part,
    column: usize,
    own: *mut u8,
    whole: bool,
) {
    let width = kernels.columns;
    let beside = kernels.beside.min((problem.columns - column).div_ceil(width));
    let of = |k: usize| {
        let first = column + k * width;
        let own = Own::at(own, kernels, x.groups, part.rows.len(), k);
        (first, width.min(problem.columns - first), own)
    };
    let panels = part.rows.len().div_ceil(kernels.rows);
    let round = Own::round(kernels, whole);
    for from in (0..problem.depth).step_by(round) {
        let len = round.min(problem.depth - from);
        let (mut steps, mut groups, mut first) = (len, 1, 0);
        for k in 0..beside {
            let (column, count, own) = of(k);
            // SAFETY: the caller's promise; `own` has room for a round.
            unsafe {
                if whole {
                    if from == 0 {
                        numbers_of(problem, kernels, part.expert, [column, count], x.groups, &own);
                    }
                    let range = [from, len];
                    (steps, groups, first) =
                        integers_of(problem, kernels, part.expert, [column, count], range, &own);
                    if !x.crossed.is_null() {
                        (kernels.of_columns)(own.panel, (steps, groups), own.crossed);
                    }
                } else {
                    floats_of(problem, kernels, part.expert, [column, count], [from, len], &own);
                }
            }
        }
        let per_step = if whole { 2 } else { 1 };
        for panel in 0..panels {
            let number = part.first_panel + panel;
            let numbers = (number * x.groups + first) * kernels.rows;
            for k in 0..beside {
                let (_, _, own) = of(k);
                let at = number * x.words_of + from / per_step * kernels.rows;
                let tile = Tile {
                    x: x.words.wrapping_add(at),
                    rest: x.rest.wrapping_add(at),
                    rests: x.rests.wrapping_add(number * x.groups + first),
                    places: x.places.wrapping_add(numbers),
                    w: own.panel,
                    crossed: (!x.crossed.is_null()).then(|| {
                        (x.crossed.wrapping_add(numbers).cast_const(), own.crossed.cast_const())
                    }),
                    c: own.c.wrapping_add(panel * kernels.rows * COLUMNS),
                    rows: kernels.rows.min(part.rows.len() - panel * kernels.rows),
                    steps,
                    groups,
                    units: x.units.wrapping_add(numbers),
                    sums: x.sums.wrapping_add(numbers),
                    scales: own.scales.wrapping_add(first * width),
                    biases: own.biases.wrapping_add(first * width),
                    first: from == 0,
                };
                // SAFETY: the caller's promise.
                unsafe { if whole { (kernels.integers)(&tile) } else { (kernels.floats)(&tile) } }
            }
        }
    }
    let count = COLUMNS.min(problem.columns - column);
    // SAFETY: the tiles are computed; these elements of y are this call's.
    unsafe { store_columns(problem, kernels.level, part, [column, count], of(0).2.c) };
}

/// Writes columns of a part's rows to y; rows of y that follow each other are written together.
///
/// # Safety
/// `c` holds them, [`COLUMNS`] a row; the elements of y are there, and nobody else's.
pub(super) unsafe fn store_columns(
    problem: &Problem,
    level: Level,
    part: &Part,
    columns: [usize; 2],
    c: *const f32,
) {
    let mut c = c;
    for rows in problem.rows[part.rows.clone()].chunk_by(|a, b| a.1 + 1 == b.1) {
        let number = [rows[0].1 as usize, rows.len()];
        // SAFETY: the caller's promise.
        unsafe { problem.y.narrow(level, number, columns, (c, COLUMNS)) };
        c = c.wrapping_add(rows.len() * COLUMNS);
    }
}

/// A matrix of an expert.
pub(super) fn of_expert(matrix: &Matrix, expert: usize, stride: isize) -> Matrix {
    Matrix { at: matrix.at.wrapping_offset(stride * expert as isize), ..*matrix }
}
