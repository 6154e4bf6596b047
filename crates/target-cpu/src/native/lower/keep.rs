//! What is kept from sweep to sweep.

use super::Lowering;
use crate::native::graph::{Op, Sink, Value, operands};
use tilewright_ir::table::HashSet;

/// Instructions that may be done again rather than kept from sweep to sweep.
const CHEAP: usize = 3;

impl Lowering<'_> {
    /// Decides which values are kept from sweep to sweep: those that an earlier sweep computes anyway, that have a
    /// place, and that are not cheap.
    pub(super) fn keep(&mut self) {
        let mut computed = HashSet::default();
        for sweep in 0..self.sweeps {
            let mut seen = HashSet::default();
            let mut open = self.roots(sweep);
            while let Some(value) = open.pop() {
                if !self.varies(value) || !seen.insert(value) {
                    continue;
                }
                if self.sweep[value.index()] < sweep {
                    if self.kept.contains_key(&value) {
                        continue;
                    }
                    if let Some(&spot) = self.chain.spots.get(&value)
                        && computed.contains(&value)
                        && self.cost(value) > CHEAP
                    {
                        self.kept.insert(value, spot);
                        let written = |sink: &Sink| sink.operand == spot && sink.value == value;
                        if !self.sinks.iter().any(written) {
                            self.sinks.push(Sink { operand: spot, value, after: value });
                        }
                        continue;
                    }
                }
                open.extend(operands(&self.graph.node(value)));
            }
            computed.extend(seen.into_iter().filter(|v| self.sweep[v.index()] == sweep));
        }
        self.sinks.sort_by_key(|sink| sink.after);
    }

    /// Instructions that computing a value of the row again takes.
    fn cost(&self, value: Value) -> usize {
        let mut seen = HashSet::default();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            let kept = self.kept.contains_key(&value);
            if self.varies(value) && seen.insert(value) && !kept {
                open.extend(operands(&self.graph.node(value)));
            }
        }
        seen.len()
    }

    /// Where an earlier sweep has put a value, or one of the choices that it stands for.
    pub(super) fn kept_for(&self, sweep: usize, usual: bool, value: Value) -> Option<usize> {
        let node = self.graph.node(value);
        match self.kept.get(&value) {
            Some(&spot) if self.sweep[value.index()] < sweep => Some(spot),
            _ if node.op != Op::Either => None,
            _ => self.kept_for(sweep, usual, node.of[if usual { 1 } else { 2 }]),
        }
    }
}
