//! Random programs on a device against the interpreter: more of the language than the catalog uses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tilewright_ir::random::{Case, Options, random_program, shrink};
use tilewright_ir::{Argument, bind_arguments, interpret};
use tilewright_runtime::{Buffer, Device, HostBuffer, Passed, Region, TargetError};

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

/// What came of one program.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The device computes what the interpreter does, as far as rounding lets it be told.
    Agrees,
    /// It cannot be run: it takes more of something than the device has; or, of a mutant, no change was valid, or the
    /// interpreter found a fault in it.
    Refused,
    /// The device computes something else, or fails.
    Differs(Box<Disagreement>),
}

/// Runs the program of that seed on `device`.
pub fn check_random_program(device: &dyn Device, seed: u64) -> Verdict {
    let case = random_program(seed, &Options::default());
    match compared(&case, device) {
        Compared::Alike => return Verdict::Agrees,
        Compared::Refused => return Verdict::Refused,
        Compared::Apart(_) => {}
    }
    let small = shrink(&case, |case| compared(case, device).apart().is_some());
    let what = compared(&small, device).apart().unwrap_or_default();
    Verdict::Differs(Box::new(Disagreement {
        seed,
        what,
        sizes: small.dims,
        program: small.program.compact().to_string(),
    }))
}

/// A device's results beside those of the interpreter.
pub(crate) enum Compared {
    Alike,
    /// It takes more than the device has, or, once it was shrunk, is no program that the interpreter runs.
    Refused,
    /// What is wrong.
    Apart(String),
}

impl Compared {
    /// What is wrong, if anything is.
    pub fn apart(self) -> Option<String> {
        match self {
            Compared::Apart(what) => Some(what),
            Compared::Alike | Compared::Refused => None,
        }
    }
}

fn compared(case: &Case, device: &dyn Device) -> Compared {
    let Ok(right) = reference(case) else { return Compared::Refused };
    match catch_unwind(AssertUnwindSafe(|| results(case, device))) {
        Ok(Ok(results)) => match case.check(&results, &right) {
            Ok(()) => Compared::Alike,
            Err(what) => Compared::Apart(what),
        },
        Ok(Err(TargetError::Limit { .. })) => Compared::Refused,
        Ok(Err(error)) => Compared::Apart(error.to_string()),
        Err(_) => Compared::Apart("it panicked".into()),
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
///
/// # Errors
/// Those of the device.
pub(crate) fn results(case: &Case, device: &dyn Device) -> Result<Vec<Argument>, TargetError> {
    let mut program = case.program.clone();
    tilewright_passes::pipeline::optimize(&mut program);
    let bindings = bind_arguments(&case.program, &case.arguments)
        .map_err(|e| TargetError::Device(e.to_string()))?;
    let executable = device.compile(&program)?;
    let mut buffers = Vec::new();
    for argument in &case.arguments {
        // Scalars have a buffer that nobody names.
        let bytes = argument.tensor().map_or(&[][..], |tensor| &tensor.bytes);
        let mut buffer = HostBuffer::new(bytes.len())?;
        buffer.write(0, bytes)?;
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
    launched.and(finished)?;
    let mut after = case.arguments.clone();
    for (argument, buffer) in after.iter_mut().zip(&buffers) {
        if let Argument::Tensor(tensor) = argument {
            buffer.read(0, &mut tensor.bytes)?;
        }
    }
    Ok(after)
}
