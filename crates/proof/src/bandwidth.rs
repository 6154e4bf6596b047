//! The copy bandwidth of this machine: what a kernel that only moves memory can reach.

use std::sync::Arc;
use std::time::Instant;
use tilewright_runtime::{Error, Result, Runtime};

/// Bytes of each of the two arrays: several times any last-level cache.
const BYTES: usize = 256 << 20;

/// Bytes of each array on a device with memory of its own.
const DEVICE_BYTES: usize = 1 << 30;

/// How often each way of copying is tried.
const ROUNDS: usize = 6;

/// Bytes read plus bytes written per second, by the best of a regular and a non-temporal copy of 256 MiB on `threads`
/// threads.
pub fn copy_bandwidth(threads: usize) -> f64 {
    copy_bandwidth_of(BYTES, threads)
}

/// As [`copy_bandwidth`], of `bytes` bytes: fewer may live in a cache, for kernels as for copies.
pub fn copy_bandwidth_of(bytes: usize, threads: usize) -> f64 {
    let from = vec![1u8; bytes];
    let mut to = vec![2u8; bytes];
    // Whole pages each, so that threads share none.
    let part = bytes.div_ceil(threads.max(1)).next_multiple_of(4096);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        for copy in [copy_regular, copy_past_the_cache] {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for (to, from) in to.chunks_mut(part).zip(from.chunks(part)) {
                    scope.spawn(move || copy(to, from));
                }
            });
            best = best.min(start.elapsed().as_secs_f64());
            std::hint::black_box(&mut to);
        }
    }
    2.0 * bytes as f64 / best
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
        assert!(copy_bandwidth_of(1 << 16, 2) > 0.0);
    }
}
