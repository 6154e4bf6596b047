//! A progress bar for long work, seen only when a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts steps; draws on stderr once the work has taken two seconds, if stderr is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// Progress over `total` steps.
    pub fn new(total: usize) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Progress { bar, started: Instant::now() }
    }

    /// Says what begins now.
    pub fn begin(&self, what: &str) {
        self.bar.set_message(what.to_string());
        let late = self.started.elapsed() > PATIENCE;
        if late && self.bar.is_hidden() && std::io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.tick();
    }

    /// One step is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How often the time of work without steps is drawn.
const TICK: Duration = Duration::from_millis(250);

/// Says what long work without steps is about, and how long it has taken; drawn as [`Progress`] is, by a thread of its own.
#[derive(Debug)]
pub struct Busy(Option<(Sender<()>, JoinHandle<()>)>);

impl Busy {
    /// Begins; dropping it ends it.
    pub fn with(what: &'static str) -> Busy {
        if !std::io::stderr().is_terminal() {
            return Busy(None);
        }
        let (end, ended) = channel();
        let draw = move || {
            // Disconnected means that the work is done, too.
            if ended.recv_timeout(PATIENCE) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
                bar.set_style(style);
            }
            bar.set_elapsed(PATIENCE);
            bar.set_message(what);
            bar.enable_steady_tick(TICK);
            let _ = ended.recv();
            bar.finish_and_clear();
        };
        // Without a thread there is nothing to see, which is no failure of the work.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(draw).ok();
        Busy(thread.map(|thread| (end, thread)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            let _ = thread.join();
        }
    }
}
