//! Write a kernel once, as a tile program in plain Rust or a one-line formula. Code for every target, the gradient,
//! the tests and the timings follow from that one recording.
//!
//! ```
//! use tilewright::{elementwise, kernel, tile_kernel, DType, Tensor};
//!
//! // A kernel from a formula, and its gradient.
//! let mish = elementwise("x * tanh(log(1 + exp(x)))")?;
//! let x = Tensor::from([-1.0f32, 0.0, 1.0]);
//! let y = mish.call(&[&x])?;
//! let ones = Tensor::from([1.0f32; 3]);
//! let dx = mish.grad()?.call(&[&x, &ones])?;
//! assert_eq!((y.shape(), dx.shape()), (x.shape(), x.shape()));
//!
//! // A kernel of one's own over whole rows of any length.
//! let softmax = tile_kernel("my_softmax", "x: T[*rows, cols] -> y: T[*rows, cols]", |k, a| {
//!     let row = k.program();
//!     let t = a["x"].row(row).load().to(DType::F32);
//!     let e = (t - t.row_max()).exp();
//!     a["y"].row(row).store(e / e.row_sum());
//! })?;
//! let mine = softmax.call(&[&Tensor::from([[1.0f32, 2.0, 3.0]])])?;
//!
//! // The catalog has it already.
//! let theirs = kernel("softmax")?.call(&[&Tensor::from([[1.0f32, 2.0, 3.0]])])?;
//! assert_eq!(mine.to_vec::<f32>()?, theirs.to_vec::<f32>()?);
//! # Ok::<(), tilewright::Error>(())
//! ```
//!
//! # Where things are
//!
//! | | |
//! |---|---|
//! | [`Tensor`], [`Callable`] | data, and kernels as functions of it |
//! | [`elementwise`], [`reduce`], [`map_reduce`], [`tile_kernel`], [`kernel()`] | the ways to a [`Callable`] |
//! | [`lang`] | what a kernel author writes |
//! | [`catalog`] | the kernels that come with it |
//! | [`proof`] | the test runner and the clock |
//! | [`runtime`] | devices, compile cache, launch |
//! | [`emit`] | the text of a program in CUDA C++ or MSL |
//! | [`passes`], [`ir`] | the compiler |
//! | [`formats`] | files of tensors, checkpoints |
//! | [`models`], [`nn`], [`nn::patch`] | checkpoints as modules with paths, and fused kernels over these |
//! | [`engine`] | token ids in, token ids out; a model against itself patched |
//!
//! Tokenizers and chat templates are in a crate of their own, `tilewright-text`, for their dependencies' sake.

pub use tilewright_engine as engine;
pub use tilewright_formats as formats;
pub use tilewright_ir as ir;
pub use tilewright_kernels as catalog;
pub use tilewright_lang as lang;
pub use tilewright_models as models;
pub use tilewright_nn as nn;
pub use tilewright_passes as passes;
pub use tilewright_proof as proof;
pub use tilewright_runtime as runtime;
pub use tilewright_runtime::emit::{Language, emit};

pub use tilewright_lang::{
    Along, Args, DType, Kernel, Operand, ReduceOp, Specialization, Tile, Var, View, record,
    reduce_by, scan_by, scan_by_along,
};
pub use tilewright_tensor::{
    Call, CallStats, Callable, Called, Elementwise, Error, Fault, GradOptions, Gradients,
    MapReduce, OneLiner, Outputs, Parameter, Pass, Reduce, Result, Runtime, Scalar, SourceCall,
    SourceCallable, Tape, Template, Tensor, Variable, Wide, elementwise, elementwise_with,
    elementwise_with_gradient, kernel, kernel_with, map_reduce, map_reduce_with, of_entry, reduce,
    reduce_with, source_kernel, tile_kernel, tile_kernel_with,
};

/// The code blocks of the README and of `docs/tutorial` are tests.
#[cfg(doctest)]
mod tutorial {
    macro_rules! pages {
        ($($module:ident $file:literal;)*) => {$(
            #[doc = include_str!(concat!("../../../docs/tutorial/", $file))]
            mod $module {}
        )*};
    }
    pages! {
        readme "../../README.md";
        first_formula "01-first-formula.md";
        first_row_kernel "02-first-row-kernel.md";
        gradients "03-gradients.md";
        reductions "04-reductions.md";
        loops_and_blocks "05-loops-and-blocks.md";
        testing_a_kernel "06-testing-a-kernel.md";
        reading_the_ir "07-reading-the-ir.md";
        adding_to_the_catalog "08-adding-to-the-catalog.md";
        kernels_from_source "../kernels-from-source.md";
        models_from_rust "../models-from-rust.md";
    }
}
