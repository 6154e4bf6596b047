//! A compiled kernel and its launch.

use crate::recording::Recorder;
use crate::show::Show;
use crate::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tilewright_ir::bind::{MOST, show_declared, show_shape};
use tilewright_ir::pieces::Pieces;
use tilewright_ir::{Access, Bindings, DType, Param, ParamKind, Program, bind};
use tilewright_target::{Argument, Buffer, Chosen, Device, Executable, Region};

/// Arguments of a call that are kept on the stack; kernels with more parameters allocate.
const INLINE: usize = 24;

/// Bindings that a kernel remembers, so that repeated shapes are not bound again: a model's layers take turns with some.
const REMEMBERED: usize = 16;

/// What all kernels of a runtime share: how often they were launched, and who records that.
#[derive(Default)]
pub(crate) struct Counters {
    launches: AtomicU64,
    pub(crate) recorder: Recorder,
}

impl Counters {
    pub(crate) fn launches(&self) -> u64 {
        self.launches.load(Ordering::Relaxed)
    }
}

/// A program compiled for one device. Get one from [`crate::Runtime::compile`].
///
/// A call has two steps, so that outputs can be made between them: [`plan`](Self::plan) finds every size and shape
/// from those of the inputs, [`launch`](Self::launch) runs.
pub struct Kernel {
    recorded: Arc<Program>,
    optimized: Program,
    executable: Arc<dyn Executable>,
    device: Arc<dyn Device>,
    plans: Mutex<Vec<Arc<Plan>>>,
    launches: AtomicU64,
    all: Arc<Counters>,
    show: Show,
    /// The target's name, and what was shown of the schedule.
    target: &'static str,
    shown: Mutex<String>,
}

/// The sizes and shapes of one call.
#[derive(Debug)]
pub struct Plan {
    given: Vec<Option<Vec<usize>>>,
    sizes: Vec<(String, usize)>,
    bindings: Bindings,
    /// What is launched instead of all at once.
    pieces: Option<Pieces>,
}

impl Plan {
    /// Every size, and the shape of every parameter.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// The shape of parameter number `param` as the caller sees it; empty for a scalar.
    pub fn shape(&self, param: usize) -> &[usize] {
        &self.bindings.shapes[param]
    }

    /// The sizes of each launch, and where its elements begin in every tensor.
    fn launches(&self) -> impl Iterator<Item = (usize, &Bindings)> {
        let all = self.pieces.is_none().then_some((0, &self.bindings));
        all.into_iter().chain(self.pieces.iter().flat_map(Pieces::iter))
    }

    /// The sizes of a launch, which are those of most where there are several.
    fn launched(&self) -> &Bindings {
        self.launches().next().map_or(&self.bindings, |(_, bindings)| bindings)
    }

    /// The sizes, where one launch does it all.
    pub(crate) fn only(&self) -> Option<&Bindings> {
        self.pieces.is_none().then_some(&self.bindings)
    }

    fn answers(&self, shapes: &[Option<&[usize]>], sizes: &[(&str, usize)]) -> bool {
        let same_sizes = self.sizes.len() == sizes.len()
            && self.sizes.iter().zip(sizes).all(|(a, b)| a.0 == b.0 && a.1 == b.1);
        same_sizes
            && self.given.len() == shapes.len()
            && self.given.iter().zip(shapes).all(|(a, b)| a.as_deref() == *b)
    }
}

/// A tensor that a kernel reads.
#[derive(Clone, Copy)]
pub struct TensorRef<'a> {
    /// Its memory.
    pub buffer: &'a dyn Buffer,
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub shape: &'a [usize],
    /// Distance between neighbours along each axis, in elements; any, 0 and negative included. `None` for
    /// row-major contiguous.
    pub strides: Option<&'a [isize]>,
    /// Position of the first element in the buffer, in elements.
    pub offset: usize,
}

/// A tensor that a kernel writes: row-major contiguous, from the start of its memory. The exclusive borrow is what
/// keeps a caller from passing memory that another argument reads.
pub struct TensorMut<'a> {
    /// Its memory.
    pub buffer: &'a mut dyn Buffer,
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub shape: &'a [usize],
}

