//! Buffers in host memory: owned ones, and views of memory that the caller owns.

mod free;

use crate::{Buffer, TargetError};
pub use free::free_memory;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// Alignment of owned host buffers: a cache line, and the widest vector register.
pub const ALIGNMENT: usize = 64;

/// Zeroed host memory, aligned to [`ALIGNMENT`].
pub struct HostBuffer {
    pointer: NonNull<u8>,
    size: usize,
}

// SAFETY: the buffer owns its bytes, and hands out shared access through `&self` only as a raw pointer.
unsafe impl Send for HostBuffer {}
// SAFETY: as above; whoever dereferences the pointer answers for exclusion (see `Executable::launch`).
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// `size` zero bytes.
    ///
    /// # Errors
    /// [`TargetError::Memory`] when the allocator has none.
    pub fn new(size: usize) -> Result<Self, TargetError> {
        let layout = Self::layout(size).ok_or(TargetError::Memory { bytes: size })?;
        // SAFETY: the layout has a non-zero size.
        let pointer = NonNull::new(unsafe { alloc_zeroed(layout) })
            .ok_or(TargetError::Memory { bytes: size })?;
        Ok(HostBuffer { pointer, size })
    }

    fn layout(size: usize) -> Option<Layout> {
        Layout::from_size_align(size.max(1), ALIGNMENT).ok()
    }
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.size) {
            // SAFETY: allocated in `new` with this very layout.
            unsafe { dealloc(self.pointer.as_ptr(), layout) };
        }
    }
}

// SAFETY: the bytes were allocated in `new` and stay until the drop.
unsafe impl Buffer for HostBuffer {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        Some(self.pointer)
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

/// Host memory that someone else owns, for the length of a borrow.
pub struct BorrowedBuffer<'a> {
    pointer: NonNull<u8>,
    size: usize,
    writable: bool,
    owner: PhantomData<&'a [u8]>,
}

// SAFETY: stands for a shared or exclusive borrow of bytes, both of which may cross threads.
unsafe impl Send for BorrowedBuffer<'_> {}
// SAFETY: as for `HostBuffer`.
unsafe impl Sync for BorrowedBuffer<'_> {}

impl<'a> BorrowedBuffer<'a> {
    /// The bytes of a slice, to read.
    pub fn shared<T: Element>(slice: &'a [T]) -> Self {
        BorrowedBuffer {
            pointer: NonNull::from(slice).cast(),
            size: size_of_val(slice),
            writable: false,
            owner: PhantomData,
        }
    }

    /// The bytes of a slice, to read and write.
    pub fn exclusive<T: Element>(slice: &'a mut [T]) -> Self {
        BorrowedBuffer {
            size: size_of_val(slice),
            pointer: NonNull::from(slice).cast(),
            writable: true,
            owner: PhantomData,
        }
    }
}

// SAFETY: the bytes are those of the borrowed slice.
unsafe impl Buffer for BorrowedBuffer<'_> {
    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> Option<NonNull<u8>> {
        Some(self.pointer)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
        read_host(self, offset, into)
    }

    fn write(&mut self, offset: usize, from: &[u8]) -> Result<(), TargetError> {
        if !self.writable {
            return Err(TargetError::Device("a shared slice cannot be written".into()));
        }
        write_host(self, offset, from)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    fn writable(&self) -> bool {
        self.writable
    }
}

/// Plain numbers whose every bit pattern is a value.
///
/// # Safety
/// Implementors have no padding and no invalid bit patterns.
pub unsafe trait Element: Copy + Send + Sync + 'static {}

macro_rules! elements { ($($T:ty)*) => { $(
    // SAFETY: a primitive number.
    unsafe impl Element for $T {}
)* } }
elements!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);

/// Implements [`Buffer::read`] for a buffer that the host can address.
///
/// # Errors
/// When the range leaves the buffer, or the host cannot address it.
pub fn read_host(buffer: &dyn Buffer, offset: usize, into: &mut [u8]) -> Result<(), TargetError> {
    let from = checked(buffer, offset, into.len())?;
    // SAFETY: `checked` keeps the range inside the buffer, which outlives the call; `into` is exclusive, so it cannot
    // overlap memory borrowed by `buffer`.
    unsafe { from.copy_to_nonoverlapping(NonNull::from(&mut *into).cast(), into.len()) };
    Ok(())
}

/// Implements [`Buffer::write`] for a buffer that the host can address.
///
/// # Errors
/// When the range leaves the buffer, or the host cannot address it.
pub fn write_host(buffer: &mut dyn Buffer, offset: usize, from: &[u8]) -> Result<(), TargetError> {
    let to = checked(buffer, offset, from.len())?;
    // SAFETY: as in `read_host`, with the buffer exclusive.
    unsafe { to.copy_from_nonoverlapping(NonNull::from(from).cast(), from.len()) };
    Ok(())
}

fn checked(buffer: &dyn Buffer, offset: usize, len: usize) -> Result<NonNull<u8>, TargetError> {
    let size = buffer.size();
    let base = buffer.host().ok_or_else(|| TargetError::Device("not host memory".into()))?;
    // No bytes lie in any buffer, wherever they would begin: the views of an empty tensor begin somewhere too.
    if len == 0 {
        return Ok(base);
    }
    if offset.checked_add(len).is_none_or(|end| end > size) {
        let range = format!("bytes {offset}..{offset}+{len} leave a buffer of {size}");
        return Err(TargetError::Device(range));
    }
    // SAFETY: `offset` is at most the size of the allocation.
    Ok(unsafe { base.add(offset) })
}
