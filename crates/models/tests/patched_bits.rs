//! Patched models against themselves unpatched, bit for bit, at the sizes of real ones: each known architecture cut down to
//! a few layers and a small vocabulary, with random weights, by every combination of the patterns for inference. A device
//! that is not present says so.

use tilewright_formats::Affine;
use tilewright_models::{Decoder, KNOWN};
use tilewright_nn::patch::{MODES, Patterns, patch, unpatch};
use tilewright_nn::{DType, Logits, Model, Runtime, Weights};

/// Tokens of the second chunk of the prompt: few, so that it goes by the kernels for few rows.
const FEW: usize = 5;

/// Where the models are, and how much of them.
struct Size {
    device: &'static str,
    layers: usize,
    prompt: usize,
    steps: usize,
    /// The largest that a run of minutes admits, by features of a token.
    hidden: usize,
    /// Every combination of patterns, or all together alone.
    combined: bool,
}

const CPU: Size =
    Size { device: "cpu", layers: 1, prompt: 20, steps: 8, hidden: 1024, combined: false };
/// Its prompt has rows enough for products on unpacked weights.
const CUDA: Size =
    Size { device: "cuda", layers: 3, prompt: 104, steps: 40, hidden: 4096, combined: true };

impl Size {
    /// An architecture with fewer layers and fewer words, a window that a short text leaves, and its experts' number as a
    /// small machine can hold.
    fn cut(&self, mut decoder: Decoder) -> Decoder {
        decoder.vocabulary = 512;
        decoder.windows.truncate(self.layers);
        decoder.feed_forward.truncate(self.layers);
        decoder.windows.iter_mut().flatten().for_each(|window| *window = 33);
        decoder
    }

    /// The bits of the logits of two chunks of a prompt, and of each of some steps.
    fn run(&self, model: &Model) -> Vec<Vec<u32>> {
        let mut cache = model.cache(1, self.prompt + self.steps).unwrap();
        let words = model.shape().vocabulary as u32;
        let prompt: Vec<u32> =
            (0..self.prompt as u32).map(|i| i.wrapping_mul(2_654_435_761) % words).collect();
        let (many, few) = prompt.split_at(self.prompt - FEW);
        let mut all = Vec::new();
        for chunk in [many, few] {
            let logits = model.prefill(&mut cache, 0, chunk, Logits::All).unwrap().unwrap();
            all.push(bits(&logits.to_vec::<f32>().unwrap()));
        }
        // The same tokens whatever the logits say, so that what differs does not spread by way of these.
        for step in 0..self.steps as u32 {
            let ids = [Some(step.wrapping_mul(40_503) % words)];
            all.push(bits(&model.decode(&mut cache, &ids).unwrap().to_vec::<f32>().unwrap()));
        }
        all
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    assert!(values.iter().all(|x| x.is_finite()), "logits are no numbers");
    values.iter().map(|x| x.to_bits()).collect()
}

/// What differs between two runs, in words.
fn difference(found: &[Vec<u32>], expected: &[Vec<u32>]) -> Option<String> {
    let apart = |(a, b): (&Vec<u32>, &Vec<u32>)| a.iter().zip(b).filter(|(a, b)| a != b).count();
    let counts: Vec<usize> = found.iter().zip(expected).map(apart).collect();
    let first = counts.iter().position(|count| *count > 0)?;
    let calls = counts.iter().filter(|count| **count > 0).count();
    let what = match first {
        0 => "the prompt".into(),
        1 => "its last tokens".into(),
        step => format!("step {}", step - 2),
    };
    Some(format!("{calls} of {} calls, first {what}, {} logits", counts.len(), counts[first]))
}

/// Every combination of the patterns for inference that do something in a model. Mixtures in f32 are left out: one of their
/// kernels adds in another order, where eight experts' rows are held at once.
fn combinations(model: &mut Model, all: bool) -> Vec<Vec<&'static str>> {
    let (_, names) = MODES[0];
    let exact = model.shape().dtype != DType::F32;
    let names = names.iter().filter(|name| exact || **name != "moe_mlp");
    let used = |name: &&&'static str| {
        let count = patch(model, &Patterns::named(&[**name]).unwrap()).patched_count;
        unpatch(model);
        count > 0
    };
    let used: Vec<&'static str> = names.filter(used).copied().collect();
    let of = |set: usize| (0..used.len()).filter(|i| set >> i & 1 == 1).map(|i| used[i]).collect();
    let sets = 1usize << used.len();
    if all { (1..sets).map(of).collect() } else { vec![of(sets - 1)] }
}

