//! Gradients of matrices of weights that many programs share, in two stages.

use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{ParamKind, Program, bind};
use tilewright_lang::{DType::F32, Specialization, record};
use tilewright_passes::check::{Arguments, CheckOptions, finite_difference_check};
use tilewright_passes::{GradOptions, grad};

/// One program a row and column.
fn product() -> Program {
    let signature = "x: f32[*rows, depth], w: f32[columns, depth] -> y: f32[*rows, columns]";
    let made = record("product", signature, &Specialization::default(), |k, a| {
        let (row, column) = (k.program(), k.programs(a["w"].size(0)));
        let sum = (a["x"].row(row).load() * a["w"].row(column).load()).row_sum();
        a["y"].row(row).at(column).store(sum.to(F32));
    });
    made.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn partial_results_of_matrices_are_added_in_small_groups() {
    // Six partial results: a whole group and a part of one.
    let (program, sizes) = (product(), [("rows", 6 * 64 - 5), ("depth", 3), ("columns", 2)]);
    let bindings = bind(&program, &vec![None; program.params.len()], &sizes).unwrap();
    let mut inputs = Arguments::new();
    for (param, shape) in program.params.iter().zip(&bindings.shapes).take(2) {
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> =
            (0..count).map(|i| (i as f64 * 0.618_033_988_749_895).fract() - 0.5).collect();
        let tensor = Tensor::from_values(F32, shape, &values);
        inputs.insert(param.name.clone(), Argument::Tensor(tensor));
    }
    let report = finite_difference_check(&program, &inputs, &sizes, &CheckOptions::default());
    let report = report.unwrap_or_else(|e| panic!("{e}"));
    let failures: Vec<String> = report.failures().map(|f| f.to_string()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_single_partial_result_costs_little() {
    let backward = grad(&product(), &GradOptions::default()).unwrap();
    let stored = |program: &&Program| {
        program.params.iter().any(|p| p.name == "d_w" && matches!(p.kind, ParamKind::Tensor { .. }))
    };
    let sum = backward.programs.iter().find(stored).unwrap();
    // What a program adds up at a time is little more than what it stores.
    let lanes = |shape: &[tilewright_ir::Extent]| {
        shape.iter().filter_map(|extent| extent.constant()).product::<usize>()
    };
    let most = sum.exprs.iter().map(|expr| lanes(&expr.ty.shape)).max().unwrap();
    let block = sum.grid.last().unwrap().block;
    assert!(most <= 8 * block, "{most} lanes for {block} elements\n{sum}");
}
