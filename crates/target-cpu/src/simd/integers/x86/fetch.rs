//! What is asked for before it is multiplied.

use super::*;
use std::sync::LazyLock;

/// Packed weights, and how far ahead of those that are multiplied they are fetched, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub at: *const u32,
    pub ahead: usize,
}

impl Words {
    /// See [`fetch`].
    ///
    /// What would be fetched beyond the last row, of each place, is what the call names instead.
    #[inline(always)]
    pub fn of<const KIND: u8>(call: &Call, eight: &Eight, k: usize) -> Words {
        let at: *const u32 = call.inputs[1].row(eight.row(k));
        let ahead = match KIND {
            AVX2 => 3072,
            VNNI => 8192,
            // Of each place.
            _ if eight.log > 0 => 2048,
            _ => 6144,
        };
        let row = call.inputs[1].row.unsigned_abs();
        let (next, first) = (call.prefetch.at as usize, call.inputs[1].at as usize);
        match next == 0 || ahead < eight.apart.saturating_sub(eight.inside(k)) * row {
            true => Words { at, ahead },
            // What comes next has as many places, as far apart.
            false => Words { at, ahead: (next + ahead).wrapping_sub(eight.apart * row + first) },
        }
    }

    /// Those so many words on.
    #[inline(always)]
    pub fn after(self, words: usize) -> Words {
        Words { at: self.at.wrapping_add(words), ..self }
    }
}

/// Asks for words that are multiplied later. Two cores of a Zen 4, whose first cache is small, read a tenth more where they
/// come to the second cache, 8192 to 24576 bytes ahead, than where they come to the first, however far ahead; two of an
/// Emerald Rapids read a twentieth more where they come to the first, 4096 to 8192 bytes ahead: loads that find a line in the
/// second cache wait for the buffers that fetching takes. (A line asked for by two, or a kilobyte at once, takes a seventh more
/// time there, and no fetching a third more.)
///
/// # Safety
/// SSE; any address may be named.
#[inline(always)]
pub(super) unsafe fn fetch<const KIND: u8>(at: *const u32, ahead: usize) {
    let at = at.cast::<i8>().wrapping_add(ahead);
    // SAFETY: the caller's promise.
    unsafe {
        match KIND {
            VNNI => _mm_prefetch::<_MM_HINT_T1>(at),
            _ => _mm_prefetch::<_MM_HINT_T0>(at),
        }
    }
}

/// The places at which many rows of nibbles are read by turns.
pub fn streams() -> usize {
    static STREAMS: LazyLock<usize> = LazyLock::new(|| {
        // SAFETY: leaf 0 is there wherever AVX2 is. (Newer compilers know that.)
        #[allow(unused_unsafe)]
        let vendor = unsafe { __cpuid(0) };
        let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        // Nothing of it was measured on others.
        if has_vnni() && vendor.as_flattened() == b"GenuineIntel" { 4 } else { 1 }
    });
    *STREAMS
}
