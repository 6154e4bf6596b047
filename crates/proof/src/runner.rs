//! The one runner: every case, every dtype, every present target.

use crate::call::{Call, largest};
use crate::execute::{Layout, execute};
use crate::judge::{UNIT, Worst, judge, sensitivities, varies};
use crate::row::{Check, Outcome, Row};
use crate::{gradient, hostile};
use std::sync::Arc;
use std::time::Instant;
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::tolerance::Tolerance;
use tilewright_ir::{Access, DType, ParamKind};
use tilewright_kernels::{Case, Entry, Grad};
use tilewright_runtime::targets::TARGETS;
use tilewright_runtime::{DeviceKind, Runtime};

/// Which kernels run where, and how large.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The kernels.
    pub kernels: Vec<&'static Entry>,
    /// Where they run.
    pub runtimes: Vec<Arc<Runtime>>,
    /// Largest tensor, in elements, that the interpreter is given.
    pub interpreter_limit: usize,
    /// Largest tensor, in elements, that other targets are given.
    pub device_limit: usize,
    /// Seed of all inputs.
    pub seed: u64,
}

impl Selection {
    /// These kernels on every present target that computes. The interpreter gets tensors of up to 20,000 elements,
    /// the others up to 2 million: larger cases only repeat what those show, at many times the cost.
    pub fn new(kernels: Vec<&'static Entry>) -> Selection {
        let computing = TARGETS.iter().filter(|target| target.computes);
        let runtimes = computing.filter_map(|target| Runtime::open(target.name).ok()).collect();
        Selection { kernels, runtimes, interpreter_limit: 20_000, device_limit: 1 << 21, seed: 1 }
    }

    /// The work, in pieces that can be run in any order.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for entry in &self.kernels {
            for &dtype in dtypes(entry) {
                jobs.extend(entry.cases.iter().map(|case| Job::Case { entry, case, dtype }));
                jobs.push(Job::Hostile { entry, dtype });
            }
            if matches!(entry.grad, Grad::Auto | Grad::By(_)) {
                jobs.extend(entry.cases.iter().map(|case| Job::Gradient { entry, case }));
            }
            jobs.push(Job::Varies { entry });
        }
        jobs
    }

    /// Runs everything and gives `each` row as it is found.
    pub fn run(&self, mut each: impl FnMut(&Row)) -> Vec<Row> {
        let mut rows = Vec::new();
        for job in self.jobs() {
            for row in job.run(self) {
                each(&row);
                rows.push(row);
            }
        }
        rows
    }

    /// The largest tensor, in elements, that a target is given.
    pub(crate) fn limit(&self, runtime: &Runtime) -> usize {
        match runtime.caps().kind {
            DeviceKind::Interpreter => self.interpreter_limit,
            _ => self.device_limit,
        }
    }
}

/// The dtypes that an entry claims.
pub(crate) fn dtypes(entry: &Entry) -> &'static [DType] {
    if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes }
}

/// One piece of the work.
#[derive(Clone, Copy, Debug)]
pub enum Job {
    /// One case in one dtype on every target.
    Case {
        /// The kernel.
        entry: &'static Entry,
        /// The case.
        case: &'static Case,
        /// What `T` is.
        dtype: DType,
    },
    /// Hostile values in one dtype.
    Hostile {
        /// The kernel.
        entry: &'static Entry,
        /// What `T` is.
        dtype: DType,
    },
    /// The gradient of one case.
    Gradient {
        /// The kernel.
        entry: &'static Entry,
        /// The case.
        case: &'static Case,
    },
    /// Whether the references of the cases can tell a wrong kernel.
    Varies {
        /// The kernel.
        entry: &'static Entry,
    },
}

impl Job {
    /// The kernel it is about.
    pub fn entry(&self) -> &'static Entry {
        match self {
            Job::Case { entry, .. }
            | Job::Hostile { entry, .. }
            | Job::Gradient { entry, .. }
            | Job::Varies { entry } => entry,
        }
    }

    /// Runs it.
    pub fn run(&self, selection: &Selection) -> Vec<Row> {
        match self {
            Job::Case { entry, case, dtype } => run_case(selection, entry, case, *dtype),
            Job::Hostile { entry, dtype } => hostile::run(selection, entry, *dtype),
            Job::Gradient { entry, case } => gradient::run(selection, entry, case),
            Job::Varies { entry } => vec![run_varies(selection, entry)],
        }
    }
}

/// A row in the making: everything but its outcome.
pub(crate) struct Rows<'a> {
    pub entry: &'static Entry,
    pub case: String,
    pub dtype: DType,
    pub rows: &'a mut Vec<Row>,
}

impl Rows<'_> {
    /// Times `check` and notes how it went.
    pub fn add(
        &mut self,
        check: Check,
        target: &'static str,
        run: impl FnOnce() -> Result<Worst, Outcome>,
    ) {
        let start = Instant::now();
        let (outcome, worst) = match run() {
            Ok(worst) => (Outcome::Pass, worst),
            Err(outcome) => (outcome, Worst::default()),
        };
        let (kernel, case, dtype) = (self.entry.name, self.case.clone(), self.dtype);
        let seconds = start.elapsed().as_secs_f64();
        self.rows.push(Row { kernel, check, case, dtype, target, outcome, worst, seconds });
    }
}

/// A case in words: `rows=3 cols=257 k=8`.
pub(crate) fn show_case(case: &Case) -> String {
    let sizes = case.sizes.iter().chain(case.constants).map(|(n, v)| format!("{n}={v}"));
    let scalars = case.scalars.iter().map(|(n, v)| format!("{n}={v}"));
    sizes.chain(scalars).collect::<Vec<_>>().join(" ")
}

