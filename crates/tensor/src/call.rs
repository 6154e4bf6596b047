//! One call of a [`Callable`]: its arguments, and what comes back.

use crate::callable::Stage;
use crate::frame::{After, Arrange, Frame};
use crate::inline::Inline;
use crate::interface::{Interface, Role};
use crate::started::Started;
use crate::{Callable, Result, Tensor};
use std::ops::Index;
use std::sync::Arc;
use tilewright_ir::bind::show_shape;
use tilewright_ir::{Access, ParamKind};
use tilewright_runtime::{Error, Kernel, Plan, Runtime, Value};

/// A call in the making; see [`Callable::bind`].
pub struct Call<'a> {
    callable: &'a Callable,
    slots: Inline<Slot<'a>>,
    sizes: Vec<(&'a str, usize)>,
    /// The first mistake, told by [`run`](Self::run).
    mistake: Option<Error>,
}

/// Hears of each program before it starts.
type Tell<'a> = dyn FnMut(&Stage, &Arc<Plan>, &[Slot<'_>]) + 'a;

/// What a call holds for one parameter.
pub(crate) enum Slot<'a> {
    Empty,
    In(&'a Tensor),
    Out(&'a mut Tensor),
    Scalar(f64),
    /// Made by the call: an output, a tensor between two programs, or a copy to update.
    Made(Tensor),
}

impl Slot<'_> {
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Slot::In(tensor) => Some(tensor),
            Slot::Out(tensor) => Some(tensor),
            Slot::Made(tensor) => Some(tensor),
            Slot::Empty | Slot::Scalar(_) => None,
        }
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(callable: &'a Callable) -> Self {
        let slots = Inline::new(callable.interface.slots.len(), || Slot::Empty);
        Call { callable, slots, sizes: Vec::new(), mistake: None }
    }

    /// Passes a tensor to read. One that the kernel updates in place is copied first, and the copy is an output.
    #[inline]
    pub fn input(mut self, name: &str, tensor: &'a Tensor) -> Self {
        self.put(name, &[Role::Input, Role::InOut], Slot::In(tensor));
        self
    }

    /// Passes a tensor to write, or to update in place.
    #[inline]
    pub fn output(mut self, name: &str, tensor: &'a mut Tensor) -> Self {
        self.put(name, &[Role::Output, Role::InOut], Slot::Out(tensor));
        self
    }

    /// Passes a number.
    #[inline]
    pub fn scalar(mut self, name: &str, value: f64) -> Self {
        self.put(name, &[Role::Scalar], Slot::Scalar(value));
        if let Err(error) = self.callable.check_scalar(name, value) {
            self.fail(error);
        }
        self
    }

    /// Gives a size that no input tells.
    #[inline]
    pub fn size(mut self, name: &'a str, value: usize) -> Self {
        self.sizes.push((name, value));
        self
    }

    fn put(&mut self, name: &str, roles: &[Role], slot: Slot<'a>) {
        let interface = &self.callable.interface;
        match interface.find(name) {
            Ok(i) if roles.contains(&interface.slots[i].role) => self.slots[i] = slot,
            Ok(i) => {
                let what = match interface.slots[i].role {
                    Role::Input => "is a tensor that is read: pass it with `input`",
                    Role::Output => "is an output: pass it with `output`, or leave it out",
                    Role::Scalar => "is a number: pass it with `scalar`",
                    Role::InOut | Role::Between => "is a tensor",
                };
                self.fail(Error::usage(format!("{}: `{name}` {what}", interface.name)));
            }
            Err(error) => self.fail(error),
        }
    }

    /// Passes tensors to read in order.
    pub(crate) fn positional(&mut self, tensors: &[&'a Tensor]) {
        let roles = &[Role::Input, Role::InOut];
        for ((i, _), tensor) in self.callable.interface.of_role(roles).zip(tensors) {
            self.slots[i] = Slot::In(tensor);
        }
        self.check_count("input", tensors.len(), roles);
    }

    /// Passes tensors to write in order.
    pub(crate) fn positional_outputs<'b: 'a>(&mut self, tensors: &'b mut [&mut Tensor]) {
        let given = tensors.len();
        for ((i, _), tensor) in self.callable.interface.of_role(&[Role::Output]).zip(tensors) {
            self.slots[i] = Slot::Out(tensor);
        }
        self.check_count("output", given, &[Role::Output]);
    }

    fn check_count(&mut self, what: &str, given: usize, roles: &[Role]) {
        let expected = self.callable.interface.of_role(roles);
        if given != expected.clone().count() {
            let names: Vec<&str> = expected.map(|(_, s)| s.param.name.as_str()).collect();
            let name = self.callable.name();
            let text = format!("{name}: {given} {what} tensors, expected {}", names.len());
            self.fail(Error::usage(text).help(format!("its {what}s are {}", names.join(", "))));
        }
    }

    fn fail(&mut self, error: Error) {
        self.mistake.get_or_insert(error);
    }

    /// Runs it. What was not passed with [`output`](Self::output) comes back.
    ///
    /// # Errors
    /// When an argument is unknown, missing or does not fit; when the device fails.
    pub fn run(self) -> Result<Outputs> {
        self.run_telling(&mut |_, _, _| {})
    }

    /// As [`run`](Self::run), with the programs that it started: what it takes to time or tune them one by one.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_traced(self) -> Result<(Outputs, Vec<Started>)> {
        let mut all = Vec::new();
        let interface = &self.callable.interface;
        let outputs = self.run_telling(&mut |stage, plan, slots| {
            let role = |i: usize| interface.slots.get(stage.slots[i]).map(|info| info.role);
            let read = |i| matches!(role(i), Some(Role::Input | Role::InOut));
            all.push(Started::new(&stage.kernel, plan, slots, read));
        })?;
        Ok((outputs, all))
    }

    /// The callable.
    pub fn callable(&self) -> &'a Callable {
        self.callable
    }

    /// The tensors that were passed, by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let slots = self.callable.interface.slots.iter().zip(self.slots.iter());
        slots.filter_map(|(info, slot)| Some((info.param.name.as_str(), slot.tensor()?)))
    }

    fn run_telling(mut self, tell: &mut Tell<'_>) -> Result<Outputs> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let callable = self.callable;
        let runtime = callable.runtime()?;
        let frame = match &callable.recipe.arrange {
            Some(Arrange::Map(map)) => map.frame(&callable.interface, &mut self.slots)?,
            Some(Arrange::Rows(rows)) => rows.frame(&callable.interface, &mut self.slots)?,
            None => None,
        };
        let mut later = Vec::new();
        if let Some(frame) = &frame {
            self.check_outer(frame)?;
            // What has to be turned or summed is made first, and then put where the caller wants it.
            for (i, after) in frame.after.iter().enumerate() {
                if *after != After::Nothing && matches!(self.slots[i], Slot::Out(_)) {
                    later.push((i, std::mem::replace(&mut self.slots[i], Slot::Empty)));
                }
            }
        }
        let layout = frame.as_ref().and_then(|frame| frame.layout.as_ref());
        let compiled = callable.compiled(&runtime, &self.slots, layout)?;
        self.check_sizes(&compiled.stages)?;
        let sizes = std::mem::take(&mut self.sizes);
        let mut temporaries: Vec<_> = (0..compiled.temporaries).map(|_| Slot::Empty).collect();
        for stage in &compiled.stages {
            let constants = &compiled.constants;
            let frame = frame.as_ref();
            let running = Running { callable, stage, constants, sizes: &sizes, frame };
            if stage.in_order {
                // It reads every input, so that its outputs have their leading axes.
                running.run(&runtime, &mut self.slots, &|_, _| None, tell)?;
            } else {
                let mut slots = Inline::new(stage.slots.len(), || Slot::Empty);
                self.exchange(&mut temporaries, stage, &mut slots);
                let outer = |i: usize, shape: &[usize]| self.outer(i, shape);
                running.run(&runtime, &mut slots, &outer, tell)?;
                self.exchange(&mut temporaries, stage, &mut slots);
            }
            callable.count_launch();
        }
        let mut made = Vec::new();
        for (i, _) in callable.interface.of_role(&[Role::Output, Role::InOut]) {
            if let Slot::Made(tensor) = std::mem::replace(&mut self.slots[i], Slot::Empty) {
                let tensor = match &frame {
                    Some(frame) => frame.finish(i, tensor, &runtime)?,
                    None => match self.outer(i, tensor.shape()) {
                        Some(shape) => tensor.reshape(&shape)?,
                        None => tensor,
                    },
                };
                match later.iter_mut().find(|(slot, _)| *slot == i) {
                    Some((_, Slot::Out(wanted))) => self.put_into(i, wanted, &tensor)?,
                    _ => made.push((i, tensor)),
                }
            }
        }
        Ok(Outputs { interface: callable.interface.clone(), tensors: made })
    }

    /// The shape that the caller sees of output `i`, where a program that reads no input of its leading axes makes it
    /// of `shape`, with one axis for them.
    fn outer(&self, i: usize, shape: &[usize]) -> Option<Vec<usize>> {
        let interface = &self.callable.interface;
        let info = interface.slots.get(i)?;
        let name = info.leading.as_ref()?;
        let own = info.leading_axes(shape)?;
        let mut inputs = interface.of_role(&[Role::Input, Role::InOut]);
        let told = inputs.find_map(|(j, other)| {
            let axes = other.leading_axes(self.slots[j].tensor()?.shape())?;
            (other.leading.as_ref() == Some(name)).then_some(axes)
        })?;
        let alike = told.iter().product::<usize>() == own.iter().product::<usize>();
        (alike && told != own).then(|| [told, &shape[own.len()..]].concat())
    }

    /// Exchanges what the parameters of one program hold with what the call holds for them.
    fn exchange(&mut self, temporaries: &mut [Slot<'a>], stage: &Stage, slots: &mut [Slot<'a>]) {
        let own = self.slots.len();
        for (slot, &i) in slots.iter_mut().zip(&stage.slots) {
            let held = match i < own {
                true => self.slots.get_mut(i),
                false => temporaries.get_mut(i - own),
            };
            if let Some(held) = held {
                std::mem::swap(slot, held);
            }
        }
    }

    /// Tensors to write have the shape that the caller sees, not that of joined axes.
    fn check_outer(&self, frame: &Frame) -> Result<()> {
        for (i, slot) in self.slots.iter().enumerate() {
            let (Slot::Out(tensor), Some(shape)) = (slot, &frame.outer[i]) else { continue };
            let name = &self.callable.interface.slots[i].param.name;
            if tensor.shape() != shape {
                let (given, shape) = (show_shape(tensor.shape()), show_shape(shape));
                let what = format!("`{name}` has shape {given}, expected {shape}");
                return Err(Error::usage(format!("{}: {what}", self.callable.name())));
            }
        }
        Ok(())
    }

    /// Gives a tensor of the caller's the elements of a result, in its own memory where nobody shares that.
    fn put_into(&self, i: usize, wanted: &mut Tensor, made: &Tensor) -> Result<()> {
        if wanted.dtype() != made.dtype() {
            let (name, told) = (&self.callable.interface.slots[i].param.name, wanted.dtype());
            let what = format!("`{name}` has dtype {told}, expected {}", made.dtype());
            return Err(Error::usage(format!("{}: {what}", self.callable.name())));
        }
        match wanted.is_exclusive() {
            true => wanted.overwrite(made),
            false => {
                *wanted = made.contiguous()?;
                Ok(())
            }
        }
    }

    /// A size that no program has is a mistake.
    fn check_sizes(&self, stages: &[Stage]) -> Result<()> {
        for (name, _) in &self.sizes {
            let mut dims = stages.iter().flat_map(|s| &s.kernel.program().dims);
            if !dims.any(|dim| dim.name == *name) {
                let what = format!("{}: there is no size `{name}`", self.callable.name());
                return Err(Error::usage(what));
            }
        }
        Ok(())
    }
}

