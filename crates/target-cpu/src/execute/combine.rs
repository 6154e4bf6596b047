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
pub(super) type Wide<R> = [R; SEGMENTS];

/// Numbers that hold the values of a function: f64, which has room for all of them, or f32, where all of them are.
/// The results are the same, as an operation of two f32 is rounded alike from either.
trait Real: Copy {
    fn of(value: f64) -> Self;
    fn value(self) -> f64;
    fn of_lane(dtype: DType, bits: u32) -> Self;
    fn lane(self, dtype: DType) -> u32;
    /// The arithmetic of f32.
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
}

impl Real for f64 {
    fn of(value: f64) -> f64 {
        value
    }
    fn value(self) -> f64 {
        self
    }
    #[inline(always)]
    fn of_lane(dtype: DType, bits: u32) -> f64 {
        match dtype {
            DType::F32 => f32::from_bits(bits) as f64,
            _ => lane_value(dtype, bits),
        }
    }
    #[inline(always)]
    fn lane(self, dtype: DType) -> u32 {
        match dtype {
            DType::F32 => (self as f32).to_bits(),
            _ => lane(dtype, self),
        }
    }
    #[inline(always)]
    fn add(self, other: f64) -> f64 {
        (self + other) as f32 as f64
    }
    #[inline(always)]
    fn sub(self, other: f64) -> f64 {
        (self - other) as f32 as f64
    }
    #[inline(always)]
    fn mul(self, other: f64) -> f64 {
        (self * other) as f32 as f64
    }
}

impl Real for f32 {
    fn of(value: f64) -> f32 {
        value as f32
    }
    fn value(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn of_lane(_: DType, bits: u32) -> f32 {
        f32::from_bits(bits)
    }
    #[inline(always)]
    fn lane(self, _: DType) -> u32 {
        self.to_bits()
    }
    #[inline(always)]
    fn add(self, other: f32) -> f32 {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: f32) -> f32 {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: f32) -> f32 {
        self * other
    }
}

impl Machine<'_> {
    pub(super) fn combine(&mut self, c: &Combining) {
        if !c.maps.is_empty() && c.len >= super::prefix::SHORTEST {
            return self.prefixes(c);
        }
        let parts = c.inputs.len();
        let (identity, scan, reverse) = match &c.joined {
            Joined::Whole(identity) => (&identity[..], false, false),
            Joined::Running { reverse, .. } => (&[][..], true, *reverse),
        };
        let mut values = std::mem::take(&mut self.scratch.values);
        let mut wide = std::mem::take(&mut self.scratch.wide);
        let mut narrow = std::mem::take(&mut self.scratch.narrow);
        let all = c.dtypes.iter().chain(c.body.iter().map(|(_, dtype)| dtype));
        let is_narrow = all.into_iter().all(|dtype| *dtype == DType::F32);
        for row in 0..c.rows {
            values.clear();
            values.resize(3 * parts + c.body.len(), 0.0);
            values[..identity.len()].copy_from_slice(identity);
            let start = match is_narrow {
                true => self.segments(c, row, &mut values, &mut narrow),
                false => self.segments(c, row, &mut values, &mut wide),
            };
            for i in start..c.len {
                let element = row * c.len + if reverse { c.len - 1 - i } else { i };
                for part in 0..parts {
                    let value = self.lane_at(c.inputs[part], element, c.dtypes[part]);
                    let to = if scan && i == 0 { part } else { parts + part };
                    values[to] = value;
                }
                if !(scan && i == 0) {
                    self.body(c, &mut values);
                }
                if scan {
                    self.write_parts(c, &values, element);
                }
            }
            match scan {
                true => self.exclude(c, row),
                false => self.write_parts(c, &values, row),
            }
        }
        self.scratch.values = values;
        (self.scratch.wide, self.scratch.narrow) = (wide, narrow);
    }

    /// Moves the results of a row on by one element where a scan leaves each place's own out.
    pub(super) fn exclude(&self, c: &Combining, row: usize) {
        let Joined::Running { first: Some(first), reverse } = &c.joined else { return };
        for ((&out, &dtype), &first) in c.outputs.iter().zip(&c.dtypes).zip(first) {
            // SAFETY: a row of a contiguous tile, which nothing else reads or writes now.
            let results = unsafe {
                let start = self.at(out).cast::<u32>().add(row * c.len);
                std::slice::from_raw_parts_mut(start, c.len)
            };
            let Some(last) = results.len().checked_sub(1) else { continue };
            let place = match reverse {
                false => {
                    results.copy_within(..last, 1);
                    0
                }
                true => {
                    results.copy_within(1.., 0);
                    last
                }
            };
            results[place] = lane(dtype, first);
        }
    }

