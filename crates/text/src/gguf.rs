//! The tokenizer that a GGUF file holds, as the files that a checkpoint's folder has.

mod splits;

use serde_json::{Map, Value, json};
use splits::{SPLITTINGS, UNTOLD, byte_level, splitting};
use std::collections::HashMap;
use tilewright_formats::{Config, FormatError};

/// Kinds of tokens: plain ones, what stands for the unknown, what controls, what a user added, single bytes.
const NORMAL: usize = 1;
const UNKNOWN: usize = 2;
const CONTROL: usize = 3;
const USER_DEFINED: usize = 4;

/// What SentencePiece writes for a space.
const SPACE: &str = "\u{2581}";

/// What ends a turn in the templates of chat models. Files name the end of a text, and seldom that of a turn.
const ENDS: [&str; 10] = [
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "<|EOT|>",
    "<｜end▁of▁sentence｜>",
];

/// The special tokens of Phi 3 after which spaces are text.
const KEEPS_SPACES: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];

/// The longest piece, in characters, whose merges are looked for: SentencePiece's own limit is 16 by default.
const LONGEST_PIECE: usize = 256;

/// The metadata of a file about its tokens.
struct Told<'a> {
    metadata: &'a Config,
    tokens: Vec<String>,
    /// The kind of each token.
    kinds: Vec<usize>,
}

/// The parts of a `tokenizer.json` in which tokenizers differ.
struct Parts {
    normalizer: Option<Value>,
    before: Option<Value>,
    decoder: Value,
    model: Value,
    /// Whether texts begin with the beginning token where the file does not say.
    begins: bool,
    /// Whether spaces after special tokens are no text.
    eats_spaces: bool,
}

