//! The clock: what a kernel takes, and which share of the copy bandwidth that is.

use crate::random::Random;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilewright_ir::{Access, Bindings, DType, ParamKind, Program, bind};
use tilewright_kernels::{Case, Entry, Fill, Inputs};
use tilewright_runtime::{
    Error, Kernel, Memory, Plan, Result, Runtime, TensorMut, TensorRef, Value,
};

/// Random elements of an input; a longer one repeats them. Timings depend on values little, and drawing them takes
/// longer than any kernel.
const PERIOD: usize = 1 << 16;

/// Where the outputs of a timed call come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Memory that was made before.
    Preallocated,
    /// Memory from the runtime's pool, each call anew, as callables do without being given any.
    Fresh,
}

impl Outputs {
    /// `preallocated` or `fresh`.
    pub fn name(self) -> &'static str {
        match self {
            Outputs::Preallocated => "preallocated",
            Outputs::Fresh => "fresh",
        }
    }
}

/// A kernel with its inputs in place, ready to be timed.
pub struct Bench {
    entry: &'static Entry,
    dtype: DType,
    case: String,
    runtime: Arc<Runtime>,
    kernel: Arc<Kernel>,
    plan: Arc<Plan>,
    slots: Vec<Slot>,
    outputs: Outputs,
    bytes: u64,
    flops: Option<f64>,
    /// Milliseconds that recording and compiling took.
    preparation: (f64, f64),
}

enum Slot {
    In(Memory, DType),
    Out(Memory, DType),
    InOut(Memory, DType),
    Scalar(f64),
}

/// What repeated runs took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Half the runs were faster.
    pub median: f64,
    /// The fastest run.
    pub least: f64,
    /// (third quartile - first quartile) / median: how far to trust the median.
    pub spread: f64,
    /// How often it ran.
    pub runs: usize,
}

/// How long one measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Runs at least, after one that is not counted.
    pub runs: usize,
    /// More runs until this much time has passed.
    pub time: Duration,
}

/// One timed kernel, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchRow {
    /// The kernel.
    pub kernel: &'static str,
    /// Sizes, constants and scalars.
    pub case: String,
    /// What `T` was.
    pub dtype: DType,
    /// Where it ran.
    pub target: &'static str,
    /// Where its outputs came from.
    pub outputs: Outputs,
    /// What it took.
    pub timing: Timing,
    /// The fewest bytes that it can move: inputs read once, outputs written once, both for what is updated in place.
    pub bytes: u64,
    /// Those bytes by the median, in GB/s.
    pub gigabytes_per_second: f64,
    /// The share of the measured copy bandwidth, when that is known.
    pub share: Option<f64>,
    /// Floating-point work by the median, in GFLOP/s, for kernels that state it.
    pub gigaflops: Option<f64>,
}

impl Timing {
    /// Of runs in milliseconds, at least one.
    pub fn of(mut runs: Vec<f64>) -> Timing {
        runs.sort_by(f64::total_cmp);
        let last = runs.len().saturating_sub(1);
        let at = |share: f64| runs.get((last as f64 * share).round() as usize).copied();
        let at = |share| at(share).unwrap_or(f64::NAN);
        let median = at(0.5);
        let spread = if median > 0.0 { (at(0.75) - at(0.25)) / median } else { 0.0 };
        Timing { median, least: at(0.0), spread, runs: runs.len() }
    }
}

