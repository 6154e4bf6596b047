//! Gradients of callables, as callables.

use crate::callable::{Callable, Recipe, Recording};
use crate::frame::Arrange;
use crate::interface::{Role, SlotInfo};
use crate::{Error, Result};
use tilewright_lang::oneliner::OUTPUT;
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
            ranges: self.recipe.ranges.clone(),
            first: self.gradient_inputs(),
        })?;
        Ok(match self.chosen_runtime() {
            Some(runtime) => gradient.on(runtime),
            None => gradient,
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
