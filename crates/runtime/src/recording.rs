//! Launches recorded once and run again, for work that repeats, such as one step of a decoder.

use crate::pool::Reserved;
use crate::{Error, Kernel, Plan, Result, Runtime, nearest};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::{Bindings, ParamKind, Program};
use tilewright_target::recording::{Change, Recording as Launches, Step};
use tilewright_target::{Argument, Device, Executable};

thread_local! {
    /// A place of each thread's own, by whose address it is known.
    static PLACE: u8 = const { 0 };
}

/// A number that no other thread alive has; never 0.
fn this_thread() -> usize {
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

/// Where launches are noted while somebody records.
#[derive(Default)]
pub(crate) struct Recorder {
    /// The thread that records, 0 for none. Launches of others are not its own.
    thread: AtomicUsize,
    noted: Mutex<Vec<(Step, Arc<Program>)>>,
}

impl Recorder {
    /// Notes a launch, if this thread records.
    ///
    /// # Safety
    /// As [`Step::new`], for as long as the recording lives.
    pub unsafe fn note(
        &self,
        executable: &Arc<dyn Executable>,
        program: &Arc<Program>,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) {
        let recording = self.thread.load(Ordering::Acquire);
        if recording != 0 && recording == this_thread() {
            // SAFETY: the caller's promise.
            let step = unsafe { Step::new(executable.clone(), bindings, arguments) };
            self.lock().push((step, program.clone()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Step, Arc<Program>)>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Launches that run again in the same order on the same memory, with other numbers and sizes if those are set. On a GPU
/// that can, the host starts all of them at once.
pub struct Recording {
    launches: Box<dyn Launches>,
    programs: Vec<Arc<Program>>,
    device: Arc<dyn Device>,
    /// What was allocated and freed while recording: the launches use it.
    _reserved: Reserved,
}

impl Runtime {
    /// True while this thread [records](Self::record): what it allocates and frees meanwhile is the recording's, and memory
    /// that it had before and gives back later is not.
    pub fn is_recording(&self) -> bool {
        self.recorder().thread.load(Ordering::Acquire) == this_thread()
    }

    /// Runs `work` and records every launch of this runtime's kernels that this thread makes meanwhile. Only launches are
    /// recorded: what the host reads, writes or copies is not repeated.
    ///
    /// # Safety
    /// Until the recording is dropped, memory of those launches that is not from this runtime's pool, and such that lives
    /// on after `work` (weights, caches, inputs, results), is neither freed nor moved.
    ///
    /// # Errors
    /// Those of `work`, and of the device; when this thread records already. Another thread's recording is waited for.
    pub unsafe fn record<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(Recording, T)> {
        let recorder = self.recorder();
        let begin = || {
            recorder.thread.compare_exchange(0, this_thread(), Ordering::AcqRel, Ordering::Acquire)
        };
        while let Err(other) = begin() {
            if other == this_thread() {
                return Err(Error::usage("this thread records on this device already"));
            }
            std::thread::yield_now();
        }
        let reserve = self.pool().reserve();
        let result = work();
        let noted = std::mem::take(&mut *recorder.lock());
        let reserved = reserve.finish();
        // Last: whoever waits begins now.
        recorder.thread.store(0, Ordering::Release);
        let result = result?;
        if !self.device().memory_waits() {
            self.synchronize()?;
        }
        let (steps, programs) = noted.into_iter().unzip();
        let launches = self.device().record(steps)?;
        let device = self.device().clone();
        Ok((Recording { launches, programs, device, _reserved: reserved }, result))
    }
}

impl Recording {
    /// Launches.
    pub fn len(&self) -> usize {
        self.programs.len()
    }

    /// True when nothing was launched.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// The name of the kernel of each launch.
    pub fn kernels(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|program| program.name.as_str())
    }

    /// True when the host does no work for each launch.
    pub fn is_captured(&self) -> bool {
        self.launches.is_captured()
    }

    /// Gives a launch another number.
    ///
    /// # Errors
    /// When there is no such launch or number.
    pub fn set_scalar(&mut self, launch: usize, name: &str, value: f64) -> Result<()> {
        let program = self.program(launch)?;
        let Some(position) = scalar(program, name) else {
            let scalars = program.params.iter().filter(|p| is_scalar(&p.kind));
            let error = Error::usage(format!("{}: there is no number `{name}`", program.name));
            return Err(match nearest(name, scalars.map(|p| p.name.as_str())) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        self.change(launch, &Change { bindings: None, scalars: &[(position, value)] })
    }

    /// Gives every launch that takes a number of that name this one; tells how many do.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_scalars(&mut self, name: &str, value: f64) -> Result<usize> {
        let mut changed = 0;
        for launch in 0..self.len() {
            if let Some(position) = scalar(&self.programs[launch], name) {
                self.change(launch, &Change { bindings: None, scalars: &[(position, value)] })?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Gives a launch other sizes: those of a plan of the same kernel. Its tensors stay in their places.
    ///
    /// # Errors
    /// When the plan is another kernel's, or its tensors leave their memory.
    pub fn set_sizes(&mut self, launch: usize, kernel: &Kernel, plan: &Plan) -> Result<()> {
        let program = self.program(launch)?;
        if !Arc::ptr_eq(program, kernel.shared_program()) {
            return Err(Error::usage(format!(
                "launch {launch} is one of {}, the sizes are those of {}",
                program.name,
                kernel.name()
            )));
        }
        let Some(bindings) = plan.only() else {
            let what = format!("{}: such a size takes several launches", program.name);
            return Err(Error::usage(what).help("record the call anew"));
        };
        self.change(launch, &Change { bindings: Some(bindings), scalars: &[] })
    }

    /// Runs all launches again and waits for them.
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    ///
    /// # Errors
    /// Those of the launches, indices out of range among them.
    pub unsafe fn replay(&mut self) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.enqueue() }?;
        Ok(self.device.synchronize()?)
    }

    /// Runs all launches again without waiting.
    ///
    /// # Safety
    /// As [`Kernel::enqueue`], for every launch.
    ///
    /// # Errors
    /// Those that the host can know; the others come with the next synchronization.
    pub unsafe fn enqueue(&mut self) -> Result<()> {
        // SAFETY: the caller's promise; `Runtime::record`'s keeps the memory.
        Ok(unsafe { self.launches.enqueue() }?)
    }

    fn change(&mut self, launch: usize, change: &Change<'_>) -> Result<()> {
        Ok(self.launches.change(launch, change)?)
    }

    fn program(&self, launch: usize) -> Result<&Arc<Program>> {
        self.programs.get(launch).ok_or_else(|| {
            Error::usage(format!("there is no launch {launch}; {} were recorded", self.len()))
        })
    }
}

fn is_scalar(kind: &ParamKind) -> bool {
    matches!(kind, ParamKind::Scalar { .. })
}

fn scalar(program: &Program, name: &str) -> Option<usize> {
    program.params.iter().position(|p| p.name == name && is_scalar(&p.kind))
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({} launches)", self.len())
    }
}
