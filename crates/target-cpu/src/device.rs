//! The CPU as a device.

use crate::analysis::{Analysis, Fusion};
use crate::attention::{self, Attention};
use crate::bind::{Request, TensorLayout};
use crate::engine::{Engine, Failure};
use crate::execute::{Fault, Launch, Tensor};
use crate::memory::CpuBuffer;
use crate::pool::Pool;
use crate::product::{self, Problem, Product};
use crate::scatter::{self, Scatter};
use crate::schedule::Schedule;
use crate::simd::amx::Amx;
use crate::simd::{Level, integers};
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::{Access, Bindings, DType, Extent, ParamKind, Program};
use tilewright_passes::lines::{LONG_LINE, by_line, by_program};
use tilewright_target::recording::{Recording, Step};
use tilewright_target::{
    Argument, Buffer, Caps, Device, DeviceKind, Executable, Region, TargetError,
};

mod form;
mod paired;
mod settled;
mod walk;

use form::{Form, Key};
use paired::Paired;
use settled::{READ_ONLY, laid};
use walk::Walk;

/// How a [`CpuDevice`] is set up.
#[derive(Clone, Copy, Debug)]
pub struct CpuOptions {
    /// Threads, the caller's among them; 0 for one a core.
    pub threads: usize,
    /// Instances of the primitives; `None` for the best that this CPU has.
    pub level: Option<Level>,
    /// Total bytes of outputs from which they are written past the caches; `None` for twice what the caches next to
    /// the cores hold. Even what the last cache could keep is written faster past it, because a line need not be read
    /// before it is written.
    pub stream_from: Option<usize>,
    /// Chains of maps become native code, where this CPU and the system allow it.
    pub native: bool,
}

impl Default for CpuOptions {
    fn default() -> Self {
        CpuOptions { threads: 0, level: None, stream_from: None, native: true }
    }
}

/// The host's cores as a device.
pub struct CpuDevice {
    caps: Caps,
    engine: Arc<Engine>,
}

impl CpuDevice {
    /// A device with the best level and a thread for each core.
    pub fn new() -> Self {
        Self::with(CpuOptions::default())
    }

    /// A device of other options. A level that this CPU lacks falls back to the best it has.
    pub fn with(options: CpuOptions) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = if options.threads == 0 { cores } else { options.threads };
        let level = options.level.filter(|level| level.available()).unwrap_or(Level::best());
        let pool = Pool::new(threads, second_cache() / 2);
        let tiles = Amx::detect().filter(|_| level == Level::Avx512);
        let features = [level.name()].into_iter().chain(tiles.map(|_| "amx-bf16"));
        let features = features.map(String::from).collect();
        let caps = Caps {
            kind: DeviceKind::Cpu,
            name: cpu_name(),
            features,
            parallelism: pool.threads(),
            memory: physical_memory(),
            dtypes: DType::ALL.into_iter().filter(|&dtype| dtype != DType::F64).collect(),
            host_visible: true,
            routines: false,
        };
        let near = || 2 * second_cache().saturating_mul(pool.threads());
        let stream_from = options.stream_from.unwrap_or_else(near);
        let native = options.native && crate::native::runs_here(level);
        let engine = Engine::new((level, tiles), pool, stream_from, native);
        CpuDevice { caps, engine: Arc::new(engine) }
    }
}

impl Default for CpuDevice {
    fn default() -> Self {
        Self::new()
    }
}

/// The maker's name of the CPU.
fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split(':').nth(1)).map(str::trim);
    name.unwrap_or(std::env::consts::ARCH).into()
}

/// Bytes of a core's second cache; where the system does not say, a usual one.
fn second_cache() -> usize {
    const USUAL: usize = 1 << 20;
    let size = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size");
    let kibibytes = size.ok().and_then(|size| size.trim().strip_suffix('K')?.parse().ok());
    kibibytes.map_or(USUAL, |kibibytes: usize| kibibytes.saturating_mul(1 << 10))
}

fn physical_memory() -> u64 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: plain queries.
        let (pages, size) =
            unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        (pages.max(0) as u64).saturating_mul(size.max(0) as u64)
    }
    #[cfg(not(target_os = "linux"))]
    0
}

