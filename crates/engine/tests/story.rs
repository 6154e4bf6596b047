//! The story model of this repository, as mlx-lm runs it in f32 (version 0.32.2, on a CPU).

use std::ops::ControlFlow;
use std::path::Path;
use tilewright_engine::{Request, Sampling, generate, perplexity};
use tilewright_formats::Checkpoint;
use tilewright_nn::{DType, Logits, Model, Runtime};

fn model() -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fairytale-moe-4bit");
    let checkpoint = Checkpoint::open(&path).unwrap();
    tilewright_models::load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32)).unwrap()
}

/// The beginning of "Puss in Boots", told anew.
const STORY: &[u32] = &[
    2498, 644, 259, 516, 450, 308, 259, 2245, 272, 398, 339, 772, 2034, 12, 270, 411, 276, 1793,
    276, 805, 397, 318, 2245, 12, 318, 1689, 12, 270, 318, 1021, 14, 378, 2158, 638, 260, 2245, 12,
    260, 1378, 260, 1689, 12, 270, 260, 1894, 339, 760, 374, 260, 1021, 14, 387, 981, 654, 311,
    388, 344, 259, 1021, 716, 354, 276, 14, 387, 1426, 1312, 530, 3187, 481, 1723, 1013, 12, 374,
    411, 311, 386, 2299, 385, 1021, 311, 589, 1639, 289, 3056, 439, 571, 260, 1021, 12, 398, 339,
    699, 624, 836, 12, 354, 275, 335, 26, 387, 1738, 353, 300, 2863, 696, 12, 385, 1204, 14, 588,
    866, 371, 259, 2115, 12, 270, 386, 259, 2654, 289,
];

/// What mlx-lm gives it.
const PERPLEXITY: f64 = 14.9436;

/// How mlx-lm goes on, greedily, after this many tokens.
const CONTINUED_AFTER: usize = 20;
const CONTINUATION: &[u32] = &[
    260, 1039, 12, 270, 260, 551, 379, 705, 308, 1049, 12, 270, 318, 768, 308, 275, 300, 1607, 275,
    335, 14, 199, 1726, 504, 260, 551, 379, 705, 354, 275, 335, 12, 364, 41, 415, 409, 270, 449,
    484, 311, 530, 755, 260, 551, 379, 848, 403, 199, 7, 1120, 12, 311, 415, 1429, 335, 438, 354,
    260, 551, 379, 705, 12, 364, 1070,
];

#[test]
fn the_story_is_as_likely_as_to_mlx() {
    let model = model();
    let mut cache = model.cache(1, STORY.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, STORY, Logits::All).unwrap().unwrap();
    let found = perplexity(&logits.to_vec().unwrap(), STORY).unwrap();
    assert!((found - PERPLEXITY).abs() < 5e-4, "{found}");
}

#[test]
fn the_story_goes_on_as_with_mlx() {
    let requests = [Request {
        prompt: STORY[..CONTINUED_AFTER].to_vec(),
        max_tokens: CONTINUATION.len(),
        sampling: Sampling::GREEDY,
        stop: Vec::new(),
    }];
    let answers = generate(&model(), &requests, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(answers[0].tokens, CONTINUATION);
}
