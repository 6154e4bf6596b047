//! What lies between products: sums with norms, heads that turn, attention.

use crate::Bench;
use tilewright_nn::{DType, Tensor};

/// A sum with the norm of it.
pub(super) fn residual(bench: &mut Bench) {
    for hidden in [256, 1024, 2048, 2560, 4096] {
        for tokens in [1, 7, 300] {
            let [x, residual] = [0, 1].map(|_| bench.tensor(&[tokens, hidden], [-2.0, 2.0]));
            let weight = bench.tensor(&[hidden], [0.5, 1.5]);
            let plain = bench.call("add", &[], &[&[x.clone(), residual.clone()]]);
            let normed = bench.rmsnorm(&plain, &weight);
            let kernel = bench.kernels.get("residual_norm", &[]).unwrap();
            let [y, sum] = kernel.call_all(&[&x, &residual, &weight]).unwrap().pair().unwrap();
            bench.same(&format!("residual_norm, sum {tokens}x{hidden}"), &sum, &plain);
            bench.same(&format!("residual_norm {tokens}x{hidden}"), &y, &normed);
        }
    }
}

/// A branch's norm, the sum with that, and the norm of the sum.
pub(super) fn sandwich(bench: &mut Bench) {
    if bench.dtype == DType::F32 {
        bench.unused = Some("models norm before they add in f32");
        return;
    }
    for hidden in [256, 1024, 1152, 2304, 3584] {
        for tokens in [1, 7, 300] {
            let [x, inner] = [0, 1].map(|_| bench.tensor(&[tokens, hidden], [-2.0, 2.0]));
            let [outer, weight] = [0, 1].map(|_| bench.tensor(&[hidden], [0.5, 1.5]));
            let plain = bench.call("add", &[], &[&[x.clone(), bench.rmsnorm(&inner, &outer)]]);
            let normed = bench.rmsnorm(&plain, &weight);
            let kernel = bench.kernels.get("sandwich_norm", &[]).unwrap();
            let [y, sum] = kernel.call_all(&[&x, &inner, &outer, &weight]).unwrap().pair().unwrap();
            bench.same(&format!("sandwich_norm, sum {tokens}x{hidden}"), &sum, &plain);
            bench.same(&format!("sandwich_norm {tokens}x{hidden}"), &y, &normed);
        }
    }
}

/// Heads, those of keys, features, features that turn.
#[derive(Clone, Copy)]
struct Heads([usize; 4]);

impl Heads {
    const ALL: [Heads; 6] = [
        Heads([8, 2, 32, 32]),
        Heads([32, 8, 64, 64]),
        Heads([16, 8, 128, 128]),
        Heads([32, 8, 128, 128]),
        Heads([8, 4, 256, 256]),
        Heads([32, 32, 96, 72]),
    ];

    fn constants(self) -> [(&'static str, usize); 3] {
        let [heads, kv_heads, dim, rotary] = self.0;
        [("head_dim", dim), ("half", rotary / 2), ("group", heads / kv_heads)]
    }
}

/// What a layer holds beside its heads.
struct Layer {
    norms: Option<[Tensor; 2]>,
    angles: [Tensor; 2],
    keys: Tensor,
    values: Tensor,
}

/// Queries, keys and values of tokens, side by side and apart.
struct Token {
    joined: [Tensor; 3],
    apart: [Tensor; 3],
}

impl Bench {
    fn layer(
        &mut self,
        Heads([_, kv_heads, dim, rotary]): Heads,
        normed: bool,
        length: usize,
    ) -> Layer {
        let norms = normed.then(|| [0, 1].map(|_| self.tensor(&[dim], [0.5, 1.5])));
        let turn = |at: usize| {
            let (position, pair) = (at / (rotary / 2), at % (rotary / 2));
            position as f32 * 10000f32.powf(-2.0 * pair as f32 / rotary as f32)
        };
        let angles = [f32::cos as fn(f32) -> f32, f32::sin].map(|of| {
            let values = (0..length * rotary / 2).map(|at| of(turn(at))).collect();
            let tensor = Tensor::new::<f32>(values, &[length, rotary / 2]).unwrap();
            self.own(tensor)
        });
        let zeros = || Tensor::zeros(self.dtype, &[1, kv_heads, length, dim]).unwrap();
        let (keys, values) = (self.own(zeros()), self.own(zeros()));
        Layer { norms, angles, keys, values }
    }

