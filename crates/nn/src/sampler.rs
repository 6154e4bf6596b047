//! Drawing the next tokens on the device: the launches that stand at the end of a step in place of the greatest logit.

use crate::{Cache, DType, Error, Greedy, Kernels, Model, Result, Tensor};
use tilewright_ir::meaning::philox;
use tilewright_tensor::Callable;

/// How the next token of a sequence is drawn. The steps come in this order: repetition penalty, temperature, top-k, top-p,
/// min-p, draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// What logits are divided by; 0 takes the greatest.
    pub temperature: f64,
    /// Keeps this many of the most probable tokens.
    pub top_k: Option<usize>,
    /// Keeps the fewest most probable tokens that have this share of the probability together.
    pub top_p: Option<f64>,
    /// Keeps tokens at least this share as probable as the most probable one.
    pub min_p: Option<f64>,
    /// What the logits of tokens that occurred are divided by, or multiplied with where they are negative.
    pub repetition_penalty: f64,
    /// What draws depend on, besides the number of the token.
    pub seed: u32,
}

impl Draw {
    /// The most tokens that a device sorts: of more it draws in the order of their ids.
    pub const CANDIDATES: usize = 64;

    /// A number in 0 .. 1 that depends on nothing but the seed and the position of a token, of 24 bits: the one that the
    /// device draws for it.
    pub fn uniform(seed: u32, position: usize) -> f64 {
        (philox(0, seed, position as u32) >> 8) as f64 / 2f64.powi(24)
    }
}

/// How the sequences of a batch go on.
#[derive(Clone, Copy)]
pub(crate) struct Draws<'a> {
    /// That of each.
    pub of: &'a [Draw],
    /// The tokens of each so far.
    pub texts: &'a [&'a [u32]],
    /// Token ids are below this.
    pub vocabulary: usize,
}

impl Draws<'_> {
    /// Temperature, top-k, top-p, min-p, penalty and seed of each, and which tokens occurred.
    fn tensors(&self) -> Result<[Tensor; 7]> {
        let Draws { of: draws, texts, vocabulary } = *self;
        let mut seen = vec![0u8; draws.len() * vocabulary];
        for (row, (draw, text)) in seen.chunks_mut(vocabulary.max(1)).zip(draws.iter().zip(texts)) {
            // Without a penalty nobody asks.
            for id in text.iter().filter(|_| draw.repetition_penalty != 1.0) {
                if let Some(place) = row.get_mut(*id as usize) {
                    *place = 1;
                }
            }
        }
        let numbers = |of: &dyn Fn(&Draw) -> f64| {
            Tensor::from(draws.iter().map(|draw| of(draw) as f32).collect::<Vec<_>>())
        };
        let top_k: Vec<i32> =
            draws.iter().map(|draw| draw.top_k.map_or(0, |k| k.min(vocabulary) as i32)).collect();
        let seeds: Vec<u32> = draws.iter().map(|draw| draw.seed).collect();
        Ok([
            numbers(&|draw| draw.temperature),
            Tensor::from(top_k),
            numbers(&|draw| draw.top_p.unwrap_or(1.0)),
            numbers(&|draw| draw.min_p.unwrap_or(0.0)),
            numbers(&|draw| draw.repetition_penalty),
            Tensor::from(seeds),
            Tensor::from_bytes(DType::U8, &[draws.len(), vocabulary], &seen)?,
        ])
    }
}

/// Tokens of a part of the vocabulary: what the kernel `sample_candidates` is made for.
const PART: usize = 1024;

/// What draws need from step to step.
pub(crate) struct Sampler {
    candidates: Callable,
    token: Callable,
    values: Tensor,
    tokens: Tensor,
    masses: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    min_p: Tensor,
    penalty: Tensor,
    seed: Tensor,
    /// 1 for tokens that occurred, `u8[slots, vocabulary]`.
    seen: Tensor,
}

