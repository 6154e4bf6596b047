//! The element types that tensor files hold and kernels take.

use half::{bf16, f16};
use safetensors::Dtype;

/// The type of one element of a stored tensor. Elements lie little-endian, without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementType {
    /// One byte, 0 or 1.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    BF16,
    /// IEEE single precision.
    F32,
}

use ElementType::*;

impl ElementType {
    /// Every element type.
    pub const ALL: [ElementType; 8] = [Bool, I8, U8, I32, U32, F16, BF16, F32];

    /// The name that kernels use: `f32`, `bool`.
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
        }
    }

    /// The element type of that name, if there is one.
    pub fn parse(name: &str) -> Option<ElementType> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Bool | I8 | U8 => 1,
            F16 | BF16 => 2,
            I32 | U32 | F32 => 4,
        }
    }

    /// True for the types of floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, F16 | BF16 | F32)
    }

    /// The numbers that little-endian bytes of a kind of float hold; `None` for other types.
    pub fn floats(self, bytes: &[u8]) -> Option<Vec<f32>> {
        Some(match self {
            F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            F16 => {
                bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
            }
            BF16 => {
                bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect()
            }
            Bool | I8 | U8 | I32 | U32 => return None,
        })
    }

    /// Numbers rounded to a kind of float, as little-endian bytes; `None` for other types.
    pub fn bytes(self, values: &[f32]) -> Option<Vec<u8>> {
        Some(match self {
            F32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            F16 => values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
            BF16 => values.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect(),
            Bool | I8 | U8 | I32 | U32 => return None,
        })
    }

    /// As the file's header says it.
    pub(crate) fn stored(self) -> Dtype {
        match self {
            Bool => Dtype::BOOL,
            I8 => Dtype::I8,
            U8 => Dtype::U8,
            I32 => Dtype::I32,
            U32 => Dtype::U32,
            F16 => Dtype::F16,
            BF16 => Dtype::BF16,
            F32 => Dtype::F32,
        }
    }

    /// What a stored type reads as, bytes unchanged; `None` for those that kernels do not take.
    pub(crate) fn of(stored: Dtype) -> Option<ElementType> {
        Self::ALL.into_iter().find(|e| e.stored() == stored)
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
