//! Between text and token ids.
//!
//! [`Text`] is what the files beside a checkpoint say about text: `tokenizer.json`, `tokenizer_config.json`,
//! `generation_config.json`, and the chat template. A [`Stream`] turns tokens into text as they come, and ends it at a
//! stop string. All of these files are treated as hostile: a template runs on limited fuel, and whatever is wrong comes
//! back as an error that names the file.

mod bounds;
mod bpe;
mod date;
mod gguf;
mod stream;
mod template;
mod tokenizer;

pub use bounds::Counting;
pub use gguf::tokenizer_files;
pub use stream::Stream;
pub use template::{ChatTemplate, Message};
pub use tilewright_formats::FormatError;
pub use tokenizer::Text;
