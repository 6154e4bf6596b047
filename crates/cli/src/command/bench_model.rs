//! `tilewright bench-model`: how fast a model reads and writes.

use crate::call::device;
use crate::failure::Failure;
use crate::model::{directory, float};
use crate::patching::Patching;
use crate::progress::{Busy, Progress};
use crate::table::Table;
use crate::timing::{CopyRates, median};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tilewright_formats::{Affine, Checkpoint, replace_file};
use tilewright_models::{Decoder, known, load_listed};
use tilewright_nn::{Cache, DType, Logits, Model, Part, PartKind, Runtime, Weights};

/// What is timed.
struct Work {
    prompt: usize,
    decode: usize,
    batch: usize,
    runs: usize,
}

/// What was measured: tokens a second of each run.
struct Speeds {
    prefill: Vec<f64>,
    decode: Vec<f64>,
    /// Launches of a step, where steps are recorded.
    launches: Option<usize>,
}

/// Times prefill and decode of a checkpoint, or of an architecture with random weights.
///
/// # Errors
/// When the model cannot run, or the device has no memory for it.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let count = |name: &str, default: usize| match matches.get_one::<usize>(name).copied() {
        Some(0) => Err(Failure::usage(format!("--{name} is 0"), "it is at least 1")),
        Some(count) => Ok(count),
        None => Ok(default),
    };
    let (prompt, decode) = (count("prompt", 512)?, count("decode", 128)?);
    let work = Work { prompt, decode, batch: count("batch", 1)?, runs: count("runs", 3)? };
    let format = format(matches)?;
    let patching = Patching::asked(matches)?;
    let runtime = device(matches)?;
    let context = context(matches)?;
    if prompt.saturating_add(decode) > context {
        let what = format!("{prompt} tokens and {decode} more do not fit the context of {context}");
        return Err(Failure::usage(what, "give a smaller --prompt or --decode"));
    }
    let begin = Instant::now();
    let busy = Busy::with("building the model");
    let (name, mut model, parts) = build(matches, &runtime, format)?;
    drop(busy);
    let which = matches.get_one::<String>("patch").map_or("none", String::as_str);
    let prompt_ids = prompt_of(&model, prompt);
    let patched = patching.apply(&mut model, &prompt_ids, |line| eprintln!("{line}"))?;
    runtime.synchronize()?;
    let built = begin.elapsed().as_secs_f64();
    let smaller = "fewer sequences (--batch) or tokens (--prompt, --decode) need a smaller cache";
    let cache = model.cache(work.batch, prompt + decode + 1);
    let mut cache = cache.map_err(|error| Failure::work(error.what(), smaller))?;
    let speeds = time(&model, &mut cache, &work)?;
    // Before the copy is timed, which has memory of its own.
    let peak = host_peak();
    let copy = CopyRates::new(&runtime).alone()?;
    let weights = parts.iter().map(|part| part.bytes as f64).sum::<f64>() - tied(&parts);
    let read = read_per_token(&parts, work.batch);
    let prefill = median(&speeds.prefill);
    let decoded = median(&speeds.decode);
    // Sequences of a batch share what a step reads.
    let rate = read * decoded / work.batch as f64;
    let report = json!({
        "model": name, "device": runtime.target(), "device_name": runtime.caps().name,
        "dtype": model.shape().dtype.name(), "patch": which,
        "patched": patched.pattern_counts.iter().map(|(name, count)| json!([name, count]))
            .collect::<Vec<_>>(),
        "launches_per_token": speeds.launches,
        "prompt": prompt, "decode": decode, "batch": work.batch,
        "prefill_tokens_per_second": prefill, "prefill_runs": speeds.prefill,
        "decode_tokens_per_second": decoded, "decode_runs": speeds.decode,
        "weight_bytes": weights, "bytes_read_per_token": read,
        "gigabytes_per_second": rate / 1e9, "copy_gigabytes_per_second": copy / 1e9,
        "share_of_copy": rate / copy, "cache_bytes": cache_bytes(&model, &cache),
        "host_peak_bytes": peak, "build_seconds": built,
    });
    if let Some(path) = matches.get_one::<PathBuf>("json") {
        replace_file(path, |file| writeln!(file, "{report:#}"))?;
    }
    print(&report, out)
}

