//! The schedule of a call: how many programs run as a batch, whether rows come in blocks, and how the work is cut for
//! the threads.

mod rows;

use crate::bind::{Request, bind, loops_alike};
use crate::native::may_stagger;
use crate::simd::LANES;
use crate::step::{BlockRole, Bound, FRAME, Step, Transfer};
use rows::Rows;

/// Lanes of a batch: few enough that the live tiles of a batch stay in the first cache, enough that a step's overhead
/// is nothing.
const BATCH_LANES: usize = 2048;
/// Packed weights that a batch reads at most, unless its programs are few: they are read where they lie, and what is
/// shared by the programs of a batch is prepared once for each.
const BATCH_WEIGHTS: usize = 128 << 10;
/// Batches a thread that occupy all threads evenly: more weights are read in larger ones.
const MANY_BATCHES: usize = 8;
/// The most programs that share what is prepared.
const MOST_SHARING: usize = 512;
/// Programs that share what is prepared, at least.
const FEW_PROGRAMS: usize = 16;
/// The most programs of a batch.
const MOST_PROGRAMS: usize = 1024;
/// Lanes of a batch that only reads its rows, where they lie: a step's overhead, in which nothing is read, must be little
/// beside the time that the memory takes for them.
const READ_LANES: usize = 32 << 10;
/// Programs of a batch that look a row up: while one is copied, the next is fetched.
const LOOKING_UP: usize = 4;
/// Programs of a batch that look for the greatest of short rows: so many are done together (`simd/topk/together.rs`).
const RANKING: usize = 16;
/// Programs of a batch that reads rows which its neighbours read, too.
pub const NEIGHBOURS: usize = 16;
/// Programs of a batch whose rows lie side by side, so that what a line of the cache holds is used at once; and the frame that
/// they may take.
const SIDE_BY_SIDE: usize = 2 * LANES;
const SIDE_BY_SIDE_FRAME: usize = 4 << 20;
/// Rows up to this length are whole: their tiles stay near the first cache. Longer ones come in blocks where they can.
const WHOLE_ROW: usize = 8 << 10;
/// Elements of a block of a longer row.
const BLOCK: usize = 2048;
/// The same where one step updates all of it in place: at every boundary the memory waits. (Zen 4: a step of AdamW 0.91 of the
/// time; but mish, which writes past the caches, 1.09.)
const LONG_BLOCK: usize = 32 << 10;
/// Bytes of the frame and of the rows that are read up to which longer rows are whole nevertheless, where each sweep over
/// them is native code: they stay in the second cache.
const WHOLE_BYTES: usize = 400 << 10;
/// Programs of a batch whose rows are gone over side by side: the first and the last of them are alone for a while. (32 take 3 %
/// more time in the gradient of cross-entropy.)
const STAGGERED: usize = 128;
/// The fewest of them.
const FEW_STAGGERED: usize = 8;
/// A single program with rows from this length on is cut into blocks for the threads.
const WORTH_SHARING: usize = 8 << 10;
/// Lanes of work that are worth sharing with another thread, awake or not: one that waits fetches weights meanwhile, so that
/// decode became 2 % slower when two threads of a Zen 4 shared the norms and ropes of a step.
const WORTH_WAKING: usize = 48 << 10;

/// A program bound to the sizes and strides of a call, and how it is run.
pub struct Schedule {
    /// For batches.
    pub bound: Bound,
    /// For single programs, where batches leave a remainder.
    pub single: Option<Bound>,
    /// Programs along each grid axis.
    pub grid: Vec<usize>,
    /// How the work is cut.
    pub cut: Cut,
    /// Lanes of work in all, for the choice of threads.
    pub work: usize,
}

/// How work is cut into units that any thread may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Batches of programs.
    Programs,
    /// Blocks of the only program's row.
    Blocks,
    /// Not at all.
    Whole,
}

