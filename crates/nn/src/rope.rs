//! Rotary position embedding: the frequencies of its variants, and tables of cosines and sines.

use crate::{Error, Result, Tensor};
use std::f64::consts::TAU;

/// The angles by which pairs of features turn from one position to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// One a pair, in radians a position.
    frequencies: Vec<f64>,
    /// Other frequencies for caches longer than a length.
    long: Option<(usize, Vec<f64>)>,
    /// What turned features are multiplied with.
    magnitude: f64,
    /// The longest cache for which this is how it turns.
    most: Option<usize>,
}

impl Rope {
    /// base^(-2i/features) for pair i.
    pub fn new(features: usize, base: f64) -> Rope {
        let frequency = |i| base.powf(-2.0 * i as f64 / features as f64);
        let frequencies = (0..features / 2).map(frequency).collect();
        Rope { frequencies, long: None, magnitude: 1.0, most: None }
    }

    /// One that leaves `features` features as they are.
    pub fn still(features: usize) -> Rope {
        Rope::new(features, 1.0).each(|_| 0.0)
    }

    /// The number of features that turn.
    pub fn features(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// The length past which a cache turns otherwise, where it does.
    pub fn switch(&self) -> Option<usize> {
        self.long.as_ref().map(|(original, _)| *original)
    }

    /// Frequencies that change with every token past the `original` context, and are the plain ones up to there
    /// (<https://github.com/huggingface/transformers/pull/24653>). Longer caches are refused: each of their keys would be
    /// turned as none is when the next token comes.
    pub fn dynamic(self, original: usize) -> Rope {
        Rope { most: Some(original), ..self }
    }

    /// Positions divided by `factor` (Chen et al., 2023, <https://arxiv.org/abs/2306.15595>).
    pub fn linear(self, factor: f64) -> Rope {
        self.each(|frequency| frequency / factor)
    }

    /// Llama 3's: long waves slowed by `factor`, short ones left, those between mixed. A wave is long or short by how
    /// often it fits into the `original` context: fewer than `low` times, more than `high` times.
    pub fn llama3(self, factor: f64, low: f64, high: f64, original: usize) -> Rope {
        self.each(|frequency| {
            let turns = original as f64 * frequency / TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        })
    }

    /// LongRoPE (Ding et al., 2024, <https://arxiv.org/abs/2402.13753>): a divisor for each pair, one list for caches
    /// of at most `original` tokens and one for longer ones; features are multiplied with `magnitude`.
    pub fn longrope(self, short: &[f64], long: &[f64], original: usize, magnitude: f64) -> Rope {
        let divided = |factors: &[f64]| -> Vec<f64> {
            self.frequencies.iter().zip(factors).map(|(f, factor)| f / factor).collect()
        };
        let long = Some((original, divided(long)));
        Rope { frequencies: divided(short), long, magnitude, most: self.most }
    }

    /// YaRN (Peng et al., 2023, <https://arxiv.org/abs/2309.00071>): waves that fit into the `original` context fewer
    /// than `slow` times are slowed by `factor`, those that fit more than `fast` times are left; between, by their
    /// number. `base` is that of [`new`](Self::new); `whole`: the mixed pairs begin and end at whole numbers.
    pub fn yarn(
        mut self,
        base: f64,
        factor: f64,
        [fast, slow]: [f64; 2],
        original: usize,
        whole: bool,
        magnitude: f64,
    ) -> Rope {
        let features = self.features() as f64;
        let number =
            |turns: f64| features * (original as f64 / (turns * TAU)).ln() / (2.0 * base.ln());
        let (low, high) = (number(fast), number(slow));
        let (low, high) = if whole { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(features - 1.0));
        for (i, frequency) in self.frequencies.iter_mut().enumerate() {
            let slowed = ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
            *frequency *= slowed / factor + (1.0 - slowed);
        }
        Rope { magnitude, ..self }
    }

    fn each(mut self, change: impl Fn(f64) -> f64) -> Rope {
        self.frequencies.iter_mut().for_each(|frequency| *frequency = change(*frequency));
        self
    }

    /// Cosines and sines of positions `0 .. length`, `f32[length, features/2]` each.
    ///
    /// # Errors
    /// When memory runs out, or it does not turn so far.
    pub fn tables(&self, length: usize) -> Result<[Tensor; 2]> {
        if let Some(most) = self.most.filter(|most| length > *most) {
            let what = format!(
                "{length} tokens are more than the {most} up to which this model's dynamic rope is supported"
            );
            return Err(Error::usage(what).help(format!("ask for {most} tokens or fewer")));
        }
        let frequencies = match &self.long {
            Some((original, long)) if length > *original => long,
            _ => &self.frequencies,
        };
        let table = |of: fn(f64) -> f64| {
            let angles = (0..length).flat_map(|p| frequencies.iter().map(move |f| p as f64 * f));
            let values = angles.map(|angle| (of(angle) * self.magnitude) as f32).collect();
            Tensor::new::<f32>(values, &[length, frequencies.len()])
        };
        Ok([table(f64::cos)?, table(f64::sin)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_the_angles_of_each_position() {
        let [cos, sin] = Rope::new(4, 10000.0).tables(3).unwrap();
        assert_eq!((cos.shape(), sin.shape()), (&[3, 2][..], &[3, 2][..]));
        let expected = [1.0, 1.0, 1f64.cos(), 0.01f64.cos(), 2f64.cos(), 0.02f64.cos()];
        assert_eq!(cos.to_vec::<f32>().unwrap(), expected.map(|x| x as f32));
        assert_eq!(sin.to_vec::<f32>().unwrap()[5], 0.02f64.sin() as f32);
    }

    #[test]
    fn scaled_waves() {
        let plain = Rope::new(8, 10000.0);
        let llama3 = plain.clone().llama3(8.0, 1.0, 4.0, 64);
        // The first wave fits ten times, the last a hundredth of once.
        assert_eq!(llama3.frequencies[0], plain.frequencies[0]);
        assert_eq!(llama3.frequencies[3], plain.frequencies[3] / 8.0);
        let between = llama3.frequencies[1] / plain.frequencies[1];
        assert!((0.125..1.0).contains(&between), "{between}");
        let yarn = plain.clone().yarn(10000.0, 4.0, [32.0, 1.0], 4096, true, 1.5);
        assert_eq!(yarn.frequencies[0], plain.frequencies[0]);
        assert_eq!(yarn.frequencies[3], plain.frequencies[3] / 4.0);
    }

    #[test]
    fn a_dynamic_rope_is_plain_as_far_as_it_goes() {
        let (plain, dynamic) = (Rope::new(4, 10000.0), Rope::new(4, 10000.0).dynamic(6));
        let table = |rope: &Rope| rope.tables(6).unwrap()[0].to_vec::<f32>().unwrap();
        assert_eq!(table(&dynamic), table(&plain));
        let error = dynamic.tables(7).unwrap_err().to_string();
        assert!(error.contains("7 tokens are more than the 6"), "{error}");
    }

    #[test]
    fn long_caches_have_frequencies_of_their_own() {
        let rope = Rope::new(4, 10000.0).longrope(&[1.0, 1.0], &[2.0, 4.0], 8, 1.0);
        let at = |length: usize| rope.tables(length).unwrap()[1].to_vec::<f32>().unwrap()[2];
        assert_eq!(at(8), 1f64.sin() as f32);
        assert_eq!(at(9), 0.5f64.sin() as f32);
    }
}
