//! The encodings of the vector instructions: a table. Those of AVX-512 and AVX2 differ in their prefixes; where an
//! instruction is in one of them only, it says so.

use super::assemble::Vector;
use super::graph::Plain;

/// How an instruction is encoded: opcode map, mandatory prefix, 64-bit flag, opcode, a trailing byte.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// 1 is 0F, 2 is 0F38, 3 is 0F3A.
    pub(super) map: u8,
    /// 0 is none, 1 is 66, 2 is F3, 3 is F2.
    pub(super) prefix: u8,
    pub(super) wide: bool,
    pub(super) opcode: u8,
    pub(super) immediate: Option<u8>,
    /// It is of half as many bits as a register has.
    pub(super) short: bool,
}

const fn op(map: u8, prefix: u8, opcode: u8) -> Encoding {
    Encoding { map, prefix, wide: false, opcode, immediate: None, short: false }
}

const fn op_with(map: u8, prefix: u8, opcode: u8, immediate: u8) -> Encoding {
    Encoding { map, prefix, wide: false, opcode, immediate: Some(immediate), short: false }
}

/// The same of half a register.
const fn short(encoding: Encoding) -> Encoding {
    Encoding { short: true, ..encoding }
}

/// `dst = src1 * src2 + dst` and its sisters.
pub const FMA_231: Encoding = op(2, 1, 0xb8);
/// `dst = dst * src2 + src1`
pub const FMA_132: Encoding = op(2, 1, 0x98);
/// `dst = src1 - dst * src2`
pub const FNMA_132: Encoding = op(2, 1, 0x9c);
/// `dst = src1 * dst + src2`
pub const FMA_213: Encoding = op(2, 1, 0xa8);
/// `dst = dst - src1 * src2`
pub const FNMA_231: Encoding = op(2, 1, 0xbc);
/// `dst = src2 - src1 * dst`
pub const FNMA_213: Encoding = op(2, 1, 0xac);
/// m ? src2 : src1
pub const BLEND: Encoding = op(2, 1, 0x65);
/// dst | src1 & src2
pub const COPY_BITS: Encoding = op_with(3, 1, 0x25, 0b1111_1000);
/// Half precision to single.
pub const WIDEN: Encoding = op(2, 1, 0x13);
/// Words to lanes, zeros above.
pub const EXTEND_WORDS: Encoding = op(2, 1, 0x33);
/// Bytes to lanes, zeros above.
pub const EXTEND_BYTES: Encoding = op(2, 1, 0x31);
/// Bytes to lanes, the sign above.
pub const EXTEND_SIGNED_BYTES: Encoding = op(2, 1, 0x21);
/// Lanes to their low words; the destination comes last.
pub const TRUNCATE_TO_WORDS: Encoding = op(2, 2, 0x33);
/// Lanes to their low bytes; the destination comes last.
pub const TRUNCATE_TO_BYTES: Encoding = op(2, 2, 0x31);
/// Single precision to half, ties to even; the destination comes last.
pub const NARROW: Encoding = op_with(3, 1, 0x1d, 0);
/// AVX512-BF16: single precision to bf16, ties to even; denormals become 0.
pub const TO_BRAIN: Encoding = op(2, 2, 0x72);
/// The lower half of a register to memory; the destination comes last.
pub const STORE_LOWER: Encoding = op_with(3, 1, 0x1b, 0);
/// The words of a register to memory.
pub const STORE_WORDS: Encoding = Encoding { wide: true, ..op(1, 3, 0x7f) };
/// True for denormals.
pub const IS_DENORMAL: Encoding = op_with(3, 1, 0x66, 0x20);
/// A register or memory to a register.
pub const MOVE: Encoding = op(1, 0, 0x10);
/// A register to memory.
pub const STORE: Encoding = op(1, 0, 0x11);
/// A register to memory, past the caches.
pub const STREAM: Encoding = op(1, 0, 0x2b);
/// The lower half of a register to memory, past the caches.
pub const STREAM_HALF: Encoding = short(STREAM);
/// Lane 0 to every lane.
pub const BROADCAST: Encoding = op(2, 1, 0x18);
/// A general register to every lane.
pub const BROADCAST_GENERAL: Encoding = op(2, 1, 0x7c);
/// Lane 0 to memory.
pub const STORE_ONE: Encoding = op(1, 2, 0x11);
/// True where a & b is not zero.
pub const TEST: Encoding = op(2, 1, 0x27);
/// True for zeros, infinities and NaN.
pub const IS_SPECIAL: Encoding = op_with(3, 1, 0x66, crate::simd::wide::SPECIAL as u8);
/// Adds integers.
pub const INT_ADD: Encoding = op(1, 1, 0xfe);

/// The bits of both.
pub const AND: Encoding = op(1, 1, 0xdb);
/// AVX2: the upper half of a register; the destination comes last.
pub const UPPER_HALF: Encoding = op_with(3, 1, 0x39, 1);
/// AVX2: the halves of a register in the other order.
pub const SWAP_HALVES: Encoding = op_with(3, 1, 0x46, 1);
/// AVX2: lanes of two half registers to words.
pub const PACK_WORDS: Encoding = short(op(2, 1, 0x2b));
/// AVX2: words of two half registers to bytes.
pub const PACK_BYTES: Encoding = short(op(1, 1, 0x67));
/// AVX2: a half register to memory.
pub const STORE_HALF: Encoding = short(STORE);
/// AVX2: the lower half of a half register to memory.
pub const STORE_QUARTER: Encoding = short(op(1, 1, 0xd6));
/// AVX2: a general register to lane 0.
pub const MOVE_GENERAL: Encoding = short(op(1, 1, 0x6e));
/// AVX2: compares signed integers for a greater one.
pub const GREATER: Encoding = op(1, 1, 0x66);
/// AVX2: compares integers for equality.
pub const EQUAL: Encoding = op(1, 1, 0x76);

