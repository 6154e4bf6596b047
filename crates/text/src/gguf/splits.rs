//! How text is split before bytes are merged, by the names that llama.cpp gives to tokenizers. What a name stands for is
//! what the `tokenizer.json` of its models says; `tests/splits.py` holds each to llama.cpp as well.

use serde_json::{Value, json};

/// A way to split.
pub(super) struct Splitting {
    pub names: &'static [&'static str],
    steps: &'static [Step],
    /// Pieces that are tokens are not merged.
    pub whole: bool,
    /// Texts begin with the beginning token where the file does not say.
    pub begins: bool,
    /// Characters are composed first.
    pub composes: bool,
}

/// Splits the pieces of the step before.
enum Step {
    /// Matches of a pattern are pieces, and so is what lies between them.
    At(&'static str),
    /// Digits are pieces of one each, or of all that follow each other.
    Digits { apart: bool },
    /// Punctuation is, as far as it goes on.
    Punctuation,
    /// The pattern that byte-level tokenizers have of their own, GPT-2's; later steps see letters for bytes.
    Own,
}

use Step::{At, Digits, Own, Punctuation};

pub(super) static SPLITTINGS: &[Splitting] = &[
    Splitting {
        whole: true,
        begins: true,
        ..of(&["llama-bpe", "llama3", "llama-v3", "lfm2"], &[At(LLAMA)])
    },
    of(&["smaug-bpe", "dbrx", "chatglm-bpe"], &[At(LLAMA)]),
    Splitting { whole: true, ..of(&["glm4"], &[At(LLAMA)]) },
    Splitting { whole: true, ..of(&["minicpm5"], &[At(THREE_DIGITS), At(MINICPM)]) },
    Splitting { composes: true, ..of(&["qwen2"], &[At(QWEN)]) },
    of(&["deepseek-r1-qwen", "megrez", "stablelm2"], &[At(QWEN)]),
    of(&["seed-coder"], &[At(SEED)]),
    of(&["gpt-4o", "llama4"], &[At(O200K)]),
    Splitting { whole: true, begins: true, ..of(&["tekken"], &[At(TEKKEN)]) },
    of(
        &["deepseek-llm"],
        &[At("[\r\n]"), At(CASED), At(WIDE_MARKS), At(r"\s+$"), At(IDEOGRAPHS), DIGITS],
    ),
    of(
        &["deepseek-coder"],
        &[At("[\r\n]"), At(r"\s?\p{L}+"), At(r"\s?\p{P}+"), At(IDEOGRAPHS), DIGITS],
    ),
    of(&["deepseek-v3"], &[At(THREE_DIGITS), At("[一-龥\u{3040}-ゟ゠-ヿ]+"), At(DEEPSEEK)]),
    of(&["gpt-2", "phi-2", "jais", "mellum", "trillion"], &[Own]),
    Splitting { composes: true, ..of(&["mpt", "olmo"], &[Own]) },
    of(&["starcoder", "refact", "smollm", "codeshell", "exaone", "minerva-7b"], &[DIGITS, Own]),
    Splitting { composes: true, ..of(&["command-r"], &[DIGITS, Own]) },
    of(&["falcon"], &[Punctuation, Own, Digits { apart: false }, At("[0-9][0-9][0-9]")]),
    of(&["bloom", "poro-chat", "gpt3-finnish"], &[At(BLOOM)]),
    of(&["viking"], &[At(BLOOM), DIGITS]),
    // llama.cpp's own, for files that tell nothing better.
    of(&[UNTOLD], &[At(r"[\p{P}\$\+<=>\^~\|]+"), At(GPT2), At(r"\p{N}+"), At("[0-9][0-9][0-9]")]),
];

/// What a file means that names no splitting.
pub(super) const UNTOLD: &str = "default";

const DIGITS: Step = Digits { apart: true };

const fn of(names: &'static [&'static str], steps: &'static [Step]) -> Splitting {
    Splitting { names, steps, whole: false, begins: false, composes: false }
}

const LLAMA: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const MINICPM: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SEED: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";
const BLOOM: &str = r" ?[^(\s|[.,!?…。，、।۔،])]+";
const THREE_DIGITS: &str = r"\p{N}{1,3}";
const IDEOGRAPHS: &str = "[一-龥\u{800}-一가-\u{d7ff}]+";
const WIDE_MARKS: &str = "\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+";

/// Letters that have cases, as Unicode had them when DeepSeek's first tokenizer was made; the ends of some ranges are
/// characters that composing would replace.
const CASED: &str = concat!(
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ",
    "Ὗ-\u{1f7d}ᾀ-ᾴᾶ-ᾼ\u{1fbe}ῂ-ῄῆ-ῌῐ-\u{1fd3}ῖ-\u{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212a}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳ",
    "Ꙁ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
);

/// The splitting of that name.
pub(super) fn splitting(name: &str) -> Option<&'static Splitting> {
    SPLITTINGS.iter().find(|splitting| splitting.names.contains(&name))
}

impl Splitting {
    /// The `pre_tokenizer` of a `tokenizer.json`.
    pub(super) fn pre_tokenizer(&self) -> Value {
        let owns = self.steps.iter().any(|step| matches!(step, Own));
        let mut steps: Vec<Value> = self.steps.iter().map(Step::json).collect();
        if !owns {
            steps.push(byte_level(false));
        }
        match steps.len() {
            1 => steps.remove(0),
            _ => json!({"type": "Sequence", "pretokenizers": steps}),
        }
    }
}

impl Step {
    fn json(&self) -> Value {
        match self {
            At(pattern) => json!({
                "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                "invert": false,
            }),
            Digits { apart } => json!({"type": "Digits", "individual_digits": apart}),
            Punctuation => json!({"type": "Punctuation", "behavior": "Contiguous"}),
            Own => byte_level(true),
        }
    }
}

/// Bytes as letters, after splitting by GPT-2's pattern or not.
pub(super) fn byte_level(splits: bool) -> Value {
    json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": splits,
    })
}
