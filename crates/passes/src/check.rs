//! Gradients against finite differences.
//!
//! The program and its gradient run in f64 on the interpreter. With random cotangents the outputs make one number
//! `L`; its change along a direction `v` of one input, by a central difference of fourth order, must be
//! `Σ d_input v`. Directions are random, over all elements and over single ones, so that a check costs a few runs
//! whatever the size of the input.

use crate::grad::{Backward, GradOptions, grad};
use crate::precision::to_f64;
use std::collections::BTreeMap;
use tilewright_ir::interpret::{Argument, Tensor, interpret};
use tilewright_ir::{Access, DType, ParamKind, Program, bind};

/// Arguments by the names of parameters.
pub type Arguments = BTreeMap<String, Argument>;

/// How much to check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckOptions {
    /// What to differentiate.
    pub grad: GradOptions,
    /// Seed of the cotangents and directions.
    pub seed: u64,
    /// Random directions over all elements of each input.
    pub directions: usize,
    /// Random single elements of each input.
    pub elements: usize,
    /// Greatest accepted difference, as a share of what the directional derivative adds up.
    pub tolerance: f64,
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions {
            grad: GradOptions::default(),
            seed: 1,
            directions: 2,
            elements: 4,
            tolerance: 1e-6,
        }
    }
}

/// One directional derivative.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// The input.
    pub input: String,
    /// The only element that moves; `None` when all do.
    pub element: Option<usize>,
    /// `Σ d_input v`.
    pub analytic: f64,
    /// The central difference, at the step that agrees best.
    pub numeric: f64,
    /// The greatest difference that is accepted.
    pub allowed: f64,
}

impl Direction {
    /// True when the two agree. NaN never does.
    pub fn agrees(&self) -> bool {
        (self.analytic - self.numeric).abs() <= self.allowed
    }
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.element {
            Some(element) => write!(f, "`{}` element {element}: ", self.input)?,
            None => write!(f, "`{}` along a random direction: ", self.input)?,
        }
        write!(
            f,
            "gradient {:e}, finite difference {:e}, allowed difference {:e}",
            self.analytic, self.numeric, self.allowed
        )
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every directional derivative.
    pub directions: Vec<Direction>,
    /// Every gradient by its name, in f64.
    pub gradients: BTreeMap<String, Tensor>,
}

impl Report {
    /// The derivatives that disagree.
    pub fn failures(&self) -> impl Iterator<Item = &Direction> {
        self.directions.iter().filter(|d| !d.agrees())
    }

    /// True when all agree.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }
}

/// Checks the gradient of `program` at `inputs`, which holds its input tensors and scalars by name (scalars with
/// a default may be absent). `sizes` gives the sizes that no input's shape tells.
///
/// A step may cross a kink (of a maximum, a rounding); a smaller one is then tried, and the derivative agrees if it
/// does at any step.
///
/// # Errors
/// When the program has no gradient, or a program does not run; in words.
pub fn finite_difference_check(
    program: &Program,
    inputs: &Arguments,
    sizes: &[(&str, usize)],
    options: &CheckOptions,
) -> Result<Report, String> {
    let backward = grad(&to_f64(program)?, &options.grad).map_err(|e| e.to_string())?;
    check_backward(program, &backward, inputs, sizes, options)
}

/// As [`finite_difference_check`], of a gradient that is given: one written by hand, say. Its programs work in f64.
///
/// # Errors
/// When a program does not run; in words.
pub fn check_backward(
    program: &Program,
    backward: &Backward,
    inputs: &Arguments,
    sizes: &[(&str, usize)],
    options: &CheckOptions,
) -> Result<Report, String> {
    let forward = to_f64(program)?;
    let inputs = widened(program, inputs);
    let mut random = Random(options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let outputs = run(&forward, &inputs, sizes)?;
    let mut known = inputs.clone();
    let mut cotangents = BTreeMap::new();
    for (name, output) in &outputs {
        let d_name = format!("d_{name}");
        if output.dtype == DType::F64 && backward.cotangents.contains(&d_name) {
            let values: Vec<f64> = (0..output.elements()).map(|_| random.symmetric()).collect();
            let cotangent = Tensor::from_values(DType::F64, &output.shape, &values);
            known.insert(d_name, Argument::Tensor(cotangent));
            cotangents.insert(name.clone(), values);
        }
    }
    run_backward(backward, &mut known, sizes)?;
    let mut report = Report { directions: Vec::new(), gradients: BTreeMap::new() };
    for gradient_name in &backward.gradients {
        let Some(Argument::Tensor(gradient)) = known.get(gradient_name) else {
            return Err(format!("the gradient `{gradient_name}` was not made"));
        };
        report.gradients.insert(gradient_name.clone(), gradient.clone());
        let input = gradient_name.trim_start_matches("d_").trim_end_matches("_before").to_string();
        let elements = gradient.elements();
        let singles = if elements == 0 { 0 } else { options.elements };
        let picked: Vec<Option<usize>> = std::iter::repeat_n(None, options.directions)
            .chain((0..singles).map(|_| Some(random.below(elements))))
            .collect();
        for element in picked {
            let along: Vec<f64> = match element {
                Some(one) => (0..elements).map(|i| (i == one) as u8 as f64).collect(),
                None => (0..elements).map(|_| random.symmetric()).collect(),
            };
            let problem =
                Problem { forward: &forward, inputs: &inputs, sizes, cotangents: &cotangents };
            let mut direction = problem.compare(&input, &gradient.values(), &along, options)?;
            direction.element = element;
            report.directions.push(direction);
        }
    }
    Ok(report)
}

struct Problem<'a> {
    forward: &'a Program,
    inputs: &'a Arguments,
    sizes: &'a [(&'a str, usize)],
    cotangents: &'a BTreeMap<String, Vec<f64>>,
}

