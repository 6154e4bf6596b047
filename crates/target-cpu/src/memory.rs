//! Memory of the CPU device: aligned, in huge pages unless small.
//!
//! A fresh large buffer costs a page fault for every page that is touched; huge pages make that 512 times fewer, and memory that
//! is read from one end to the other comes a third faster (weights in decode: 24 against 18 GB/s on two cores of Zen 3). Using
//! memory again is the affair of the runtime's pool.

use crate::sixteens::Sixteens;
#[cfg(target_os = "linux")]
use parts::Part;
use std::any::Any;
use std::ptr::NonNull;
use tilewright_target::host::{HostBuffer, free_memory, read_host, write_host};
use tilewright_target::{Buffer, TargetError};

#[cfg(target_os = "linux")]
mod parts;

/// Size and alignment of a huge page.
const HUGE: usize = 2 << 20;
/// That of every page, at most.
const SMALL: usize = 64 << 10;

/// Bytes from which memory is a part of huge pages.
const PART: usize = 32 << 10;

/// Bytes from which the system is asked whether it has them; asking takes less than touching a hundredth of them.
const ASKED: usize = 64 << 20;

/// Initialized memory, aligned to 64 bytes, and to a huge page from that size on.
pub struct Block(Kind);

enum Kind {
    Small(HostBuffer),
    #[cfg(target_os = "linux")]
    Part(Part),
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
        match size {
            HUGE.. => return Self::map(size),
            PART.. => return Ok(Block(Kind::Part(Part::new(size)?))),
            _ => {}
        }
        Ok(Block(Kind::Small(HostBuffer::new(size)?)))
    }

    /// Memory straight from the system: aligned to huge pages, with the wish to get them.
    #[cfg(target_os = "linux")]
    fn map(size: usize) -> Result<Self, TargetError> {
        let memory = TargetError::Memory { bytes: size };
        // What is left of the last huge page comes in small ones: it would else be touched for nothing.
        let size = size.checked_next_multiple_of(SMALL).ok_or(memory.clone())?;
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
            Kind::Part(part) => part.size,
            #[cfg(target_os = "linux")]
            Kind::Mapped { size, .. } => *size,
        }
    }

    /// The first byte.
    pub fn start(&self) -> NonNull<u8> {
        match &self.0 {
            Kind::Small(buffer) => buffer.host().unwrap_or(NonNull::dangling()),
            #[cfg(target_os = "linux")]
            Kind::Part(part) => part.start,
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

/// A buffer of the CPU device.
pub struct CpuBuffer {
    block: Block,
    size: usize,
    /// Products read rows by sixteens best.
    by_sixteens: bool,
    /// So they lie: nobody but products can use them in place.
    laid: Option<Sixteens>,
}

impl CpuBuffer {
    /// `size` bytes.
    ///
    /// # Errors
    /// [`TargetError::Memory`] when there is not that much.
    pub fn new(size: usize) -> Result<Self, TargetError> {
        // The system promises more than it has, and kills who takes it.
        if size >= ASKED && free_memory().is_some_and(|free| size as u64 > free) {
            return Err(TargetError::Memory { bytes: size });
        }
        Ok(CpuBuffer { block: Block::new(size)?, size, by_sixteens: false, laid: None })
    }

    /// The same, whose rows are laid by sixteens where it is told that they are a factor of products.
    pub fn settling(self) -> CpuBuffer {
        CpuBuffer { by_sixteens: true, ..self }
    }

    /// The first byte and how rows lie, where that is by sixteens.
    pub fn laid(&self) -> Option<(NonNull<u8>, Sixteens)> {
        Some((self.block.start(), self.laid?))
    }

    /// All bytes, as they lie.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the block's own, initialized, and borrowed as this is.
        unsafe { std::slice::from_raw_parts_mut(self.block.start().as_ptr(), self.size) }
    }
}

// SAFETY: the block holds at least `size` bytes, whose address stays the same until the drop.
unsafe impl Buffer for CpuBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        self.laid.is_none().then(|| self.block.start())
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        let Some(laid) = self.laid else { return read_host(self, offset, into) };
        if offset.checked_add(into.len()).is_none_or(|end| end > self.size) {
            let range = format!("bytes {offset}..{offset}+{} leave a buffer", into.len());
            return Err(TargetError::Device(format!("{range} of {}", self.size)));
        }
        // SAFETY: the block's own bytes, initialized; who writes them has the buffer to itself.
        let all = unsafe { std::slice::from_raw_parts(self.block.start().as_ptr(), self.size) };
        laid.read(all, offset, into);
        Ok(())
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        if let Some(laid) = self.laid.take() {
            laid.lay(self.bytes_mut(), false);
        }
        write_host(self, offset, from)
    }

    fn settle(&mut self, rows: [usize; 2], element: usize) {
        if self.by_sixteens && self.laid.is_none() {
            self.laid = Sixteens::new(rows, element, self.size);
            if let Some(laid) = self.laid {
                laid.lay(self.bytes_mut(), true);
            }
        }
    }

    fn forget(&mut self) {
        self.laid = None;
    }

    fn writable(&self) -> bool {
        self.laid.is_none()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_keep_their_bounds() {
        for size in [0, 1, 63, 4096, 100_000, PART, HUGE - 1, HUGE, 5 * HUGE + 3] {
            let mut buffer = CpuBuffer::new(size).unwrap();
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
        }
    }

    #[test]
    fn what_settled_is_read_as_before_and_ends_with_a_write() {
        let plain: Vec<u8> = (0..16 * 6 * 4 + 10).map(|k| k as u8).collect();
        for to_settle in [true, false] {
            let mut buffer = CpuBuffer::new(plain.len()).unwrap();
            if to_settle {
                buffer = buffer.settling();
            }
            buffer.write(0, &plain).unwrap();
            buffer.settle([16, 6], 4);
            assert_eq!((buffer.host().is_none(), buffer.laid().is_some()), (to_settle, to_settle));
            assert_eq!(buffer.writable(), !to_settle);
            let mut read = vec![0; plain.len() - 5];
            buffer.read(5, &mut read).unwrap();
            assert_eq!(read, plain[5..]);
            assert!(buffer.read(6, &mut read).is_err());
            buffer.write(7, &[99]).unwrap();
            assert!(buffer.host().is_some() && buffer.laid().is_none());
            buffer.read(5, &mut read).unwrap();
            let mut changed = plain.clone();
            changed[7] = 99;
            assert_eq!(read, changed[5..]);
            buffer.settle([16, 6], 4);
            buffer.forget();
            assert!(buffer.host().is_some(), "what is used again is memory as any other");
            buffer.settle([15, 6], 4);
            assert!(buffer.host().is_some(), "no whole sixteens");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn parts_are_apart_and_empty() {
        let sizes = [PART, 100_000, HUGE - 1, 3 * PART + 1];
        for _ in 0..50 {
            let parts = sizes.map(|size| Block::new(size).unwrap());
            for (k, part) in parts.iter().enumerate() {
                // SAFETY: this test's own memory, of that size.
                let bytes =
                    unsafe { std::slice::from_raw_parts_mut(part.start().as_ptr(), part.size()) };
                assert!(bytes.iter().all(|byte| *byte == 0), "memory of another");
                bytes.fill(k as u8 + 1);
            }
        }
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(matches!(CpuBuffer::new(usize::MAX / 4), Err(TargetError::Memory { .. })));
    }
}
