//! Greedy decoding that repeats itself: the launches of a step, recorded once and run again.

use crate::{Cache, Decoding, Model, Recording, Result};
use std::ops::Range;

/// Sequences of a cache that go on with their most probable tokens, without a word from the host. Make one with
/// [`Model::greedy`].
///
/// All that differs from one step to the next lies in device tensors, so that a step is the same launches as the one before.
/// The first step is recorded, and later ones run the recording, without plans and memory to be found for each launch: on
/// an NVIDIA GPU it is one captured graph a token.
pub struct Greedy<'a> {
    /// Dropped before the tensors that its launches use.
    recorded: Option<Recorded>,
    decoding: Decoding,
    model: &'a Model,
    cache: &'a mut Cache,
    /// Steps are recorded.
    records: bool,
}

/// A step's launches.
struct Recorded {
    launches: Recording,
    /// The longest sequence that they suit: which kernel attends may depend on the length, so that a sequence twice as long
    /// is recorded anew.
    longest: usize,
}

impl<'a> Greedy<'a> {
    pub(crate) fn new(model: &'a Model, cache: &'a mut Cache, decoding: Decoding) -> Greedy<'a> {
        Greedy { recorded: None, decoding, model, cache, records: true }
    }

    /// Records steps, as is the rule, or none.
    pub fn recording(mut self, records: bool) -> Greedy<'a> {
        (self.records, self.recorded) = (records, None);
        self
    }

    /// Appends the next token of each sequence that takes part, and makes the most probable one after it the next.
    ///
    /// # Errors
    /// When a sequence has no room, or the device fails.
    pub fn step(&mut self) -> Result<()> {
        let after = self.cache.after_step(&self.decoding)?;
        let longest = after.iter().copied().max().unwrap_or(0);
        if let Some(recorded) = self.recorded.as_mut().filter(|r| longest <= r.longest) {
            // SAFETY: the model and the cache are borrowed, and the tensors of `decoding` are this value's own, all for as
            // long as the recording lives; nobody else launches on them meanwhile.
            unsafe { recorded.launches.enqueue() }?;
            self.cache.set_lens(after);
            return Ok(());
        }
        self.recorded = None;
        let (model, cache, decoding) = (self.model, &mut *self.cache, &mut self.decoding);
        if !self.records {
            return model.step_greedily(cache, decoding);
        }
        let runtime = model.kernels().runtime();
        // SAFETY: as above; tensors are moved with this value, their memory is not.
        let (launches, ()) = unsafe { runtime.record(|| model.step_greedily(cache, decoding)) }?;
        self.recorded = Some(Recorded { launches, longest: longest.next_power_of_two() });
        Ok(())
    }

    /// The launches of a step, and whether the device runs them without work of the host for each; `None` before a step
    /// was recorded.
    pub fn launches(&self) -> Option<(usize, bool)> {
        let launches = &self.recorded.as_ref()?.launches;
        Some((launches.len(), launches.is_captured()))
    }

    /// Which slots take part.
    pub fn active(&self) -> &[bool] {
        self.decoding.active()
    }

    /// The tokens that a slot holds.
    pub fn len(&self, slot: usize) -> usize {
        self.cache.len(slot)
    }

    /// True when no slot holds a token.
    pub fn is_empty(&self) -> bool {
        self.cache.is_empty()
    }

    /// The tokens that came at these positions of a slot.
    ///
    /// # Errors
    /// As [`Decoding::tokens`].
    pub fn tokens(&self, slot: usize, positions: Range<usize>) -> Result<Vec<u32>> {
        self.decoding.tokens(slot, positions)
    }
}
