//! `tilewright generate`: text from a model.

use crate::failure::Failure;
use crate::memory::release_code;
use crate::model::{bounds, directory, load, sampling};
use crate::patching::Patching;
use crate::progress::Busy;
use clap::ArgMatches;
use serde_json::json;
use std::io::{IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tilewright_engine::{Answer, Finish, Request, admit, generate};
use tilewright_formats::read_text;
use tilewright_text::{Message, Stream, Text};

/// Continues each `--prompt`, or answers it where the checkpoint has a chat template.
///
/// # Errors
/// When the checkpoint cannot be run, the prompt does not fit its context, or stdout is closed.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let patching = Patching::asked(matches)?;
    sampling(matches).check()?;
    let directory = directory(matches)?;
    let mut text = Text::open(&directory)?;
    let prompts = prompts(matches)?;
    let requests = prompts
        .iter()
        .map(|prompt| request(matches, &text, prompt))
        .collect::<Result<Vec<_>, Failure>>()?;
    text.only_writes();
    // Before the weights are read, which may take long.
    let [vocabulary, context] = bounds(matches, &directory)?;
    for (number, request) in requests.iter().enumerate() {
        admit([vocabulary, context], number, request)?;
    }
    let mut model = load(matches, &directory)?;
    let sample = requests.first().map_or(&[][..], |request| &request.prompt);
    let patched = patching.apply(&mut model, sample, |line| eprintln!("{line}"))?;
    release_code();
    let stops: Vec<String> = matches.get_many("stop").into_iter().flatten().cloned().collect();
    let mut show = Show::new(matches, &text, &stops, requests.len(), out);
    let answers = generate(&model, &requests, |number, token| show.token(number, token));
    let (texts, times) = show.finish()?;
    let answers = answers?;
    let rows = || requests.iter().zip(&answers).zip(&texts);
    if matches.get_flag("json") {
        let list: Vec<_> = rows()
            .map(|((request, answer), text)| {
                json!({
                    "prompt_tokens": request.prompt, "tokens": answer.tokens, "text": text,
                    "finish": finish(answer),
                })
            })
            .collect();
        let (prefill, decode) = (times.prefill.as_secs_f64(), times.decode.as_secs_f64());
        let report = json!({"answers": list, "prefill_seconds": prefill, "decode_seconds": decode});
        writeln!(out, "{report:#}")?;
    } else if requests.len() > 1 {
        for (prompt, text) in prompts.iter().zip(&texts) {
            writeln!(out, "=== {prompt}\n{text}")?;
        }
    } else {
        writeln!(out)?;
    }
    out.flush()?;
    if matches.get_flag("stats") {
        let read: usize = requests.iter().map(|request| request.prompt.len()).sum();
        let written: usize = answers.iter().map(|answer| answer.tokens.len()).sum();
        if patched.patched_count > 0 {
            eprintln!("{}", patched.summary());
        }
        times.report(read, written);
    }
    Ok(())
}

/// The prompts that were given, in order; what stdin holds when there is none.
fn prompts(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    let mut prompts: Vec<String> =
        matches.get_many("prompt").into_iter().flatten().cloned().collect();
    for path in matches.get_many::<PathBuf>("prompt-file").into_iter().flatten() {
        let text = if path.as_os_str() == "-" { stdin()? } else { read_text(path)? };
        prompts.push(without_last_line_end(&text));
    }
    if !prompts.is_empty() {
        return Ok(prompts);
    }
    let text = match std::io::stdin().is_terminal() {
        true => String::new(),
        false => without_last_line_end(&stdin()?),
    };
    if text.is_empty() {
        let next = "give --prompt TEXT or --prompt-file FILE, or pipe a text into it";
        return Err(Failure::usage("there is no prompt", next));
    }
    Ok(vec![text])
}

/// What stdin holds.
fn stdin() -> Result<String, Failure> {
    // No context holds as much text as this.
    const MOST: u64 = 64 << 20;
    let mut text = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut text);
    read.map_err(|e| Failure::work(format!("stdin: cannot read it as text: {e}"), "pipe UTF-8"))?;
    Ok(text)
}

