//! `tilewright logits`: what a model gives after each token.

use crate::failure::Failure;
use crate::files;
use crate::model::{directory, load};
use crate::progress::Busy;
use clap::ArgMatches;
use std::io::Write;
use std::path::PathBuf;
use tilewright_engine::perplexity;
use tilewright_nn::{Logits, not_numbers};

/// Writes the tensor `logits`, f32 `[tokens, vocabulary]`.
///
/// # Errors
/// When the checkpoint cannot be run, or a token is not of its vocabulary; nothing is written then. And when logits are
/// not numbers, which are written for whoever looks for the reason.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let tokens: Vec<u32> = matches.get_many("tokens").into_iter().flatten().copied().collect();
    let path = matches.get_one::<PathBuf>("out");
    let path = path.ok_or_else(|| Failure::usage("--out is needed", "give it a file"))?;
    let model = load(matches, &directory(matches)?)?;
    let context = model.shape().context;
    if tokens.len() > context {
        let what = format!("{} tokens do not fit the model's context of {context}", tokens.len());
        return Err(Failure::usage(what, "give fewer tokens, or a longer --context"));
    }
    let mut cache = model.cache(1, tokens.len())?;
    let busy = Busy::with("reading the tokens");
    let logits = model.prefill(&mut cache, 0, &tokens, Logits::All)?;
    let logits = logits
        .ok_or_else(|| Failure::work("the model gave no logits", "this is a mistake of ours"))?;
    let rows = logits.to_vec::<f32>()?;
    drop(busy);
    let shape = crate::table::show_shape(logits.shape());
    files::save(path, &[("logits".to_string(), logits)])?;
    write!(out, "{}: logits f32 {shape}", path.display())?;
    let vocabulary = model.shape().vocabulary;
    if let Some(at) = rows.iter().position(|logit| !logit.is_finite()) {
        writeln!(out)?;
        return Err(not_numbers(at / vocabulary + 1).into());
    }
    match perplexity(&rows, &tokens) {
        Some(perplexity) => writeln!(out, "; perplexity of the tokens {perplexity:.4}")?,
        None => writeln!(out)?,
    }
    Ok(())
}
