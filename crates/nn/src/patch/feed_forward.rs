//! Feed-forward layers whose products, gate and weighted sum are fewer kernels.

use super::packed::{AddedProduct, NormedProduct, Packed, is_one_row, packed};
use super::{Replacement, of_type};
use crate::linear::FEW_ROWS;
use crate::{
    DenseLinear, Error, Gate, GatedMlp, Kernels, Module, Moe, PackedGatedMlp, Result, RmsNorm,
    Routing, Step, Tensor,
};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// The inputs of the fused kernels that are packed weights.
const GATED: [&str; 6] = ["gate", "gate_scales", "gate_biases", "up", "up_scales", "up_biases"];

/// The ways in of a gated layer.
enum Ways<'a> {
    /// Gate and up.
    Two(&'a dyn Module, &'a dyn Module),
    /// Both, one after the other.
    One(&'a dyn Module),
}

/// Ways in, gate and way out of a gated layer of either kind.
fn parts(module: &dyn Module) -> Option<(Ways<'_>, Gate, &dyn Module)> {
    if let Some(mlp) = of_type::<GatedMlp>(module) {
        let ways = Ways::Two(mlp.gate_proj.as_ref(), mlp.up_proj.as_ref());
        return Some((ways, mlp.gate, mlp.down_proj.as_ref()));
    }
    let mlp = of_type::<PackedGatedMlp>(module)?;
    Some((Ways::One(mlp.gate_up_proj.as_ref()), mlp.gate, mlp.down_proj.as_ref()))
}

/// The weights of gate and up in the order of the fused kernels' inputs, and how they are packed; none when the layers
/// differ in that, or have a bias.
fn weights(ways: &Ways<'_>) -> Option<(Vec<Tensor>, Option<Affine>)> {
    let (first, second) = match ways {
        Ways::Two(gate, up) => (own(*gate)?, own(*up)?),
        Ways::One(both) => {
            let (tensors, format) = own(*both)?;
            let half = |part: usize| {
                let rows = tensors[0].shape()[0] / 2;
                tensors.iter().map(|t| t.narrow(0, part * rows, rows).ok()).collect()
            };
            let (gate, up): (Option<Vec<_>>, Option<Vec<_>>) = (half(0), half(1));
            ((gate?, format), (up?, format))
        }
    };
    let alike = first.1 == second.1 && first.0[0].shape() == second.0[0].shape();
    alike.then(|| (first.0.into_iter().chain(second.0).collect(), first.1))
}

/// The tensors of a linear layer without a bias.
fn own(module: &dyn Module) -> Option<(Vec<Tensor>, Option<Affine>)> {
    if let Some(Packed { tensors, format }) = packed(module) {
        return Some((tensors.into(), Some(format)));
    }
    let linear = of_type::<DenseLinear>(module)?;
    (!linear.has_bias()).then(|| (vec![linear.weight.clone()], None))
}

/// Gated layers with silu.
pub(super) fn swiglu_matches(module: &dyn Module) -> bool {
    gated_with(module, &[Gate::Silu])
}

/// Gated layers with gelu. The two forms of gelu have a kernel each: one is never taken for the other.
pub(super) fn geglu_matches(module: &dyn Module) -> bool {
    gated_with(module, &[Gate::Gelu, Gate::GeluTanh])
}

fn gated_with(module: &dyn Module, gates: &[Gate]) -> bool {
    parts(module).is_some_and(|(ways, gate, _)| gates.contains(&gate) && weights(&ways).is_some())
}

/// Both products and the gate as one kernel, for few rows.
struct FusedGatedMlp {
    weights: Vec<Tensor>,
    fused: Callable,
    /// The same of a row's norm, and the way out with the sum after it.
    around: Option<(Callable, AddedProduct)>,
}

pub(super) fn fuse_gated(module: &dyn Module, kernels: &Kernels) -> Result<Box<dyn Replacement>> {
    let fault = || Error::failure("its projections cannot be fused");
    let (ways, gate, down) = parts(module).ok_or_else(fault)?;
    let (weights, format) = weights(&ways).ok_or_else(fault)?;
    let fused = match (format, gate) {
        (Some(format), gate) => {
            let name = match gate {
                Gate::Silu => "fused_quantized_swiglu_gemv",
                Gate::Gelu => "fused_quantized_geglu_erf_gemv",
                Gate::GeluTanh => "fused_quantized_geglu_gemv",
            };
            kernels.get(name, &[("bits", format.bits), ("group", format.group)])?
        }
        (None, Gate::Silu) => kernels.get("fused_swiglu_gemv", &[])?,
        (None, Gate::Gelu) => kernels.get("fused_geglu_erf_gemv", &[])?,
        (None, Gate::GeluTanh) => kernels.get("fused_geglu_gemv", &[])?,
    };
    let name = match gate {
        Gate::Silu => Some("norm_quantized_swiglu_gemv"),
        Gate::GeluTanh => Some("norm_quantized_geglu_gemv"),
        Gate::Gelu => None,
    };
    let around = match (format, name, packed(down)) {
        (Some(format), Some(name), Some(down)) if kernels.runtime().caps().routines => {
            let constants = [("bits", format.bits), ("group", format.group)];
            Some((kernels.get(name, &constants)?, AddedProduct::new(kernels, down)?))
        }
        _ => None,
    };
    Ok(Box::new(FusedGatedMlp { weights, fused, around }))
}

