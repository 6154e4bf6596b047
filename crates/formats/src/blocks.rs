//! The blocks of GGUF tensors, and the same numbers in MLX's affine form.
//!
//! A block of Q4_0 is `d (q - 8)`, one of Q8_0 `d q`, one of Q4_1 and each part of Q4_K `d q + m`, and those of five bits
//! likewise: all of them are groups of 32 with a scale and a bias, so that they become affine weights without being rounded
//! again, but for the scales of Q4_K and Q5_K, which are products there and are rounded to f16 here. Blocks whose scales
//! serve 16 numbers, or whose integers stand for entries of a table, have no such form.

use crate::Affine;
use crate::quantize::pack;
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
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
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
        let mut words = Vec::with_capacity(self.integers.len() / 8 * bits);
        pack(&mut words, bits, self.integers.iter().copied());
        words
    }
}

impl Block {
    /// Every one that is read.
    pub const ALL: [Block; 15] = [
        F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS,
    ];

    /// The number of its kind in a file, its name in llama.cpp, and elements and bytes of one.
    fn row(self) -> (u32, &'static str, [usize; 2]) {
        match self {
            F32 => (0, "F32", [1, 4]),
            F16 => (1, "F16", [1, 2]),
            Q4_0 => (2, "Q4_0", [32, 18]),
            Q4_1 => (3, "Q4_1", [32, 20]),
            Q5_0 => (6, "Q5_0", [32, 22]),
            Q5_1 => (7, "Q5_1", [32, 24]),
            Q8_0 => (8, "Q8_0", [32, 34]),
            Q2_K => (10, "Q2_K", [256, 84]),
            Q3_K => (11, "Q3_K", [256, 110]),
            Q4_K => (12, "Q4_K", [256, 144]),
            Q5_K => (13, "Q5_K", [256, 176]),
            Q6_K => (14, "Q6_K", [256, 210]),
            IQ4_NL => (20, "IQ4_NL", [32, 18]),
            IQ4_XS => (23, "IQ4_XS", [256, 136]),
            BF16 => (30, "BF16", [1, 2]),
        }
    }

    /// The block of a number in a file.
    pub(crate) fn of(kind: u32) -> Option<Block> {
        Self::ALL.into_iter().find(|block| block.row().0 == kind)
    }

    /// Its name in llama.cpp.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Elements and bytes of one.
    fn size(self) -> [usize; 2] {
        self.row().2
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
        let bits = match self {
            Q4_0 | Q4_1 | Q4_K => 4,
            Q5_0 | Q5_1 | Q5_K => 5,
            Q8_0 => 8,
            F32 | F16 | BF16 | Q2_K | Q3_K | Q6_K | IQ4_NL | IQ4_XS => return None,
        };
        Some(Affine { bits, group: 32 })
    }

    /// The numbers of whole blocks in affine form; empty where there is none.
    pub fn groups(self, bytes: &[u8]) -> Groups {
        let mut groups = Groups::default();
        for block in bytes.chunks_exact(self.size()[1]) {
            let first = || half_at(block, 0);
            match self {
                Q4_0 => groups.push(first(), -8.0 * first(), nibbles(&block[2..])),
                Q4_1 => groups.push(first(), half_at(block, 2), nibbles(&block[4..])),
                Q5_0 => groups.push(first(), -16.0 * first(), fives(&block[2..])),
                Q5_1 => groups.push(first(), half_at(block, 2), fives(&block[4..])),
                Q8_0 => {
                    let integers = block[2..].iter().map(|q| q.wrapping_add(128));
                    groups.push(first(), -128.0 * first(), integers);
                }
                Q4_K | Q5_K => {
                    let (high, low) = block[16..].split_at(if self == Q5_K { 32 } else { 0 });
                    for part in 0..8 {
                        let [s, m] = scale_and_least(&block[4..16], part);
                        let quads = &low[part / 2 * 32..][..32];
                        let fifth =
                            |at: usize| high.get(at).map_or(0, |bits| (bits >> part & 1) << 4);
                        let integers = quads.iter().enumerate();
                        let integers =
                            integers.map(|(at, q)| (q >> (part % 2 * 4)) & 15 | fifth(at));
                        groups.push(first() * s as f32, -(half_at(block, 2) * m as f32), integers);
                    }
                }
                F32 | F16 | BF16 | Q2_K | Q3_K | Q6_K | IQ4_NL | IQ4_XS => {}
            }
        }
        groups
    }

