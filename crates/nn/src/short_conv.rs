//! The short convolution that mixes neighbouring tokens in layers of LFM2 (<https://arxiv.org/abs/2511.23404>, section 2.2).

use crate::cache::Tokens;
use crate::{Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// What short convolutions differ in, besides their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortConvShape {
    /// Features of a token.
    pub channels: usize,
    /// Tokens that the convolution sees, the newest included.
    pub taps: usize,
    /// Its place among those of the cache.
    pub layer: usize,
}

/// `out_proj(C conv(B X))`, where `in_proj` gives B, C and X side by side, and the convolution is causal, each channel
/// by itself. What it reads of earlier tokens is in the cache.
pub struct ShortConv {
    shape: ShortConvShape,
    pub(crate) in_proj: Slot,
    pub(crate) out_proj: Slot,
    /// `[taps, channels]`.
    weight: Tensor,
    /// `[channels]`, of zeros where a checkpoint has none.
    bias: Tensor,
    conv: Callable,
}

impl ShortConv {
    /// A layer of these projections, of a weight `[taps, channels]` and a bias `[channels]`.
    ///
    /// # Errors
    /// When the kernel is missing, or does not admit the taps.
    pub fn new(
        kernels: &Kernels,
        shape: ShortConvShape,
        [in_proj, out_proj]: [Slot; 2],
        [weight, bias]: [Tensor; 2],
    ) -> Result<ShortConv> {
        let conv = kernels.get("short_conv_update", &[("taps", shape.taps)])?;
        Ok(ShortConv { shape, in_proj, out_proj, weight, bias, conv })
    }

    /// Its sizes.
    pub fn shape(&self) -> &ShortConvShape {
        &self.shape
    }

    /// `C conv(B X)` of the tokens, `[tokens, channels]`, of what they project to, `[tokens, 3 * channels]`.
    pub(crate) fn mixed(&self, bcx: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let (tokens, channels) = (bcx.shape()[0], self.shape.channels);
        let [sequences, time] = match step.tokens {
            Tokens::Of { .. } => [1, tokens],
            Tokens::Each { .. } => [tokens, 1],
        };
        let bcx = bcx.reshape(&[sequences, time, 3 * channels])?;
        let first = |of: &Tensor| of.narrow(0, 0, sequences);
        let (slots, positions) = (first(&step.slots)?, first(&step.positions)?);
        let call = self.conv.bind().input("bcx", &bcx).input("w", &self.weight);
        let call = call.input("bias", &self.bias).input("slots", &slots);
        let call = call.input("positions", &positions);
        let state = &mut step.cache.states[self.shape.layer];
        let mixed = call.output("state", state).run()?.single()?;
        mixed.reshape(&[tokens, channels])
    }
}

impl Module for ShortConv {
    fn kind(&self) -> &'static str {
        "ShortConv"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let bcx = self.in_proj.forward(x, step)?;
        let mixed = self.mixed(&bcx, step)?;
        self.out_proj.forward(&mixed, step)
    }

    /// The weight as kernels read it, `[taps, channels]`.
    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("conv.weight", &self.weight), ("conv.bias", &self.bias)]
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        vec![("in_proj", &self.in_proj), ("out_proj", &self.out_proj)]
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        vec![("in_proj", &mut self.in_proj), ("out_proj", &mut self.out_proj)]
    }
}
