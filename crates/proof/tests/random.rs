//! Every target against the interpreter, on random programs.
//!
//! `SEED=17 cargo test -p tilewright-proof --test random` starts at another seed, `COUNT=100` runs that many;
//! `DEVICE=emulator` runs one target, also one that checks leave out. `tilewright test --random` is the same without Rust.

use tilewright_proof::{Verdict, check_random_program};
use tilewright_runtime::DeviceKind;
use tilewright_runtime::targets::{Role, TARGETS, Target};

const CASES: u64 = 2000;

fn check(target: &Target, first: u64, count: u64) {
    let Ok(device) = (target.open)() else {
        println!("{} is not present", target.name);
        return;
    };
    let mut refused = 0;
    for seed in first..first + count {
        match check_random_program(&*device, seed) {
            Verdict::Agrees => {}
            Verdict::Refused => refused += 1,
            Verdict::Differs(disagreement) => panic!("{}, {disagreement}", target.name),
        }
    }
    println!("{}: {count} random programs from seed {first}, {refused} too large", target.name);
    assert!(refused * 5 < count, "{}: {refused} of {count} cannot be run", target.name);
}

#[test]
fn every_target_agrees_with_the_interpreter() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("SEED").unwrap_or(0);
    let chosen = std::env::var("DEVICE").ok();
    let wanted = |target: &&Target| match &chosen {
        Some(name) => target.name == name,
        None => target.role == Role::Computes,
    };
    for target in TARGETS.iter().filter(wanted) {
        let Ok(device) = (target.open)() else { continue };
        // The interpreter itself only has to show that this test runs programs as it does.
        let count = match device.caps().kind {
            DeviceKind::Interpreter => 100,
            // Each program is compiled, which takes longer than all else.
            DeviceKind::Emulator | DeviceKind::Cuda | DeviceKind::Metal => CASES / 4,
            _ => CASES,
        };
        check(target, first, number("COUNT").unwrap_or(count));
    }
}

/// The check notices a device that computes nothing.
#[test]
fn a_device_that_leaves_outputs_as_they_are_is_told() {
    let target = TARGETS.iter().find(|target| target.role == Role::Idles).unwrap();
    let device = (target.open)().unwrap();
    let differs = |seed: &u64| matches!(check_random_program(&*device, *seed), Verdict::Differs(_));
    let told = (0..20).filter(differs).count();
    assert!(told > 10, "{told} of 20 programs");
}
