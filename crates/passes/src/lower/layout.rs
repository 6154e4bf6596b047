//! Layouts: which element of a tile each register of each thread holds.
//!
//! A tile is spread over the threads of a team and the registers of each. Extents are rounded up to powers of two
//! (capacities), so that a position along an axis is a number of bits; a [`Layout`] names, for each bit of the
//! register index and of the thread index, the bit of the tile's coordinates that it supplies, or none, where
//! threads hold copies. Broadcasting and reducing an axis then only remove its bits.

/// A bit of the coordinates of a tile: bit `bit` of the position along `axis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bit {
    /// Which axis.
    pub axis: usize,
    /// Which bit, from the least.
    pub bit: u32,
}

/// How a tile is spread over registers and threads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// log2 of the capacity of each axis.
    pub capacity: Vec<u32>,
    /// The bit that each bit of the register index supplies, from the least.
    pub register: Vec<Bit>,
    /// The bit that each bit of the thread index supplies, from the least; `None` where threads hold copies.
    pub thread: Vec<Option<Bit>>,
}

/// A run of bits that lie together in an index and in a position: `((index >> from) & (2^count - 1)) << to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First bit in the index.
    pub from: u32,
    /// Number of bits.
    pub count: u32,
    /// First bit in the position.
    pub to: u32,
}

impl Layout {
    /// The canonical layout of a tile of these capacities over `2^threads` threads with vectors of `2^vector`
    /// elements: from the last axis on, bits go to the vector, then to the threads, then to further registers.
    pub fn canonical(capacity: &[u32], threads: u32, vector: u32) -> Layout {
        let mut bits: Vec<Bit> = Vec::new();
        for axis in (0..capacity.len()).rev() {
            bits.extend((0..capacity[axis]).map(|bit| Bit { axis, bit }));
        }
        let last = capacity.last().copied().unwrap_or(0);
        // A vector stays inside the last axis, and threads are filled before registers.
        let vector = vector.min(last).min((bits.len() as u32).saturating_sub(threads)) as usize;
        let rest = bits.split_off(vector);
        let mut register = bits;
        let mut thread: Vec<Option<Bit>> =
            rest.iter().take(threads as usize).map(|b| Some(*b)).collect();
        register.extend(rest.iter().skip(threads as usize));
        thread.resize(threads as usize, None);
        Layout { capacity: capacity.to_vec(), register, thread }
    }

    /// Registers of one thread.
    pub fn registers(&self) -> usize {
        1 << self.register.len()
    }

    /// The layout of the tile with `axis` reduced to extent 1: its bits vanish from the registers, and threads along
    /// it hold copies.
    pub fn without(&self, axis: usize) -> Layout {
        let mut capacity = self.capacity.clone();
        capacity[axis] = 0;
        Layout {
            capacity,
            register: self.register.iter().copied().filter(|b| b.axis != axis).collect(),
            thread: self.thread.iter().map(|b| b.filter(|b| b.axis != axis)).collect(),
        }
    }

    /// For a register index of this layout, the runs that give the register index of the same tile reduced along
    /// `axis` (see [`without`](Self::without)).
    pub fn register_without(&self, axis: usize) -> Vec<Run> {
        let kept = self.register.iter().enumerate().filter(|(_, b)| b.axis != axis);
        runs(kept.enumerate().map(|(to, (from, _))| (from as u32, to as u32)))
    }

    /// The runs of the register index that make the position along `axis`.
    pub fn register_runs(&self, axis: usize) -> Vec<Run> {
        let found = self.register.iter().enumerate().filter(|(_, b)| b.axis == axis);
        runs(found.map(|(from, b)| (from as u32, b.bit)))
    }

    /// The runs of the thread index that make the position along `axis`.
    pub fn thread_runs(&self, axis: usize) -> Vec<Run> {
        let found = self.thread.iter().enumerate().filter_map(|(i, b)| b.map(|b| (i, b)));
        runs(found.filter(|(_, b)| b.axis == axis).map(|(from, b)| (from as u32, b.bit)))
    }

    /// The bits of the register index along `axis`.
    pub fn register_bits(&self, axis: usize) -> Vec<u32> {
        let found = self.register.iter().enumerate().filter(|(_, b)| b.axis == axis);
        found.map(|(i, _)| i as u32).collect()
    }

    /// The bits of the thread index along `axis`.
    pub fn thread_bits(&self, axis: usize) -> Vec<u32> {
        let found = self.thread.iter().enumerate();
        found.filter(|(_, b)| b.is_some_and(|b| b.axis == axis)).map(|(i, _)| i as u32).collect()
    }

    /// The bits of the thread index that hold copies.
    pub fn copies(&self) -> Vec<u32> {
        let found = self.thread.iter().enumerate().filter(|(_, b)| b.is_none());
        found.map(|(i, _)| i as u32).collect()
    }

    /// log2 of how many neighbouring elements of the last axis lie in neighbouring registers.
    pub fn vector(&self) -> u32 {
        let last = self.capacity.len().wrapping_sub(1);
        let neighbours = self.register.iter().enumerate();
        neighbours.take_while(|(i, b)| b.axis == last && b.bit == *i as u32).count() as u32
    }
}

/// Joins neighbouring (from, to) pairs.
fn runs(pairs: impl Iterator<Item = (u32, u32)>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for (from, to) in pairs {
        match out.last_mut() {
            Some(run) if run.from + run.count == from && run.to + run.count == to => run.count += 1,
            _ => out.push(Run { from, count: 1, to }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coordinates that a layout gives a register of a thread.
    fn position(layout: &Layout, register: usize, thread: usize) -> Vec<usize> {
        let pick = |index: usize, runs: Vec<Run>| -> usize {
            runs.iter().map(|r| ((index >> r.from) & ((1 << r.count) - 1)) << r.to).sum()
        };
        (0..layout.capacity.len())
            .map(|axis| {
                pick(register, layout.register_runs(axis)) + pick(thread, layout.thread_runs(axis))
            })
            .collect()
    }

    #[test]
    fn every_element_is_held_once() {
        for (capacity, threads, vector) in
            [(vec![11], 8, 2), (vec![3, 4], 5, 2), (vec![0, 7], 5, 2), (vec![2], 5, 2)]
        {
            let layout = Layout::canonical(&capacity, threads, vector);
            let mut seen = std::collections::HashMap::new();
            for thread in 0..1 << threads {
                for register in 0..layout.registers() {
                    *seen.entry(position(&layout, register, thread)).or_insert(0) += 1;
                }
            }
            assert_eq!(seen.len(), 1 << capacity.iter().sum::<u32>());
            let copies = 1 << layout.copies().len();
            assert!(seen.values().all(|&n| n == copies), "{layout:?}");
        }
    }

    #[test]
    fn neighbours_lie_in_one_vector() {
        let layout = Layout::canonical(&[11], 8, 2);
        assert_eq!(layout.registers(), 8);
        assert_eq!(layout.vector(), 2);
        assert_eq!(position(&layout, 1, 0), [1]);
        assert_eq!(position(&layout, 0, 1), [4]);
        assert_eq!(position(&layout, 4, 0), [1024]);
    }

    #[test]
    fn reducing_an_axis_removes_its_bits() {
        let layout = Layout::canonical(&[3, 4], 5, 1);
        let rows = layout.without(1);
        assert_eq!(rows.registers(), 1 << layout.register.iter().filter(|b| b.axis == 0).count());
        assert_eq!(rows.copies().len(), layout.thread_bits(1).len());
    }
}