impl Replacement for FusedGatedMlp {
    fn kind(&self) -> &'static str {
        "FusedGatedMlp"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        match parts(original) {
            Some((_, _, down)) if x.shape()[0] <= FEW_ROWS => {
                let inputs: Vec<&Tensor> = [x].into_iter().chain(&self.weights).collect();
                down.forward(&self.fused.call(&inputs)?, step)
            }
            _ => original.forward(x, step),
        }
    }

    fn branch(
        &self,
        _: &dyn Module,
        norm: &RmsNorm,
        x: &Tensor,
        _: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        let Some((fused, down)) = self.around.as_ref().filter(|_| is_one_row(x)) else {
            return Ok(None);
        };
        let mut call = fused.bind().input("x", x).input("norm", &norm.weight);
        for (name, tensor) in GATED.iter().zip(&self.weights) {
            call = call.input(name, tensor);
        }
        let gated = call.scalar("eps", norm.eps).run()?.single()?;
        down.of(&gated, x).map(Some)
    }
}

/// Mixtures whose experts are packed.
pub(super) fn moe_matches(module: &dyn Module) -> bool {
    of_type::<Moe>(module).is_some_and(|moe| moe.down_proj.format.is_some())
}

/// The experts' products with the gate as one kernel, and the last products with their weighted sum as another.
struct FusedMoe {
    gated: Option<Callable>,
    combined: Callable,
    around: Option<AroundMoe>,
}

/// The kernels of a mixture with the norm before it and the sum after it.
struct AroundMoe {
    router: NormedProduct,
    gated: Callable,
    combined: Callable,
    /// The last two look for the experts themselves; otherwise the router's own kernel does.
    looks: bool,
}

pub(super) fn fuse_moe(module: &dyn Module, kernels: &Kernels) -> Result<Box<dyn Replacement>> {
    let fault = || Error::failure("its experts cannot be fused");
    let moe = of_type::<Moe>(module).ok_or_else(fault)?;
    let constants = |format: Affine| {
        [("bits", format.bits), ("group", format.group), ("k", moe.shape.per_token)]
    };
    let gated = match (moe.gate_proj.format, moe.shape.gate) {
        (Some(format), Gate::Silu) if moe.up_proj.format == Some(format) => {
            Some(kernels.get("gather_qmm_swiglu", &constants(format))?)
        }
        _ => None,
    };
    let format = moe.down_proj.format.ok_or_else(fault)?;
    let combined = kernels.get("gather_qmm_combine_quantized", &constants(format))?;
    let router = packed(moe.router.logits.as_ref());
    let around = match (router, &gated, moe.gate_proj.format) {
        (Some(router), Some(_), Some(into))
            if kernels.runtime().caps().routines && moe.shared.is_none() =>
        {
            let router = NormedProduct::new(kernels, router)?;
            let (into, out_of) = (constants(into), constants(format));
            Some(match moe.shape.routing {
                Routing::Softmax { normalize } if moe.shape.factor.is_none() => {
                    let experts = [("experts", moe.shape.experts)];
                    let normalize = [("norm_topk_prob", usize::from(normalize))];
                    let into = [&into[..], &experts].concat();
                    let out_of = [&out_of[..], &experts, &normalize].concat();
                    let gated = kernels.get("norm_routed_qmm_swiglu", &into)?;
                    let combined = kernels.get("routed_qmm_combine_residual", &out_of)?;
                    AroundMoe { router, gated, combined, looks: true }
                }
                _ => {
                    let gated = kernels.get("norm_gather_qmm_swiglu", &into)?;
                    let combined = kernels.get("gather_qmm_combine_residual", &out_of)?;
                    AroundMoe { router, gated, combined, looks: false }
                }
            })
        }
        _ => None,
    };
    Ok(Box::new(FusedMoe { gated, combined, around }))
}

impl Replacement for FusedMoe {
    fn kind(&self) -> &'static str {
        "FusedMoe"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        // Many tokens share their experts' weights only in products of their own.
        let few = of_type::<Moe>(original).filter(|_| x.shape()[0] <= FEW_ROWS);
        let Some(moe) = few else { return original.forward(x, step) };
        let [weights, indices] = moe.router.of(x, step)?;
        let gated = match &self.gated {
            Some(fused) => {
                let weights = moe.gate_proj.weight.iter().chain(&moe.up_proj.weight);
                fused.call(&[x, &indices].into_iter().chain(weights).collect::<Vec<_>>())?
            }
            None => moe.gated(x, &indices)?,
        };
        let down = moe.down_proj.weight.iter();
        let inputs = [&gated].into_iter().chain(down).chain([&weights, &indices]);
        moe.with_shared(self.combined.call(&inputs.collect::<Vec<_>>())?, x, step)
    }

    fn branch(
        &self,
        original: &dyn Module,
        norm: &RmsNorm,
        x: &Tensor,
        _: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        let Some(around) = self.around.as_ref().filter(|_| is_one_row(x)) else { return Ok(None) };
        let Some(moe) = of_type::<Moe>(original) else { return Ok(None) };
        let logits = around.router.of_norm(norm, x)?;
        let mut call = around.gated.bind().input("x", x).input("norm", &norm.weight);
        let chosen = match around.looks {
            true => None,
            false => Some(moe.router.choose(&logits)?),
        };
        call = match &chosen {
            Some([_, indices]) => call.input("indices", indices),
            None => call.input("logits", &logits),
        };
        let into = moe.gate_proj.weight.iter().chain(&moe.up_proj.weight);
        for (name, tensor) in GATED.iter().zip(into) {
            call = call.input(name, tensor);
        }
        let gated = call.scalar("eps", norm.eps).run()?.single()?;
        let down = moe.down_proj.weight.iter();
        let mut inputs: Vec<&Tensor> = [&gated].into_iter().chain(down).collect();
        match &chosen {
            Some([weights, indices]) => inputs.extend([weights, indices]),
            None => inputs.push(&logits),
        }
        inputs.push(x);
        around.combined.call(&inputs).map(Some)
    }
}
