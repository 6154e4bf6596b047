//! The emitted MSL without a Mac: the catalog's text, unchanged, built by a C++ compiler and run thread by thread against
//! the references. See `tilewright_target_metal::host` for what this shows and what it does not.
//!
//! `KERNEL=softmax cargo test -p tilewright-proof --test msl` takes one kernel, `LIMIT=20000` larger cases.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilewright_kernels::CATALOG;
use tilewright_proof::{Job, Outcome, Row, Selection, Verdict, check_mutant, check_random_program};
use tilewright_runtime::{Device, Runtime};

/// Tensors of up to this many elements are run.
const ELEMENTS: usize = 3_000;

/// Kernels some of whose gradients break a limit of every Apple GPU, which is refused in words: more tensors than it takes
/// buffers, or, with heads of 256 features or many rows moved at once, more threadgroup memory than there is.
const TOO_LARGE: &[(&str, &str)] = &[
    ("attention", "needs 65536 bytes of threadgroup memory, Metal has 32768"),
    ("gather_qmm_combine_quantized", "buffers, Metal has 31"),
];

/// True for such a refusal.
fn is_too_large(row: &Row) -> bool {
    let said = |limit: &str| row.outcome.reason().is_some_and(|why| why.contains(limit));
    row.check.name() == "backward"
        && TOO_LARGE.iter().any(|(kernel, limit)| row.kernel == *kernel && said(limit))
}

#[test]
fn the_emitted_msl_of_the_catalog_is_right() {
    let runtime = match Runtime::open("msl-host") {
        Ok(runtime) => runtime,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    let chosen = std::env::var("KERNEL").ok();
    let limit = std::env::var("LIMIT").ok().and_then(|n| n.parse().ok()).unwrap_or(ELEMENTS);
    let kernels = CATALOG.iter().copied();
    let kernels = kernels.filter(|entry| chosen.as_ref().is_none_or(|name| entry.name == name));
    let selection = Selection::new(kernels.collect());
    let runtimes = vec![runtime];
    let selection = Selection { runtimes, interpreter_limit: limit, ..selection };
    let mut jobs = selection.jobs();
    if chosen.is_none() && limit == ELEMENTS {
        // Building is most of the time: of types beside the first, a third of the cases.
        let mut number = 0;
        jobs.retain(|job| {
            let (Job::Case { entry, dtype, .. } | Job::Hostile { entry, dtype }) = job else {
                return true;
            };
            number += 1;
            entry.dtypes.first().is_none_or(|first| first == dtype) || number % 3 == 0
        });
    }
    // Kernel by kernel: two cases of one would wait for each other's builds.
    let kernels: Vec<&[Job]> = jobs.chunk_by(|a, b| std::ptr::eq(a.entry(), b.entry())).collect();
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<Row>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(jobs) = kernels.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody else waits for the rows meanwhile.
                    let found: Vec<Row> = jobs.iter().flat_map(|job| job.run(&selection)).collect();
                    rows.lock().unwrap().extend(found);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    let failed: Vec<&Row> = (rows.iter())
        .filter(|row| matches!(row.outcome, Outcome::Fail(_)) && !is_too_large(row))
        .collect();
    let told: Vec<String> = failed.iter().map(|row| row.to_string()).collect();
    assert!(rows.iter().any(|row| row.outcome == Outcome::Pass), "nothing ran");
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), told.join("\n"));
}

/// Programs that nobody wrote, and kernels with changes that nobody thought of, through their Metal text too: a few, since
/// each has to be built. `tilewright test --random 1000 --device msl-host` runs more.
#[test]
fn what_is_drawn_runs_through_its_metal_text() {
    let runtime = match Runtime::open("msl-host") {
        Ok(runtime) => runtime,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    for (what, check) in [
        ("program", check_random_program as fn(&dyn Device, u64) -> Verdict),
        ("mutant", check_mutant),
    ] {
        let mut agree = 0;
        for seed in 0..30 {
            match check(&**runtime.device(), seed) {
                Verdict::Agrees => agree += 1,
                Verdict::Refused => {}
                Verdict::Differs(found) => panic!("{what} {found}"),
            }
        }
        assert!(agree > 15, "{agree} of 30 {what}s ran");
    }
}