impl Bench {
    /// Prepares a case of a kernel.
    ///
    /// # Errors
    /// When the kernel does not record or compile, the case does not fit it, or memory runs out.
    pub fn new(
        runtime: &Arc<Runtime>,
        entry: &'static Entry,
        case: &Case,
        dtype: DType,
        outputs: Outputs,
    ) -> Result<Bench> {
        let specialization = entry.specialization(dtype, case.constants);
        let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let program = entry.record(&specialization).map_err(|e| Error::usage(e.to_string()))?;
        let record = milliseconds(start);
        let unknown = vec![None; program.params.len()];
        let bindings = bind(&program, &unknown, case.sizes)?;
        let mut inputs = Inputs::default();
        let constants = specialization.constants().iter().map(|(n, v)| (n.as_str(), *v));
        for (name, value) in case.sizes.iter().copied().chain(constants) {
            inputs.sizes.insert(name.to_string(), value);
        }
        let mut random = Random::named(1, entry.name);
        let (mut slots, mut shapes) = (Vec::new(), Vec::new());
        for (param, shape) in program.params.iter().zip(&bindings.kernel_shapes) {
            let size = |name: &str| inputs.size(name);
            let elements: usize = shape.iter().product();
            let fill = entry.fill(case, &param.name);
            slots.push(match &param.kind {
                ParamKind::Scalar { default, .. } => {
                    let given = case.scalars.iter().find(|(name, _)| *name == param.name);
                    Slot::Scalar(given.map(|(_, v)| *v).or(*default).unwrap_or(f64::NAN))
                }
                ParamKind::Tensor { dtype, access: Access::Out, .. } => {
                    Slot::Out(runtime.allocate(elements * dtype.size())?, *dtype)
                }
                ParamKind::Tensor { dtype, access, .. } => {
                    let memory = filled(runtime, &mut random, fill, *dtype, elements, size)?;
                    match access {
                        Access::InOut => Slot::InOut(memory, *dtype),
                        Access::In | Access::Out => Slot::In(memory, *dtype),
                    }
                }
            });
            let tensor = matches!(param.kind, ParamKind::Tensor { .. });
            shapes.push(tensor.then_some(shape.as_slice()));
        }
        let start = Instant::now();
        let kernel = runtime.compile(&program)?;
        let compile = milliseconds(start);
        let plan = kernel.plan(&shapes, &[])?;
        Ok(Bench {
            entry,
            dtype,
            case: crate::runner::show_case(case),
            runtime: runtime.clone(),
            bytes: least_bytes(&program, &bindings),
            flops: entry.flops.map(|flops| flops(&inputs)),
            kernel,
            plan,
            slots,
            outputs,
            preparation: (record, compile),
        })
    }

    /// The milliseconds that recording and compiling the kernel took; the latter are few where the runtime had it in
    /// its cache.
    pub fn preparation(&self) -> (f64, f64) {
        self.preparation
    }

