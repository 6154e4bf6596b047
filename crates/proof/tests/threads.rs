//! Results are the same bits, however many threads share the work, and whether or not chains of maps are native code.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_kernels::{CATALOG, Case};
use tilewright_proof::{Call, Layout, execute};
use tilewright_runtime::Runtime;
use tilewright_target_cpu::{CpuDevice, CpuOptions};

/// The product of a case's sizes is at most this: enough for several threads to have work.
const ENOUGH_FOR_THREADS: usize = 300_000;
/// The same where the number of threads does not matter.
const ENOUGH_FOR_ROWS: usize = 40_000;

fn runtime(threads: usize, native: bool) -> Arc<Runtime> {
    let device = CpuDevice::with(CpuOptions { threads, native, ..CpuOptions::default() });
    Arc::new(Runtime::new("cpu", Arc::new(device)))
}

/// The number of calls of the catalog that were compared; panics where a bit differs.
fn compare(one: &Arc<Runtime>, others: &[Arc<Runtime>], largest: usize, what: &str) -> usize {
    let every_dtype = largest < ENOUGH_FOR_THREADS;
    let mut compared = 0;
    for entry in CATALOG {
        let volume = |case: &&Case| case.sizes.iter().map(|(_, size)| size).product::<usize>();
        // The largest that is not too large.
        let cases = entry.cases.iter().filter(|case| volume(case) <= largest);
        let Some(case) = cases.max_by_key(volume) else { continue };
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        for &dtype in &dtypes[..if every_dtype { dtypes.len() } else { 1 }] {
            let call = Call::new(entry, case, dtype, 3).unwrap();
            let expected = execute(one, &call, Layout::Contiguous).unwrap();
            for (k, runtime) in others.iter().enumerate() {
                let outputs = execute(runtime, &call, Layout::Contiguous).unwrap();
                let equal = outputs.iter().zip(&expected).all(|(a, b)| a.bytes == b.bytes);
                assert!(equal, "{} of {dtype:?}: {what} {k} makes a difference", entry.name);
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let compared = compare(
        &runtime(1, true),
        &[runtime(2, true), runtime(5, true)],
        ENOUGH_FOR_THREADS,
        "threads",
    );
    assert!(compared > CATALOG.len(), "only {compared} comparisons");
}

#[test]
fn native_code_changes_no_bit() {
    let compared = compare(&runtime(2, false), &[runtime(2, true)], ENOUGH_FOR_ROWS, "native code");
    assert!(compared > CATALOG.len(), "only {compared} comparisons");
}
