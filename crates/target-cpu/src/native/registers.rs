//! A straight run of code: values in order, each in a register from its making to its last use.

use super::assemble::*;
use super::graph::{Format, Graph, Node, Op, Operand, Value, operands};
use crate::simd::LANES;

/// The mask register that holds the lanes of a row's rest.
pub const REST: Mask = 7;

/// There are not enough registers.
#[derive(Debug)]
pub struct Full;

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Not yet computed.
    Nowhere,
    /// In a register; `pinned` for the whole run.
    Vector { register: Vector, pinned: bool },
    /// In a mask register.
    Mask(Mask),
    /// One word in memory, for all lanes.
    Word(Memory),
    /// 16 words in memory.
    Lanes(Memory),
    /// 16 bits in memory.
    Bits(Memory),
}

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub enum Do {
    /// Compute a value.
    Compute(Value),
    /// Load a value that an earlier sweep has kept.
    Reload(Value, usize),
    /// Write a value to an operand.
    Store(Value, usize),
    /// Write a value of the row to its home.
    Home(Value, Memory),
    /// Take a value as the next total of a fold.
    Total(Value, Value),
}

/// Where an operand's row starts.
#[derive(Clone, Copy, Debug)]
pub enum Pointer {
    /// In a register.
    Register(General),
    /// In memory.
    Memory(Memory),
}

/// Emits runs.
pub struct Run<'a> {
    pub graph: &'a Graph,
    pub places: Vec<Place>,
    pub out: &'a mut Assembler,
    pub operands: &'a [Operand],
    pub pointers: &'a [Pointer],
    /// What [`Op::Either`] chooses.
    pub usual: bool,
    /// Free vector and mask registers, a bit each.
    pub vectors: u32,
    pub masks: u8,
    /// By value: the number of the step of its last use.
    last: Vec<usize>,
    now: usize,
}

impl<'a> Run<'a> {
    /// A run in which all registers are free but the mask of a row's rest (and mask 0, which is none).
    pub fn new(
        graph: &'a Graph,
        places: Vec<Place>,
        out: &'a mut Assembler,
        operands: &'a [Operand],
        pointers: &'a [Pointer],
        usual: bool,
    ) -> Self {
        let last = vec![0; graph.nodes.len()];
        let (vectors, masks) = (u32::MAX, 0b0111_1110);
        Run { graph, places, out, operands, pointers, usual, vectors, masks, last, now: 0 }
    }

    /// The value that stands for another under the run's choice.
    pub fn resolve(graph: &Graph, usual: bool, mut value: Value) -> Value {
        while let Node { op: Op::Either, of: [_, a, b] } = graph.node(value) {
            value = if usual { a } else { b };
        }
        value
    }

    fn resolved(&self, value: Value) -> Value {
        Self::resolve(self.graph, self.usual, value)
    }

    /// Does the steps in order for one vector, on the lanes that `rest` says (or all).
    pub fn steps(&mut self, steps: &[Do], rest: bool) -> Result<(), Full> {
        let mut places = vec![self.places.clone()];
        let done = self.interleaved(steps, rest, 0, &mut places);
        self.places = places.swap_remove(0);
        done
    }

    /// Does each step for several neighbouring vectors before the next, the first of them `first` vectors past the
    /// counter; each vector has places of its own. Chains of operations that wait for one another then leave no more
    /// gaps than the instructions of the other vectors fill.
    pub fn interleaved(
        &mut self,
        steps: &[Do],
        rest: bool,
        first: usize,
        vectors: &mut [Vec<Place>],
    ) -> Result<(), Full> {
        let (graph, usual) = (self.graph, self.usual);
        let mut becomes: Vec<Option<Value>> = vec![None; graph.nodes.len()];
        for (number, step) in steps.iter().enumerate() {
            let mut used = |value: Value| {
                self.last[Self::resolve(graph, usual, value).index()] = number;
            };
            match *step {
                Do::Compute(value) => operands(&graph.node(value)).for_each(used),
                Do::Reload(..) => {}
                Do::Store(value, _) | Do::Home(value, _) => used(value),
                Do::Total(total, next) => {
                    used(next);
                    // The value may overwrite the total that it replaces, once that is not read any more.
                    becomes[Self::resolve(graph, usual, next).index()] = Some(total);
                }
            }
        }
        for (number, step) in steps.iter().enumerate() {
            self.now = number;
            for (k, places) in vectors.iter_mut().enumerate() {
                std::mem::swap(&mut self.places, places);
                let shift = (first + k) * LANES;
                let done = match *step {
                    Do::Compute(value) => {
                        let becomes = becomes[value.index()].filter(|_| !rest);
                        self.compute(value, rest, shift, becomes)
                    }
                    Do::Reload(value, operand) => self.load(value, operand, rest, shift),
                    Do::Store(value, operand) => self.store(value, operand, rest, shift),
                    Do::Home(value, home) => self.home(value, home),
                    Do::Total(total, next) => self.total(total, next, rest),
                };
                std::mem::swap(&mut self.places, places);
                done?;
            }
        }
        Ok(())
    }

