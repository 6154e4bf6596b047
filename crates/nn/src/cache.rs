//! The caches of keys and values and of what convolutions see, and the step that fills them.

use crate::greedy::Going;
use crate::{DType, Decoding, Error, Kernels, Result, RmsNorm, Rope, Runtime, Tensor};
use std::sync::Arc;
use tilewright_tensor::Callable;

/// What a layer caches of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Features of one.
    pub head_dim: usize,
}

/// What a layer whose convolution sees the last tokens keeps of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateShape {
    /// Features of a token.
    pub channels: usize,
    /// Tokens that it sees, the newest included.
    pub taps: usize,
}

impl StateShape {
    /// Tokens that it keeps, of a cache of so many: those that it sees, those that a sequence may go back by without being
    /// read again, and one that a slot writes to that rides along.
    pub fn rows(&self, capacity: usize) -> usize {
        (self.taps + REWIND).next_power_of_two().min(capacity.max(self.taps))
    }
}

/// Tokens that a sequence of a model with convolutions may go back by: a GPU makes some before the host looks at them.
const REWIND: usize = 8;

/// Keys and values of some sequences, each in a slot of its own, of at most `capacity` tokens each.
#[derive(Debug)]
pub struct Cache {
    /// How sequences went on here last, for the next that do; dropped before what its launches use.
    pub(crate) going: Option<Going>,
    runtime: Arc<Runtime>,
    capacity: usize,
    /// The tokens that each slot holds.
    lens: Vec<usize>,
    pub(crate) layers: Vec<LayerCache>,
    /// What convolutions see of the last tokens, `[slots, rows, channels]` each, that of position p in row p mod rows.
    pub(crate) states: Vec<Tensor>,
    /// The positions that their rows hold, where there are such.
    kept: Vec<Kept>,
    /// The most tokens that a convolution sees, and the fewest rows of a slot.
    seen: usize,
    rows: usize,
    /// Cosines and sines of each rope, up to `capacity`.
    pub(crate) ropes: Vec<[Tensor; 2]>,
}

/// Positions that the rows of a slot hold: from `first` to before `end`, but no more than there are rows.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    first: usize,
    end: usize,
}

/// The cache of one layer: `[slots, kv_heads, capacity, head_dim]` each.
#[derive(Debug)]
pub(crate) struct LayerCache {
    pub keys: Tensor,
    pub values: Tensor,
}

impl Cache {
    /// Empty caches for `slots` sequences.
    ///
    /// # Errors
    /// When the device has no such memory.
    pub(crate) fn new(
        kernels: &Kernels,
        dtype: DType,
        (layers, states): (&[CacheShape], &[StateShape]),
        ropes: &[Rope],
        [slots, capacity]: [usize; 2],
    ) -> Result<Cache> {
        let runtime = kernels.runtime();
        let layer = |shape: &CacheShape| {
            let shape = [slots, shape.kv_heads, capacity, shape.head_dim];
            let empty = || Tensor::empty(runtime, dtype, &shape);
            Ok(LayerCache { keys: empty()?, values: empty()? })
        };
        let state = |shape: &StateShape| {
            let shape = [slots, shape.rows(capacity), shape.channels];
            Tensor::empty(runtime, dtype, &shape)
        };
        let tables = |rope: &Rope| {
            let [cos, sin] = rope.tables(capacity)?;
            Ok([cos.on(runtime)?, sin.on(runtime)?])
        };
        // First what takes most: too many sequences are an error there, and nothing has been asked for yet.
        let layers = layers.iter().map(layer).collect::<Result<_>>()?;
        let made = states.iter().map(state).collect::<Result<_>>()?;
        Ok(Cache {
            going: None,
            runtime: runtime.clone(),
            capacity,
            lens: vec![0; slots],
            layers,
            states: made,
            kept: vec![Kept::default(); slots],
            seen: states.iter().map(|shape| shape.taps).max().unwrap_or(0),
            rows: states.iter().map(|shape| shape.rows(capacity)).min().unwrap_or(0),
            ropes: ropes.iter().map(tables).collect::<Result<_>>()?,
        })
    }

