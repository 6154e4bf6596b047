//! What a sweep fetches ahead of its loads.

use super::assemble::General;
use super::graph::Op;
use super::lower::Lowering;
use super::registers::{Do, Pointer};

/// Steps of a sweep for each operand that it loads, from which on it computes more than it reads.
const BUSY: usize = 10;

impl Lowering<'_> {
    /// Addresses to fetch for each vector: of what this sweep is the first to load. Some CPUs [follow a stream by
    /// themselves](crate::simd::Level::follows_streams). But they lose it where a row does not begin at the end of the
    /// last, and at the end of a page, which matters where so much is computed between that little is read ahead of it.
    pub(super) fn ahead(&self, sweep: usize, steps: &[Do]) -> Vec<(General, usize, i32)> {
        if self.graph.follows && self.sweeps > 1 {
            return Vec::new();
        }
        let loads = self.first_loads(sweep, steps);
        let busy = steps.len() > BUSY * loads.len();
        let fetched = loads.into_iter().map(|(k, base)| {
            let operand = self.chain.operands[k];
            let ahead = match self.graph.follows {
                true if operand.apart == 0 && busy => operand.ahead,
                true => operand.apart,
                false => operand.ahead,
            };
            (base, operand.format.size(), ahead)
        });
        fetched.filter(|&(.., ahead)| ahead != 0).collect()
    }

    /// Operands whose next row is fetched meanwhile: what the first sweep loads, in the second, which has that row's
    /// elements at hand and time to spare.
    pub(super) fn next_row(&self, sweep: usize) -> Vec<(usize, General)> {
        if sweep == 1 { self.first_loads(0, &self.steps(0, true)) } else { Vec::new() }
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
            .filter_map(|k| match self.pointers[k] {
                Pointer::Register(base) if self.chain.operands[k].ahead != 0 => Some((k, base)),
                _ => None,
            })
            .collect()
    }
}
