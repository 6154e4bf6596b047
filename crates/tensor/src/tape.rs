//! The tape: calls in the order in which they were made, and reverse mode over them.

use crate::{Call, Callable, Error, Result, Tensor, elementwise};
use std::cell::RefCell;
use std::sync::Arc;
use tilewright_ir::bind::show_shape;

/// Calls of kernels, remembered so that a result can be differentiated.
///
/// ```
/// use tilewright_tensor::{elementwise, kernel, Tape, Tensor};
///
/// let tape = Tape::new();
/// let x = tape.watch(Tensor::from([[1.0f32, 2.0, 3.0]]));
/// let weight = tape.watch(Tensor::from([1.0f32, 1.0, 2.0]));
/// let y = tape.call(&kernel("rmsnorm")?, &[&x, &weight])?;
/// let loss = tape.call(&kernel("sum")?, &[&tape.call(&elementwise("y * y")?, &[&y])?])?;
/// let gradients = tape.backward(&loss)?;
/// assert_eq!(gradients.of(&weight).map(|d| d.shape().to_vec()), Some(vec![3]));
/// # Ok::<(), tilewright_tensor::Error>(())
/// ```
#[derive(Default)]
pub struct Tape {
    steps: RefCell<Vec<Step>>,
    /// Dtype and shape, as a zero of nothing: enough to make a zero cotangent.
    values: RefCell<Vec<Tensor>>,
    /// What tells its variables from those of other tapes.
    mark: Arc<()>,
}

/// One remembered call.
struct Step {
    of: Of,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

/// What was called.
enum Of {
    /// A kernel with these numbers.
    Kernel(Callable, Vec<(String, f64)>),
    /// A function that brings its own gradient.
    Custom(Box<Slopes>),
}

/// What a function of one's own makes of the cotangents of its outputs.
type Slopes = dyn Fn(&Called<'_>) -> Result<Vec<Option<Tensor>>> + Send;

/// A call of [`Tape::custom`] on the way back.
pub struct Called<'a> {
    /// What it read.
    pub inputs: Vec<&'a Tensor>,
    /// What it made.
    pub outputs: Vec<&'a Tensor>,
    /// The gradient of the result with respect to each output; zeros where it does not depend on one.
    pub cotangents: Vec<Tensor>,
}

/// A tensor on a [`Tape`].
#[derive(Clone, Debug)]
pub struct Variable {
    number: usize,
    value: Tensor,
    /// That of its tape.
    mark: Arc<()>,
}

/// What [`Tape::backward`] found.
#[derive(Debug)]
pub struct Gradients {
    by_number: Vec<Option<Tensor>>,
    mark: Arc<()>,
}

impl Variable {
    /// The tensor.
    pub fn value(&self) -> &Tensor {
        &self.value
    }
}

impl Gradients {
    /// The gradient with respect to `variable`; `None` when the result does not depend on it, as on one of another
    /// tape.
    pub fn of(&self, variable: &Variable) -> Option<&Tensor> {
        let known = Arc::ptr_eq(&self.mark, &variable.mark);
        self.by_number.get(variable.number).filter(|_| known).and_then(Option::as_ref)
    }
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Puts a tensor on the tape.
    pub fn watch(&self, value: Tensor) -> Variable {
        let mut values = self.values.borrow_mut();
        values.push(value.clone());
        Variable { number: values.len() - 1, value, mark: self.mark.clone() }
    }

    /// Calls a kernel of one output and remembers the call.
    ///
    /// # Errors
    /// As [`Callable::call`].
    pub fn call(&self, callable: &Callable, inputs: &[&Variable]) -> Result<Variable> {
        let mut outputs = self.call_with(callable, inputs, &[])?;
        match (outputs.pop(), outputs.is_empty()) {
            (Some(output), true) => Ok(output),
            _ => Err(Error::usage(format!(
                "{} has several outputs: use `call_with`",
                callable.name()
            ))),
        }
    }

    /// Calls a kernel with numbers by name, its scalars and the sizes that no input tells, and remembers the call;
    /// returns every output.
    ///
    /// # Errors
    /// As [`Callable::call_all`], for a kernel that updates tensors in place, and for a variable of another tape.
    pub fn call_with(
        &self,
        callable: &Callable,
        inputs: &[&Variable],
        numbers: &[(&str, f64)],
    ) -> Result<Vec<Variable>> {
        if callable.updates_in_place() {
            let what =
                format!("{} updates a tensor in place: a tape cannot undo that", callable.name());
            return Err(Error::usage(what));
        }
        inputs.iter().try_for_each(|variable| self.own(variable))?;
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| &v.value).collect();
        let mut call = callable.bind();
        call.positional(&tensors);
        let call = numbers
            .iter()
            .try_fold(call, |call, (name, value)| number(callable, call, name, *value))?;
        let outputs: Vec<Variable> =
            call.run()?.into_tensors().into_iter().map(|tensor| self.watch(tensor)).collect();
        let numbers = numbers.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        self.remember(Of::Kernel(callable.clone(), numbers), inputs, &outputs);
        Ok(outputs)
    }