/// What editors and `echo` put at the end of a text is no part of a prompt.
fn without_last_line_end(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text).to_string()
}

fn request(matches: &ArgMatches, text: &Text, prompt: &str) -> Result<Request, Failure> {
    let raw = matches.get_flag("raw") || text.template().is_none();
    if raw && matches.contains_id("system") {
        let what = "a system message has no place in plain text";
        let next =
            "leave --system out, or --raw: it needs the chat template of a checkpoint that has one";
        return Err(Failure::usage(what, next));
    }
    let tokens = match raw {
        true => text.encode(prompt)?,
        false => {
            let system = matches.get_one::<String>("system").map(|s| Message::new("system", s));
            let messages: Vec<Message> =
                system.into_iter().chain([Message::new("user", prompt)]).collect();
            text.encode_chat(&messages)?
        }
    };
    let max_tokens = matches.get_one::<usize>("max-tokens").copied().unwrap_or(128);
    let stop = match matches.get_flag("ignore-eos") {
        true => Vec::new(),
        false => text.stop_tokens().to_vec(),
    };
    Ok(Request { prompt: tokens, max_tokens, sampling: sampling(matches), stop })
}

/// The name of a reason in JSON.
fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Asked => "stop_string",
    }
}

/// Text as it comes: printed at once when there is one prompt, kept when there are several.
struct Show<'a, 'o> {
    streams: Vec<Stream<'a>>,
    texts: Vec<String>,
    out: Option<&'o mut dyn Write>,
    failure: Option<Failure>,
    begin: Instant,
    first: Option<Instant>,
    /// Until there is something to see.
    busy: Option<Busy>,
}

impl<'a, 'o> Show<'a, 'o> {
    fn new(
        matches: &ArgMatches,
        text: &'a Text,
        stops: &'a [String],
        count: usize,
        out: &'o mut (dyn Write + 'o),
    ) -> Show<'a, 'o> {
        let alone = count == 1 && !matches.get_flag("json");
        let what = if alone { "reading the prompt" } else { "answering" };
        Show {
            streams: (0..count).map(|_| Stream::new(text, stops)).collect(),
            texts: vec![String::new(); count],
            out: alone.then_some(out),
            failure: None,
            begin: Instant::now(),
            first: None,
            busy: Some(Busy::with(what)),
        }
    }

    fn token(&mut self, number: usize, token: u32) -> ControlFlow<()> {
        if self.first.is_none() {
            self.first = Some(Instant::now());
            // What has compiled the programs of the prompt; the cache is full from here on.
            release_code();
        }
        let shown = self.streams[number].push(token).map_err(Failure::from);
        match shown.and_then(|piece| self.print(number, &piece)) {
            Ok(()) if !self.streams[number].stopped() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn print(&mut self, number: usize, piece: &str) -> Result<(), Failure> {
        self.texts[number].push_str(piece);
        if let Some(out) = &mut self.out {
            self.busy = None;
            out.write_all(piece.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    /// The texts, and how long they took.
    fn finish(mut self) -> Result<(Vec<String>, Times), Failure> {
        let end = Instant::now();
        self.busy = None;
        for number in 0..self.streams.len() {
            let rest = self.streams[number].finish()?;
            self.print(number, &rest)?;
        }
        let first = self.first.unwrap_or(end);
        let times = Times { prefill: first - self.begin, decode: end - first };
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok((self.texts, times)),
        }
    }
}

/// Until the first token, and from there on.
struct Times {
    prefill: Duration,
    decode: Duration,
}

impl Times {
    /// Prints the speeds to stderr, where they do not mix with the text.
    fn report(&self, read: usize, written: usize) {
        let speed = |tokens: usize, time: Duration| match time.as_secs_f64() {
            0.0 => "-".into(),
            seconds => format!("{:.1} tokens/s", tokens as f64 / seconds),
        };
        // The first token comes with the prompt.
        let decoded = written.saturating_sub(1);
        eprintln!("prompt: {read} tokens, {}", speed(read, self.prefill));
        eprintln!("answer: {written} tokens, {}", speed(decoded, self.decode));
    }
}
