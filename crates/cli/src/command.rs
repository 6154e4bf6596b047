//! The commands, one file each, and what they share.

mod kernels;

use crate::args::Setting;
use crate::failure::{Failure, nearest};
use clap::ArgMatches;
use std::io::Write;
use tilewright_ir::DType;
use tilewright_kernels::{CATALOG, Entry};

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever stops it, with the exit status that this means.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("kernels", m)) => kernels::run(m, out),
        // Clap has already refused every other name.
        _ => Err(Failure::usage("no such command", "`tilewright --help` lists the commands")),
    }
}

/// The kernel of that name.
fn find(name: &str) -> Result<&'static Entry, Failure> {
    tilewright_kernels::find(name).ok_or_else(|| {
        let next = match nearest(name, CATALOG.iter().map(|entry| entry.name)) {
            Some(near) => format!("did you mean `{near}`? `tilewright kernels` lists them all"),
            None => "`tilewright kernels` lists them all".into(),
        };
        Failure::usage(format!("there is no kernel `{name}`"), next)
    })
}

/// The `--set` values, each name once.
fn settings(matches: &ArgMatches) -> Result<Vec<Setting>, Failure> {
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
fn whole(setting: &Setting) -> Result<usize, Failure> {
    let value = setting.value;
    if value < 0.0 || value.fract() != 0.0 || value > i32::MAX as f64 {
        return Err(Failure::usage(
            format!("`{}` is a size, {value} is not", setting.name),
            "give it a whole number from 0 to 2147483647",
        ));
    }
    Ok(value as usize)
}

/// The dtypes of a list, as `f32, f16`.
fn show_dtypes(dtypes: &[DType]) -> String {
    dtypes.iter().map(|d| d.name()).collect::<Vec<_>>().join(", ")
}
