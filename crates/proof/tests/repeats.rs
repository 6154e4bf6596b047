//! What runs again gives the same bits on every device here, and every target draws the same random numbers.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_kernels::{CATALOG, Case, find};
use tilewright_proof::{Call, Layout, execute};
use tilewright_runtime::Runtime;

/// The product of a case's sizes is at most this: enough for thousands of groups of threads.
const LARGEST: usize = 300_000;

/// How often a call is repeated.
const REPEATS: usize = 3;

fn present(names: &[&str]) -> Vec<Arc<Runtime>> {
    let open = |name: &&str| {
        Runtime::open(name).inspect_err(|missing| println!("{name} is not here: {missing}")).ok()
    };
    names.iter().filter_map(open).collect()
}

fn volume(case: &Case) -> usize {
    case.sizes.iter().map(|(_, size)| size).product()
}

#[test]
fn a_repeat_changes_no_bit() {
    for runtime in present(&["cpu", "cuda", "metal"]) {
        let mut compared = 0;
        for entry in CATALOG {
            let cases = entry.cases.iter().filter(|case| volume(case) <= LARGEST);
            let Some(case) = cases.max_by_key(|case| volume(case)) else { continue };
            let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
            let call = Call::new(entry, case, dtype, 3).unwrap();
            let run = || {
                let outputs = execute(&runtime, &call, Layout::Contiguous);
                outputs.unwrap_or_else(|e| panic!("{} on {}: {e}", entry.name, runtime.target()))
            };
            let first = run();
            for _ in 1..REPEATS {
                let equal = run().iter().zip(&first).all(|(a, b)| a.bytes == b.bytes);
                assert!(equal, "{} on {}: a repeat differs", entry.name, runtime.target());
                compared += 1;
            }
        }
        println!("{}: {compared} repeats", runtime.target());
        assert!(compared > CATALOG.len(), "only {compared} comparisons");
    }
}

#[test]
fn every_target_draws_the_same_mask() {
    let entry = find("dropout").unwrap();
    let cases = entry.cases.iter().filter(|case| (1..=20_000).contains(&volume(case)));
    let case = cases.max_by_key(|case| volume(case)).unwrap();
    let call = Call::new(entry, case, DType::F32, 3).unwrap();
    let names = ["interpreter", "cpu", "cuda", "metal", "msl-host", "emulator"];
    let mut masks: Vec<(&str, Vec<bool>)> = Vec::new();
    for runtime in present(&names) {
        let outputs = execute(&runtime, &call, Layout::Contiguous).unwrap();
        let kept = outputs[0].values().into_iter().map(|y| y != 0.0).collect();
        masks.push((runtime.target(), kept));
    }
    let (reference, mask) = &masks[0];
    let dropped = mask.iter().filter(|kept| !**kept).count();
    assert!(dropped > mask.len() / 20 && dropped < mask.len(), "{dropped} of {}", mask.len());
    for (target, other) in &masks[1..] {
        let differ = mask.iter().zip(other).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 0, "{target} and {reference} drop different elements");
    }
    let targets: Vec<&str> = masks.iter().map(|(target, _)| *target).collect();
    println!("the same {dropped} of {} elements on {}", mask.len(), targets.join(", "));
}