    /// Calls a function of one's own, such as a kernel from source, and remembers it with the gradient that it brings:
    /// `slopes` gets what the function read and made and a cotangent for each output, and gives the gradient of each input,
    /// in order and of the input's shape; `None` where there is none.
    ///
    /// ```
    /// use tilewright_tensor::{elementwise, Tape, Tensor};
    ///
    /// // Rounds, and lets the gradient through as if it did not (Bengio et al., 2013).
    /// let tape = Tape::new();
    /// let x = tape.watch(Tensor::from([0.4f32, 1.6]));
    /// let round = elementwise("round(x)")?;
    /// let y = tape.custom(
    ///     &[&x],
    ///     move |inputs| Ok(vec![round.call(inputs)?]),
    ///     |called| Ok(vec![Some(called.cotangents[0].clone())]),
    /// )?;
    /// let loss = tape.call(&elementwise("3 * y")?, &[&y[0]])?;
    /// let slopes = tape.backward(&loss)?.of(&x).map(Tensor::to_vec::<f32>);
    /// assert_eq!(slopes.transpose()?, Some(vec![3.0, 3.0]));
    /// # Ok::<(), tilewright_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `function`, and for a variable of another tape. On the way back those of `slopes`, and when it gives
    /// another number of gradients than there are inputs, or one of another shape.
    pub fn custom(
        &self,
        inputs: &[&Variable],
        function: impl FnOnce(&[&Tensor]) -> Result<Vec<Tensor>>,
        slopes: impl Fn(&Called<'_>) -> Result<Vec<Option<Tensor>>> + Send + 'static,
    ) -> Result<Vec<Variable>> {
        inputs.iter().try_for_each(|variable| self.own(variable))?;
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| &v.value).collect();
        let outputs: Vec<Variable> =
            function(&tensors)?.into_iter().map(|tensor| self.watch(tensor)).collect();
        self.remember(Of::Custom(Box::new(slopes)), inputs, &outputs);
        Ok(outputs)
    }

    fn remember(&self, of: Of, inputs: &[&Variable], outputs: &[Variable]) {
        self.steps.borrow_mut().push(Step {
            of,
            inputs: inputs.iter().map(|v| v.number).collect(),
            outputs: outputs.iter().map(|v| v.number).collect(),
        });
    }

    /// The gradient of the sum of `result`'s elements with respect to everything on the tape.
    ///
    /// # Errors
    /// When a kernel between a watched tensor and the result has no gradient, and when the result is of another tape.
    pub fn backward(&self, result: &Variable) -> Result<Gradients> {
        let ones = Tensor::full(result.value.dtype(), result.value.shape(), 1.0)?;
        self.backward_from(result, ones)
    }

    /// The gradient for a given cotangent of `result`.
    ///
    /// # Errors
    /// As [`backward`](Self::backward), and for a cotangent of another shape.
    pub fn backward_from(&self, result: &Variable, cotangent: Tensor) -> Result<Gradients> {
        if cotangent.shape() != result.value.shape() {
            let (given, shape) = (show_shape(cotangent.shape()), show_shape(result.value.shape()));
            return Err(Error::usage(format!(
                "a cotangent of shape {given} for a result of {shape}"
            )));
        }
        self.own(result)?;
        let values = self.values.borrow();
        let mut found: Vec<Option<Tensor>> = vec![None; values.len()];
        found[result.number] = Some(cotangent);
        let sum = elementwise("a + b")?;
        for step in self.steps.borrow().iter().rev() {
            if step.outputs.iter().all(|&o| found[o].is_none()) {
                continue;
            }
            for (number, gradient) in step.backward(&values, &found)? {
                found[number] = Some(match found[number].take() {
                    Some(before) => sum.call(&[&before, &gradient])?,
                    None => gradient,
                });
            }
        }
        Ok(Gradients { by_number: found, mark: self.mark.clone() })
    }

