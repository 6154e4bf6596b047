//! From a recorded chain to code: sweeps over the row, what each of them computes, and the loops round it.
//!
//! A value that depends on a fold of the row exists one sweep after it. Before each sweep stand the values that are
//! the same for the whole row; they are computed as vectors whose lanes agree, kept in memory as one word each (their
//! *home*), and brought into registers for the sweep as long as there are some left. A later sweep that needs a value
//! of an earlier one computes it again if that is cheap, and else reads it from where the earlier one has put it.

mod keep;

use super::assemble::*;
use super::code::{Arguments, HOME_WORDS, MOST_OPERANDS};
use super::fetch::Fetched;
use super::graph::{Chain, Graph, Op, Sink, Value, operands};
use super::registers::{Do, Full, Place, Pointer, REST, Run, fill, is_given};
use crate::simd::LANES;
use crate::simd::call::Operand as Row;
use std::mem::offset_of;
use tilewright_ir::table::{HashMap, HashSet};

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
    let lowering = Lowering::new(chain, &graph)?;
    let needed = lowering.needed();
    Some(Compiled { code: lowering.emit().ok()?, needed })
}

/// What [`compile`] makes of a chain.
pub struct Compiled {
    /// The instructions.
    pub code: Vec<u8>,
    /// By operand: they read or write it.
    pub needed: Vec<bool>,
}

pub(super) struct Lowering<'a> {
    pub(super) chain: &'a Chain,
    pub(super) graph: &'a Graph,
    /// By value: the sweep in which it exists first.
    sweep: Vec<usize>,
    pub(super) sweeps: usize,
    pub(super) out: Assembler,
    /// By value: where it is if it is the same for the whole row or constant.
    pub(super) given: Vec<Place>,
    homes: usize,
    pub(super) pointers: Vec<Pointer>,
    /// Values that later sweeps read from an operand.
    kept: HashMap<Value, usize>,
    /// What is written by sweep, in order.
    sinks: Vec<Sink>,
}

