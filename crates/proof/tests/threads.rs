//! Results are the same bits, however many threads share the work.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_kernels::{CATALOG, Case};
use tilewright_proof::{Call, Layout, execute};
use tilewright_runtime::Runtime;
use tilewright_target_cpu::{CpuDevice, CpuOptions};

/// The product of a case's sizes is at most this: enough for several threads to have work.
const LARGEST: usize = 300_000;

#[test]
fn the_number_of_threads_changes_no_bit() {
    let runtimes = [1, 2, 5].map(|threads| {
        let device = CpuDevice::with(CpuOptions { threads, ..CpuOptions::default() });
        Arc::new(Runtime::new("cpu", Arc::new(device)))
    });
    let mut compared = 0;
    for entry in CATALOG {
        let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
        let volume = |case: &&Case| case.sizes.iter().map(|(_, size)| size).product::<usize>();
        // The largest that is not too large.
        let cases = entry.cases.iter().filter(|case| volume(case) <= LARGEST);
        let Some(case) = cases.max_by_key(volume) else { continue };
        let call = Call::new(entry, case, dtype, 3).unwrap();
        let [one, more @ ..] = &runtimes;
        let expected = execute(one, &call, Layout::Contiguous).unwrap();
        for runtime in more {
            let outputs = execute(runtime, &call, Layout::Contiguous).unwrap();
            let equal = outputs.iter().zip(&expected).all(|(a, b)| a.bytes == b.bytes);
            let threads = runtime.caps().parallelism;
            assert!(equal, "{} on {threads} threads differs from 1", entry.name);
            compared += 1;
        }
    }
    assert!(compared > CATALOG.len(), "only {compared} comparisons");
}
