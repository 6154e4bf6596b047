//! How the tensors of one call lie before its kernel, where that is not how the caller has them.

use crate::map::Map;
use crate::rows::Rows;
use crate::{OneLiner, Result, Runtime, Tensor};
use std::sync::Arc;
use tilewright_lang::oneliner::{Layout, Reduce};

/// What a callable says of how its tensors lie.
#[derive(Clone, Debug)]
pub(crate) enum Arrange {
    Map(Map),
    Rows(Rows),
}

/// The shapes of one call.
pub(crate) struct Frame {
    /// What an elementwise kernel is recorded for.
    pub layout: Option<Layout>,
    /// By slot, the shape that the kernel sees.
    pub joined: Vec<Option<Vec<usize>>>,
    /// By slot, the shape that the caller sees.
    pub outer: Vec<Option<Vec<usize>>>,
    /// By slot, what becomes of a result beside its shape.
    pub after: Vec<After>,
}

/// What becomes of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    /// It is reshaped.
    #[default]
    Nothing,
    /// It has this shape, and its axes are then put into this order.
    Turned(Vec<usize>, Vec<usize>),
    /// It has this shape, and is summed over the axes that the caller's has with extent 1 or not at all.
    Summed(Vec<usize>),
}

impl Frame {
    pub fn new(slots: usize) -> Frame {
        Frame {
            layout: None,
            joined: vec![None; slots],
            outer: vec![None; slots],
            after: vec![After::Nothing; slots],
        }
    }

    /// What a call made for `slot`, as the caller sees it: axes apart again.
    pub fn finish(&self, slot: usize, tensor: Tensor, runtime: &Arc<Runtime>) -> Result<Tensor> {
        let Some(shape) = &self.outer[slot] else { return Ok(tensor) };
        match &self.after[slot] {
            After::Nothing => tensor.reshape(shape),
            After::Turned(made, order) => tensor.reshape(made)?.permute(order),
            After::Summed(made) => {
                let lead = made.len() - shape.len();
                let repeats = |axis: &usize| *axis < lead || shape[axis - lead] != made[*axis];
                let axes: Vec<isize> =
                    (0..made.len()).filter(repeats).map(|axis| axis as isize).collect();
                let sum = Reduce::formulas("0", "acc + v")
                    .map_err(|e| crate::Error::failure(e.to_string()))?
                    .axes(&axes)
                    .callable()?;
                sum.on(runtime).call(&[&tensor.reshape(made)?])?.reshape(shape)
            }
        }
    }
}
