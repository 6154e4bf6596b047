//! One-liners: kernels from one formula or closure each, without a kernel function.
//!
//! | | gives | from |
//! |---|---|---|
//! | [`Elementwise`] | a map of one or many inputs, with NumPy broadcasting | `x * sigmoid(a * x)`, a closure |
//! | [`Reduce`] | one value a row | `init`, `update`, `finalize`, a closure of the row |
//! | [`MapReduce`] | a row from a row and one or two reductions of it | two passes and `write`, a closure of the row |
//! | [`Backward`] | the gradient of an [`Elementwise`] by formulas | `g * (s + x * s * ((T)1 - s))` |
//!
//! Each is a specification: `Hash + Eq`, so that with the dtypes and the layout of a call it is the key of a cache,
//! and `program` records the kernel for them. Gradients need no [`Backward`]: they come from the recording.
//!
//! ```
//! use tilewright_lang::DType::{F16, F32};
//! use tilewright_lang::oneliner::{Elementwise, Layout, MapReduce, Pass, Reduce};
//!
//! let mish = Elementwise::formula("x * tanh(log(1 + exp(x)))")?.named("mish");
//! let program = mish.program(&[F16], &Layout::flat(1))?;
//! assert_eq!(program.name, "mish");
//!
//! let row_sum = Reduce::formulas("0.0f", "acc + v")?;
//! assert!(row_sum.program(F32)?.grid.len() == 1);
//!
//! let softmax = MapReduce::formulas(
//!     Pass { init: "-INFINITY", update: "max(acc1, x)", reduce: "max(a, b)" },
//!     Pass { init: "0.0f", update: "acc2 + exp(x - s1)", reduce: "a + b" },
//!     "exp(x - s1) / s2",
//! )?;
//! softmax.program(F32)?;
//!
//! // The same from Rust.
//! Elementwise::unary(|x| x * x.sigmoid()).program(&[F32], &Layout::flat(1))?;
//! Reduce::row(|row| row.square().row_mean().sqrt()).program(F32)?;
//! MapReduce::row(|row| {
//!     let e = (row - row.row_max()).exp();
//!     e / e.row_sum()
//! })
//! .program(F32)?;
//! # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
//! ```

mod backward;
mod elementwise;
mod fold;
mod layout;
mod map_reduce;
mod over;
mod reduce;
mod row;

pub use backward::Backward;
pub use elementwise::Elementwise;
pub use fold::Strategy;
pub use layout::{Broadcast, Layout};
pub use map_reduce::{MapReduce, Pass};
pub use over::Over;
pub use reduce::Reduce;

use crate::formula::FormulaError;
use crate::kernel::{Kernel, record_declared};
use crate::recorder::{At, RecordError, placed};
use crate::signature::Specialization;
use crate::tile::Tile;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use tilewright_ir::{DType, Program};

/// The name of the output of every one-liner.
pub const OUTPUT: &str = "out";

/// The name of the input of [`Reduce`] and [`MapReduce`].
pub const INPUT: &str = "x";

/// Why a one-liner cannot be recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum OneLinerError {
    /// A formula is wrong.
    Formula(FormulaError),
    /// The recording has mistakes, as a closure makes them.
    Record(RecordError),
    /// Names, counts or dtypes do not fit the specification.
    Call(String),
}

impl std::fmt::Display for OneLinerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OneLinerError::Formula(error) => error.fmt(f),
            OneLinerError::Record(error) => error.fmt(f),
            OneLinerError::Call(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for OneLinerError {}

impl From<OneLinerError> for tilewright_ir::Error {
    fn from(error: OneLinerError) -> Self {
        tilewright_ir::Error::usage(error.to_string())
    }
}

impl From<FormulaError> for OneLinerError {
    fn from(error: FormulaError) -> Self {
        OneLinerError::Formula(error)
    }
}

impl From<RecordError> for OneLinerError {
    fn from(error: RecordError) -> Self {
        OneLinerError::Record(error)
    }
}

/// A run-time number of a one-liner; a new value compiles nothing.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Its name in formulas.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// The value when the caller gives none.
    pub default: Option<f64>,
}

impl Scalar {
    fn key(&self) -> (&str, DType, Option<u64>) {
        (&self.name, self.dtype, self.default.map(f64::to_bits))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// A function of tiles. It equals its own clones and nothing else.
#[derive(Clone)]
struct Closure(Arc<dyn Fn(&[Tile]) -> Tile + Send + Sync>);

impl Closure {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as *const () as usize
    }
}

impl std::fmt::Debug for Closure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<closure>")
    }
}

