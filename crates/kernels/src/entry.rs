//! What a kernel says of itself.

use std::collections::BTreeMap;
use tilewright_ir::{DType, Program};
use tilewright_lang::{Args, Kernel, RecordError, Specialization, record};

/// A kernel of the catalog: everything about it that tests, docs, benchmarks and the command line need.
#[derive(Debug)]
pub struct Entry {
    /// Its one name: function, file, catalog, command line, Python.
    pub name: &'static str,
    /// Its group in listings.
    pub family: Family,
    /// One line for listings.
    pub summary: &'static str,
    /// The mathematics, in one or a few lines.
    pub formula: &'static str,
    /// Parameters and shapes; see [`tilewright_lang::Signature`].
    pub signature: &'static str,
    /// Records the tile program.
    pub build: fn(&mut Kernel, &Args),
    /// The outputs in order, computed the obvious way in f64. An in-out parameter is both input and output.
    pub reference: fn(&Inputs) -> Vec<Vec<f64>>,
    /// Where its gradient comes from.
    pub grad: Grad,
    /// The dtypes that the type variable `T` may take; empty when the signature has none.
    pub dtypes: &'static [DType],
    /// Sizes that specialize the recording, with their defaults (`--set k=8` changes one).
    pub constants: &'static [(&'static str, usize)],
    /// How test inputs are filled, where normal numbers with outliers will not do.
    pub fills: &'static [(&'static str, Fill)],
    /// Shapes to test: 1, odd, prime, typical, huge. Those marked are benchmarked.
    pub cases: &'static [Case],
    /// Floating-point operations of a call, for kernels that are not bound by memory.
    pub flops: Option<fn(&Inputs) -> f64>,
}

/// Groups of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Family {
    Activation,
    Glu,
    Softmax,
    Norm,
    Reduction,
    Loss,
    Random,
    Indexing,
    Rope,
    Moe,
    Optimizer,
    Bits,
    Quantized,
    Linear,
    Attention,
    Image,
    Sequence,
}

/// Where a kernel's gradient comes from.
#[derive(Clone, Copy, Debug)]
pub enum Grad {
    /// From the recording.
    Auto,
    /// By kernels written by hand, which run in order.
    By(&'static [BackwardKernel]),
    /// There is none, for the stated reason.
    None(&'static str),
}

/// One kernel of a gradient written by hand.
///
/// It is recorded with the forward kernel's specialization. Its inputs are any of the forward kernel's inputs, the
/// cotangents `d_<output>`, and what earlier kernels of the same gradient made; its outputs are gradients `d_<input>`,
/// or what later ones need.
#[derive(Clone, Copy, Debug)]
pub struct BackwardKernel {
    /// Its name in listings and emitted code.
    pub name: &'static str,
    /// Parameters and shapes; see [`tilewright_lang::Signature`].
    pub signature: &'static str,
    /// Records the tile program.
    pub build: fn(&mut Kernel, &Args),
}

impl BackwardKernel {
    /// Records the kernel.
    ///
    /// # Errors
    /// When a constant does not fit the kernel, with the kernel's own line.
    pub fn record(&self, specialization: &Specialization) -> Result<Program, RecordError> {
        record(self.name, self.signature, specialization, self.build)
    }
}

/// How a test input is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Normal numbers, some times 20 (the default for floats).
    Normal,
    /// Distinct values, so that no order depends on rounding.
    Distinct,
    /// Uniform in `low .. high`.
    Uniform(f64, f64),
    /// Integers below the size of that name: indices.
    Index(&'static str),
    /// Integers `0 ..= high`.
    Integer(u32),
    /// Every element is the size of that name, as the lengths of full caches.
    Size(&'static str),
    /// The integers below the number of elements, each once: places that no two programs share.
    Permutation,
    /// Random bits.
    Bits,
    /// True with this probability.
    Chance(f64),
}

/// One shape to test.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Value of each size of the signature.
    pub sizes: &'static [(&'static str, usize)],
    /// Constants that differ from the entry's defaults.
    pub constants: &'static [(&'static str, usize)],
    /// Scalars that differ from the signature's defaults.
    pub scalars: &'static [(&'static str, f64)],
    /// Fills that differ from the entry's.
    pub fills: &'static [(&'static str, Fill)],
    /// Also benchmarked.
    pub bench: bool,
}

