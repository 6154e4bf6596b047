//! The verdict on one output: within the computed tolerance or not, and how close.
//!
//! A [`Tolerance`] counts against the *scale* of a result. That is the greatest magnitude of its row, or, where the
//! result is what is left of greater numbers (a sum that cancels), its *sensitivity*: how far it moves when every
//! input moves by one unit, in those units. Both come from the reference, so no number is typed here.

use crate::parts::in_parts;
use crate::random::Random;
use std::sync::atomic::{AtomicU64, Ordering};
use tilewright_ir::interpret::Tensor;
use tilewright_ir::tolerance::{Miss, Tolerance};

/// The unit by which inputs are moved to measure sensitivity; small against any curvature, great against f64.
pub const UNIT: f64 = 1.0 / (1u64 << 24) as f64;

/// How often they are moved.
pub(crate) const MOVES: usize = 4;

/// How far an output is from its reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Worst {
    /// The error of the element that used most of its tolerance.
    pub error: f64,
    /// The error that was allowed there.
    pub allowed: f64,
}

impl Worst {
    /// The used part of the tolerance.
    pub fn share(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.allowed }
    }

    /// The worse of both.
    pub fn max(self, other: Worst) -> Worst {
        if other.share() > self.share() { other } else { self }
    }
}

/// Compares `result` with `reference`, both in row-major order, `reference` before its rounding to the result's dtype.
/// `sensitivity` gives each element's own scale where its row's is not enough; see [`sensitivities`].
///
/// # Errors
/// The first element outside the tolerance, in words.
pub fn judge(
    result: &Tensor,
    reference: &[f64],
    tolerance: &Tolerance,
    sensitivity: Option<&[f64]>,
) -> Result<Worst, String> {
    let values = result.values();
    if values.len() != reference.len() {
        return Err(format!("{} elements, the reference has {}", values.len(), reference.len()));
    }
    let stored: Vec<f64> = reference.iter().map(|x| result.dtype.round(*x)).collect();
    let row = result.shape.last().copied().unwrap_or(1);
    let own = |index: usize| sensitivity.and_then(|s| s.get(index)).copied();
    judge_each(values.len(), row, tolerance, |i| (values[i], stored[i]), own)
}

/// Compares `len` elements in rows of `row`: `element` gives each with what is right, and `own` its own scale, if it has one.
///
/// # Errors
/// As [`judge`].
pub(crate) fn judge_each(
    len: usize,
    row: usize,
    tolerance: &Tolerance,
    element: impl Fn(usize) -> (f64, f64) + Sync,
    own: impl Fn(usize) -> Option<f64> + Sync,
) -> Result<Worst, String> {
    // Results of one element a row are one row together.
    let row = if row <= 1 { len.max(1) } else { row };
    let scales = row_scales(len, row, |index| element(index).1);
    let parts = in_parts(len, 1, |range| {
        let (mut worst, mut miss): (_, Option<Miss>) = (Worst::default(), None);
        for index in range {
            let (value, right) = element(index);
            if value == right {
                continue;
            }
            let own = own(index).filter(|s| s.is_finite());
            let scale = scales[index / row].max(own.unwrap_or(0.0));
            let allowed = tolerance.allowed(right, scale);
            if !tolerance.allows(value, right, scale) {
                let count = miss.as_ref().map_or(0, |m| m.count) + 1;
                let first = Miss { index, result: value, reference: right, allowed, count };
                miss = Some(Miss { count, ..miss.unwrap_or(first) });
            } else if value.is_finite() && right.is_finite() {
                worst = worst.max(Worst { error: (value - right).abs(), allowed });
            }
        }
        (worst, miss)
    });
    let worst = parts.iter().fold(Worst::default(), |worst, (other, _)| worst.max(*other));
    let misses: Vec<Miss> = parts.into_iter().filter_map(|(_, miss)| miss).collect();
    let count = misses.iter().map(|miss| miss.count).sum();
    match misses.into_iter().next() {
        Some(first) => Err(Miss { count, ..first }.to_string()),
        None => Ok(worst),
    }
}