/// One program of a call.
struct Running<'a> {
    callable: &'a Callable,
    stage: &'a Stage,
    /// Those that shapes told.
    constants: &'a [(String, usize)],
    sizes: &'a [(&'a str, usize)],
    frame: Option<&'a Frame>,
}

impl Running<'_> {
    /// Runs it on the slots of its parameters, making the outputs that the caller did not pass; `outer` is
    /// [`Call::outer`].
    fn run(
        &self,
        runtime: &Runtime,
        slots: &mut [Slot<'_>],
        outer: &dyn Fn(usize, &[usize]) -> Option<Vec<usize>>,
        tell: &mut Tell<'_>,
    ) -> Result<()> {
        let stage = self.stage;
        let kernel = &*stage.kernel;
        let params = &kernel.program().params;
        let joined = |i: usize| self.frame.and_then(|f| f.joined.get(stage.slots[i])?.as_deref());
        let mut shapes = Inline::new(slots.len(), || None);
        for (i, (shape, slot)) in shapes.iter_mut().zip(slots.iter()).enumerate() {
            // The shapes of outputs follow from those of the inputs; the launch compares.
            if !matches!(params[i].kind, ParamKind::Tensor { access: Access::Out, .. }) {
                *shape = slot.tensor().map(|tensor| joined(i).unwrap_or(tensor.shape()));
            }
        }
        let plan = match self.plan(kernel, &shapes) {
            Ok(plan) => plan,
            // Some size may be told by an output alone.
            Err(_) => {
                for (i, (shape, slot)) in shapes.iter_mut().zip(slots.iter()).enumerate() {
                    *shape = slot.tensor().map(|tensor| joined(i).unwrap_or(tensor.shape()));
                }
                let recorded = |error| self.callable.recorded_for(self.constants, error);
                self.plan(kernel, &shapes).map_err(recorded)?
            }
        };
        drop(shapes);
        tell(stage, &plan, slots);
        for (i, (param, slot)) in params.iter().zip(slots.iter_mut()).enumerate() {
            let ParamKind::Tensor { dtype, access, .. } = param.kind else { continue };
            match (access, &mut *slot) {
                (Access::In, _) => {}
                (Access::Out, Slot::Empty) => {
                    *slot = Slot::Made(Tensor::empty(runtime, dtype, plan.shape(i))?);
                }
                (Access::InOut, Slot::In(tensor)) => {
                    *slot = Slot::Made(tensor.copied(runtime)?);
                }
                // A tensor is a value: memory that another one shares is left alone.
                (Access::Out, Slot::Out(tensor)) if !tensor.is_exclusive() => {
                    **tensor = Tensor::empty(runtime, tensor.dtype(), tensor.shape())?;
                }
                (Access::InOut, Slot::Out(tensor)) if !tensor.is_exclusive() => {
                    **tensor = tensor.copied(runtime)?;
                }
                _ => {}
            }
        }
        // Tensors to write may have the leading axes of an input that another program reads.
        let mut flat = Inline::new(slots.len(), || None);
        for (i, (flat, slot)) in flat.iter_mut().zip(slots.iter()).enumerate() {
            if let Slot::Out(tensor) = slot {
                let outer = outer(stage.slots[i], plan.shape(i));
                *flat = outer.filter(|o| o == tensor.shape()).map(|_| plan.shape(i));
            }
        }
        let mut values = Inline::new(slots.len(), || Value::Default);
        for (i, ((value, param), slot)) in
            values.iter_mut().zip(params).zip(slots.iter_mut()).enumerate()
        {
            let reads = matches!(param.kind, ParamKind::Tensor { access: Access::In, .. });
            *value = match slot {
                Slot::Empty => Value::Default,
                Slot::Scalar(number) => Value::Scalar(*number),
                Slot::In(tensor) => Value::In(tensor.reference()),
                // What one program wrote, a later one may read.
                Slot::Made(tensor) => passed(tensor, reads, joined(i))?,
                Slot::Out(tensor) => passed(tensor, reads, joined(i).or(flat[i]))?,
            };
        }
        kernel.start(&plan, &values)
    }

    fn plan(&self, kernel: &Kernel, shapes: &[Option<&[usize]>]) -> Result<Arc<Plan>> {
        if self.sizes.is_empty() {
            return kernel.plan(shapes, &[]);
        }
        let dims = &kernel.program().dims;
        let known = self.sizes.iter().filter(|(name, _)| dims.iter().any(|d| d.name == *name));
        kernel.plan(shapes, &known.copied().collect::<Vec<_>>())
    }
}

