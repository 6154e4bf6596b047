//! A model's directory: its configuration, and its tensors in one safetensors file or in several with an index.

use crate::bytes::read_text;
use crate::{AffineWeight, Config, FormatError, Quantization, StoredTensor, TensorFile};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The checkpoint of a model, its files mapped and their headers checked.
///
/// Of a model that takes images too, it is the part that reads and writes text: the configuration is `text_config`, and
/// the tensors are those whose names begin with `language_model.`, without that beginning.
#[derive(Debug)]
pub struct Checkpoint {
    directory: PathBuf,
    config: Config,
    /// What the names of its tensors begin with in the files.
    beginning: &'static str,
    quantization: Option<Quantization>,
    /// Why its weights cannot be read as they are packed.
    refused: Option<FormatError>,
    files: Vec<TensorFile>,
    /// The file of each tensor, by its position in `files`; names as they are there.
    places: BTreeMap<String, usize>,
}

const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
const LANGUAGE: &str = "language_model.";
const HEAD: &str = "language_model.lm_head.";

impl Checkpoint {
    /// Opens the checkpoint in `directory`: `config.json`, and `model.safetensors` or the files that
    /// `model.safetensors.index.json` lists.
    ///
    /// # Errors
    /// When a file is missing or wrong, a tensor of the index is not in its file, or weights are packed in a way that is not
    /// supported.
    pub fn open(directory: &Path) -> Result<Checkpoint, FormatError> {
        let checkpoint = Checkpoint::look(directory)?;
        match checkpoint.refused {
            Some(error) => Err(error),
            None => Ok(checkpoint),
        }
    }

    /// As [`open`](Self::open), to be described: however its weights are packed.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for the packing, of which [`refused`](Self::refused) tells.
    pub fn look(directory: &Path) -> Result<Checkpoint, FormatError> {
        if !directory.is_dir() {
            let what = match directory.exists() {
                true => "is no directory",
                false => "does not exist",
            };
            let next = "pass the directory that holds the model's config.json";
            return Err(FormatError::new(directory, what, next));
        }
        let config = Config::open(&directory.join("config.json"))?;
        let (quantization, refused) = match Quantization::of(&config) {
            Ok(quantization) => (quantization, None),
            Err(error) => (None, Some(error)),
        };
        let index = directory.join(INDEX);
        let (files, places) = match index.exists() {
            true => Index::open(&index)?.load(directory)?,
            false => single(directory)?,
        };
        let (config, beginning) = match config.object("text_config")? {
            Some(text) if places.keys().any(|name| name.starts_with(LANGUAGE)) => {
                let has_head = places.keys().any(|name| name.starts_with(HEAD));
                (text_of(&config, text, has_head), LANGUAGE)
            }
            _ => (config, ""),
        };
        let directory = directory.into();
        Ok(Checkpoint { directory, config, beginning, quantization, refused, files, places })
    }

    /// Why its weights cannot be read as they are packed, of a checkpoint to [`look`](Self::look) at.
    pub fn refused(&self) -> Option<&FormatError> {
        self.refused.as_ref()
    }

    /// Where it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its `config.json`, or the part of it that describes the text model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// True when the files hold a model that takes images too, of which this is the text.
    pub fn is_part(&self) -> bool {
        !self.beginning.is_empty()
    }

    /// The quantization that the configuration declares.
    pub fn quantization(&self) -> Option<&Quantization> {
        self.quantization.as_ref()
    }

    /// Its tensor files.
    pub fn files(&self) -> &[TensorFile] {
        &self.files
    }

