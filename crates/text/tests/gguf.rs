//! Tokenizers in the metadata of GGUF files: held to the tokenizer they were made of, and to SentencePiece's algorithm.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use tilewright_formats::Config;
use tilewright_text::{Text, tokenizer_files};

/// The metadata with these fields of `tokenizer.ggml`.
fn metadata(fields: &[(&str, Value)]) -> Config {
    let empty = Config::parse(Path::new("x.gguf"), "{}").unwrap();
    fields.iter().fold(empty, |config, (name, value)| {
        config.with(&format!("tokenizer.ggml.{name}"), value.clone())
    })
}

/// The tokenizer that the metadata holds.
fn text(test: &str, metadata: &Config) -> Text {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in tokenizer_files(metadata).unwrap() {
        std::fs::write(folder.join(name), text).unwrap();
    }
    Text::open(&folder).unwrap()
}

const TEXTS: [&str; 8] = [
    "Once upon a time there was a miller.",
    "",
    " ",
    "  two  spaces,\n\na line\tand a tab ",
    "It's the king's daughter; they'll come at 12:45.",
    "Grüße, naïve café, ﬁn",
    "日本語 and 🦉🦉",
    "a<|endoftext|>b",
];

#[test]
fn a_byte_level_tokenizer_is_the_one_that_it_was_made_of() {
    let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fairytale-moe-4bit");
    let file = std::fs::read_to_string(story.join("tokenizer.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let vocabulary = file["model"]["vocab"].as_object().unwrap();
    let mut tokens: Vec<Value> = vec![Value::Null; vocabulary.len()];
    vocabulary.iter().for_each(|(token, id)| tokens[id.as_u64().unwrap() as usize] = json!(token));
    let mut kinds = vec![1; tokens.len()];
    for added in file["added_tokens"].as_array().unwrap() {
        kinds[added["id"].as_u64().unwrap() as usize] = 3;
    }
    let merges = file["model"]["merges"].as_array().unwrap().iter().map(|merge| {
        let pair = merge.as_array().map(|pair| pair.iter().filter_map(Value::as_str));
        pair.map_or(merge.clone(), |pair| json!(pair.collect::<Vec<_>>().join(" ")))
    });
    let made = metadata(&[
        ("model", json!("gpt2")),
        ("pre", json!("gpt-2")),
        ("tokens", json!(tokens)),
        ("token_type", json!(kinds)),
        ("merges", merges.collect()),
    ]);
    let (made, own) = (text("byte-level", &made), Text::open(&story).unwrap());
    for sample in TEXTS {
        let ids = made.encode(sample).unwrap();
        assert_eq!(ids, own.encode(sample).unwrap(), "{sample:?}");
        assert_eq!(made.decode(&ids).unwrap(), own.decode(&ids).unwrap(), "{sample:?}");
    }
}

/// A vocabulary as SentencePiece makes them: three special tokens, the bytes, letters, and pieces of them, the more
/// frequent first.
struct Pieces {
    tokens: Vec<String>,
    kinds: Vec<usize>,
    scores: Vec<f64>,
}

const LETTERS: &str = "▁etaoinshrg";

fn pieces() -> Pieces {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).into();
    let mut kinds = vec![2, 3, 3];
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    kinds.resize(tokens.len(), 6);
    let first = tokens.len();
    tokens.extend(
        [
            "▁t", "he", "▁the", "in", "er", "▁a", "on", "re", "▁s", "at", "▁in", "is", "or", "it",
            "an",
        ]
        .map(String::from),
    );
    tokens.extend(
        ["es", "▁an", "en", "ar", "▁the▁", "ing", "the", "ast", "▁to", "her"].map(String::from),
    );
    tokens.extend(LETTERS.chars().map(String::from));
    kinds.resize(tokens.len(), 1);
    let score = |id: usize| if id < first { 0.0 } else { -((id - first) as f64) };
    let scores = (0..tokens.len()).map(score).collect();
    Pieces { tokens, kinds, scores }
}

fn pieces_of(of: &Pieces) -> Pieces {
    let Pieces { tokens, kinds, scores } = of;
    Pieces { tokens: tokens.clone(), kinds: kinds.clone(), scores: scores.clone() }
}

impl Pieces {
    fn metadata(&self, more: &[(&str, Value)]) -> Config {
        let own = [
            ("model", json!("llama")),
            ("tokens", json!(self.tokens)),
            ("token_type", json!(self.kinds)),
            ("scores", json!(self.scores)),
            ("bos_token_id", json!(1)),
            ("eos_token_id", json!(2)),
        ];
        metadata(&[&own[..], more].concat())
    }

    /// SentencePiece's own way: of all neighbours, join those that make the piece of the highest score, the first of
    /// them, as long as there are any; what is left and is no piece becomes bytes.
    fn encode(&self, text: &str) -> Vec<u32> {
        let normal = (0..self.tokens.len()).filter(|id| self.kinds[*id] == 1);
        let ids: HashMap<&str, usize> = normal.map(|id| (self.tokens[id].as_str(), id)).collect();
        let mut symbols: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let mut best: Option<(f64, usize)> = None;
            for at in 1..symbols.len() {
                let joined = symbols[at - 1..=at].concat();
                let Some(id) = ids.get(joined.as_str()) else { continue };
                if best.is_none_or(|(score, _)| self.scores[*id] > score) {
                    best = Some((self.scores[*id], at));
                }
            }
            let Some((_, at)) = best else { break };
            let second = symbols.remove(at);
            symbols[at - 1] += &second;
        }
        let of = |symbol: &String| match ids.get(symbol.as_str()) {
            Some(id) => vec![*id as u32],
            None => symbol.bytes().map(|byte| 3 + u32::from(byte)).collect(),
        };
        symbols.iter().flat_map(of).collect()
    }
}

