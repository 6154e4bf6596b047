//! The commands, one file each, and what they share.

mod bench;
mod bench_model;
mod chat;
mod convert;
mod devices;
mod emit;
mod eval;
mod generate;
pub mod import;
mod inspect;
mod kernels;
mod logits;
mod perplexity;
mod run;
mod story;
mod test;
mod tour;
mod tune;
mod validate;

use crate::args::Setting;
use crate::failure::Failure;
use clap::ArgMatches;
use std::io::Write;
use std::path::PathBuf;
use tilewright_formats::can_replace;
use tilewright_ir::{DType, DimRule, ParamKind, Program};
use tilewright_kernels::Entry;
use tilewright_lang::{Signature, Specialization};
use tilewright_runtime::nearest;
use tilewright_tensor::{check_number, unknown_kernel};

pub use kernels::show_case;

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever stops it, with the exit status that this means.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    // What takes minutes is not done for a file that cannot be written.
    for name in ["json", "report"] {
        let of_command = matches.subcommand().map(|(_, m)| m.try_get_one::<PathBuf>(name));
        if let Some(Ok(Some(path))) = of_command {
            if let Some(entry) = path.to_str().and_then(tilewright_kernels::find) {
                let kernel = entry.name;
                return Err(Failure::usage(
                    format!("--{name} takes the file to write, and was given the kernel {kernel}"),
                    format!("name both: `--{name} {kernel}.json {kernel}`"),
                ));
            }
            can_replace(path)?;
        }
    }
    match matches.subcommand() {
        Some(("bench", m)) => bench::run(m, out),
        Some(("bench-model", m)) => bench_model::run(m, out),
        Some(("chat", m)) => chat::run(m, out),
        Some(("convert", m)) => convert::run(m, out),
        Some(("devices", m)) => devices::run(m, out),
        Some(("emit", m)) => emit::run(m, out),
        Some(("eval", m)) => eval::run(m, out),
        Some(("generate", m)) => generate::run(m, out),
        Some(("inspect", m)) => inspect::run(m, out),
        Some(("kernels", m)) => kernels::run(m, out),
        Some(("logits", m)) => logits::run(m, out),
        Some(("perplexity", m)) => perplexity::run(m, out),
        Some(("run", m)) => run::run(m, out),
        Some(("test", m)) => test::run(m, out),
        Some(("tour", _)) => tour::run(out),
        Some(("tune", m)) => tune::run(m, out),
        Some(("validate", m)) => validate::run(m, out),
        // Clap has already refused every other name.
        _ => Err(Failure::usage("no such command", "`tilewright --help` lists the commands")),
    }
}

/// The kernel of that name.
fn find(name: &str) -> Result<&'static Entry, Failure> {
    tilewright_kernels::find(name).ok_or_else(|| unknown_kernel(name).into())
}

/// The parsed signature of a kernel.
fn signature(entry: &Entry) -> Result<Signature, Failure> {
    Signature::parse(entry.signature).map_err(|e| {
        Failure::work(format!("{}: {e}", entry.name), "this is a mistake of the catalog's row")
    })
}

/// The `--set` values, each name once.
pub fn settings(matches: &ArgMatches) -> Result<Vec<Setting>, Failure> {
    let settings: Vec<Setting> =
        matches.get_many::<Setting>("set").into_iter().flatten().cloned().collect();
    for (i, setting) in settings.iter().enumerate() {
        if settings[..i].iter().any(|s| s.name == setting.name) {
            return Err(Failure::usage(
                format!("`{}` is set twice", setting.name),
                "give each name one --set",
            ));
        }
    }
    Ok(settings)
}

/// A setting that must be a size: a whole number that fits.
pub fn whole(setting: &Setting) -> Result<usize, Failure> {
    let value = setting.value;
    if value < 0.0 || value.fract() != 0.0 || value > i32::MAX as f64 {
        return Err(Failure::usage(
            format!("`{}` is a size, {value} is not", setting.name),
            "give it a whole number from 0 to 2147483647",
        ));
    }
    Ok(value as usize)
}

/// The value of a constant, if it may be one.
///
/// # Errors
/// For a value that is not a small number: a recording may be as long as its constants are great.
fn constant(name: &str, value: usize) -> Result<usize, Failure> {
    const GREATEST: usize = 1 << 16;
    if value > GREATEST {
        return Err(Failure::usage(
            format!(
                "the constant `{name}` would be {value}; a kernel is recorded for at most {GREATEST}"
            ),
            "check the shapes of the inputs, or give a smaller value with --set",
        ));
    }
    Ok(value)
}

