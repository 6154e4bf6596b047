//! The driver behind a safe face: one context, one stream, loaded modules.

use crate::compile::require_nvrtc;
use cudarc::driver::{result, sys};
use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tilewright_ir::thread::{Check, ThreadProgram};
use tilewright_target::TargetError;

/// A failure of the driver in words.
pub(crate) fn failed(what: &str) -> impl Fn(result::DriverError) -> TargetError + '_ {
    move |e| {
        let text = e.error_string().ok().and_then(|s| s.to_str().ok()).unwrap_or("unknown error");
        TargetError::Device(format!("CUDA: {what}: {text}"))
    }
}

/// What every launch calls, looked up once: the bindings look first whether they have.
struct Calls {
    set_current: unsafe extern "C" fn(sys::CUcontext) -> sys::CUresult,
    launch: unsafe extern "C" fn(
        *const sys::CUlaunchConfig,
        sys::CUfunction,
        *mut *mut c_void,
        *mut *mut c_void,
    ) -> sys::CUresult,
}

impl Calls {
    fn find() -> Result<Calls, TargetError> {
        let absent = |_| {
            TargetError::Device("CUDA: the driver is too old; that of CUDA 12 is needed".into())
        };
        // SAFETY: the library is present, stays loaded, and these are its functions' types.
        unsafe {
            let library = sys::culib();
            Ok(Calls {
                set_current: *library.get(b"cuCtxSetCurrent\0").map_err(absent)?,
                launch: *library.get(b"cuLaunchKernelEx\0").map_err(absent)?,
            })
        }
    }
}

/// The primary context of a GPU and a stream in it. All work of a device goes through the one stream, so it is
/// ordered.
pub(crate) struct Context {
    device: sys::CUdevice,
    context: sys::CUcontext,
    pub stream: sys::CUstream,
    calls: Calls,
    /// Where kernels note indices out of range, of those that are alive.
    faults: Mutex<Vec<Weak<FaultSlot>>>,
}

// SAFETY: the driver's handles may be used from any thread; `enter` makes the context current on the calling one.
unsafe impl Send for Context {}
// SAFETY: as above; the driver serializes access to a stream.
unsafe impl Sync for Context {}

