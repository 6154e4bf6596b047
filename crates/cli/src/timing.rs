//! Timing a call of a kernel, and what it says of this machine.

use crate::failure::Failure;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use tilewright_ir::{Access, DType, ParamKind, interpret};
use tilewright_kernels::{Case, Entry};
use tilewright_proof::{
    Bench, BenchRow, Budget, Call as Sample, HostCopy, Outputs, Timing, device_copy_bandwidth, time,
};
use tilewright_runtime::Runtime;
use tilewright_tensor::{Callable, Tensor, of_entry};

/// What was measured of one call.
#[derive(Clone, Debug)]
pub struct Timed {
    /// What ran.
    pub kernel: String,
    /// Its sizes, in words.
    pub case: String,
    /// Its element type.
    pub dtype: DType,
    /// Where its outputs came from.
    pub outputs: Outputs,
    /// How long it took.
    pub timing: Timing,
    /// The bytes that it moves at least: inputs once, outputs once, what is updated in place twice.
    pub bytes: u64,
    /// Operations a second in 10^9, where they and not the bytes are the limit.
    pub gigaflops: Option<f64>,
    /// Bytes a second that a long copy reaches here.
    pub copy: f64,
}

impl Timed {
    /// Times a kernel, beside a copy.
    ///
    /// # Errors
    /// When the kernel does not run or the device cannot copy.
    pub fn of(clock: &mut Bench, budget: Budget, rates: &mut CopyRates) -> Result<Timed, Failure> {
        let (timing, copy) = rates.beside(|| clock.time(budget))?;
        Ok(Timed::beside(clock.row(timing, None), copy))
    }

    /// A row of the clock, beside a copy's bytes a second.
    pub fn beside(row: BenchRow, copy: f64) -> Timed {
        Timed {
            kernel: row.kernel,
            case: row.case,
            dtype: row.dtype,
            outputs: row.outputs,
            timing: row.timing,
            bytes: row.bytes,
            gigaflops: row.gigaflops,
            copy,
        }
    }

    /// Bytes a second, in 10^9.
    pub fn gigabytes(&self) -> f64 {
        self.bytes as f64 / self.timing.median / 1e6
    }

    /// The rate over that of a copy.
    pub fn share(&self) -> f64 {
        self.gigabytes() * 1e9 / self.copy
    }

    /// As a row of a report.
    pub fn to_json(&self, device: &str) -> Value {
        json!({
            "kernel": self.kernel,
            "case": self.case,
            "dtype": self.dtype.name(),
            "device": device,
            "outputs": self.outputs.name(),
            "ms": self.timing.median,
            "least_ms": self.timing.least,
            "spread": self.timing.spread,
            "runs": self.timing.runs,
            "bytes": self.bytes,
            "gigabytes_per_second": self.gigabytes(),
            "copy_gigabytes_per_second": self.copy / 1e9,
            "share_of_copy": self.share(),
            "gigaflops_per_second": self.gigaflops,
        })
    }
}

/// Copies on the host before what they are held against, and as many behind it.
const COPIES: usize = 7;

/// The copy of a device that kernels are held against.
pub struct CopyRates {
    runtime: Arc<Runtime>,
    /// A copy in the host's memory.
    copy: Option<HostCopy>,
    /// Bytes a second of a copy in a GPU's own.
    device: Option<f64>,
}

impl CopyRates {
    /// Measures nothing yet.
    pub fn new(runtime: &Arc<Runtime>) -> CopyRates {
        CopyRates { runtime: runtime.clone(), copy: None, device: None }
    }

    /// What `time` gives, and bytes a second of a long copy. On the host that is the median of copies before and behind it,
    /// as what else the machine does moves its memory's speed by half from one minute to the next; a GPU's is
    /// measured once.
    ///
    /// # Errors
    /// Those of `time`, and when the device cannot copy.
    pub fn beside<T>(
        &mut self,
        time: impl FnOnce() -> tilewright_proof::Result<T>,
    ) -> Result<(T, f64), Failure> {
        let Some(copy) = self.host()? else { return Ok((time()?, self.device()?)) };
        let mut rates = copy.rates(COPIES)?;
        let timed = time()?;
        rates.extend(copy.rates(COPIES)?);
        Ok((timed, median(&rates)))
    }

    /// Bytes a second of a long copy.
    ///
    /// # Errors
    /// When the device cannot copy.
    pub fn alone(&mut self) -> Result<f64, Failure> {
        match self.host()? {
            Some(copy) => Ok(median(&copy.rates(2 * COPIES)?)),
            None => self.device(),
        }
    }

    fn device(&mut self) -> Result<f64, Failure> {
        let rate = match self.device {
            Some(rate) => rate,
            None => device_copy_bandwidth(&self.runtime)?,
        };
        self.device = Some(rate);
        Ok(rate)
    }

    fn host(&mut self) -> Result<Option<&mut HostCopy>, Failure> {
        if self.copy.is_none() && self.runtime.caps().host_visible {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            self.copy = Some(HostCopy::new(&self.runtime, threads)?);
        }
        Ok(self.copy.as_mut())
    }
}

