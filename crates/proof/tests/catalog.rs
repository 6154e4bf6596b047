//! The whole catalog through the runner.

use tilewright_kernels::{CATALOG, Entry};
use tilewright_proof::{Check, Outcome, Row, Selection};

/// Tensors of up to this many elements go through the interpreter here; `tilewright test` takes larger ones.
const INTERPRETED: usize = 4_000;
/// And of up to this many through the other targets, which includes one row of a vocabulary.
const EXECUTED: usize = 300_000;

fn run(kernels: Vec<&'static Entry>) -> Vec<Row> {
    let limits = Selection::new(kernels);
    Selection { interpreter_limit: INTERPRETED, device_limit: EXECUTED, ..limits }.run(|_| {})
}

#[test]
fn every_kernel_proves_itself_on_every_present_target() {
    let rows = run(CATALOG.to_vec());
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Fail(_)))
        .map(Row::to_string)
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
    for entry in CATALOG {
        let passed = |check| {
            let mut of = rows.iter().filter(|r| r.kernel == entry.name && r.check == check);
            of.any(|row| row.outcome == Outcome::Pass)
        };
        assert!(passed(Check::Forward) && passed(Check::Varies), "{} ran nowhere", entry.name);
        if !matches!(entry.grad, tilewright_kernels::Grad::None(_)) {
            assert!(passed(Check::Gradient), "{}: no gradient was checked", entry.name);
        }
    }
}
