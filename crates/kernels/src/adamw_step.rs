//! One step of AdamW (Loshchilov and Hutter, 2019, <https://arxiv.org/abs/1711.05101>), in place.
//!
//! m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g²; p = p - lr (m̂ / (√v̂ + eps) + wd p), with m̂ = m / (1 - b1^t) and
//! v̂ = v / (1 - b2^t) for step t = 1, 2, ... The moments are f32 whatever the parameters are: in bf16 the thousandth
//! part of g² that a step adds to v would round away.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row.
pub static ADAMW_STEP: Entry = Entry {
    name: "adamw_step",
    family: Family::Optimizer,
    summary: "one step of AdamW on parameters and both moments, in place",
    formula: "m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²; p -= lr (m/(1-b1^t) / (√(v/(1-b2^t)) + eps) + wd p)",
    signature: "p: &T[*n], g: T[*n], m: &f32[*n], v: &f32[*n], lr: f32, step: f32, \
                beta1: f32 = 0.9, beta2: f32 = 0.999, eps: f32 = 1e-8, weight_decay: f32 = 0.01",
    build: adamw_step,
    reference: adamw_f64,
    grad: Grad::None("an update in place is not a function of its inputs"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("v", Fill::Uniform(0.0, 1.0))],
    cases: &[
        Case::of(&[("n", 1)]).scalars(&[("lr", 0.1), ("step", 1.0)]),
        Case::of(&[("n", 257)]).scalars(&[("lr", 1e-3), ("step", 2.0), ("weight_decay", 0.0)]),
        Case::of(&[("n", 4099)]).scalars(&[("lr", 1e-3), ("step", 100000.0), ("beta2", 0.95)]),
        Case::of(&[("n", 0)]).scalars(&[("lr", 0.1), ("step", 1.0)]),
        Case::of(&[("n", 16 << 20)]).scalars(&[("lr", 1e-3), ("step", 10.0)]).bench(),
    ],
    flops: None,
};

/// One step in f64.
fn adamw_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (b1, b2, step) = (a.scalar("beta1"), a.scalar("beta2"), a.scalar("step"));
    let (lr, eps, decay) = (a.scalar("lr"), a.scalar("eps"), a.scalar("weight_decay"));
    let mut state = [a.tensor("p").to_vec(), a.tensor("m").to_vec(), a.tensor("v").to_vec()];
    let [p, m, v] = &mut state;
    for (i, &g) in a.tensor("g").iter().enumerate() {
        m[i] = b1 * m[i] + (1.0 - b1) * g;
        v[i] = b2 * v[i] + (1.0 - b2) * g * g;
        let (m, v) = (m[i] / (1.0 - b1.powf(step)), v[i] / (1.0 - b2.powf(step)));
        p[i] -= lr * (m / (v.sqrt() + eps) + decay * p[i]);
    }
    state.into()
}

/// One map over all elements. What depends on scalars alone is computed once a call, and p - lr (u + wd p) is
/// p (1 - lr wd) - lr u: ten ops an element.
pub fn adamw_step(_: &mut Kernel, a: &Args) {
    let (lr, step, eps) = (a.scalar("lr"), a.scalar("step"), a.scalar("eps"));
    let (b1, b2) = (a.scalar("beta1"), a.scalar("beta2"));
    let (p, g) = (a["p"].load().to(F32), a["g"].load().to(F32)); // [n]
    let m = a["m"].load().fma(b1, g * (1.0 - b1));
    let v = a["v"].load().fma(b2, g.square() * (1.0 - b2));
    // 1 - beta^t; `expm1` keeps the digits that 1 - 0.999 would lose.
    let corrected = |beta: Tile| -(beta.log() * step).expm1();
    let root = v.sqrt().fma(corrected(b2).rsqrt(), eps); // √v̂ + eps
    let update = m * (-lr / corrected(b1)) / root;
    a["p"].store(p.fma(1.0 - lr * a.scalar("weight_decay"), update));
    a["m"].store(m);
    a["v"].store(v);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_gives_the_published_step() {
        let zeros = [0.0; 4];
        let case = Inputs::default()
            .with_tensor("p", &[1.0, -2.0, 3.0, -4.0])
            .with_tensor("g", &[0.1, -0.2, 0.3, -0.4])
            .with_tensor("m", &zeros)
            .with_tensor("v", &zeros);
        let scalars = [
            ("lr", 0.1),
            ("step", 1.0),
            ("beta1", 0.9),
            ("beta2", 0.999),
            ("eps", 1e-8),
            ("weight_decay", 0.01),
        ];
        let case = scalars.iter().fold(case, |case, (name, value)| case.with_scalar(name, *value));
        let expected = [0.89900001, -1.898000005, 2.8970000033, -3.8960000025];
        for (found, expected) in adamw_f64(&case)[0].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }
}