#[test]
fn pieces_are_joined_as_sentencepiece_joins_them() {
    let pieces = pieces();
    let (plain, bare) = (
        text("pieces", &pieces.metadata(&[])),
        text(
            "pieces-bare",
            &pieces
                .metadata(&[("add_space_prefix", json!(false)), ("add_bos_token", json!(false))]),
        ),
    );
    let mut seed = 1u64;
    let letters: Vec<char> = LETTERS.chars().map(|c| if c == '▁' { ' ' } else { c }).collect();
    let mut samples: Vec<String> = TEXTS[..7].iter().map(|text| text.to_string()).collect();
    samples.extend((0..500).map(|_| {
        let mut draw = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            letters[(seed >> 33) as usize % letters.len()]
        };
        (0..40).map(|_| draw()).collect()
    }));
    for sample in &samples {
        let spaced = sample.replace(' ', "▁");
        let ids = bare.encode(sample).unwrap();
        assert_eq!(ids, pieces.encode(&spaced), "{sample:?}");
        assert_eq!(bare.decode(&ids).unwrap(), *sample);
        if sample.is_empty() {
            continue;
        }
        let ids = plain.encode(sample).unwrap();
        let begun = [&[1][..], &pieces.encode(&format!("▁{spaced}"))].concat();
        assert_eq!(ids, begun, "{sample:?}");
        assert_eq!(plain.decode(&ids).unwrap(), *sample);
    }
    assert_eq!(plain.stop_tokens(), [2]);
}

/// The tokens of `tests/splits.py`.
#[test]
fn a_splitting_is_that_of_the_models_it_is_named_for() {
    let file: Value = serde_json::from_str(include_str!("splits.json")).unwrap();
    let names = file["ids"].as_object().unwrap();
    for (name, expected) in names {
        let made = metadata(&[
            ("model", json!("gpt2")),
            ("pre", json!(name)),
            ("tokens", file["tokens"].clone()),
            ("merges", file["merges"].clone()),
        ]);
        let made = text(&format!("split-{name}"), &made);
        for (sample, expected) in
            file["texts"].as_array().unwrap().iter().zip(expected.as_array().unwrap())
        {
            let sample = sample.as_str().unwrap();
            assert_eq!(json!(made.encode(sample).unwrap()), *expected, "{name}: {sample:?}");
        }
    }
    // A file that names none is split as llama.cpp splits it.
    let untold = metadata(&[
        ("model", json!("gpt2")),
        ("tokens", file["tokens"].clone()),
        ("merges", file["merges"].clone()),
    ]);
    let sample = file["texts"][0].as_str().unwrap();
    let ids = text("split-untold", &untold).encode(sample).unwrap();
    assert_eq!(json!(ids), names["default"][0]);
}

