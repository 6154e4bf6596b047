//! Factors as panels, and results from tiles.

use super::Matrix;
use crate::simd::blocks::Kernels;
use tilewright_ir::DType;

/// Elements of a matrix row as f32.
///
/// # Safety
/// Elements `from .. from + out.len()` of the row exist.
#[inline(always)]
pub unsafe fn widen(matrix: &Matrix, row: usize, from: usize, out: &mut [f32]) {
    let at = matrix.at.wrapping_offset(matrix.row * row as isize);
    let at = at.wrapping_offset(matrix.element * from as isize);
    let size = matrix.dtype.size() as isize;
    // SAFETY: the caller's promise; f32 that are one behind the other are read as they lie.
    unsafe {
        match (matrix.dtype, matrix.element == size) {
            (DType::F32, true) => {
                std::ptr::copy_nonoverlapping(at.cast::<f32>(), out.as_mut_ptr(), out.len());
            }
            (DType::F32, false) => {
                for (i, to) in out.iter_mut().enumerate() {
                    *to = *at.wrapping_offset(matrix.element * i as isize).cast::<f32>();
                }
            }
            (DType::BF16, true) => {
                for (i, to) in out.iter_mut().enumerate() {
                    *to = f32::from_bits(u32::from(*at.cast::<u16>().add(i)) << 16);
                }
            }
            (dtype, _) => {
                for (i, to) in out.iter_mut().enumerate() {
                    let bits = *at.wrapping_offset(matrix.element * i as isize).cast::<u16>();
                    *to = match dtype {
                        DType::BF16 => f32::from_bits(u32::from(bits) << 16),
                        _ => half_to_float(bits),
                    };
                }
            }
        }
    }
}

/// Rounds f32 to elements of a matrix row.
///
/// # Safety
/// Elements `from .. from + values.len()` of the row exist and are nobody else's, one behind the other.
#[inline(always)]
pub unsafe fn narrow(matrix: &Matrix, row: usize, from: usize, values: &[f32]) {
    let at = matrix.at.wrapping_offset(matrix.row * row as isize);
    let at = at.wrapping_offset(matrix.element * from as isize);
    // SAFETY: the caller's promise.
    unsafe {
        match matrix.dtype {
            DType::F32 => {
                std::ptr::copy_nonoverlapping(values.as_ptr(), at.cast::<f32>(), values.len());
            }
            DType::BF16 => {
                for (i, value) in values.iter().enumerate() {
                    *at.cast::<u16>().add(i) = float_to_bf16(*value);
                }
            }
            _ => {
                for (i, value) in values.iter().enumerate() {
                    *at.cast::<u16>().add(i) = float_to_half(*value);
                }
            }
        }
    }
}

/// To the nearest, ties to even.
#[inline(always)]
fn float_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { (bits >> 16) as u16 | 0x40 } else { rounded as u16 }
}

