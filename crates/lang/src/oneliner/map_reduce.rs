//! Row maps: each row of the output from a row of the input and one or two reductions of it.

use super::fold::{Fold, Strategy};
use super::row::Row;
use super::{Closure, Common, INPUT, OneLinerError, Over, Scalar, common_methods, over_methods};
use crate::formula::{Formula, FormulaError};
use crate::tile::Tile;
use std::panic::Location;
use std::sync::Arc;
use tilewright_ir::{DType, Program};

/// The constant that formulas of the seeds' kind may read: threads that share a row. Here rows are whole and no
/// result depends on it.
const THREADS: &str = "TG";

/// One reduction of a [`MapReduce`], as formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pass<'a> {
    /// The accumulator at first.
    pub init: &'a str,
    /// What it becomes: a formula of `acc1` (`acc2` in the second pass), the element `x`, and in the second pass
    /// the first's result `s1`.
    pub update: &'a str,
    /// How partial results `a` and `b` join. May be empty where `update` shows its op, as `acc1 + x` does.
    pub reduce: &'a str,
}

/// A map of rows that needs one or two reductions of the row: softmax, norms.
///
/// `x: [*rows, cols]` gives `out: [*rows, cols]`. The formulas know the element `x`, the results `s1` and `s2`, the
/// row's length `D`, and the scalars.
///
/// ```
/// use tilewright_lang::DType::F16;
/// use tilewright_lang::oneliner::{MapReduce, Pass};
///
/// let rmsnorm = MapReduce::one_pass(
///     Pass { init: "0", update: "acc1 + x * x", reduce: "a + b" },
///     "x * rsqrt(s1 / D + eps)",
/// )?
/// .scalar("eps", Some(1e-6))
/// .named("rms_norm_no_weight");
/// rmsnorm.program(F16)?;
/// # Ok::<(), tilewright_lang::oneliner::OneLinerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MapReduce {
    common: Common,
    over: Over,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Body {
    Formulas { passes: Vec<Fold>, write: Formula, threads: u32 },
    Closure(Closure),
}

/// Names of the accumulators and of the results, by pass.
const PASSES: [(&str, &str); 2] = [("acc1", "s1"), ("acc2", "s2")];

impl MapReduce {
    /// Two passes, then `write`, a formula of `x`, `s1` and `s2`.
    ///
    /// # Errors
    /// The first fault of the texts, with its place.
    #[track_caller]
    pub fn formulas(pass1: Pass, pass2: Pass, write: &str) -> Result<MapReduce, FormulaError> {
        MapReduce::of(&[pass1, pass2], write, Location::caller())
    }

    /// One pass, then `write`, a formula of `x` and `s1`.
    ///
    /// # Errors
    /// The first fault of the texts, with its place.
    #[track_caller]
    pub fn one_pass(pass: Pass, write: &str) -> Result<MapReduce, FormulaError> {
        MapReduce::of(&[pass], write, Location::caller())
    }

    fn of(
        passes: &[Pass],
        write: &str,
        at: &'static Location<'static>,
    ) -> Result<MapReduce, FormulaError> {
        let parse = |text: &str, role: &str| Formula::parse(text).map_err(|e| e.of(role));
        let mut folds = Vec::new();
        for (number, (pass, (accumulator, _))) in passes.iter().zip(PASSES).enumerate() {
            let role = |part: &str| format!("{}{part}", pass_name(number));
            let combine = match pass.reduce.trim().is_empty() {
                true => None,
                false => Some(parse(pass.reduce, &role("reduce"))?),
            };
            folds.push(Fold {
                init: parse(pass.init, &role("init"))?,
                update: parse(pass.update, &role("update"))?,
                combine,
                accumulator: accumulator.into(),
                element: INPUT.into(),
            });
        }
        let body = Body::Formulas { passes: folds, write: parse(write, "write")?, threads: 256 };
        Ok(MapReduce { common: Common::new("map_reduce", at), over: Over::default(), body })
    }

    /// The map that a function of the whole row records: it is given the row as `[cols]` (floats as f32) and returns
    /// a row.
    #[track_caller]
    pub fn row(f: impl Fn(Tile) -> Tile + Send + Sync + 'static) -> MapReduce {
        let f = Closure(Arc::new(move |tiles: &[Tile]| f(tiles[0])));
        let common = Common::new("map_reduce", Location::caller());
        MapReduce { common, over: Over::default(), body: Body::Closure(f) }
    }

    /// The value of the constant `TG` in formulas, 256 at first. No result depends on how a row is divided, so it
    /// matters only to a formula that reads it.
    pub fn threadgroup(mut self, count: u32) -> Self {
        if let Body::Formulas { threads, .. } = &mut self.body {
            *threads = count;
        }
        self
    }

    common_methods!();

    over_methods!();

    /// How each pass runs; none for a closure, which runs as it is written.
    pub fn strategies(&self) -> Vec<Strategy> {
        match &self.body {
            Body::Formulas { passes, .. } => passes.iter().map(Fold::strategy).collect(),
            Body::Closure(_) => Vec::new(),
        }
    }

    /// Records the kernel for rows of `dtype`: `x: dtype[*rows, cols] -> out: dtype[*rows, cols]`, scalars between
    /// them.
    ///
    /// # Errors
    /// When a formula uses a name that is not there, `update` and `reduce` contradict each other, or a closure makes
    /// a mistake.
    pub fn program(&self, dtype: DType) -> Result<Program, OneLinerError> {
        self.check()?;
        self.common.record(|k| {
            let (mut row, scalars) = Row::declare(k, &self.common, dtype);
            let result = match &self.body {
                Body::Closure(f) => (f.0)(&[row.elements()]),
                Body::Formulas { passes, write, threads } => {
                    row = row.with(scalars);
                    if self.uses(THREADS) {
                        row = row.with(vec![(THREADS, k.full(DType::I32, &[], *threads))]);
                    }
                    for (fold, (_, result)) in passes.iter().zip(PASSES) {
                        let folded = fold.record(&row)?;
                        row = row.with(vec![(result, folded)]);
                    }
                    let element = write.uses(INPUT).then(|| (INPUT, row.elements()));
                    row.value(write, element.as_slice())?
                }
            };
            row.output(result, true);
            Ok(())
        })
    }

    fn uses(&self, name: &str) -> bool {
        let Body::Formulas { passes, write, .. } = &self.body else { return false };
        let of = |f: &Fold| {
            f.init.uses(name) || f.update.uses(name) || f.combine.iter().any(|c| c.uses(name))
        };
        write.uses(name) || passes.iter().any(of)
    }

    fn check(&self) -> Result<(), OneLinerError> {
        let own = ["acc1", "acc2", "s1", "s2", "a", "b", THREADS];
        let mut shared = self.common.shared_names(&own)?;
        let Body::Formulas { passes, write, .. } = &self.body else { return Ok(()) };
        shared.push(THREADS);
        let combine = [&["a", "b"], shared.as_slice()].concat();
        for (number, (fold, (accumulator, result))) in passes.iter().zip(PASSES).enumerate() {
            let update = [&[accumulator, INPUT], shared.as_slice()].concat();
            fold.check(&shared, &update, &combine, &pass_name(number))?;
            shared.insert(0, result);
        }
        let known = [&[INPUT], shared.as_slice()].concat();
        Ok(write.expect(&known).map_err(|e| e.of("write"))?)
    }
}

fn pass_name(number: usize) -> String {
    format!("pass {}, ", number + 1)
}
