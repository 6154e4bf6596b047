//! Random programs on a device against the interpreter: more of the language than the catalog uses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::{Argument, bind_arguments, interpret};
use tilewright_runtime::{Buffer, Device, HostBuffer, Passed, Region};

/// A random program, or a mutant, whose results on a device are not the interpreter's, made smaller while that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// What the program was drawn from.
    pub seed: u64,
    /// What is wrong, in words.
    pub what: String,
    /// The values of its sizes.
    pub sizes: Vec<usize>,
    /// The program as text.
    pub program: String,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Disagreement { seed, what, sizes, program } = self;
        write!(f, "seed {seed}: {what}\nsizes {sizes:?}\n{program}")
    }
}

/// Runs the program of that seed on `device`; `None` when it computes what the interpreter does.
pub fn check_random_program(device: &dyn Device, seed: u64) -> Option<Disagreement> {
    let case = random_program(seed, &Options::default());
    difference(&case, device)?;
    let small = shrink(&case, |case| difference(case, device).is_some());
    Some(Disagreement {
        seed,
        what: difference(&small, device).unwrap_or_default(),
        sizes: small.dims,
        program: small.program.compact().to_string(),
    })
}

/// What is wrong with a device's results, if anything is.
fn difference(case: &Case, device: &dyn Device) -> Option<String> {
    // Only what shrinking made can be a program that the interpreter refuses.
    let right = reference(case).ok()?;
    match catch_unwind(AssertUnwindSafe(|| results(case, device))) {
        Ok(Ok(results)) => case.check(&results, &right).err(),
        Ok(Err(error)) => Some(error),
        Err(_) => Some("it panicked".into()),
    }
}

/// What the interpreter makes of the arguments.
fn reference(case: &Case) -> Result<Vec<Argument>, String> {
    let mut arguments = case.arguments.clone();
    let bindings = bind_arguments(&case.program, &arguments).map_err(|e| e.to_string())?;
    interpret(&case.program, &mut arguments, &bindings).map_err(|e| e.to_string())?;
    Ok(arguments)
}

/// What a device makes of them.
pub(crate) fn results(case: &Case, device: &dyn Device) -> Result<Vec<Argument>, String> {
    let mut program = case.program.clone();
    tilewright_passes::pipeline::optimize(&mut program);
    let bindings = bind_arguments(&case.program, &case.arguments).map_err(|e| e.to_string())?;
    let executable = device.compile(&program).map_err(|e| e.to_string())?;
    let mut buffers = Vec::new();
    for argument in &case.arguments {
        // Scalars have a buffer that nobody names.
        let bytes = argument.tensor().map_or(&[][..], |tensor| &tensor.bytes);
        let mut buffer = HostBuffer::new(bytes.len()).map_err(|e| e.to_string())?;
        buffer.write(0, bytes).map_err(|e| e.to_string())?;
        buffers.push(buffer);
    }
    let passed: Vec<Passed<'_>> = (case.arguments.iter().zip(&buffers))
        .map(|(argument, buffer)| match argument {
            Argument::Scalar(x) => Passed::Scalar(*x),
            Argument::Tensor(tensor) => {
                let strides = Some(tensor.strides.as_slice());
                Passed::Tensor(Region { buffer, offset: tensor.offset, strides })
            }
        })
        .collect();
    // SAFETY: the buffers are this function's own and distinct, and outlive the work.
    let launched = unsafe { executable.launch(&bindings, &passed) };
    let finished = device.synchronize();
    launched.and(finished).map_err(|e| e.to_string())?;
    let mut after = case.arguments.clone();
    for (argument, buffer) in after.iter_mut().zip(&buffers) {
        if let Argument::Tensor(tensor) = argument {
            buffer.read(0, &mut tensor.bytes).map_err(|e| e.to_string())?;
        }
    }
    Ok(after)
}
