//! The whole catalog through the runner.

use tilewright_kernels::{CATALOG, Entry};
use tilewright_proof::{Check, Job, Outcome, Row, Selection};
use tilewright_runtime::Runtime;

/// Tensors of up to this many elements go through the interpreter here; `tilewright test` takes larger ones.
const INTERPRETED: usize = 4_000;
/// And of up to this many through the other targets, which includes one row of a vocabulary.
const EXECUTED: usize = 300_000;

fn run(kernels: Vec<&'static Entry>) -> Vec<Row> {
    let limits = Selection::new(kernels);
    Selection {
        interpreter_limit: INTERPRETED,
        device_limit: EXECUTED,
        gradient_limit: INTERPRETED,
        ..limits
    }
    .run(|_| {}, |_| {})
}

fn assert_none_failed(rows: &[Row]) {
    let failed: Vec<String> = rows
        .iter()
        .filter(|row| matches!(row.outcome, Outcome::Fail(_)))
        .map(Row::to_string)
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

#[test]
fn every_kernel_proves_itself_on_every_present_target() {
    let rows = run(CATALOG.to_vec());
    assert_none_failed(&rows);
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

#[test]
fn hostile_values_are_judged_where_one_target_runs_alone() {
    let names = ["softmax", "attention", "attention_merged", "quantized_matvec"];
    let kernels = CATALOG.iter().copied().filter(|entry| names.contains(&entry.name)).collect();
    let runtimes = vec![Runtime::open("cpu").unwrap()];
    // With as much room as `tilewright test` gives: targets have ways of their own for larger cases.
    let selection = Selection { runtimes, ..Selection::new(kernels) };
    let hostile = |job: &Job| matches!(job, Job::Hostile { .. });
    let rows: Vec<Row> =
        selection.jobs().iter().filter(|j| hostile(j)).flat_map(|j| j.run(&selection)).collect();
    for name in names {
        assert!(
            rows.iter().any(|row| row.kernel == name && row.outcome == Outcome::Pass),
            "{name}"
        );
    }
    assert_none_failed(&rows);
}

/// The timed cases, which are the largest, on every target but the interpreter:
/// `cargo test --release -p tilewright-proof --test catalog -- --ignored`.
#[test]
#[ignore = "takes minutes and some gigabytes"]
fn the_largest_cases_too() {
    let selection = Selection::new(CATALOG.to_vec());
    let selection = Selection { interpreter_limit: 0, device_limit: usize::MAX, ..selection };
    let large = |job: &Job| matches!(job, Job::Case { case, .. } if case.bench);
    let rows: Vec<Row> =
        selection.jobs().iter().filter(|j| large(j)).flat_map(|j| j.run(&selection)).collect();
    assert!(rows.iter().any(|row| row.outcome == Outcome::Pass), "nothing ran");
    assert_none_failed(&rows);
}
