//! Norms over the last axis, and softmax.

use crate::{Kernels, Module, Result, Step, Tensor};
use tilewright_tensor::{Call, Callable};

/// `y = x / sqrt(mean x² + eps) weight`, of tokens or of the heads of a token.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    pub(crate) weight: Tensor,
    pub(crate) eps: f64,
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

    /// Its weight, `[features]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// What is added to the mean square.
    pub fn eps(&self) -> f64 {
        self.eps
    }

    /// Its call for `x`.
    pub(crate) fn call<'a>(&'a self, x: &'a Tensor) -> Call<'a> {
        self.norm.bind().input("x", x).input("weight", &self.weight).scalar("eps", self.eps)
    }
}

impl Module for RmsNorm {
    fn kind(&self) -> &'static str {
        "RmsNorm"
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("weight", &self.weight)]
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        self.call(x).run()?.single()
    }
}

/// `y = (x - mean x) / sqrt(var x + eps) weight + bias`.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    norm: Callable,
}

impl LayerNorm {
    /// A norm with `weight` and `bias`, `[features]` each.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn new(kernels: &Kernels, [weight, bias]: [Tensor; 2], eps: f64) -> Result<LayerNorm> {
        Ok(LayerNorm { weight, bias, eps, norm: kernels.get("layernorm", &[])? })
    }

    /// What is added to the variance.
    pub fn eps(&self) -> f64 {
        self.eps
    }

    /// Its call for `x`.
    pub(crate) fn call<'a>(&'a self, x: &'a Tensor) -> Call<'a> {
        let call = self.norm.bind().input("x", x).input("weight", &self.weight);
        call.input("bias", &self.bias).scalar("eps", self.eps)
    }
}

impl Module for LayerNorm {
    fn kind(&self) -> &'static str {
        "LayerNorm"
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("weight", &self.weight), ("bias", &self.bias)]
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        self.call(x).run()?.single()
    }
}

/// `y = exp(x - max x) / Σ exp(x - max x)`.
pub struct Softmax {
    softmax: Callable,
}

impl Softmax {
    /// Softmax over the last axis.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn new(kernels: &Kernels) -> Result<Softmax> {
        Ok(Softmax { softmax: kernels.get("softmax", &[])? })
    }

    /// Its call for `x`.
    pub(crate) fn call<'a>(&'a self, x: &'a Tensor) -> Call<'a> {
        self.softmax.bind().input("x", x)
    }
}

impl Module for Softmax {
    fn kind(&self) -> &'static str {
        "Softmax"
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        self.call(x).run()?.single()
    }
}