impl Device for CpuDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        let of_param = |param: &tilewright_ir::Param| match param.kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => dtype,
        };
        let params = program.params.iter().map(of_param);
        let values = program.exprs.iter().map(|expr| expr.ty.dtype);
        if let Some(dtype) = params.chain(values).find(|dtype| *dtype == DType::F64) {
            return Err(TargetError::unsupported_dtype(&program.name, "the CPU", dtype));
        }
        let lined = by_line(program, |e| if e == Extent::Const(1) { 0 } else { LONG_LINE });
        let program = lined.as_ref().unwrap_or(program);
        let apart = by_program(program);
        let program = apart.as_ref().unwrap_or(program);
        Ok(Arc::new(CpuExecutable {
            product: product::product(program),
            attention: Attention::of(program),
            scatter: scatter::scatter(program),
            pair: Paired::of(program, &self.engine).map(Box::new),
            ..CpuExecutable::scheduled(program, &self.engine)
        }))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        let buffer = CpuBuffer::new(bytes)?;
        let settles = self.engine.level == Level::Avx512 && integers::reads_sixteens();
        Ok(Box::new(if settles { buffer.settling() } else { buffer }))
    }

    fn record(&self, steps: Vec<Step>) -> Result<Box<dyn Recording>, TargetError> {
        Ok(Box::new(Walk::new(steps)))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        // A launch returns when it is done.
        Ok(())
    }
}

/// Schedules that an executable remembers.
const REMEMBERED: usize = 8;
/// Parameters whose addresses and values stay off the heap.
const INLINE: usize = 32;

/// Where the arguments of a call are.
#[derive(Clone, Copy)]
struct Places<'a> {
    /// First elements; null for scalars.
    tensors: &'a [*mut u8],
    scalars: &'a [f64],
    /// The first byte of each tensor and the one past its last.
    ranges: &'a [(usize, usize)],
}

struct CpuExecutable {
    program: Program,
    analysis: Analysis,
    /// It is nothing but this.
    product: Option<Product>,
    /// Or this.
    attention: Option<Attention>,
    /// Or this.
    scatter: Option<Scatter>,
    /// It is two products and what is made of them.
    pair: Option<Box<Paired>>,
    /// Sums of products with packed weights are part of it.
    packed: bool,
    engine: Arc<Engine>,
    /// The latest last.
    schedules: Mutex<Vec<(Key, Arc<Schedule>)>>,
    /// Likewise.
    layouts: Mutex<Vec<(Form, Arc<[TensorLayout]>)>>,
}

impl CpuExecutable {
    /// A program that runs by schedules alone.
    fn scheduled(program: &Program, engine: &Arc<Engine>) -> CpuExecutable {
        let analysis = Analysis::of(program);
        let is_packed =
            |fused: &Option<(Fusion, _)>| matches!(fused, Some((Fusion::PackedSum { .. }, _)));
        CpuExecutable {
            packed: analysis.fused.iter().any(is_packed),
            analysis,
            product: None,
            attention: None,
            scatter: None,
            pair: None,
            program: program.clone(),
            engine: engine.clone(),
            schedules: Mutex::default(),
            layouts: Mutex::default(),
        }
    }

    /// Checks a tensor argument; its first element and the range of bytes that it covers.
    fn tensor(
        &self,
        param: usize,
        region: &Region<'_>,
        shape: &[usize],
        dtype: DType,
        access: Access,
    ) -> Result<(*mut u8, (usize, usize)), TargetError> {
        region
            .check(shape, dtype.size())
            .map_err(|what| TargetError::argument(&self.program, param, what))?;
        let settled = laid(region.buffer).map(|(start, _)| start);
        let Some(host) = region.buffer.host().or(settled) else {
            return Err(TargetError::argument(&self.program, param, "is not in host memory"));
        };
        if access != Access::In && !region.buffer.writable() {
            return Err(TargetError::argument(&self.program, param, READ_ONLY));
        }
        let size = dtype.size();
        if !(host.as_ptr() as usize).is_multiple_of(size) {
            return Err(TargetError::argument(
                &self.program,
                param,
                format!("is not aligned to its elements of {size} bytes"),
            ));
        }
        if shape.contains(&0) {
            return Ok((host.as_ptr(), (0, 0)));
        }
        let at = host.as_ptr().wrapping_add(region.offset * size);
        let (mut least, mut most) = (at as usize, at as usize + size);
        match region.strides {
            None => most = at as usize + shape.iter().product::<usize>() * size,
            Some(strides) => {
                for (&extent, &stride) in shape.iter().zip(strides) {
                    let reach = (extent as isize - 1) * stride * size as isize;
                    least = least.wrapping_add_signed(reach.min(0));
                    most = most.wrapping_add_signed(reach.max(0));
                }
            }
        }
        Ok((at, (least, most)))
    }

