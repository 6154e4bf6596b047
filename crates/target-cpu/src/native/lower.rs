//! From a recorded chain to code: sweeps over the row, what each of them computes, and the loops round it.
//!
//! A value that depends on a fold of the row exists one sweep after it. Before each sweep stand the values that are
//! the same for the whole row; they are computed as vectors whose lanes agree, kept in memory as one word each (their
//! *home*), and brought into registers for the sweep as long as there are some left. A later sweep that needs a value
//! of an earlier one computes it again if that is cheap, and else reads it from where the earlier one has put it.
//!
//! The sweeps of a row follow one another, or those of several rows go on side by side ([`stagger`]).

mod keep;
mod loops;
mod stagger;

use super::assemble::*;
use super::code::{Arguments, HOME_WORDS, MOST_OPERANDS};
use super::fetch::Fetched;
use super::graph::{Chain, Graph, Op, Sink, Value, operands};
use super::registers::{Do, Full, Place, Pointer, REST, Run, fill, is_given};
use crate::simd::LANES;
use crate::simd::call::Operand as Row;
use std::mem::offset_of;
use tilewright_ir::table::{HashMap, HashSet};

pub use stagger::may_stagger;

/// Lanes that a fold keeps apart; see [`simd::reduce`](crate::simd::reduce).
const TOTALS: usize = crate::simd::reduce::STATE;

const fn argument(offset: usize) -> Memory {
    Memory::At(ARGUMENTS, offset as i32)
}

fn operand_at(operand: usize) -> Memory {
    argument(offset_of!(Arguments, operands) + operand * size_of::<Row>() + offset_of!(Row, at))
}

fn operand_row(operand: usize) -> Memory {
    argument(offset_of!(Arguments, operands) + operand * size_of::<Row>() + offset_of!(Row, row))
}

/// The code of a chain, to be called with [`Arguments`]; `None` when it needs more registers or operands than there
/// are, or a later sweep would read what an earlier one has overwritten.
pub fn compile(chain: &Chain) -> Option<Compiled> {
    if chain.operands.len() > MOST_OPERANDS {
        return None;
    }
    let graph = chain.graph.borrow();
    let lowering = Lowering::new(chain, &graph, false)?;
    let needed = lowering.needed();
    let side_by_side = lowering.worth_staggering().then(|| Lowering::new(chain, &graph, true));
    let staggered = side_by_side.flatten().and_then(|lowering| lowering.stagger().ok());
    Some(match staggered {
        Some(code) => Compiled { code, needed, staggered: true },
        None => Compiled { code: lowering.emit().ok()?, needed, staggered: false },
    })
}

/// What [`compile`] makes of a chain.
pub struct Compiled {
    /// The instructions.
    pub code: Vec<u8>,
    /// By operand: they read or write it.
    pub needed: Vec<bool>,
    /// Sweeps of several rows go on side by side.
    pub staggered: bool,
}

pub(super) struct Lowering<'a> {
    pub(super) chain: &'a Chain,
    pub(super) graph: &'a Graph,
    /// By value: the sweep in which it exists first.
    sweep: Vec<usize>,
    pub(super) sweeps: usize,
    pub(super) out: Assembler,
    /// Each sweep is at a row of its own, one behind that of the sweep before.
    pub(super) staggered: bool,
    /// By [row](Self::row_of) and value: where it is if it is the same for the whole row or constant.
    pub(super) given: Vec<Vec<Place>>,
    homes: usize,
    /// By row and operand.
    pub(super) pointers: Vec<Vec<Pointer>>,
    /// Values that later sweeps read from an operand.
    kept: HashMap<Value, usize>,
    /// What is written by sweep, in order.
    sinks: Vec<Sink>,
}

impl<'a> Lowering<'a> {
    fn new(chain: &'a Chain, graph: &'a Graph, staggered: bool) -> Option<Self> {
        let mut sweep = vec![0; graph.nodes.len()];
        for (k, node) in graph.nodes.iter().enumerate() {
            let later = operands(node).map(|of| sweep[of.index()]).max().unwrap_or(0);
            sweep[k] = later + matches!(node.op, Op::Folded(_)) as usize;
        }
        let sweeps = sweep.iter().max().map_or(1, |last| last + 1);
        let rows = if staggered { sweeps } else { 1 };
        let mut lowering = Lowering {
            chain,
            graph,
            sweeps,
            sweep,
            out: Assembler::new(graph.narrow),
            staggered,
            given: vec![vec![Place::Nowhere; graph.nodes.len()]; rows],
            homes: 0,
            pointers: Vec::new(),
            kept: HashMap::default(),
            sinks: chain.sinks.clone(),
        };
        lowering.keep();
        let pointed = match staggered {
            true => lowering.point_behind(),
            false => {
                lowering.point();
                true
            }
        };
        (pointed && lowering.readable()).then_some(lowering)
    }

