//! Outputs against references, with as much measuring of sensitivity as it takes.

use crate::call::Call;
use crate::judge::{UNIT, Worst, judge, sensitivities};
use crate::random::Random;
use crate::row::Outcome;
use crate::runner::fail;
use crate::shake::shaken;
use std::borrow::Cow;
use tilewright_ir::DType;
use tilewright_ir::Program;
use tilewright_ir::interpret::{Argument, Tensor, interpret};
use tilewright_ir::tolerance::Tolerance;
use tilewright_kernels::Entry;
use tilewright_passes::precision::to_f64;

/// Largest tensor, in elements, for which the program itself is interpreted to measure its sensitivity.
const INTERPRETED: usize = 1 << 18;

/// Compares every output with the reference.
///
/// Sensitivity costs several references, or several runs of the interpreter, so it is measured only where the scale of
/// the rows does not explain an error: first that of the mathematics to its inputs, then that of the program to the
/// rounding of its ops.
pub(crate) fn compare(
    entry: &Entry,
    call: &Call,
    outputs: &[Tensor],
    reference: &[Vec<f64>],
) -> Result<Worst, Outcome> {
    if outputs.len() != reference.len() {
        let (a, b) = (outputs.len(), reference.len());
        return Err(fail(format!("{a} outputs, the reference has {b}")));
    }
    compare_as_sensitive(entry, call, outputs, reference, || Cow::Borrowed(reference))
}

/// The same where `expected` is what another target stored.
pub(crate) fn compare_with_target(
    entry: &Entry,
    call: &Call,
    outputs: &[Tensor],
    expected: &[Tensor],
) -> Result<Worst, Outcome> {
    let expected: Vec<Vec<f64>> = expected.iter().map(Tensor::values).collect();
    let exact = || Cow::Owned((entry.reference)(&call.inputs));
    compare_as_sensitive(entry, call, outputs, &expected, exact)
}

fn compare_as_sensitive<'a>(
    entry: &Entry,
    call: &Call,
    outputs: &[Tensor],
    expected: &[Vec<f64>],
    exact: impl FnOnce() -> Cow<'a, [Vec<f64>]>,
) -> Result<Worst, Outcome> {
    let by_rows = compare_scaled(call, outputs, expected, None);
    if by_rows.is_ok() {
        return by_rows;
    }
    let mut scales =
        sensitivities(&exact(), |random| (entry.reference)(&call.perturbed(random, UNIT)));
    let by_inputs = compare_scaled(call, outputs, expected, Some(&scales));
    if by_inputs.is_ok() || call.largest() > INTERPRETED {
        return by_inputs;
    }
    let Some(by_ops) = op_sensitivities(call) else { return by_inputs };
    for (scale, own) in scales.iter_mut().flatten().zip(by_ops.iter().flatten()) {
        *scale = scale.max(*own);
    }
    compare_scaled(call, outputs, expected, Some(&scales))
}

fn compare_scaled(
    call: &Call,
    outputs: &[Tensor],
    reference: &[Vec<f64>],
    scales: Option<&[Vec<f64>]>,
) -> Result<Worst, Outcome> {
    let mut worst = Worst::default();
    for (i, (param, output)) in call.output_tensors().zip(outputs).enumerate() {
        let tolerance = Tolerance::of(&call.program, &call.bindings.dims, output.dtype);
        let name = &call.program.params[param].name;
        let own = scales.map(|s| s[i].as_slice());
        let here = judge(output, &reference[i], &tolerance, own)
            .map_err(|miss| fail(format!("`{name}`: {miss}")))?;
        worst = worst.max(here);
    }
    Ok(worst)
}

/// How far the outputs of the program, run in f64, move when every op is off by a unit; `None` where it has no f64
/// form or does not run.
fn op_sensitivities(call: &Call) -> Option<Vec<Vec<f64>>> {
    let wide = to_f64(&call.program).ok()?;
    let right = outputs_in_f64(&wide, call)?;
    let run = |random: &mut Random| outputs_in_f64(&shaken(&wide, random), call);
    Some(sensitivities(&right, |random| run(random).unwrap_or_default()))
}

fn outputs_in_f64(wide: &Program, call: &Call) -> Option<Vec<Vec<f64>>> {
    let mut arguments = call.arguments.clone();
    for argument in &mut arguments {
        if let Argument::Tensor(tensor) = argument
            && tensor.dtype.is_float()
        {
            *tensor = Tensor::from_values(DType::F64, &tensor.shape, &tensor.values());
        }
    }
    interpret(wide, &mut arguments, &call.bindings).ok()?;
    call.output_tensors().map(|i| Some(arguments[i].tensor()?.values())).collect()
}
