//! Memory that is used again: a freed buffer waits for the next tensor of its size.
//!
//! Fresh pages cost a page fault each, which on a memory-bound kernel is more than the kernel itself. A pool keeps
//! what was freed, by size class, up to a bound. In the host's memory, where a model leaves little for anything else, smaller
//! tensors also get what larger ones have left, and nothing is asked of the system before as much was given back.

use crate::Result;
use crate::adopt::{SharedBuffer, VecBuffer};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use tilewright_target::host::Element;
use tilewright_target::{Buffer, Device};

/// Freed bytes that a pool keeps at most.
const KEEP: usize = 4 << 30;

/// Bytes from which host memory is spared.
const FRUGAL: usize = 256 << 10;

/// Freed buffers of one device.
pub struct Pool {
    device: Arc<dyn Device>,
    lists: Mutex<Lists>,
    reused: AtomicU64,
    fresh: AtomicU64,
}

#[derive(Default)]
struct Free {
    by_size: BTreeMap<usize, Vec<Box<dyn Buffer>>>,
    bytes: usize,
}

#[derive(Default)]
struct Lists {
    free: Free,
    /// The thread that reserves, and what it has freed so far: no other thread gets any of it, and it gets nothing else.
    reserving: Option<(ThreadId, Free)>,
}

impl Free {
    /// A buffer of that class or, where those may serve, of another that is less than three times as large.
    fn take(&mut self, class: usize, larger: bool) -> Option<(usize, Box<dyn Buffer>)> {
        let most = if larger { class.saturating_mul(3) } else { class };
        let (&found, _) = self.by_size.range(class..=most).find(|(_, list)| !list.is_empty())?;
        let buffer = self.by_size.get_mut(&found)?.pop()?;
        self.bytes -= buffer.size();
        Some((found, buffer))
    }

    /// Takes out smaller buffers, the largest first, until they are as much as one of that class; no tiny ones.
    fn smaller(&mut self, class: usize) -> Vec<Box<dyn Buffer>> {
        let (mut out, mut bytes) = (Vec::new(), 0);
        for (_, list) in self.by_size.range_mut(class / 8 + 1..class).rev() {
            while let Some(buffer) = list.pop_if(|_| bytes < class) {
                bytes += buffer.size();
                out.push(buffer);
            }
        }
        self.bytes -= bytes;
        out
    }
}

impl Lists {
    /// The list of this thread.
    fn own(&mut self) -> &mut Free {
        match &mut self.reserving {
            Some((thread, reserved)) if *thread == std::thread::current().id() => reserved,
            _ => &mut self.free,
        }
    }
}

/// While it lives, what the pool gives to this thread and gets back from it is reserved: it is used again only until
/// [`finish`](Self::finish), by this thread alone.
pub(crate) struct Reserve<'a>(&'a Pool);

/// Buffers that nobody else gets as long as this lives.
pub(crate) struct Reserved(#[allow(dead_code, reason = "held for its buffers")] Free);

impl Reserve<'_> {
    /// Takes what is reserved out of the pool.
    pub fn finish(self) -> Reserved {
        self.end()
    }

    fn end(&self) -> Reserved {
        let own = |(thread, _): &mut (ThreadId, _)| *thread == std::thread::current().id();
        let reserved = self.0.lock().reserving.take_if(own);
        Reserved(reserved.map(|(_, reserved)| reserved).unwrap_or_default())
    }
}

impl Drop for Reserve<'_> {
    fn drop(&mut self) {
        // After `finish` nothing is left; after a panic the pool is as it was.
        drop(self.end());
    }
}

/// How often a pool had what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Requests served from freed buffers.
    pub reused: u64,
    /// Requests that the device served.
    pub fresh: u64,
    /// Freed bytes kept now.
    pub kept_bytes: usize,
}

impl Pool {
    /// An empty pool over `device`.
    pub fn new(device: Arc<dyn Device>) -> Arc<Pool> {
        let (lists, reused, fresh) = Default::default();
        Arc::new(Pool { device, lists, reused, fresh })
    }

    /// Memory of at least `bytes` bytes of unspecified content, which comes back when dropped.
    ///
    /// # Errors
    /// When the device has no such memory, even after the pool gave up what it kept.
    pub fn allocate(self: &Arc<Self>, bytes: usize) -> Result<Memory> {
        let frugal = bytes >= FRUGAL && self.device.caps().host_visible;
        let class = if frugal { whole_pages(bytes) } else { size_class(bytes) };
        let kept = self.lock().own().take(class, frugal);
        let (class, buffer) = match kept {
            Some(kept) => {
                self.reused.fetch_add(1, Ordering::Relaxed);
                kept
            }
            None => {
                self.fresh.fetch_add(1, Ordering::Relaxed);
                if frugal {
                    let smaller = self.lock().own().smaller(class);
                    drop(smaller);
                }
                let fresh = self.device.allocate(class).or_else(|_| {
                    self.clear();
                    self.device.allocate(class)
                })?;
                (class, fresh)
            }
        };
        Ok(Memory { buffer: ManuallyDrop::new(buffer), class, pool: Some(self.clone()) })
    }

    /// Gives everything kept back to the device, but for what somebody reserves.
    pub fn clear(&self) {
        self.lock().free = Free::default();
    }

