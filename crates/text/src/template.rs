//! Chat templates: Jinja programs that write a conversation as the model learned to read it.

use crate::FormatError;
use crate::bounds::{Stopped, bounded};
use crate::date::strftime;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Steps that a template may take. Real ones take some hundred a message.
const FUEL: u64 = 1_000_000;

/// Memory that a template may hold, for each conversation and for each of its bytes.
const MEMORY: [usize; 2] = [64 << 20, 16];

/// Time that it may take. Real ones take milliseconds.
const TIME: Duration = Duration::from_secs(20);

/// The longest template. Published ones are up to some tens of thousands of characters.
const LONGEST: usize = 256 << 10;

/// The name under which a template is compiled.
const NAME: &str = "chat";

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of that role.
    pub fn new(role: &str, content: &str) -> Message {
        Message { role: role.into(), content: content.into() }
    }
}

/// A compiled template. It runs on a thread of its own, within bounds of steps and time, and where [`Counting`] allocates
/// also of memory.
///
/// [`Counting`]: crate::Counting
#[derive(Debug)]
pub struct ChatTemplate {
    file: PathBuf,
    environment: Arc<Environment<'static>>,
    /// The tokens that begin and end a text.
    ends: [Option<String>; 2],
}

impl ChatTemplate {
    /// Compiles a template of `file`.
    ///
    /// # Errors
    /// When it is no Jinja, or no template is as long.
    pub fn new(
        file: &Path,
        source: &str,
        ends: [Option<String>; 2],
    ) -> Result<ChatTemplate, FormatError> {
        if source.len() > LONGEST {
            let what =
                format!("its chat template is {} bytes long, {LONGEST} at most", source.len());
            return Err(FormatError::new(file, what, RAW));
        }
        let source = without_marks(source);
        let compiled = bounded(MEMORY[0], TIME, || environment(source));
        let environment = compiled.map_err(|stopped| unbounded(file, stopped))?;
        let environment = environment.map_err(|e| fault(file, "is no Jinja", &e))?;
        Ok(ChatTemplate { file: file.into(), environment: Arc::new(environment), ends })
    }

    /// The conversation as text, up to where the assistant is to speak.
    ///
    /// # Errors
    /// When the template refuses the conversation, or runs out of fuel, memory or time.
    pub fn render(&self, messages: &[Message]) -> Result<String, FormatError> {
        let said: usize = messages.iter().map(|message| message.content.len()).sum();
        let messages: Vec<_> =
            messages.iter().map(|Message { role, content }| context! { role, content }).collect();
        let [begin, end] = self.ends.clone();
        let environment = self.environment.clone();
        let render = move || {
            environment.get_template(NAME)?.render(context! {
                messages,
                add_generation_prompt => true,
                // There, though nobody can give any: templates ask whether they are none.
                tools => (),
                documents => (),
                bos_token => begin.unwrap_or_default(),
                eos_token => end.unwrap_or_default(),
            })
        };
        let rendered =
            bounded(MEMORY[0].saturating_add(MEMORY[1].saturating_mul(said)), TIME, render);
        let rendered = rendered.map_err(|stopped| unbounded(&self.file, stopped))?;
        rendered.map_err(|e| fault(&self.file, "does not take this conversation", &e))
    }
}

/// A template, compiled.
fn environment(source: String) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // As Hugging Face sets Jinja up.
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_unknown_method_callback(method);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_function("raise_exception", |text: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, text))
    });
    // The date of a prompt, in UTC.
    environment.add_function("strftime_now", |pattern: String| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        strftime(&pattern, now.map_or(0, |now| now.as_secs()))
    });
    environment.add_filter("tojson", json);
    environment.add_template_owned(NAME, source)?;
    Ok(environment)
}

/// The template without the marks around what the assistant says, by which training masks the rest; they print nothing.
fn without_marks(source: &str) -> String {
    let (mut text, mut rest) = (String::new(), source);
    while let Some(at) = rest.find("{%") {
        text += &rest[..at];
        rest = &rest[at..];
        let Some(end) = rest.find("%}") else { break };
        let (tag, after) = rest.split_at(end + 2);
        // As blocks that take whitespace away on the same sides.
        text += &match tag[2..end].trim_matches(|c: char| c == '-' || c == '+').trim() {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.into(),
        };
        rest = after;
    }
    text + rest
}

/// What Jinja can loop over: also what is not there, but not nothing, which templates ask of their tools.
fn is_iterable(value: &Value) -> bool {
    value.is_undefined() || is_sequence(value) || value.kind() == ValueKind::Iterable
}

/// What has a length and places in Python.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}

