//! Families of language models.
//!
//! A [`Family`] reads its `config.json` into a [`Decoder`], the list of what decoders differ in; [`load`] finds the
//! family of a checkpoint in [`FAMILIES`] and builds the model. A new family is one file and one row.

mod convert;
mod decoder;
mod families;
mod family;
mod gguf;
mod known;
mod rope;

pub use convert::Conversion;
pub use decoder::{
    AttentionStyle, Decoder, Experts, FeedForward, LatentStyle, Normed, Norms, RouterFormat,
    SharedExperts,
};
pub use families::{FAMILIES, Family, describe, find, load, load_listed};
pub use gguf::Import;
pub use known::{KNOWN, Known, known};
