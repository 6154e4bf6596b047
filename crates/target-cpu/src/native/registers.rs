//! A straight run of code: values in order, each in a register from its making to its last use.

use super::assemble::*;
use super::code::{Arguments, SPILL_WORDS};
use super::graph::{Graph, Node, Op, Operand, Plain, Value, operands};
use std::mem::offset_of;

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
    /// A vector in memory.
    Lanes(Memory),
    /// 16 bits in memory.
    Bits(Memory),
}

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub enum Do {
    /// Compute a value.
    Compute(Value),
    /// Compute a choice together with what it chooses where its mask is true; see [`super::masked`].
    Masked(Value, Value),
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
    /// So many rows before the place in memory, whose rows are `row` bytes apart.
    Behind { at: Memory, row: Memory, rows: usize },
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
    /// Values may go to memory where registers run out.
    pub spilling: bool,
    /// How many did.
    pub spilled: usize,
    /// What the present step needs where it is.
    locked: [Value; 3],
    /// By value: the number of the step of its last use.
    pub(super) last: Vec<usize>,
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
        let (vectors, masks) = (if out.narrow { 0xffff } else { u32::MAX }, 0b0111_1110);
        let (spilling, spilled, locked, now) = (false, 0, [Value::NONE; 3], 0);
        Run {
            graph,
            places,
            out,
            operands,
            pointers,
            usual,
            vectors,
            masks,
            spilling,
            spilled,
            locked,
            last,
            now,
        }
    }

    /// The value that stands for another under the run's choice.
    pub fn resolve(graph: &Graph, usual: bool, mut value: Value) -> Value {
        while let Node { op: Op::Either, of: [_, a, b] } = graph.node(value) {
            value = if usual { a } else { b };
        }
        value
    }

    pub(super) fn resolved(&self, value: Value) -> Value {
        Self::resolve(self.graph, self.usual, value)
    }

    /// Does the steps in order for one vector, on the lanes that `rest` says (or all).
    pub fn steps(&mut self, steps: &[Do], rest: bool) -> Result<(), Full> {
        let mut places = vec![self.places.clone()];
        self.spilled = 0;
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
                Do::Masked(choice, chosen) => {
                    operands(&graph.node(chosen)).for_each(&mut used);
                    operands(&graph.node(choice)).for_each(used);
                }
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
            let needed = match *step {
                Do::Compute(value) => graph.node(value).of,
                // Its mask is no vector.
                Do::Masked(choice, chosen) => {
                    let [first, second, _] = graph.node(chosen).of;
                    [first, second, graph.node(choice).of[2]]
                }
                Do::Reload(..) => [Value::NONE; 3],
                Do::Store(value, _) | Do::Home(value, _) | Do::Total(_, value) => {
                    [value, Value::NONE, Value::NONE]
                }
            };
            self.locked = needed.map(|value| match value {
                Value::NONE => value,
                value => Self::resolve(graph, usual, value),
            });
            for (k, places) in vectors.iter_mut().enumerate() {
                std::mem::swap(&mut self.places, places);
                let shift = (first + k) * self.out.lanes();
                let done = match *step {
                    Do::Compute(value) => {
                        let becomes = becomes[value.index()].filter(|_| !rest);
                        self.compute(value, rest, shift, becomes)
                    }
                    Do::Masked(choice, chosen) => self.masked(choice, chosen),
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
            self.spill()?;
        }
        let register = self.vectors.trailing_zeros() as Vector;
        self.vectors &= !(1 << register);
        Ok(register)
    }

    /// Frees a register by writing the value that is needed the longest to memory.
    fn spill(&mut self) -> Result<(), Full> {
        let free = self.places.iter().enumerate().filter_map(|(k, place)| match *place {
            Place::Vector { register, pinned: false }
                if !self.locked.contains(&Value(k as u32)) =>
            {
                Some((k, register))
            }
            _ => None,
        });
        let longest = free.max_by_key(|&(k, _)| self.last[k]);
        let (Some((value, register)), true) = (longest, self.spilling) else { return Err(Full) };
        let bytes = self.out.width() as usize;
        if (self.spilled + 1) * bytes > SPILL_WORDS * 4 {
            return Err(Full);
        }
        let at = offset_of!(Arguments, spilled) + self.spilled * bytes;
        let memory = Memory::At(ARGUMENTS, at as i32);
        self.spilled += 1;
        let to = Source::Whole(memory);
        self.out.vector(STORE, register, 0, to, bytes as i32, Masked::default());
        self.places[value] = Place::Lanes(memory);
        self.vectors |= 1 << register;
        Ok(())
    }

    pub(super) fn mask(&mut self) -> Result<Mask, Full> {
        if self.masks == 0 {
            return Err(Full);
        }
        let register = self.masks.trailing_zeros() as Mask;
        self.masks &= !(1 << register);
        Ok(register)
    }

    /// Gives back what this step uses for the last time.
    pub(super) fn release(&mut self, of: &[Value]) {
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
    pub(super) fn dying(&self, value: Value) -> Option<Vector> {
        match self.places[value.index()] {
            Place::Vector { register, pinned: false } if self.last[value.index()] == self.now => {
                Some(register)
            }
            _ => None,
        }
    }

    /// Where an instruction finds a value as its last source.
    pub(super) fn source(&self, value: Value) -> Source {
        match self.places[self.resolved(value).index()] {
            Place::Vector { register, .. } => Source::Register(register),
            Place::Word(memory) => Source::Broadcast(memory),
            Place::Lanes(memory) => Source::Whole(memory),
            // Values come in order, so an operand has a place; and masks are never asked for here.
            place => unreachable!("a source that is {place:?}"),
        }
    }

    /// The value in a register; one that is made for this step goes into `temporary`.
    pub(super) fn register(&mut self, value: Value, temporary: &mut u32) -> Result<Vector, Full> {
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
    pub(super) fn fill(&mut self, register: Vector, source: Source, masked: Masked) {
        match source {
            Source::Broadcast(memory) => {
                self.out.vector(BROADCAST, register, 0, Source::Whole(memory), 4, masked);
            }
            source => self.out.vector(MOVE, register, 0, source, self.out.width(), masked),
        }
    }

    pub(super) fn mask_of(&mut self, value: Value, temporary: &mut u8) -> Result<Mask, Full> {
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
        let width = self.out.width();
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
                let lanes: Vec<u32> = (0..self.out.lanes()).map(|k| (k + shift) as u32).collect();
                let lanes = Source::Whole(self.out.constant(&lanes));
                let to = self.vector()?;
                let at = Source::Register(AT);
                if self.out.narrow {
                    self.out.vector(MOVE_GENERAL, to, 0, at, 4, plain);
                    self.out.vector(BROADCAST, to, 0, Source::Register(to), 4, plain);
                } else {
                    self.out.vector(BROADCAST_GENERAL, to, 0, at, width, plain);
                }
                self.out.vector(INT_ADD, to, to, lanes, width, plain);
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
                self.out.vector(encoding, to, first, last, width, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::ShiftLeft(by) | Op::ShiftRight(by) | Op::ShiftRightSigned(by) => {
                let kind = match op {
                    Op::ShiftLeft(_) => Shift::Left,
                    Op::ShiftRight(_) => Shift::Right,
                    _ => Shift::RightSigned,
                };
                // AVX2 shifts registers only.
                let source = match self.out.narrow {
                    true => Source::Register(self.register(a, &mut vectors)?),
                    false => self.source(a),
                };
                let to = finish!();
                let (encoding, digit) = super::assemble::shift(kind, by);
                self.out.vector(encoding, digit, to, source, width, plain);
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
            Op::CompareFloats(_) | Op::CompareInts(_) if self.out.narrow => {
                let encoding = match op {
                    Op::CompareFloats(predicate) => compare_floats(predicate),
                    Op::CompareInts(predicate::EQUAL) => EQUAL,
                    _ => GREATER,
                };
                let first = self.register(a, &mut vectors)?;
                let last = if a == b { Source::Register(first) } else { self.source(b) };
                let to = finish!();
                self.out.vector(encoding, to, first, last, width, plain);
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
                self.out.vector(encoding, to, first, last, width, plain);
                self.places[value.index()] = Place::Mask(to);
            }
            Op::IsSpecial => {
                let source = Source::Register(self.register(a, &mut vectors)?);
                self.release(&of);
                self.vectors |= vectors;
                let to = self.mask()?;
                self.out.vector(IS_SPECIAL, to, 0, source, width, plain);
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
            Op::Select if self.out.narrow => {
                let mask = self.register(a, &mut vectors)?;
                let source = self.source(b);
                if self.graph.node(c).op == Op::Const(0) {
                    let to = finish!();
                    self.out.vector(AND, to, mask, source, width, plain);
                    self.places[value.index()] = Place::Vector { register: to, pinned };
                    return Ok(());
                }
                let other = self.register(c, &mut vectors)?;
                let to = finish!();
                self.out.vector(blend_by(mask), to, other, source, width, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
            }
            Op::Widen if self.out.narrow => {
                let from = self.register(a, &mut vectors)?;
                // Taken while the operand is still held, so that neither is overwritten too early.
                let (upper, to) = (self.vector()?, self.vector()?);
                self.pack(to, from, upper);
                self.out.vector(WIDEN, to, 0, Source::Register(to), 16, plain);
                self.release(&of);
                self.vectors |= vectors | 1 << upper;
                self.settle(value, to, into);
            }
            Op::Narrow if self.out.narrow => {
                let from = self.register(a, &mut vectors)?;
                let to = finish!();
                self.out.vector(NARROW, from, 0, Source::Register(to), 16, plain);
                self.out.vector(EXTEND_WORDS, to, 0, Source::Register(to), 16, plain);
                self.places[value.index()] = Place::Vector { register: to, pinned };
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
            Op::CopyBits => self.copy_bits(value, of, into)?,
            Op::ScaleWhere => {
                let mask = self.mask_of(a, &mut masks)?;
                let first = self.register(b, &mut vectors)?;
                let last = self.source(c);
                let to = finish!();
                let (encoding, _) = super::assemble::plain(Plain::Scale);
                self.out.vector(encoding, to, first, last, width, Masked { mask, zero: true });
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

    /// AVX2: the low words of lanes, which are all there is of them, in the lower half of `to`.
    pub(super) fn pack(&mut self, to: Vector, from: Vector, upper: Vector) {
        let plain = Masked::default();
        self.out.vector(UPPER_HALF, from, 0, Source::Register(upper), 16, plain);
        self.out.vector(PACK_WORDS, to, from, Source::Register(upper), 16, plain);
    }

    /// Puts a value that was made in `to` where it belongs: there, or in the register of the total that it becomes.
    pub(super) fn settle(&mut self, value: Value, to: Vector, into: Option<Vector>) {
        let register = into.unwrap_or(to);
        if register != to {
            self.fill(register, Source::Register(to), Masked::default());
            self.vectors |= 1 << to;
        }
        self.places[value.index()] = Place::Vector { register, pinned: into.is_some() };
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
