//! From logits to a token.
//!
//! The device draws, by the kernels `sample_candidates` and `sample_token`; the functions here say on the host what it
//! draws, and choose the first token after a prompt.

use std::cmp::Ordering;
use tilewright_nn::{Draw, Error, Result, not_numbers};

/// How the next token is chosen. The steps come in this order: repetition penalty, temperature, top-k, top-p, min-p, draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// What logits are divided by; 0 takes the greatest, of equal ones the lowest id.
    pub temperature: f64,
    /// Keeps this many of the most probable tokens.
    pub top_k: Option<usize>,
    /// Keeps the fewest most probable tokens that have this share of the probability together.
    pub top_p: Option<f64>,
    /// Keeps tokens at least this share as probable as the most probable one.
    pub min_p: Option<f64>,
    /// What the logits of tokens that occurred are divided by, or multiplied with where they are negative.
    pub repetition_penalty: f64,
    /// What draws depend on, besides the number of the token.
    pub seed: u64,
}

impl Sampling {
    /// Always the most probable token.
    pub const GREEDY: Sampling = Sampling {
        temperature: 0.0,
        top_k: None,
        top_p: None,
        min_p: None,
        repetition_penalty: 1.0,
        seed: 0,
    };

    /// True when the most probable token is always taken, whatever came before.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    /// The seed as the generator takes it: seeds below 2^32 are themselves.
    fn word(&self) -> u32 {
        (self.seed ^ (self.seed >> 32)) as u32
    }

    /// How the device draws.
    pub fn draw(&self) -> Draw {
        let Sampling { temperature, top_k, top_p, min_p, repetition_penalty, .. } = *self;
        Draw { temperature, top_k, top_p, min_p, repetition_penalty, seed: self.word() }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Naming what is outside of its range.
    pub fn check(&self) -> Result<()> {
        let share = |name: &str, value: Option<f64>| match value {
            Some(p) if !(p > 0.0 && p <= 1.0) => {
                Err(Error::usage(format!("{name} is {p}")).help("it is above 0 and at most 1"))
            }
            _ => Ok(()),
        };
        share("top-p", self.top_p)?;
        share("min-p", self.min_p)?;
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            let what = format!("the temperature is {}", self.temperature);
            return Err(Error::usage(what).help("it is at least 0, which is greedy"));
        }
        if self.top_k == Some(0) {
            return Err(Error::usage("top-k is 0").help("it is at least 1"));
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            let what = format!("the repetition penalty is {}", self.repetition_penalty);
            return Err(Error::usage(what).help("it is above 0; 1 is none"));
        }
        Ok(())
    }

    /// The token after `history` that `logits` give.
    ///
    /// # Errors
    /// When a logit is NaN, or the greatest is infinite: the weights or the arithmetic are broken.
    pub fn sample(&self, mut logits: Vec<f32>, history: &[u32]) -> Result<u32> {
        let broken = |x: &f32| x.is_nan() || *x == f32::INFINITY;
        if logits.iter().any(broken) || !logits.iter().any(|x| x.is_finite()) {
            return Err(not_numbers(history.len()));
        }
        self.penalize(&mut logits, history);
        if self.temperature == 0.0 {
            return Ok(greatest(&logits));
        }
        let kept = self.keep(&logits);
        let total: f64 = kept.iter().map(|(p, _)| p).sum();
        let mut rest = Draw::uniform(self.word(), history.len()) * total;
        for (p, id) in &kept {
            rest -= p;
            if rest < 0.0 {
                return Ok(*id);
            }
        }
        // Rounding may leave a little.
        Ok(kept.last().map_or_else(|| greatest(&logits), |(_, id)| *id))
    }

    /// Each token that occurred counts once, however often it did.
    fn penalize(&self, logits: &mut [f32], history: &[u32]) {
        if self.repetition_penalty == 1.0 {
            return;
        }
        let penalty = self.repetition_penalty as f32;
        let mut seen = history.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for id in seen {
            if let Some(x) = logits.get_mut(id as usize) {
                *x = if *x >= 0.0 { *x / penalty } else { *x * penalty };
            }
        }
    }

