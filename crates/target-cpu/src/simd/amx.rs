//! Matrix tiles of Intel's AMX: sixteen rows of 64 bytes each, of which a product adds sixteen rows times sixteen columns
//! of pairs of bf16 to sums in f32. Products of bf16 are exact in f32; the sums are rounded as they go, and numbers below
//! 2^-126 are taken for zeros, on the way in as on the way out: [`packs`] tells where that could be seen.
//!
//! The registers are of no use to a compiler, which neither keeps anything in them nor saves them, so they hold what
//! they hold from one instruction here to the next.

use std::arch::asm;
use std::marker::PhantomData;
use std::sync::LazyLock;

pub mod affine;
pub mod attend;
pub mod blocks;
pub mod packs;

/// Rows of a tile.
pub const ROWS: usize = 16;
/// bf16 of a row of a tile of the left factor.
pub const DEPTH: usize = 32;
/// Bytes of a tile.
pub const BYTES: usize = 1024;

/// Proof that the CPU has tiles of bf16 beside AVX-512, and that the system lets this process use them.
#[derive(Clone, Copy, Debug)]
pub struct Amx(());

impl Amx {
    /// The token, if the CPU has the features, and the system keeps the state of tiles and allows this process to use it,
    /// which is asked once.
    pub fn detect() -> Option<Amx> {
        static ALLOWED: LazyLock<bool> = LazyLock::new(|| is_there() && is_allowed());
        (*ALLOWED).then_some(Amx(()))
    }
}

/// True where the CPU has the instructions, and the system saves the registers.
fn is_there() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    /// AMX-BF16 and AMX-TILE in the features of leaf 7; the state of tiles in the register that says what is saved.
    const FEATURES: u32 = 1 << 22 | 1 << 24;
    const STATE: u64 = 1 << 17 | 1 << 18;
    #[target_feature(enable = "xsave")]
    fn saved() -> u64 {
        // SAFETY: the caller has found that the instruction may be used.
        unsafe { _xgetbv(0) }
    }
    let there = crate::simd::Level::Avx512.available() && std::is_x86_feature_detected!("xsave");
    // SAFETY: leaves 0 and 7 are there wherever AVX-512 is, and the register where XSAVE is. (Newer compilers know that.)
    #[allow(unused_unsafe)]
    unsafe {
        there
            && __cpuid(0).eax >= 7
            && __cpuid_count(7, 0).edx & FEATURES == FEATURES
            && saved() & STATE == STATE
    }
}

/// Asks Linux for the use of tiles, of all threads of this process.
#[cfg(target_os = "linux")]
fn is_allowed() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call changes nothing but what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_allowed() -> bool {
    false
}

/// While it lives, this thread's tiles have sixteen rows of 64 bytes; then they are released, so that no switch of threads
/// saves them any more. One at a time in a thread.
pub struct Configured(PhantomData<*const ()>);

impl Configured {
    /// Configures the tiles of this thread, as zeros.
    pub fn new(_: Amx) -> Configured {
        /// Palette 1, from the start; bytes of a row, and rows, of each of the eight.
        #[repr(C, align(64))]
        struct Config([u8; 64]);
        static CONFIG: Config = {
            let mut bytes = [0; 64];
            bytes[0] = 1;
            let mut tile = 0;
            while tile < 8 {
                bytes[16 + 2 * tile] = 64;
                bytes[48 + tile] = ROWS as u8;
                tile += 1;
            }
            Config(bytes)
        };
        // SAFETY: the token proves that the instruction is there and allowed; the palette is the one that all have.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, preserves_flags, readonly));
        }
        Configured(PhantomData)
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: only a thread that has configured its tiles has one of these.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) }
    }
}

/// Zeros of a tile.
macro_rules! zero {
    ($tile:literal) => {
        asm!(concat!("tilezero tmm", $tile), options(nostack, preserves_flags))
    };
}

/// A tile from memory, its rows so many bytes apart.
macro_rules! load {
    ($tile:literal, $at:expr, $apart:expr) => {
        asm!(
            concat!("tileloadd tmm", $tile, ", [{at} + {apart}*1]"),
            at = in(reg) $at, apart = in(reg) $apart,
            options(nostack, preserves_flags, readonly)
        )
    };
}

/// A tile to memory, its rows so many bytes apart.
macro_rules! store {
    ($tile:literal, $at:expr, $apart:expr) => {
        asm!(
            concat!("tilestored [{at} + {apart}*1], tmm", $tile),
            at = in(reg) $at, apart = in(reg) $apart,
            options(nostack, preserves_flags)
        )
    };
}

/// Adds the product of two tiles of bf16 to one of f32. (It is said to touch memory, so that what stands between two of
/// them in a program does so in the code: the other units of a core work while tiles are multiplied.)
macro_rules! multiply {
    ($sum:literal += $x:literal * $w:literal) => {
        asm!(
            concat!("tdpbf16ps tmm", $sum, ", tmm", $x, ", tmm", $w),
            options(nostack, preserves_flags)
        )
    };
}

use {load, multiply, store, zero};

#[cfg(test)]
mod tests;
