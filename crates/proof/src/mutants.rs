//! Mutants of the catalog on a device against the interpreter: kernels and gradients as somebody wrote them, but for a
//! few changes that nobody thought of.
//!
//! A mutant is whatever its changes made of it: it may divide by what is nearly 0, compare what is nearly equal, or leave
//! a tensor. The interpreter refuses what no device may run. Of the rest, results count only as far as rounding leaves
//! them alone, which is measured by running the mutant with every result off by a little.

mod gradient;

pub use gradient::check_gradient_mutant;

use crate::call::{Call, largest};
use crate::gradient::{Known, arguments, gradient_of, with_cotangents};
use crate::judge::judge;
use crate::programs::{Compared, Disagreement, Verdict, results};
use crate::runner::dtypes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tilewright_ir::random::{Case, Random, cropped, mutate, relaid, shrink};
use tilewright_ir::tolerance::{Tolerance, Work};
use tilewright_ir::{
    Access, Argument, DType, ExprKind, ParamKind, Program, Tensor, Trial, UnaryOp, bind_arguments,
    interpret_trial,
};
use tilewright_kernels::{CATALOG, Entry, Grad};
use tilewright_runtime::{Device, DeviceKind, TargetError};

/// Changes at most.
const CHANGES: usize = 4;

/// How often a mutant is run with its results off by a little.
const MOVES: usize = 16;

/// The same before a difference is told of: while a mutant is made smaller, one is looked for that is rarely off.
const MOVES_AT_LAST: usize = 400;

/// How far they are off, in roundings of their type: enough to be told from roundings themselves.
const OFF: [f64; 2] = [4.0, 64.0];

/// How large mutants are.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Elements of a tensor.
    elements: usize,
    /// Elements that the interpreter computes.
    work: u64,
    /// How often a mutant is moved.
    moves: usize,
}

impl Size {
    fn of(device: &dyn Device) -> Size {
        match device.caps().kind {
            // Steps through every thread.
            DeviceKind::Emulator => Size { elements: 300, work: 1 << 15, moves: MOVES },
            _ => Size { elements: 3000, work: 1 << 19, moves: MOVES },
        }
    }

    /// A run without errors.
    fn trial(self) -> Trial {
        Trial { work: self.work, off: 0.0, random: Random::new(0), smooth: false }
    }
}

/// Runs the mutant of that seed on `device`. The same seed draws the same mutant for the same catalog and kind of device.
pub fn check_mutant(device: &dyn Device, seed: u64) -> Verdict {
    let size = Size::of(device);
    let Some((case, origin)) = draw(seed, size, true) else { return Verdict::Refused };
    let Some(right) = reference(&case.program, &case.arguments, size.trial()) else {
        return Verdict::Refused;
    };
    match compared(&case, &right, device, size) {
        Compared::Alike => return Verdict::Agrees,
        Compared::Refused => return Verdict::Refused,
        Compared::Apart(_) => {}
    }
    let differs = |case: &Case, moves: usize| {
        let right = reference(&case.program, &case.arguments, size.trial())?;
        compared(case, &right, device, Size { moves, ..size }).apart()
    };
    let small = shrink(&case, |case| differs(case, MOVES).is_some());
    let told =
        [small, case].into_iter().find_map(|case| Some((differs(&case, MOVES_AT_LAST)?, case)));
    let Some((what, small)) = told else { return Verdict::Agrees };
    Verdict::Differs(Box::new(Disagreement {
        seed,
        what: format!("a mutant of {origin}: {what}"),
        sizes: small.dims,
        program: small.program.compact().to_string(),
    }))
}

/// A mutant with arguments, of a kernel or, with `gradients`, of a gradient too, and whose it is.
fn draw(seed: u64, size: Size, gradients: bool) -> Option<(Case, String)> {
    let mut random = Random::new(seed);
    let entry = random.of(CATALOG);
    let (mut program, mut arguments, mut dims, origin) =
        original(entry, size, gradients, &mut random)?;
    for _ in 0..random.between(1, CHANGES) {
        program = mutate(&program, &mut random).unwrap_or(program);
    }
    if random.chance(0.5) {
        for size in &mut dims {
            *size = random.between(size.div_ceil(2), *size);
        }
        program.derive(&mut dims);
    }
    arguments = cropped(&program, &dims, &arguments);
    for (param, argument) in program.params.iter().zip(&mut arguments) {
        if let (ParamKind::Tensor { access, .. }, Argument::Tensor(tensor)) =
            (&param.kind, argument)
            && *access == Access::In
            && random.chance(0.2)
        {
            *tensor = relaid(tensor, &mut random);
        }
    }
    if random.chance(0.2) {
        // Where infinities meet zeros, products are what the order of their sums makes of them.
        let multiplies = |kind: &ExprKind| {
            use ExprKind::{Dot, ReduceBy, ScanBy, Unpack};
            matches!(kind, Dot(..) | Unpack { .. } | ReduceBy { .. } | ScanBy { .. })
        };
        let tame = program.exprs.iter().any(|expr| multiplies(&expr.kind));
        for (param, argument) in program.params.iter().zip(&mut arguments) {
            let (ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. }) = param.kind;
            spoil(dtype, argument, tame, &mut random);
        }
    }
    let scales = vec![0.0; arguments.len()];
    Some((Case { seed, program, arguments, scales, dims }, origin))
}

