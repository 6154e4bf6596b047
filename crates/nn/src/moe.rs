//! A sparse mixture of experts: a router chooses k gated layers for each token.

use crate::{Gate, Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// One projection of all experts: `y[t, j] = x[t] w[indices[t, j]]ᵀ`.
pub struct ExpertLinear {
    /// In the kernel's order, after x and the indices.
    weight: Vec<Tensor>,
    /// For tokens that go to k experts each.
    spread: Callable,
    /// For rows that go to one expert each.
    single: Callable,
}

impl ExpertLinear {
    /// Float weights, `[experts, columns, depth]`, of which each token takes `k`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn dense(kernels: &Kernels, weight: Tensor, k: usize) -> Result<ExpertLinear> {
        let kernel = |k| kernels.get("gather_mm", &[("k", k)]);
        Ok(ExpertLinear { weight: vec![weight], spread: kernel(k)?, single: kernel(1)? })
    }

    /// Packed weights: words, scales, biases, each `[experts, columns, ..]`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn quantized(
        kernels: &Kernels,
        weight: [Tensor; 3],
        format: Affine,
        k: usize,
    ) -> Result<ExpertLinear> {
        let kernel = |k| {
            kernels.get("gather_qmm", &[("bits", format.bits), ("group", format.group), ("k", k)])
        };
        Ok(ExpertLinear { weight: weight.into(), spread: kernel(k)?, single: kernel(1)? })
    }

    fn call(&self, kernel: &Callable, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = [x, indices].into_iter().chain(&self.weight).collect();
        kernel.call(&inputs)
    }

    /// `x` `[tokens, depth]`, `indices` `u32[tokens, k]`: `[tokens, k, columns]`.
    fn spread(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        self.call(&self.spread, x, indices)
    }

    /// `x` `[tokens, k, depth]`, `indices` `u32[tokens, k]`: `[tokens, k, columns]`.
    fn each(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let [tokens, k, depth] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let rows = tokens * k;
        let y =
            self.call(&self.single, &x.reshape(&[rows, depth])?, &indices.reshape(&[rows, 1])?)?;
        let columns = y.shape()[2];
        y.reshape(&[tokens, k, columns])
    }
}

/// How tokens are routed.
#[derive(Clone, Copy, Debug)]
pub struct MoeShape {
    /// Experts that there are.
    pub experts: usize,
    /// Experts that a token takes.
    pub per_token: usize,
    /// Weights of the chosen experts sum to 1.
    pub normalize: bool,
    /// The experts' activation.
    pub gate: Gate,
}

/// A sparse mixture of gated experts.
pub struct Moe {
    router: Slot,
    gate_proj: ExpertLinear,
    up_proj: ExpertLinear,
    down_proj: ExpertLinear,
    choose: Callable,
    gate: Callable,
    combine: Callable,
}

impl Moe {
    /// A mixture of `shape` with a router and the projections of its experts.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(
        kernels: &Kernels,
        shape: MoeShape,
        router: Slot,
        [gate_proj, up_proj, down_proj]: [ExpertLinear; 3],
    ) -> Result<Moe> {
        let routing = [
            ("experts", shape.experts),
            ("k", shape.per_token),
            ("norm_topk_prob", usize::from(shape.normalize)),
        ];
        Ok(Moe {
            router,
            gate_proj,
            up_proj,
            down_proj,
            choose: kernels.get("topk_gating_softmax", &routing)?,
            gate: shape.gate.kernel(kernels)?,
            combine: kernels.get("moe_combine", &[("k", shape.per_token)])?,
        })
    }
}

impl Module for Moe {
    fn kind(&self) -> &'static str {
        "Moe"
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let logits = self.router.forward(x, step)?;
        let chosen = self.choose.call_all(&[&logits])?;
        let (weights, indices) = (&chosen["weights"], &chosen["indices"]);
        let gate = self.gate_proj.spread(x, indices)?;
        let up = self.up_proj.spread(x, indices)?;
        let down = self.down_proj.each(&self.gate.call(&[&gate, &up])?, indices)?;
        self.combine.call(&[&down, weights])
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        vec![("gate", &self.router)]
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        vec![("gate", &mut self.router)]
    }
}