    fn schedule(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        careful: u64,
        stream: bool,
    ) -> Arc<Schedule> {
        let mut schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
        let found =
            schedules.iter().position(|(key, _)| key.fits(bindings, arguments, careful, stream));
        if let Some(k) = found {
            return schedules[k].1.clone();
        }
        let layouts = self.layouts(bindings, arguments);
        let overlapping: Vec<bool> =
            (0..arguments.len()).map(|k| careful >> k.min(63) & 1 == 1).collect();
        let flags: Vec<bool> =
            overlapping.iter().zip(&self.analysis.careful).map(|(a, b)| *a || *b).collect();
        let grid = bindings.grid(&self.program);
        let request = Request {
            program: &self.program,
            analysis: &self.analysis,
            level: self.engine.level,
            dims: &bindings.dims,
            grid: &grid,
            tensors: &layouts,
            careful: &flags,
            overlapping: &overlapping,
            stream,
            native: self.engine.native,
            batch: 1,
            main: None,
        };
        let schedule = Arc::new(Schedule::choose(request, self.engine.pool.threads()));
        let form = Form::of(bindings, arguments);
        let key = Key { dims: bindings.dims.clone(), form, careful, stream };
        if schedules.len() == REMEMBERED {
            schedules.remove(0);
        }
        schedules.push((key, schedule.clone()));
        schedule
    }

    /// [`Self::layout`] of all arguments, as computed for the same shapes and strides before.
    fn layouts(&self, bindings: &Bindings, arguments: &[Argument<'_>]) -> Arc<[TensorLayout]> {
        let mut known = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, layouts)) = known.iter().find(|(form, _)| form.fits(bindings, arguments)) {
            return layouts.clone();
        }
        let layout = |(k, argument): (usize, &Argument<'_>)| match argument {
            Argument::Tensor(region) => self.layout(k, region, bindings),
            Argument::Scalar(_) => Vec::new(),
        };
        let layouts: Arc<[TensorLayout]> = arguments.iter().enumerate().map(layout).collect();
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((Form::of(bindings, arguments), layouts.clone()));
        layouts
    }

    /// The caller's axes behind each of the kernel's.
    fn layout(&self, param: usize, region: &Region<'_>, bindings: &Bindings) -> TensorLayout {
        let (shape, kernel) = (&bindings.shapes[param], &bindings.kernel_shapes[param]);
        let size = match self.program.params[param].kind {
            ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => dtype.size(),
        } as isize;
        let contiguous = tilewright_target::contiguous_strides(shape);
        let strides = region.strides.unwrap_or(&contiguous);
        // Only a tensor without elements has strides this long, and they are not used.
        let bytes = |(&extent, &stride): (&usize, &isize)| (extent, stride.saturating_mul(size));
        let single = |axis: (usize, isize)| vec![axis];
        let mut axes: TensorLayout = shape.iter().zip(strides).map(bytes).map(single).collect();
        if let Some((_, laid)) = laid(region.buffer) {
            laid.split(&mut axes);
        }
        // Leading axes stand for the kernel's first; there may also be none.
        let inner = axes.split_off((axes.len() + 1).saturating_sub(kernel.len()).min(axes.len()));
        match kernel.len() {
            0 => Vec::new(),
            rank if inner.len() == rank => inner,
            _ => std::iter::once(join(&axes.concat())).chain(inner).collect(),
        }
    }
}

/// Joins neighbouring axes that are as one; at least one remains.
fn join(axes: &[(usize, isize)]) -> Vec<(usize, isize)> {
    if axes.iter().any(|axis| axis.0 == 0) {
        return vec![(0, 0)];
    }
    let mut joined: Vec<(usize, isize)> = Vec::new();
    for &(extent, stride) in axes.iter().filter(|axis| axis.0 != 1) {
        match joined.last_mut() {
            Some((outer, outer_stride)) if *outer_stride == stride * extent as isize => {
                *outer *= extent;
                *outer_stride = stride;
            }
            _ => joined.push((extent, stride)),
        }
    }
    if joined.is_empty() { vec![(1, 0)] } else { joined }
}