/// The format of random weights; `None` for floats.
fn format(matches: &ArgMatches) -> Result<Option<Affine>, Failure> {
    let number = |name: &str| matches.get_one::<usize>(name).copied();
    let format = Affine { bits: number("bits").unwrap_or(4), group: number("group").unwrap_or(64) };
    let known = Affine::BITS.contains(&format.bits) && Affine::GROUPS.contains(&format.group);
    match format.bits {
        16 => Ok(None),
        _ if known => Ok(Some(format)),
        bits => Err(Failure::usage(
            format!("there are no weights of {bits} bits in groups of {}", format.group),
            "bits are 2, 3, 4, 5, 6, 8, or 16 for floats, groups 32, 64, 128",
        )),
    }
}

/// The model, what it is called, and its modules.
fn build(
    matches: &ArgMatches,
    runtime: &Arc<Runtime>,
    format: Option<Affine>,
) -> Result<(String, Model, Vec<Part>), Failure> {
    let dtype = float(matches)?;
    let Some(name) = matches.get_one::<String>("synthetic") else {
        let directory = directory(matches)?;
        let checkpoint = Checkpoint::open(&directory)?;
        let (model, parts) = load_listed(&checkpoint, runtime.clone(), dtype)?;
        return Ok((directory.display().to_string(), model, parts));
    };
    let decoder = synthetic(name)?;
    let dtype = dtype.unwrap_or(DType::BF16);
    let (parts, _) = decoder.list(&Weights::random_listed(runtime.clone(), dtype, format))?;
    let bytes = parts.iter().map(|part| part.bytes as f64).sum::<f64>() - tied(&parts);
    let smaller = "take a smaller architecture, or fewer --bits";
    runtime
        .require(bytes as u64)
        .map_err(|error| Failure::work(format!("{name}: {}", error.what()), smaller))?;
    let weights = Weights::random(runtime.clone(), dtype, format);
    let (model, parts) = decoder.build_listed(weights)?;
    let packed =
        format.map_or("floats".into(), |f| format!("{} bits, groups of {}", f.bits, f.group));
    Ok((format!("{name} with random weights, {packed}"), model, parts))
}

/// The architecture of that name.
fn synthetic(name: &str) -> Result<Decoder, Failure> {
    let missing = || Failure::usage(format!("there is no `{name}`"), "see `bench-model --help`");
    Ok(known(name).ok_or_else(missing)?.decoder()?)
}

/// The most tokens of a sequence, before anything is built.
fn context(matches: &ArgMatches) -> Result<usize, Failure> {
    match matches.get_one::<String>("synthetic") {
        Some(name) => Ok(synthetic(name)?.context),
        None => {
            let checkpoint = Checkpoint::open(&directory(matches)?)?;
            Ok(tilewright_models::describe(checkpoint.config())?.context)
        }
    }
}

/// Tokens that differ.
fn prompt_of(model: &Model, len: usize) -> Vec<u32> {
    let vocabulary = model.shape().vocabulary as u32;
    (0..len as u32).map(|i| i.wrapping_mul(2_654_435_761) % vocabulary).collect()
}

/// Reads a prompt into every slot, then decodes all of them together; once to warm up, then timed.
fn time(model: &Model, cache: &mut Cache, work: &Work) -> Result<Speeds, Failure> {
    let vocabulary = model.shape().vocabulary as u32;
    let prompt = prompt_of(model, work.prompt);
    let runtime = model.kernels().runtime();
    let mut speeds = Speeds { prefill: Vec::new(), decode: Vec::new(), launches: None };
    let progress = Progress::new(2 * (work.runs + 1));
    for run in 0..=work.runs {
        progress.begin("reading the prompt");
        let begin = Instant::now();
        for slot in 0..work.batch {
            cache.truncate(slot, 0);
            let mut chunks = prompt.chunks(model.chunk()).peekable();
            while let Some(chunk) = chunks.next() {
                let logits = if chunks.peek().is_some() { Logits::None } else { Logits::Last };
                model.prefill(cache, slot, chunk, logits)?;
            }
        }
        runtime.synchronize()?;
        let read = begin.elapsed().as_secs_f64();
        progress.step();
        progress.begin("decoding");
        let mut greedy = model.greedy(cache, &vec![Some(1 % vocabulary); work.batch])?;
        let begin = Instant::now();
        for _ in 0..work.decode {
            greedy.step()?;
        }
        // What came is what the work was for, and tells that the logits were numbers.
        let first = work.prompt + 1;
        for slot in 0..work.batch {
            greedy.tokens(slot, first..first + work.decode)?;
        }
        let written = begin.elapsed().as_secs_f64();
        progress.step();
        speeds.launches = greedy.launches().map(|(count, _)| count);
        if run > 0 {
            speeds.prefill.push((work.prompt * work.batch) as f64 / read);
            speeds.decode.push((work.decode * work.batch) as f64 / written);
        }
    }
    Ok(speeds)
}

