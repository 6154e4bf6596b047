//! The clock: what a kernel takes, and which share of the copy bandwidth that is.

mod of_call;
mod recorded;
mod results;

use crate::random::Random;
pub(crate) use results::{Expected, Initial};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilewright_ir::{Access, DType, ParamKind, Program, bind};
use tilewright_kernels::{Case, Entry, Fill, Inputs};
use tilewright_runtime::{
    Buffer, Chosen, Device, Error, Kernel, Memory, Plan, Result, Runtime, TensorMut, TensorRef,
    Value,
};

/// Random elements of an input; a longer one repeats them, as drawing takes longer than any kernel. Normal and distinct numbers
/// are plain normal ones, as the peers get (`measure/peers_ops.py`): what is exponentially small takes some CPUs long.
pub const PERIOD: usize = 1 << 16;

/// Where the outputs of a timed call come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Memory that was made before.
    Preallocated,
    /// Memory from the runtime's pool, each call anew, as callables do without being given any.
    Fresh,
    /// Memory that was made before, of calls that were recorded and run one behind the other; see
    /// [`Bench::time_recorded`].
    Recorded,
}

impl Outputs {
    /// `preallocated`, `fresh` or `recorded`.
    pub fn name(self) -> &'static str {
        match self {
            Outputs::Preallocated => "preallocated",
            Outputs::Fresh => "fresh",
            Outputs::Recorded => "recorded",
        }
    }
}

/// A kernel, or the programs of its gradient, with all tensors in place, ready to be timed.
pub struct Bench {
    name: String,
    dtype: DType,
    case: String,
    runtime: Arc<Runtime>,
    tensors: Vec<Slot>,
    stages: Vec<Stage>,
    outputs: Outputs,
    flush: Option<Flush>,
    flops: Option<f64>,
    preparation: (f64, f64),
}

/// A tensor by its name.
struct Slot {
    name: String,
    memory: Memory,
    dtype: DType,
    shape: Vec<usize>,
    /// What becomes of it over all stages.
    access: Access,
    /// Made by one stage for another: no traffic that the work needs.
    temporary: bool,
    /// What each run finds in a tensor of indices that the kernel moves on: they would leave their axis.
    first: Option<Vec<u8>>,
}

/// One program.
struct Stage {
    kernel: Arc<Kernel>,
    plan: Arc<Plan>,
    parameters: Vec<Parameter>,
}

/// Where an argument comes from.
#[derive(Clone, Copy)]
enum Parameter {
    Scalar(f64),
    Tensor { slot: usize, written: bool },
}

/// Two arrays that no cache of a GPU holds: copying one to the other makes each run find its inputs in memory, as in a
/// program that did something else meanwhile.
struct Flush {
    from: Memory,
    to: Memory,
}

/// Bytes of each of its arrays, several times the caches of today's GPUs.
const FLUSH: usize = 256 << 20;

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
    /// The kernel, or `<kernel> gradient`.
    pub kernel: String,
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

