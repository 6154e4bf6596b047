//! Kernels as functions of tensors.

use crate::call::{Call, Outputs, Slot};
use crate::frame::Arrange;
use crate::interface::{Interface, Role, SlotInfo};
use crate::told::{Constants, Memory, Told};
use crate::{Result, Tensor};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tilewright_ir::{DType, Param, Program};
use tilewright_lang::oneliner::Layout;
use tilewright_lang::{Signature, SignatureParam, Specialization};
use tilewright_passes::Backward;
use tilewright_runtime::{Error, Kernel, Runtime, targets};

/// Type variables of one kernel, at most.
const VARIABLES: usize = 16;

/// A kernel, formula or gradient as a function of tensors.
///
/// It records and compiles itself for each combination of dtypes that it meets and keeps what it compiled; sizes and
/// scalars never compile anything. Cloning shares all of that. Tensors may have any strides, and any rank that the
/// kernel's leading axes allow.
///
/// ```
/// use tilewright_tensor::{kernel, Tensor};
///
/// let softmax = kernel("softmax")?;
/// let x = Tensor::from([[1.0f32, 2.0], [3.0, 3.0]]);
/// let y = softmax.call(&[&x])?;
/// assert_eq!(y.narrow(0, 1, 1)?.to_vec::<f32>()?, [0.5, 0.5]);
/// // By name, with numbers and a place for the result:
/// let mut z = Tensor::zeros(x.dtype(), x.shape())?;
/// softmax.bind().input("x", &x).output("y", &mut z).run()?;
/// assert_eq!(softmax.stats().misses, 1);
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Callable {
    pub(crate) recipe: Arc<Recipe>,
    pub(crate) interface: Arc<Interface>,
    state: Arc<State>,
    runtime: Option<Arc<Runtime>>,
}

/// How a callable comes to its programs.
pub(crate) struct Recipe {
    pub name: String,
    /// The type variable of each parameter that has one.
    pub variables: Vec<(String, String)>,
    /// As [`variables`](Self::variables), asked when no parameter there tells the dtype.
    pub hints: Vec<(String, String)>,
    /// What `T` may be; anything when empty.
    pub dtypes: Vec<DType>,
    /// Constants, and the dtypes of variables that no input tells.
    pub base: Specialization,
    /// What the inputs' shapes tell beside their dtypes.
    pub told: Option<Told>,
    /// For one-liners, how their tensors lie before the kernel.
    pub arrange: Option<Arrange>,
    /// The programs of one specialization.
    pub record: Box<Record>,
    /// Its gradient, where one is written by hand.
    pub by_hand: Option<Box<ByHand>>,
    /// The kernels of that one which a user gave it.
    pub own: Vec<Arc<Own>>,
    /// Numbers that may not have every value.
    pub ranges: Vec<(String, Range<f64>)>,
    /// Parameters of a gradient's forward kernel, in the order in which a caller passes them.
    pub first: Vec<SlotInfo>,
}

/// Records for dtypes and constants, and for the layout of an elementwise call ([`Layout::flat`] when `None`).
pub(crate) type Record =
    dyn Fn(&Specialization, Option<&Layout>) -> Result<Recording> + Send + Sync;

/// As [`Record`], of a gradient.
pub(crate) type ByHand = dyn Fn(&Specialization, Option<&Layout>) -> Result<Backward> + Send + Sync;

/// Records one kernel of a gradient that a user wrote.
pub(crate) type Own = dyn Fn(&Specialization) -> Result<Program> + Send + Sync;

/// Programs that run one after the other.
pub(crate) struct Recording {
    pub programs: Vec<Program>,
    /// The tensors that one makes for a later one, by name.
    pub between: Vec<String>,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            name: String::new(),
            variables: Vec::new(),
            hints: Vec::new(),
            dtypes: Vec::new(),
            base: Specialization::default(),
            told: None,
            arrange: None,
            record: Box::new(|_, _| Ok(Recording { programs: Vec::new(), between: Vec::new() })),
            by_hand: None,
            own: Vec::new(),
            ranges: Vec::new(),
            first: Vec::new(),
        }
    }
}

