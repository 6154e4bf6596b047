//! `tilewright inspect`: what is in a checkpoint, and whether it can run.

use crate::failure::Failure;
use crate::model::{Held, whole};
use crate::progress::Busy;
use crate::table::{Table, show_bytes, show_shape};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use tilewright_formats::{BlockTensor, Checkpoint, FormatError, Gguf, StoredTensor, TensorFile};
use tilewright_models::{Import, describe};
use tilewright_nn::{DType, Runtime, Tensor, Weights};
use tilewright_text::{Text, tokenizer_files};

/// Describes the checkpoint in a directory, or the tensors of a file.
///
/// # Errors
/// When the path is neither; a checkpoint that cannot run is described, with the reason.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let missing = || Failure::usage("PATH is needed", "give it a checkpoint's directory");
    let path = &crate::hub::folder(matches.get_one::<PathBuf>("path").ok_or_else(missing)?)?;
    let json = matches.get_flag("json");
    if Gguf::is_one(path) {
        return blocks(&Gguf::map(path)?, matches, out);
    }
    if path.is_file() && path.extension().is_none_or(|kind| kind != "json") {
        let file = TensorFile::map(path)?;
        let rows = rows(&[&file]);
        if !json {
            table_of(rows).print(out)?;
        } else {
            let mut list = list(rows);
            if matches.get_flag("values") {
                count_values(&file, &mut list)?;
            }
            writeln!(out, "{list:#}")?;
        }
        if matches.get_flag("values") && !json {
            let found = values(file.names().map(|name| file.stored(name)))?;
            writeln!(out, "\n{found}")?;
        }
        return Ok(());
    }
    if let Held::Blocks(file) = whole(path)? {
        return blocks(&Gguf::map(&file)?, matches, out);
    }
    let checkpoint = Checkpoint::look(path)?;
    let mut facts = facts(&checkpoint);
    facts.extend(text(path));
    if matches.get_flag("values") {
        let stored = checkpoint.names().map(|name| checkpoint.tensor(name));
        facts.push(("values", values(stored)?));
    }
    let answer = unread(&checkpoint).map(|unread| facts.extend(unread.map(|u| ("unread", u))));
    let rows = rows(&checkpoint.files().iter().collect::<Vec<_>>());
    report(facts, answer, rows, matches, out)
}

/// A tensor: its name, its type and its shape.
type Row = (String, String, Vec<usize>);

/// Facts, whether it can run or why not and what to do, and where they are asked for its tensors.
fn report(
    facts: Vec<(&'static str, String)>,
    answer: Result<(), [String; 2]>,
    rows: Vec<Row>,
    matches: &ArgMatches,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let lists = matches.get_flag("tensors");
    if matches.get_flag("json") {
        let facts: serde_json::Map<String, Value> =
            facts.into_iter().map(|(name, value)| (name.replace(' ', "_"), json!(value))).collect();
        let reason = answer.as_ref().err().map(|[what, _]| what);
        let mut report = json!({"runs": answer.is_ok(), "reason": reason, "facts": facts});
        if lists {
            report["tensors"] = list(rows);
        }
        writeln!(out, "{report:#}")?;
        return Ok(());
    }
    let mut table = Table::new(&["", ""]);
    for (name, value) in facts {
        table.row([name.to_string(), value]);
    }
    let runs = match answer {
        Ok(()) => "yes".to_string(),
        Err([what, next]) => format!("no: {what}; {next}"),
    };
    table.row(["runs".into(), runs]);
    table.print(out)?;
    if lists {
        writeln!(out)?;
        table_of(rows).print(out)?;
    }
    Ok(())
}

/// Describes a GGUF file.
fn blocks(file: &Gguf, matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let of = |name: &str| file.metadata().text(name).ok().flatten().unwrap_or("-").to_string();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in file.names().filter_map(|name| file.tensor(name)) {
        *kinds.entry(tensor.block.name()).or_default() += 1;
    }
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let mut facts = vec![
        ("architecture", of("general.architecture")),
        ("name", of("general.name")),
        ("tokenizer", of("tokenizer.ggml.model")),
        ("tensors", kinds.join(", ")),
    ];
    let tensors = || file.names().filter_map(|name| Some((name, file.tensor(name)?)));
    if matches.get_flag("values") {
        facts.push(("values", block_values(tensors())));
    }
    let plan = Import::plan(file).and_then(|_| tokenizer_files(file.metadata()));
    let answer = plan.map(drop).map_err(|e| [e.what, e.next]);
    let row = |(name, tensor): (&str, BlockTensor<'_>)| {
        (name.to_string(), tensor.block.name().to_string(), tensor.shape.to_vec())
    };
    report(facts, answer, tensors().map(row).collect(), matches, out)
}

/// Reads the numbers of every block.
fn block_values<'a>(tensors: impl Iterator<Item = (&'a str, BlockTensor<'a>)>) -> String {
    let (mut broken, mut first, mut all) = (0, None, 0);
    for (name, tensor) in tensors {
        let row = tensor.block.bytes_of(tensor.shape.last().map_or(&[1], std::slice::from_ref));
        // In rows, since the values as f32 take several times the room.
        for row in tensor.bytes.chunks(row.unwrap_or(0).max(1)) {
            let values = tensor.block.floats(row);
            let found = values.iter().filter(|value| !value.is_finite()).count();
            all += values.len();
            broken += found;
            if found > 0 {
                first.get_or_insert(name.to_string());
            }
        }
    }
    told(broken, all, first)
}

