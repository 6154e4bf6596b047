//! What it takes from an author's function to the first result.

use crate::bench::{Bench, Budget, Outputs, Timing};
use std::sync::Arc;
use std::time::Instant;
use tilewright_ir::DType;
use tilewright_kernels::{Case, Entry};
use tilewright_runtime::{Result, Runtime};

/// What the stations of a first call took, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Compilation {
    /// The kernel.
    pub kernel: &'static str,
    /// Running the author's function.
    pub record: Timing,
    /// Validation, passes, and what the device compiles before it knows sizes.
    pub compile: Timing,
    /// The first call: what the device does once it knows sizes, and running a case so small that it is next to
    /// nothing.
    pub first_call: Timing,
    /// All of these.
    pub total: Timing,
}

/// Times the stations of a kernel's first call on the device of `runtime`, each time with an empty cache, on the
/// smallest of its cases.
///
/// # Errors
/// When the kernel does not record, compile or run.
pub fn time_compilation(
    runtime: &Runtime,
    entry: &'static Entry,
    dtype: DType,
    budget: Budget,
) -> Result<Option<Compilation>> {
    let elements = |case: &Case| case.sizes.iter().map(|(_, size)| *size).product::<usize>();
    let full = entry.cases.iter().filter(|case| elements(case) > 0);
    let Some(case) = full.min_by_key(|case| elements(case)) else { return Ok(None) };
    let mut stations: [Vec<f64>; 4] = Default::default();
    let started = Instant::now();
    while stations[0].len() < budget.runs.max(1) || started.elapsed() < budget.time {
        let empty = Arc::new(Runtime::new(runtime.target(), runtime.device().clone()));
        let mut bench = Bench::new(&empty, entry, case, dtype, Outputs::Preallocated)?;
        let first_call = bench.run()?;
        let (record, compile) = bench.preparation();
        let took = [record, compile, first_call, record + compile + first_call];
        stations.iter_mut().zip(took).for_each(|(station, took)| station.push(took));
    }
    let [record, compile, first_call, total] = stations.map(Timing::of);
    Ok(Some(Compilation { kernel: entry.name, record, compile, first_call, total }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_run_compiles_anew() {
        let device = Runtime::open("null").unwrap().device().clone();
        let runtime = Runtime::new("null", device);
        let softmax = tilewright_kernels::find("softmax").unwrap();
        let budget = Budget { runs: 3, time: Duration::ZERO };
        let took = time_compilation(&runtime, softmax, DType::F32, budget).unwrap().unwrap();
        assert_eq!((took.kernel, took.total.runs), ("softmax", 3));
        assert!(took.record.least > 0.0 && took.compile.least > 0.0);
        assert!(took.total.least >= took.record.least + took.compile.least);
        assert_eq!(runtime.stats().misses, 0, "caches of their own");
    }
}
