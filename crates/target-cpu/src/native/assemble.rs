//! The few instructions that native code consists of, as bytes.
//!
//! Vector instructions are EVEX-encoded with 512 bits for AVX-512 and VEX-encoded with 256 bits for AVX2; see Intel's
//! manual, volume 2, chapter 2. Most have the same opcode in both.

use super::code::Arguments;
pub use super::encoding::*;
use crate::simd::LANES;
use std::mem::offset_of;

/// A vector register, 0 to 31 (15 in AVX2).
pub type Vector = u8;
/// A mask register, 0 to 7.
pub type Mask = u8;
/// A general register, 0 to 15.
pub type General = u8;

/// Where the arguments are: rdi.
pub const ARGUMENTS: General = 7;
/// The scratch register: rax.
pub const SCRATCH: General = 0;
/// The element that the loop is at: rcx.
pub const AT: General = 1;
/// Elements of the row: rdx.
pub const LENGTH: General = 2;
/// Holds operands' rows; the last six are the caller's (rbx, rbp, r12 to r15).
pub const POINTERS: [General; 11] = [6, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15];
/// How many of [`POINTERS`] need no saving.
pub const UNSAVED: usize = 5;
/// In AVX2, holds the address of a row's rest; not among the pointers there.
pub const PART: General = 14;
/// In AVX2, counts the elements of a row's rest; not among the pointers there.
pub const COUNT: General = 15;

/// Where an instruction's last source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a register.
    Register(Vector),
    /// One 32-bit element for all lanes.
    Broadcast(Memory),
    /// 16 lanes.
    Whole(Memory),
}

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// So many bytes past a register.
    At(General, i32),
    /// A register, an element number times a size, and a displacement.
    Element { base: General, size: usize, offset: i32 },
    /// Bytes past the start of the constants, which follow the code.
    Constant(usize),
}

/// A jump whose target is not yet known.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Jump(usize);

/// What for a line is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// To be read soon: into the first cache.
    First,
    /// To be read later: into the second. What is on its way to the first one takes up one of few places there, which loads
    /// then wait for. (Zen 4: a swish-gated unit that asks for the next row takes 4.5 ms instead of 5.2, the gradient of a
    /// layer's norm 6.0 instead of 7.7.)
    Second,
    /// To be read and written soon: into the first cache, and out of all others. A line that was only read has to be asked for
    /// again to be written. (Emerald Rapids: a step of AdamW in C 9.8 ms instead of 11.5.)
    ToWrite,
}

/// When to jump.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Always.
    Always,
    /// Unsigned less.
    Below = 0x82,
    /// Unsigned greater or equal (and: the carry flag is clear).
    NotBelow = 0x83,
    /// Equal, zero.
    Equal = 0x84,
    /// Not equal, not zero.
    NotEqual = 0x85,
    /// Signed less.
    Less = 0x8c,
}

/// Options of a vector instruction: a mask register, and zeros where it is false.
#[derive(Clone, Copy, Debug, Default)]
pub struct Masked {
    /// The register; 0 for none.
    pub mask: Mask,
    /// Zeros rather than what was there.
    pub zero: bool,
}

/// Bytes of code and the constants behind them.
#[derive(Debug, Default)]
pub struct Assembler {
    /// For AVX2.
    pub narrow: bool,
    code: Vec<u8>,
    constants: Vec<u8>,
    /// Displacements that refer to constants: where, and the end of the instruction.
    references: Vec<(usize, usize, usize)>,
}

/// The alignment of constants that are whole vectors.
const LINE: usize = 64;

impl Assembler {
    /// Nothing yet, for AVX2 or AVX-512.
    pub fn new(narrow: bool) -> Self {
        Assembler { narrow, ..Assembler::default() }
    }

    /// Lanes of a vector.
    pub fn lanes(&self) -> usize {
        if self.narrow { LANES / 2 } else { LANES }
    }

    /// Vector registers that there are.
    pub fn vectors(&self) -> usize {
        if self.narrow { 16 } else { 32 }
    }

