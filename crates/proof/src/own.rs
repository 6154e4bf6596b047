//! What the runner and the clock do for the catalog, for a callable that is not in it: one-liners, kernels of one's own.

use crate::bench::{Budget, Timing, timed};
use crate::judge::{UNIT, Worst, judge, sensitivities};
use crate::random::Random;
use std::fmt;
use std::time::Instant;
use tilewright_ir::bind::show_shape;
use tilewright_ir::interpret::Tensor as Values;
use tilewright_ir::tolerance::Work;
use tilewright_ir::{DType, Program, bind};
use tilewright_kernels::{Fill, Inputs};
use tilewright_runtime::{DeviceKind, Error, Result, Runtime};
use tilewright_tensor::{Call, Callable, Outputs, Tensor};

/// The interpreter, which finds races and what was never written, is asked about tensors of up to this many elements.
const INTERPRETED: usize = 1 << 16;
/// Slopes of each input that are compared with differences of the reference.
const SLOPES: usize = 48;
/// The step of a difference, as a share of the greater of the element and 1: its error in f64 is far below any of f32.
const STEP: f64 = 1e-5;
/// Where the slopes to both sides differ by more than this share of the greatest, the reference has a kink.
const KINK: f64 = 1e-3;

/// Normal numbers, one in a hundred of them twenty times as great. The same seed gives the same ones.
///
/// # Errors
/// When memory runs out.
pub fn normal(dtype: DType, shape: &[usize], seed: u64) -> Result<Tensor> {
    let count = shape.iter().product();
    let values = Random::named(seed, "normal").fill(Fill::Normal, count, |_| 0);
    Tensor::from_f64(dtype, shape, &values)
}

/// Holds a callable to a reference in f64, on these inputs, in row-major order and with the last two axes of each the other
/// way round, and on the interpreter, which finds races and what was never written. The reference gives the outputs in
/// order; the tolerance is computed from the kernel's own operations and sums. Numbers have their defaults.
///
/// ```
/// use tilewright_proof::{gradient_matches, matches, normal};
/// use tilewright_tensor::elementwise;
/// use tilewright_kernels::Inputs;
/// use tilewright_ir::DType;
///
/// let softplus = elementwise("log(1 + exp(x))")?;
/// let reference = |a: &Inputs| vec![a.tensor("x").iter().map(|x| x.exp().ln_1p()).collect()];
/// for shape in [&[8, 1024][..], &[3, 1, 7], &[0]] {
///     let x = normal(DType::F32, shape, 0)?;
///     matches(&softplus, reference, &[&x])?;
///     gradient_matches(&softplus, reference, &[&x])?;
/// }
/// let wrong = |a: &Inputs| vec![a.tensor("x").iter().map(|x| x.exp()).collect()];
/// assert!(matches(&softplus, wrong, &[&normal(DType::F32, &[9], 0)?]).is_err());
/// # Ok::<(), tilewright_proof::Error>(())
/// ```
///
/// # Errors
/// When the inputs do not fit, or the first element that is not right, with the tolerance there.
pub fn matches(
    callable: &Callable,
    reference: impl Fn(&Inputs) -> Vec<Vec<f64>>,
    inputs: &[&Tensor],
) -> Result<Worst> {
    // First, so that a reference never sees inputs that do not fit.
    let plain = callable.call_all(inputs)?;
    let seen = Seen::new(callable, inputs)?;
    let right = reference(&seen.inputs);
    let scales = sensitivities(&right, |random| reference(&seen.moved(random)));
    let turned = inputs.iter().map(|x| turned(x)).collect::<Result<Vec<_>>>()?;
    let mut runs = vec![
        ("", plain),
        (", its inputs turned", callable.call_all(&turned.iter().collect::<Vec<_>>())?),
    ];
    let device = callable.runtime()?.caps().kind;
    if seen.largest <= INTERPRETED && device != DeviceKind::Interpreter {
        let interpreted = callable.on(&Runtime::open("interpreter")?);
        runs.push((" on the interpreter", interpreted.call_all(inputs)?));
    }
    let mut worst = Worst::default();
    for (how, outputs) in &runs {
        let found: Vec<(&str, &Tensor)> = outputs.iter().collect();
        if found.len() != right.len() {
            let (a, b) = (found.len(), right.len());
            let what = format!("{}: {a} outputs, the reference has {b}", callable.name());
            return Err(Error::usage(what));
        }
        for (i, (name, output)) in found.into_iter().enumerate() {
            let tolerance = seen.work.tolerance(output.dtype());
            let here = judge(&values(output)?, &right[i], &tolerance, Some(&scales[i]));
            worst = worst.max(here.map_err(|miss| {
                Error::failure(format!("{}{how}: `{name}`: {miss}", callable.name()))
            })?);
        }
    }
    Ok(worst)
}

