//! `tilewright run`: a kernel of the catalog on tensors of a file.

use super::{constant, find, settings, told_by_shapes, whole};
use crate::args::Setting;
use crate::call::{call, input};
use crate::failure::Failure;
use clap::ArgMatches;
use std::io::Write;
use tilewright_kernels::Grad;
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
    let all = settings(matches)?;
    let file = input(matches)?;
    let told = told_by_shapes(entry, &all, |name| file.shape(name))?;
    let (given, others): (Vec<Setting>, Vec<Setting>) =
        all.into_iter().partition(|s| entry.constants.iter().any(|(name, _)| *name == s.name));
    let mut constants: Vec<(&str, usize)> = given
        .iter()
        .map(|setting| Ok((setting.name.as_str(), whole(setting)?)))
        .collect::<Result<_, Failure>>()?;
    constants.extend(told.iter().map(|(name, value)| (name.as_str(), *value)));
    for (name, value) in &constants {
        constant(name, *value)?;
    }
    let expects = format!("`tilewright kernels {name}` tells its inputs and their shapes");
    let callable = of_entry(entry, &constants).map_err(|e| Failure::of(e, &expects))?;
    let settable: Vec<&str> = entry.constants.iter().map(|(name, _)| *name).collect();
    call(&callable, &others, &settable, file, &expects, matches, out)
}
