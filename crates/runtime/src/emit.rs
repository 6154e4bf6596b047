//! The text of a program in a GPU's language, for people to read: a device compiles its own, by its own schedule.

use crate::{Error, Result};
use tilewright_ir::Program;
use tilewright_passes::lower::{Aim, Units, lower_with};
use tilewright_target::c::{self, Dialect};
use tilewright_target::mlx::{Function, python};
use tilewright_target_cuda::CudaC;
use tilewright_target_metal::Msl;

/// A language that GPUs are programmed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// CUDA C++, as NVRTC compiles it.
    Cuda,
    /// The Metal Shading Language.
    Metal,
}

impl Language {
    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Language::Cuda => &CudaC,
            Language::Metal => &Msl,
        }
    }
}

/// A size that a text is made for where nobody says another.
pub const SIZE: usize = 1024;

/// The text of a program in `language`: a complete source for these sizes, by name, and [`SIZE`] for the others.
///
/// ```
/// use tilewright_runtime::emit::{Language, emit};
///
/// let program = tilewright_ir::text::parse(
///     "kernel twice(x: in f32[*rows, n], y: out f32[*rows, n])\ngrid rows\n%0: i32 = program 0\n\
///      %1: f32[n] = load x[%0, :]\n%2: f32[n] = add %1, %1\nstore y[%0, :] = %2",
/// )
/// .expect("a program");
/// let metal = emit(&program, Language::Metal, &[("n", 64)])?;
/// assert!(metal.contains("#include <metal_stdlib>"));
/// assert!(emit(&program, Language::Cuda, &[])?.contains("__global__"));
/// # Ok::<(), tilewright_runtime::Error>(())
/// ```
///
/// # Errors
/// When the program has no size of that name, or needs more than the language's GPUs have at these sizes.
pub fn emit(program: &Program, language: Language, sizes: &[(&str, usize)]) -> Result<String> {
    if let Some((unknown, _)) =
        sizes.iter().find(|(n, _)| program.dims.iter().all(|d| d.name != *n))
    {
        let error = Error::usage(format!("{} has no size `{unknown}`", program.name));
        let names: Vec<&str> = program.dims.iter().map(|dim| dim.name.as_str()).collect();
        return Err(error.help(match names.is_empty() {
            true => "it has none".into(),
            false => format!("its sizes are {}", names.join(", ")),
        }));
    }
    let size = |name: &str| {
        let told = sizes.iter().find(|(told, _)| *told == name);
        Aim { size: told.map_or(SIZE, |(_, size)| *size), others: false }
    };
    emit_for(program, language, size)
}

/// As [`emit`], for sizes that a function tells.
///
/// # Errors
/// As [`emit`].
pub fn emit_for(
    program: &Program,
    language: Language,
    size: impl Fn(&str) -> Aim,
) -> Result<String> {
    let typical = match language {
        Language::Metal => tilewright_target_metal::typical(program, size),
        Language::Cuda => lower_with(program, Units::Half, true, None, size),
    };
    let typical = typical.map_err(|e| Error::failure(e.to_string()).help(SMALLER))?;
    Ok(c::source(&typical.threads, language.dialect()))
}

/// Python that makes the kernel with `mx.fast.metal_kernel` or `mx.fast.cuda_kernel`, and a function that calls it. `zeroed` are
/// tensors that hold nothing but zeros before the program changes them in place.
///
/// # Errors
/// As [`emit`], and for what such a kernel cannot do.
pub fn emit_for_mlx(
    program: &Program,
    language: Language,
    zeroed: &[String],
    size: impl Fn(&str) -> Aim,
) -> Result<String> {
    let (typical, function) = match language {
        Language::Metal => (tilewright_target_metal::typical(program, size), Function::Metal),
        // A framework that is handed the body has no room for the templates of routines.
        Language::Cuda => (lower_with(program, Units::Half, false, None, size), Function::Cuda),
    };
    let typical = typical.map_err(|e| Error::failure(e.to_string()).help(SMALLER))?;
    python(&typical.threads, language.dialect(), function, &typical.sizes, zeroed)
        .map_err(Error::usage)
}

/// What to do about a program that does not fit.
const SMALLER: &str = "give smaller sizes";