/// Names and values that a reader asks for first.
fn facts(checkpoint: &Checkpoint) -> Vec<(&'static str, String)> {
    let config = checkpoint.config();
    let declared = config.text("model_type").ok().flatten().unwrap_or("none declared");
    let mut facts = vec![("family", declared.to_string())];
    if checkpoint.is_part() {
        facts.push(("images", "not read: the text model alone runs".into()));
    }
    if let Ok(decoder) = describe(config) {
        let attention = decoder.attention;
        facts.extend([
            ("layers", decoder.feed_forward.len().to_string()),
            ("hidden", decoder.hidden.to_string()),
            (
                "heads",
                format!(
                    "{} of {}, {} for keys",
                    attention.heads, attention.head_dim, attention.kv_heads
                ),
            ),
            ("vocabulary", decoder.vocabulary.to_string()),
            ("context", decoder.context.to_string()),
        ]);
    }
    let quantization = match checkpoint.quantization() {
        None if checkpoint.refused().is_some() => "not one of MLX's affine bits".to_string(),
        None => "none".to_string(),
        Some(quantization) => {
            let format = quantization.default_format();
            let others = quantization.differing().count();
            let but = if others > 0 { format!(", {others} modules differ") } else { String::new() };
            format!("{} bits in groups of {}{but}", format.bits, format.group)
        }
    };
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for file in checkpoint.files() {
        for name in file.names() {
            let kind = file.stored_type(name).unwrap_or_default();
            let size = file.stored(name).map_or(0, |tensor| tensor.bytes().len() as u64);
            *bytes.entry(kind).or_default() += size;
        }
    }
    let kinds: Vec<String> =
        bytes.iter().map(|(kind, bytes)| format!("{kind} {}", show_bytes(*bytes))).collect();
    let (tensors, files) = (checkpoint.names().count(), checkpoint.files().len());
    facts.push(("quantization", quantization));
    facts.push(("tensors", format!("{tensors} in {files} files: {}", kinds.join(", "))));
    facts
}

/// What the files beside the weights say about text.
fn text(directory: &Path) -> Vec<(&'static str, String)> {
    match Text::open(directory) {
        Err(error) => {
            let file = error.file.file_name().unwrap_or_default().to_string_lossy();
            vec![("tokenizer", format!("none that can be used: {file}: {}", error.what))]
        }
        Ok(text) => {
            let template = if text.template().is_some() { "yes" } else { "no" };
            let stop: Vec<String> = text.stop_tokens().iter().map(u32::to_string).collect();
            let stop = if stop.is_empty() { "none".to_string() } else { stop.join(", ") };
            vec![
                ("tokenizer", format!("{} tokens", text.vocabulary())),
                ("chat template", template.into()),
                ("stop tokens", stop),
            ]
        }
    }
}

/// As many tensors are named where a checkpoint holds more than its model reads.
const NAMED: usize = 3;