/// Holds the gradient of a callable to differences of its reference in f64, with random cotangents: of each float input
/// all slopes, or a sample of many. Where the reference has a kink there is no slope to compare.
///
/// # Errors
/// When there is no gradient, the inputs do not fit, or the first slope that is not right.
pub fn gradient_matches(
    callable: &Callable,
    reference: impl Fn(&Inputs) -> Vec<Vec<f64>>,
    inputs: &[&Tensor],
) -> Result<Worst> {
    let gradient = callable.grad()?;
    let seen = Seen::new(callable, inputs)?;
    let mut random = Random::named(0, callable.name());
    let mut cotangents: Vec<(String, Tensor)> = Vec::new();
    let mut weights: Vec<Vec<f64>> = Vec::new();
    for (i, (name, output)) in callable.call_all(inputs)?.iter().enumerate() {
        let name = format!("d_{name}");
        let asked = gradient.inputs().iter().any(|p| p.name == name);
        let cotangent = normal(output.dtype(), output.shape(), 1 + i as u64)?;
        weights.push(if asked { cotangent.to_f64()? } else { vec![0.0; output.len()] });
        if asked {
            cotangents.push((name, cotangent));
        }
    }
    let found = bound(&gradient, callable, inputs, &cotangents)?;
    let right = reference(&seen.inputs);
    let done = work(&gradient.programs(seen.dtype)?, &[], seen.largest);
    let mut worst = Worst::default();
    for param in callable.inputs() {
        let name = format!("d_{}", param.name);
        let Some(slopes) = found.get(&name) else { continue };
        let dtype = slopes.dtype();
        let slopes = slopes.to_f64()?;
        let mut at: Vec<usize> = (0..slopes.len()).collect();
        while at.len() > SLOPES {
            at.swap_remove(random.below(at.len()));
        }
        let differences: Vec<Difference> = at
            .iter()
            .map(|&i| Difference::of(&reference, &right, &seen.inputs, &param.name, i, &weights))
            .collect();
        let scale = differences.iter().fold(0.0f64, |most, d| most.max(d.scale));
        let tolerance = done.tolerance(dtype);
        for (&i, right) in at.iter().zip(&differences).filter(|(_, d)| !d.is_kink(scale)) {
            let allowed = tolerance.allowed(right.slope, scale) + right.doubt;
            let error = (slopes[i] - right.slope).abs();
            // A slope that is no number is no match either.
            if !(error <= allowed || slopes[i] == right.slope) {
                return Err(Error::failure(format!(
                    "{}: `{name}`: element {i} is {}, differences of the reference give {} (off by {error:.3e}, \
                     {allowed:.3e} allowed)",
                    callable.name(),
                    slopes[i],
                    right.slope
                )));
            }
            worst = worst.max(Worst { error, allowed });
        }
    }
    Ok(worst)
}

/// A slope by differences.
struct Difference {
    slope: f64,
    /// What the parts of the slope add up to without their signs.
    scale: f64,
    /// How far it may be off: what half the step moved it by, and what f64 rounds the reference by.
    doubt: f64,
    /// How far the slopes to both sides are apart.
    bend: f64,
}