impl Case {
    /// A case of these sizes.
    pub const fn of(sizes: &'static [(&'static str, usize)]) -> Case {
        Case { sizes, constants: &[], scalars: &[], fills: &[], bench: false }
    }

    /// The same with other constants.
    pub const fn with(self, constants: &'static [(&'static str, usize)]) -> Case {
        Case { constants, ..self }
    }

    /// The same with other scalars.
    pub const fn scalars(self, scalars: &'static [(&'static str, f64)]) -> Case {
        Case { scalars, ..self }
    }

    /// The same with inputs filled otherwise.
    pub const fn fills(self, fills: &'static [(&'static str, Fill)]) -> Case {
        Case { fills, ..self }
    }

    /// The same, also benchmarked.
    pub const fn bench(self) -> Case {
        Case { bench: true, ..self }
    }
}

/// The inputs of one call as a reference sees them: f64 values already rounded to their storage dtype.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Elements of each tensor in row-major order.
    pub tensors: BTreeMap<String, Vec<f64>>,
    /// Sizes and constants.
    pub sizes: BTreeMap<String, usize>,
    /// Scalars.
    pub scalars: BTreeMap<String, f64>,
}

impl Inputs {
    /// The elements of a tensor; empty if the case has none of that name.
    pub fn tensor(&self, name: &str) -> &[f64] {
        self.tensors.get(name).map_or(&[], Vec::as_slice)
    }

    /// These inputs and the elements of a tensor.
    pub fn with_tensor(mut self, name: &str, elements: &[f64]) -> Inputs {
        self.tensors.insert(name.into(), elements.to_vec());
        self
    }

    /// These inputs and a size or constant.
    pub fn with_size(mut self, name: &str, value: usize) -> Inputs {
        self.sizes.insert(name.into(), value);
        self
    }

    /// These inputs and a scalar.
    pub fn with_scalar(mut self, name: &str, value: f64) -> Inputs {
        self.scalars.insert(name.into(), value);
        self
    }

    /// A size or constant; 0 if unknown.
    pub fn size(&self, name: &str) -> usize {
        self.sizes.get(name).copied().unwrap_or(0)
    }

    /// A scalar; NaN if unknown.
    pub fn scalar(&self, name: &str) -> f64 {
        self.scalars.get(name).copied().unwrap_or(f64::NAN)
    }

    /// The rows of a tensor: slices of `cols` elements.
    pub fn rows<'a>(&'a self, name: &str, cols: usize) -> impl Iterator<Item = &'a [f64]> {
        self.tensor(name).chunks(cols.max(1))
    }
}

impl Entry {
    /// The specialization for `dtype` and constants that differ from the defaults.
    pub fn specialization(&self, dtype: DType, constants: &[(&str, usize)]) -> Specialization {
        let defaults = self.constants.iter().chain(constants);
        defaults.fold(Specialization::of(dtype), |s, (name, value)| s.with(name, *value))
    }

    /// How the input of that name is filled in `case`.
    pub fn fill(&self, case: &Case, name: &str) -> Fill {
        let named = case.fills.iter().chain(self.fills).find(|(input, _)| *input == name);
        named.map_or(Fill::Normal, |(_, fill)| *fill)
    }

    /// Records the kernel.
    ///
    /// # Errors
    /// When a constant does not fit the kernel, with the kernel's own line.
    pub fn record(&self, specialization: &Specialization) -> Result<Program, RecordError> {
        record(self.name, self.signature, specialization, self.build)
    }
}
