//! Compiled programs and their launches.

use crate::CudaC;
use crate::dependent::{CLUSTER, clustered, waiting};
use crate::device::{CudaBuffer, Gpu, own_buffer};
use crate::dialect::STATIC_SHARED;
use crate::driver::{FaultSlot, Function, Shape};
use crate::multiply::LIBRARY;
use crate::routine::{Early, read_early};
use crate::specified::Specified;
use std::any::Any;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{Access, Bindings, Param, ParamKind, Program};
use tilewright_passes::lower::{Choice, PASSES, Schedule, Units, bucket, lower};
use tilewright_passes::pipeline;
use tilewright_passes::product::{Product, product};
use tilewright_target::arguments::{ArgumentBlock, kernel_strides};
use tilewright_target::tuned::hash;
use tilewright_target::{
    Argument, Buffer, Chosen, Executable, Region, TargetError, c, contiguous_strides,
};

/// A program and its compiled variants, one a schedule.
pub(crate) struct CudaExecutable {
    pub(crate) gpu: Arc<Gpu>,
    pub(crate) program: Program,
    variants: Mutex<HashMap<Schedule, Arc<Variant>>>,
    /// The latest launches, newest first, so that a repeated one need not look for its schedule.
    latest: Mutex<Vec<Latest>>,
    /// How somebody chose to run, by bucket of sizes.
    pub(crate) chosen: Mutex<HashMap<String, Way>>,
    /// What the program multiplies, if that is all it does.
    pub(crate) product: Option<Product>,
    /// The text of this target's own that the program runs by, if there is one.
    pub(crate) specified: Option<Specified>,
    /// For sizes that were launched, whether the library multiplies.
    pub(crate) by_library: Mutex<HashMap<Vec<usize>, bool>>,
}

/// A way to run a program.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Schedule(Choice),
    Library,
}

/// What a launch was, and the variant that it took.
struct Latest {
    dims: Vec<usize>,
    aligned: Vec<bool>,
    variant: Arc<Variant>,
}

/// The most positions that one cluster shares.
const SHORT: usize = 2048;

/// How many launches a program remembers.
const REMEMBERED: usize = 8;

struct Variant {
    threads: ThreadProgram,
    function: Function,
    /// The same with groups that share work as a cluster, where there are such.
    clustered: Option<Function>,
    /// Where it notes indices out of range, if it checks any.
    faults: Option<Arc<FaultSlot>>,
    /// The hash of its source.
    source: u64,
    /// It waits by itself for what is ahead of it in a graph; what it reads before.
    early: Option<Early>,
}

/// A tensor as a kernel takes it.
pub(crate) struct Placed {
    pub address: u64,
    /// Of the axes that the kernel sees.
    pub strides: Vec<isize>,
    /// The memory that stands in for the caller's, kept until the launch is under way.
    pub stand_in: Option<CudaBuffer>,
}

impl CudaExecutable {
    /// `program` for a GPU; its variants are compiled when a launch needs them.
    pub fn new(gpu: Arc<Gpu>, program: &Program) -> CudaExecutable {
        let product = product(program);
        let specified = Specified::of(program, &gpu.compiler.architecture);
        let mut program = program.clone();
        pipeline::run(&mut program, PASSES, |_, _| {});
        let (variants, latest, chosen, by_library) = Default::default();
        CudaExecutable { gpu, program, variants, latest, chosen, product, specified, by_library }
    }

