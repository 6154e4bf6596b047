//! Token ids in, token ids out.
//!
//! [`generate`] checks every request before it works, fills the cache prompt by prompt in chunks, then decodes all
//! sequences together. What a request gives does not depend on those beside it. The engine knows no tokenizer.

mod fidelity;
mod generate;
mod sampling;

pub use fidelity::{Fidelity, Trial, Validation, validate};
pub use generate::{Answer, Finish, Request, generate, perplexity};
pub use sampling::Sampling;
