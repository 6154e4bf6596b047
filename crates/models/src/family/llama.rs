//! Llama 2 and 3, and the many models of their form (<https://arxiv.org/abs/2407.21783>).

use super::llama_like;
use crate::Family;

/// The row.
pub(crate) const FAMILY: Family =
    Family { model_type: "llama", doc: "Llama 2, 3 and models of their form", read: llama_like };