    /// The names of its tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().filter_map(|name| name.strip_prefix(self.beginning))
    }

    /// The name of a tensor or module as the files and the configuration have it.
    fn whole<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match self.beginning {
            "" => name.into(),
            beginning => format!("{beginning}{name}").into(),
        }
    }

    /// True when it holds a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(&*self.whole(name))
    }

    /// The file that holds the tensor of that name.
    pub fn file_of(&self, name: &str) -> Option<&TensorFile> {
        self.places.get(&*self.whole(name)).and_then(|place| self.files.get(*place))
    }

    /// The tensor of that name.
    ///
    /// # Errors
    /// When there is none, or kernels do not take its element type.
    pub fn tensor(&self, name: &str) -> Result<StoredTensor, FormatError> {
        let Some(file) = self.file_of(name) else {
            let module = name.rsplit_once('.').map_or(name, |(module, _)| module);
            let near: Vec<&str> = self.names().filter(|n| n.starts_with(module)).take(4).collect();
            let next = match near.is_empty() {
                true => {
                    "is the checkpoint complete, and of the family that its config.json declares?"
                        .into()
                }
                false => format!("it holds {}", near.join(", ")),
            };
            return Err(FormatError::new(&self.directory, format!("has no tensor `{name}`"), next));
        };
        let mut stored = file.stored(&self.whole(name))?;
        stored.name = name.into();
        Ok(stored)
    }

    /// The quantized weight of a module, `[.., rows, columns]` in `shape`, or `None` when its weight is stored as floats.
    ///
    /// # Errors
    /// When a tensor of it is missing, or does not fit the shape and the format that the configuration declares.
    pub fn affine(
        &self,
        module: &str,
        shape: &[usize],
    ) -> Result<Option<AffineWeight>, FormatError> {
        let scales = format!("{module}.scales");
        if !self.contains(&scales) {
            return Ok(None);
        }
        let format = self.quantization.as_ref().and_then(|q| q.format(&self.whole(module)));
        let format = format.ok_or_else(|| {
            let what =
                format!("is missing or false for `{module}`, but the tensor `{scales}` is there");
            self.config.error(
                "quantization",
                &what,
                "copy the config.json that belongs to these weights",
            )
        })?;
        let weight = AffineWeight {
            weight: self.tensor(&format!("{module}.weight"))?,
            scales: self.tensor(&scales)?,
            biases: self.tensor(&format!("{module}.biases"))?,
            format,
        };
        weight.check(shape).map_err(|what| {
            let next = "compare `quantization` and the sizes in config.json with the tensors";
            FormatError::new(&self.directory, what, next)
        })?;
        Ok(Some(weight))
    }
}

/// What describes the text model, with what stands beside it and counts for it too. Whether its head is the embedding's
/// is said in both places, not always alike; a head of its own settles it.
fn text_of(config: &Config, mut text: Config, has_head: bool) -> Config {
    for field in ["quantization", "quantization_config", "tie_word_embeddings"] {
        if let Some(value) = config.value(field) {
            text = text.with(field, value.clone());
        }
    }
    for field in ["torch_dtype", "dtype"] {
        if let Some(value) = config.value(field) {
            text = text.or(field, value.clone());
        }
    }
    if has_head {
        text = text.with("tie_word_embeddings", false.into());
    }
    text
}

/// The files of a checkpoint, and which of them holds each tensor.
type Places = (Vec<TensorFile>, BTreeMap<String, usize>);

fn single(directory: &Path) -> Result<Places, FormatError> {
    let path = directory.join(SINGLE);
    if !path.exists() {
        let what = format!("holds neither {SINGLE} nor {INDEX}");
        let next = "checkpoints are read as safetensors: convert other files to that format";
        return Err(FormatError::new(directory, what, next));
    }
    let file = TensorFile::map(&path)?;
    let places = file.names().map(|name| (name.to_string(), 0)).collect();
    Ok((vec![file], places))
}

/// What `model.safetensors.index.json` says: the file of each tensor.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    /// The names of the files, and the tensors of each.
    files: BTreeMap<String, Vec<String>>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when it cannot be read.
    pub fn open(path: &Path) -> Result<Index, FormatError> {
        Index::parse(path, &read_text(path)?)
    }

    /// Parses an index; `path` is for error messages.
    ///
    /// # Errors
    /// When it has no `weight_map`, or a file in it is not a plain name: an index may not point out of its directory.
    pub fn parse(path: &Path, text: &str) -> Result<Index, FormatError> {
        let config = Config::parse(path, text)?;
        let map = config.object("weight_map")?.ok_or_else(|| config.missing("weight_map"))?;
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for tensor in map.names() {
            let file = map.text(tensor)?.ok_or_else(|| map.missing(tensor))?;
            let plain = file.ends_with(".safetensors")
                && !file.contains(['/', '\\', '\0', ':'])
                && file.len() <= 255;
            if !plain {
                let start: String = file.chars().take(80).collect();
                let what = format!("names the file {start:?}");
                let next = "a file of an index is a plain name that ends in .safetensors, in the same directory";
                return Err(map.error(tensor, &what, next));
            }
            files.entry(file.to_string()).or_default().push(tensor.to_string());
        }
        Ok(Index { path: path.into(), files })
    }

    /// The names of the files, in alphabetical order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    fn load(self, directory: &Path) -> Result<Places, FormatError> {
        let (mut files, mut places) = (Vec::new(), BTreeMap::new());
        for (name, tensors) in self.files {
            let file = TensorFile::map(&directory.join(&name))?;
            for tensor in tensors {
                if !file.contains(&tensor) {
                    let what = format!("says that {name} holds `{tensor}`, which it does not");
                    let next = "the files may be of different downloads: download them again";
                    return Err(FormatError::new(&self.path, what, next));
                }
                places.insert(tensor, files.len());
            }
            files.push(file);
        }
        Ok((files, places))
    }
}
