//! The end of the tour: a story by a small model, as it is and patched.

use crate::failure::Failure;
use crate::table::show_bytes;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tilewright_engine::{Fidelity, Request, Sampling, Trial};
use tilewright_formats::Checkpoint;
use tilewright_nn::patch::{Patterns, patch};
use tilewright_runtime::Runtime;
use tilewright_text::{Stream, Text};

/// The model, where the repository keeps it.
const MODEL: &str = "models/fairytale-moe-4bit";

const BEGINNING: &str = "Once upon a time there was a miller who had three sons, and";

/// Tokens of the story.
const LENGTH: usize = 160;

/// Tells a story with the model as it is, tells it again patched, and compares.
///
/// # Errors
/// When the checkpoint is broken, or the tokens differ.
pub fn tell(number: usize, runtime: &Arc<Runtime>, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "\n{number}. A model of 4-bit weights tells a story, as it is and patched\n")?;
    let Some(directory) = find() else {
        writeln!(out, "   {MODEL} is not here: run the tour in the folder of the repository")?;
        return Ok(());
    };
    let checkpoint = Checkpoint::open(&directory)?;
    let text = Text::open(&directory)?;
    let mut model = tilewright_models::load(&checkpoint, runtime.clone(), None)?;
    let prompt = text.encode(BEGINNING)?;
    let read = prompt.len();
    let request =
        Request { prompt, max_tokens: LENGTH, sampling: Sampling::GREEDY, stop: Vec::new() };
    let short = Request { max_tokens: 8, ..request.clone() };
    let size = std::fs::metadata(directory.join("model.safetensors")).map_or(0, |file| file.len());
    writeln!(
        out,
        "   {MODEL}: {}, {} layers of experts\n",
        show_bytes(size),
        model.shape().blocks()
    )?;
    // The first tokens of each compile its kernels.
    Trial::run(&model, &short, |_| {})?;
    let plain = Trial::run(&model, &request, |_| {})?;
    let result = patch(&mut model, &Patterns::inference());
    Trial::run(&model, &short, |_| {})?;
    let mut words = Words { column: 0 };
    words.write(BEGINNING, out)?;
    let mut stream = Stream::new(&text, &[]);
    let mut failure = None;
    let patched = Trial::run(&model, &request, |token| {
        let piece = stream.push(token).map_err(Failure::from);
        if let Err(error) = piece.and_then(|piece| words.write(&piece, out)) {
            failure.get_or_insert(error);
        }
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    words.write(&stream.finish()?, out)?;
    writeln!(out, "\n")?;
    for line in result.summary().lines() {
        writeln!(out, "   {line}")?;
    }
    let fidelity = Fidelity::of(&plain.tokens, &patched.tokens);
    let [before, after] = [&plain, &patched].map(Trial::decode_speed);
    writeln!(
        out,
        "   prompt of {read} tokens: {:.0} tokens/s as it is, {:.0} patched",
        plain.prefill_speed(read),
        patched.prefill_speed(read),
    )?;
    writeln!(
        out,
        "   story of {} tokens: {before:.0} tokens/s as it is, {after:.0} patched ({:.2}x)",
        patched.tokens.len(),
        after / before,
    )?;
    writeln!(out, "   {}/{} tokens identical", fidelity.identical, fidelity.total)?;
    match fidelity.first_divergence {
        None => Ok(()),
        Some(place) => Err(Failure::work(
            format!("the patched model differs from token {place} on"),
            "this is a defect: please report it with your processor's name",
        )),
    }
}

/// The folder of the model: from here, or from where this program lies.
fn find() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    let starts = [here, program].into_iter().flatten();
    let mut folders = starts
        .flat_map(|start| start.ancestors().map(|folder| folder.join(MODEL)).collect::<Vec<_>>());
    folders.find(|folder| folder.join("config.json").is_file())
}

/// Text broken into lines as it comes.
struct Words {
    column: usize,
}

impl Words {
    /// Characters of a line.
    const WIDTH: usize = 88;

    fn write(&mut self, piece: &str, out: &mut dyn Write) -> Result<(), Failure> {
        for part in piece.split_inclusive([' ', '\n']) {
            let len = part.trim_end().chars().count();
            if self.column == 0 || self.column + len > Self::WIDTH {
                write!(out, "{}   | ", if self.column == 0 { "" } else { "\n" })?;
                self.column = 0;
            }
            let line = part.trim_end_matches('\n');
            write!(out, "{line}")?;
            self.column += line.chars().count();
            if part.ends_with('\n') {
                writeln!(out)?;
                self.column = 0;
            }
        }
        Ok(out.flush()?)
    }
}
