//! Which experts a token takes, and the layers that every token takes beside them.

use crate::scaling::Scaling;
use crate::{DType, Error, Kernels, MoeShape, Result, Slot, Step, Tensor};
use tilewright_tensor::Callable;

/// How the experts of a token are chosen and weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Routing {
    /// The greatest of a softmax over all experts.
    Softmax {
        /// Weights of the chosen experts sum to 1.
        normalize: bool,
    },
    /// The greatest sigmoids, as in DeepSeek-V3 (<https://arxiv.org/abs/2412.19437>, section 2.1.2). A bias may steer the
    /// choice; it does not count in the weights.
    Sigmoid {
        /// Experts come in so many groups of one size.
        groups: usize,
        /// Only those of so many groups are chosen from.
        top_groups: usize,
        /// Weights of the chosen experts are divided by their sum.
        normalize: bool,
        /// What is added to that sum.
        eps: f64,
    },
}

/// What chooses the experts of each token.
pub struct Router {
    pub(crate) logits: Slot,
    choose: Callable,
    /// What steers the choice, `f32[experts]`; sigmoids only.
    bias: Option<Tensor>,
    /// The name of that in the mixture, where it is a checkpoint's.
    steering: Option<&'static str>,
    /// What is added to the sum that weights are divided by; sigmoids only.
    eps: f64,
    scaling: Option<Scaling>,
}

impl Router {
    /// The router of a mixture of `shape`: a layer that gives a logit for each expert, and for [`Routing::Sigmoid`] what
    /// is added to its sigmoids where experts are chosen, `f32[experts]`, with its name in the mixture; nothing when `None`.
    ///
    /// # Errors
    /// When a bias is given that no softmax has, memory runs out or a kernel is missing.
    pub fn new(
        kernels: &Kernels,
        shape: &MoeShape,
        logits: Slot,
        bias: Option<(&'static str, Tensor)>,
    ) -> Result<Router> {
        let steering = bias.as_ref().map(|(name, _)| *name);
        let MoeShape { experts, per_token: k, routing, factor, .. } = *shape;
        let (choose, bias) = match routing {
            Routing::Softmax { .. } if bias.is_some() => {
                return Err(Error::failure("no bias steers a router of softmaxes"));
            }
            Routing::Softmax { normalize } => {
                let constants =
                    [("experts", experts), ("k", k), ("norm_topk_prob", usize::from(normalize))];
                (kernels.get("topk_gating_softmax", &constants)?, None)
            }
            Routing::Sigmoid { groups, top_groups, normalize, .. } => {
                let constants = [
                    ("experts", experts),
                    ("k", k),
                    ("groups", groups),
                    ("top_groups", top_groups),
                    ("exclude", 1),
                    ("normalize", usize::from(normalize)),
                ];
                let bias = match bias {
                    Some((_, bias)) => bias,
                    None => Tensor::zeros(DType::F32, &[experts])?.on(kernels.runtime())?,
                };
                (kernels.get("deepseek_router_topk_sigmoid", &constants)?, Some(bias))
            }
        };
        let scaling = Scaling::by(kernels, factor)?;
        let eps = match routing {
            Routing::Sigmoid { eps, .. } => eps,
            Routing::Softmax { .. } => 0.0,
        };
        Ok(Router { logits, choose, bias, steering, eps, scaling })
    }

    /// The name and the values of what steers the choice, where a checkpoint has it.
    pub(crate) fn steering(&self) -> Option<(&'static str, &Tensor)> {
        self.steering.zip(self.bias.as_ref())
    }

    /// The weights and the numbers of each token's experts, `f32[tokens, k]` and `u32[tokens, k]`.
    pub(crate) fn of(&self, x: &Tensor, step: &mut Step<'_>) -> Result<[Tensor; 2]> {
        self.choose(&self.logits.forward(x, step)?)
    }

    /// The same of logits that are there.
    pub(crate) fn choose(&self, logits: &Tensor) -> Result<[Tensor; 2]> {
        let mut call = self.choose.bind().input("x", logits);
        if let Some(bias) = &self.bias {
            call = call.input("bias", bias).scalar("eps", self.eps);
        }
        let [weights, indices] = call.run()?.pair()?;
        Ok(match &self.scaling {
            Some(scaling) => [scaling.of(&weights)?, indices],
            None => [weights, indices],
        })
    }
}

/// A layer that every token takes beside its experts.
pub struct Shared {
    /// Its name in the mixture.
    name: &'static str,
    pub(crate) layer: Slot,
    /// The name and the layer of what it is multiplied with the sigmoid of, one number a token.
    gate: Option<(&'static str, Slot)>,
    /// a + b, or a + sigmoid(gate) b.
    add: Callable,
}

impl Shared {
    /// The layer `name`, added as it is or times the sigmoid of what `gate` gives, one number a token.
    ///
    /// # Errors
    /// When a kernel is missing.
    pub fn new(
        kernels: &Kernels,
        name: &'static str,
        layer: Slot,
        gate: Option<(&'static str, Slot)>,
    ) -> Result<Shared> {
        let add = kernels.get(if gate.is_some() { "add_gated" } else { "add" }, &[])?;
        Ok(Shared { name, layer, gate, add })
    }

    /// The sum of `routed` and what the layer makes of `x`.
    pub(crate) fn beside(
        &self,
        routed: &Tensor,
        x: &Tensor,
        step: &mut Step<'_>,
    ) -> Result<Tensor> {
        let shared = self.layer.forward(x, step)?;
        let Some((_, gate)) = &self.gate else { return self.add.call(&[routed, &shared]) };
        let gate = gate.forward(x, step)?.reshape(&[x.shape()[0]])?;
        self.add.call(&[routed, &shared, &gate])
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &Slot)> {
        let gate = self.gate.as_ref().map(|(name, slot)| (*name, slot));
        std::iter::once((self.name, &self.layer)).chain(gate)
    }

    pub(crate) fn children_mut(&mut self) -> impl Iterator<Item = (&str, &mut Slot)> {
        let gate = self.gate.as_mut().map(|(name, slot)| (*name, slot));
        std::iter::once((self.name, &mut self.layer)).chain(gate)
    }
}
