//! Writing a checkpoint's tensors one after the other, so that none but the one at hand is in memory.

use crate::write::{bytes_of, header};
use crate::{Affine, ElementType, FormatError};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A tensor that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// Element type.
    pub dtype: ElementType,
    /// Axes, outermost first.
    pub shape: Vec<usize>,
}

impl Outline {
    /// The three tensors that the weight of `module` becomes in `format`: words, and its scales and biases in `dtype`.
    /// `shape` is the weight's own, of whole groups.
    pub fn packed(
        module: &str,
        shape: &[usize],
        format: Affine,
        dtype: ElementType,
    ) -> [Outline; 3] {
        let Affine { bits, group } = format;
        let (depth, rows) = shape.split_last().map_or((0, &[][..]), |(d, rows)| (*d, rows));
        let of = |name: &str, dtype: ElementType, last: usize| Outline {
            name: format!("{module}.{name}"),
            dtype,
            shape: [rows, &[last]].concat(),
        };
        [
            of("weight", ElementType::U32, depth / 32 * bits),
            of("scales", dtype, depth / group),
            of("biases", dtype, depth / group),
        ]
    }
}

/// Files of a checkpoint under way: `model.safetensors`, or `model-00001-of-00002.safetensors` and so on where
/// tensors are more than a file is to hold, and the index.
pub struct Shards {
    directory: PathBuf,
    /// The tensors of each file.
    files: Vec<Vec<Outline>>,
    parameters: u64,
    /// The file that is written, its place in `files`, and the next tensor in it.
    open: Option<BufWriter<File>>,
    at: [usize; 2],
    /// Bytes of that tensor that are written.
    written: usize,
}

impl Shards {
    /// Bytes of a file, as mlx-lm cuts them.
    pub const FILE: usize = 5 << 30;

    /// Begins files of at most `most` bytes of these tensors each, in their order. `parameters` is the number of
    /// weights, before packing, for the index.
    ///
    /// # Errors
    /// When a shape has more elements than can be counted, or two tensors have one name.
    pub fn new(
        directory: &Path,
        tensors: Vec<Outline>,
        most: usize,
        parameters: u64,
    ) -> Result<Shards, FormatError> {
        let (mut files, mut held) = (vec![Vec::new()], 0usize);
        for tensor in tensors {
            let bytes = bytes_of(&tensor.shape, tensor.dtype).ok_or_else(|| {
                let what = format!("tensor `{}` is too large to count", tensor.name);
                FormatError::new(directory, what, "check the sizes in config.json")
            })?;
            if held > 0 && held.saturating_add(bytes) > most {
                files.push(Vec::new());
                held = 0;
            }
            held = held.saturating_add(bytes);
            if let Some(file) = files.last_mut() {
                file.push(tensor);
            }
        }
        let directory = directory.to_path_buf();
        Ok(Shards { directory, files, parameters, open: None, at: [0, 0], written: 0 })
    }

    /// Appends bytes to the tensor whose turn it is, which must be `name`.
    ///
    /// # Errors
    /// When it is another's turn, it has all its bytes, or the disk fails.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), FormatError> {
        let [file, tensor] = self.at;
        let outline = self.files.get(file).and_then(|all| all.get(tensor));
        let Some(outline) = outline.filter(|outline| outline.name == name) else {
            return Err(self.mistake(name));
        };
        let whole = bytes_of(&outline.shape, outline.dtype).unwrap_or(0);
        if bytes.len() > whole - self.written {
            return Err(self.mistake(name));
        }
        let path = self.directory.join(self.name(file));
        let fail = |e: std::io::Error| FormatError::io(&path, "write it", &e);
        if self.open.is_none() {
            let mut opened = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(fail)?);
            let head = header(&self.files[file], &[("format", "mlx")])
                .map_err(|what| FormatError::new(&path, what, "check the names of its tensors"))?;
            opened.write_all(&head).map_err(fail)?;
            self.open = Some(opened);
        }
        if let Some(open) = &mut self.open {
            open.write_all(bytes).map_err(fail)?;
        }
        self.written += bytes.len();
        if self.written == whole {
            (self.written, self.at) = (0, [file, tensor + 1]);
            if tensor + 1 == self.files[file].len() {
                self.close().map_err(fail)?;
                self.at = [file + 1, 0];
            }
        }
        Ok(())
    }

    /// Writes the index.
    ///
    /// # Errors
    /// When a tensor is missing, or the disk fails.
    pub fn finish(self) -> Result<(), FormatError> {
        if let Some(missing) = self.files.get(self.at[0]).and_then(|all| all.get(self.at[1])) {
            return Err(self.mistake(&missing.name.clone()));
        }
        let (mut places, mut total) = (Vec::new(), 0u64);
        for (number, file) in self.files.iter().enumerate() {
            for tensor in file {
                places.push((tensor.name.clone(), self.name(number)));
                total += bytes_of(&tensor.shape, tensor.dtype).unwrap_or(0) as u64;
            }
        }
        places.sort();
        let map: Map<String, Value> =
            places.into_iter().map(|(tensor, file)| (tensor, file.into())).collect();
        let index = json!({
            "metadata": {"total_size": total, "total_parameters": self.parameters},
            "weight_map": map,
        });
        let path = self.directory.join("model.safetensors.index.json");
        let written = std::fs::write(&path, format!("{index:#}\n"));
        written.map_err(|e| FormatError::io(&path, "write it", &e))
    }

    fn name(&self, file: usize) -> String {
        match self.files.len() {
            0 | 1 => "model.safetensors".into(),
            count => format!("model-{:05}-of-{count:05}.safetensors", file + 1),
        }
    }

    fn close(&mut self) -> std::io::Result<()> {
        match self.open.take() {
            Some(open) => open.into_inner().map_err(|e| e.into_error())?.sync_all(),
            None => Ok(()),
        }
    }

    fn mistake(&self, name: &str) -> FormatError {
        let what = format!("tensor `{name}` is not the one whose turn it is");
        FormatError::new(&self.directory, what, "this is a mistake of the program that writes it")
    }
}