/// Puts numbers where few are (but -0, which equals the 0 that it may become) into an argument, at times; only some of
/// those if it is `tame`.
fn spoil(dtype: DType, argument: &mut Argument, tame: bool, random: &mut Random) {
    let number = |random: &mut Random| match dtype {
        _ if dtype.is_float() && tame => random.of(&[0.0, 1e-40, -1e-6, 0.5, -88.0]),
        _ if dtype.is_float() => {
            let great = if dtype == DType::F16 { 6e4 } else { 1e30 };
            let (nan, inf) = (f64::NAN, f64::INFINITY);
            random.of(&[nan, inf, -inf, 0.0, 1e-40, -1e-6, great, -great, 1e5, -88.0, 0.5])
        }
        // Beyond the greatest and the least is as far as they go.
        _ => dtype.round(random.of(&[-1e10, 1e10, -1.0, 0.0, 1.0, 31.0, 32.0, 127.0, 128.0])),
    };
    match argument {
        Argument::Tensor(tensor) if tensor.elements() > 0 && random.chance(0.5) => {
            let (mut values, shape) = (tensor.values(), tensor.shape.clone());
            for _ in 0..random.between(1, 3) {
                let at = random.below(values.len());
                values[at] = number(random);
            }
            *tensor = Tensor::from_values(tensor.dtype, &shape, &values);
        }
        Argument::Scalar(value) if random.chance(0.1) => *value = number(random),
        _ => {}
    }
}

/// A program of an entry or its gradient, with arguments and sizes, and what it is called.
fn original(
    entry: &'static Entry,
    size: Size,
    gradients: bool,
    random: &mut Random,
) -> Option<(Program, Vec<Argument>, Vec<usize>, String)> {
    let dtype = random.of(dtypes(entry));
    let first = random.below(entry.cases.len());
    let mut cases = entry.cases.iter().cycle().skip(first).take(entry.cases.len());
    let fits = |elements: usize| (1..=size.elements).contains(&elements);
    let case = cases.find(|case| largest(entry, case, dtype).is_ok_and(fits))?;
    let seed = random.bits();
    let call = Call::new(entry, case, dtype, seed).ok()?;
    let mut origin = format!("{} in {}", entry.name, dtype.name());
    if random.chance(0.6) || !gradients || matches!(entry.grad, Grad::None(_)) {
        return Some((call.program, call.arguments, call.bindings.dims, origin));
    }
    let backward = gradient_of(entry, case, dtype, &call.program, false).ok()?;
    let mut known: Known = with_cotangents(&call, &backward, seed);
    let chosen = random.below(backward.programs.len());
    origin.insert_str(0, "the gradient of ");
    for (number, program) in backward.programs.into_iter().enumerate() {
        let (arguments, bindings) = arguments(&program, &known, case).ok()?;
        if number == chosen {
            return Some((program, arguments, bindings.dims, origin));
        }
        let made = reference(&program, &arguments, size.trial())?;
        for (number, param) in tilewright_ir::bind::outputs(&program) {
            known.insert(param.name.clone(), made[number].clone());
        }
    }
    None
}

/// What the interpreter makes of the arguments, unless it finds a fault or takes too long.
fn reference(program: &Program, arguments: &[Argument], trial: Trial) -> Option<Vec<Argument>> {
    let mut arguments = arguments.to_vec();
    let bindings = bind_arguments(program, &arguments).ok()?;
    interpret_trial(program, &mut arguments, &bindings, trial).ok()?;
    Some(arguments)
}