/// Python's methods: those that are known, and the newer ones of strings.
fn method(state: &State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (Some(text), [part]) = (value.as_str(), args) else {
        return unknown_method_callback(state, value, name, args);
    };
    let Some(part) = part.as_str() else {
        return unknown_method_callback(state, value, name, args);
    };
    let parts = |three: [&str; 3]| Ok(Value::from_iter(three.map(Value::from)));
    match name {
        "removeprefix" => Ok(text.strip_prefix(part).unwrap_or(text).into()),
        "removesuffix" => Ok(text.strip_suffix(part).unwrap_or(text).into()),
        "partition" if !part.is_empty() => match text.split_once(part) {
            Some((before, after)) => parts([before, part, after]),
            None => parts([text, "", ""]),
        },
        "rpartition" if !part.is_empty() => match text.rsplit_once(part) {
            Some((before, after)) => parts([before, part, after]),
            None => parts(["", "", text]),
        },
        _ => unknown_method_callback(state, value, name, args),
    }
}

/// The filter `tojson` as Hugging Face sets Jinja up: Python's spaces, and nothing escaped for HTML.
fn json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let mut text = Vec::new();
    let written = match indent {
        Some(indent) => {
            let spaces = " ".repeat(indent.min(16));
            let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut text, formatter))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut text, Spaced)),
    };
    let wrong = |e: String| Error::new(ErrorKind::BadSerialization, e);
    written.map_err(|e| wrong(e.to_string()))?;
    String::from_utf8(text).map(Value::from).map_err(|e| wrong(e.to_string()))
}

/// JSON in one line with a space after each comma and colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(w, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }
}

const RAW: &str = "use --raw to continue plain text without a template";

fn fault(file: &Path, what: &str, error: &Error) -> FormatError {
    let detail: String = error.to_string().chars().take(200).collect();
    FormatError::new(file, format!("its chat template {what}: {detail}"), RAW)
}

/// What is said of a template that left its bounds.
fn unbounded(file: &Path, stopped: Stopped) -> FormatError {
    let what = match stopped {
        Stopped::Memory => "asks for more memory than a conversation needs",
        Stopped::Time => "takes too long",
        Stopped::Broken => "cannot be run",
    };
    FormatError::new(file, format!("its chat template {what}"), RAW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Result<String, FormatError> {
        let ends = [Some("<s>".into()), None];
        let template = ChatTemplate::new(Path::new("tokenizer_config.json"), source, ends)?;
        template.render(&[Message::new("system", " Be short. "), Message::new("user", "Hi")])
    }

    #[test]
    fn a_template_as_they_are_published() {
        let source = "{{ bos_token }}{%- for message in messages %}\n  {%- if message['role'] == 'system' %}\n    \
            {{- '<|system|>\\n' + message.content.strip() + '\\n' }}\n  {%- else %}\n    \
            {{- '<|' ~ message.role ~ '|>' ~ message.content | trim }}\n  {%- endif %}\n{%- endfor %}\n\
            {%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
        assert_eq!(render(source).unwrap(), "<s><|system|>\nBe short.\n<|user|>Hi<|assistant|>");
    }

    #[test]
    fn what_hugging_face_adds_to_jinja() {
        for (source, expected) in [
            ("{{ ['a<b', 1, none] | tojson }}", r#"["a<b", 1, null]"#),
            ("{{ {'a': \"it's\"} | tojson }}", r#"{"a": "it's"}"#),
            ("{{ [1] | tojson(indent=1) }}", "[\n 1\n]"),
            ("{% if tools is not none %}tools{% endif %}{{ tools is defined }}", "True"),
            ("{{ strftime_now('%Y') | length }}", "4"),
            // Without tools they are none, which templates find by asking whether they can be looped over.
            ("{% if tools is iterable and tools | length > 0 %}tools{% endif %}", ""),
            (
                "{% for x in [none, 'a', [1], {}, 3] %}{{ x is iterable }} {% endfor %}",
                "False True True True False ",
            ),
            ("{{ nope is iterable }}", "True"),
            (
                "{{ 'a' is sequence }} {{ {} is sequence }} {{ none is sequence }}",
                "True True False",
            ),
            ("{% for i in [1, 2] %}{{ loop.previtem }}{{ loop.nextitem }},{% endfor %}", "2,1,"),
            ("{{ {'b': 1, 'a': 2} | tojson }}", r#"{"b": 1, "a": 2}"#),
            ("{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}", "bcab"),
            ("{{ 'k: v'.partition(': ')[2] }}{{ 'kv'.partition(': ')[0] }}", "vkv"),
            ("{{ 'a/b/c'.rpartition('/')[0] }}", "a/b"),
            ("a {%- generation -%} b {% endgeneration %}c", "ab c"),
            ("{% if true %}{% generation %}\nx\n{% endgeneration %}\n{% endif %}", "x\n"),
            ("generation {{ '{' }}% generation", "generation {% generation"),
        ] {
            assert_eq!(render(source).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn templates_have_limits_and_a_voice() {
        for (source, fault) in [
            (
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "fuel",
            ),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
            ("{% include 'chat' %}", "include"),
            ("{% extends 'chat' %}", "chat template"),
            ("{% import 'chat' as c %}{{ c }}", "chat template"),
            ("{% if %}", "is no Jinja"),
            ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
            ("{{ messages.nothing() }}", "nothing"),
        ] {
            let error = render(source).unwrap_err();
            assert!(error.to_string().contains(fault), "{source}: {error}");
            assert!(error.to_string().starts_with("tokenizer_config.json: "), "{error}");
        }
    }
}