    fn token(&mut self, Heads([heads, kv_heads, dim, _]): Heads, tokens: usize) -> Token {
        let all = self.tensor(&[tokens, heads + 2 * kv_heads, dim], [-2.0, 2.0]);
        let part = |start, count| all.narrow(1, start, count).unwrap();
        let joined = [part(0, heads), part(heads, kv_heads), part(heads + kv_heads, kv_heads)];
        let apart = joined.clone().map(|part| self.own(part.contiguous().unwrap()));
        Token { joined, apart }
    }

    /// Norms, rotation and the caches' update as a model has them; gives the queries.
    fn plain_heads(&self, of: Heads, layer: &mut Layer, token: &Token, at: [&Tensor; 2]) -> Tensor {
        let Heads([.., dim, rotary]) = of;
        let [slots, positions] = at;
        let rope = match rotary == dim {
            true => self.kernels.get("apply_gqa_rope_at", &[]),
            false => self.kernels.get("apply_partial_gqa_rope_at", &of.constants()[..2]),
        };
        let rope = rope.unwrap();
        let turned = |part: usize| {
            let mut heads = token.apart[part].clone();
            if let Some(norms) = &layer.norms {
                heads = self.rmsnorm(&heads, &norms[part]);
            }
            let [cos, sin] = &layer.angles;
            rope.call(&[&heads, positions, cos, sin]).unwrap()
        };
        let (q, k) = (turned(0), turned(1));
        let update = self.kernels.get("cache_update", &[]).unwrap();
        let call = update.bind().input("k", &k).input("v", &token.apart[2]);
        let call = call.input("slots", slots).input("positions", positions);
        let call = call.output("k_cache", &mut layer.keys);
        call.output("v_cache", &mut layer.values).run().unwrap();
        q
    }

