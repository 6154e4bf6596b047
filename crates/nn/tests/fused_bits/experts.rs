//! Mixtures of experts.

use crate::Bench;
use crate::numbers::Format;
use crate::products::Rows;
use tilewright_nn::{DType, Tensor};

/// Experts, those of a token, hidden and inner features.
fn mixtures(bench: &Bench) -> &'static [[usize; 4]] {
    match bench.routines {
        true => &[[16, 4, 256, 128], [32, 8, 2048, 768], [8, 2, 4096, 1024]],
        false => &[[8, 3, 256, 128], [8, 3, 256, 96]],
    }
}

fn formats(bench: &Bench) -> Vec<Format> {
    let all = |bits| [32, 64, 128].map(|group| Format { bits, group });
    match bench.routines {
        true => vec![Format { bits: 4, group: 64 }],
        false => [2, 3, 4, 5, 6, 8].into_iter().flat_map(all).collect(),
    }
}

const KINDS: [(Rows, &str); 2] = [(Rows::Plain, ""), (Rows::Cancelling, " cancelling")];

impl Bench {
    /// The way out of a mixture, in the model's kernels.
    fn combined(
        &self,
        format: Format,
        act: &Tensor,
        down: &[Tensor],
        [weights, indices]: &[Tensor; 2],
    ) -> Tensor {
        let [tokens, k, depth] = [act.shape()[0], act.shape()[1], act.shape()[2]];
        let [bits, group] = format.constants();
        let rows = act.reshape(&[tokens * k, depth]).unwrap();
        let each = indices.reshape(&[tokens * k, 1]).unwrap();
        let each = self.call("gather_qmm", &[bits, group, ("k", 1)], &[&[rows, each], down]);
        let each = each.reshape(&[tokens, k, each.shape()[2]]).unwrap();
        self.call("moe_combine", &[("k", k)], &[&[each, weights.clone()]])
    }
}

/// Experts' products with their gate, and last products with their sum, for few tokens.
pub(super) fn few(bench: &mut Bench) {
    if bench.dtype == DType::F32 && !bench.routines {
        // Those of halves are exact sums of integers on the CPU, whatever their order.
        bench.unused = Some("many rows of f32 are summed in another order than few");
        return;
    }
    for &[experts, k, hidden, inner] in mixtures(bench) {
        for format in formats(bench) {
            if inner % format.group != 0 {
                continue;
            }
            for (kind, name) in KINDS {
                let Format { bits, group } = format;
                let text = format!("{experts}:{k} {inner}x{hidden} {bits} {group}{name}");
                let chosen = [("bits", bits), ("group", group), ("k", k)];
                let [gate, up] =
                    [0, 1].map(|_| bench.packed(format, &[experts, inner], hidden, kind));
                let down = bench.packed(format, &[experts, hidden], inner, kind);
                for tokens in [1, 5] {
                    let x = bench.rows(&[tokens], hidden, group, kind);
                    let indices = bench.numbers.choices(tokens, k, experts);
                    let first = [x, bench.own(indices)];
                    let parts =
                        [&gate, &up].map(|w| bench.call("gather_qmm", &chosen, &[&first, w]));
                    let plain = bench.call("swiglu2", &[], &[&parts]);
                    let fused = bench.call("gather_qmm_swiglu", &chosen, &[&first, &gate, &up]);
                    bench.same(&format!("gather_qmm_swiglu {tokens} {text}"), &fused, &plain);
                    if !bench.routines && tokens > 1 && bits == 4 && !inner.is_multiple_of(64) {
                        // A known difference: blocks of rows are summed as integers, but what reads the weights of few
                        // rows where they lie has none for half a vector of words. No model has such a depth.
                        continue;
                    }
                    if bench.dtype == DType::F32 && k >= 8 {
                        // A known difference: where a thread holds rows of so many experts it takes fewer of each, so
                        // that more threads share a row and add it in another order.
                        continue;
                    }
                    let act = bench.rows(&[tokens, k], inner, group, kind);
                    let weights = bench.numbers.tensor(DType::F32, &[tokens, k], [0.1, 0.9]);
                    let rest = [bench.own(weights), first[1].clone()];
                    let plain = bench.combined(format, &act, &down, &rest);
                    let name = "gather_qmm_combine_quantized";
                    let fused = bench.call(name, &chosen, &[&[act], &down, &rest]);
                    bench.same(&format!("{name} {tokens} {text}"), &fused, &plain);
                }
            }
        }
    }
}