    /// The number of the row that a sweep is at, among those that are worked on.
    pub(super) fn row_of(&self, sweep: usize) -> usize {
        if self.staggered { sweep } else { 0 }
    }

    /// By operand: it is read or written. Not all places are that a value might be kept in.
    fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.chain.operands.len()];
        for node in &self.graph.nodes {
            if let Op::Load(operand) | Op::Uniform(operand) = node.op {
                needed[operand] = true;
            }
        }
        self.sinks.iter().for_each(|sink| needed[sink.operand] = true);
        needed
    }

    /// Chooses registers for the operands that loops go through.
    fn point(&mut self) {
        let free = |register: &General| !self.graph.narrow || ![PART, COUNT].contains(register);
        let mut registers = POINTERS.into_iter().filter(free);
        let mut pointers = Vec::new();
        for (operand, needed) in self.chain.operands.iter().zip(self.needed()) {
            let register = if operand.uniform || !needed { None } else { registers.next() };
            pointers.push(match register {
                Some(register) => Pointer::Register(register),
                None => Pointer::Memory(operand_at(pointers.len())),
            });
        }
        self.pointers.push(pointers);
    }

    /// Values of the row, that is, neither constants nor the same for all its elements.
    fn varies(&self, value: Value) -> bool {
        !self.graph.uniform[value.index()] && !is_given(self.graph.node(value).op)
    }

    /// True for a place that is written, too.
    pub(super) fn is_written(&self, operand: usize) -> bool {
        self.sinks.iter().any(|sink| sink.operand == operand)
    }

    /// True for what is written once a row.
    fn is_of_row(&self, sink: &Sink) -> bool {
        self.chain.operands[sink.operand].uniform
    }

    /// What a sweep starts from: the values that it writes for each element or folds.
    fn roots(&self, sweep: usize) -> Vec<Value> {
        let stored = self.sinks.iter().filter(|sink| !self.is_of_row(sink)).map(|sink| sink.value);
        let folded = self.graph.folds.iter().map(|fold| fold.next);
        stored.chain(folded).filter(|value| self.sweep[value.index()] == sweep).collect()
    }

    /// True when no sweep reads from memory what an earlier one has written there for another reason.
    fn readable(&self) -> bool {
        (1..self.sweeps).all(|sweep| {
            self.steps(sweep, true).iter().chain(&self.steps(sweep, false)).all(|step| {
                let Do::Compute(value) = step else { return true };
                let Op::Load(operand) = self.graph.node(*value).op else { return true };
                self.sinks
                    .iter()
                    .all(|sink| sink.operand != operand || self.sweep[sink.value.index()] >= sweep)
            })
        })
    }

    /// What a sweep does for each vector.
    pub(super) fn steps(&self, sweep: usize, usual: bool) -> Vec<Do> {
        let mut wanted = HashSet::default();
        let mut reloads = Vec::new();
        let mut open = self.roots(sweep);
        while let Some(raw) = open.pop() {
            let value = Run::resolve(self.graph, usual, raw);
            if !self.varies(value) || !wanted.insert(value) {
                continue;
            }
            match self.kept_for(sweep, usual, raw) {
                Some(spot) => reloads.push((value, spot)),
                None => open.extend(operands(&self.graph.node(value))),
            }
        }
        let mut order: Vec<Value> = wanted.into_iter().collect();
        order.sort_unstable();
        let mut steps = Vec::new();
        let mut sinks = self
            .sinks
            .iter()
            .filter(|sink| self.sweep[sink.value.index()] == sweep && !self.is_of_row(sink))
            .peekable();
        let mut totals: Vec<(Value, Value)> = Vec::new();
        for (k, fold) in self.graph.folds.iter().enumerate() {
            if self.sweep[fold.next.index()] == sweep {
                let total = self.graph.nodes.iter().position(|node| node.op == Op::Total(k));
                totals.extend(total.map(|total| (Value(total as u32), fold.next)));
            }
        }
        for value in order {
            while let Some(sink) = sinks.next_if(|sink| sink.after < value) {
                steps.push(Do::Store(sink.value, sink.operand));
            }
            match reloads.iter().find(|(reloaded, _)| *reloaded == value) {
                Some(&(value, spot)) => steps.push(Do::Reload(value, spot)),
                None => steps.push(Do::Compute(value)),
            }
            for &(total, next) in totals.iter().filter(|(_, next)| *next == value) {
                steps.push(Do::Total(total, next));
            }
        }
        steps.extend(sinks.map(|sink| Do::Store(sink.value, sink.operand)));
        super::masked::together(self.graph, usual, steps)
    }

    pub(super) fn home(&mut self) -> Result<Memory, Full> {
        let words = if self.graph.narrow { self.out.lanes() } else { 1 };
        if self.homes + words > HOME_WORDS {
            return Err(Full);
        }
        self.homes += words;
        Ok(argument(offset_of!(Arguments, homes) + (self.homes - words) * 4))
    }

    /// The place of a value that is the same for the whole row.
    pub(super) fn place_of_home(&self, home: Memory) -> Place {
        if self.graph.narrow { Place::Lanes(home) } else { Place::Word(home) }
    }

    /// A place for these bits in every lane.
    pub(super) fn constant(&mut self, bits: u32) -> Place {
        match self.graph.narrow {
            true => Place::Lanes(self.out.constant(&[bits; 8])),
            false => Place::Word(self.out.constant(&[bits])),
        }
    }

    /// A home for a word in memory.
    fn spread(&mut self, word: Memory) -> Result<Place, Full> {
        let home = self.home()?;
        if self.graph.narrow {
            // No register holds anything yet.
            self.out.vector(BROADCAST, 0, 0, Source::Whole(word), 4, Masked::default());
            self.out.vector(STORE, 0, 0, Source::Whole(home), 32, Masked::default());
        } else {
            self.out.copy_word(word, home);
        }
        Ok(self.place_of_home(home))
    }

    fn emit(mut self) -> Result<Vec<u8>, Full> {
        let saved = self.begin()?;
        let row = self.out.here();
        for k in 0..self.pointers[0].len() {
            if let Pointer::Register(register) = self.pointers[0][k] {
                self.out.load(register, operand_at(k));
            }
        }
        for k in 0..self.graph.nodes.len() {
            if let Op::Uniform(operand) = self.graph.nodes[k].op {
                self.out.load(SCRATCH, operand_at(operand));
                self.given[0][k] = self.spread(Memory::At(SCRATCH, 0))?;
            }
        }
        for sweep in 0..self.sweeps {
            self.of_row(sweep)?;
            self.sweep(sweep)?;
        }
        self.next_rows();
        self.out.count_down(argument(offset_of!(Arguments, rows)));
        self.out.back(When::NotEqual, row);
        Ok(self.end(&saved))
    }

    /// Saves registers, and finds the places of constants; what has to be restored at the end.
    fn begin(&mut self) -> Result<Vec<General>, Full> {
        let pointers = self.pointers.iter().flatten();
        let used = pointers.filter_map(|pointer| match pointer {
            Pointer::Register(register) => POINTERS.iter().position(|other| other == register),
            _ => None,
        });
        let used = used.max().map_or(0, |last| last + 1);
        let mut saved: Vec<General> = POINTERS[UNSAVED..used.max(UNSAVED)].to_vec();
        if self.graph.narrow {
            saved.extend([PART, COUNT]);
        }
        for &register in &saved {
            self.out.push(register);
        }
        self.out.load(LENGTH, argument(offset_of!(Arguments, len)));
        let graph = self.graph;
        for (k, node) in graph.nodes.iter().enumerate() {
            let place = match node.op {
                Op::Const(bits) => self.constant(bits),
                Op::Table(number) => Place::Lanes(self.out.constant(&graph.tables[number])),
                Op::Position => self.spread(argument(offset_of!(Arguments, position)))?,
                _ => Place::Nowhere,
            };
            self.given.iter_mut().for_each(|given| given[k] = place);
        }
        Ok(saved)
    }

    /// Lets all operands go on to their next rows.
    fn next_rows(&mut self) {
        for k in 0..self.chain.operands.len() {
            self.out.load(SCRATCH, operand_row(k));
            self.out.add_to(SCRATCH, operand_at(k));
        }
    }

    fn end(mut self, saved: &[General]) -> Vec<u8> {
        for &register in saved.iter().rev() {
            self.out.pop(register);
        }
        self.out.ret();
        self.out.finish()
    }

    /// What is computed once a row when a sweep's folds are known, in order.
    fn computed_once(&self, sweep: usize) -> Vec<Value> {
        let mut wanted = HashSet::default();
        let stored = self.sinks.iter().map(|sink| sink.value);
        let mut open: Vec<Value> = stored.chain(self.graph.folds.iter().map(|f| f.next)).collect();
        while let Some(value) = open.pop() {
            if wanted.insert(value) {
                open.extend(operands(&self.graph.node(value)));
            }
        }
        let mut order: Vec<Value> = wanted
            .into_iter()
            .filter(|&value| {
                self.graph.uniform[value.index()]
                    && self.sweep[value.index()] == sweep
                    && !is_given(self.graph.node(value).op)
            })
            .collect();
        order.sort_unstable();
        order
    }

    /// Computes what is the same for the whole row once a sweep's folds are known.
    fn of_row(&mut self, sweep: usize) -> Result<(), Full> {
        let row = self.row_of(sweep);
        let order = self.computed_once(sweep);
        let mut places = self.given[row].clone();
        let mut steps = Vec::new();
        let mut homes = Vec::new();
        for &value in &order {
            let home = match std::mem::replace(&mut places[value.index()], Place::Nowhere) {
                Place::Word(home) | Place::Lanes(home) | Place::Bits(home) => home,
                _ => self.home()?,
            };
            steps.extend([Do::Compute(value), Do::Home(value, home)]);
            homes.push((value, home));
        }
        for sink in &self.sinks {
            if self.is_of_row(sink) && self.sweep[sink.value.index()] == sweep {
                steps.push(Do::Store(sink.value, sink.operand));
            }
        }
        if !steps.is_empty() {
            let (operands, pointers) = (&self.chain.operands, &self.pointers[row]);
            let mut run = Run::new(self.graph, places, &mut self.out, operands, pointers, true);
            run.spilling = true;
            run.steps(&steps, false)?;
        }
        for (value, home) in homes {
            self.given[row][value.index()] = self.place_of_value(value, home);
        }
        Ok(())
    }

    /// The place of a value that is the same for the whole row, or of a truth value.
    fn place_of_value(&self, value: Value, home: Memory) -> Place {
        if self.graph.is_mask(value) { Place::Bits(home) } else { self.place_of_home(home) }
    }

    /// Values of the row whose truth makes a row one that is as usual for a sweep.
    fn conditions(&self, sweep: usize) -> HashSet<Value> {
        let mut conditions = HashSet::default();
        let mut open: Vec<Value> = self.roots(sweep);
        let mut seen = HashSet::default();
        while let Some(value) = open.pop() {
            if self.varies(value) && seen.insert(value) {
                let node = self.graph.node(value);
                if node.op == Op::Either {
                    conditions.insert(node.of[0]);
                }
                if self.sweep[value.index()] == sweep || !self.kept.contains_key(&value) {
                    open.extend(operands(&node));
                }
            }
        }
        conditions
    }

    /// Jumps that are taken where a row is not as usual for a sweep.
    fn jump_if_unusual(&mut self, sweep: usize) -> Result<Vec<Jump>, Full> {
        let mut unusual = Vec::new();
        for condition in self.conditions(sweep) {
            unusual.push(match self.given[self.row_of(sweep)][condition.index()] {
                Place::Bits(memory) => {
                    self.out.load_mask(REST, memory);
                    self.out.mask_all(REST);
                    self.out.jump(When::NotBelow)
                }
                Place::Lanes(memory) => self.out.jump_if_zero(memory),
                _ => return Err(Full),
            });
        }
        Ok(unusual)
    }

    /// The loops of a sweep: for a row as it usually is, and for one that is not.
    fn sweep(&mut self, sweep: usize) -> Result<(), Full> {
        let steps = self.steps(sweep, true);
        if steps.is_empty() {
            return Ok(());
        }
        let unusual = self.jump_if_unusual(sweep)?;
        self.loops(&[(sweep, steps)], true)?;
        if !unusual.is_empty() {
            let end = self.out.jump(When::Always);
            for jump in unusual {
                self.out.land(jump);
            }
            let steps = self.steps(sweep, false);
            self.loops(&[(sweep, steps)], false)?;
            self.out.land(end);
        }
        Ok(())
    }
}