/// The `--dtype`, if given.
pub fn dtype(matches: &ArgMatches) -> Result<Option<DType>, Failure> {
    let Some(name) = matches.get_one::<String>("dtype") else { return Ok(None) };
    DType::parse(name).map(Some).ok_or_else(|| {
        let all = DType::ALL.map(DType::name).join(", ");
        Failure::usage(format!("there is no dtype `{name}`"), format!("dtypes are {all}"))
    })
}

/// What `T` stands for: the asked dtype, else the first that the kernel lists.
fn kernel_dtype(entry: &Entry, asked: Option<DType>) -> Result<DType, Failure> {
    match asked {
        None => Ok(entry.dtypes.first().copied().unwrap_or(DType::F32)),
        Some(dtype) if entry.dtypes.contains(&dtype) => Ok(dtype),
        Some(dtype) if entry.dtypes.is_empty() => Err(Failure::usage(
            format!("{} has no type variable, so it cannot be recorded for {dtype}", entry.name),
            "leave --dtype out",
        )),
        Some(dtype) => Err(Failure::usage(
            format!("{} is not made for {dtype}", entry.name),
            format!("its dtypes are {}", show_dtypes(entry.dtypes)),
        )),
    }
}

/// The dtypes of a list, as `f32, f16`.
fn show_dtypes(dtypes: &[DType]) -> String {
    dtypes.iter().map(|d| d.name()).collect::<Vec<_>>().join(", ")
}

/// A kernel recorded for a dtype and the `--set` values.
struct Specialized {
    specialization: Specialization,
    program: Program,
    /// Sizes that were set because no input tells them.
    sizes: Vec<(String, usize)>,
}

/// Constants that the shapes of inputs tell, as the experts of a gating: nobody should have to repeat them.
fn told_by_shapes<'a>(
    entry: &Entry,
    given: &[Setting],
    shape_of: impl Fn(&str) -> Option<&'a [usize]>,
) -> Result<Vec<(String, usize)>, Failure> {
    let constants: Vec<&str> = entry.constants.iter().map(|(name, _)| *name).collect();
    // What is no whole number is told of where it is used.
    let given: Vec<(&str, usize)> =
        given.iter().filter_map(|s| Some((s.name.as_str(), whole(s).ok()?))).collect();
    Ok(signature(entry)?.told_constants(&constants, &given, shape_of))
}

/// Records `entry`; each setting is a constant, a scalar or a size by its name.
fn specialize(entry: &Entry, dtype: DType, settings: &[Setting]) -> Result<Specialized, Failure> {
    let mut constants: Vec<(&str, usize)> = Vec::new();
    for setting in settings {
        if let Some((name, _)) = entry.constants.iter().find(|(name, _)| *name == setting.name) {
            constants.push((name, constant(name, whole(setting)?)?));
        }
    }
    let specialization = entry.specialization(dtype, &constants);
    let recorded = entry.record(&specialization);
    let program = recorded.map_err(|e| {
        Failure::usage(e.to_string(), format!("see `tilewright kernels {}`", entry.name))
    })?;
    let ranges = signature(entry)?.params;
    let mut sizes = Vec::new();
    for setting in settings {
        let name = &setting.name;
        if constants.iter().any(|(constant, _)| constant == name) {
            continue;
        }
        let param = program.find_param(name).map(|id| &program.param(id).kind);
        let size = program.dims.iter().any(|d| d.name == *name && d.rule == DimRule::Free);
        match param {
            Some(ParamKind::Scalar { dtype, .. }) => {
                let range = ranges.iter().find(|p| p.name == *name).and_then(|p| p.range.as_ref());
                let checked = check_number(entry.name, name, *dtype, range, setting.value);
                let next = format!("see `tilewright kernels {}`", entry.name);
                checked.map_err(|error| Failure::of(error, &next))?;
            }
            _ if size => sizes.push((name.clone(), whole(setting)?)),
            _ => return Err(unknown_setting(entry, &program, name)),
        }
    }
    Ok(Specialized { specialization, program, sizes })
}

fn unknown_setting(entry: &Entry, program: &Program, name: &str) -> Failure {
    let mut known: Vec<&str> = entry.constants.iter().map(|(name, _)| *name).collect();
    let scalars = program.params.iter().filter(|p| matches!(p.kind, ParamKind::Scalar { .. }));
    known.extend(scalars.map(|p| p.name.as_str()));
    let sizes = program.dims.iter().filter(|dim| dim.rule == DimRule::Free);
    known.extend(sizes.map(|dim| dim.name.as_str()));
    let next = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("{} has nothing to set", entry.name),
        None => format!("it has {}", known.join(", ")),
    };
    Failure::usage(format!("{} has no scalar, constant or size `{name}`", entry.name), next)
}