impl CpuExecutable {
    /// Checks the arguments of a call and writes down where they are; who of them shares memory with what is written, a
    /// bit each, and whether outputs are to be written past the caches.
    fn resolve(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        (tensors, scalars, ranges): (&mut [*mut u8], &mut [f64], &mut [(usize, usize)]),
    ) -> Result<(u64, bool), TargetError> {
        let params = &self.program.params;
        if arguments.len() != params.len() || bindings.shapes.len() != params.len() {
            let what = format!("takes {} arguments, got {}", params.len(), arguments.len());
            return Err(TargetError::Argument {
                program: self.program.name.clone(),
                param: "arguments".into(),
                what,
            });
        }
        let mut written = 0usize;
        for (k, (param, argument)) in params.iter().zip(arguments).enumerate() {
            match (&param.kind, argument) {
                (ParamKind::Scalar { .. }, Argument::Scalar(value)) => scalars[k] = *value,
                (ParamKind::Tensor { dtype, access, .. }, Argument::Tensor(region)) => {
                    let shape = &bindings.shapes[k];
                    (tensors[k], ranges[k]) = self.tensor(k, region, shape, *dtype, *access)?;
                    if *access != Access::In {
                        written = written.saturating_add(ranges[k].1 - ranges[k].0);
                    }
                }
                (ParamKind::Scalar { .. }, _) => {
                    return Err(TargetError::argument(&self.program, k, "is a number"));
                }
                (ParamKind::Tensor { .. }, _) => {
                    return Err(TargetError::argument(&self.program, k, "is a tensor"));
                }
            }
        }
        // Who shares memory with what is written must read it in time.
        let mut careful = 0u64;
        for (k, param) in params.iter().enumerate() {
            let writes =
                matches!(param.kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. });
            for other in (0..params.len()).filter(|&other| writes && other != k) {
                if ranges[k].0 < ranges[other].1 && ranges[other].0 < ranges[k].1 {
                    careful |= 1 << k.min(63) | 1 << other.min(63);
                }
            }
        }
        Ok((careful, written >= self.engine.stream_from))
    }

    /// True for what may run as attention, a product or a scatter.
    fn is_one(&self) -> bool {
        self.attention.is_some() || self.product.is_some() || self.scatter.is_some()
    }

    /// Runs the program as that, if it is one and its tensors lie as that takes them.
    ///
    /// # Safety
    /// As [`Executable::launch`], for arguments that were resolved and of which none shares memory with what is written.
    unsafe fn run_as_one(
        &self,
        bindings: &Bindings,
        places: &Places<'_>,
        layouts: &[TensorLayout],
    ) -> Option<Result<(), TargetError>> {
        let done = if let Some(attention) = self.attention {
            // SAFETY: the caller's promise.
            let bound = unsafe { attention.bind(places.tensors, places.scalars, layouts) }?;
            // SAFETY: as above.
            self.engine.with_resources(|with| unsafe { attention::run(&bound, with) })
        } else if let Some(scatter) = &self.scatter {
            let bound = scatter.bind(&self.program, &bindings.dims, places.tensors, layouts)?;
            let mut outside = None;
            let done = self.engine.with_resources(|with| {
                // SAFETY: as above.
                outside = unsafe { scatter::run(&bound, with) }?;
                Ok(())
            });
            match (done, outside) {
                (Ok(()), Some(outside)) => Err(Failure::Fault(Box::new(Fault {
                    tensor: Tensor::Param(bound.param),
                    axis: outside.axis,
                    index: outside.index,
                    extent: outside.extent,
                    at: outside.place(&bound),
                }))),
                (done, _) => done,
            }
        } else {
            // SAFETY: as above.
            let problem = unsafe { self.problem(bindings, places, layouts) }?;
            // SAFETY: as above.
            self.engine.with_resources(|with| unsafe { product::run(&problem, with) })
        };
        Some(done.map_err(|error| self.explain(error)))
    }

    /// The product that a call is.
    ///
    /// # Safety
    /// As [`Self::run_as_one`].
    unsafe fn problem(
        &self,
        bindings: &Bindings,
        places: &Places<'_>,
        layouts: &[TensorLayout],
    ) -> Option<Problem> {
        let product = self.product.as_ref()?;
        // SAFETY: the caller's promise.
        unsafe { product.problem(&self.program, &bindings.dims, places.tensors, layouts) }
    }

    /// # Safety
    /// As [`Self::run_as_one`], for the arguments that the schedule was made for.
    unsafe fn run_by(&self, schedule: &Schedule, places: &Places<'_>) -> Result<(), TargetError> {
        let Places { tensors, scalars, ranges } = *places;
        let launch = Launch { grid: &schedule.grid, tensors, scalars };
        let packed = if self.packed { ranges } else { &[] };
        // SAFETY: the caller's promise.
        unsafe { self.engine.run(schedule, &launch, packed) }.map_err(|error| self.explain(error))
    }
}

