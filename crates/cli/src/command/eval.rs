//! `tilewright eval`: a formula on tensors of a file.

use super::settings;
use crate::call::{call, input};
use crate::failure::Failure;
use crate::formula::{self, BROADCAST, LANGUAGE};
use clap::ArgMatches;
use std::io::Write;
use tilewright_tensor::OneLiner;

/// Evaluates the formula and writes `out`, with `--grad` the gradients too.
///
/// # Errors
/// Whatever does not fit, naming it; nothing is written then.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let text = matches.get_one::<String>("expr").map_or("", String::as_str);
    let settings = settings(matches)?;
    let spec = formula::parse(text, &settings)?;
    let file = input(matches)?;
    for name in spec.inputs() {
        if !file.contains(name) {
            return Err(Failure::usage(
                format!(
                    "{}: holds no tensor `{name}`, which the formula names",
                    file.path().display()
                ),
                format!("add it to the file, or give a number: --set {name}=0.5"),
            ));
        }
    }
    let callable = spec.callable().map_err(|e| Failure::of(e, LANGUAGE))?;
    // The numbers are the defaults of the specification already.
    call(&callable, &[], &[], file, BROADCAST, matches, out)
}
