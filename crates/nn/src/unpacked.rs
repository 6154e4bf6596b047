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
        self.multiply.call(&[x, &self.floats(packed)?])
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
        let floats = self.floats(packed)?;
        let of = |from, columns| self.multiply.call(&[x, &floats.narrow(0, from, columns)?]);
        Ok([of(0, first)?, of(first, second)?, of(first + second, third)?])
    }

    /// The weight as floats.
    fn floats(&self, packed: [&Tensor; 3]) -> Result<Tensor> {
        let [words, scales, biases] = packed;
        let parts = parts(scales.shape()[1]);
        if parts == 1 {
            return self.dequantize.call(&packed);
        }
        let cut = |t: &Tensor| t.reshape(&[t.shape()[0] * parts, t.shape()[1] / parts]);
        let floats = self.dequantize.call(&[&cut(words)?, &cut(scales)?, &cut(biases)?])?;
        let depth = floats.shape()[1] * parts;
        floats.reshape(&[scales.shape()[0], depth])
    }
}

/// The equal parts of a row of so many groups that are unpacked as rows of their own: a program's threads have room for a
/// power of two, of which a row of three times as many leaves a quarter idle. On an H100, 1024 rows of 3072 weights took
/// 13 us where 3072 rows of 1024 took 8.
fn parts(groups: usize) -> usize {
    let whole = 1 << groups.trailing_zeros().min(63);
    match whole >= SHORTEST && groups > 0 {
        true => groups / whole,
        false => 1,
    }
}

/// Groups of the shortest part of a row.
const SHORTEST: usize = 8;

/// The kernel that makes a packed weight floats.
pub(crate) fn dequantize(kernels: &Kernels, format: Affine) -> Result<Callable> {
    kernels.get("dequantize_affine", &[("bits", format.bits), ("group", format.group)])
}
