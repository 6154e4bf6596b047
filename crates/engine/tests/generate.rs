//! Generation with the tiny checkpoints of `tilewright-models`.

use std::ops::ControlFlow;
use std::path::Path;
use tilewright_engine::{
    Answer, Finish, Request, Sampling, Session, generate, perplexity, surprises,
};
use tilewright_formats::{Checkpoint, TensorFile};
use tilewright_nn::patch::{Patterns, patch, unpatch};
use tilewright_nn::{Cache, DType, Draw, Logits, Model, Runtime};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/fixtures").join(name)
}

fn model(name: &str) -> Model {
    let checkpoint = Checkpoint::open(&folder(name)).unwrap();
    tilewright_models::load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32)).unwrap()
}

/// The prompt and the greedy continuation that the peer gave.
fn expected(name: &str) -> [Vec<u32>; 2] {
    let file = TensorFile::open(&folder(name).join("expected.safetensors")).unwrap();
    ["tokens", "greedy"].map(|name| {
        let tensor = file.tensor(name).unwrap();
        tensor.bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
    })
}

fn request(prompt: &[u32], max_tokens: usize) -> Request {
    Request { prompt: prompt.to_vec(), max_tokens, sampling: Sampling::GREEDY, stop: vec![] }
}

fn all(model: &Model, requests: &[Request]) -> Vec<Answer> {
    generate(model, requests, |_, _| ControlFlow::Continue(())).unwrap()
}

#[test]
fn greedy_answers_are_those_of_the_peers() {
    for name in
        ["llama", "gemma2", "gemma3_images", "qwen3_moe-4bit", "smollm3", "lfm2", "lfm2_moe-4bit"]
    {
        let [prompt, greedy] = expected(name);
        let answers = all(&model(name), &[request(&prompt, greedy.len())]);
        let expected = Answer { tokens: greedy, finish: Finish::Length };
        assert_eq!(answers, [expected], "{name}");
    }
}

#[test]
fn unequal_prompts_in_a_batch_give_what_they_give_alone() {
    ["mistral", "lfm2"].into_iter().for_each(unequal_prompts);
}

fn unequal_prompts(name: &str) {
    let (model, [prompt, greedy]) = (model(name), expected(name));
    let warm = Sampling { temperature: 0.9, top_p: Some(0.95), seed: 5, ..Sampling::GREEDY };
    let mut requests =
        vec![request(&prompt, 20), request(&prompt[..1], 7), request(&prompt[3..9], 0)];
    requests.push(Request { sampling: warm, ..request(&prompt[..13], 30) });
    requests.push(Request { stop: vec![greedy[5]], ..request(&prompt, 40) });
    let together = all(&model, &requests);
    for (request, answer) in requests.iter().zip(&together) {
        assert_eq!(all(&model, std::slice::from_ref(request)), std::slice::from_ref(answer));
    }
    assert_eq!(together[2], Answer { tokens: vec![], finish: Finish::Length });
    assert_eq!(together[3].tokens.len(), 30);
    let first = greedy.iter().position(|token| *token == greedy[5]).unwrap();
    assert_eq!(together[4], Answer { tokens: greedy[..first].to_vec(), finish: Finish::Stop });
}

