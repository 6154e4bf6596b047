//! Small kernels, and their gradients against finite differences.

#![allow(dead_code)] // Each test file uses a part.

use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{Access, ExprKind, ParamKind, Program, bind};
use tilewright_lang::{Args, Kernel, Specialization, Tile, record};
use tilewright_passes::check::{Arguments, CheckOptions, Report, finite_difference_check};

pub fn recorded(signature: &str, build: impl FnOnce(&mut Kernel, &Args)) -> Program {
    record("test", signature, &Specialization::default(), build).unwrap_or_else(|e| panic!("{e}"))
}

/// Inputs between `low` and `high`, no two alike; integers below 3.
pub fn inputs(program: &Program, sizes: &[(&str, usize)], low: f64, high: f64) -> Arguments {
    let bindings = bind(program, &vec![None; program.params.len()], sizes).unwrap();
    let mut all = Arguments::new();
    let mut number = 0usize;
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        if let ParamKind::Tensor { dtype, access: Access::In | Access::InOut, .. } = param.kind {
            let mut value = || {
                number += 1;
                match dtype.is_float() {
                    true => low + (high - low) * (number as f64 * 0.618_033_988_749_895).fract(),
                    false => (number * 7 % 3) as f64,
                }
            };
            let values: Vec<f64> = (0..shape.iter().product()).map(|_| value()).collect();
            let tensor = Tensor::from_values(dtype, shape, &values);
            all.insert(param.name.clone(), Argument::Tensor(tensor));
        }
    }
    all
}

pub fn checked_between(program: &Program, sizes: &[(&str, usize)], low: f64, high: f64) -> Report {
    let inputs = inputs(program, sizes, low, high);
    let report = finite_difference_check(program, &inputs, sizes, &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{e}\n{program}"));
    let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
    assert!(failures.is_empty(), "{}\n{program}", failures.join("\n"));
    report
}

pub fn checked(program: &Program, sizes: &[(&str, usize)]) -> Report {
    checked_between(program, sizes, -2.0, 2.0)
}

/// Checks `y = f(x, w)` on rows, where `w` is one row for all.
pub fn check_row(f: impl Fn(Tile, Tile) -> Tile) {
    check_row_between(-2.0, 2.0, f);
}

pub fn check_row_between(low: f64, high: f64, f: impl Fn(Tile, Tile) -> Tile) {
    let signature = "x: f32[*rows, cols], w: f32[cols] -> y: f32[*rows, cols]";
    let program = recorded(signature, |k, a| {
        let row = k.program();
        let (x, w) = (a["x"].row(row).load(), a["w"].load());
        a["y"].row(row).store(f(x, w));
    });
    for sizes in
        [[("rows", 1), ("cols", 1)], [("rows", 3), ("cols", 7)], [("rows", 130), ("cols", 5)]]
    {
        checked_between(&program, &sizes, low, high);
    }
}

/// The expressions of a kind.
pub fn count(program: &Program, what: impl Fn(&ExprKind) -> bool) -> usize {
    program.exprs.iter().filter(|e| what(&e.kind)).count()
}
