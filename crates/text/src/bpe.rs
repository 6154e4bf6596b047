//! Byte-pair encoding in little memory: what the `tokenizers` library makes of the same model, token for token.
//!
//! The library reads the model as JSON in memory before it makes tables of strings out of it: 130 MB for the 152,000 tokens
//! of Qwen 3, of which 30 stay. Here the file is read once, and pieces lie one after the other in one string: 7 MB. All
//! that is round the model (normalizers, splitting, added tokens, decoders) is the library's.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tables::{Merges, Pieces};
use tokenizers::models::{ModelWrapper, TrainerWrapper, bpe::BpeTrainer};
use tokenizers::{Model, Token};

mod tables;

/// The model of a tokenizer.
#[derive(Debug)]
pub(crate) enum TextModel {
    Bpe(Bpe),
    /// What is no byte-pair encoding, or one that draws lots.
    Other(Box<ModelWrapper>),
}

impl<'de> Deserialize<'de> for TextModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        match Bpe::of(&fields) {
            Some(made) => made.map(TextModel::Bpe).map_err(D::Error::custom),
            None => serde_json::from_str(raw.get()).map(TextModel::Other).map_err(D::Error::custom),
        }
    }
}

impl TextModel {
    /// The same for those who only write tokens, if that takes less memory.
    pub fn of_writer(&self) -> Option<TextModel> {
        match self {
            TextModel::Bpe(bpe) => Some(TextModel::Bpe(bpe.of_writer())),
            TextModel::Other(_) => None,
        }
    }
}

impl Model for TextModel {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        match self {
            TextModel::Bpe(bpe) => bpe.tokenize(text),
            TextModel::Other(other) => other.tokenize(text),
        }
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            TextModel::Bpe(bpe) => bpe.pieces.id(token),
            TextModel::Other(other) => other.token_to_id(token),
        }
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        match self {
            TextModel::Bpe(bpe) => bpe.pieces.text(id).map(String::from),
            TextModel::Other(other) => other.id_to_token(id),
        }
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        match self {
            TextModel::Bpe(bpe) => {
                bpe.pieces.all().map(|(piece, id)| (piece.to_string(), id)).collect()
            }
            TextModel::Other(other) => other.get_vocab(),
        }
    }

    fn get_vocab_size(&self) -> usize {
        match self {
            TextModel::Bpe(bpe) => bpe.pieces.len(),
            TextModel::Other(other) => other.get_vocab_size(),
        }
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        match self {
            TextModel::Bpe(_) => Err("this model is only read".into()),
            TextModel::Other(other) => other.save(folder, prefix),
        }
    }

    fn get_trainer(&self) -> TrainerWrapper {
        match self {
            TextModel::Bpe(_) => BpeTrainer::default().into(),
            TextModel::Other(other) => other.get_trainer(),
        }
    }
}

/// The fields of an object, as they are written.
type Fields<'a> = HashMap<String, &'a RawValue>;

/// A field that may be missing or null.
fn field<'a, T: Deserialize<'a> + Default>(
    fields: &Fields<'a>,
    name: &str,
) -> serde_json::Result<T> {
    match fields.get(name) {
        Some(raw) => Ok(serde_json::from_str::<Option<T>>(raw.get())?.unwrap_or_default()),
        None => Ok(T::default()),
    }
}

/// A vocabulary, and which neighbours become one, the first of the list first.
#[derive(Debug)]
pub(crate) struct Bpe {
    pieces: Arc<Pieces>,
    /// Left, right, rank, and what they become; in order. None once texts are no longer read.
    merges: Option<Vec<[u32; 4]>>,
    /// What stands for what is no piece.
    unknown: Option<String>,
    /// Of several unknown in a row there is one.
    fuses: bool,
    /// What is no piece is written in pieces `<0xHH>`, if all are there.
    bytes: bool,
    /// A word that is a piece is not taken apart.
    whole: bool,
    /// What pieces begin with that do not begin a word.
    prefix: String,
    /// What pieces end with that end a word.
    suffix: String,
}