impl Context {
    /// Opens GPU `ordinal`.
    ///
    /// # Errors
    /// When the driver library, NVRTC or the GPU is missing; the message says which.
    pub fn open(ordinal: i32) -> Result<Arc<Context>, TargetError> {
        let absent = |what: &str| Err(TargetError::Device(what.into()));
        // SAFETY: it only looks for a library.
        unsafe {
            if !sys::is_culib_present() {
                return absent("CUDA: libcuda is not installed; it comes with the NVIDIA driver");
            }
        }
        require_nvrtc()?;
        let calls = Calls::find()?;
        result::init().map_err(failed("the driver does not start"))?;
        let device = result::device::get(ordinal).map_err(failed("there is no such GPU"))?;
        // SAFETY: `device` is valid; the context is released in `drop`.
        let context =
            unsafe { result::primary_ctx::retain(device) }.map_err(failed("no context"))?;
        // SAFETY: the context was just retained.
        unsafe { result::ctx::set_current(context) }.map_err(failed("no context"))?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking)
            .map_err(failed("no stream"))?;
        Ok(Arc::new(Context { device, context, stream, calls, faults: Mutex::default() }))
    }

    /// Makes the context current on this thread.
    pub fn enter(&self) -> Result<(), TargetError> {
        // SAFETY: the context lives as long as `self`.
        match unsafe { (self.calls.set_current)(self.context) } {
            sys::CUresult::CUDA_SUCCESS => Ok(()),
            error => error.result().map_err(failed("the context is lost")),
        }
    }

    /// A number that the driver knows of the GPU.
    pub fn attribute(&self, attribute: sys::CUdevice_attribute) -> i32 {
        // SAFETY: the device is valid.
        unsafe { result::device::get_attribute(self.device, attribute) }.unwrap_or(0)
    }

    /// The maker's name of the GPU.
    pub fn name(&self) -> String {
        result::device::get_name(self.device).unwrap_or("NVIDIA GPU".into())
    }

    /// Bytes of its memory.
    pub fn memory(&self) -> u64 {
        // SAFETY: the device is valid.
        unsafe { result::device::total_mem(self.device) }.unwrap_or(0) as u64
    }

    /// Bytes of it that nobody uses, once the work so far is done: what was given back to the stream's pool is free then.
    pub fn free_memory(&self) -> Option<u64> {
        self.synchronize_only().ok()?;
        let (free, _) = result::mem_get_info().ok()?;
        Some(free as u64)
    }

    /// Waits for all work of the stream.
    ///
    /// # Errors
    /// When a kernel failed, or noted an index out of range since the last call.
    pub fn synchronize(&self) -> Result<(), TargetError> {
        self.synchronize_only()?;
        let mut first = None;
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            if let Some(fault) = slot.take() {
                first.get_or_insert(TargetError::Device(fault));
            }
            true
        });
        first.map_or(Ok(()), Err)
    }

    /// Waits for all work of the stream, and leaves what kernels noted.
    pub fn synchronize_only(&self) -> Result<(), TargetError> {
        self.enter()?;
        // SAFETY: the stream lives as long as `self`.
        unsafe { result::stream::synchronize(self.stream) }.map_err(failed("a kernel failed"))
    }

    /// A place where a program's kernels note indices out of range.
    pub fn fault_slot(
        self: &Arc<Self>,
        program: &ThreadProgram,
    ) -> Result<Arc<FaultSlot>, TargetError> {
        self.enter()?;
        // SAFETY: freed in `drop`; the memory is set before anyone reads it.
        let words = unsafe {
            let memory = result::malloc_host(16, 0).map_err(failed("no host memory"))?;
            memory.cast::<[u32; 4]>().write_volatile([0; 4]);
            memory.cast::<[u32; 4]>()
        };
        let (name, checks) = (program.name.clone(), program.checks.clone());
        let slot = Arc::new(FaultSlot { context: self.clone(), words, name, checks });
        let mut slots = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        slots.push(Arc::downgrade(&slot));
        Ok(slot)
    }

    /// Seconds that the device spends on the work that `launch` puts on the stream.
    pub fn seconds(
        &self,
        launch: impl FnOnce() -> Result<(), TargetError>,
    ) -> Result<f64, TargetError> {
        self.enter()?;
        let (before, after) = (Event::new()?, Event::new()?);
        before.record(self.stream)?;
        launch()?;
        after.record(self.stream)?;
        self.synchronize()?;
        before.milliseconds_to(&after).map(|milliseconds| f64::from(milliseconds) * 1e-3)
    }
}

/// 16 bytes of host memory that the GPU can write: whether an index was out of range, and which.
pub(crate) struct FaultSlot {
    context: Arc<Context>,
    words: *mut [u32; 4],
    name: String,
    checks: Vec<Check>,
}

// SAFETY: the memory is the slot's own; the GPU writes it whole, and readers take it after the stream is done.
unsafe impl Send for FaultSlot {}
// SAFETY: as above.
unsafe impl Sync for FaultSlot {}

impl FaultSlot {
    /// Its address, the same on host and device.
    pub fn address(&self) -> u64 {
        self.words as u64
    }

    /// The noted fault in words, which is then forgotten.
    fn take(&self) -> Option<String> {
        // SAFETY: the memory lives as long as `self`; volatile, because the GPU writes it.
        let [noted, check, index, group] = unsafe { self.words.read_volatile() };
        if noted == 0 {
            return None;
        }
        // SAFETY: as above.
        unsafe { self.words.write_volatile([0; 4]) };
        let check = self.checks.get(check as usize)?;
        let fault = check.fault(i64::from(index as i32));
        Some(format!("{}: {fault} (in group {group})", self.name))
    }
}

impl Drop for FaultSlot {
    fn drop(&mut self) {
        if self.context.enter().is_ok() {
            // SAFETY: allocated in `fault_slot`; the driver waits for work that may write it.
            let _ = unsafe { result::free_host(self.words.cast()) };
        }
    }
}

/// A mark in the stream that notes when the GPU reached it.
struct Event(sys::CUevent);

impl Event {
    fn new() -> Result<Event, TargetError> {
        result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT)
            .map(Event)
            .map_err(failed("no event"))
    }

    fn record(&self, stream: sys::CUstream) -> Result<(), TargetError> {
        // SAFETY: both are alive.
        unsafe { result::event::record(self.0, stream) }.map_err(failed("an event was refused"))
    }

    fn milliseconds_to(&self, later: &Event) -> Result<f32, TargetError> {
        // SAFETY: both are alive and recorded.
        unsafe { result::event::elapsed(self.0, later.0) }.map_err(failed("an event is lost"))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: created in `new`, destroyed once.
        let _ = unsafe { result::event::destroy(self.0) };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were made in `open` and nothing uses them after the last owner.
        unsafe {
            let _ = result::ctx::set_current(self.context);
            let _ = result::stream::destroy(self.stream);
            let _ = result::primary_ctx::release(self.device);
        }
    }
}

