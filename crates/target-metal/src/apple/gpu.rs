//! The GPU, its queue, and the work that is under way.

use super::pipeline::Archive;
use crate::{FAMILIES, Family};
use objc2::rc::{Retained, autoreleasepool};
use objc2::runtime::ProtocolObject;
use objc2_metal::{
    MTLCommandBuffer, MTLCommandBufferStatus, MTLCommandEncoder, MTLCommandQueue,
    MTLComputeCommandEncoder, MTLCreateSystemDefaultDevice, MTLDevice, MTLGPUFamily,
};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tilewright_ir::thread::Check;
use tilewright_target::TargetError;

/// Launches that one command buffer holds before it is committed, so that the GPU starts while more are encoded.
const BATCH: usize = 64;

type CommandBuffer = Retained<ProtocolObject<dyn MTLCommandBuffer>>;
pub type Encoder = Retained<ProtocolObject<dyn MTLComputeCommandEncoder>>;

/// What all programs and buffers of a device share.
pub struct Gpu {
    pub device: Retained<ProtocolObject<dyn MTLDevice>>,
    pub family: Family,
    pub archive: Archive,
    queue: Retained<ProtocolObject<dyn MTLCommandQueue>>,
    work: Mutex<Work>,
    faults: Mutex<Vec<Weak<FaultSlot>>>,
}

// SAFETY: Metal's devices, queues, buffers and pipelines may be used from any thread; encoders and command buffers are
// only touched under the lock of `work`.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// Launches that the GPU has not finished, as far as we know.
#[derive(Default)]
struct Work {
    open: Option<Batch>,
    committed: Vec<CommandBuffer>,
}

/// A command buffer that launches are still added to. Its encoder is serial: each launch sees what those before wrote.
struct Batch {
    buffer: CommandBuffer,
    encoder: Encoder,
    launches: usize,
}

impl Work {
    fn commit(&mut self) {
        if let Some(batch) = self.open.take() {
            batch.encoder.endEncoding();
            batch.buffer.commit();
            self.committed.push(batch.buffer);
        }
    }
}

/// Where a kernel notes an index that did not pass its check.
pub struct FaultSlot {
    pub buffer: super::MetalBuffer,
    pub name: String,
    pub checks: Vec<Check>,
}

impl FaultSlot {
    /// What was noted since the last call.
    fn take(&self) -> Option<String> {
        let words = self.buffer.address().cast::<[u32; 4]>();
        // SAFETY: the buffer holds 16 bytes, and the GPU has finished.
        let [noted, check, index, _] = unsafe { words.as_ptr().read_volatile() };
        if noted == 0 {
            return None;
        }
        // SAFETY: as above.
        unsafe { words.as_ptr().write_volatile([0; 4]) };
        let fault = self.checks.get(check as usize)?.fault(i64::from(index as i32));
        Some(format!("{}: {fault}", self.name))
    }
}

impl Gpu {
    /// The system's GPU; what is compiled for it is kept in `folder`.
    pub fn open(folder: &Path) -> Result<Arc<Gpu>, TargetError> {
        let device = MTLCreateSystemDefaultDevice().ok_or_else(|| missing("no GPU answers"))?;
        let supported = |f: &&Family| device.supportsFamily(MTLGPUFamily(1000 + f.apple as isize));
        let family = *FAMILIES
            .iter()
            .rfind(supported)
            .ok_or_else(|| missing("this GPU is older than Apple silicon's first (Apple7)"))?;
        let queue = device.newCommandQueue().ok_or_else(|| missing("the GPU gives no queue"))?;
        let archive = Archive::open(&device, folder);
        let (work, faults) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Gpu { device, family, archive, queue, work, faults }))
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a launch to the open command buffer.
    pub fn encode(&self, launch: impl FnOnce(&Encoder)) -> Result<(), TargetError> {
        autoreleasepool(|_| {
            let mut work = self.work();
            if work.open.is_none() {
                let buffer = self.queue.commandBuffer();
                let buffer = buffer.ok_or_else(|| missing("the queue gives no command buffer"))?;
                let encoder = buffer.computeCommandEncoder();
                let encoder = encoder.ok_or_else(|| missing("no compute encoder"))?;
                work.open = Some(Batch { buffer, encoder, launches: 0 });
            }
            if let Some(batch) = &mut work.open {
                launch(&batch.encoder);
                batch.launches += 1;
                if batch.launches >= BATCH {
                    work.commit();
                }
            }
            Ok(())
        })
    }

    /// Waits for all work; the time from the start of the first command buffer to the end of the last, by the GPU's clock.
    pub fn finish(&self) -> Result<Duration, TargetError> {
        let mut work = self.work();
        work.commit();
        let (mut start, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut failed = None;
        for buffer in work.committed.drain(..) {
            buffer.waitUntilCompleted();
            start = start.min(buffer.GPUStartTime());
            end = end.max(buffer.GPUEndTime());
            if buffer.status() == MTLCommandBufferStatus::Error {
                let why = buffer.error().map(|e| e.localizedDescription().to_string());
                failed.get_or_insert(missing(&why.unwrap_or("the GPU failed".into())));
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(Duration::from_secs_f64((end - start).max(0.0))),
        }
    }

    /// Waits for all work, and tells of the first index that did not pass its check.
    pub fn synchronize(&self) -> Result<(), TargetError> {
        self.finish()?;
        let mut first = None;
        let mut slots = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            if let Some(fault) = slot.take() {
                first.get_or_insert(TargetError::Device(fault));
            }
            true
        });
        first.map_or(Ok(()), Err)
    }

    /// A place for a kernel's faults, looked at in every [`synchronize`](Self::synchronize).
    pub fn fault_slot(
        self: &Arc<Self>,
        name: &str,
        checks: &[Check],
    ) -> Result<Arc<FaultSlot>, TargetError> {
        let buffer = super::MetalBuffer::new(self, 16)?;
        let (name, checks) = (name.to_string(), checks.to_vec());
        let slot = Arc::new(FaultSlot { buffer, name, checks });
        let mut slots = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        slots.push(Arc::downgrade(&slot));
        Ok(slot)
    }
}

/// An error of Metal's.
pub fn missing(what: &str) -> TargetError {
    TargetError::Device(format!("Metal: {what}"))
}
