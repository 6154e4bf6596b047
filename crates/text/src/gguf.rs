//! The tokenizer that a GGUF file holds, as the files that a checkpoint's folder has.

use serde_json::{Map, Value, json};
use tilewright_formats::{Config, FormatError};

/// How text is split before merging, by llama.cpp's names; `None` for the pattern that byte-level tokenizers have of
/// their own.
const SPLITS: [(&str, Option<&str>); 4] =
    [("llama-bpe", Some(LLAMA)), ("llama3", Some(LLAMA)), ("qwen2", Some(QWEN)), ("gpt-2", None)];

const LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Kinds of tokens: what controls, and what a user added.
const CONTROL: usize = 3;
const USER_DEFINED: usize = 4;

/// Names and texts of `tokenizer.json` and `tokenizer_config.json` for the metadata of a GGUF file.
///
/// # Errors
/// When there is no tokenizer, or one of another kind than byte-level BPE.
pub fn tokenizer_files(metadata: &Config) -> Result<[(&'static str, String); 2], FormatError> {
    let of = |field: &str| format!("tokenizer.ggml.{field}");
    let kind = metadata.text(&of("model"))?.ok_or_else(|| metadata.missing(&of("model")))?;
    if kind != "gpt2" {
        let what = format!("is `{kind}`, which is not supported");
        let next = "byte-level tokenizers, `gpt2`, are; convert the original checkpoint instead";
        return Err(metadata.error(&of("model"), &what, next));
    }
    let list = |field: &str| {
        let list = metadata.texts(&of(field))?;
        list.ok_or_else(|| metadata.missing(&of(field)))
    };
    let (tokens, merges) = (list("tokens")?, list("merges")?);
    let split = metadata.text(&of("pre"))?.unwrap_or("gpt-2");
    let known = SPLITS.iter().find(|(name, _)| *name == split);
    let (_, pattern) = known.ok_or_else(|| {
        let names = SPLITS.map(|(name, _)| name).join(", ");
        let what = format!("is `{split}`, which is not known");
        metadata.error(&of("pre"), &what, format!("those known: {names}"))
    })?;
    let byte_level = |uses_pattern: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": uses_pattern,
        })
    };
    let before = match pattern {
        None => byte_level(true),
        Some(pattern) => json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            byte_level(false),
        ]}),
    };
    let kinds = metadata.sizes(&of("token_type"))?.unwrap_or_default();
    let kind_of = |id: usize| kinds.get(id).copied().unwrap_or(1);
    let added = (0..tokens.len()).filter(|id| [CONTROL, USER_DEFINED].contains(&kind_of(*id)));
    let added: Vec<Value> = added
        .map(|id| {
            json!({
                "id": id, "content": tokens[id], "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": kind_of(id) == CONTROL,
            })
        })
        .collect();
    let special = |field: &str| -> Result<Option<(usize, &String)>, FormatError> {
        let id = metadata.size(&of(field))?;
        Ok(id.and_then(|id| Some((id, tokens.get(id)?))))
    };
    let (begin, end) = (special("bos_token_id")?, special("eos_token_id")?);
    // What llama.cpp does where the file does not say.
    let begins = metadata.flag(&of("add_bos_token"))?.unwrap_or(*pattern == Some(LLAMA));
    let after = begin.filter(|_| begins).map(|(id, token)| {
        let first = json!({"SpecialToken": {"id": token, "type_id": 0}});
        let sequence = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
        let mut specials = Map::new();
        specials.insert(token.clone(), json!({"id": token, "ids": [id], "tokens": [token]}));
        json!({
            "type": "TemplateProcessing", "single": [first, sequence("A")],
            "pair": [first, sequence("A"), sequence("B")], "special_tokens": specials,
        })
    });
    let normalizer = (split == "qwen2").then(|| json!({"type": "NFC"}));
    let vocabulary: Map<String, Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": before, "post_processor": after,
        "decoder": byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": *pattern == Some(LLAMA), "vocab": vocabulary, "merges": merges,
        },
    });
    let settings = json!({
        "bos_token": begin.map(|(_, token)| token), "eos_token": end.map(|(_, token)| token),
        "chat_template": metadata.text("tokenizer.chat_template")?,
    });
    Ok([
        ("tokenizer.json", format!("{tokenizer}\n")),
        ("tokenizer_config.json", format!("{settings:#}\n")),
    ])
}
