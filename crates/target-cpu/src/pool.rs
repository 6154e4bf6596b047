//! A pool of threads that share the chunks of one job at a time.
//!
//! Which thread takes which chunk is left to chance; results must not depend on it. Chunks are cut into runs of neighbours:
//! a thread begins with those of its own run, in their order, and helps the others when there are none left. Between jobs
//! the workers spin for a while, because the next launch usually follows at once, and then sleep.

use crate::ahead::{Fetching, Next, start};
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};

/// The number of polls before a thread sleeps, some 20 microseconds.
const SPINS: u32 = 4_000;

/// Up to so many threads each have a run of their own, so that each reads memory from one end to the other: two threads of a
/// Zen 4 that took blocks of 32 KiB in turn read 26 GB/s of packed weights, and 33 with a half each.
const ALONE: usize = 4;

/// More threads share a run by so many: where each has its own, looking through all others' at the end takes longer than short
/// chunks; where all share one, so does its cache line, which each has to own in turn.
const SHARE_A_RUN: usize = 4;

/// What a thread does in a job: arguments are the worker's number (0 is the caller) and the chunks that fall to it.
type Work<'a> = dyn Fn(usize, Chunks<'_>) + Sync + 'a;

/// What a job does with one chunk: arguments are the worker's number and the chunk's.
type OneChunk<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// See the [module](self).
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held during a job: there is one at a time.
    busy: Mutex<()>,
}

/// What the threads of a pool have in common. With many threads a launch costs what its shared cache lines cost: each
/// thread writes to `gate` and `left` once a job, and to nothing else while nobody sleeps.
struct Shared {
    /// Job number in the upper half; in the lower half `OPEN` while workers may join, plus how many have.
    gate: Apart<AtomicU64>,
    /// Workers that have left the present job.
    left: Apart<AtomicUsize>,
    /// The next chunk to take of each run of neighbours; there are as many as threads at most.
    next: Vec<Apart<AtomicUsize>>,
    /// Written by a job's owner while the gate is closed, read by those who joined.
    job: UnsafeCell<Job>,
    panicked: AtomicBool,
    stop: AtomicBool,
    /// Bytes that a thread fetches of what comes next.
    room: usize,
    /// Workers that sleep or are about to.
    asleep: AtomicUsize,
    /// The owner of the job, while it sleeps or is about to.
    waiting: AtomicBool,
    owner: Mutex<Option<Thread>>,
}

/// Shares its cache line with nothing.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Clone, Copy)]
struct Job {
    work: *const Work<'static>,
    chunks: usize,
    runs: usize,
    /// What comes next.
    next: Next,
}

// SAFETY: `job` is written only by the holder of `Pool::busy` while the gate is closed and nobody is inside, and read,
// its pointer followed, only between joining and leaving an open job, while its owner waits.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

const OPEN: u64 = 1 << 31;
const JOINED: u64 = OPEN - 1;

/// A chunk of a job panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

impl Pool {
    /// A pool of `threads` threads, the caller's among them, at least one, which fetch so many bytes of what comes next.
    pub fn new(threads: usize, room: usize) -> Self {
        let shared = Arc::new(Shared {
            gate: Apart::default(),
            left: Apart::default(),
            next: (0..threads.max(1)).map(|_| Apart::default()).collect(),
            job: UnsafeCell::new(Job {
                work: &|_, _| {},
                chunks: 0,
                runs: 1,
                next: Next::default(),
            }),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            room,
            asleep: AtomicUsize::new(0),
            waiting: AtomicBool::new(false),
            owner: Mutex::new(None),
        });
        // A thread that the system refuses is done without.
        let workers = (1..threads)
            .map_while(|number| {
                let shared = shared.clone();
                std::thread::Builder::new()
                    .name(format!("tilewright-{number}"))
                    .spawn(move || shared.serve(number))
                    .ok()
            })
            .collect();
        Pool { shared, workers, busy: Mutex::new(()) }
    }

    /// Threads that work on a job, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once on each thread that finds one of the chunks in `0..chunks` left, and returns when all is done. A
    /// call has to take chunks until there are no more.
    ///
    /// `work` may not start a job on the same pool.
    ///
    /// # Errors
    /// When a call panicked; the others went on.
    pub fn share(&self, chunks: usize, next: Next, work: &Work<'_>) -> Result<(), Panicked> {
        self.run_in(self.runs(chunks), chunks, next, work)
    }