/// The greatest finite magnitude of each row.
fn row_scales(len: usize, row: usize, value: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
    // Bits of numbers that are not negative are in the order of the numbers.
    let scales: Vec<AtomicU64> = (0..len.div_ceil(row)).map(|_| AtomicU64::new(0)).collect();
    in_parts(len, 1, |range| {
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min((at / row + 1) * row);
            let finite = (at..end).map(&value).filter(|x| x.is_finite());
            let scale = finite.fold(0.0f64, |scale, x| scale.max(x.abs()));
            scales[at / row].fetch_max(scale.to_bits(), Ordering::Relaxed);
            at = end;
        }
    });
    scales.into_iter().map(|scale| f64::from_bits(scale.into_inner())).collect()
}

/// How far each element of each output moves when the inputs move by [`UNIT`], in units. `evaluate` computes the
/// outputs with inputs moved by the random signs that it draws.
pub fn sensitivities(
    reference: &[Vec<f64>],
    evaluate: impl FnMut(&mut Random) -> Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    sensitivities_in(MOVES, reference, evaluate)
}

/// [`sensitivities`] from so many moves: the more there are, the less likely it is that all of them cancel in an element.
pub(crate) fn sensitivities_in(
    moves: usize,
    reference: &[Vec<f64>],
    mut evaluate: impl FnMut(&mut Random) -> Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let mut random = Random::named(0, "sensitivity");
    let mut scales: Vec<Vec<f64>> = reference.iter().map(|r| vec![0.0; r.len()]).collect();
    for _ in 0..moves {
        for ((scale, moved), right) in scales.iter_mut().zip(evaluate(&mut random)).zip(reference) {
            for ((scale, moved), right) in scale.iter_mut().zip(moved).zip(right) {
                *scale = scale.max((moved - right).abs() / UNIT);
            }
        }
    }
    scales
}

/// True when the elements of a reference differ by more than a wrong kernel could be excused for. A constant one
/// cannot tell a right kernel from a wrong one.
pub fn varies(reference: &[f64], tolerance: &Tolerance) -> bool {
    let finite = || reference.iter().filter(|x| x.is_finite());
    let least = finite().fold(f64::INFINITY, |m, x| m.min(*x));
    let greatest = finite().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
    let scale = least.abs().max(greatest.abs());
    greatest - least > 100.0 * tolerance.allowed(scale, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_ir::DType;

    #[test]
    fn a_sum_that_cancels_is_judged_by_what_it_adds() {
        let terms = [1e6, -1e6 + 0.5, 0.25];
        let reference = vec![vec![terms.iter().sum::<f64>()]];
        let tolerance = Tolerance::new(DType::F32, DType::F32, 3, 1);
        let result = Tensor::from_values(DType::F32, &[1], &[reference[0][0] + 0.03]);
        assert!(judge(&result, &reference[0], &tolerance, None).is_err());
        let scales = sensitivities(&reference, |random| {
            vec![vec![terms.iter().map(|x| x * (1.0 + random.sign() * UNIT)).sum()]]
        });
        assert!(judge(&result, &reference[0], &tolerance, Some(&scales[0])).is_ok());
        let wrong = Tensor::from_values(DType::F32, &[1], &[reference[0][0] + 30.0]);
        assert!(judge(&wrong, &reference[0], &tolerance, Some(&scales[0])).is_err());
    }

    #[test]
    fn constants_do_not_vary() {
        let tolerance = Tolerance::new(DType::F32, DType::F32, 1, 1);
        assert!(varies(&[1.0, 1.1], &tolerance));
        assert!(!varies(&[1.0, 1.0 + 1e-7], &tolerance));
        assert!(!varies(&[], &tolerance) && !varies(&[f64::NAN, 3.0], &tolerance));
    }
}
