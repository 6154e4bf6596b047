//! Attention over the cache: projections, norms of heads, rotation, cache, softmax-weighted sum, projection back.

use crate::{Attend, Kernels, Latent, Module, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// What attention layers differ in, besides their weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub kv_heads: usize,
    /// Features of a head.
    pub head_dim: usize,
    /// Features of a head that turn with the position, at its start.
    pub rotary: usize,
    /// What the scores are multiplied with.
    pub scale: f64,
    /// The bound of the scores, where they have one.
    pub softcap: Option<f64>,
    /// How many tokens a token sees, itself included; all before it when `None`.
    pub window: Option<usize>,
    /// Its place in the cache.
    pub layer: usize,
    /// The cache's rope that turns its heads.
    pub rope: usize,
}

impl AttentionShape {
    /// Columns of queries, keys and values.
    pub(crate) fn columns(&self) -> [usize; 3] {
        [self.heads, self.kv_heads, self.kv_heads].map(|heads| heads * self.head_dim)
    }
}

/// The way in.
pub enum Projections {
    /// Queries, keys, values.
    Split([Slot; 3]),
    /// All three side by side.
    Fused(Slot),
    /// Out of vectors that all heads share.
    Latent(Box<Latent>),
}

impl Projections {
    fn children(&self) -> Vec<(&str, &Slot)> {
        match self {
            Projections::Split([q, k, v]) => vec![("q_proj", q), ("k_proj", k), ("v_proj", v)],
            Projections::Fused(qkv) => vec![("qkv_proj", qkv)],
            Projections::Latent(latent) => latent.children().collect(),
        }
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        match self {
            Projections::Split([q, k, v]) => vec![("q_proj", q), ("k_proj", k), ("v_proj", v)],
            Projections::Fused(qkv) => vec![("qkv_proj", qkv)],
            Projections::Latent(latent) => latent.children_mut().collect(),
        }
    }
}

/// Norms of queries and of keys, before they turn.
pub enum QueryKeyNorms {
    /// Of each head by itself, as in Qwen 3.
    Heads([Slot; 2]),
    /// Of all heads of a token as one row, as in OLMo 2.
    Rows([Slot; 2]),
}

impl QueryKeyNorms {
    fn slots(&self) -> [&Slot; 2] {
        let (QueryKeyNorms::Heads(slots) | QueryKeyNorms::Rows(slots)) = self;
        slots.each_ref()
    }

    fn slots_mut(&mut self) -> [&mut Slot; 2] {
        let (QueryKeyNorms::Heads(slots) | QueryKeyNorms::Rows(slots)) = self;
        slots.each_mut()
    }

    /// Of queries and keys `[tokens, heads, head_dim]` each.
    fn of(&self, heads: [Tensor; 2], step: &mut Step<'_>) -> Result<[Tensor; 2]> {
        let [q, k] = heads;
        match self {
            QueryKeyNorms::Heads([q_norm, k_norm]) => {
                Ok([q_norm.forward(&q, step)?, k_norm.forward(&k, step)?])
            }
            QueryKeyNorms::Rows([q_norm, k_norm]) => {
                let mut of = |norm: &Slot, x: Tensor| {
                    let shape = x.shape().to_vec();
                    let rows = x.reshape(&[shape[0], shape[1] * shape[2]])?;
                    norm.forward(&rows, step)?.reshape(&shape)
                };
                Ok([of(q_norm, q)?, of(k_norm, k)?])
            }
        }
    }
}

/// Attention with grouped heads (Ainslie et al., 2023).
pub struct Attention {
    pub(crate) shape: AttentionShape,
    pub(crate) projections: Projections,
    pub(crate) norms: Option<QueryKeyNorms>,
    /// The softmax-weighted sum.
    pub(crate) attend: Slot,
    pub(crate) o_proj: Slot,
    rope: Callable,
    update: Callable,
}