    /// Calls `work` with the worker's number and the chunk's, once for each chunk in `0..chunks`.
    ///
    /// # Errors
    /// When a chunk panicked; the other chunks were still done.
    pub fn run(&self, chunks: usize, next: Next, work: &OneChunk<'_>) -> Result<(), Panicked> {
        self.one_by_one(self.runs(chunks), chunks, next, work)
    }

    /// As [`run`](Self::run), but each thread has a run of its own: for chunks of much memory, one behind the other.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_apart(
        &self,
        chunks: usize,
        next: Next,
        work: &OneChunk<'_>,
    ) -> Result<(), Panicked> {
        self.one_by_one(self.runs_apart(chunks), chunks, next, work)
    }

    /// The threads are few, and none of them sleeps: to share even little work costs less than doing it alone.
    pub fn is_at_hand(&self) -> bool {
        !self.workers.is_empty()
            && self.threads() <= ALONE
            && self.shared.asleep.load(Ordering::Relaxed) == 0
    }

    /// The runs in which chunks are cut where each thread has its own.
    pub fn runs_apart(&self, chunks: usize) -> usize {
        self.threads().min(chunks).max(1)
    }

    /// The runs in which chunks are cut.
    pub fn runs(&self, chunks: usize) -> usize {
        let threads = self.threads().min(chunks).max(1);
        if threads <= ALONE { threads } else { threads.div_ceil(SHARE_A_RUN) }
    }

    fn one_by_one(
        &self,
        runs: usize,
        chunks: usize,
        next: Next,
        work: &OneChunk<'_>,
    ) -> Result<(), Panicked> {
        let each = |worker: usize, taken: Chunks<'_>| {
            for chunk in taken {
                if catch_unwind(AssertUnwindSafe(|| work(worker, chunk))).is_err() {
                    self.shared.panicked.store(true, Ordering::Release);
                }
            }
        };
        self.run_in(runs, chunks, next, &each)
    }

    fn run_in(
        &self,
        runs: usize,
        chunks: usize,
        next: Next,
        work: &Work<'_>,
    ) -> Result<(), Panicked> {
        let _busy = lock(&self.busy);
        let shared = &*self.shared;
        shared.panicked.store(false, Ordering::Relaxed);
        for (run, next) in shared.next[..runs].iter().enumerate() {
            next.0.store(start(run, runs, chunks), Ordering::Relaxed);
        }
        if chunks <= 1 || self.workers.is_empty() {
            shared.work(0, [runs, chunks], work);
            return shared.verdict();
        }
        // SAFETY: only the lifetime changes. Workers follow the pointer only inside the job, and this call ends the
        // job and waits for all who joined it before it returns.
        let work_pointer =
            unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: the gate is closed, and the call before has waited for all who had joined.
        unsafe { *shared.job.get() = Job { work: work_pointer, chunks, runs, next } };
        shared.left.0.store(0, Ordering::Relaxed);
        let number = (shared.gate.0.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        // Either a worker that goes to sleep sees this number, or it is seen in `asleep`: hence the one order of all.
        shared.gate.0.store(number << 32 | OPEN, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) > 0 {
            for worker in self.workers.iter().take(chunks - 1) {
                worker.thread().unpark();
            }
        }
        shared.work(0, [runs, chunks], work);
        // Those still asleep need not be waited for.
        let joined = (shared.gate.0.fetch_and(!OPEN, Ordering::AcqRel) & JOINED) as usize;
        shared.wait(joined, next);
        shared.verdict()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn serve(&self, number: usize) {
        let mut last = 0;
        let mut spins = 0;
        let mut fetching: Option<Fetching> = None;
        loop {
            if self.calls(last) {
                // More may have joined a job that has ended meanwhile: only the count at its end is read.
                let gate = self.gate.0.fetch_add(1, Ordering::AcqRel);
                if gate & OPEN != 0 {
                    last = gate >> 32;
                    spins = 0;
                    // SAFETY: the job is open and this worker has joined it, so its owner waits for it to leave.
                    unsafe {
                        let job = *self.job.get();
                        self.work(number, [job.runs, job.chunks], &*job.work);
                        if !job.next.is_empty() {
                            fetching = Some(Fetching::new(job.next, number, self.room));
                        }
                    }
                    self.leave();
                }
                continue;
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if let Some(some) = &mut fetching {
                if !some.some() {
                    fetching = None;
                }
                continue;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
                continue;
            }
            self.asleep.fetch_add(1, Ordering::SeqCst);
            if !self.calls(last) && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep.fetch_sub(1, Ordering::SeqCst);
            spins = 0;
        }
    }

    /// Whether a job after the one with this number may be joined.
    fn calls(&self, last: u64) -> bool {
        let gate = self.gate.0.load(Ordering::SeqCst);
        gate & OPEN != 0 && gate >> 32 != last
    }

    /// The last that a worker does in a job: its owner may return and begin the next.
    fn leave(&self) {
        self.left.0.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst)
            && let Some(owner) = &*lock(&self.owner)
        {
            owner.unpark();
        }
    }

    /// Waits until so many workers have left.
    fn wait(&self, joined: usize, next: Next) {
        let mut fetching = Fetching::new(next, 0, self.room);
        for _ in 0..SPINS {
            if self.left.0.load(Ordering::Acquire) >= joined {
                return;
            }
            if !fetching.some() {
                std::hint::spin_loop();
            }
        }
        *lock(&self.owner) = Some(std::thread::current());
        self.waiting.store(true, Ordering::SeqCst);
        while self.left.0.load(Ordering::SeqCst) < joined {
            std::thread::park();
        }
        self.waiting.store(false, Ordering::Relaxed);
    }

    fn work(&self, worker: usize, [runs, chunks]: [usize; 2], work: &Work<'_>) {
        let mut chunks =
            Chunks { next: &self.next[..runs], chunks, own: worker % runs, done: 0, first: None };
        // Who comes late to a short job has nothing to prepare for.
        chunks.first = chunks.next();
        if chunks.first.is_none() {
            return;
        }
        if catch_unwind(AssertUnwindSafe(|| work(worker, chunks))).is_err() {
            self.panicked.store(true, Ordering::Release);
        }
    }

    fn verdict(&self) -> Result<(), Panicked> {
        if self.panicked.load(Ordering::Acquire) { Err(Panicked) } else { Ok(()) }
    }
}

/// The chunks that fall to one thread, taken one by one: of its own run first, then of the others'.
pub struct Chunks<'a> {
    /// One counter for each run.
    next: &'a [Apart<AtomicUsize>],
    chunks: usize,
    own: usize,
    /// Runs that have nothing left.
    done: usize,
    /// A chunk that is taken already.
    first: Option<usize>,
}

