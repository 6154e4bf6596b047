//! What every target is: its capabilities, its memory, its compiled programs.

use crate::recording::{Plain, Recording, Step};
use crate::source::{SourceKernel, SourceLaunch};
use crate::{Argument, TargetError};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;
use tilewright_ir::{Bindings, DType, Program};

/// The families of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The host's own cores.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// An Apple GPU.
    Metal,
    /// The reference: the IR's own interpreter.
    Interpreter,
    /// A GPU's threads, stepped through on the host.
    Emulator,
    /// Compiles everything and runs nothing.
    Null,
}

impl DeviceKind {
    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DeviceKind::Cpu => "cpu",
            DeviceKind::Cuda => "cuda",
            DeviceKind::Metal => "metal",
            DeviceKind::Interpreter => "interpreter",
            DeviceKind::Emulator => "emulator",
            DeviceKind::Null => "null",
        }
    }
}

/// What a device can do, for schedules, tables and error messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    /// Which family.
    pub kind: DeviceKind,
    /// The maker's name for it.
    pub name: String,
    /// Instruction-set or architecture features in use, most important first.
    pub features: Vec<String>,
    /// Programs that run at the same time: threads of a CPU, multiprocessors of a GPU.
    pub parallelism: usize,
    /// Bytes of memory, 0 when unknown.
    pub memory: u64,
    /// Element types that kernels may use.
    pub dtypes: Vec<DType>,
    /// True when the host can address the device's buffers.
    pub host_visible: bool,
    /// A row of half floats is multiplied with packed weights by a routine of the device's own, which norms the row on its
    /// way at next to no cost.
    pub routines: bool,
}

/// Memory of a device.
///
/// # Safety
/// [`host`](Buffer::host) gives the same address until [`settle`](Buffer::settle), [`write`](Buffer::write) or the drop, with
/// [`size`](Buffer::size) initialized bytes behind it, which may be written where [`writable`](Buffer::writable) says so:
/// devices follow that address without asking again.
pub unsafe trait Buffer: Send + Sync {
    /// Bytes.
    fn size(&self) -> usize;

    /// The address of the first byte, when the host can use it.
    fn host(&self) -> Option<NonNull<u8>>;

    /// Copies `into.len()` bytes from `offset` on to the host, after all work that writes them.
    ///
    /// # Errors
    /// When the range leaves the buffer or the device fails.
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError>;

    /// Copies `from` to the bytes from `offset` on.
    ///
    /// # Errors
    /// When the range leaves the buffer or the device fails.
    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError>;

    /// Told that it holds a factor of products, so many rows of so many elements of so many bytes each, which stays as it
    /// is: the device may lay it out as its products read it best. What is read and launched with is the same.
    fn settle(&mut self, _rows: [usize; 2], _element: usize) {}

    /// Told that what it holds is of no use any more.
    fn forget(&mut self) {}

    /// False for memory that may only be read, such as a borrowed shared slice.
    fn writable(&self) -> bool {
        true
    }

    /// The concrete buffer, for the device that made it; `None` for borrowed host memory.
    fn as_any(&self) -> Option<&dyn Any>;
}

/// What a schedule is chosen for, and what runs by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The kernel and the bucket of sizes that run by the same source, in words.
    pub bucket: String,
    /// [`hash`](crate::tuned::hash) of that source.
    pub source: u64,
}

/// A compiled program. Run-time sizes, scalars and strides are arguments of the launch, so one executable serves
/// every shape.
pub trait Executable: Send + Sync {
    /// Runs the program once for `bindings`, with one argument a parameter.
    ///
    /// Inputs may have any strides, 0 and negative included. An output may coincide exactly (same buffer, offset
    /// and strides) with an input, or with nothing. The work may still be under way on return; see
    /// [`Device::synchronize`].
    ///
    /// # Safety
    /// Until the work is complete nobody else may write the memory of any argument, or read that of an output.
    ///
    /// # Errors
    /// When the arguments do not fit the program or their buffers, when a run-time index is out of range (the
    /// message names tensor, index and program; outputs are then in an unspecified state), or when the device
    /// fails.
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError>;

    /// Compiles what a launch with these arguments would run by, and launches nothing; on targets that compile before they
    /// know sizes there is nothing to do.
    ///
    /// # Errors
    /// As [`launch`](Self::launch), as far as that is known before.
    fn compile_for(
        &self,
        _bindings: &Bindings,
        _arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        Ok(())
    }

