//! Gradients of callables, as callables.

use crate::callable::{Callable, Recipe, Recording};
use crate::frame::Arrange;
use crate::interface::{Role, SlotInfo};
use crate::{Error, Result};
use std::sync::Arc;
use tilewright_ir::bind::show_declared;
use tilewright_ir::{Access, Param, ParamKind, Program};
use tilewright_lang::oneliner::{Layout, OUTPUT};
use tilewright_lang::{Args, Kernel, Specialization, record};
use tilewright_passes::{Backward, GradOptions, grad};

/// What `options` ask for of a gradient written by hand.
fn chosen(backward: Backward, options: &GradOptions, kernel: &str) -> Result<Backward> {
    let Some(inputs) = &options.inputs else { return Ok(backward) };
    let wanted: Vec<String> = inputs.iter().map(|name| format!("d_{name}")).collect();
    backward.only(&wanted).map_err(|name| {
        let input = name.trim_start_matches("d_");
        Error::usage(format!("{kernel}: there is no gradient of an input `{input}`"))
    })
}

/// Whether kernels that make the gradient of `forward` read what it has and make what is asked of it.
fn fits(forward: &Program, gradient: &[Program]) -> Result<()> {
    let fail = |what: String| Err(Error::usage(format!("{}: {what}", forward.name)));
    // What a name must be declared as: as the parameter of that name, without `d_` for a slope.
    let namesake = |name: &str| {
        let slope = name.strip_prefix("d_").and_then(|of| forward.find_param(of));
        let of = forward.find_param(name).or(slope)?;
        Some(&forward.params[of.index()])
    };
    let mut made: Vec<&str> = Vec::new();
    for program in gradient {
        for param in &program.params {
            let (name, read) = (param.name.as_str(), !matches!(access(param), Some(Access::Out)));
            if made.contains(&name) {
                continue;
            }
            let Some(of) = namesake(name) else {
                if !read {
                    continue; // for a later kernel
                }
                return fail(format!(
                    "its gradient reads `{name}`, which is no input, number or cotangent `d_<output>` of it"
                ));
            };
            let own = of.name == name;
            let is_output = matches!(access(of), Some(Access::Out));
            match (read, own, is_output) {
                (true, true, true) => {
                    return fail(format!(
                        "its gradient reads the output `{name}`, which is not kept: compute it again"
                    ));
                }
                (true, false, false) => {
                    return fail(format!(
                        "its gradient reads `{name}`, which no earlier kernel made"
                    ));
                }
                (false, true, _) => {
                    return fail(format!("its gradient writes `{name}`; gradients are `d_{name}`"));
                }
                (false, false, true) => {
                    return fail(format!(
                        "its gradient writes `{name}`, the cotangent of an output"
                    ));
                }
                _ => {}
            }
            let declared = |program: &Program, param: &Param| match &param.kind {
                ParamKind::Tensor { dtype, .. } => {
                    format!("{dtype}{}", show_declared(program, param))
                }
                ParamKind::Scalar { dtype, .. } => dtype.to_string(),
            };
            let (here, there) = (declared(program, param), declared(forward, of));
            if here != there {
                return fail(format!(
                    "in its gradient `{name}` is {here}, but `{}` is {there}",
                    of.name
                ));
            }
        }
        made.extend(tilewright_ir::bind::outputs(program).map(|(_, param)| param.name.as_str()));
    }
    Ok(())
}

/// What a kernel does with a tensor.
fn access(param: &Param) -> Option<Access> {
    match param.kind {
        ParamKind::Tensor { access, .. } => Some(access),
        ParamKind::Scalar { .. } => None,
    }
}

