//! Hostile values: what a target makes of NaN, infinities, -0, denormals, great numbers, masks of one kind and stray
//! indices must be what the interpreter makes of them.

use crate::call::{Call, largest};
use crate::compare::compare_with_target;
use crate::execute::{Layout, execute};
use crate::judge::Worst;
use crate::random::Random;
use crate::row::{Check, Outcome, Row};
use crate::runner::{Rows, Selection, fail, show_case};
use std::sync::Arc;
use tilewright_ir::interpret::Tensor;
use tilewright_ir::{DType, ExprKind, Program};
use tilewright_kernels::{Case, Entry, Fill};
use tilewright_runtime::{DeviceKind, Runtime};

/// What is put among the inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hostile {
    /// One such number in each row of each float input.
    Number(&'static str, f64),
    /// One such number in one float input, and in each of them in turn. Two in one sum might overflow in one order of
    /// summation and not in another, with nothing wrong. Where weights are packed it is 1/256 of that: see [`is_packed`].
    Great(f64),
    /// Every bool input is this throughout.
    Mask(bool),
    /// One index past the end of what it picks from.
    StrayIndex,
}

const HOSTILE: &[Hostile] = &[
    Hostile::Number("NaN", f64::NAN),
    Hostile::Number("inf", f64::INFINITY),
    Hostile::Number("-inf", f64::NEG_INFINITY),
    Hostile::Number("-0", -0.0),
    Hostile::Number("denormal", 1e-40),
    Hostile::Great(1e38),
    Hostile::Great(-1e38),
    Hostile::Mask(false),
    Hostile::Mask(true),
    Hostile::StrayIndex,
];

impl Hostile {
    fn show(self, program: &Program) -> String {
        match self {
            Hostile::Number(name, _) => format!("{name} in each row"),
            Hostile::Great(number) => format!("one {:e}", great(number, program)),
            Hostile::Mask(value) => format!("all masks {value}"),
            Hostile::StrayIndex => "an index past the end".into(),
        }
    }
}

/// Whether a program unpacks integers. Targets may sum their products with x before they scale them, s Σ q x + b Σ x instead
/// of Σ (q s + b) x, as MLX does on GPUs: 8-bit integers times a number near the greatest overflow then, and where x is
/// infinite the two parts may be infinities of opposite signs, which make NaN.
fn is_packed(program: &Program) -> bool {
    program.exprs.iter().any(|expr| matches!(expr.kind, ExprKind::Unpack { .. }))
}

fn great(number: f64, program: &Program) -> f64 {
    if is_packed(program) { number / 256.0 } else { number }
}

/// Every hostile value on every target but the interpreter.
pub(crate) fn run(selection: &Selection, entry: &'static Entry, dtype: DType) -> Vec<Row> {
    let mut rows = Vec::new();
    let is_interpreter = |r: &&Arc<Runtime>| r.caps().kind == DeviceKind::Interpreter;
    let targets: Vec<_> = selection.runtimes.iter().filter(|r| !is_interpreter(r)).collect();
    // It says what is right whether or not it is among the targets that are tested.
    let Ok(oracle) = Runtime::open("interpreter") else { return rows };
    for case in suitable(selection, entry, dtype) {
        for hostile in HOSTILE {
            run_one(&mut rows, selection, (entry, case, dtype), *hostile, (&oracle, &targets));
        }
    }
    rows
}

/// One hostile value in one case.
fn run_one(
    rows: &mut Vec<Row>,
    selection: &Selection,
    (entry, case, dtype): (&'static Entry, &'static Case, DType),
    hostile: Hostile,
    (oracle, targets): (&Arc<Runtime>, &[&Arc<Runtime>]),
) {
    let mut spoiled_calls = Vec::new();
    while let Ok(Some(call)) =
        spoiled(entry, case, dtype, selection.seed, hostile, spoiled_calls.len())
    {
        spoiled_calls.push((execute(oracle, &call, Layout::Contiguous), call));
    }
    let Some((_, first)) = spoiled_calls.first() else { return };
    let case = format!("{}, {}", show_case(case), hostile.show(&first.program));
    for runtime in targets {
        let mut add = Rows { entry, case: case.clone(), dtype, rows };
        add.add(Check::Hostile, runtime.target(), || {
            let mut worst = Worst::default();
            for (expected, call) in &spoiled_calls {
                worst = worst.max(agrees(entry, call, expected, runtime)?);
            }
            Ok(worst)
        });
    }
}