#[test]
fn every_splitting_reads_and_writes_text() {
    let file: Value = serde_json::from_str(include_str!("splits.json")).unwrap();
    let of = |name: &str| {
        metadata(&[
            ("model", json!("gpt2")),
            ("pre", json!(name)),
            ("tokens", file["tokens"].clone()),
            ("merges", file["merges"].clone()),
        ])
    };
    let refused = tokenizer_files(&of("runes")).unwrap_err();
    let names: Vec<&str> =
        refused.next.strip_prefix("those known: ").unwrap().split(", ").collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        let made = text(&format!("reads-{name}"), &of(name));
        for sample in file["texts"].as_array().unwrap() {
            let sample = sample.as_str().unwrap();
            if sample.contains('\u{301}') {
                continue;
            }
            let back = made.decode(&made.encode(sample).unwrap()).unwrap();
            assert_eq!(back, sample, "{name}");
        }
    }
}

#[test]
fn a_turn_ends_where_its_template_ends_it() {
    let pieces = pieces();
    let with = |more: &[(&str, usize)], fields: &[(&str, Value)]| {
        let mut pieces = pieces_of(&pieces);
        for (token, kind) in more {
            pieces.tokens.push(token.to_string());
            pieces.kinds.push(*kind);
            pieces.scores.push(-1000.0);
        }
        pieces.metadata(fields)
    };
    let first = pieces.tokens.len() as u32;
    let gemma = with(&[("<start_of_turn>", 3), ("<end_of_turn>", 3), ("a turn", 4)], &[]);
    assert_eq!(text("ends", &gemma).stop_tokens(), [2, first + 1]);
    // Text of a usual token ends nothing.
    let plain = with(&[("<|end|>", 1)], &[]);
    assert_eq!(text("ends-plain", &plain).stop_tokens(), [2]);
    let told = with(&[("<turn|>", 3)], &[("eot_token_id", json!(first))]);
    assert_eq!(text("ends-told", &told).stop_tokens(), [2, first]);
}

#[test]
fn spaces_after_the_roles_of_phi_are_no_text() {
    let pieces = pieces();
    let mut own = pieces_of(&pieces);
    own.tokens.extend(["<|user|>", "<|endoftext|>"].map(String::from));
    own.kinds.extend([3, 3]);
    own.scores.extend([-1000.0; 2]);
    let made = own.metadata(&[]);
    let (plain, phi) = (
        text("spaces-plain", &made),
        text("spaces-phi", &made.clone().with("general.architecture", json!("phi3"))),
    );
    for (sample, alike) in [
        ("<|user|>\n the", "<|user|>the"),
        ("<|endoftext|>\nthe", "<|endoftext|>\nthe"),
        ("<s> the", "<s> the"),
    ] {
        assert_eq!(phi.encode(sample).unwrap(), plain.encode(alike).unwrap(), "{sample:?}");
    }
}

#[test]
fn what_is_no_tokenizer_is_refused_in_words() {
    let refused = |fields: &[(&str, Value)], why: &str| {
        let error = tokenizer_files(&metadata(fields)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(&[], "tokenizer.ggml.model");
    refused(
        &[("model", json!("bert")), ("tokens", json!([]))],
        "is `bert`, which is not supported",
    );
    let gpt2 = ("model", json!("gpt2"));
    let (tokens, merges) = (("tokens", json!(["a"])), ("merges", json!([])));
    refused(std::slice::from_ref(&gpt2), "tokenizer.ggml.tokens");
    refused(&[gpt2.clone(), tokens.clone()], "tokenizer.ggml.merges");
    refused(
        &[gpt2, tokens.clone(), merges, ("pre", json!("runes"))],
        "is `runes`, which is not known",
    );
    let llama = ("model", json!("llama"));
    refused(&[llama.clone(), tokens.clone()], "tokenizer.ggml.scores");
    refused(&[llama, tokens, ("scores", json!([0.0, 1.0]))], "has 2 scores for 1 tokens");
}
