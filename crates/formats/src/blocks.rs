//! The blocks of GGUF tensors, and the same numbers in MLX's affine form.
//!
//! A block of Q4_0 is `d (q - 8)`, one of Q8_0 `d q`, one of Q4_1 and each part of Q4_K `d q + m`: all of them are
//! groups of 32 with a scale and a bias, so that they become affine weights without being rounded again, but for the
//! scales of Q4_K, which are products there and are rounded to f16 here.

use crate::Affine;
use half::{bf16, f16};

/// How a GGUF tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub enum Block {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q8_0,
    Q4_K,
    Q6_K,
}

use Block::*;

/// Numbers of an affine weight: integers, and a scale and a bias for each group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// One integer a byte.
    pub integers: Vec<u8>,
    /// A scale for each group.
    pub scales: Vec<f32>,
    /// A bias for each group.
    pub biases: Vec<f32>,
}

impl Groups {
    /// The integers as an affine weight holds them: the lower bits first.
    pub fn words(&self, bits: usize) -> Vec<u8> {
        match bits {
            4 => self.integers.chunks(2).map(|q| q[0] | (q.get(1).unwrap_or(&0) << 4)).collect(),
            _ => self.integers.clone(),
        }
    }
}

impl Block {
    /// Every one that is read.
    pub const ALL: [Block; 8] = [F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K];

    /// The block of a number in a file.
    pub(crate) fn of(kind: u32) -> Option<Block> {
        Some(match kind {
            0 => F32,
            1 => F16,
            2 => Q4_0,
            3 => Q4_1,
            8 => Q8_0,
            12 => Q4_K,
            14 => Q6_K,
            30 => BF16,
            _ => return None,
        })
    }

    /// Its name in llama.cpp.
    pub fn name(self) -> &'static str {
        match self {
            F32 => "F32",
            F16 => "F16",
            BF16 => "BF16",
            Q4_0 => "Q4_0",
            Q4_1 => "Q4_1",
            Q8_0 => "Q8_0",
            Q4_K => "Q4_K",
            Q6_K => "Q6_K",
        }
    }

    /// Elements and bytes of one.
    fn size(self) -> [usize; 2] {
        match self {
            F32 => [1, 4],
            F16 | BF16 => [1, 2],
            Q4_0 => [32, 18],
            Q4_1 => [32, 20],
            Q8_0 => [32, 34],
            Q4_K => [256, 144],
            Q6_K => [256, 210],
        }
    }

    /// Bytes of a tensor of that shape; `None` where its rows are no whole blocks, or it is too large to count.
    pub fn bytes_of(self, shape: &[usize]) -> Option<usize> {
        let [elements, bytes] = self.size();
        let (depth, rows) = shape.split_last()?;
        let row = depth.is_multiple_of(elements).then_some(depth / elements)?.checked_mul(bytes)?;
        rows.iter().try_fold(row, |all, axis| all.checked_mul(*axis))
    }

    /// The affine form that holds the same numbers, where there is one.
    pub fn affine(self) -> Option<Affine> {
        match self {
            Q4_0 | Q4_1 | Q4_K => Some(Affine { bits: 4, group: 32 }),
            Q8_0 => Some(Affine { bits: 8, group: 32 }),
            F32 | F16 | BF16 | Q6_K => None,
        }
    }

    /// The numbers of whole blocks in affine form; empty where there is none.
    pub fn groups(self, bytes: &[u8]) -> Groups {
        let mut groups = Groups::default();
        for block in bytes.chunks_exact(self.size()[1]) {
            match self {
                Q4_0 => {
                    let scale = half_at(block, 0);
                    groups.push(scale, -8.0 * scale, nibbles(&block[2..]));
                }
                Q4_1 => groups.push(half_at(block, 0), half_at(block, 2), nibbles(&block[4..])),
                Q8_0 => {
                    let scale = half_at(block, 0);
                    let integers = block[2..].iter().map(|q| q.wrapping_add(128));
                    groups.push(scale, -128.0 * scale, integers);
                }
                Q4_K => {
                    let (scale, least) = (half_at(block, 0), half_at(block, 2));
                    for part in 0..8 {
                        let [s, m] = scale_and_least(&block[4..16], part);
                        let quads = &block[16 + part / 2 * 32..][..32];
                        let integers = quads.iter().map(|q| (q >> (part % 2 * 4)) & 15);
                        groups.push(scale * s as f32, -(least * m as f32), integers);
                    }
                }
                F32 | F16 | BF16 | Q6_K => {}
            }
        }
        groups
    }

    /// The numbers of whole blocks.
    pub fn floats(self, bytes: &[u8]) -> Vec<f32> {
        let words = bytes.as_chunks::<2>().0;
        match self {
            F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            F16 => words.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            BF16 => words.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            Q6_K => bytes.chunks_exact(210).flat_map(six_bits).collect(),
            Q4_0 | Q4_1 | Q8_0 | Q4_K => {
                let Groups { integers, scales, biases } = self.groups(bytes);
                let of = |(i, q): (usize, &u8)| scales[i / 32] * *q as f32 + biases[i / 32];
                integers.iter().enumerate().map(of).collect()
            }
        }
    }
}

impl Groups {
    fn push(&mut self, scale: f32, bias: f32, integers: impl Iterator<Item = u8>) {
        self.scales.push(scale);
        self.biases.push(bias);
        self.integers.extend(integers);
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The lower halves of the bytes, then the upper ones.
fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().map(|q| q & 15).chain(bytes.iter().map(|q| q >> 4))
}

/// The 6-bit scale and minimum of a part of a Q4_K block: those of the last four are split over the bytes of the first.
fn scale_and_least(packed: &[u8], part: usize) -> [u8; 2] {
    match part < 4 {
        true => [packed[part] & 63, packed[part + 4] & 63],
        false => [
            (packed[part + 4] & 15) | ((packed[part - 4] >> 6) << 4),
            (packed[part + 4] >> 4) | ((packed[part] >> 6) << 4),
        ],
    }
}

/// A block of Q6_K: 256 numbers `d scale (q - 32)`, a scale for each 16.
fn six_bits(block: &[u8]) -> Vec<f32> {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    let of = |i: usize| {
        // Halves of 128; in each, four rows of 32 share the bytes of `high`, and rows 0 and 2, 1 and 3 those of `low`.
        let (half, row, column) = (i / 128, i / 32 % 4, i % 32);
        let lower = (low[half * 64 + row % 2 * 32 + column] >> (row / 2 * 4)) & 15;
        let upper = (high[half * 32 + column] >> (row * 2)) & 3;
        d * (scales[i / 16] as i8) as f32 * ((lower | (upper << 4)) as f32 - 32.0)
    };
    (0..256).map(of).collect()
}