/// The kernels that find the experts themselves, with the norm before and the sum after.
pub(super) fn routed(bench: &mut Bench) {
    if !bench.runs_around() {
        return;
    }
    for &[experts, k, hidden, inner] in mixtures(bench) {
        for (kind, name) in KINDS {
            for normalize in [0, 1] {
                let format = Format { bits: 4, group: 32 << usize::from(bench.routines) };
                let [bits, group] = format.constants();
                let text = format!("{experts}:{k} {inner}x{hidden} {normalize}{name}");
                let chosen = [bits, group, ("k", k)];
                let into = [bits, group, ("k", k), ("experts", experts)];
                let routing = [("experts", experts), ("k", k), ("norm_topk_prob", normalize)];
                let out = [bits, group, ("k", k), routing[0], routing[2]];
                let [gate, up] =
                    [0, 1].map(|_| bench.packed(format, &[experts, inner], hidden, kind));
                let down = bench.packed(format, &[experts, hidden], inner, kind);
                let weight = match kind {
                    Rows::Plain => bench.tensor(&[hidden], [0.5, 1.5]),
                    Rows::Cancelling => {
                        bench.own(Tensor::full(bench.dtype, &[hidden], 0.75).unwrap())
                    }
                };
                for _ in 0..8 {
                    let x = bench.rows(&[1], hidden, format.group, kind);
                    let logits = bench.tensor(&[1, experts], [-4.0, 4.0]);
                    let choose = bench.kernels.get("topk_gating_softmax", &routing).unwrap();
                    let chosen_ones = choose.call_all(&[&logits]).unwrap().pair().unwrap();
                    let first = [bench.rmsnorm(&x, &weight), chosen_ones[1].clone()];
                    let parts =
                        [&gate, &up].map(|w| bench.call("gather_qmm", &chosen, &[&first, w]));
                    let plain = bench.call("swiglu2", &[], &[&parts]);
                    let around = [x, weight.clone(), logits.clone()];
                    let name = "norm_routed_qmm_swiglu";
                    let fused = bench.call(name, &into, &[&around, &gate, &up]);
                    bench.same(&format!("{name} {text}"), &fused, &plain);
                    let listed = [around[0].clone(), around[1].clone(), chosen_ones[1].clone()];
                    let name = "norm_gather_qmm_swiglu";
                    let fused = bench.call(name, &chosen, &[&listed, &gate, &up]);
                    bench.same(&format!("{name} {text}"), &fused, &plain);
                    let act = bench.rows(&[1, k], inner, format.group, kind);
                    let residual = match kind {
                        Rows::Plain => bench.tensor(&[1, hidden], [-1.0, 1.0]),
                        Rows::Cancelling => {
                            bench.own(Tensor::zeros(bench.dtype, &[1, hidden]).unwrap())
                        }
                    };
                    let sum = bench.combined(format, &act, &down, &chosen_ones);
                    let plain = bench.call("add", &[], &[&[residual.clone(), sum]]);
                    let name = "routed_qmm_combine_residual";
                    let last = [logits, residual.clone()];
                    let fused = bench.call(name, &out, &[std::slice::from_ref(&act), &down, &last]);
                    bench.same(&format!("{name} {text}"), &fused, &plain);
                    let [weights, indices] = chosen_ones;
                    let name = "gather_qmm_combine_residual";
                    let last = [weights, indices, residual];
                    let fused = bench.call(name, &chosen, &[&[act], &down, &last]);
                    bench.same(&format!("{name} {text}"), &fused, &plain);
                }
            }
        }
    }
}