    /// The most tokens that a slot can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of slots.
    pub fn slots(&self) -> usize {
        self.lens.len()
    }

    /// The tokens that a slot holds; 0 for a slot that does not exist.
    pub fn len(&self, slot: usize) -> usize {
        self.lens.get(slot).copied().unwrap_or(0)
    }

    /// True when no slot holds a token.
    pub fn is_empty(&self) -> bool {
        self.lens.iter().all(|len| *len == 0)
    }

    /// Forgets what a slot holds past its first `len` tokens; all of them, where convolutions would see tokens before these
    /// that are no longer kept. [`len`](Self::len) tells.
    pub fn truncate(&mut self, slot: usize, len: usize) {
        let len = len.min(self.len(slot));
        let len = if self.sees(slot, len) { len } else { 0 };
        if let Some(held) = self.lens.get_mut(slot) {
            *held = len;
        }
    }

    /// True when what convolutions see of the first `len` tokens of a slot is there.
    fn sees(&self, slot: usize, len: usize) -> bool {
        let Some(kept) = self.kept.get(slot) else { return false };
        let oldest = len.saturating_sub(self.seen.saturating_sub(1));
        self.seen == 0 || len == 0 || oldest >= kept.first.max(kept.end.saturating_sub(self.rows))
    }
}

/// One call of the model: which tokens it gets, and where they stand.
#[derive(Debug)]
pub struct Step<'a> {
    pub(crate) cache: &'a mut Cache,
    /// The slot of each token, `i32[tokens]`.
    pub(crate) slots: Tensor,
    /// Its position in that slot, `i32[tokens]`.
    pub(crate) positions: Tensor,
    pub(crate) tokens: Tokens,
    /// What is still to be added to the tensor that the last module gave; the next one does it, if it
    /// [may](crate::Module::adds_pending).
    pub(crate) pending: Option<Pending>,
    /// True while a module is called that may leave something pending: a caller that knows nothing of it would lose it.
    pub(crate) leaves: bool,
    /// Nobody asks for what comes of any token but the last, once all are in the cache.
    pub(crate) only_last: bool,
    /// The tokens that each slot holds when it is done.
    after: Vec<usize>,
}

/// What came of a branch, and the norm that it still lacks, if any.
#[derive(Debug)]
pub(crate) struct Pending {
    pub inner: Tensor,
    pub norm: Option<RmsNorm>,
}

impl Pending {
    /// `x` with it, by `add`.
    pub fn added(&self, x: &Tensor, add: &Callable) -> Result<Tensor> {
        match &self.norm {
            Some(norm) => add.call(&[x, &norm.call(&self.inner).run()?.single()?]),
            None => add.call(&[x, &self.inner]),
        }
    }
}

/// The tokens of a step.
#[derive(Debug)]
pub(crate) enum Tokens {
    /// Neighbours of one sequence: those before position `end` of a slot.
    Of { slot: usize, end: usize },
    /// One of every slot, which then holds `lens` `i32[slots]` tokens, `longest` at most; 0 for slots that take no
    /// part.
    Each { lens: Tensor, longest: usize },
}

