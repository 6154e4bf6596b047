//! From floats to MLX's affine format, the same bits as `mx.quantize` gives.

use crate::Affine;

/// Groups of integers with their scales and biases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Packed {
    /// The integers, the lowest bits first, as the bytes of little-endian u32 words.
    pub words: Vec<u8>,
    /// What a step of an integer is worth, one a group.
    pub scales: Vec<f32>,
    /// The value of the integer 0, one a group.
    pub biases: Vec<f32>,
}

impl Affine {
    /// Packs whole groups of floats.
    ///
    /// A group from `low` to `high` is cut into 2^bits - 1 steps that begin at the end farther from 0, stretched a
    /// little so that 0 is a multiple of a step (as `mlx/backend/cpu/quantized.cpp` does). Everything is computed in
    /// f32, and integers are made with the scale before it is rounded to the type of the weights.
    pub fn quantize(self, values: &[f32]) -> Packed {
        let steps = ((1u32 << self.bits) - 1) as f32;
        let mut packed = Packed {
            words: Vec::with_capacity(values.len() / 8 * self.bits),
            scales: Vec::with_capacity(values.len() / self.group),
            biases: Vec::with_capacity(values.len() / self.group),
        };
        for group in values.chunks_exact(self.group) {
            let low = group.iter().copied().fold(f32::INFINITY, f32::min);
            let high = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let from_low = low.abs() > high.abs();
            let step = ((high - low) / steps).max(1e-7);
            let (edge, step) = if from_low { (low, step) } else { (high, -step) };
            let integer = (edge / step).round_ties_even();
            let (scale, bias) = if integer == 0.0 { (step, 0.0) } else { (edge / integer, edge) };
            let integer =
                |value: &f32| ((value - bias) / scale).round_ties_even().clamp(0.0, steps);
            pack(&mut packed.words, self.bits, group.iter().map(|value| integer(value) as u8));
            packed.scales.push(scale);
            packed.biases.push(bias);
        }
        packed
    }
}

/// Adds integers of so many bits, the lowest bits first. 32 of them fill whole bytes in every width.
pub(crate) fn pack(words: &mut Vec<u8>, width: usize, integers: impl Iterator<Item = u8>) {
    let (mut bits, mut held) = (0u64, 0);
    for integer in integers {
        bits |= u64::from(integer) << held;
        held += width;
        while held >= 8 {
            words.push(bits as u8);
            (bits, held) = (bits >> 8, held - 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_as_mlx_packs_it() {
        // From mx.quantize(mx.array([(i - 10) / 8 for i in range(32)])[None], 32, 4).
        let values: Vec<f32> = (0..32).map(|i| (i as f32 - 10.0) / 8.0).collect();
        let packed = Affine { bits: 4, group: 32 }.quantize(&values);
        let words: Vec<u32> =
            packed.words.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        assert_eq!(words, [0xbccd_deef, 0x8899_aaab, 0x4455_6677, 0x0011_2233]);
        assert_eq!((packed.scales, packed.biases), (vec![-0.2625], vec![2.625]));
    }

    #[test]
    fn a_group_of_equal_values_and_one_of_zeros() {
        for bits in Affine::BITS {
            let format = Affine { bits, group: 32 };
            let packed = format.quantize(&[[0.5f32; 32], [0.0; 32]].concat());
            assert_eq!(packed.words.len(), 64 * bits / 8);
            assert_eq!(packed.biases, [0.5, 0.0]);
        }
    }
}