    /// The variant for these sizes; `aligned` says for each tensor whether its rows are.
    fn variant_for(&self, dims: &[usize], aligned: Vec<bool>) -> Result<Arc<Variant>, TargetError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = latest.iter().find(|l| l.dims == dims && l.aligned == aligned) {
            return Ok(known.variant.clone());
        }
        let variant = self.scheduled(dims, &aligned)?;
        latest.truncate(REMEMBERED - 1);
        latest.insert(0, Latest { dims: dims.to_vec(), aligned, variant: variant.clone() });
        Ok(variant)
    }

    /// The variant by the schedule that somebody chose, or that was measured to be best, or by the default one.
    fn scheduled(&self, dims: &[usize], aligned: &[bool]) -> Result<Arc<Variant>, TargetError> {
        let mut default = Schedule::default_for(&self.program, dims, Units::Half);
        default.aligned = aligned.to_vec();
        default.routines = true;
        let bucket = bucket(&self.program, dims);
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Way::Schedule(choice)) = chosen.get(&bucket)
            && let Some(schedule) = default.with(&self.program, dims, *choice)
        {
            return self.variant(schedule);
        }
        drop(chosen);
        // What was measured was measured with aligned rows.
        let all_aligned = aligned.iter().all(|aligned| *aligned);
        let found = all_aligned.then(|| self.gpu.tuned.find(&self.gpu.name, &bucket)).flatten();
        if let Some(found) = found
            && let Some(choice) = Choice::parse(&found.schedule)
            && let Some(schedule) = default.with(&self.program, dims, choice)
            && hash(&self.text(&schedule)?.1) == found.source
            && let Ok(variant) = self.variant(schedule)
        {
            return Ok(variant);
        }
        self.variant(default)
    }

    /// What a thread does by a schedule, and its source.
    fn text(&self, schedule: &Schedule) -> Result<(ThreadProgram, String), TargetError> {
        let threads = lower(&self.program, schedule).map_err(|e| TargetError::Unsupported {
            program: self.program.name.clone(),
            what: format!("cannot run on CUDA: {e}"),
        })?;
        let source = c::source(&threads, &CudaC);
        Ok((threads, source))
    }

    fn variant(&self, schedule: Schedule) -> Result<Arc<Variant>, TargetError> {
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.get(&schedule) {
            return Ok(variant.clone());
        }
        let (threads, source) = self.text(&schedule)?;
        let dependent = self.gpu.dependents.then(|| waiting(&source, &threads));
        let image = self.gpu.compiler.machine_code(dependent.as_ref().unwrap_or(&source))?;
        let function = Function::load(&self.gpu.context, &image, &c::kernel_name(&threads))?;
        let clustered = match (&dependent, &threads.split) {
            (Some(source), Some(_)) => {
                let image = self.gpu.compiler.machine_code(&clustered(source))?;
                Some(Function::load(&self.gpu.context, &image, &c::kernel_name(&threads))?)
            }
            _ => None,
        };
        if threads.shared_bytes() > STATIC_SHARED {
            for function in [Some(&function), clustered.as_ref()].into_iter().flatten() {
                function.allow_shared(threads.shared_bytes())?;
            }
        }
        let faults = match threads.checks.is_empty() {
            true => None,
            false => Some(self.gpu.context.fault_slot(&threads)?),
        };
        let source = hash(&source);
        let early = dependent.map(|_| read_early(&threads).unwrap_or_default());
        let variant = Arc::new(Variant { threads, function, clustered, faults, source, early });
        variants.insert(schedule, variant.clone());
        Ok(variant)
    }

    fn argument_error(&self, param: &Param, what: impl Into<String>) -> TargetError {
        TargetError::Argument {
            program: self.program.name.clone(),
            param: param.name.clone(),
            what: what.into(),
        }
    }

    /// Finds where the kernel reads or writes a tensor: the caller's own memory if it can, else a copy. Host memory, gaps
    /// between the elements of a row, leading axes that do not merge, and inputs that an output overwrites are copied.
    pub(crate) fn place(
        &self,
        number: usize,
        region: &Region<'_>,
        bindings: &Bindings,
        overwritten: bool,
    ) -> Result<Placed, TargetError> {
        let param = &self.program.params[number];
        let ParamKind::Tensor { dtype, access, .. } = param.kind else {
            return Err(self.argument_error(param, "is a number, got a tensor"));
        };
        let (shape, kernel) = (&bindings.shapes[number], &bindings.kernel_shapes[number]);
        let size = dtype.size();
        region.check(shape, size).map_err(|what| self.argument_error(param, what))?;
        let own = own_buffer(region);
        let strides = kernel_strides(region.strides, shape, kernel);
        if let (Some(buffer), Some(strides), false) = (own, strides, overwritten) {
            let address = buffer.address + (region.offset * size) as u64;
            return Ok(Placed { address, strides, stand_in: None });
        }
        let elements: usize = shape.iter().product();
        let stand_in = self.gpu.allocate(elements * size)?;
        if access != Access::Out {
            let staged = self.on_device(region, param)?;
            let from = staged.as_ref().map_or_else(|| own.map(|b| b.address), |b| Some(b.address));
            let from = from.unwrap_or_default() + (region.offset * size) as u64;
            // SAFETY: `region.check` holds the source, the stand-in has room for every element.
            unsafe {
                let copier = self.gpu.copier()?;
                copier.copy(shape, size, (from, region.strides), (stand_in.address, None))?;
            }
        }
        let address = stand_in.address;
        Ok(Placed { address, strides: contiguous_strides(kernel), stand_in: Some(stand_in) })
    }

    /// A copy on the GPU of the host memory under a region; `None` if it lies there already.
    fn on_device(
        &self,
        region: &Region<'_>,
        param: &Param,
    ) -> Result<Option<CudaBuffer>, TargetError> {
        if own_buffer(region).is_some() {
            return Ok(None);
        }
        if region.buffer.host().is_none() {
            return Err(self.argument_error(param, "lies in the memory of another device"));
        }
        let mut bytes = vec![0; region.buffer.size()];
        region.buffer.read(0, &mut bytes)?;
        let mut copy = self.gpu.allocate(bytes.len())?;
        copy.write(0, &bytes)?;
        Ok(Some(copy))
    }

    /// Copies the results in a stand-in to where the caller wants them.
    pub(crate) fn take_back(
        &self,
        number: usize,
        region: &Region<'_>,
        shape: &[usize],
        stand_in: &CudaBuffer,
    ) -> Result<(), TargetError> {
        let param = &self.program.params[number];
        let ParamKind::Tensor { dtype, .. } = param.kind else { return Ok(()) };
        let staged = self.on_device(region, param)?;
        let buffer = match (&staged, own_buffer(region)) {
            (Some(staged), _) => staged,
            (None, Some(own)) => own,
            (None, None) => return Ok(()),
        };
        let to = buffer.address + (region.offset * dtype.size()) as u64;
        // SAFETY: `region.check` held the target, the stand-in holds every element.
        unsafe {
            let copier = self.gpu.copier()?;
            copier.copy(shape, dtype.size(), (stand_in.address, None), (to, region.strides))?;
        }
        if let (Some(staged), Some(host)) = (&staged, region.buffer.host()) {
            let mut bytes = vec![0; staged.size()];
            staged.read(0, &mut bytes)?;
            // SAFETY: the buffer has this size, and `launch` gives outputs to this call alone.
            unsafe { host.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    }

    /// True when an output overlaps the memory of an input.
    pub(crate) fn is_overwritten(&self, input: &Region<'_>, arguments: &[Argument<'_>]) -> bool {
        let Some(own) = own_buffer(input) else { return false };
        self.program.params.iter().zip(arguments).any(|(param, argument)| {
            let Argument::Tensor(region) = argument else { return false };
            c::is_written(&param.kind)
                && own_buffer(region).is_some_and(|other| other.address == own.address)
        })
    }
}

