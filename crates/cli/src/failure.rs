//! How a command fails: what happened, what to do, and the exit status.

use std::process::ExitCode;
use tilewright_formats::FormatError;
use tilewright_runtime::Fault;

/// Why a command stops.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for what cannot be; exit status 2.
    Usage(Message),
    /// The work itself failed; exit status 1.
    Work(Message),
    /// The result was printed and says that something does not hold; exit status 1.
    Told,
    /// Whoever read our output has seen enough; exit status 0.
    Closed,
}

/// One line for what happened, one for what to do.
#[derive(Debug)]
pub struct Message {
    what: String,
    next: String,
}

impl Failure {
    /// Wrong use.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Failure {
        Failure::Usage(Message { what: what.into(), next: next.into() })
    }

    /// Work that failed.
    pub fn work(what: impl Into<String>, next: impl Into<String>) -> Failure {
        Failure::Work(Message { what: what.into(), next: next.into() })
    }

    /// Prints the message to stderr and gives the exit status.
    pub fn report(self) -> ExitCode {
        let (message, status) = match self {
            Failure::Usage(message) => (message, 2),
            Failure::Work(message) => (message, 1),
            Failure::Told => return ExitCode::from(1),
            Failure::Closed => return ExitCode::SUCCESS,
        };
        use std::io::Write;
        // A closed stderr is no reason to panic.
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", message.what.trim_end());
        let _ = writeln!(stderr, "help: {}", message.next.trim_end());
        ExitCode::from(status)
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Failure {
        Failure::work(error.to_string(), error.next)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::work(
                format!("cannot write the output: {error}"),
                "check where stdout goes",
            ),
        }
    }
}

impl Failure {
    /// The failure for an error of the libraries, with `next` where it knows no next step itself.
    pub fn of(error: tilewright_runtime::Error, next: &str) -> Failure {
        let next = error.next_step().unwrap_or(next).to_string();
        match error.fault() {
            Fault::Usage => Failure::usage(error.what(), next),
            Fault::Failure => Failure::work(error.what(), next),
        }
    }
}

impl From<tilewright_runtime::Error> for Failure {
    fn from(error: tilewright_runtime::Error) -> Failure {
        Failure::of(error, "`tilewright test` tells whether kernels work on this machine")
    }
}
