//! What the runner found, as data.

use crate::judge::Worst;
use tilewright_ir::DType;

/// One check of one kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kernel.
    pub kernel: &'static str,
    /// What was checked.
    pub check: Check,
    /// Sizes, constants and scalars, as `rows=3 cols=257`.
    pub case: String,
    /// What `T` was.
    pub dtype: DType,
    /// Where it ran.
    pub target: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// The error that used most of its tolerance, and that tolerance.
    pub worst: Worst,
    /// How long it took, with making the inputs and the reference.
    pub seconds: f64,
}

/// What a [`Row`] checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The outputs, against the f64 reference.
    Forward,
    /// The outputs with inputs that are not contiguous.
    Strided,
    /// The outputs with one memory passed as several inputs.
    Aliased,
    /// The outputs with inputs so great that a careless exponential overflows.
    Great,
    /// The outputs with inputs so small that an eps matters.
    Small,
    /// The outputs with many equal inputs, for kernels that pick by order.
    Ties,
    /// A second run gives the same bits.
    Repeatable,
    /// The gradient in f64, against finite differences.
    Gradient,
    /// The gradient in storage types on a target, against the gradient in f64.
    Backward,
    /// NaN, infinities, -0, denormals, great numbers, masks of one kind: a target against the interpreter.
    Hostile,
    /// Some case's reference is not near-constant, so that a wrong kernel would be noticed.
    Varies,
}

impl Check {
    /// Its name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Check::Forward => "forward",
            Check::Strided => "strided",
            Check::Aliased => "aliased",
            Check::Great => "great",
            Check::Small => "small",
            Check::Ties => "ties",
            Check::Repeatable => "repeatable",
            Check::Gradient => "gradient",
            Check::Backward => "backward",
            Check::Hostile => "hostile",
            Check::Varies => "varies",
        }
    }
}

/// How a check went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Pass,
    /// The first fault, in words.
    Fail(String),
    /// Not run, and why.
    Skip(String),
}

impl Outcome {
    /// Its name in tables and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::Skip(_) => "skip",
        }
    }

    /// Why, unless it passed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Pass => None,
            Outcome::Fail(reason) | Outcome::Skip(reason) => Some(reason),
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Row { kernel, check, case, dtype, target, outcome, .. } = self;
        write!(f, "{} {kernel} {} {dtype} {case} on {target}", outcome.name(), check.name())?;
        match outcome.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}
