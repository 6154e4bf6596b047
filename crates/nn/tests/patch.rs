//! Patches of models made by hand, for what no family's checkpoint has.

use std::sync::Arc;
use tilewright_formats::Affine;
use tilewright_nn::patch::{Patterns, patch, unpatch};
use tilewright_nn::{
    CacheShape, DType, DenseLinear, Embedding, ExpertLinear, Gate, GatedMlp, Kernels, LayerNorm,
    Logits, Model, ModelShape, Moe, MoeShape, QuantizedLinear, RmsNorm, Router, Routing, Runtime,
    Slot, Softmax, Tensor, named_modules, replace,
};

const HIDDEN: usize = 64;
const VOCABULARY: usize = 32;
const FORMAT: Affine = Affine { bits: 4, group: 32 };

/// Numbers that repeat: a linear congruence.
struct Numbers(u64);

impl Numbers {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 32) as u32
    }

    fn float(&mut self) -> f32 {
        self.word() as f32 / u32::MAX as f32 - 0.5
    }

    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let values = (0..shape.iter().product()).map(|_| self.float()).collect();
        Tensor::new::<f32>(values, shape).unwrap()
    }

    /// A packed weight `[.., columns, depth]`.
    fn packed(&mut self, shape: &[usize]) -> [Tensor; 3] {
        let with = |last: usize| [&shape[..shape.len() - 1], &[last]].concat();
        let depth = shape[shape.len() - 1];
        let words = with(depth * FORMAT.bits / 32);
        let integers = (0..words.iter().product()).map(|_| self.word()).collect();
        let groups = with(depth / FORMAT.group);
        let scales: Vec<f32> =
            (0..groups.iter().product()).map(|_| 0.02 + self.float() / 50.0).collect();
        let biases = scales.iter().map(|scale| -8.0 * scale).collect();
        [
            Tensor::new::<u32>(integers, &words).unwrap(),
            Tensor::new::<f32>(scales, &groups).unwrap(),
            Tensor::new::<f32>(biases, &groups).unwrap(),
        ]
    }
}

/// A model of these blocks.
fn model(blocks: impl FnOnce(&Kernels, &mut Numbers) -> Vec<Slot>) -> Model {
    model_of(Kernels::new(Runtime::open("cpu").unwrap()), blocks)
}

/// The same on those kernels.
fn model_of(kernels: Kernels, blocks: impl FnOnce(&Kernels, &mut Numbers) -> Vec<Slot>) -> Model {
    let mut numbers = Numbers(5);
    let blocks = blocks(&kernels, &mut numbers);
    let table = numbers.tensor(&[VOCABULARY, HIDDEN]);
    let embedding = Embedding::dense(&kernels, table, Some(2.0)).unwrap();
    let ones = Tensor::new::<f32>(vec![1.0; HIDDEN], &[HIDDEN]).unwrap();
    let norm = RmsNorm::new(&kernels, ones, 1e-6).unwrap();
    let head = numbers.tensor(&[VOCABULARY, HIDDEN]);
    let head = DenseLinear::new(&kernels, head, None).unwrap();
    let shape = ModelShape {
        vocabulary: VOCABULARY,
        context: 64,
        layers: vec![CacheShape { kv_heads: 1, head_dim: 2 }],
        states: Vec::new(),
        ropes: vec![],
        logit_factor: None,
        softcap: None,
        dtype: DType::F32,
        mixture: false,
    };
    let ends: [Slot; 2] = [Box::new(norm), Box::new(head)];
    Model::new(kernels, shape, Box::new(embedding), blocks, ends).unwrap()
}

fn logits(model: &Model, ids: &[u32]) -> Vec<f32> {
    let mut cache = model.cache(1, 64).unwrap();
    let logits = model.prefill(&mut cache, 0, ids, Logits::All).unwrap().unwrap();
    logits.to_vec().unwrap()
}

/// Patches with one pattern, compares, takes it off, compares every bit; gives the unpatched logits.
#[track_caller]
fn holds(mut model: Model, pattern: &str, count: usize) -> Vec<f32> {
    let ids = [[1, 5, 9].as_slice(), &[2; 17]];
    let plain = ids.map(|ids| logits(&model, ids));
    let result = patch(&mut model, &Patterns::named(&[pattern]).unwrap());
    assert_eq!(result.count_of(pattern), count, "{pattern}: {result:?}");
    // Twice: what a module keeps from one call must not show in the next.
    for _ in 0..2 {
        for (ids, plain) in ids.iter().zip(&plain) {
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4 * (1.0 + b.abs());
            assert!(logits(&model, ids).iter().zip(plain).all(close), "{pattern}");
        }
    }
    assert_eq!(unpatch(&mut model), count);
    assert_eq!(ids.map(|ids| logits(&model, ids)), plain, "{pattern}");
    plain.concat()
}