impl Problem<'_> {
    fn compare(
        &self,
        input: &str,
        gradient: &[f64],
        along: &[f64],
        options: &CheckOptions,
    ) -> Result<Direction, String> {
        let products = || gradient.iter().zip(along).map(|(g, v)| g * v);
        let (analytic, mass): (f64, f64) = (products().sum(), products().map(f64::abs).sum());
        let mut best = Direction {
            input: input.into(),
            element: None,
            analytic,
            numeric: f64::NAN,
            allowed: 0.0,
        };
        for step in [1e-3, 1e-4, 1e-5, 1e-6] {
            let mut values = [0.0; 4];
            let mut size = 0.0;
            for (value, steps) in values.iter_mut().zip([-2.0, -1.0, 1.0, 2.0]) {
                let (loss, magnitude) = self.loss(input, along, steps * step)?;
                *value = loss;
                size = f64::max(size, magnitude);
            }
            // Fourth order: (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12 h.
            let numeric =
                (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * step);
            // Each loss is a sum whose terms round; their errors are divided by the step.
            let noise = 16.0 * f64::EPSILON * size / step;
            let allowed = options.tolerance * mass + noise;
            let found = Direction { numeric, allowed, ..best.clone() };
            let closer = (found.numeric - analytic).abs() < (best.numeric - analytic).abs();
            if best.numeric.is_nan() || closer {
                best = found;
            }
            if best.agrees() {
                break;
            }
        }
        Ok(best)
    }

    /// The sum of outputs times cotangents with `input` moved, and the sum of its terms' magnitudes.
    fn loss(&self, input: &str, along: &[f64], step: f64) -> Result<(f64, f64), String> {
        let mut moved = self.inputs.clone();
        let Some(Argument::Tensor(tensor)) = moved.get_mut(input) else {
            return Err(format!("the input `{input}` is missing"));
        };
        let values: Vec<f64> =
            tensor.values().iter().zip(along).map(|(x, v)| x + step * v).collect();
        *tensor = Tensor::from_values(DType::F64, &tensor.shape.clone(), &values);
        let outputs = run(self.forward, &moved, self.sizes)?;
        let (mut loss, mut magnitude) = (0.0, 0.0);
        for (name, cotangent) in self.cotangents {
            let Some(output) = outputs.get(name) else { continue };
            for (y, c) in output.values().iter().zip(cotangent) {
                loss += y * c;
                magnitude += (y * c).abs();
            }
        }
        Ok((loss, magnitude))
    }
}

/// Runs one program on the interpreter and gives its outputs by name.
///
/// # Errors
/// When an input is missing, the shapes do not fit, or the program faults; in words.
pub fn run(
    program: &Program,
    inputs: &Arguments,
    sizes: &[(&str, usize)],
) -> Result<BTreeMap<String, Tensor>, String> {
    let mut shapes = Vec::new();
    for param in &program.params {
        shapes.push(match (&param.kind, inputs.get(&param.name)) {
            (ParamKind::Tensor { access: Access::Out, .. } | ParamKind::Scalar { .. }, _) => None,
            (_, Some(Argument::Tensor(tensor))) => Some(tensor.shape.clone()),
            _ => return Err(format!("{}: the input `{}` is missing", program.name, param.name)),
        });
    }
    let dims: Vec<(&str, usize)> = sizes
        .iter()
        .filter(|(name, _)| program.dims.iter().any(|d| d.name == *name))
        .copied()
        .collect();
    let bindings = bind(program, &shapes, &dims).map_err(|e| e.to_string())?;
    let mut arguments = Vec::new();
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        arguments.push(match (&param.kind, inputs.get(&param.name)) {
            (ParamKind::Tensor { access: Access::Out, dtype, .. }, _) => {
                Argument::Tensor(Tensor::zeros(*dtype, shape))
            }
            (_, Some(given)) => given.clone(),
            (ParamKind::Scalar { default: Some(value), .. }, None) => Argument::Scalar(*value),
            _ => return Err(format!("{}: the input `{}` is missing", program.name, param.name)),
        });
    }
    interpret(program, &mut arguments, &bindings).map_err(|fault| fault.to_string())?;
    let outputs = program.params.iter().zip(arguments).filter_map(|(param, argument)| {
        match (&param.kind, argument) {
            (ParamKind::Tensor { access: Access::In, .. }, _) => None,
            (ParamKind::Tensor { .. }, Argument::Tensor(tensor)) => {
                Some((param.name.clone(), tensor))
            }
            _ => None,
        }
    });
    Ok(outputs.collect())
}

/// Runs the programs of a gradient in order. `known` holds inputs and cotangents, and afterwards also gradients and
/// temporaries.
///
/// # Errors
/// As [`run`].
pub fn run_backward(
    backward: &Backward,
    known: &mut Arguments,
    sizes: &[(&str, usize)],
) -> Result<(), String> {
    for program in &backward.programs {
        let outputs = run(program, known, sizes)?;
        known.extend(outputs.into_iter().map(|(name, tensor)| (name, Argument::Tensor(tensor))));
    }
    Ok(())
}

/// The arguments with every float tensor in f64.
fn widened(program: &Program, inputs: &Arguments) -> Arguments {
    let mut wide = inputs.clone();
    for param in &program.params {
        if let ParamKind::Tensor { dtype, .. } = param.kind
            && let Some(Argument::Tensor(tensor)) = wide.get_mut(&param.name)
            && dtype.is_float()
        {
            *tensor = Tensor::from_values(DType::F64, &tensor.shape.clone(), &tensor.values());
        }
    }
    wide
}

/// A xorshift generator: the same directions on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Uniform in -1 .. 1.
    fn symmetric(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}
