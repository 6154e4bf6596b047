//! The one error of this crate.

use std::path::{Path, PathBuf};

/// Why a file cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong; names the tensor or the field where it is one.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

impl FormatError {
    /// An error of `file`: what is wrong, and the next step.
    pub fn new(file: &Path, what: impl Into<String>, next: impl Into<String>) -> Self {
        FormatError { file: file.into(), what: what.into(), next: next.into() }
    }

    /// A failure of the operating system while it did `doing`.
    pub(crate) fn io(file: &Path, doing: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::*;
        let next = match error.kind() {
            NotFound => "check the path; it is relative to the current directory",
            PermissionDenied => "check the permissions of the file and of its directory",
            StorageFull => "free some space, or write to another disk",
            _ => "check the file and the disk it lies on",
        };
        // The system's own words, without Rust's " (os error 2)".
        let words = error.to_string();
        let words = words.split(" (os error").next().unwrap_or_default();
        FormatError::new(file, format!("cannot {doing}: {words}"), next)
    }
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

impl std::error::Error for FormatError {}
