//! Memory of others as buffers: a `Vec`, and bytes that are shared, such as those of a mapped file.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use tilewright_target::host::{Element, read_host, write_host};
use tilewright_target::{Buffer, TargetError};

/// The memory of a `Vec`, without a copy.
pub(crate) struct VecBuffer<E: Element> {
    pointer: NonNull<E>,
    len: usize,
    capacity: usize,
}

// SAFETY: owns its elements, which are plain numbers.
unsafe impl<E: Element> Send for VecBuffer<E> {}
// SAFETY: as for `tilewright_target::host::HostBuffer`.
unsafe impl<E: Element> Sync for VecBuffer<E> {}

impl<E: Element> VecBuffer<E> {
    pub fn new(values: Vec<E>) -> Self {
        let mut values = ManuallyDrop::new(values);
        let (len, capacity) = (values.len(), values.capacity());
        // A Vec's pointer is never null, also when it is empty.
        let pointer = NonNull::new(values.as_mut_ptr()).unwrap_or(NonNull::dangling());
        VecBuffer { pointer, len, capacity }
    }
}

impl<E: Element> Drop for VecBuffer<E> {
    fn drop(&mut self) {
        // SAFETY: the parts of the Vec that `new` took apart.
        drop(unsafe { Vec::from_raw_parts(self.pointer.as_ptr(), self.len, self.capacity) });
    }
}

// SAFETY: the bytes are those of a vector that nobody else holds and that never grows.
unsafe impl<E: Element> Buffer for VecBuffer<E> {
    fn size(&self) -> usize {
        self.len * size_of::<E>()
    }

    fn host(&self) -> Option<NonNull<u8>> {
        Some(self.pointer.cast())
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        read_host(self, offset, into)
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        write_host(self, offset, from)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}

/// Part of bytes that somebody shares with us, to read.
pub(crate) struct SharedBuffer {
    pointer: NonNull<u8>,
    size: usize,
    /// Keeps the bytes where they are.
    _owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
}

// SAFETY: the bytes are shared, and only ever read.
unsafe impl Send for SharedBuffer {}
// SAFETY: as above.
unsafe impl Sync for SharedBuffer {}

impl SharedBuffer {
    /// `None` when the range leaves the bytes.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>, range: Range<usize>) -> Option<Self> {
        let part = (*owner).as_ref().get(range)?;
        Some(SharedBuffer { pointer: NonNull::from(part).cast(), size: part.len(), _owner: owner })
    }
}

// SAFETY: the owner is held, and gives the same bytes as long as nobody may change it.
unsafe impl Buffer for SharedBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        Some(self.pointer)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        read_host(self, offset, into)
    }

    fn write(&mut self, _: usize, _: &[u8]) -> Result<(), TargetError> {
        Err(TargetError::Device("shared bytes cannot be written".into()))
    }

    fn writable(&self) -> bool {
        false
    }

    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
}
