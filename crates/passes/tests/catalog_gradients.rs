//! The gradient of every kernel of the catalog that has one, against finite differences.

use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{Access, DType, ExprKind, ParamKind, Program, bind};
use tilewright_kernels::{CATALOG, Case, Entry, Fill, Grad};
use tilewright_lang::Specialization;
use tilewright_passes::check::{Arguments, CheckOptions, check_backward, run, run_backward};
use tilewright_passes::precision::to_f64;
use tilewright_passes::{Backward, GradOptions, grad};

/// Inputs of more elements than this are left to the runner of the catalog: the interpreter is slow.
const LARGEST: usize = 20_000;

/// A deterministic sequence in 0 .. 1.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn arguments(entry: &Entry, case: &Case, program: &Program) -> Option<Arguments> {
    let bindings = bind(program, &vec![None; program.params.len()], case.sizes).unwrap();
    let mut random = Sequence(7);
    let mut all = Arguments::new();
    let size = |name: &str| {
        let constants = entry.constants.iter();
        case.sizes
            .iter()
            .chain(case.constants)
            .chain(constants)
            .find(|(n, _)| *n == name)
            .unwrap()
            .1
    };
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        match &param.kind {
            ParamKind::Scalar { .. } => {
                if let Some((_, value)) = case.scalars.iter().find(|(n, _)| *n == param.name) {
                    all.insert(param.name.clone(), Argument::Scalar(*value));
                }
            }
            ParamKind::Tensor { dtype, access, .. } => {
                let elements: usize = shape.iter().product();
                if elements > LARGEST {
                    return None;
                }
                if *access == Access::Out {
                    continue;
                }
                let values: Vec<f64> = (0..elements)
                    .map(|i| match entry.fill(case, &param.name) {
                        Fill::Normal => {
                            let normal: f64 = (0..12).map(|_| random.next()).sum::<f64>() - 6.0;
                            if random.next() < 0.02 { 8.0 * normal } else { normal }
                        }
                        Fill::Distinct => (i as f64 * 0.618_033_988_749_895).fract() * 8.0 - 4.0,
                        Fill::Uniform(low, high) => low + (high - low) * random.next(),
                        Fill::Index(name) => (random.next() * size(name) as f64).floor(),
                        Fill::Integer(high) => (random.next() * (high as f64 + 1.0)).floor(),
                        Fill::Size(name) => size(name) as f64,
                        Fill::Permutation => i as f64,
                        Fill::Bits => (random.next() * 256.0).floor(),
                        Fill::Chance(p) => (random.next() < p) as u8 as f64,
                    })
                    .collect();
                all.insert(
                    param.name.clone(),
                    Argument::Tensor(Tensor::from_values(*dtype, shape, &values)),
                );
            }
        }
    }
    Some(all)
}

/// The gradient of an entry recorded for `specialization`, in f64 if `wide`; nothing if it has none.
fn backward(
    entry: &Entry,
    specialization: &Specialization,
    wide: bool,
) -> Option<Result<Backward, String>> {
    let widened = |program: Program| if wide { to_f64(&program) } else { Ok(program) };
    let forward = entry.record(specialization).unwrap_or_else(|e| panic!("{e}"));
    match entry.grad {
        Grad::None(_) => None,
        Grad::Auto => Some(
            widened(forward)
                .and_then(|f| grad(&f, &GradOptions::default()).map_err(|e| e.to_string())),
        ),
        Grad::By(kernels) => {
            let recorded = kernels.iter().map(|kernel| {
                widened(kernel.record(specialization).unwrap_or_else(|e| panic!("{e}")))
            });
            let programs: Result<Vec<Program>, String> = recorded.collect();
            Some(programs.map(|programs| Backward::by_hand(&forward, programs)))
        }
    }
}

