//! Between tensor files and tensors.

use crate::failure::Failure;
use std::borrow::Cow;
use std::path::Path;
use tilewright_formats::{ElementType, Tensor as Stored, TensorFile, write};
use tilewright_nn::{dtype_of, tensor};
use tilewright_runtime::nearest;
use tilewright_tensor::Tensor;

/// The tensor of that name.
///
/// # Errors
/// When the file has none, or cannot give it.
pub fn read(file: &TensorFile, name: &str, wanted_by: &str) -> Result<Tensor, Failure> {
    if !file.contains(name) {
        let next = match nearest(name, file.names()) {
            Some(near) => format!("it holds `{near}`: rename it to `{name}`"),
            None => {
                let names: Vec<&str> = file.names().take(8).collect();
                format!("add it; the file holds {}", show_list(&names, file.names().count()))
            }
        };
        let what =
            format!("{}: holds no tensor `{name}`, which {wanted_by} needs", file.path().display());
        return Err(Failure::usage(what, next));
    }
    let read = file.tensor(name)?;
    Ok(match &read.bytes {
        Cow::Borrowed(_) => tensor(&file.stored(name)?)?,
        // Of another type than the file's.
        Cow::Owned(bytes) => Tensor::from_bytes(dtype_of(read.dtype), &read.shape, bytes)?,
    })
}

/// Writes tensors under their names, all or nothing.
///
/// # Errors
/// When one is of a type that files of this kind do not hold, or the disk fails.
pub fn save(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), Failure> {
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let Some(dtype) = ElementType::parse(tensor.dtype().name()) else {
            return Err(Failure::work(
                format!("{}: `{name}` is of type {}", path.display(), tensor.dtype()),
                "use a kernel whose outputs are of at most 32 bits",
            ));
        };
        let (name, shape) = (Cow::Borrowed(name.as_str()), tensor.shape().to_vec());
        stored.push(Stored { name, dtype, shape, bytes: tensor.bytes()? });
    }
    Ok(write(path, &stored)?)
}

fn show_list(names: &[&str], count: usize) -> String {
    match count {
        0 => "nothing".into(),
        n if n > names.len() => format!("{} and {} more", names.join(", "), n - names.len()),
        _ => names.join(", "),
    }
}