impl Bpe {
    /// The model of these fields, unless it is of another kind.
    fn of(fields: &Fields<'_>) -> Option<serde_json::Result<Bpe>> {
        let kind: Option<String> = field(fields, "type").ok()?;
        let dropout: Option<f64> = field(fields, "dropout").ok()?;
        let (vocabulary, merges) = (fields.get("vocab")?, fields.get("merges")?);
        let usual = kind.as_deref() == Some("BPE") && dropout.is_none_or(|p| p == 0.0);
        usual.then(|| Bpe::read(fields, vocabulary, merges))
    }

    fn read(
        fields: &Fields<'_>,
        vocabulary: &RawValue,
        merges: &RawValue,
    ) -> serde_json::Result<Bpe> {
        let prefix: String = field(fields, "continuing_subword_prefix")?;
        let pieces: Pieces = serde_json::from_str(vocabulary.get())?;
        let list: Merges = serde_json::from_str(merges.get())?;
        let lacking =
            |piece: &str| serde_json::Error::custom(format!("Token `{piece}` out of vocabulary"));
        let id = |piece: &str| pieces.id(piece).ok_or_else(|| lacking(piece));
        let mut merges = Vec::with_capacity(list.len());
        let mut joined = String::new();
        for (rank, [left, right]) in list.pairs().enumerate() {
            joined.clear();
            joined.push_str(left);
            joined.push_str(right.get(prefix.len()..).ok_or_else(|| lacking(right))?);
            merges.push([id(left)?, id(right)?, rank as u32, id(&joined)?]);
        }
        merges.sort_unstable();
        // Of a pair that is listed twice, the last counts.
        merges.dedup_by(|later, earlier| {
            let twice = later[..2] == earlier[..2];
            if twice {
                *earlier = *later;
            }
            twice
        });
        Ok(Bpe {
            pieces: Arc::new(pieces),
            merges: Some(merges),
            unknown: field(fields, "unk_token")?,
            fuses: field(fields, "fuse_unk")?,
            bytes: field(fields, "byte_fallback")?,
            whole: field(fields, "ignore_merges")?,
            prefix,
            suffix: field(fields, "end_of_word_suffix")?,
        })
    }

    /// The same for those who only write tokens, without what they do not need.
    fn of_writer(&self) -> Bpe {
        let (pieces, unknown) = (self.pieces.clone(), self.unknown.clone());
        let (prefix, suffix) = (self.prefix.clone(), self.suffix.clone());
        Bpe { pieces, merges: None, unknown, prefix, suffix, ..*self }
    }

    /// Rank and result of a pair that becomes one.
    fn merge(&self, pair: [u32; 2]) -> Option<[u32; 2]> {
        let merges = self.merges.as_ref()?;
        let at = merges.binary_search_by_key(&pair, |[left, right, ..]| [*left, *right]).ok()?;
        Some([merges[at][2], merges[at][3]])
    }

    fn tokenize(&self, word: &str) -> tokenizers::Result<Vec<Token>> {
        if self.merges.is_none() {
            return Err("it was told that no more texts are read".into());
        }
        if word.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(id) = self.pieces.id(word).filter(|_| self.whole) {
            return Ok(vec![Token::new(id, word.into(), (0, word.len()))]);
        }
        let mut at = 0;
        let token = |(id, len): (u32, usize)| {
            at += len;
            let piece = self.pieces.text(id).unwrap_or_default();
            Token::new(id, piece.into(), (at - len, at))
        };
        Ok(self.joined(self.letters(word)?).into_iter().map(token).collect())
    }