    /// Runs it once and gives the milliseconds.
    ///
    /// # Errors
    /// What the launch reports.
    pub fn run(&mut self) -> Result<f64> {
        let start = Instant::now();
        if self.outputs == Outputs::Fresh {
            for (i, slot) in self.slots.iter_mut().enumerate() {
                if let Slot::Out(memory, dtype) = slot {
                    let elements: usize = self.plan.shape(i).iter().product();
                    // The old memory goes back first, as when the caller has dropped the last result.
                    *memory = Memory::adopt(Box::new(tilewright_runtime::HostBuffer::new(0)?));
                    *memory = self.runtime.allocate(elements * dtype.size())?;
                }
            }
        }
        let plan = &self.plan;
        let values: Vec<Value<'_>> = self
            .slots
            .iter_mut()
            .enumerate()
            .map(|(i, slot)| match slot {
                Slot::Scalar(number) => Value::Scalar(*number),
                Slot::In(memory, dtype) => Value::In(TensorRef {
                    buffer: memory.buffer(),
                    dtype: *dtype,
                    shape: plan.shape(i),
                    strides: None,
                    offset: 0,
                }),
                Slot::Out(memory, dtype) | Slot::InOut(memory, dtype) => Value::Out(TensorMut {
                    buffer: memory.buffer_mut(),
                    dtype: *dtype,
                    shape: plan.shape(i),
                }),
            })
            .collect();
        self.kernel.launch(plan, &values)?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// Times it alone.
    ///
    /// # Errors
    /// What a launch reports.
    pub fn time(&mut self, budget: Budget) -> Result<Timing> {
        Ok(interleave(std::slice::from_mut(self), budget)?[0])
    }

    /// The result as data; `copy` is the copy bandwidth in bytes a second, see [`crate::copy_bandwidth`].
    pub fn row(&self, timing: Timing, copy: Option<f64>) -> BenchRow {
        let per_second = |work: f64| work / (timing.median * 1e-3);
        let rate = per_second(self.bytes as f64);
        BenchRow {
            kernel: self.entry.name,
            case: self.case.clone(),
            dtype: self.dtype,
            target: self.runtime.target(),
            outputs: self.outputs,
            timing,
            bytes: self.bytes,
            gigabytes_per_second: rate / 1e9,
            share: copy.map(|copy| rate / copy),
            gigaflops: self.flops.map(|flops| per_second(flops) / 1e9),
        }
    }
}

/// Times several kernels in turns, so that a slow moment of the machine falls on all of them.
///
/// # Errors
/// The first error of a launch.
pub fn interleave(benches: &mut [Bench], budget: Budget) -> Result<Vec<Timing>> {
    for bench in benches.iter_mut() {
        bench.run()?;
    }
    let started = Instant::now();
    let mut runs = vec![Vec::new(); benches.len()];
    while runs.first().is_some_and(|r| r.len() < budget.runs.max(1))
        || started.elapsed() < budget.time
    {
        for (bench, runs) in benches.iter_mut().zip(&mut runs) {
            runs.push(bench.run()?);
        }
        if benches.is_empty() {
            break;
        }
    }
    Ok(runs.into_iter().map(Timing::of).collect())
}

/// Inputs read once, outputs written once; what is updated in place, both.
fn least_bytes(program: &Program, bindings: &Bindings) -> u64 {
    let tensors = program.params.iter().zip(&bindings.kernel_shapes);
    tensors
        .map(|(param, shape)| match param.kind {
            ParamKind::Scalar { .. } => 0,
            ParamKind::Tensor { dtype, access, .. } => {
                let once = shape.iter().map(|&d| d as u64).product::<u64>() * dtype.size() as u64;
                if access == Access::InOut { 2 * once } else { once }
            }
        })
        .sum()
}

fn filled(
    runtime: &Runtime,
    random: &mut Random,
    fill: Fill,
    dtype: DType,
    elements: usize,
    size: impl Fn(&str) -> usize,
) -> Result<Memory> {
    let mut values = random.fill(fill, elements.min(PERIOD), size);
    if fill == Fill::Bits && dtype.size() < 4 {
        values.iter_mut().for_each(|x| *x = x.rem_euclid(256.0));
    }
    let mut bytes = vec![0; values.len() * dtype.size()];
    for (element, value) in bytes.chunks_exact_mut(dtype.size()).zip(values) {
        dtype.write(value, element);
    }
    let len = elements * dtype.size();
    let mut memory = runtime.allocate(len)?;
    for start in (0..len).step_by(bytes.len().max(1)) {
        memory.buffer_mut().write(start, &bytes[..bytes.len().min(len - start)])?;
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles() {
        let timing = Timing::of(vec![5.0, 1.0, 2.0, 4.0, 3.0]);
        assert_eq!((timing.median, timing.least, timing.runs), (3.0, 1.0, 5));
        assert!((timing.spread - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn kernels_are_timed_and_their_bytes_counted() {
        let runtime = Runtime::open("null").unwrap();
        let budget = Budget { runs: 3, time: Duration::ZERO };
        let case = Case::of(&[("rows", 4), ("cols", 100_000)]);
        let softmax = tilewright_kernels::find("softmax").unwrap();
        for outputs in [Outputs::Preallocated, Outputs::Fresh] {
            let mut bench = Bench::new(&runtime, softmax, &case, DType::F16, outputs).unwrap();
            let timing = bench.time(budget).unwrap();
            let row = bench.row(timing, Some(1e10));
            assert_eq!((row.timing.runs, row.bytes), (3, 2 * 4 * 100_000 * 2));
            assert!(row.share.is_some_and(|s| s > 0.0));
        }
        let adamw = tilewright_kernels::find("adamw_step").unwrap();
        let case = adamw.cases.iter().find(|c| !c.sizes.iter().any(|(_, n)| *n == 0)).unwrap();
        let count = case.sizes[0].1 as u64;
        let bench = Bench::new(&runtime, adamw, case, DType::F32, Outputs::Preallocated).unwrap();
        assert_eq!(bench.bytes, count * 4 * 7, "p, m, v twice, g once");
    }
}
