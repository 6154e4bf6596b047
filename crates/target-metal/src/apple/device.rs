//! The device and its memory, which the host and the GPU share.

use super::gpu::{Gpu, missing};
use super::launch::{MetalExecutable, launch_source};
use crate::source::sign;
use objc2::rc::Retained;
use objc2::runtime::ProtocolObject;
use objc2_metal::{MTLBuffer, MTLDevice, MTLResourceOptions};
use std::any::Any;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;
use tilewright_ir::{DType, Program};
use tilewright_target::source::{SourceKernel, SourceLaunch};
use tilewright_target::{Buffer, Caps, Device, DeviceKind, Executable, TargetError};

/// An Apple GPU.
pub struct MetalDevice {
    gpu: Arc<Gpu>,
    caps: Caps,
}

impl MetalDevice {
    /// Opens the system's GPU; compiled pipelines are kept in `folder`.
    ///
    /// # Errors
    /// When there is no GPU, or it is older than Apple silicon.
    pub fn open(folder: &Path) -> Result<MetalDevice, TargetError> {
        let gpu = Gpu::open(folder)?;
        let mut features = vec![format!("apple{}", gpu.family.apple)];
        if gpu.family.bfloat {
            features.push("bfloat".into());
        }
        let caps = Caps {
            kind: DeviceKind::Metal,
            name: gpu.device.name().to_string(),
            features,
            // Metal does not tell the number of cores; a group or two of each of the least GPU's seven keep it busy.
            parallelism: 16,
            memory: gpu.device.recommendedMaxWorkingSetSize(),
            dtypes: DType::ALL.into_iter().filter(|d| *d != DType::F64).collect(),
            host_visible: true,
            routines: false,
        };
        Ok(MetalDevice { gpu, caps })
    }
}

impl Device for MetalDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        Ok(Arc::new(MetalExecutable::new(self.gpu.clone(), program)))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(MetalBuffer::new(&self.gpu, bytes)?))
    }

    unsafe fn launch_source(
        &self,
        kernel: &SourceKernel,
        launch: &SourceLaunch<'_>,
    ) -> Result<(), TargetError> {
        launch_source(&self.gpu, kernel, launch)
    }

    fn source_text(
        &self,
        kernel: &SourceKernel,
        launch: &SourceLaunch<'_>,
    ) -> Result<String, TargetError> {
        Ok(sign(kernel, launch)?.text)
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        self.gpu.synchronize()
    }

    fn time(
        &self,
        launch: &mut dyn FnMut() -> Result<(), TargetError>,
    ) -> Result<Option<Duration>, TargetError> {
        self.gpu.synchronize()?;
        launch()?;
        Ok(Some(self.gpu.finish()?))
    }
}

/// Memory that the host and the GPU address without a copy.
pub struct MetalBuffer {
    gpu: Arc<Gpu>,
    pub(super) raw: Retained<ProtocolObject<dyn MTLBuffer>>,
    size: usize,
}

// SAFETY: Metal's buffers may be used from any thread; their bytes are handed out as a raw pointer only.
unsafe impl Send for MetalBuffer {}
// SAFETY: as above.
unsafe impl Sync for MetalBuffer {}

impl MetalBuffer {
    /// Zeroed memory.
    pub(super) fn new(gpu: &Arc<Gpu>, size: usize) -> Result<MetalBuffer, TargetError> {
        let options = MTLResourceOptions::StorageModeShared;
        let raw = gpu.device.newBufferWithLength_options(size.max(16), options);
        let raw = raw.ok_or(TargetError::Memory { bytes: size })?;
        Ok(MetalBuffer { gpu: gpu.clone(), raw, size })
    }

    /// Its first byte.
    pub(super) fn address(&self) -> NonNull<u8> {
        self.raw.contents().cast()
    }

    fn check(&self, offset: usize, len: usize) -> Result<(), TargetError> {
        match offset.checked_add(len).is_some_and(|end| end <= self.size) {
            true => Ok(()),
            false => {
                Err(missing(&format!("bytes {offset}..+{len} leave a buffer of {}", self.size)))
            }
        }
    }
}

// SAFETY: `host` is the start of `size` bytes that live as long as the buffer.
unsafe impl Buffer for MetalBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        Some(self.address())
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        self.check(offset, into.len())?;
        self.gpu.finish()?;
        // SAFETY: checked to lie inside the buffer; the GPU has finished.
        unsafe {
            self.address()
                .as_ptr()
                .add(offset)
                .copy_to_nonoverlapping(into.as_mut_ptr(), into.len())
        };
        Ok(())
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        self.check(offset, from.len())?;
        self.gpu.finish()?;
        // SAFETY: as above, and the borrow is exclusive.
        unsafe {
            self.address().as_ptr().add(offset).copy_from_nonoverlapping(from.as_ptr(), from.len())
        };
        Ok(())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