    /// Joins as many elements of a row as equal segments hold, and says how many; the left components in `values` are
    /// those of what was joined.
    fn segments<R: Real>(
        &mut self,
        c: &Combining,
        row: usize,
        values: &mut [f64],
        wide: &mut Vec<Wide<R>>,
    ) -> usize {
        let (parts, len) = (c.inputs.len(), c.len / SEGMENTS);
        if len < SHORTEST {
            return 0;
        }
        let (identity, scan, reverse) = match &c.joined {
            Joined::Whole(identity) => (&identity[..], false, false),
            Joined::Running { reverse, .. } => (&[][..], true, *reverse),
        };
        // Element `i` of each segment: of the first, and how far it is to the next segment's.
        let place = |i: usize| match reverse {
            false => (row * c.len + i, len as isize),
            true => (row * c.len + c.len - 1 - i, -(len as isize)),
        };
        wide.clear();
        // After what the function needs: what comes before each segment.
        let before = 3 * parts + c.body.len();
        wide.resize(before + parts, [R::of(0.0); SEGMENTS]);
        for (to, &identity) in wide.iter_mut().zip(identity) {
            *to = [R::of(identity); SEGMENTS];
        }
        for i in 0..len {
            let starts = scan && i == 0;
            let (first, apart) = place(i);
            for part in 0..parts {
                let to = if starts { part } else { parts + part };
                wide[to] = self.lanes_at(c.inputs[part], first, apart, c.dtypes[part]);
            }
            if !starts {
                self.body_of_segments(c, wide);
            }
            if scan {
                self.write_lanes(c, &wide[..parts], first, apart, 0);
            }
        }
        // What comes before each segment: what comes before the last one, and that one.
        for segment in 0..SEGMENTS {
            for part in 0..parts {
                let own = wide[part][segment].value();
                wide[before + part][segment] = R::of(values[part]);
                values[if segment == 0 { part } else { parts + part }] = own;
            }
            if segment > 0 {
                self.body(c, values);
            }
        }
        if scan {
            for i in 0..len {
                let (first, apart) = place(i);
                for part in 0..parts {
                    wide[part] = wide[before + part];
                    wide[parts + part] =
                        self.lanes_at(c.outputs[part], first, apart, c.dtypes[part]);
                }
                self.body_of_segments(c, wide);
                // Nothing comes before the first.
                self.write_lanes(c, &wide[..parts], first, apart, 1);
            }
        }
        len * SEGMENTS
    }

    /// As [`Machine::body`], in all segments.
    fn body_of_segments<R: Real>(&self, c: &Combining, values: &mut [Wide<R>]) {
        let parts = c.inputs.len();
        for (k, (operation, dtype)) in c.body.iter().enumerate() {
            let (earlier, rest) = values.split_at_mut(2 * parts + k);
            let value = &mut rest[0];
            match operation {
                Operation::Constant(x) => *value = [R::of(*x); SEGMENTS],
                Operation::Word(at) => {
                    *value = [R::of(self.lane_at(*at, 0, *dtype)); SEGMENTS];
                }
                Operation::Op { kind, from, operands } => {
                    let [a, b, c] = operands.map(|operand| &earlier[operand]);
                    // What floats are mostly joined by, without asking for each element which it is.
                    match (kind, *from == DType::F32 && *dtype == DType::F32) {
                        (ExprKind::Binary(BinaryOp::Add, ..), true) => each(value, a, b, R::add),
                        (ExprKind::Binary(BinaryOp::Sub, ..), true) => each(value, a, b, R::sub),
                        (ExprKind::Binary(BinaryOp::Mul, ..), true) => each(value, a, b, R::mul),
                        _ => {
                            for (i, value) in value.iter_mut().enumerate() {
                                let operands = [a[i], b[i], c[i]].map(R::value);
                                let found = meaning::elementwise(kind, *from, *dtype, operands);
                                *value = R::of(found.unwrap_or(f64::NAN));
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
    fn lanes_at<R: Real>(
        &self,
        at: Address,
        element: usize,
        apart: isize,
        dtype: DType,
    ) -> Wide<R> {
        let first = self.at(at).cast::<u32>().wrapping_add(element);
        // SAFETY: elements of a contiguous tile.
        let bits: [u32; SEGMENTS] =
            std::array::from_fn(|segment| unsafe { first.offset(segment as isize * apart).read() });
        bits.map(|bits| R::of_lane(dtype, bits))
    }

    /// Writes the components of the segments from `from` on.
    fn write_lanes<R: Real>(
        &self,
        c: &Combining,
        values: &[Wide<R>],
        element: usize,
        apart: isize,
        from: usize,
    ) {
        for ((lanes, &to), &dtype) in values.iter().zip(&c.outputs).zip(&c.dtypes) {
            let first = self.at(to).cast::<u32>().wrapping_add(element);
            let bits = lanes.map(|value| value.lane(dtype));
            for (segment, &bits) in bits.iter().enumerate().skip(from) {
                // SAFETY: an element of a contiguous tile.
                unsafe { first.offset(segment as isize * apart).write(bits) };
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

/// `op` on each pair.
#[inline(always)]
fn each<R: Real>(to: &mut Wide<R>, a: &Wide<R>, b: &Wide<R>, op: impl Fn(R, R) -> R) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = op(*a, *b);
    }
}
