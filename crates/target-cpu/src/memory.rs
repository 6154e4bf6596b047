//! Memory of the CPU device: aligned, huge pages where large, recycled.
//!
//! A fresh large buffer costs a page fault for every page that is touched, often more than the kernel that fills it.
//! Dropped buffers are therefore kept, up to a limit, for the next buffer of about their size.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_target::host::{HostBuffer, read_host, write_host};
use tilewright_target::{Buffer, TargetError};

/// Size and alignment of a huge page.
const HUGE: usize = 2 << 20;

/// Initialized memory, aligned to 64 bytes, and to a huge page from that size on.
pub struct Block(Kind);

enum Kind {
    Small(HostBuffer),
    #[cfg(target_os = "linux")]
    Mapped {
        start: NonNull<u8>,
        size: usize,
    },
}

// SAFETY: the block owns its bytes and gives only raw pointers to them.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// At least `size` zero bytes.
    ///
    /// # Errors
    /// [`TargetError::Memory`] when there is not that much.
    pub fn new(size: usize) -> Result<Self, TargetError> {
        #[cfg(target_os = "linux")]
        if size >= HUGE {
            return Self::map(size);
        }
        Ok(Block(Kind::Small(HostBuffer::new(size)?)))
    }

    /// Memory straight from the system: aligned to huge pages, with the wish to get them.
    #[cfg(target_os = "linux")]
    fn map(size: usize) -> Result<Self, TargetError> {
        let memory = TargetError::Memory { bytes: size };
        let size = size.checked_next_multiple_of(HUGE).ok_or(memory.clone())?;
        let room = size.checked_add(HUGE).ok_or(memory.clone())?;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping touches no existing memory.
        let raw = unsafe { libc::mmap(std::ptr::null_mut(), room, protection, flags, -1, 0) };
        if raw == libc::MAP_FAILED {
            return Err(memory);
        }
        let front = (raw as usize).wrapping_neg() % HUGE;
        // SAFETY: the parts before and behind the aligned range belong to the new mapping and nobody uses them. The
        // advice is a wish; its failure changes nothing.
        unsafe {
            if front > 0 {
                libc::munmap(raw, front);
            }
            let start = raw.byte_add(front);
            if HUGE > front {
                libc::munmap(start.byte_add(size), HUGE - front);
            }
            libc::madvise(start, size, libc::MADV_HUGEPAGE);
            let start = NonNull::new(start.cast::<u8>()).ok_or(memory)?;
            Ok(Block(Kind::Mapped { start, size }))
        }
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        match &self.0 {
            Kind::Small(buffer) => buffer.size(),
            #[cfg(target_os = "linux")]
            Kind::Mapped { size, .. } => *size,
        }
    }

    /// The first byte.
    pub fn start(&self) -> NonNull<u8> {
        match &self.0 {
            Kind::Small(buffer) => buffer.host().unwrap_or(NonNull::dangling()),
            #[cfg(target_os = "linux")]
            Kind::Mapped { start, .. } => *start,
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Block {
    fn drop(&mut self) {
        if let Kind::Mapped { start, size } = self.0 {
            // SAFETY: this range was mapped by `map` and is unmapped once.
            unsafe { libc::munmap(start.as_ptr().cast(), size) };
        }
    }
}

/// Buffers that wait for their next use.
pub struct Recycler {
    idle: Mutex<Vec<Block>>,
    /// Most bytes that wait.
    limit: usize,
}

/// Below this, the allocator is as good.
const WORTH_KEEPING: usize = 64 << 10;

impl Recycler {
    /// Keeps up to `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Recycler { idle: Mutex::new(Vec::new()), limit })
    }

    /// A buffer of at least `size` bytes, used before or new.
    ///
    /// # Errors
    /// [`TargetError::Memory`] when there is not that much.
    pub fn buffer(self: &Arc<Self>, size: usize) -> Result<CpuBuffer, TargetError> {
        let block = match self.take(size) {
            Some(block) => block,
            None => Block::new(size).or_else(|_| {
                // What waits may be what is missing.
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Block::new(size)
            })?,
        };
        Ok(CpuBuffer { block: Some(block), size, recycler: self.clone() })
    }

    /// The smallest waiting block that is at most a quarter too large.
    fn take(&self, size: usize) -> Option<Block> {
        if size < WORTH_KEEPING {
            return None;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let most = (size + size / 4).max(size.next_multiple_of(HUGE));
        let fits = |block: &Block| (size..=most).contains(&block.size());
        let best = (0..idle.len()).filter(|&i| fits(&idle[i])).min_by_key(|&i| idle[i].size())?;
        Some(idle.swap_remove(best))
    }

    fn give(&self, block: Block) {
        if block.size() < WORTH_KEEPING || block.size() > self.limit {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(block);
        // The longest idle go first.
        while idle.iter().map(Block::size).sum::<usize>() > self.limit {
            idle.remove(0);
        }
    }
}

/// A buffer of the CPU device.
pub struct CpuBuffer {
    /// Present until the drop.
    block: Option<Block>,
    size: usize,
    recycler: Arc<Recycler>,
}

impl Drop for CpuBuffer {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.recycler.give(block);
        }
    }
}

impl Buffer for CpuBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        self.block.as_ref().map(Block::start)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        read_host(self, offset, into)
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        write_host(self, offset, from)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let recycler = Recycler::new(64 << 20);
        let mut seen = Vec::new();
        for round in 0..3 {
            for size in [0, 1, 63, 4096, 100_000, HUGE - 1, HUGE, 5 * HUGE + 3] {
                let mut buffer = recycler.buffer(size).unwrap();
                let address = buffer.host().unwrap().as_ptr() as usize;
                assert_eq!(address % if size >= HUGE { HUGE } else { 64 }, 0);
                assert_eq!(buffer.size(), size);
                if size > 0 {
                    buffer.write(size - 1, &[7]).unwrap();
                    let mut last = [0];
                    buffer.read(size - 1, &mut last).unwrap();
                    assert_eq!(last, [7]);
                }
                assert!(buffer.write(size, &[0]).is_err());
                if size == 5 * HUGE + 3 {
                    seen.push(address);
                    assert_eq!(address, seen[0], "round {round} got new memory");
                }
            }
        }
    }

    #[test]
    fn no_more_waits_than_the_limit() {
        let recycler = Recycler::new(3 * HUGE);
        let held: Vec<_> = (0..4).map(|_| recycler.buffer(HUGE).unwrap()).collect();
        drop(held);
        assert_eq!(recycler.idle.lock().unwrap().len(), 3);
        assert!(matches!(recycler.buffer(usize::MAX / 4), Err(TargetError::Memory { .. })));
    }
}
