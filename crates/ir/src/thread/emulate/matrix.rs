//! Copies that run beside a thread, and steps that a whole subgroup takes together: loads and products of matrices.

use super::memory::race;
use super::{GARBAGE, Lanes, Machine, SUBGROUP, Step, threads};
use crate::interpret::Argument;
use crate::thread::{MatrixShape, RegisterId, SharedId};
use crate::{DType, meaning};
use std::collections::VecDeque;

/// The copies that a thread began: those not committed yet, and the groups before them, oldest first.
#[derive(Clone, Default)]
pub(super) struct Copies {
    open: Vec<Element>,
    groups: VecDeque<Vec<Element>>,
}

/// An element on its way.
#[derive(Clone, Copy)]
struct Element {
    array: SharedId,
    at: f64,
}

/// What [`crate::thread::Code::CopyAsync`] copies, each thread its own.
pub(super) struct AsyncCopy<'a> {
    pub to: SharedId,
    pub index: &'a Lanes,
    pub param: usize,
    pub offset: &'a Lanes,
    pub lanes: usize,
    pub valid: &'a Lanes,
}

impl Machine<'_> {
    pub(super) fn copy_async(&mut self, copy: &AsyncCopy, active: &[bool]) -> Step<()> {
        self.aligned(copy.index, copy.lanes, active)?;
        let name = &self.program.params[copy.param].name;
        let declared = &self.program.shared[copy.to.0 as usize];
        for thread in threads(active) {
            let valid = copy.valid.at(thread) != 0.0;
            if valid && copy.offset.at(thread) % copy.lanes as f64 != 0.0 {
                return Err(format!("a copy from {name} is not aligned to {} lanes", copy.lanes));
            }
            for lane in 0..copy.lanes {
                let (at, from) =
                    (copy.index.at(thread) + lane as f64, copy.offset.at(thread) + lane as f64);
                let visit = self.visit(thread);
                let memory = &self.memory[copy.param];
                let Argument::Tensor(tensor) = &*memory.argument else {
                    return Err(format!("`{name}` is no tensor"));
                };
                if !memory.marks.is_empty() {
                    return Err(format!("`{name}` is written, and copied without order"));
                }
                let size = tensor.dtype.size();
                let bytes = tensor.bytes.get(from.max(0.0) as usize * size..);
                let value = match (valid, bytes.filter(|b| from >= 0.0 && b.len() >= size)) {
                    (false, _) => 0.0,
                    (true, Some(bytes)) => tensor.dtype.read(bytes),
                    (true, None) => {
                        return Err(format!(
                            "thread {thread} copies element {from} of `{name}`, outside it"
                        ));
                    }
                };
                self.shared.write(copy.to, declared, at, value, visit)?;
                self.shared.set_pending(copy.to, declared, at, true)?;
                self.copies[thread].open.push(Element { array: copy.to, at });
            }
        }
        Ok(())
    }

    pub(super) fn copy_commit(&mut self, active: &[bool]) {
        for thread in threads(active) {
            let copies = &mut self.copies[thread];
            let group = std::mem::take(&mut copies.open);
            copies.groups.push_back(group);
        }
    }

    /// Ends all groups but the latest `left`.
    pub(super) fn copy_wait(&mut self, left: usize, active: &[bool]) -> Step<()> {
        for thread in threads(active) {
            let visit = self.visit(thread);
            while self.copies[thread].groups.len() > left {
                for element in self.copies[thread].groups.pop_front().unwrap_or_default() {
                    let declared = &self.program.shared[element.array.0 as usize];
                    self.shared.arrive(element.array, declared, element.at, visit)?;
                }
            }
        }
        Ok(())
    }

    /// The subgroups that take a step together.
    fn whole_subgroups(&self, what: &str, active: &[bool]) -> Step<Vec<usize>> {
        let mut found = Vec::new();
        for (subgroup, lanes) in active.chunks(SUBGROUP).enumerate() {
            match (lanes.contains(&true), lanes.contains(&false)) {
                (true, true) => return Err(format!("some lanes do not reach a {what}")),
                (true, false) => found.push(subgroup),
                _ => {}
            }
        }
        Ok(found)
    }

    pub(super) fn load_matrix(
        &mut self,
        (into, index): (RegisterId, &Lanes),
        (from, at): (SharedId, &Lanes),
        transposed: bool,
        active: &[bool],
    ) -> Step<()> {
        self.aligned(at, 8, active)?;
        let declared = &self.program.shared[from.0 as usize];
        let mut loaded = vec![vec![GARBAGE; active.len()]; 4];
        for subgroup in self.whole_subgroups("load of a matrix", active)? {
            for lane in 0..SUBGROUP {
                let thread = subgroup * SUBGROUP + lane;
                let visit = self.visit(thread);
                for (block, elements) in loaded.iter_mut().enumerate() {
                    let element = |machine: &mut Self, row: usize, column: usize| {
                        let row = at.at(subgroup * SUBGROUP + 8 * block + row) + column as f64;
                        machine.shared.read(from, declared, row, visit)
                    };
                    let (own, pair) = (lane / 4, 2 * (lane % 4));
                    let (low, high) = match transposed {
                        false => (element(self, own, pair)?, element(self, own, pair + 1)?),
                        true => (element(self, pair, own)?, element(self, pair + 1, own)?),
                    };
                    elements[thread] = pack(declared.dtype, low, high);
                }
            }
        }
        for (number, elements) in loaded.into_iter().enumerate() {
            self.assign(into, &super::plus(index, number), Lanes::Each(elements), active)?;
        }
        Ok(())
    }

    pub(super) fn matrix_multiply(
        &mut self,
        shape: MatrixShape,
        (into, index): (RegisterId, &Lanes),
        [(a, a_index), (b, b_index)]: [(RegisterId, &Lanes); 2],
        active: &[bool],
    ) -> Step<()> {
        let (in_a, in_b, in_sum) = match shape {
            MatrixShape::Half16x8x16(_) => (4, 2, 4),
            MatrixShape::Float8x8x8 => (2, 2, 2),
        };
        let fragment = |machine: &Self, register, index: &Lanes, count| -> Step<Vec<Lanes>> {
            (0..count).map(|n| machine.element(register, &super::plus(index, n), active)).collect()
        };
        let left = fragment(self, a, a_index, in_a)?;
        let right = fragment(self, b, b_index, in_b)?;
        let mut sums = fragment(self, into, index, in_sum)?;
        for subgroup in self.whole_subgroups("product of matrices", active)? {
            let first = subgroup * SUBGROUP;
            let (rows, columns, depth) = match shape {
                MatrixShape::Half16x8x16(_) => (16, 8, 16),
                MatrixShape::Float8x8x8 => (8, 8, 8),
            };
            let (mut x, mut w) = (vec![0.0; rows * depth], vec![0.0; depth * columns]);
            for lane in 0..SUBGROUP {
                let thread = first + lane;
                match shape {
                    MatrixShape::Half16x8x16(dtype) => {
                        let (g, t) = (lane / 4, 2 * (lane % 4));
                        for (n, packed) in left.iter().enumerate() {
                            let at = (g + 8 * (n & 1)) * depth + t + 8 * (n >> 1);
                            [x[at], x[at + 1]] = unpack(dtype, packed.at(thread));
                        }
                        for (n, packed) in right.iter().enumerate() {
                            let at = (t + 8 * n) * columns + g;
                            [w[at], w[at + columns]] = unpack(dtype, packed.at(thread));
                        }
                    }
                    MatrixShape::Float8x8x8 => {
                        let (row, column) = MatrixShape::place(lane);
                        for n in 0..2 {
                            x[row * 8 + column + n] = left[n].at(thread);
                            w[row * 8 + column + n] = right[n].at(thread);
                        }
                    }
                }
            }
            for (n, sum) in sums.iter_mut().enumerate() {
                let mut each: Vec<f64> = (0..active.len()).map(|t| sum.at(t)).collect();
                for lane in 0..SUBGROUP {
                    let (row, column) = match shape {
                        MatrixShape::Half16x8x16(_) => {
                            (lane / 4 + 8 * (n >> 1), 2 * (lane % 4) + (n & 1))
                        }
                        MatrixShape::Float8x8x8 => {
                            let (row, column) = MatrixShape::place(lane);
                            (row, column + n)
                        }
                    };
                    let product: f64 =
                        (0..depth).map(|k| x[row * depth + k] * w[k * columns + column]).sum();
                    each[first + lane] = DType::F32.round(each[first + lane] + product);
                }
                *sum = Lanes::Each(each);
            }
        }
        for (n, sum) in sums.into_iter().enumerate() {
            self.assign(into, &super::plus(index, n), sum, active)?;
        }
        Ok(())
    }
}

