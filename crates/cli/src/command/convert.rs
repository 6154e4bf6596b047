//! `tilewright convert`: a checkpoint of floats with its weights packed, or one made of a GGUF file.

use crate::failure::Failure;
use crate::model::{Held, float, held};
use crate::progress::Progress;
use clap::ArgMatches;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tilewright_formats::{Affine, Checkpoint, Config, ElementType, FormatError, new_folder};
use tilewright_models::Conversion;
use tilewright_runtime::Runtime;

/// What lies beside the weights and goes with them.
const BESIDE: [&str; 10] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
];

/// Writes the folder `--out`, whole or not at all.
///
/// # Errors
/// When the checkpoint is broken or packed already, or something of that name exists.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let to = matches.get_one::<PathBuf>("out");
    let to = to.ok_or_else(|| Failure::usage("--out is needed", "give it a new folder"))?;
    let from = match held(matches)? {
        Held::Blocks(file) => return super::import::run(&file, to, matches, out),
        Held::Checkpoint(folder) => folder,
    };
    let number = |name: &str| matches.get_one::<usize>(name).copied();
    let format = Affine { bits: number("bits").unwrap_or(4), group: number("group").unwrap_or(64) };
    one_of("--bits", format.bits, &Affine::BITS)?;
    one_of("--group", format.group, &Affine::GROUPS)?;
    let dtype = float(matches)?.and_then(|dtype| ElementType::parse(dtype.name()));
    let checkpoint = Checkpoint::open(&from)?;
    let runtime = Runtime::open("null")?;
    let conversion = Conversion::plan(&checkpoint, runtime, format, dtype)?;
    let config = with_ends(&from, conversion.config())?;
    let progress = Progress::new(conversion.steps());
    new_folder(to, |folder| -> Result<(), Failure> {
        conversion.write(folder, |name| {
            progress.begin(name);
            progress.step();
            ControlFlow::Continue(())
        })?;
        let path = folder.join("config.json");
        std::fs::write(&path, &config).map_err(|e| unwritable(&path, &e))?;
        for name in BESIDE {
            let (from, to) = (from.join(name), folder.join(name));
            if from.is_file() {
                std::fs::copy(&from, &to).map_err(|e| unwritable(&to, &e))?;
            }
        }
        Ok(())
    })?;
    drop(progress);
    let bits = conversion.bits_per_weight();
    writeln!(out, "{}: {bits:.3} bits a weight", to.display())?;
    if !conversion.unused().is_empty() {
        let first = conversion.unused().iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let count = conversion.unused().len();
        writeln!(out, "left out {count} tensors that the model does not use: {first}")?;
    }
    Ok(())
}

fn one_of(name: &str, value: usize, known: &[usize]) -> Result<(), Failure> {
    if known.contains(&value) {
        return Ok(());
    }
    let list: Vec<String> = known.iter().map(usize::to_string).collect();
    Err(Failure::usage(format!("{name} is {value}"), format!("it is one of {}", list.join(", "))))
}

/// The configuration with the end tokens of `generation_config.json`, which go before its own, as mlx-lm writes it.
fn with_ends(directory: &Path, config: String) -> Result<String, FormatError> {
    let path = directory.join("generation_config.json");
    if !path.is_file() {
        return Ok(config);
    }
    let ends = Config::open(&path)?;
    match ends.value("eos_token_id") {
        Some(ends) if *ends != 0 => Config::parse(&directory.join("config.json"), &config)
            .map(|config| config.with("eos_token_id", ends.clone()).to_text()),
        _ => Ok(config),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    Failure::work(format!("{}: cannot write it: {words}", path.display()), "check the disk")
}
