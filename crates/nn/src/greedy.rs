//! Greedy decoding that repeats itself: the launches of a step, recorded once and run again.

use crate::sampler::{Draws, Sampler};
use crate::{Cache, Decoding, Model, Recording, Result};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Range;

/// Sequences of a cache that go on with their most probable tokens, without a word from the host. Make one with
/// [`Model::greedy`].
///
/// All that differs from one step to the next lies in device tensors, so that a step is the same launches as the one before.
/// The first step is recorded, and later ones run the recording, without plans and memory to be found for each launch: on
/// an NVIDIA GPU it is one captured graph a token. The cache keeps the recording, for the next sequences that go on in it.
pub struct Greedy<'a> {
    /// The cache gets it back at the end.
    going: ManuallyDrop<Going>,
    model: &'a Model,
    cache: &'a mut Cache,
    /// Steps are recorded.
    records: bool,
}

/// Where sequences stand, and the launches of a step on that.
pub(crate) struct Going {
    /// Dropped before the tensors that its launches use.
    recorded: Option<Recorded>,
    decoding: Decoding,
    /// What the model was; see [`Model::state`].
    state: u64,
}

/// A step's launches.
struct Recorded {
    launches: Recording,
    /// The longest sequence that they suit, and more than twice the shortest: which kernel attends may depend on the
    /// length, so that another is recorded anew.
    longest: usize,
}

impl Recorded {
    /// True for a step after which the slots hold so many tokens.
    fn suits(&self, after: &[usize]) -> bool {
        self.longest == longest(after)
    }
}

/// The longest sequence that the launches of a step suit after which the slots hold so many tokens.
fn longest(after: &[usize]) -> usize {
    after.iter().copied().max().unwrap_or(0).next_power_of_two()
}

impl fmt::Debug for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let launches = self.recorded.as_ref().map(|recorded| recorded.launches.len());
        write!(f, "Going({launches:?} launches)")
    }
}

impl Going {
    /// The one that `cache` kept, if it was this model's and chose tokens likewise, else a new one.
    fn new(
        model: &Model,
        cache: &mut Cache,
        ids: &[Option<u32>],
        draws: Option<Draws<'_>>,
    ) -> Result<Going> {
        if let Some(mut kept) = cache.going.take()
            && kept.state == model.state()
            && kept.decoding.sampler.is_some() == draws.is_some()
        {
            kept.decoding.restart(cache, ids)?;
            // A full slot is the first step's to tell of.
            let after = cache.after_step(&kept.decoding).unwrap_or_default();
            kept.recorded.take_if(|known| !known.suits(&after));
            if let (Some(sampler), Some(draws)) = (&mut kept.decoding.sampler, draws) {
                sampler.restart(draws)?;
            }
            return Ok(kept);
        }
        let mut decoding = Decoding::new(model.kernels(), cache, ids)?;
        if let Some(draws) = draws {
            decoding.sampler = Some(Sampler::new(model.kernels(), draws)?);
        }
        Ok(Going { recorded: None, decoding, state: model.state() })
    }
}

impl<'a> Greedy<'a> {
    pub(crate) fn new(
        model: &'a Model,
        cache: &'a mut Cache,
        ids: &[Option<u32>],
        draws: Option<Draws<'_>>,
    ) -> Result<Greedy<'a>> {
        let going = ManuallyDrop::new(Going::new(model, cache, ids, draws)?);
        Ok(Greedy { going, model, cache, records: true })
    }

    /// Records steps, as is the rule, or none.
    pub fn recording(mut self, records: bool) -> Greedy<'a> {
        self.records = records;
        self.going.recorded = None;
        self
    }

    /// Appends the next token of each sequence that takes part, and makes the most probable one after it the next.
    ///
    /// # Errors
    /// When a sequence has no room, or the device fails.
    pub fn step(&mut self) -> Result<()> {
        let Going { recorded, decoding, .. } = &mut *self.going;
        let after = self.cache.after_step(decoding)?;
        if let Some(mut known) = recorded.take().filter(|known| known.suits(&after)) {
            // SAFETY: the launches use weights, which are those of the time of the recording because the model is in the
            // same state; the cache and the tensors of `decoding`, which live as long as the recording and on which nobody
            // else launches meanwhile; and memory that the recording holds.
            unsafe { known.launches.enqueue() }?;
            *recorded = Some(known);
            self.cache.set_lens(after);
            return Ok(());
        }
        let (model, cache) = (self.model, &mut *self.cache);
        if !self.records {
            return model.step_greedily(cache, decoding);
        }
        let runtime = model.kernels().runtime();
        // SAFETY: as above, whenever the launches run again; tensors are moved with their owners, their memory is not.
        let (launches, ()) = unsafe { runtime.record(|| model.step_greedily(cache, decoding)) }?;
        *recorded = Some(Recorded { launches, longest: longest(&after) });
        Ok(())
    }

    /// The launches of a step, and whether the device runs them without work of the host for each; `None` before a step
    /// was recorded.
    pub fn launches(&self) -> Option<(usize, bool)> {
        let launches = &self.going.recorded.as_ref()?.launches;
        Some((launches.len(), launches.is_captured()))
    }

    /// Which slots take part.
    pub fn active(&self) -> &[bool] {
        self.going.decoding.active()
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
        self.going.decoding.tokens(slot, positions)
    }
}

impl Drop for Greedy<'_> {
    fn drop(&mut self) {
        // SAFETY: taken once, here; `self` is not used afterwards.
        self.cache.going = Some(unsafe { ManuallyDrop::take(&mut self.going) });
    }
}