/// Random values for the tensors of a case, and what is known of its sizes.
struct Material<'a> {
    runtime: &'a Arc<Runtime>,
    entry: &'static Entry,
    case: &'a Case,
    inputs: Inputs,
    random: Random,
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
        let start = Instant::now();
        let program = entry.record(&specialization).map_err(|e| Error::usage(e.to_string()))?;
        let record = milliseconds(start);
        let mut material = Material::new(runtime, entry, case, dtype);
        let mut bench = Bench {
            name: entry.name.into(),
            dtype,
            case: crate::runner::show_case(case),
            runtime: runtime.clone(),
            tensors: Vec::new(),
            stages: Vec::new(),
            outputs,
            flush: Flush::of(runtime)?,
            flops: entry.flops.map(|flops| flops(&material.inputs)),
            preparation: (record, 0.0),
        };
        bench.stage(&program, &mut material)?;
        Ok(bench)
    }

    /// Prepares the gradient of a case: inputs, outputs of the forward kernel where they are read, and cotangents are in
    /// place.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the kernel has no gradient.
    pub fn gradient(
        runtime: &Arc<Runtime>,
        entry: &'static Entry,
        case: &Case,
        dtype: DType,
        outputs: Outputs,
    ) -> Result<Bench> {
        let mut bench = Bench::new(runtime, entry, case, dtype, outputs)?;
        let forward = bench.stages.remove(0);
        let start = Instant::now();
        let backward =
            crate::gradient::gradient_of(entry, case, dtype, forward.kernel.program(), false)
                .map_err(Error::usage)?;
        bench.preparation = (milliseconds(start), 0.0);
        bench.name = format!("{} gradient", entry.name);
        bench.flops = None;
        let mut material = Material::new(runtime, entry, case, dtype);
        // A cotangent has the shape of its output, which is what the gradient's sizes follow from.
        for i in 0..bench.tensors.len() {
            let name = format!("d_{}", bench.tensors[i].name);
            if backward.cotangents.contains(&name) {
                let (dtype, shape) = (bench.tensors[i].dtype, bench.tensors[i].shape.clone());
                let cotangent = material.tensor(&name, Fill::Normal, dtype, &shape)?;
                bench.tensors.push(cotangent);
            }
        }
        let read = |name: &str| backward.programs.iter().any(|p| p.find_param(name).is_some());
        bench.tensors.retain(|slot| read(&slot.name));
        bench.tensors.iter_mut().for_each(|slot| slot.access = Access::In);
        for program in &backward.programs {
            bench.stage(program, &mut material)?;
        }
        for slot in &mut bench.tensors {
            slot.temporary = backward.temporaries.contains(&slot.name);
        }
        Ok(bench)
    }

    /// Compiles a program as the next stage, and makes the tensors that it is the first to name.
    fn stage(&mut self, program: &Program, material: &mut Material<'_>) -> Result<()> {
        let position = |name: &str| self.tensors.iter().position(|slot| slot.name == name);
        let known: Vec<Option<usize>> =
            program.params.iter().map(|param| position(&param.name)).collect();
        let shape_of = |slot: &Option<usize>| slot.map(|slot| self.tensors[slot].shape.clone());
        let shapes: Vec<Option<Vec<usize>>> = known.iter().map(shape_of).collect();
        let mut sizes = material.case.sizes.to_vec();
        sizes.retain(|(name, _)| program.dims.iter().any(|dim| dim.name == *name));
        let bindings = bind(program, &shapes, &sizes)?;
        let new = program.params.iter().zip(&bindings.kernel_shapes).zip(&known);
        let bytes = new.filter_map(|((param, shape), known)| match param.kind {
            ParamKind::Tensor { dtype, .. } if known.is_none() => Some(bytes_of(dtype, shape)),
            _ => None,
        });
        self.runtime.require(bytes.fold(0, u64::saturating_add))?;
        let start = Instant::now();
        let kernel = self.runtime.compile(program)?;
        self.preparation.1 += milliseconds(start);
        let mut parameters = Vec::new();
        for ((param, shape), known) in program.params.iter().zip(&bindings.kernel_shapes).zip(known)
        {
            let (dtype, access) = match &param.kind {
                ParamKind::Scalar { default, .. } => {
                    let mut set = material.case.scalars.iter();
                    let set = set.find(|(name, _)| *name == param.name).map(|(_, value)| *value);
                    parameters.push(Parameter::Scalar(set.or(*default).unwrap_or(f64::NAN)));
                    continue;
                }
                ParamKind::Tensor { dtype, access, .. } => (*dtype, *access),
            };
            let slot = match known {
                Some(slot) => slot,
                None if access == Access::Out => {
                    let elements: usize = shape.iter().product();
                    self.tensors.push(Slot {
                        name: param.name.clone(),
                        memory: self.runtime.allocate(elements * dtype.size())?,
                        dtype,
                        shape: shape.clone(),
                        access,
                        temporary: false,
                        first: None,
                    });
                    self.tensors.len() - 1
                }
                None => {
                    let fill = material.entry.fill(material.case, &param.name);
                    let mut tensor = material.tensor(&param.name, fill, dtype, shape)?;
                    if access == Access::InOut && matches!(fill, Fill::Index(_)) {
                        let mut first = vec![0; shape.iter().product::<usize>() * dtype.size()];
                        tensor.memory.buffer().read(0, &mut first)?;
                        tensor.first = Some(first);
                    }
                    self.tensors.push(Slot { access, ..tensor });
                    self.tensors.len() - 1
                }
            };
            parameters.push(Parameter::Tensor { slot, written: access != Access::In });
        }
        let given: Vec<Option<&[usize]>> = parameters
            .iter()
            .map(|parameter| match parameter {
                Parameter::Scalar(_) => None,
                Parameter::Tensor { slot, .. } => Some(self.tensors[*slot].shape.as_slice()),
            })
            .collect();
        let plan = kernel.plan(&given, &sizes)?;
        self.stages.push(Stage { kernel, plan, parameters });
        Ok(())
    }

    /// The milliseconds that recording and compiling took; the latter are few where the runtime had the kernel in its
    /// cache.
    pub fn preparation(&self) -> (f64, f64) {
        self.preparation
    }

    /// Runs it once and gives the milliseconds, by the device's clock where it has one.
    ///
    /// # Errors
    /// What the launch reports.
    pub fn run(&mut self) -> Result<f64> {
        let device = self.runtime.device().clone();
        self.rewind()?;
        if let Some(Flush { from, to }) = &mut self.flush {
            device.copy(from.buffer(), to.buffer_mut(), FLUSH)?;
        }
        let start = Instant::now();
        if self.outputs == Outputs::Fresh {
            for slot in self.tensors.iter_mut().filter(|slot| slot.access == Access::Out) {
                let elements: usize = slot.shape.iter().product();
                // The old memory goes back first, as when the caller has dropped the last result.
                slot.memory = Memory::adopt(Box::new(tilewright_runtime::HostBuffer::new(0)?));
                slot.memory = self.runtime.allocate(elements * slot.dtype.size())?;
            }
        }
        let (stages, tensors) = (&self.stages, &mut self.tensors);
        let took = timed(&*device, start, &mut || {
            // SAFETY: the tensors stay borrowed, and `timed` waits for the work.
            stages.iter().try_for_each(|stage| unsafe { stage.enqueue(tensors) })
        })?;
        Ok(took * 1e3)
    }

    /// Puts indices that the kernel moves on back to where they began.
    fn rewind(&mut self) -> Result<()> {
        for slot in &mut self.tensors {
            if let Some(first) = &slot.first {
                slot.memory.buffer_mut().write(0, first)?;
            }
        }
        Ok(())
    }

    /// Starts it without waiting.
    ///
    /// # Safety
    /// The device is waited for before the tensors are dropped.
    pub(crate) unsafe fn enqueue(&mut self) -> Result<()> {
        let tensors = &mut self.tensors;
        // SAFETY: the caller's promise.
        self.stages.iter().try_for_each(|stage| unsafe { stage.enqueue(tensors) })
    }

    /// The schedules by which each of its programs could run, its own first.
    pub(crate) fn schedules(&self) -> Vec<Vec<String>> {
        self.stages.iter().map(|stage| stage.kernel.schedules(&stage.plan)).collect()
    }

    /// Runs program number `stage` by that schedule from now on.
    pub(crate) fn choose(&self, stage: usize, schedule: &str) -> Result<Option<Chosen>> {
        let stage = &self.stages[stage];
        stage.kernel.choose(&stage.plan, schedule)
    }

    /// Times it alone.
    ///
    /// # Errors
    /// What a launch reports.
    pub fn time(&mut self, budget: Budget) -> Result<Timing> {
        time(&mut || self.run(), budget)
    }

    /// The result as data; `copy` is the copy bandwidth in bytes a second, see [`crate::HostCopy`].
    pub fn row(&self, timing: Timing, copy: Option<f64>) -> BenchRow {
        let per_second = |work: f64| work / (timing.median * 1e-3);
        let bytes = self.least_bytes();
        let rate = per_second(bytes as f64);
        BenchRow {
            kernel: self.name.clone(),
            case: self.case.clone(),
            dtype: self.dtype,
            target: self.runtime.target(),
            outputs: self.outputs,
            timing,
            bytes,
            gigabytes_per_second: rate / 1e9,
            share: copy.map(|copy| rate / copy),
            gigaflops: self.flops.map(|flops| per_second(flops) / 1e9),
        }
    }

    /// Inputs read once, outputs written once; what is updated in place, both; temporaries not at all.
    fn least_bytes(&self) -> u64 {
        let counted = self.tensors.iter().filter(|slot| !slot.temporary);
        counted
            .map(|slot| {
                let once = bytes_of(slot.dtype, &slot.shape);
                if slot.access == Access::InOut { 2 * once } else { once }
            })
            .sum()
    }
}

