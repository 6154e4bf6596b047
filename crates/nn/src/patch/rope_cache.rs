//! Norms of heads, rotation and the caches' update of an attention layer as one kernel; on devices with routines for
//! packed weights also its three ways in as one product, with the norm before it, its way out with the sum after it, and
//! for one new token a sequence the softmax-weighted sum in the kernel that turns and appends.

use super::attention::count_plain;
use super::packed::{AddedProduct, NormedProduct, Packed, fault, is_one_row, packed};
use super::{Replacement, of_type};
use crate::cache::Tokens;
use crate::linear::FEW_ROWS;
use crate::{
    Attention, AttentionShape, Cache, DType, Error, Kernels, Module, Projections, QueryKeyNorms,
    Result, RmsNorm, Step, Tensor,
};
use tilewright_tensor::{Call, Callable};

/// The norms of query and key heads.
type Norms<'a> = [&'a RmsNorm; 2];

/// The head norms of a layer, if any, when one kernel can do them: two [`RmsNorm`]s of heads with one eps.
fn norms(attention: &Attention) -> Option<Option<Norms<'_>>> {
    let [q, k] = match &attention.norms {
        Some(QueryKeyNorms::Heads(norms)) => norms,
        Some(QueryKeyNorms::Rows(_)) => return None,
        None => return Some(None),
    };
    let (q, k) = (of_type::<RmsNorm>(q.as_ref())?, of_type::<RmsNorm>(k.as_ref())?);
    (q.eps == k.eps).then_some(Some([q, k]))
}

pub(super) fn matches(module: &dyn Module) -> bool {
    of_type::<Attention>(module).is_some_and(|attention| norms(attention).is_some())
}

/// The way in as one product, and the way out with the sum after it.
struct Around {
    into: NormedProduct,
    out: AddedProduct,
    /// What lies between, for one new token a sequence; absent where scores are capped.
    between: Option<Callable>,
}

struct FusedRotation {
    fused: Callable,
    around: Option<Around>,
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
    let around = match kernels.runtime().caps().routines {
        true => around(attention, kernels, &constants)?,
        false => None,
    };
    Ok(Box::new(FusedRotation { fused: kernels.get(name, &constants)?, around }))
}

/// The products around the softmax-weighted sum, if their weights are packed alike. Projections that are three take
/// memory of their own as one.
fn around(
    attention: &Attention,
    kernels: &Kernels,
    constants: &[(&str, usize)],
) -> Result<Option<Around>> {
    let into = match &attention.projections {
        Projections::Fused(qkv) => packed(qkv.as_ref()),
        Projections::Split(parts) => {
            let parts: Option<Vec<Packed>> =
                parts.iter().map(|part| packed(part.as_ref())).collect();
            parts.map_or(Ok(None), |parts| Packed::joined(kernels, &parts))?
        }
        Projections::Latent(_) => None,
    };
    let (Some(into), Some(out)) = (into, packed(attention.o_proj.as_ref())) else {
        return Ok(None);
    };
    let (into, out) = (NormedProduct::new(kernels, into)?, AddedProduct::new(kernels, out)?);
    let name = match norms(attention).ok_or_else(fault)? {
        Some(_) => "norm_rope_decode_attention",
        None => "rope_decode_attention",
    };
    let between = match attention.shape.softcap {
        None => Some(kernels.get(name, constants)?),
        Some(_) => None,
    };
    Ok(Some(Around { into, out, between }))
}

impl FusedRotation {
    /// The mixture of values for the queries of what tokens project to, side by side: of one new token by the one kernel
    /// that also turns and appends, where there is such.
    fn mixed_of(
        &self,
        around: &Around,
        attention: &Attention,
        projected: &Tensor,
        step: &mut Step<'_>,
    ) -> Result<Tensor> {
        let heads = attention.heads(projected)?;
        if let Some(between) = around.between.as_ref().filter(|_| is_one_row(projected))
            && let Some(mixed) = decoded(between, attention, &heads, step)?
        {
            return Ok(mixed);
        }
        self.mixed(attention, &heads, step)
    }

    /// The mixture of values for queries, keys and values of tokens, side by side or apart.
    fn mixed(
        &self,
        attention: &Attention,
        heads: &[Tensor; 3],
        step: &mut Step<'_>,
    ) -> Result<Tensor> {
        let call = appending(&self.fused, attention, heads, &step.positions, step.cache)?;
        let q = call.input("slots", &step.slots).run()?.single()?;
        attention.attend.forward(&q, step)
    }
}

/// The call of a kernel that turns the queries and keys of tokens and appends to the caches, but for what only that kernel
/// takes.
fn appending<'a>(
    kernel: &'a Callable,
    attention: &'a Attention,
    [q, k, v]: &'a [Tensor; 3],
    positions: &'a Tensor,
    cache: &'a mut Cache,
) -> Result<Call<'a>> {
    let [cos, sin] = &cache.ropes[attention.shape.rope];
    let layer = &mut cache.layers[attention.shape.layer];
    let call = kernel.bind().input("q", q).input("k", k).input("v", v);
    let call = call.input("cos", cos).input("sin", sin).input("positions", positions);
    let call = call.output("k_cache", &mut layer.keys).output("v_cache", &mut layer.values);
    Ok(match norms(attention).ok_or_else(fault)? {
        Some([q_norm, k_norm]) => call
            .input("q_weight", &q_norm.weight)
            .input("k_weight", &k_norm.weight)
            .scalar("eps", q_norm.eps),
        None => call,
    })
}

/// The mixture of values for the queries of one new token a sequence, which `between` turns and appends.
fn decoded(
    between: &Callable,
    attention: &Attention,
    heads: &[Tensor; 3],
    step: &mut Step<'_>,
) -> Result<Option<Tensor>> {
    let Tokens::Each { lens, .. } = &step.tokens else { return Ok(None) };
    count_plain(attention.attend.as_ref(), step);
    let call = appending(between, attention, heads, &step.positions, step.cache)?;
    let mixed = attention.shape.scalars(call.input("lens", lens)).run()?.single()?;
    let AttentionShape { heads: count, head_dim, .. } = attention.shape;
    mixed.reshape(&[heads[0].shape()[0], count * head_dim]).map(Some)
}

impl Replacement for FusedRotation {
    fn kind(&self) -> &'static str {
        "FusedRotation"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let attention = of_type::<Attention>(original).ok_or_else(fault)?;
        let heads = match &self.around {
            Some(around) if x.shape()[0] <= FEW_ROWS && x.dtype() != DType::F32 => {
                let mixed = self.mixed_of(around, attention, &around.into.of(x)?, step)?;
                return attention.back(mixed, step);
            }
            Some(around) if matches!(attention.projections, Projections::Split(_)) => {
                match around.into.parts_of(x, attention.shape.columns())? {
                    Some(parts) => attention.apart(parts)?,
                    None => attention.project(x, step)?,
                }
            }
            _ => attention.project(x, step)?,
        };
        let mixed = self.mixed(attention, &heads, step)?;
        attention.back(mixed, step)
    }

    fn branch(
        &self,
        original: &dyn Module,
        norm: &RmsNorm,
        x: &Tensor,
        step: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        let Some(around) = self.around.as_ref().filter(|_| is_one_row(x)) else { return Ok(None) };
        let attention = of_type::<Attention>(original).ok_or_else(fault)?;
        let mixed = self.mixed_of(around, attention, &around.into.of_norm(norm, x)?, step)?;
        around.out.of(&mixed, x).map(Some)
    }
}
