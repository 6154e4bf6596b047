//! SIMD primitives over blocks, written once over 16 lanes and instantiated for each level of the instruction set.

pub(crate) mod accumulate;
pub(crate) mod arg;
pub(crate) mod attend;
pub(crate) mod blocks;
pub(crate) mod call;
pub(crate) mod columns;
pub(crate) mod divide;
pub(crate) mod dot;
pub(crate) mod integers;
pub(crate) mod lanes;
pub(crate) mod map;
#[allow(clippy::excessive_precision)] // coefficients as they were fitted
pub(crate) mod math;
pub(crate) mod memory;
pub(crate) mod ops;
pub(crate) mod portable;
pub(crate) mod quantized;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod scan;
#[allow(clippy::excessive_precision)]
pub(crate) mod tables;
pub(crate) mod topk;
#[allow(clippy::excessive_precision)]
pub(crate) mod trigonometry;
pub(crate) mod unpack;
#[allow(clippy::excessive_precision)]
pub(crate) mod wide;

pub(crate) use lanes::LANES;

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
/// Matrix tiles, which only x86-64 has.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) mod amx {
    /// There are none.
    #[derive(Clone, Copy, Debug)]
    pub enum Amx {}
    impl Amx {
        /// There are none.
        pub fn detect() -> Option<Amx> {
            None
        }
    }
}
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

/// A level of the instruction set that the primitives are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// AVX-512 F, BW, DQ, VL.
    Avx512,
    /// AVX2 with FMA and F16C.
    Avx2,
    /// What every CPU of the target has: NEON on aarch64, SSE2 on x86-64.
    Portable,
}

impl Level {
    /// The best level of this CPU.
    pub fn best() -> Level {
        [Level::Avx512, Level::Avx2].into_iter().find(|l| l.available()).unwrap_or(Level::Portable)
    }

    /// True when this CPU has it.
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx512 | Level::Avx2 => false,
            Level::Portable => true,
        }
    }

    /// The levels of this CPU, best first.
    pub fn all() -> impl Iterator<Item = Level> {
        [Level::Avx512, Level::Avx2, Level::Portable].into_iter().filter(|l| l.available())
    }

    /// True where the CPU follows a stream by itself, better than it is led: what is asked for beside that only takes the
    /// place of what it fetches. (AMD's, Zen 4: an update of three arrays in place by a fourth takes 9 ms, and 14 with its
    /// lines asked for ahead. Intel's with AVX-512 gain by it.)
    pub(crate) fn follows_streams(self) -> bool {
        self == Level::Avx2 || made_by_amd()
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Level::Avx512 => "avx512",
            Level::Avx2 => "avx2+fma",
            Level::Portable if cfg!(target_arch = "aarch64") => "neon",
            Level::Portable => "baseline",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn made_by_amd() -> bool {
    // A virtual machine's host answers the instruction, which takes a while.
    static AMD: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        // SAFETY: leaf 0 is there on every x86-64. (Newer compilers know that.)
        #[allow(unused_unsafe)]
        let vendor = unsafe { std::arch::x86_64::__cpuid(0) };
        [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
    });
    *AMD
}

#[cfg(not(target_arch = "x86_64"))]
fn made_by_amd() -> bool {
    false
}

#[cfg(test)]
mod cycle_tests;
#[cfg(test)]
mod row_tests;
#[cfg(test)]
mod tests;
