//! Memory for what is smaller than a huge page: parts of larger blocks, side by side.

use super::{Block, HUGE, SMALL};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_target::TargetError;

/// Bytes of a block that is given away in parts; what nobody touches of it is not there.
const SHARED: usize = 16 * HUGE;

/// Bytes of a small page of this system. Parts begin and end with one, so that they can be given back without touching
/// their neighbours.
fn page() -> usize {
    // SAFETY: a question without arguments.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).ok().filter(|bytes| bytes.is_power_of_two()).unwrap_or(SMALL)
}

/// Part of a block, zeros at first.
pub struct Part {
    pub start: NonNull<u8>,
    pub size: usize,
    /// Lives as long as one of its parts.
    _of: Arc<Block>,
}

/// The block that parts are taken from, and how much of it is taken.
static OPEN: Mutex<Option<(Arc<Block>, usize)>> = Mutex::new(None);

impl Part {
    /// At least `size` bytes, fewer than a huge page.
    pub fn new(size: usize) -> Result<Part, TargetError> {
        let memory = TargetError::Memory { bytes: size };
        let size = size.checked_next_multiple_of(page()).ok_or(memory.clone())?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |open: &(Arc<Block>, usize)| open.1 + size <= open.0.size();
        let (block, taken) = match open.take().filter(fits) {
            Some(open) => open,
            None => (Arc::new(Block::map(SHARED.max(size))?), 0),
        };
        let start = NonNull::new(block.start().as_ptr().wrapping_add(taken)).ok_or(memory)?;
        *open = Some((block.clone(), taken + size));
        Ok(Part { start, size, _of: block })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: the pages are this part's alone, and nobody gets them again. The advice is a wish.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.size, libc::MADV_DONTNEED) };
    }
}
