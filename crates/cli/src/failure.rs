//! How a command fails: what happened, what to do, and the exit status.

use std::process::ExitCode;
use tilewright_formats::FormatError;

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

/// The known name that is nearest to `name`, if one is near enough to be what was meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.into_iter().map(|k| (distance(name, k), k)).min()?;
    (nearest.0 <= name.chars().count().max(3) / 3).then_some(nearest.1)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        let known = ["softmax", "swiglu", "sum"];
        assert_eq!(nearest("sofmax", known), Some("softmax"));
        assert_eq!(nearest("swigul", known), Some("swiglu"));
        assert_eq!(nearest("attention", known), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