/// Names and texts of `tokenizer.json`, `tokenizer_config.json` and `generation_config.json` for the metadata of a GGUF
/// file.
///
/// # Errors
/// When there is no tokenizer, or one of another kind than byte-level BPE or SentencePiece's BPE.
pub fn tokenizer_files(metadata: &Config) -> Result<[(&'static str, String); 3], FormatError> {
    let kind = metadata.text(MODEL)?.ok_or_else(|| metadata.missing(MODEL))?;
    let told = Told {
        metadata,
        tokens: metadata.texts(TOKENS)?.ok_or_else(|| metadata.missing(TOKENS))?,
        kinds: metadata.sizes(&field("token_type"))?.unwrap_or_default(),
    };
    let parts = match kind {
        "gpt2" => told.byte_level()?,
        "llama" => told.sentence_piece()?,
        other => {
            let what = format!("is `{other}`, which is not supported");
            let next = "`gpt2` (byte-level) and `llama` (SentencePiece) are; convert the original \
                        checkpoint instead";
            return Err(metadata.error(MODEL, &what, next));
        }
    };
    told.files(parts)
}

const MODEL: &str = "tokenizer.ggml.model";
const TOKENS: &str = "tokenizer.ggml.tokens";

fn field(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

impl Told<'_> {
    fn kind(&self, id: usize) -> usize {
        self.kinds.get(id).copied().unwrap_or(NORMAL)
    }

    /// A token that the metadata names by its number.
    fn special(&self, name: &str) -> Result<Option<(usize, &String)>, FormatError> {
        let id = self.metadata.size(&field(name))?;
        Ok(id.and_then(|id| Some((id, self.tokens.get(id)?))))
    }

    fn vocabulary(&self) -> Map<String, Value> {
        self.tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect()
    }

    /// Bytes as letters, split by a pattern, merged in the order of a list.
    fn byte_level(&self) -> Result<Parts, FormatError> {
        let metadata = self.metadata;
        let of = field("merges");
        let merges = metadata.texts(&of)?.ok_or_else(|| metadata.missing(&of))?;
        let name = metadata.text(&field("pre"))?.unwrap_or(UNTOLD);
        let splitting = splitting(name).ok_or_else(|| {
            let names: Vec<&str> =
                SPLITTINGS.iter().flat_map(|splitting| splitting.names).copied().collect();
            let what = format!("is `{name}`, which is not known");
            metadata.error(&field("pre"), &what, format!("those known: {}", names.join(", ")))
        })?;
        Ok(Parts {
            normalizer: splitting.composes.then(|| json!({"type": "NFC"})),
            before: Some(splitting.pre_tokenizer()),
            decoder: byte_level(true),
            model: json!({
                "type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": splitting.whole,
                "vocab": self.vocabulary(), "merges": merges,
            }),
            begins: splitting.begins,
            eats_spaces: false,
        })
    }

    /// Pieces of the whole text, spaces included, merged by their scores; what no piece covers as bytes.
    fn sentence_piece(&self) -> Result<Parts, FormatError> {
        let of = field("scores");
        let scores = self.metadata.numbers(&of)?.ok_or_else(|| self.metadata.missing(&of))?;
        if scores.len() != self.tokens.len() {
            let what = format!("has {} scores for {} tokens", scores.len(), self.tokens.len());
            return Err(self.metadata.error(&of, &what, "write the file again"));
        }
        let prefixed = self.metadata.flag(&field("add_space_prefix"))?.unwrap_or(true);
        let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE});
        let mut normalizers = vec![spaces];
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if prefixed {
            normalizers.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        let unknown = (0..self.tokens.len()).find(|id| self.kind(*id) == UNKNOWN);
        Ok(Parts {
            normalizer: Some(json!({"type": "Sequence", "normalizers": normalizers})),
            before: None,
            decoder: json!({"type": "Sequence", "decoders": decoders}),
            model: json!({
                "type": "BPE", "dropout": null, "unk_token": unknown.map(|id| &self.tokens[id]),
                "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
                "byte_fallback": true, "ignore_merges": false, "vocab": self.vocabulary(),
                "merges": self.merges(&scores),
            }),
            begins: true,
            eats_spaces: self.metadata.text("general.architecture")? == Some("phi3"),
        })
    }

    /// Every way to make a piece of two others, pieces of higher scores first: SentencePiece has no list of merges, and
    /// joins the neighbours that make the best piece.
    fn merges(&self, scores: &[f64]) -> Vec<[&str; 2]> {
        let may_merge = |id: usize| [NORMAL, USER_DEFINED].contains(&self.kind(id));
        let pieces = self.tokens.iter().enumerate().filter(|(id, _)| may_merge(*id));
        let known: HashMap<&str, usize> = pieces.map(|(id, token)| (token.as_str(), id)).collect();
        let mut merges = Vec::new();
        for (&piece, &id) in &known {
            if piece.chars().count() > LONGEST_PIECE {
                continue;
            }
            for (at, _) in piece.char_indices().skip(1) {
                let (left, right) = piece.split_at(at);
                if known.contains_key(left) && known.contains_key(right) {
                    merges.push((id, at, [left, right]));
                }
            }
        }
        merges.sort_by(|(a, at, _), (b, of, _)| {
            scores[*b].total_cmp(&scores[*a]).then((a, at).cmp(&(b, of)))
        });
        merges.into_iter().map(|(.., pair)| pair).collect()
    }

    /// The tokens that end an answer: those that the metadata names, and those that are known to end one.
    fn ends(&self) -> Result<Vec<usize>, FormatError> {
        let named = ["eos_token_id", "eot_token_id", "eom_token_id"].map(|name| self.special(name));
        let named: Vec<_> = named.into_iter().collect::<Result<_, _>>()?;
        let named = named.into_iter().flatten().map(|(id, _)| id);
        let is_known = |id: &usize| {
            [CONTROL, USER_DEFINED].contains(&self.kind(*id)) && ENDS.contains(&&*self.tokens[*id])
        };
        let mut ends: Vec<usize> = named.chain((0..self.tokens.len()).filter(is_known)).collect();
        ends.sort_unstable();
        ends.dedup();
        Ok(ends)
    }

    fn files(&self, parts: Parts) -> Result<[(&'static str, String); 3], FormatError> {
        let (metadata, tokens) = (self.metadata, &self.tokens);
        let added =
            (0..tokens.len()).filter(|id| [CONTROL, USER_DEFINED].contains(&self.kind(*id)));
        let added: Vec<Value> = added
            .map(|id| {
                json!({
                    "id": id, "content": tokens[id], "single_word": false, "lstrip": false,
                    "rstrip": parts.eats_spaces && !KEEPS_SPACES.contains(&&*tokens[id]),
                    "normalized": false, "special": self.kind(id) == CONTROL,
                })
            })
            .collect();
        let (begin, end) = (self.special("bos_token_id")?, self.special("eos_token_id")?);
        let begins = metadata.flag(&field("add_bos_token"))?.unwrap_or(parts.begins);
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
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": parts.normalizer, "pre_tokenizer": parts.before, "post_processor": after,
            "decoder": parts.decoder, "model": parts.model,
        });
        let settings = json!({
            "bos_token": begin.map(|(_, token)| token), "eos_token": end.map(|(_, token)| token),
            "chat_template": metadata.text("tokenizer.chat_template")?,
        });
        Ok([
            ("tokenizer.json", format!("{tokenizer}\n")),
            ("tokenizer_config.json", format!("{settings:#}\n")),
            ("generation_config.json", format!("{:#}\n", json!({"eos_token_id": self.ends()?}))),
        ])
    }
}
