//! The router of DeepSeek-V3 (<https://arxiv.org/abs/2412.19437>, section 2.1.2): sigmoid affinities, a bias that
//! only steers the choice, and experts in groups of which the best few are kept.
//!
//! affinity = sigmoid(logits); score = affinity + bias; a group's score is the sum of its two best. Scores of groups
//! beyond the `top_groups` best count as 0, as mlx-lm has it, or with `exclude` 1 as -inf, as DeepSeek's own code and
//! transformers do: then no bias below the sigmoids makes one of them chosen. The experts are the k best scores, of equal
//! ones the lower index first; their weights are their affinities, without the bias, divided by the sum of these
//! and `eps`, as LFM2 does (<https://arxiv.org/abs/2511.23404>), or with `normalize` 0 as they are.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, U32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static DEEPSEEK_ROUTER_TOPK_SIGMOID: Entry = Entry {
    name: "deepseek_router_topk_sigmoid",
    family: Family::Moe,
    summary: "the router of DeepSeek-V3: sigmoid affinities, bias, groups of experts",
    formula: "indices = top-k of sigmoid(x) + bias in the best groups; weights = sigmoid(x)[indices] / (their sum + eps)",
    signature: "x: T[*tokens, experts], bias: f32[experts], eps: f32 = 0 \
                -> weights: f32[*tokens, k], indices: u32[*tokens, k]",
    build: deepseek_router_topk_sigmoid,
    reference: router_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[
        ("experts", 256),
        ("k", 8),
        ("groups", 8),
        ("top_groups", 4),
        ("exclude", 0),
        ("normalize", 1),
    ],
    fills: &[("x", Fill::Uniform(-3.0, 3.0)), ("bias", Fill::Uniform(-0.5, 0.5))],
    cases: &[
        Case::of(&[("tokens", 1)]).with(&[
            ("experts", 1),
            ("k", 1),
            ("groups", 1),
            ("top_groups", 1),
        ]),
        Case::of(&[("tokens", 3)]).with(&[
            ("experts", 15),
            ("k", 4),
            ("groups", 5),
            ("top_groups", 2),
        ]),
        Case::of(&[("tokens", 5)]).with(&[
            ("experts", 12),
            ("k", 5),
            ("groups", 3),
            ("top_groups", 2),
            ("exclude", 1),
        ]),
        Case::of(&[("tokens", 4)]).with(&[("experts", 384), ("groups", 1), ("top_groups", 1)]),
        Case::of(&[("tokens", 7)])
            .with(&[("experts", 32), ("k", 4), ("groups", 1), ("top_groups", 1)])
            .scalars(&[("eps", 1e-6)]),
        Case::of(&[("tokens", 3)]).with(&[
            ("experts", 8),
            ("k", 3),
            ("groups", 1),
            ("top_groups", 1),
            ("normalize", 0),
        ]),
        Case::of(&[("tokens", 0)]),
        Case::of(&[("tokens", 16)]),
        Case::of(&[("tokens", 4096)]).bench(),
    ],
    flops: None,
};

/// The router in f64, one expert after the other.
fn router_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (experts, groups) = (a.size("experts"), a.size("groups"));
    let best = |scores: &[f64], count: usize| {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]));
        order.truncate(count);
        order
    };
    let (mut weights, mut indices) = (Vec::new(), Vec::new());
    for logits in a.rows("x", experts) {
        let affinity: Vec<f64> = logits.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
        let mut scores: Vec<f64> =
            affinity.iter().zip(a.tensor("bias")).map(|(s, b)| s + b).collect();
        let size = experts / groups;
        let totals: Vec<f64> = scores
            .chunks(size)
            .map(|group| best(group, 2).iter().map(|&i| group[i]).sum())
            .collect();
        let kept = best(&totals, a.size("top_groups"));
        for (group, scores) in scores.chunks_mut(size).enumerate() {
            if !kept.contains(&group) {
                scores.fill(if a.size("exclude") == 1 { f64::NEG_INFINITY } else { 0.0 });
            }
        }
        let chosen = best(&scores, a.size("k"));
        let sum: f64 = chosen.iter().map(|&i| affinity[i]).sum();
        let divisor = if a.size("normalize") == 1 { sum + a.scalar("eps") } else { 1.0 };
        weights.extend(chosen.iter().map(|&i| affinity[i] / divisor));
        indices.extend(chosen.iter().map(|&i| i as f64));
    }
    vec![weights, indices]
}

/// One program a token.
pub fn deepseek_router_topk_sigmoid(k: &mut Kernel, a: &Args) {
    let (experts, top) = (a.constant("experts"), a.constant("k"));
    let (groups, top_groups) = (a.constant("groups").max(1), a.constant("top_groups"));
    let size = experts / groups;
    let token = k.program();
    let affinity = a["x"].row(token).load().to(F32).sigmoid(); // [experts]
    let mut scores = affinity + a["bias"].load();
    if groups > 1 {
        let grouped = scores.reshape(&[groups.into(), size.into()]);
        let totals = grouped.top_k(size.min(2)).0.row_sum(); // [groups, 1]
        let (_, kept) = totals.reshape(&[groups.into()]).top_k(top_groups); // [top_groups]
        let keep = k.iota(groups).to(U32).column().eq(kept).row_any(); // [groups, 1]
        let dropped = if a.constant("exclude") == 1 { f64::NEG_INFINITY } else { 0.0 };
        scores = keep.select(grouped, dropped).reshape(&[experts.into()]);
    }
    let (_, chosen) = scores.top_k(top); // [k]
    let weights = affinity.pick(chosen);
    let weights = match a.constant("normalize") {
        0 => weights,
        _ => weights / (weights.row_sum() + a.scalar("eps")),
    };
    a["weights"].row(token).store(weights);
    a["indices"].row(token).store(chosen);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(
        experts: usize,
        groups: usize,
        top_groups: usize,
        bias: &[(usize, f64)],
    ) -> Vec<Vec<f64>> {
        let mut values = vec![0.0; experts];
        bias.iter().for_each(|&(i, value)| values[i] = value);
        let case = Inputs::default().with_size("experts", experts).with_size("k", 8);
        let case = case.with_size("groups", groups).with_size("top_groups", top_groups);
        let case = case.with_size("normalize", 1).with_scalar("eps", 0.0);
        router_f64(&case.with_tensor("x", &vec![0.0; experts]).with_tensor("bias", &values))
    }

    #[test]
    fn the_reference_gives_the_published_vectors() {
        for experts in [256, 384] {
            let routed = route(experts, 1, 1, &[]);
            assert_eq!(routed[0], [0.125; 8]);
            assert_eq!(routed[1], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        }
        let bias = [0, 1, 32, 33, 64, 65, 96].map(|i| (i, 10.0));
        let routed = route(256, 8, 4, &[&bias[..], &[(224, 9.0)]].concat());
        let mut indices = routed[1].clone();
        indices.sort_by(f64::total_cmp);
        assert_eq!(indices, [0.0, 1.0, 2.0, 32.0, 33.0, 64.0, 65.0, 96.0]);
        assert_eq!(routed[0], [0.125; 8]);
    }
}
