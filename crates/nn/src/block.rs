//! A block of a decoder: attention and a feed-forward layer, each between norms and added to the stream.

use crate::scaling::Scaling;
use crate::{Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// `h = x + attention(norm x)`, `y = h + mlp(norm h)`: two branches, each a chain of modules whose last result is added
/// to the stream. Norms stand before attention and feed-forward layer, after them as in OLMo 2, or both as in Gemma 2.
pub struct Block {
    branches: [Branch; 2],
    add: Callable,
    /// Of what a branch gives.
    scaling: Option<Scaling>,
}

/// Names and modules in the order of the calls.
pub type Branch = Vec<(&'static str, Slot)>;

impl Block {
    /// A block of two branches, multiplied with `factor` before they are added if there is one.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(kernels: &Kernels, branches: [Branch; 2], factor: Option<f64>) -> Result<Block> {
        let (add, scaling) = (kernels.get("add", &[])?, Scaling::by(kernels, factor)?);
        Ok(Block { branches, add, scaling })
    }

    /// The branches, when what they give is added as it is.
    pub(crate) fn plain_branches(&self) -> Option<&[Branch; 2]> {
        self.scaling.is_none().then_some(&self.branches)
    }
}

impl Module for Block {
    fn kind(&self) -> &'static str {
        "Block"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let mut stream = x.clone();
        for branch in &self.branches {
            let mut inner = stream.clone();
            for (_, module) in branch {
                inner = module.forward(&inner, step)?;
            }
            let (before, mut inner) = (step.asked(stream)?, step.asked(inner)?);
            if let Some(scaling) = &self.scaling {
                inner = scaling.of(&inner)?;
            }
            stream = self.add.call(&[&before, &inner])?;
        }
        Ok(stream)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        self.branches.iter().flatten().map(|(name, slot)| (*name, slot)).collect()
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        self.branches.iter_mut().flatten().map(|(name, slot)| (*name, slot)).collect()
    }
}
