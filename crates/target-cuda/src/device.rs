//! The device and its memory.

use crate::compile::Compiler;
use crate::copy::Copier;
use crate::driver::{Context, Function, failed};
use crate::graph::Captured;
use crate::launch::CudaExecutable;
use crate::library::Library;
use crate::source::{self, Sources};
use cudarc::driver::{result, sys};
use std::any::Any;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;
use tilewright_ir::{DType, Program};
use tilewright_passes::lower::Multiprocessors;
use tilewright_target::recording::{Recording, Step};
use tilewright_target::source::{SourceKernel, SourceLaunch};
use tilewright_target::tuned::Tuned;
use tilewright_target::{Buffer, Caps, Device, DeviceKind, Executable, Region, TargetError};

/// An NVIDIA GPU.
pub struct CudaDevice {
    gpu: Arc<Gpu>,
    caps: Caps,
}

/// What the programs of a device share.
pub(crate) struct Gpu {
    pub context: Arc<Context>,
    pub compiler: Compiler,
    copier: OnceLock<Result<Copier, TargetError>>,
    /// Its multiprocessors, where groups of a graph may stay on them.
    pub stay: Option<Multiprocessors>,
    /// Bytes of shared memory that a group may have.
    pub shared: usize,
    /// Groups may run together as a cluster.
    pub clusters: bool,
    /// Groups that run at a time.
    pub places: usize,
    /// A kernel of a graph may start while the one ahead of it runs.
    pub dependents: bool,
    states: OnceLock<Result<States, TargetError>>,
    sources: Sources,
    library: OnceLock<Option<Library>>,
    /// The GPU's name, and what was measured on GPUs of that name.
    pub name: String,
    pub tuned: Arc<dyn Tuned>,
}

/// Bytes for what groups that share the work of one leave for the last of them.
pub(crate) const STATES: usize = 16 << 20;

/// Counters of groups that are done, one a program.
pub(crate) const ARRIVED: usize = 4096;

/// Bytes of shared memory from which on rings of weights are worth their while: of compute capability 9.0 and 10.0.
const RING: usize = 200 << 10;

/// Columns, and weights of each, from which on they are. Decoding on an H100, tokens a second: 8 billion weights, the four products
/// of whose layers have 4096 columns of 4096 weights or more, 536.7, and 514.6 without; 1 billion, whose products all have 2048 of
/// one of them, 2098 with rings and 2196 without.
const LONG: usize = 4096;

impl Gpu {
    /// The copy between layouts, compiled when it is first needed.
    pub fn copier(&self) -> Result<&Copier, TargetError> {
        let compiled = self.copier.get_or_init(|| Copier::new(&self.context, &self.compiler));
        compiled.as_ref().map_err(|e| TargetError::Device(e.to_string()))
    }

    /// Where groups that share work leave their states, and where they count themselves: [`STATES`] bytes and [`ARRIVED`]
    /// zeros. Kernels follow one another on the stream, and each leaves zeros.
    pub fn states(&self) -> Result<[u64; 2], TargetError> {
        let allocated = self.states.get_or_init(|| States::new(&self.context));
        let states = allocated.as_ref().map_err(|e| TargetError::Device(e.to_string()))?;
        Ok([states.address, states.address + STATES as u64])
    }

    /// The library of products, opened when it is first wanted.
    pub fn library(&self) -> Option<&Library> {
        self.library.get_or_init(|| Library::open(&self.context)).as_ref()
    }

    /// The kernel `name` of a text that somebody wrote.
    pub fn source(&self, text: &str, name: &str) -> Result<Arc<Function>, TargetError> {
        self.source_for(text, name, &self.compiler.architecture)
    }

