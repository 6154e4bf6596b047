//! A tensor times a number, where a model has one.

use crate::{Kernels, Result, Tensor};
use tilewright_tensor::Callable;

/// y = factor x.
pub(crate) struct Scaling {
    factor: f64,
    scale: Callable,
}

impl Scaling {
    /// By that factor, if there is one.
    pub(crate) fn by(kernels: &Kernels, factor: Option<f64>) -> Result<Option<Scaling>> {
        let Some(factor) = factor else { return Ok(None) };
        Ok(Some(Scaling { factor, scale: kernels.get("scale", &[])? }))
    }

    pub(crate) fn of(&self, x: &Tensor) -> Result<Tensor> {
        self.scale.bind().input("x", x).scalar("factor", self.factor).run()?.single()
    }
}
