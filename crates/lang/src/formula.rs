//! Formula strings: a C-like scalar language whose text becomes tiles.
//!
//! ```
//! use tilewright_lang::{DType, Formula, Specialization, record};
//!
//! let mish = Formula::parse("x * tanh(log(1 + exp(x)))")?;
//! assert_eq!(mish.variables().collect::<Vec<_>>(), ["x"]);
//!
//! let program = record("mish", "x: T[n] -> y: T[n]", &Specialization::of(DType::F16), |_, a| {
//!     a["y"].store(mish.tile(&[("x", a["x"].load())]));
//! })?;
//! assert_eq!(program.params.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! **Numbers** as in C: `1`, `0.5f`, `1e-5h`, `0xFF`, `7u`. **Constants**: `INFINITY`, `NAN`, `M_PI_F` and its
//! family, `FLT_MAX`, `true`, and Python's `inf`, `nan`, `pi`.
//!
//! **Operators** with C's precedence: `+ - * / %`, comparisons, `&& || !`, `& | ^ ~ << >>`, `c ? a : b`; and
//! Python's `x ** 2`, `and`, `or`, `not`, `a if c else b`. Where the two languages read one spelling differently
//! (`0 < x < 1`, `1 / 2`, `a & b == c`, `a // b`), the formula is refused with a hint.
//!
//! **Functions** ([`FUNCTIONS`] has each with its other names, its form and its meaning):
//!
//! | | |
//! |---|---|
//! | exponentials, logarithms | `exp exp2 expm1 log log2 log10 log1p logaddexp` |
//! | powers | `pow square sqrt rsqrt recip` |
//! | circular, hyperbolic | `sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf` |
//! | activations | `sigmoid silu gelu_tanh gelu relu relu2 relu6 leaky_relu elu selu mish softplus` |
//! | | `softsign hard_sigmoid hard_swish log_sigmoid` |
//! | rounding, sign | `abs sign floor ceil round trunc fract fmod` |
//! | choices | `max min clamp saturate where select fma mix step smoothstep divide` |
//! | questions | `isnan isinf isfinite` |
//!
//! They have the names that C, Metal, CUDA, NumPy and the `kk_` headers give them; `metal::exp`, `fast::exp`,
//! `metal::precise::exp` and `mx.exp` are all `exp`, which is accurate. `max` and `min` give NaN if any argument is;
//! `round` takes ties to even.
//!
//! **Casts**: `(T)1`, `(float)n`, `half(x)`, `static_cast<int>(x)`, `as_type<uint>(x)`. `T` and `float` are the
//! float of arithmetic, or for integer variables alone `T` is their type; `(half)x` rounds to f16 and goes on.
//!
//! **Declarations** may come first, in a prelude of their own or in the same text: `T s = kk_sigmoid(x); x * s`.
//!
//! # Types
//!
//! Arithmetic is in f32, whatever float the variables are stored as (f64 if one is f64); integers follow C (bool,
//! i8 and u8 become i32, i32 meets u32 as u32, an integer meets a float as the float, `/` of integers truncates). A
//! comparison is a bool, which stores as 0 or 1.
//!
//! Six spellings that overflow or cancel are recorded as the stable op they spell: `log(1 + exp(a))` as
//! `softplus(a)`, `log(1 + a)` as `log1p(a)`, `log(exp(a) + exp(b))` as `logaddexp(a, b)`, `exp(a) - 1` as `expm1(a)`,
//! `b / (1 + exp(-a))` as `b * sigmoid(a)`, and so for `exp(a)`.
//!
//! # Mistakes
//!
//! Every fault is a [`FormulaError`] that shows its place and the nearest known name. Text of any length and depth
//! is answered in time proportional to it, without a panic.

mod error;
mod evaluate;
mod forms;
mod functions;
mod names;
mod parse;
mod split;
mod statements;
mod syntax;
mod token;
mod words;

pub use error::FormulaError;
pub use functions::{FUNCTIONS, Function};

use crate::recorder::{placed, with};
use crate::tile::Tile;
use error::{Fault, nearest};
pub(crate) use evaluate::converted;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use syntax::Tree;

/// A parsed formula: one scalar expression of named variables.
///
/// Two formulas are equal when their texts are.
#[derive(Clone, Debug)]
pub struct Formula {
    prelude: String,
    text: String,
    tree: Tree,
}

