//! Tokenizer files, streams and hostile input.

use std::path::{Path, PathBuf};
use tilewright_text::{Message, Stream, Text};

/// A byte-level tokenizer: every byte a token, and two merges.
fn tokenizer() -> String {
    // The characters that stand for bytes in byte-level tokenizers: visible ones for themselves, others from U+0100.
    let visible = |b: &u32| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    let mut vocabulary: Vec<String> = Vec::new();
    for byte in 0..=255u32 {
        let stands = if visible(&byte) {
            byte
        } else {
            next += 1;
            next - 1
        };
        let stands = char::from_u32(stands).unwrap();
        vocabulary.push(format!("{}:{byte}", serde_json::Value::from(stands.to_string())));
    }
    vocabulary.push("\"th\":256".into());
    vocabulary.push("\"the\":257".into());
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{{"id":258,"content":"<end>",
        "single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}],"normalizer":null,
        "pre_tokenizer":{{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}},
        "post_processor":null,"decoder":{{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,
        "use_regex":true}},"model":{{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
        "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{{{}}},
        "merges":["t h","th e"]}}}}"#,
        vocabulary.join(",")
    )
}

fn directory(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("tokenizer.json"), tokenizer()).unwrap();
    for (name, content) in files {
        std::fs::write(path.join(name), content).unwrap();
    }
    path
}

fn text(test: &str, files: &[(&str, &str)]) -> Text {
    Text::open(&directory(test, files)).unwrap_or_else(|e| panic!("{e}"))
}

fn streamed(text: &Text, stops: &[&str], input: &str) -> (Vec<String>, bool) {
    let stops: Vec<String> = stops.iter().map(|stop| stop.to_string()).collect();
    let mut stream = Stream::new(text, &stops);
    let tokens = text.encode(input).unwrap();
    let mut pieces: Vec<String> = tokens.iter().map(|id| stream.push(*id).unwrap()).collect();
    pieces.push(stream.finish().unwrap());
    (pieces, stream.stopped())
}

#[test]
fn text_goes_to_tokens_and_back() {
    let text = text("round-trip", &[]);
    assert_eq!(text.encode("the th").unwrap().len(), 3);
    for sample in ["", "Once upon a time", "naïve — 日本語 🦊", "  two\n\nlines\t"] {
        assert_eq!(text.decode(&text.encode(sample).unwrap()).unwrap(), sample);
    }
    assert_eq!(text.vocabulary(), 259);
}

#[test]
fn a_tokenizer_that_only_writes_reads_no_more() {
    let mut text = text("writes", &[]);
    let tokens = text.encode("the th").unwrap();
    text.only_writes();
    assert_eq!(text.decode(&tokens).unwrap(), "the th");
    let error = text.encode("the th").unwrap_err().to_string();
    assert!(error.contains("no more texts are read"), "{error}");
}

#[test]
fn the_tokens_that_end_an_answer_come_from_all_files() {
    let files = [
        ("generation_config.json", r#"{"eos_token_id": [7, 3]}"#),
        ("config.json", r#"{"eos_token_id": 3}"#),
        ("tokenizer_config.json", r#"{"eos_token": {"content": "<end>"}, "bos_token": null}"#),
    ];
    assert_eq!(text("stops", &files).stop_tokens(), [3, 7, 258]);
    assert_eq!(text("no-stops", &[]).stop_tokens(), [0u32; 0]);
}

#[test]
fn a_conversation_is_written_by_the_template() {
    let template = r#"{"chat_template": "{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}{% endfor %}",
        "eos_token": "<end>"}"#;
    let text = text("chat", &[("tokenizer_config.json", template)]);
    let tokens = text.encode_chat(&[Message::new("user", "the")]).unwrap();
    assert_eq!(tokens, [117, 115, 101, 114, 58, 257, 258]);
    let plain = self::text("no-chat", &[]);
    let error = plain.encode_chat(&[]).unwrap_err();
    assert!(error.to_string().contains("no chat template"), "{error}");
}

#[test]
fn streams_give_whole_characters() {
    let text = text("stream", &[]);
    let (pieces, stopped) = streamed(&text, &[], "a日b🦊");
    assert_eq!(pieces.concat(), "a日b🦊");
    assert!(!stopped && pieces.iter().all(|piece| !piece.contains('\u{fffd}')), "{pieces:?}");
    // A character that never ends is shown as broken at last.
    let mut stream = Stream::new(&text, &[]);
    assert_eq!(stream.push(0xe6).unwrap(), "");
    assert_eq!(stream.finish().unwrap(), "\u{fffd}");
}

#[test]
fn streams_end_at_stop_strings() {
    let text = text("stop-strings", &[]);
    let (pieces, stopped) = streamed(&text, &["###", "\n\n"], "one #two ## three\n\nfour");
    assert_eq!((pieces.concat().as_str(), stopped), ("one #two ## three", true));
    // What might have begun a stop string is held no longer than needed.
    let (pieces, stopped) = streamed(&text, &["abc"], "ab, abx");
    assert_eq!((pieces[0].as_str(), pieces[1].as_str()), ("", ""));
    assert_eq!((pieces.concat().as_str(), stopped), ("ab, abx", false));
    let (pieces, stopped) = streamed(&text, &["", "the end"], "at the en");
    assert_eq!((pieces.concat().as_str(), stopped), ("at the en", false));
}

#[test]
fn damaged_tokenizers_are_errors() {
    let whole = tokenizer();
    let path = directory("damaged", &[]);
    let mut state = 7u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let pieces = [
        "null",
        "-1",
        "99999999999",
        "[]",
        "\"\"",
        "{}",
        "\"BPE\"",
        "[[\"t\",\"zz\"]]",
        "(?=",
        "true",
    ];
    let mut refused = 0;
    for _ in 0..300 {
        let mut damaged = whole.clone();
        let (start, piece) = (below(damaged.len()), pieces[below(pieces.len())]);
        let end = (start + below(12)).min(damaged.len());
        if damaged.is_char_boundary(start) && damaged.is_char_boundary(end) {
            match below(3) {
                0 => damaged.truncate(start),
                _ => damaged.replace_range(start..end, piece),
            }
        }
        std::fs::write(path.join("tokenizer.json"), damaged).unwrap();
        match Text::open(&path) {
            Ok(text) => drop(text.encode("the fox 日").and_then(|tokens| text.decode(&tokens))),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("tokenizer.json"), "{error}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
