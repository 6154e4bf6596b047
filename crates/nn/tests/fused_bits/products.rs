//! Products with what is before and after them.

use crate::Bench;
use crate::numbers::{Format, cancelling};
use tilewright_nn::Tensor;

/// Which numbers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rows {
    /// Of one size.
    Plain,
    /// The second half undoes what the first half makes.
    Cancelling,
}

impl Bench {
    /// Words, scales and biases of `outer` rows of `depth`; repeated, so that cancelling rows have nothing for a product.
    pub(super) fn packed(
        &mut self,
        format: Format,
        outer: &[usize],
        depth: usize,
        rows: Rows,
    ) -> Vec<Tensor> {
        let Format { bits, group } = format;
        let (groups, words) = (depth / group, bits * group / 32);
        let order = match rows {
            Rows::Plain => (0..groups).map(|g| (g, 1.0)).collect(),
            Rows::Cancelling => cancelling(groups),
        };
        let count: usize = outer.iter().product();
        let (mut all, mut scales, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let own = self.numbers.words(groups * words);
            let of = |value: u32, low: f32, high: f32| {
                low + (high - low) * (value as f32 / u32::MAX as f32)
            };
            let own_scales = self.numbers.words(groups);
            let own_biases = self.numbers.words(groups);
            for &(g, _) in &order {
                all.extend_from_slice(&own[g * words..][..words]);
                scales.push(of(own_scales[g], 0.001, 0.01));
                biases.push(of(own_biases[g], -0.2, 0.0));
            }
        }
        let shape = |last: usize| [outer, &[last]].concat();
        let float = |values: Vec<f32>| {
            Tensor::new::<f32>(values, &shape(groups)).unwrap().to(self.dtype).unwrap()
        };
        let words = Tensor::new::<u32>(all, &shape(groups * words)).unwrap();
        [words, float(scales), float(biases)].map(|tensor| self.own(tensor)).into()
    }

    /// Rows of `depth` in groups.
    pub(super) fn rows(
        &mut self,
        outer: &[usize],
        depth: usize,
        group: usize,
        rows: Rows,
    ) -> Tensor {
        if rows == Rows::Plain {
            return self.tensor(&[outer, &[depth]].concat(), [-2.0, 2.0]);
        }
        let order = cancelling(depth / group);
        let mut all = Vec::new();
        for _ in 0..outer.iter().product() {
            let own = self.numbers.words(depth);
            for &(g, sign) in &order {
                let of = own[g * group..][..group].iter();
                all.extend(of.map(|x| sign * (*x as f32 / u32::MAX as f32 * 4.0 - 2.0)));
            }
        }
        let tensor = Tensor::new::<f32>(all, &[outer, &[depth]].concat()).unwrap();
        self.own(tensor.to(self.dtype).unwrap())
    }

    /// Depths and columns: the story model's, and those of larger ones where that takes no minutes.
    fn shapes(&self) -> &'static [[usize; 2]] {
        match self.routines {
            true => &[
                [256, 128],
                [256, 384],
                [1024, 3072],
                [2048, 768],
                [2048, 4096],
                [2048, 8192],
                [3072, 1024],
                [4096, 6144],
                [4096, 12288],
            ],
            false => &[[256, 128], [1024, 192]],
        }
    }

    fn formats(&self) -> Vec<Format> {
        let all = |bits| [32, 64, 128].map(|group| Format { bits, group });
        match self.routines {
            // A text each: those that models come in.
            true => vec![Format { bits: 4, group: 64 }, Format { bits: 8, group: 64 }],
            false => [2, 3, 4, 5, 6, 8].into_iter().flat_map(all).collect(),
        }
    }

    fn cases(&self) -> Vec<(Format, [usize; 2], Rows, String)> {
        let mut all = Vec::new();
        for format in self.formats() {
            for &[depth, columns] in self.shapes() {
                for (rows, name) in [(Rows::Plain, ""), (Rows::Cancelling, " cancelling")] {
                    let Format { bits, group } = format;
                    // Eight bits are the story model's routers.
                    if self.routines && bits == 8 && depth * columns > 1 << 20 {
                        continue;
                    }
                    let text = format!("{bits} bits, {group}, {columns}x{depth}{name}");
                    all.push((format, [depth, columns], rows, text));
                }
            }
        }
        all
    }

    /// The plain norm of a model.
    pub(super) fn rmsnorm(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        self.call("rmsnorm", &[], &[&[x.clone(), weight.clone()]])
    }
}

/// Gate and up with what is made of them, for few tokens.
pub(super) fn gated(bench: &mut Bench) {
    for (format, [depth, columns], kind, text) in bench.cases() {
        let constants = format.constants();
        let [gate, up] = [0, 1].map(|_| bench.packed(format, &[columns], depth, kind));
        for tokens in [1, 5] {
            let x = [bench.rows(&[tokens], depth, format.group, kind)];
            let parts = [&gate, &up].map(|w| bench.call("quantized_matvec", &constants, &[&x, w]));
            for (fused, plain) in [
                ("fused_quantized_swiglu_gemv", "swiglu2"),
                ("fused_quantized_geglu_gemv", "geglu2"),
                ("fused_quantized_geglu_erf_gemv", "geglu2_erf"),
            ] {
                let plain = bench.call(plain, &[], &[&parts]);
                let other = bench.call(fused, &constants, &[&x, &gate, &up]);
                bench.same(&format!("{fused} {tokens} {text}"), &other, &plain);
            }
        }
    }
}

