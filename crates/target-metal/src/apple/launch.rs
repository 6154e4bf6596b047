//! Compiled programs and their launches.

use super::MetalBuffer;
use super::gpu::{Encoder, FaultSlot, Gpu, missing};
use super::pipeline::{Pipeline, compile};
use crate::Msl;
use crate::place::elements;
use crate::source::sign;
use objc2_metal::{MTLComputeCommandEncoder, MTLSize};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{Access, Bindings, ParamKind, Program};
use tilewright_passes::lower::{PASSES, Schedule, Units};
use tilewright_passes::pipeline;
use tilewright_target::arguments::{ArgumentBlock, kernel_strides};
use tilewright_target::source::{Slot, SourceKernel, SourceLaunch, kernel_name};
use tilewright_target::{Argument, Buffer, Executable, Region, TargetError, c, contiguous_strides};

/// A program and its compiled variants, one a schedule.
pub struct MetalExecutable {
    gpu: Arc<Gpu>,
    program: Program,
    variants: Mutex<HashMap<Schedule, Arc<Variant>>>,
}

struct Variant {
    threads: ThreadProgram,
    pipeline: Pipeline,
    /// Where it notes indices out of range, if it checks any.
    faults: Option<Arc<FaultSlot>>,
}

// SAFETY: Metal's pipelines may be used from any thread.
unsafe impl Send for Variant {}
// SAFETY: as above.
unsafe impl Sync for Variant {}

/// A tensor as a kernel takes it: the caller's own memory, or a copy of its elements in row-major order.
struct Placed {
    copy: Option<MetalBuffer>,
    /// Bytes before its first element.
    offset: usize,
    /// Of the axes that the kernel sees.
    strides: Vec<isize>,
}

impl MetalExecutable {
    /// `program` for a GPU; its variants are compiled when a launch needs them.
    pub fn new(gpu: Arc<Gpu>, program: &Program) -> MetalExecutable {
        let mut program = program.clone();
        pipeline::run(&mut program, PASSES, |_, _| {});
        MetalExecutable { gpu, program, variants: Mutex::default() }
    }

    fn variant(&self, schedule: Schedule) -> Result<Arc<Variant>, TargetError> {
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.get(&schedule) {
            return Ok(variant.clone());
        }
        let threads = self.gpu.family.lower(&self.program, &schedule)?;
        let (text, name) = (c::source(&threads, &Msl), c::kernel_name(&threads));
        let pipeline = compile(&self.gpu, &text, &name, threads.threads)?;
        let faults = match threads.checks.is_empty() {
            true => None,
            false => Some(self.gpu.fault_slot(&threads.name, &threads.checks)?),
        };
        let variant = Arc::new(Variant { threads, pipeline, faults });
        variants.insert(schedule, variant.clone());
        Ok(variant)
    }

    /// Finds where the kernel reads or writes a tensor.
    fn place(
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
        let strides = kernel_strides(region.strides, shape, kernel);
        if let (Some(_), Some(strides), false) = (own_buffer(region), strides, overwritten) {
            return Ok(Placed { copy: None, offset: region.offset * size, strides });
        }
        let copy = MetalBuffer::new(&self.gpu, shape.iter().product::<usize>() * size)?;
        if access != Access::Out {
            self.gpu.finish()?;
            let Some(from) = region.buffer.host() else {
                return Err(TargetError::argument(
                    &self.program,
                    number,
                    "lies in the memory of another device",
                ));
            };
            for (number, at) in elements(shape, region).into_iter().enumerate() {
                // SAFETY: `region.check` holds the source, the copy has room for every element.
                unsafe {
                    let to = copy.address().as_ptr().add(number * size);
                    to.copy_from_nonoverlapping(from.as_ptr().add(at * size), size);
                }
            }
        }
        Ok(Placed { copy: Some(copy), offset: 0, strides: contiguous_strides(kernel) })
    }

    /// Copies results to where the caller wants them, once the GPU has finished.
    fn take_back(
        &self,
        number: usize,
        region: &Region<'_>,
        shape: &[usize],
        copy: &MetalBuffer,
    ) -> Result<(), TargetError> {
        let param = &self.program.params[number];
        let (ParamKind::Tensor { dtype, .. }, Some(to)) = (&param.kind, region.buffer.host())
        else {
            return Err(TargetError::argument(
                &self.program,
                number,
                "lies in the memory of another device",
            ));
        };
        self.gpu.finish()?;
        let size = dtype.size();
        for (number, at) in elements(shape, region).into_iter().enumerate() {
            // SAFETY: `region.check` held the target; `launch` gives outputs to this call alone.
            unsafe {
                let from = copy.address().as_ptr().add(number * size);
                to.as_ptr().add(at * size).copy_from_nonoverlapping(from, size);
            }
        }
        Ok(())
    }

    /// True when an output overlaps the memory of an input.
    fn is_overwritten(&self, input: &Region<'_>, arguments: &[Argument<'_>]) -> bool {
        let Some(own) = own_buffer(input) else { return false };
        self.program.params.iter().zip(arguments).any(|(param, argument)| {
            let Argument::Tensor(region) = argument else { return false };
            c::is_written(&param.kind)
                && own_buffer(region).is_some_and(|other| other.address() == own.address())
        })
    }
}

