//! Tokens to text as they come.

use crate::{FormatError, Text};

/// Text that grows token by token. A character of several tokens comes whole, and what may be the beginning of a stop
/// string waits until it is known not to be.
#[derive(Debug)]
pub struct Stream<'a> {
    text: &'a Text,
    stops: &'a [String],
    /// The tokens whose text is not settled, after one that is, since spaces may depend on the one before.
    tokens: Vec<u32>,
    /// How much of the text of `tokens` has been taken over.
    taken: usize,
    /// Text taken over and not yet shown.
    held: String,
    stopped: bool,
}

impl<'a> Stream<'a> {
    /// A stream that ends at the first of `stops`; empty ones count for nothing.
    pub fn new(text: &'a Text, stops: &'a [String]) -> Stream<'a> {
        let (tokens, held) = Default::default();
        Stream { text, stops, tokens, taken: 0, held, stopped: false }
    }

    /// True when a stop string came: what follows is not shown.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a token; the text that it settles.
    ///
    /// # Errors
    /// When the tokenizer cannot write the token.
    pub fn push(&mut self, token: u32) -> Result<String, FormatError> {
        if self.stopped {
            return Ok(String::new());
        }
        self.tokens.push(token);
        let text = self.text.decode(&self.tokens)?;
        // A character of several tokens is this one until the last of them.
        if !text.ends_with('\u{fffd}') {
            self.take(&text);
            // From here on the last token is what comes before.
            self.tokens = vec![token];
            self.taken = self.text.decode(&self.tokens)?.len();
        }
        Ok(self.settled(false))
    }

    /// The rest of the text.
    ///
    /// # Errors
    /// When the tokenizer cannot write the last tokens.
    pub fn finish(&mut self) -> Result<String, FormatError> {
        if !self.stopped {
            let text = self.text.decode(&self.tokens)?;
            self.take(&text);
            self.tokens.clear();
            self.taken = 0;
        }
        Ok(self.settled(true))
    }

    fn take(&mut self, text: &str) {
        self.held.push_str(text.get(self.taken..).unwrap_or_default());
    }

    /// What of the held text can be shown: all before a stop string, or before what may become one.
    fn settled(&mut self, last: bool) -> String {
        let stops = || self.stops.iter().filter(|stop| !stop.is_empty());
        if let Some(at) = stops().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.stopped = true;
            let shown = self.held[..at].to_string();
            self.held.clear();
            return shown;
        }
        let may_begin = |at: &usize| stops().any(|stop| stop.starts_with(&self.held[*at..]));
        let starts = self.held.char_indices().map(|(at, _)| at);
        let keep = match last {
            true => self.held.len(),
            false => starts.into_iter().find(may_begin).unwrap_or(self.held.len()),
        };
        self.held.drain(..keep).collect()
    }
}