#[test]
fn gradients_of_the_catalog_agree_with_finite_differences() {
    let only = std::env::var("KERNEL").ok();
    let mut failures = Vec::new();
    let mut checked = 0;
    for entry in CATALOG {
        if only.as_ref().is_some_and(|name| name != entry.name) {
            continue;
        }
        for case in entry.cases {
            let specialization = entry.specialization(DType::F32, case.constants);
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
            let Some(inputs) = arguments(entry, case, &program) else { continue };
            let Some(backward) = backward(entry, &specialization, true) else { continue };
            let options = CheckOptions::default();
            let report = backward.and_then(|backward| {
                check_backward(&program, &backward, &inputs, case.sizes, &options)
            });
            checked += 1;
            match report {
                Err(error) => failures.push(format!("{} {:?}: {error}", entry.name, case.sizes)),
                Ok(report) => {
                    for failure in report.failures() {
                        failures.push(format!("{} {:?}: {failure}", entry.name, case.sizes));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked}:\n{}", failures.len(), failures.join("\n"));
    assert!(only.is_some() || checked > 100, "only {checked} cases were checked");
}

/// The gradients in storage types, from the same rounded inputs, against those in f64.
#[test]
fn gradients_in_every_dtype_are_those_in_f64() {
    let mut failures = Vec::new();
    for entry in CATALOG {
        for (case, dtype) in
            entry.cases.iter().flat_map(|c| entry.dtypes.iter().map(move |d| (c, *d)))
        {
            let specialization = entry.specialization(dtype, case.constants);
            let program = entry.record(&specialization).unwrap_or_else(|e| panic!("{e}"));
            let Some(mut inputs) = arguments(entry, case, &program) else { continue };
            let Some(exact) = backward(entry, &specialization, true) else { continue };
            let wide = to_f64(&program).unwrap();
            let outputs = run(&wide, &widened(&inputs), case.sizes).unwrap();
            // Cotangents of one, so that both have the same.
            let mut known = widened(&inputs);
            for (name, output) in &outputs {
                let ones =
                    Tensor::from_values(DType::F64, &output.shape, &vec![1.0; output.elements()]);
                known.insert(format!("d_{name}"), Argument::Tensor(ones));
                let dtype = match program.param(program.find_param(name).unwrap()).kind {
                    ParamKind::Tensor { dtype, .. } | ParamKind::Scalar { dtype, .. } => dtype,
                };
                let ones = Tensor::from_values(dtype, &output.shape, &vec![1.0; output.elements()]);
                inputs.insert(format!("d_{name}"), Argument::Tensor(ones));
            }
            let exact = exact.unwrap();
            run_backward(&exact, &mut known, case.sizes).unwrap();
            let narrow = backward(entry, &specialization, false).unwrap().unwrap();
            run_backward(&narrow, &mut inputs, case.sizes).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(exact.gradients, narrow.gradients);
            for name in &exact.gradients {
                let values = |all: &Arguments| all[name].tensor().unwrap().values();
                let (exact, narrow) = (values(&known), values(&inputs));
                let scale = exact.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
                // A half type rounds the result, and what the recording rounds on the way comes on top.
                let epsilon = match inputs[name].tensor().unwrap().dtype {
                    DType::F32 => f64::max(1e-5, 2.0 * rounding(&program)),
                    dtype => 2.0 * (dtype.epsilon() + rounding(&program)),
                };
                let worst =
                    exact.iter().zip(&narrow).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                let nan = narrow.iter().any(|x| x.is_nan());
                if nan || worst > epsilon * scale {
                    let kernel = entry.name;
                    failures
                        .push(format!("{kernel} {dtype} {name}: off by {worst:e} of {scale:e}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The coarsest rounding to a half type that a recording asks for within its arithmetic, 0 for none: gradients in f32 have
/// it too.
fn rounding(program: &Program) -> f64 {
    let mut coarsest = 0.0f64;
    for expr in &program.exprs {
        expr.kind.operands(|a| {
            let operand = program.expr(a);
            let half = matches!(operand.ty.dtype, DType::F16 | DType::BF16);
            if half && matches!(operand.kind, ExprKind::Cast(_)) {
                coarsest = coarsest.max(operand.ty.dtype.epsilon());
            }
        });
    }
    coarsest
}

fn widened(inputs: &Arguments) -> Arguments {
    let mut wide = inputs.clone();
    for argument in wide.values_mut() {
        if let Argument::Tensor(tensor) = argument
            && tensor.dtype.is_float()
        {
            *tensor = Tensor::from_values(DType::F64, &tensor.shape.clone(), &tensor.values());
        }
    }
    wide
}

/// Prints the gradient programs of the kernel named in `KERNEL`.
#[test]
#[ignore = "prints programs for reading"]
fn show() {
    let only = std::env::var("KERNEL").unwrap_or("softmax".into());
    let entry = tilewright_kernels::find(&only).unwrap();
    let specialization = entry.specialization(DType::F16, entry.cases[1].constants);
    let program = entry.record(&specialization).unwrap();
    println!("{program}");
    for program in grad(&program, &GradOptions::default()).unwrap().programs {
        println!("{program}");
    }
}
