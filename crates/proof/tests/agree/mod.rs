//! Programs on every target, and whether they agree.

use tilewright_ir::{Argument, ParamKind, Program, Tensor, bind_arguments, interpret};
use tilewright_proof::execute_program;
use tilewright_runtime::Runtime;

/// The arguments of a program: inputs as given, in their order, and outputs of these sizes.
fn arguments(program: &Program, inputs: &[&[f64]], dims: &[usize]) -> Vec<Argument> {
    let mut inputs = inputs.iter();
    let arguments = program.params.iter().map(|param| match &param.kind {
        ParamKind::Scalar { .. } => Argument::Scalar(inputs.next().unwrap()[0]),
        ParamKind::Tensor { dtype, shape, access, .. } => {
            let shape: Vec<usize> = shape.iter().map(|e| e.value(dims)).collect();
            let values = match access {
                tilewright_ir::Access::Out => vec![7.0; shape.iter().product()],
                _ => inputs.next().unwrap().to_vec(),
            };
            Argument::Tensor(Tensor::from_values(*dtype, &shape, &values))
        }
    });
    arguments.collect()
}

/// Runs a program on every target that a machine without a GPU has, and on those that are present; gives what the
/// interpreter makes of it. What the program computes must be exact.
pub fn agree(program: &Program, inputs: &[&[f64]], dims: &[usize]) -> Vec<Vec<f64>> {
    let given = arguments(program, inputs, dims);
    let mut right = given.clone();
    let bindings = bind_arguments(program, &given).unwrap();
    interpret(program, &mut right, &bindings).unwrap();
    let outputs = tilewright_ir::bind::outputs(program).map(|(number, _)| number);
    let right: Vec<Vec<f64>> = outputs.map(|i| right[i].tensor().unwrap().values()).collect();
    for target in ["cpu", "interpreter", "emulator", "cuda", "metal"] {
        let Ok(runtime) = Runtime::open(target) else { continue };
        let made = execute_program(&runtime, program, &given);
        let made = made.unwrap_or_else(|error| panic!("{target}: {error}\n{program}"));
        for (made, right) in made.iter().map(Tensor::values).zip(&right) {
            let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
            let all = made.len() == right.len() && made.iter().zip(right).all(same);
            assert!(all, "{target}: {made:?}, not {right:?}\n{program}");
        }
    }
    right
}

/// Small whole numbers of both signs.
pub fn counted(n: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7) % 11) as f64 - 5.0).collect()
}