impl CudaExecutable {
    /// What a launch passes to the driver; `None` when there is nothing to run.
    pub(crate) fn prepare(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<Option<Prepared>, TargetError> {
        let mut all_aligned = vec![true; arguments.len()];
        let mut placed: Vec<Option<Placed>> = Vec::with_capacity(arguments.len());
        let mut block = ArgumentBlock::default();
        let mut memory = Memory::default();
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let Argument::Tensor(region) = argument else {
                placed.push(None);
                memory.of.push(None);
                continue;
            };
            memory.of.push(own_buffer(region).map(|buffer| buffer.address));
            if c::is_written(&param.kind) {
                memory.written.extend(memory.of[i]);
            }
            let overwritten = !c::is_written(&param.kind) && self.is_overwritten(region, arguments);
            let tensor = self.place(i, region, bindings, overwritten)?;
            let ParamKind::Tensor { dtype, .. } = param.kind else { continue };
            let lanes = (16 / dtype.size()) as isize;
            let mut aligned = tensor.address.is_multiple_of(16);
            let outer = tensor.strides.len().saturating_sub(1);
            for (axis, &stride) in tensor.strides.iter().enumerate().take(outer) {
                aligned &= stride % lanes == 0 || bindings.kernel_shapes[i][axis] <= 1;
                block.wide(stride as i64);
            }
            all_aligned[i] = aligned;
            placed.push(Some(tensor));
        }
        for &dim in &bindings.dims {
            block.word(dim as u32);
        }
        for (param, argument) in self.program.params.iter().zip(arguments) {
            if let (ParamKind::Scalar { dtype, .. }, Argument::Scalar(value)) =
                (&param.kind, argument)
            {
                block.scalar(*dtype, *value);
            }
        }
        let variant = self.variant_for(&bindings.dims, all_aligned)?;
        let mut grid = [1u32; 3];
        for (slot, groups) in grid.iter_mut().zip(variant.threads.groups(&bindings.dims)) {
            let groups = i32::try_from(groups).map_err(|_| {
                TargetError::Device("CUDA: too many programs for one launch".into())
            })?;
            *slot = groups as u32;
        }
        if grid.contains(&0) {
            return Ok(None);
        }
        let (mut joined, mut in_cluster) = (None, false);
        if let Some(split) = &variant.threads.split {
            let programs: usize = grid.iter().map(|&n| n as usize).product();
            let room = crate::device::STATES / (4 * split.state);
            let places =
                if programs <= crate::device::ARRIVED { room.min(self.gpu.places) } else { 1 };
            let count = split.count(programs, places, &bindings.dims);
            // A cluster joins sooner, but is of one size.
            let few = programs * CLUSTER <= 2 * self.gpu.places;
            let short = split.positions.value(&bindings.dims) <= SHORT;
            in_cluster = variant.clustered.is_some() && count > 1 && few && short;
            grid[2] = if in_cluster { CLUSTER } else { count } as u32;
            joined = Some(self.gpu.states()?);
        }
        let addresses = placed.iter().flatten().map(|p| p.address).collect();
        let block = block.finish();
        let prepared =
            Prepared { variant, grid, addresses, block, joined, in_cluster, placed, memory };
        Ok(Some(prepared))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A launch in the driver's terms.
pub(crate) struct Prepared {
    variant: Arc<Variant>,
    grid: [u32; 3],
    addresses: Vec<u64>,
    block: Vec<u8>,
    /// Where groups that share work leave their states, and where they count themselves, if the kernel has such groups.
    joined: Option<[u64; 2]>,
    /// The groups that share work are a cluster.
    in_cluster: bool,
    placed: Vec<Option<Placed>>,
    memory: Memory,
}

/// Which memory a launch uses, by the addresses of whole buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// That of each argument, where it is the GPU's.
    of: Vec<Option<u64>>,
    /// What it writes.
    pub written: Vec<u64>,
}

impl Prepared {
    /// Which memory it uses.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// True when it may start while the launch ahead of it in a graph still runs, where launches before it in the graph
    /// write what `is_written` tells, and the one ahead what `is_made` tells. Each lets the next one start once it has
    /// waited in its turn: when this one starts, all but the one ahead have ended.
    pub fn starts_early(
        &self,
        is_written: impl Fn(u64) -> bool,
        is_made: impl Fn(u64) -> bool,
    ) -> bool {
        let of = |tensor: &usize| self.memory.of.get(*tensor).copied().flatten();
        self.variant.early.as_ref().is_some_and(|early| {
            early.settled.iter().all(|tensor| of(tensor).is_some_and(|buffer| !is_written(buffer)))
                && early
                    .older
                    .iter()
                    .all(|tensor| of(tensor).is_some_and(|buffer| !is_made(buffer)))
        })
    }