    /// The numbers of whole blocks.
    pub fn floats(self, bytes: &[u8]) -> Vec<f32> {
        let words = bytes.as_chunks::<2>().0;
        let blocks = bytes.chunks_exact(self.size()[1]);
        match self {
            F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            F16 => words.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            BF16 => words.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            Q2_K => blocks.flat_map(two_bits).collect(),
            Q3_K => blocks.flat_map(three_bits).collect(),
            Q6_K => blocks.flat_map(six_bits).collect(),
            IQ4_NL => blocks.flat_map(entries).collect(),
            IQ4_XS => blocks.flat_map(scaled_entries).collect(),
            Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q8_0 | Q4_K | Q5_K => {
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

/// Nibbles, after 4 bytes with the fifth bit of each.
fn fives(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let (high, low) = bytes.split_at(4);
    nibbles(low).enumerate().map(|(at, q)| q | (high[at / 8] >> (at % 8) & 1) << 4)
}

/// The 6-bit scale and minimum of a part of a block of 8: those of the last four are split over the bytes of the first.
fn scale_and_least(packed: &[u8], part: usize) -> [u8; 2] {
    match part < 4 {
        true => [packed[part] & 63, packed[part + 4] & 63],
        false => [
            (packed[part + 4] & 15) | ((packed[part - 4] >> 6) << 4),
            (packed[part + 4] >> 4) | ((packed[part] >> 6) << 4),
        ],
    }
}

/// Where the low bits of number `i` of 256 lie: halves of 128, in each of which rows of 32 share bytes. The byte among a
/// half's 32, and the row.
fn place(i: usize) -> (usize, usize) {
    (i / 128 * 32 + i % 32, i / 32 % 4)
}

/// A block of Q2_K: 256 numbers `d scale q - dmin least`, a scale and a least number for each 16.
fn two_bits(block: &[u8]) -> Vec<f32> {
    let (scales, low) = (&block[..16], &block[16..80]);
    let (d, least) = (half_at(block, 80), half_at(block, 82));
    let of = |i: usize| {
        let (byte, row) = place(i);
        let (q, s) = (low[byte] >> (row * 2) & 3, scales[i / 16]);
        d * (s & 15) as f32 * q as f32 - least * (s >> 4) as f32
    };
    (0..256).map(of).collect()
}

/// A block of Q3_K: 256 numbers `d (scale - 32) (q - 4)`, a scale for each 16.
fn three_bits(block: &[u8]) -> Vec<f32> {
    let (high, low, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    let scale = |part: usize| {
        let lower = scales[part % 8] >> (part / 8 * 4) & 15;
        let upper = scales[8 + part % 4] >> (part / 4 * 2) & 3;
        (lower | upper << 4) as f32 - 32.0
    };
    let of = |i: usize| {
        let (byte, row) = place(i);
        let q = low[byte] >> (row * 2) & 3 | (high[i % 32] >> (i / 32) & 1) << 2;
        d * scale(i / 16) * (q as f32 - 4.0)
    };
    (0..256).map(of).collect()
}

/// A block of Q6_K: 256 numbers `d scale (q - 32)`, a scale for each 16.
fn six_bits(block: &[u8]) -> Vec<f32> {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    let of = |i: usize| {
        let (byte, row) = place(i);
        // Rows 0 and 2, 1 and 3 share the bytes of `low`.
        let lower = (low[i / 128 * 64 + row % 2 * 32 + i % 32] >> (row / 2 * 4)) & 15;
        let upper = (high[byte] >> (row * 2)) & 3;
        d * (scales[i / 16] as i8) as f32 * ((lower | (upper << 4)) as f32 - 32.0)
    };
    (0..256).map(of).collect()
}

/// What the integers of IQ4 blocks stand for.
const ENTRIES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// A block of IQ4_NL: 32 numbers `d entry`.
fn entries(block: &[u8]) -> Vec<f32> {
    let d = half_at(block, 0);
    nibbles(&block[2..]).map(|q| d * ENTRIES[q as usize] as f32).collect()
}

/// A block of IQ4_XS: 256 numbers `d (scale - 32) entry`, a scale for each 32.
fn scaled_entries(block: &[u8]) -> Vec<f32> {
    let (d, upper) = (half_at(block, 0), u16::from_le_bytes([block[2], block[3]]));
    let part = |part: usize| {
        let lower = block[4 + part / 2] >> (part % 2 * 4) & 15;
        let scale = d * ((lower | ((upper >> (part * 2) & 3) as u8) << 4) as f32 - 32.0);
        nibbles(&block[8 + part * 16..][..16]).map(move |q| scale * ENTRIES[q as usize] as f32)
    };
    (0..8).flat_map(part).collect()
}
