//! `tilewright validate`: does a patched model say the same, and how much sooner?

use crate::failure::Failure;
use crate::model::{directory, load};
use crate::progress::Progress;
use crate::table::Table;
use clap::ArgMatches;
use serde_json::json;
use std::io::Write;
use tilewright_engine::{Divergence, Request, Sampling, Trial, Validation, validate};
use tilewright_nn::patch::Patterns;
use tilewright_text::{Message, Text};

/// What is asked where no prompt is given.
const PROMPT: &str = "Explain the difference between TCP and UDP, and when to use which.";

/// Compares greedy tokens and speed of the model as it is and patched.
///
/// # Errors
/// When the checkpoint cannot be run, or the tokens differ.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let patterns = patterns(matches)?;
    let directory = directory(matches)?;
    let text = Text::open(&directory)?;
    let prompt = matches.get_one::<String>("prompt").map_or(PROMPT, String::as_str);
    let prompt = match text.template() {
        Some(_) => text.encode_chat(&[Message::new("user", prompt)])?,
        None => text.encode(prompt)?,
    };
    let count = |name: &str, default| matches.get_one::<usize>(name).copied().unwrap_or(default);
    for name in ["max-tokens", "runs"] {
        if count(name, 1) == 0 {
            return Err(Failure::usage(format!("--{name} is 0"), "it is at least 1"));
        }
    }
    let request = Request {
        prompt,
        max_tokens: count("max-tokens", 200),
        sampling: Sampling::GREEDY,
        stop: text.stop_tokens().to_vec(),
    };
    let mut model = load(matches, &directory)?;
    let runs = count("runs", 3);
    // The runs that compile give four tokens each.
    let progress = Progress::new(2 * (runs * request.max_tokens + 4));
    let found = validate(&mut model, &patterns, &request, runs, |_| {
        progress.begin("tokens");
        progress.step();
    })?;
    drop(progress);
    let read = request.prompt.len();
    match matches.get_flag("json") {
        true => writeln!(out, "{:#}", report(&directory.display().to_string(), read, &found))?,
        false => print(&directory.display().to_string(), read, &found, out)?,
    }
    if found.fidelity.holds() { Ok(()) } else { Err(Failure::Told) }
}

/// The patterns that were asked for, those for inference if none were.
fn patterns(matches: &ArgMatches) -> Result<Patterns, Failure> {
    let names: Vec<&str> =
        matches.get_many::<String>("patterns").into_iter().flatten().map(String::as_str).collect();
    match (names.as_slice(), matches.get_one::<String>("mode")) {
        (["none" | "no" | "off" | "[]"], _) => Ok(Patterns::none()),
        (["all"], _) => Ok(Patterns::all()),
        ([], Some(mode)) => Ok(Patterns::mode(mode)?),
        ([], None) => Ok(Patterns::inference()),
        (names, _) => Ok(Patterns::named(names)?),
    }
}

fn print(model: &str, read: usize, found: &Validation, out: &mut dyn Write) -> Result<(), Failure> {
    let names: Vec<String> = found
        .patch
        .pattern_counts
        .iter()
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
    let written = found.baseline[0].tokens.len();
    writeln!(out, "VALIDATION REPORT\n")?;
    writeln!(out, "Model:    {model}")?;
    writeln!(out, "Patterns: {names}")?;
    for (path, why) in &found.patch.skipped {
        writeln!(out, "Skipped:  {path}: {why}")?;
    }
    writeln!(
        out,
        "Tokens:   {written} after a prompt of {read}, {} runs each\n",
        found.baseline.len()
    )?;
    let fidelity = found.fidelity;
    let verdict = if fidelity.holds() { "PASS" } else { "FAIL" };
    let (identical, total) = (fidelity.identical, fidelity.total);
    writeln!(out, "FIDELITY: {identical}/{total} tokens identical  [{verdict}]")?;
    if let Some(place) = fidelity.first_divergence {
        writeln!(out, "First divergence at token {place}")?;
    }
    if let Some(Divergence { tokens: [a, b], logits: [x, y] }) = found.divergence {
        writeln!(out, "There the baseline gives its token {a} {x} and the patched one's {b} {y}")?;
    }
    writeln!(out)?;
    let mut table = Table::new(&["", ">Baseline", ">Patched", ">Speedup"]);
    for (name, of) in figures(read) {
        let [before, after] = found.medians(of);
        let speedup = if before > 0.0 { format!("{:.3}x", after / before) } else { "-".into() };
        table.row([name.into(), format!("{before:.1}"), format!("{after:.1}"), speedup]);
    }
    table.print(out)?;
    Ok(())
}

/// The figures of a run that are compared, all in tokens a second.
fn figures(read: usize) -> [(&'static str, Box<dyn Fn(&Trial) -> f64>); 2] {
    [
        ("Prompt (tok/s)", Box::new(move |trial| trial.prefill_speed(read))),
        ("Decode (tok/s)", Box::new(Trial::decode_speed)),
    ]
}

fn report(model: &str, read: usize, found: &Validation) -> serde_json::Value {
    let [prompt, decode] = figures(read).map(|(_, of)| {
        let [baseline, patched] = found.medians(of);
        json!({"baseline": baseline, "patched": patched, "speedup": patched / baseline})
    });
    let counts: serde_json::Map<_, _> = found
        .patch
        .pattern_counts
        .iter()
        .map(|(name, count)| (name.to_string(), json!(count)))
        .collect();
    let fidelity = found.fidelity;
    json!({
        "model": model,
        "patched_count": found.patch.patched_count,
        "pattern_counts": counts,
        "skipped": found.patch.skipped.iter().map(|(path, why)| json!({"path": path, "why": why}))
            .collect::<Vec<_>>(),
        "prompt_tokens": read,
        "runs": found.baseline.len(),
        "identical": fidelity.identical,
        "total": fidelity.total,
        "first_divergence": fidelity.first_divergence,
        "divergence": found.divergence.map(|found| json!({"tokens": found.tokens, "logits": found.logits})),
        "pass": fidelity.holds(),
        "baseline_tokens": found.baseline[0].tokens,
        "patched_tokens": found.patched[0].tokens,
        "prompt_tokens_per_second": prompt,
        "decode_tokens_per_second": decode,
    })
}
