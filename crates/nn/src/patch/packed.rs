//! Packed linear layers with what lies around them: a norm before, a sum after, for one row on devices that have
//! routines for such products.

use super::of_type;
use crate::linear::settle;
use crate::unpacked::Unpacked;
use crate::{DType, Error, Kernels, Module, QuantizedLinear, Result, RmsNorm, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// A packed weight `[columns, words]`, its scales and biases.
pub(super) struct Packed {
    pub tensors: [Tensor; 3],
    pub format: Affine,
}

/// The weight of a packed layer without a bias.
pub(super) fn packed(module: &dyn Module) -> Option<Packed> {
    let linear = of_type::<QuantizedLinear>(module).filter(|linear| !linear.has_bias())?;
    let tensors = [&linear.weight, &linear.scales, &linear.biases].map(Tensor::clone);
    Some(Packed { tensors, format: linear.format })
}

/// True for a row that these kernels are for.
pub(super) fn is_one_row(x: &Tensor) -> bool {
    x.shape()[0] == 1 && x.dtype() != DType::F32
}

impl Packed {
    /// The columns of several weights, one after the other, in memory of their own; `None` when they are packed in
    /// different ways.
    pub fn joined(kernels: &Kernels, parts: &[Packed]) -> Result<Option<Packed>> {
        let Some(first) = parts.first() else { return Ok(None) };
        if parts.iter().any(|part| part.format != first.format) {
            return Ok(None);
        }
        let join = |i: usize| {
            let of = &first.tensors[i];
            let mut bytes = Vec::new();
            for part in parts {
                bytes.extend(part.tensors[i].to_bytes()?);
            }
            let columns = parts.iter().map(|part| part.tensors[i].shape()[0]).sum();
            let shape = [columns, of.shape()[1]];
            Tensor::from_bytes(of.dtype(), &shape, &bytes)?.own(kernels.runtime())
        };
        let mut tensors = [join(0)?, join(1)?, join(2)?];
        settle(&mut tensors, first.format);
        Ok(Some(Packed { tensors, format: first.format }))
    }

    fn kernel(&self, kernels: &Kernels, name: &str) -> Result<Callable> {
        kernels.get(name, &[("bits", self.format.bits), ("group", self.format.group)])
    }
}

/// The product of a row's norm with a packed weight.
pub(super) struct NormedProduct {
    packed: Packed,
    normed: Callable,
    plain: Callable,
    most: Unpacked,
}

impl NormedProduct {
    pub fn new(kernels: &Kernels, packed: Packed) -> Result<NormedProduct> {
        let normed = packed.kernel(kernels, "norm_quantized_matvec")?;
        let plain = packed.kernel(kernels, "quantized_matvec")?;
        let most = Unpacked::new(kernels, packed.format)?;
        Ok(NormedProduct { packed, normed, plain, most })
    }

    /// The product of the norm of `x`.
    pub fn of_norm(&self, norm: &RmsNorm, x: &Tensor) -> Result<Tensor> {
        let [w, scales, biases] = &self.packed.tensors;
        let call = self.normed.bind().input("x", x).input("norm", &norm.weight);
        let call = call.input("w", w).input("scales", scales).input("biases", biases);
        call.scalar("eps", norm.eps).run()?.single()
    }

    /// The product of a few rows as they are.
    pub fn of(&self, x: &Tensor) -> Result<Tensor> {
        let [w, scales, biases] = &self.packed.tensors;
        self.plain.call(&[x, w, scales, biases])
    }

    /// The products of so many rows that the weight becomes floats first, with each of its three parts of `columns` by
    /// itself: one product of all would take another order of sums than the parts' own layers do. `None` for fewer rows.
    pub fn parts_of(&self, x: &Tensor, columns: [usize; 3]) -> Result<Option<[Tensor; 3]>> {
        let [w, scales, biases] = &self.packed.tensors;
        match self.most.pays(x.shape()[0]) {
            true => self.most.products(x, [w, scales, biases], columns).map(Some),
            false => Ok(None),
        }
    }
}

/// The product of a row with a packed weight, added to what was there.
pub(super) struct AddedProduct {
    packed: Packed,
    added: Callable,
}

impl AddedProduct {
    pub fn new(kernels: &Kernels, packed: Packed) -> Result<AddedProduct> {
        let added = packed.kernel(kernels, "quantized_matvec_residual")?;
        Ok(AddedProduct { packed, added })
    }

    pub fn of(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let [w, scales, biases] = &self.packed.tensors;
        self.added.call(&[x, w, scales, biases, residual])
    }
}

/// The error for a module that is no longer what was patched.
pub(super) fn fault() -> Error {
    Error::failure("the layer is not the one that was patched")
}
