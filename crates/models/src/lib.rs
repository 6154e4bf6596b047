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
mod style;

pub use convert::Conversion;
pub use decoder::Decoder;
pub use families::{FAMILIES, Family, describe, find, load, load_listed};
pub use gguf::Import;
pub use known::{KNOWN, Known, known};
pub use style::{
    AttentionStyle, ConvStyle, Experts, FeedForward, LatentStyle, Names, Normed, Norms,
    RouterFormat, SharedExperts,
};