impl Stage {
    /// Starts the program.
    ///
    /// # Safety
    /// The tensors stay as they are until the device has been synchronized.
    unsafe fn enqueue(&self, tensors: &mut [Slot]) -> Result<()> {
        let mut free: Vec<Option<&mut Slot>> = tensors.iter_mut().map(Some).collect();
        let values: Vec<Value<'_>> = (self.parameters.iter().enumerate())
            .map(|(i, parameter)| {
                let (slot, written) = match *parameter {
                    Parameter::Scalar(number) => return Value::Scalar(number),
                    Parameter::Tensor { slot, written } => (free[slot].take(), written),
                };
                // A program names a tensor once.
                let Some(slot) = slot else { return Value::Default };
                let (dtype, shape) = (slot.dtype, self.plan.shape(i));
                if written {
                    let buffer = slot.memory.buffer_mut();
                    return Value::Out(TensorMut { buffer, dtype, shape });
                }
                let buffer = slot.memory.buffer();
                Value::In(TensorRef { buffer, dtype, shape, strides: None, offset: 0 })
            })
            .collect();
        // SAFETY: the caller's promise.
        unsafe { self.kernel.enqueue(&self.plan, &values) }
    }
}

impl Flush {
    /// For devices whose memory the host does not see: those keep their own time.
    fn of(runtime: &Runtime) -> Result<Option<Flush>> {
        if runtime.caps().host_visible {
            return Ok(None);
        }
        Ok(Some(Flush { from: runtime.allocate(FLUSH)?, to: runtime.allocate(FLUSH)? }))
    }
}

