//! Linear layers: y = x wᵀ + bias, with the weight as floats or packed.

use crate::unpacked::Unpacked;
use crate::{DType, Kernels, Module, Result, Step, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// Rows of x up to which one program computes an element, reading its row of the weight once: beyond, blocks of rows
/// share what they read.
pub(crate) const FEW_ROWS: usize = 8;

/// A bias, and the kernel that adds it.
struct Bias {
    bias: Tensor,
    add: Callable,
}

impl Bias {
    fn new(kernels: &Kernels, bias: Option<Tensor>) -> Result<Option<Bias>> {
        let add = kernels.get("add_bias", &[])?;
        Ok(bias.map(|bias| Bias { bias, add }))
    }

    fn apply(bias: &Option<Bias>, y: Tensor) -> Result<Tensor> {
        match bias {
            Some(Bias { bias, add }) => add.call(&[&y, bias]),
            None => Ok(y),
        }
    }
}

/// A linear layer whose weight is floats.
pub struct DenseLinear {
    pub(crate) weight: Tensor,
    bias: Option<Bias>,
    few: Callable,
    many: Callable,
}

impl DenseLinear {
    /// A layer with `weight` `[columns, depth]` and `bias` `[columns]`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(kernels: &Kernels, weight: Tensor, bias: Option<Tensor>) -> Result<DenseLinear> {
        Ok(DenseLinear {
            weight,
            bias: Bias::new(kernels, bias)?,
            few: kernels.get("matvec", &[])?,
            many: kernels.get("linear", &[])?,
        })
    }
}

impl DenseLinear {
    /// True when it adds something to the product.
    pub(crate) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }
}

impl Module for DenseLinear {
    fn kind(&self) -> &'static str {
        "Linear"
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        let mut all = vec![("weight", &self.weight)];
        all.extend(self.bias.as_ref().map(|bias| ("bias", &bias.bias)));
        all
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        let product = if x.shape()[0] <= FEW_ROWS { &self.few } else { &self.many };
        Bias::apply(&self.bias, product.call(&[x, &self.weight])?)
    }
}

/// A linear layer whose weight is in MLX's affine format.
pub struct QuantizedLinear {
    pub(crate) weight: Tensor,
    pub(crate) scales: Tensor,
    pub(crate) biases: Tensor,
    pub(crate) format: Affine,
    bias: Option<Bias>,
    few: Callable,
    /// Rows up to which they are few.
    few_rows: usize,
    many: Callable,
    most: Unpacked,
}

impl QuantizedLinear {
    /// A layer with the packed weight `[columns, words]`, its scales and biases `[columns, groups]`, and the layer's
    /// own `bias` `[columns]`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(
        kernels: &Kernels,
        mut packed: [Tensor; 3],
        format: Affine,
        bias: Option<Tensor>,
    ) -> Result<QuantizedLinear> {
        settle(&mut packed, format);
        let [weight, scales, biases] = packed;
        let constants = [("bits", format.bits), ("group", format.group)];
        Ok(QuantizedLinear {
            weight,
            scales,
            biases,
            format,
            bias: Bias::new(kernels, bias)?,
            few: kernels.get("quantized_matvec", &constants)?,
            few_rows: kernels.few_rows(),
            many: kernels.get("quantized_matmul", &constants)?,
            most: Unpacked::new(kernels, format)?,
        })
    }
}

/// Tells the device of a packed weight `[columns, words]`, its scales and biases, that products read them.
pub(crate) fn settle(packed: &mut [Tensor; 3], format: Affine) {
    let halves = packed[1..].iter().all(|of| matches!(of.dtype(), DType::BF16 | DType::F16));
    // There is code for no others that lie otherwise.
    if format.bits == 4 && matches!(format.group, 32 | 64) && halves {
        let [weight, scales, biases] = packed;
        Tensor::settle(&mut [weight, scales, biases]);
    }
}

impl QuantizedLinear {
    /// How its weight is packed.
    pub fn format(&self) -> Affine {
        self.format
    }

    /// True when it adds something to the product.
    pub(crate) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }
}

impl Module for QuantizedLinear {
    fn kind(&self) -> &'static str {
        "QuantizedLinear"
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        let mut all =
            vec![("weight", &self.weight), ("scales", &self.scales), ("biases", &self.biases)];
        all.extend(self.bias.as_ref().map(|bias| ("bias", &bias.bias)));
        all
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        let rows = x.shape()[0];
        let y = if self.most.pays(rows) {
            self.most.product(x, [&self.weight, &self.scales, &self.biases])?
        } else {
            let product = if rows <= self.few_rows { &self.few } else { &self.many };
            product.call(&[x, &self.weight, &self.scales, &self.biases])?
        };
        Bias::apply(&self.bias, y)
    }
}
