//! `tilewright convert` of a GGUF file: a checkpoint folder with the same numbers.

use crate::failure::Failure;
use crate::progress::Progress;
use clap::ArgMatches;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use tilewright_formats::{Config, FormatError, Gguf, new_folder};
use tilewright_models::{Import, describe};
use tilewright_text::tokenizer_files;

/// Writes the folder `--out`, whole or not at all.
///
/// # Errors
/// As [`write`], and when an option does not go with such a file.
pub fn run(
    from: &Path,
    to: &Path,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    for option in ["bits", "group", "dtype"] {
        if matches.contains_id(option) {
            let what = format!("--{option} does not go with a GGUF file");
            return Err(Failure::usage(what, "its weights stay as they are packed"));
        }
    }
    let tensors = write(from, to)?;
    writeln!(out, "{}: {tensors} tensors", to.display())?;
    Ok(())
}

/// Writes the folder `to`, whole or not at all; the number of its tensors.
///
/// # Errors
/// When the file is broken, of an architecture or a tokenizer that is not read, or something is called `to` already.
pub fn write(from: &Path, to: &Path) -> Result<usize, Failure> {
    let file = Gguf::map(from)?;
    let import = Import::plan(&file)?;
    let config = import.config();
    // What cannot run is told before anything is written.
    describe(&Config::parse(from, &config)?)?;
    let texts = tokenizer_files(file.metadata())?;
    let progress = Progress::new(import.steps());
    new_folder(to, |folder| -> Result<(), Failure> {
        import.write(folder, |name| {
            progress.begin(name);
            progress.step();
            ControlFlow::Continue(())
        })?;
        for (name, text) in
            [("config.json", &config)].into_iter().chain(texts.iter().map(|(n, t)| (*n, t)))
        {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|e| {
                let what = format!("cannot write it: {e}");
                FormatError::new(&path, what, "check the disk")
            })?;
        }
        Ok(())
    })?;
    Ok(import.steps())
}
