//! Random weights, made where they are used: for timing an architecture on a machine that has no checkpoint of it.
//!
//! Speed depends on no weight's value but through the experts that a router picks, so what counts is that rows differ
//! and that numbers stay in range. Each tensor is one block of random numbers again and again, from another place each
//! time. The block's length is prime, so no two rows of a weight are equal.

use crate::{DType, Result, Runtime, Tensor};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use tilewright_formats::Affine;

/// Numbers of the block: the greatest prime below 2^20.
const BLOCK: usize = 1_048_573;

/// What a block is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Words,
    Scales,
    Biases,
    Weight,
    Ones,
    Zeros,
}

/// What makes weights out of nothing.
pub(crate) struct RandomWeights {
    dtype: DType,
    format: Option<Affine>,
    /// One element stands for all of a tensor.
    listed: bool,
    words: Vec<u32>,
    /// Blocks by what they are for and the depth of the weight.
    blocks: RefCell<HashMap<(Use, usize), Arc<Vec<u8>>>>,
    /// Where in the block the next tensor begins.
    next: Cell<usize>,
}

impl RandomWeights {
    pub(crate) fn new(dtype: DType, format: Option<Affine>, listed: bool) -> RandomWeights {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        // Xorshift (Marsaglia, 2003); the upper half is random enough for weights.
        let word = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u32
        };
        let (blocks, next) = Default::default();
        let words = (0..if listed { 0 } else { BLOCK }).map(word).collect();
        RandomWeights { dtype, format, listed, words, blocks, next }
    }

    /// Words, scales and biases of a weight `[.., columns, depth]`, if its rows divide into groups.
    pub(crate) fn packed(
        &self,
        runtime: &Runtime,
        shape: &[usize],
    ) -> Result<Option<([Tensor; 3], Affine)>> {
        let Some((depth, rows)) = shape.split_last() else { return Ok(None) };
        let Some(format) = self.format.filter(|format| depth % format.group == 0) else {
            return Ok(None);
        };
        let axes = |last: usize| [rows, &[last]].concat();
        let words = axes(depth / 32 * format.bits);
        let place = (*depth, self.start());
        let words = self.tensor(runtime, DType::U32, &words, Use::Words, place)?;
        // A scale and its bias come from one place of their blocks, so they belong together.
        let (place, groups) = ((*depth, self.start()), axes(depth / format.group));
        let scaled = |what| self.tensor(runtime, self.dtype, &groups, what, place);
        Ok(Some(([words, scaled(Use::Scales)?, scaled(Use::Biases)?], format)))
    }

    /// Floats: ones for a norm, zeros for a bias, random ones for other weights.
    pub(crate) fn floats(&self, runtime: &Runtime, name: &str, shape: &[usize]) -> Result<Tensor> {
        let (what, depth) = match shape {
            [_] if name.ends_with(".bias") => (Use::Zeros, 0),
            [_] => (Use::Ones, 0),
            _ => (Use::Weight, shape.last().copied().unwrap_or(1)),
        };
        self.tensor(runtime, self.dtype, shape, what, (depth, self.start()))
    }

    /// A tensor of its use's block for that depth, from that place on.
    fn tensor(
        &self,
        runtime: &Runtime,
        dtype: DType,
        shape: &[usize],
        what: Use,
        (depth, start): (usize, usize),
    ) -> Result<Tensor> {
        match self.listed {
            true => Tensor::zeros(dtype, &[1])?.broadcast_to(shape),
            false => Tensor::repeated(runtime, dtype, shape, &self.block(what, depth), start),
        }
    }

    /// The block of a use, made once.
    fn block(&self, what: Use, depth: usize) -> Arc<Vec<u8>> {
        let known = self.blocks.borrow().get(&(what, depth)).cloned();
        known.unwrap_or_else(|| {
            let made = Arc::new(self.make(what, depth));
            self.blocks.borrow_mut().insert((what, depth), made.clone());
            made
        })
    }

    fn make(&self, what: Use, depth: usize) -> Vec<u8> {
        let most = (1u32 << self.format.map_or(4, |format| format.bits)) as f64 - 1.0;
        let root = (depth.max(1) as f64).sqrt();
        // Integers are uniform in 0 ..= most, so a step of this makes weights deviate by 1 / sqrt(depth), around 0.
        let step = 12f64.sqrt() / (most + 1.0) / root;
        let of = |unit: f64| match what {
            Use::Scales => step * (0.5 + unit),
            Use::Biases => -most / 2.0 * step * (0.5 + unit),
            Use::Weight => 12f64.sqrt() / root * (unit - 0.5),
            Use::Ones => 1.0,
            Use::Words | Use::Zeros => 0.0,
        };
        if what == Use::Words {
            return self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        }
        let mut bytes = vec![0; BLOCK * self.dtype.size()];
        for (element, word) in bytes.chunks_exact_mut(self.dtype.size()).zip(&self.words) {
            self.dtype.write(of(*word as f64 / 4_294_967_296.0), element);
        }
        bytes
    }

    fn start(&self) -> usize {
        let start = self.next.get();
        self.next.set((start + 7919) % BLOCK);
        start
    }
}
