//! Writing: a temporary file beside the target, then a rename, so that nobody ever sees half a file.

use crate::temporary::Temporary;
use crate::{ElementType, FormatError, Outline, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes the tensors as a safetensors file. An existing file is replaced, in one step, or left as it was.
///
/// # Errors
/// When two tensors have one name, when the bytes of one do not fit its shape and type, or when the disk fails.
pub fn write(path: &Path, tensors: &[Tensor<'_>]) -> Result<(), FormatError> {
    let wrong = |what: String| {
        Err(FormatError::new(path, what, "this is a mistake of the program that writes the file"))
    };
    // Wide elements first, as the format's own writer does: every tensor then starts at a multiple of its
    // element's size.
    let mut order: Vec<&Tensor<'_>> = tensors.iter().collect();
    order.sort_by(|a, b| b.dtype.size().cmp(&a.dtype.size()).then(a.name.cmp(&b.name)));
    for tensor in &order {
        if bytes_of(&tensor.shape, tensor.dtype) != Some(tensor.bytes.len()) {
            return wrong(format!(
                "tensor `{}`: {} bytes are not a {} of shape {:?}",
                tensor.name,
                tensor.bytes.len(),
                tensor.dtype,
                tensor.shape
            ));
        }
    }
    let outline = |tensor: &&Tensor<'_>| Outline {
        name: tensor.name.to_string(),
        dtype: tensor.dtype,
        shape: tensor.shape.clone(),
    };
    let outlines: Vec<Outline> = order.iter().map(outline).collect();
    let header = match header(&outlines, &[]) {
        Ok(header) => header,
        Err(what) => return wrong(what),
    };
    replace_file(path, |file| {
        file.write_all(&header)?;
        order.iter().try_for_each(|tensor| file.write_all(&tensor.bytes))
    })
}

/// The beginning of a file of these tensors, in this order: the length of the header, and the header.
///
/// # Errors
/// In words, when two tensors have one name or a shape is too large to count.
pub(crate) fn header(tensors: &[Outline], metadata: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    let mut names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("tensor `{}` would be written twice", pair[0]));
    }
    let mut entries = Vec::with_capacity(tensors.len());
    let mut offset = 0usize;
    for tensor in tensors {
        let bytes = bytes_of(&tensor.shape, tensor.dtype);
        let end = bytes.and_then(|bytes| offset.checked_add(bytes));
        let end = end.ok_or_else(|| format!("tensor `{}` is too large to count", tensor.name))?;
        let (dtype, shape) = (tensor.dtype.stored(), tensor.shape.clone());
        entries
            .push((tensor.name.clone(), TensorInfo { dtype, shape, data_offsets: (offset, end) }));
        offset = end;
    }
    let told = metadata.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let told = Some(told.collect()).filter(|_| !metadata.is_empty());
    let described = Metadata::new(told, entries).map_err(|e| e.to_string())?;
    let text = serde_json::to_vec(&described).map_err(|e| e.to_string())?;
    let length = text.len().next_multiple_of(8);
    let mut header = (length as u64).to_le_bytes().to_vec();
    header.extend(text);
    header.resize(8 + length, b' ');
    Ok(header)
}

/// Makes a folder all or nothing: `fill` fills a temporary folder beside it, which then takes the name. On failure
/// nothing is left behind.
///
/// # Errors
/// When something of that name exists, the disk fails, or `fill` does.
pub fn new_folder<E: From<FormatError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let fail = |e: std::io::Error| FormatError::io(path, "write it", &e);
    if path.symlink_metadata().is_ok() {
        let next = "remove it, or choose another name: what exists is never overwritten";
        return Err(FormatError::new(path, "exists already", next).into());
    }
    let temporary = Temporary::folder(path).map_err(fail)?;
    fill(temporary.path())?;
    Ok(temporary.rename(path).map_err(fail)?)
}

/// Writes a file of any kind all or nothing: `fill` writes a temporary file in the same directory, which then takes
/// the name. On failure the temporary file is removed and an existing file stays as it was.
///
/// # Errors
/// When `path` is a directory or device, or the disk fails.
pub fn replace_file(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), FormatError> {
    let fail = |e: std::io::Error| FormatError::io(path, "write it", &e);
    let (target, temporary, file) = begin(path)?;
    let mut buffered = BufWriter::with_capacity(1 << 20, file);
    let written = fill(&mut buffered).and_then(|()| {
        buffered.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        temporary.rename(&target)
    });
    written.map_err(fail)
}

/// Whether [`replace_file`] could begin: for who computes long before there is something to write.
///
/// # Errors
/// When `path` is a directory or device, or its folder takes no new file.
pub fn can_replace(path: &Path) -> Result<(), FormatError> {
    begin(path).map(drop)
}

/// The file that takes the name `path`, and the temporary one beside it.
fn begin(path: &Path) -> Result<(PathBuf, Temporary, File), FormatError> {
    let fail = |e: std::io::Error| FormatError::io(path, "write it", &e);
    // A rename would replace the link or the device itself.
    let target = match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(FormatError::new(path, format!("is {kind}"), "pass the path of a file"));
        }
        Ok(_) => path.canonicalize().map_err(fail)?,
        Err(_) => path.into(),
    };
    let (temporary, file) = Temporary::file(&target).map_err(fail)?;
    Ok((target, temporary, file))
}

/// The bytes of a tensor, if they can be counted.
pub(crate) fn bytes_of(shape: &[usize], dtype: ElementType) -> Option<usize> {
    // A product in order would overflow where a later axis makes it 0.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(dtype.size(), |n, &axis| n.checked_mul(axis))
}