/// Two half elements as a u32, the first in its low bits.
pub(super) fn pack(dtype: DType, low: f64, high: f64) -> f64 {
    let bits = |x: f64| meaning::bitcast(dtype, DType::U32, x);
    bits(low) + 65536.0 * bits(high)
}

fn unpack(dtype: DType, packed: f64) -> [f64; 2] {
    let packed = packed as u32;
    [packed & 0xffff, packed >> 16].map(|bits| meaning::bitcast(DType::U32, dtype, bits as f64))
}

impl super::SharedMemory {
    /// Marks an element as on its way, or as there.
    fn set_pending(
        &mut self,
        id: SharedId,
        array: &crate::thread::SharedArray,
        at: f64,
        pending: bool,
    ) -> Step<()> {
        for byte in self.span(array, at)? {
            if byte.owner == id.0 + 1 {
                byte.pending = pending;
            }
        }
        Ok(())
    }

    /// A copied element is there: as if the thread had written it now.
    fn arrive(
        &mut self,
        id: SharedId,
        array: &crate::thread::SharedArray,
        at: f64,
        visit: super::memory::Visit,
    ) -> Step<()> {
        self.set_pending(id, array, at, false)?;
        for byte in self.span(array, at)? {
            if let Some(other) = byte.mark.write(visit) {
                return Err(race(&array.name, at, visit.thread, other));
            }
        }
        Ok(())
    }
}
