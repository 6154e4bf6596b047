//! Formulas from the command line: what `eval`, `emit`, `bench` and `tune` share.

use crate::args::{Setting, ShapeOf};
use crate::command::{dtype, settings};
use crate::failure::Failure;
use crate::progress::Busy;
use clap::ArgMatches;
use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_lang::oneliner::Elementwise;
use tilewright_proof::{Bench, Outputs, PERIOD, normal};
use tilewright_runtime::{Runtime, nearest};
use tilewright_tensor::{OneLiner, Tensor};

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

/// The shapes that `--shape` gives to inputs of a formula.
///
/// # Errors
/// For one of no input.
pub fn shapes(matches: &ArgMatches, inputs: &[&str]) -> Result<Vec<ShapeOf>, Failure> {
    let given = matches.get_many::<ShapeOf>("shape").into_iter().flatten().cloned();
    let shapes: Vec<ShapeOf> = given.collect();
    match shapes.iter().find(|s| !inputs.contains(&s.name.as_str())) {
        None => Ok(shapes),
        Some(unknown) => Err(Failure::usage(
            format!("the formula has no input `{}`", unknown.name),
            format!("its inputs are {}", inputs.join(", ")),
        )),
    }
}

/// The shape of an input: its own, else the longest of those given, `None` when none is.
pub fn shape_of<'a>(shapes: &'a [ShapeOf], input: &str) -> Option<&'a [usize]> {
    let own = shapes.iter().find(|s| s.name == input);
    let common = || shapes.iter().max_by_key(|s| s.shape.len());
    own.or_else(common).map(|s| s.shape.as_slice())
}

/// The formula of `--expr` on normal numbers in the shapes of `--shape`, or its gradient, ready to be timed.
///
/// # Errors
/// A fault of the formula; shapes that are missing, unknown or do not fit each other; what the device reports.
pub fn bench(
    text: &str,
    matches: &ArgMatches,
    runtime: &Arc<Runtime>,
    outputs: Outputs,
) -> Result<Bench, Failure> {
    let spec = parse(text, &settings(matches)?)?;
    let names: Vec<String> = spec.inputs().into_iter().map(String::from).collect();
    let shapes = shapes(matches, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let dtype = dtype(matches)?.unwrap_or(DType::F32);
    let filled = |name: &str, shape: &[usize], seed: usize| {
        let count = elements(shape).clamp(1, PERIOD as u64) as usize;
        let block = normal(dtype, &[count], seed as u64)?.to_bytes()?;
        Tensor::repeated(runtime, dtype, shape, &block, 0).map(|tensor| (name.to_string(), tensor))
    };
    let shape_of = |name: &String| {
        shape_of(&shapes, name).ok_or_else(|| {
            Failure::usage(
                "nothing says how large the formula's inputs are",
                format!("add --shape {name}=8192x4096"),
            )
        })
    };
    let shaped = names.iter().map(shape_of).collect::<Result<Vec<_>, _>>()?;
    runtime.require(bytes_of(&shaped, dtype, matches.get_flag("grad")))?;
    let _busy = Busy::with("filling the inputs");
    let mut tensors = Vec::new();
    for (seed, (name, shape)) in names.iter().zip(&shaped).enumerate() {
        tensors.push(filled(name, shape, seed)?);
    }
    let wrong = |error| Failure::of(error, BROADCAST);
    let mut callable = spec.callable().map_err(|e| Failure::of(e, LANGUAGE))?.on(runtime);
    if matches.get_flag("grad") {
        let inputs: Vec<&Tensor> = tensors.iter().map(|(_, tensor)| tensor).collect();
        let shape = callable.call(&inputs).map_err(wrong)?.shape().to_vec();
        tensors.push(filled("d_out", &shape, tensors.len())?);
        callable = callable.grad().map_err(|e| Failure::of(e, "leave --grad out"))?.on(runtime);
        let takes = callable.inputs();
        tensors.retain(|(name, _)| takes.iter().any(|param| param.name == *name));
    }
    let mut call = callable.bind();
    for (name, tensor) in &tensors {
        call = call.input(name, tensor);
    }
    Bench::of_call(call, outputs).map_err(wrong)
}

/// The bytes that timing a formula takes: its inputs and the copies of them that are timed, and what it makes. A gradient's
/// inputs have the result's cotangent beside them, and it makes one of each.
fn bytes_of(inputs: &[&[usize]], dtype: DType, gradient: bool) -> u64 {
    let rank = inputs.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let extents = (1..=rank).map(|back| {
        let aligned = inputs.iter().filter_map(|shape| Some(shape[shape.len().checked_sub(back)?]));
        aligned.fold(1, |extent, own| if extent == 1 { own } else { extent })
    });
    let result = elements(&extents.collect::<Vec<_>>());
    let inputs = inputs.iter().fold(0u64, |sum, shape| sum.saturating_add(elements(shape)));
    let count = match gradient {
        false => inputs.saturating_mul(2).saturating_add(result),
        true => inputs.saturating_mul(3).saturating_add(result.saturating_mul(2)),
    };
    count.saturating_mul(dtype.size() as u64)
}

/// The elements of a shape; as many as can be counted where they cannot be.
fn elements(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |product: u64, &extent| product.saturating_mul(extent as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_formula_takes_is_counted_before_it_is_filled() {
        let inputs: [&[usize]; 2] = [&[3, 1], &[5]];
        assert_eq!(bytes_of(&inputs, DType::F16, false), (2 * (3 + 5) + 15) * 2);
        assert_eq!(bytes_of(&inputs, DType::F32, true), (3 * (3 + 5) + 2 * 15) * 4);
        assert_eq!(bytes_of(&[&[usize::MAX, usize::MAX]], DType::F32, true), u64::MAX);
        assert_eq!(bytes_of(&[&[usize::MAX, usize::MAX, 0]], DType::F32, true), 0);
        assert_eq!(bytes_of(&[&[]], DType::F32, false), 12);
    }
}
