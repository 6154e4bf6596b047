//! One call of a kernel: its program, its sizes, what goes in, and the same for the reference.

use crate::random::Random;
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{Access, Bindings, DType, Param, ParamKind, Program, bind};
use tilewright_kernels::{Case, Entry, Fill, Inputs};

/// A kernel with arguments of one case.
#[derive(Clone, Debug)]
pub struct Call {
    /// The recording.
    pub program: Program,
    /// Its sizes and shapes.
    pub bindings: Bindings,
    /// One argument a parameter; outputs hold zeros.
    pub arguments: Vec<Argument>,
    /// The inputs as the reference sees them.
    pub inputs: Inputs,
    /// Two read tensors that are one memory on the device.
    pub same_memory: Option<(usize, usize)>,
}

impl Call {
    /// A case with random inputs. The same seed gives the same inputs, rounded to `dtype` where the signature says `T`.
    ///
    /// # Errors
    /// When the kernel does not record or the case does not fit it, in words.
    pub fn new(entry: &Entry, case: &Case, dtype: DType, seed: u64) -> Result<Call, String> {
        let specialization = entry.specialization(dtype, case.constants);
        let program = entry.record(&specialization).map_err(|e| e.to_string())?;
        let unknown = vec![None; program.params.len()];
        let bindings = bind(&program, &unknown, case.sizes).map_err(|e| e.to_string())?;
        let mut inputs = Inputs::default();
        for (name, value) in case.sizes {
            inputs.sizes.insert(name.to_string(), *value);
        }
        for (name, value) in specialization.constants() {
            inputs.sizes.insert(name.clone(), *value);
        }
        let mut random = Random::named(seed, entry.name);
        let mut arguments = Vec::with_capacity(program.params.len());
        for (param, shape) in program.params.iter().zip(&bindings.kernel_shapes) {
            let argument = argument(entry, case, param, shape, &inputs, &mut random)?;
            arguments.push(argument);
            let name = param.name.clone();
            match &arguments[arguments.len() - 1] {
                Argument::Scalar(value) => {
                    inputs.scalars.insert(name, *value);
                }
                Argument::Tensor(tensor) if !is_output(param) => {
                    inputs.tensors.insert(name, tensor.values());
                }
                Argument::Tensor(_) => {}
            }
        }
        Ok(Call { program, bindings, arguments, inputs, same_memory: None })
    }

    /// Puts other values in place of an input, for kernel and reference.
    pub fn set(&mut self, param: usize, values: &[f64]) {
        if let Argument::Tensor(tensor) = &mut self.arguments[param] {
            *tensor = Tensor::from_values(tensor.dtype, &tensor.shape, values);
            let name = self.program.params[param].name.clone();
            self.inputs.tensors.insert(name, tensor.values());
        }
    }

    /// The inputs with every float moved by about one unit in `epsilon`, up or down at random.
    pub fn perturbed(&self, random: &mut Random, epsilon: f64) -> Inputs {
        let mut moved = self.inputs.clone();
        for (i, values) in
            self.input_tensors().filter_map(|i| Some((i, self.arguments[i].tensor()?)))
        {
            if values.dtype.is_float() {
                let name = &self.program.params[i].name;
                if let Some(values) = moved.tensors.get_mut(name) {
                    random.shift(values, epsilon);
                }
            }
        }
        moved
    }

    /// The positions of the tensors that the kernel reads.
    pub fn input_tensors(&self) -> impl Iterator<Item = usize> {
        let params = self.program.params.iter().enumerate();
        params
            .filter(|(_, p)| matches!(p.kind, ParamKind::Tensor { .. }) && !is_output(p))
            .map(|(i, _)| i)
    }

    /// The positions of the tensors that the kernel writes.
    pub fn output_tensors(&self) -> impl Iterator<Item = usize> {
        tilewright_ir::bind::outputs(&self.program).map(|(i, _)| i)
    }

    /// Elements of the largest tensor.
    pub fn largest(&self) -> usize {
        let count = |shape: &Vec<usize>| shape.iter().product::<usize>();
        self.bindings.kernel_shapes.iter().map(count).max().unwrap_or(0)
    }
}

fn is_output(param: &Param) -> bool {
    matches!(param.kind, ParamKind::Tensor { access: Access::Out, .. })
}

/// Elements of the largest tensor of a case, without recording or filling anything twice.
pub fn largest(entry: &Entry, case: &Case, dtype: DType) -> Result<usize, String> {
    let program =
        entry.record(&entry.specialization(dtype, case.constants)).map_err(|e| e.to_string())?;
    let unknown = vec![None; program.params.len()];
    let bindings = bind(&program, &unknown, case.sizes).map_err(|e| e.to_string())?;
    Ok(bindings.kernel_shapes.iter().map(|s| s.iter().product()).max().unwrap_or(0))
}

fn argument(
    entry: &Entry,
    case: &Case,
    param: &Param,
    shape: &[usize],
    inputs: &Inputs,
    random: &mut Random,
) -> Result<Argument, String> {
    match &param.kind {
        ParamKind::Scalar { dtype, default } => {
            let given = case.scalars.iter().find(|(name, _)| *name == param.name);
            match given.map(|(_, value)| *value).or(*default) {
                Some(value) => Ok(Argument::Scalar(dtype.round(value))),
                None => Err(format!("the case gives no value to `{}`", param.name)),
            }
        }
        ParamKind::Tensor { dtype, access: Access::Out, .. } => {
            Ok(Argument::Tensor(Tensor::zeros(*dtype, shape)))
        }
        ParamKind::Tensor { dtype, .. } => {
            let fill = entry.fill(case, &param.name);
            let count = shape.iter().product();
            let mut values = random.fill(fill, count, |name| inputs.size(name));
            if fill == Fill::Bits {
                let bits = 8.0 * dtype.size() as f64;
                let sign = if dtype.is_signed() { 2f64.powf(bits - 1.0) } else { 0.0 };
                values.iter_mut().for_each(|x| *x = x.rem_euclid(2f64.powf(bits)) - sign);
            }
            Ok(Argument::Tensor(Tensor::from_values(*dtype, shape, &values)))
        }
    }
}
