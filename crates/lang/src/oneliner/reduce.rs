//! Row reductions: one value from each row.

use super::fold::{Fold, Strategy};
use super::row::Row;
use super::{Closure, Common, OneLinerError, Over, Scalar, common_methods, over_methods};
use crate::formula::{Formula, FormulaError};
use crate::tile::Tile;
use std::panic::Location;
use std::sync::Arc;
use tilewright_ir::{DType, Program};

/// A reduction over the last axis: `x: [*rows, cols]` gives `out: [*rows]`. The rule has no exception: one row alone
/// gives one number of no axes.
///
/// ```
/// use tilewright_lang::DType::F32;
/// use tilewright_lang::oneliner::{Reduce, Strategy};
/// use tilewright_lang::ReduceOp;
///
/// let norm = Reduce::formulas("0.0f", "acc + v * v")?.finalize("sqrt(acc)")?.named("row_norm");
/// assert_eq!(norm.strategy(), Some(Strategy::Reduce(ReduceOp::Sum)));
/// norm.program(F32)?;
///
/// // An update that does not show an associative op: slow, unless a `combine` says how partial results join.
/// let product_of_one_plus = Reduce::formulas("0", "acc + v + acc * v")?;
/// assert_eq!(product_of_one_plus.strategy(), Some(Strategy::Sequential));
/// let fast = product_of_one_plus.combine("a + b + a * b")?;
/// assert_eq!(fast.strategy(), Some(Strategy::Combine));
/// fast.program(F32)?;
/// # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    common: Common,
    over: Over,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Body {
    Fold(Box<Fold>, Option<Formula>),
    Closure(Closure),
}

impl Reduce {
    /// The fold that starts as `init` and becomes `update`, a formula of `acc` and the element `v`. The row's length
    /// is `D` in every formula.
    ///
    /// How it runs is its [`strategy`](Self::strategy). Arithmetic is in f32 (integers stay integers if `init` is
    /// one); the result is converted to the dtype of `x`.
    ///
    /// # Errors
    /// The first fault of the texts, with its place.
    #[track_caller]
    pub fn formulas(init: &str, update: &str) -> Result<Reduce, FormulaError> {
        let fold = Fold {
            init: Formula::parse(init).map_err(|e| e.of("init"))?,
            update: Formula::parse(update).map_err(|e| e.of("update"))?,
            combine: None,
            accumulator: "acc".into(),
            element: "v".into(),
        };
        Ok(Reduce {
            common: Common::new("reduce", Location::caller()),
            over: Over::default(),
            body: Body::Fold(Box::new(fold), None),
        })
    }

    /// The reduction that a function of the whole row records, as `|row| row.square().row_mean()`. It is given the
    /// row as `[cols]` (floats as f32) and returns one value.
    #[track_caller]
    pub fn row(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> Reduce {
        let f = Closure(Arc::new(move |tiles: &[Tile]| f(tiles[0])));
        let common = Common::new("reduce", Location::caller());
        Reduce { common, over: Over::default(), body: Body::Closure(f) }
    }

    /// What becomes of the result: a formula of `acc`. No effect on a closure, which says so itself.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn finalize(mut self, formula: &str) -> Result<Reduce, FormulaError> {
        let formula = Formula::parse(formula).map_err(|e| e.of("finalize"))?;
        if let Body::Fold(_, last) = &mut self.body {
            *last = Some(formula);
        }
        Ok(self)
    }

    /// How two partial results `a` and `b` join, for an update that does not show it. It must be associative, and
    /// `init` must leave the other side as it is.
    ///
    /// # Errors
    /// The first fault of the text.
    pub fn combine(mut self, formula: &str) -> Result<Reduce, FormulaError> {
        let formula = Formula::parse(formula).map_err(|e| e.of("combine"))?;
        if let Body::Fold(fold, _) = &mut self.body {
            fold.combine = Some(formula);
        }
        Ok(self)
    }

    /// Keeps the axes of a row in the result, with extent 1.
    pub fn keepdims(mut self) -> Self {
        self.over.keep();
        self
    }

    common_methods!();

    over_methods!();

    /// How the fold runs; nothing for a closure, which runs as it is written.
    pub fn strategy(&self) -> Option<Strategy> {
        match &self.body {
            Body::Fold(fold, _) => Some(fold.strategy()),
            Body::Closure(_) => None,
        }
    }

    /// Records the kernel for rows of `dtype`: `x: dtype[*rows, cols] -> out: dtype[*rows]`, scalars between them.
    ///
    /// # Errors
    /// When a formula uses a name that is not there, `update` and `combine` contradict each other, or a closure
    /// makes a mistake.
    pub fn program(&self, dtype: DType) -> Result<Program, OneLinerError> {
        self.check()?;
        self.common.record(|k| {
            let (row, scalars) = Row::declare(k, &self.common, dtype);
            let result = match &self.body {
                Body::Closure(f) => (f.0)(&[row.elements()]),
                Body::Fold(fold, last) => {
                    let row = row.with(scalars);
                    let folded = fold.record(&row)?;
                    match last {
                        Some(last) => row.value(last, &[("acc", folded)])?,
                        None => folded,
                    }
                }
            };
            row.output(result, false);
            Ok(())
        })
    }

    fn check(&self) -> Result<(), OneLinerError> {
        let shared = self.common.shared_names(&["acc", "v", "a", "b"])?;
        let Body::Fold(fold, last) = &self.body else { return Ok(()) };
        let known = |own: &[&'static str]| [own, &shared].concat();
        fold.check(&shared, &known(&["acc", "v"]), &known(&["a", "b"]), "")?;
        match last {
            Some(last) => Ok(last.expect(&known(&["acc"])).map_err(|e| e.of("finalize"))?),
            None => Ok(()),
        }
    }
}
