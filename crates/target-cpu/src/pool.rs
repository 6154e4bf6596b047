//! A pool of threads that share the chunks of one job at a time.
//!
//! Which thread takes which chunk is left to chance; results must not depend on it. Chunks are taken in their order, or each
//! thread begins with a run of neighbours of its own, so that it reads memory from one end to the other. Between jobs the
//! workers spin for a while, because the next launch usually follows at once, and then sleep.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};

/// The number of polls before a worker sleeps, some 20 microseconds.
const SPINS: u32 = 4_000;

/// What a job does with one chunk: arguments are the worker's number (0 is the caller) and the chunk's.
type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// See the [module](self).
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held during a job: there is one at a time.
    busy: Mutex<()>,
}

struct Shared {
    /// Job number in the upper half; in the lower half `OPEN` while workers may join, plus how many have.
    gate: AtomicU64,
    /// Workers that have left the present job.
    left: AtomicUsize,
    /// The next chunk to take of each run of neighbours; there are as many as threads at most.
    next: Vec<Next>,
    panicked: AtomicBool,
    stop: AtomicBool,
    job: Mutex<Job>,
}

/// A counter that shares its cache line with nothing.
#[derive(Default)]
#[repr(align(128))]
struct Next(AtomicUsize);

#[derive(Clone)]
struct Job {
    work: *const Work<'static>,
    chunks: usize,
    runs: usize,
    caller: Option<Thread>,
}

// SAFETY: the pointer is followed only between joining and leaving an open job, while its owner waits.
unsafe impl Send for Job {}

const OPEN: u64 = 1 << 31;
const JOINED: u64 = OPEN - 1;

/// A chunk of a job panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

impl Pool {
    /// A pool of `threads` threads, the caller's among them; at least one.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(0),
            left: AtomicUsize::new(0),
            next: (0..threads.max(1)).map(|_| Next::default()).collect(),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            job: Mutex::new(Job { work: &|_, _| {}, chunks: 0, runs: 1, caller: None }),
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

    /// Calls `work` once for each chunk in `0..chunks`, on all threads, and returns when all is done.
    ///
    /// `work` may not start a job on the same pool.
    ///
    /// # Errors
    /// When a chunk panicked; the other chunks were still done.
    pub fn run(&self, chunks: usize, work: &Work<'_>) -> Result<(), Panicked> {
        self.run_in(1, chunks, work)
    }

    /// As [`run`](Self::run), but each thread begins with chunks that are neighbours, and helps the others when it has none
    /// left: for chunks of much memory, one behind the other.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_apart(&self, chunks: usize, work: &Work<'_>) -> Result<(), Panicked> {
        self.run_in(self.threads().min(chunks).max(1), chunks, work)
    }

    fn run_in(&self, runs: usize, chunks: usize, work: &Work<'_>) -> Result<(), Panicked> {
        let _busy = lock(&self.busy);
        let shared = &*self.shared;
        shared.panicked.store(false, Ordering::Relaxed);
        for (run, next) in shared.next[..runs].iter().enumerate() {
            next.0.store(start(run, runs, chunks), Ordering::Relaxed);
        }
        if chunks <= 1 || self.workers.is_empty() {
            shared.take_chunks(0, [runs, chunks], work);
            return shared.verdict();
        }
        // SAFETY: only the lifetime changes. Workers follow the pointer only inside the job, and this call ends the
        // job and waits for all who joined it before it returns.
        let work_pointer =
            unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        *lock(&shared.job) =
            Job { work: work_pointer, chunks, runs, caller: Some(std::thread::current()) };
        shared.left.store(0, Ordering::Relaxed);
        let number = (shared.gate.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        shared.gate.store(number << 32 | OPEN, Ordering::Release);
        for worker in self.workers.iter().take(chunks - 1) {
            worker.thread().unpark();
        }
        shared.take_chunks(0, [runs, chunks], work);
        // Those still asleep need not be waited for.
        let joined = (shared.gate.fetch_and(!OPEN, Ordering::AcqRel) & JOINED) as usize;
        let mut spins = 0;
        while shared.left.load(Ordering::Acquire) < joined {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::park() }
        }
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
        loop {
            let gate = self.gate.load(Ordering::Acquire);
            if gate & OPEN != 0 && gate >> 32 != last {
                let joined = gate + 1;
                if self
                    .gate
                    .compare_exchange(gate, joined, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
                {
                    last = gate >> 32;
                    spins = 0;
                    let job = lock(&self.job).clone();
                    // SAFETY: the job is open and this worker has joined it, so `run` waits for it to leave.
                    self.take_chunks(number, [job.runs, job.chunks], unsafe { &*job.work });
                    self.left.fetch_add(1, Ordering::AcqRel);
                    if let Some(caller) = job.caller {
                        caller.unpark();
                    }
                }
                continue;
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::park();
                spins = 0;
            }
        }
    }

    fn take_chunks(&self, worker: usize, [runs, chunks]: [usize; 2], work: &Work<'_>) {
        // Its own run first, then those of the others.
        for run in (0..runs).map(|k| (worker + k) % runs) {
            let end = start(run + 1, runs, chunks);
            loop {
                let chunk = self.next[run].0.fetch_add(1, Ordering::Relaxed);
                if chunk >= end {
                    break;
                }
                if catch_unwind(AssertUnwindSafe(|| work(worker, chunk))).is_err() {
                    self.panicked.store(true, Ordering::Release);
                }
            }
        }
    }

    fn verdict(&self) -> Result<(), Panicked> {
        if self.panicked.load(Ordering::Acquire) { Err(Panicked) } else { Ok(()) }
    }
}

/// The first chunk of a run, of so many runs of nearly the same length.
fn start(run: usize, runs: usize, chunks: usize) -> usize {
    chunks / runs * run + run.min(chunks % runs)
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
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads);
            for chunks in [0, 1, 2, 3, 100] {
                for round in 0..100 {
                    let counts: Vec<AtomicUsize> =
                        (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                    let count = |worker, chunk: usize| {
                        assert!(worker < threads);
                        counts[chunk].fetch_add(1, Ordering::Relaxed);
                    };
                    match round % 2 {
                        0 => pool.run(chunks, &count).unwrap(),
                        _ => pool.run_apart(chunks, &count).unwrap(),
                    }
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
                }
            }
        }
    }

    #[test]
    fn a_panic_is_reported_and_the_pool_goes_on() {
        let pool = Pool::new(3);
        let done = AtomicUsize::new(0);
        let result = pool.run(20, &|_, chunk| {
            done.fetch_add(1, Ordering::Relaxed);
            assert_ne!(chunk, 7);
        });
        assert_eq!(result, Err(Panicked));
        assert_eq!(done.load(Ordering::Relaxed), 20);
        assert_eq!(pool.run(20, &|_, _| {}), Ok(()));
    }

    #[test]
    fn workers_wake_from_sleep() {
        let pool = Pool::new(2);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let both = std::sync::Barrier::new(2);
            pool.run(2, &|_, _| {
                both.wait();
            })
            .unwrap();
        }
    }
}