    /// The same for an architecture by name.
    pub fn source_for(
        &self,
        text: &str,
        name: &str,
        architecture: &str,
    ) -> Result<Arc<Function>, TargetError> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.get(text) {
            return Ok(known.clone());
        }
        let image = self.compiler.machine_code_for(text, architecture)?;
        let function = Arc::new(Function::load(&self.context, &image, name)?);
        sources.insert(text.into(), function.clone());
        Ok(function)
    }

    /// Memory from the driver's stream-ordered pool.
    pub fn allocate(self: &Arc<Self>, bytes: usize) -> Result<CudaBuffer, TargetError> {
        self.context.enter()?;
        // SAFETY: freed in `CudaBuffer::drop`. An empty buffer still has an address of its own.
        let address = unsafe { result::malloc_async(self.context.stream, bytes.max(16)) }
            .map_err(|_| TargetError::Memory { bytes })?;
        Ok(CudaBuffer { gpu: self.clone(), address, size: bytes })
    }
}

/// Memory of the GPU's own; it does not hold the GPU, which holds it.
struct States {
    context: Arc<Context>,
    address: sys::CUdeviceptr,
}

impl States {
    fn new(context: &Arc<Context>) -> Result<States, TargetError> {
        context.enter()?;
        let bytes = STATES + ARRIVED * 4;
        // SAFETY: freed in `drop`; the counters lie inside it.
        unsafe {
            let address = result::malloc_async(context.stream, bytes)
                .map_err(|_| TargetError::Memory { bytes })?;
            let counters = address + STATES as u64;
            result::memset_d8_async(counters, 0, ARRIVED * 4, context.stream)
                .map_err(failed("the GPU's memory cannot be cleared"))?;
            Ok(States { context: context.clone(), address })
        }
    }
}

impl Drop for States {
    fn drop(&mut self) {
        if self.context.enter().is_ok() {
            // SAFETY: allocated on this stream, freed once.
            let _ = unsafe { result::free_async(self.address, self.context.stream) };
        }
    }
}

impl CudaDevice {
    /// Opens GPU `ordinal`. What it compiles is kept in the folder `cache`, up to some hundred megabytes; `tuned` holds
    /// schedules that were measured to be better than the default ones.
    ///
    /// # Errors
    /// When the driver, NVRTC or the GPU is missing; the message says which, and what to install.
    pub fn open(
        ordinal: i32,
        cache: Option<PathBuf>,
        tuned: Arc<dyn Tuned>,
    ) -> Result<CudaDevice, TargetError> {
        use sys::CUdevice_attribute::*;
        let context = Context::open(ordinal)?;
        let major = context.attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        let minor = context.attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        if major < 8 {
            let name = context.name();
            let text =
                format!("CUDA: {name} has compute capability {major}.{minor}; 8.0 is needed");
            return Err(TargetError::Device(text));
        }
        let caps = Caps {
            kind: DeviceKind::Cuda,
            name: context.name(),
            features: vec![format!("sm_{major}{minor}")],
            parallelism: context.attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).max(1)
                as usize,
            memory: context.memory(),
            dtypes: DType::ALL.into_iter().filter(|d| *d != DType::F64).collect(),
            host_visible: false,
            routines: true,
        };
        let shared = context.attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        let shared = shared.max(0) as usize;
        let on = Multiprocessors { count: caps.parallelism, shared, least: LONG };
        let architecture = format!("sm_{major}{minor}");
        let compiler = Compiler::new(architecture, cache);
        let (copier, states, sources, library) = Default::default();
        let gpu = Arc::new(Gpu {
            context,
            compiler,
            copier,
            places: caps.parallelism,
            stay: (shared >= RING).then_some(on),
            shared,
            clusters: major >= 9,
            // Graphs know such edges since version 12.3 of the driver.
            dependents: major >= 9 && version() >= 12030,
            states,
            sources,
            library,
            name: caps.name.clone(),
            tuned,
        });
        Ok(CudaDevice { gpu, caps })
    }
}

/// The driver's version; 0 if it does not tell.
fn version() -> i32 {
    let mut version = 0;
    // SAFETY: the pointer is to an integer.
    match unsafe { sys::cuDriverGetVersion(&mut version) }.result() {
        Ok(()) => version,
        Err(_) => 0,
    }
}

