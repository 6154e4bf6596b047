//! What a sweep fetches ahead of its loads.

use super::assemble::{Fetch, General};
use super::graph::Op;
use super::lower::Lowering;
use super::registers::{Do, Pointer};

/// Steps of a sweep for each operand that it loads, from which on it computes more than it reads.
const BUSY: usize = 10;

/// True for steps that compute more than they read, with so many loads among them.
pub(super) fn is_busy(steps: &[Do], loads: usize) -> bool {
    steps.len() > BUSY * loads
}

/// Bytes of a row that the first cache has room for beside the one that is gone over.
const MOST_NEAR: u32 = 8 << 10;

/// Bytes ahead of the loads that are asked for where the sweeps of several rows go on side by side. (Emerald Rapids, the loops
/// of cross-entropy and its gradient in C: 33.4 ms; 2 KiB 33.5 to 37, the whole row 33.5 to 37. Zen 4, cross-entropy with its
/// gradient: 21.0 ms; nothing 34 to 36, 2 KiB into the first cache 25.)
const FAR: i32 = 8 << 10;

/// Bytes of a row up to which the same place of the next row is asked for, where that does not begin at the row's end: a
/// fixed distance would lead beyond the row for much of it. (Emerald Rapids, swiglu 16384 x 1024, 6.5 ms with 2 KiB ahead,
/// 3.9 so; geglu 6.6 and 4.4.)
const SHORT_ROW: usize = 8 << 10;

/// Bytes ahead of the loads that are asked for into the first cache by a map that computes much, on a CPU that follows streams.
/// (Zen 4, silu, mish and their gradients: 0.91 to 1.02 of the time with 2 KiB into the second cache. Parts of one row
/// take 1.1 to 1.3 of it so: the next row's place goes into the second.)
const SOON: i32 = 1 << 10;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// A place that goes along with the loads.
pub(super) struct Fetched {
    pub base: General,
    /// Bytes for each element of the row.
    pub size: usize,
    /// Bytes ahead of the loads.
    pub ahead: i32,
    /// Where to.
    pub to: Fetch,
}

impl Lowering<'_> {
    /// Addresses to fetch for each vector: of what this sweep is the first to load. Some CPUs [follow a stream by
    /// themselves](crate::simd::Level::follows_streams). But they lose it where a row does not begin at the end of the
    /// last, and at the end of a page, which matters where so much is computed between that little is read ahead of it.
    ///
    /// Parts of one row (a gate, and what it lets through) are fetched in the order in which they lie: two places at a
    /// time, of which each is about to be left, cost as much as what is computed in between.
    pub(super) fn ahead(&self, sweep: usize, steps: &[Do]) -> Vec<Fetched> {
        if self.graph.follows && self.sweeps > 1 && !self.staggered {
            return Vec::new();
        }
        let loads = self.first_loads(sweep, steps);
        if self.staggered {
            let far = |(k, base): (usize, General)| {
                let size = self.chain.operands[k].format.size();
                Fetched { base, size, ahead: FAR, to: Fetch::Second }
            };
            return loads.into_iter().map(far).collect();
        }
        let busy = is_busy(steps, loads.len());
        let fetched = loads.into_iter().map(|(k, base)| {
            let operand = self.chain.operands[k];
            let short = self.chain.len * operand.format.size() <= SHORT_ROW;
            let led = if self.is_written(k) { Fetch::ToWrite } else { Fetch::First };
            let (ahead, to) = match self.graph.follows {
                true if operand.apart == 0 && busy => (operand.ahead.min(SOON), Fetch::First),
                true => (operand.apart, Fetch::Second),
                false if operand.apart != 0 && short => (operand.apart, led),
                false => (operand.ahead, led),
            };
            let joined = if self.graph.follows { operand.joined } else { 1 };
            let size = operand.format.size() * joined;
            Fetched { base, size, ahead, to }
        });
        fetched.filter(|fetched| fetched.ahead != 0 && fetched.size != 0).collect()
    }

    /// Places of the next row that are fetched meanwhile: what the sweep before this one was the first to load, which has
    /// left its place and has time until it comes to the next row. So no sweep has to fetch all.
    ///
    /// A CPU that follows streams writes a row past the caches as fast as it reads another meanwhile; one that does not
    /// has both to do at once, so that the sweep in which the memory had nothing to do takes half of a long row. (Emerald
    /// Rapids, 32000 elements, in C: cross-entropy and its gradient 39 ms instead of 45; a quarter of it during the first
    /// sweep 39, all of it during the last 46.)
    pub(super) fn next_row(&self, sweep: usize) -> Vec<Fetched> {
        if self.staggered {
            return Vec::new();
        }
        if !self.graph.follows && self.sweeps > 2 && [1, 2].contains(&sweep) {
            let loads = self.first_loads(0, &self.steps(0, true));
            let halves = |&(k, _): &(usize, General)| {
                let operand = self.chain.operands[k];
                operand.next.unsigned_abs() > MOST_NEAR && operand.format.size() > 1
            };
            if !loads.is_empty() && loads.iter().all(halves) {
                let fetched = loads.into_iter().map(|(k, base)| {
                    let operand = self.chain.operands[k];
                    let half = self.chain.len * operand.format.size() / 2 / LINE * LINE;
                    let ahead = operand.next + if sweep == 1 { 0 } else { half as i32 };
                    let size = operand.format.size() / 2;
                    Fetched { base, size, ahead, to: Fetch::Second }
                });
                return fetched.collect();
            }
        }
        if sweep == 0 || sweep > 1 && !self.graph.follows {
            return Vec::new();
        }
        let loads = self.first_loads(sweep - 1, &self.steps(sweep - 1, true));
        // A row that is alone goes straight into the first cache, as no load waits for its few places meanwhile. (Zen 4:
        // softmax 2.9 ms instead of 3.1; but the gradient of softmax, which reads
        // two rows, 5.5 instead of 4.5, and that of cross-entropy, whose rows are long, 40 instead of 28.)
        let of_sweeps = (0..self.sweeps).flat_map(|k| self.first_loads(k, &self.steps(k, true)));
        let alone = of_sweeps.filter(|&(k, _)| self.chain.operands[k].next != 0).count() == 1;
        let fetched = loads.into_iter().map(|(k, base)| {
            let operand = self.chain.operands[k];
            let size = operand.format.size();
            let near = alone && operand.next.unsigned_abs() <= MOST_NEAR;
            let to = if self.graph.follows && !near { Fetch::Second } else { Fetch::First };
            Fetched { base, size, ahead: operand.next, to }
        });
        fetched.filter(|fetched| fetched.ahead != 0).collect()
    }

    /// The operands worth fetching that a sweep is the first to load, and the registers of their rows.
    fn first_loads(&self, sweep: usize, steps: &[Do]) -> Vec<(usize, General)> {
        let loads = |steps: &[Do]| -> Vec<usize> {
            let loaded = steps.iter().filter_map(|step| match *step {
                Do::Compute(value) => match self.graph.node(value).op {
                    Op::Load(operand) => Some(operand),
                    _ => None,
                },
                _ => None,
            });
            loaded.collect()
        };
        let earlier: Vec<usize> =
            (0..sweep).flat_map(|sweep| loads(&self.steps(sweep, true))).collect();
        let fresh = loads(steps).into_iter().filter(|operand| !earlier.contains(operand));
        fresh
            .filter_map(|k| match self.pointers[self.row_of(sweep)][k] {
                Pointer::Register(base) if self.chain.operands[k].ahead != 0 => Some((k, base)),
                _ => None,
            })
            .collect()
    }
}
