//! Gradients: in f64 against finite differences, and in storage types on every target against those in f64.

use crate::call::{Call, largest};
use crate::execute::execute_program;
use crate::judge::{UNIT, Worst, judge, sensitivities, sensitivities_in};
use crate::random::Random;
use crate::row::{Check, Outcome, Row};
use crate::runner::{Rows, Selection, dtypes, fail, show_case};
use crate::shake::shaken;
use std::collections::BTreeMap;
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::tolerance::Work;
use tilewright_ir::{Access, Bindings, DType, ParamKind, Program, bind};
use tilewright_kernels::{Case, Entry, Grad};
use tilewright_passes::check::{CheckOptions, check_backward, run_backward};
use tilewright_passes::precision::to_f64;
use tilewright_passes::{Backward, GradOptions, grad};
use tilewright_runtime::Runtime;

/// How often everything is moved where a result is not what the usual moves explain.
const MORE_MOVES: usize = 16;

/// Arguments by name.
pub(crate) type Known = BTreeMap<String, Argument>;

/// A finite difference runs the interpreter some hundred times, so its cases are this much smaller.
const DIFFERENCES_SHARE: usize = 4;

/// Both checks of one case, the second in every dtype on every target.
pub(crate) fn run(selection: &Selection, entry: &'static Entry, case: &'static Case) -> Vec<Row> {
    let mut rows = Vec::new();
    let claimed = dtypes(entry);
    let elements = match largest(entry, case, claimed[0]) {
        Ok(elements) => elements,
        Err(_) => return rows, // told by the forward check
    };
    let limit = selection.gradient_limit;
    let mut add = Rows { entry, case: show_case(case), dtype: DType::F64, rows: &mut rows };
    add.add(Check::Gradient, "interpreter", || {
        let limit = limit / DIFFERENCES_SHARE;
        if elements > limit {
            return Err(Outcome::Skip(format!("{elements} elements, more than {limit}")));
        }
        let call = Call::new(entry, case, claimed[0], selection.seed).map_err(fail)?;
        let wide = gradient_of(entry, case, claimed[0], &call.program, true).map_err(fail)?;
        check_gradient(&call, case, &wide).map_err(fail)
    });
    for &dtype in claimed.iter().filter(|_| elements <= limit) {
        let prepared = Call::new(entry, case, dtype, selection.seed)
            .and_then(|call| Prepared::new(entry, &call, case, dtype, selection.seed));
        for runtime in &selection.runtimes {
            let mut add = Rows { entry, case: show_case(case), dtype, rows: &mut rows };
            add.add(Check::Backward, runtime.target(), || match &prepared {
                Ok(prepared) => prepared.check(runtime, case),
                Err(error) => Err(fail(error)),
            });
        }
    }
    rows
}

/// The gradient of a kernel recorded for a case: from the recording, or by the kernels that the entry names; in f64 if
/// `wide`.
///
/// # Errors
/// When there is none, in words.
pub fn gradient_of(
    entry: &Entry,
    case: &Case,
    dtype: DType,
    forward: &Program,
    wide: bool,
) -> Result<Backward, String> {
    let widened = |program: &Program| if wide { to_f64(program) } else { Ok(program.clone()) };
    let Grad::By(kernels) = entry.grad else {
        return grad(&widened(forward)?, &GradOptions::default()).map_err(|e| e.to_string());
    };
    let specialization = entry.specialization(dtype, case.constants);
    let programs = kernels.iter().map(|kernel| {
        kernel.record(&specialization).map_err(|e| e.to_string()).and_then(|p| widened(&p))
    });
    Ok(Backward::by_hand(forward, programs.collect::<Result<_, _>>()?))
}

pub(crate) fn by_name(call: &Call) -> Known {
    let names = call.program.params.iter().map(|p| p.name.clone());
    let mut known: Known = names.zip(call.arguments.iter().cloned()).collect();
    for (_, param) in tilewright_ir::bind::outputs(&call.program) {
        if matches!(param.kind, ParamKind::Tensor { access: Access::Out, .. }) {
            known.remove(&param.name);
        }
    }
    known
}

/// The arguments of a call, and random cotangents of what it makes.
pub(crate) fn with_cotangents(call: &Call, backward: &Backward, seed: u64) -> Known {
    let mut known = by_name(call);
    let mut random = Random::named(seed, "cotangents");
    for i in call.output_tensors() {
        let (param, Some(tensor)) = (&call.program.params[i], call.arguments[i].tensor()) else {
            continue;
        };
        let name = format!("d_{}", param.name);
        if backward.cotangents.contains(&name) {
            let values: Vec<f64> = (0..tensor.elements()).map(|_| random.normal()).collect();
            let cotangent = Tensor::from_values(tensor.dtype, &tensor.shape, &values);
            known.insert(name, Argument::Tensor(cotangent));
        }
    }
    known
}

/// Checks a gradient, whose programs work in f64, against finite differences of a call.
///
/// # Errors
/// The first direction in which they disagree, in words.
pub fn check_gradient(call: &Call, case: &Case, backward: &Backward) -> Result<Worst, String> {
    let options = CheckOptions::default();
    let report = check_backward(&call.program, backward, &by_name(call), case.sizes, &options)?;
    if let Some(failure) = report.failures().next() {
        let more = report.failures().count() - 1;
        return Err(format!("{failure} ({more} more disagree)"));
    }
    let worst = report.directions.iter().fold(Worst::default(), |worst, d| {
        worst.max(Worst { error: (d.analytic - d.numeric).abs(), allowed: d.allowed })
    });
    Ok(worst)
}