impl Device for CudaDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        Ok(Arc::new(CudaExecutable::new(self.gpu.clone(), program)))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(self.gpu.allocate(bytes)?))
    }

    fn free_memory(&self) -> Option<u64> {
        self.gpu.context.free_memory()
    }

    fn time(
        &self,
        launch: &mut dyn FnMut() -> Result<(), TargetError>,
    ) -> Result<Option<Duration>, TargetError> {
        let seconds = self.gpu.context.seconds(launch)?;
        Ok(Some(Duration::from_secs_f64(seconds.max(0.0))))
    }

    fn copy(
        &self,
        from: &dyn Buffer,
        to: &mut dyn Buffer,
        bytes: usize,
    ) -> Result<(), TargetError> {
        let own = |buffer: &dyn Buffer| {
            let buffer = buffer.as_any().and_then(|any| any.downcast_ref::<CudaBuffer>());
            let buffer = buffer.ok_or_else(|| {
                TargetError::Device("CUDA: a copy between buffers needs both on the GPU".into())
            })?;
            buffer.check(0, bytes).map(|()| buffer.address)
        };
        let (from, to) = (own(from)?, own(to)?);
        self.gpu.context.enter()?;
        // SAFETY: both ranges lie inside their buffers, which the stream frees in order if they are dropped.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.gpu.context.stream) }
            .map_err(failed("a copy on the GPU failed"))
    }

    fn memory_waits(&self) -> bool {
        // There is one stream: copies and frees are in order with the launches.
        true
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        self.gpu.context.synchronize()
    }

    fn record(&self, steps: Vec<Step>) -> Result<Box<dyn Recording>, TargetError> {
        Ok(Box::new(Captured::new(self.gpu.clone(), steps)?))
    }

    unsafe fn launch_source(
        &self,
        kernel: &SourceKernel,
        launch: &SourceLaunch<'_>,
    ) -> Result<(), TargetError> {
        // SAFETY: the caller's promise.
        unsafe { source::launch(&self.gpu, kernel, launch) }
    }

    fn source_text(
        &self,
        kernel: &SourceKernel,
        launch: &SourceLaunch<'_>,
    ) -> Result<String, TargetError> {
        let body = kernel.cuda.as_ref().ok_or_else(|| kernel.no_body("CUDA"))?;
        Ok(source::sign(kernel, body, launch))
    }
}

/// Memory of a GPU, from the driver's stream-ordered pool.
pub struct CudaBuffer {
    gpu: Arc<Gpu>,
    pub(crate) address: sys::CUdeviceptr,
    size: usize,
}

impl CudaBuffer {
    fn check(&self, offset: usize, len: usize) -> Result<(), TargetError> {
        match offset.checked_add(len).is_some_and(|end| end <= self.size) {
            true => Ok(()),
            false => Err(TargetError::Device(format!(
                "CUDA: bytes {offset}..+{len} leave a buffer of {}",
                self.size
            ))),
        }
    }
}

// SAFETY: no host address is given out.
unsafe impl Buffer for CudaBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        None
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        self.check(offset, into.len())?;
        self.gpu.context.synchronize()?;
        // SAFETY: checked above to lie inside the buffer.
        unsafe { result::memcpy_dtoh_sync(into, self.address + offset as u64) }
            .map_err(failed("a copy to the host failed"))
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        self.check(offset, from.len())?;
        self.gpu.context.enter()?;
        let (to, stream) = (self.address + offset as u64, self.gpu.context.stream);
        // On the stream: a copy beside it may still be under way when the next kernel starts.
        // SAFETY: checked above to lie inside the buffer; `from` is read before this function returns.
        unsafe { result::memcpy_htod_async(to, from, stream) }
            .map_err(failed("a copy to the GPU failed"))?;
        self.gpu.context.synchronize_only()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Drop for CudaBuffer {
    fn drop(&mut self) {
        if self.gpu.context.enter().is_ok() {
            // SAFETY: allocated on this stream, freed once; work launched before is ordered before it.
            let _ = unsafe { result::free_async(self.address, self.gpu.context.stream) };
        }
    }
}

/// The buffer under a region, if it is a GPU's.
pub(crate) fn own_buffer<'a>(region: &Region<'a>) -> Option<&'a CudaBuffer> {
    region.buffer.as_any()?.downcast_ref::<CudaBuffer>()
}
