//! What it costs to start kernels: alone, and as a recording.

use crate::bench::{Bench, Budget, Outputs, Timing, timed};
use std::sync::Arc;
use std::time::Instant;
use tilewright_ir::DType;
use tilewright_kernels::{Case, find};
use tilewright_runtime::{Error, Result, Runtime};

/// Launches that are started before the device is waited for: fewer than a driver queues.
const BATCH: usize = 200;

/// Launches of the recording: those of a decoder of 48 layers with ten kernels each.
const RECORDED: usize = 480;

/// Costs in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaunchCost {
    /// Of the host, to start one kernel without waiting.
    pub launch: Timing,
    /// To start one kernel and wait for it.
    pub call: Timing,
    /// Of a kernel in a recording, from its start to its end, by the device's clock where it has one.
    pub recorded: Timing,
    /// Of the host, to start the whole recording.
    pub start: Timing,
    /// Of the host, to change one number of a recorded kernel.
    pub change: Timing,
    /// Launches of the recording.
    pub kernels: usize,
    /// The device runs the recording without the host.
    pub is_captured: bool,
}

/// Times launches of a kernel that has next to nothing to do.
///
/// # Errors
/// When it does not compile or run.
pub fn time_launches(runtime: &Arc<Runtime>, budget: Budget) -> Result<LaunchCost> {
    let entry = find("softcap").ok_or_else(|| Error::failure("the catalog has no softcap"))?;
    let case = Case::of(&[("n", 256)]);
    let mut bench = Bench::new(runtime, entry, &case, DType::F32, Outputs::Preallocated)?;
    bench.run()?;
    let micro = |start: Instant| start.elapsed().as_secs_f64() * 1e6;
    let repeat = |run: &mut dyn FnMut() -> Result<f64>| -> Result<Timing> {
        let started = Instant::now();
        run()?;
        let mut runs = Vec::new();
        while runs.len() < budget.runs.max(1) || started.elapsed() < budget.time {
            runs.push(run()?);
        }
        Ok(Timing::of(runs))
    };
    let launch = repeat(&mut || {
        let start = Instant::now();
        for _ in 0..BATCH {
            // SAFETY: the tensors stay in `bench`, and the device is waited for below.
            unsafe { bench.enqueue() }?;
        }
        let took = micro(start) / BATCH as f64;
        runtime.synchronize()?;
        Ok(took)
    })?;
    let call = repeat(&mut || {
        let start = Instant::now();
        // SAFETY: as above.
        unsafe { bench.enqueue() }?;
        runtime.synchronize()?;
        Ok(micro(start))
    })?;
    // SAFETY: the tensors stay in `bench`, which outlives the recording.
    let (mut recording, ()) =
        unsafe { runtime.record(|| (0..RECORDED).try_for_each(|_| bench.enqueue())) }?;
    let recorded = repeat(&mut || {
        let took = timed(&**runtime.device(), Instant::now(), &mut || {
            // SAFETY: as above.
            unsafe { recording.enqueue() }
        })?;
        Ok(took * 1e6 / RECORDED as f64)
    })?;
    let start = repeat(&mut || {
        let start = Instant::now();
        // SAFETY: as above.
        unsafe { recording.enqueue() }?;
        let took = micro(start);
        runtime.synchronize()?;
        Ok(took)
    })?;
    let mut cap = 30.0;
    let change = repeat(&mut || {
        let start = Instant::now();
        cap += 1.0;
        let changed = recording.set_scalars("cap", cap)?;
        Ok(micro(start) / changed.max(1) as f64)
    })?;
    let is_captured = recording.is_captured();
    Ok(LaunchCost { launch, call, recorded, start, change, kernels: RECORDED, is_captured })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_cost_is_measured() {
        let runtime = Runtime::open("null").unwrap();
        let cost = time_launches(&runtime, Budget { runs: 3, time: Duration::ZERO }).unwrap();
        assert!(!cost.is_captured);
        for timing in [cost.launch, cost.call, cost.recorded, cost.start, cost.change] {
            assert_eq!(timing.runs, 3);
            assert!(timing.median > 0.0);
        }
    }
}