impl Callable {
    /// The gradient, from the recording (or by hand, where the kernel brings one). Its inputs are this callable's
    /// inputs, then the cotangent `d_<output>` of each float output; by name, those it does not read may be left out.
    /// Its outputs are `d_<input>` of each float input.
    ///
    /// ```
    /// use tilewright_tensor::{kernel, Tensor};
    ///
    /// let softmax = kernel("softmax")?;
    /// let gradient = softmax.grad()?;
    /// let (x, dy) = (Tensor::from([[1.0f32, 2.0, 3.0]]), Tensor::from([[1.0f32, 0.0, 0.0]]));
    /// let dx = gradient.bind().input("x", &x).input("d_y", &dy).run()?.single()?;
    /// let expected = [0.0819251, -0.0220330, -0.0598920];
    /// for (a, b) in dx.to_vec::<f32>()?.iter().zip(expected) {
    ///     assert!((a - b).abs() < 1e-6);
    /// }
    /// # Ok::<(), tilewright_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// When an op without a gradient stands in the way, with the author's line.
    pub fn grad(&self) -> Result<Callable> {
        self.grad_with(&GradOptions::default())
    }

    /// The gradient of some outputs with respect to some inputs.
    ///
    /// # Errors
    /// As [`grad`](Self::grad), and when an option names no input or output.
    pub fn grad_with(&self, options: &GradOptions) -> Result<Callable> {
        let (forward, options) = (self.recipe.clone(), options.clone());
        if !forward.first.is_empty() {
            let what = format!("{}: a gradient has no gradient of its own", forward.name);
            return Err(Error::usage(what));
        }
        let record = move |specialization: &_, layout: Option<&_>| {
            let backward = match &forward.by_hand {
                Some(by_hand) => chosen(by_hand(specialization, layout)?, &options, &forward.name)?,
                None => {
                    let recording = (forward.record)(specialization, layout)?;
                    let program = recording.programs.first();
                    let program = program.ok_or_else(|| Error::failure("no program"))?;
                    grad(program, &options).map_err(|e| Error::usage(e.to_string()))?
                }
            };
            Ok(Recording::from(backward))
        };
        let mut variables = self.recipe.variables.clone();
        for (name, variable) in &self.recipe.variables {
            variables.push((format!("d_{name}"), variable.clone()));
            variables.push((format!("d_{name}_before"), variable.clone()));
        }
        // Where an input is left out, its dtype is that of the cotangent.
        let is_map = matches!(self.recipe.arrange, Some(Arrange::Map(_)));
        let own = is_map.then_some(&self.recipe.variables).into_iter().flatten();
        let hints = own.map(|(_, variable)| (format!("d_{OUTPUT}"), variable.clone())).collect();
        let gradient = Callable::new(Recipe {
            name: format!("{} gradient", self.recipe.name),
            variables,
            hints,
            dtypes: self.recipe.dtypes.clone(),
            base: self.recipe.base.clone(),
            told: self.recipe.told.clone(),
            arrange: self.recipe.arrange.clone(),
            record: Box::new(record),
            by_hand: None,
            own: Vec::new(),
            ranges: self.recipe.ranges.clone(),
            first: self.gradient_inputs(),
        })?;
        Ok(match self.chosen_runtime() {
            Some(runtime) => gradient.on(runtime),
            None => gradient,
        })
    }