/// Runs a call and compares with what the interpreter made of it, an error included.
fn agrees(
    entry: &Entry,
    call: &Call,
    expected: &tilewright_runtime::Result<Vec<Tensor>>,
    runtime: &Runtime,
) -> Result<Worst, Outcome> {
    match (expected, execute(runtime, call, Layout::Contiguous)) {
        (Ok(expected), Ok(mut found)) => {
            if is_packed(&call.program) && has_infinite(call) {
                for (found, expected) in found.iter_mut().zip(expected) {
                    excuse(found, expected);
                }
            }
            compare_with_target(entry, call, &found, expected)
        }
        (Err(_), Err(_)) => Ok(Worst::default()),
        (Ok(_), Err(error)) => Err(fail(error)),
        (Err(error), Ok(_)) => Err(fail(format!("ran, instead of: {error}"))),
    }
}

/// Whether a float input has an infinite element.
fn has_infinite(call: &Call) -> bool {
    let tensors = call.input_tensors().filter_map(|i| call.arguments[i].tensor());
    tensors.filter(|t| t.dtype.is_float()).any(|t| t.values().iter().any(|x| x.is_infinite()))
}

/// Takes what is right for each NaN.
fn excuse(found: &mut Tensor, expected: &Tensor) {
    let pairs = found.values().into_iter().zip(expected.values());
    let values: Vec<f64> = pairs.map(|(f, e)| if f.is_nan() { e } else { f }).collect();
    *found = Tensor::from_values(found.dtype, &found.shape, &values);
}

/// The largest case that the interpreter runs at once, and the largest with the entry's own constants where that is another:
/// those are what targets have code of their own for.
fn suitable(selection: &Selection, entry: &'static Entry, dtype: DType) -> Vec<&'static Case> {
    let limit = selection.interpreter_limit / 4;
    let sized =
        entry.cases.iter().filter_map(|case| Some((largest(entry, case, dtype).ok()?, case)));
    let suited: Vec<_> = sized.filter(|(elements, _)| (1..=limit).contains(elements)).collect();
    let largest = |own: bool| {
        let of = suited.iter().filter(|(_, case)| !own || case.constants.is_empty());
        of.max_by_key(|(elements, _)| *elements).map(|(_, case)| *case)
    };
    let (all, own) = (largest(false), largest(true));
    let own = own.filter(|own| all.is_none_or(|all| !std::ptr::eq(all, *own)));
    all.into_iter().chain(own).collect()
}

/// Call number `number` with the hostile value in it; `None` when the kernel has no (further) input for it.
fn spoiled(
    entry: &Entry,
    case: &Case,
    dtype: DType,
    seed: u64,
    hostile: Hostile,
    number: usize,
) -> Result<Option<Call>, String> {
    let mut skip = match hostile {
        Hostile::Great(..) => number,
        _ if number > 0 => return Ok(None),
        _ => 0,
    };
    let mut call = Call::new(entry, case, dtype, seed)?;
    let mut random = Random::named(seed, "hostile");
    let mut touched = false;
    for i in call.input_tensors().collect::<Vec<_>>() {
        let Some(tensor) = call.arguments[i].tensor() else { continue };
        let (mut values, row) = (tensor.values(), tensor.shape.last().copied().unwrap_or(1));
        let name = call.program.params[i].name.clone();
        match (hostile, entry.fill(case, &name)) {
            (Hostile::Number(_, number), Fill::Normal | Fill::Distinct)
                if tensor.dtype.is_float() =>
            {
                for row in values.chunks_mut(row.max(1)) {
                    let at = random.below(row.len());
                    row[at] = number;
                }
            }
            (Hostile::Great(number), Fill::Normal | Fill::Distinct)
                if tensor.dtype.is_float() && !values.is_empty() && !touched =>
            {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let at = random.below(values.len());
                values[at] = great(number, &call.program);
            }
            (Hostile::Mask(value), _) if tensor.dtype == DType::Bool => {
                values.fill(value as u8 as f64);
            }
            (Hostile::StrayIndex, Fill::Index(size)) if !values.is_empty() => {
                let at = random.below(values.len());
                values[at] = call.inputs.size(size) as f64;
            }
            _ => continue,
        }
        call.set(i, &values);
        touched = true;
    }
    Ok(touched.then_some(call))
}
