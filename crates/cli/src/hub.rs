//! A model's name instead of a folder: `owner/name`, or `owner/name@revision`, from Hugging Face's hub or the cache
//! that its tools share.
//!
//! What is in the cache is used without a word to the network. `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and
//! `HF_HUB_OFFLINE` mean what they mean to those tools.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// The folder of a model: `asked` where it is one, or what the hub has under that name.
///
/// # Errors
/// When the name is one of the hub's, is not in the cache, and cannot be fetched.
pub fn folder(asked: &Path) -> Result<PathBuf, Failure> {
    match asked.to_str().filter(|_| !asked.exists()).and_then(name) {
        Some((name, revision)) => of_name(name, revision),
        // Whoever opens it tells what is wrong with it.
        None => Ok(asked.to_path_buf()),
    }
}

/// The name and the revision in `owner/name` or `owner/name@revision`, in the characters that the hub allows.
fn name(text: &str) -> Option<(&str, &str)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let word = |word: &str| {
        !word.is_empty() && !word.starts_with('.') && word.len() <= 96 && word.chars().all(allowed)
    };
    let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
    let (owner, model) = name.split_once('/')?;
    // A branch may have slashes, and must not climb out of the cache.
    let is_revision = revision.split('/').all(word);
    (word(owner) && word(model) && is_revision).then_some((name, revision))
}

#[cfg(not(feature = "hub"))]
fn of_name(name: &str, _: &str) -> Result<PathBuf, Failure> {
    Err(Failure::work(
        format!("{name}: does not exist, and this build cannot fetch a model by its name"),
        "pass a folder, or build with `--features hub`",
    ))
}

#[cfg(feature = "hub")]
fn of_name(name: &str, revision: &str) -> Result<PathBuf, Failure> {
    fetch::model(name, revision)
}

#[cfg(feature = "hub")]
mod fetch {
    use crate::failure::Failure;
    use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
    use hf_hub::{Cache, CacheRepo, Repo, RepoType};
    use std::io::IsTerminal;
    use std::path::{Path, PathBuf};
    use tilewright_formats::Index;

    const CONFIG: &str = "config.json";
    const WEIGHTS: &str = "model.safetensors";
    const INDEX: &str = "model.safetensors.index.json";
    const TOKENIZER: &str = "tokenizer.json";

    /// What may lie beside the weights.
    const BESIDE: [&str; 5] = [
        TOKENIZER,
        "tokenizer_config.json",
        "generation_config.json",
        "chat_template.jinja",
        "special_tokens_map.json",
    ];

    /// The folder of a model in the cache, fetched where it is not there.
    pub fn model(name: &str, revision: &str) -> Result<PathBuf, Failure> {
        let cache = match variable("HF_HUB_CACHE") {
            Some(folder) => Cache::new(folder.into()),
            None => Cache::from_env(),
        };
        let repository =
            || Repo::with_revision(name.to_string(), RepoType::Model, revision.to_string());
        if let Some(folder) = whole(&cache.repo(repository())) {
            return Ok(folder);
        }
        if variable("HF_HUB_OFFLINE").is_some_and(|set| set != "0") {
            let what = format!("{name}: is no folder here and not in the cache of models");
            return Err(Failure::work(what, "unset HF_HUB_OFFLINE to fetch it, or pass a folder"));
        }
        let mut builder = ApiBuilder::from_env().with_progress(std::io::stderr().is_terminal());
        builder = builder.with_cache_dir(cache.path().clone());
        if let Some(token) = variable("HF_TOKEN") {
            builder = builder.with_token(Some(token));
        }
        let api = builder.build().map_err(|e| fault(name, &e))?;
        let repository = api.repo(repository());
        let listed = repository.info().map_err(|e| fault(name, &e))?;
        let files: Vec<&str> = listed.siblings.iter().map(|file| file.rfilename.as_str()).collect();
        let has = |file: &str| files.contains(&file);
        if !has(CONFIG) || !(has(WEIGHTS) || has(INDEX)) {
            let what = format!("{name}: the hub's repository holds no {CONFIG} with {WEIGHTS}");
            return Err(Failure::work(what, "choose a model whose weights are safetensors"));
        }
        for file in BESIDE.into_iter().filter(|file| has(file)) {
            get(name, &repository, file)?;
        }
        let weights = match has(INDEX) {
            true => names(&get(name, &repository, INDEX)?)?,
            false => vec![WEIGHTS.to_string()],
        };
        for file in weights {
            get(name, &repository, &file)?;
        }
        // Last, so that a folder with a configuration is whole.
        let config = get(name, &repository, CONFIG)?;
        Ok(config.parent().map_or_else(PathBuf::new, Path::to_path_buf))
    }

    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok().map(|value| value.trim().to_string()).filter(|v| !v.is_empty())
    }

    /// The folder in the cache, when everything is there that a model needs.
    fn whole(cached: &CacheRepo) -> Option<PathBuf> {
        let config = cached.get(CONFIG)?;
        match cached.get(INDEX) {
            Some(index) => names(&index).ok()?.iter().try_for_each(|f| cached.get(f).map(drop))?,
            None => drop(cached.get(WEIGHTS)?),
        }
        cached.get(TOKENIZER)?;
        config.parent().map(Path::to_path_buf)
    }

    fn names(index: &Path) -> Result<Vec<String>, Failure> {
        Ok(Index::open(index)?.files().map(String::from).collect())
    }

    fn get(name: &str, repository: &ApiRepo, file: &str) -> Result<PathBuf, Failure> {
        repository.get(file).map_err(|e| fault(&format!("{name}/{file}"), &e))
    }

    /// The hub's answer, or that there was none, in two lines.
    fn fault(what: &str, error: &ApiError) -> Failure {
        let words: String = error.to_string().chars().take(200).collect();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let next = match words.as_str() {
            // Of a name that it does not know the hub says the same as of one that is private.
            w if w.contains("401") || w.contains("403") => {
                "check the name; where its terms are to be accepted, do so and set HF_TOKEN to a token that may read it"
            }
            w if w.contains("404") => "check the name, or pass the folder of a checkpoint",
            w if w.contains("Lock acquisition") => "wait until the other program has fetched it",
            _ => "check the connection and HF_ENDPOINT, or pass the folder of a checkpoint",
        };
        let what = format!("{what}: is no folder here, and the hub did not give it: {words}");
        Failure::work(what, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_are_told_from_paths() {
        for text in ["Qwen/Qwen3-0.6B", "mlx-community/Llama-3.2-1B-Instruct-4bit"] {
            assert_eq!(name(text), Some((text, "main")));
        }
        assert_eq!(name("a/b@refs/pr/1"), Some(("a/b", "refs/pr/1")));
        for path in [
            "models", "./models", "../a/b", "a/b/c", "/a/b", "a/", "a/.b", "a/b c", ".a/b", "a/b@",
            "a/b@../c", "a@b", "a@b/c",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }
}