impl<'a> Step<'a> {
    /// `count` tokens after those that `slot` holds.
    ///
    /// # Errors
    /// When there is no such slot, or it has no room for them.
    pub fn prefill(cache: &'a mut Cache, slot: usize, count: usize) -> Result<Step<'a>> {
        let start = *cache.lens.get(slot).ok_or_else(|| no_slot(slot))?;
        let end = cache.room(slot, count)?;
        let slots = Tensor::from(vec![slot as i32; count]).on(&cache.runtime)?;
        let positions: Vec<i32> = (start as i32..end as i32).collect();
        let positions = Tensor::from(positions).on(&cache.runtime)?;
        let mut after = cache.lens.clone();
        after[slot] = end;
        // Should anything fail, it may have been overwritten.
        cache.keep(slot, start, end);
        Ok(Step::new(cache, slots, positions, Tokens::Of { slot, end }, after))
    }

    /// One token after those that each slot holds, as `decoding` says.
    ///
    /// # Errors
    /// When a slot that takes part is full.
    pub fn decode(cache: &'a mut Cache, decoding: &Decoding) -> Result<Step<'a>> {
        let after = cache.after_step(decoding)?;
        let (slots, positions) = (decoding.slots.clone(), decoding.positions.clone());
        let active = after.iter().zip(decoding.active()).filter(|(_, active)| **active);
        let longest = active.map(|(held, _)| *held).max().unwrap_or(0);
        let tokens = Tokens::Each { lens: decoding.lens.clone(), longest };
        cache.keep_next();
        Ok(Step::new(cache, slots, positions, tokens, after))
    }

    fn new(
        cache: &'a mut Cache,
        slots: Tensor,
        positions: Tensor,
        tokens: Tokens,
        after: Vec<usize>,
    ) -> Step<'a> {
        let (pending, leaves, only_last) = (None, false, false);
        Step { cache, slots, positions, tokens, pending, leaves, only_last, after }
    }

    /// The rows of a tensor of a row for each token that are asked for; again, if it was asked before.
    pub(crate) fn asked(&self, x: Tensor) -> Result<Tensor> {
        match x.shape()[0] {
            rows @ 2.. if self.only_last => x.narrow(0, rows - 1, 1),
            _ => Ok(x),
        }
    }

    /// True when its launches are recorded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.cache.runtime.is_recording()
    }

    /// Counts the tokens as held, after the model has run.
    pub(crate) fn finish(self) {
        self.cache.lens = self.after;
    }
}

impl Cache {
    /// The tokens that each slot holds after one step of `decoding`.
    pub(crate) fn after_step(&self, decoding: &Decoding) -> Result<Vec<usize>> {
        let mut after = self.lens.clone();
        for (slot, held) in after.iter_mut().enumerate() {
            if decoding.active().get(slot) == Some(&true) {
                *held = self.room(slot, 1)?;
            }
        }
        Ok(after)
    }

    /// Says how many tokens each slot holds after a step that was recorded.
    pub(crate) fn set_lens(&mut self, lens: Vec<usize>) {
        self.keep_next();
        self.lens = lens;
    }

    /// Notes that convolutions have seen the next token of each slot, those that ride along included.
    fn keep_next(&mut self) {
        for slot in 0..self.lens.len() {
            let position = self.len(slot).min(self.capacity.saturating_sub(1));
            self.keep(slot, position, position + 1);
        }
    }

    /// Notes that convolutions have seen the tokens from `start` to before `end` of a slot.
    fn keep(&mut self, slot: usize, start: usize, end: usize) {
        let Some(kept) = self.kept.get_mut(slot) else { return };
        if start == 0 {
            *kept = Kept::default();
        }
        if end - start > self.seen {
            kept.first = end - self.seen;
        }
        kept.end = kept.end.max(end);
    }

    /// The tokens that `slot` would hold with `count` more.
    fn room(&self, slot: usize, count: usize) -> Result<usize> {
        let end = self.len(slot).saturating_add(count);
        if end > self.capacity {
            let (held, capacity) = (self.len(slot), self.capacity);
            let what = format!("{count} tokens after {held} do not fit a cache of {capacity}");
            return Err(Error::usage(what).help("make the cache as long as prompt and answer"));
        }
        if !self.sees(slot, self.len(slot)) {
            let what =
                format!("what convolutions saw of slot {slot} is lost to a step that failed");
            return Err(Error::failure(what).help("truncate the slot to 0, and read it again"));
        }
        Ok(end)
    }
}

fn no_slot(slot: usize) -> Error {
    Error::usage(format!("the cache has no slot {slot}"))
}
