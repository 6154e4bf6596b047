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
    pub architecture: String,
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
        self.machine_code_for(source, &self.architecture)
    }

    /// The same for an architecture by name, as of one whose own instructions the source uses.
    ///
    /// # Errors
    /// Those of [`compile`].
    pub fn machine_code_for(
        &self,
        source: &str,
        architecture: &str,
    ) -> Result<Vec<u8>, TargetError> {
        let key = Key::of([source, architecture, &self.version]);
        self.kept(key, || compile(source, architecture))
    }

    fn kept(
        &self,
        key: Key,
        compile: impl FnOnce() -> Result<Vec<u8>, TargetError>,
    ) -> Result<Vec<u8>, TargetError> {
        if let Some(image) = self.find(key) {
            return Ok(image);
        }
        let image = compile()?;
        self.keep(key, &image);
        Ok(image)
    }

    /// The key by which machine code of a source is kept.
    pub fn key(&self, source: &str) -> Key {
        Key::of([source, &self.architecture, &self.version])
    }

    /// The key of all that decides what becomes of `program`, in words, but for its schedule; `None` where the text of our
    /// own compiler is not known, or nothing is kept.
    pub fn said(&self, program: &str, dependents: bool) -> Option<Key> {
        let own = env!("TILEWRIGHT_COMPILER");
        let dependents = if dependents { "dependents" } else { "" };
        let known = self.cache.is_some() && !own.is_empty();
        let parts = ["outline", own, dependents, program, &self.architecture, &self.version];
        known.then(|| Key::of(parts))
    }

    /// What was kept by a key.
    pub fn find(&self, key: Key) -> Option<Vec<u8>> {
        self.cache.as_ref()?.find(key)
    }

    /// Keeps something.
    pub fn keep(&self, key: Key, bytes: &[u8]) {
        if let Some(cache) = &self.cache {
            cache.keep(key, bytes);
        }
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
    deep(|| compile_here(source, architecture, false).map(|(image, _)| image))
}

/// What a kernel takes of a multiprocessor, by the assembler's own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Registers of a thread.
    pub registers: usize,
    /// Bytes of a thread's stack.
    pub stack: usize,
    /// Bytes that a thread writes to memory for want of registers.
    pub spill_stores: usize,
    /// Bytes that it reads back.
    pub spill_loads: usize,
    /// Bytes of shared memory of a group, without what a launch asks for.
    pub shared: usize,
}

/// As [`compile`], with what the only kernel of the source takes.
///
/// # Errors
/// Those of [`compile`].
pub fn compile_with_usage(
    source: &str,
    architecture: &str,
) -> Result<(Vec<u8>, Usage), TargetError> {
    deep(|| {
        let (image, log) = compile_here(source, architecture, true)?;
        Ok((image, usage(&log)))
    })
}

/// The numbers of the assembler's log.
fn usage(log: &str) -> Usage {
    let before = |what: &str| {
        let text = &log[..log.find(what)?];
        text.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let number = |what: &str| before(what).unwrap_or(0);
    Usage {
        registers: number(" registers"),
        stack: number(" bytes stack frame"),
        spill_stores: number(" bytes spill stores"),
        spill_loads: number(" bytes spill loads"),
        shared: number(" bytes smem"),
    }
}

/// Runs `work` where the stack is deep enough for NVRTC.
fn deep<T: Send>(work: impl FnOnce() -> Result<T, TargetError> + Send) -> Result<T, TargetError> {
    require_nvrtc()?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let lost = |what: &str| TargetError::Device(format!("NVRTC: {what}"));
        let work = thread.spawn_scoped(scope, work);
        let work = work.map_err(|_| lost("no thread to compile in"))?;
        work.join().unwrap_or_else(|_| Err(lost("it did not return")))
    })
}