impl Iterator for Chunks<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let runs = self.next.len();
        while self.done < runs {
            let run = (self.own + self.done) % runs;
            let chunk = self.next[run].0.fetch_add(1, Ordering::Relaxed);
            if chunk < start(run + 1, runs, self.chunks) {
                return Some(chunk);
            }
            self.done += 1;
        }
        None
    }
}

/// Locks a mutex whose data a panic cannot leave half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_done_once() {
        for threads in [1, 2, 5, 9] {
            let pool = Pool::new(threads, 0);
            for chunks in [0, 1, 2, 3, 100] {
                for round in 0..100 {
                    let counts: Vec<AtomicUsize> =
                        (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                    let count = |worker, chunk: usize| {
                        assert!(worker < threads);
                        counts[chunk].fetch_add(1, Ordering::Relaxed);
                    };
                    match round % 2 {
                        0 => pool.share(chunks, Next::default(), &|worker, taken| {
                            taken.for_each(|c| count(worker, c))
                        }),
                        _ => pool.run_apart(chunks, Next::default(), &count),
                    }
                    .unwrap();
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
                }
            }
        }
    }

    #[test]
    fn a_panic_is_reported_and_the_pool_goes_on() {
        let pool = Pool::new(3, 0);
        let done = AtomicUsize::new(0);
        let result = pool.run_apart(20, Next::default(), &|_, chunk| {
            done.fetch_add(1, Ordering::Relaxed);
            assert_ne!(chunk, 7);
        });
        assert_eq!(result, Err(Panicked));
        assert_eq!(done.load(Ordering::Relaxed), 20);
        assert_eq!(pool.run_apart(20, Next::default(), &|_, _| {}), Ok(()));
        assert_eq!(
            pool.share(20, Next::default(), &|worker, _| assert_ne!(worker, 0)),
            Err(Panicked)
        );
        assert_eq!(pool.share(20, Next::default(), &|_, _| {}), Ok(()));
    }

    #[test]
    fn workers_wake_from_sleep() {
        let pool = Pool::new(2, 0);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let both = std::sync::Barrier::new(2);
            pool.share(2, Next::default(), &|_, _| {
                both.wait();
            })
            .unwrap();
        }
    }
}
