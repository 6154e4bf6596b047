//! Which block a group takes, and where it lies in the threads of a sum.

use super::super::{Lowering, add, binary, int, is_slice, programs};
use crate::lower::layout::Layout;
use tilewright_ir::thread::{Builtin, Value};
use tilewright_ir::{BinaryOp, DType, Extent};

impl Lowering<'_> {
    /// Gives groups that run together a square of blocks, not a line, so that their operands stay in the cache.
    pub(in crate::lower) fn take_squares(&mut self) {
        let (grid, schedule) = (&self.program.grid, self.schedule);
        let Some(matrix) = &schedule.matrix else { return };
        let [.., rows, columns] = grid.as_slice() else { return };
        if matrix.square < 2 || schedule.linear {
            return;
        }
        let square = int(matrix.square as i64);
        let (rows, columns) = (programs(rows), programs(columns));
        let columns = self.prologue_let("count", DType::I32, columns);
        let row = binary(BinaryOp::Mul, Value::Builtin(Builtin::Group(1)), columns.clone());
        let group = add(row, Value::Builtin(Builtin::Group(0)));
        let group = self.prologue_let("group", DType::I32, group);
        let band = binary(BinaryOp::Mul, columns, square.clone());
        let band = self.prologue_let("band", DType::I32, band);
        let first = binary(BinaryOp::Div, group.clone(), band.clone());
        let first = binary(BinaryOp::Mul, first, square.clone());
        let first = self.prologue_let("first", DType::I32, first);
        let height = binary(BinaryOp::Sub, rows, first.clone());
        let height = binary(BinaryOp::Min, height, square);
        let height = self.prologue_let("height", DType::I32, height);
        let within = binary(BinaryOp::Rem, group, band);
        let within = self.prologue_let("within", DType::I32, within);
        let row = binary(BinaryOp::Rem, within.clone(), height.clone());
        let row = self.prologue_let("program", DType::I32, add(first, row));
        let column = binary(BinaryOp::Div, within, height);
        let column = self.prologue_let("program", DType::I32, column);
        let last = grid.len() - 1;
        (self.programs[last - 1], self.programs[last]) = (Some(row), Some(column));
    }

    /// The layout of a tile that is a sum, or one with axes of extent 1 in its place.
    pub(in crate::lower) fn layout_in_sum(&self, shape: &[Extent]) -> Option<Layout> {
        let sums = self.masters.iter().filter(|m| is_slice(shape, m));
        let (sum, mut layout) = sums.filter_map(|m| Some((m, self.sum_layout(m)?))).next()?;
        for (axis, (&have, &of)) in shape.iter().zip(sum).enumerate() {
            if have == Extent::Const(1) && of != Extent::Const(1) {
                layout = layout.without(axis);
            }
        }
        Some(layout)
    }
}
