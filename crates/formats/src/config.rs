//! `config.json` and its like: typed fields of a JSON object, and errors that name file and field.

use crate::FormatError;
use crate::bytes::read_text;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A JSON object of a file. A field that is `null` counts as absent, as in the configurations that Python writes.
#[derive(Clone, Debug)]
pub struct Config {
    file: PathBuf,
    /// Where in the file the object lies: empty, or `rope_scaling.`.
    prefix: String,
    fields: Map<String, Value>,
}

/// Sizes of a model are axes of its tensors, and kernels count these in 32 bits.
const GREATEST_SIZE: u64 = i32::MAX as u64;

impl Config {
    /// Reads a file that holds one object.
    ///
    /// # Errors
    /// When it cannot be read, or is no JSON object.
    pub fn open(file: &Path) -> Result<Config, FormatError> {
        Config::parse(file, &read_text(file)?)
    }

    /// Parses text; `file` is for error messages.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(file: &Path, text: &str) -> Result<Config, FormatError> {
        let next = "download it again, or compare it with the one that was published";
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => {
                Ok(Config { file: file.into(), prefix: String::new(), fields })
            }
            Ok(_) => Err(FormatError::new(file, "is JSON, but no object", next)),
            Err(e) => Err(FormatError::new(file, format!("is not JSON: {e}"), next)),
        }
    }

    /// The same with a field set.
    pub fn with(mut self, field: &str, value: Value) -> Config {
        self.fields.insert(field.into(), value);
        self
    }

    /// The same with a field set where the file does not name it; one that it names as `null` stays so.
    pub fn or(self, field: &str, value: impl Into<Value>) -> Config {
        match self.fields.contains_key(field) {
            true => self,
            false => self.with(field, value.into()),
        }
    }

    /// The same without a field.
    pub fn without(mut self, field: &str) -> Config {
        self.fields.remove(field);
        self
    }

    /// The text of a file that holds it, fields in alphabetical order.
    pub fn to_text(&self) -> String {
        let fields: BTreeMap<&String, &Value> = self.fields.iter().collect();
        let mut text = Vec::new();
        let pretty = PrettyFormatter::with_indent(b"    ");
        // Only keys that are no text and writers that fail make this fail.
        let _ = fields.serialize(&mut Serializer::with_formatter(&mut text, pretty));
        text.push(b'\n');
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The names of the fields, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The value of a field as JSON, if it has one.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// An error about a field.
    pub fn error(&self, field: &str, what: &str, next: impl Into<String>) -> FormatError {
        FormatError::new(&self.file, format!("`{}{field}` {what}", self.prefix), next)
    }

    /// The text of a field.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, field: &str) -> Result<Option<&str>, FormatError> {
        self.typed(field, "text", Value::as_str)
    }

    /// A whole number from 0 to 2147483647.
    ///
    /// # Errors
    /// When it is something else.
    pub fn size(&self, field: &str) -> Result<Option<usize>, FormatError> {
        self.typed(field, "a whole number from 0 to 2147483647", size)
    }

    /// A number.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(&self, field: &str) -> Result<Option<f64>, FormatError> {
        self.typed(field, "a number", Value::as_f64)
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, field: &str) -> Result<Option<bool>, FormatError> {
        self.typed(field, "true or false", Value::as_bool)
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// When it is something else.
    pub fn numbers(&self, field: &str) -> Result<Option<Vec<f64>>, FormatError> {
        self.list(field, "a list of numbers", Value::as_f64)
    }

    /// A list of texts.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&self, field: &str) -> Result<Option<Vec<String>>, FormatError> {
        self.list(field, "a list of texts", |value| value.as_str().map(String::from))
    }

    /// One whole number or a list of them, as `eos_token_id` is.
    ///
    /// # Errors
    /// When it is something else.
    pub fn sizes(&self, field: &str) -> Result<Option<Vec<usize>>, FormatError> {
        match self.value(field) {
            Some(Value::Array(_)) => self.list(field, "a list of whole numbers", size),
            _ => Ok(self.size(field)?.map(|one| vec![one])),
        }
    }

    /// The object of a field.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, field: &str) -> Result<Option<Config>, FormatError> {
        let Some(fields) = self.typed(field, "an object", Value::as_object)? else {
            return Ok(None);
        };
        let prefix = format!("{}{field}.", self.prefix);
        Ok(Some(Config { file: self.file.clone(), prefix, fields: fields.clone() }))
    }

    /// A size that must be there and be at least 1.
    ///
    /// # Errors
    /// When it is not.
    pub fn positive(&self, field: &str) -> Result<usize, FormatError> {
        match self.size(field)? {
            Some(size) if size > 0 => Ok(size),
            Some(_) => Err(self.error(field, "is 0", "it must be at least 1")),
            None => Err(self.missing(field)),
        }
    }

    /// As [`positive`](Self::positive), or `default` where there is none.
    ///
    /// # Errors
    /// When it is 0, or no size.
    pub fn positive_or(&self, field: &str, default: usize) -> Result<usize, FormatError> {
        match self.value(field) {
            Some(_) => self.positive(field),
            None => Ok(default),
        }
    }

    /// The error for a field that must be there.
    pub fn missing(&self, field: &str) -> FormatError {
        self.error(field, "is missing", "is this the configuration of a whole model?")
    }

    fn typed<'a, T>(
        &'a self,
        field: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FormatError> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let wrong =
            || self.error(field, &format!("is {}", shown(value)), format!("it must be {expected}"));
        read(value).map(Some).ok_or_else(wrong)
    }

    fn list<T>(
        &self,
        field: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, FormatError> {
        self.typed(field, expected, |value| value.as_array()?.iter().map(&read).collect())
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().filter(|size| *size <= GREATEST_SIZE).map(|size| size as usize)
}

/// A value in an error message: its beginning, however long it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        Value::String(text) => {
            let start: String = text.chars().take(40).collect();
            format!("{start:?}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_types_and_errors_have_names() {
        let text = r#"{"n": 3, "x": 1e-5, "s": "silu", "none": null, "list": [1, 2.5],
                       "eos": 7, "far": 4294967296, "in": {"n": "three"}}"#;
        let config = Config::parse(Path::new("config.json"), text).unwrap();
        assert_eq!(config.size("n"), Ok(Some(3)));
        assert_eq!(config.number("x"), Ok(Some(1e-5)));
        assert_eq!(config.text("s"), Ok(Some("silu")));
        assert_eq!(config.text("none"), Ok(None));
        assert_eq!(config.numbers("list"), Ok(Some(vec![1.0, 2.5])));
        assert_eq!(config.sizes("eos"), Ok(Some(vec![7])));
        let inner = config.object("in").unwrap().unwrap();
        let message = inner.size("n").unwrap_err().to_string();
        assert_eq!(message, "config.json: `in.n` is \"three\"");
        for wrong in ["far", "x", "list"] {
            assert!(config.positive(wrong).unwrap_err().to_string().contains(wrong));
        }
        assert!(config.positive("absent").unwrap_err().to_string().contains("missing"));
        assert!(Config::parse(Path::new("c"), "[1]").is_err());
        assert!(Config::parse(Path::new("c"), &"[".repeat(100_000)).is_err());
    }
}