impl Executable for MetalExecutable {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let mut schedule = Schedule::default_for(&self.program, &bindings.dims, Units::Float);
        let mut placed: Vec<(usize, &Region<'_>, Placed)> = Vec::with_capacity(arguments.len());
        let mut block = ArgumentBlock::default();
        for (i, (param, argument)) in self.program.params.iter().zip(arguments).enumerate() {
            let (Argument::Tensor(region), ParamKind::Tensor { dtype, .. }) =
                (argument, &param.kind)
            else {
                continue;
            };
            let overwritten = !c::is_written(&param.kind) && self.is_overwritten(region, arguments);
            let tensor = self.place(i, region, bindings, overwritten)?;
            let lanes = (16 / dtype.size()) as isize;
            // Buffers start at multiples of a page.
            let mut aligned = tensor.offset.is_multiple_of(16);
            let outer = tensor.strides.len().saturating_sub(1);
            for (axis, &stride) in tensor.strides.iter().enumerate().take(outer) {
                aligned &= stride % lanes == 0 || bindings.kernel_shapes[i][axis] <= 1;
                block.wide(stride as i64);
            }
            schedule.aligned[i] = aligned;
            placed.push((i, region, tensor));
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
        let groups = variant.threads.groups(&bindings.dims);
        if groups.contains(&0) {
            return Ok(());
        }
        if groups.iter().any(|&n| u32::try_from(n).is_err()) {
            return Err(missing("too many programs for one launch"));
        }
        let bytes = block.finish();
        self.gpu.encode(|encoder| {
            encoder.setComputePipelineState(&variant.pipeline);
            for (index, (_, region, tensor)) in placed.iter().enumerate() {
                let buffer = tensor.copy.as_ref().or_else(|| own_buffer(region));
                set_buffer(encoder, buffer, tensor.offset, index);
            }
            set_bytes(encoder, &bytes, placed.len());
            if let Some(slot) = &variant.faults {
                set_buffer(encoder, Some(&slot.buffer), 0, placed.len() + 1);
            }
            let [width, height, depth] = groups;
            encoder.dispatchThreadgroups_threadsPerThreadgroup(
                MTLSize { width, height, depth },
                MTLSize { width: variant.threads.threads, height: 1, depth: 1 },
            );
        })?;
        for (number, region, tensor) in &placed {
            if let (true, Some(copy)) =
                (c::is_written(&self.program.params[*number].kind), &tensor.copy)
            {
                self.take_back(*number, region, &bindings.shapes[*number], copy)?;
            }
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

/// Compiles and launches a kernel's Metal body. Compiling is the system's to remember.
pub fn launch_source(
    gpu: &Arc<Gpu>,
    kernel: &SourceKernel,
    launch: &SourceLaunch<'_>,
) -> Result<(), TargetError> {
    let signed = sign(kernel, launch)?;
    let threads = launch.group.iter().product();
    let pipeline = compile(gpu, &signed.text, &kernel_name(kernel), threads)?;
    if launch.grid.contains(&0) {
        return Ok(());
    }
    if !launch.outputs.iter().all(|tensor| own_buffer(&tensor.region).is_some()) {
        return Err(missing(&format!("{}: an output is not in Metal's memory", kernel.name)));
    }
    // What the host made lies in memory of its own; the encoder keeps a copy for as long as the launch needs it.
    let mut copies = Vec::with_capacity(launch.inputs.len());
    for input in launch.inputs {
        copies.push(match own_buffer(&input.region) {
            Some(_) => None,
            None => {
                let mut bytes = vec![0; input.region.buffer.size()];
                input.region.buffer.read(0, &mut bytes)?;
                let mut copy = MetalBuffer::new(gpu, bytes.len())?;
                copy.write(0, &bytes)?;
                Some(copy)
            }
        });
    }
    gpu.encode(|encoder| {
        encoder.setComputePipelineState(&pipeline);
        for (index, slot) in signed.slots.iter().enumerate() {
            match *slot {
                Slot::Input(i) => {
                    let (region, size) = (&launch.inputs[i].region, launch.inputs[i].dtype.size());
                    let buffer = copies[i].as_ref().or_else(|| own_buffer(region));
                    set_buffer(encoder, buffer, region.offset * size, index);
                }
                Slot::Output(i) => {
                    let (region, size) =
                        (&launch.outputs[i].region, launch.outputs[i].dtype.size());
                    set_buffer(encoder, own_buffer(region), region.offset * size, index);
                }
                Slot::Shape(_) | Slot::Strides(_) | Slot::Rank(_) => {
                    set_bytes(encoder, &slot.injected(launch).unwrap_or_default(), index);
                }
            }
        }
        let size = |[width, height, depth]: [usize; 3]| MTLSize { width, height, depth };
        encoder.dispatchThreads_threadsPerThreadgroup(size(launch.grid), size(launch.group));
    })
}

fn set_buffer(encoder: &Encoder, buffer: Option<&MetalBuffer>, offset: usize, index: usize) {
    // SAFETY: the offset was checked to lie in the buffer, and the index is that of the text's signature.
    unsafe { encoder.setBuffer_offset_atIndex(buffer.map(|b| &*b.raw), offset, index) };
}

fn set_bytes(encoder: &Encoder, bytes: &[u8], index: usize) {
    let start = NonNull::from(bytes).cast::<c_void>();
    // SAFETY: Metal copies the bytes before this returns.
    unsafe { encoder.setBytes_length_atIndex(start, bytes.len(), index) };
}

/// The buffer under a region, if it is Metal's.
fn own_buffer<'a>(region: &Region<'a>) -> Option<&'a MetalBuffer> {
    region.buffer.as_any()?.downcast_ref::<MetalBuffer>()
}
