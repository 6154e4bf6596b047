//! Being written: every check, all mistakes at once.

use crate::{Location, Program};

/// One thing wrong with a program, in the author's terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// What is wrong and the next step.
    pub text: String,
    /// The author's line.
    pub at: Option<Location>,
}

/// Checks a program; reports every mistake at once.
pub fn validate(_program: &Program) -> Result<(), Vec<Mistake>> {
    Ok(())
}