impl Difference {
    fn of(
        reference: &impl Fn(&Inputs) -> Vec<Vec<f64>>,
        right: &[Vec<f64>],
        inputs: &Inputs,
        name: &str,
        element: usize,
        weights: &[Vec<f64>],
    ) -> Difference {
        let x = inputs.tensor(name)[element];
        let step = STEP * x.abs().max(1.0);
        let at = |x: f64| {
            let mut moved = inputs.clone();
            if let Some(values) = moved.tensors.get_mut(name) {
                values[element] = x;
            }
            reference(&moved)
        };
        let by = |step: f64| {
            let (above, below) = (at(x + step), at(x - step));
            let mut found = Difference { slope: 0.0, scale: 0.0, doubt: 0.0, bend: 0.0 };
            for (((above, below), here), weights) in
                above.iter().zip(&below).zip(right).zip(weights)
            {
                for (((a, b), here), weight) in above.iter().zip(below).zip(here).zip(weights) {
                    let part = weight * (a - b) / (2.0 * step);
                    found.slope += part;
                    found.scale += part.abs();
                    found.doubt += weight.abs() * a.abs().max(b.abs()) * f64::EPSILON / step;
                    found.bend += weight * ((a - here) - (here - b)) / step;
                }
            }
            found
        };
        let (whole, half) = (by(step), by(step / 2.0));
        let doubt = half.doubt + (whole.slope - half.slope).abs();
        Difference { doubt, bend: half.bend.abs(), ..half }
    }

    fn is_kink(&self, scale: f64) -> bool {
        self.bend > KINK * scale || !self.slope.is_finite()
    }
}

/// Callables that do the same, timed in turns.
#[derive(Clone, Debug)]
pub struct SideBySide {
    /// The shapes of the inputs.
    pub shapes: Vec<Vec<usize>>,
    /// Each callable by the name that it was given, and what it took.
    pub rows: Vec<(String, Timing)>,
}

impl SideBySide {
    /// How many times as fast as the last one the callable number `row` is.
    pub fn speedup(&self, row: usize) -> f64 {
        let median = |row: Option<&(String, Timing)>| row.map_or(f64::NAN, |(_, t)| t.median);
        median(self.rows.last()) / median(self.rows.get(row))
    }
}

impl fmt::Display for SideBySide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes: Vec<String> = self.shapes.iter().map(|shape| show_shape(shape)).collect();
        writeln!(f, "{}", shapes.join(" "))?;
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (i, (name, timing)) in self.rows.iter().enumerate() {
            let Timing { median, spread, .. } = *timing;
            let (spread, speedup) = (spread * 100.0, self.speedup(i));
            writeln!(f, "  {name:width$}  {median:9.4} ms  spread {spread:3.0} %  {speedup:6.2}x")?;
        }
        Ok(())
    }
}

/// Times callables that do the same on the same inputs, in turns, so that a slow moment of the machine falls on all of them.
/// Outputs are preallocated. The last one is what the others are compared with.
///
/// # Errors
/// When the inputs do not fit one, or outputs have other shapes than the last one's.
pub fn side_by_side(
    callables: &[(&str, &Callable)],
    inputs: &[&Tensor],
    budget: Budget,
) -> Result<SideBySide> {
    let mut racers = Vec::new();
    for &(name, callable) in callables {
        let runtime = callable.runtime()?;
        let inputs = inputs.iter().map(|x| x.on(&runtime)).collect::<Result<Vec<_>>>()?;
        let outputs = callable.call_all(&inputs.iter().collect::<Vec<_>>())?.into_tensors();
        racers.push((name, callable, runtime, inputs, outputs, Vec::new()));
    }
    let shapes_of =
        |tensors: &[Tensor]| tensors.iter().map(|t| t.shape().to_vec()).collect::<Vec<_>>();
    if let Some((last, .., made, _)) = racers.last() {
        let right = shapes_of(made);
        if let Some((name, ..)) = racers.iter().find(|(.., outputs, _)| shapes_of(outputs) != right)
        {
            return Err(Error::usage(format!(
                "`{name}` gives outputs of other shapes than `{last}`"
            )));
        }
    }
    let started = Instant::now();
    let mut rounds = 0;
    while rounds < budget.runs.max(1) || started.elapsed() < budget.time {
        for (_, callable, runtime, inputs, outputs, runs) in &mut racers {
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let took = timed(&**runtime.device(), Instant::now(), &mut || {
                let mut outputs: Vec<&mut Tensor> = outputs.iter_mut().collect();
                callable.call_into(&inputs, &mut outputs)
            })?;
            runs.push(took * 1e3);
        }
        rounds += 1;
    }
    let rows = racers.into_iter().map(|(name, .., runs)| (name.into(), Timing::of(runs))).collect();
    Ok(SideBySide { shapes: inputs.iter().map(|x| x.shape().to_vec()).collect(), rows })
}