impl PartialEq for Closure {
    fn eq(&self, other: &Closure) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Closure {}

impl Hash for Closure {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

/// What every one-liner has: a name, run-time scalars, an output dtype, and where it was written.
#[derive(Clone, Debug)]
struct Common {
    name: String,
    scalars: Vec<Scalar>,
    output: Option<DType>,
    at: At,
}

impl Common {
    fn key(&self) -> (&str, &[Scalar], Option<DType>) {
        (&self.name, &self.scalars, self.output)
    }
}

impl PartialEq for Common {
    fn eq(&self, other: &Common) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Common {}

impl Hash for Common {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The builder methods that all one-liners share.
macro_rules! common_methods {
    () => {
        /// Gives the kernel a name of its own: letters, digits and `_`.
        pub fn named(mut self, name: &str) -> Self {
            self.common.name = name.into();
            self
        }

        /// Declares `name` a run-time scalar (f32) instead of an input, with the value it has when the caller gives
        /// none. A new value compiles nothing.
        pub fn scalar(self, name: &str, default: Option<f64>) -> Self {
            self.scalar_of(name, DType::F32, default)
        }

        /// As [`scalar`](Self::scalar), of another type.
        pub fn scalar_of(mut self, name: &str, dtype: DType, default: Option<f64>) -> Self {
            self.common.scalars.retain(|s| s.name != name);
            self.common.scalars.push(Scalar { name: name.into(), dtype, default });
            self
        }

        /// Gives the output a dtype of its own, instead of the inputs'.
        pub fn output(mut self, dtype: DType) -> Self {
            self.common.output = Some(dtype);
            self
        }

        /// The kernel's name.
        pub fn name(&self) -> &str {
            &self.common.name
        }

        /// The run-time scalars in order.
        pub fn scalars(&self) -> &[Scalar] {
            &self.common.scalars
        }
    };
}
use common_methods;

/// Those of one-liners that work on rows.
macro_rules! over_methods {
    () => {
        /// Makes rows of these axes together, counted from the end where negative; none makes each element a row of its own.
        pub fn axes(mut self, axes: &[isize]) -> Self {
            self.over.axes(axes);
            self
        }

        /// Makes one row of the whole tensor.
        pub fn all_axes(mut self) -> Self {
            self.over.all();
            self
        }

        /// The axes that are a row. [`program`](Self::program) is for rows that lie along the last axis; who calls it brings them
        /// there.
        pub fn over(&self) -> &Over {
            &self.over
        }
    };
}
use over_methods;

impl Common {
    fn new(name: &str, at: At) -> Common {
        Common { name: name.into(), scalars: Vec::new(), output: None, at }
    }

    /// Records `build`, every line of it at the author's place.
    fn record(
        &self,
        build: impl FnOnce(&Kernel) -> Result<(), OneLinerError>,
    ) -> Result<Program, OneLinerError> {
        let mut outcome = Ok(());
        let recorded = record_declared(&self.name, &[], &Specialization::default(), |k, _| {
            outcome = placed(self.at, || build(k));
        });
        outcome?;
        Ok(recorded?)
    }

    /// The names that every formula of a row may use: scalars and the row's length. Fails when a scalar takes a name
    /// that means something else, one of `own` among them.
    fn shared_names(&self, own: &[&str]) -> Result<Vec<&str>, OneLinerError> {
        let names = self.scalars.iter().map(|s| s.name.as_str());
        for name in names.clone() {
            if own.contains(&name) || [INPUT, OUTPUT, "v", row::LENGTH].contains(&name) {
                let text =
                    format!("{}: the scalar `{name}` takes a name of the formulas", self.name);
                return Err(OneLinerError::Call(text));
            }
        }
        Ok(names.chain([row::LENGTH]).collect())
    }

    /// The scalars as tiles, by name.
    fn declare_scalars(&self, k: &Kernel) -> Vec<(&str, Tile)> {
        let declare = |s: &Scalar| k.scalar(&s.name, s.dtype, s.default);
        self.scalars.iter().map(|s| (s.name.as_str(), declare(s))).collect()
    }

    /// The dtype of the output: the author's, else the inputs' own.
    ///
    /// Float inputs of several types meet as the wider (f16 and bf16 as f32), and integers follow C. Integers alone
    /// whose result is a float give f32.
    fn output_dtype(&self, inputs: &[DType], result: DType) -> DType {
        let joined = inputs.iter().copied().reduce(|a, b| match (a.is_float(), b.is_float()) {
            _ if a == b => a,
            (true, true) if a == DType::F64 || b == DType::F64 => DType::F64,
            (true, true) => DType::F32,
            (true, false) => a,
            (false, true) => b,
            _ if a == DType::U32 || b == DType::U32 => DType::U32,
            _ => DType::I32,
        });
        let natural = match joined {
            None => result,
            Some(dtype) if !dtype.is_float() && result.is_float() => result,
            Some(DType::Bool) => result,
            Some(dtype) => dtype,
        };
        self.output.unwrap_or(natural)
    }
}

/// A name made from `base` that is not among `taken`.
fn fresh(base: &str, taken: &[&str]) -> String {
    let mut name = base.to_string();
    while taken.contains(&name.as_str()) {
        name.push('_');
    }
    name
}
