//! A kernel as a recorded step of a model runs it: one call behind the other, each on tensors that no cache holds.

use super::{Bench, Budget, FLUSH, Outputs, Timing, timed};
use std::time::Instant;
use tilewright_runtime::{Error, Result};

/// Bytes that the calls of a recording move at least, so that none finds in a cache what an earlier run left there.
const ROUND: u64 = 2 * FLUSH as u64;
/// Calls of a recording, however little one moves.
const CALLS: u64 = 64;

impl Bench {
    /// Records calls of copies of what `prepare` makes, and times one of them: the time of all by their number. Where the
    /// device can, it starts the next call while the one before ends, as it does in a model's step.
    ///
    /// # Errors
    /// Those of `prepare`, and what a launch reports.
    pub fn time_recorded(
        mut prepare: impl FnMut() -> Result<Bench>,
        budget: Budget,
    ) -> Result<(Bench, Timing)> {
        let first = prepare()?;
        let calls = ROUND.div_ceil(first.least_bytes().max(1)).clamp(2, CALLS);
        let mut benches = vec![first];
        for _ in 1..calls {
            benches.push(prepare()?);
        }
        let runtime = benches[0].runtime.clone();
        let enqueue = |benches: &mut Vec<Bench>| {
            // SAFETY: the tensors live until the recording is dropped, below.
            benches.iter_mut().try_for_each(|bench| unsafe { bench.enqueue() })
        };
        // SAFETY: as above.
        let (mut recording, ()) = unsafe { runtime.record(|| enqueue(&mut benches)) }?;
        let device = runtime.device().clone();
        let mut runs = Vec::new();
        let started = Instant::now();
        // The first is not counted.
        while runs.len() <= budget.runs.max(1) || started.elapsed() < budget.time {
            benches.iter_mut().try_for_each(Bench::rewind)?;
            let start = Instant::now();
            // SAFETY: nobody else touches the tensors, and `timed` waits for the work.
            let took = timed(&*device, start, &mut || unsafe { recording.replay() })?;
            runs.push(took * 1e3 / calls as f64);
        }
        drop(recording);
        let mut bench = benches.pop().ok_or_else(|| Error::failure("nothing was recorded"))?;
        bench.outputs = Outputs::Recorded;
        Ok((bench, Timing::of(runs.split_off(1))))
    }
}
