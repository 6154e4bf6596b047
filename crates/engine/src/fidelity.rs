//! A model against itself patched: the same greedy tokens, and how much sooner they come.

use crate::generate::read;
use crate::{Request, generate};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tilewright_nn::patch::{PatchResult, Patterns, patch, unpatch};
use tilewright_nn::{Error, Model, Result};

/// One answer, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// Until the first of them: reading the prompt.
    pub prefill: Duration,
    /// From the first to the last.
    pub decode: Duration,
}

impl Trial {
    /// Answers `request`, showing each token as it comes.
    ///
    /// # Errors
    /// As [`generate`].
    pub fn run(model: &Model, request: &Request, mut show: impl FnMut(u32)) -> Result<Trial> {
        let start = Instant::now();
        let mut first = None;
        let answers = generate(model, std::slice::from_ref(request), |_, token| {
            first.get_or_insert_with(Instant::now);
            show(token);
            ControlFlow::Continue(())
        })?;
        let end = Instant::now();
        let first = first.unwrap_or(end);
        let tokens = answers.into_iter().flat_map(|answer| answer.tokens).collect();
        Ok(Trial { tokens, prefill: first - start, decode: end - first })
    }

    /// Tokens a second after the first; 0 for less than two.
    pub fn decode_speed(&self) -> f64 {
        per_second(self.tokens.len().saturating_sub(1), self.decode)
    }

    /// Tokens of a prompt of that length a second.
    pub fn prefill_speed(&self, prompt: usize) -> f64 {
        per_second(prompt, self.prefill)
    }
}

fn per_second(tokens: usize, time: Duration) -> f64 {
    match time.as_secs_f64() {
        0.0 => 0.0,
        seconds => tokens as f64 / seconds,
    }
}

/// Two lists of tokens compared place by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fidelity {
    /// Places with the same token in both.
    pub identical: usize,
    /// Places of the longer list.
    pub total: usize,
    /// The first place where they differ, a missing token included.
    pub first_divergence: Option<usize>,
}

impl Fidelity {
    /// Compares two lists.
    pub fn of(baseline: &[u32], patched: &[u32]) -> Fidelity {
        let same = || baseline.iter().zip(patched).map(|(a, b)| a == b);
        let total = baseline.len().max(patched.len());
        let shorter = baseline.len().min(patched.len());
        let first = same().position(|same| !same).or((shorter < total).then_some(shorter));
        Fidelity { identical: same().filter(|same| *same).count(), total, first_divergence: first }
    }

    /// True when nothing differs.
    pub fn holds(&self) -> bool {
        self.first_divergence.is_none()
    }
}

/// The first place where a patched model chose another token, as the model as it is sees it: where both logits are next to
/// equal, rounding decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// The tokens that the model as it is and the patched one chose.
    pub tokens: [u32; 2],
    /// The logits that the model as it is gives them.
    pub logits: [f32; 2],
}

/// What [`validate`] found.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Runs of the model as it is, in order.
    pub baseline: Vec<Trial>,
    /// Runs of the patched model.
    pub patched: Vec<Trial>,
    /// What the patch did.
    pub patch: PatchResult,
    /// The first run of each compared.
    pub fidelity: Fidelity,
    /// Where they part, unless one of them only ends sooner.
    pub divergence: Option<Divergence>,
}

impl Validation {
    /// The medians of a figure of the runs, of the model as it is and patched.
    pub fn medians(&self, of: impl Fn(&Trial) -> f64) -> [f64; 2] {
        [&self.baseline, &self.patched].map(|trials| {
            let mut values: Vec<f64> = trials.iter().map(&of).collect();
            values.sort_by(f64::total_cmp);
            match values.len() {
                0 => 0.0,
                n if n % 2 == 1 => values[n / 2],
                n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
            }
        })
    }
}

/// Answers `request` with `model` as it is and patched, `runs` times each in turn, so that what else the machine does
/// meets both alike. One run before them is not counted: it compiles. The model is unpatched before and after. `show` gets
/// each token of every run as it comes.
///
/// # Errors
/// When `runs` is 0, or as [`generate`].
pub fn validate(
    model: &mut Model,
    patterns: &Patterns,
    request: &Request,
    runs: usize,
    mut show: impl FnMut(u32),
) -> Result<Validation> {
    if runs == 0 {
        return Err(Error::usage("there are no runs to compare").help("ask for at least one"));
    }
    unpatch(model);
    let first = Request { max_tokens: request.max_tokens.min(4), ..request.clone() };
    let (mut baseline, mut patched) = (Vec::new(), Vec::new());
    let mut result = PatchResult::default();
    for run in 0..=runs {
        let request = if run == 0 { &first } else { request };
        let plain = Trial::run(model, request, &mut show)?;
        result = patch(model, patterns);
        let trial = Trial::run(model, request, &mut show);
        unpatch(model);
        if run > 0 {
            baseline.push(plain);
            patched.push(trial?);
        }
    }
    let fidelity = Fidelity::of(&baseline[0].tokens, &patched[0].tokens);
    let divergence = match fidelity.first_divergence {
        Some(place) => part(model, request, [&baseline[0].tokens, &patched[0].tokens], place)?,
        None => None,
    };
    Ok(Validation { baseline, patched, patch: result, fidelity, divergence })
}

/// What `model` gives the two tokens that came at `place` of an answer.
fn part(
    model: &Model,
    request: &Request,
    [plain, patched]: [&[u32]; 2],
    place: usize,
) -> Result<Option<Divergence>> {
    let (Some(a), Some(b)) = (plain.get(place), patched.get(place)) else { return Ok(None) };
    let text = [&request.prompt, &plain[..place]].concat();
    let logits = read(model, &mut model.cache(1, text.len())?, 0, &text)?;
    let of = |token: u32| logits.get(token as usize).copied().unwrap_or(f32::NAN);
    Ok(Some(Divergence { tokens: [*a, *b], logits: [of(*a), of(*b)] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_compared_place_by_place() {
        let of = |a: &[u32], b: &[u32]| {
            let Fidelity { identical, total, first_divergence } = Fidelity::of(a, b);
            (identical, total, first_divergence)
        };
        assert_eq!(of(&[1, 2, 3], &[1, 2, 3]), (3, 3, None));
        assert_eq!(of(&[1, 2, 3], &[1, 9, 3]), (2, 3, Some(1)));
        assert_eq!(of(&[1, 2, 3], &[1, 2]), (2, 3, Some(2)));
        assert_eq!(of(&[], &[7]), (0, 1, Some(0)));
        assert_eq!(of(&[], &[]), (0, 0, None));
        assert!(!Fidelity::of(&[1], &[2]).holds());
    }
}
