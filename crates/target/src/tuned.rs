//! What was measured to be faster than a device's default schedule.

/// Schedules that were found by measuring.
pub trait Tuned: Send + Sync {
    /// The schedule that was kept for a kernel and a bucket of its sizes on the device called `device`, in words.
    fn find(&self, device: &str, bucket: &str) -> Option<Found>;
}

/// A schedule, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The schedule, in the words of the device.
    pub schedule: String,
    /// [`hash`] of the source that was timed, as the device takes it. Another source was not, so the schedule says nothing of it.
    pub source: u64,
}

/// Nothing was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untuned;

impl Tuned for Untuned {
    fn find(&self, _: &str, _: &str) -> Option<Found> {
        None
    }
}

/// The hash of a source: FNV-1a of 64 bits.
pub fn hash(source: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    source.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
