//! `tilewright run`: a kernel of the catalog on tensors of a file.

use super::{constant, find, settings, signature, whole};
use crate::args::Setting;
use crate::call::{call, input};
use crate::failure::Failure;
use clap::ArgMatches;
use std::io::Write;
use tilewright_formats::TensorFile;
use tilewright_ir::Access;
use tilewright_kernels::{Entry, Grad};
use tilewright_lang::Signature;
use tilewright_tensor::of_entry;

/// Runs the kernel and writes its outputs, with `--grad` the gradients too.
///
/// # Errors
/// Whatever does not fit, naming it; nothing is written then.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let name = matches.get_one::<String>("name").map_or("", String::as_str);
    let entry = find(name)?;
    if let (Grad::None(why), true) = (entry.grad, matches.get_flag("grad")) {
        return Err(Failure::usage(format!("{name} has no gradient: {why}"), "leave --grad out"));
    }
    let (given, others): (Vec<Setting>, Vec<Setting>) = settings(matches)?
        .into_iter()
        .partition(|s| entry.constants.iter().any(|(name, _)| *name == s.name));
    let mut constants: Vec<(&str, usize)> = given
        .iter()
        .map(|setting| Ok((setting.name.as_str(), whole(setting)?)))
        .collect::<Result<_, Failure>>()?;
    let file = input(matches)?;
    for (name, value) in told_by_shapes(entry, &signature(entry)?, &file) {
        if !constants.iter().any(|(given, _)| *given == name) {
            constants.push((name, value));
        }
    }
    for (name, value) in &constants {
        constant(name, *value)?;
    }
    let expects = format!("`tilewright kernels {name}` tells its inputs and their shapes");
    let callable = of_entry(entry, &constants).map_err(|e| Failure::of(e, &expects))?;
    let settable: Vec<&str> = entry.constants.iter().map(|(name, _)| *name).collect();
    call(&callable, &others, &settable, file, &expects, matches, out)
}

/// Constants that an input's shape tells, as the experts of a gating: nobody should have to repeat them.
fn told_by_shapes(
    entry: &Entry,
    signature: &Signature,
    file: &TensorFile,
) -> Vec<(&'static str, usize)> {
    let mut told: Vec<(&'static str, usize)> = Vec::new();
    for param in signature.params.iter().filter(|p| p.access != Access::Out) {
        let (Some(axes), Some(shape)) = (&param.axes, file.shape(&param.name)) else { continue };
        // Leading axes may be any number, so axes are matched from the last.
        for (axis, &size) in axes.iter().rev().zip(shape.iter().rev()) {
            let constant = entry.constants.iter().find(|(name, _)| name == axis);
            if let Some((name, _)) = constant
                && !told.iter().any(|(known, _)| known == name)
            {
                told.push((name, size));
            }
        }
    }
    told
}