impl Recipe {
    /// The distinct type variables, in order of appearance.
    fn distinct(&self) -> impl Iterator<Item = &str> {
        let all = &self.variables;
        all.iter().enumerate().filter_map(move |(i, (_, variable))| {
            let first = all[..i].iter().all(|(_, earlier)| earlier != variable);
            first.then_some(variable.as_str())
        })
    }

    /// The positions of the type variables that `list` gives to the parameter `name`.
    fn numbers_of(&self, list: &[(String, String)], name: &str) -> Vec<usize> {
        let own = list.iter().filter(|(param, _)| param == name);
        own.filter_map(|(_, variable)| self.distinct().position(|v| v == variable)).collect()
    }
}

impl From<Backward> for Recording {
    fn from(backward: Backward) -> Self {
        Recording { programs: backward.programs, between: backward.temporaries }
    }
}

impl From<Program> for Recording {
    fn from(program: Program) -> Self {
        Recording { programs: vec![program], between: Vec::new() }
    }
}

#[derive(Default)]
struct State {
    compiled: Mutex<Vec<Arc<Compiled>>>,
    /// What earlier shapes told of constants.
    told: Memory,
    hits: AtomicU64,
    misses: AtomicU64,
    record_nanoseconds: AtomicU64,
    launches: AtomicU64,
    /// The gradient of all that is differentiable, once somebody asked for it.
    gradient: OnceLock<Callable>,
}

/// The compiled form for one runtime and one choice of dtypes.
pub(crate) struct Compiled {
    target: &'static str,
    dtypes: [Option<DType>; VARIABLES],
    /// Those that shapes told.
    pub constants: Constants,
    layout: Option<Layout>,
    pub stages: Vec<Stage>,
    /// How many tensors between the programs only these dtypes need: their slots follow those of the interface.
    pub temporaries: usize,
}

/// One program of a callable.
pub(crate) struct Stage {
    pub kernel: Arc<Kernel>,
    /// The slot of each of its parameters.
    pub slots: Vec<usize>,
    /// Those are all slots in order.
    pub in_order: bool,
}

/// How often a callable found its compiled form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallStats {
    /// Calls that found it.
    pub hits: u64,
    /// Calls that recorded and compiled.
    pub misses: u64,
    /// Time spent in those.
    pub compile: Duration,
    /// Programs launched.
    pub launches: u64,
}

/// One parameter of a [`Callable`], for listings.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its dtype in the first specialization.
    pub dtype: DType,
    /// Its declaration in words: `f32[*rows, cols]`.
    pub declared: String,
    /// The default of a number that has one.
    pub default: Option<f64>,
}

impl Callable {
    pub(crate) fn new(recipe: Recipe) -> Result<Callable> {
        let Recording { programs, between } = (recipe.record)(&recipe.base, None)?;
        let mut interface = Interface::new(&recipe.name, &programs, &between, recipe.first.clone());
        for slot in &mut interface.slots {
            slot.variables = recipe.numbers_of(&recipe.variables, &slot.param.name);
            slot.hints = recipe.numbers_of(&recipe.hints, &slot.param.name);
        }
        let told = recipe.told.as_ref().map(|told| Memory::new(told, &interface));
        let state = Arc::new(State { told: told.unwrap_or_default(), ..State::default() });
        let (recipe, interface) = (Arc::new(recipe), Arc::new(interface));
        let callable = Callable { recipe, interface, state, runtime: None };
        if callable.recipe.distinct().count() > VARIABLES {
            let what = format!("{}: more than {VARIABLES} type variables", callable.name());
            return Err(Error::usage(what));
        }
        Ok(callable)
    }

    /// The kernel's name, or the formula.
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// The same on another device than the default; it shares what is compiled.
    pub fn on(&self, runtime: &Arc<Runtime>) -> Callable {
        Callable { runtime: Some(runtime.clone()), ..self.clone() }
    }

