//! Calling a kernel or formula on the tensors of a file: what `run` and `eval` share.

use crate::args::Setting;
use crate::command::whole;
use crate::failure::Failure;
use crate::files;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tilewright_formats::TensorFile;
use tilewright_runtime::targets::TARGETS;
use tilewright_runtime::{Runtime, nearest};
use tilewright_tensor::{Call, Callable, Tensor};

/// The device that `--device` names, or the default one.
///
/// # Errors
/// When this build or this machine does not have it.
pub fn device(matches: &ArgMatches) -> Result<Arc<Runtime>, Failure> {
    match chosen_device(matches)? {
        Some(runtime) => Ok(runtime),
        None => Ok(Runtime::open(TARGETS[0].name)?),
    }
}

/// As [`device`], `None` when `--device` was not given.
pub fn chosen_device(matches: &ArgMatches) -> Result<Option<Arc<Runtime>>, Failure> {
    let Some(name) = matches.get_one::<String>("device") else { return Ok(None) };
    let opened = Runtime::open(name);
    let next = "`tilewright devices` lists what there is; without --device it is the CPU";
    Ok(Some(opened.map_err(|error| Failure::of(error, next))?))
}

/// The file that `--in` names.
///
/// # Errors
/// When it cannot be read or is no tensor file.
pub fn input(matches: &ArgMatches) -> Result<TensorFile, Failure> {
    Ok(TensorFile::map(path(matches, "in")?)?)
}

/// Calls `callable` on the tensors of `file` as `--out`, `--grad` and `--device` say, and tells what was written.
///
/// `expects` is where to look up what the callable takes, and `constants` are what else could have been set. Everything
/// is computed before anything is written.
///
/// # Errors
/// Whatever does not fit, naming it.
pub fn call(
    callable: &Callable,
    settings: &[Setting],
    constants: &[&str],
    file: TensorFile,
    expects: &str,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let callable = callable.on(&device(matches)?);
    let wrong = |error| Failure::of(error, expects);
    let to = path(matches, "out")?;
    let mut inputs = Inputs { file, tensors: BTreeMap::new() };
    let mut sorted = Sorted::new(&callable, settings, constants)?;
    sorted.add_from_file(&callable, &inputs.file)?;
    let grad = matches.get_flag("grad");
    let gradient = match grad {
        true => Some(callable.grad().map_err(wrong)?),
        false => None,
    };

    for param in callable.inputs() {
        inputs.load(&param.name, callable.name())?;
    }
    let outputs = sorted.bind(&callable, &inputs).run().map_err(wrong)?;
    let mut results: Vec<(String, Tensor)> =
        outputs.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
    if let Some(gradient) = gradient {
        if !results.iter().any(|(_, tensor)| tensor.dtype().is_float()) {
            return Err(Failure::usage(
                format!(
                    "{}: its outputs are no floats, so that it has no gradient",
                    callable.name()
                ),
                "leave --grad out, or store the inputs as floats",
            ));
        }
        inputs.check_cotangents(&callable)?;
        for param in gradient.inputs() {
            let output = param.name.strip_prefix("d_").and_then(|name| outputs.get(name));
            match output {
                // A cotangent that the file does not give is one, as of a sum of everything.
                Some(output) if !inputs.file.contains(&param.name) => {
                    let ones = Tensor::full(output.dtype(), output.shape(), 1.0)?;
                    inputs.tensors.insert(param.name, ones);
                }
                _ => inputs.load(&param.name, callable.name())?,
            }
        }
        let gradients = sorted.bind(&gradient, &inputs).run().map_err(wrong)?;
        results.extend(gradients.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())));
    }
    files::save(to, &results)?;
    let list: Vec<String> = results
        .iter()
        .map(|(name, t)| format!("{name} {} {}", t.dtype(), crate::table::show_shape(t.shape())))
        .collect();
    writeln!(out, "{}: {}", to.display(), list.join(", "))?;
    inputs.tell_unused(&callable, out)
}

fn path<'a>(matches: &'a ArgMatches, name: &str) -> Result<&'a PathBuf, Failure> {
    let missing = || Failure::usage(format!("--{name} is needed"), "give it a file");
    matches.get_one::<PathBuf>(name).ok_or_else(missing)
}

/// As many tensors are named where a file holds more than is read.
const NAMED: usize = 8;

/// The tensors of a call, each read once.
struct Inputs {
    file: TensorFile,
    tensors: BTreeMap<String, Tensor>,
}

impl Inputs {
    fn load(&mut self, name: &str, wanted_by: &str) -> Result<(), Failure> {
        if !self.tensors.contains_key(name) {
            let tensor = files::read(&self.file, name, wanted_by)?;
            self.tensors.insert(name.to_string(), tensor);
        }
        Ok(())
    }