    /// What was compiled, station by station, for people: schedule, instructions, source.
    fn describe(&self) -> String;

    /// The schedules by which the program could run for these sizes, in the device's words, with the one that it takes by
    /// itself first; empty where there is nothing to choose.
    fn schedules(&self, _bindings: &Bindings) -> Vec<String> {
        Vec::new()
    }

    /// Runs by that schedule from now on for sizes like these; `None` where there is nothing to choose.
    ///
    /// # Errors
    /// When the program cannot be run so.
    fn choose(&self, _bindings: &Bindings, _schedule: &str) -> Result<Option<Chosen>, TargetError> {
        Ok(None)
    }

    /// The concrete executable, for the device that made it.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

/// Bytes that a copy through the host moves at a time.
const COPY_PART: usize = 1 << 20;

/// A machine that runs programs.
pub trait Device: Send + Sync {
    /// What it can do.
    fn caps(&self) -> &Caps;

    /// Compiles a validated program.
    ///
    /// # Errors
    /// [`TargetError::Unsupported`] names the dtype or construct that this device does not have.
    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError>;

    /// A buffer of at least `bytes` bytes, aligned to 64, of unspecified content.
    ///
    /// # Errors
    /// [`TargetError::Memory`] when there is not that much.
    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError>;

    /// Bytes that can still be allocated and used, about; `None` where nobody knows.
    fn free_memory(&self) -> Option<u64> {
        self.caps().host_visible.then(crate::host::free_memory).flatten()
    }

    /// Copies the first `bytes` bytes of one buffer of this device to another, in order with the work launched.
    ///
    /// # Errors
    /// When a buffer is smaller or the device fails.
    fn copy(
        &self,
        from: &dyn Buffer,
        to: &mut dyn Buffer,
        bytes: usize,
    ) -> Result<(), TargetError> {
        let mut part = vec![0; bytes.min(COPY_PART)];
        for at in (0..bytes).step_by(COPY_PART) {
            let part = &mut part[..COPY_PART.min(bytes - at)];
            from.read(at, part)?;
            to.write(at, part)?;
        }
        Ok(())
    }

    /// Runs a kernel that is written in the device's own language, with as many inputs and outputs as it declares. The work
    /// may still be under way on return.
    ///
    /// # Safety
    /// As [`Executable::launch`], and the kernel's body must keep to its tensors.
    ///
    /// # Errors
    /// When the kernel has no body for this device, the body does not compile, or an argument does not fit.
    unsafe fn launch_source(
        &self,
        kernel: &SourceKernel,
        _launch: &SourceLaunch<'_>,
    ) -> Result<(), TargetError> {
        Err(kernel.no_body(self.caps().kind.name()))
    }

    /// The text that [`launch_source`](Self::launch_source) compiles.
    ///
    /// # Errors
    /// When the kernel has no body for this device.
    fn source_text(
        &self,
        kernel: &SourceKernel,
        _launch: &SourceLaunch<'_>,
    ) -> Result<String, TargetError> {
        Err(kernel.no_body(self.caps().kind.name()))
    }

    /// Launches to be repeated, of programs that this device compiled; none of them runs yet.
    ///
    /// # Errors
    /// When the device fails.
    fn record(&self, steps: Vec<Step>) -> Result<Box<dyn Recording>, TargetError> {
        Ok(Box::new(Plain::new(steps)))
    }

    /// True when what the host does with its buffers, to read, write and free them, waits by itself for the work launched
    /// before, and a launch is done with those of others on return. Then nobody else need wait for a launch: what only the
    /// work shows, the next read tells.
    fn memory_waits(&self) -> bool {
        false
    }

    /// Waits for all work launched so far.
    ///
    /// # Errors
    /// Failures of that work that its launch could not yet know.
    fn synchronize(&self) -> Result<(), TargetError>;

    /// Runs `launch`, waits for the work that it starts, and tells how long the device took by its own clock; `None` for
    /// a device without one.
    ///
    /// # Errors
    /// Those of `launch` and of the work.
    fn time(
        &self,
        launch: &mut dyn FnMut() -> Result<(), TargetError>,
    ) -> Result<Option<Duration>, TargetError> {
        launch()?;
        self.synchronize()?;
        Ok(None)
    }
}
