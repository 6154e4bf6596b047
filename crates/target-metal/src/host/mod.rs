//! MSL on the host: the emitted text, unchanged, built by a C++ compiler against `host/metal_stdlib` and run one thread
//! after the other.
//!
//! It shows that the text means what the reference says, keeps Metal's limits, leaves no buffer and no array, and has no
//! race between barriers. It does not show that Apple's compiler takes the text, nor how fast it is.

mod build;
mod raw;

pub use build::{Bytes, Compiler, Parameter, launch};

use crate::place::elements;
use crate::source::sign;
use crate::{Family, Msl, NEWEST, PLACE};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{Bindings, DType, ParamKind, Program};
use tilewright_passes::lower::{PASSES, Schedule, Units};
use tilewright_passes::pipeline;
use tilewright_target::arguments::{ArgumentBlock, kernel_strides};
use tilewright_target::host::HostBuffer;
use tilewright_target::source::{SourceKernel, SourceLaunch};
use tilewright_target::{
    Argument, Buffer, Caps, Device, DeviceKind, Executable, Region, TargetError, c,
    contiguous_strides,
};

/// The MSL of programs, built and run on the host.
pub struct MslHostDevice {
    caps: Caps,
    compiler: Arc<Compiler>,
    family: Family,
}

impl MslHostDevice {
    /// Finds a C++ compiler; what it builds is kept in `folder`.
    ///
    /// # Errors
    /// When there is no compiler, or the folder cannot be written.
    pub fn open(folder: &Path) -> Result<MslHostDevice, TargetError> {
        let compiler = Compiler::find(folder)?;
        let caps = Caps {
            kind: DeviceKind::Emulator,
            name: format!("MSL built by {}", compiler.version),
            features: vec![format!("apple{}", NEWEST.apple)],
            parallelism: 1,
            memory: 0,
            dtypes: DType::ALL.into_iter().filter(|d| *d != DType::F64).collect(),
            host_visible: true,
            routines: false,
        };
        Ok(MslHostDevice { caps, compiler: Arc::new(compiler), family: NEWEST })
    }
}

impl Device for MslHostDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        let mut program = program.clone();
        pipeline::run(&mut program, PASSES, |_, _| {});
        let (compiler, family) = (self.compiler.clone(), self.family);
        Ok(Arc::new(Hosted { compiler, family, program, variants: Mutex::default() }))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(HostBuffer::new(bytes)?))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        Ok(())
    }

    unsafe fn launch_source(
        &self,
        kernel: &SourceKernel,
        launched: &SourceLaunch<'_>,
    ) -> Result<(), TargetError> {
        raw::run(&self.compiler, kernel, launched)
    }

    fn source_text(
        &self,
        kernel: &SourceKernel,
        launched: &SourceLaunch<'_>,
    ) -> Result<String, TargetError> {
        Ok(sign(kernel, launched)?.text)
    }
}

/// A program and what was built of it, one a schedule.
struct Hosted {
    compiler: Arc<Compiler>,
    family: Family,
    program: Program,
    variants: Mutex<HashMap<Schedule, Arc<Variant>>>,
}

struct Variant {
    threads: ThreadProgram,
    built: PathBuf,
}

/// A tensor as a launch takes it.
struct Placed {
    bytes: Bytes,
    /// Of the axes that the kernel sees.
    strides: Vec<isize>,
    /// First byte of `bytes` in the caller's buffer; `None` for a copy in row-major order.
    start: Option<usize>,
}

impl Hosted {
    fn variant(&self, schedule: Schedule) -> Result<Arc<Variant>, TargetError> {
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.get(&schedule) {
            return Ok(variant.clone());
        }
        let threads = self.family.lower(&self.program, &schedule)?;
        let text = c::source(&threads, &Msl);
        let built = self.compiler.build(&text, &c::kernel_name(&threads), &parameters(&threads))?;
        let variant = Arc::new(Variant { threads, built });
        variants.insert(schedule, variant.clone());
        Ok(variant)
    }

    /// The bytes between a tensor's first and last element where the kernel can take their strides, else a copy of its
    /// elements in row-major order.
    fn place(
        &self,
        number: usize,
        region: &Region<'_>,
        bindings: &Bindings,
    ) -> Result<Placed, TargetError> {
        let param = &self.program.params[number];
        let ParamKind::Tensor { dtype, .. } = param.kind else {
            return Err(TargetError::argument(&self.program, number, "is a number, got a tensor"));
        };
        let (shape, kernel) = (&bindings.shapes[number], &bindings.kernel_shapes[number]);
        let size = dtype.size();
        region
            .check(shape, size)
            .map_err(|what| TargetError::argument(&self.program, number, what))?;
        let own = kernel_strides(region.strides, shape, kernel)
            .filter(|strides| strides.iter().all(|stride| *stride >= 0));
        let (strides, start, bytes) = match own {
            Some(strides) => {
                let start = region.offset * size;
                let mut bytes = vec![0; reach(kernel, &strides) * size];
                region.buffer.read(start, &mut bytes)?;
                (strides, Some(start), bytes)
            }
            None => {
                let mut bytes = Vec::with_capacity(shape.iter().product::<usize>() * size);
                let mut element = vec![0; size];
                for at in elements(shape, region) {
                    region.buffer.read(at * size, &mut element)?;
                    bytes.extend_from_slice(&element);
                }
                (contiguous_strides(kernel), None, bytes)
            }
        };
        let shift = start.map_or(0, |start| start % 64);
        let (name, written) = (param.name.clone(), c::is_written(&param.kind));
        let bytes = Bytes { name, written, faults: false, element: size, shift, origin: 0, bytes };
        Ok(Placed { bytes, strides, start })
    }