/// What of the checkpoint the model does not read, in words. Everything is put together but the caches.
///
/// # Errors
/// Why it cannot run, and what to do.
fn unread(checkpoint: &Checkpoint) -> Result<Option<String>, [String; 2]> {
    let told = |e: FormatError| [e.to_string(), e.next];
    let failed = |e: tilewright_nn::Error| {
        [e.what().to_string(), e.next_step().unwrap_or("see `tilewright test`").to_string()]
    };
    if let Some(error) = checkpoint.refused() {
        return Err([error.to_string(), error.next.clone()]);
    }
    let decoder = describe(checkpoint.config()).map_err(told)?;
    // Nothing is read, by a device that runs nothing: whether kernels work here is not the question.
    let runtime = Runtime::open("null").map_err(failed)?;
    let weights = Weights::listed(checkpoint, runtime).map_err(failed)?;
    let (_, names) = decoder.list(&weights).map_err(failed)?;
    decoder.build(weights).map_err(failed)?;
    if names.is_empty() {
        return Ok(None);
    }
    // A whole layer more than the configuration has is more likely a mistake than a leftover.
    let layers = decoder.feed_forward.len();
    let number =
        |name: &String| name.strip_prefix("model.layers.")?.split('.').next()?.parse().ok();
    let last: Option<usize> = names.iter().filter_map(number).max();
    let beyond = match last.filter(|&last| last >= layers) {
        Some(last) if last == layers => {
            format!("; layer {last} is beyond the {layers} of config.json")
        }
        Some(last) => format!("; layers {layers} to {last} are beyond the {layers} of config.json"),
        None => String::new(),
    };
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    Ok(Some(format!("{} tensors{beyond}: {}{more}", names.len(), first.join(", "))))
}

/// Reads every float: how many are no numbers, and where the first is.
fn values(
    tensors: impl Iterator<Item = Result<StoredTensor, FormatError>>,
) -> Result<String, Failure> {
    let _busy = Busy::with("reading the values");
    let (mut broken, mut first, mut all) = (0usize, None, 0usize);
    for stored in tensors {
        let stored = stored?;
        if !stored.dtype.is_float() {
            continue;
        }
        let found = not_finite(&stored)?;
        all += stored.shape.iter().product::<usize>();
        broken += found;
        if found > 0 {
            first.get_or_insert(stored.name);
        }
    }
    Ok(told(broken, all, first))
}

/// Adds to each float tensor of a list how many of its values are NaN or infinite.
fn count_values(file: &TensorFile, list: &mut Value) -> Result<(), Failure> {
    let _busy = Busy::with("reading the values");
    for entry in list.as_array_mut().into_iter().flatten() {
        let stored = file.stored(entry["name"].as_str().unwrap_or_default())?;
        if stored.dtype.is_float() {
            entry["not_finite"] = json!(not_finite(&stored)?);
        }
    }
    Ok(())
}

fn told(broken: usize, all: usize, first: Option<String>) -> String {
    match first {
        None => format!("all {all} floats are finite"),
        Some(name) => format!("{broken} of {all} floats are NaN or infinite, first in `{name}`"),
    }
}

fn not_finite(stored: &StoredTensor) -> Result<usize, Failure> {
    let dtype = DType::parse(stored.dtype.name()).unwrap_or(DType::F32);
    let mut count = 0;
    // In pieces, since the values as f64 take several times the room.
    for piece in stored.bytes().chunks(1 << 20) {
        let tensor = Tensor::from_bytes(dtype, &[piece.len() / dtype.size()], piece)?;
        count += tensor.to_f64()?.iter().filter(|x| !x.is_finite()).count();
    }
    Ok(count)
}

/// Every tensor of some files.
fn rows(files: &[&TensorFile]) -> Vec<Row> {
    let of = |file: &TensorFile, name: &str| {
        let shape = file.shape(name).unwrap_or_default().to_vec();
        (name.to_string(), file.stored_type(name).unwrap_or_default(), shape)
    };
    files.iter().flat_map(|file| file.names().map(|name| of(file, name))).collect()
}

fn list(rows: Vec<Row>) -> Value {
    let entry = |(name, kind, shape)| json!({"name": name, "type": kind, "shape": shape});
    rows.into_iter().map(entry).collect()
}

fn table_of(rows: Vec<Row>) -> Table {
    let mut table = Table::new(&["TENSOR", "TYPE", "SHAPE"]);
    for (name, kind, shape) in rows {
        table.row([name, kind, show_shape(&shape)]);
    }
    table
}
