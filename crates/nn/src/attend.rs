//! The softmax-weighted sum over what a layer has cached: the part of attention that has no weights.

use crate::cache::Tokens;
use crate::{AttentionShape, Kernels, Module, Result, Step, Tensor};
use tilewright_tensor::{Call, Callable};

/// Each query's mixture of the values that it sees. Takes queries `[tokens, heads, head_dim]`, gives
/// `[tokens, heads * head_dim]`; keys and values of the tokens are in the cache already.
pub struct Attend {
    shape: AttentionShape,
    prefill: Callable,
    decode: Callable,
    merge: Callable,
}

impl Attend {
    /// The sum of a layer of that shape.
    ///
    /// # Errors
    /// When a kernel is missing, or does not admit the shape.
    pub fn new(kernels: &Kernels, shape: AttentionShape) -> Result<Attend> {
        let [prefill, decode] = match shape.softcap {
            None => ["attention", "decode_attention"],
            Some(_) => ["attention_softcap", "decode_attention_softcap"],
        };
        let constants = [("head_dim", shape.head_dim), ("group", shape.group())];
        Ok(Attend {
            shape,
            prefill: kernels.get(prefill, &constants)?,
            decode: kernels.get(decode, &constants)?,
            merge: kernels.get("merge_heads", &[])?,
        })
    }

    /// What it attends over.
    pub fn shape(&self) -> &AttentionShape {
        &self.shape
    }

    /// Runs an attention kernel with the scalars of the layer.
    fn finish(&self, call: Call<'_>) -> Result<Tensor> {
        self.shape.scalars(call).run()?.single()
    }
}

impl AttentionShape {
    /// Query heads of a key head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// Gives a call of an attention kernel the scalars of the layer.
    pub(crate) fn scalars<'a>(&self, call: Call<'a>) -> Call<'a> {
        let mut call = call.scalar("scale", self.scale);
        if let Some(softcap) = self.softcap {
            call = call.scalar("softcap", softcap);
        }
        if let Some(window) = self.window {
            call = call.scalar("window", window as f64);
        }
        call
    }
}

impl Module for Attend {
    fn kind(&self) -> &'static str {
        "Attend"
    }

    fn forward(&self, q: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let AttentionShape { heads, head_dim, layer, .. } = self.shape;
        let (tokens, cache) = (q.shape()[0], &step.cache.layers[layer]);
        let mixed = match &step.tokens {
            Tokens::Each { lens, .. } => {
                let call = self.decode.bind().input("q", q).input("lens", lens);
                self.finish(call.input("keys", &cache.keys).input("values", &cache.values))?
            }
            Tokens::Of { slot, end } => {
                let q = q.reshape(&[1, tokens, heads, head_dim])?.permute(&[0, 2, 1, 3])?;
                let held = |cache: &Tensor| cache.narrow(0, *slot, 1)?.narrow(2, 0, *end);
                let (keys, values) = (held(&cache.keys)?, held(&cache.values)?);
                let call = self.prefill.bind().input("q", &q);
                let mixed = self.finish(call.input("keys", &keys).input("values", &values))?;
                self.merge.call(&[&mixed])?
            }
        };
        mixed.reshape(&[tokens, heads * head_dim])
    }
}
