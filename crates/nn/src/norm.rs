//! RMSNorm over the last axis.

use crate::{Kernels, Module, Result, Step, Tensor};
use tilewright_tensor::Callable;

/// `y = x / sqrt(mean x² + eps) weight`, of tokens or of the heads of a token.
pub struct RmsNorm {
    weight: Tensor,
    eps: f64,
    norm: Callable,
}

impl RmsNorm {
    /// A norm with `weight` `[features]`.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn new(kernels: &Kernels, weight: Tensor, eps: f64) -> Result<RmsNorm> {
        Ok(RmsNorm { weight, eps, norm: kernels.get("rmsnorm", &[])? })
    }
}

impl Module for RmsNorm {
    fn kind(&self) -> &'static str {
        "RmsNorm"
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        let call = self.norm.bind().input("x", x).input("weight", &self.weight);
        call.scalar("eps", self.eps).run()?.single()
    }
}
