//! Families of language models.
//!
//! A [`Family`] reads its `config.json` into a [`Decoder`], the list of what decoders differ in; [`load`] finds the
//! family of a checkpoint in [`FAMILIES`] and builds the model. A new family is one file and one row.

mod decoder;
mod families;
mod family;
mod rope;

pub use decoder::{AttentionStyle, Decoder, Experts, FeedForward, Norms};
pub use families::{FAMILIES, Family, describe, find, load};
