//! Sequences from prompts: prefill one after the other, decode together.

use crate::Sampling;
use std::ops::ControlFlow;
use tilewright_nn::{Error, Logits, Model, Result};

/// Tokens of a prompt that enter the model at once: enough to use every core, few enough to bound what lies between
/// the layers.
const CHUNK: usize = 512;

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
struct Sequence<'a> {
    request: &'a Request,
    /// Prompt and answer.
    tokens: Vec<u32>,
    finish: Option<Finish>,
}

impl Sequence<'_> {
    fn answer_len(&self) -> usize {
        self.tokens.len() - self.request.prompt.len()
    }

    /// Chooses the next token and shows it.
    fn advance(
        &mut self,
        logits: Vec<f32>,
        show: impl FnOnce(u32) -> ControlFlow<()>,
    ) -> Result<()> {
        let token = self.request.sampling.sample(logits, &self.tokens)?;
        if self.request.stop.contains(&token) {
            self.finish = Some(Finish::Stop);
            return Ok(());
        }
        self.tokens.push(token);
        if show(token).is_break() {
            self.finish = Some(Finish::Asked);
        } else if self.answer_len() == self.request.max_tokens {
            self.finish = Some(Finish::Length);
        }
        Ok(())
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
        check(model, number, request)?;
    }
    let longest = requests.iter().map(|r| r.prompt.len() + r.max_tokens).max().unwrap_or(0);
    let mut cache = model.cache(requests.len(), longest)?;
    let mut sequences: Vec<Sequence<'_>> = requests
        .iter()
        .map(|request| Sequence { request, tokens: request.prompt.clone(), finish: None })
        .collect();
    for (slot, sequence) in sequences.iter_mut().enumerate() {
        if sequence.request.max_tokens == 0 {
            sequence.finish = Some(Finish::Length);
            continue;
        }
        let prompt = &sequence.request.prompt;
        let (begin, last) = prompt.split_at((prompt.len() - 1) / CHUNK * CHUNK);
        for chunk in begin.chunks(CHUNK) {
            model.prefill(&mut cache, slot, chunk, Logits::None)?;
        }
        let logits = model.prefill(&mut cache, slot, last, Logits::Last)?;
        let logits = logits.ok_or_else(|| Error::failure("the model gave no logits"))?;
        sequence.advance(logits.to_vec()?, |token| show(slot, token))?;
    }
    while sequences.iter().any(|sequence| sequence.finish.is_none()) {
        let next = |sequence: &Sequence<'_>| match sequence.finish {
            None => sequence.tokens.last().copied(),
            Some(_) => None,
        };
        let ids: Vec<Option<u32>> = sequences.iter().map(next).collect();
        let logits = model.decode(&mut cache, &ids)?.to_vec::<f32>()?;
        let rows = logits.chunks(model.shape().vocabulary);
        for (slot, (sequence, row)) in sequences.iter_mut().zip(rows).enumerate() {
            if sequence.finish.is_none() {
                sequence.advance(row.to_vec(), |token| show(slot, token))?;
            }
        }
    }
    let answer = |sequence: Sequence<'_>| Answer {
        tokens: sequence.tokens[sequence.request.prompt.len()..].to_vec(),
        finish: sequence.finish.unwrap_or(Finish::Length),
    };
    Ok(sequences.into_iter().map(answer).collect())
}

fn check(model: &Model, number: usize, request: &Request) -> Result<()> {
    let of = |what: String| Error::usage(format!("prompt {number}: {what}"));
    if request.prompt.is_empty() {
        return Err(of("it has no tokens".into()).help("give it at least one"));
    }
    let vocabulary = model.shape().vocabulary;
    if let Some(id) = request.prompt.iter().find(|id| **id as usize >= vocabulary) {
        let error = of(format!("token {id} is not of the vocabulary, which has {vocabulary}"));
        return Err(error.help("is the tokenizer that of the model?"));
    }
    request.sampling.check()?;
    let (held, context) = (request.prompt.len(), model.shape().context);
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

/// The perplexity of `tokens` under `logits`, those after each of them `[tokens, vocabulary]`: e to the mean of
/// -ln p of each token but the first. `None` for less than two tokens.
pub fn perplexity(logits: &[f32], tokens: &[u32]) -> Option<f64> {
    let vocabulary = logits.len() / tokens.len().max(1);
    let surprise = |(row, id): (&[f32], &u32)| {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
        let sum: f64 = row.iter().map(|x| (*x as f64 - most).exp()).sum();
        Some(most + sum.ln() - *row.get(*id as usize)? as f64)
    };
    // The row after the last token has nothing to compare with.
    let pairs = logits.chunks(vocabulary.max(1)).zip(tokens.get(1..)?);
    let surprises = pairs.map(surprise).collect::<Option<Vec<f64>>>()?;
    let mean = surprises.iter().sum::<f64>() / surprises.len() as f64;
    (!surprises.is_empty()).then(|| mean.exp())
}