fn moe(gate: Gate, k: usize, normalize: bool) -> Model {
    model(|kernels, numbers| moe_block(kernels, numbers, gate, k, normalize))
}

fn moe_block(
    kernels: &Kernels,
    numbers: &mut Numbers,
    gate: Gate,
    k: usize,
    normalize: bool,
) -> Vec<Slot> {
    let router = numbers.tensor(&[8, HIDDEN]);
    let router = Box::new(DenseLinear::new(kernels, router, None).unwrap());
    let shape = MoeShape {
        experts: 8,
        per_token: k,
        routing: Routing::Softmax { normalize },
        factor: None,
        gate,
    };
    let mut experts = |columns, depth| {
        let weight = numbers.packed(&[8, columns, depth]);
        ExpertLinear::quantized(kernels, weight, FORMAT, k).unwrap()
    };
    let projections = [experts(96, HIDDEN), experts(96, HIDDEN), experts(HIDDEN, 96)];
    let router = Router::new(kernels, &shape, router, None).unwrap();
    vec![Box::new(Moe::new(kernels, shape, router, projections).unwrap())]
}

#[test]
fn mixtures_take_as_many_experts_patched_as_unpatched() {
    let mut before: Option<Vec<f32>> = None;
    for k in [1, 2, 4, 6, 8] {
        let found = holds(moe(Gate::Silu, k, true), "moe_mlp", 1);
        assert_ne!(before.as_ref(), Some(&found), "{k} experts are as good as fewer");
        before = Some(found);
    }
    holds(moe(Gate::Silu, 2, false), "moe_mlp", 1);
    // A gate without a fused kernel keeps its own.
    holds(moe(Gate::Gelu, 2, true), "moe_mlp", 1);
}

/// Compares prompts of a model whose products of many rows unpack their weights with those of one whose products do not.
#[track_caller]
fn unpacks_alike(blocks: impl Fn(&Kernels, &mut Numbers) -> Vec<Slot>) {
    let of =
        |from| model_of(Kernels::new(Runtime::open("cpu").unwrap()).unpacking_from(from), &blocks);
    let (packed, unpacked) = (of(usize::MAX), of(9));
    for length in [8, 9, 31, 64] {
        let ids: Vec<u32> = (0..length).map(|i| (i * i * 7 + 3) % VOCABULARY as u32).collect();
        let (a, b) = (logits(&packed, &ids), logits(&unpacked, &ids));
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4 * (1.0 + b.abs());
        assert!(a.iter().zip(&b).all(close), "{length} tokens");
    }
}

#[test]
fn many_tokens_go_expert_by_expert_to_the_same_sums() {
    for (k, normalize) in [(1, true), (2, false), (8, true)] {
        unpacks_alike(|kernels, numbers| moe_block(kernels, numbers, Gate::Silu, k, normalize));
    }
    // Floats are not unpacked, but sorted too.
    unpacks_alike(|kernels, numbers| {
        let router = numbers.tensor(&[3, HIDDEN]);
        let router = Box::new(DenseLinear::new(kernels, router, None).unwrap());
        let shape = MoeShape {
            experts: 3,
            per_token: 2,
            routing: Routing::Softmax { normalize: true },
            factor: None,
            gate: Gate::GeluTanh,
        };
        let mut experts = |columns, depth| {
            ExpertLinear::dense(kernels, numbers.tensor(&[3, columns, depth]), 2).unwrap()
        };
        let projections = [experts(96, HIDDEN), experts(96, HIDDEN), experts(HIDDEN, 96)];
        let router = Router::new(kernels, &shape, router, None).unwrap();
        vec![Box::new(Moe::new(kernels, shape, router, projections).unwrap())]
    });
}

#[test]
fn many_rows_meet_the_weight_they_would_have_met_packed() {
    unpacks_alike(|kernels, numbers| {
        let mut linear = |columns: usize, depth: usize| -> Slot {
            let weight = numbers.packed(&[columns, depth]);
            Box::new(QuantizedLinear::new(kernels, weight, FORMAT, None).unwrap())
        };
        let projections = [linear(96, HIDDEN), linear(96, HIDDEN), linear(HIDDEN, 96)];
        vec![Box::new(GatedMlp::new(kernels, Gate::Silu, projections).unwrap())]
    });
}

fn gated(gate: Gate, packed: bool) -> Model {
    model(|kernels, numbers| {
        let mut linear = |columns: usize, depth: usize| -> Slot {
            match packed {
                true => {
                    let weight = numbers.packed(&[columns, depth]);
                    Box::new(QuantizedLinear::new(kernels, weight, FORMAT, None).unwrap())
                }
                false => {
                    let weight = numbers.tensor(&[columns, depth]);
                    Box::new(DenseLinear::new(kernels, weight, None).unwrap())
                }
            }
        };
        let projections = [linear(96, HIDDEN), linear(96, HIDDEN), linear(HIDDEN, 96)];
        vec![Box::new(GatedMlp::new(kernels, gate, projections).unwrap())]
    })
}

