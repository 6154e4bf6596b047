//! Reading: the header once, each tensor when it is asked for.

use crate::{ElementType, FileBytes, FormatError, names};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A named array: row-major, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Its name in the file.
    pub name: Cow<'a, str>,
    /// Element type.
    pub dtype: ElementType,
    /// Axes, outermost first.
    pub shape: Vec<usize>,
    /// `shape` product times `dtype` size bytes.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Tensor<'a> {
    /// A tensor over borrowed bytes.
    pub fn new(name: &'a str, dtype: ElementType, shape: Vec<usize>, bytes: &'a [u8]) -> Self {
        Tensor { name: Cow::Borrowed(name), dtype, shape, bytes: Cow::Borrowed(bytes) }
    }

    /// A tensor that owns its bytes.
    pub fn owned(name: String, dtype: ElementType, shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Tensor { name: Cow::Owned(name), dtype, shape, bytes: Cow::Owned(bytes) }
    }
}

/// Where a tensor lies in the file, checked to be inside it.
#[derive(Debug)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// A tensor of a file that shares the file's bytes: what a model's weights are.
#[derive(Clone, Debug)]
pub struct StoredTensor {
    /// Its name: in the file, or in the checkpoint.
    pub name: String,
    /// Element type.
    pub dtype: ElementType,
    /// Axes, outermost first.
    pub shape: Vec<usize>,
    file: Arc<FileBytes>,
    range: Range<usize>,
}

impl StoredTensor {
    /// Its elements, row-major and little-endian.
    pub fn bytes(&self) -> &[u8] {
        self.file.get(self.range.clone()).unwrap_or_default()
    }

    /// Lets go of the memory behind some of its bytes, which were copied: it need not hold them twice.
    pub fn release(&self, range: Range<usize>) {
        let start = self.range.start.saturating_add(range.start);
        let end = self.range.start.saturating_add(range.end).min(self.range.end);
        self.file.release(start..end);
    }

    /// Some of its rows, all axes but the last counted as one; none where it has not that many.
    pub fn rows(&self, rows: Range<usize>) -> Option<StoredTensor> {
        let (depth, all) = self.shape.split_last()?;
        let bytes = depth.checked_mul(self.dtype.size())?;
        if rows.start > rows.end || rows.end > all.iter().product() {
            return None;
        }
        let start = self.range.start + rows.start * bytes;
        Some(StoredTensor {
            shape: vec![rows.len(), *depth],
            range: start..start + rows.len() * bytes,
            ..self.clone()
        })
    }

    /// The whole file, for who keeps the bytes without a copy, and where in it the tensor lies.
    pub fn shared(&self) -> (Arc<FileBytes>, Range<usize>) {
        (self.file.clone(), self.range.clone())
    }
}

/// A safetensors file, its header parsed and checked.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    bytes: Arc<FileBytes>,
    tensors: BTreeMap<String, Stored>,
}