    /// The pieces of single characters, each with the bytes of the word that it stands for.
    fn letters(&self, word: &str) -> tokenizers::Result<Vec<(u32, usize)>> {
        let mut letters = Vec::with_capacity(word.len());
        let mut unknown: Option<(u32, usize)> = None;
        let mut spelled = String::new();
        let mut characters = word.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let len = character.len_utf8();
            spelled.clear();
            if at > 0 {
                spelled.push_str(&self.prefix);
            }
            spelled.push(character);
            if characters.peek().is_none() {
                spelled.push_str(&self.suffix);
            }
            if let Some(id) = self.pieces.id(&spelled) {
                letters.extend(unknown.take());
                letters.push((id, len));
                continue;
            }
            if self.bytes {
                let byte = |byte: u8| self.pieces.id(&format!("<{byte:#04X}>"));
                if let Some(bytes) = spelled.bytes().map(byte).collect::<Option<Vec<u32>>>() {
                    letters.extend(bytes.into_iter().map(|id| (id, 1)));
                    continue;
                }
            }
            let Some(stands) = &self.unknown else { continue };
            unknown = match unknown {
                Some((id, before)) if self.fuses => Some((id, before + len)),
                before => {
                    letters.extend(before);
                    let lacking = || format!("Unk token `{stands}` not found in the vocabulary");
                    Some((self.pieces.id(stands).ok_or_else(lacking)?, len))
                }
            };
        }
        letters.extend(unknown);
        Ok(letters)
    }

    /// Neighbours joined as long as any are to be: those of the lowest rank first, of equal ones the first in the word.
    fn joined(&self, letters: Vec<(u32, usize)>) -> Vec<(u32, usize)> {
        const NONE: usize = usize::MAX;
        struct Link {
            id: u32,
            len: usize,
            before: usize,
            after: usize,
        }
        let count = letters.len();
        let mut links: Vec<Link> = letters
            .into_iter()
            .enumerate()
            .map(|(at, (id, len))| Link {
                id,
                len,
                before: at.wrapping_sub(1),
                after: if at + 1 < count { at + 1 } else { NONE },
            })
            .collect();
        let mut waiting = BinaryHeap::with_capacity(count);
        let pair = |links: &[Link], left: usize, right: usize| {
            let found = self.merge([links[left].id, links[right].id]);
            found.map(|[rank, becomes]| Reverse((rank, left, becomes)))
        };
        for left in 1..count {
            waiting.extend(pair(&links, left - 1, left));
        }
        while let Some(Reverse((_, left, becomes))) = waiting.pop() {
            let right = links[left].after;
            if links[left].len == 0 || right == NONE {
                continue;
            }
            // It may have been joined with others since.
            let now = self.merge([links[left].id, links[right].id]);
            if now.is_none_or(|[_, now]| now != becomes) {
                continue;
            }
            let (len, after) = (links[right].len, links[right].after);
            links[right].len = 0;
            links[left].id = becomes;
            links[left].len += len;
            links[left].after = after;
            if after != NONE {
                links[after].before = left;
                waiting.extend(pair(&links, left, after));
            }
            if links[left].before != NONE {
                let before = links[left].before;
                waiting.extend(pair(&links, before, left));
            }
        }
        links.into_iter().filter(|link| link.len > 0).map(|link| (link.id, link.len)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Numbers that repeat from run to run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, sides: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            (self.0 >> 33) as usize % sides
        }
    }

    /// A random model over few letters, some of them of several bytes.
    fn model(dice: &mut Dice) -> Value {
        const LETTERS: [&str; 7] = ["a", "b", "c", " ", "\u{e9}", "\u{6f22}", "\u{1f600}"];
        let prefix = ["", "", "##"][dice.below(3)];
        let suffix = ["", "", "</w>"][dice.below(3)];
        let mut pieces: Vec<String> = LETTERS.iter().map(|letter| letter.to_string()).collect();
        pieces.retain(|_| dice.below(6) > 0);
        let plain = pieces.clone();
        pieces.extend(plain.iter().map(|letter| format!("{prefix}{letter}")));
        pieces.extend(plain.iter().map(|letter| format!("{prefix}{letter}{suffix}")));
        let mut merges = Vec::new();
        for _ in 0..dice.below(40) {
            if pieces.is_empty() {
                break;
            }
            let [left, right] = [0; 2].map(|_| pieces[dice.below(pieces.len())].clone());
            let Some(rest) = right.get(prefix.len()..) else { continue };
            let both = format!("{left}{rest}");
            if both.len() < 12 {
                pieces.push(both);
                merges.push([left, right]);
            }
        }
        pieces.sort();
        pieces.dedup();
        if dice.below(2) == 0 {
            pieces.extend((0..=255).map(|byte| format!("<{byte:#04X}>")));
        }
        let unknown = (dice.below(3) > 0).then_some("<unk>");
        pieces.extend(unknown.map(String::from));
        // Numbers with gaps, in no order.
        let mut ids: Vec<usize> = (0..pieces.len()).map(|id| id * 3 % 1021).collect();
        for at in 1..ids.len() {
            ids.swap(at, dice.below(at + 1));
        }
        let vocabulary: serde_json::Map<String, Value> =
            pieces.iter().zip(&ids).map(|(piece, id)| (piece.clone(), json!(id))).collect();
        let older = dice.below(2) == 0 && merges.iter().flatten().all(|p| !p.contains(' '));
        let merges: Value = match older {
            true => merges.iter().map(|pair| json!(pair.join(" "))).collect(),
            false => json!(merges),
        };
        json!({
            "type": "BPE", "dropout": null, "unk_token": unknown,
            "continuing_subword_prefix": Some(prefix).filter(|p| !p.is_empty()),
            "end_of_word_suffix": Some(suffix).filter(|s| !s.is_empty()),
            "fuse_unk": dice.below(2) == 0, "byte_fallback": dice.below(2) == 0,
            "ignore_merges": dice.below(2) == 0, "vocab": vocabulary, "merges": merges,
        })
    }

    #[test]
    fn tokens_are_those_of_the_library() {
        let mut dice = Dice(20);
        let mut joined = 0;
        for round in 0..400 {
            let text = model(&mut dice).to_string();
            let ours: TextModel = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
            assert!(matches!(ours, TextModel::Bpe(_)));
            let theirs: ModelWrapper = serde_json::from_str(&text).unwrap();
            assert_eq!(ours.get_vocab(), theirs.get_vocab());
            assert_eq!(ours.get_vocab_size(), theirs.get_vocab_size());
            for id in 0..1100 {
                assert_eq!(ours.id_to_token(id), theirs.id_to_token(id), "{text}");
            }
            for _ in 0..30 {
                const PARTS: [&str; 8] =
                    ["a", "b", "c", " ", "\u{e9}", "\u{6f22}", "\u{1f600}", "x"];
                let word: String = (0..dice.below(20)).map(|_| PARTS[dice.below(8)]).collect();
                let [found, expected] = [ours.tokenize(&word), theirs.tokenize(&word)];
                let expected = expected.unwrap();
                assert_eq!(found.unwrap(), expected, "round {round}, {word:?}: {text}");
                joined += word.chars().count().saturating_sub(expected.len());
            }
        }
        assert!(joined > 10_000, "{joined} letters were joined");
    }

    #[test]
    fn what_is_no_model_is_refused_and_what_is_another_is_left_to_the_library() {
        let read = |text: &str| serde_json::from_str::<TextModel>(text);
        for (text, fault) in [
            (
                r#"{"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}"#,
                "`b` out of vocabulary",
            ),
            (r#"{"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]]}"#, "`aa` out of"),
            (r#"{"type": "BPE", "vocab": {"a": 0}, "merges": ["a a a"]}"#, "no pair of tokens"),
            (r#"{"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}"#, "of two tokens"),
            (r#"{"type": "BPE", "vocab": {"a": -1}, "merges": []}"#, "invalid value"),
            (r#"{"type": "BPE", "vocab": ["a"], "merges": []}"#, "invalid type"),
            (
                r###"{"type": "BPE", "continuing_subword_prefix": "##", "vocab": {"a": 0}, "merges": [["a", "a"]]}"###,
                "`a` out of vocabulary",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
        let other = r#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}"#;
        assert!(matches!(read(other), Ok(TextModel::Other(_))));
        let lots = r#"{"type": "BPE", "dropout": 0.5, "vocab": {"a": 0}, "merges": []}"#;
        assert!(matches!(read(lots), Ok(TextModel::Other(_))));
        // The last of two counts, of strings as of pairs.
        let twice = r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "a": 7}, "merges": ["a b", "a b"]}"#;
        let twice = read(twice).unwrap();
        assert_eq!((twice.token_to_id("a"), twice.id_to_token(0)), (Some(7), None));
        assert_eq!(twice.tokenize("abb").unwrap()[0], Token::new(2, "ab".into(), (0, 2)));
    }

    #[test]
    fn a_long_word_takes_no_longer_for_each_of_its_letters() {
        let text = r#"{"type": "BPE", "vocab": {"a": 0, "aa": 1, "aaaa": 2},
            "merges": [["a", "a"], ["aa", "aa"]]}"#;
        let model: TextModel = serde_json::from_str(text).unwrap();
        assert_eq!(model.tokenize(&"a".repeat(400_000)).unwrap().len(), 100_000);
    }
}