    /// Refuses a variable of another tape, whose number means something else here.
    fn own(&self, variable: &Variable) -> Result<()> {
        match Arc::ptr_eq(&self.mark, &variable.mark) {
            true => Ok(()),
            false => {
                let error = Error::usage("a variable is of another tape");
                Err(error
                    .help("put its tensor on this one: `tape.watch(variable.value().clone())`"))
            }
        }
    }
}

/// A call with a number more: a scalar, or a size that has no scalar's name.
fn number<'a>(callable: &Callable, call: Call<'a>, name: &'a str, value: f64) -> Result<Call<'a>> {
    if !callable.sizes().iter().any(|size| size == name) {
        return Ok(call.scalar(name, value));
    }
    // Sizes count in 32 bits.
    match value.fract() == 0.0 && (0.0..2147483648.0).contains(&value) {
        true => Ok(call.size(name, value as usize)),
        false => {
            let what = format!("{}: the size `{name}` is {value}", callable.name());
            Err(Error::usage(what).help("it is a whole number from 0 to 2147483647"))
        }
    }
}

impl Step {
    /// The gradients of the inputs, each with the input's number.
    fn backward(
        &self,
        values: &[Tensor],
        found: &[Option<Tensor>],
    ) -> Result<Vec<(usize, Tensor)>> {
        match &self.of {
            Of::Kernel(callable, numbers) => {
                self.backward_of_kernel(callable, numbers, values, found)
            }
            Of::Custom(slopes) => self.backward_of_custom(slopes, values, found),
        }
    }

    /// The cotangent of an output; zeros where the result does not depend on it.
    fn cotangent(output: usize, values: &[Tensor], found: &[Option<Tensor>]) -> Result<Tensor> {
        match &found[output] {
            Some(cotangent) => Ok(cotangent.clone()),
            None => Tensor::zeros(values[output].dtype(), values[output].shape()),
        }
    }

    fn backward_of_custom(
        &self,
        slopes: &Slopes,
        values: &[Tensor],
        found: &[Option<Tensor>],
    ) -> Result<Vec<(usize, Tensor)>> {
        let cotangents = self.outputs.iter().map(|&output| Self::cotangent(output, values, found));
        let made = slopes(&Called {
            inputs: self.inputs.iter().map(|&number| &values[number]).collect(),
            outputs: self.outputs.iter().map(|&number| &values[number]).collect(),
            cotangents: cotangents.collect::<Result<_>>()?,
        })?;
        if made.len() != self.inputs.len() {
            let (given, wanted) = (made.len(), self.inputs.len());
            let error = Error::usage(format!(
                "a function of one's own gave {given} gradients, it has {wanted} inputs"
            ));
            return Err(error.help("give one for each input in order, `None` where there is none"));
        }
        let mut gradients = Vec::new();
        for (i, (&number, gradient)) in self.inputs.iter().zip(made).enumerate() {
            let Some(gradient) = gradient else { continue };
            let shape = values[number].shape();
            if gradient.shape() != shape {
                let (given, wanted) = (show_shape(gradient.shape()), show_shape(shape));
                return Err(Error::usage(format!(
                    "a function of one's own gave a gradient of shape {given} for its input {i} of {wanted}"
                )));
            }
            gradients.push((number, gradient));
        }
        Ok(gradients)
    }

    fn backward_of_kernel(
        &self,
        callable: &Callable,
        numbers: &[(String, f64)],
        values: &[Tensor],
        found: &[Option<Tensor>],
    ) -> Result<Vec<(usize, Tensor)>> {
        let gradient = callable.gradient()?;
        let inputs = callable.inputs();
        let mut cotangents = Vec::new();
        for (output, &number) in callable.outputs().iter().zip(&self.outputs) {
            if output.dtype.is_float() {
                let cotangent = Self::cotangent(number, values, found)?;
                cotangents.push((format!("d_{}", output.name), cotangent));
            }
        }
        let mut call = gradient.bind();
        for (input, &number) in inputs.iter().zip(&self.inputs) {
            call = call.input(&input.name, &values[number]);
        }
        for (name, cotangent) in &cotangents {
            call = call.input(name, cotangent);
        }
        let call = numbers.iter().try_fold(call, |call, (name, value)| {
            // The shape of its cotangent tells a size that the gradient has no other use for.
            let is_size = callable.sizes().contains(name);
            match is_size && !gradient.sizes().contains(name) {
                true => Ok(call),
                false => number(&gradient, call, name, *value),
            }
        })?;
        let made = call.run()?;
        let gradients = inputs.iter().zip(&self.inputs).filter_map(|(input, &number)| {
            let tensor = made.get(&format!("d_{}", input.name))?;
            Some((number, tensor.clone()))
        });
        Ok(gradients.collect())
    }
}
