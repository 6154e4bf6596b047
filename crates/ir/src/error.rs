//! One error type for everything between a user's call and a device's answer.

use crate::BindError;

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

/// The result of what can fail so.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwrapped_errors_keep_their_lines() {
        let error = Error::usage("no name\n  x * y\n      ^").help("did you mean `z`?");
        assert_eq!(format!("{error:?}"), "no name\n  x * y\n      ^\ndid you mean `z`?");
    }
}
