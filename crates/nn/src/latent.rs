//! Queries, keys and values out of small vectors that all heads share, as in DeepSeek-V2 (multi-head latent attention,
//! <https://arxiv.org/abs/2405.04434>, section 2.1).

use crate::{Kernels, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// What is made of the shared vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatentShape {
    /// Heads of queries, keys and values.
    pub heads: usize,
    /// Features of a head of queries and keys.
    pub head_dim: usize,
    /// Those of them that turn with the position, at the start; of keys the same in all heads.
    pub rotary: usize,
    /// Features of a head of values; at most `head_dim`.
    pub value_dim: usize,
    /// Features of the vector that keys and values come from.
    pub rank: usize,
}

/// The way in of attention by shared vectors: `q = b(norm(a x))` or one projection, keys and values
/// `kv_b(norm(first of kv_a x))`, and what of keys turns the rest of `kv_a x`.
///
/// The cache holds keys and values of every head, as mlx-lm's does, not the shared vector.
pub struct Latent {
    shape: LatentShape,
    /// A chain, each with its name.
    queries: Vec<(&'static str, Slot)>,
    kv_a: Slot,
    norm: Slot,
    kv_b: Slot,
    expand: Callable,
    /// Of values that have fewer features than keys.
    first: Option<Callable>,
}

impl Latent {
    /// The chain of modules to queries, and those to keys and values: `kv_a_proj_with_mqa`, `kv_a_layernorm`,
    /// `kv_b_proj`. Queries, and what of keys turns, have the features that turn with each other half of them apart.
    ///
    /// # Errors
    /// When a kernel is missing, or does not admit the shape.
    pub fn new(
        kernels: &Kernels,
        shape: LatentShape,
        queries: Vec<(&'static str, Slot)>,
        [kv_a, norm, kv_b]: [Slot; 3],
    ) -> Result<Latent> {
        let LatentShape { head_dim, rotary, value_dim, .. } = shape;
        let both = head_dim - rotary + value_dim;
        let constants = [("both", both), ("rotary", rotary), ("head_dim", head_dim)];
        let expand = kernels.get("latent_heads", &constants)?;
        let first = match value_dim < head_dim {
            true => Some(kernels.get("first_features", &[("kept", value_dim)])?),
            false => None,
        };
        Ok(Latent { shape, queries, kv_a, norm, kv_b, expand, first })
    }

    /// Queries, keys and values of the tokens, `[tokens, heads, head_dim]` each; values end in zeros.
    pub(crate) fn project(&self, x: &Tensor, step: &mut Step<'_>) -> Result<[Tensor; 3]> {
        let LatentShape { heads, head_dim, rotary, rank, .. } = self.shape;
        let tokens = x.shape()[0];
        let mut queries = x.clone();
        for (_, module) in &self.queries {
            queries = module.forward(&queries, step)?;
        }
        let shared = self.kv_a.forward(x, step)?;
        let normed = self.norm.forward(&shared.narrow(1, 0, rank)?, step)?;
        let both = self.kv_b.forward(&normed, step)?;
        let both = both.reshape(&[tokens, heads, both.len() / (tokens * heads).max(1)])?;
        let turning = shared.narrow(1, rank, rotary)?;
        let [keys, values] = self.expand.call_all(&[&both, &turning])?.pair()?;
        Ok([queries.reshape(&[tokens, heads, head_dim])?, keys, values])
    }

    /// The features that values have, of the sums of values `[tokens, heads * head_dim]`.
    pub(crate) fn summed(&self, mixed: Tensor) -> Result<Tensor> {
        let Some(first) = &self.first else { return Ok(mixed) };
        let LatentShape { heads, head_dim, value_dim, .. } = self.shape;
        let tokens = mixed.shape()[0];
        let kept = first.call(&[&mixed.reshape(&[tokens, heads, head_dim])?])?;
        kept.reshape(&[tokens, heads * value_dim])
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &Slot)> {
        let queries = self.queries.iter().map(|(name, slot)| (*name, slot));
        queries.chain([
            ("kv_a_proj_with_mqa", &self.kv_a),
            ("kv_a_layernorm", &self.norm),
            ("kv_b_proj", &self.kv_b),
        ])
    }

    pub(crate) fn children_mut(&mut self) -> impl Iterator<Item = (&str, &mut Slot)> {
        let queries = self.queries.iter_mut().map(|(name, slot)| (*name, slot));
        queries.chain([
            ("kv_a_proj_with_mqa", &mut self.kv_a),
            ("kv_a_layernorm", &mut self.norm),
            ("kv_b_proj", &mut self.kv_b),
        ])
    }
}
