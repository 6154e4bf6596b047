//! The caches of keys and values, and the step that fills them.

use crate::{DType, Error, Kernels, Result, Rope, Tensor};

/// What a layer caches of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Features of one.
    pub head_dim: usize,
}

/// Keys and values of some sequences, each in a slot of its own, of at most `capacity` tokens each.
#[derive(Debug)]
pub struct Cache {
    capacity: usize,
    /// The tokens that each slot holds.
    lens: Vec<usize>,
    pub(crate) layers: Vec<LayerCache>,
    /// Cosines and sines of each rope, up to `capacity`.
    pub(crate) ropes: Vec<[Tensor; 2]>,
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
        layers: &[CacheShape],
        ropes: &[Rope],
        [slots, capacity]: [usize; 2],
    ) -> Result<Cache> {
        let runtime = kernels.runtime();
        let layer = |shape: &CacheShape| {
            let shape = [slots, shape.kv_heads, capacity, shape.head_dim];
            let empty = || Tensor::empty(runtime, dtype, &shape);
            Ok(LayerCache { keys: empty()?, values: empty()? })
        };
        let tables = |rope: &Rope| {
            let [cos, sin] = rope.tables(capacity)?;
            Ok([cos.on(runtime)?, sin.on(runtime)?])
        };
        Ok(Cache {
            capacity,
            lens: vec![0; slots],
            layers: layers.iter().map(layer).collect::<Result<_>>()?,
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

    /// Forgets what a slot holds past its first `len` tokens.
    pub fn truncate(&mut self, slot: usize, len: usize) {
        if let Some(held) = self.lens.get_mut(slot) {
            *held = len.min(*held);
        }
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
    pub(crate) pending: Option<Tensor>,
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
        let slots = Tensor::from(vec![slot as i32; count]);
        let positions = Tensor::from((start as i32..end as i32).collect::<Vec<_>>());
        let tokens = Tokens::Of { slot, end };
        Ok(Step { cache, slots, positions, tokens, pending: None })
    }

    /// One token after those that each slot holds. Slots that are not `active` ride along: what they compute counts
    /// for nothing, and they hold no more tokens than before.
    ///
    /// # Errors
    /// When an active slot is full, or `active` is not one flag a slot.
    pub fn decode(cache: &'a mut Cache, active: &[bool]) -> Result<Step<'a>> {
        if active.len() != cache.slots() {
            let what = format!("{} flags for {} slots", active.len(), cache.slots());
            return Err(Error::usage(what));
        }
        let mut lens = Vec::with_capacity(active.len());
        for (slot, active) in active.iter().enumerate() {
            lens.push(if *active { cache.room(slot, 1)? as i32 } else { 0 });
        }
        let slots = Tensor::from((0..active.len() as i32).collect::<Vec<_>>());
        // A slot that rides along writes to the place after its last token, or over it where there is none.
        let last = cache.capacity.saturating_sub(1);
        let positions = cache.lens.iter().map(|len| (*len).min(last) as i32);
        let positions = Tensor::from(positions.collect::<Vec<_>>());
        let longest = lens.iter().copied().max().unwrap_or(0) as usize;
        let tokens = Tokens::Each { lens: lens.into(), longest };
        Ok(Step { cache, slots, positions, tokens, pending: None })
    }

    /// Counts the tokens as held, after the model has run.
    pub(crate) fn finish(self) -> Result<()> {
        match self.tokens {
            Tokens::Of { slot, end } => self.cache.lens[slot] = end,
            Tokens::Each { lens, .. } => {
                for (held, len) in self.cache.lens.iter_mut().zip(lens.to_vec::<i32>()?) {
                    *held = (*held).max(len as usize);
                }
            }
        }
        Ok(())
    }
}

impl Cache {
    /// The tokens that `slot` would hold with `count` more.
    fn room(&self, slot: usize, count: usize) -> Result<usize> {
        let end = self.len(slot).saturating_add(count);
        if end > self.capacity {
            let (held, capacity) = (self.len(slot), self.capacity);
            let what = format!("{count} tokens after {held} do not fit a cache of {capacity}");
            return Err(Error::usage(what).help("make the cache as long as prompt and answer"));
        }
        Ok(end)
    }
}

fn no_slot(slot: usize) -> Error {
    Error::usage(format!("the cache has no slot {slot}"))
}
