//! A block of a decoder: attention and a feed-forward layer, each between norms and added to the stream.

use crate::{Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// `h = x + attention(norm x)`, `y = h + mlp(norm h)`; with norms after both as well, as in Gemma 2,
/// `h = x + norm attention(norm x)`, and so on.
pub struct Block {
    /// Name and module in the order of the calls; each half is one branch.
    slots: Vec<(&'static str, Slot)>,
    add: Callable,
}

/// The children of a block, in the order in which they run.
const PLAIN: [&str; 4] = ["input_layernorm", "self_attn", "post_attention_layernorm", "mlp"];
const SANDWICH: [&str; 6] = [
    "input_layernorm",
    "self_attn",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "mlp",
    "post_feedforward_layernorm",
];

impl Block {
    /// A block of norm, attention, norm, feed-forward layer.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn plain(kernels: &Kernels, slots: [Slot; 4]) -> Result<Block> {
        let slots = PLAIN.into_iter().zip(slots).collect();
        Ok(Block { slots, add: kernels.get("add", &[])? })
    }

    /// A block of norm, attention, norm, norm, feed-forward layer, norm.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn sandwich(kernels: &Kernels, slots: [Slot; 6]) -> Result<Block> {
        let slots = SANDWICH.into_iter().zip(slots).collect();
        Ok(Block { slots, add: kernels.get("add", &[])? })
    }
}

impl Block {
    /// Names and modules of each branch, the norm first.
    pub(crate) fn branches(&self) -> impl Iterator<Item = &[(&'static str, Slot)]> {
        self.slots.chunks(self.slots.len() / 2)
    }
}

impl Module for Block {
    fn kind(&self) -> &'static str {
        "Block"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let mut stream = x.clone();
        for branch in self.branches() {
            let mut inner = stream.clone();
            for (_, module) in branch {
                inner = module.forward(&inner, step)?;
            }
            stream = self.add.call(&[&step.asked(stream)?, &step.asked(inner)?])?;
        }
        Ok(stream)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        self.slots.iter().map(|(name, slot)| (*name, slot)).collect()
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        self.slots.iter_mut().map(|(name, slot)| (*name, slot)).collect()
    }
}