    /// Takes a free vector register.
    pub fn vector(&mut self) -> Result<Vector, Full> {
        if self.vectors == 0 {
            return Err(Full);
        }
        let register = self.vectors.trailing_zeros() as Vector;
        self.vectors &= !(1 << register);
        Ok(register)
    }

    fn mask(&mut self) -> Result<Mask, Full> {
        if self.masks == 0 {
            return Err(Full);
        }
        let register = self.masks.trailing_zeros() as Mask;
        self.masks &= !(1 << register);
        Ok(register)
    }

    /// Gives back what this step uses for the last time.
    fn release(&mut self, of: &[Value]) {
        for &value in of.iter().filter(|&&value| value != Value::NONE) {
            let value = self.resolved(value);
            if self.last[value.index()] != self.now {
                continue;
            }
            match self.places[value.index()] {
                Place::Vector { register, pinned: false } => self.vectors |= 1 << register,
                Place::Mask(register) => self.masks |= 1 << register,
                _ => continue,
            }
            self.places[value.index()] = Place::Nowhere;
        }
    }

    /// A vector register that dies in this step, and may therefore be overwritten.
    fn dying(&self, value: Value) -> Option<Vector> {
        match self.places[value.index()] {
            Place::Vector { register, pinned: false } if self.last[value.index()] == self.now => {
                Some(register)
            }
            _ => None,
        }
    }

    /// Where an instruction finds a value as its last source.
    fn source(&self, value: Value) -> Source {
        match self.places[self.resolved(value).index()] {
            Place::Vector { register, .. } => Source::Register(register),
            Place::Word(memory) => Source::Broadcast(memory),
            Place::Lanes(memory) => Source::Whole(memory),
            // Values come in order, so an operand has a place; and masks are never asked for here.
            place => unreachable!("a source that is {place:?}"),
        }
    }

    /// The value in a register; one that is made for this step goes into `temporary`.
    fn register(&mut self, value: Value, temporary: &mut u32) -> Result<Vector, Full> {
        match self.source(value) {
            Source::Register(register) => Ok(register),
            memory => {
                let register = self.vector()?;
                *temporary |= 1 << register;
                self.fill(register, memory, Masked::default());
                Ok(register)
            }
        }
    }

    /// Copies a source into a register.
    fn fill(&mut self, register: Vector, source: Source, masked: Masked) {
        match source {
            Source::Broadcast(memory) => {
                self.out.vector(BROADCAST, register, 0, Source::Whole(memory), 4, masked);
            }
            source => self.out.vector(MOVE, register, 0, source, 64, masked),
        }
    }

    fn mask_of(&mut self, value: Value, temporary: &mut u8) -> Result<Mask, Full> {
        match self.places[self.resolved(value).index()] {
            Place::Mask(register) => Ok(register),
            Place::Bits(memory) => {
                let register = self.mask()?;
                *temporary |= 1 << register;
                self.out.load_mask(register, memory);
                Ok(register)
            }
            place => unreachable!("a mask that is {place:?}"),
        }
    }

    /// The register of a total, if `becomes` is one that this step reads for the last time.
    fn replaced(&self, becomes: Option<Value>) -> Option<Vector> {
        let total = becomes?;
        match self.places[total.index()] {
            Place::Vector { register, .. } if self.last[total.index()] <= self.now => {
                Some(register)
            }
            _ => None,
        }
    }

