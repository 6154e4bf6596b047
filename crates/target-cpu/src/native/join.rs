//! The end of a fold: its totals, lane by lane and in the order of [`simd::reduce`](crate::simd::reduce), to one.

use super::assemble::*;
use super::graph::{Chain, Op, Value};
use super::lower::Lowering;
use super::registers::{Do, Full, Place, Run};
use crate::simd::Level;

impl Lowering<'_> {
    /// Joins the totals of a fold of a [row](Self::row_of), and puts the result into its home.
    pub(super) fn join(
        &mut self,
        row: usize,
        fold: usize,
        totals: &[Vector],
        busy: u32,
    ) -> Result<(), Full> {
        let narrow = self.graph.narrow;
        let chain = Chain::new(if narrow { Level::Avx2 } else { Level::Avx512 });
        let recorder = chain.recorder();
        let sides = [false, true].map(|second| recorder.leaf(Op::Side(second)));
        let folding = self.graph.folds[fold].folding;
        (folding.join)(recorder, [sides[0], sides[1], Value::NONE]);
        let joining = chain.graph.borrow();
        let result = self.graph.nodes.iter().position(|node| node.op == Op::Folded(fold));
        let Some(result) = result else { return Ok(()) };
        let home = match self.given[row][result] {
            Place::Word(home) | Place::Lanes(home) => home,
            _ => self.home()?,
        };
        self.given[row][result] = self.place_of_home(home);
        let mut places = vec![Place::Nowhere; joining.nodes.len()];
        for (place, node) in places.iter_mut().zip(&joining.nodes) {
            if let Op::Const(bits) = node.op {
                *place = self.constant(bits);
            }
        }
        let mut run = Run::new(&joining, places, &mut self.out, &[], &[], true);
        run.vectors &= !busy;
        // Two by two, always the neighbour that is as far as the vectors of 16 lanes are; then, in AVX2, the halves of
        // such a vector.
        let mut totals = totals.to_vec();
        let halves = if narrow { 2 } else { 1 };
        while totals.len() > 1 {
            let apart = if totals.len() > halves { halves } else { 1 };
            let mut next = Vec::new();
            for pair in totals.chunks(2 * apart) {
                for k in 0..apart {
                    let (left, right) = (pair[k], pair[k + apart]);
                    let joined = run.join(left, right)?;
                    next.push(joined);
                    // Totals are not needed any more.
                    run.vectors |= 1 << left | 1 << right;
                }
            }
            totals = next;
        }
        let mut total = totals[0];
        let swapped = run.vector()?;
        for step in halves - 1..4 {
            exchange(run.out, swapped, total, step);
            let next = run.join(total, swapped)?;
            run.vectors |= 1 << total;
            total = next;
        }
        let store = if narrow { STORE } else { STORE_ONE };
        if narrow {
            run.out.vector(BROADCAST, total, 0, Source::Register(total), 4, Masked::default());
        }
        run.out.vector(store, total, 0, Source::Whole(home), 4, Masked::default());
        Ok(())
    }
}

impl Run<'_> {
    /// Emits arithmetic of two registers, recorded with [`Op::Side`]s; the result's register.
    pub fn join(&mut self, a: Vector, b: Vector) -> Result<Vector, Full> {
        let sides = self.graph.nodes.iter().enumerate().filter_map(|(k, node)| match node.op {
            Op::Side(second) => Some((k, second)),
            _ => None,
        });
        for (k, second) in sides.collect::<Vec<_>>() {
            self.places[k] = Place::Vector { register: if second { b } else { a }, pinned: true };
        }
        let steps: Vec<Do> = (0..self.graph.nodes.len())
            .filter(|&k| matches!(self.places[k], Place::Nowhere))
            .map(|k| Do::Compute(Value(k as u32)))
            .collect();
        // The result is the last value; it has no use here, so it keeps its register.
        self.last.fill(usize::MAX);
        self.steps(&steps, false)?;
        match self.graph.nodes.len().checked_sub(1).map(|k| self.places[k]) {
            Some(Place::Vector { register, .. }) => {
                for step in &steps {
                    if let Do::Compute(value) = step {
                        self.places[value.index()] = Place::Nowhere;
                    }
                }
                Ok(register)
            }
            _ => Err(Full),
        }
    }
}

/// The instruction that the exchange of parts or lanes takes in a join of the lanes of a vector; `step` counts from
/// halves of 16 lanes on.
fn exchange(out: &mut Assembler, to: Vector, from: Vector, step: usize) {
    let (encoding, first) = match step {
        1 if out.narrow => (SWAP_HALVES, from),
        // Lane k with lane k + 8, then k + 4: parts of 4 lanes. Then 2 and 1, inside the parts.
        0 => (shuffle_parts(0b01_00_11_10), from),
        1 => (shuffle_parts(0b10_11_00_01), from),
        2 => (shuffle_lanes(0b01_00_11_10), 0),
        _ => (shuffle_lanes(0b10_11_00_01), 0),
    };
    let width = out.width();
    out.vector(encoding, to, first, Source::Register(from), width, Masked::default());
}