/// A call as its reference sees it.
struct Seen {
    inputs: Inputs,
    /// The names of the float inputs.
    floats: Vec<String>,
    /// What `T` is.
    dtype: DType,
    work: Work,
    /// Elements of the largest input.
    largest: usize,
}

impl Seen {
    fn new(callable: &Callable, tensors: &[&Tensor]) -> Result<Seen> {
        let mut inputs = Inputs::default();
        let mut floats = Vec::new();
        for (param, tensor) in callable.inputs().into_iter().zip(tensors) {
            inputs.tensors.insert(param.name.clone(), tensor.to_f64()?);
            if tensor.dtype().is_float() {
                floats.push(param.name);
            }
        }
        for scalar in callable.scalars() {
            inputs.scalars.insert(scalar.name, scalar.default.unwrap_or(f64::NAN));
        }
        let dtype = tensors.iter().map(|t| t.dtype()).find(|d| d.is_float()).unwrap_or(DType::F32);
        let largest = tensors.iter().map(|t| t.len()).max().unwrap_or(0);
        let programs = callable.programs(dtype)?;
        let given: Vec<(String, &Tensor)> =
            callable.inputs().into_iter().map(|p| p.name).zip(tensors.iter().copied()).collect();
        for program in &programs {
            if let Some(dims) = sizes(program, &given) {
                let named = program.dims.iter().map(|dim| dim.name.clone());
                inputs.sizes.extend(named.zip(dims));
            }
        }
        let work = work(&programs, &given, largest);
        Ok(Seen { inputs, floats, dtype, work, largest })
    }

    /// Every float moved by about one unit.
    fn moved(&self, random: &mut Random) -> Inputs {
        let mut moved = self.inputs.clone();
        for name in &self.floats {
            if let Some(values) = moved.tensors.get_mut(name) {
                random.shift(values, UNIT);
            }
        }
        moved
    }
}

/// The sizes of a program where the shapes of a call fit it as they are: those of broadcast formulas and turned rows do not.
fn sizes(program: &Program, given: &[(String, &Tensor)]) -> Option<Vec<usize>> {
    let shape_of =
        |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, t)| t.shape().to_vec());
    let shapes: Vec<_> = program.params.iter().map(|p| shape_of(&p.name)).collect();
    Some(bind(program, &shapes, &[]).ok()?.dims)
}

/// What programs round, one after the other. Where the sizes are not known, a sum may be as long as the largest tensor.
fn work(programs: &[Program], given: &[(String, &Tensor)], largest: usize) -> Work {
    Work::of_all(programs.iter().map(|program| {
        let dims = sizes(program, given).unwrap_or_else(|| vec![largest; program.dims.len()]);
        Work::of(program, &dims)
    }))
}

/// Calls a gradient on the inputs of its callable and cotangents by name.
fn bound(
    gradient: &Callable,
    callable: &Callable,
    inputs: &[&Tensor],
    cotangents: &[(String, Tensor)],
) -> Result<Outputs> {
    let takes = gradient.inputs();
    let mut call: Call<'_> = gradient.bind();
    for (param, tensor) in callable.inputs().into_iter().zip(inputs) {
        if takes.iter().any(|p| p.name == param.name) {
            call = call.input(&param.name, tensor);
        }
    }
    for (name, cotangent) in cotangents {
        call = call.input(name, cotangent);
    }
    call.run()
}

/// The same values with the last two axes the other way round in memory.
fn turned(x: &Tensor) -> Result<Tensor> {
    match x.rank() {
        0 | 1 => Ok(x.clone()),
        _ => x.transpose()?.contiguous()?.transpose(),
    }
}

fn values(tensor: &Tensor) -> Result<Values> {
    Ok(Values::from_values(tensor.dtype(), tensor.shape(), &tensor.to_f64()?))
}
