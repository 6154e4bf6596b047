//! `tilewright chat`: a conversation with a model.

use crate::failure::Failure;
use crate::interrupt::Answering;
use crate::memory::release_code;
use crate::model::{directory, load, sampling};
use crate::patching::Patching;
use crate::progress::Busy;
use clap::ArgMatches;
use std::io::{BufRead, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Instant;
use tilewright_engine::{Finish, Request, Session};
use tilewright_nn::Model;
use tilewright_text::{Message, Stream, Text};

/// Reads lines and answers them until the input ends or says `/quit`.
///
/// # Errors
/// When the checkpoint cannot be run or stdout is closed; where nobody watches, also when an answer fails.
pub fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let patching = Patching::asked(matches)?;
    sampling(matches).check()?;
    let directory = directory(matches)?;
    let text = Text::open(&directory)?;
    let mut model = load(matches, &directory)?;
    // What is timed, where patterns are chosen by time.
    let sample = text.encode("Hello! How are you today?")?;
    patching.apply(&mut model, &sample, |line| eprintln!("{line}"))?;
    release_code();
    let stops: Vec<String> = matches.get_many("stop").into_iter().flatten().cloned().collect();
    let mut chat =
        Chat { matches, text: &text, model: &model, stops: &stops, talk: Talk::default() };
    chat.reset();
    let watched = std::io::stdin().is_terminal();
    if watched {
        writeln!(out, "/reset forgets the conversation, /quit ends it, ctrl-C ends an answer.")?;
    }
    let mut lines = std::io::stdin().lock();
    loop {
        if watched {
            write!(out, "> ")?;
            out.flush()?;
        }
        let mut line = String::new();
        let read = lines.read_line(&mut line);
        let read = read.map_err(|e| Failure::work(format!("stdin: {e}"), "write UTF-8 text"))?;
        if read == 0 {
            return Ok(());
        }
        match line.trim() {
            "" => {}
            "/quit" | "/exit" => return Ok(()),
            "/reset" => chat.reset(),
            command if command.starts_with('/') => {
                writeln!(out, "there is no {command}; /reset and /quit are all")?;
            }
            said => match chat.answer(said, out) {
                Err(failure @ (Failure::Usage(_) | Failure::Work(_))) if watched => {
                    // Whoever watches may try something else.
                    let _ = failure.report();
                }
                other => other?,
            },
        }
    }
}

/// What was said so far.
#[derive(Default)]
struct Talk {
    messages: Vec<Message>,
    /// The same as plain text, for a model without a template.
    plain: String,
    session: Session,
}

struct Chat<'a> {
    matches: &'a ArgMatches,
    text: &'a Text,
    model: &'a Model,
    stops: &'a [String],
    talk: Talk,
}

impl Chat<'_> {
    fn reset(&mut self) {
        let system = self.matches.get_one::<String>("system");
        let messages = system.map(|system| Message::new("system", system)).into_iter().collect();
        // The caches are kept: what they hold is compared with the next prompt anyway.
        self.talk.messages = messages;
        self.talk.plain = system.cloned().unwrap_or_default();
    }

    /// Answers a line; a failure leaves the conversation as it was.
    fn answer(&mut self, said: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let mut messages = self.talk.messages.clone();
        messages.push(Message::new("user", said));
        let between = if self.talk.plain.is_empty() { "" } else { "\n" };
        let plain = format!("{}{between}{said}", self.talk.plain);
        let prompt = match self.text.template() {
            Some(_) => self.text.encode_chat(&messages)?,
            None => self.text.encode(&plain)?,
        };
        let (context, held) = (self.model.shape().context, prompt.len());
        let room = context.saturating_sub(held);
        if room == 0 {
            let what = format!("the conversation is {held} tokens long, the context {context}");
            return Err(Failure::usage(what, "/reset begins a new one"));
        }
        let asked = self.matches.get_one::<usize>("max-tokens").copied().unwrap_or(512);
        let request = Request {
            prompt,
            max_tokens: asked.min(room),
            sampling: sampling(self.matches),
            stop: self.text.stop_tokens().to_vec(),
        };
        let (answer, given) = self.speak(&request, out)?;
        writeln!(out)?;
        out.flush()?;
        if given == Finish::Length && std::io::stdout().is_terminal() {
            eprintln!("(ended after {} tokens; --max-tokens asks for more)", request.max_tokens);
        }
        messages.push(Message::new("assistant", &answer));
        (self.talk.messages, self.talk.plain) = (messages, plain + &answer);
        Ok(())
    }

    /// Shows the answer as it comes; what it was, and why it ended.
    fn speak(
        &mut self,
        request: &Request,
        out: &mut dyn Write,
    ) -> Result<(String, Finish), Failure> {
        let held = self.talk.session.held();
        let known = held.iter().zip(&request.prompt).take_while(|(a, b)| a == b).count();
        let (begin, mut first) = (Instant::now(), None);
        let mut stream = Stream::new(self.text, self.stops);
        let (mut said, mut failure) = (String::new(), None);
        let mut busy = Some(Busy::with("reading"));
        let answering = Answering::begin();
        let answer = self.talk.session.answer(self.model, request, |token| {
            first.get_or_insert_with(Instant::now);
            busy = None;
            let shown = stream.push(token).map_err(Failure::from).and_then(|piece| {
                said.push_str(&piece);
                out.write_all(piece.as_bytes())?;
                Ok(out.flush()?)
            });
            failure = shown.err();
            match failure.is_some() || stream.stopped() || answering.enough() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        drop(busy);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let rest = stream.finish()?;
        said.push_str(&rest);
        out.write_all(rest.as_bytes())?;
        if self.matches.get_flag("stats") {
            let now = Instant::now();
            let decode = (now - first.unwrap_or(now)).as_secs_f64();
            let (written, read) = (answer.tokens.len(), request.prompt.len());
            let speed = written.saturating_sub(1) as f64 / decode.max(1e-9);
            let wait = (first.unwrap_or(now) - begin).as_secs_f64();
            eprintln!(
                "\n({read} tokens so far, {known} known before; {wait:.2} s, then {written} tokens, {speed:.1} tokens/s)"
            );
        }
        Ok((said, answer.finish))
    }
}