impl<'a> Material<'a> {
    fn new(runtime: &'a Arc<Runtime>, entry: &'static Entry, case: &'a Case, dtype: DType) -> Self {
        let specialization = entry.specialization(dtype, case.constants);
        let mut inputs = Inputs::default();
        let constants = specialization.constants().iter().map(|(n, v)| (n.as_str(), *v));
        for (name, value) in case.sizes.iter().copied().chain(constants) {
            inputs.sizes.insert(name.to_string(), value);
        }
        Material { runtime, entry, case, inputs, random: Random::named(1, entry.name) }
    }

    /// A tensor to be read.
    fn tensor(&mut self, name: &str, fill: Fill, dtype: DType, shape: &[usize]) -> Result<Slot> {
        let size = |name: &str| self.inputs.size(name);
        let elements = shape.iter().product();
        let memory = filled(self.runtime, &mut self.random, fill, dtype, elements, size)?;
        let (name, shape) = (name.to_string(), shape.to_vec());
        let access = Access::In;
        Ok(Slot { name, memory, dtype, shape, access, temporary: false, first: None })
    }
}

/// The seconds that the device is at work by its own clock, or, where it has none, those since `start` when it is done.
pub(crate) fn timed(
    device: &dyn Device,
    start: Instant,
    work: &mut dyn FnMut() -> Result<()>,
) -> Result<f64> {
    let mut done = Ok(());
    let took = device.time(&mut || {
        done = work();
        Ok(())
    });
    // What went wrong first is what is told.
    done?;
    Ok(took?.unwrap_or_else(|| start.elapsed()).as_secs_f64())
}