impl Schedule {
    /// Chooses and binds. `request.batch` and `request.main` are ignored.
    pub fn choose(request: Request<'_>, threads: usize) -> Schedule {
        let programs = request.grid.iter().product::<usize>();
        let rows = Rows::of(&request);
        let last = request.grid.last().copied().unwrap_or(1);
        let one = Request { batch: 1, main: None, ..request };
        if rows.side_by_side && request.analysis.is_plain() {
            let widths = [SIDE_BY_SIDE, LANES].into_iter().filter(|width| *width <= last);
            let bound = widths.filter_map(|batch| bind(Request { batch, ..one }));
            let small = bound.filter(|bound| bound.frame <= SIDE_BY_SIDE_FRAME);
            if let Some(bound) = small.max_by_key(|bound| bound.batch)
                && bound.batch > BATCH_LANES / rows.length.unwrap_or(1).max(1)
            {
                let rest = !last.is_multiple_of(bound.batch);
                let single = if rest { bind(one) } else { None };
                let work = (work_of(&bound) / bound.batch).saturating_mul(programs);
                let (grid, cut) = (request.grid.to_vec(), Cut::Programs);
                return Schedule { bound, single, grid, cut, work };
            }
        }
        let batch = (last / (MANY_BATCHES * threads.max(1))).min(STAGGERED);
        let beside = |length| {
            request.analysis.is_plain()
                && batch >= FEW_STAGGERED
                && request.native
                && may_stagger(request.level, length)
        };
        if let Some(length) = rows.length
            && !rows.packed
            && programs >= 2 * threads
            && (length > WHOLE_ROW || beside(length))
            && length.saturating_mul(4) < WHOLE_BYTES
            && let Some(bound) = bind(one)
            && sweeps_natively(&bound, length)
        {
            let several = beside(length).then(|| bind(Request { batch, ..one })).flatten();
            let found = match several.filter(staggers) {
                Some(several) => Some((several, (last % batch != 0).then_some(bound))),
                None => (length > WHOLE_ROW).then_some((bound, None)),
            };
            if let Some((bound, single)) = found {
                let work = (work_of(&bound) / bound.batch.max(1)).saturating_mul(programs);
                let (grid, cut) = (request.grid.to_vec(), Cut::Programs);
                return Schedule { bound, single, grid, cut, work };
            }
        }
        if let Some(length) = rows.length
            && !rows.packed
            && (length > WHOLE_ROW || programs < 2 * threads && length >= WORTH_SHARING)
            && let Some(bound) = bind(Request { main: Some((length, BLOCK)), ..one })
        {
            let cut = match programs {
                1 if stateless(&bound) => Cut::Blocks,
                _ => Cut::Programs,
            };
            let even = (length / (MANY_BATCHES * threads.max(1))).next_multiple_of(BLOCK);
            let block = even.clamp(BLOCK, LONG_BLOCK);
            let longer = (block > BLOCK && cut == Cut::Blocks && is_one_step(&bound))
                .then(|| bind(Request { main: Some((length, block)), ..one }))
                .flatten();
            let bound = longer.filter(|longer| longer.frame == bound.frame).unwrap_or(bound);
            let work = work_of(&bound)
                .saturating_mul(length.div_ceil(bound.main.1.max(1)))
                .saturating_mul(programs);
            return Schedule { bound, single: None, grid: request.grid.to_vec(), cut, work };
        }
        let batch = match rows.length {
            Some(length) if request.analysis.is_plain() || loops_alike(&request) => {
                let least = match rows.ranked {
                    true => RANKING,
                    false if rows.looked_up => LOOKING_UP,
                    false => 1,
                };
                let mut lanes = (BATCH_LANES / length.max(1)).clamp(least, MOST_PROGRAMS);
                if rows.in_place {
                    let even = last / (MANY_BATCHES * threads.max(1));
                    lanes = lanes.max(even.min(READ_LANES / length.max(1)).min(MOST_PROGRAMS));
                }
                match rows.packed {
                    true => sharing_batch(length, last.max(1), threads),
                    false => lanes.min(last.max(1)),
                }
            }
            _ => 1,
        };
        let batch = match rows.neighbours && request.native && batch < NEIGHBOURS {
            true if last >= 4 * NEIGHBOURS => {
                let bound = bind(Request { batch: NEIGHBOURS, ..one });
                if bound.is_some_and(|bound| goes_in_strips(&bound)) { NEIGHBOURS } else { batch }
            }
            _ => batch,
        };
        // A whole number of vectors in a batch keeps scalars of the programs in full vectors.
        let batch = if batch > LANES { batch / LANES * LANES } else { batch };
        let whole = |batch| bind(Request { batch, ..one });
        let (Some(bound), single) =
            (whole(batch), (batch > 1 && last % batch != 0).then(|| whole(1)))
        else {
            unreachable!("only blocks can be refused")
        };
        let work = (work_of(&bound) / batch.max(1)).saturating_mul(programs);
        let cut = if request.analysis.atomic { Cut::Whole } else { Cut::Programs };
        Schedule { bound, single: single.flatten(), grid: request.grid.to_vec(), cut, work }
    }

