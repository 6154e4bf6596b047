//! A chain in the making: what its steps read, compute and write, until one does not fit.

use super::*;
use crate::native::{Chain, Code, Op, Operand, Recorder, Sink, Value, compile};
use crate::simd::lanes::Lanes;
use crate::simd::reduce::{FIRST, LAST};
use std::sync::Arc;

/// Bytes ahead of a load from a tensor that are fetched meanwhile.
const AHEAD: i32 = 2048;
/// How a step's iteration lies in the chain's rows.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Row by row.
    Rows,
    /// All rows as one.
    Flat,
    /// One element a row, the rows as one.
    Column,
    /// One element a row.
    Singles,
}

/// A chain in the making.
pub(super) struct Builder<'a> {
    joiner: &'a Joiner<'a>,
    rows: usize,
    len: usize,
    /// Rows are parts of vectors: they lie one behind another, and are folded where they are.
    packed: bool,
    block: Option<BlockRole>,
    chain: Chain,
    spots: Vec<Spot>,
    /// Places that are read before the chain writes them, if it does.
    read: Vec<Spot>,
    /// What the chain writes: where, what, and after which value.
    written: Vec<(Spot, Value, Value, bool)>,
    lanes: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(joiner: &'a Joiner<'a>, rows: usize, len: usize, packed: bool) -> Self {
        Builder {
            joiner,
            rows,
            len,
            packed,
            block: None,
            chain: Chain::new(joiner.level),
            spots: Vec::new(),
            read: Vec::new(),
            written: Vec::new(),
            lanes: 0,
        }
    }

    /// Records steps as long as they fit; how many did.
    pub(super) fn take(&mut self, steps: &[Step]) -> usize {
        let fits = |step: &Step| match step {
            Step::Invoke(invoke) => self.step(invoke).is_ok(),
            _ => false,
        };
        steps
            .iter()
            .position({
                let mut fits = fits;
                move |step| !fits(step)
            })
            .unwrap_or(steps.len())
    }

    /// Rows and their length as the code sees them.
    fn extent(&self) -> (usize, usize) {
        if self.packed { (1, self.rows * self.len) } else { (self.rows, self.len) }
    }

    fn form(&self, invoke: &Invoke) -> Result<Form, Refused> {
        let (rows, len) = (invoke.call.rows, invoke.call.len);
        let fixed = invoke.block == BlockRole::Fixed;
        if self.packed && !fixed {
            return Err(Refused);
        }
        if (rows, len) == (self.rows, self.len) {
            return Ok(Form::Rows);
        }
        match (rows, len) {
            _ if !fixed => Err(Refused),
            (1, len) if self.rows > 1 && len == self.rows * self.len => Ok(Form::Flat),
            (rows, 1) if rows == self.rows => Ok(Form::Singles),
            (1, len) if len == self.rows => Ok(Form::Column),
            _ => Err(Refused),
        }
    }

    /// The place of an operand: `row` bytes from row to row of its step, `apart` from element to element.
    fn spot(
        &self,
        form: Form,
        address: Address,
        row: isize,
        uniform: bool,
        apart: isize,
        format: Format,
    ) -> Result<Spot, Refused> {
        let (uniform, row) = match (form, uniform) {
            (Form::Rows, uniform) => (uniform, row),
            (Form::Flat, true) => (true, 0),
            (Form::Flat, false) => (false, self.len as isize * apart),
            (Form::Column, true) => (true, 0),
            (Form::Column, false) => (true, apart),
            (Form::Singles, _) => (true, row),
        };
        if uniform && format != Format::Word || !uniform && apart != format.size() as isize {
            return Err(Refused);
        }
        let row = if self.rows == 1 { 0 } else { row };
        if self.packed && !uniform {
            let behind = row == self.len as isize * apart;
            return behind.then_some(Spot { address, row: 0, uniform, format }).ok_or(Refused);
        }
        Ok(Spot { address, row, uniform, format })
    }

    fn recorder(&self) -> Recorder<'_> {
        self.chain.recorder()
    }

    /// The number of a place among the operands.
    fn operand(&mut self, spot: Spot) -> usize {
        if let Some(found) = self.spots.iter().position(|other| *other == spot) {
            return found;
        }
        let tensor = matches!(self.joiner.region(spot.address), Region::Param(_))
            || self.joiner.is_window(spot.address);
        let ahead = if tensor && !spot.uniform { AHEAD } else { 0 };
        let (rows, len) = self.extent();
        let apart = if ahead != 0 { self.joiner.apart(spot, len) } else { 0 };
        let Spot { uniform, format, .. } = spot;
        let next = if ahead != 0 { self.joiner.next(spot, rows) } else { 0 };
        let operand = Operand { uniform, format, ahead, apart, next, joined: 1, stream: false };
        self.chain.operands.push(operand);
        self.spots.push(spot);
        self.spots.len() - 1
    }

    fn read(&mut self, spot: Spot) -> Result<Value, Refused> {
        if spot.address == NOWHERE {
            return Err(Refused);
        }
        for (other, value, ..) in &self.written {
            if *other == spot && spot.format == Format::Word {
                return Ok(*value);
            }
            if self.joiner.meet(other.address, spot.address) {
                return Err(Refused);
            }
        }
        let key = (spot.address.register, spot.address.offset);
        if let (true, 0, Some(&bits)) = (spot.uniform, spot.row, self.joiner.words.get(&key)) {
            return Ok(self.recorder().i(bits));
        }
        if let Some(&(len, first)) = self.joiner.counts.get(&key)
            && (spot.uniform, spot.row, spot.format) == (false, 0, Format::Word)
            && len == self.len
            && self.block == Some(BlockRole::Fixed)
            && !self.packed
        {
            let s = self.recorder();
            // Rows that are folded are never cut.
            let index = match self.chain.has_folds() {
                true => s.leaf(Op::Index),
                false => s.iadd(s.leaf(Op::Index), s.leaf(Op::Position)),
            };
            return Ok(if first == 0 { index } else { s.iadd(index, s.i(first)) });
        }
        // A value a row would have to be spread over its part of a vector.
        if self.packed && spot.uniform && spot.row != 0 {
            return Err(Refused);
        }
        if !self.read.contains(&spot) {
            self.read.push(spot);
        }
        let operand = self.operand(spot);
        let op = if spot.uniform { Op::Uniform(operand) } else { Op::Load(operand) };
        Ok(self.recorder().leaf(op))
    }

    /// Checks that a place may be written.
    fn writable(&self, spot: Spot) -> Result<(), Refused> {
        if spot.row == 0 && self.rows > 1 && (spot.uniform || !self.packed) {
            return Err(Refused);
        }
        let read = self.read.iter();
        let others = read.chain(self.written.iter().map(|(other, ..)| other));
        for other in others {
            if *other != spot && self.joiner.meet(other.address, spot.address) {
                return Err(Refused);
            }
        }
        Ok(())
    }

    fn write(&mut self, spot: Spot, value: Value, stream: bool) {
        self.written.retain(|(other, ..)| *other != spot);
        let after = self.chain.latest().unwrap_or(value);
        self.written.push((spot, value, after, stream));
    }

    /// Records one step.
    fn step(&mut self, invoke: &Invoke) -> Result<(), Refused> {
        let call = &invoke.call;
        let form = self.form(invoke)?;
        let wide = matches!(form, Form::Rows | Form::Flat);
        let block = match invoke.block {
            BlockRole::Counting => BlockRole::Plain,
            BlockRole::Stateful => return Err(Refused),
            block => block,
        };
        if wide && self.block.is_some_and(|own| own != block) {
            return Err(Refused);
        }
        let place = |this: &Self, operand: usize, uniform: bool, apart: isize, format: Format| {
            let row = call.inputs[operand].row;
            this.spot(form, invoke.inputs[operand], row, uniform, apart, format)
        };
        let out = |this: &Self, apart: isize, format: Format| {
            this.spot(form, invoke.out, call.out.row, false, apart, format)
        };
        match invoke.primitive.meaning {
            Meaning::Opaque => return Err(Refused),
            Meaning::Map { record, operands, uniform } => {
                let to = out(self, 4, Format::Word)?;
                let mut values = [Value::NONE; 3];
                for k in 0..operands {
                    let from = place(self, k, uniform >> k & 1 == 1, 4, Format::Word)?;
                    values[k] = self.read(from)?;
                }
                self.writable(to)?;
                let value = record(self.recorder(), values);
                self.write(to, value, call.stream);
            }
            Meaning::Load(dtype) => {
                let to = out(self, 4, Format::Word)?;
                let from = place(self, 0, false, call.extra[0] as isize, format(dtype))?;
                let mut value = self.read(from)?;
                self.writable(to)?;
                if dtype == DType::Bool {
                    let s = self.recorder();
                    value = s.one_if(s.truth(value));
                }
                self.write(to, value, false);
            }
            Meaning::Store(dtype) => {
                let to = out(self, call.extra[0] as isize, format(dtype))?;
                let from = place(self, 0, false, 4, Format::Word)?;
                let value = self.read(from)?;
                self.writable(to)?;
                let value = self.recorder().stored(value, dtype);
                self.write(to, value, call.stream);
            }
            Meaning::Iota => {
                let to = out(self, 4, Format::Word)?;
                if !wide || form == Form::Flat || self.packed || call.extra[1] != 0 && self.rows > 1
                {
                    return Err(Refused);
                }
                self.writable(to)?;
                let s = self.recorder();
                let start = s.iadd(s.leaf(Op::Position), s.i(call.extra[0] as u32));
                let value = s.iadd(s.leaf(Op::Index), start);
                self.write(to, value, call.stream);
            }
            Meaning::Fold(folding) => {
                let whole = call.extra[0] == FIRST | LAST;
                if form != Form::Rows || !whole {
                    return Err(Refused);
                }
                let to = Spot {
                    address: invoke.out,
                    row: if self.rows == 1 { 0 } else { call.out.row },
                    uniform: true,
                    format: Format::Word,
                };
                let from = place(self, 0, false, 4, Format::Word)?;
                let x = self.read(from)?;
                let mut y = x;
                if folding.pair {
                    let from = place(self, 1, false, 4, Format::Word)?;
                    y = self.read(from)?;
                }
                self.writable(to)?;
                let value = match self.packed {
                    true => self.recorder().folded_apart(folding, x, y, self.len),
                    false => self.recorder().folded(folding, x, y),
                };
                self.write(to, value, false);
            }
        }
        if wide {
            self.block = Some(block);
        }
        self.lanes += call.rows * call.len;
        Ok(())
    }

    /// Finds pairs of operands that are the halves of one row, so that they are fetched as one.
    fn join_halves(&mut self) {
        let place = |spot: &Spot| {
            let register = self.joiner.registers.get(spot.address.register as usize)?;
            let at = register.offset.wrapping_add(spot.address.offset);
            register.param.map(|param| (param, register.grid, register.advance, spot.row, at))
        };
        let halves = |first: usize, second: usize| {
            let (a, b) = (place(&self.spots[first])?, place(&self.spots[second])?);
            let [a_fetched, b_fetched] = [first, second].map(|k| self.chain.operands[k]);
            let bytes = self.extent().1 * a_fetched.format.size();
            let together = (a.0, a.1, a.2, a.3) == (b.0, b.1, b.2, b.3)
                && b.4.wrapping_sub(a.4) == bytes as isize
                && a_fetched.format == b_fetched.format
                && [a_fetched.apart, b_fetched.apart]
                    .iter()
                    .all(|&apart| apart as usize == 2 * bytes);
            Some(together)
        };
        let count = self.spots.len();
        let pairs = (0..count).flat_map(|first| (0..count).map(move |second| (first, second)));
        let found = pairs.filter(|&(first, second)| halves(first, second) == Some(true));
        for (first, second) in found.collect::<Vec<_>>() {
            self.chain.operands[first].joined = 2;
            self.chain.operands[second].joined = 0;
        }
    }

    /// The step that stands for `steps`, all of them recorded, and where it keeps what only a row itself needs; `None`
    /// when there is no code for it.
    pub(super) fn finish(mut self, steps: &mut [Step]) -> Option<(Native, Vec<Address>)> {
        let mut own: HashMap<usize, usize> = HashMap::default();
        let names = steps.iter().filter_map(|step| match step {
            Step::Invoke(invoke) => Some(invoke.name),
            _ => None,
        });
        let names = names.collect();
        for step in steps {
            step.addresses(|address| {
                if let Some(slot) = Slots::of(*address) {
                    *own.entry(slot).or_default() += 1;
                }
            });
        }
        let folds = self.chain.has_folds();
        for (spot, value, after, stream) in std::mem::take(&mut self.written) {
            let mut needed = true;
            if spot.address.register == FRAME {
                let slot = slot(spot.address);
                let others = self.joiner.visits.get(&slot) != own.get(&slot);
                let before = self.read.iter().any(|read| Slots::share(read.address, spot.address));
                needed = others || before;
            }
            if needed {
                if self.packed && spot.uniform {
                    return None;
                }
                let operand = self.operand(spot);
                let wide = spot.format.size() > 1;
                let stream = stream && wide && !spot.uniform;
                self.chain.operands[operand].stream |= stream;
                self.chain.sinks.push(Sink { operand, value, after });
            } else if folds && !spot.uniform {
                // What only a row itself needs lies in one place for all rows, which stays in the first cache.
                let operand = self.operand(spot);
                self.spots[operand].row = 0;
                self.chain.spots.insert(value, operand);
            }
        }
        self.join_halves();
        let (rows, len) = self.extent();
        (self.chain.rows, self.chain.len) = (rows, len);
        for operand in self.chain.operands.iter_mut().filter(|operand| operand.joined == 1) {
            // A short row is over before a line of the next one arrives.
            let row = (len * operand.format.size()).max(1);
            let turns = (AHEAD as usize / row).clamp(1, (rows / 4).max(1)) as i32;
            operand.apart = operand.apart.saturating_mul(turns);
        }
        let streams = self.chain.operands.iter().any(|operand| operand.stream);
        let streaming =
            if streams { Some(Arc::new(Code::new(&compile(&self.chain)?.code)?)) } else { None };
        let streamed = self.chain.operands.iter().map(|operand| operand.stream).collect();
        for operand in &mut self.chain.operands {
            operand.stream = false;
        }
        let compiled = compile(&self.chain)?;
        let code = Arc::new(Code::new(&compiled.code)?);
        // Places that nothing is kept in after all take up no room.
        for (spot, needed) in self.spots.iter_mut().zip(compiled.needed) {
            if !needed {
                spot.address = NOWHERE;
            }
        }
        let kept = self.chain.spots.values().map(|&operand| self.spots[operand].address).collect();
        let loaded = self.spots.iter().map(|spot| !spot.uniform && self.read.contains(spot));
        let step = |spot: &Spot| if spot.uniform { 0 } else { spot.format.size() };
        let steps = match folds || self.packed {
            true => Vec::new(),
            false => self.spots.iter().map(step).collect(),
        };
        let native = Native {
            code,
            streaming,
            streamed,
            rows,
            len,
            block: self.block.unwrap_or(BlockRole::Fixed),
            operands: self.spots.iter().map(|spot| (spot.address, spot.row)).collect(),
            loaded: loaded.collect(),
            steps,
            staggered: compiled.staggered,
            lanes: self.lanes,
            names,
        };
        Some((native, kept))
    }
}

fn format(dtype: DType) -> Format {
    match dtype {
        DType::F16 => Format::Half,
        DType::BF16 => Format::Brain,
        DType::U8 | DType::Bool => Format::Byte,
        DType::I8 => Format::SignedByte,
        _ => Format::Word,
    }
}
