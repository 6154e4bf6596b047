//! The tokenizer of a checkpoint and its special tokens.

use crate::bpe::TextModel;
use crate::{ChatTemplate, FormatError, Message};
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};
use tilewright_formats::{Config, read_text};
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

/// The library's tokenizer round a model of ours.
type Tokenizer = TokenizerImpl<
    TextModel,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// What a checkpoint says about text.
#[derive(Debug)]
pub struct Text {
    file: PathBuf,
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    stop: Vec<u32>,
}

impl Text {
    /// Reads the tokenizer in `directory`, and the chat template and the tokens that end an answer where there are some.
    ///
    /// # Errors
    /// When a file is missing, broken, or says what cannot be.
    pub fn open(directory: &Path) -> Result<Text, FormatError> {
        let file = directory.join("tokenizer.json");
        let tokenizer = parse(&file, &read_text(&file)?)?;
        let optional = |name: &str| {
            let path = directory.join(name);
            path.exists().then(|| Config::open(&path)).transpose()
        };
        let settings = optional("tokenizer_config.json")?;
        let special = |field: &str| match &settings {
            Some(settings) => special_token(settings, field),
            None => Ok(None),
        };
        let (begin, end) = (special("bos_token")?, special("eos_token")?);
        let template = match template_of(directory, settings.as_ref())? {
            Some((file, source)) => Some(ChatTemplate::new(&file, &source, [begin, end.clone()])?),
            None => None,
        };
        let mut stop = Vec::new();
        for config in
            [optional("generation_config.json")?, optional("config.json")?].iter().flatten()
        {
            stop.extend(
                config.sizes("eos_token_id")?.unwrap_or_default().iter().map(|id| *id as u32),
            );
        }
        stop.extend(end.and_then(|token| tokenizer.token_to_id(&token)));
        stop.sort_unstable();
        stop.dedup();
        Ok(Text { file, tokenizer, template, stop })
    }

    /// The tokens that end an answer: those of `generation_config.json` and `config.json`, and the tokenizer's own.
    pub fn stop_tokens(&self) -> &[u32] {
        &self.stop
    }

    /// The template of a conversation, where the checkpoint has one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The number of tokens that it knows.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The tokens of plain text, after the tokens that the tokenizer puts before every text.
    ///
    /// # Errors
    /// When the tokenizer cannot read the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, FormatError> {
        self.encode_with(text, true)
    }

    /// The tokens of a conversation whose next message is the assistant's.
    ///
    /// # Errors
    /// When there is no template, or it fails.
    pub fn encode_chat(&self, messages: &[Message]) -> Result<Vec<u32>, FormatError> {
        let Some(template) = &self.template else {
            let next = "the model continues plain text: leave the roles out";
            return Err(FormatError::new(&self.file, "has no chat template beside it", next));
        };
        // The template writes special tokens itself.
        self.encode_with(&template.render(messages)?, false)
    }

    fn encode_with(&self, text: &str, special: bool) -> Result<Vec<u32>, FormatError> {
        let encoded = self.tokenizer.encode_fast(text, special);
        encoded
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|e| self.fails("read a text", &*e))
    }

    /// From here on tokens are written, and no more texts are read: lets go of what only reading needs, a third of the
    /// tokenizer's memory.
    pub fn only_writes(&mut self) {
        if let Some(model) = self.tokenizer.get_model().of_writer() {
            self.tokenizer.with_model(model);
        }
    }

    /// The text of tokens, special ones left out.
    ///
    /// # Errors
    /// When the tokenizer cannot write them.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, FormatError> {
        self.tokenizer.decode(tokens, true).map_err(|e| self.fails("write tokens", &*e))
    }

    fn fails(&self, doing: &str, error: &dyn std::fmt::Display) -> FormatError {
        let next = "is it the tokenizer of this model?";
        FormatError::new(&self.file, format!("cannot {doing}: {error}"), next)
    }
}

/// Parses `tokenizer.json`.
fn parse(file: &Path, text: &str) -> Result<Tokenizer, FormatError> {
    let fault = |error: &dyn std::fmt::Display| {
        let what: String = error.to_string().chars().take(200).collect();
        let next = "download it again; it must be a tokenizer.json of the `tokenizers` library";
        FormatError::new(file, format!("is no tokenizer: {what}"), next)
    };
    // The library panics over text that is no JSON.
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| fault(&e))?;
    serde_json::from_str(text).map_err(|e| fault(&e))
}

/// A special token: text, or an object that holds it.
fn special_token(settings: &Config, field: &str) -> Result<Option<String>, FormatError> {
    match settings.value(field) {
        Some(value) if value.is_object() => {
            let object = settings.object(field)?;
            object.map_or(Ok(None), |token| Ok(token.text("content")?.map(String::from)))
        }
        _ => Ok(settings.text(field)?.map(String::from)),
    }
}

/// The chat template and the file that holds it.
fn template_of(
    directory: &Path,
    settings: Option<&Config>,
) -> Result<Option<(PathBuf, String)>, FormatError> {
    let file = directory.join("chat_template.jinja");
    if file.exists() {
        let source = read_text(&file)?;
        return Ok(Some((file, source)));
    }
    let Some(settings) = settings else { return Ok(None) };
    let source = match settings.value("chat_template") {
        // Several, by name: the default one.
        Some(serde_json::Value::Array(several)) => {
            let default = several.iter().find(|one| one["name"] == "default");
            default.and_then(|one| one["template"].as_str()).map(String::from)
        }
        _ => settings.text("chat_template")?.map(String::from),
    };
    Ok(source.map(|source| (settings.file().to_path_buf(), source)))
}