    /// Calls `launch` with the kernel, its grid, threads, shared memory and arguments: one pointer a tensor, each a device
    /// address checked to cover its tensor, then the argument struct laid out as `c::argument_fields` declares it, then
    /// the place for faults and those of shared work if the kernel has such.
    pub fn with<R>(&mut self, launch: impl FnOnce(&Function, Shape, &mut [*mut c_void]) -> R) -> R {
        let mut pointers: Vec<*mut c_void> = Vec::with_capacity(self.addresses.len() + 4);
        pointers.extend(self.addresses.iter_mut().map(|a| (a as *mut u64).cast::<c_void>()));
        pointers.push(self.block.as_mut_ptr().cast());
        let mut faults = self.variant.faults.as_ref().map(|slot| slot.address());
        pointers.extend(faults.as_mut().map(|address| (address as *mut u64).cast::<c_void>()));
        let joined = self.joined.iter_mut().flatten();
        pointers.extend(joined.map(|address| (address as *mut u64).cast::<c_void>()));
        let shared = self.variant.threads.shared_bytes();
        let shape = Shape {
            grid: self.grid.into(),
            threads: (self.variant.threads.threads as u32, 1, 1),
            shared: if shared > STATIC_SHARED { shared } else { 0 },
        };
        let clustered = self.variant.clustered.as_ref().filter(|_| self.in_cluster);
        launch(clustered.unwrap_or(&self.variant.function), shape, &mut pointers)
    }