    /// Names what the file holds beside what was read: it may be there on purpose, or a misspelt name.
    fn tell_unused(&self, callable: &Callable, out: &mut dyn Write) -> Result<(), Failure> {
        let scalars = callable.scalars();
        let used =
            |name: &str| self.tensors.contains_key(name) || scalars.iter().any(|s| s.name == name);
        let unused: Vec<String> =
            self.file.names().filter(|name| !used(name)).map(|name| format!("`{name}`")).collect();
        if !unused.is_empty() {
            let path = self.file.path().display();
            let more = match unused.len() {
                0..=NAMED => String::new(),
                all => format!(" and {} more", all - NAMED),
            };
            let list = unused[..unused.len().min(NAMED)].join(", ");
            writeln!(out, "note: {path} also holds {list}{more}, which nothing reads")?;
        }
        Ok(())
    }

    /// Other tensors of the file are named at the end, but one that looks like a misspelt cotangent would
    /// silently be taken for ones.
    fn check_cotangents(&self, callable: &Callable) -> Result<(), Failure> {
        let params = callable.outputs().into_iter().chain(callable.inputs());
        let known: Vec<String> = params.map(|p| p.name).collect();
        let is_own = |name: &str| known.iter().any(|k| k == name);
        for name in self.file.names().filter(|name| !is_own(name)) {
            if name.strip_prefix("d_").is_some_and(|of| !is_own(of)) {
                let outputs: Vec<String> =
                    callable.outputs().iter().map(|p| format!("d_{}", p.name)).collect();
                return Err(Failure::usage(
                    format!(
                        "{}: holds `{name}`, but {} has no such output",
                        self.file.path().display(),
                        callable.name()
                    ),
                    format!("cotangents are {}", outputs.join(", ")),
                ));
            }
        }
        Ok(())
    }
}

/// The `--set` values as what they are by their names.
struct Sorted {
    scalars: Vec<(String, f64)>,
    sizes: Vec<(String, usize)>,
}

impl Sorted {
    fn new(
        callable: &Callable,
        settings: &[Setting],
        constants: &[&str],
    ) -> Result<Sorted, Failure> {
        let mut sorted = Sorted { scalars: Vec::new(), sizes: Vec::new() };
        let scalars = callable.scalars();
        let sizes = callable.sizes();
        for setting in settings {
            let name = &setting.name;
            if scalars.iter().any(|s| s.name == *name) {
                sorted.scalars.push((name.clone(), setting.value));
            } else if sizes.iter().any(|s| s == name) {
                sorted.sizes.push((name.clone(), whole(setting)?));
            } else {
                let mut known = constants.to_vec();
                known.extend(scalars.iter().map(|s| s.name.as_str()));
                known.extend(sizes.iter().map(String::as_str));
                let next = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "it has none to set".into(),
                    None => format!("it has {}", known.join(", ")),
                };
                return Err(Failure::usage(
                    format!("{} has no scalar, constant or size `{name}`", callable.name()),
                    next,
                ));
            }
        }
        Ok(sorted)
    }

    /// A number may also lie in the file, as a tensor of one element; `--set` goes before it.
    fn add_from_file(&mut self, callable: &Callable, file: &TensorFile) -> Result<(), Failure> {
        for name in callable.scalars().into_iter().map(|s| s.name) {
            if self.scalars.iter().any(|(set, _)| *set == name) || !file.contains(&name) {
                continue;
            }
            let tensor = files::read(file, &name, callable.name())?;
            match tensor.to_f64()?.as_slice() {
                [value] => self.scalars.push((name, *value)),
                values => {
                    let path = file.path().display();
                    return Err(Failure::usage(
                        format!("{path}: `{name}` has {} elements, but is a number", values.len()),
                        format!("store one element, or give --set {name}=X"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The call with all that it takes.
    fn bind<'a>(&'a self, callable: &'a Callable, inputs: &'a Inputs) -> Call<'a> {
        let mut call = callable.bind();
        for param in callable.inputs() {
            if let Some(tensor) = inputs.tensors.get(&param.name) {
                call = call.input(&param.name, tensor);
            }
        }
        let scalars = callable.scalars();
        for (name, value) in &self.scalars {
            if scalars.iter().any(|s| s.name == *name) {
                call = call.scalar(name, *value);
            }
        }
        let sizes = callable.sizes();
        for (name, value) in &self.sizes {
            if sizes.iter().any(|s| s == name) {
                call = call.size(name, *value);
            }
        }
        call
    }
}