    /// Bytes of a vector.
    pub fn width(&self) -> i32 {
        4 * self.lanes() as i32
    }

    /// The finished bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let start = self.code.len().next_multiple_of(LINE);
        self.code.resize(start, 0xcc);
        for &(at, end, constant) in &self.references {
            let distance = (start + constant) as i64 - end as i64;
            self.code[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        self.code.extend(&self.constants);
        self.code
    }

    /// A place among the constants for these words, shared with equal ones.
    pub fn constant(&mut self, words: &[u32]) -> Memory {
        let bytes = || words.iter().flat_map(|word| word.to_le_bytes());
        let step = size_of_val(words);
        let known = self.constants.chunks_exact(step);
        let found = known.map(|known| known.iter().copied()).position(|known| known.eq(bytes()));
        Memory::Constant(found.map_or_else(
            || {
                let at = self.constants.len().next_multiple_of(step);
                self.constants.resize(at, 0);
                self.constants.extend(bytes());
                at
            },
            |number| number * step,
        ))
    }

    fn byte(&mut self, byte: u8) {
        self.code.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.code.extend(bytes);
    }

    /// The address part of an instruction whose other operand is register `reg` (its low bits). Displacements that are
    /// multiples of `scale` take one byte where they fit. `after` bytes of the instruction follow.
    fn address(&mut self, reg: u8, memory: Memory, scale: i32, after: usize) {
        let reg = (reg & 7) << 3;
        let (base, index, offset) = match memory {
            Memory::Constant(at) => {
                self.byte(reg | 0b101);
                let here = self.code.len();
                self.bytes(&[0; 4]);
                self.references.push((here, here + 4 + after, at));
                return;
            }
            Memory::At(base, offset) => (base, None, offset),
            Memory::Element { base, size, offset } => (base, Some(size), offset),
        };
        let short = offset % scale == 0 && (-128..128).contains(&(offset / scale));
        // rbp and r13 as a base need a displacement.
        let mode = match (offset, short) {
            (0, _) if base & 7 != 5 => 0,
            (_, true) => 0b0100_0000,
            _ => 0b1000_0000,
        };
        match index {
            None if base & 7 != 4 => self.byte(mode | reg | base & 7),
            None => self.bytes(&[mode | reg | 0b100, 0x24]),
            Some(size) => {
                let log = size.trailing_zeros() as u8;
                self.bytes(&[mode | reg | 0b100, log << 6 | AT << 3 | base & 7]);
            }
        }
        match mode {
            0 => {}
            0b0100_0000 => self.byte((offset / scale) as u8),
            _ => self.bytes(&offset.to_le_bytes()),
        }
    }

    /// A vector instruction: `reg` and `last` are its ModRM operands, `second` the other source or 0. `bytes` is how
    /// much memory it touches when its operand lies there whole.
    pub fn vector(
        &mut self,
        encoding: Encoding,
        reg: u8,
        second: u8,
        last: Source,
        bytes: i32,
        masked: Masked,
    ) {
        if self.narrow {
            return self.vex(encoding, reg, second, last);
        }
        let (high, scale, broadcast) = match last {
            Source::Register(r) => ((r >> 4 & 1, r >> 3 & 1), 1, false),
            Source::Broadcast(memory) => ((0, base_of(memory) >> 3 & 1), 4, true),
            Source::Whole(memory) => ((0, base_of(memory) >> 3 & 1), bytes, false),
        };
        let not = |bit: u8, at: u8| (bit & 1 ^ 1) << at;
        self.bytes(&[
            0x62,
            not(reg >> 3, 7) | not(high.0, 6) | not(high.1, 5) | not(reg >> 4, 4) | encoding.map,
            (encoding.wide as u8) << 7 | (!second & 15) << 3 | 4 | encoding.prefix,
            (masked.zero as u8) << 7
                | (2 - encoding.short as u8) << 5
                | (broadcast as u8) << 4
                | not(second >> 4, 3)
                | masked.mask,
            encoding.opcode,
        ]);
        match last {
            Source::Register(r) => self.byte(0xc0 | (reg & 7) << 3 | r & 7),
            Source::Broadcast(memory) | Source::Whole(memory) => {
                self.address(reg, memory, scale, encoding.immediate.is_some() as usize);
            }
        }
        if let Some(immediate) = encoding.immediate {
            self.byte(immediate);
        }
    }

    /// The same in AVX2, where operands in memory are whole and nothing is masked.
    fn vex(&mut self, encoding: Encoding, reg: u8, second: u8, last: Source) {
        let high = match last {
            Source::Register(r) => r >> 3,
            Source::Broadcast(memory) | Source::Whole(memory) => base_of(memory) >> 3,
        };
        self.bytes(&[
            0xc4,
            ((reg >> 3 & 1) ^ 1) << 7 | 1 << 6 | ((high & 1) ^ 1) << 5 | encoding.map,
            (encoding.wide as u8) << 7
                | (!second & 15) << 3
                | (!encoding.short as u8) << 2
                | encoding.prefix,
            encoding.opcode,
        ]);
        match last {
            Source::Register(r) => self.byte(0xc0 | (reg & 7) << 3 | r & 7),
            Source::Broadcast(memory) | Source::Whole(memory) => {
                self.address(reg, memory, 1, encoding.immediate.is_some() as usize);
            }
        }
        if let Some(immediate) = encoding.immediate {
            self.byte(immediate);
        }
    }

    /// AVX2: goes on at the jump where fewer elements than a vector remain of the row.
    pub fn jump_if_part(&mut self) -> Jump {
        self.bytes(&[0x41, 0x89, 0xc0 | LENGTH << 3 | COUNT & 7]); // mov r15d, edx
        self.bytes(&[0x41, 0x29, 0xc0 | AT << 3 | COUNT & 7]); // sub r15d, ecx
        self.bytes(&[0x41, 0x83, 0xf8 | COUNT & 7, self.lanes() as u8]); // cmp r15d, 8
        self.jump(When::Below)
    }

    /// AVX2, after [`jump_if_part`](Self::jump_if_part): copies what remains of a row of elements of `size` bytes from
    /// its place to [`rest`](Self::rest), or back.
    pub fn copy_part(&mut self, at: Memory, size: usize, back: bool) {
        self.wide_general(0x8d, PART, at); // lea r14, [at]
        let Memory::At(arguments, rest) = self.rest() else { return };
        let scale = (size.trailing_zeros() as u8) << 6 | (COUNT & 7) << 3;
        let again = self.here();
        for store in [false, true] {
            if size == 2 {
                self.byte(0x66);
            }
            let opcode = (if store { 0x88 } else { 0x8a }) | (size > 1) as u8;
            if store == back {
                // [r14 + r15 * size - size]
                let less = (size as u8).wrapping_neg();
                self.bytes(&[0x43, opcode, 0x44 | SCRATCH << 3, scale | PART & 7, less]);
            } else {
                // [rdi + r15 * size + rest - size]
                self.bytes(&[0x42, opcode, 0x84 | SCRATCH << 3, scale | arguments]);
                self.bytes(&(rest - size as i32).to_le_bytes());
            }
        }
        self.bytes(&[0x41, 0xff, 0xc8 | COUNT & 7]); // dec r15d
        self.back(When::NotEqual, again);
    }

    /// AVX2: where [`copy_part`](Self::copy_part) copies to.
    pub fn rest(&self) -> Memory {
        Memory::At(ARGUMENTS, offset_of!(Arguments, rest) as i32)
    }

    /// AVX2: the elements that remain of the row, as a number in lane 0.
    pub fn remaining(&mut self, to: Vector) {
        self.bytes(&[0x89, 0xc0 | LENGTH << 3 | SCRATCH]); // mov eax, edx
        self.bytes(&[0x29, 0xc0 | AT << 3 | SCRATCH]); // sub eax, ecx
        self.vector(MOVE_GENERAL, to, 0, Source::Register(SCRATCH), 4, Masked::default());
    }

    /// An instruction on mask registers: `knotw`, `kandw`, `korw` by opcode.
    fn masks(&mut self, opcode: u8, to: Mask, a: Mask, b: Mask, two: bool) {
        self.bytes(&[0xc5, 0x80 | (!a & 15) << 3 | (two as u8) << 2, opcode, 0xc0 | to << 3 | b]);
    }

    /// to = a & b
    pub fn mask_and(&mut self, to: Mask, a: Mask, b: Mask) {
        self.masks(0x41, to, a, b, true);
    }

    /// to = a | b
    pub fn mask_or(&mut self, to: Mask, a: Mask, b: Mask) {
        self.masks(0x45, to, a, b, true);
    }

    /// to = !a
    pub fn mask_not(&mut self, to: Mask, a: Mask) {
        self.masks(0x44, to, 0, a, false);
    }

    /// Sets the carry flag where the mask holds in all lanes, the zero flag where it does in none.
    pub fn mask_all(&mut self, a: Mask) {
        self.masks(0x98, a, 0, a, false);
    }

    /// A mask from memory.
    pub fn load_mask(&mut self, to: Mask, from: Memory) {
        self.bytes(&[0xc5, 0xf8, 0x90]);
        self.address(to, from, 1, 0);
    }

    /// A mask to memory.
    pub fn store_mask(&mut self, from: Mask, to: Memory) {
        self.bytes(&[0xc5, 0xf8, 0x91]);
        self.address(from, to, 1, 0);
    }

    /// A mask of the first lanes: as many as remain of the row, which are fewer than 64.
    pub fn mask_of_rest(&mut self, to: Mask) {
        let Memory::Constant(ones) = self.constant(&[u32::MAX]) else { return };
        self.bytes(&[0x89, 0xc0 | LENGTH << 3 | SCRATCH]); // mov eax, edx
        self.bytes(&[0x29, 0xc0 | AT << 3 | SCRATCH]); // sub eax, ecx
        self.bytes(&[0xc4, 0xe2, 0x78, 0xf5]); // bzhi eax, [ones], eax
        self.address(SCRATCH, Memory::Constant(ones), 1, 0);
        self.bytes(&[0xc5, 0xf8, 0x92, 0xc0 | to << 3 | SCRATCH]); // kmovw to, eax
    }

    fn wide_general(&mut self, opcode: u8, reg: General, memory: Memory) {
        let base = base_of(memory);
        self.bytes(&[0x48 | (reg >> 3) << 2 | base >> 3, opcode]);
        self.address(reg, memory, 1, 0);
    }

    /// A general register from memory.
    pub fn load(&mut self, to: General, from: Memory) {
        self.wide_general(0x8b, to, from);
    }

    /// A general register to memory.
    pub fn store(&mut self, from: General, to: Memory) {
        self.wide_general(0x89, from, to);
    }

    /// Adds a general register to memory.
    pub fn add_to(&mut self, from: General, to: Memory) {
        self.wide_general(0x01, from, to);
    }

    /// Subtracts memory from a general register.
    pub fn subtract(&mut self, from: General, what: Memory) {
        self.wide_general(0x2b, from, what);
    }

    /// Adds a constant to the scratch register.
    pub fn add(&mut self, by: i8) {
        self.bytes(&[0x48, 0x83, 0xc0 | SCRATCH, by as u8]);
    }

    /// Compares the scratch register with memory.
    pub fn compare_scratch(&mut self, with: Memory) {
        self.wide_general(0x3b, SCRATCH, with);
    }

    /// The 32 bits at an address, into the scratch register and from there to memory.
    pub fn copy_word(&mut self, from: Memory, to: Memory) {
        for (opcode, memory) in [(0x8b, from), (0x89, to)] {
            let base = base_of(memory);
            if base > 7 {
                self.byte(0x41);
            }
            self.byte(opcode);
            self.address(SCRATCH, memory, 1, 0);
        }
    }

    /// Subtracts one from memory and sets the flags.
    pub fn count_down(&mut self, at: Memory) {
        self.bytes(&[0x48, 0x83]);
        self.address(5, at, 1, 1);
        self.byte(1);
    }

    /// Zero into a general register.
    pub fn clear(&mut self, register: General) {
        self.bytes(&[0x31, 0xc0 | register << 3 | register]);
    }

    /// A jump where the 64 bits at an address are zero.
    pub fn jump_if_zero(&mut self, at: Memory) -> Jump {
        self.load(SCRATCH, at);
        self.bytes(&[0x48, 0x85, 0xc0 | SCRATCH << 3 | SCRATCH]);
        self.jump(When::Equal)
    }

    /// Adds a constant to the element counter.
    pub fn advance(&mut self, by: i8) {
        self.bytes(&[0x48, 0x83, 0xc0 | AT, by as u8]);
    }

    /// Writes the elements of the row, less those of an incomplete group of `group` (a power of two), to memory.
    pub fn whole_groups(&mut self, group: usize, to: Memory) {
        self.bytes(&[0x48, 0x89, 0xc0 | LENGTH << 3 | SCRATCH]);
        self.bytes(&[0x48, 0x83, 0xe0 | SCRATCH, (group as i64).wrapping_neg() as u8]);
        self.store(SCRATCH, to);
    }

    /// Compares the element counter with the row's length.
    pub fn compare_length(&mut self) {
        self.bytes(&[0x48, 0x39, 0xc0 | LENGTH << 3 | AT]);
    }

    /// Compares the element counter with memory.
    pub fn compare(&mut self, with: Memory) {
        self.wide_general(0x3b, AT, with);
    }

    /// Asks for the line of an address.
    pub fn prefetch(&mut self, at: Memory, fetch: Fetch) {
        if base_of(at) > 7 {
            self.byte(0x41);
        }
        let (code, number) = match fetch {
            Fetch::First => (0x18, 1),
            Fetch::Second => (0x18, 2),
            Fetch::ToWrite => (0x0d, 1),
        };
        self.bytes(&[0x0f, code]);
        self.address(number, at, 1, 0);
    }

    /// Saves a general register.
    pub fn push(&mut self, register: General) {
        if register > 7 {
            self.byte(0x41);
        }
        self.byte(0x50 | register & 7);
    }

    /// Restores a general register.
    pub fn pop(&mut self, register: General) {
        if register > 7 {
            self.byte(0x41);
        }
        self.byte(0x58 | register & 7);
    }

    /// Returns, the upper halves of the vector registers clean.
    pub fn ret(&mut self) {
        self.bytes(&[0xc5, 0xf8, 0x77, 0xc3]);
    }

    /// A jump to a place that [`land`](Self::land) tells.
    pub fn jump(&mut self, when: When) -> Jump {
        match when {
            When::Always => self.byte(0xe9),
            when => self.bytes(&[0x0f, when as u8]),
        }
        self.bytes(&[0; 4]);
        Jump(self.code.len())
    }

    /// Makes a jump go here.
    pub fn land(&mut self, jump: Jump) {
        let distance = (self.code.len() - jump.0) as i32;
        self.code[jump.0 - 4..jump.0].copy_from_slice(&distance.to_le_bytes());
    }

    /// This place, to come back to if what follows does not work out.
    pub fn mark(&self) -> (usize, usize) {
        (self.code.len(), self.references.len())
    }

    /// Forgets what was written after a mark, constants apart.
    pub fn rewind(&mut self, mark: (usize, usize)) {
        self.code.truncate(mark.0);
        self.references.truncate(mark.1);
    }

    /// This place, to jump back to.
    pub fn here(&self) -> usize {
        self.code.len()
    }

    /// A jump back.
    pub fn back(&mut self, when: When, to: usize) {
        let jump = self.jump(when);
        let distance = to as i64 - jump.0 as i64;
        self.code[jump.0 - 4..jump.0].copy_from_slice(&(distance as i32).to_le_bytes());
    }
}

fn base_of(memory: Memory) -> General {
    match memory {
        Memory::At(base, _) | Memory::Element { base, .. } => base,
        Memory::Constant(_) => 0,
    }
}
