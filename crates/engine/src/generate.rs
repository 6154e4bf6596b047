//! Sequences from prompts: prefill one after the other, decode together.

use crate::Sampling;
use std::ops::ControlFlow;
use tilewright_nn::{Cache, Draw, Error, Greedy, Logits, Model, Result};

/// Tokens that a GPU makes before the host looks at them: it waits for the device once for all of them.
const BURST: usize = 8;

/// What to continue, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The tokens to continue; at least one.
    pub prompt: Vec<u32>,
    /// The most tokens to give.
    pub max_tokens: usize,
    /// How they are chosen.
    pub sampling: Sampling,
    /// Tokens that end the answer and are not part of it.
    pub stop: Vec<u32>,
}

/// What a request gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// Why there are no more.
    pub finish: Finish,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model gave a token of [`Request::stop`].
    Stop,
    /// It has `max_tokens`.
    Length,
    /// Whoever was shown the tokens wanted no more.
    Asked,
}

/// A request under way.
pub(crate) struct Sequence<'a> {
    number: usize,
    request: &'a Request,
    /// Prompt and answer.
    pub(crate) tokens: Vec<u32>,
    finish: Option<Finish>,
    /// The tokens that its cache may hold; with more it waits for another cache.
    limit: usize,
}

impl<'a> Sequence<'a> {
    /// Request `number`.
    pub(crate) fn new(number: usize, request: &'a Request) -> Sequence<'a> {
        let tokens = request.prompt.clone();
        Sequence { number, request, tokens, finish: None, limit: usize::MAX }
    }

    /// Lets it go on while a cache that turns as the sequence does now may hold it: what a sequence gives must not depend
    /// on those beside it, nor on how much is asked for. Gives the tokens that the cache must hold.
    pub(crate) fn go_on(&mut self, switch: Option<usize>) -> usize {
        self.limit = switch.filter(|switch| self.tokens.len() <= *switch).unwrap_or(usize::MAX);
        (self.request.prompt.len() + self.request.max_tokens).min(self.limit)
    }

    /// False when it is finished, or waits for a longer cache.
    fn is_live(&self) -> bool {
        self.finish.is_none() && self.tokens.len() <= self.limit
    }

    /// True when there is more to come.
    pub(crate) fn is_open(&self) -> bool {
        self.finish.is_none()
    }

    pub(crate) fn answer(self) -> Answer {
        Answer {
            tokens: self.tokens[self.request.prompt.len()..].to_vec(),
            finish: self.finish.unwrap_or(Finish::Length),
        }
    }

    /// The token that enters next, while it is not finished.
    fn next(&self) -> Option<u32> {
        self.tokens.last().copied().filter(|_| self.is_live())
    }

    /// How many tokens may still come.
    fn room(&self) -> usize {
        (self.request.prompt.len() + self.request.max_tokens).saturating_sub(self.tokens.len())
    }

    /// How many of them while the cache holds it.
    fn room_here(&self) -> usize {
        self.room().min(self.limit.saturating_add(1) - self.tokens.len())
    }

    /// Chooses the next token and shows it.
    fn choose(
        &mut self,
        logits: Vec<f32>,
        show: impl FnOnce(u32) -> ControlFlow<()>,
    ) -> Result<()> {
        let token = self.request.sampling.sample(logits, &self.tokens)?;
        self.take(token, show);
        Ok(())
    }

    /// Takes the next token and shows it.
    fn take(&mut self, token: u32, show: impl FnOnce(u32) -> ControlFlow<()>) {
        if self.request.stop.contains(&token) {
            self.finish = Some(Finish::Stop);
            return;
        }
        self.tokens.push(token);
        if show(token).is_break() {
            self.finish = Some(Finish::Asked);
        } else if self.room() == 0 {
            self.finish = Some(Finish::Length);
        }
    }
}

/// Continues every request. `show` gets each token as it comes, with the number of its request, and may end that
/// answer.
///
/// # Errors
/// Before any work: when a prompt is empty, a token is not of the vocabulary, a sampling option is outside its range,
/// or prompt and answer do not fit the model's context. Later: when the device fails, or logits are not numbers.
pub fn generate(
    model: &Model,
    requests: &[Request],
    mut show: impl FnMut(usize, u32) -> ControlFlow<()>,
) -> Result<Vec<Answer>> {
    for (number, request) in requests.iter().enumerate() {
        admit(bounds(model), number, request)?;
    }
    let numbered = requests.iter().enumerate();
    let mut sequences: Vec<Sequence<'_>> =
        numbered.map(|(number, request)| Sequence::new(number, request)).collect();
    // Those that a rope of short sequences turns go first; what outgrows it is read again with the others.
    let switch = model.switch();
    for limit in switch.into_iter().chain([usize::MAX]) {
        let fits = |sequence: &Sequence<'_>| sequence.is_open() && sequence.tokens.len() <= limit;
        let (mut now, rest): (Vec<_>, Vec<_>) = sequences.into_iter().partition(fits);
        together(model, &mut now, switch, &mut show)?;
        sequences = now.into_iter().chain(rest).collect();
    }
    sequences.sort_by_key(|sequence| sequence.number);
    Ok(sequences.into_iter().map(Sequence::answer).collect())
}

/// Continues sequences in one cache until each is finished or has outgrown it.
fn together(
    model: &Model,
    sequences: &mut [Sequence<'_>],
    switch: Option<usize>,
    show: &mut impl FnMut(usize, u32) -> ControlFlow<()>,
) -> Result<()> {
    let Some(longest) = sequences.iter_mut().map(|sequence| sequence.go_on(switch)).max() else {
        return Ok(());
    };
    let mut cache = model.cache(sequences.len(), longest)?;
    for (slot, sequence) in sequences.iter_mut().enumerate() {
        let number = sequence.number;
        begin(model, &mut cache, slot, sequence, |token| show(number, token))?;
    }
    decode(model, &mut cache, sequences, show)
}

/// Reads what the slot does not hold yet, and chooses the next token.
pub(crate) fn begin(
    model: &Model,
    cache: &mut Cache,
    slot: usize,
    sequence: &mut Sequence<'_>,
    show: impl FnOnce(u32) -> ControlFlow<()>,
) -> Result<()> {
    if sequence.request.max_tokens == 0 {
        sequence.finish = Some(Finish::Length);
        return Ok(());
    }
    let rest = sequence.tokens.get(cache.len(slot)..).unwrap_or_default();
    let logits = read(model, cache, slot, rest)?;
    sequence.choose(logits, show)
}

/// Appends tokens to a slot in chunks; the logits after the last.
pub(crate) fn read(
    model: &Model,
    cache: &mut Cache,
    slot: usize,
    tokens: &[u32],
) -> Result<Vec<f32>> {
    let chunk = model.chunk();
    let (first, last) = tokens.split_at(tokens.len().saturating_sub(1) / chunk * chunk);
    for chunk in first.chunks(chunk) {
        model.prefill(cache, slot, chunk, Logits::None)?;
    }
    // Once, as what is taken anew begins another huge page.
    let fewer = !first.is_empty() && last.len() < chunk;
    if fewer {
        spare(model);
    }
    let logits = model.prefill(cache, slot, last, Logits::Last)?;
    let logits = logits.ok_or_else(|| Error::failure("the model gave no logits"))?.to_vec()?;
    if !fewer {
        spare(model);
    }
    Ok(logits)
}

/// Gives back what tokens were computed in, before fewer are together: what they take would come on top of it, in the host's
/// memory, which the model shares with all else.
fn spare(model: &Model) {
    let runtime = model.kernels().runtime();
    if runtime.caps().host_visible {
        runtime.pool().clear();
    }
}

/// Continues sequences together until each is finished or waits.
pub(crate) fn decode(
    model: &Model,
    cache: &mut Cache,
    sequences: &mut [Sequence<'_>],
    show: &mut impl FnMut(usize, u32) -> ControlFlow<()>,
) -> Result<()> {
    let is_host = model.kernels().runtime().caps().host_visible;
    let most = if is_host { 1 } else { BURST };
    let draws: Vec<Draw> = sequences.iter().map(|s| s.request.sampling.draw()).collect();
    let greedy = sequences.iter().all(|sequence| sequence.request.sampling.is_greedy());
    while sequences.iter().any(Sequence::is_live) {
        let ids: Vec<Option<u32>> = sequences.iter().map(Sequence::next).collect();
        let going = match greedy {
            true => model.greedy(cache, &ids)?,
            false => {
                let texts: Vec<&[u32]> = sequences.iter().map(|s| s.tokens.as_slice()).collect();
                model.sampled(cache, &ids, &draws, &texts)?
            }
        };
        for (slot, len) in until_one_is_finished(going, sequences, most, show)? {
            // What came after its last token has entered the cache, and is forgotten.
            cache.truncate(slot, len);
        }
    }
    Ok(())
}

/// Continues sequences until one or more are finished or wait: which, and their lengths. The tokens are fed back on the
/// device; the host looks at `most` of them at once.
fn until_one_is_finished(
    mut going: Greedy<'_>,
    sequences: &mut [Sequence<'_>],
    most: usize,
    show: &mut impl FnMut(usize, u32) -> ControlFlow<()>,
) -> Result<Vec<(usize, usize)>> {
    let mut finished: Vec<(usize, usize)> = Vec::new();
    while finished.is_empty() {
        let live = sequences.iter().filter(|sequence| sequence.is_live());
        let now = live.map(Sequence::room_here).min().unwrap_or(0).min(most);
        if now == 0 {
            break;
        }
        let before: Vec<usize> = (0..sequences.len()).map(|slot| going.len(slot)).collect();
        for _ in 0..now {
            going.step()?;
        }
        for (slot, sequence) in sequences.iter_mut().enumerate() {
            if !sequence.is_live() {
                continue;
            }
            let number = sequence.number;
            // The token that entered lies at `before`, those that came after it.
            let first = before[slot] + 1;
            for token in going.tokens(slot, first..first + now)? {
                sequence.take(token, |token| show(number, token));
                if !sequence.is_live() {
                    finished.push((slot, sequence.tokens.len()));
                    break;
                }
            }
        }
    }
    Ok(finished)
}

/// The vocabulary and the context of a model.
pub(crate) fn bounds(model: &Model) -> [usize; 2] {
    [model.shape().vocabulary, model.shape().context]
}

/// Checks that request `number` is one for a model of this vocabulary and this context.
///
/// # Errors
/// When its prompt is empty, a token is not of the vocabulary, a sampling option is outside its range, or prompt and
/// answer do not fit the context.
pub fn admit([vocabulary, context]: [usize; 2], number: usize, request: &Request) -> Result<()> {
    let of = |what: String| Error::usage(format!("prompt {number}: {what}"));
    if request.prompt.is_empty() {
        return Err(of("it has no tokens".into()).help("give it at least one"));
    }
    if let Some(id) = request.prompt.iter().find(|id| **id as usize >= vocabulary) {
        let error = of(format!("token {id} is not of the vocabulary, which has {vocabulary}"));
        return Err(error.help("is the tokenizer that of the model?"));
    }
    request.sampling.check()?;
    let held = request.prompt.len();
    let total = held.saturating_add(request.max_tokens);
    if total > context {
        let answer = request.max_tokens;
        let error = of(format!(
            "{held} tokens and an answer of {answer} do not fit the model's context of {context}"
        ));
        return Err(match context.checked_sub(held) {
            Some(room) if room > 0 => error.help(format!("ask for at most {room} tokens")),
            _ => error.help(format!("shorten it to less than {context} tokens")),
        });
    }
    Ok(())
}
