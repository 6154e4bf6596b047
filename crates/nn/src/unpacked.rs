//! Products of many rows with a packed weight: the weight becomes floats once, and a plain product follows.

use crate::{Kernels, Result, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// The plain way to multiply with a packed weight, for as many rows as it pays.
pub(crate) struct Unpacked {
    dequantize: Callable,
    multiply: Callable,
    from: usize,
}

impl Unpacked {
    /// That of weights in `format`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(kernels: &Kernels, format: Affine) -> Result<Unpacked> {
        Ok(Unpacked {
            dequantize: dequantize(kernels, format)?,
            multiply: kernels.get("linear", &[])?,
            from: kernels.unpacks_from(),
        })
    }

    /// True when so many rows are worth the weight's way through memory.
    pub fn pays(&self, rows: usize) -> bool {
        rows >= self.from
    }

    /// `x wᵀ` with w as words, scales and biases.
    ///
    /// # Errors
    /// When the device fails.
    pub fn product(&self, x: &Tensor, packed: [&Tensor; 3]) -> Result<Tensor> {
        self.multiply.call(&[x, &self.dequantize.call(&packed)?])
    }

    /// The products with three weights, of `columns` each, that lie side by side: each has the bits of its own.
    ///
    /// # Errors
    /// When the device fails.
    pub fn products(
        &self,
        x: &Tensor,
        packed: [&Tensor; 3],
        [first, second, third]: [usize; 3],
    ) -> Result<[Tensor; 3]> {
        let floats = self.dequantize.call(&packed)?;
        let of = |from, columns| self.multiply.call(&[x, &floats.narrow(0, from, columns)?]);
        Ok([of(0, first)?, of(first, second)?, of(first + second, third)?])
    }
}

/// The kernel that makes a packed weight floats.
pub(crate) fn dequantize(kernels: &Kernels, format: Affine) -> Result<Callable> {
    kernels.get("dequantize_affine", &[("bits", format.bits), ("group", format.group)])
}