/// The bytes of a tensor; as many as can be counted where they cannot be.
fn bytes_of(dtype: DType, shape: &[usize]) -> u64 {
    let extents = shape.iter().map(|&extent| extent as u64);
    extents.fold(dtype.size() as u64, u64::saturating_mul)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Times what runs once and gives the milliseconds. Its first run does not count.
///
/// # Errors
/// The first error of a run.
pub fn time(run: &mut dyn FnMut() -> Result<f64>, budget: Budget) -> Result<Timing> {
    run()?;
    let started = Instant::now();
    let mut runs = Vec::new();
    while runs.len() < budget.runs.max(1) || started.elapsed() < budget.time {
        runs.push(run()?);
    }
    Ok(Timing::of(runs))
}

fn filled(
    runtime: &Runtime,
    random: &mut Random,
    fill: Fill,
    dtype: DType,
    elements: usize,
    size: impl Fn(&str) -> usize,
) -> Result<Memory> {
    let count = elements.min(PERIOD);
    let mut values = match fill {
        Fill::Normal | Fill::Distinct => (0..count).map(|_| random.normal()).collect(),
        _ => random.fill(fill, count, size),
    };
    if fill == Fill::Bits && dtype.size() < 4 {
        values.iter_mut().for_each(|x| *x = x.rem_euclid(256.0));
    }
    let mut bytes = vec![0; values.len() * dtype.size()];
    for (element, value) in bytes.chunks_exact_mut(dtype.size()).zip(values) {
        dtype.write(value, element);
    }
    let len = elements * dtype.size();
    let mut memory = runtime.allocate(len)?;
    repeat(memory.buffer_mut(), len, &bytes)?;
    Ok(memory)
}

/// Writes `block` as often as makes `len` bytes.
pub(crate) fn repeat(buffer: &mut dyn Buffer, len: usize, block: &[u8]) -> Result<()> {
    for at in (0..len).step_by(block.len().max(1)) {
        buffer.write(at, &block[..block.len().min(len - at)])?;
    }
    Ok(())
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
        let next = tilewright_kernels::find("next_token").unwrap();
        let case = Case::of(&[("batch", 2), ("vocabulary", 9), ("max_len", 3)]);
        let mut bench =
            Bench::new(&runtime, next, &case, DType::F32, Outputs::Preallocated).unwrap();
        bench.time(Budget { runs: 9, ..budget }).expect("each run begins at the same position");
        let prepare = || Bench::new(&runtime, next, &case, DType::F32, Outputs::Preallocated);
        let (bench, timing) = Bench::time_recorded(prepare, Budget { runs: 9, ..budget })
            .expect("each run of a recording, too");
        assert_eq!((bench.outputs, timing.runs), (Outputs::Recorded, 9));
        let adamw = tilewright_kernels::find("adamw_step").unwrap();
        let case = adamw.cases.iter().find(|c| !c.sizes.iter().any(|(_, n)| *n == 0)).unwrap();
        let count = case.sizes[0].1 as u64;
        let bench = Bench::new(&runtime, adamw, case, DType::F32, Outputs::Preallocated).unwrap();
        assert_eq!(bench.least_bytes(), count * 4 * 7, "p, m, v twice, g once");
    }
}
