//! CUDA C to machine code, by NVRTC or from the disk.

use crate::cache::{Cache, Key};
use cudarc::nvrtc;
use std::ffi::CString;
use std::path::PathBuf;
use tilewright_target::TargetError;

/// Bytes of stack that NVRTC gets: it goes deep into unrolled loops, deeper than the stacks of most threads.
const STACK: usize = 64 << 20;

/// Makes machine code for one architecture.
pub(crate) struct Compiler {
    /// As NVRTC names it: `sm_90`.
    architecture: String,
    /// NVRTC's own.
    version: String,
    cache: Option<Cache>,
}

impl Compiler {
    /// A compiler that keeps what it makes in `folder`, if there is one.
    pub fn new(architecture: String, folder: Option<PathBuf>) -> Compiler {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both pointers are to integers. A failure leaves a version that no file has.
        let _ = unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
        let version = format!("{major}.{minor}");
        Compiler { architecture, version, cache: folder.map(Cache::new) }
    }

    /// Machine code of CUDA C.
    ///
    /// # Errors
    /// Those of [`compile`].
    pub fn machine_code(&self, source: &str) -> Result<Vec<u8>, TargetError> {
        let key = Key::of(source, &self.architecture, &self.version);
        if let Some(image) = self.cache.as_ref().and_then(|cache| cache.find(key)) {
            return Ok(image);
        }
        let image = compile(source, &self.architecture)?;
        if let Some(cache) = &self.cache {
            cache.keep(key, &image);
        }
        Ok(image)
    }
}

/// # Errors
/// When NVRTC's library is not found.
pub(crate) fn require_nvrtc() -> Result<(), TargetError> {
    // SAFETY: it only looks for a library.
    match unsafe { nvrtc::sys::is_culib_present() } {
        true => Ok(()),
        false => Err(TargetError::Device(
            "CUDA: libnvrtc is not found; install the CUDA toolkit or its NVRTC package".into(),
        )),
    }
}

/// Machine code of CUDA C for an architecture such as `sm_90`, by NVRTC. Needs no GPU.
///
/// # Errors
/// With the compiler's log, which is our fault and not the author's.
pub fn compile(source: &str, architecture: &str) -> Result<Vec<u8>, TargetError> {
    require_nvrtc()?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let work = thread.spawn_scoped(scope, || compile_here(source, architecture));
        let lost = |what: &str| TargetError::Device(format!("NVRTC: {what}"));
        let work = work.map_err(|_| lost("no thread to compile in"))?;
        work.join().unwrap_or_else(|_| Err(lost("it did not return")))
    })
}

/// As [`compile`], on the stack of this thread.
fn compile_here(source: &str, architecture: &str) -> Result<Vec<u8>, TargetError> {
    let broken = |what: &str| TargetError::Device(format!("NVRTC: {what}"));
    let text = CString::new(source).map_err(|_| broken("the source holds a zero byte"))?;
    let program = nvrtc::result::create_program(&text, None).map_err(|_| broken("no program"))?;
    let options = [format!("--gpu-architecture={architecture}"), "--std=c++17".into()];
    // SAFETY: `program` is valid until it is destroyed below; buffers have the sizes that NVRTC names.
    unsafe {
        let compiled = nvrtc::result::compile_program(program, &options);
        let image = match compiled {
            Err(_) => {
                let log = nvrtc::result::get_program_log(program).unwrap_or_default();
                let log: Vec<u8> =
                    log.into_iter().map(|c| c as u8).take_while(|c| *c != 0).collect();
                Err(broken(&String::from_utf8_lossy(&log)))
            }
            Ok(()) => {
                let mut size = 0usize;
                let sized = nvrtc::sys::nvrtcGetCUBINSize(program, &mut size).result();
                let mut image = vec![0u8; size];
                let read = nvrtc::sys::nvrtcGetCUBIN(program, image.as_mut_ptr().cast()).result();
                sized.and(read).map(|()| image).map_err(|_| broken("no machine code"))
            }
        };
        let _ = nvrtc::result::destroy_program(program);
        image
    }
}