#[test]
fn each_gate_stays_what_it_is() {
    for packed in [true, false] {
        let silu = holds(gated(Gate::Silu, packed), "swiglu_mlp", 1);
        let erf = holds(gated(Gate::Gelu, packed), "geglu_mlp", 1);
        let tanh = holds(gated(Gate::GeluTanh, packed), "geglu_mlp", 1);
        assert!(silu != erf && erf != tanh, "the gates cannot be told apart");
        holds(gated(Gate::Gelu, packed), "swiglu_mlp", 0);
        holds(gated(Gate::Silu, packed), "geglu_mlp", 0);
    }
}

#[test]
fn layers_that_are_packed_otherwise_or_have_a_bias_are_left() {
    let mixed = model(|kernels, numbers| {
        let packed = numbers.packed(&[96, HIDDEN]);
        let floats = numbers.tensor(&[96, HIDDEN]);
        let down = numbers.tensor(&[HIDDEN, 96]);
        let projections: [Slot; 3] = [
            Box::new(QuantizedLinear::new(kernels, packed, FORMAT, None).unwrap()),
            Box::new(DenseLinear::new(kernels, floats, None).unwrap()),
            Box::new(DenseLinear::new(kernels, down, None).unwrap()),
        ];
        vec![Box::new(GatedMlp::new(kernels, Gate::Silu, projections).unwrap())]
    });
    holds(mixed, "swiglu_mlp", 0);
    let biased = model(|kernels, numbers| {
        let mut linear = |columns: usize, depth: usize| -> Slot {
            let (weight, bias) = (numbers.tensor(&[columns, depth]), numbers.tensor(&[columns]));
            Box::new(DenseLinear::new(kernels, weight, Some(bias)).unwrap())
        };
        let projections = [linear(96, HIDDEN), linear(96, HIDDEN), linear(HIDDEN, 96)];
        vec![Box::new(GatedMlp::new(kernels, Gate::Silu, projections).unwrap())]
    });
    holds(biased, "swiglu_mlp", 0);
}

#[test]
fn norms_and_softmax_by_themselves() {
    let rows = || {
        model(|kernels, numbers| {
            let weights = [numbers.tensor(&[HIDDEN]), numbers.tensor(&[HIDDEN])];
            vec![
                Box::new(LayerNorm::new(kernels, weights, 1e-5).unwrap()),
                Box::new(Softmax::new(kernels).unwrap()),
            ]
        })
    };
    holds(rows(), "layernorm", 1);
    holds(rows(), "softmax", 1);
    holds(rows(), "rmsnorm", 1);
    holds(rows(), "attention", 0);
}

#[test]
fn modules_are_replaced_by_their_path() {
    let mut model = gated(Gate::Silu, false);
    let paths: Vec<String> = named_modules(&model).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths[1..3], ["model.layers.0", "model.layers.0.gate_proj"]);
    let plain = logits(&model, &[1, 2, 3]);
    let kernels: Arc<Kernels> = model.kernels().clone();
    let zeros = Tensor::zeros(DType::F32, &[96, HIDDEN]).unwrap();
    let zeros = Box::new(DenseLinear::new(&kernels, zeros, None).unwrap());
    let old = replace(&mut model, "model.layers.0.gate_proj", zeros).unwrap();
    assert!(logits(&model, &[1, 2, 3]).iter().all(|x| *x == 0.0));
    replace(&mut model, "model.layers.0.gate_proj", old).unwrap();
    assert_eq!(logits(&model, &[1, 2, 3]), plain);
    let nothing = Box::new(Softmax::new(&kernels).unwrap());
    let error = replace(&mut model, "model.layers.9", nothing).map(drop).unwrap_err();
    assert!(error.to_string().contains("no module `model.layers.9`"), "{error}");
}

#[test]
fn patterns_are_chosen_by_name_mode_and_exclusion() {
    let error = Patterns::named(&["swiglu_mlp", "x"]).unwrap_err().to_string();
    assert!(error.starts_with("Unknown patch pattern: 'x'. Available: ['swiglu_mlp', "), "{error}");
    let error = Patterns::mode("bogus").unwrap_err().to_string();
    assert!(
        error.starts_with("Unknown mode 'bogus'. Expected one of: inference, training"),
        "{error}"
    );
    assert!(Patterns::all().without(&["y"]).unwrap_err().to_string().contains("'y'"));
    let some = Patterns::named(&["softmax", "rmsnorm", "softmax"]).unwrap();
    assert_eq!(some.names(), ["softmax", "rmsnorm"]);
    assert_eq!(some.without(&["softmax"]).unwrap().names(), ["rmsnorm"]);
    assert!(Patterns::none().is_empty());
    let training = Patterns::mode("training").unwrap().names();
    assert_eq!(training, ["swiglu_mlp", "geglu_mlp", "rmsnorm", "layernorm", "residual_norm"]);
}
