//! Kernels written in a GPU's own language: a body for each, with declared inputs and outputs. The signature is written
//! around it as MLX writes it, so that bodies made for `mx.fast.metal_kernel` and `mx.fast.cuda_kernel` run unchanged.

use crate::{Region, TargetError};
use tilewright_ir::DType;

/// A kernel with a body in one or both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKernel {
    /// Its name, an identifier.
    pub name: String,
    /// Names of the inputs, identifiers.
    pub inputs: Vec<String>,
    /// Names of the outputs, identifiers.
    pub outputs: Vec<String>,
    /// For Apple's GPUs.
    pub metal: Option<Body>,
    /// For NVIDIA's.
    pub cuda: Option<Body>,
    /// Inputs are copied into row-major order where they are not. Without it the body finds its way by the injected
    /// `<input>_strides`.
    pub ensure_row_contiguous: bool,
    /// Outputs are atomic: `device atomic<float>*`.
    pub atomic_outputs: bool,
}

/// The text of a kernel in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The statements of the kernel. `<input>_shape`, `<input>_strides` and `<input>_ndim` are injected where it names
    /// them, and so are Metal's attributes by their own names.
    pub source: String,
    /// What stands before the kernel.
    pub header: String,
}

/// What a name in a body stands for. Another value is another compiled kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// A type.
    Dtype(DType),
    /// A whole number.
    Int(i32),
    /// A truth value.
    Bool(bool),
}

/// A tensor of a launch.
#[derive(Clone, Copy)]
pub struct SourceTensor<'a> {
    /// Where its elements lie.
    pub region: Region<'a>,
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub shape: &'a [usize],
}

/// One launch.
#[derive(Clone, Copy)]
pub struct SourceLaunch<'a> {
    /// What the body's template names stand for.
    pub template: &'a [(&'a str, Template)],
    /// Threads, not groups, along each axis, as MLX counts.
    pub grid: [usize; 3],
    /// Threads of a group along each axis; the last group of an axis may have fewer.
    pub group: [usize; 3],
    /// One an input, in order.
    pub inputs: &'a [SourceTensor<'a>],
    /// One an output, in order; row-major.
    pub outputs: &'a [SourceTensor<'a>],
}

impl SourceKernel {
    /// The error of a device for which the kernel has no body.
    pub fn no_body(&self, device: &str) -> TargetError {
        let has = match (&self.metal, &self.cuda) {
            (Some(_), Some(_)) => "Metal and CUDA",
            (Some(_), None) => "Metal",
            (None, Some(_)) => "CUDA",
            (None, None) => "nothing",
        };
        let what = format!("has no body for {device}; it is written for {has}");
        TargetError::Unsupported { program: self.name.clone(), what }
    }
}
