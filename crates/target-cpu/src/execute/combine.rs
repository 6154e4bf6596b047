//! Reductions and scans by a function of the author's.
//!
//! The function is followed operation by operation, each on one element of every segment of a row at once: the function
//! is associative, so segments are joined by themselves, and then with what comes before them. What is left of a row,
//! and a short one, goes element by element.

use super::{Machine, lane, lane_value};
use crate::step::*;
use tilewright_ir::{BinaryOp, DType, ExprKind, meaning};

/// Segments of a row.
const SEGMENTS: usize = 16;
/// Shorter segments are not worth the joins between them.
const SHORTEST: usize = 4;

/// A value of the function in each segment.
pub(super) type Wide = [f64; SEGMENTS];

impl Machine<'_> {
    pub(super) fn combine(&mut self, c: &Combining) {
        let parts = c.inputs.len();
        let mut values = std::mem::take(&mut self.scratch.values);
        for row in 0..c.rows {
            values.clear();
            values.resize(3 * parts + c.body.len(), 0.0);
            values[..c.identity.len()].copy_from_slice(&c.identity);
            let start = self.segments(c, row, &mut values);
            for i in start..c.len {
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

    /// Joins as many elements of a row as equal segments hold, and says how many; the left components in `values` are
    /// those of what was joined.
    fn segments(&mut self, c: &Combining, row: usize, values: &mut [f64]) -> usize {
        let (parts, len) = (c.inputs.len(), c.len / SEGMENTS);
        if len < SHORTEST {
            return 0;
        }
        let first = row * c.len;
        let mut wide = std::mem::take(&mut self.scratch.wide);
        wide.clear();
        // After what the function needs: what comes before each segment.
        let before = 3 * parts + c.body.len();
        wide.resize(before + parts, [0.0; SEGMENTS]);
        for (to, &identity) in wide.iter_mut().zip(&c.identity) {
            *to = [identity; SEGMENTS];
        }
        for i in 0..len {
            let starts = c.scan && i == 0;
            for part in 0..parts {
                let to = if starts { part } else { parts + part };
                wide[to] = self.lanes_at(c.inputs[part], first + i, len, c.dtypes[part]);
            }
            if !starts {
                self.body_of_segments(c, &mut wide);
            }
            if c.scan {
                self.write_lanes(c, &wide[..parts], first + i, len, 0);
            }
        }
        // What comes before each segment: what comes before the last one, and that one.
        for segment in 0..SEGMENTS {
            for part in 0..parts {
                let own = wide[part][segment];
                wide[before + part][segment] = values[part];
                values[if segment == 0 { part } else { parts + part }] = own;
            }
            if segment > 0 {
                self.body(c, values);
            }
        }
        if c.scan {
            for i in 0..len {
                for part in 0..parts {
                    wide[part] = wide[before + part];
                    wide[parts + part] =
                        self.lanes_at(c.outputs[part], first + i, len, c.dtypes[part]);
                }
                self.body_of_segments(c, &mut wide);
                // Nothing comes before the first.
                self.write_lanes(c, &wide[..parts], first + i, len, 1);
            }
        }
        self.scratch.wide = wide;
        len * SEGMENTS
    }

    /// As [`Machine::body`], in all segments.
    fn body_of_segments(&self, c: &Combining, values: &mut [Wide]) {
        let parts = c.inputs.len();
        for (k, (operation, dtype)) in c.body.iter().enumerate() {
            let (earlier, rest) = values.split_at_mut(2 * parts + k);
            let value = &mut rest[0];
            match operation {
                Operation::Constant(x) => *value = [*x; SEGMENTS],
                Operation::Word(at) => *value = [self.lane_at(*at, 0, *dtype); SEGMENTS],
                Operation::Op { kind, from, operands } => {
                    let [a, b, c] = operands.map(|operand| &earlier[operand]);
                    // What floats are mostly joined by, without asking for each element which it is.
                    match (kind, *from == DType::F32 && *dtype == DType::F32) {
                        (ExprKind::Binary(BinaryOp::Add, ..), true) => {
                            each(value, a, b, |a, b| a + b)
                        }
                        (ExprKind::Binary(BinaryOp::Sub, ..), true) => {
                            each(value, a, b, |a, b| a - b)
                        }
                        (ExprKind::Binary(BinaryOp::Mul, ..), true) => {
                            each(value, a, b, |a, b| a * b)
                        }
                        _ => {
                            for (i, value) in value.iter_mut().enumerate() {
                                let operands = [a[i], b[i], c[i]];
                                let found = meaning::elementwise(kind, *from, *dtype, operands);
                                *value = found.unwrap_or(f64::NAN);
                            }
                        }
                    }
                }
            }
        }
        let joined = 2 * parts + c.body.len();
        for (part, &result) in c.results.iter().enumerate() {
            values[joined + part] = values[result];
        }
        values.copy_within(joined..joined + parts, 0);
    }

    /// One element of each segment, `apart` elements from one to the next.
    fn lanes_at(&self, at: Address, element: usize, apart: usize, dtype: DType) -> Wide {
        let first = self.at(at).cast::<u32>();
        // SAFETY: elements of a contiguous tile.
        let bits: [u32; SEGMENTS] =
            std::array::from_fn(|segment| unsafe { first.add(element + segment * apart).read() });
        match dtype {
            DType::F32 => bits.map(|bits| f32::from_bits(bits) as f64),
            _ => bits.map(|bits| lane_value(dtype, bits)),
        }
    }

    /// Writes the components of the segments from `from` on.
    fn write_lanes(
        &self,
        c: &Combining,
        values: &[Wide],
        element: usize,
        apart: usize,
        from: usize,
    ) {
        for ((lanes, &to), &dtype) in values.iter().zip(&c.outputs).zip(&c.dtypes) {
            let first = self.at(to).cast::<u32>();
            let bits = match dtype {
                DType::F32 => lanes.map(|value| (value as f32).to_bits()),
                _ => lanes.map(|value| lane(dtype, value)),
            };
            for (segment, &bits) in bits.iter().enumerate().skip(from) {
                // SAFETY: an element of a contiguous tile.
                unsafe { first.add(element + segment * apart).write(bits) };
            }
        }
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

    fn lane_at(&self, at: Address, element: usize, dtype: DType) -> f64 {
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

/// `op` on each pair, rounded as floats of 32 bits are.
#[inline(always)]
fn each(to: &mut Wide, a: &Wide, b: &Wide, op: impl Fn(f64, f64) -> f64) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = op(*a, *b) as f32 as f64;
    }
}
