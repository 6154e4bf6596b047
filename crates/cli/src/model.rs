//! Models on the command line: what `generate`, `logits` and `inspect` share.

use crate::call::device;
use crate::failure::Failure;
use clap::ArgMatches;
use std::path::PathBuf;
use tilewright_formats::Checkpoint;
use tilewright_ir::DType;
use tilewright_nn::Model;

/// The directory that `--model` names.
///
/// # Errors
/// When it was not given.
pub fn directory(matches: &ArgMatches) -> Result<&PathBuf, Failure> {
    let missing = || Failure::usage("--model is needed", "give it the directory of a checkpoint");
    matches.get_one::<PathBuf>("model").ok_or_else(missing)
}

/// The model that `--model` names, on `--device`, with arithmetic in `--dtype`.
///
/// # Errors
/// When the checkpoint is broken, or this build cannot run it.
pub fn load(matches: &ArgMatches) -> Result<Model, Failure> {
    let dtype = match matches.get_one::<String>("dtype") {
        Some(name) => {
            Some(DType::parse(name).filter(|dtype| dtype.is_float()).ok_or_else(|| {
                Failure::usage(format!("--dtype {name} is no float"), "it is one of f32, f16, bf16")
            })?)
        }
        None => None,
    };
    let checkpoint = Checkpoint::open(directory(matches)?)?;
    let mut model = tilewright_models::load(&checkpoint, device(matches)?, dtype)?;
    if let Some(context) = matches.get_one::<usize>("context") {
        model.set_context(*context);
    }
    Ok(model)
}