/// The one in the middle, 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// A call with its tensors, ready to be repeated with preallocated outputs.
#[derive(Debug)]
pub struct Prepared {
    /// The kernel, in tables.
    pub name: String,
    /// Its sizes, in words.
    pub case: String,
    /// Its element type.
    pub dtype: DType,
    /// Tensors that are read only.
    pub inputs: Vec<(String, Tensor)>,
    /// Tensors that were made by the first run, and are written or updated by the others.
    pub outputs: Vec<(String, Tensor)>,
    callable: Callable,
    scalars: Vec<(String, f64)>,
    bytes: u64,
}

impl Prepared {
    /// The call of a kernel with random inputs of one case, and the sample that holds them for the reference.
    ///
    /// # Errors
    /// When the kernel does not record or run.
    pub fn of_case(
        entry: &'static Entry,
        case: &Case,
        runtime: &Arc<Runtime>,
    ) -> Result<(Prepared, Sample), Failure> {
        let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
        let sample = Sample::new(entry, case, dtype, 1)
            .map_err(|e| Failure::work(format!("{}: {e}", entry.name), "report this case"))?;
        let (mut inputs, mut scalars) = (Vec::new(), Vec::new());
        for (param, argument) in sample.program.params.iter().zip(&sample.arguments) {
            let name = param.name.clone();
            match (&param.kind, argument) {
                (ParamKind::Tensor { access: Access::Out, .. }, _) => {}
                (_, interpret::Argument::Tensor(t)) => {
                    inputs.push((name, Tensor::from_bytes(t.dtype, &t.shape, &t.bytes)?));
                }
                (_, interpret::Argument::Scalar(value)) => scalars.push((name, *value)),
            }
        }
        let callable = of_entry(entry, case.constants)?.on(runtime);
        let case = crate::command::show_case(case);
        let mut prepared = Prepared::new(entry.name, case, callable, inputs, scalars)?;
        prepared.dtype = dtype;
        Ok((prepared, sample))
    }

    /// A call of anything; runs it once, to make the outputs.
    ///
    /// # Errors
    /// When it does not run.
    pub fn new(
        name: &str,
        case: String,
        callable: Callable,
        mut inputs: Vec<(String, Tensor)>,
        scalars: Vec<(String, f64)>,
    ) -> Result<Prepared, Failure> {
        let mut call = callable.bind();
        for (name, tensor) in &inputs {
            call = call.input(name, tensor);
        }
        for (name, value) in &scalars {
            call = call.scalar(name, *value);
        }
        let made = call.run()?;
        let outputs: Vec<(String, Tensor)> =
            made.iter().map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
        drop(made);
        // What is updated in place is read and written: it counts as an input and as an output.
        let tensors = inputs.iter().chain(&outputs);
        let bytes = tensors.map(|(_, t)| (t.len() * t.dtype().size()) as u64).sum();
        inputs.retain(|(name, _)| !outputs.iter().any(|(output, _)| output == name));
        let dtype = outputs.first().map_or(DType::F32, |(_, tensor)| tensor.dtype());
        let name = name.to_string();
        Ok(Prepared { name, case, dtype, inputs, outputs, callable, scalars, bytes })
    }

    /// The gradient of this call, with its outputs as cotangents.
    ///
    /// # Errors
    /// When there is none.
    pub fn gradient(&self) -> Result<Prepared, Failure> {
        let gradient = self.callable.grad()?;
        let tensors = self.inputs.iter().chain(&self.outputs);
        let known: Vec<(String, &Tensor)> = tensors
            .flat_map(|(name, tensor)| [(name.clone(), tensor), (format!("d_{name}"), tensor)])
            .collect();
        let wanted = gradient.inputs();
        let inputs: Vec<(String, Tensor)> = wanted
            .iter()
            .filter_map(|param| known.iter().find(|(name, _)| *name == param.name))
            .map(|(name, tensor)| (name.clone(), (*tensor).clone()))
            .collect();
        let takes = gradient.scalars();
        let scalars = self.scalars.iter().filter(|(name, _)| takes.iter().any(|s| s.name == *name));
        let name = format!("{} gradient", self.name);
        Prepared::new(&name, self.case.clone(), gradient, inputs, scalars.cloned().collect())
    }

    /// Runs it again, into the same outputs.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run(&mut self) -> tilewright_proof::Result<()> {
        let mut call = self.callable.bind();
        for (name, tensor) in &self.inputs {
            call = call.input(name, tensor);
        }
        for (name, tensor) in &mut self.outputs {
            call = call.output(name, tensor);
        }
        for (name, value) in &self.scalars {
            call = call.scalar(name, *value);
        }
        call.run()?;
        Ok(())
    }

    /// Times it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn time(&mut self, budget: Budget, rates: &mut CopyRates) -> Result<Timed, Failure> {
        let mut run = || {
            let start = Instant::now();
            self.run()?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        let (timing, copy) = rates.beside(|| time(&mut run, budget))?;
        Ok(Timed {
            kernel: self.name.clone(),
            case: self.case.clone(),
            dtype: self.dtype,
            outputs: Outputs::Preallocated,
            timing,
            bytes: self.bytes,
            gigaflops: None,
            copy,
        })
    }
}
