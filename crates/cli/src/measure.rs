//! Clocks: how long a call takes, and how fast this machine copies memory.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// What repeated runs of one call took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Half the runs were faster.
    pub median: f64,
    /// The fastest run.
    pub least: f64,
    /// (third quartile - first quartile) / median, in percent: how far to trust the median.
    pub spread: f64,
    /// How often it ran.
    pub runs: usize,
}

impl Timing {
    fn of(mut runs: Vec<f64>) -> Timing {
        runs.sort_by(f64::total_cmp);
        let at = |share: f64| runs[((runs.len() - 1) as f64 * share).round() as usize];
        let median = at(0.5);
        let spread = if median > 0.0 { (at(0.75) - at(0.25)) / median * 100.0 } else { 0.0 };
        Timing { median, least: at(0.0), spread, runs: runs.len() }
    }
}

/// How long one measurement may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Runs at least, after one that is not counted.
    pub runs: usize,
    /// More runs until this much time has passed.
    pub time: Duration,
}

/// Runs `call` within `budget` and tells what it took.
///
/// # Errors
/// The first error of `call`.
pub fn time<E>(budget: Budget, mut call: impl FnMut() -> Result<(), E>) -> Result<Timing, E> {
    call()?;
    let started = Instant::now();
    let mut runs = Vec::new();
    while runs.len() < budget.runs.max(1) || started.elapsed() < budget.time {
        let start = Instant::now();
        call()?;
        runs.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Timing::of(runs))
}

/// Bytes read plus bytes written per second by the best of several copies of `bytes` bytes with all cores.
///
/// The rate depends on where the bytes live, so measure with as many as the work that is compared moves. It is the
/// library's own block copy that is timed.
pub fn copy_bandwidth(bytes: usize) -> f64 {
    const COPIES: usize = 16;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    let part = bytes.div_ceil(threads).max(1);
    let parts = to.len().div_ceil(part);
    let barrier = Barrier::new(parts);
    let mut least = f64::INFINITY;
    std::thread::scope(|scope| {
        let mut timer = Some(&mut least);
        for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
            // One of the threads keeps the time from the moment that all are ready until all are done.
            let (mut timer, barrier) = (timer.take(), &barrier);
            scope.spawn(move || {
                for _ in 0..COPIES {
                    barrier.wait();
                    let start = Instant::now();
                    to.copy_from_slice(from);
                    std::hint::black_box(&mut *to);
                    barrier.wait();
                    if let Some(least) = &mut timer {
                        **least = least.min(start.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    2.0 * bytes as f64 / least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles() {
        let timing = Timing::of(vec![5.0, 1.0, 2.0, 4.0, 3.0]);
        assert_eq!((timing.median, timing.least, timing.runs), (3.0, 1.0, 5));
        assert!((timing.spread - 200.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn calls_are_counted_and_errors_stop() {
        let mut calls = 0;
        let budget = Budget { runs: 3, time: Duration::ZERO };
        let timing = time(budget, || {
            calls += 1;
            Ok::<(), ()>(())
        });
        assert_eq!((calls, timing.map(|t| t.runs)), (4, Ok(3)));
        assert_eq!(time(budget, || Err("no")), Err("no"));
    }

    #[test]
    fn copies_are_measured() {
        let rate = copy_bandwidth(1 << 20);
        assert!(rate.is_finite() && rate > 1e6, "{rate}");
    }
}
