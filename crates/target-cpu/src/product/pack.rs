//! Factors as panels.

use super::Matrix;
use super::own::INTEGERS;
use crate::simd::Level;
use crate::simd::blocks::Kernels;
use crate::simd::integers::whole::{Leftovers, negligible};

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
    /// `[groups][width]`: products of neighbours; none where sums are not crossed.
    pub crossed: &'a mut [u32],
    /// Rows side by side.
    pub width: usize,
    /// Elements of a group.
    pub group: usize,
    /// Elements that a pair holds are so far apart.
    pub apart: usize,
}

impl IntegerPanel<'_> {
    /// Writes row `number` of x as one row; false where integers would not do.
    ///
    /// # Safety
    /// The row exists, and the CPU has the features of the kernels.
    pub unsafe fn fill(
        &mut self,
        kernels: &Kernels,
        row: usize,
        (x, number, depth): (&Matrix, usize, usize),
    ) -> bool {
        let IntegerPanel { width, group, apart, .. } = *self;
        let (mut values, mut natural) = ([0.0; INTEGERS], [0u16; 128]);
        let natural = &mut natural[..group];
        let mut left = Leftovers::of(0);
        for from in (0..depth).step_by(INTEGERS) {
            let values = &mut values[..INTEGERS.min(depth - from)];
            // SAFETY: the caller's promise.
            unsafe { x.widen(kernels.level, number, from, values) };
            for (k, values) in values.chunks_exact(group).enumerate() {
                let g = from / group + k;
                // SAFETY: a group each.
                let Some(whole) = (unsafe { (kernels.whole)(values, natural) }) else {
                    return false;
                };
                self.units[g * width + row] = whole.unit;
                self.sums[g * width + row] = whole.sum;
                left.push(&whole);
                if let Some(crossed) = self.crossed.get_mut(g * width + row) {
                    // SAFETY: a group.
                    *crossed = unsafe { (kernels.of_row)(natural) };
                }
                let steps = &mut self.pairs[g * group / 2 * width..];
                in_steps(natural, steps, [row, width, apart]);
            }
        }
        for g in left.that_count(negligible(depth)) {
            let values = &mut values[..group];
            let at = g * width + row;
            // SAFETY: the caller's promise; a group each.
            self.sums[at] += unsafe {
                x.widen(kernels.level, number, g * group, values);
                (kernels.rest)(values, self.units[at], natural)
            };
            self.rests[g] |= 1 << row;
            let steps = &mut self.rest[g * group / 2 * width..][..group / 2 * width];
            in_steps(natural, steps, [row, width, apart]);
            let pairs = steps[row..].iter().step_by(width).enumerate();
            self.places[at] =
                pairs.fold(0, |places, (k, pair)| places | u64::from(*pair != 0) << k);
        }
        true
    }
}

/// Writes a group of a row as pairs, a step after the other.
fn in_steps(x: &[u16], steps: &mut [u32], [row, width, apart]: [usize; 3]) {
    match apart {
        8 => in_steps_apart::<8>(x, steps, [row, width]),
        4 => in_steps_apart::<4>(x, steps, [row, width]),
        2 => in_steps_apart::<2>(x, steps, [row, width]),
        _ => in_steps_apart::<1>(x, steps, [row, width]),
    }
}

#[inline(always)]
fn in_steps_apart<const APART: usize>(x: &[u16], steps: &mut [u32], [row, width]: [usize; 2]) {
    assert!(row < width && x.len() / 2 * width <= steps.len());
    let steps = steps.as_mut_ptr().wrapping_add(row);
    for (chunk, x) in x.chunks_exact(2 * APART).enumerate() {
        for place in 0..APART {
            let pair = u32::from(x[place]) | u32::from(x[place + APART]) << 16;
            // SAFETY: of the step `chunk * APART + place`, of x.len() / 2; the row is one of its words.
            unsafe { *steps.add((chunk * APART + place) * width) = pair };
        }
    }
}

/// Packed weights of a row, the first of the matrices, as floats, q scale + bias: those from group `first` on.
///
/// # Safety
/// The row's words, scales and biases exist, and the CPU has the level's features.
pub unsafe fn dequantize(
    level: Level,
    [words, scales, biases]: [&Matrix; 3],
    (bits, group): (u32, usize),
    first: usize,
    out: &mut [f32],
) {
    let word_at =
        |word: usize| words.at.wrapping_offset(words.element * word as isize).cast::<u32>();
    let of_group = bits as usize * group / 32;
    let mask = (1u64 << bits) - 1;
    for (g, out) in out.chunks_exact_mut(group).enumerate() {
        let (mut scale, mut bias) = ([0.0], [0.0]);
        let before = (first + g) * of_group;
        // SAFETY: the caller's promise.
        unsafe {
            scales.widen(level, 0, first + g, &mut scale);
            biases.widen(level, 0, first + g, &mut bias);
        }
        for (i, to) in out.iter_mut().enumerate() {
            let (word, shift) = (i * bits as usize / 32, i * bits as usize % 32);
            // SAFETY: as above; a group is whole words.
            let low = u64::from(unsafe { *word_at(before + word) });
            let high = match shift + bits as usize > 32 {
                // SAFETY: as above.
                true => u64::from(unsafe { *word_at(before + word + 1) }) << 32,
                false => 0,
            };
            let q = ((low | high) >> shift & mask) as f32;
            *to = q * scale[0] + bias[0];
        }
    }
}
