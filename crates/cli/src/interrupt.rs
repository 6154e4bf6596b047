//! Ctrl-C: it ends an answer where somebody talks with a model, and the program everywhere else, with nothing
//! half-written left behind. So do the signals by which systems end programs and close terminals.

use std::sync::atomic::{AtomicBool, Ordering};

/// True while an answer is given that may be cut short.
static ANSWERING: AtomicBool = AtomicBool::new(false);
/// True once somebody wants no more of it.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Listens from here on. Where there are no signals, the system ends the program as ever.
pub fn listen() {
    #[cfg(any(unix, windows))]
    signals::listen();
}

/// True where an interrupt only ends the answer that is given.
#[cfg(any(unix, windows))]
fn ends_an_answer() -> bool {
    ANSWERING.load(Ordering::SeqCst) && !ENOUGH.swap(true, Ordering::SeqCst)
}

/// Ends the program, with nothing half-written left behind and the status that shells give programs that `signal` ended.
///
/// Other threads are at work meanwhile: what libraries do when a program ends, such as CUDA's giving its memory back, would
/// take it from under them, and end it with a status and a message of its own.
#[cfg(any(unix, windows))]
fn end(signal: u8) -> ! {
    let _kept = tilewright_formats::abandon();
    let status = 128 + i32::from(signal);
    #[cfg(unix)]
    // SAFETY: ends the process; nothing of it is used again.
    unsafe {
        libc::_exit(status)
    }
    #[cfg(windows)]
    std::process::exit(status)
}

#[cfg(windows)]
mod signals {
    const CTRL_C: u32 = 0;
    const CTRL_BREAK: u32 = 1;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn SetConsoleCtrlHandler(
            handler: Option<unsafe extern "system" fn(u32) -> i32>,
            add: i32,
        ) -> i32;
    }

    /// Runs on a thread of its own, which the system makes: it may do what a thread may.
    unsafe extern "system" fn interrupted(event: u32) -> i32 {
        if !matches!(event, CTRL_C | CTRL_BREAK) {
            return 0;
        }
        if super::ends_an_answer() {
            return 1;
        }
        const INTERRUPT: u8 = 2;
        super::end(INTERRUPT)
    }

    /// Without a handler the system ends the program as ever, so a failure is none of the user's business.
    pub(super) fn listen() {
        // SAFETY: the handler has the signature that the system calls, and lives as long as the program.
        unsafe { SetConsoleCtrlHandler(Some(interrupted), 1) };
    }
}

#[cfg(unix)]
mod signals {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// The end of a pipe that wakes whoever cleans up: a handler itself may do next to nothing.
    static WAKE: AtomicI32 = AtomicI32::new(-1);

    extern "C" fn interrupted(signal: c_int) {
        if signal == libc::SIGINT && super::ends_an_answer() {
            return;
        }
        // SAFETY: `write` is one of the calls that a handler may make, and the byte lives.
        unsafe { libc::write(WAKE.load(Ordering::SeqCst), [signal as u8].as_ptr().cast(), 1) };
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
            super::end(byte)
        });
        if waiting.is_err() {
            return;
        }
        let handler = interrupted as extern "C" fn(c_int);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: the handler calls nothing but what handlers may call.
            let before = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
            // Who started the program may not want it to hear one, as nohup does.
            if before == libc::SIG_IGN {
                // SAFETY: as above.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
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
