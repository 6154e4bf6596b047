//! A device, the programs compiled for it, and its memory.

use crate::kernel::{Counters, Kernel};
use crate::recording::Recorder;
use crate::show::Show;
use crate::{Error, Memory, Pool, Result, targets};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tilewright_ir::Program;
use tilewright_passes::pipeline;
use tilewright_target::{Caps, Device, DeviceKind};

/// A device with its compile cache and memory pool. One a target and process; see [`Runtime::open`].
pub struct Runtime {
    target: &'static str,
    device: Arc<dyn Device>,
    pool: Arc<Pool>,
    kernels: Mutex<HashMap<String, Arc<Kernel>>>,
    counters: Arc<Counters>,
    hits: AtomicU64,
    misses: AtomicU64,
    compile_nanoseconds: AtomicU64,
    show: Show,
}

/// What a runtime has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Compilations that the cache answered.
    pub hits: u64,
    /// Compilations that ran.
    pub misses: u64,
    /// Time spent in those.
    pub compile: Duration,
    /// Kernel launches.
    pub launches: u64,
}

impl Runtime {
    /// The runtime of the target called `name` in [`targets::TARGETS`]; every call gives the same one.
    ///
    /// # Errors
    /// When there is no such target, or its device is not present here.
    pub fn open(name: &str) -> Result<Arc<Runtime>> {
        static OPEN: OnceLock<Mutex<HashMap<&'static str, Arc<Runtime>>>> = OnceLock::new();
        let target = targets::find(name)?;
        let mut open =
            OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = open.get(target.name) {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Runtime::new(target.name, (target.open)()?));
        open.insert(target.name, runtime.clone());
        Ok(runtime)
    }

    /// A runtime of its own for `device`, with an empty cache.
    pub fn new(target: &'static str, device: Arc<dyn Device>) -> Runtime {
        Runtime {
            target,
            pool: Pool::new(device.clone()),
            device,
            kernels: Mutex::default(),
            counters: Arc::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            compile_nanoseconds: AtomicU64::new(0),
            show: Show::from_environment(),
        }
    }

    /// The same with its own choice of stations to print, instead of the environment's.
    pub fn showing(self, show: Show) -> Runtime {
        Runtime { show, ..self }
    }

    /// The target's name, as `--device` takes it.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// What the device can do.
    pub fn caps(&self) -> &Caps {
        self.device.caps()
    }

    /// True where memory that the device gives is read faster than that of mapped files, so that what is read again and
    /// again is worth a copy: huge pages on the CPU.
    pub fn copies_pay(&self) -> bool {
        self.caps().kind == DeviceKind::Cpu
    }

    /// The device itself.
    pub fn device(&self) -> &Arc<dyn Device> {
        &self.device
    }

    /// The device's memory pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Where launches are noted.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.counters.recorder
    }

    /// Memory of at least `bytes` bytes, of unspecified content.
    ///
    /// # Errors
    /// When the device has no such memory.
    pub fn allocate(&self, bytes: usize) -> Result<Memory> {
        self.pool.allocate(bytes)
    }

    /// Whether `bytes` more bytes can be had, as far as the device knows: to be asked before the first of several tensors is
    /// filled.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn require(&self, bytes: u64) -> Result<()> {
        let Some(free) = self.device.free_memory() else { return Ok(()) };
        let free = free.saturating_add(self.pool.stats().kept_bytes as u64);
        if bytes <= free {
            return Ok(());
        }
        let [asked, free] = [bytes, free].map(|bytes| bytes as f64 / 1e9);
        let what = format!("this takes {asked:.1} GB of memory, {free:.1} GB are free");
        Err(Error::failure(what).help("ask for less: smaller sizes, or half types"))
    }

    /// Waits for all work launched so far.
    ///
    /// # Errors
    /// Failures of that work.
    pub fn synchronize(&self) -> Result<()> {
        Ok(self.device.synchronize()?)
    }

    /// The kernel of `program`: optimized and compiled, or from the cache when an equal program was compiled before
    /// (wherever in the source it was recorded).
    ///
    /// # Errors
    /// Every mistake of an invalid program; a construct or dtype that the device does not have.
    pub fn compile(&self, program: &Program) -> Result<Arc<Kernel>> {
        // The text form holds everything but where the program was written.
        let key = tilewright_ir::text::print(program);
        if let Some(kernel) = self.cache().get(&key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(kernel.clone());
        }
        let start = Instant::now();
        let kernel = Arc::new(self.compile_now(program)?);
        let took = start.elapsed();
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.compile_nanoseconds.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        if self.show.time {
            eprintln!(
                "compile {} for {}: {:.3} ms",
                program.name,
                self.target,
                took.as_secs_f64() * 1e3
            );
        }
        // Of two threads that compiled the same program at once, the first is kept.
        Ok(self.cache().entry(key).or_insert(kernel).clone())
    }

    fn compile_now(&self, program: &Program) -> Result<Kernel> {
        if let Err(mistakes) = tilewright_ir::validate(program) {
            let lines: Vec<String> = mistakes.iter().map(|m| m.to_string()).collect();
            return Err(Error::usage(format!("{}: {}", program.name, lines.join("\n"))));
        }
        if self.show.ir {
            eprintln!("ir of {}:\n{}", program.name, program);
        }
        let mut optimized = program.clone();
        // The interpreter runs what was recorded, or it could not tell a wrong pass.
        if self.caps().kind != DeviceKind::Interpreter {
            pipeline::run(&mut optimized, pipeline::PASSES, |pass, program| {
                if self.show.passes {
                    eprintln!("{} after {}:\n{}", program.name, pass.name, program);
                }
            });
        }
        let executable = self.device.compile(&optimized)?;
        Ok(Kernel::new(
            program.clone(),
            optimized,
            executable,
            self.device.clone(),
            self.counters.clone(),
            self.show,
            self.target,
        ))
    }

    /// What this runtime has done so far.
    pub fn stats(&self) -> Stats {
        Stats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            compile: Duration::from_nanos(self.compile_nanoseconds.load(Ordering::Relaxed)),
            launches: self.counters.launches(),
        }
    }

    /// Forgets every compiled kernel and frees pooled memory. Kernels still held keep working.
    pub fn clear(&self) {
        self.cache().clear();
        self.pool.clear();
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Kernel>>> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Runtime({})", self.target)
    }
}