    /// True when every tensor is taken as it lies, so that the launch may be repeated as it is.
    pub fn repeats(&self) -> bool {
        self.placed.iter().flatten().all(|placed| placed.stand_in.is_none())
    }
}

impl Executable for CudaExecutable {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        if self.by_library(&bindings.dims) && self.multiply(bindings, arguments)? {
            return Ok(());
        }
        if self.by_specification(bindings, arguments)? {
            return Ok(());
        }
        let Some(mut prepared) = self.prepare(bindings, arguments)? else { return Ok(()) };
        // SAFETY: arguments are those of the kernel; the caller keeps the memory alive, and stand-ins are freed on the
        // same stream after the work.
        prepared.with(|function, shape, pointers| unsafe { function.launch(shape, pointers) })?;
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let (Argument::Tensor(region), Some(Placed { stand_in: Some(stand_in), .. })) =
                (argument, &prepared.placed[i])
            else {
                continue;
            };
            if c::is_written(&param.kind) {
                self.take_back(i, region, &bindings.shapes[i], stand_in)?;
            }
        }
        Ok(())
    }

    fn schedules(&self, bindings: &Bindings) -> Vec<String> {
        let dims = &bindings.dims;
        let candidates =
            Schedule::default_for(&self.program, dims, Units::Half).candidates(&self.program, dims);
        let mut words: Vec<String> =
            candidates.iter().map(|schedule| schedule.choice().to_string()).collect();
        if self.product.is_some() && self.gpu.library().is_some() {
            let place = if self.library_by_default(dims) { 0 } else { words.len() };
            words.insert(place, LIBRARY.into());
        }
        words
    }

    fn choose(&self, bindings: &Bindings, schedule: &str) -> Result<Option<Chosen>, TargetError> {
        let (dims, default) =
            (&bindings.dims, Schedule::default_for(&self.program, &bindings.dims, Units::Half));
        let library = schedule == LIBRARY && self.product.is_some() && self.gpu.library().is_some();
        let (way, source) = if library {
            (Way::Library, hash(LIBRARY))
        } else {
            let choice = Choice::parse(schedule);
            let found = choice.and_then(|c| Some((c, default.with(&self.program, dims, c)?)));
            let Some((choice, schedule)) = found else {
                let what = format!("cannot run on CUDA by the schedule `{schedule}`");
                return Err(TargetError::Unsupported { program: self.program.name.clone(), what });
            };
            (Way::Schedule(choice), self.variant(schedule)?.source)
        };
        let bucket = bucket(&self.program, dims);
        lock(&self.chosen).insert(bucket.clone(), way);
        lock(&self.latest).clear();
        lock(&self.by_library).clear();
        Ok(Some(Chosen { bucket, source }))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn describe(&self) -> String {
        let variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = variants.iter().map(|(schedule, variant)| {
            format!("// {schedule:?}\n{}", c::source(&variant.threads, &CudaC))
        });
        sources.collect::<Vec<_>>().join("\n")
    }
}
