//! A conversation: one sequence whose cache lives on from answer to answer.

use crate::generate::{Sequence, admit, begin, bounds, decode};
use crate::{Answer, Request};
use std::ops::ControlFlow;
use tilewright_nn::{Cache, Model, Result};

/// The fewest tokens that a cache is made for, so that short conversations make one.
const LEAST: usize = 1024;

/// The cache of a conversation. What a prompt has in common with the tokens before is not read again.
#[derive(Debug, Default)]
pub struct Session {
    cache: Option<Cache>,
    /// The tokens that the cache holds.
    held: Vec<u32>,
}

impl Session {
    /// A conversation that has not begun.
    pub fn new() -> Session {
        Session::default()
    }

    /// The tokens that need not be read again.
    pub fn held(&self) -> &[u32] {
        &self.held
    }

    /// Continues the request's prompt, which is the conversation so far from its beginning. The answer is that of
    /// [`generate`](crate::generate()).
    ///
    /// # Errors
    /// As [`generate`](crate::generate()).
    pub fn answer(
        &mut self,
        model: &Model,
        request: &Request,
        mut show: impl FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Answer> {
        admit(bounds(model), 0, request)?;
        let switch = model.switch();
        let mut sequences = [Sequence::new(0, request)];
        loop {
            let [sequence] = &mut sequences;
            let needed = sequence.go_on(switch);
            let mut cache = self.cache(model, needed, switch)?;
            // The last token of a prompt is always read, for the logits after it.
            let common = self.held.iter().zip(&sequence.tokens).take_while(|(a, b)| a == b).count();
            cache.truncate(0, common.min(sequence.tokens.len() - 1));
            // Should anything fail, nothing is taken for granted.
            self.held.clear();
            begin(model, &mut cache, 0, sequence, &mut show)?;
            decode(model, &mut cache, &mut sequences, &mut |_, token| show(token))?;
            let [sequence] = &sequences;
            cache.truncate(0, sequence.tokens.len());
            self.held = sequence.tokens[..cache.len(0)].to_vec();
            self.cache = Some(cache);
            if !sequence.is_open() {
                break;
            }
        }
        let [sequence] = sequences;
        Ok(sequence.answer())
    }

    /// The cache that is there, if it holds `needed` tokens and its ropes turn as for so many, or else an empty one.
    fn cache(&mut self, model: &Model, needed: usize, switch: Option<usize>) -> Result<Cache> {
        let is_long = |length: usize| switch.is_some_and(|switch| length > switch);
        let fits = |cache: &Cache| {
            cache.capacity() >= needed && is_long(cache.capacity()) == is_long(needed)
        };
        if let Some(cache) = self.cache.take().filter(fits) {
            return Ok(cache);
        }
        self.held.clear();
        let capacity = needed.next_power_of_two().max(LEAST).min(model.shape().context);
        let most = switch.filter(|_| !is_long(needed)).unwrap_or(usize::MAX);
        model.cache(1, capacity.min(most).max(needed))
    }
}
