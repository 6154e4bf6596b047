//! Compiled programs and their launches.

use crate::cache::Key;
use crate::dependent::CLUSTER;
use crate::device::{CudaBuffer, Gpu, own_buffer};
use crate::dialect::STATIC_SHARED;
use crate::driver::Shape;
use crate::multiply::LIBRARY;
use crate::prepared::{Prepared, Run, Words};
use crate::specified::{Specified, Taken};
use crate::variant::{Aligned, Latest, Variant};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tilewright_ir::{Access, Bindings, ParamKind, Program};
use tilewright_passes::lower::{Choice, PASSES, Schedule, bucket};
use tilewright_passes::pipeline;
use tilewright_passes::product::{Product, product};
use tilewright_target::arguments::{ArgumentBlock, kernel_strides};
use tilewright_target::tuned::hash;
use tilewright_target::{
    Argument, Buffer, Chosen, Executable, Region, TargetError, c, contiguous_stride,
    contiguous_strides,
};

/// A program and its compiled variants, one a schedule.
pub(crate) struct CudaExecutable {
    pub(crate) gpu: Arc<Gpu>,
    pub(crate) program: Program,
    /// The key of the program and of all but the schedule that decides what becomes of it; see `Compiler::said`.
    pub(crate) said: OnceLock<Option<Key>>,
    pub(crate) variants: Mutex<HashMap<Schedule, Arc<Variant>>>,
    /// The latest launches, newest first, so that a repeated one need not look for its schedule.
    pub(crate) latest: Mutex<Vec<Latest>>,
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

/// The most positions that one cluster shares.
const SHORT: usize = 2048;

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
        let (said, variants, latest, chosen, by_library) = Default::default();
        CudaExecutable {
            gpu,
            program,
            said,
            variants,
            latest,
            chosen,
            product,
            specified,
            by_library,
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
            return Err(TargetError::argument(&self.program, number, "is a number, got a tensor"));
        };
        let (shape, kernel) = (&bindings.shapes[number], &bindings.kernel_shapes[number]);
        let size = dtype.size();
        region
            .check(shape, size)
            .map_err(|what| TargetError::argument(&self.program, number, what))?;
        let own = own_buffer(region);
        let strides = kernel_strides(region.strides, shape, kernel);
        if let (Some(buffer), Some(strides), false) = (own, strides, overwritten) {
            let address = buffer.address + (region.offset * size) as u64;
            return Ok(Placed { address, strides, stand_in: None });
        }
        let elements: usize = shape.iter().product();
        let stand_in = self.gpu.allocate(elements * size)?;
        if access != Access::Out {
            let staged = self.on_device(region, number)?;
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
        number: usize,
    ) -> Result<Option<CudaBuffer>, TargetError> {
        if own_buffer(region).is_some() {
            return Ok(None);
        }
        if region.buffer.host().is_none() {
            return Err(TargetError::argument(
                &self.program,
                number,
                "lies in the memory of another device",
            ));
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
        let staged = self.on_device(region, number)?;
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
    /// What a launch by the lowering passes to the driver: an address a tensor, the argument struct laid out as
    /// `c::argument_fields` declares it, then the place for faults and those of shared work if the kernel has such. `None`
    /// when there is nothing to run.
    pub(crate) fn prepare(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        recorded: bool,
    ) -> Result<Option<Prepared>, TargetError> {
        let mut all_aligned = Aligned::ALL;
        let mut stand_ins = Vec::new();
        let mut words = Words::with_room(arguments.len() + 4);
        let mut block = ArgumentBlock::default();
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let Argument::Tensor(region) = argument else { continue };
            let ParamKind::Tensor { dtype, .. } = param.kind else {
                return Err(TargetError::argument(&self.program, i, "is a number, got a tensor"));
            };
            let shape = &bindings.kernel_shapes[i];
            let outer = shape.len().saturating_sub(1);
            let lanes = (16 / dtype.size()) as isize;
            let mut is_aligned = true;
            let mut stride = |axis: usize, stride: isize| {
                is_aligned &= stride % lanes == 0 || shape[axis] <= 1;
                block.wide(stride as i64);
            };
            let overwritten = !c::is_written(&param.kind) && self.is_overwritten(region, arguments);
            let address = match own_buffer(region).filter(|_| !overwritten) {
                // As nearly all lie, without asking for memory on the host.
                Some(own) if region.strides.is_none() => {
                    region
                        .check(&bindings.shapes[i], dtype.size())
                        .map_err(|what| TargetError::argument(&self.program, i, what))?;
                    (0..outer).for_each(|axis| stride(axis, contiguous_stride(shape, axis)));
                    own.address + (region.offset * dtype.size()) as u64
                }
                _ => {
                    let tensor = self.place(i, region, bindings, overwritten)?;
                    let strides = tensor.strides.iter().enumerate().take(outer);
                    strides.for_each(|(axis, &of)| stride(axis, of));
                    stand_ins.extend(tensor.stand_in.map(|stand_in| (i, stand_in)));
                    tensor.address
                }
            };
            if !is_aligned || !address.is_multiple_of(16) {
                all_aligned.except(i);
            }
            words.push([address]);
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
        let variant = self.variant_for(&bindings.dims, all_aligned, recorded)?;
        let threads = &variant.outline.threads;
        let mut grid = [1u32; 3];
        for (slot, groups) in grid.iter_mut().zip(threads.groups(&bindings.dims)) {
            let groups = i32::try_from(groups).map_err(|_| {
                TargetError::Device("CUDA: too many programs for one launch".into())
            })?;
            *slot = groups as u32;
        }
        let together = threads.cluster as u32;
        grid[0] = grid[0]
            .checked_mul(together)
            .filter(|n| *n <= i32::MAX as u32)
            .ok_or_else(|| TargetError::Device("CUDA: too many programs for one launch".into()))?;
        if grid.contains(&0) {
            return Ok(None);
        }
        let block = block.finish();
        let (block, _) = block.as_chunks::<8>();
        words.push(block.iter().map(|bytes| u64::from_ne_bytes(*bytes)));
        if let Some(faults) = &variant.faults {
            words.push([faults.address()]);
        }
        let mut in_cluster = false;
        if let Some(split) = &threads.split {
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
            self.gpu.states()?.into_iter().for_each(|address| words.push([address]));
        }
        let shared = threads.shared_bytes();
        let shape = Shape {
            grid: grid.into(),
            threads: (threads.threads as u32 / together, 1, 1),
            shared: if shared > STATIC_SHARED { shared } else { 0 },
        };
        let run = Run::Lowered { variant, in_cluster, stand_ins };
        Ok(Some(Prepared { run, shape, arguments: words }))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        match self.specified(bindings, arguments)? {
            Taken::No => {}
            Taken::Nothing => return Ok(()),
            // SAFETY: as below, without stand-ins.
            Taken::Work(mut own) => {
                return own.with(|function, shape, words| unsafe { function.launch(shape, words) });
            }
        }
        let Some(mut prepared) = self.prepare(bindings, arguments, false)? else { return Ok(()) };
        // SAFETY: arguments are those of the kernel; the caller keeps the memory alive, and stand-ins are freed on the
        // same stream after the work.
        prepared.with(|function, shape, pointers| unsafe { function.launch(shape, pointers) })?;
        let Run::Lowered { stand_ins, .. } = &prepared.run else { return Ok(()) };
        for (i, stand_in) in stand_ins {
            if let Argument::Tensor(region) = &arguments[*i]
                && c::is_written(&self.program.params[*i].kind)
            {
                self.take_back(*i, region, &bindings.shapes[*i], stand_in)?;
            }
        }
        Ok(())
    }

    fn compile_for(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        if self.by_library(&bindings.dims) {
            return Ok(());
        }
        match self.specified(bindings, arguments)? {
            Taken::No => self.prepare(bindings, arguments, false).map(drop),
            Taken::Nothing | Taken::Work(_) => Ok(()),
        }
    }

    fn schedules(&self, bindings: &Bindings) -> Vec<String> {
        let dims = &bindings.dims;
        let candidates = self.default_for(dims, false).candidates(&self.program, dims);
        let mut words: Vec<String> =
            candidates.iter().map(|schedule| schedule.choice().to_string()).collect();
        if self.product.is_some() && self.gpu.library().is_some() {
            let place = if self.library_by_default(dims) { 0 } else { words.len() };
            words.insert(place, LIBRARY.into());
        }
        words
    }

    fn choose(&self, bindings: &Bindings, schedule: &str) -> Result<Option<Chosen>, TargetError> {
        let (dims, default) = (&bindings.dims, self.default_for(&bindings.dims, false));
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
            (Way::Schedule(choice), self.variant(schedule)?.outline.source)
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
        let schedules: Vec<Schedule> = lock(&self.variants).keys().cloned().collect();
        let sources = schedules.iter().map(|schedule| match self.text(schedule) {
            Ok((_, source)) => format!("// {schedule:?}\n{source}"),
            Err(error) => format!("// {schedule:?}\n// {error}"),
        });
        sources.collect::<Vec<_>>().join("\n")
    }
}
