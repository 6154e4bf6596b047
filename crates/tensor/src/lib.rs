//! Tensors, and kernels as functions of tensors.
//!
//! A [`Tensor`] is a dtype, a shape and strides over shared memory. A [`Callable`] is a kernel of the catalog
//! ([`kernel`]), a one-liner ([`elementwise`], [`reduce`], [`map_reduce`]), a kernel of one's own ([`tile_kernel`]) or
//! a gradient ([`Callable::grad`]), called with tensors in order ([`Callable::call`]) or by name ([`Callable::bind`]).
//!
//! Every error is a [`tilewright_runtime::Error`]: one line for what, one for what to do.

mod call;
mod callable;
mod catalog;
mod display;
mod element;
mod frame;
mod gather;
mod gradient;
mod inline;
mod interface;
mod map;
mod oneliner;
mod rows;
mod source;
mod started;
mod tape;
mod tensor;
mod told;

pub use call::{Call, Outputs};
pub use callable::{CallStats, Callable, Parameter, check_number};
pub use catalog::{kernel, kernel_with, of_entry, tile_kernel, tile_kernel_with, unknown_kernel};
pub use element::Scalar;
pub use oneliner::{
    OneLiner, elementwise, elementwise_with, elementwise_with_gradient, map_reduce,
    map_reduce_with, reduce, reduce_with,
};
pub use source::{SourceCall, SourceCallable, Template, Wide, source_kernel};
pub use started::{Given, Started};
pub use tape::{Called, Gradients, Tape, Variable};
pub use tensor::Tensor;
pub use tilewright_lang::oneliner::{Elementwise, MapReduce, Pass, Reduce};
pub use tilewright_passes::GradOptions;
pub use tilewright_runtime::{Error, Fault, Recording, Result, Runtime, nearest};
