//! The one runner: every case, every dtype, every present target.

use crate::call::{Call, largest};
use crate::compare::compare;
use crate::execute::{Layout, execute};
use crate::judge::{Worst, varies};
use crate::row::{Check, Outcome, Row};
use crate::variant::{Variant, variants};
use crate::{gradient, hostile};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tilewright_ir::DType;
use tilewright_ir::interpret::Argument;
use tilewright_ir::tolerance::Tolerance;
use tilewright_kernels::{Case, Entry, Grad};
use tilewright_runtime::targets::{Role, TARGETS};
use tilewright_runtime::{DeviceKind, Runtime};

/// Threads that share the work at most.
const MOST_THREADS: usize = 8;
/// Bytes of stack of each, as a program's first thread has.
const STACK: usize = 8 << 20;

/// Elements of the largest tensor that a selection gives to targets other than the interpreter, unless told otherwise.
const DEVICE_LIMIT: usize = 1 << 21;

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
    /// Largest tensor, in elements, whose gradient is compared on every target with that of the interpreter in f64.
    pub gradient_limit: usize,
    /// Seed of all inputs.
    pub seed: u64,
}

impl Selection {
    /// These kernels on every present target that computes. The interpreter gets tensors of up to 20,000 elements,
    /// the others up to 2 million: larger cases only repeat what those show, at many times the cost.
    pub fn new(kernels: Vec<&'static Entry>) -> Selection {
        let computing = TARGETS.iter().filter(|target| target.role == Role::Computes);
        let runtimes = computing.filter_map(|target| Runtime::open(target.name).ok()).collect();
        Selection {
            kernels,
            runtimes,
            interpreter_limit: 20_000,
            device_limit: DEVICE_LIMIT,
            gradient_limit: 20_000,
            seed: 1,
        }
    }

    /// The same with every case, whatever its size, forward on every device, and on the interpreter those with tensors of
    /// up to 4 million elements. What is larger there are cases to be timed, whose program is that of a smaller case:
    /// the interpreter goes through it element by element in one order, and finds nothing new in more of them.
    /// Gradients keep their limit: a finite difference runs the interpreter some hundred times.
    pub fn full(self) -> Selection {
        Selection { interpreter_limit: 1 << 22, device_limit: usize::MAX, ..self }
    }

    /// The same without cases that have a tensor of more than `elements`, for tools that make every access slow.
    pub fn limited(self, elements: usize) -> Selection {
        Selection {
            interpreter_limit: self.interpreter_limit.min(elements),
            device_limit: self.device_limit.min(elements),
            gradient_limit: self.gradient_limit.min(elements),
            ..self
        }
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

    /// Runs everything, and tells `each` piece of work when it `begin`s and when it is done.
    ///
    /// Pieces run side by side on several cores: most of the time goes to the interpreter, the references and compilers,
    /// which know one core only. A GPU is given one launch at a time. The rows are in the order of the work all the same.
    pub fn run(&self, begin: impl Fn(&Job) + Sync, done: impl Fn(&Job) + Sync) -> Vec<Row> {
        let jobs = self.jobs();
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        let work = || {
            while let Some((k, job)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|k| Some((k, jobs.get(k)?)))
            {
                begin(job);
                let rows = job.run(self);
                done(job);
                found.lock().unwrap_or_else(|poison| poison.into_inner()).push((k, rows));
            }
        };
        // Each may hold a large case, so there are not many.
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(MOST_THREADS);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // One that cannot be had leaves its work to the others.
                let _ = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            }
            work();
        });
        let mut found = found.into_inner().unwrap_or_else(|poison| poison.into_inner());
        found.sort_by_key(|&(k, _)| k);
        found.into_iter().flat_map(|(_, rows)| rows).collect()
    }

    /// The largest tensor, in elements, that a target is given.
    pub(crate) fn limit(&self, runtime: &Runtime) -> usize {
        match runtime.caps().kind {
            DeviceKind::Interpreter | DeviceKind::Emulator => self.interpreter_limit,
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
    let variants = variants(entry, case, call);
    let references: Vec<_> = variants.iter().map(|v| (entry.reference)(&v.call.inputs)).collect();
    for runtime in runtimes {
        let mut failed = false;
        for (variant, reference) in variants.iter().zip(&references) {
            add.add(variant.check, runtime.target(), || {
                let found = check(entry, variant, reference, runtime);
                failed |= found.is_err();
                found
            });
            // One fault is told once.
            if failed {
                break;
            }
        }
        if !failed && runtime.caps().kind != DeviceKind::Interpreter {
            add.add(Check::Repeatable, runtime.target(), || repeat(&variants[0].call, runtime));
        }
    }
    rows
}

/// Runs a variant in each of its layouts and compares with the reference.
fn check(
    entry: &Entry,
    variant: &Variant,
    reference: &[Vec<f64>],
    runtime: &Runtime,
) -> Result<Worst, Outcome> {
    let mut worst = Worst::default();
    for layout in variant.layouts {
        let outputs = execute(runtime, &variant.call, *layout).map_err(fail)?;
        worst = worst.max(compare(entry, &variant.call, &outputs, reference)?);
    }
    Ok(worst)
}

/// Runs a variant on a target and compares every output with the entry's reference, as the runner does.
///
/// # Errors
/// What is wrong, in words.
pub fn check_variant(entry: &Entry, variant: &Variant, runtime: &Runtime) -> Result<Worst, String> {
    let reference = (entry.reference)(&variant.call.inputs);
    check(entry, variant, &reference, runtime)
        .map_err(|outcome| outcome.reason().unwrap_or_default().to_string())
}

/// Two runs give the same bits.
fn repeat(call: &Call, runtime: &Runtime) -> Result<Worst, Outcome> {
    let run = || execute(runtime, call, Layout::Contiguous).map_err(fail);
    let (first, second) = (run()?, run()?);
    match second.iter().zip(&first).all(|(a, b)| a.bytes == b.bytes) {
        true => Ok(Worst::default()),
        false => Err(fail("a second run gave other bits")),
    }
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
        // This judges the catalog's cases and launches nothing, so a narrower selection does not narrow it.
        let limit = selection.device_limit.max(DEVICE_LIMIT);
        cases.retain(|(elements, _)| *elements <= limit);
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