/// Exactly.
#[inline(always)]
pub fn half_to_float(bits: u16) -> f32 {
    let (exponent, mantissa) = (u32::from(bits >> 10 & 31), u32::from(bits & 0x3ff));
    let sign = u32::from(bits >> 15) << 31;
    let magnitude = match exponent {
        0 => (mantissa as f32 * 2f32.powi(-24)).to_bits(),
        31 => 0x7f80_0000 | mantissa << 13,
        _ => (exponent + 112) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[inline(always)]
fn float_to_half(x: f32) -> u16 {
    let bits = x.to_bits();
    let (sign, magnitude) = ((bits >> 16 & 0x8000) as u16, bits & 0x7fff_ffff);
    let half = match magnitude {
        0x7f80_0001.. => 0x7e00,
        // From halfway past the greatest half on.
        0x477f_f000.. => 0x7c00,
        // Normal halves: the exponent moves, and the rest rounds to even.
        0x3880_0000.. => {
            let moved = magnitude - 0x3800_0000;
            (moved + 0xfff + (moved >> 13 & 1)) >> 13
        }
        // Adding 1/2 leaves multiples of 2^-24 in the lowest bits.
        _ => (f32::from_bits(magnitude) + 0.5).to_bits() - 0x3f00_0000,
    };
    sign | half as u16
}

/// A panel of x as floats: `rows` of `[depth]` side by side, `width` words a step.
#[inline(always)]
pub fn float_panel(row: usize, width: usize, values: &[f32], panel: &mut [u32]) {
    for (step, value) in panel.chunks_exact_mut(width).zip(values) {
        step[row] = value.to_bits();
    }
}

/// A panel of x as pairs of integers.
pub struct IntegerPanel<'a> {
    /// `[steps][width]` pairs, and those of what is left.
    pub pairs: &'a mut [u32],
    /// See above.
    pub rest: &'a mut [u32],
    /// `[groups][width]`
    pub units: &'a mut [f32],
    /// `[groups][width]`
    pub sums: &'a mut [f32],
    /// By group: the rows in which what is left counts, a bit each.
    pub rests: &'a mut [u16],
    /// `[groups][width]`: the steps whose pairs of what is left are not 0, a bit each; of no meaning elsewhere.
    pub places: &'a mut [u64],
    /// Rows side by side.
    pub width: usize,
    /// Elements of a group.
    pub group: usize,
    /// Elements that a pair holds are so far apart.
    pub apart: usize,
    /// See [`crate::simd::integers::negligible`].
    pub negligible: f32,
}

impl IntegerPanel<'_> {
    /// Writes a row from group `first` on; false where integers would not do.
    #[inline(always)]
    ///
    /// # Safety
    /// The CPU has the features of the kernels.
    pub unsafe fn fill(
        &mut self,
        kernels: &Kernels,
        row: usize,
        first: usize,
        values: &[f32],
    ) -> bool {
        let IntegerPanel { width, group, apart, .. } = *self;
        let (mut natural, mut rest) = ([0u16; 128], [0u16; 128]);
        for (k, x) in values.chunks_exact(group).enumerate() {
            let (g, natural, rest) = (first + k, &mut natural[..group], &mut rest[..group]);
            // SAFETY: a group each.
            let Some(whole) = (unsafe { (kernels.whole)(x, natural, rest, self.negligible) })
            else {
                return false;
            };
            self.units[g * width + row] = whole.unit;
            self.sums[g * width + row] = whole.sum;
            let steps = g * group / 2 * width..(g + 1) * group / 2 * width;
            in_steps(natural, &mut self.pairs[steps.clone()], [row, width, apart]);
            if whole.rest {
                self.rests[g] |= 1 << row;
                let steps = &mut self.rest[steps];
                in_steps(rest, steps, [row, width, apart]);
                let pairs = steps[row..].iter().step_by(width).enumerate();
                self.places[g * width + row] =
                    pairs.fold(0, |places, (k, pair)| places | u64::from(*pair != 0) << k);
            }
        }
        true
    }
}

#[inline(always)]
fn in_steps(x: &[u16], steps: &mut [u32], [row, width, apart]: [usize; 3]) {
    for (x, steps) in x.chunks_exact(2 * apart).zip(steps.chunks_exact_mut(apart * width)) {
        for place in 0..apart {
            steps[place * width + row] = u32::from(x[place]) | u32::from(x[place + apart]) << 16;
        }
    }
}

/// Packed weights of a row as floats, q scale + bias: those from group `first` on.
///
/// # Safety
/// The row's words, scales and biases exist.
pub unsafe fn dequantize(
    [words, scales, biases]: [&Matrix; 3],
    (bits, group): (u32, usize),
    row: usize,
    first: usize,
    out: &mut [f32],
) {
    let at = words.at.wrapping_offset(words.row * row as isize).cast::<u32>();
    let of_group = bits as usize * group / 32;
    let mask = (1u64 << bits) - 1;
    for (g, out) in out.chunks_exact_mut(group).enumerate() {
        let (mut scale, mut bias) = ([0.0], [0.0]);
        let at = at.wrapping_add((first + g) * of_group);
        // SAFETY: the caller's promise.
        unsafe {
            widen(scales, row, first + g, &mut scale);
            widen(biases, row, first + g, &mut bias);
        }
        for (i, to) in out.iter_mut().enumerate() {
            let (word, shift) = (i * bits as usize / 32, i * bits as usize % 32);
            // SAFETY: as above; a group is whole words.
            let low = u64::from(unsafe { *at.add(word) });
            let high = match shift + bits as usize > 32 {
                // SAFETY: as above.
                true => u64::from(unsafe { *at.add(word + 1) }) << 32,
                false => 0,
            };
            let q = ((low | high) >> shift & mask) as f32;
            *to = q * scale[0] + bias[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_the_nearest_and_come_back() {
        for bits in 0..=u16::MAX {
            let x = half_to_float(bits);
            if !x.is_nan() {
                assert_eq!(float_to_half(x), bits);
                let ulp = (half_to_float(bits.wrapping_add(1)) - x).abs();
                if ulp.is_finite() && x.is_finite() && bits & 0x7fff < 0x7bff {
                    let next = half_to_float(bits + 1);
                    let middle = x + (next - x) / 2.0;
                    assert_eq!(float_to_half(middle) & 1, 0, "{bits:x}: ties to even");
                    assert_eq!(float_to_half(x + (next - x) / 4.0), bits);
                }
            }
        }
        assert_eq!(float_to_half(65520.0), 0x7c00);
        assert_eq!(float_to_bf16(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(float_to_bf16(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert!(float_to_bf16(f32::NAN) & 0x7fff > 0x7f80);
    }
}
