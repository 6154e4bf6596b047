//! One error type for everything between a user's call and a device's answer.

use tilewright_ir::BindError;
use tilewright_target::TargetError;

/// Whose turn it is after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call was wrong; another call may succeed. Exit status 2 on the command line.
    Usage,
    /// The call was right and something failed. Exit status 1 on the command line.
    Failure,
}

/// What went wrong, in one line, and what to do about it, in another where that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    fault: Fault,
    what: String,
    help: Option<String>,
}

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A wrong call.
    pub fn usage(what: impl Into<String>) -> Self {
        Error { fault: Fault::Usage, what: what.into(), help: None }
    }

    /// A right call that failed.
    pub fn failure(what: impl Into<String>) -> Self {
        Error { fault: Fault::Failure, what: what.into(), help: None }
    }

    /// The same with the next step.
    pub fn help(self, help: impl Into<String>) -> Self {
        Error { help: Some(help.into()), ..self }
    }

    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// What happened, without the next step.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The next step, where one is known.
    pub fn next_step(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        match &self.help {
            Some(help) => write!(f, "\n{help}"),
            None => Ok(()),
        }
    }
}

/// The same: `main` and `unwrap` show errors so, and a caret must stand under what it points at.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<BindError> for Error {
    fn from(error: BindError) -> Self {
        Error::usage(error.to_string())
    }
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unsupported { .. }
            | TargetError::Limit { .. }
            | TargetError::Argument { .. } => Error::usage(error.to_string()),
            TargetError::OutOfRange { .. }
            | TargetError::Memory { .. }
            | TargetError::Device(_) => Error::failure(error.to_string()),
        }
    }
}

/// `names` nearest to `wrong`, for "did you mean": at most a third of its letters differ.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(d, _)| *d <= wrong.chars().count() / 3)
        .min()
        .map(|(_, name)| name)
}

/// Letters to insert, drop or change to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwrapped_errors_keep_their_lines() {
        let error = Error::usage("no name\n  x * y\n      ^").help("did you mean `z`?");
        assert_eq!(format!("{error:?}"), "no name\n  x * y\n      ^\ndid you mean `z`?");
    }

    #[test]
    fn nearest_names() {
        let names = ["softmax", "log_softmax", "silu"];
        assert_eq!(nearest("sotfmax", names), Some("softmax"));
        assert_eq!(nearest("silo", names), Some("silu"));
        assert_eq!(nearest("matmul", names), None);
    }
}
