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
        let needed = request.prompt.len() + request.max_tokens;
        let cache = match self.cache.take().filter(|cache| cache.capacity() >= needed) {
            Some(cache) => self.cache.insert(cache),
            None => {
                self.held.clear();
                let capacity = needed.next_power_of_two().max(LEAST);
                let capacity = capacity.min(model.shape().context).max(needed);
                self.cache.insert(model.cache(1, capacity)?)
            }
        };
        // The last token of a prompt is always read, for the logits after it.
        let common = self.held.iter().zip(&request.prompt).take_while(|(a, b)| a == b).count();
        cache.truncate(0, common.min(request.prompt.len() - 1));
        // Should anything fail, nothing is taken for granted.
        self.held.clear();
        let mut sequence = Sequence::new(request);
        begin(model, cache, 0, &mut sequence, &mut show)?;
        let mut sequences = [sequence];
        decode(model, cache, &mut sequences, &mut |_, token| show(token))?;
        let [sequence] = sequences;
        cache.truncate(0, sequence.tokens.len());
        self.held = sequence.tokens[..cache.len(0)].to_vec();
        Ok(sequence.answer())
    }
}
