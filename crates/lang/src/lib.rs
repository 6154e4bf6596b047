//! What a kernel author writes.
//!
//! A kernel is a Rust function that records a tile program. [`record`] runs it once per specialization; each
//! operator on a [`Tile`] appends one expression to the recording, with the author's own file and line. Rust's
//! `if` and `for` run while recording; [`Kernel::range`] records a loop of the device.
//!
//! ```
//! use tilewright_lang::{Kernel, View, record, Specialization, DType};
//!
//! /// y = exp(x - max x) / Σ exp(x - max x), over the last axis.
//! fn softmax(k: &mut Kernel, x: View, y: View) {
//!     let row = k.program();
//!     let t = x.row(row).load().to(DType::F32);
//!     let e = (t - t.row_max()).exp();
//!     y.row(row).store(e / e.row_sum());
//! }
//!
//! let program = record(
//!     "softmax",
//!     "x: T[*rows, cols] -> y: T[*rows, cols]",
//!     &Specialization::of(DType::F16),
//!     |k, a| softmax(k, a["x"], a["y"]),
//! )?;
//! assert_eq!(program.grid.len(), 1);
//! # Ok::<(), tilewright_lang::RecordError>(())
//! ```

mod combine;
pub mod formula;
mod kernel;
mod math;
pub mod oneliner;
mod recorder;
mod signature;
mod tile;
mod told;
mod view;

pub use combine::{Along, reduce_by, scan_by, scan_by_along};
pub use formula::{Formula, FormulaError};
pub use kernel::{Args, Kernel, Range, record};
pub use recorder::RecordError;
pub use signature::{Declared, Signature, SignatureError, SignatureParam, Specialization};
pub use tile::{Operand, Tile, Var};
pub use tilewright_ir::DType;
pub use tilewright_ir::ReduceOp;
pub use told::TellingAxis;
pub use view::{Size, View};