    /// Batches and single programs along the last grid axis.
    pub fn units_along_last(&self) -> (usize, usize) {
        let last = self.grid.last().copied().unwrap_or(1);
        (last / self.bound.batch, last % self.bound.batch)
    }

    /// Units that threads may take.
    pub fn units(&self) -> usize {
        match self.cut {
            Cut::Blocks => self.bound.main.0.div_ceil(self.bound.main.1.max(1)),
            Cut::Whole | Cut::Programs => {
                let (batches, rest) = self.units_along_last();
                let outer: usize = self.grid[..self.grid.len().saturating_sub(1)].iter().product();
                outer * (batches + rest)
            }
        }
    }

    /// Units that a thread takes at once.
    pub fn units_of_chunk(&self, threads: usize) -> usize {
        let units = self.units().max(1);
        if self.cut == Cut::Whole || threads == 1 || self.work < WORTH_WAKING {
            return units;
        }
        // Some sixteen chunks a thread even out what the system does to the threads, unless units are tiny.
        let work_of_unit = (self.work / units).max(1);
        let least = (WORTH_WAKING / 4).div_ceil(work_of_unit);
        units.div_ceil(16 * threads).max(least).min(units)
    }
}

/// Programs of a batch that multiply one row of `length` with packed weights of their own: a divisor of the number of
/// programs where there is one, since what remains runs one by one.
fn sharing_batch(length: usize, programs: usize, threads: usize) -> usize {
    let share = length.saturating_mul(programs) / (MANY_BATCHES * threads.max(1));
    let most = BATCH_WEIGHTS.max(share) / length.max(1);
    let most = most.clamp(FEW_PROGRAMS, MOST_SHARING).min(programs);
    let whole = (1..=most / LANES).rev().map(|vectors| vectors * LANES);
    whole.into_iter().find(|batch| programs.is_multiple_of(*batch)).unwrap_or(most)
}

/// True where all that goes over rows of `length` is native code and what it needs stays in the second cache.
fn sweeps_natively(bound: &Bound, length: usize) -> bool {
    let mut read = 0;
    let steps = bound.passes.iter().flat_map(|pass| pass.blocks.iter().chain(&pass.after));
    for step in steps {
        match step {
            Step::Native(native) => {
                let tensors = native.operands.iter().zip(&native.loaded);
                let tensors = tensors.filter(|((at, _), loaded)| **loaded && at.register != FRAME);
                read += tensors.count() * native.len * 4;
            }
            Step::Invoke(invoke) if invoke.call.len < length && invoke.outer.is_empty() => {}
            Step::Locate(_) | Step::Check(_) | Step::Program { .. } => {}
            _ => return false,
        }
    }
    read > 0 && bound.frame + read <= WHOLE_BYTES
}

/// True where native code goes over the rows of a batch side by side.
fn staggers(bound: &Bound) -> bool {
    let staggered = |step: &Step| matches!(step, Step::Native(native) if native.staggered);
    bound.passes.iter().any(|pass| pass.blocks.iter().any(staggered))
}

/// True where rows are read and written by native code alone, which goes through them in strips.
fn goes_in_strips(bound: &Bound) -> bool {
    let steps = bound.passes.iter().flat_map(|pass| pass.blocks.iter().chain(&pass.after));
    let mut strips = 0;
    for step in steps {
        match step {
            Step::Native(native) if !native.steps.is_empty() => {
                strips += usize::from(native.rows == bound.batch);
            }
            Step::Transfer(transfer) if transfer.window.is_some() => {}
            Step::Invoke(invoke) if invoke.call.rows * invoke.call.len <= bound.batch => {}
            Step::Locate(_) | Step::Program { .. } => {}
            _ => return false,
        }
    }
    strips == 1
}

/// True for one sweep whose blocks know nothing of each other.
fn stateless(bound: &Bound) -> bool {
    let [pass] = &bound.passes[..] else { return false };
    let carries =
        |step: &Step| matches!(step, Step::Invoke(invoke) if invoke.block == BlockRole::Stateful);
    pass.after.is_empty() && !pass.blocks.iter().any(carries)
}

