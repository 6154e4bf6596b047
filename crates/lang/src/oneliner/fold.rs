//! Folds of a row that are written as `init`, `update` and perhaps `combine`, and how each is recorded.

use super::OneLinerError;
use super::row::Row;
use crate::combine::reduce_by;
use crate::formula::{Formula, FormulaError};
use crate::tile::{Tile, binary};
use tilewright_ir::{DType, ReduceOp};

/// How a fold runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The update shows its op, as `acc + x * x`: a map, then a vector reduction by this op.
    Reduce(ReduceOp),
    /// Partial results are joined by the author's `combine`: a map, then a vector reduction by that function.
    Combine,
    /// Neither shows: a loop over the row, one element after the other. Right for any update, and slow: no vector
    /// instructions, and one program walks a whole row. A `combine` formula makes it fast.
    Sequential,
}

/// A fold over the elements of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fold {
    pub init: Formula,
    pub update: Formula,
    pub combine: Option<Formula>,
    /// The accumulator's name in `update`.
    pub accumulator: String,
    /// The element's name in `update`.
    pub element: String,
}

impl Fold {
    pub fn strategy(&self) -> Strategy {
        if let Some((op, _)) = self.update.split(&self.accumulator) {
            return Strategy::Reduce(op);
        }
        match (&self.combine, self.combined_op(), self.init.number()) {
            (Some(_), Some(op), _) => Strategy::Reduce(op),
            (Some(_), None, Some(_)) => Strategy::Combine,
            _ => Strategy::Sequential,
        }
    }

    /// The op of a `combine` that is one op of `a` and `b`.
    fn combined_op(&self) -> Option<ReduceOp> {
        let (op, rest) = self.combine.as_ref()?.split("a")?;
        rest.is_variable("b").then_some(op)
    }

    /// Checks the names that each formula may use, and that `update` and `combine` are the same op where both show
    /// theirs: otherwise the result would depend on how the row is divided. `of` names the fold in messages.
    pub fn check(
        &self,
        init: &[&str],
        update: &[&str],
        combine: &[&str],
        of: &str,
    ) -> Result<(), OneLinerError> {
        let role = |part: &str| format!("{of}{part}");
        self.init.expect(init).map_err(|e| e.of(&role("init")))?;
        self.update.expect(update).map_err(|e| e.of(&role("update")))?;
        let Some(formula) = &self.combine else { return Ok(()) };
        formula.expect(combine).map_err(|e| e.of(&role("reduce")))?;
        let updated = self.update.split(&self.accumulator).map(|(op, _)| op);
        match (updated, self.combined_op()) {
            (Some(a), Some(b)) if a != b => Err(OneLinerError::Call(format!(
                "{of}`{}` is a fold by `{}`, but `{formula}` joins by `{}`: the result would depend on how the row \
                 is divided",
                self.update,
                a.name(),
                b.name()
            ))),
            _ => Ok(()),
        }
    }

    /// Records the fold; its result has shape `[1]` or `[]`.
    pub fn record(&self, row: &Row) -> Result<Tile, OneLinerError> {
        match self.strategy() {
            Strategy::Reduce(op) => {
                let mapped = match self.update.split(&self.accumulator) {
                    Some((_, map)) => row.value(&map, &[(&self.element, row.elements())])?,
                    None => {
                        let identity = op.identity(self.dtype(row));
                        self.updated(row, self.constant(row, identity), row.elements())?
                    }
                };
                let bits = matches!(op, ReduceOp::All | ReduceOp::Any);
                match bits && mapped.dtype().is_float() {
                    // The update itself says best why it has no meaning.
                    true => self.sequential(row),
                    false => self.reduced(row, op, mapped),
                }
            }
            Strategy::Combine => match (&self.combine, self.init.number()) {
                (Some(combine), Some(init)) => self.combined(row, combine, init),
                _ => self.sequential(row),
            },
            Strategy::Sequential => self.sequential(row),
        }
    }

    /// `op` over `mapped`, and once with `init` unless that is the op's identity.
    fn reduced(&self, row: &Row, op: ReduceOp, mapped: Tile) -> Result<Tile, OneLinerError> {
        let init = self.init.number();
        let keeps = init.is_some_and(|n| n.fract() == 0.0 || n.is_infinite());
        let dtype = match mapped.dtype() {
            dtype if dtype.is_float() => dtype,
            dtype if matches!(op, ReduceOp::All | ReduceOp::Any) => dtype,
            dtype if keeps => promoted(dtype),
            _ => DType::F32,
        };
        let reduced = row.whole(mapped.to(dtype)).reduce(op, 0);
        // -INFINITY is below every integer too.
        let unbounded = matches!(op, ReduceOp::Max | ReduceOp::Min);
        let is_identity =
            |n: f64| n == op.identity(dtype) || (unbounded && n == op.identity(DType::F32));
        if init.is_some_and(is_identity) {
            return Ok(reduced);
        }
        let init = row.value(&self.init, &[])?;
        let init = if dtype == DType::Bool { init.ne(0) } else { init.to(dtype) };
        Ok(binary(op.combine(), reduced, init, row.common.at))
    }

    /// A reduction by the author's function of what the update makes of `init` and each element.
    fn combined(&self, row: &Row, combine: &Formula, init: f64) -> Result<Tile, OneLinerError> {
        let dtype = self.dtype(row);
        let partial = self.updated(row, self.constant(row, init), row.elements())?;
        let mut outcome = Ok(());
        let [joined] = reduce_by([row.whole(partial)], [init], |[a], [b]| {
            row.value(combine, &[("a", a), ("b", b)]).map_or_else(
                |error| {
                    outcome = Err(error);
                    [a]
                },
                |tile| [tile.to(dtype)],
            )
        });
        outcome?;
        Ok(joined)
    }

    fn sequential(&self, row: &Row) -> Result<Tile, OneLinerError> {
        let init = row.value(&self.init, &[])?.to(self.dtype(row));
        let accumulator = row.k.var(scalar(init));
        let mut outcome = Ok(());
        for index in row.k.range(0, row.length) {
            let element = row.element(index);
            match self.updated(row, accumulator.get(), element) {
                Ok(value) => accumulator.set(scalar(value)),
                Err(error) => outcome = Err(error),
            }
        }
        outcome?;
        Ok(accumulator.get())
    }

    /// One update, in the accumulator's type.
    fn updated(&self, row: &Row, accumulator: Tile, element: Tile) -> Result<Tile, FormulaError> {
        let names = [(self.accumulator.as_str(), accumulator), (self.element.as_str(), element)];
        Ok(row.value(&self.update, &names)?.to(self.dtype(row)))
    }

    /// The accumulator's type: the elements' own if the initial value is one of its values, else f32.
    fn dtype(&self, row: &Row) -> DType {
        let dtype = promoted(row.dtype());
        let fits = self.init.number().is_some_and(|n| dtype.round(n) == n);
        if dtype.is_float() || fits { dtype } else { DType::F32 }
    }

    fn constant(&self, row: &Row, value: f64) -> Tile {
        row.k.full(self.dtype(row), &[], value)
    }
}

/// An earlier result has shape `[1]`, a variable of a loop has none.
fn scalar(tile: Tile) -> Tile {
    if tile.shape().is_empty() { tile } else { tile.reshape(&[]) }
}

/// C's integer promotion.
fn promoted(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::U8 => DType::I32,
        other => other,
    }
}
