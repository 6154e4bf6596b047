//! The root: token ids in, logits out.

use crate::cache::Pending;
use crate::scaling::Scaling;
use crate::{
    Cache, CacheShape, DType, Decoding, Error, Greedy, Kernels, Module, Result, Rope, Slot,
    StateShape, Step, Tensor,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tilewright_tensor::Callable;

/// What a model is besides its modules.
#[derive(Clone, Debug)]
pub struct ModelShape {
    /// Token ids are below this.
    pub vocabulary: usize,
    /// The most tokens of a sequence.
    pub context: usize,
    /// What each layer that attends caches.
    pub layers: Vec<CacheShape>,
    /// What each layer with a convolution keeps.
    pub states: Vec<StateShape>,
    /// The ropes that its layers name by their positions here.
    pub ropes: Vec<Rope>,
    /// What the logits are multiplied with, if it is not 1.
    pub logit_factor: Option<f64>,
    /// The bound of the logits, where they have one.
    pub softcap: Option<f64>,
    /// The type of the arithmetic between kernels.
    pub dtype: DType,
    /// Tokens choose among experts in some layer.
    pub mixture: bool,
}

impl ModelShape {
    /// Layers of either kind.
    pub fn blocks(&self) -> usize {
        self.layers.len() + self.states.len()
    }

    /// Bytes of the caches of `slots` sequences of at most `capacity` tokens.
    pub fn cache_bytes(&self, [slots, capacity]: [usize; 2]) -> usize {
        let heads = self.layers.iter().map(|l| 2 * l.kv_heads * l.head_dim * capacity);
        let states = self.states.iter().map(|state| state.channels * state.rows(capacity));
        heads.chain(states).sum::<usize>() * slots * self.dtype.size()
    }
}

/// Which rows of the logits a call computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// None: the tokens only enter the cache.
    None,
    /// Those after the last token.
    Last,
    /// Those after every token.
    All,
}

/// Tokens of a prompt that enter a model at once: enough to use every core, few enough to bound what lies between the
/// layers. What lies between the layers of a model of 1024 features takes 20 MB for 512 tokens, 10 for 256, which take 1 % longer.
const CHUNK: usize = 256;

/// The same of models of fewer than [`FEW_LAYERS`], beside whose weights what lies between the layers is much: 3 MB less for
/// 1024 features than 128 tokens take, and 8 MB less than 256.
const FEW_CHUNK: usize = 64;
const FEW_LAYERS: usize = 16;

/// The same where each expert gets a part of them: prompts of qwen3-moe-small take 9 % longer in chunks of 256.
const MIXTURE_CHUNK: usize = 512;

/// The same on a device with memory of its own, where each chunk reads all weights once.
const DEVICE_CHUNK: usize = 4096;

/// A decoder: embedding, blocks, norm, head.
pub struct Model {
    shape: ModelShape,
    kernels: Arc<Kernels>,
    /// Name and module in the order of the calls.
    slots: Vec<(String, Slot)>,
    scaling: Option<Scaling>,
    softcap: Callable,
    widen: Callable,
    add: Callable,
    state: u64,
}

/// States that models were in.
static STATES: AtomicU64 = AtomicU64::new(0);

/// A state that none was in.
fn new_state() -> u64 {
    STATES.fetch_add(1, Ordering::Relaxed)
}