/// The gradient of one case in f64, and what the storage types need to repeat it.
struct Prepared {
    /// The programs in f64.
    wide: Backward,
    backward: Backward,
    /// Inputs and cotangents in their storage types.
    known: Known,
    /// The gradients in order, and the scale of each element.
    exact: Vec<Vec<f64>>,
    scales: Vec<Vec<f64>>,
}

impl Prepared {
    fn new(
        entry: &Entry,
        call: &Call,
        case: &Case,
        dtype: DType,
        seed: u64,
    ) -> Result<Prepared, String> {
        let wide = gradient_of(entry, case, dtype, &call.program, true)?;
        let backward = gradient_of(entry, case, dtype, &call.program, false)?;
        let known = with_cotangents(call, &backward, seed);
        let exact = exact(&wide, &known, case, None)?;
        let scales = sensitivities(&exact, |random| exact_or_nothing(&wide, &known, case, random));
        Ok(Prepared { wide, backward, known, exact, scales })
    }

    fn check(&self, runtime: &Runtime, case: &Case) -> Result<Worst, Outcome> {
        let mut known = self.known.clone();
        let mut works = Vec::new();
        for program in &self.backward.programs {
            let (arguments, bindings) = arguments(program, &known, case).map_err(fail)?;
            works.push(Work::of(program, &bindings.dims));
            let outputs = execute_program(runtime, program, &arguments).map_err(fail)?;
            for ((_, param), output) in tilewright_ir::bind::outputs(program).zip(outputs) {
                known.insert(param.name.clone(), Argument::Tensor(output));
            }
        }
        let work = Work::of_all(works);
        self.judge(&known, &work, &self.scales).or_else(|_| {
            // In an element that is left of two that cancel, a few moves may have cancelled as well.
            let scales = sensitivities_in(MORE_MOVES, &self.exact, |random| {
                exact_or_nothing(&self.wide, &self.known, case, random)
            });
            self.judge(&known, &work, &scales)
        })
    }

    fn judge(&self, known: &Known, work: &Work, scales: &[Vec<f64>]) -> Result<Worst, Outcome> {
        let mut worst = Worst::default();
        for (i, name) in self.backward.gradients.iter().enumerate() {
            let Some(result) = known.get(name).and_then(Argument::tensor) else {
                return Err(fail(format!("`{name}` was not made")));
            };
            let tolerance = work.tolerance(result.dtype);
            let here = judge(result, &self.exact[i], &tolerance, Some(&scales[i]))
                .map_err(|miss| fail(format!("`{name}`: {miss}")))?;
            worst = worst.max(here);
        }
        Ok(worst)
    }
}

/// The arguments of one program of a gradient, outputs empty.
pub(crate) fn arguments(
    program: &Program,
    known: &Known,
    case: &Case,
) -> Result<(Vec<Argument>, Bindings), String> {
    let mut shapes = Vec::new();
    for param in &program.params {
        shapes.push(match (&param.kind, known.get(&param.name)) {
            (ParamKind::Tensor { access: Access::Out, .. } | ParamKind::Scalar { .. }, _) => None,
            (_, Some(Argument::Tensor(tensor))) => Some(tensor.shape.clone()),
            _ => return Err(format!("{}: `{}` is missing", program.name, param.name)),
        });
    }
    let has = |name: &str| program.dims.iter().any(|dim| dim.name == name);
    let sizes: Vec<_> = case.sizes.iter().copied().filter(|(name, _)| has(name)).collect();
    let bindings = bind(program, &shapes, &sizes).map_err(|e| e.to_string())?;
    let mut arguments = Vec::new();
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        arguments.push(match (&param.kind, known.get(&param.name)) {
            (ParamKind::Tensor { access: Access::Out, dtype, .. }, _) => {
                Argument::Tensor(Tensor::zeros(*dtype, shape))
            }
            (_, Some(given)) => given.clone(),
            (ParamKind::Scalar { default: Some(value), .. }, None) => Argument::Scalar(*value),
            _ => return Err(format!("{}: `{}` is missing", program.name, param.name)),
        });
    }
    Ok((arguments, bindings))
}

/// The gradients in f64, in order; with a random sequence, of inputs and ops that are off by [`UNIT`].
fn exact(
    wide: &Backward,
    known: &Known,
    case: &Case,
    mut random: Option<&mut Random>,
) -> Result<Vec<Vec<f64>>, String> {
    let mut known = known.clone();
    for argument in known.values_mut() {
        if let Argument::Tensor(tensor) = argument
            && tensor.dtype.is_float()
        {
            let mut values = tensor.values();
            if let Some(random) = &mut random {
                random.shift(&mut values, UNIT);
            }
            *tensor = Tensor::from_values(DType::F64, &tensor.shape, &values);
        }
    }
    match random {
        Some(random) => {
            let programs = wide.programs.iter().map(|p| shaken(p, random)).collect();
            run_backward(&Backward { programs, ..wide.clone() }, &mut known, case.sizes)?;
        }
        None => run_backward(wide, &mut known, case.sizes)?,
    }
    let gradient = |name: &String| known.get(name).and_then(Argument::tensor).map(Tensor::values);
    wide.gradients
        .iter()
        .map(|name| gradient(name).ok_or_else(|| format!("`{name}` was not made")))
        .collect()
}

fn exact_or_nothing(
    wide: &Backward,
    known: &Known,
    case: &Case,
    random: &mut Random,
) -> Vec<Vec<f64>> {
    exact(wide, known, case, Some(random)).unwrap_or_default()
}
