//! Formulas from the command line: what `eval` and `emit` share.

use crate::args::Setting;
use crate::failure::Failure;
use tilewright_lang::oneliner::Elementwise;
use tilewright_runtime::nearest;

/// What to do about a formula that is wrong; its own hint stands under the fault.
pub const LANGUAGE: &str = "formulas are C-like: + - * / %, comparisons, c ? a : b, and functions such as exp, tanh, \
                        sigmoid, max, pow";

/// What the tensors of a formula have to fulfil.
pub const BROADCAST: &str = "inputs broadcast as NumPy's do: from the last axis on, sizes are equal or 1; `d_out` has the \
                             shape of the result";

/// The formula as a kernel's specification; names that `--set` gives are run-time scalars, the others inputs.
///
/// # Errors
/// The formula's first fault with its place; a setting that the formula does not name.
pub fn parse(text: &str, settings: &[Setting]) -> Result<Elementwise, Failure> {
    let parsed = Elementwise::formula(text).map_err(|e| Failure::usage(e.to_string(), LANGUAGE))?;
    let names: Vec<String> = parsed.inputs().into_iter().map(String::from).collect();
    let mut formula = parsed;
    for Setting { name, value } in settings {
        if !names.contains(name) {
            let next = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its names are {}", names.join(", ")),
            };
            return Err(Failure::usage(format!("the formula has no `{name}`"), next));
        }
        formula = formula.scalar(name, Some(*value));
    }
    if formula.inputs().is_empty() {
        return Err(Failure::usage(
            "the formula has no input",
            "use a name that is not --set, such as x, for a tensor",
        ));
    }
    Ok(formula)
}

/// A recording's mistakes.
pub fn wrong(error: impl ToString) -> Failure {
    Failure::usage(error.to_string(), LANGUAGE)
}