    /// Writes a result to where the caller wants it.
    fn take_back(
        &self,
        number: usize,
        region: &Region<'_>,
        bindings: &Bindings,
        start: Option<usize>,
        bytes: &[u8],
    ) -> Result<(), TargetError> {
        let param = &self.program.params[number];
        let ParamKind::Tensor { dtype, .. } = param.kind else { return Ok(()) };
        let Some(host) = region.buffer.host() else {
            return Err(TargetError::argument(
                &self.program,
                number,
                "lies in the memory of another device",
            ));
        };
        let put = |at: usize, bytes: &[u8]| {
            // SAFETY: `place` checked the region against its buffer; `launch` gives outputs to this call alone.
            unsafe {
                host.as_ptr().add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
        };
        match start {
            Some(start) => put(start, bytes),
            None => {
                let size = dtype.size();
                let to = elements(&bindings.shapes[number], region);
                to.into_iter().zip(bytes.chunks_exact(size)).for_each(|(at, b)| put(at * size, b));
            }
        }
        Ok(())
    }
}

impl Executable for Hosted {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let mut schedule = Schedule::default_for(&self.program, &bindings.dims, Units::Float);
        let mut block = ArgumentBlock::default();
        let mut buffers = Vec::new();
        let mut outputs = Vec::new();
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let (Argument::Tensor(region), ParamKind::Tensor { dtype, .. }) =
                (argument, &param.kind)
            else {
                continue;
            };
            let placed = self.place(i, region, bindings)?;
            let lanes = (16 / dtype.size()) as isize;
            let mut aligned = placed.bytes.shift % 16 == 0;
            let outer = placed.strides.len().saturating_sub(1);
            for (axis, &stride) in placed.strides.iter().enumerate().take(outer) {
                aligned &= stride % lanes == 0 || bindings.kernel_shapes[i][axis] <= 1;
                block.wide(stride as i64);
            }
            schedule.aligned[i] = aligned;
            if placed.bytes.written {
                outputs.push((i, region, placed.start));
            }
            buffers.push(placed.bytes);
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
        let variant = self.variant(schedule)?;
        let threads = &variant.threads;
        let plain = |name: &str, written, bytes| Bytes {
            name: name.into(),
            written,
            faults: written,
            element: 4,
            shift: 0,
            origin: 0,
            bytes,
        };
        buffers.push(plain("arguments", false, block.finish()));
        if !threads.checks.is_empty() {
            buffers.push(plain("faults", true, vec![0; 16]));
        }
        let mut grid = [1u32; 3];
        for (slot, groups) in grid.iter_mut().zip(threads.groups(&bindings.dims)) {
            *slot = u32::try_from(groups).map_err(|_| {
                TargetError::Device("Metal: too many programs for one launch".into())
            })?;
        }
        grid[0] = grid[0]
            .checked_mul(threads.threads as u32)
            .ok_or_else(|| TargetError::Device("Metal: too many threads for one launch".into()))?;
        let group = [threads.threads as u32, 1, 1];
        let shared = threads.shared.iter().map(|a| a.dtype.size()).min().unwrap_or(1);
        let results = launch(&variant.built, grid, group, shared, &buffers)
            .map_err(|e| TargetError::Device(format!("{}: {e}", self.program.name)))?;
        if let (false, Some(words)) = (threads.checks.is_empty(), results.last()) {
            let word =
                |i: usize| words[4 * i..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
            if let (1, Some(check)) = (word(0), threads.checks.get(word(1) as usize)) {
                let fault = check.fault(i64::from(word(2) as i32));
                return Err(TargetError::Device(format!("{}: {fault}", self.program.name)));
            }
        }
        for ((number, region, start), bytes) in outputs.into_iter().zip(&results) {
            self.take_back(number, region, bindings, start, bytes)?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = variants.iter().map(|(schedule, variant)| {
            format!("// {schedule:?}\n{}", c::source(&variant.threads, &Msl))
        });
        sources.collect::<Vec<_>>().join("\n")
    }
}

/// The parameters of an emitted kernel, in order.
fn parameters(threads: &ThreadProgram) -> Vec<Parameter> {
    let tensors = threads.params.iter().filter(|p| matches!(p.kind, ParamKind::Tensor { .. }));
    let mut list: Vec<Parameter> = tensors.map(|_| Parameter::Pointer).collect();
    list.push(Parameter::Reference);
    if !threads.checks.is_empty() {
        list.push(Parameter::Pointer);
    }
    list.extend(PLACE.iter().map(|(ty, name)| Parameter::Place(name, *ty == "uint3")));
    list
}

/// The elements from the first of a tensor to the last.
fn reach(shape: &[usize], strides: &[isize]) -> usize {
    if shape.contains(&0) {
        return 0;
    }
    1 + shape.iter().zip(strides).map(|(n, stride)| (n - 1) * stride.unsigned_abs()).sum::<usize>()
}
