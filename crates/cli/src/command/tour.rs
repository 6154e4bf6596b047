//! `tilewright tour`: what this is, shown on this machine in less than a minute.

use super::{bench, find, story};
use crate::failure::Failure;
use crate::timing::{CopyRates, Prepared};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilewright_ir::tolerance::Tolerance;
use tilewright_ir::{DType, Program, bind, interpret, text};
use tilewright_kernels::Entry;
use tilewright_lang::oneliner::Elementwise;
use tilewright_proof::{Budget, Job, Outcome, Random, Selection, judge};
use tilewright_runtime::Runtime;
use tilewright_runtime::targets::TARGETS;
use tilewright_tensor::{OneLiner, Tensor};

/// The formula that the tour begins with.
const MISH: &str = "x * tanh(log(1 + exp(x)))";

/// Its array: 16 times 1024 times 1024 elements, as in the benchmarks.
const ROWS: usize = 16384;
const COLUMNS: usize = 1024;

/// The kernels of the catalog that are shown after it.
const KERNELS: [&str; 3] = ["softmax", "rmsnorm_residual", "topk_gating_softmax"];

const BUDGET: Budget = Budget { runs: 5, time: Duration::from_millis(300) };

/// Shows the tour.
///
/// # Errors
/// When a result is outside its tolerance, or the device fails.
pub fn run(out: &mut dyn Write) -> Result<(), Failure> {
    let started = Instant::now();
    let runtime = Runtime::open(TARGETS[0].name)?;
    let caps = runtime.caps();
    writeln!(
        out,
        "Tilewright on {}: {}, {} threads, {}",
        runtime.target(),
        caps.name,
        caps.parallelism,
        caps.features.join(" "),
    )?;
    let mut rates = CopyRates::new(&runtime);
    let mut rows = Vec::new();
    for mut call in mish(&runtime, out)? {
        out.flush()?;
        rows.push(call.time(BUDGET, &mut rates)?);
    }
    for (number, name) in KERNELS.iter().enumerate() {
        for mut call in kernel(number + 2, find(name)?, &runtime, out)? {
            out.flush()?;
            rows.push(call.time(BUDGET, &mut rates)?);
        }
    }
    writeln!(
        out,
        "\n{}. Times. OF COPY compares with a long copy on all cores.\n",
        KERNELS.len() + 2
    )?;
    bench::print(&rows, out)?;
    // The arrays of the kernels above are not needed for what follows.
    drop(rates);
    story::tell(KERNELS.len() + 3, &runtime, out)?;
    writeln!(
        out,
        "\nThe tour took {:.0} s. Next: tilewright kernels",
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

/// A formula becomes a kernel, its gradient follows, both are checked. Gives the calls, to be timed.
fn mish(runtime: &Arc<Runtime>, out: &mut dyn Write) -> Result<Vec<Prepared>, Failure> {
    writeln!(out, "\n1. A formula becomes a kernel: {MISH}\n")?;
    let mish = Elementwise::formula(MISH).map_err(wrong)?.named("mish").callable()?.on(runtime);
    let gradient = mish.grad()?;
    let programs = [mish.programs(DType::F32)?, gradient.programs(DType::F32)?];
    for program in programs.iter().flatten() {
        for line in text::print(program).trim_end().lines() {
            writeln!(out, "   {line}")?;
        }
        writeln!(out)?;
    }
    // Outliers, and what overflows a naive exp.
    let mut random = Random::new(1);
    let mut x: Vec<f32> = (0..ROWS * COLUMNS).map(|_| random.normal() as f32).collect();
    x.iter_mut().step_by(97).for_each(|x| *x *= 40.0);
    let cotangent: Vec<f32> = (0..x.len()).map(|_| random.normal() as f32).collect();
    let shape = [ROWS, COLUMNS];
    let inputs = vec![("x".to_string(), Tensor::new(x.clone(), &shape)?)];
    let case = format!("rows={ROWS} cols={COLUMNS}");
    let forward = Prepared::new("mish", case.clone(), mish, inputs.clone(), vec![])?;
    let inputs = [inputs, vec![("d_out".to_string(), Tensor::new(cotangent.clone(), &shape)?)]];
    let backward = Prepared::new("mish gradient", case, gradient, inputs.concat(), vec![])?;
    let exact = |x: f64| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh();
    let reference: Vec<f64> = x.iter().map(|x| exact(*x as f64)).collect();
    let error = check(&programs[0][0], &forward.outputs[0], &reference)?;
    writeln!(out, "   out of {} values against f64: {error}", x.len())?;
    // Central differences of the f64 reference: their own error, about 1e-9, is far below f32's.
    let slope = |x: f64| (exact(x + 1e-5) - exact(x - 1e-5)) / 2e-5;
    let slopes =
        x.iter().zip(&cotangent).map(|(x, g)| *g as f64 * slope(*x as f64)).collect::<Vec<_>>();
    let error = check(&programs[1][0], &backward.outputs[0], &slopes)?;
    writeln!(out, "   d_x against finite differences: {error}")?;
    Ok(vec![forward, backward])
}

/// A kernel of the catalog, checked the same way.
fn kernel(
    number: usize,
    entry: &'static Entry,
    runtime: &Arc<Runtime>,
    out: &mut dyn Write,
) -> Result<Vec<Prepared>, Failure> {
    writeln!(out, "\n{number}. {}: {}\n", entry.name, entry.summary)?;
    for line in entry.formula.lines() {
        writeln!(out, "   {}", line.trim())?;
    }
    writeln!(out)?;
    let Some(case) = entry.cases.iter().find(|case| case.bench) else { return Ok(Vec::new()) };
    let (forward, sample) = Prepared::of_case(entry, case, runtime)?;
    let reference = (entry.reference)(&sample.inputs);
    for (output, reference) in forward.outputs.iter().zip(&reference) {
        let error = check(&sample.program, output, reference)?;
        let (name, tensor) = output;
        writeln!(out, "   {name} of {} values against f64: {error}", tensor.len())?;
    }
    drop((sample, reference));
    let (checks, share) = differences(entry)?;
    writeln!(
        out,
        "   gradient against finite differences: {checks} checks on small cases, at most {:.0} % of the tolerance used",
        share * 100.0
    )?;
    let backward = forward.gradient()?;
    Ok(vec![forward, backward])
}

/// Runs the gradient checks of a kernel; gives how many passed and the largest part of a tolerance that was used.
fn differences(entry: &'static Entry) -> Result<(usize, f64), Failure> {
    let selection = Selection::new(vec![entry]);
    let mut passed = 0;
    let mut share: f64 = 0.0;
    for case in entry.cases {
        for row in (Job::Gradient { entry, case }).run(&selection) {
            match &row.outcome {
                Outcome::Pass => passed += 1,
                Outcome::Skip(_) => {}
                Outcome::Fail(_) => return Err(wrong(&row)),
            }
            share = share.max(row.worst.share());
        }
    }
    Ok((passed, share))
}

/// Compares an output with its reference, and tells the largest error.
fn check(
    program: &Program,
    (name, tensor): &(String, Tensor),
    reference: &[f64],
) -> Result<String, Failure> {
    let unknown: Vec<Option<Vec<usize>>> = program
        .params
        .iter()
        .map(|param| (param.name == *name).then(|| tensor.shape().to_vec()))
        .collect();
    let bound = bind(program, &unknown, &[]).map_err(wrong)?;
    let tolerance = Tolerance::of(program, &bound.dims, tensor.dtype());
    let mut result = interpret::Tensor::zeros(tensor.dtype(), tensor.shape());
    result.bytes = tensor.to_bytes()?;
    let worst = judge(&result, reference, &tolerance, None)
        .map_err(|miss| wrong(format!("{}: `{name}`: {miss}", program.name)))?;
    Ok(match worst.error > 0.0 {
        true => format!("largest error {:.1e}, {:.1e} allowed there", worst.error, worst.allowed),
        false => "equal".into(),
    })
}

fn wrong(what: impl ToString) -> Failure {
    Failure::work(what.to_string(), "this is a defect: please report it with your processor's name")
}