    /// The device that [`on`](Self::on) chose.
    pub(crate) fn chosen_runtime(&self) -> Option<&Arc<Runtime>> {
        self.runtime.as_ref()
    }

    /// The device that calls run on.
    ///
    /// # Errors
    /// When the default device cannot be opened.
    pub fn runtime(&self) -> Result<Arc<Runtime>> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.clone()),
            None => Runtime::open(targets::TARGETS[0].name),
        }
    }

    /// The tensors that are read, in the order in which [`call`](Self::call) takes them; those updated in place are
    /// among them.
    pub fn inputs(&self) -> Vec<Parameter> {
        self.parameters(&[Role::Input, Role::InOut])
    }

    /// The tensors that a call makes or updates, in order.
    pub fn outputs(&self) -> Vec<Parameter> {
        self.parameters(&[Role::InOut, Role::Output])
    }

    /// The numbers of a call, in order.
    pub fn scalars(&self) -> Vec<Parameter> {
        self.parameters(&[Role::Scalar])
    }

    /// The sizes of a call by name. The shapes of the inputs tell most; [`Call::size`] gives the others.
    pub fn sizes(&self) -> &[String] {
        &self.interface.sizes
    }

    fn parameters(&self, roles: &[Role]) -> Vec<Parameter> {
        let of_role = self.interface.of_role(roles);
        of_role
            .map(|(_, slot)| Parameter {
                name: slot.param.name.clone(),
                dtype: slot.dtype(),
                declared: slot.declared.clone(),
                default: default(&slot.param),
            })
            .collect()
    }

    /// Begins a call with arguments by name.
    pub fn bind(&self) -> Call<'_> {
        Call::new(self)
    }

    /// Calls with tensors in order and the defaults of numbers; returns the only output.
    ///
    /// # Errors
    /// When the tensors do not fit, a number has no default, or there are several outputs.
    pub fn call(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        self.call_all(inputs)?.single()
    }

    /// Calls with tensors in order and the defaults of numbers; returns every output.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_all(&self, inputs: &[&Tensor]) -> Result<Outputs> {
        let mut call = self.bind();
        call.positional(inputs);
        call.run()
    }

    /// Calls with tensors in order, writing into `outputs`. Memory that nobody shares is written in place.
    ///
    /// # Errors
    /// As [`call`](Self::call), and when an output has another dtype or shape.
    pub fn call_into(&self, inputs: &[&Tensor], outputs: &mut [&mut Tensor]) -> Result<()> {
        let mut call = self.bind();
        call.positional(inputs);
        call.positional_outputs(outputs);
        call.run().map(drop)
    }

    /// The programs for inputs of `dtype`, wherever the dtype is free.
    ///
    /// # Errors
    /// When the kernel does not admit that dtype.
    pub fn programs(&self, dtype: DType) -> Result<Vec<Program>> {
        self.check_dtype("T", dtype)?;
        let base = self.recipe.base.clone().with_dtype("T", dtype);
        let specialization = self.recipe.distinct().fold(base, |s, v| s.with_dtype(v, dtype));
        Ok((self.recipe.record)(&specialization, None)?.programs)
    }

    /// How often a call found its compiled form.
    pub fn stats(&self) -> CallStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallStats {
            hits: read(&self.state.hits),
            misses: read(&self.state.misses),
            compile: Duration::from_nanos(read(&self.state.record_nanoseconds)),
            launches: read(&self.state.launches),
        }
    }

    /// As [`grad`](Self::grad), kept for the next time.
    pub(crate) fn gradient(&self) -> Result<Callable> {
        let known = match self.state.gradient.get() {
            Some(known) => known,
            None => {
                // Clones on other devices share it, so it has none of its own.
                let made = Callable { runtime: None, ..self.clone() }.grad()?;
                self.state.gradient.get_or_init(|| made)
            }
        };
        Ok(match &self.runtime {
            Some(runtime) => known.on(runtime),
            None => known.clone(),
        })
    }

    /// True when a tensor is both read and written.
    pub(crate) fn updates_in_place(&self) -> bool {
        self.interface.of_role(&[Role::InOut]).next().is_some()
    }

    pub(crate) fn count_launch(&self) {
        self.state.launches.fetch_add(1, Ordering::Relaxed);
    }

    /// The compiled form for the dtypes of a call's tensors.
    pub(crate) fn compiled(
        &self,
        runtime: &Runtime,
        slots: &[Slot<'_>],
        layout: Option<&Layout>,
    ) -> Result<Arc<Compiled>> {
        let dtypes = self.told_dtypes(slots)?;
        let constants = match &self.recipe.told {
            Some(told) => {
                self.state.told.constants(told, &self.recipe.base, &self.interface, slots)?
            }
            None => Constants::default(),
        };
        let target = runtime.target();
        let known = self.state.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |c: &&Arc<Compiled>| {
            let as_told = c.dtypes == dtypes && c.constants == constants;
            c.target == target && as_told && c.layout.as_ref() == layout
        };
        if let Some(found) = known.iter().find(same) {
            self.state.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(found.clone());
        }
        drop(known);
        let start = Instant::now();
        let mut specialization = self.recipe.base.clone();
        for (variable, dtype) in self.recipe.distinct().zip(dtypes) {
            if let Some(dtype) = dtype {
                self.check_dtype(variable, dtype)?;
                specialization = specialization.with_dtype(variable, dtype);
            }
        }
        for (name, value) in &*constants {
            specialization = specialization.with(name, *value);
        }
        let Recording { programs, between } = (self.recipe.record)(&specialization, layout)?;
        let known = |name: &str| self.interface.slots.iter().position(|s| s.param.name == name);
        let temporaries: Vec<&String> = between.iter().filter(|b| known(b).is_none()).collect();
        let mut stages = Vec::with_capacity(programs.len());
        for program in &programs {
            let find = |p: &Param| {
                // What a caller sees is declared by every specialization alike; sums of half types also have a
                // tensor of their own until they are rounded.
                let extra = || temporaries.iter().position(|t| **t == p.name);
                let after = |i: usize| self.interface.slots.len() + i;
                known(&p.name).or_else(|| extra().map(after)).ok_or_else(|| {
                    let what = format!("{}: `{}` depends on the dtype", self.name(), p.name);
                    Error::failure(what)
                })
            };
            let slots = program.params.iter().map(find).collect::<Result<Vec<_>>>()?;
            let in_order = slots.iter().copied().eq(0..self.interface.slots.len());
            stages.push(Stage { kernel: runtime.compile(program)?, slots, in_order });
        }
        self.state.misses.fetch_add(1, Ordering::Relaxed);
        let took = start.elapsed().as_nanos() as u64;
        self.state.record_nanoseconds.fetch_add(took, Ordering::Relaxed);
        let temporaries = temporaries.len();
        let layout = layout.cloned();
        let compiled =
            Arc::new(Compiled { target, dtypes, constants, layout, stages, temporaries });
        self.state.compiled.lock().unwrap_or_else(PoisonError::into_inner).push(compiled.clone());
        Ok(compiled)
    }

    /// The dtype that the tensors of a call give each type variable.
    fn told_dtypes(&self, slots: &[Slot<'_>]) -> Result<[Option<DType>; VARIABLES]> {
        let mut told = [None; VARIABLES];
        for (info, slot) in self.interface.slots.iter().zip(slots) {
            let Some(tensor) = slot.tensor() else { continue };
            let (name, given) = (&info.param.name, tensor.dtype());
            for &number in &info.variables {
                match told[number] {
                    Some(dtype) if dtype != given && info.role != Role::Output => {
                        let what = format!(
                            "{}: `{name}` has dtype {given}, but an earlier tensor of the same type variable has {dtype}",
                            self.name()
                        );
                        return Err(Error::usage(what).help(format!("convert `{name}` to {dtype}")));
                    }
                    Some(_) => {}
                    None => told[number] = Some(given),
                }
            }
        }
        for (info, slot) in self.interface.slots.iter().zip(slots) {
            let Some(tensor) = slot.tensor() else { continue };
            for &number in &info.hints {
                told[number] = told[number].or(Some(tensor.dtype()));
            }
        }
        Ok(told)
    }

    /// Whether a number may have that value: a whole one where the kernel counts with it, and one in its range.
    pub(crate) fn check_scalar(&self, name: &str, value: f64) -> Result<()> {
        let slot = self.interface.slots.iter().find(|s| s.param.name == name);
        let Some(slot) = slot else { return Ok(()) };
        let range = self.recipe.ranges.iter().find(|(n, _)| n == name).map(|(_, range)| range);
        check_number(self.name(), name, slot.dtype(), range, value)
    }

    /// The same of a call that does not fit, with the constants that it may not fit because of; shapes told some.
    pub(crate) fn recorded_for(&self, told: &[(String, usize)], error: Error) -> Error {
        let constants = self.recipe.base.constants();
        if constants.is_empty() || error.next_step().is_some() {
            return error;
        }
        let value =
            |name: &str| told.iter().find(|(told, _)| told == name).map(|(_, value)| *value);
        let list = constants.iter().map(|(n, v)| format!("{n} = {}", value(n).unwrap_or(*v)));
        let list = list.collect::<Vec<_>>().join(", ");
        error.help(format!(
            "it was recorded for {list}; `kernel_with`, or --set from the shell, takes others"
        ))
    }

    fn check_dtype(&self, variable: &str, dtype: DType) -> Result<()> {
        let allowed = &self.recipe.dtypes;
        if variable != "T" || allowed.is_empty() || allowed.contains(&dtype) {
            return Ok(());
        }
        let names: Vec<&str> = allowed.iter().map(|d| d.name()).collect();
        let what = format!("{}: tensors of {dtype} are not supported", self.name());
        Err(Error::usage(what).help(format!("T is one of {}", names.join(", "))))
    }
}

impl std::fmt::Debug for Callable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Callable({})", self.name())
    }
}

