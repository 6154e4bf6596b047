//! The embedding: rows of a table by token ids.

use crate::scaling::Scaling;
use crate::{Kernels, Module, Result, Step, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// The names of a weight's tensors: of floats it has the first alone.
const PACKED: [&str; 3] = ["weight", "scales", "biases"];

/// A table of vectors, one a token, as floats or packed.
pub struct Embedding {
    gather: Callable,
    /// In the kernel's order, before the ids.
    table: Vec<Tensor>,
    /// Of each vector.
    scale: Option<Scaling>,
}

impl Embedding {
    /// A table of floats, `[entries, features]`. `scale` multiplies what is looked up, as in Gemma.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn dense(kernels: &Kernels, table: Tensor, scale: Option<f64>) -> Result<Embedding> {
        let gather = kernels.get("gather", &[])?;
        Ok(Embedding { gather, table: vec![table], scale: Scaling::by(kernels, scale)? })
    }

    /// A packed table: words, scales, biases.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn quantized(
        kernels: &Kernels,
        table: [Tensor; 3],
        format: Affine,
        scale: Option<f64>,
    ) -> Result<Embedding> {
        let constants = [("bits", format.bits), ("group", format.group)];
        let gather = kernels.get("gather_dequantize_affine", &constants)?;
        Ok(Embedding { gather, table: table.into(), scale: Scaling::by(kernels, scale)? })
    }
}

impl Module for Embedding {
    fn kind(&self) -> &'static str {
        "Embedding"
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        PACKED.into_iter().zip(&self.table).collect()
    }

    /// `x` is the ids, `u32[tokens]`.
    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = self.table.iter().chain([x]).collect();
        let y = self.gather.call(&inputs)?;
        match &self.scale {
            Some(scale) => scale.of(&y),
            None => Ok(y),
        }
    }
}
