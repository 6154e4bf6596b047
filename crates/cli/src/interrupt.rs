//! Ctrl-C: it ends an answer where somebody talks with a model, and the program everywhere else, with nothing
//! half-written left behind.

use std::sync::atomic::{AtomicBool, Ordering};

/// True while an answer is given that may be cut short.
static ANSWERING: AtomicBool = AtomicBool::new(false);
/// True once somebody wants no more of it.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Listens from here on. Where there are no signals, the system ends the program as ever.
pub fn listen() {
    #[cfg(unix)]
    signals::listen();
}

#[cfg(unix)]
mod signals {
    use super::{ANSWERING, ENOUGH};
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// What a shell says of a program that an interrupt ended.
    const STATUS: i32 = 130;

    /// The end of a pipe that wakes whoever cleans up: a handler itself may do next to nothing.
    static WAKE: AtomicI32 = AtomicI32::new(-1);

    extern "C" fn interrupted(_: c_int) {
        if ANSWERING.load(Ordering::SeqCst) && !ENOUGH.swap(true, Ordering::SeqCst) {
            return;
        }
        // SAFETY: `write` is one of the calls that a handler may make, and the byte lives.
        unsafe { libc::write(WAKE.load(Ordering::SeqCst), [0u8].as_ptr().cast(), 1) };
    }

    /// Without a handler the system ends the program as ever, so a failure is none of the user's business.
    pub(super) fn listen() {
        let mut ends = [-1; 2];
        // SAFETY: the array has room for both ends.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
            return;
        }
        WAKE.store(ends[1], Ordering::SeqCst);
        let cleaner = std::thread::Builder::new().name("interrupt".into());
        let waiting = cleaner.spawn(move || {
            let mut byte = 0u8;
            // SAFETY: the byte has room for what is read.
            while unsafe { libc::read(ends[0], (&raw mut byte).cast(), 1) } < 0 {}
            let _kept = tilewright_formats::abandon();
            std::process::exit(STATUS);
        });
        if waiting.is_ok() {
            let handler = interrupted as extern "C" fn(c_int);
            // SAFETY: the handler calls nothing but what handlers may call.
            unsafe { libc::signal(libc::SIGINT, handler as libc::sighandler_t) };
        }
    }
}

/// While it lives, the first ctrl-C only ends the answer.
#[derive(Debug)]
pub struct Answering(());

impl Answering {
    /// An answer begins.
    pub fn begin() -> Answering {
        ENOUGH.store(false, Ordering::SeqCst);
        ANSWERING.store(true, Ordering::SeqCst);
        Answering(())
    }

    /// True when somebody pressed ctrl-C.
    pub fn enough(&self) -> bool {
        ENOUGH.load(Ordering::SeqCst)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        ANSWERING.store(false, Ordering::SeqCst);
    }
}