/// Whether the number `name` of a kernel, of type `dtype` and perhaps in a range, may have that value.
///
/// # Errors
/// When it is none of its type or outside the range, naming kernel and number.
pub fn check_number(
    kernel: &str,
    name: &str,
    dtype: DType,
    range: Option<&Range<f64>>,
    value: f64,
) -> Result<()> {
    let fail = |text: String| Err(Error::usage(format!("{kernel}: {text}, got {value}")));
    // The kernel gets what the type makes of it.
    let rounded = dtype.round(value);
    if !dtype.is_float() && rounded != value {
        return fail(format!("`{name}` must be a number of type {dtype}"));
    }
    match range.filter(|range| !range.contains(&rounded)) {
        None => Ok(()),
        Some(range) => fail(format!("{name} must be in [{}, {})", range.start, range.end)),
    }
}

/// The parameters of a signature that have a type variable, with it.
pub(crate) fn variables_of(signature: &Signature) -> Vec<(String, String)> {
    let generic = signature.params.iter().filter(|p| DType::parse(&p.dtype).is_none());
    generic.map(|p| (p.name.clone(), p.dtype.clone())).collect()
}

/// The numbers of a signature that may not have every value.
pub(crate) fn ranges_of(signature: &Signature) -> Vec<(String, Range<f64>)> {
    let of = |p: &SignatureParam| Some((p.name.clone(), p.range.clone()?));
    signature.params.iter().filter_map(of).collect()
}

fn default(param: &Param) -> Option<f64> {
    match param.kind {
        tilewright_ir::ParamKind::Scalar { default, .. } => default,
        tilewright_ir::ParamKind::Tensor { .. } => None,
    }
}
