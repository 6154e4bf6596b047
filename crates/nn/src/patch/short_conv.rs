//! Short convolutions between two products of one row: on devices with routines for packed weights the norm before the way
//! in is part of it, and the sum after the way out.

use super::packed::{AddedProduct, NormedProduct, fault, is_one_row, packed};
use super::{Replacement, of_type};
use crate::{Kernels, Module, Result, RmsNorm, ShortConv, Step, Tensor};

/// Those whose projections are packed.
pub(super) fn matches(module: &dyn Module) -> bool {
    of_type::<ShortConv>(module).is_some_and(|conv| {
        packed(conv.in_proj.as_ref()).is_some() && packed(conv.out_proj.as_ref()).is_some()
    })
}

/// The ways in and out, where one row passes through them and what lies around them in two kernels.
struct FusedShortConv {
    around: Option<(NormedProduct, AddedProduct)>,
}

pub(super) fn fuse(module: &dyn Module, kernels: &Kernels) -> Result<Box<dyn Replacement>> {
    let conv = of_type::<ShortConv>(module).ok_or_else(fault)?;
    let around = match (packed(conv.in_proj.as_ref()), packed(conv.out_proj.as_ref())) {
        (Some(into), Some(out)) if kernels.runtime().caps().routines => {
            Some((NormedProduct::new(kernels, into)?, AddedProduct::new(kernels, out)?))
        }
        _ => None,
    };
    Ok(Box::new(FusedShortConv { around }))
}

impl Replacement for FusedShortConv {
    fn kind(&self) -> &'static str {
        "FusedShortConv"
    }

    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        original.forward(x, step)
    }

    fn branch(
        &self,
        original: &dyn Module,
        norm: &RmsNorm,
        x: &Tensor,
        step: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        let Some((into, out)) = self.around.as_ref().filter(|_| is_one_row(x)) else {
            return Ok(None);
        };
        let conv = of_type::<ShortConv>(original).ok_or_else(fault)?;
        let mixed = conv.mixed(&into.of_norm(norm, x)?, step)?;
        out.of(&mixed, x).map(Some)
    }
}
