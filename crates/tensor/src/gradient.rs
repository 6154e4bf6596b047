//! Gradients of callables, as callables.

use crate::callable::{Callable, Recipe, Recording};
use crate::interface::Role;
use crate::{Error, Result};
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
    /// The gradient, from the recording, or by the kernels that the catalog names for it. Its inputs are this callable's inputs and the cotangent `d_<output>` of each
    /// float output, as far as they are needed; its outputs are `d_<input>` of each float input.
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
        let record = move |specialization: &_| {
            let recording = (forward.record)(specialization)?;
            let [program] = recording.programs.as_slice() else {
                let what = format!("{}: a gradient has no gradient of its own", forward.name);
                return Err(Error::usage(what));
            };
            let backward = match &forward.by_hand {
                Some(by_hand) => chosen(by_hand(specialization)?, &options, &forward.name)?,
                None => grad(program, &options).map_err(|e| Error::usage(e.to_string()))?,
            };
            Ok(Recording { programs: backward.programs, between: backward.temporaries })
        };
        let mut variables = self.recipe.variables.clone();
        for (name, variable) in &self.recipe.variables {
            variables.push((format!("d_{name}"), variable.clone()));
            variables.push((format!("d_{name}_before"), variable.clone()));
        }
        let gradient = Callable::new(Recipe {
            name: format!("{} gradient", self.recipe.name),
            variables,
            dtypes: self.recipe.dtypes.clone(),
            base: self.recipe.base.clone(),
            broadcast: false,
            record: Box::new(record),
            by_hand: None,
        })?;
        Ok(match self.chosen_runtime() {
            Some(runtime) => gradient.on(runtime),
            None => gradient,
        })
    }

    /// The names of the float outputs, each of which has a cotangent `d_<name>` in the gradient.
    pub fn float_outputs(&self) -> Vec<String> {
        let outputs = self.interface.of_role(&[Role::InOut, Role::Output]);
        let float = outputs.filter(|(_, slot)| slot.dtype().is_float());
        float.map(|(_, slot)| slot.param.name.clone()).collect()
    }
}