impl TensorFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not a regular file, does not fit into memory, or its header is wrong.
    pub fn open(path: &Path) -> Result<TensorFile, FormatError> {
        TensorFile::of_bytes(path, FileBytes::read(path)?)
    }

    /// Maps a file: tensors are read from it when they are used, and nothing is copied. It must not change meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn map(path: &Path) -> Result<TensorFile, FormatError> {
        TensorFile::of_bytes(path, FileBytes::map(path)?)
    }

    /// Parses a file that is already in memory; `path` is for error messages.
    ///
    /// # Errors
    /// When the header is wrong or does not describe the bytes exactly.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<TensorFile, FormatError> {
        TensorFile::of_bytes(path, bytes.into())
    }

    fn of_bytes(path: &Path, bytes: FileBytes) -> Result<TensorFile, FormatError> {
        let parsed = SafeTensors::deserialize(&bytes).map_err(|e| describe(path, &e, &bytes))?;
        if let Some(name) = header_of(&bytes).and_then(names::repeated) {
            let what = format!("header: tensor `{name}` is there twice");
            return Err(FormatError::new(
                path,
                what,
                "write the file again with a safetensors library",
            ));
        }
        let start = bytes.as_ptr() as usize;
        let mut tensors = BTreeMap::new();
        for (name, view) in parsed.iter() {
            // The views are slices of `bytes`, so these differences cannot leave it.
            let from = view.data().as_ptr() as usize - start;
            let range = from..from + view.data().len();
            let stored = Stored { dtype: view.dtype(), shape: view.shape().to_vec(), range };
            tensors.insert(name.to_string(), stored);
        }
        Ok(TensorFile { path: path.into(), bytes: Arc::new(bytes), tensors })
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The names of the tensors, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// True when the file holds a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of the tensor of that name, if the file holds one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| &stored.shape[..])
    }

    /// The tensor of that name. A tensor of 64-bit integers comes as i32, for these are what indices are made of in
    /// every framework, and kernels count in 32 bits.
    ///
    /// # Errors
    /// When there is none, when kernels do not take its element type, when a 64-bit integer does not fit an i32 (the
    /// message names the element), or when a bool is neither 0 nor 1.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, FormatError> {
        let (name, stored) = self.find(name)?;
        let data = self.bytes.get(stored.range.clone()).unwrap_or_default();
        let (dtype, bytes) = match (ElementType::of(stored.dtype), stored.dtype) {
            (Some(ElementType::Bool), _) => {
                self.check_bools(name, data)?;
                (ElementType::Bool, Cow::Borrowed(data))
            }
            (Some(dtype), _) => (dtype, Cow::Borrowed(data)),
            (None, Dtype::I64) => (ElementType::I32, Cow::Owned(self.narrow(name, data)?)),
            (None, other) => return Err(self.untakeable(name, other)),
        };
        let shape = stored.shape.clone();
        Ok(Tensor { name: Cow::Borrowed(name), dtype, shape, bytes })
    }

    /// The tensor of that name without a copy; no type of 64 bits reads as another here.
    ///
    /// # Errors
    /// When there is none, or when kernels do not take its element type.
    pub fn stored(&self, name: &str) -> Result<StoredTensor, FormatError> {
        let (name, stored) = self.find(name)?;
        let dtype = ElementType::of(stored.dtype);
        Ok(StoredTensor {
            name: name.into(),
            dtype: dtype.ok_or_else(|| self.untakeable(name, stored.dtype))?,
            shape: stored.shape.clone(),
            file: self.bytes.clone(),
            range: stored.range.clone(),
        })
    }

    /// The element type of the tensor of that name as the file calls it (`F8_E4M3`), if the file holds one.
    pub fn stored_type(&self, name: &str) -> Option<String> {
        self.tensors.get(name).map(|stored| stored.dtype.to_string())
    }

    fn find(&self, name: &str) -> Result<(&str, &Stored), FormatError> {
        if let Some((name, stored)) = self.tensors.get_key_value(name) {
            return Ok((name, stored));
        }
        let names: Vec<&str> = self.names().collect();
        let next = match names.is_empty() {
            true => "the file is empty".to_string(),
            false => format!("it holds: {}", shorten(&names)),
        };
        Err(FormatError::new(&self.path, format!("holds no tensor `{name}`"), next))
    }

    fn untakeable(&self, name: &str, dtype: Dtype) -> FormatError {
        FormatError::new(
            &self.path,
            format!("tensor `{name}` is of type {dtype}, which kernels do not take"),
            "store it as one of F32, F16, BF16, I32, U32, I8, U8, BOOL, or as I64 of 32-bit numbers",
        )
    }

    /// 64-bit integers as 32-bit ones.
    fn narrow(&self, name: &str, data: &[u8]) -> Result<Vec<u8>, FormatError> {
        let (elements, _) = data.as_chunks::<8>();
        let mut narrow = Vec::with_capacity(data.len() / 2);
        for (position, element) in elements.iter().enumerate() {
            let wide = i64::from_le_bytes(*element);
            let value = i32::try_from(wide).map_err(|_| {
                FormatError::new(
                    &self.path,
                    format!("tensor `{name}`: element {position} is {wide}, which is no i32"),
                    "kernels count in 32 bits: store values from -2147483648 to 2147483647",
                )
            })?;
            narrow.extend(value.to_le_bytes());
        }
        Ok(narrow)
    }

    fn check_bools(&self, name: &str, data: &[u8]) -> Result<(), FormatError> {
        match data.iter().position(|&b| b > 1) {
            None => Ok(()),
            Some(position) => Err(FormatError::new(
                &self.path,
                format!("tensor `{name}`: element {position} is the byte {}", data[position]),
                "a BOOL is 0 or 1; store other bytes as U8",
            )),
        }
    }
}

/// The text of the header of a file whose length was checked.
fn header_of(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// At most eight names, then how many more.
fn shorten(names: &[&str]) -> String {
    let shown = names.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(8) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The parser's finding in words for people.
fn describe(path: &Path, error: &SafeTensorError, bytes: &[u8]) -> FormatError {
    use SafeTensorError::*;
    let truncated = "the file may be incomplete: copy or download it again";
    let rewrite = "write the file again with a safetensors library";
    let (what, next) = match error {
        HeaderTooSmall => (
            format!("is {} bytes long, less than the 8 of a safetensors header", bytes.len()),
            "is it a safetensors file?",
        ),
        HeaderTooLarge => (
            "its first 8 bytes, the header's length, say more than 100 MB".into(),
            "is it a safetensors file?",
        ),
        InvalidHeaderLength => ("its header is said to be longer than the file".into(), truncated),
        InvalidHeader(e) => (format!("header: not UTF-8: {e}"), "is it a safetensors file?"),
        InvalidHeaderDeserialization(e) | JsonError(e) => (format!("header: {e}"), rewrite),
        InvalidOffset(name) => (
            format!("tensor `{name}`: its data_offsets overlap another tensor or leave a gap"),
            rewrite,
        ),
        TensorInvalidInfo => {
            ("header: the data_offsets of a tensor do not fit its shape and dtype".into(), rewrite)
        }
        ValidationOverflow => {
            ("header: a shape has more elements than 64 bits count".into(), rewrite)
        }
        MetadataIncompleteBuffer => (
            format!("its {} bytes are not as many as the header describes", bytes.len()),
            truncated,
        ),
        other => (other.to_string(), rewrite),
    };
    FormatError::new(path, what, next)
}