impl Attention {
    /// A layer of these modules.
    ///
    /// # Errors
    /// When a kernel is missing, or does not admit the shape.
    pub fn new(
        kernels: &Kernels,
        shape: AttentionShape,
        projections: Projections,
        norms: Option<QueryKeyNorms>,
        o_proj: Slot,
    ) -> Result<Attention> {
        let AttentionShape { head_dim, rotary, .. } = shape;
        let rope = match rotary == head_dim {
            true => kernels.get("apply_gqa_rope_at", &[])?,
            false => {
                let constants = [("head_dim", head_dim), ("half", rotary / 2)];
                kernels.get("apply_partial_gqa_rope_at", &constants)?
            }
        };
        Ok(Attention {
            shape,
            projections,
            norms,
            attend: Box::new(Attend::new(kernels, shape)?),
            o_proj,
            rope,
            update: kernels.get("cache_update", &[])?,
        })
    }

    /// Queries, keys and values of the tokens, `[tokens, heads, head_dim]` each.
    pub(crate) fn project(&self, x: &Tensor, step: &mut Step<'_>) -> Result<[Tensor; 3]> {
        match &self.projections {
            Projections::Split([q, k, v]) => {
                self.apart([q.forward(x, step)?, k.forward(x, step)?, v.forward(x, step)?])
            }
            Projections::Fused(qkv) => self.heads(&qkv.forward(x, step)?),
            Projections::Latent(latent) => latent.project(x, step),
        }
    }

    /// What the mixtures of values `[tokens, heads * head_dim]` project back to.
    pub(crate) fn back(&self, mixed: Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let mixed = match &self.projections {
            Projections::Latent(latent) => latent.summed(mixed)?,
            Projections::Split(_) | Projections::Fused(_) => mixed,
        };
        self.o_proj.forward(&mixed, step)
    }

    /// Queries, keys and values that are a tensor each, `[tokens, heads, head_dim]` each.
    pub(crate) fn apart(&self, [q, k, v]: [Tensor; 3]) -> Result<[Tensor; 3]> {
        let AttentionShape { heads, kv_heads, head_dim, .. } = self.shape;
        let of = |x: Tensor, heads: usize| x.reshape(&[x.shape()[0], heads, head_dim]);
        Ok([of(q, heads)?, of(k, kv_heads)?, of(v, kv_heads)?])
    }

    /// Queries, keys and values that lie side by side, `[tokens, heads, head_dim]` each.
    pub(crate) fn heads(&self, all: &Tensor) -> Result<[Tensor; 3]> {
        let AttentionShape { heads, kv_heads, head_dim, .. } = self.shape;
        let all = all.reshape(&[all.shape()[0], heads + 2 * kv_heads, head_dim])?;
        Ok([
            all.narrow(1, 0, heads)?,
            all.narrow(1, heads, kv_heads)?,
            all.narrow(1, heads + kv_heads, kv_heads)?,
        ])
    }
}

impl Attention {
    /// Its heads, and what they see.
    pub fn shape(&self) -> &AttentionShape {
        &self.shape
    }
}

impl Module for Attention {
    fn kind(&self) -> &'static str {
        "Attention"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let [mut q, mut k, v] = self.project(x, step)?;
        if let Some(norms) = &self.norms {
            [q, k] = norms.of([q, k], step)?;
        }
        let [cos, sin] = &step.cache.ropes[self.shape.rope];
        let turned = |heads: &Tensor| self.rope.call(&[heads, &step.positions, cos, sin]);
        // What they were is given back before the next is made.
        q = turned(&q)?;
        k = turned(&k)?;
        let cache = &mut step.cache.layers[self.shape.layer];
        let update = self.update.bind().input("k", &k).input("v", &v);
        let update = update.input("slots", &step.slots).input("positions", &step.positions);
        update.output("k_cache", &mut cache.keys).output("v_cache", &mut cache.values).run()?;
        drop((k, v));
        let mixed = self.attend.forward(&q, step)?;
        self.back(mixed, step)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        let mut all = self.projections.children();
        if let Some([q, k]) = self.norms.as_ref().map(QueryKeyNorms::slots) {
            all.extend([("q_norm", q), ("k_norm", k)]);
        }
        all.extend([("attend", &self.attend), ("o_proj", &self.o_proj)]);
        all
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        let mut all = self.projections.children_mut();
        if let Some([q, k]) = self.norms.as_mut().map(QueryKeyNorms::slots_mut) {
            all.extend([("q_norm", q), ("k_norm", k)]);
        }
        all.extend([("attend", &mut self.attend), ("o_proj", &mut self.o_proj)]);
        all
    }
}
