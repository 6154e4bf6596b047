//! Norms of heads, rotation and the caches' update of an attention layer as one kernel.

use super::{Replacement, of_type};
use crate::{Attention, Error, Kernels, Module, Result, RmsNorm, Step, Tensor};
use tilewright_tensor::Callable;

/// The norms of query and key heads.
type Norms<'a> = [&'a RmsNorm; 2];

/// The head norms of a layer, if any, when one kernel can do them: two [`RmsNorm`]s with one eps.
fn norms(attention: &Attention) -> Option<Option<Norms<'_>>> {
    let Some([q, k]) = &attention.norms else { return Some(None) };
    let (q, k) = (of_type::<RmsNorm>(q.as_ref())?, of_type::<RmsNorm>(k.as_ref())?);
    (q.eps == k.eps).then_some(Some([q, k]))
}

pub(super) fn matches(module: &dyn Module) -> bool {
    of_type::<Attention>(module).is_some_and(|attention| norms(attention).is_some())
}

struct FusedRotation {
    fused: Callable,
}

pub(super) fn fuse(module: &dyn Module, kernels: &Kernels) -> Result<Box<dyn Replacement>> {
    let fault = || Error::failure("its norms cannot be fused");
    let attention = of_type::<Attention>(module).ok_or_else(fault)?;
    let name = match norms(attention).ok_or_else(fault)? {
        Some(_) => "qkv_norm_rope_cache",
        None => "qkv_rope_cache",
    };
    let shape = &attention.shape;
    let (head_dim, half) = (shape.head_dim, shape.rotary / 2);
    let constants = [("head_dim", head_dim), ("half", half), ("group", shape.group())];
    Ok(Box::new(FusedRotation { fused: kernels.get(name, &constants)? }))
}

impl Replacement for FusedRotation {
    fn kind(&self) -> &'static str {
        "FusedRotation"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let fault = || Error::failure("the layer is not the one that was patched");
        let attention = of_type::<Attention>(original).ok_or_else(fault)?;
        let norms = norms(attention).ok_or_else(fault)?;
        let [q, k, v] = attention.project(x, step)?;
        let [cos, sin] = &step.cache.ropes[attention.shape.rope];
        let cache = &mut step.cache.layers[attention.shape.layer];
        let call = self.fused.bind().input("q", &q).input("k", &k).input("v", &v);
        let call = call.input("cos", cos).input("sin", sin);
        let call = call.input("slots", &step.slots).input("positions", &step.positions);
        let mut call = call.output("k_cache", &mut cache.keys).output("v_cache", &mut cache.values);
        if let Some([q_norm, k_norm]) = norms {
            call = call.input("q_weight", &q_norm.weight).input("k_weight", &k_norm.weight);
            call = call.scalar("eps", q_norm.eps);
        }
        let q = call.run()?.single()?;
        let mixed = attention.attend.forward(&q, step)?;
        attention.o_proj.forward(&mixed, step)
    }
}