/// Machine code and the log, on the stack of this thread.
fn compile_here(
    source: &str,
    architecture: &str,
    verbose: bool,
) -> Result<(Vec<u8>, String), TargetError> {
    let broken = |what: &str| TargetError::Device(format!("NVRTC: {what}"));
    let text = CString::new(source).map_err(|_| broken("the source holds a zero byte"))?;
    let program = nvrtc::result::create_program(&text, None).map_err(|_| broken("no program"))?;
    let mut options = vec![format!("--gpu-architecture={architecture}"), "--std=c++17".into()];
    if verbose {
        options.push("--ptxas-options=-v".into());
    }
    // SAFETY: `program` is valid until it is destroyed below; buffers have the sizes that NVRTC names.
    unsafe {
        let compiled = nvrtc::result::compile_program(program, &options);
        let log = nvrtc::result::get_program_log(program).unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|c| c as u8).take_while(|c| *c != 0).collect();
        let log = String::from_utf8_lossy(&log).into_owned();
        let image = match compiled {
            Err(_) => Err(broken(&log)),
            Ok(()) => {
                let mut size = 0usize;
                let sized = nvrtc::sys::nvrtcGetCUBINSize(program, &mut size).result();
                let mut image = vec![0u8; size];
                let read = nvrtc::sys::nvrtcGetCUBIN(program, image.as_mut_ptr().cast()).result();
                sized.and(read).map(|()| image).map_err(|_| broken("no machine code"))
            }
        };
        let _ = nvrtc::result::destroy_program(program);
        Ok((image?, log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_log_tells_registers_and_spills() {
        let log = "ptxas info    : 0 bytes gmem\nptxas info    : Compiling entry function 'k' for 'sm_90'\n\
                   ptxas         .     16 bytes stack frame, 24 bytes spill stores, 32 bytes spill loads\n\
                   ptxas info    : Used 22 registers, used 1 barriers, 128 bytes smem\n";
        let right =
            Usage { registers: 22, stack: 16, spill_stores: 24, spill_loads: 32, shared: 128 };
        assert_eq!(usage(log), right);
        assert_eq!(usage(""), Usage::default());
    }

    #[test]
    fn damaged_machine_code_is_compiled_anew() {
        let folder =
            std::env::temp_dir().join(format!("tilewright-compiler-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let compiler = Compiler {
            architecture: "sm_90".into(),
            version: "12.9".into(),
            cache: Some(Cache::new(folder.clone())),
        };
        let mut compiled = 0;
        let mut get = || {
            let image = compiler.kept(compiler.key("source"), || {
                compiled += 1;
                Ok(b"machine code".to_vec())
            });
            (image.unwrap(), compiled)
        };
        let right = b"machine code".to_vec();
        assert_eq!(get(), (right.clone(), 1));
        assert_eq!(get(), (right.clone(), 1), "kept");
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(get(), (right.clone(), 2), "damaged");
        assert_eq!(get(), (right.clone(), 2), "kept again");
        fs::write(&file, b"").unwrap();
        assert_eq!(get(), (right.clone(), 3), "empty");
        fs::remove_file(&file).unwrap();
        assert_eq!(get(), (right, 4), "gone");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn outlines_belong_to_program_device_and_compilers() {
        let cache = Some(Cache::new(std::env::temp_dir().join("tilewright-nothing")));
        let of = |architecture: &str, version: &str, cache: &Option<Cache>| Compiler {
            architecture: architecture.into(),
            version: version.into(),
            cache: cache.clone(),
        };
        let compiler = of("sm_90", "12.9", &cache);
        let said = compiler.said("program", true);
        assert!(said.is_some());
        assert_eq!(said, compiler.said("program", true));
        for other in [
            compiler.said("program ", true),
            compiler.said("program", false),
            of("sm_80", "12.9", &cache).said("program", true),
            of("sm_90", "13.0", &cache).said("program", true),
            of("sm_90", "12.9", &None).said("program", true),
        ] {
            assert_ne!(other, said);
        }
        assert_eq!(of("sm_90", "12.9", &None).said("program", true), None);
        assert_ne!(said, Some(compiler.key("program")));
    }

    #[test]
    fn a_failure_keeps_nothing() {
        let folder =
            std::env::temp_dir().join(format!("tilewright-failing-{}", std::process::id()));
        let cache = Some(Cache::new(folder.clone()));
        let compiler = Compiler { architecture: "sm_90".into(), version: "12.9".into(), cache };
        let failing = || Err(TargetError::Device("NVRTC: no".into()));
        assert!(compiler.kept(compiler.key("source"), failing).is_err());
        assert!(!folder.exists());
    }
}