    /// Begins to reserve for this thread; one at a time.
    pub(crate) fn reserve(&self) -> Reserve<'_> {
        self.lock().reserving = Some((std::thread::current().id(), Free::default()));
        Reserve(self)
    }

    /// How often freed memory was used again.
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            reused: self.reused.load(Ordering::Relaxed),
            fresh: self.fresh.load(Ordering::Relaxed),
            kept_bytes: self.lock().free.bytes,
        }
    }

    fn take_back(&self, class: usize, mut buffer: Box<dyn Buffer>) {
        buffer.forget();
        let mut lists = self.lock();
        let free = lists.own();
        if free.bytes + buffer.size() <= KEEP {
            free.bytes += buffer.size();
            free.by_size.entry(class).or_default().push(buffer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lists> {
        // A panic elsewhere cannot leave the list half changed: every change is one push or pop.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The size asked of the device: at most an eighth above the request, so that nearby sizes share buffers.
fn size_class(bytes: usize) -> usize {
    let bytes = bytes.max(64);
    let step = (bytes.next_power_of_two() / 16).max(64);
    bytes.checked_next_multiple_of(step).unwrap_or(bytes)
}

/// The size asked of the host's memory, where larger buffers serve too.
fn whole_pages(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(4096).unwrap_or(bytes)
}

/// A buffer of a [`Pool`], or one that was made elsewhere.
pub struct Memory {
    buffer: ManuallyDrop<Box<dyn Buffer>>,
    class: usize,
    pool: Option<Arc<Pool>>,
}

impl Memory {
    /// Takes over a buffer that no pool made.
    pub fn adopt(buffer: Box<dyn Buffer>) -> Memory {
        Memory { buffer: ManuallyDrop::new(buffer), class: 0, pool: None }
    }

    /// Takes over the memory of a `Vec`, without a copy.
    pub fn of_vec<E: Element>(values: Vec<E>) -> Memory {
        Memory::adopt(Box::new(VecBuffer::new(values)))
    }

    /// Part of bytes that somebody shares, to read, without a copy; `None` when the range leaves them.
    ///
    /// # Safety
    /// As long as the memory lives, `owner` gives the same bytes and nobody changes them.
    pub unsafe fn of_shared(
        owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
        range: Range<usize>,
    ) -> Option<Memory> {
        Some(Memory::adopt(Box::new(SharedBuffer::new(owner, range)?)))
    }

    /// The buffer, to read.
    pub fn buffer(&self) -> &dyn Buffer {
        &**self.buffer
    }

    /// The buffer, to write.
    pub fn buffer_mut(&mut self) -> &mut dyn Buffer {
        &mut **self.buffer
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: taken once, here; `self` is not used afterwards.
        let buffer = unsafe { ManuallyDrop::take(&mut self.buffer) };
        match &self.pool {
            Some(pool) => pool.take_back(self.class, buffer),
            None => drop(buffer),
        }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} bytes)", self.buffer().size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_target::null::NullDevice;

    #[test]
    fn freed_memory_is_used_again() {
        let pool = Pool::new(Arc::new(NullDevice::new()));
        drop(pool.allocate(1000).unwrap());
        let again = pool.allocate(1010).unwrap();
        assert!(again.buffer().size() >= 1010);
        assert_eq!(pool.stats(), PoolStats { reused: 1, fresh: 1, kept_bytes: 0 });
        drop(again);
        assert!(pool.stats().kept_bytes >= 1010);
        pool.clear();
        assert_eq!(pool.stats().kept_bytes, 0);
    }

    #[test]
    fn little_of_the_hosts_memory_waits_for_its_size() {
        let device = crate::Runtime::open("cpu").unwrap().device().clone();
        assert!(device.caps().host_visible);
        let pool = Pool::new(device);
        let [small, large] = [1 << 20, 3 << 20];
        drop([pool.allocate(small).unwrap(), pool.allocate(small).unwrap()]);
        drop(pool.allocate(small / 8).unwrap());
        // The small ones go before the large one comes, but not the tiny one.
        drop(pool.allocate(large).unwrap());
        assert_eq!(pool.stats(), PoolStats { reused: 0, fresh: 4, kept_bytes: large + small / 8 });
        // Then it serves both, and is still known by its own size.
        let lent = pool.allocate(small).unwrap();
        assert_eq!((lent.buffer().size(), pool.stats().reused), (large, 1));
        drop(lent);
        drop(pool.allocate(large).unwrap());
        assert_eq!((pool.stats().fresh, pool.stats().reused), (4, 2));
    }

    #[test]
    fn what_a_thread_reserves_is_its_own() {
        let pool = Pool::new(Arc::new(NullDevice::new()));
        drop(pool.allocate(1000).unwrap());
        let reserve = pool.reserve();
        // Nothing that was free before, and again what this thread freed.
        drop(pool.allocate(1000).unwrap());
        drop(pool.allocate(1000).unwrap());
        assert_eq!((pool.stats().fresh, pool.stats().reused), (2, 1));
        // Another thread goes on with what was free before, and leaves there what it frees.
        let other = || drop([pool.allocate(1000).unwrap(), pool.allocate(1000).unwrap()]);
        std::thread::scope(|scope| scope.spawn(other).join().unwrap());
        assert_eq!((pool.stats().fresh, pool.stats().reused), (3, 2));
        drop(pool.allocate(1000).unwrap());
        assert_eq!((pool.stats().fresh, pool.stats().reused), (3, 3));
        let reserved = reserve.finish();
        assert_eq!(reserved.0.by_size.values().map(Vec::len).sum::<usize>(), 1);
        assert_eq!(pool.lock().free.by_size.values().map(Vec::len).sum::<usize>(), 2);
    }

    #[test]
    fn classes_waste_at_most_an_eighth() {
        for bytes in [0, 1, 64, 65, 1000, 1 << 20, (1 << 20) + 1, 12_345_678] {
            let class = size_class(bytes);
            assert!(
                class >= bytes && (class <= bytes + bytes / 8 || class <= bytes + 64),
                "{bytes}"
            );
        }
    }
}