impl Executable for CpuExecutable {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        if self.lies_amid_sixteens(bindings, arguments) {
            // SAFETY: the caller's promise.
            return unsafe { self.launch_with_copies(bindings, arguments) };
        }
        let count = self.program.params.len();
        let mut inline = ([std::ptr::null_mut(); INLINE], [0.0; INLINE], [(0, 0); INLINE]);
        let mut heap = (Vec::new(), Vec::new(), Vec::new());
        let (tensors, scalars, ranges) = if count <= INLINE {
            (&mut inline.0[..count], &mut inline.1[..count], &mut inline.2[..count])
        } else {
            heap.0.resize(count, std::ptr::null_mut());
            heap.1.resize(count, 0.0);
            heap.2.resize(count, (0, 0));
            (&mut heap.0[..], &mut heap.1[..], &mut heap.2[..])
        };
        let (careful, stream) = self.resolve(bindings, arguments, (tensors, scalars, ranges))?;
        let places = Places { tensors, scalars, ranges };
        if careful == 0 && self.is_one() {
            let layouts = self.layouts(bindings, arguments);
            // SAFETY: the regions were checked to hold every element of their shapes, what is written overlaps nothing,
            // and the caller keeps others away.
            if let Some(done) = unsafe { self.run_as_one(bindings, &places, &layouts) } {
                return done;
            }
        }
        if let Some(pair) = self.pair.as_ref().filter(|_| careful == 0) {
            // SAFETY: as above.
            let bound = unsafe { pair.bind(self, bindings, arguments, &places) }?;
            if let Some(bound) = bound {
                // SAFETY: as above.
                return unsafe { bound.run(pair) };
            }
        }
        let schedule = self.schedule(bindings, arguments, careful, stream);
        // SAFETY: as above; the schedule was made for these shapes and strides.
        unsafe { self.run_by(&schedule, &places) }
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn describe(&self) -> String {
        let schedules = self.schedules.lock().unwrap_or_else(PoisonError::into_inner);
        match schedules.last() {
            Some((_, schedule)) => crate::describe::describe(&self.program, schedule),
            None if self.is_one() => {
                let what = match (self.attention.is_some(), self.scatter.is_some()) {
                    (true, _) => "attention",
                    (_, true) => "rows added where indices say",
                    _ => "a product",
                };
                format!("{}: {what}, as a whole\n", self.program.name)
            }
            None if self.pair.is_some() => {
                format!("{}: two products, and what is made of them\n", self.program.name)
            }
            None => format!("{}: not yet launched", self.program.name),
        }
    }
}

impl CpuExecutable {
    fn explain(&self, failure: Failure) -> TargetError {
        match failure {
            Failure::Fault(fault) => TargetError::OutOfRange {
                program: self.program.name.clone(),
                tensor: match fault.tensor {
                    Tensor::Param(param) => self.program.params[param].name.clone(),
                    Tensor::Named(name) => name,
                },
                axis: fault.axis,
                index: fault.index,
                extent: fault.extent,
                at: fault.at,
            },
            Failure::Panicked => {
                TargetError::Device(format!("{}: a worker panicked", self.program.name))
            }
            Failure::Memory(bytes) => TargetError::Memory { bytes },
        }
    }
}

#[cfg(test)]
mod tests;
