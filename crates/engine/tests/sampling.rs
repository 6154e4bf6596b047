//! Tokens drawn on the device against the same draws on the host.

use std::ops::ControlFlow;
use std::path::Path;
use tilewright_engine::{Request, Sampling, generate};
use tilewright_formats::Checkpoint;
use tilewright_nn::{DType, Logits, Model, Runtime};

const PROMPT: [u32; 6] = [2498, 644, 259, 516, 450, 308];
const ANSWER: usize = 40;

fn model() -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fairytale-moe-4bit");
    let checkpoint = Checkpoint::open(&path).unwrap();
    tilewright_models::load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32)).unwrap()
}

/// What the host chooses, token by token.
fn on_host(model: &Model, sampling: Sampling) -> Vec<u32> {
    let mut cache = model.cache(1, PROMPT.len() + ANSWER).unwrap();
    let logits = model.prefill(&mut cache, 0, &PROMPT, Logits::Last).unwrap().unwrap();
    let mut tokens = PROMPT.to_vec();
    tokens.push(sampling.sample(logits.to_vec().unwrap(), &tokens).unwrap());
    while tokens.len() < PROMPT.len() + ANSWER {
        let logits = model.decode(&mut cache, &[tokens.last().copied()]).unwrap();
        tokens.push(sampling.sample(logits.to_vec().unwrap(), &tokens).unwrap());
    }
    tokens[PROMPT.len()..].to_vec()
}

fn ways() -> Vec<Sampling> {
    let warm = Sampling { temperature: 0.8, seed: 11, ..Sampling::GREEDY };
    vec![
        Sampling::GREEDY,
        warm,
        Sampling { temperature: 2.5, ..warm },
        Sampling { top_k: Some(1), ..warm },
        Sampling { top_k: Some(20), ..warm },
        Sampling { top_p: Some(0.7), ..warm },
        // So flat that the device often meets more tokens than it sorts, or always.
        Sampling { temperature: 1.5, top_p: Some(0.97), ..warm },
        Sampling { temperature: 1.2, min_p: Some(1e-4), ..warm },
        Sampling { top_k: Some(200), ..warm },
        Sampling { top_k: Some(1000), top_p: Some(0.8), min_p: Some(1e-3), ..warm },
        Sampling { top_k: Some(100_000), repetition_penalty: 1.3, ..warm },
        Sampling { min_p: Some(0.05), seed: u64::MAX, ..warm },
        Sampling { repetition_penalty: 1.4, ..Sampling::GREEDY },
        Sampling {
            top_k: Some(40),
            top_p: Some(0.9),
            min_p: Some(0.02),
            repetition_penalty: 1.2,
            ..warm
        },
    ]
}

#[test]
fn the_device_draws_what_the_host_draws() {
    let model = model();
    let request = |sampling| Request {
        prompt: PROMPT.to_vec(),
        max_tokens: ANSWER,
        sampling,
        stop: Vec::new(),
    };
    let draw = |requests: &[Request]| -> Vec<Vec<u32>> {
        let answers = generate(&model, requests, |_, _| ControlFlow::Continue(())).unwrap();
        answers.into_iter().map(|answer| answer.tokens).collect()
    };
    let requests: Vec<Request> = ways().into_iter().map(request).collect();
    let expected: Vec<Vec<u32>> = ways().into_iter().map(|way| on_host(&model, way)).collect();
    for (request, expected) in requests.iter().zip(&expected) {
        let found = draw(std::slice::from_ref(request));
        assert_eq!(found, std::slice::from_ref(expected), "{:?}", request.sampling);
    }
    // Every way in one batch.
    assert_eq!(draw(&requests), expected);
    // The draws are draws.
    let seeds: Vec<Request> = (0..4).map(|seed| request(Sampling { seed, ..ways()[1] })).collect();
    let told = draw(&seeds);
    assert!(told[1..].iter().all(|tokens| *tokens != told[0]));
}

#[test]
fn recorded_steps_draw_the_same() {
    let model = model();
    let run = |way: Sampling, records: bool| {
        let mut cache = model.cache(1, 64).unwrap();
        model.prefill(&mut cache, 0, &PROMPT[..5], Logits::None).unwrap();
        let (ids, draws) = ([Some(PROMPT[5])], [way.draw()]);
        let mut steps = model.sampled(&mut cache, &ids, &draws, &[&PROMPT[..]]).unwrap();
        steps = steps.recording(records);
        (0..24).for_each(|_| steps.step().unwrap());
        let launches = steps.launches();
        (steps.tokens(0, 6..30).unwrap(), launches)
    };
    for way in ways().into_iter().filter(|way| way.temperature > 0.0) {
        let (plain, none) = run(way, false);
        let (recorded, launches) = run(way, true);
        assert_eq!((&recorded, none), (&plain, None), "{way:?}");
        assert!(launches.is_some_and(|(count, _)| count > 10));
    }
}