fn check(size: &Size, dtype: DType, name: &str, format: Option<Affine>) {
    let runtime = match Runtime::open(size.device) {
        Ok(runtime) => runtime,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let known = KNOWN.iter().find(|known| known.name == name).unwrap();
    let decoder = size.cut(known.decoder().unwrap());
    if decoder.hidden > size.hidden {
        return println!("skipped: {name} takes too long on {}", size.device);
    }
    let mut model = decoder.build(Weights::random(runtime, dtype, format)).unwrap();
    let plain = size.run(&model);
    assert_eq!(difference(&size.run(&model), &plain), None, "{name} does not repeat");
    let mut wrong = Vec::new();
    let all = combinations(&mut model, size.combined);
    for names in &all {
        patch(&mut model, &Patterns::named(names).unwrap());
        if let Some(told) = difference(&size.run(&model), &plain) {
            wrong.push(format!("{}: {told}", names.join(" ")));
        }
        unpatch(&mut model);
    }
    let (count, all) = (wrong.len(), all.len());
    println!("{name}, {dtype}: {} of {all} combinations say the same", all - count);
    assert!(wrong.is_empty(), "{name}, {dtype}: {count} of {all}\n{}", wrong.join("\n"));
}

const PACKED: Option<Affine> = Some(Affine { bits: 4, group: 64 });

macro_rules! architectures {
    ($($test:ident: $name:literal, $format:expr;)*) => {
        $(mod $test {
            use super::*;
            #[test]
            fn cpu_bf16() { check(&CPU, DType::BF16, $name, $format); }
            #[test]
            fn cuda_bf16() { check(&CUDA, DType::BF16, $name, $format); }
            #[test]
            fn cuda_f16() { check(&CUDA, DType::F16, $name, $format); }
            #[test]
            fn cuda_f32() { check(&CUDA, DType::F32, $name, $format); }
        })*
    };
}

architectures! {
    llama_1b: "llama-1b", PACKED;
    llama_8b: "llama-8b", PACKED;
    mistral_7b: "mistral-7b", PACKED;
    mixtral_8x7b: "mixtral-8x7b", PACKED;
    qwen2: "qwen2-0.5b", PACKED;
    qwen2_7b: "qwen2-7b", PACKED;
    qwen3: "qwen3-0.6b", PACKED;
    qwen3_8b: "qwen3-8b", PACKED;
    qwen3_floats: "qwen3-0.6b", None;
    qwen3_eight_bits: "qwen3-0.6b", Some(Affine { bits: 8, group: 32 });
    qwen3_moe: "qwen3-30b-a3b", PACKED;
    qwen3_moe_small: "qwen3-moe-small", PACKED;
    gemma: "gemma-2b", PACKED;
    gemma2: "gemma2-2b", PACKED;
    gemma3: "gemma3-1b", PACKED;
    phi3: "phi3-mini", PACKED;
    smollm3: "smollm3-3b", PACKED;
    lfm2: "lfm2-350m", PACKED;
    lfm2_wide: "lfm2-1.2b", PACKED;
    lfm2_moe: "lfm2-8b-a1b", PACKED;
    olmo2: "olmo2-1b", PACKED;
    exaone4: "exaone4-1.2b", PACKED;
    granite: "granite-2b", PACKED;
    glm4: "glm4-9b", PACKED;
    ernie4_5: "ernie-0.3b", PACKED;
}