/// AVX2: a register's lanes decide between src2 where they are ones, and src1.
pub const fn blend_by(mask: Vector) -> Encoding {
    op_with(3, 1, 0x4a, mask << 4)
}

/// Compares floats.
pub const fn compare_floats(predicate: u8) -> Encoding {
    op_with(1, 0, 0xc2, predicate)
}

/// Compares signed integers.
pub const fn compare_ints(predicate: u8) -> Encoding {
    op_with(3, 1, 0x1f, predicate)
}

/// Compares unsigned integers.
pub const fn compare_unsigned(predicate: u8) -> Encoding {
    op_with(3, 1, 0x1e, predicate)
}

/// Moves 128-bit parts: two of the first source, two of the last.
pub const fn shuffle_parts(order: u8) -> Encoding {
    op_with(3, 1, 0x23, order)
}

/// Moves lanes inside each 128-bit part.
pub const fn shuffle_lanes(order: u8) -> Encoding {
    op_with(1, 1, 0x70, order)
}

/// Shifts by a constant: the encoding, and what stands in the place of a register.
pub const fn shift(kind: Shift, by: u8) -> (Encoding, u8) {
    (op_with(1, 1, 0x72, by), kind as u8)
}

/// Kinds of shifts by a constant.
#[derive(Clone, Copy, Debug)]
pub enum Shift {
    /// Zeros from the right.
    Left = 6,
    /// Zeros from the left.
    Right = 2,
    /// The sign from the left.
    RightSigned = 4,
}

/// The instruction of a plain op, and its number of sources.
pub fn plain(plain: Plain) -> (Encoding, usize) {
    match plain {
        Plain::Add => (op(1, 0, 0x58), 2),
        Plain::Mul => (op(1, 0, 0x59), 2),
        Plain::Sub => (op(1, 0, 0x5c), 2),
        Plain::Min => (op(1, 0, 0x5d), 2),
        Plain::Div => (op(1, 0, 0x5e), 2),
        Plain::Max => (op(1, 0, 0x5f), 2),
        Plain::Scale => (op(2, 1, 0x2c), 2),
        Plain::IntAdd => (INT_ADD, 2),
        Plain::IntSub => (op(1, 1, 0xfa), 2),
        Plain::IntMul => (op(2, 1, 0x40), 2),
        Plain::And => (AND, 2),
        Plain::Or => (op(1, 1, 0xeb), 2),
        Plain::Xor => (op(1, 1, 0xef), 2),
        Plain::ShiftLeft => (op(2, 1, 0x47), 2),
        Plain::ShiftRight => (op(2, 1, 0x45), 2),
        Plain::ShiftRightSigned => (op(2, 1, 0x46), 2),
        Plain::LookUp => (op(2, 1, 0x16), 2),
        Plain::Sqrt => (op(1, 0, 0x51), 1),
        Plain::RoughReciprocal => (op(2, 1, 0x4c), 1),
        Plain::Exponent => (op(2, 1, 0x42), 1),
        // In [0.75, 1.5), the sign cleared.
        Plain::Significand => (op_with(3, 1, 0x26, 0b0111), 1),
        // In [1, 2), NaN below 0.
        Plain::SignificandOrNan => (op_with(3, 1, 0x26, 0b1000), 1),
        Plain::Round(mode) => (op_with(3, 1, 0x08, mode), 1),
        Plain::RoundToInt => (op(1, 1, 0x5b), 1),
        Plain::TruncToInt => (op(1, 2, 0x5b), 1),
        Plain::ToFloat => (op(1, 0, 0x5b), 1),
    }
}

/// True where the sources may change places.
pub fn commutes(plain: Plain) -> bool {
    matches!(
        plain,
        Plain::Add
            | Plain::Mul
            | Plain::IntAdd
            | Plain::IntMul
            | Plain::And
            | Plain::Or
            | Plain::Xor
    )
}

/// Predicates of comparisons.
pub mod predicate {
    /// Equal, both for floats and integers.
    pub const EQUAL: u8 = 0;
    /// Less, both for floats and integers.
    pub const LESS: u8 = 17;
    /// Less or equal, floats.
    pub const LESS_OR_EQUAL: u8 = 18;
    /// Either is NaN.
    pub const UNORDERED: u8 = 3;
    /// Not less, floats: also where either is NaN.
    pub const NOT_LESS: u8 = 21;
    /// Greater, integers.
    pub const INT_GREATER: u8 = 6;
}

/// Rounding modes of `vrndscaleps`, exceptions suppressed.
pub mod rounding {
    /// To the nearest, ties to even.
    pub const NEAREST: u8 = 8;
    /// Downwards.
    pub const DOWN: u8 = 9;
    /// Upwards.
    pub const UP: u8 = 10;
    /// Toward zero.
    pub const ZERO: u8 = 11;
}
