//! `smart_patch`: each pattern is tried, compared and timed against the model without it, and kept only if the model says
//! the same and says it sooner.

use super::{PatchResult, Pattern, Patterns, patch, unpatch_pattern};
use crate::{Error, Model, Result};
use std::cell::Cell;
use std::time::Instant;

/// How patterns are judged.
#[derive(Clone, Debug)]
pub struct SmartOptions {
    /// The candidates.
    pub patterns: Patterns,
    /// The least speedup (time before over time after) of a pattern that is kept.
    pub threshold: f64,
    /// Untimed calls before the timed ones.
    pub warmup: usize,
    /// Timed calls, of which the median counts.
    pub iters: usize,
}

impl Default for SmartOptions {
    fn default() -> Self {
        SmartOptions { patterns: Patterns::all(), threshold: 0.995, warmup: 3, iters: 5 }
    }
}

/// Tries each pattern on `model`, times `sample` with and without it, keeps what pays and takes the rest off again, as it
/// does with a pattern that changes the tokens that `sample` gives. The calls with and without take turns, so that what
/// else the machine does meets both alike. `tell` gets a line for each step.
///
/// # Errors
/// When `sample` fails, or nothing is to be timed. The model is then without these patterns.
pub fn smart_patch(
    model: &mut Model,
    options: &SmartOptions,
    sample: impl FnMut(&Model) -> Result<Vec<u32>>,
    tell: impl FnMut(&str),
) -> Result<PatchResult> {
    if options.iters == 0 {
        return Err(Error::usage("smart_patch: there are no timed calls").help("time at least one"));
    }
    let result = choose(model, options, sample, tell);
    if result.is_err() {
        for pattern in options.patterns.iter() {
            unpatch_pattern(model, pattern.name);
        }
    }
    result
}

fn choose(
    model: &mut Model,
    options: &SmartOptions,
    mut sample: impl FnMut(&Model) -> Result<Vec<u32>>,
    mut tell: impl FnMut(&str),
) -> Result<PatchResult> {
    let expected = sample(model)?;
    let same = Cell::new(true);
    let mut time = |model: &Model| -> Result<f64> {
        let start = Instant::now();
        let tokens = sample(model)?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        same.set(same.get() && tokens == expected);
        Ok(took)
    };
    for _ in 0..options.warmup {
        time(model)?;
    }
    let times = (0..options.iters).map(|_| time(model)).collect::<Result<Vec<_>>>()?;
    let baseline = median(times);
    tell(&format!("[smart_patch] Baseline: {baseline:.2} ms"));
    let mut result = PatchResult::default();
    let mut kept = Vec::new();
    for pattern in options.patterns.iter() {
        let name = pattern.name;
        let alone = Patterns::of(&[pattern]);
        let found = patch(model, &alone);
        result.skipped.extend(found.skipped);
        if found.patched_count == 0 {
            tell(&format!("  {name}: no matches (skipped)"));
            continue;
        }
        same.set(true);
        for _ in 0..options.warmup.max(1) {
            time(model)?;
        }
        if !same.get() {
            unpatch_pattern(model, name);
            tell(&format!("  {name}: other tokens -> REVERT"));
            continue;
        }
        let (without, with) = in_turns(model, &[pattern], options.iters, &mut time)?;
        let speedup = without / with;
        let rounded = (speedup * 1e4).round() / 1e4;
        result.speeds.push((name, rounded));
        if speedup >= options.threshold {
            tell(&format!("  {name}: {speedup:.3}x -> KEEP ({} modules)", found.patched_count));
            kept.push(pattern);
            result.patched_count += found.patched_count;
            result.pattern_counts.extend(found.pattern_counts);
        } else {
            unpatch_pattern(model, name);
            let threshold = options.threshold;
            tell(&format!("  {name}: {speedup:.3}x -> REVERT (below {threshold} threshold)"));
        }
    }
    let (before, after) = in_turns(model, &kept, options.iters, &mut time)?;
    let speedup = before / after;
    tell(&format!("[smart_patch] Result: {before:.2} -> {after:.2} ms ({speedup:.3}x)"));
    Ok(result)
}

/// The median times without these patterns and with them, one call after the other. The model has them, and has them
/// again afterwards.
fn in_turns(
    model: &mut Model,
    patterns: &[&'static Pattern],
    iters: usize,
    time: &mut impl FnMut(&Model) -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..iters {
        with.push(time(model)?);
        for pattern in patterns.iter().rev() {
            unpatch_pattern(model, pattern.name);
        }
        without.push(time(model)?);
        for &pattern in patterns {
            patch(model, &Patterns::of(&[pattern]));
        }
    }
    Ok((median(without), median(with)))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let half = times.len() / 2;
    match times.len() % 2 {
        0 => (times[half - 1] + times[half]) / 2.0,
        _ => times[half],
    }
}