impl Sampler {
    /// For sequences that go on as `draws` say.
    pub fn new(kernels: &Kernels, draws: Draws<'_>) -> Result<Sampler> {
        let (runtime, slots) = (kernels.runtime(), draws.of.len());
        let constants = [("k", Draw::CANDIDATES)];
        let parts = draws.vocabulary.div_ceil(PART);
        let empty = |dtype, columns| Tensor::empty(runtime, dtype, &[slots, columns]);
        let [temperature, top_k, top_p, min_p, penalty, seed, seen] = draws.tensors()?;
        Ok(Sampler {
            candidates: kernels.get("sample_candidates", &constants)?,
            token: kernels.get("sample_token", &constants)?,
            values: empty(DType::F32, parts * Draw::CANDIDATES)?,
            tokens: empty(DType::U32, parts * Draw::CANDIDATES)?,
            masses: empty(DType::F32, parts)?,
            temperature: temperature.own(runtime)?,
            top_k: top_k.own(runtime)?,
            top_p: top_p.own(runtime)?,
            min_p: min_p.own(runtime)?,
            penalty: penalty.own(runtime)?,
            seed: seed.own(runtime)?,
            seen: seen.own(runtime)?,
        })
    }

    /// Begins anew, in the memory that it has.
    pub fn restart(&mut self, draws: Draws<'_>) -> Result<()> {
        let Sampler { temperature, top_k, top_p, min_p, penalty, seed, seen, .. } = self;
        let own = [temperature, top_k, top_p, min_p, penalty, seed, seen];
        own.into_iter().zip(draws.tensors()?).try_for_each(|(own, new)| own.overwrite(&new))
    }

    /// Draws a token of each row of `logits`, and moves on what a step moves on: history, ids, positions, lens.
    pub(crate) fn advance(
        &mut self,
        logits: &Tensor,
        [history, ids, positions, lens]: [&mut Tensor; 4],
    ) -> Result<()> {
        let call = self.candidates.bind().input("logits", logits).input("seen", &self.seen);
        let call = call.input("penalty", &self.penalty).input("temperature", &self.temperature);
        let call = call.output("values", &mut self.values).output("tokens", &mut self.tokens);
        call.output("masses", &mut self.masses).run()?;
        let call = self.token.bind().input("logits", logits).input("values", &self.values);
        let call = call.input("tokens", &self.tokens).input("masses", &self.masses);
        let call = call.input("temperature", &self.temperature).input("top_k", &self.top_k);
        let call = call.input("top_p", &self.top_p).input("min_p", &self.min_p);
        let call = call.input("penalty", &self.penalty).input("seed", &self.seed);
        let call = call.output("seen", &mut self.seen).output("history", history);
        let call = call.output("ids", ids).output("positions", positions);
        call.output("lens", lens).run()?;
        Ok(())
    }
}

impl Model {
    /// The sequences of `cache`, each of which goes on with one of `ids` and then with tokens that `draws` says how to draw;
    /// `texts` are the tokens of each so far. Sequences without one of `ids` ride along.
    ///
    /// # Errors
    /// As [`greedy`](Self::greedy), and when there is not a draw and a text for each.
    pub fn sampled<'a>(
        &'a self,
        cache: &'a mut Cache,
        ids: &[Option<u32>],
        draws: &[Draw],
        texts: &[&[u32]],
    ) -> Result<Greedy<'a>> {
        self.check_next(ids)?;
        if draws.len() != ids.len() {
            return Err(Error::usage(format!("{} draws for {} slots", draws.len(), ids.len())));
        }
        if draws.len() != texts.len() {
            let what = format!("{} ways to draw for {} sequences", draws.len(), texts.len());
            return Err(Error::usage(what));
        }
        let draws = Draws { of: draws, texts, vocabulary: self.shape().vocabulary };
        Greedy::new(self, cache, ids, Some(draws))
    }
}
