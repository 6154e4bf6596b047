//! What runs the work of all programs of a device: its threads and their memory.

use crate::ahead::{Next, Order, Reads};
use crate::execute::{Fault, Launch, Machine, Scratch};
use crate::memory::Block;
use crate::pool::{Chunks, Pool};
use crate::product::{Resources, Stopped};
use crate::schedule::{Cut, Schedule};
use crate::simd::Level;
use crate::simd::amx::Amx;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What all programs of a device share.
pub struct Engine {
    /// Whose instructions.
    pub level: Level,
    /// Matrix tiles, where they may be used.
    pub tiles: Option<Amx>,
    pub pool: Pool,
    /// Bytes of outputs from which they are written past the caches.
    pub stream_from: usize,
    /// Chains of maps become native code.
    pub native: bool,
    /// Which products with packed weights follow each other.
    order: Order,
    /// One a thread of the pool.
    workers: Vec<Mutex<Worker>>,
    /// Panels of products.
    panels: Mutex<Option<Block>>,
}

#[derive(Default)]
struct Worker {
    frame: Option<Block>,
    scratch: [Scratch; 2],
}

/// Why a launch failed.
pub enum Failure {
    Fault(Box<Fault>),
    Panicked,
    Memory(usize),
}

impl Engine {
    /// An engine of these threads.
    pub fn new(
        (level, tiles): (Level, Option<Amx>),
        pool: Pool,
        stream_from: usize,
        native: bool,
    ) -> Engine {
        let workers = (0..pool.threads()).map(|_| Mutex::default()).collect();
        let (order, panels) = (Order::default(), Mutex::default());
        Engine { level, tiles, pool, stream_from, native, order, workers, panels }
    }

    /// Does what needs threads and memory, but no schedule.
    ///
    /// # Errors
    /// When that was stopped.
    pub fn with_resources(
        &self,
        work: impl FnOnce(&Resources<'_>) -> Result<(), Stopped>,
    ) -> Result<(), Failure> {
        let own = |worker: usize, work: &mut dyn FnMut(&mut Option<Block>)| {
            let mut worker = self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut worker.frame);
        };
        let (pool, level, shared) = (&self.pool, self.level, &self.panels);
        let (order, tiles) = (&self.order, self.tiles);
        work(&Resources { pool, level, order, tiles, shared, own: &own }).map_err(|stopped| {
            match stopped {
                Stopped::Memory(bytes) => Failure::Memory(bytes),
                Stopped::Panicked => Failure::Panicked,
            }
        })
    }

    /// What is read of packed weights in these ranges of addresses, by a schedule whose chunks are so many units.
    fn reads(&self, schedule: &Schedule, packed: &[(usize, usize)], take: usize) -> Option<Reads> {
        let (&last, outer) = schedule.grid.split_last()?;
        let even = schedule.single.is_none() && outer.iter().all(|extent| *extent == 1);
        if !even || schedule.cut != Cut::Programs {
            return None;
        }
        let of_chunk = schedule.bound.batch * take;
        let chunks = last.div_ceil(of_chunk);
        let largest = packed.iter().max_by_key(|(start, end)| end - start)?.0;
        let mut reads = Reads::new(largest as *const u8, chunks, self.pool.runs(chunks));
        for &(start, end) in packed {
            // What is not larger than the results is no weights.
            let of_program = (end - start) / last;
            if of_program >= 16 {
                let of_chunk = of_program * of_chunk;
                reads.push(start as *const u8, of_chunk as isize, of_chunk);
            }
        }
        Some(reads)
    }

    /// Runs a schedule on the pool, which reads packed weights in these ranges of addresses.
    ///
    /// # Safety
    /// As [`Machine::new`], for all programs of the schedule.
    ///
    /// # Errors
    /// When a program failed, a thread panicked, or there is no memory.
    pub unsafe fn run(
        &self,
        schedule: &Schedule,
        launch: &Launch<'_>,
        packed: &[(usize, usize)],
    ) -> Result<(), Failure> {
        let units = schedule.units();
        if units == 0 {
            return Ok(());
        }
        let take = schedule.units_of_chunk(self.pool.threads());
        let chunks = units.div_ceil(take);
        let own = self.reads(schedule, packed, take);
        let next = own.map_or(Next::default(), |own| self.order.note(&own));
        // The earliest unit that failed, and how.
        let failed = AtomicUsize::new(usize::MAX);
        let failure: Mutex<Option<(usize, Failure)>> = Mutex::new(None);
        let fail = |unit: usize, found: Failure| {
            let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
            if failure.as_ref().is_none_or(|(earlier, _)| unit < *earlier) {
                *failure = Some((unit, found));
            }
            failed.fetch_min(unit, Ordering::Relaxed);
        };
        let work = |worker: usize, taken: Chunks<'_>| {
            let mut worker = self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let worker = &mut *worker;
            let first = schedule.bound.frame.next_multiple_of(64);
            let need = first + schedule.single.as_ref().map_or(0, |bound| bound.frame);
            if worker.frame.as_ref().is_none_or(|frame| frame.size() < need) {
                match Block::new(need) {
                    Ok(frame) => worker.frame = Some(frame),
                    Err(_) => return fail(0, Failure::Memory(need)),
                }
            }
            let Some(frame) = worker.frame.as_ref().map(|frame| frame.start().as_ptr()) else {
                return;
            };
            let [for_batches, for_singles] = &mut worker.scratch;
            // SAFETY: the caller's promise; the frame holds both bound programs', one behind the other.
            let batches = unsafe { Machine::new(&schedule.bound, launch, for_batches, frame) };
            let mut batches = match batches {
                Ok(machine) => machine,
                Err(fault) => return fail(0, Failure::Fault(fault)),
            };
            let mut singles = None;
            if let Some(bound) = &schedule.single {
                let frame = frame.wrapping_add(first);
                // SAFETY: as above.
                match unsafe { Machine::new(bound, launch, for_singles, frame) } {
                    Ok(machine) => singles = Some(machine),
                    Err(fault) => return fail(0, Failure::Fault(fault)),
                }
            }
            for chunk in taken {
                // What comes after a failure is not needed; what comes before it may fail too.
                for unit in chunk * take..units.min((chunk + 1) * take) {
                    if unit > failed.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Err(fault) = run_unit(schedule, &mut batches, singles.as_mut(), unit) {
                        fail(unit, Failure::Fault(fault));
                        break;
                    }
                }
            }
            fence();
        };
        if self.pool.share(chunks, next, &work).is_err() {
            return Err(Failure::Panicked);
        }
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), |(_, failure)| Err(failure))
    }
}

fn run_unit(
    schedule: &Schedule,
    batches: &mut Machine<'_>,
    singles: Option<&mut Machine<'_>>,
    unit: usize,
) -> Result<(), Box<Fault>> {
    if schedule.cut == Cut::Blocks {
        return batches.run_alone(unit);
    }
    let (whole, rest) = schedule.units_along_last();
    let last = schedule.grid.last().copied().unwrap_or(1);
    let (outer, along) = (unit / (whole + rest), unit % (whole + rest));
    match along.checked_sub(whole) {
        None => batches.run(outer * last + along * schedule.bound.batch),
        Some(left) => {
            let number = outer * last + whole * schedule.bound.batch + left;
            singles.map_or(Ok(()), |machine| machine.run(number))
        }
    }
}

/// Makes stores past the caches visible before others read what was written.
pub(crate) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}