impl<'a> Lowering<'a> {
    fn new(chain: &'a Chain, graph: &'a Graph) -> Option<Self> {
        let mut sweep = vec![0; graph.nodes.len()];
        for (k, node) in graph.nodes.iter().enumerate() {
            let later = operands(node).map(|of| sweep[of.index()]).max().unwrap_or(0);
            sweep[k] = later + matches!(node.op, Op::Folded(_)) as usize;
        }
        let mut lowering = Lowering {
            chain,
            graph,
            sweeps: sweep.iter().max().map_or(1, |last| last + 1),
            sweep,
            out: Assembler::new(graph.narrow),
            given: vec![Place::Nowhere; graph.nodes.len()],
            homes: 0,
            pointers: Vec::new(),
            kept: HashMap::default(),
            sinks: chain.sinks.clone(),
        };
        lowering.keep();
        lowering.point();
        lowering.readable().then_some(lowering)
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
        for (operand, needed) in self.chain.operands.iter().zip(self.needed()) {
            let register = if operand.uniform || !needed { None } else { registers.next() };
            self.pointers.push(match register {
                Some(register) => Pointer::Register(register),
                None => Pointer::Memory(operand_at(self.pointers.len())),
            });
        }
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
        let used = self.pointers.iter().filter(|p| matches!(p, Pointer::Register(_))).count();
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
            self.given[k] = match node.op {
                Op::Const(bits) => self.constant(bits),
                Op::Table(number) => Place::Lanes(self.out.constant(&graph.tables[number])),
                Op::Position => self.spread(argument(offset_of!(Arguments, position)))?,
                _ => Place::Nowhere,
            };
        }
        let row = self.out.here();
        for k in 0..self.pointers.len() {
            if let Pointer::Register(register) = self.pointers[k] {
                self.out.load(register, operand_at(k));
            }
        }
        for k in 0..self.graph.nodes.len() {
            if let Op::Uniform(operand) = self.graph.nodes[k].op {
                self.out.load(SCRATCH, operand_at(operand));
                self.given[k] = self.spread(Memory::At(SCRATCH, 0))?;
            }
        }
        for sweep in 0..self.sweeps {
            self.of_row(sweep)?;
            self.sweep(sweep)?;
        }
        for k in 0..self.pointers.len() {
            self.out.load(SCRATCH, operand_row(k));
            self.out.add_to(SCRATCH, operand_at(k));
        }
        self.out.count_down(argument(offset_of!(Arguments, rows)));
        self.out.back(When::NotEqual, row);
        for &register in saved.iter().rev() {
            self.out.pop(register);
        }
        self.out.ret();
        Ok(self.out.finish())
    }

    /// Computes what is the same for the whole row once a sweep's folds are known.
    fn of_row(&mut self, sweep: usize) -> Result<(), Full> {
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
        let mut steps = Vec::new();
        let mut homes = Vec::new();
        for &value in &order {
            let home = self.home()?;
            steps.extend([Do::Compute(value), Do::Home(value, home)]);
            homes.push((value, home));
        }
        for sink in &self.sinks {
            if self.is_of_row(sink) && self.sweep[sink.value.index()] == sweep {
                steps.push(Do::Store(sink.value, sink.operand));
            }
        }
        if !steps.is_empty() {
            let places = self.given.clone();
            let mut run = self.run(places, true);
            run.spilling = true;
            run.steps(&steps, false)?;
        }
        for (value, home) in homes {
            let mask = self.graph.is_mask(value);
            self.given[value.index()] =
                if mask { Place::Bits(home) } else { self.place_of_home(home) };
        }
        Ok(())
    }

    fn run(&mut self, places: Vec<Place>, usual: bool) -> Run<'_> {
        Run::new(self.graph, places, &mut self.out, &self.chain.operands, &self.pointers, usual)
    }

    /// The loops of a sweep: for a row as it usually is, and for one that is not.
    fn sweep(&mut self, sweep: usize) -> Result<(), Full> {
        let steps = self.steps(sweep, true);
        if steps.is_empty() {
            return Ok(());
        }
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
        let mut unusual = Vec::new();
        for condition in conditions {
            unusual.push(match self.given[condition.index()] {
                Place::Bits(memory) => {
                    self.out.load_mask(REST, memory);
                    self.out.mask_all(REST);
                    self.out.jump(When::NotBelow)
                }
                Place::Lanes(memory) => self.out.jump_if_zero(memory),
                _ => return Err(Full),
            });
        }
        self.loops(sweep, &steps, true)?;
        if !unusual.is_empty() {
            let end = self.out.jump(When::Always);
            for jump in unusual {
                self.out.land(jump);
            }
            let steps = self.steps(sweep, false);
            self.loops(sweep, &steps, false)?;
            self.out.land(end);
        }
        Ok(())
    }

    /// The loops of a sweep, with as many constants in registers as there is room for.
    fn loops(&mut self, sweep: usize, steps: &[Do], usual: bool) -> Result<(), Full> {
        let mut uses: HashMap<Value, usize> = HashMap::default();
        for step in steps {
            let mut note = |value: Value| {
                let value = Run::resolve(self.graph, usual, value);
                if matches!(self.given[value.index()], Place::Word(_) | Place::Lanes(_)) {
                    *uses.entry(value).or_default() += 1;
                }
            };
            match *step {
                Do::Compute(value) => operands(&self.graph.node(value)).for_each(note),
                Do::Masked(choice, chosen) => {
                    operands(&self.graph.node(chosen)).for_each(&mut note);
                    note(self.graph.node(choice).of[2]);
                }
                Do::Store(value, _) | Do::Total(_, value) => note(value),
                Do::Reload(..) | Do::Home(..) => {}
            }
        }
        let mut often: Vec<(Value, usize)> = uses.into_iter().collect();
        // Tables first: they cannot be spread from one word.
        often.sort_by_key(|&(value, count)| {
            let table = matches!(self.given[value.index()], Place::Lanes(_));
            (!table, std::cmp::Reverse(count), value)
        });
        for vectors in [4, 2, 1] {
            let mut most = often.len().min(28);
            loop {
                let mark = self.out.mark();
                let held: Vec<Value> = often[..most].iter().map(|&(value, _)| value).collect();
                match self.loops_with(sweep, steps, usual, vectors, &held, false) {
                    Ok(()) => return Ok(()),
                    Err(Full) => self.out.rewind(mark),
                }
                if most == 0 {
                    break;
                }
                most = most * 2 / 3;
            }
        }
        self.loops_with(sweep, steps, usual, 1, &[], true)
    }

    fn loops_with(
        &mut self,
        sweep: usize,
        steps: &[Do],
        usual: bool,
        together: usize,
        held: &[Value],
        spilling: bool,
    ) -> Result<(), Full> {
        let mut places = self.given.clone();
        let graph = self.graph;
        let folds: Vec<(usize, Value)> = (graph.folds.iter().enumerate())
            .filter(|(_, fold)| self.sweep[fold.next.index()] == sweep)
            .filter_map(|(k, _)| {
                let total = graph.nodes.iter().position(|node| node.op == Op::Total(k))?;
                Some((k, Value(total as u32)))
            })
            .collect();
        // Nothing is begun that cannot be finished: constants and totals stay in registers for the whole loop.
        let lanes = self.out.lanes();
        let kept = TOTALS / lanes;
        if held.len() + folds.len() * kept > self.out.vectors() {
            return Err(Full);
        }
        let mut fetched = self.ahead(sweep, steps);
        fetched.extend(self.next_row(sweep));
        let mut run = self.run(Vec::new(), usual);
        run.spilling = spilling;
        for &value in held {
            let register = run.vector()?;
            let (encoding, source, bytes) = match places[value.index()] {
                Place::Word(memory) => (BROADCAST, memory, 4),
                Place::Lanes(memory) => (MOVE, memory, run.out.width()),
                _ => return Err(Full),
            };
            run.out.vector(encoding, register, 0, Source::Whole(source), bytes, Masked::default());
            places[value.index()] = Place::Vector { register, pinned: true };
        }
        let mut totals: Vec<Vec<Vector>> = Vec::new();
        for &(fold, _) in &folds {
            let mut registers = Vec::new();
            for _ in 0..kept {
                let register = run.vector()?;
                fill(run.out, register, graph.folds[fold].folding.identity);
                registers.push(register);
            }
            totals.push(registers);
        }
        // A vector's places: those of all vectors, and the total that it goes to.
        let places_of = |k: usize| {
            let mut places = places.clone();
            for (&(_, total), registers) in folds.iter().zip(&totals) {
                let register = registers[k % kept];
                places[total.index()] = Place::Vector { register, pinned: true };
            }
            places
        };
        let vectors = if folds.is_empty() { together } else { kept };
        let limit = argument(offset_of!(Arguments, limit));
        run.out.clear(AT);
        run.out.whole_groups(vectors * lanes, limit);
        run.out.compare(limit);
        let past = run.out.jump(When::NotBelow);
        let top = run.out.here();
        for first in (0..vectors).step_by(together) {
            let mut places: Vec<Vec<Place>> = (first..first + together).map(places_of).collect();
            run.spilled = 0;
            run.interleaved(steps, false, first, &mut places)?;
        }
        // Once a line of the caches, which is a vector of AVX-512.
        let fetch = |out: &mut Assembler, vectors: usize| {
            for k in (0..vectors).filter(|k| (k * lanes).is_multiple_of(LANES)) {
                for &Fetched { base, size, ahead, to } in &fetched {
                    let lines = (0..LANES * size).map(|byte| k * lanes * size + byte);
                    for line in lines.filter(|byte| byte.is_multiple_of(4 * LANES)) {
                        let offset = ahead + line as i32;
                        out.prefetch(Memory::Element { base, size, offset }, to);
                    }
                }
            }
        };
        fetch(run.out, vectors);
        run.out.advance((vectors * lanes) as i8);
        run.out.compare(limit);
        run.out.back(When::Below, top);
        run.out.land(past);
        // Whole vectors that are too few for a group need no mask, under which nothing can be written past the caches.
        if folds.is_empty() && vectors > 1 {
            run.out.whole_groups(lanes, limit);
            run.out.compare(limit);
            let past = run.out.jump(When::NotBelow);
            let top = run.out.here();
            run.places = places_of(0);
            run.steps(steps, false)?;
            fetch(run.out, 1);
            run.out.advance(lanes as i8);
            run.out.compare(limit);
            run.out.back(When::Below, top);
            run.out.land(past);
        }
        // The rest of the row, vector by vector under a mask. Each goes to a total of its own.
        let mut ends = Vec::new();
        for k in 0..if folds.is_empty() { 1 } else { kept } {
            run.out.compare_length();
            ends.push(run.out.jump(When::NotBelow));
            if !run.out.narrow {
                run.out.mask_of_rest(REST);
            }
            run.places = places_of(k);
            run.steps(steps, true)?;
            run.out.advance(lanes as i8);
        }
        for end in ends {
            run.out.land(end);
        }
        let busy = totals.iter().flatten().fold(0, |busy, register| busy | 1u32 << register);
        for (&(fold, _), registers) in folds.iter().zip(totals) {
            self.join(fold, &registers, busy)?;
        }
        Ok(())
    }
}
