//! The tape: calls in the order in which they were made, and reverse mode over them.

use crate::{Callable, Error, Result, Tensor, elementwise};
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
    callable: Callable,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    scalars: Vec<(String, f64)>,
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

    /// Calls a kernel with numbers by name, and remembers the call; returns every output.
    ///
    /// # Errors
    /// As [`Callable::call_all`], for a kernel that updates tensors in place, and for a variable of another tape.
    pub fn call_with(
        &self,
        callable: &Callable,
        inputs: &[&Variable],
        scalars: &[(&str, f64)],
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
        let call = scalars.iter().fold(call, |call, (name, value)| call.scalar(name, *value));
        let outputs: Vec<Variable> =
            call.run()?.into_tensors().into_iter().map(|tensor| self.watch(tensor)).collect();
        self.steps.borrow_mut().push(Step {
            callable: callable.clone(),
            inputs: inputs.iter().map(|v| v.number).collect(),
            outputs: outputs.iter().map(|v| v.number).collect(),
            scalars: scalars.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
        });
        Ok(outputs)
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

impl Step {
    /// The gradients of the inputs, each with the input's number.
    fn backward(
        &self,
        values: &[Tensor],
        found: &[Option<Tensor>],
    ) -> Result<Vec<(usize, Tensor)>> {
        let gradient = self.callable.gradient()?;
        let inputs = self.callable.inputs();
        let outputs = self.callable.outputs();
        let mut cotangents = Vec::new();
        for (output, &number) in outputs.iter().zip(&self.outputs) {
            if output.dtype.is_float() {
                cotangents.push((
                    format!("d_{}", output.name),
                    match &found[number] {
                        Some(cotangent) => cotangent.clone(),
                        None => Tensor::zeros(values[number].dtype(), values[number].shape())?,
                    },
                ));
            }
        }
        let mut call = gradient.bind();
        for (input, &number) in inputs.iter().zip(&self.inputs) {
            call = call.input(&input.name, &values[number]);
        }
        for (name, cotangent) in &cotangents {
            call = call.input(name, cotangent);
        }
        let call = self.scalars.iter().fold(call, |call, (name, value)| call.scalar(name, *value));
        let made = call.run()?;
        let gradients = inputs.iter().zip(&self.inputs).filter_map(|(input, &number)| {
            let tensor = made.get(&format!("d_{}", input.name))?;
            Some((number, tensor.clone()))
        });
        Ok(gradients.collect())
    }
}
