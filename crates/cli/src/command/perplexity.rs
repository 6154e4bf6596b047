//! `tilewright perplexity`: how well a model predicts a text.

use crate::failure::Failure;
use crate::model::{directory, load};
use crate::progress::Progress;
use clap::ArgMatches;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use tilewright_engine::surprises;
use tilewright_formats::read_text;
use tilewright_text::Text;

/// Reads `--text` in pieces and prints the perplexity.
///
/// # Errors
/// When the checkpoint cannot be run, or the text has less than two tokens.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let directory = directory(matches)?;
    let path = matches.get_one::<PathBuf>("text");
    let path = path.ok_or_else(|| Failure::usage("--text is needed", "give it a file"))?;
    let number = |name: &str| matches.get_one::<usize>(name).copied();
    if number("pieces") == Some(0) {
        return Err(Failure::usage("--pieces is 0", "it is at least 1"));
    }
    let tokens = Text::open(&directory)?.encode(&read_text(path)?)?;
    let model = load(matches, &directory)?;
    let length = number("length").unwrap_or(512.min(model.shape().context));
    if length < 2 || tokens.len() < 2 {
        let what = format!("{} tokens in pieces of {length} predict nothing", tokens.len());
        return Err(Failure::usage(what, "give a longer text, or a --length of at least 2"));
    }
    let most = number("pieces").unwrap_or(usize::MAX);
    let pieces: Vec<&[u32]> =
        tokens.chunks(length).filter(|piece| piece.len() > 1).take(most).collect();
    let progress = Progress::new(pieces.len());
    let mut all: Vec<f64> = Vec::new();
    for piece in pieces {
        progress.begin(&format!("pieces of {length} tokens"));
        all.extend(surprises(&model, piece)?);
        progress.step();
    }
    drop(progress);
    let count = all.len().max(1) as f64;
    let mean = all.iter().sum::<f64>() / count;
    let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    // Of e^mean, by the rule of small errors.
    let (perplexity, error) = (mean.exp(), mean.exp() * (variance / count).sqrt());
    if matches.get_flag("json") {
        let report = json!({
            "perplexity": perplexity, "standard_error": error, "nats_per_token": mean, "tokens": all.len(),
            "length": length,
        });
        writeln!(out, "{report:#}")?;
    } else {
        let tokens = all.len();
        writeln!(
            out,
            "perplexity {perplexity:.4} ± {error:.4} over {tokens} tokens, {length} in a row"
        )?;
    }
    Ok(())
}
