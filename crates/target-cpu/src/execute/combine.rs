//! Reductions and scans by a function of the author's, element by element in order.

use super::{Machine, lane, lane_value};
use crate::step::*;
use tilewright_ir::meaning;

impl Machine<'_> {
    pub(super) fn combine(&mut self, c: &Combining) {
        let parts = c.inputs.len();
        let mut values = std::mem::take(&mut self.scratch.values);
        for row in 0..c.rows {
            values.clear();
            values.resize(3 * parts + c.body.len(), 0.0);
            values[..c.identity.len()].copy_from_slice(&c.identity);
            for i in 0..c.len {
                for part in 0..parts {
                    let value = self.lane_at(c.inputs[part], row * c.len + i, c.dtypes[part]);
                    let to = if c.scan && i == 0 { part } else { parts + part };
                    values[to] = value;
                }
                if !(c.scan && i == 0) {
                    self.body(c, &mut values);
                }
                if c.scan {
                    self.write_parts(c, &values, row * c.len + i);
                }
            }
            if !c.scan {
                self.write_parts(c, &values, row);
            }
        }
        self.scratch.values = values;
    }

    /// Joins the left and right components into the left.
    fn body(&self, c: &Combining, values: &mut [f64]) {
        let parts = c.inputs.len();
        for (k, (operation, dtype)) in c.body.iter().enumerate() {
            let value = match operation {
                Operation::Constant(x) => *x,
                Operation::Word(at) => self.lane_at(*at, 0, *dtype),
                Operation::Op { kind, from, operands } => {
                    let operands = operands.map(|operand| values[operand]);
                    meaning::elementwise(kind, *from, *dtype, operands).unwrap_or(f64::NAN)
                }
            };
            values[2 * parts + k] = value;
        }
        // A result may be a left component that another result replaces, so all are read before any is written.
        let joined = 2 * parts + c.body.len();
        for (part, &result) in c.results.iter().enumerate() {
            values[joined + part] = values[result];
        }
        values.copy_within(joined..joined + parts, 0);
    }

    fn lane_at(&self, at: Address, element: usize, dtype: tilewright_ir::DType) -> f64 {
        // SAFETY: an element of a contiguous tile.
        lane_value(dtype, unsafe { self.at(at).cast::<u32>().add(element).read() })
    }

    fn write_parts(&self, c: &Combining, values: &[f64], element: usize) {
        for (part, &to) in c.outputs.iter().enumerate() {
            let bits = lane(c.dtypes[part], values[part]);
            // SAFETY: an element of a contiguous tile.
            unsafe { self.at(to).cast::<u32>().add(element).write(bits) };
        }
    }
}
