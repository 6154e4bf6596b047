//! Every target against the interpreter, on mutants of the catalog and its gradients.
//!
//! `SEED=17 cargo test -p tilewright-proof --test mutants` starts at another seed, `COUNT=100` runs that many;
//! `DEVICE=emulator` runs one target. `tilewright test --mutants` is the same without Rust.

use tilewright_proof::{Verdict, check_gradient_mutant, check_mutant};
use tilewright_runtime::DeviceKind;
use tilewright_runtime::targets::{Role, TARGETS};

#[test]
fn every_target_agrees_with_the_interpreter_on_mutants() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("SEED").unwrap_or(0);
    let chosen = std::env::var("DEVICE").ok();
    for target in TARGETS {
        let wanted = match &chosen {
            Some(name) => target.name == name,
            // The emulator is how the code of GPUs is checked without one.
            None => target.role == Role::Computes || target.name == "emulator",
        };
        if !wanted {
            continue;
        }
        let Ok(device) = (target.open)() else { continue };
        let count = number("COUNT").unwrap_or(match device.caps().kind {
            DeviceKind::Interpreter => 100,
            DeviceKind::Emulator => 5_000,
            // Each is compiled, which takes longer than all else.
            DeviceKind::Cuda | DeviceKind::Metal => 150,
            _ => 10_000,
        });
        let (mut agree, mut failed) = (0, Vec::new());
        for seed in first..first + count {
            match check_mutant(&*device, seed) {
                Verdict::Agrees => agree += 1,
                Verdict::Refused => {}
                Verdict::Differs(found) => failed.push(found.to_string()),
            }
        }
        println!("{}: {agree} of {count} mutants from seed {first} run and agree", target.name);
        assert!(failed.is_empty(), "{}: {}", target.name, failed.join("\n\n"));
        assert!(agree * 4 > count, "{}: {agree} of {count} mutants run", target.name);
    }
}

#[test]
fn gradients_of_mutants_are_their_finite_differences() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, count): (u64, u64) =
        (number("SEED").unwrap_or(0), number("GRADIENTS").unwrap_or(1000));
    let (mut agree, mut failed) = (0, Vec::new());
    for seed in first..first + count {
        match check_gradient_mutant(seed) {
            Verdict::Agrees => agree += 1,
            Verdict::Refused => {}
            Verdict::Differs(found) => failed.push(found.to_string()),
        }
    }
    println!("{agree} of {count} mutants from seed {first} have a gradient that agrees");
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(agree * 10 > count, "{agree} of {count}");
}

/// The check notices a device that computes nothing. On many mutants it cannot: what rounding decides is held against nothing.
#[test]
fn a_device_that_leaves_outputs_as_they_are_is_told() {
    let open = |role: Role| {
        let target = TARGETS.iter().find(|target| target.role == role).unwrap();
        (target.open)().unwrap()
    };
    let (computes, idles) = (open(Role::Computes), open(Role::Idles));
    let runs = |seed: &u64| matches!(check_mutant(&*computes, *seed), Verdict::Agrees);
    let differs = |seed: &u64| matches!(check_mutant(&*idles, *seed), Verdict::Differs(_));
    let ran: Vec<u64> = (0..150).filter(runs).collect();
    let told = ran.iter().filter(|seed| differs(seed)).count();
    println!("{told} of {} mutants", ran.len());
    assert!(ran.len() > 40 && told * 5 > ran.len() * 2, "{told} of {} mutants", ran.len());
}
