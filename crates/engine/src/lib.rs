//! Token ids in, token ids out.
//!
//! [`generate`] checks every request before it works, fills the cache prompt by prompt in chunks, then decodes all
//! sequences together. A [`Session`] keeps the cache of one conversation from answer to answer. What a request gives does
//! not depend on those beside it. The engine knows no tokenizer.

mod fidelity;
mod generate;
mod perplexity;
mod sampling;
mod session;

pub use fidelity::{Divergence, Fidelity, Trial, Validation, validate};
pub use generate::{Answer, Finish, Request, admit, generate};
pub use perplexity::{perplexity, surprises};
pub use sampling::Sampling;
pub use session::Session;
