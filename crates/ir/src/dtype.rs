//! Element types, their sizes, and the rounding each gives a value.

use half::{bf16, f16};

/// The type of one element of a tensor or tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// True or false; stored as one byte, zero is false.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 32-bit integer: the type of every index and size.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    BF16,
    /// IEEE single precision: the type of arithmetic, unless a kernel says otherwise.
    F32,
    /// IEEE double precision: references and the interpreter only, no device has it.
    F64,
}

use DType::*;

impl DType {
    /// Every dtype, narrowest kind first.
    pub const ALL: [DType; 9] = [Bool, I8, U8, I32, U32, F16, BF16, F32, F64];

    /// The name used in signatures, text form and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Bool => "bool",
            I8 => "i8",
            U8 => "u8",
            I32 => "i32",
            U32 => "u32",
            F16 => "f16",
            BF16 => "bf16",
            F32 => "f32",
            F64 => "f64",
        }
    }

    /// The dtype of that name, if there is one.
    pub fn parse(name: &str) -> Option<DType> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// Bytes of one element in memory.
    pub fn size(self) -> usize {
        match self {
            Bool | I8 | U8 => 1,
            F16 | BF16 => 2,
            I32 | U32 | F32 => 4,
            F64 => 8,
        }
    }

    /// True for the floating-point types.
    pub fn is_float(self) -> bool {
        matches!(self, F16 | BF16 | F32 | F64)
    }

    /// True for the integer types; `bool` is not one.
    pub fn is_int(self) -> bool {
        matches!(self, I8 | U8 | I32 | U32)
    }

    /// True for signed integers and floats.
    pub fn is_signed(self) -> bool {
        self.is_float() || matches!(self, I8 | I32)
    }

    /// The unit roundoff of a float type (half the gap above 1), 0 for the others.
    pub fn epsilon(self) -> f64 {
        match self {
            F16 => 2f64.powi(-11),
            BF16 => 2f64.powi(-8),
            F32 => 2f64.powi(-24),
            F64 => 2f64.powi(-53),
            _ => 0.0,
        }
    }

    /// The least positive number of a float type, which is what rounding may be off by where numbers are smallest; 0 for
    /// the others.
    pub fn least(self) -> f64 {
        match self {
            F16 => 2f64.powi(-24),
            BF16 => 2f64.powi(-133),
            F32 => 2f64.powi(-149),
            F64 => f64::from_bits(1),
            _ => 0.0,
        }
    }

    /// The value that an element of this type holds after `value` is converted to it.
    ///
    /// Floats round to nearest even. Integers truncate toward zero and saturate, NaN becomes 0. `bool` is
    /// `value != 0`. This is the meaning of [`crate::ExprKind::Cast`] on every target.
    pub fn round(self, value: f64) -> f64 {
        match self {
            Bool => (value != 0.0) as u8 as f64,
            I8 => value as i8 as f64,
            U8 => value as u8 as f64,
            I32 => value as i32 as f64,
            U32 => value as u32 as f64,
            F16 => f16::from_f32(odd_f32(value)).to_f64(),
            BF16 => bf16::from_f32(odd_f32(value)).to_f64(),
            F32 => value as f32 as f64,
            F64 => value,
        }
    }

    /// Reads one little-endian element from the start of `bytes`, which holds at least [`size`](Self::size).
    pub fn read(self, bytes: &[u8]) -> f64 {
        match self {
            Bool => (bytes[0] != 0) as u8 as f64,
            I8 => bytes[0] as i8 as f64,
            U8 => bytes[0] as f64,
            F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f64(),
            BF16 => bf16::from_le_bytes([bytes[0], bytes[1]]).to_f64(),
            I32 => i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as f64,
            U32 => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as f64,
            F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as f64,
            F64 => {
                let mut b = [0; 8];
                b.copy_from_slice(&bytes[..8]);
                f64::from_le_bytes(b)
            }
        }
    }

    /// Writes `value`, converted as [`round`](Self::round) says, to the start of `bytes`.
    pub fn write(self, value: f64, bytes: &mut [u8]) {
        match self {
            Bool => bytes[0] = (value != 0.0) as u8,
            I8 => bytes[0] = value as i8 as u8,
            U8 => bytes[0] = value as u8,
            F16 => bytes[..2].copy_from_slice(&f16::from_f32(odd_f32(value)).to_le_bytes()),
            BF16 => bytes[..2].copy_from_slice(&bf16::from_f32(odd_f32(value)).to_le_bytes()),
            I32 => bytes[..4].copy_from_slice(&(value as i32).to_le_bytes()),
            U32 => bytes[..4].copy_from_slice(&(value as u32).to_le_bytes()),
            F32 => bytes[..4].copy_from_slice(&(value as f32).to_le_bytes()),
            F64 => bytes[..8].copy_from_slice(&value.to_le_bytes()),
        }
    }
}

/// `value` rounded to odd: cut off toward zero, with the last bit set if anything was lost. Rounding the result to
/// a half type is then the same as rounding `value` itself, which `half`'s own conversions from f64 are not.
fn odd_f32(value: f64) -> f32 {
    let near = value as f32;
    if near as f64 == value || value.is_nan() {
        return near;
    }
    let bits = near.to_bits();
    let cut = if (near as f64).abs() > value.abs() { bits - 1 } else { bits };
    f32::from_bits(cut | 1)
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_halves_sees_every_bit() {
        // One f32 unit above the tie between 1 and its upper neighbour; and one f64 unit.
        for tiny in [2f64.powi(-23), 2f64.powi(-52)] {
            assert_eq!(F16.round(1.0 + 2f64.powi(-11) + tiny), 1.0 + 2f64.powi(-10));
            assert_eq!(BF16.round(1.0 + 2f64.powi(-8) + tiny), 1.0 + 2f64.powi(-7));
            assert_eq!(F16.round(2f64.powi(-25) + tiny * 2f64.powi(-25)), 2f64.powi(-24));
        }
        assert_eq!(F16.round(1.0 + 2f64.powi(-11)), 1.0);
        assert_eq!(BF16.round(1.0 + 2f64.powi(-8)), 1.0);
        assert_eq!(F16.round(65519.99), 65504.0);
        assert_eq!(F16.round(65520.0), f64::INFINITY);
        assert_eq!(F16.round(2f64.powi(-25)), 0.0);
    }
}
