//! Every target against the interpreter, on random programs.
//!
//! `SEED=17 cargo test -p tilewright-runtime --test random` starts at another seed, `COUNT=100` runs that many; `DEVICE=emulator`
//! runs one target, also one that checks leave out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::{Argument, bind_arguments, interpret};
use tilewright_runtime::targets::{TARGETS, Target};
use tilewright_target::host::HostBuffer;
use tilewright_target::{Argument as Passed, Buffer, Device, DeviceKind, Region};

const CASES: u64 = 2000;

/// What the interpreter makes of the arguments.
fn reference(case: &Case) -> Result<Vec<Argument>, String> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(&case.program, &arguments).map_err(|e| e.to_string())?;
    interpret(&case.program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
    Ok(arguments)
}

/// What a device makes of them.
fn results(case: &Case, device: &dyn Device) -> Result<Vec<Argument>, String> {
    let mut program = case.program.clone();
    tilewright_passes::pipeline::optimize(&mut program);
    let bindings = bind_arguments(&case.program, &case.arguments).map_err(|e| e.to_string())?;
    let executable = device.compile(&program).map_err(|e| e.to_string())?;
    let mut buffers = Vec::new();
    for argument in &case.arguments {
        buffers.push(match argument {
            Argument::Tensor(tensor) => {
                let mut buffer = HostBuffer::new(tensor.bytes.len()).map_err(|e| e.to_string())?;
                buffer.write(0, &tensor.bytes).map_err(|e| e.to_string())?;
                Some(buffer)
            }
            Argument::Scalar(_) => None,
        });
    }
    let passed: Vec<Passed<'_>> = case
        .arguments
        .iter()
        .zip(&buffers)
        .map(|(argument, buffer)| match (argument, buffer) {
            (Argument::Tensor(tensor), Some(buffer)) => Passed::Tensor(Region {
                buffer,
                offset: tensor.offset,
                strides: Some(&tensor.strides),
            }),
            (Argument::Scalar(x), _) => Passed::Scalar(*x),
            (Argument::Tensor(_), None) => unreachable!("every tensor has a buffer"),
        })
        .collect();
    // SAFETY: the buffers are this function's own and distinct.
    unsafe { executable.launch(&bindings, &passed) }.map_err(|e| e.to_string())?;
    device.synchronize().map_err(|e| e.to_string())?;
    let mut after = case.arguments.clone();
    for (argument, buffer) in after.iter_mut().zip(&buffers) {
        if let (Argument::Tensor(tensor), Some(buffer)) = (argument, buffer) {
            buffer.read(0, &mut tensor.bytes).map_err(|e| e.to_string())?;
        }
    }
    Ok(after)
}

/// What is wrong with a device's results, if anything is.
fn difference(case: &Case, device: &dyn Device) -> Option<String> {
    let right = reference(case).ok()?;
    match catch_unwind(AssertUnwindSafe(|| results(case, device))) {
        Ok(Ok(results)) => case.check(&results, &right).err(),
        Ok(Err(error)) => Some(error),
        Err(_) => Some("it panicked".into()),
    }
}

fn check(target: &Target, first: u64, count: u64) {
    let Ok(device) = (target.open)() else {
        println!("{} is not present", target.name);
        return;
    };
    for seed in first..first + count {
        let case = random_program(seed, &Options::default());
        if difference(&case, &*device).is_none() {
            continue;
        }
        let small = shrink(&case, |case| difference(case, &*device).is_some());
        panic!(
            "{} on seed {seed}: {}\nsizes {:?}\n{}",
            target.name,
            difference(&small, &*device).unwrap_or_default(),
            small.dims,
            small.program.compact()
        );
    }
    println!("{}: {count} random programs from seed {first}", target.name);
}

#[test]
fn every_target_agrees_with_the_interpreter() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("SEED").unwrap_or(0);
    let chosen = std::env::var("DEVICE").ok();
    let wanted = |target: &&Target| match &chosen {
        Some(name) => target.name == name,
        None => target.computes,
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
