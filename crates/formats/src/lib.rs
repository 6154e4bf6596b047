//! Tensor files: bytes and names, no device.
//!
//! [`TensorFile`] reads a safetensors file, [`write()`] makes one. A [`Checkpoint`] is a model's directory: its
//! [`Config`], its tensors over one file or several, and how they are quantized. Every file is treated as hostile: sizes and offsets
//! are checked before they are used, nothing is allocated beyond the file's own length, and whatever is wrong comes
//! back as one [`FormatError`] that names the file, the tensor or field, and the next step.
//!
//! The header is parsed and checked by the `safetensors` crate, Hugging Face's own: it is small, fuzzed and audited,
//! caps the header at 100 MB, checks all arithmetic, and insists that the tensors cover the data exactly, without gap
//! or overlap. What it lacks is added here: errors that say which file and what to do, the element types that kernels
//! take, and writing that is all or nothing.
//!
//! ```
//! use tilewright_formats::{ElementType, Tensor, TensorFile, write};
//!
//! let path = std::env::temp_dir().join("tilewright-formats-doc.safetensors");
//! let bytes: Vec<u8> = [1.0f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! write(&path, &[Tensor::new("x", ElementType::F32, vec![3], &bytes)])?;
//!
//! let file = TensorFile::open(&path)?;
//! let x = file.tensor("x")?;
//! assert_eq!((x.dtype, &x.shape[..], &x.bytes[..]), (ElementType::F32, &[3][..], &bytes[..]));
//! # std::fs::remove_file(&path).ok();
//! # Ok::<(), tilewright_formats::FormatError>(())
//! ```

mod affine;
mod blocks;
mod bytes;
mod checkpoint;
mod config;
mod element;
mod error;
mod gguf;
mod names;
mod quantize;
mod read;
mod shards;
mod temporary;
mod write;

pub use affine::{Affine, AffineWeight, Quantization};
pub use blocks::{Block, Groups};
pub use bytes::{FileBytes, read_text};
pub use checkpoint::{Checkpoint, Index};
pub use config::Config;
pub use element::ElementType;
pub use error::FormatError;
pub use gguf::{BlockTensor, Gguf};
pub use quantize::Packed;
pub use read::{StoredTensor, Tensor, TensorFile};
pub use shards::{Outline, Shards};
pub use temporary::{Abandoned, abandon};
pub use write::{can_replace, new_folder, replace_file, write};