pub(crate) fn fail(error: impl ToString) -> Outcome {
    Outcome::Fail(error.to_string())
}

fn run_case(selection: &Selection, entry: &'static Entry, case: &Case, dtype: DType) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = Rows { entry, case: show_case(case), dtype, rows: &mut rows };
    let elements = match largest(entry, case, dtype) {
        Ok(elements) => elements,
        Err(error) => {
            for runtime in &selection.runtimes {
                add.add(Check::Forward, runtime.target(), || Err(fail(&error)));
            }
            return rows;
        }
    };
    let fits = |runtime: &&Arc<Runtime>| elements <= selection.limit(runtime);
    for runtime in selection.runtimes.iter().filter(|r| !fits(r)) {
        add.add(Check::Forward, runtime.target(), || {
            let limit = selection.limit(runtime);
            let reason = format!("{elements} elements, more than {limit}");
            Err(Outcome::Skip(reason))
        });
    }
    let runtimes: Vec<_> = selection.runtimes.iter().filter(fits).collect();
    if runtimes.is_empty() {
        return rows;
    }
    let call = match Call::new(entry, case, dtype, selection.seed) {
        Ok(call) => call,
        Err(error) => {
            add.add(Check::Forward, runtimes[0].target(), || Err(fail(error)));
            return rows;
        }
    };
    let reference = (entry.reference)(&call.inputs);
    let aliased = aliased(&call);
    let aliased_reference = aliased.as_ref().map(|call| (entry.reference)(&call.inputs));
    for runtime in runtimes {
        let target = runtime.target();
        let mut first = Vec::new();
        add.add(Check::Forward, target, || {
            first = execute(runtime, &call, Layout::Contiguous).map_err(fail)?;
            compare(entry, &call, &first, &reference)
        });
        if first.is_empty() || elements == 0 {
            continue;
        }
        if runtime.caps().kind != DeviceKind::Interpreter {
            add.add(Check::Repeatable, target, || {
                let second = execute(runtime, &call, Layout::Contiguous).map_err(fail)?;
                match second.iter().zip(&first).all(|(a, b)| a.bytes == b.bytes) {
                    true => Ok(Worst::default()),
                    false => Err(fail("a second run gave other bits")),
                }
            });
        }
        add.add(Check::Strided, target, || {
            let mut worst = Worst::default();
            for layout in [Layout::Padded, Layout::ColumnMajor] {
                let outputs = execute(runtime, &call, layout).map_err(fail)?;
                worst = worst.max(compare(entry, &call, &outputs, &reference)?);
            }
            Ok(worst)
        });
        if let (Some(call), Some(reference)) = (&aliased, &aliased_reference) {
            add.add(Check::Aliased, target, || {
                let outputs = execute(runtime, call, Layout::Contiguous).map_err(fail)?;
                compare(entry, call, &outputs, reference)
            });
        }
    }
    rows
}

/// Compares every output with the reference. Only where that fails is the sensitivity measured, since it costs
/// several references.
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
    compare_scaled(call, outputs, reference, None).or_else(|_| {
        let scales =
            sensitivities(reference, |random| (entry.reference)(&call.perturbed(random, UNIT)));
        compare_scaled(call, outputs, reference, Some(&scales))
    })
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

/// The call with one memory for the first two read tensors that could share it; `None` when no two can.
fn aliased(call: &Call) -> Option<Call> {
    let mut tensors = Vec::new();
    for (i, param) in call.program.params.iter().enumerate() {
        if let (ParamKind::Tensor { access: Access::In, dtype, .. }, Argument::Tensor(tensor)) =
            (&param.kind, &call.arguments[i])
            && dtype.is_float()
        {
            tensors.push((i, tensor));
        }
    }
    for (number, (i, a)) in tensors.iter().enumerate() {
        for (j, b) in &tensors[number + 1..] {
            if a.dtype == b.dtype && a.shape == b.shape {
                let mut shared = call.clone();
                shared.set(*j, &a.values());
                shared.same_memory = Some((*i, *j));
                return Some(shared);
            }
        }
    }
    None
}

/// Some case must have a reference that a broken kernel would not reach by chance.
fn run_varies(selection: &Selection, entry: &'static Entry) -> Row {
    let mut rows = Vec::new();
    let dtype = dtypes(entry)[0];
    let mut add = Rows { entry, case: "all".into(), dtype, rows: &mut rows };
    add.add(Check::Varies, "reference", || {
        let mut constant: Vec<String> = Vec::new();
        let mut found: Vec<bool> = Vec::new();
        let mut cases = Vec::new();
        for case in entry.cases {
            cases.push((largest(entry, case, dtype).map_err(fail)?, case));
        }
        cases.sort_by_key(|(elements, _)| *elements);
        cases.retain(|(elements, _)| *elements <= selection.device_limit);
        for (_, case) in cases {
            if !found.is_empty() && found.iter().all(|f| *f) {
                break;
            }
            let call = Call::new(entry, case, dtype, selection.seed).map_err(fail)?;
            let reference = (entry.reference)(&call.inputs);
            found.resize(reference.len(), false);
            constant.clear();
            for ((i, param), values) in call.output_tensors().enumerate().zip(&reference) {
                let Argument::Tensor(output) = &call.arguments[param] else { continue };
                let tolerance = Tolerance::of(&call.program, &call.bindings.dims, output.dtype);
                found[i] |= varies(values, &tolerance);
                if !found[i] {
                    constant.push(call.program.params[param].name.clone());
                }
            }
        }
        match found.iter().all(|f| *f) && !found.is_empty() {
            true => Ok(Worst::default()),
            false => Err(fail(format!(
                "the reference of {} is near-constant in every case: it could not tell a wrong kernel",
                constant.join(", ")
            ))),
        }
    });
    rows.remove(0)
}