/// A device's results beside those of the interpreter.
fn compared(case: &Case, right: &[Argument], device: &dyn Device, size: Size) -> Compared {
    let apart = match catch_unwind(AssertUnwindSafe(|| results(case, device))) {
        Ok(Ok(found)) => compare(case, &found, right, None)
            .and_then(|_| compare(case, &found, right, Some(&Shaken::measure(case, right, size)?))),
        Ok(Err(TargetError::Limit { .. })) => return Compared::Refused,
        // An index may be what rounding makes of it.
        Ok(Err(error)) => Shaken::measure(case, right, size).map(|_| error.to_string()),
        Err(_) => Some("it panicked".into()),
    };
    apart.map_or(Compared::Alike, Compared::Apart)
}

/// How far results of a mutant move.
struct Shaken {
    /// By parameter and element: the scale against which its errors count; infinite for those that rounding decides.
    scales: Vec<Vec<f64>>,
    /// What the mutant is once it has been rewritten, which may be finite where it overflowed.
    rewritten: Option<Vec<Argument>>,
    /// It takes logarithms of exponentials, which are what was there before rather than what rounding makes of it.
    cancels: bool,
}

impl Shaken {
    /// `None` when rounding decides whether the mutant runs at all.
    fn measure(case: &Case, right: &[Argument], size: Size) -> Option<Shaken> {
        let compute = Work::of(&case.program, &case.dims).compute;
        let allowed = Tolerance::of(&case.program, &case.dims, compute).absolute;
        let values = |arguments: &[Argument]| -> Vec<Vec<f64>> {
            let tensors = arguments.iter().map(|a| a.tensor().map(Tensor::values));
            tensors.map(Option::unwrap_or_default).collect()
        };
        let still = values(right);
        let mut scales: Vec<Vec<f64>> = still.iter().map(|v| vec![0.0; v.len()]).collect();
        for (number, off) in OFF.into_iter().cycle().take(size.moves).enumerate() {
            let trial = Trial { off, random: Random::new(number as u64), ..size.trial() };
            let moved = values(&reference(&case.program, &case.arguments, trial)?);
            for (number, argument) in right.iter().enumerate() {
                let Some(tensor) = argument.tensor() else { continue };
                for ((scale, &to), &from) in
                    scales[number].iter_mut().zip(&moved[number]).zip(&still[number])
                {
                    let same = to == from || (to.is_nan() && from.is_nan());
                    let decided = to.is_finite() != from.is_finite() || !tensor.dtype.is_float();
                    *scale = scale.max(match (same, decided) {
                        (true, _) => 0.0,
                        (false, true) => f64::INFINITY,
                        // At least as far as it moved here: it may have jumped.
                        (false, false) => (to - from).abs() / allowed.min(off * compute.epsilon()),
                    });
                }
            }
        }
        let mut rewritten = case.program.clone();
        tilewright_passes::pipeline::optimize(&mut rewritten);
        let rewritten = reference(&rewritten, &case.arguments, size.trial());
        let has = |wanted: &[UnaryOp]| {
            let ops = case.program.exprs.iter().filter_map(|expr| match expr.kind {
                ExprKind::Unary(op, _) => Some(op),
                _ => None,
            });
            ops.into_iter().any(|op| wanted.contains(&op))
        };
        let cancels = has(&[UnaryOp::Exp, UnaryOp::Exp2, UnaryOp::Expm1])
            && has(&[UnaryOp::Log, UnaryOp::Log2, UnaryOp::Log1p]);
        Some(Shaken { scales, rewritten, cancels })
    }
}

/// The first output that is not the interpreter's, if there is one.
fn compare(
    case: &Case,
    found: &[Argument],
    right: &[Argument],
    shaken: Option<&Shaken>,
) -> Option<String> {
    for (number, param) in tilewright_ir::bind::outputs(&case.program) {
        let (found, right) = (found[number].tensor()?, right[number].tensor()?);
        let tolerance = Tolerance::of(&case.program, &case.dims, right.dtype);
        let mut expected = right.values();
        let mut scales = None;
        if let Some(shaken) = shaken {
            let own = &shaken.scales[number];
            let rewritten = shaken.rewritten.as_ref().and_then(|all| all[number].tensor());
            let rewritten = rewritten.map(Tensor::values);
            for (i, (expected, found)) in expected.iter_mut().zip(found.values()).enumerate() {
                let other = rewritten.as_ref().map(|values| values[i]);
                if own[i].is_infinite() {
                    *expected = found;
                } else if let Some(other) = other
                    && (!expected.is_finite() || shaken.cancels && other == found)
                {
                    *expected = other;
                }
            }
            scales = Some(own.as_slice());
        }
        if let Err(miss) = judge(found, &expected, &tolerance, scales) {
            return Some(format!("`{}`: {miss}", param.name));
        }
    }
    None
}