#[test]
fn seeds_repeat_and_differ() {
    let (model, [prompt, _]) = (model("llama"), expected("llama"));
    let drawn = |seed| {
        let sampling = Sampling { temperature: 1.0, seed, ..Sampling::GREEDY };
        all(&model, &[Request { sampling, ..request(&prompt, 24) }]).remove(0).tokens
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn whoever_looks_may_end_an_answer() {
    let (model, [prompt, greedy]) = (model("llama"), expected("llama"));
    let mut seen = Vec::new();
    let answers = generate(&model, &[request(&prompt, 30)], |number, token| {
        seen.push((number, token));
        if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let tokens = greedy[..3].to_vec();
    assert_eq!(seen, tokens.iter().map(|token| (0, *token)).collect::<Vec<_>>());
    assert_eq!(answers, Ok(vec![Answer { tokens, finish: Finish::Asked }]));
}

#[test]
fn what_cannot_be_is_refused_before_any_work() {
    let model = model("llama");
    let context = model.shape().context;
    let refused = |requests: &[Request], fault: &str| {
        let shown = |_, _| panic!("a token came");
        let error = generate(&model, requests, shown).unwrap_err();
        assert!(error.to_string().contains(fault), "{error}");
        assert!(error.next_step().is_some(), "{error}");
    };
    let good = request(&[1, 2], 4);
    refused(&[good.clone(), request(&[], 4)], "prompt 1: it has no tokens");
    refused(&[good.clone(), request(&[1, 64], 4)], "token 64 is not of the vocabulary");
    refused(&[good.clone(), request(&[1, 2], context)], "at most 510 tokens");
    refused(&[request(&vec![1; context + 1], 1)], "shorten it");
    refused(&[request(&[1], usize::MAX)], "do not fit");
    let wrong = Sampling { top_p: Some(2.0), ..Sampling::GREEDY };
    refused(&[Request { sampling: wrong, ..good }], "top-p is 2");
}

#[test]
fn prompts_longer_than_a_chunk_go_in_pieces() {
    let checkpoint = Checkpoint::open(&folder("qwen2")).unwrap();
    let mut model =
        tilewright_models::load(&checkpoint, Runtime::open("cpu").unwrap(), None).unwrap();
    model.set_context(4096);
    let prompt: Vec<u32> = (0..1100).map(|i| i * 7 % 64).collect();
    // What the engine gives first is what one pass over everything gives.
    let mut cache = model.cache(1, prompt.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, &prompt, Logits::Last).unwrap().unwrap();
    let whole = Sampling::GREEDY.sample(logits.to_vec().unwrap(), &prompt).unwrap();
    assert_eq!(all(&model, &[request(&prompt, 1)])[0].tokens, [whole]);
}

#[test]
fn what_a_prompt_was_read_with_is_given_back() {
    let checkpoint = Checkpoint::open(&folder("qwen2")).unwrap();
    // A pool of its own, which no other test uses.
    let device = Runtime::open("cpu").unwrap().device().clone();
    let runtime = std::sync::Arc::new(Runtime::new("cpu", device));
    let mut model = tilewright_models::load(&checkpoint, runtime.clone(), None).unwrap();
    model.set_context(4096);
    let prompt: Vec<u32> = (0..3 * model.chunk() as u32 + 1).map(|i| i * 7 % 64).collect();
    let kept = || runtime.pool().stats().kept_bytes;
    let kept_after = |count: usize| {
        let mut first = None;
        let requests = [request(&prompt[..count], 2)];
        generate(&model, &requests, |_, _| {
            first.get_or_insert_with(kept);
            ControlFlow::Continue(())
        })
        .unwrap();
        first.unwrap()
    };
    let mut cache = model.cache(1, prompt.len()).unwrap();
    model.prefill(&mut cache, 0, &prompt[..model.chunk()], Logits::None).unwrap();
    let chunk = kept();
    assert_eq!(kept_after(2 * model.chunk()), 0);
    assert!(kept_after(2 * model.chunk() + 1) < chunk / 2, "{chunk}");
}

#[test]
fn perplexity_is_that_of_the_definition() {
    // Uniform over four, whatever the token.
    assert_eq!(perplexity(&[0.5; 12], &[3, 0, 1]).map(|p| (p * 1e6).round() / 1e6), Some(4.0));
    // Certain of the right one, then one in two.
    let logits = [0.0, 100.0, 7.0, 7.0, 0.0, 0.0];
    let found = perplexity(&logits, &[0, 1, 0]).unwrap();
    assert!((found - 2f64.sqrt()).abs() < 1e-9, "{found}");
    assert_eq!((perplexity(&[1.0; 4], &[2]), perplexity(&[], &[])), (None, None));
}

#[test]
fn a_conversation_answers_as_one_prompt_does_and_reads_nothing_twice() {
    ["qwen3", "lfm2", "lfm2-bias"].into_iter().for_each(conversation);
}

fn conversation(name: &str) {
    let (model, [prompt, greedy]) = (model(name), expected(name));
    let warm = Sampling { temperature: 0.8, min_p: Some(0.05), seed: 3, ..Sampling::GREEDY };
    let mut session = Session::new();
    let mut talk = prompt[..5].to_vec();
    for (turn, sampling) in [Sampling::GREEDY, warm, Sampling::GREEDY].into_iter().enumerate() {
        let stop = if turn == 2 { vec![greedy[3]] } else { vec![] };
        let request = Request { prompt: talk.clone(), max_tokens: 9, sampling, stop };
        let answer = session.answer(&model, &request, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(all(&model, std::slice::from_ref(&request)), std::slice::from_ref(&answer));
        talk.extend(&answer.tokens);
        // All but the last token, which nothing came after, has entered the cache.
        let held = session.held().len();
        assert!(talk.starts_with(session.held()) && held + 1 >= talk.len(), "{held}");
        talk.extend(&prompt[turn..turn + 3]);
    }
    // A prompt that begins otherwise, one that was answered before, and one for which the cache is too short.
    for request in [request(&prompt, 6), request(&prompt, 6), request(&prompt[3..], 480)] {
        let answer = session.answer(&model, &request, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(all(&model, std::slice::from_ref(&request)), std::slice::from_ref(&answer));
    }
    let wrong = session.answer(&model, &request(&[], 1), |_| ControlFlow::Continue(()));
    assert!(wrong.unwrap_err().to_string().contains("it has no tokens"));
}

/// The tokens that follow greedily, each from a cache made for all before it, as transformers turns them.
fn from_nothing(model: &Model, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    for _ in 0..count {
        let mut cache = model.cache(1, tokens.len()).unwrap();
        let logits = model.prefill(&mut cache, 0, &tokens, Logits::Last).unwrap().unwrap();
        let logits = logits.to_vec::<f32>().unwrap();
        let best = (0..logits.len()).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        tokens.push(best.unwrap() as u32);
    }
    tokens.split_off(prompt.len())
}

#[test]
fn ropes_of_long_sequences_begin_where_a_sequence_is_long() {
    let (model, [prompt, _]) = (model("phi3"), expected("phi3"));
    assert_eq!(model.switch(), Some(16));
    // Below, up to, across and past the switch: alone, beside each other, and as the turns of a conversation.
    let cases = [(5, 4), (5, 11), (5, 12), (12, 20), (16, 1), (16, 6), (17, 5), (24, 9), (3, 0)];
    let requests = cases.map(|(held, more)| request(&prompt[..held], more));
    let together = all(&model, &requests);
    let mut session = Session::new();
    for (request, answer) in requests.iter().zip(&together) {
        let expected = from_nothing(&model, &request.prompt, request.max_tokens);
        let expected = Answer { tokens: expected, finish: Finish::Length };
        let of = (request.prompt.len(), request.max_tokens);
        assert_eq!(answer, &expected, "{of:?} beside others");
        assert_eq!(
            all(&model, std::slice::from_ref(request)),
            std::slice::from_ref(&expected),
            "{of:?}"
        );
        let answer = session.answer(&model, request, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(answer, expected, "{of:?} in a conversation");
    }
    let mut shown = vec![0; requests.len()];
    generate(&model, &requests, |number, token| {
        assert_eq!(token, together[number].tokens[shown[number]]);
        shown[number] += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(shown, cases.map(|(_, more)| more));
}

#[test]
fn a_penalty_makes_repetition_rarer() {
    let (model, [prompt, _]) = (model("llama"), expected("llama"));
    let distinct = |penalty: f64| {
        let sampling = Sampling { repetition_penalty: penalty, ..Sampling::GREEDY };
        let answer = all(&model, &[Request { sampling, ..request(&prompt, 40) }]).remove(0);
        answer.tokens.iter().collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(distinct(1.5) > distinct(1.0));
}

#[test]
fn logits_that_are_no_numbers_are_an_error() {
    for name in ["llama", "llama-4bit"] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nan-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::copy(folder(name).join("config.json"), path.join("config.json")).unwrap();
        let file = TensorFile::open(&folder(name).join("model.safetensors")).unwrap();
        let mut tensors: Vec<_> = file.names().map(|name| file.tensor(name).unwrap()).collect();
        for tensor in tensors.iter_mut().filter(|tensor| tensor.name == "model.norm.weight") {
            let nan = if tensor.bytes.len() == 64 { vec![0xff; 64] } else { vec![0xff; 128] };
            tensor.bytes = nan.into();
        }
        tilewright_formats::write(&path.join("model.safetensors"), &tensors).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let runtime = Runtime::open("cpu").unwrap();
        let model = tilewright_models::load(&checkpoint, runtime, Some(DType::F32)).unwrap();
        let error = generate(&model, &[request(&[1, 2], 4)], |_, _| ControlFlow::Continue(()));
        assert!(error.unwrap_err().to_string().contains("are not numbers"), "{name}");
        // And where the tokens are fed back on the device.
        let mut cache = model.cache(1, 8).unwrap();
        let mut greedy = model.greedy(&mut cache, &[Some(1)]).unwrap();
        greedy.step().unwrap();
        let error = greedy.tokens(0, 1..2).unwrap_err();
        assert!(error.to_string().contains("the logits after 1 tokens are not numbers"), "{error}");
    }
}

#[test]
fn steps_on_the_device_give_the_tokens_that_the_host_chooses() {
    for (name, records) in [
        ("gemma2", false),
        ("gemma2", true),
        ("llama", true),
        ("phi3", true),
        ("qwen3_moe-4bit", true),
        ("mixtral", true),
        ("lfm2", false),
        ("lfm2", true),
        ("lfm2_moe-4bit", true),
    ] {
        let (model, [prompt, greedy]) = (model(name), expected(name));
        let mut cache = model.cache(3, prompt.len() + greedy.len()).unwrap();
        for slot in [0, 2] {
            model.prefill(&mut cache, slot, &prompt, Logits::None).unwrap();
        }
        // The one in the middle rides along, and the last is a step behind.
        cache.truncate(2, prompt.len() - 1);
        let last = prompt[prompt.len() - 1];
        let ids = [Some(greedy[0]), None, Some(last)];
        let mut steps = model.greedy(&mut cache, &ids).unwrap().recording(records);
        for _ in 0..40 {
            steps.step().unwrap();
        }
        assert_eq!(steps.launches().is_some_and(|(launches, _)| launches > 4), records, "{name}");
        assert_eq!(steps.active(), [true, false, true]);
        let lens = [0, 1, 2].map(|slot| steps.len(slot));
        assert_eq!(lens, [prompt.len() + 40, 0, prompt.len() + 39]);
        let first = prompt.len() + 1;
        assert_eq!(steps.tokens(0, first..first + 40).unwrap(), greedy[1..41], "{name}");
        assert_eq!(steps.tokens(2, first - 1..first + 39).unwrap(), greedy[..40], "{name}");
        assert!(steps.tokens(3, 0..1).is_err());
    }
}

#[test]
fn the_launches_of_a_step_are_kept_for_the_next_sequences() {
    ["qwen3_moe-4bit", "lfm2-4bit"].into_iter().for_each(launches_kept);
}

fn launches_kept(name: &str) {
    let (mut model, [prompt, greedy]) = (model(name), expected(name));
    patch(&mut model, &Patterns::all());
    let mut cache = model.cache(1, 2 * (prompt.len() + greedy.len())).unwrap();
    let last = prompt.len() - 1;
    // Prompts between them take memory of their own, with what patched modules keep from call to call.
    let answer = |model: &Model, cache: &mut Cache, text: &[u32], kept: bool| {
        cache.truncate(0, 0);
        model.prefill(cache, 0, &text[..text.len() - 1], Logits::None).unwrap();
        let mut steps = model.greedy(cache, &[text.last().copied()]).unwrap();
        assert_eq!(steps.launches().is_some(), kept);
        let mut tokens = Vec::new();
        for at in text.len()..text.len() + 6 {
            steps.step().unwrap();
            tokens.extend(steps.tokens(0, at..at + 1).unwrap());
        }
        tokens
    };
    assert_eq!(answer(&model, &mut cache, &prompt, false), greedy[..6]);
    assert_eq!(answer(&model, &mut cache, &prompt, true), greedy[..6]);
    let turned: Vec<u32> = prompt[1..].iter().rev().chain(&prompt[..1]).copied().collect();
    let mut other = model.cache(1, prompt.len() + 6).unwrap();
    let alone = answer(&model, &mut other, &turned, false);
    assert_eq!(answer(&model, &mut cache, &turned, true), alone);
    // Drawn tokens have launches of their own.
    let draw = |seed| Draw { seed, ..Sampling { temperature: 1.5, ..Sampling::GREEDY }.draw() };
    let drawn = |cache: &mut Cache, seed, kept: bool| {
        cache.truncate(0, last);
        let texts = [&prompt[..]];
        let mut steps = model.sampled(cache, &[Some(prompt[last])], &[draw(seed)], &texts).unwrap();
        assert_eq!(steps.launches().is_some(), kept);
        (0..6).for_each(|_| steps.step().unwrap());
        steps.tokens(0, last + 1..last + 7).unwrap()
    };
    let own = || model.cache(1, prompt.len() + 6).unwrap();
    for cache in [&mut other, &mut cache] {
        answer(&model, cache, &prompt, true);
    }
    let [first, second] = [3, 4].map(|seed| {
        let mut alone = own();
        model.prefill(&mut alone, 0, &prompt[..last], Logits::None).unwrap();
        drawn(&mut alone, seed, false)
    });
    assert_ne!(first, second);
    assert_eq!(drawn(&mut cache, 3, false), first);
    assert_eq!(drawn(&mut cache, 4, true), second);
    // So have much longer sequences, and other modules.
    assert_eq!(answer(&model, &mut cache, &prompt, false), greedy[..6]);
    let long = [&prompt[..], &greedy, &prompt].concat();
    let mut alone = model.cache(1, long.len() + 6).unwrap();
    let expected = answer(&model, &mut alone, &long, false);
    assert_eq!(answer(&model, &mut cache, &long, false), expected);
    assert_eq!(answer(&model, &mut cache, &long, true), expected);
    unpatch(&mut model);
    assert_eq!(answer(&model, &mut cache, &long, false), expected);
    assert_eq!(answer(&model, &mut cache, &prompt, false), greedy[..6]);
}

#[test]
fn surprises_are_those_of_one_pass() {
    let (model, [prompt, greedy]) = (model("phi3"), expected("phi3"));
    let tokens: Vec<u32> = prompt.iter().chain(&greedy).chain(&prompt).copied().collect();
    let mut cache = model.cache(1, tokens.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, &tokens, Logits::All).unwrap().unwrap();
    let whole = perplexity(&logits.to_vec().unwrap(), &tokens).unwrap();
    let found = surprises(&model, &tokens).unwrap();
    assert_eq!(found.len(), tokens.len() - 1);
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    assert!((mean.exp() / whole - 1.0).abs() < 1e-4, "{} {whole}", mean.exp());
    assert_eq!(surprises(&model, &tokens[..1]), Ok(vec![]));
    assert!(surprises(&model, &vec![1; 513]).unwrap_err().to_string().contains("do not fit"));
}
