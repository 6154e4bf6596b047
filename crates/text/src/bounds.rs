//! Foreign programs within bounds: so much memory, so much time.
//!
//! A chat template is a program of whoever wrote the checkpoint. Its steps are counted, but one step can double a string, and
//! neither its engine nor Rust's allocations can be asked to stop. So it runs on a thread of its own, whose allocations are
//! counted; one that would exceed the bound never returns. The thread then stays behind with what it holds, which is no more
//! than the bound, and its caller goes on with an error.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// The system's allocator, which counts what a bounded thread allocates. A program in which it is not the global one bounds
/// time alone.
#[derive(Debug, Default)]
pub struct Counting;

/// What stopped a foreign program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It asked for more memory than it may have.
    Memory,
    /// It was not done in time.
    Time,
    /// It panicked, or the system has no thread for it.
    Broken,
}

thread_local! {
    /// Bytes that this thread may still allocate; all that there are, unless it is bounded.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Where it says that those do not suffice.
    static EXCEEDED: Cell<*const AtomicBool> = const { Cell::new(null()) };
}

/// Counts what came and went. Does not return where a bounded thread may not have them.
#[inline]
fn count(more: usize, less: usize) {
    // Threads that end have no count any more.
    let _ = LEFT.try_with(|left| {
        let now = left.get();
        if now == usize::MAX {
            return;
        }
        match now.checked_add(less).and_then(|now| now.checked_sub(more)) {
            Some(rest) => left.set(rest.min(usize::MAX - 1)),
            None => stay(),
        }
    });
}

/// Says that memory does not suffice, and waits for the end of the process.
#[cold]
fn stay() {
    let flag = EXCEEDED.try_with(Cell::get).unwrap_or(null());
    if !flag.is_null() {
        // SAFETY: the flag is set as long as the thread holds what it points to, which is for ever now.
        unsafe { &*flag }.store(true, Ordering::SeqCst);
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may be there while it is moved.
        count(size, 0);
        // SAFETY: the caller's promise.
        let new = unsafe { System.realloc(old, layout, size) };
        count(0, layout.size());
        new
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) };
        count(0, layout.size());
    }
}

/// The stack of a bounded thread, of which no more is taken than it uses: values may be nested as deeply as its steps allow.
const STACK: usize = if cfg!(target_pointer_width = "64") { 1 << 30 } else { 64 << 20 };

/// What `run` gives, on a thread that may hold `bytes` at a time and take so long.
pub(crate) fn bounded<T: Send + 'static>(
    bytes: usize,
    time: Duration,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stopped> {
    // Looked at this often.
    const PAUSE: Duration = Duration::from_millis(2);
    let exceeded = Arc::new(AtomicBool::new(false));
    let (send, given) = sync_channel(1);
    let own = exceeded.clone();
    let body = move || {
        EXCEEDED.with(|flag| flag.set(Arc::as_ptr(&own)));
        LEFT.with(|left| left.set(bytes));
        let made = run();
        LEFT.with(|left| left.set(usize::MAX));
        EXCEEDED.with(|flag| flag.set(null()));
        drop(own);
        let _ = send.send(made);
    };
    let begin = Instant::now();
    let thread = std::thread::Builder::new().name("bounded".into()).stack_size(STACK).spawn(body);
    let Ok(thread) = thread else { return Err(Stopped::Broken) };
    loop {
        match given.recv_timeout(PAUSE) {
            Ok(made) => {
                let _ = thread.join();
                return Ok(made);
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Stopped::Broken),
            Err(RecvTimeoutError::Timeout) if exceeded.load(Ordering::SeqCst) => {
                return Err(Stopped::Memory);
            }
            Err(RecvTimeoutError::Timeout) if begin.elapsed() > time => return Err(Stopped::Time),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