/// True where all that goes over a block is one step of native code, which writes where it has read.
fn is_one_step(bound: &Bound) -> bool {
    let alone =
        |step: &[Step]| matches!(step, [Step::Native(native)] if native.streaming.is_none());
    matches!(&bound.passes[..], [pass] if alone(&pass.blocks))
}

/// Lanes that the steps of one batch work on.
fn work_of(bound: &Bound) -> usize {
    fn steps(list: &[Step]) -> usize {
        let moved = |load: &Transfer| load.elements.saturating_mul(load.batch).max(16);
        let of = |step: &Step| match step {
            Step::Invoke(invoke) => {
                let outer = invoke.outer.iter().map(|axis| axis.0).product::<usize>();
                outer.saturating_mul(invoke.call.rows).saturating_mul(invoke.call.len).max(16)
            }
            Step::Native(native) => native.lanes.max(16),
            Step::Transfer(transfer) => moved(transfer),
            Step::LookUp(look_up) => moved(&look_up.load),
            Step::Combine(combining) => combining.rows.saturating_mul(combining.len) * 16,
            // How often is not known; a loop is worth something.
            Step::For { body, turns, .. } => steps(body).saturating_mul(16) / turns,
            Step::When { body, .. } => steps(body),
            _ => 16,
        };
        list.iter().map(of).fold(0, usize::saturating_add)
    }
    bound.passes.iter().map(|pass| steps(&pass.blocks) + steps(&pass.after)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Analysis;
    use crate::simd::Level;

    #[test]
    fn what_the_programs_of_a_batch_share_is_computed_once() {
        let text =
            "kernel shared(x: in f32[rows, n], w: in f32[columns, n], y: out f32[rows, columns])
            grid rows, columns
            %0: i32 = program 0
            %1: i32 = program 1
            %2: f32[n] = load x[%0, :]
            %3: f32[n] = exp %2
            %4: f32[n] = load w[%1, :]
            %5: f32[n] = mul %3, %4
            %6: f32[1] = reduce_sum %5 axis 0
            %7: f32 = reshape %6
            store y[%0, %1] = %7";
        let program = tilewright_ir::text::parse(text).unwrap();
        let analysis = Analysis::of(&program);
        let of = |rows: usize, columns: usize| {
            vec![vec![(rows, 4 * columns as isize)], vec![(columns, 4)]]
        };
        let request = Request {
            program: &program,
            analysis: &analysis,
            level: Level::Portable,
            dims: &[3, 24, 100],
            grid: &[3, 100],
            tensors: &[of(3, 24), of(100, 24), of(3, 100)],
            careful: &[false; 3],
            overlapping: &[false; 3],
            stream: false,
            native: false,
            batch: 1,
            main: None,
        };
        let schedule = Schedule::choose(request, 1);
        let lanes = |name: &str| {
            let steps = &schedule.bound.passes[0].blocks;
            let of = |step: &Step| match step {
                Step::Invoke(invoke) if invoke.name == name => {
                    Some(invoke.call.rows * invoke.call.len)
                }
                _ => None,
            };
            steps.iter().find_map(of)
        };
        assert!(schedule.bound.batch > 1);
        assert_eq!(lanes("exp"), Some(24));
        assert_eq!(lanes("sum_mul"), Some(24 * schedule.bound.batch));
    }

    #[test]
    fn rows_that_are_looked_up_are_read_where_they_lie_by_one_reader() {
        let steps = |body: &str, careful: bool| {
            let text = format!(
                "kernel looked(source: in f32[entries, n], index: in i32[rows], y: out f32[rows, n])
                grid rows
                %0: i32 = program 0
                %1: i32 = load index[%0]
                %2: f32[n] = load source[%1, :]
                {body}"
            );
            let program = tilewright_ir::text::parse(&text).unwrap();
            let analysis = Analysis::of(&program);
            let row = vec![(1024, 4)];
            let request = Request {
                program: &program,
                analysis: &analysis,
                level: Level::Portable,
                dims: &[50, 1024, 100],
                grid: &[100],
                tensors: &[
                    vec![vec![(50, 4096)], row.clone()],
                    vec![vec![(100, 4)]],
                    vec![vec![(100, 4096)], row],
                ],
                careful: &[careful; 3],
                overlapping: &[careful; 3],
                stream: false,
                native: false,
                batch: 1,
                main: None,
            };
            Schedule::choose(request, 1).bound.passes.swap_remove(0).blocks
        };
        let looked_up = |steps: &[Step]| steps.iter().any(|s| matches!(s, Step::LookUp(_)));
        let copied = |steps: &[Step]| steps.iter().any(|s| matches!(s, Step::Transfer(_)));
        let once = steps("%3: f32[n] = exp %2\nstore y[%0, :] = %3", false);
        assert!(looked_up(&once) && !copied(&once));
        // What is written meanwhile, or read twice, is copied.
        let careful = steps("%3: f32[n] = exp %2\nstore y[%0, :] = %3", true);
        assert!(!looked_up(&careful));
        let twice =
            steps("%3: f32[n] = exp %2\n%4: f32[n] = sub %3, %2\nstore y[%0, :] = %4", false);
        assert!(!looked_up(&twice) && copied(&twice));
        // Unless the rows of a batch turn out to lie one after the other.
        let window = |steps: &[Step]| {
            steps.iter().any(|s| matches!(s, Step::Transfer(load) if load.window.is_some()))
        };
        assert!(window(&twice) && !window(&careful));
    }

    #[test]
    fn windows_are_read_where_they_lie() {
        let transfers = |batch_apart: usize, careful: bool| {
            let text = "kernel shifted(x: in f32[time, n, 3], y: out f32[time, n, 3])
                grid time
                %0: i32 = program 0
                %1: i32 = const -1
                %2: i32 = add %0, %1
                %3: f32[1, n, 3] = load x[%2..+1, :, :]
                %4: f32[1, n, 3] = exp %3
                store y[%0..+1, :, :] = %4";
            let program = tilewright_ir::text::parse(text).unwrap();
            let analysis = Analysis::of(&program);
            let n = 20;
            let of = |row: usize| vec![vec![(100, row as isize)], vec![(n, 12)], vec![(3, 4)]];
            let request = Request {
                program: &program,
                analysis: &analysis,
                level: Level::Portable,
                dims: &[100, n],
                grid: &[100],
                tensors: &[of(12 * n * batch_apart), of(12 * n)],
                careful: &[careful; 2],
                overlapping: &[careful; 2],
                stream: false,
                native: false,
                batch: 1,
                main: None,
            };
            let steps = bind(Request { batch: 16, ..request }).unwrap().passes.swap_remove(0);
            let transfer = |step: Step| match step {
                Step::Transfer(transfer) => Some(*transfer),
                _ => None,
            };
            steps.blocks.into_iter().find_map(transfer).unwrap()
        };
        let near = transfers(1, false);
        assert!(near.window.is_some());
        // A run that may begin before the tensor, of whole rows: 100 of 60 elements.
        assert_eq!((near.axes.len(), near.axes[0].extent), (1, 6000));
        // Rows apart, whose programs' windows are not where a batch's copies would be; what is written meanwhile.
        assert!(transfers(2, false).window.is_none());
        assert!(transfers(1, true).window.is_none());
    }

    #[test]
    fn rows_that_the_second_cache_holds_are_whole_where_native_code_goes_over_them() {
        let level = Level::best();
        if !crate::native::runs_here(level) {
            return;
        }
        let text = "kernel softmax(x: in f32[rows, n], y: out f32[rows, n])
            grid rows
            %0: i32 = program 0
            %1: f32[n] = load x[%0, :]
            %2: f32[1] = reduce_max %1 axis 0
            %3: f32[n] = sub %1, %2
            %4: f32[n] = exp %3
            %5: f32[1] = reduce_sum %4 axis 0
            %6: f32[n] = div %4, %5
            store y[%0, :] = %6";
        let program = tilewright_ir::text::parse(text).unwrap();
        let analysis = Analysis::of(&program);
        let blocks = |n: usize, native: bool| {
            let rows = vec![vec![(100, 4 * n as isize)], vec![(n, 4)]];
            let request = Request {
                program: &program,
                analysis: &analysis,
                level,
                dims: &[100, n],
                grid: &[100],
                tensors: &[rows.clone(), rows],
                careful: &[false; 2],
                overlapping: &[false; 2],
                stream: true,
                native,
                batch: 1,
                main: None,
            };
            Schedule::choose(request, 2).bound.main
        };
        assert_eq!(blocks(32000, true), (1, 1));
        assert_eq!(blocks(32000, false), (32000, BLOCK));
        assert_eq!(blocks(128256, true), (128256, BLOCK));
    }
}