/// Bytes of weights that a step of `batch` sequences reads at least: everything but the embedding, and of the experts
/// those that one token takes, or as many as a batch can take.
fn read_per_token(parts: &[Part], batch: usize) -> f64 {
    let bytes = |part: &Part| match part.kind {
        PartKind::Embedding => 0.0,
        PartKind::Linear | PartKind::Norm | PartKind::Conv | PartKind::Vector => part.bytes as f64,
        PartKind::Experts(k) => {
            let experts = part.shape.first().copied().unwrap_or(1).max(1);
            part.bytes as f64 * (k * batch).min(experts) as f64 / experts as f64
        }
    };
    parts.iter().map(bytes).sum()
}

/// Bytes that two parts share: a head whose weight is the embedding's.
fn tied(parts: &[Part]) -> f64 {
    let embedding = parts.iter().find(|part| part.kind == PartKind::Embedding);
    let shared = embedding.filter(|embedding| {
        parts.iter().any(|part| part.kind == PartKind::Linear && part.path == embedding.path)
    });
    shared.map_or(0.0, |part| part.bytes as f64)
}

fn cache_bytes(model: &Model, cache: &Cache) -> usize {
    model.shape().cache_bytes([cache.slots(), cache.capacity()])
}

/// The most memory of the host that this process has had, where the system tells.
fn host_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn print(report: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    let number = |name: &str| report[name].as_f64().unwrap_or(0.0);
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_string();
    let spread = |name: &str| {
        let runs = report[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let runs: Vec<String> =
            runs.iter().map(|run| format!("{:.1}", run.as_f64().unwrap_or(0.0))).collect();
        runs.join(", ")
    };
    let gigabytes = |name: &str| format!("{:.3} GB", number(name) / 1e9);
    let mut table = Table::new(&["", ""]);
    table.row(["model".into(), text("model")]);
    table.row(["device".into(), format!("{} ({})", text("device"), text("device_name"))]);
    table.row(["arithmetic".into(), text("dtype")]);
    table.row(["patch".into(), text("patch")]);
    for (name, tokens) in [("prefill", number("prompt")), ("decode", number("decode"))] {
        let speed = number(&format!("{name}_tokens_per_second"));
        let runs = spread(&format!("{name}_runs"));
        table.row([name.into(), format!("{speed:.1} tokens/s ({tokens} tokens; runs {runs})")]);
    }
    table.row(["weights".into(), gigabytes("weight_bytes")]);
    table.row(["read a token".into(), gigabytes("bytes_read_per_token")]);
    let (rate, copy) = (number("gigabytes_per_second"), number("copy_gigabytes_per_second"));
    let share = number("share_of_copy") * 100.0;
    table.row(["bandwidth".into(), format!("{rate:.1} GB/s, {share:.1} % of a copy's {copy:.1}")]);
    table.row(["cache".into(), gigabytes("cache_bytes")]);
    table.row(["host peak".into(), gigabytes("host_peak_bytes")]);
    if let Some(launches) = report["launches_per_token"].as_u64() {
        table.row(["a step".into(), format!("{launches} launches, recorded")]);
    }
    table.row(["built in".into(), format!("{:.1} s", number("build_seconds"))]);
    Ok(table.print(out)?)
}