impl Model {
    /// A model of an embedding, blocks, a norm and a head.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(
        kernels: Kernels,
        shape: ModelShape,
        embedding: Slot,
        blocks: Vec<Slot>,
        [norm, head]: [Slot; 2],
    ) -> Result<Model> {
        let mut slots = vec![("model.embed_tokens".to_string(), embedding)];
        let blocks = blocks.into_iter().enumerate();
        slots.extend(blocks.map(|(i, block)| (format!("model.layers.{i}"), block)));
        slots.extend([("model.norm".into(), norm), ("lm_head".into(), head)]);
        let get = |name: &str| kernels.get(name, &[]);
        let (softcap, widen, add) = (get("softcap")?, get("widen")?, get("add")?);
        let scaling = Scaling::by(&kernels, shape.logit_factor)?;
        let (kernels, state) = (Arc::new(kernels), new_state());
        Ok(Model { shape, scaling, softcap, widen, add, kernels, slots, state })
    }

    /// Its sizes.
    pub fn shape(&self) -> &ModelShape {
        &self.shape
    }

    /// A number that no other model has, and this one no longer once somebody may have changed a module.
    pub(crate) fn state(&self) -> u64 {
        self.state
    }

    /// Admits sequences of up to `context` tokens, fewer or more than the configuration says.
    pub fn set_context(&mut self, context: usize) {
        self.shape.context = context;
    }

    /// The length past which its ropes turn otherwise, where they do: a sequence that grows past it is to be read again
    /// into a longer [`cache`](Self::cache).
    pub fn switch(&self) -> Option<usize> {
        let switches = self.shape.ropes.iter().filter_map(Rope::switch);
        switches.filter(|switch| *switch < self.shape.context).min()
    }

    /// Its kernels, for modules that are to replace some of its own.
    pub fn kernels(&self) -> &Arc<Kernels> {
        &self.kernels
    }

    /// Tokens of a prompt that should enter at once.
    pub fn chunk(&self) -> usize {
        match self.kernels.runtime().caps().host_visible {
            false => DEVICE_CHUNK,
            true if self.shape.mixture => MIXTURE_CHUNK,
            true if self.shape.blocks() < FEW_LAYERS => FEW_CHUNK,
            true => CHUNK,
        }
    }

    /// Empty caches for `slots` sequences of at most `capacity` tokens.
    ///
    /// # Errors
    /// When the device has no such memory.
    pub fn cache(&self, slots: usize, capacity: usize) -> Result<Cache> {
        let ModelShape { layers, states, ropes, dtype, .. } = &self.shape;
        Cache::new(&self.kernels, *dtype, (layers, states), ropes, [slots, capacity])
    }

    /// Appends tokens to one slot of the cache; the logits as f32 `[rows, vocabulary]`, if any are asked for.
    ///
    /// # Errors
    /// When there are no tokens, one is not of the vocabulary, the slot has no room, or the device fails.
    pub fn prefill(
        &self,
        cache: &mut Cache,
        slot: usize,
        ids: &[u32],
        logits: Logits,
    ) -> Result<Option<Tensor>> {
        if ids.is_empty() {
            return Err(Error::usage("there are no tokens to begin with"));
        }
        self.check(ids)?;
        let step = Step::prefill(cache, slot, ids.len())?;
        let ids = Tensor::from(ids.to_vec()).on(self.kernels.runtime())?;
        match self.run(step, &ids, logits)? {
            Some(logits) => self.widened(logits).map(Some),
            None => Ok(None),
        }
    }

    /// Appends one token to each slot that is given one; the logits as f32 `[slots, vocabulary]`, unspecified for the
    /// others.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn decode(&self, cache: &mut Cache, ids: &[Option<u32>]) -> Result<Tensor> {
        let decoding = self.decoding(cache, ids)?;
        self.widened(self.step(cache, &decoding)?)
    }

    /// Logits in f32, where they were made.
    fn widened(&self, logits: Tensor) -> Result<Tensor> {
        match logits.dtype() {
            DType::F32 => Ok(logits),
            _ => self.widen.call(&[&logits]),
        }
    }

    /// The sequences of `cache` as they stand, each of which goes on with one of `ids`; those without one ride along.
    ///
    /// # Errors
    /// When there is not one for each slot, one is not of the vocabulary, or the device fails.
    pub fn decoding(&self, cache: &Cache, ids: &[Option<u32>]) -> Result<Decoding> {
        self.check_next(ids)?;
        Decoding::new(&self.kernels, cache, ids)
    }

    /// Appends the next token of each sequence; the logits after it, `[slots, vocabulary]` in the model's type.
    ///
    /// # Errors
    /// When a sequence has no room, or the device fails.
    pub fn step(&self, cache: &mut Cache, decoding: &Decoding) -> Result<Tensor> {
        let step = Step::decode(cache, decoding)?;
        let logits = self.run(step, &decoding.ids, Logits::All)?;
        logits.ok_or_else(|| Error::failure("the head gave no logits"))
    }

    /// The sequences of `cache`, each of which goes on with one of `ids` and then with its most probable tokens; those
    /// without one ride along.
    ///
    /// # Errors
    /// As [`decoding`](Self::decoding).
    pub fn greedy<'a>(&'a self, cache: &'a mut Cache, ids: &[Option<u32>]) -> Result<Greedy<'a>> {
        self.check_next(ids)?;
        Greedy::new(self, cache, ids, None)
    }

    /// Appends the next token of each sequence, and makes the most probable one after it the next. Nothing comes back
    /// to the host: [`Decoding::tokens`] tells what came.
    pub(crate) fn step_greedily(&self, cache: &mut Cache, decoding: &mut Decoding) -> Result<()> {
        let logits = self.step(cache, decoding)?;
        decoding.advance(&logits)
    }

    pub(crate) fn check_next(&self, ids: &[Option<u32>]) -> Result<()> {
        self.check(&ids.iter().flatten().copied().collect::<Vec<_>>())
    }

    fn check(&self, ids: &[u32]) -> Result<()> {
        let vocabulary = self.shape.vocabulary;
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            None => Ok(()),
            Some(id) => {
                let what = format!("token {id} is not of the vocabulary, which has {vocabulary}");
                Err(Error::usage(what).help("is the tokenizer that of the model?"))
            }
        }
    }

    /// Runs the modules on `ids`; logits in the model's type.
    fn run(&self, mut step: Step<'_>, ids: &Tensor, logits: Logits) -> Result<Option<Tensor>> {
        let mut x = ids.clone();
        let (trunk, head) = self.slots.split_at(self.slots.len() - 2);
        for (i, (_, module)) in trunk.iter().enumerate() {
            // All other layers cache what they make of every token.
            step.only_last = logits == Logits::Last && i + 1 == trunk.len();
            x = self.call(module, x, &mut step)?;
        }
        if logits == Logits::None {
            step.finish();
            return Ok(None);
        }
        x = step.asked(x)?;
        if let Some(Pending { inner, norm }) = step.pending.take() {
            step.pending = Some(Pending { inner: step.asked(inner)?, norm });
        }
        for (_, module) in head {
            x = self.call(module, x, &mut step)?;
        }
        step.finish();
        if let Some(scaling) = &self.scaling {
            x = scaling.of(&x)?;
        }
        if let Some(cap) = self.shape.softcap {
            x = self.softcap.bind().input("x", &x).scalar("cap", cap).run()?.single()?;
        }
        Ok(Some(x))
    }
}

impl Model {
    /// Calls a module on `x` and what is pending.
    fn call(&self, module: &Slot, x: Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        // One that only wraps a block gets its whole sum.
        step.leaves = module.adds_pending();
        match step.pending.take() {
            Some(pending) if module.adds_pending() => {
                step.pending = Some(pending);
                module.forward(&x, step)
            }
            Some(pending) => module.forward(&pending.added(&x, &self.add)?, step),
            None => module.forward(&x, step),
        }
    }
}

impl Module for Model {
    fn kind(&self) -> &'static str {
        "Model"
    }

    /// Every module after the other on what the one before gave.
    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        self.slots.iter().try_fold(x.clone(), |x, (_, module)| self.call(module, x, step))
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), slot)).collect()
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        self.state = new_state();
        self.slots.iter_mut().map(|(name, slot)| (name.as_str(), slot)).collect()
    }
}
