//! Writing: a temporary file beside the target, then a rename, so that nobody ever sees half a file.

use crate::{ElementType, FormatError, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};
use std::fs::{File, OpenOptions};
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
    let mut names: Vec<&str> = order.iter().map(|t| t.name.as_ref()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return wrong(format!("tensor `{}` would be written twice", pair[0]));
    }
    let mut entries = Vec::with_capacity(order.len());
    let mut offset = 0;
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
        let end = offset + tensor.bytes.len();
        let (dtype, shape) = (tensor.dtype.stored(), tensor.shape.clone());
        entries.push((
            tensor.name.to_string(),
            TensorInfo { dtype, shape, data_offsets: (offset, end) },
        ));
        offset = end;
    }
    let described = Metadata::new(None, entries).map_err(|e| e.to_string());
    let header = described.and_then(|m| serde_json::to_vec(&m).map_err(|e| e.to_string()));
    let mut header = match header {
        Ok(header) => header,
        Err(what) => return wrong(what),
    };
    header.resize(header.len().next_multiple_of(8), b' ');
    replace_file(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        order.iter().try_for_each(|tensor| file.write_all(&tensor.bytes))
    })
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
    // A rename would replace the link or the device itself.
    let target = match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let kind = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(FormatError::new(path, format!("is {kind}"), "pass the path of a file"));
        }
        Ok(_) => path.canonicalize().map_err(fail)?,
        Err(_) => path.into(),
    };
    let (temporary, file) = create_beside(&target).map_err(fail)?;
    let written = (|| {
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        fill(&mut buffered)?;
        buffered.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        std::fs::rename(&temporary, &target)
    })();
    written.map_err(|e| {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
        fail(e)
    })
}

/// A new file in the directory of `target`, under a name that nobody has.
fn create_beside(target: &Path) -> std::io::Result<(PathBuf, File)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut attempt = 0u32;
    loop {
        let unique = format!(".{name}.{}-{attempt}.tmp", std::process::id());
        let path = target.with_file_name(unique);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 1000 => {
                attempt += 1;
            }
            Err(e) => return Err(e),
            Ok(file) => return Ok((path, file)),
        }
    }
}

fn bytes_of(shape: &[usize], dtype: ElementType) -> Option<usize> {
    // A product in order would overflow where a later axis makes it 0.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(dtype.size(), |n, &axis| n.checked_mul(axis))
}