/// What a call passes for one parameter.
pub enum Value<'a> {
    /// A tensor to read.
    In(TensorRef<'a>),
    /// A tensor to write, or to update in place.
    Out(TensorMut<'a>),
    /// A number, rounded to the parameter's dtype.
    Scalar(f64),
    /// The scalar's default.
    Default,
}

impl Kernel {
    pub(crate) fn new(
        recorded: Program,
        optimized: Program,
        executable: Arc<dyn Executable>,
        device: Arc<dyn Device>,
        all: Arc<Counters>,
        show: Show,
        target: &'static str,
    ) -> Kernel {
        let (plans, launches, shown) = Default::default();
        let recorded = Arc::new(recorded);
        Kernel {
            recorded,
            optimized,
            executable,
            device,
            plans,
            launches,
            all,
            show,
            target,
            shown,
        }
    }

    /// The kernel's name.
    pub fn name(&self) -> &str {
        &self.recorded.name
    }

    /// The program as recorded.
    pub fn program(&self) -> &Program {
        &self.recorded
    }

    /// The same, shared.
    pub(crate) fn shared_program(&self) -> &Arc<Program> {
        &self.recorded
    }

    /// The program after the passes.
    pub fn optimized(&self) -> &Program {
        &self.optimized
    }

    /// What the target made of it, for people.
    pub fn describe(&self) -> String {
        self.executable.describe()
    }

    /// The schedules by which it could run a call of this plan, in the device's words; its own first.
    pub fn schedules(&self, plan: &Plan) -> Vec<String> {
        self.executable.schedules(plan.launched())
    }

    /// Runs by that schedule from now on, for sizes like those of the plan.
    ///
    /// # Errors
    /// When the kernel cannot be run so.
    pub fn choose(&self, plan: &Plan, schedule: &str) -> Result<Option<Chosen>> {
        Ok(self.executable.choose(plan.launched(), schedule)?)
    }

    /// How often it was launched.
    pub fn launches(&self) -> u64 {
        self.launches.load(Ordering::Relaxed)
    }

    /// The position of the parameter called `name`.
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.recorded.find_param(name).map(|id| id.index()).ok_or_else(|| {
            let names: Vec<&str> = self.recorded.params.iter().map(|p| p.name.as_str()).collect();
            let error = Error::usage(format!("{}: there is no parameter `{name}`", self.name()));
            match crate::nearest(name, names.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("its parameters are {}", names.join(", "))),
            }
        })
    }

    /// Finds every size and shape of a call. `shapes` has one entry a parameter: `None` for scalars and for outputs
    /// still to be made. `sizes` names those that no shape tells.
    ///
    /// The last few answers are remembered, so that a repeated call neither computes nor allocates.
    ///
    /// # Errors
    /// When a rank, an axis or a size does not fit, or a tensor that is read is missing.
    pub fn plan(&self, shapes: &[Option<&[usize]>], sizes: &[(&str, usize)]) -> Result<Arc<Plan>> {
        self.plan_within(MOST, shapes, sizes)
    }

    /// As [`plan`](Self::plan), with at most `most` elements along an axis of a launch.
    fn plan_within(
        &self,
        most: usize,
        shapes: &[Option<&[usize]>],
        sizes: &[(&str, usize)],
    ) -> Result<Arc<Plan>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = plans.iter().position(|plan| plan.answers(shapes, sizes)) {
            return Ok(plans[i].clone());
        }
        self.check_count(shapes.len())?;
        for (param, shape) in self.recorded.params.iter().zip(shapes) {
            match (&param.kind, shape) {
                (ParamKind::Tensor { access, .. }, None) if *access != Access::Out => {
                    return Err(self.missing(param));
                }
                (ParamKind::Scalar { .. }, Some(_)) => return Err(self.not_a_tensor(param)),
                _ => {}
            }
        }
        let given: Vec<_> = shapes.iter().map(|s| s.map(<[usize]>::to_vec)).collect();
        let bindings = bind(&self.recorded, &given, sizes)?;
        let sizes = sizes.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        let pieces = Pieces::of(&self.recorded, &bindings, most);
        let plan = Arc::new(Plan { given, sizes, bindings, pieces });
        plans.truncate(REMEMBERED - 1);
        plans.insert(0, plan.clone());
        Ok(plan)
    }

    /// Runs the kernel once. `values` has one entry a parameter, in order.
    ///
    /// # Errors
    /// When a value is missing, of the wrong kind, dtype or shape, or leaves its buffer; when an index that the data
    /// holds is out of range.
    pub fn launch(&self, plan: &Plan, values: &[Value<'_>]) -> Result<()> {
        let start = self.show.time.then(Instant::now);
        // SAFETY: every input is borrowed shared and every output exclusively until this returns, which is
        // after the device has finished.
        unsafe { self.enqueue(plan, values) }?;
        self.device.synchronize()?;
        if let Some(start) = start {
            eprintln!("launch {}: {:.3} ms", self.name(), start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(())
    }

    /// As [`launch`](Self::launch), but where the device's [memory waits](Device::memory_waits) nobody else does: what only
    /// the work shows, such as an index out of range, is told by the next read of the device's memory.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub fn start(&self, plan: &Plan, values: &[Value<'_>]) -> Result<()> {
        if self.show.time || !self.device.memory_waits() {
            return self.launch(plan, values);
        }
        // SAFETY: values are borrowed until this returns; what is done with their memory later, the device holds back
        // until the work is done.
        unsafe { self.enqueue(plan, values) }
    }

    /// As [`launch`](Self::launch), without waiting: launches of one device run in the order in which they were
    /// enqueued, and errors that only the work itself shows are those of the next [`Device::synchronize`].
    ///
    /// # Safety
    /// Until the device has been synchronized, nobody but later launches writes the memory of any value, reads that of
    /// an output, or frees either.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub unsafe fn enqueue(&self, plan: &Plan, values: &[Value<'_>]) -> Result<()> {
        self.check_count(values.len())?;
        let mut inline = [Argument::Scalar(0.0); INLINE];
        let mut heap = Vec::new();
        let arguments = if values.len() <= INLINE {
            &mut inline[..values.len()]
        } else {
            heap.resize(values.len(), Argument::Scalar(0.0));
            &mut heap[..]
        };
        for (i, (value, argument)) in values.iter().zip(arguments.iter_mut()).enumerate() {
            *argument = self.argument(plan, i, value)?;
        }
        let mut moved = 0;
        for (start, bindings) in plan.launches() {
            if start > moved {
                self.advance(arguments, start - moved)?;
                moved = start;
            }
            // SAFETY: the caller's promise.
            unsafe { self.executable.launch(bindings, arguments) }?;
            // SAFETY: whoever records promised that the memory stays.
            unsafe {
                self.all.recorder.note(&self.executable, &self.recorded, bindings, arguments);
            }
        }
        self.launches.fetch_add(1, Ordering::Relaxed);
        self.all.launches.fetch_add(1, Ordering::Relaxed);
        if self.show.schedule {
            self.show_schedule();
        }
        Ok(())
    }

    /// Prints what the target made of the kernel, which it makes once it knows sizes, and again for others.
    fn show_schedule(&self) {
        let schedule = self.describe();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != schedule {
            eprintln!("schedule of {} for {}:\n{schedule}", self.name(), self.target);
            *shown = schedule;
        }
    }

    /// Compiles what a launch of these values would run by, and launches nothing.
    ///
    /// # Errors
    /// As [`launch`](Self::launch), but for what only the work shows.
    pub fn compile_for(&self, plan: &Plan, values: &[Value<'_>]) -> Result<()> {
        self.check_count(values.len())?;
        let arguments = values.iter().enumerate().map(|(i, value)| self.argument(plan, i, value));
        let arguments: Vec<Argument<'_>> = arguments.collect::<Result<_>>()?;
        Ok(self.executable.compile_for(plan.launched(), &arguments)?)
    }

    /// Moves the beginning of every tensor of a call in pieces on by so many elements.
    fn advance(&self, arguments: &mut [Argument<'_>], by: usize) -> Result<()> {
        for (argument, param) in arguments.iter_mut().zip(&self.recorded.params) {
            let Argument::Tensor(region) = argument else { continue };
            let step = match region.strides {
                None => 1,
                Some([step]) => *step,
                Some(_) => {
                    let what = format!("has axes apart, and more than {MOST} elements");
                    return Err(self.wrong(param, &what).help("make it contiguous first"));
                }
            };
            // Every element was found to lie in the buffer.
            region.offset = region.offset.wrapping_add_signed(step.wrapping_mul(by as isize));
        }
        Ok(())
    }

    /// Checks one value against its parameter and turns it into the target's form.
    fn argument<'a>(&self, plan: &Plan, i: usize, value: &'a Value<'_>) -> Result<Argument<'a>> {
        let param = &self.recorded.params[i];
        let (dtype, access) = match (&param.kind, value) {
            (ParamKind::Scalar { .. }, Value::Scalar(number)) => {
                return Ok(Argument::Scalar(*number));
            }
            (ParamKind::Scalar { default: Some(number), .. }, Value::Default) => {
                return Ok(Argument::Scalar(*number));
            }
            (ParamKind::Scalar { .. }, Value::Default)
            | (ParamKind::Tensor { .. }, Value::Default) => {
                return Err(self.missing(param));
            }
            (ParamKind::Scalar { .. }, _) => return Err(self.not_a_tensor(param)),
            (ParamKind::Tensor { .. }, Value::Scalar(_)) => {
                let declared = show_declared(&self.recorded, param);
                return Err(self.wrong(param, &format!("is a tensor {declared}, got a number")));
            }
            (ParamKind::Tensor { dtype, access, .. }, _) => (*dtype, *access),
        };
        let (region, given_dtype, shape) = match value {
            Value::In(t) if access == Access::In => (
                Region { buffer: t.buffer, offset: t.offset, strides: t.strides },
                t.dtype,
                t.shape,
            ),
            Value::Out(t) if access != Access::In && !t.buffer.writable() => {
                return Err(self.wrong(param, "is written, but its memory may only be read"));
            }
            Value::Out(t) if access != Access::In => (Region::whole(&*t.buffer), t.dtype, t.shape),
            Value::In(_) => return Err(self.wrong(param, "is written; pass it as an output")),
            _ => return Err(self.wrong(param, "is only read; pass it as an input")),
        };
        if given_dtype != dtype {
            let what = format!("has dtype {given_dtype}, expected {dtype}");
            let next = match access {
                Access::In => format!("convert it to {dtype} first"),
                _ => format!("pass a tensor of {dtype} to write, or leave it out"),
            };
            return Err(self.wrong(param, &what).help(next));
        }
        if shape != plan.shape(i) {
            let (given, planned) = (show_shape(shape), show_shape(plan.shape(i)));
            return Err(self.wrong(param, &format!("has shape {given}, expected {planned}")));
        }
        region.check(shape, dtype.size()).map_err(|why| self.wrong(param, &why))?;
        Ok(Argument::Tensor(region))
    }

    fn check_count(&self, given: usize) -> Result<()> {
        let expected = self.recorded.params.len();
        if given == expected {
            return Ok(());
        }
        Err(Error::usage(format!("{}: {given} values for {expected} parameters", self.name())))
    }

    fn wrong(&self, param: &Param, what: &str) -> Error {
        Error::usage(format!("{}: `{}` {what}", self.name(), param.name))
    }

    fn not_a_tensor(&self, param: &Param) -> Error {
        self.wrong(param, "is a number, got a tensor")
    }

    fn missing(&self, param: &Param) -> Error {
        match &param.kind {
            ParamKind::Scalar { dtype, .. } => {
                self.wrong(param, &format!("is missing: a number ({dtype}) without a default"))
            }
            ParamKind::Tensor { dtype, .. } => {
                let declared = show_declared(&self.recorded, param);
                self.wrong(param, &format!("is missing: a tensor {dtype}{declared}"))
            }
        }
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernel({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::{Role, TARGETS};
    use crate::{BorrowedBuffer, Runtime};
    use tilewright_lang::{Specialization, record};

    #[test]
    fn a_map_in_pieces_gives_the_same_bits_on_every_target() {
        let signature = "x: T[*n], add: f32, sum: &T[*n] -> y: T[*n]";
        let program = record("f", signature, &Specialization::of(DType::F32), |_, a| {
            let (x, sum) = (a["x"].load(), a["sum"].load());
            a["y"].store(x.exp() * sum);
            a["sum"].store(sum + a.scalar("add"));
        })
        .unwrap();
        let n = 2503;
        let values: Vec<f32> = (0..2 * n).map(|i| (i as f32 * 0.37).sin()).collect();
        for target in TARGETS.iter().filter(|t| t.role == Role::Computes) {
            let Ok(runtime) = Runtime::open(target.name) else { continue }; // not on this machine
            let kernel = runtime.compile(&program).unwrap();
            // Every second element, from the last one on.
            for strides in [None, Some([-2])] {
                let run = |most: usize| {
                    let shape = [n];
                    let shapes = [Some(&shape[..]), None, Some(&shape[..]), None];
                    let plan = kernel.plan_within(most, &shapes, &[]).unwrap();
                    kernel.plans.lock().unwrap().clear();
                    let (mut sum, mut y) = (values[..n].to_vec(), vec![f32::NAN; n]);
                    let buffer = BorrowedBuffer::shared(&values);
                    let (strides, shape) = (strides.as_ref().map(|s| &s[..]), &shape[..]);
                    let offset = strides.map_or(0, |_| 2 * n - 1);
                    let x =
                        TensorRef { buffer: &buffer, dtype: DType::F32, shape, strides, offset };
                    let mut out = [&mut sum, &mut y].map(|v| BorrowedBuffer::exclusive(v));
                    let [sum_out, y_out] = out
                        .each_mut()
                        .map(|buffer| Value::Out(TensorMut { buffer, dtype: DType::F32, shape }));
                    let values = [Value::In(x), Value::Scalar(0.5), sum_out, y_out];
                    kernel.launch(&plan, &values).unwrap();
                    (sum, y)
                };
                let whole = run(MOST);
                assert_eq!(run(999), whole, "{}", target.name);
                assert!(whole.1.iter().all(|y| y.is_finite()));
            }
        }
    }
}
