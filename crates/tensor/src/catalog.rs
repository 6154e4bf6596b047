//! Kernels of the catalog, and a user's own, as callables.

use crate::callable::{Callable, Recipe, ranges_of, variables_of};
use crate::told::Told;
use crate::{Error, Result};
use tilewright_ir::DType;
use tilewright_kernels::{BackwardKernel, CATALOG, Entry, Grad, find, known_elsewhere};
use tilewright_lang::oneliner::Layout;
use tilewright_lang::{Args, Kernel, Signature, Specialization, record};
use tilewright_passes::Backward;
use tilewright_runtime::nearest;

/// The kernel of the catalog called `name`. Its constants are what the shapes of a call tell, as the heads' size of attention,
/// and the defaults where shapes tell nothing.
///
/// # Errors
/// When there is none; the message names the nearest.
pub fn kernel(name: &str) -> Result<Callable> {
    kernel_with(name, &[])
}

/// The kernel of the catalog called `name` with these constants, as `[("k", 8)]`; the others as [`kernel`] has them.
///
/// # Errors
/// When there is no such kernel or constant, or the kernel does not admit the value.
pub fn kernel_with(name: &str, constants: &[(&str, usize)]) -> Result<Callable> {
    of_entry(find(name).ok_or_else(|| unknown_kernel(name))?, constants)
}

/// That there is no kernel `name`, and what the one may be called that was meant.
pub fn unknown_kernel(name: &str) -> Error {
    let error = Error::usage(format!("there is no kernel `{name}`"));
    let near = match known_elsewhere(name) {
        Some((entry, true)) => {
            let ours = entry.name;
            return error.help(format!(
                "its gradient comes with `{ours}`: `kernel(\"{ours}\")?.grad()`, or --grad from the shell"
            ));
        }
        Some((entry, false)) => Some(entry.name),
        None => nearest(name, CATALOG.iter().map(|entry| entry.name)),
    };
    error.help(match near {
        Some(near) => format!("did you mean `{near}`? `tilewright kernels` lists them all"),
        None => "`tilewright kernels` lists them all".into(),
    })
}

/// A row of the catalog as a callable.
///
/// # Errors
/// When there is no such constant, or the kernel does not admit the value.
pub fn of_entry(entry: &'static Entry, constants: &[(&str, usize)]) -> Result<Callable> {
    for (name, _) in constants {
        if !entry.constants.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = entry.constants.iter().map(|(name, _)| *name).collect();
            let error = Error::usage(format!("{}: there is no constant `{name}`", entry.name));
            return Err(match known.is_empty() {
                true => error.help("it has none"),
                false => error.help(format!("its constants are {}", known.join(", "))),
            });
        }
    }
    let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
    let signature = parse(entry.signature)?;
    let open = entry.constants.iter().filter(|(name, _)| constants.iter().all(|(n, _)| n != name));
    let open: Vec<String> = open.map(|(name, _)| name.to_string()).collect();
    let told = Told::new(&signature, open);
    Callable::new(Recipe {
        name: entry.name.into(),
        variables: variables_of(&signature),
        ranges: ranges_of(&signature),
        dtypes: entry.dtypes.to_vec(),
        base: entry.specialization(dtype, constants),
        told,
        record: Box::new(|s, _| Ok(entry.record(s)?.into())),
        by_hand: match entry.grad {
            Grad::By(kernels) => Some(Box::new(|s, _| by_hand(entry, kernels, s))),
            Grad::Auto | Grad::None(_) => None,
        },
        ..Recipe::default()
    })
}

/// The gradient that an entry brings.
fn by_hand(
    entry: &Entry,
    kernels: &[BackwardKernel],
    specialization: &Specialization,
) -> Result<Backward> {
    let forward = entry.record(specialization)?;
    let programs = kernels.iter().map(|k| k.record(specialization).map_err(Error::from));
    Ok(Backward::by_hand(&forward, programs.collect::<Result<_>>()?))
}

/// A kernel of one's own: its name, its [`Signature`] and the function that records it.
///
/// ```
/// use tilewright_tensor::{tile_kernel, Tensor};
///
/// let scale = tile_kernel("scale", "x: T[*rows, cols], by: f32 = 2 -> y: T[*rows, cols]", |k, a| {
///     let row = k.program();
///     a["y"].row(row).store(a["x"].row(row).load() * a.scalar("by"));
/// })?;
/// let y = scale.call(&[&Tensor::from([[1.0f32, 2.0]])])?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
///
/// # Errors
/// A mistake in the signature, or every mistake of the recording with the author's line.
pub fn tile_kernel(
    name: &str,
    signature: &str,
    build: impl Fn(&mut Kernel, &Args) + Send + Sync + 'static,
) -> Result<Callable> {
    tile_kernel_with(name, signature, &Specialization::of(DType::F32), build)
}

/// As [`tile_kernel`], with constants, and dtypes for type variables that no input tells.
///
/// # Errors
/// As [`tile_kernel`].
pub fn tile_kernel_with(
    name: &str,
    signature: &str,
    specialization: &Specialization,
    build: impl Fn(&mut Kernel, &Args) + Send + Sync + 'static,
) -> Result<Callable> {
    let parsed = parse(signature)?;
    let (text, owned_name) = (signature.to_string(), name.to_string());
    let record = move |s: &Specialization, _: Option<&Layout>| {
        Ok(record(&owned_name, &text, s, |k, a| build(k, a))?.into())
    };
    let defaults = parsed.type_variables().into_iter().map(String::from).collect::<Vec<_>>();
    let mut base = specialization.clone();
    for variable in &defaults {
        if base.dtype(variable).is_none() {
            base = base.with_dtype(variable, DType::F32);
        }
    }
    Callable::new(Recipe {
        name: name.into(),
        variables: variables_of(&parsed),
        ranges: ranges_of(&parsed),
        base,
        record: Box::new(record),
        ..Recipe::default()
    })
}

fn parse(signature: &str) -> Result<Signature> {
    Signature::parse(signature).map_err(|e| Error::usage(e.to_string()))
}
