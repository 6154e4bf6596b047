//! A GGUF file in place of a folder: what `convert` makes of it, made once and kept beside what this program compiles.

use crate::command::import;
use crate::failure::Failure;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use tilewright_runtime::targets::cache_folder;

/// Raised when the same file becomes another folder than before.
const MAKING: u32 = 2;

/// The folder made of `file`, which is made where it is not there or the file has changed since.
///
/// # Errors
/// When the file cannot be imported, or there is no place to keep the folder.
pub fn folder(file: &Path) -> Result<PathBuf, Failure> {
    let next = || format!("`tilewright convert --model {} --out DIR` makes one", file.display());
    let unread = |e: std::io::Error| {
        Failure::work(format!("{}: cannot read it: {e}", file.display()), "check its permissions")
    };
    let Some(kept) = cache_folder("imported") else {
        let what = "a GGUF file is imported into a folder, and TILEWRIGHT_CACHE names none";
        return Err(Failure::work(what, next()));
    };
    let place = file.canonicalize().map_err(unread)?;
    let about = place.metadata().map_err(unread)?;
    let state = (about.len(), about.modified().ok());
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // The path tells files of one name apart, the state versions of one file.
    let of_file = format!("{stem}-{:016x}-", digest(&place));
    let folder =
        kept.join(format!("{of_file}{:016x}", digest(&(state, env!("CARGO_PKG_VERSION"), MAKING))));
    if folder.join("config.json").is_file() {
        return Ok(folder);
    }
    let unwritten = |e: std::io::Error| {
        Failure::work(format!("{}: cannot write it: {e}", kept.display()), next())
    };
    std::fs::create_dir_all(&kept).map_err(unwritten)?;
    for earlier in std::fs::read_dir(&kept).map_err(unwritten)?.flatten() {
        if earlier.file_name().to_string_lossy().starts_with(&of_file) {
            std::fs::remove_dir_all(earlier.path()).map_err(unwritten)?;
        }
    }
    match import::write(file, &folder) {
        // Another process may have been first.
        Err(_) if folder.join("config.json").is_file() => {}
        done => drop(done?),
    }
    eprintln!(
        "note: {} was imported into {}, for this time and later",
        file.display(),
        folder.display()
    );
    Ok(folder)
}

fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
