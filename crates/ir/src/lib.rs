//! The kernel IR as data.
//!
//! A [`Program`] is one recorded kernel: its parameters, an arena of pure tile expressions in SSA form, and a
//! tree of statements that says when each is evaluated and what is stored. Nothing here runs on a device;
//! the [`mod@interpret`] module gives every op its executable meaning and is the oracle for all targets.
//!
//! Order of evaluation is the order of [`Stmt::Let`] lines. A value is visible after its `Let`, in the same
//! block and the blocks nested in it; a value that must survive a loop is carried by a [`Variable`].

pub mod bind;
mod dim;
pub mod dtype;
pub mod error;
pub mod infer;
pub mod interpret;
pub mod meaning;
pub mod op;
mod operands;
pub mod pieces;
pub mod program;
pub mod random;
pub mod recognize;
pub mod table;
pub mod text;
pub mod thread;
pub mod tolerance;
pub mod validate;

pub use bind::{BindError, Bindings, bind};
pub use dtype::DType;
pub use error::Error;
pub use infer::infer;
pub use interpret::{
    Argument, Fault, FaultKind, Tensor, Trial, bind_arguments, interpret, interpret_trial,
};
pub use op::{BinaryOp, ReduceOp, TernaryOp, UnaryOp};
pub use program::*;
pub use tolerance::Tolerance;
pub use validate::{Mistake, validate};
