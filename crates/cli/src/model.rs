//! Models on the command line: what `generate`, `logits` and `inspect` share.

use crate::call::device;
use crate::failure::Failure;
use crate::memory::{read_code_in_small_parts, release_code};
use crate::progress::Busy;
use clap::ArgMatches;
use std::path::{Path, PathBuf};
use tilewright_engine::Sampling;
use tilewright_formats::{Checkpoint, Gguf, TensorFile};
use tilewright_ir::DType;
use tilewright_nn::Model;

/// The directory that `--model` names: fetched where it names a model of the hub, imported where it is a GGUF file.
///
/// # Errors
/// When it was not given, or cannot be fetched or imported.
pub fn directory(matches: &ArgMatches) -> Result<PathBuf, Failure> {
    match held(matches)? {
        Held::Checkpoint(folder) => Ok(folder),
        Held::Blocks(file) => crate::imported::folder(&file),
    }
}

/// What a model is read from.
pub enum Held {
    /// A folder with a `config.json`.
    Checkpoint(PathBuf),
    /// A GGUF file.
    Blocks(PathBuf),
}

/// What `--model` names, or holds.
///
/// # Errors
/// When it was not given, cannot be fetched, or is neither.
pub fn held(matches: &ArgMatches) -> Result<Held, Failure> {
    let missing =
        || Failure::usage("--model is needed", "give it the directory or the name of a checkpoint");
    let asked = matches.get_one::<PathBuf>("model").ok_or_else(missing)?;
    if Gguf::is_one(asked) {
        return Ok(Held::Blocks(asked.clone()));
    }
    whole(&crate::hub::folder(asked)?)
}

/// What a model is read from in a folder.
///
/// # Errors
/// When there is none, saying what is there instead.
pub fn whole(folder: &Path) -> Result<Held, Failure> {
    let path = folder.display();
    if !folder.exists() {
        let next = "pass the folder of a checkpoint, or its name on the hub, owner/name";
        return Err(Failure::work(format!("{path}: does not exist"), next));
    }
    if folder.is_file() {
        let next = match folder.parent().filter(|parent| parent.join("config.json").is_file()) {
            Some(parent) if parent.as_os_str().is_empty() => "pass the folder: .".into(),
            Some(parent) => format!("pass the folder: {}", parent.display()),
            None => "pass the folder that holds the model's config.json".into(),
        };
        return Err(Failure::usage(format!("{path}: is a file, and a model is a folder"), next));
    }
    if folder.join("config.json").exists() {
        return Ok(Held::Checkpoint(folder.to_path_buf()));
    }
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut blocks: Vec<PathBuf> =
        files.map(|entry| entry.path()).filter(|path| Gguf::is_one(path)).collect();
    blocks.sort();
    // Those of one model count as the first, which knows the others.
    blocks.dedup_by(|later, earlier| parts(later).is_some_and(|own| Some(own) == parts(earlier)));
    let next = match &blocks[..] {
        [] => "pass the folder that holds the model's config.json".into(),
        [_] => return Ok(Held::Blocks(blocks.remove(0))),
        [first, ..] => format!("pass one of its {} GGUF files: {}", blocks.len(), first.display()),
    };
    Err(Failure::work(format!("{path}: holds no config.json"), next))
}

/// What `STEM-00001-of-00003.gguf` says of its kin: their stem, and how many there are.
fn parts(path: &Path) -> Option<[String; 2]> {
    let (rest, files) = path.file_name()?.to_str()?.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    Some([rest.rsplit_once('-')?.0, files].map(String::from))
}

/// The types that models are computed in.
const FLOATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// The kind of float that `--dtype` names, if it was given.
///
/// # Errors
/// When it is no float.
pub fn float(matches: &ArgMatches) -> Result<Option<DType>, Failure> {
    let Some(name) = matches.get_one::<String>("dtype") else { return Ok(None) };
    let float = DType::parse(name).filter(|dtype| FLOATS.contains(dtype));
    let wrong = || {
        Failure::usage(
            format!("--dtype {name}: no model is computed in it"),
            "it is one of f32, f16, bf16",
        )
    };
    float.map(Some).ok_or_else(wrong)
}

/// The model in a directory, on `--device`, with arithmetic in `--dtype`.
///
/// # Errors
/// When the checkpoint is broken, or this build cannot run it.
pub fn load(matches: &ArgMatches, directory: &Path) -> Result<Model, Failure> {
    // Bytes of weights beside which the program's own are much.
    const FEW: usize = 256 << 20;
    let checkpoint = Checkpoint::open(directory)?;
    if checkpoint.files().iter().map(TensorFile::size).sum::<usize>() < FEW {
        read_code_in_small_parts();
    }
    release_code();
    let busy = Busy::with("loading the weights");
    let mut model = tilewright_models::load(&checkpoint, device(matches)?, float(matches)?)?;
    drop(busy);
    if let Some(context) = matches.get_one::<usize>("context") {
        model.set_context(*context);
    }
    Ok(model)
}

/// The size of the vocabulary and the context of the model in a directory, of which only the configuration is read.
///
/// # Errors
/// When the checkpoint is broken, or this build cannot run it.
pub fn bounds(matches: &ArgMatches, directory: &Path) -> Result<[usize; 2], Failure> {
    let decoder = tilewright_models::describe(Checkpoint::open(directory)?.config())?;
    let context = matches.get_one::<usize>("context").copied();
    if context == Some(0) {
        return Err(Failure::usage("--context is 0", "it is at least 1"));
    }
    Ok([decoder.vocabulary, context.unwrap_or(decoder.context)])
}

/// How tokens are chosen, by the options that `generate` and `chat` share.
pub fn sampling(matches: &ArgMatches) -> Sampling {
    let number = |name: &str| matches.get_one::<f64>(name).copied();
    Sampling {
        temperature: number("temp").unwrap_or(0.0),
        // 0 is what other tools call not bounding them.
        top_k: matches.get_one::<usize>("top-k").copied().filter(|k| *k > 0),
        top_p: number("top-p"),
        min_p: number("min-p").filter(|p| *p != 0.0),
        repetition_penalty: number("repetition-penalty").unwrap_or(1.0),
        seed: matches.get_one::<u64>("seed").copied().unwrap_or(0),
    }
}
