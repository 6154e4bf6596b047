//! What a checkpoint's tensors are to the modules that are made of them.

use std::ops::Range;
use tilewright_formats::{Checkpoint, FormatError, StoredTensor};

/// A module with weights, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path; that of the stacked experts, however a checkpoint has them.
    pub path: String,
    /// What it is.
    pub kind: PartKind,
    /// The shape of its weight.
    pub shape: Vec<usize>,
    /// True when the tensor `<path>.bias` belongs to it.
    pub bias: bool,
    /// What its weight is made of in a checkpoint, one after the other; of packed weights the words.
    pub sources: Vec<Source>,
    /// Bytes of all its tensors.
    pub bytes: usize,
}

/// A tensor of a checkpoint, or some of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub tensor: String,
    /// Which rows, all axes but the last counted as one; all of them when `None`.
    pub rows: Option<Range<usize>>,
}

impl Source {
    pub(crate) fn whole(tensor: String) -> Source {
        Source { tensor, rows: None }
    }

    /// What it stands for.
    ///
    /// # Errors
    /// When there is no such tensor, or it has not as many rows.
    pub fn of(&self, checkpoint: &Checkpoint) -> std::result::Result<StoredTensor, FormatError> {
        let stored = checkpoint.tensor(&self.tensor)?;
        let Some(rows) = &self.rows else { return Ok(stored) };
        stored.rows(rows.clone()).ok_or_else(|| {
            let what = format!("`{}` has no rows {rows:?}", self.tensor);
            FormatError::new(checkpoint.directory(), what, "is the checkpoint complete?")
        })
    }
}

/// Where a checkpoint may have one projection of all experts.
pub struct ExpertNames<'n> {
    /// The module that holds all of them, as mlx-lm puts them together.
    pub stacked: &'n str,
    /// The tensor that holds them and perhaps more, as transformers does in memory: how many rows each expert has there,
    /// and which is the first of this projection.
    pub fused: (&'n str, usize, usize),
    /// The module of each.
    pub each: &'n dyn Fn(usize) -> String,
}

/// What a module with weights is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A linear layer.
    Linear,
    /// A table of vectors.
    Embedding,
    /// The weight of a norm.
    Norm,
    /// The weight of a convolution of each channel along the time, `[channels, taps, 1]`; it stays of floats.
    Conv,
    /// A vector that is a tensor of its own name, and stays of its type.
    Vector,
    /// One projection of all experts, of which a token takes this many.
    Experts(usize),
}
