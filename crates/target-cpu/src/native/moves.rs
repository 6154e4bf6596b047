//! Between memory and registers: elements of every format, whole vectors and the rest of a row.
//!
//! AVX-512 leaves lanes out by a mask. AVX2 copies what remains of a row to a place of its own, element by element, and
//! takes the vector from there.

use super::assemble::*;
use super::graph::{Format, Operand, Value};
use super::registers::{Full, Place, Pointer, REST, Run};

impl Run<'_> {
    /// A register that holds where an operand's row starts.
    fn base(&mut self, operand: usize) -> General {
        match self.pointers[operand] {
            Pointer::Register(register) => return register,
            Pointer::Memory(at) => self.out.load(SCRATCH, at),
            Pointer::Behind { at, row, rows } => {
                self.out.load(SCRATCH, at);
                (0..rows).for_each(|_| self.out.subtract(SCRATCH, row));
            }
        }
        SCRATCH
    }

    /// The address of an operand's elements, `shift` past the counter.
    fn element(&mut self, operand: usize, shift: usize) -> Memory {
        let base = self.base(operand);
        let size = self.operands[operand].format.size();
        Memory::Element { base, size, offset: (shift * size) as i32 }
    }

    pub(super) fn load(
        &mut self,
        value: Value,
        operand: usize,
        rest: bool,
        shift: usize,
    ) -> Result<(), Full> {
        let to = self.vector()?;
        let from = self.element(operand, shift);
        let format = self.operands[operand].format;
        if rest && self.out.narrow {
            let part = self.out.jump_if_part();
            self.load_from(to, from, format, false);
            let end = self.out.jump(When::Always);
            self.out.land(part);
            self.out.copy_part(from, format.size(), false);
            let from = self.out.rest();
            self.load_from(to, from, format, false);
            self.out.land(end);
        } else {
            self.load_from(to, from, format, rest);
        }
        self.places[value.index()] = Place::Vector { register: to, pinned: false };
        Ok(())
    }

    fn load_from(&mut self, to: Vector, from: Memory, format: Format, rest: bool) {
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: rest };
        let width = self.out.width();
        let (encoding, bytes) = match format {
            Format::Word => (MOVE, width),
            Format::Half => (WIDEN, width / 2),
            Format::Brain => (EXTEND_WORDS, width / 2),
            Format::Byte => (EXTEND_BYTES, width / 4),
            Format::SignedByte => (EXTEND_SIGNED_BYTES, width / 4),
        };
        self.out.vector(encoding, to, 0, Source::Whole(from), bytes, masked);
        if format == Format::Brain {
            let (encoding, digit) = super::assemble::shift(Shift::Left, 16);
            let source = Source::Register(to);
            self.out.vector(encoding, digit, to, source, width, Masked::default());
        }
    }

    pub(super) fn store(
        &mut self,
        value: Value,
        operand: usize,
        rest: bool,
        shift: usize,
    ) -> Result<(), Full> {
        let mut temporary = 0;
        let from = self.register(value, &mut temporary)?;
        let to = self.operands[operand];
        if to.uniform {
            let at = Source::Whole(Memory::At(self.base(operand), 0));
            self.out.vector(STORE_ONE, from, 0, at, 4, Masked::default());
        } else {
            let at = self.element(operand, shift);
            if rest && self.out.narrow {
                let part = self.out.jump_if_part();
                self.store_to(at, from, Operand { stream: false, ..to }, false)?;
                let end = self.out.jump(When::Always);
                self.out.land(part);
                let room = self.out.rest();
                self.store_to(room, from, Operand { stream: false, ..to }, false)?;
                self.out.copy_part(at, to.format.size(), true);
                self.out.land(end);
            } else {
                self.store_to(at, from, to, rest)?;
            }
        }
        self.release(&[value]);
        self.vectors |= temporary;
        Ok(())
    }

    fn store_to(&mut self, at: Memory, from: Vector, to: Operand, rest: bool) -> Result<(), Full> {
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: false };
        let width = self.out.width();
        let (encoding, bytes) = match to.format {
            Format::Word if to.stream && !rest => (STREAM, width),
            Format::Word => (STORE, width),
            Format::Half | Format::Brain if to.stream && !rest => {
                return self.stream_half(at, from, to.format);
            }
            Format::Half => (NARROW, width / 2),
            _ if self.out.narrow => {
                let packed = self.packed(from, to.format)?;
                let (encoding, bytes) = match to.format {
                    Format::Brain => (STORE_HALF, 16),
                    _ => (STORE_QUARTER, 8),
                };
                let at = Source::Whole(at);
                self.out.vector(encoding, packed, 0, at, bytes, Masked::default());
                self.vectors |= 1 << packed;
                return Ok(());
            }
            Format::Brain if self.graph.brain => return self.store_brain(at, from, false, rest),
            Format::Brain => (TRUNCATE_TO_WORDS, width / 2),
            Format::Byte | Format::SignedByte => (TRUNCATE_TO_BYTES, width / 4),
        };
        self.out.vector(encoding, from, 0, Source::Whole(at), bytes, masked);
        Ok(())
    }

    /// Elements of 16 bits past the caches.
    fn stream_half(&mut self, at: Memory, from: Vector, format: Format) -> Result<(), Full> {
        let (plain, width) = (Masked::default(), self.out.width());
        let to = match format {
            Format::Brain if self.graph.brain => return self.store_brain(at, from, true, false),
            Format::Brain if self.out.narrow => self.packed(from, format)?,
            _ => {
                let to = self.vector()?;
                let encoding = if format == Format::Half { NARROW } else { TRUNCATE_TO_WORDS };
                self.out.vector(encoding, from, 0, Source::Register(to), width / 2, plain);
                to
            }
        };
        self.out.vector(STREAM_HALF, to, 0, Source::Whole(at), width / 2, plain);
        self.vectors |= 1 << to;
        Ok(())
    }

    /// AVX512-BF16: lanes to memory, rounded.
    fn store_brain(
        &mut self,
        at: Memory,
        from: Vector,
        stream: bool,
        rest: bool,
    ) -> Result<(), Full> {
        let (plain, part) = (Masked::default(), Masked { mask: REST, zero: false });
        let masked = if rest { part } else { plain };
        let (to, denormal) = (self.vector()?, self.mask()?);
        let source = Source::Register(from);
        self.out.vector(TO_BRAIN, to, 0, source, 64, plain);
        match rest {
            true => self.out.vector(STORE_WORDS, to, 0, Source::Whole(at), 64, part),
            false => {
                let encoding = if stream { STREAM_HALF } else { STORE_LOWER };
                self.out.vector(encoding, to, 0, Source::Whole(at), 32, plain);
            }
        }
        // The instruction takes denormals for zeros. Those that there are go over them, by integers.
        self.out.vector(IS_DENORMAL, denormal, 0, source, 64, masked);
        self.out.mask_all(denormal);
        let end = self.out.jump(When::Equal);
        let shifted = |run: &mut Self, source: Source| {
            let (encoding, digit) = super::assemble::shift(Shift::Right, 16);
            run.out.vector(encoding, digit, to, source, 64, plain);
        };
        let [one, half] = [1, 0x7fff].map(|bits| Source::Broadcast(self.out.constant(&[bits])));
        shifted(self, source);
        self.out.vector(AND, to, to, one, 64, plain);
        self.out.vector(INT_ADD, to, to, half, 64, plain);
        self.out.vector(INT_ADD, to, to, source, 64, plain);
        shifted(self, Source::Register(to));
        let masked = Masked { mask: denormal, zero: false };
        self.out.vector(TRUNCATE_TO_WORDS, to, 0, Source::Whole(at), 32, masked);
        self.out.land(end);
        self.vectors |= 1 << to;
        self.masks |= 1 << denormal;
        Ok(())
    }

    /// AVX2: the low words or bytes of lanes, side by side in a register of their own.
    fn packed(&mut self, from: Vector, format: Format) -> Result<Vector, Full> {
        let plain = Masked::default();
        let (upper, packed) = (self.vector()?, self.vector()?);
        let bits = if format == Format::Brain { 0xffff } else { 0xff };
        // Packing caps what is too large rather than cut it.
        let cut = self.out.constant(&[bits; 8]);
        self.out.vector(AND, packed, from, Source::Whole(cut), 32, plain);
        self.pack(packed, packed, upper);
        if format != Format::Brain {
            self.out.vector(PACK_BYTES, packed, packed, Source::Register(packed), 16, plain);
        }
        self.vectors |= 1 << upper;
        Ok(packed)
    }

    pub(super) fn home(&mut self, value: Value, home: Memory) -> Result<(), Full> {
        if self.graph.is_mask(value) {
            let mut temporary = 0;
            let from = self.mask_of(value, &mut temporary)?;
            self.out.store_mask(from, home);
            self.masks |= temporary;
        } else {
            let mut temporary = 0;
            let from = self.register(value, &mut temporary)?;
            let at = Source::Whole(home);
            let encoding = if self.out.narrow { STORE } else { STORE_ONE };
            self.out.vector(encoding, from, 0, at, 4, Masked::default());
            self.vectors |= temporary;
        }
        self.release(&[value]);
        Ok(())
    }

    pub(super) fn total(&mut self, total: Value, next: Value, rest: bool) -> Result<(), Full> {
        let Place::Vector { register, .. } = self.places[total.index()] else { return Err(Full) };
        let masked = Masked { mask: if rest { REST } else { 0 }, zero: false };
        if self.source(next) != Source::Register(register) {
            let source = self.source(next);
            match source {
                source if rest && self.out.narrow => {
                    let plain = Masked::default();
                    let mask = self.vector()?;
                    self.out.remaining(mask);
                    self.out.vector(BROADCAST, mask, 0, Source::Register(mask), 4, plain);
                    let lanes = self.out.constant(&std::array::from_fn::<u32, 8, _>(|k| k as u32));
                    self.out.vector(GREATER, mask, mask, Source::Whole(lanes), 32, plain);
                    self.out.vector(blend_by(mask), register, register, source, 32, plain);
                    self.vectors |= 1 << mask;
                }
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
}