    fn integers(&self, values: Vec<i32>) -> Tensor {
        let count = values.len();
        self.own(Tensor::new::<i32>(values, &[count]).unwrap())
    }
}

/// The number of tokens that a device is asked for: what is rare is seen in many only.
fn count(bench: &Bench) -> usize {
    if bench.routines { 200 } else { 24 }
}

/// Norms of heads, rotation and the caches' update as one kernel, for some tokens at once.
pub(super) fn turned(bench: &mut Bench) {
    for of in Heads::ALL {
        for normed in [false, true] {
            let length = count(bench);
            let name = if normed { "qkv_norm_rope_cache" } else { "qkv_rope_cache" };
            let fused = bench.kernels.get(name, &of.constants()).unwrap();
            let mut plain = bench.layer(of, normed, length);
            let mut keys = bench.own(Tensor::zeros(bench.dtype, plain.keys.shape()).unwrap());
            let mut values = bench.own(Tensor::zeros(bench.dtype, plain.keys.shape()).unwrap());
            for (start, tokens) in [(0, length - 8), (length - 8, 1), (length - 7, 7)] {
                let token = bench.token(of, tokens);
                let positions = (start..start + tokens).map(|at| at as i32).collect();
                let (slots, positions) =
                    (bench.integers(vec![0; tokens]), bench.integers(positions));
                let expected = bench.plain_heads(of, &mut plain, &token, [&slots, &positions]);
                let [q, k, v] = &token.joined;
                let [cos, sin] = &plain.angles;
                let mut call = fused.bind().input("q", q).input("k", k).input("v", v);
                call = call.input("cos", cos).input("sin", sin).input("positions", &positions);
                call = call.input("slots", &slots);
                call = call.output("k_cache", &mut keys).output("v_cache", &mut values);
                if let Some([q_weight, k_weight]) = &plain.norms {
                    call = call.input("q_weight", q_weight).input("k_weight", k_weight);
                }
                let found = call.run().unwrap().single().unwrap();
                let text = format!("{name} {tokens} {:?}", of.0);
                bench.same(&format!("{text}, queries"), &found, &expected);
                bench.same(&format!("{text}, keys"), &keys, &plain.keys);
                bench.same(&format!("{text}, values"), &values, &plain.values);
            }
        }
    }
}

/// Prefill attention that gives heads merged.
pub(super) fn attended(bench: &mut Bench) {
    let shapes: &[[usize; 2]] = match bench.routines {
        true => &[[64, 64], [100, 100], [512, 512], [37, 600], [1000, 1000]],
        false => &[[20, 20], [9, 70]],
    };
    for Heads([heads, kv_heads, dim, _]) in Heads::ALL {
        for &[queries, length] in shapes {
            let q = bench.tensor(&[1, queries, heads, dim], [-2.0, 2.0]);
            let q = q.permute(&[0, 2, 1, 3]).unwrap();
            let [keys, values] =
                [0, 1].map(|_| bench.tensor(&[1, kv_heads, length, dim], [-2.0, 2.0]));
            let constants = [("head_dim", dim), ("group", heads / kv_heads)];
            for (plain, fused, capped) in [
                ("attention", "attention_merged", false),
                ("attention_softcap", "attention_merged_softcap", true),
            ] {
                let run = |name: &str| {
                    let kernel = bench.kernels.get(name, &constants).unwrap();
                    let call = kernel.bind().input("q", &q).input("keys", &keys);
                    let call = call.input("values", &values).scalar("scale", 0.1);
                    let call = if capped { call.scalar("softcap", 20.0) } else { call };
                    call.run().unwrap().single().unwrap()
                };
                let expected = bench.call("merge_heads", &[], &[&[run(plain)]]);
                let found = run(fused);
                let text = format!("{fused} {heads}:{kv_heads} {dim} {queries}/{length}");
                bench.same(&text, &found, &expected);
            }
        }
    }
}

/// Heads that turn, enter the caches and attend, of one new token.
pub(super) fn decoded(bench: &mut Bench) {
    if !bench.runs_around() {
        return;
    }
    for of in Heads::ALL {
        let Heads([heads, kv_heads, dim, _]) = of;
        for normed in [false, true] {
            let room = if bench.routines { 1100 } else { 64 };
            let name = if normed { "norm_rope_decode_attention" } else { "rope_decode_attention" };
            let fused = bench.kernels.get(name, &of.constants()).unwrap();
            let constants = [("head_dim", dim), ("group", heads / kv_heads)];
            let attention = bench.kernels.get("decode_attention", &constants).unwrap();
            let mut plain = bench.layer(of, normed, room);
            // What earlier calls left.
            let shape = plain.keys.shape().to_vec();
            plain.keys = bench.tensor(&shape, [-2.0, 2.0]);
            plain.values = bench.tensor(&shape, [-2.0, 2.0]);
            let zero = bench.integers(vec![0]);
            let steps = count(bench).min(room) / 2;
            for step in 0..steps {
                // Short ones one after the other, then longer ones.
                let position =
                    if step < steps / 2 { step } else { step * (room - 1) / (steps - 1) };
                let token = bench.token(of, 1);
                let positions = bench.integers(vec![position as i32]);
                let lens = bench.integers(vec![position as i32 + 1]);
                let (mut keys, mut values) = (plain.keys.clone(), plain.values.clone());
                let q = bench.plain_heads(of, &mut plain, &token, [&zero, &positions]);
                let call = attention.bind().input("q", &q).input("lens", &lens);
                let call = call.input("keys", &plain.keys).input("values", &plain.values);
                let expected = call.scalar("scale", 0.125).run().unwrap().single().unwrap();
                let [q, k, v] = &token.joined;
                let [cos, sin] = &plain.angles;
                let mut call = fused.bind().input("q", q).input("k", k).input("v", v);
                call = call.input("cos", cos).input("sin", sin).input("positions", &positions);
                call = call.input("lens", &lens).scalar("scale", 0.125);
                call = call.output("k_cache", &mut keys).output("v_cache", &mut values);
                if let Some([q_weight, k_weight]) = &plain.norms {
                    call = call.input("q_weight", q_weight).input("k_weight", k_weight);
                }
                let found = call.run().unwrap().single().unwrap();
                let row = |of: &Tensor| of.narrow(2, position, 1).unwrap();
                let text = format!("{name} {:?}", of.0);
                bench.same(&format!("{text}, keys"), &row(&keys), &row(&plain.keys));
                bench.same(&format!("{text}, values"), &row(&values), &row(&plain.values));
                bench.same(&text, &found, &expected);
            }
        }
    }
}