/// A tensor of the call's own, or one to write, as the kernel takes it.
fn passed<'a>(
    tensor: &'a mut Tensor,
    reads: bool,
    shape: Option<&'a [usize]>,
) -> Result<Value<'a>> {
    if reads {
        return Ok(Value::In(tensor.reference()));
    }
    let writable = tensor.writable(shape).map(Value::Out);
    writable.ok_or_else(|| Error::failure("an output's memory is shared"))
}

/// The tensors that a call made, by name.
pub struct Outputs {
    interface: Arc<Interface>,
    tensors: Vec<(usize, Tensor)>,
}

impl Outputs {
    /// The tensor called `name`, if the call made one.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.iter().find(|(n, _)| *n == name).map(|(_, tensor)| tensor)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let name = |i: usize| self.interface.slots[i].param.name.as_str();
        self.tensors.iter().map(move |(i, tensor)| (name(*i), tensor))
    }

    /// The tensors in order.
    pub fn into_tensors(self) -> Vec<Tensor> {
        self.tensors.into_iter().map(|(_, tensor)| tensor).collect()
    }

    /// The only tensor.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn single(mut self) -> Result<Tensor> {
        if let [_] = self.tensors.as_slice()
            && let Some((_, tensor)) = self.tensors.pop()
        {
            return Ok(tensor);
        }
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        let (name, count) = (&self.interface.name, names.len());
        let what = format!("{name} has {count} outputs ({}): use `call_all`", names.join(", "));
        Err(Error::usage(what))
    }

    /// The two tensors, in the kernel's order.
    ///
    /// # Errors
    /// When there are not exactly two.
    pub fn pair(self) -> Result<[Tensor; 2]> {
        let interface = self.interface.clone();
        let error = |_| Error::usage(format!("{} has not two outputs", interface.name));
        self.into_tensors().try_into().map_err(error)
    }
}

impl Index<&str> for Outputs {
    type Output = Tensor;

    /// # Panics
    /// When the call made no tensor of that name, like the index of a map.
    fn index(&self, name: &str) -> &Tensor {
        self.get(name).unwrap_or_else(|| panic!("{} made no `{name}`", self.interface.name))
    }
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
