//! The GPU lowering without a GPU: the catalog through thread programs, every thread stepped through, races reported.
//!
//! `KERNEL=softmax cargo test -p tilewright-proof --test emulator` takes one kernel.

use tilewright_kernels::CATALOG;
use tilewright_proof::{Outcome, Row, Selection};
use tilewright_runtime::Runtime;

/// Tensors of up to this many elements are stepped through, every thread of them.
const EMULATED: usize = 3_000;

#[test]
fn the_catalog_is_right_thread_by_thread() {
    let chosen = std::env::var("KERNEL").ok();
    let limit = std::env::var("LIMIT").ok().and_then(|n| n.parse().ok()).unwrap_or(EMULATED);
    let kernels = CATALOG.iter().copied();
    let kernels = kernels.filter(|entry| chosen.as_ref().is_none_or(|name| entry.name == name));
    let selection = Selection::new(kernels.collect());
    let runtimes = vec![Runtime::open("emulator").unwrap()];
    let selection = Selection { runtimes, interpreter_limit: limit, ..selection };
    let rows: Vec<Row> = selection.run(|_| {}, |_| {});
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Fail(_)))
        .map(Row::to_string)
        .collect();
    assert!(rows.iter().any(|row| row.outcome == Outcome::Pass), "nothing ran");
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
}
