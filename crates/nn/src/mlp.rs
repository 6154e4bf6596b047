//! Gated feed-forward layers: y = down(act(gate(x)) up(x)).

use crate::{Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// The function that the gate passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// x / (1 + e^-x).
    Silu,
    /// gelu with erf.
    Gelu,
    /// gelu with tanh.
    GeluTanh,
}

impl Gate {
    /// The kernel of `act(gate) up` for two tensors.
    pub(crate) fn kernel(self, kernels: &Kernels) -> Result<Callable> {
        let name = match self {
            Gate::Silu => "swiglu2",
            Gate::Gelu => "geglu2_erf",
            Gate::GeluTanh => "geglu2",
        };
        kernels.get(name, &[])
    }

    /// The same for one tensor with gate and up side by side.
    fn packed_kernel(self, kernels: &Kernels) -> Result<Callable> {
        let name = match self {
            Gate::Silu => "swiglu",
            Gate::Gelu => "geglu_erf",
            Gate::GeluTanh => "geglu",
        };
        kernels.get(name, &[])
    }
}

/// A gated layer of three projections.
pub struct GatedMlp {
    pub(crate) gate_proj: Slot,
    pub(crate) up_proj: Slot,
    pub(crate) down_proj: Slot,
    pub(crate) gate: Gate,
    multiply: Callable,
}

impl GatedMlp {
    /// A layer of these projections.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn new(
        kernels: &Kernels,
        gate: Gate,
        [gate_proj, up_proj, down_proj]: [Slot; 3],
    ) -> Result<GatedMlp> {
        Ok(GatedMlp { gate_proj, up_proj, down_proj, gate, multiply: gate.kernel(kernels)? })
    }
}

impl GatedMlp {
    /// Its activation.
    pub fn gate(&self) -> Gate {
        self.gate
    }
}

impl Module for GatedMlp {
    fn kind(&self) -> &'static str {
        "GatedMlp"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let (gate, up) = (self.gate_proj.forward(x, step)?, self.up_proj.forward(x, step)?);
        self.down_proj.forward(&self.multiply.call(&[&gate, &up])?, step)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        let GatedMlp { gate_proj, up_proj, down_proj, .. } = self;
        vec![("gate_proj", gate_proj), ("up_proj", up_proj), ("down_proj", down_proj)]
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        let GatedMlp { gate_proj, up_proj, down_proj, .. } = self;
        vec![("gate_proj", gate_proj), ("up_proj", up_proj), ("down_proj", down_proj)]
    }
}

/// A gated layer whose gate and up projections are one, as in Phi-3.
pub struct PackedGatedMlp {
    pub(crate) gate_up_proj: Slot,
    pub(crate) down_proj: Slot,
    pub(crate) gate: Gate,
    multiply: Callable,
}

impl PackedGatedMlp {
    /// A layer of these projections; the first gives gate and up side by side.
    ///
    /// # Errors
    /// When the kernel is missing.
    pub fn new(
        kernels: &Kernels,
        gate: Gate,
        [gate_up_proj, down_proj]: [Slot; 2],
    ) -> Result<PackedGatedMlp> {
        let multiply = gate.packed_kernel(kernels)?;
        Ok(PackedGatedMlp { gate_up_proj, down_proj, gate, multiply })
    }
}

impl PackedGatedMlp {
    /// Its activation.
    pub fn gate(&self) -> Gate {
        self.gate
    }
}

impl Module for PackedGatedMlp {
    fn kind(&self) -> &'static str {
        "PackedGatedMlp"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let both = self.gate_up_proj.forward(x, step)?;
        self.down_proj.forward(&self.multiply.call(&[&both])?, step)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        vec![("gate_up_proj", &self.gate_up_proj), ("down_proj", &self.down_proj)]
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        vec![("gate_up_proj", &mut self.gate_up_proj), ("down_proj", &mut self.down_proj)]
    }
}