    /// The tokens to draw from with their probabilities, which need not sum to 1: the most probable first where a filter
    /// leaves few enough to be sorted ([`Draw::CANDIDATES`]), else in the order of their ids.
    fn keep(&self, logits: &[f32]) -> Vec<(f64, u32)> {
        let scaled = |x: f32| x as f64 / self.temperature;
        let most = scaled(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let mut kept: Vec<(f64, u32)> =
            logits.iter().zip(0..).map(|(x, id)| ((scaled(*x) - most).exp(), id)).collect();
        if let Some(k) = self.top_k.filter(|k| *k < kept.len()) {
            kept.select_nth_unstable_by(k, descending);
            kept.truncate(k);
        }
        let top_p = self.top_p.filter(|share| *share < 1.0);
        if let Some(share) = top_p {
            let total: f64 = kept.iter().map(|(p, _)| p).sum();
            // All that are less probable than this have less than the share that is cut off, so none of them is kept,
            // and the sort has few to sort.
            let least = (1.0 - share) * total / kept.len() as f64;
            kept.retain(|(p, _)| *p >= least);
            kept.sort_unstable_by(descending);
            let mut sum = 0.0;
            let enough = kept.iter().position(|(p, _)| {
                sum += p;
                sum >= share * total
            });
            kept.truncate(enough.map_or(kept.len(), |last| last + 1));
        }
        if let Some(share) = self.min_p {
            // The most probable token has e^0.
            kept.retain(|(p, _)| *p >= share);
        }
        // An order that no filter's algorithm decides.
        let sorted = match self.top_k {
            Some(k) => k.min(logits.len()) <= Draw::CANDIDATES,
            None => {
                let filtered = top_p.is_some() || self.min_p.is_some_and(|share| share > 0.0);
                filtered && kept.len() < Draw::CANDIDATES
            }
        };
        match sorted {
            true => kept.sort_unstable_by(descending),
            false => kept.sort_unstable_by_key(|(_, id)| *id),
        }
        kept
    }
}

/// More probable first, then the lower id.
fn descending(a: &(f64, u32), b: &(f64, u32)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The id of the greatest logit, of equal ones the lowest.
fn greatest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (i, x) in logits.iter().enumerate() {
        if *x > logits[best] {
            best = i;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, 3.0, -1.0];

    fn warm() -> Sampling {
        Sampling { temperature: 1.0, ..Sampling::GREEDY }
    }

    fn kept(sampling: Sampling) -> Vec<u32> {
        sampling.keep(&LOGITS).into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn greedy_takes_the_lowest_of_equal_logits() {
        assert_eq!(Sampling::GREEDY.sample(LOGITS.to_vec(), &[]), Ok(1));
    }

    #[test]
    fn filters_keep_what_they_say() {
        assert_eq!(kept(warm()), [0, 1, 2, 3, 4]);
        assert_eq!(kept(Sampling { top_k: Some(1), ..warm() }), [1]);
        assert_eq!(kept(Sampling { top_k: Some(3), ..warm() }), [1, 3, 2]);
        assert_eq!(kept(Sampling { top_k: Some(9), ..warm() }), [1, 3, 2, 0, 4]);
        // The probabilities are 0.0538, 0.3973, 0.1462, 0.3973, 0.0073 after division by their sum.
        assert_eq!(kept(Sampling { top_p: Some(0.39), ..warm() }), [1]);
        assert_eq!(kept(Sampling { top_p: Some(0.5), ..warm() }), [1, 3]);
        assert_eq!(kept(Sampling { top_p: Some(0.9), ..warm() }), [1, 3, 2]);
        assert_eq!(kept(Sampling { top_p: Some(1.0), ..warm() }).len(), 5);
        assert_eq!(kept(Sampling { min_p: Some(0.3), ..warm() }), [1, 3, 2]);
        assert_eq!(kept(Sampling { min_p: Some(0.3), temperature: 0.5, ..warm() }), [1, 3]);
    }

    #[test]
    fn penalties_lower_logits_of_either_sign_once() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::GREEDY };
        let mut logits = LOGITS.to_vec();
        sampling.penalize(&mut logits, &[1, 1, 4, 99]);
        assert_eq!(logits, [1.0, 1.5, 2.0, 3.0, -2.0]);
        assert_eq!(sampling.sample(LOGITS.to_vec(), &[1]), Ok(3));
    }

    #[test]
    fn draws_follow_the_probabilities_and_repeat() {
        let mut counts = [0.0; 5];
        for seed in 0..20_000 {
            let sampling = Sampling { seed, ..warm() };
            let id = sampling.sample(LOGITS.to_vec(), &[0; 7]).unwrap();
            assert_eq!(sampling.sample(LOGITS.to_vec(), &[0; 7]), Ok(id));
            counts[id as usize] += 1.0 / 20_000.0;
        }
        let total: f64 = LOGITS.iter().map(|x| (*x as f64).exp()).sum();
        for (count, x) in counts.iter().zip(LOGITS) {
            let p = (x as f64).exp() / total;
            // Four standard deviations of so many draws.
            assert!((count - p).abs() < 4.0 * (p / 20_000.0).sqrt(), "{counts:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let infinite = f32::INFINITY;
        for logits in
            [vec![1.0, f32::NAN], vec![-infinite; 3], vec![infinite; 2], vec![1.0, infinite]]
        {
            assert!(Sampling::GREEDY.sample(logits.clone(), &[]).is_err(), "{logits:?}");
            assert!(warm().sample(logits.clone(), &[]).is_err(), "{logits:?}");
        }
        for wrong in [
            Sampling { temperature: -1.0, ..warm() },
            Sampling { temperature: f64::NAN, ..warm() },
            Sampling { top_k: Some(0), ..warm() },
            Sampling { top_p: Some(0.0), ..warm() },
            Sampling { min_p: Some(1.5), ..warm() },
            Sampling { repetition_penalty: 0.0, ..warm() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        assert!(warm().check().is_ok());
    }
}