    /// The same kernel with a gradient of the author's own in place of the recording's: where that has none (a device
    /// loop with carried values), or is not what is wanted (a straight-through estimator). `signature` declares what the
    /// gradient reads, of the inputs and numbers of this kernel and the cotangents `d_<output>`, and what it makes, `d_<input>`,
    /// each with the dtype and axes of its namesake. Called again it adds a kernel that runs after the former, and may read
    /// what that made, whatever its name.
    ///
    /// ```
    /// use tilewright_tensor::{tile_kernel, Tensor};
    ///
    /// // Rounds to the nearest multiple of `step`; slopes pass as if it did not, within ± 1.
    /// let round = tile_kernel("round", "x: T[*n], step: f32 = 0.5 -> y: T[*n]", |_, a| {
    ///     a["y"].store((a["x"].load() / a.scalar("step")).round() * a.scalar("step"));
    /// })?
    /// .with_gradient("x: T[*n], d_y: T[*n] -> d_x: T[*n]", |_, a| {
    ///     let inside = a["x"].load().abs().le(1.0);
    ///     a["d_x"].store(inside.select(a["d_y"].load(), 0.0));
    /// })?;
    /// let (x, dy) = (Tensor::from([0.3f32, 7.0]), Tensor::from([1.0f32, 1.0]));
    /// assert_eq!(round.call(&[&x])?.to_vec::<f32>()?, [0.5, 7.0]);
    /// assert_eq!(round.grad()?.call(&[&x, &dy])?.to_vec::<f32>()?, [1.0, 0.0]);
    /// # Ok::<(), tilewright_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`tile_kernel`](crate::tile_kernel); when a name or its declaration does not fit this kernel; for formulas, which
    /// [`elementwise_with_gradient`](crate::elementwise_with_gradient) serves.
    pub fn with_gradient(
        self,
        signature: &str,
        build: impl Fn(&mut Kernel, &Args) + Send + Sync + 'static,
    ) -> Result<Callable> {
        let (forward, before) = (self.recipe.clone(), self.recipe.own.clone());
        if forward.arrange.is_some() || !forward.first.is_empty() {
            let error = Error::usage(format!("{}: only a tile kernel takes one", forward.name));
            return Err(error.help("formulas have `elementwise_with_gradient`"));
        }
        let name = format!("{}_gradient", forward.name);
        let text = signature.to_string();
        let mut own = before.clone();
        own.push(Arc::new(move |s: &Specialization| {
            Ok(record(&name, &text, s, |k, a| build(k, a))?)
        }));
        let by_hand = {
            let (forward, own) = (forward.clone(), own.clone());
            move |specialization: &Specialization, layout: Option<&Layout>| {
                let program = (forward.record)(specialization, layout)?.programs.pop();
                let program = program.ok_or_else(|| Error::failure("no program"))?;
                let programs = own.iter().map(|kernel| kernel(specialization));
                let programs = programs.collect::<Result<Vec<_>>>()?;
                fits(&program, &programs)?;
                Ok(Backward::by_hand(&program, programs))
            }
        };
        by_hand(&forward.base, None)?;
        let record = {
            let forward = forward.clone();
            move |s: &Specialization, layout: Option<&Layout>| (forward.record)(s, layout)
        };
        let callable = Callable::new(Recipe {
            name: forward.name.clone(),
            variables: forward.variables.clone(),
            hints: forward.hints.clone(),
            dtypes: forward.dtypes.clone(),
            base: forward.base.clone(),
            told: forward.told.clone(),
            arrange: None,
            record: Box::new(record),
            by_hand: Some(Box::new(by_hand)),
            own,
            ranges: forward.ranges.clone(),
            first: Vec::new(),
        })?;
        Ok(match self.chosen_runtime() {
            Some(runtime) => callable.on(runtime),
            None => callable,
        })
    }

    /// What a caller of the gradient passes: this callable's inputs and numbers, and a cotangent for each float
    /// output. Those that the gradient does not read are accepted all the same.
    fn gradient_inputs(&self) -> Vec<SlotInfo> {
        let slots = &self.interface.slots;
        let read = slots.iter().filter(|s| matches!(s.role, Role::Input | Role::InOut));
        let mut inputs: Vec<SlotInfo> = read
            .map(|slot| SlotInfo { role: Role::Input, ..slot.clone() })
            .chain(slots.iter().filter(|s| s.role == Role::Scalar).cloned())
            .collect();
        for (_, slot) in self.interface.of_role(&[Role::Output, Role::InOut]) {
            if slot.dtype().is_float() {
                let mut cotangent = SlotInfo { role: Role::Input, ..slot.clone() };
                cotangent.param.name = format!("d_{}", slot.param.name);
                inputs.push(cotangent);
            }
        }
        inputs
    }

    /// The names of the float outputs, each of which has a cotangent `d_<name>` in the gradient.
    pub fn float_outputs(&self) -> Vec<String> {
        let outputs = self.interface.of_role(&[Role::InOut, Role::Output]);
        let float = outputs.filter(|(_, slot)| slot.dtype().is_float());
        float.map(|(_, slot)| slot.param.name.clone()).collect()
    }
}