impl PartialEq for Formula {
    fn eq(&self, other: &Formula) -> bool {
        (&self.prelude, &self.text) == (&other.prelude, &other.text)
    }
}

impl Eq for Formula {}

impl Hash for Formula {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.prelude, &self.text).hash(state);
    }
}

impl std::fmt::Display for Formula {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Formula, FormulaError> {
        Formula::parse(text)
    }
}

impl Formula {
    /// Parses a formula. Names that it does not know become its [`variables`](Self::variables).
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(text: &str) -> Result<Formula, FormulaError> {
        Formula::with_prelude("", text)
    }

    /// Parses a formula whose names `prelude` declares, as `T s = kk_sigmoid(x);`.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse), with the fault in either text.
    ///
    /// ```
    /// use tilewright_lang::Formula;
    ///
    /// let gradient = Formula::with_prelude("T s = kk_sigmoid(x);", "g * (s + x * s * ((T)1 - s))")?;
    /// assert_eq!(gradient.variables().collect::<Vec<_>>(), ["x", "g"]);
    /// # Ok::<(), tilewright_lang::FormulaError>(())
    /// ```
    pub fn with_prelude(prelude: &str, text: &str) -> Result<Formula, FormulaError> {
        let parsed = parse::parse(prelude, text).map_err(|f| error_in(f, prelude, text));
        parsed.map(|tree| Formula { prelude: prelude.into(), text: text.into(), tree })
    }

    /// The text, without its prelude.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The declarations that came with the text.
    pub fn prelude(&self) -> &str {
        &self.prelude
    }

    /// The free names in order of first appearance, prelude first.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.tree.variables.iter().map(|(name, _)| name.as_str())
    }

    /// True if `name` is a free name of the formula.
    pub fn uses(&self, name: &str) -> bool {
        self.variables().any(|v| v == name)
    }

    /// Checks that every free name is one of `known`.
    ///
    /// # Errors
    /// The first that is not, with the nearest one that is.
    ///
    /// ```
    /// # use tilewright_lang::Formula;
    /// let error = Formula::parse("acc + val")?.expect(&["acc", "v"]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "unknown name `val`\n  acc + val\n        ^^^ the names here are `acc`, `v`"
    /// );
    /// # Ok::<(), tilewright_lang::FormulaError>(())
    /// ```
    pub fn expect(&self, known: &[&str]) -> Result<(), FormulaError> {
        match self.tree.variables.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, span)) => {
                let fault = Fault::new(*span, format!("unknown name `{name}`"));
                let functions = FUNCTIONS.iter().flat_map(|f| f.names).copied();
                let names = names::constants().chain(functions).map(|n| -> &str { n });
                let every = known.iter().copied().chain(names);
                let hint = match nearest(name, every) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "there are no variables here".into(),
                    None => format!("the names here are `{}`", known.join("`, `")),
                };
                Err(self.error(fault.hint(hint)))
            }
        }
    }

    /// Records the formula's value in the recording in progress, in the type that C's rules give it (see the
    /// [module](self)). Shapes broadcast.
    ///
    /// # Errors
    /// When a free name is not among `variables`, or an operator does not take the types it is given. Shapes that do
    /// not broadcast are a mistake of the recording.
    #[track_caller]
    pub fn record(&self, variables: &[(&str, Tile)]) -> Result<Tile, FormulaError> {
        self.record_at(variables, Location::caller())
    }

    /// As [`record`](Self::record); a fault is noted as a mistake of the recording, with this line.
    #[track_caller]
    pub fn tile(&self, variables: &[(&str, Tile)]) -> Tile {
        let at = Location::caller();
        match self.record_at(variables, at) {
            Ok(tile) => tile,
            Err(error) => Tile(with(Some(at), |r| r.mistake(at, format!("formula: {error}")))),
        }
    }

    pub(crate) fn record_at(
        &self,
        variables: &[(&str, Tile)],
        at: &'static Location<'static>,
    ) -> Result<Tile, FormulaError> {
        let known: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        self.expect(&known)?;
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, tile)| *tile);
        let tiles: Vec<Tile> = self.variables().filter_map(find).collect();
        placed(at, || evaluate::evaluate(self, &tiles)).map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> FormulaError {
        error_in(fault, &self.prelude, &self.text)
    }
}

fn error_in(fault: Fault, prelude: &str, text: &str) -> FormulaError {
    let text = if fault.span.source == 0 { prelude } else { text };
    FormulaError::new(fault, text)
}
