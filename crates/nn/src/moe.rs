//! A sparse mixture of experts: a router chooses k gated layers for each token.

use crate::grouped::{Grouped, Product, Rows};
use crate::routing::{Router, Routing, Shared};
use crate::{Gate, Kernels, Module, Result, Slot, Step, Tensor};
use tilewright_formats::Affine;
use tilewright_tensor::Callable;

/// One projection of all experts: `y[t, j] = x[t] w[indices[t, j]]ᵀ`.
pub struct ExpertLinear {
    /// In the kernel's order, after x and the indices.
    pub(crate) weight: Vec<Tensor>,
    /// How they are packed, unless they are floats.
    pub(crate) format: Option<Affine>,
    /// For tokens that go to k experts each.
    spread: Callable,
    /// For rows that go to one expert each.
    single: Callable,
    /// For blocks of rows that go to one expert each.
    grouped: Product,
}

impl ExpertLinear {
    /// Float weights, `[experts, columns, depth]`, of which each token takes `k`.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn dense(kernels: &Kernels, weight: Tensor, k: usize) -> Result<ExpertLinear> {
        let kernel = |k| kernels.get("gather_mm", &[("k", k)]);
        Ok(ExpertLinear {
            weight: vec![weight],
            format: None,
            spread: kernel(k)?,
            single: kernel(1)?,
            grouped: Product::dense(kernels)?,
        })
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
        Ok(ExpertLinear {
            weight: weight.into(),
            format: Some(format),
            spread: kernel(k)?,
            single: kernel(1)?,
            grouped: Product::packed(kernels, format)?,
        })
    }

    fn call(&self, kernel: &Callable, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = [x, indices].into_iter().chain(&self.weight).collect();
        kernel.call(&inputs)
    }

    /// `x` `[tokens, depth]`, `indices` `u32[tokens, k]`: `[tokens, k, columns]`.
    pub(crate) fn spread(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        self.call(&self.spread, x, indices)
    }

    /// `x` `[tokens, k, depth]`, `indices` `u32[tokens, k]`: `[tokens, k, columns]`.
    pub(crate) fn each(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let [tokens, k, depth] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let rows = tokens * k;
        let y =
            self.call(&self.single, &x.reshape(&[rows, depth])?, &indices.reshape(&[rows, 1])?)?;
        let columns = y.shape()[2];
        y.reshape(&[tokens, k, columns])
    }

    /// `x` `[rows, depth]` in those rows: `[rows, columns]`.
    fn blocks(&self, x: &Tensor, rows: &Rows) -> Result<Tensor> {
        self.grouped.of(x, &self.weight, rows)
    }
}

/// How tokens are routed.
#[derive(Clone, Copy, Debug)]
pub struct MoeShape {
    /// Experts that there are.
    pub experts: usize,
    /// Experts that a token takes.
    pub per_token: usize,
    /// How they are chosen.
    pub routing: Routing,
    /// What the weights of the chosen experts are multiplied with.
    pub factor: Option<f64>,
    /// The experts' activation.
    pub gate: Gate,
}

/// A sparse mixture of gated experts.
pub struct Moe {
    pub(crate) shape: MoeShape,
    pub(crate) router: Router,
    pub(crate) shared: Option<Shared>,
    pub(crate) gate_proj: ExpertLinear,
    pub(crate) up_proj: ExpertLinear,
    pub(crate) down_proj: ExpertLinear,
    multiply: Callable,
    combine: Callable,
    grouped: Grouped,
}

impl Moe {
    /// A mixture of `shape` with a router and the projections of its experts.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(
        kernels: &Kernels,
        shape: MoeShape,
        router: Router,
        [gate_proj, up_proj, down_proj]: [ExpertLinear; 3],
    ) -> Result<Moe> {
        let small =
            [&gate_proj, &up_proj, &down_proj].iter().all(|part| part.grouped.takes_small());
        Ok(Moe {
            shape,
            router,
            shared: None,
            gate_proj,
            up_proj,
            down_proj,
            multiply: shape.gate.kernel(kernels)?,
            combine: kernels.get("moe_combine", &[("k", shape.per_token)])?,
            grouped: Grouped::new(kernels, shape, small)?,
        })
    }

    /// The same beside a layer that every token takes.
    pub fn beside(self, shared: Shared) -> Moe {
        Moe { shared: Some(shared), ..self }
    }
}

impl Moe {
    /// What the gate lets through of each expert of a token, `[tokens, k, intermediate]`.
    pub(crate) fn gated(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
        let gate = self.gate_proj.spread(x, indices)?;
        self.multiply.call(&[&gate, &self.up_proj.spread(x, indices)?])
    }

    /// The weighted sum of what the experts of a token make of it.
    pub(crate) fn combined(
        &self,
        gated: &Tensor,
        [weights, indices]: &[Tensor; 2],
    ) -> Result<Tensor> {
        self.combine.call(&[&self.down_proj.each(gated, indices)?, weights])
    }

    /// `routed` with what every token takes, if there is such a layer.
    pub(crate) fn with_shared(
        &self,
        routed: Tensor,
        x: &Tensor,
        step: &mut Step<'_>,
    ) -> Result<Tensor> {
        match &self.shared {
            Some(shared) => shared.beside(&routed, x, step),
            None => Ok(routed),
        }
    }

    /// The weighted sum of what its experts make of each token, expert by expert.
    fn by_expert(&self, x: &Tensor, [weights, indices]: &[Tensor; 2]) -> Result<Tensor> {
        let rows = self.grouped.rows(indices, x.dtype())?;
        let x = self.grouped.sorted(x, &rows)?;
        let gate = self.gate_proj.blocks(&x, &rows)?;
        let gated = self.multiply.call(&[&gate, &self.up_proj.blocks(&x, &rows)?])?;
        self.grouped.combined(&self.down_proj.blocks(&gated, &rows)?, weights, &rows)
    }
}

impl Moe {
    /// How its tokens are routed.
    pub fn shape(&self) -> &MoeShape {
        &self.shape
    }
}

impl Module for Moe {
    fn kind(&self) -> &'static str {
        "Moe"
    }

    /// The projections of all experts, `[experts, columns, ..]` each, and what steers their choice.
    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        const NAMES: [[&str; 3]; 3] = [
            ["gate_proj.weight", "gate_proj.scales", "gate_proj.biases"],
            ["up_proj.weight", "up_proj.scales", "up_proj.biases"],
            ["down_proj.weight", "down_proj.scales", "down_proj.biases"],
        ];
        let parts = NAMES.into_iter().zip([&self.gate_proj, &self.up_proj, &self.down_proj]);
        let steering = self.router.steering();
        parts
            .flat_map(|(names, part)| names.into_iter().zip(&part.weight))
            .chain(steering)
            .collect()
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        let chosen = self.router.of(x, step)?;
        let routed = match self.grouped.pays(x.shape()[0]) {
            true => self.by_expert(x, &chosen)?,
            false => self.combined(&self.gated(x, &chosen[1])?, &chosen)?,
        };
        self.with_shared(routed, x, step)
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        let shared = self.shared.iter().flat_map(Shared::children);
        std::iter::once(("gate", &self.router.logits)).chain(shared).collect()
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        let shared = self.shared.iter_mut().flat_map(Shared::children_mut);
        std::iter::once(("gate", &mut self.router.logits)).chain(shared).collect()
    }
}
