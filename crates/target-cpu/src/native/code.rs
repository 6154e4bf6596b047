//! Native code in memory that may be executed, and how it is called.

use crate::simd::call::Operand;
use crate::simd::{LANES, Level};
use std::mem::MaybeUninit;

/// The most operands of a chain.
pub const MOST_OPERANDS: usize = 24;
/// Words for values of a row that are kept beside its vectors: AVX-512 spreads one word over a vector as it reads it,
/// AVX2 reads eight.
pub const HOME_WORDS: usize = 1024;
/// Words for vectors that find no register.
pub const SPILL_WORDS: usize = 512;

/// What native code is called with. It changes them: the operands advance from row to row.
#[repr(C)]
pub struct Arguments {
    /// Rows that remain; at least one.
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
    /// Elements in whole vectors; the code's own.
    pub limit: usize,
    /// Turns that are done, where several rows are worked on side by side; the code's own.
    pub turn: usize,
    /// The number of the first element in the row.
    pub position: u32,
    /// Where the operands lie.
    pub operands: [MaybeUninit<Operand>; MOST_OPERANDS],
    /// Room for the rest of a row, as a vector.
    pub rest: [MaybeUninit<u32>; LANES],
    /// Room for vectors that find no register.
    pub spilled: [MaybeUninit<u32>; SPILL_WORDS],
    /// Room for values that are the same for all elements of a row.
    pub homes: [MaybeUninit<u32>; HOME_WORDS],
}

impl Arguments {
    /// Arguments without operands.
    pub fn new(rows: usize, len: usize, position: u32) -> Self {
        Arguments {
            rows,
            len,
            limit: 0,
            turn: 0,
            position,
            operands: [const { MaybeUninit::uninit() }; MOST_OPERANDS],
            rest: [const { MaybeUninit::uninit() }; LANES],
            spilled: [const { MaybeUninit::uninit() }; SPILL_WORDS],
            homes: [const { MaybeUninit::uninit() }; HOME_WORDS],
        }
    }
}

/// Bytes that a CPU may execute: never writable and executable at once, unmapped when dropped.
#[derive(Debug)]
pub struct Code {
    start: *mut u8,
    size: usize,
}

// SAFETY: read and executed only, by whoever has it.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

/// True when this CPU can run what [`compile`](super::compile) makes for a level.
pub fn runs_here(level: Level) -> bool {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => level.available() && std::is_x86_feature_detected!("bmi2"),
        Level::Avx2 => level.available(),
        _ => false,
    }
}

impl Code {
    /// Code of these bytes; `None` where the system has no such memory.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    pub fn new(bytes: &[u8]) -> Option<Code> {
        let size = bytes.len().max(1);
        // SAFETY: a new mapping; written while it is ours alone and writable, then made executable.
        unsafe {
            let start = libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if start == libc::MAP_FAILED {
                return None;
            }
            let code = Code { start: start.cast(), size };
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), code.start, bytes.len());
            let done = libc::mprotect(start, size, libc::PROT_READ | libc::PROT_EXEC);
            (done == 0).then_some(code)
        }
    }

    /// Code of these bytes; `None` where the system has no such memory.
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    pub fn new(_: &[u8]) -> Option<Code> {
        None
    }

    /// Runs it.
    ///
    /// # Safety
    /// The bytes are those of [`lower::compile`](super::compile) for a chain whose operands `arguments` has: each covers
    /// `rows` rows, of `len` elements of its format or of one where it is uniform; what is written overlaps what is
    /// read only element by element; streamed operands are aligned to 64 in every row; and the CPU has the
    /// chain's level.
    pub unsafe fn run(&self, arguments: &mut Arguments) {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: the bytes are a function of this type, by the caller's promise.
            let entry: unsafe extern "sysv64" fn(*mut Arguments) =
                unsafe { std::mem::transmute(self.start) };
            // SAFETY: the caller's promise.
            unsafe { entry(arguments) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (arguments, self.start, self.size);
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        // SAFETY: the mapping is this value's own.
        unsafe {
            libc::munmap(self.start.cast(), self.size);
        }
    }
}