    fn compute(
        &mut self,
        value: Value,
        rest: bool,
        shift: usize,
        becomes: Option<Value>,
    ) -> Result<(), Full> {
        let Node { op, of } = self.graph.node(value);
        let of = of.map(|v| if v == Value::NONE { v } else { self.resolved(v) });
        let [a, b, c] = of;
        let plain = Masked::default();
        let mut vectors = 0u32;
        let mut masks = 0u8;
        let into = self.replaced(becomes);
        macro_rules! finish {
            () => {{
                self.release(&of);
                self.vectors |= vectors;
                self.masks |= masks;
                match into {
                    Some(register) => register,
                    None => self.vector()?,
                }
            }};
        }
        let pinned = into.is_some();
        match op {
            Op::Load(operand) => return self.load(value, operand, rest, shift),
            Op::Index => {
                let lanes: [u32; 16] = std::array::from_fn(|k| (k + shift) as u32);
                let lanes = Source::Whole(self.out.constant(&lanes));
                let to = self.vector()?;
                self.out.vector(BROADCAST_GENERAL, to, 0, Source::Register(AT), 64, plain);
                self.out.vector(INT_ADD, to, to, lanes, 64, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned: false };
            }
            Op::Plain(op) => {
                let (encoding, sources) = super::assemble::plain(op);
                let (first, last) = match sources {
                    1 => (0, self.source(a)),
                    _ if matches!(self.source(a), Source::Register(_)) || !commutes(op) => {
                        (self.register(a, &mut vectors)?, self.source(b))
                    }
                    _ => (self.register(b, &mut vectors)?, self.source(a)),
                };
                let to = finish!();
                self.out.vector(encoding, to, first, last, 64, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::ShiftLeft(by) | Op::ShiftRight(by) | Op::ShiftRightSigned(by) => {
                let kind = match op {
                    Op::ShiftLeft(_) => Shift::Left,
                    Op::ShiftRight(_) => Shift::Right,
                    _ => Shift::RightSigned,
                };
                let source = self.source(a);
                let to = finish!();
                let (encoding, digit) = super::assemble::shift(kind, by);
                self.out.vector(encoding, digit, to, source, 64, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::Fma | Op::Fnma => {
                let to = self.multiply_add(op == Op::Fnma, [a, b, c], into, &mut vectors)?;
                // The destination may have been an operand's, which is no longer free.
                for operand in [a, b, c] {
                    if self.dying(operand) == Some(to) {
                        self.places[operand.index()] = Place::Nowhere;
                    }
                }
                self.release(&of);
                self.vectors |= vectors;
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::CompareFloats(_) | Op::CompareInts(_) | Op::CompareUnsigned(_) | Op::Test => {
                let encoding = match op {
                    Op::CompareFloats(predicate) => compare_floats(predicate),
                    Op::CompareInts(predicate) => compare_ints(predicate),
                    Op::CompareUnsigned(predicate) => compare_unsigned(predicate),
                    _ => TEST,
                };
                let first = self.register(a, &mut vectors)?;
                let last = if a == b { Source::Register(first) } else { self.source(b) };
                self.release(&of);
                self.vectors |= vectors;
                let to = self.mask()?;
                self.out.vector(encoding, to, first, last, 64, plain);
                self.places[value.index()] = Place::Mask(to);
            }
            Op::IsSpecial => {
                let source = Source::Register(self.register(a, &mut vectors)?);
                self.release(&of);
                self.vectors |= vectors;
                let to = self.mask()?;
                self.out.vector(IS_SPECIAL, to, 0, source, 64, plain);
                self.places[value.index()] = Place::Mask(to);
            }
            Op::Both | Op::Any | Op::Not => {
                let first = self.mask_of(a, &mut masks)?;
                let second = if op == Op::Not { first } else { self.mask_of(b, &mut masks)? };
                self.release(&of);
                self.masks |= masks;
                let to = self.mask()?;
                match op {
                    Op::Both => self.out.mask_and(to, first, second),
                    Op::Any => self.out.mask_or(to, first, second),
                    _ => self.out.mask_not(to, first),
                }
                self.places[value.index()] = Place::Mask(to);
            }
            Op::Select => {
                let mask = self.mask_of(a, &mut masks)?;
                if self.graph.node(c).op == Op::Const(0) {
                    let source = self.source(b);
                    let to = finish!();
                    self.fill(to, source, Masked { mask, zero: true });
                    self.places[value.index()] = Place::Vector { register: to, pinned };
                    return Ok(());
                }
                let other = self.register(c, &mut vectors)?;
                let source = self.source(b);
                let to = finish!();
                self.out.vector(BLEND, to, other, source, 64, Masked { mask, zero: false });
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::Widen => {
                let from = self.register(a, &mut vectors)?;
                let to = finish!();
                self.out.vector(TRUNCATE_TO_WORDS, from, 0, Source::Register(to), 32, plain);
                self.out.vector(WIDEN, to, 0, Source::Register(to), 32, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::Narrow => {
                let from = self.register(a, &mut vectors)?;
                let to = finish!();
                self.out.vector(NARROW, from, 0, Source::Register(to), 32, plain);
                self.out.vector(EXTEND_WORDS, to, 0, Source::Register(to), 32, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            // These have places before any run starts.
            Op::Uniform(_)
            | Op::Const(_)
            | Op::Table(_)
            | Op::Position
            | Op::Total(_)
            | Op::Folded(_)
            | Op::Either
            | Op::Side(_) => unreachable!("{op:?} is not computed"),
        }
        Ok(())
    }

    /// a * b + c (or c - a * b): overwrites an operand that is not needed any more, or a copy.
    fn multiply_add(
        &mut self,
        negative: bool,
        [mut a, mut b, c]: [Value; 3],
        into: Option<Vector>,
        temporary: &mut u32,
    ) -> Result<Vector, Full> {
        let pick = |positive, negated| if negative { negated } else { positive };
        let (last_adds, last_multiplies, first_adds) =
            (pick(FMA_213, FNMA_213), pick(FMA_231, FNMA_231), pick(FMA_132, FNMA_132));
        let plain = Masked::default();
        let in_register = |run: &Self, v| matches!(run.source(v), Source::Register(_));
        // The second factor is the one that may come from memory.
        if !in_register(self, a) {
            std::mem::swap(&mut a, &mut b);
        }
        // An operand whose register the sum may take. A total is only ever the addend.
        let sum = match (into, self.source(c)) {
            (Some(total), Source::Register(register)) if total == register => Some(total),
            (Some(_), _) => None,
            _ if c != a && c != b => self.dying(c),
            _ => None,
        };
        if let Some(to) = sum {
            let first = self.register(a, temporary)?;
            let last = if a == b { Source::Register(first) } else { self.source(b) };
            self.out.vector(last_multiplies, to, first, last, 64, plain);
            return Ok(to);
        }
        if into.is_none() && a != b {
            for (factor, other) in [(a, b), (b, a)] {
                let Some(to) = self.dying(factor).filter(|_| factor != c) else { continue };
                match (self.source(other), self.source(c)) {
                    (Source::Register(other), last) => {
                        self.out.vector(last_adds, to, other, last, 64, plain);
                    }
                    (last, Source::Register(c)) => {
                        self.out.vector(first_adds, to, c, last, 64, plain);
                    }
                    (_, last) => {
                        let other = self.register(other, temporary)?;
                        self.out.vector(last_adds, to, other, last, 64, plain);
                    }
                }
                return Ok(to);
            }
        }
        let first = self.register(a, temporary)?;
        let last = if a == b { Source::Register(first) } else { self.source(b) };
        let to = match into {
            Some(total) => total,
            None => self.vector()?,
        };
        let addend = self.source(c);
        self.fill(to, addend, plain);
        self.out.vector(last_multiplies, to, first, last, 64, plain);
        Ok(to)
    }

    /// The address of an operand's elements, `shift` past the counter.
    fn element(&mut self, operand: usize, shift: usize) -> Memory {
        let base = match self.pointers[operand] {
            Pointer::Register(register) => register,
            Pointer::Memory(memory) => {
                self.out.load(SCRATCH, memory);
                SCRATCH
            }
        };
        let size = self.operands[operand].format.size();
        Memory::Element { base, size, offset: (shift * size) as i32 }
    }

    fn load(&mut self, value: Value, operand: usize, rest: bool, shift: usize) -> Result<(), Full> {
        let to = self.vector()?;
        let from = Source::Whole(self.element(operand, shift));
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: rest };
        let (encoding, bytes) = match self.operands[operand].format {
            Format::Word => (MOVE, 64),
            Format::Half => (WIDEN, 32),
            Format::Brain => (EXTEND_WORDS, 32),
            Format::Byte => (EXTEND_BYTES, 16),
            Format::SignedByte => (EXTEND_SIGNED_BYTES, 16),
        };
        self.out.vector(encoding, to, 0, from, bytes, masked);
        if self.operands[operand].format == Format::Brain {
            let (encoding, digit) = super::assemble::shift(Shift::Left, 16);
            let source = Source::Register(to);
            self.out.vector(encoding, digit, to, source, 64, Masked::default());
        }
        self.places[value.index()] = Place::Vector { register: to, pinned: false };
        Ok(())
    }

    fn store(
        &mut self,
        value: Value,
        operand: usize,
        rest: bool,
        shift: usize,
    ) -> Result<(), Full> {
        let mut temporary = 0;
        let from = self.register(value, &mut temporary)?;
        let to = self.operands[operand];
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: false };
        if to.uniform {
            let Pointer::Memory(memory) = self.pointers[operand] else { return Err(Full) };
            self.out.load(SCRATCH, memory);
            let at = Source::Whole(Memory::At(SCRATCH, 0));
            self.out.vector(STORE_ONE, from, 0, at, 4, Masked::default());
        } else {
            let at = Source::Whole(self.element(operand, shift));
            let (encoding, bytes) = match to.format {
                Format::Word if to.stream && !rest => (STREAM, 64),
                Format::Word => (STORE, 64),
                Format::Half => (NARROW, 32),
                Format::Brain => (TRUNCATE_TO_WORDS, 32),
                Format::Byte | Format::SignedByte => (TRUNCATE_TO_BYTES, 16),
            };
            self.out.vector(encoding, from, 0, at, bytes, masked);
        }
        self.release(&[value]);
        self.vectors |= temporary;
        Ok(())
    }

    fn home(&mut self, value: Value, home: Memory) -> Result<(), Full> {
        if self.graph.node(value).op.is_mask() {
            let mut temporary = 0;
            let from = self.mask_of(value, &mut temporary)?;
            self.out.store_mask(from, home);
            self.masks |= temporary;
        } else {
            let mut temporary = 0;
            let from = self.register(value, &mut temporary)?;
            let at = Source::Whole(home);
            self.out.vector(STORE_ONE, from, 0, at, 4, Masked::default());
            self.vectors |= temporary;
        }
        self.release(&[value]);
        Ok(())
    }

    fn total(&mut self, total: Value, next: Value, rest: bool) -> Result<(), Full> {
        let Place::Vector { register, .. } = self.places[total.index()] else { return Err(Full) };
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: false };
        if self.source(next) != Source::Register(register) {
            let source = self.source(next);
            match source {
                Source::Broadcast(_) => {
                    let mut temporary = 0;
                    let from = self.register(next, &mut temporary)?;
                    self.fill(register, Source::Register(from), masked);
                    self.vectors |= temporary;
                }
                source => self.fill(register, source, masked),
            }
        }
        self.release(&[next]);
        Ok(())
    }

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

/// True for the ops whose values have a place before any run starts.
pub fn is_given(op: Op) -> bool {
    matches!(
        op,
        Op::Uniform(_)
            | Op::Const(_)
            | Op::Table(_)
            | Op::Position
            | Op::Total(_)
            | Op::Folded(_)
            | Op::Side(_)
    )
}

/// Fills with the identity of a fold, or a constant.
pub fn fill(out: &mut Assembler, register: Vector, bits: u32) {
    let memory = out.constant(&[bits]);
    out.vector(BROADCAST, register, 0, Source::Whole(memory), 4, Masked::default());
}

/// The instruction that the exchange of parts or lanes takes in a join of 16 lanes.
pub fn exchange(out: &mut Assembler, to: Vector, from: Vector, step: usize) {
    let (encoding, first) = match step {
        // Lane k with lane k + 8, then k + 4: parts of 4 lanes. Then 2 and 1, inside the parts.
        0 => (shuffle_parts(0b01_00_11_10), from),
        1 => (shuffle_parts(0b10_11_00_01), from),
        2 => (shuffle_lanes(0b01_00_11_10), 0),
        _ => (shuffle_lanes(0b10_11_00_01), 0),
    };
    out.vector(encoding, to, first, Source::Register(from), 64, Masked::default());
}