/// A loaded kernel.
pub(crate) struct Function {
    context: Arc<Context>,
    module: sys::CUmodule,
    function: sys::CUfunction,
    /// Before all else it waits for the kernel ahead of it.
    waits: bool,
}

// SAFETY: a loaded function is immutable and may be launched from any thread.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Function {
    /// Loads the kernel `name` of `image`.
    pub fn load(context: &Arc<Context>, image: &[u8], name: &str) -> Result<Function, TargetError> {
        context.enter()?;
        let name = CString::new(name).map_err(|_| TargetError::Device("a kernel's name".into()))?;
        // SAFETY: the image is whole machine code from NVRTC; the module is unloaded in `drop`.
        unsafe {
            let module =
                result::module::load_data(image.as_ptr().cast()).map_err(failed("no module"))?;
            let function = result::module::get_function(module, name)
                .map_err(failed("no kernel in the module"))?;
            Ok(Function { context: context.clone(), module, function, waits: false })
        }
    }

    /// The same, of a text that before all else waits for the kernel ahead of it: it may be started while that still runs.
    pub fn waiting(mut self) -> Function {
        self.waits = true;
        self
    }

    /// Lets launches ask for that many bytes of shared memory.
    pub fn allow_shared(&self, bytes: usize) -> Result<(), TargetError> {
        use sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let attribute = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function is loaded.
        unsafe { result::function::set_function_attribute(self.function, attribute, bytes as i32) }
            .map_err(failed("the GPU has not that much shared memory"))
    }

    /// Launches the kernel on the context's stream.
    ///
    /// # Safety
    /// `arguments` point to values of the kernel's parameter types, in order, and device addresses among them stay valid
    /// until the work is complete.
    pub unsafe fn launch(
        &self,
        shape: Shape,
        arguments: &mut [*mut c_void],
    ) -> Result<(), TargetError> {
        self.context.enter()?;
        let Shape { grid, threads, shared } = shape;
        let mut attribute = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: grid.0,
            gridDimY: grid.1,
            gridDimZ: grid.2,
            blockDimX: threads.0,
            blockDimY: threads.1,
            blockDimZ: threads.2,
            sharedMemBytes: shared as u32,
            hStream: self.context.stream,
            attrs: &raw mut attribute,
            // It costs less to start what need not be held back, on host and GPU.
            numAttrs: u32::from(self.waits),
        };
        let (function, arguments) = (self.function, arguments.as_mut_ptr());
        let launch = self.context.calls.launch;
        // SAFETY: the caller's; the driver reads configuration and arguments before it returns.
        match unsafe { launch(&config, function, arguments, std::ptr::null_mut()) } {
            sys::CUresult::CUDA_SUCCESS => Ok(()),
            error => error.result().map_err(failed("the launch was refused")),
        }
    }

    /// The launch as a node of a graph.
    pub fn node(
        &self,
        shape: Shape,
        arguments: &mut [*mut c_void],
    ) -> sys::CUDA_KERNEL_NODE_PARAMS {
        let Shape { grid, threads, shared } = shape;
        sys::CUDA_KERNEL_NODE_PARAMS {
            func: self.function,
            gridDimX: grid.0,
            gridDimY: grid.1,
            gridDimZ: grid.2,
            blockDimX: threads.0,
            blockDimY: threads.1,
            blockDimZ: threads.2,
            sharedMemBytes: shared as u32,
            kernelParams: arguments.as_mut_ptr(),
            extra: std::ptr::null_mut(),
            kern: std::ptr::null_mut(),
            ctx: std::ptr::null_mut(),
        }
    }
}

/// How many threads a launch has, and bytes of shared memory beyond those that the kernel declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub grid: (u32, u32, u32),
    pub threads: (u32, u32, u32),
    pub shared: usize,
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may still run.
        if self.context.synchronize_only().is_ok() {
            // SAFETY: loaded in `load`, unloaded once.
            let _ = unsafe { result::module::unload(self.module) };
        }
    }
}