/// The same of floats.
pub(super) fn dense(bench: &mut Bench) {
    let shapes: &[[usize; 2]] = match bench.routines {
        true => &[[256, 128], [1024, 3072], [4096, 1024]],
        false => &[[256, 128]],
    };
    for &[depth, columns] in shapes {
        let [gate, up] = [0, 1].map(|_| [bench.tensor(&[columns, depth], [-0.1, 0.1])]);
        for tokens in [1, 5] {
            let x = [bench.tensor(&[tokens, depth], [-2.0, 2.0])];
            let parts = [&gate, &up].map(|w| bench.call("matvec", &[], &[&x, w]));
            for (fused, plain) in [
                ("fused_swiglu_gemv", "swiglu2"),
                ("fused_geglu_gemv", "geglu2"),
                ("fused_geglu_erf_gemv", "geglu2_erf"),
            ] {
                let plain = bench.call(plain, &[], &[&parts]);
                let other = bench.call(fused, &[], &[&x, &gate, &up]);
                bench.same(&format!("{fused} {tokens} {columns}x{depth}"), &other, &plain);
            }
        }
    }
}

/// A norm before the products of a row, and several weights side by side as one.
pub(super) fn normed(bench: &mut Bench) {
    if !bench.runs_around() {
        return;
    }
    for (format, [depth, columns], kind, text) in bench.cases() {
        let constants = format.constants();
        let [gate, up] = [0, 1].map(|_| bench.packed(format, &[columns], depth, kind));
        // A weight that cancelling rows do not notice.
        let weight = match kind {
            Rows::Plain => bench.tensor(&[depth], [0.5, 1.5]),
            Rows::Cancelling => bench.own(Tensor::full(bench.dtype, &[depth], 0.75).unwrap()),
        };
        // A factor that is another in its last bit changes an element of thousands.
        for row in 0..if kind == Rows::Plain { 24 } else { 4 } {
            let x = bench.rows(&[1], depth, format.group, kind);
            let first = [bench.rmsnorm(&x, &weight)];
            let parts =
                [&gate, &up].map(|w| bench.call("quantized_matvec", &constants, &[&first, w]));
            let around = [x, weight.clone()];
            let fused = bench.call("norm_quantized_matvec", &constants, &[&around, &gate]);
            bench.same(&format!("norm_quantized_matvec {text}"), &fused, &parts[0]);
            for (fused, plain) in
                [("norm_quantized_swiglu_gemv", "swiglu2"), ("norm_quantized_geglu_gemv", "geglu2")]
            {
                let plain = bench.call(plain, &[], &[&parts]);
                let other = bench.call(fused, &constants, &[&around, &gate, &up]);
                bench.same(&format!("{fused} {text}"), &other, &plain);
            }
            if row > 1 {
                continue;
            }
            // Queries, keys and values: the first weight, and two that are as much again.
            let quarter = columns / 4;
            let ways = [&gate, &up].map(|w| {
                let part = |w: &Tensor| bench.own(w.narrow(0, 0, quarter).unwrap());
                w.iter().map(part).collect::<Vec<_>>()
            });
            let joined: Vec<Tensor> = (0..3)
                .map(|i| {
                    let parts = [&gate[i], &ways[0][i], &ways[1][i]];
                    let bytes = parts.map(|part| part.to_bytes().unwrap()).concat();
                    let shape = [columns + 2 * quarter, gate[i].shape()[1]];
                    bench.own(Tensor::from_bytes(gate[i].dtype(), &shape, &bytes).unwrap())
                })
                .collect();
            let fused = bench.call("norm_quantized_matvec", &constants, &[&around, &joined]);
            let few = bench.call("quantized_matvec", &constants, &[&first, &joined]);
            let mut start = 0;
            for (w, width) in [(&gate, columns), (&ways[0], quarter), (&ways[1], quarter)] {
                let plain = bench.call("quantized_matvec", &constants, &[&first, w]);
                let part = |all: &Tensor| all.narrow(1, start, width).unwrap();
                bench.same(&format!("joined, normed {start} {text}"), &part(&fused), &plain);
                bench.same(&format!("joined {start} {text}"), &part(&few), &plain);
                start += width;
            }
        }
    }
}

/// A sum after the product of a row.
pub(super) fn added(bench: &mut Bench) {
    if !bench.runs_around() {
        return;
    }
    for (format, [depth, columns], kind, text) in bench.cases() {
        let constants = format.constants();
        let weight = bench.packed(format, &[columns], depth, kind);
        let x = [bench.rows(&[1], depth, format.group, kind)];
        let residual = bench.tensor(&[1, columns], [-1.0, 1.0]);
        let residual = match kind {
            Rows::Plain => residual,
            // What is left of the product must not vanish beside it.
            Rows::Cancelling => bench.own(Tensor::zeros(bench.dtype, &[1, columns]).unwrap()),
        };
        let product = bench.call("quantized_matvec", &constants, &[&x, &weight]);
        let plain = bench.call("add", &[], &[&[residual.clone(), product]]);
        let fused =
            bench.call("quantized_matvec_residual", &constants, &[&x, &weight, &[residual]]);
        bench.same(&format!("quantized_matvec_residual {text}"), &fused, &plain);
    }
}
