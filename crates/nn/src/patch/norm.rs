//! Norms and softmax by themselves. They are one kernel each already; what is left to save is the memory of the result,
//! which the patched module keeps from call to call while nobody else holds it.

use super::{Replacement, of_type};
use crate::cache::Pending;
use crate::{
    Block, DType, Error, Kernels, LayerNorm, Module, Result, RmsNorm, Slot, Softmax, Step, Tensor,
};
use std::sync::{Mutex, PoisonError};
use tilewright_tensor::{Call, Callable};

pub(super) fn rmsnorm_matches(module: &dyn Module) -> bool {
    of_type::<RmsNorm>(module).is_some()
}

pub(super) fn layernorm_matches(module: &dyn Module) -> bool {
    of_type::<LayerNorm>(module).is_some()
}

pub(super) fn softmax_matches(module: &dyn Module) -> bool {
    of_type::<Softmax>(module).is_some()
}

/// The result of the last call.
#[derive(Default)]
struct KeptOutput {
    last: Mutex<Option<Tensor>>,
}

pub(super) fn keep_output(_: &dyn Module, _: &Kernels) -> Result<Box<dyn Replacement>> {
    Ok(Box::<KeptOutput>::default())
}

/// The kernel call of a norm or softmax.
fn call<'a>(module: &'a dyn Module, x: &'a Tensor) -> Option<Call<'a>> {
    let rms = of_type::<RmsNorm>(module).map(|norm| norm.call(x));
    let layer = || of_type::<LayerNorm>(module).map(|norm| norm.call(x));
    rms.or_else(layer).or_else(|| of_type::<Softmax>(module).map(|softmax| softmax.call(x)))
}

impl Replacement for KeptOutput {
    fn kind(&self) -> &'static str {
        "KeptOutput"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        // Launches that are recorded go on to use what they use now: memory that a later call gives up is not for them.
        if step.is_recorded() {
            return original.forward(x, step);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = last.take().filter(|y| y.shape() == x.shape() && y.dtype() == x.dtype());
        let y = match (kept, call(original, x)) {
            // Memory that somebody still holds is left to him: the call then takes new memory.
            (Some(mut y), Some(call)) => {
                call.output("y", &mut y).run()?;
                y
            }
            _ => original.forward(x, step)?,
        };
        *last = Some(y.clone());
        Ok(y)
    }
}

/// Blocks that begin each branch with an [`RmsNorm`], and add it as it is.
pub(super) fn residual_matches(module: &dyn Module) -> bool {
    of_type::<Block>(module).and_then(Block::plain_branches).is_some_and(|branches| {
        branches.iter().all(|branch| {
            branch.first().is_some_and(|(_, norm)| of_type::<RmsNorm>(norm.as_ref()).is_some())
        })
    })
}

/// What a branch does between the norm before it and the one after it, and that one, if it has one.
fn without_ends<'a>(
    rest: &'a [(&'static str, Slot)],
) -> (&'a [(&'static str, Slot)], Option<&'a RmsNorm>) {
    match rest.split_last() {
        Some(((_, last), middle)) if !middle.is_empty() => match of_type(last.as_ref()) {
            Some(norm) => (middle, Some(norm)),
            None => (rest, None),
        },
        _ => (rest, None),
    }
}

/// A block whose sums are taken by the norms that read them, with the norms before the sums, if it has such; the last sum
/// is left to the next block, if the model calls it.
struct ResidualNorm {
    fused: Callable,
    sandwich: Callable,
    add: Callable,
}

pub(super) fn fuse_residual(
    module: &dyn Module,
    kernels: &Kernels,
) -> Result<Box<dyn Replacement>> {
    if !residual_matches(module) {
        return Err(Error::failure("a branch of the block does not begin with a norm"));
    }
    let get = |name: &str| kernels.get(name, &[]);
    let (fused, sandwich) = (get("residual_norm")?, get("sandwich_norm")?);
    Ok(Box::new(ResidualNorm { fused, sandwich, add: get("add")? }))
}

impl ResidualNorm {
    /// The norm of `stream` and what is pending, and that sum.
    fn add(&self, norm: &RmsNorm, stream: &Tensor, pending: &Pending) -> Result<[Tensor; 2]> {
        let Pending { inner, norm: outer } = pending;
        let normed;
        let call = match outer {
            // Nothing is rounded between the norm's product and the sum in f32, so that devices round both at once.
            Some(outer) if inner.dtype() != DType::F32 => {
                let call = self.sandwich.bind().input("x", stream).input("inner", inner);
                call.input("inner_weight", &outer.weight).scalar("inner_eps", outer.eps)
            }
            Some(outer) => {
                normed = outer.call(inner).run()?.single()?;
                self.fused.bind().input("x", stream).input("residual", &normed)
            }
            None => self.fused.bind().input("x", stream).input("residual", inner),
        };
        call.input("weight", &norm.weight).scalar("eps", norm.eps).run()?.pair()
    }
}

impl Replacement for ResidualNorm {
    fn kind(&self) -> &'static str {
        "ResidualNormBlock"
    }

    fn adds_pending(&self) -> bool {
        true
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let fault = || Error::failure("the block is not the one that was patched");
        let branches = of_type::<Block>(original).and_then(Block::plain_branches);
        let branches = branches.ok_or_else(fault)?;
        let leaves = std::mem::take(&mut step.leaves);
        let (mut stream, mut pending) = (x.clone(), step.pending.take());
        for branch in branches {
            let Some(((_, norm), rest)) = branch.split_first() else { continue };
            if let (None, [(_, module)], Some(norm)) = (&pending, rest, of_type(norm.as_ref()))
                && let Some(sum) = module.branch(norm, &stream, step)?
            {
                stream = step.asked(sum)?;
                continue;
            }
            let mut inner = match (pending.take(), of_type::<RmsNorm>(norm.as_ref())) {
                (Some(pending), Some(weights)) => {
                    let [normed, sum] = self.add(weights, &stream, &pending)?;
                    stream = sum;
                    normed
                }
                (Some(_), None) => return Err(fault()),
                (None, _) => norm.forward(&stream, step)?,
            };
            let (middle, outer) = without_ends(rest);
            for (_, module) in middle {
                inner = module.forward(&inner, step)?;
            }
            stream = step.asked(stream)?;
            pending = Some(Pending { inner: step.asked(inner)?, norm: outer.cloned() });
        }
        match pending {
            Some(pending) if !leaves => pending.added(&stream, &self.add),
            pending => {
                step.pending = pending;
                Ok(stream)
            }
        }
    }
}
