//! The copy bandwidth of a device: what a kernel that only moves memory can reach.

use crate::bench::repeat;
use std::sync::Arc;
use std::time::Instant;
use tilewright_runtime::{Error, Memory, Result, Runtime};

/// Bytes of each of the two arrays in the host's memory: more than a core's part of any last-level cache.
const BYTES: usize = 256 << 20;

/// Bytes that an array is filled with at a time.
const PIECE: usize = 1 << 16;

/// Bytes of each array on a device with memory of its own.
const DEVICE_BYTES: usize = 1 << 30;

/// How often each way of copying is tried.
const ROUNDS: usize = 6;

/// A copy of 256 MiB in the host's memory on so many threads, with everything in place, ready to be timed.
///
/// Its arrays are the device's own, in pages as large as those of every kernel's tensors: in small pages a copy takes up to
/// a fifth more time. It goes the way that is faster here, by the system's copy or by stores past the caches.
pub struct HostCopy {
    from: Memory,
    to: Memory,
    threads: usize,
    way: Way,
}

/// A way to copy.
type Way = fn(&mut [u8], &[u8]);

impl HostCopy {
    /// Finds the faster way.
    ///
    /// # Errors
    /// When memory runs out, or is not the host's.
    pub fn new(runtime: &Arc<Runtime>, threads: usize) -> Result<HostCopy> {
        HostCopy::of(runtime, threads, BYTES)
    }

    fn of(runtime: &Arc<Runtime>, threads: usize, bytes: usize) -> Result<HostCopy> {
        runtime.require(2 * bytes as u64)?;
        let (mut from, mut to) = (runtime.allocate(bytes)?, runtime.allocate(bytes)?);
        // Memory that was never written is read from a cache.
        repeat(from.buffer_mut(), bytes, &[1; PIECE])?;
        repeat(to.buffer_mut(), bytes, &[2; PIECE])?;
        let mut copy = HostCopy { from, to, threads, way: copy_regular };
        let mut took = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            for (way, took) in [copy_regular as Way, copy_past_the_cache].into_iter().zip(&mut took)
            {
                copy.way = way;
                *took = took.min(copy.run()?);
            }
        }
        copy.way = if took[0] < took[1] { copy_regular } else { copy_past_the_cache };
        Ok(copy)
    }

    /// Bytes read plus bytes written per second of each of so many copies.
    ///
    /// # Errors
    /// When the memory is not the host's.
    pub fn rates(&mut self, count: usize) -> Result<Vec<f64>> {
        let bytes = 2.0 * self.from.buffer().size() as f64;
        (0..count).map(|_| Ok(bytes / self.run()?)).collect()
    }

    /// Copies once; the seconds it took.
    fn run(&mut self) -> Result<f64> {
        let elsewhere = || Error::failure("the device's memory is not the host's");
        let (from, to) = (self.from.buffer(), self.to.buffer_mut());
        let (bytes, way) = (from.size().min(to.size()), self.way);
        let (from, to) = (from.host().ok_or_else(elsewhere)?, to.host().ok_or_else(elsewhere)?);
        // SAFETY: both arrays have so many bytes, were written, and stay borrowed.
        let (from, to) = unsafe {
            let from = std::slice::from_raw_parts(from.as_ptr(), bytes);
            (from, std::slice::from_raw_parts_mut(to.as_ptr(), bytes))
        };
        // Whole pages each, so that threads share none.
        let part = bytes.div_ceil(self.threads.max(1)).next_multiple_of(4096);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                scope.spawn(move || way(to, from));
            }
        });
        let took = start.elapsed().as_secs_f64();
        std::hint::black_box(to);
        Ok(took)
    }
}

/// Bytes read plus bytes written per second by the device's own copy of 1 GiB, for devices with a clock.
///
/// # Errors
/// When memory runs out or the device fails or has no clock.
pub fn device_copy_bandwidth(runtime: &Arc<Runtime>) -> Result<f64> {
    let (from, mut to) = (runtime.allocate(DEVICE_BYTES)?, runtime.allocate(DEVICE_BYTES)?);
    let device = runtime.device();
    let mut times = Vec::new();
    for _ in 0..4 * ROUNDS {
        let mut copy = || device.copy(from.buffer(), to.buffer_mut(), DEVICE_BYTES);
        let took = device.time(&mut copy)?;
        times.push(took.ok_or_else(|| Error::failure("the device has no clock"))?.as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(2.0 * DEVICE_BYTES as f64 / times[times.len() / 2])
}

fn copy_regular(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
}

/// Copies with stores that do not read the lines they fill, where the CPU has them.
#[cfg(target_arch = "x86_64")]
fn copy_past_the_cache(to: &mut [u8], from: &[u8]) {
    if !std::is_x86_feature_detected!("avx") {
        return copy_regular(to, from);
    }
    // SAFETY: AVX is there, as just asked.
    unsafe { copy_avx(to, from) }
}

#[cfg(not(target_arch = "x86_64"))]
fn copy_past_the_cache(to: &mut [u8], from: &[u8]) {
    copy_regular(to, from);
}

/// # Safety
/// The CPU has AVX.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn copy_avx(to: &mut [u8], from: &[u8]) {
    use std::arch::x86_64::{_mm_sfence, _mm256_loadu_si256, _mm256_stream_si256};
    let len = to.len().min(from.len());
    let (to, from) = (&mut to[..len], &from[..len]);
    let head = to.as_ptr().align_offset(32).min(len);
    let body = (len - head) / 128 * 128;
    to[..head].copy_from_slice(&from[..head]);
    for start in (head..head + body).step_by(128) {
        for at in (start..start + 128).step_by(32) {
            // SAFETY: `at + 32` is at most `len`, and `to` is aligned to 32 from `head` on.
            unsafe {
                let line = _mm256_loadu_si256(from.as_ptr().add(at).cast());
                _mm256_stream_si256(to.as_mut_ptr().add(at).cast(), line);
            }
        }
    }
    to[head + body..].copy_from_slice(&from[head + body..]);
    _mm_sfence();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_copy() {
        let from: Vec<u8> = (0..1000).map(|i| i as u8).collect();
        for copy in [copy_regular, copy_past_the_cache] {
            for (start, end) in [(0, 1000), (3, 999), (5, 6), (7, 7)] {
                let mut to = vec![0; 1000];
                copy(&mut to[start..end], &from[start..end]);
                assert_eq!(to[start..end], from[start..end]);
                assert!(to[end..].iter().all(|b| *b == 0));
            }
        }
        let runtime = Runtime::open("null").unwrap();
        let mut copy = HostCopy::of(&runtime, 2, 10_000).unwrap();
        let rates = copy.rates(3).unwrap();
        assert!(rates.len() == 3 && rates.iter().all(|rate| *rate > 0.0));
        let mut copied = vec![0; 10_000];
        copy.to.buffer().read(0, &mut copied).unwrap();
        assert!(copied.iter().all(|byte| *byte == 1));
    }
}
