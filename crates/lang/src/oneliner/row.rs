//! The row that a reduction or a row map works on.

use super::elementwise::arithmetic;
use super::{Common, INPUT, OUTPUT, fresh};
use crate::formula::{Formula, FormulaError};
use crate::kernel::Kernel;
use crate::tile::Tile;
use crate::view::{Size, View};
use std::cell::Cell;
use tilewright_ir::{Access, DType};

/// The name of the row's length in formulas.
pub(super) const LENGTH: &str = "D";

/// One row of the input, and the names that formulas may use with it.
#[derive(Clone)]
pub(super) struct Row<'a> {
    pub k: &'a Kernel,
    pub common: &'a Common,
    rows: Size,
    /// The row's length.
    pub length: Size,
    /// The index of this program: the row's.
    index: Tile,
    /// The row in memory.
    view: View,
    loaded: Cell<Option<Tile>>,
    /// Scalars and earlier results.
    names: Vec<(&'a str, Tile)>,
}

impl<'a> Row<'a> {
    /// Declares the input `x: dtype[*rows, cols]` and the scalars; one program a row.
    pub fn declare(
        k: &'a Kernel,
        common: &'a Common,
        dtype: DType,
    ) -> (Self, Vec<(&'a str, Tile)>) {
        let taken: Vec<&str> = common.scalars.iter().map(|s| s.name.as_str()).collect();
        let (rows, length) = (k.dim(&fresh("rows", &taken)), k.dim(&fresh("cols", &taken)));
        let x = k.tensor(INPUT, dtype, vec![rows.0, length.0], true, Access::In);
        let scalars = common.declare_scalars(k);
        let index = k.program();
        let (view, loaded, names) = (x.row(index), Cell::new(None), Vec::new());
        (Row { k, common, rows, length, index, view, loaded, names }, scalars)
    }

    /// The row with more names.
    pub fn with(&self, names: Vec<(&'a str, Tile)>) -> Row<'a> {
        // A row that was loaded for one formula serves the next.
        let mut row = self.clone();
        row.names.extend(names);
        row
    }

    /// The type of an element in arithmetic.
    pub fn dtype(&self) -> DType {
        match self.view.dtype() {
            DType::F16 | DType::BF16 => DType::F32,
            other => other,
        }
    }

    /// All elements, `[cols]`, in the type of arithmetic; loaded when first asked for.
    pub fn elements(&self) -> Tile {
        let tile = self.loaded.get().unwrap_or_else(|| arithmetic(self.view.load()));
        self.loaded.set(Some(tile));
        tile
    }

    /// One element.
    pub fn element(&self, position: Tile) -> Tile {
        arithmetic(self.view.at(position).load())
    }

    /// The value of `formula`, which may use the row's names, `D`, and `extra`.
    pub fn value(&self, formula: &Formula, extra: &[(&str, Tile)]) -> Result<Tile, FormulaError> {
        let mut names: Vec<(&str, Tile)> = self.names.clone();
        if formula.uses(LENGTH) {
            names.push((LENGTH, self.length.tile()));
        }
        names.extend_from_slice(extra);
        formula.record_at(&names, self.common.at)
    }

    /// `tile` with one element for each of the row, also where it depends on none.
    pub fn whole(&self, tile: Tile) -> Tile {
        let shape = [self.length];
        if tile.shape() == shape { tile } else { tile.broadcast_to(&shape) }
    }

    /// Declares the output, a row or one value for each row, and stores `result`.
    pub fn output(&self, result: Tile, whole: bool) {
        let dtype = self.common.output_dtype(&[self.view.dtype()], result.dtype());
        let mut shape = vec![self.rows.0];
        if whole {
            shape.push(self.length.0);
        }
        let out = self.k.tensor(OUTPUT, dtype, shape, true, Access::Out);
        out.row(self.index).store(result.to(dtype));
    }
}
