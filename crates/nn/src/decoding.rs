//! Sequences that decode together: where they stand, on the device.

use crate::sampler::Sampler;
use crate::{Cache, Error, Kernels, Result, Tensor};
use std::ops::Range;
use tilewright_tensor::Callable;

/// What a decode step reads and moves on: the last token of each sequence, its position, how many tokens it holds, and
/// the tokens that came. All of it lies on the device and changes in place, so that one step after the other runs
/// without a word from the host.
pub struct Decoding {
    /// The token that enters next, `u32[slots]`.
    pub(crate) ids: Tensor,
    /// The slot of each, `i32[slots]`.
    pub(crate) slots: Tensor,
    /// Where it enters, `i32[slots]`.
    pub(crate) positions: Tensor,
    /// The tokens that each slot holds once it has entered, `i32[slots]`; 0 for slots that take no part.
    pub(crate) lens: Tensor,
    /// The tokens by their positions, from the first that came here on, `u32[slots, capacity + 1]`.
    history: Tensor,
    active: Vec<bool>,
    next: Callable,
    /// The greatest logit of a part of the vocabulary, and the greatest of those.
    parts: [Callable; 2],
    /// Draws the tokens, where they are not the most probable ones.
    pub(crate) sampler: Option<Sampler>,
}

/// The most parts that a vocabulary is cut into, so that many programs read it.
const PARTS: usize = 128;

impl Decoding {
    /// The sequences of `cache`, each of which goes on with one of `ids`; those without one ride along: what they
    /// compute counts for nothing, and they hold no more tokens than before.
    pub(crate) fn new(kernels: &Kernels, cache: &Cache, ids: &[Option<u32>]) -> Result<Decoding> {
        let [first, positions, lens] = start(cache, ids)?;
        let runtime = kernels.runtime();
        let slots: Vec<i32> = (0..ids.len() as i32).collect();
        let history = [ids.len(), cache.capacity() + 1];
        Ok(Decoding {
            ids: first.own(runtime)?,
            slots: Tensor::from(slots).own(runtime)?,
            positions: positions.own(runtime)?,
            lens: lens.own(runtime)?,
            history: Tensor::empty(runtime, crate::DType::U32, &history)?,
            active: ids.iter().map(Option::is_some).collect(),
            next: kernels.get("next_token", &[])?,
            parts: [kernels.get("max_and_argmax", &[])?, kernels.get("next_token_of_parts", &[])?],
            sampler: None,
        })
    }

    /// Begins anew with the sequences of `cache` as they stand, as [`new`](Self::new) does, in the memory that it has.
    pub(crate) fn restart(&mut self, cache: &Cache, ids: &[Option<u32>]) -> Result<()> {
        let [first, positions, lens] = start(cache, ids)?;
        self.ids.overwrite(&first)?;
        self.positions.overwrite(&positions)?;
        self.lens.overwrite(&lens)?;
        self.active = ids.iter().map(Option::is_some).collect();
        Ok(())
    }

    /// Which slots take part.
    pub fn active(&self) -> &[bool] {
        &self.active
    }

    /// Takes the most probable tokens of `logits` `[slots, vocabulary]`, or draws some.
    pub(crate) fn advance(&mut self, logits: &Tensor) -> Result<()> {
        let Decoding { sampler, history, ids, positions, lens, .. } = self;
        if let Some(sampler) = sampler {
            return sampler.advance(logits, [history, ids, positions, lens]);
        }
        let (batch, vocabulary) = (logits.shape()[0], logits.shape()[1]);
        let parts = (1..=PARTS).rev().find(|n| vocabulary.is_multiple_of(*n)).unwrap_or(1);
        let made;
        let call = match parts {
            1 => self.next.bind().input("logits", logits),
            _ => {
                let width = vocabulary / parts;
                let rows = logits.reshape(&[batch * parts, width])?;
                let [greatest, position] = self.parts[0].call_all(&[&rows])?.pair()?;
                let shape = [batch, parts];
                made = [greatest.reshape(&shape)?, position.reshape(&shape)?];
                let call = self.parts[1].bind().input("greatest", &made[0]);
                call.input("position", &made[1]).scalar("width", width as f64)
            }
        };
        let call = call.output("history", &mut self.history).output("ids", &mut self.ids);
        call.output("positions", &mut self.positions).output("lens", &mut self.lens).run()?;
        Ok(())
    }

    /// The tokens that came at these positions of a slot.
    ///
    /// # Errors
    /// When there is no such place, the device fails, or logits were no numbers.
    pub fn tokens(&self, slot: usize, positions: Range<usize>) -> Result<Vec<u32>> {
        let len = positions.end.saturating_sub(positions.start);
        let tokens = self.history.narrow(0, slot, 1)?.narrow(1, positions.start, len)?;
        let tokens = tokens.to_vec::<u32>()?;
        match tokens.iter().position(|token| *token == u32::MAX) {
            None => Ok(tokens),
            Some(at) => Err(not_numbers(positions.start + at)),
        }
    }
}

/// The tokens that enter next, where they do, and what each slot holds then.
fn start(cache: &Cache, ids: &[Option<u32>]) -> Result<[Tensor; 3]> {
    if ids.len() != cache.slots() {
        return Err(Error::usage(format!("{} tokens for {} slots", ids.len(), cache.slots())));
    }
    // A slot that rides along writes to the place after its last token, or over it where there is none.
    let last = cache.capacity().saturating_sub(1);
    let first: Vec<u32> = ids.iter().map(|id| id.unwrap_or(0)).collect();
    let held = |slot: usize| cache.len(slot);
    let positions: Vec<i32> = (0..ids.len()).map(|slot| held(slot).min(last) as i32).collect();
    let lens = ids.iter().enumerate();
    let lens: Vec<i32> =
        lens.map(|(slot, id)| if id.is_some() { held(slot) as i32 + 1 } else { 0 }).collect();
    Ok([Tensor::from(first), Tensor::from(positions), Tensor::from(lens)])
}

/// The error for logits that are NaN or infinite.
pub fn not_numbers(tokens: usize) -> Error {
    Error::failure(format!("the logits after {tokens} tokens are not numbers"))
        .help("`tilewright inspect --values` tells whether weights hold NaN")
}
