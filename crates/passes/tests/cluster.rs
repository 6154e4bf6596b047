//! Long rows in clusters of groups, shown right by stepping through every thread of all groups of a cluster, and beside the
//! same by one group.

use tilewright_ir::thread::{Code, ThreadProgram, emulate};
use tilewright_ir::{Access, Argument, DType, ParamKind, Program, Tensor};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline;

const ROWS: usize = 5;

/// The programs of a kernel of the catalog, or of its gradient.
fn programs(name: &str, dtype: DType, grad: bool) -> Vec<Program> {
    let entry = tilewright_kernels::find(name).unwrap();
    let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
    pipeline::optimize(&mut program);
    let mut programs = match grad {
        true => tilewright_passes::grad(&program, &Default::default()).unwrap().programs,
        false => vec![program],
    };
    for program in &mut programs {
        pipeline::optimize(program);
        pipeline::run(program, PASSES, |_, _| {});
    }
    programs
}

fn dims(program: &Program, cols: usize) -> Vec<usize> {
    let sizes = program.dims.iter().map(|dim| match dim.name.as_str() {
        "cols" | "classes" => cols,
        "rows" => ROWS,
        _ => 1,
    });
    let mut dims: Vec<usize> = sizes.collect();
    program.derive(&mut dims);
    dims
}

fn in_cluster(program: &Program, dims: &[usize]) -> ThreadProgram {
    let schedule = Schedule::default_for(program, dims, Units::Half).in_clusters(program);
    lower(program, &schedule).unwrap()
}

fn by_one_group(program: &Program, dims: &[usize]) -> ThreadProgram {
    lower(program, &Schedule::default_for(program, dims, Units::Half)).unwrap()
}

/// What a program writes.
fn run(
    program: &Program,
    threads: &ThreadProgram,
    dims: &[usize],
) -> Result<Vec<Vec<f64>>, String> {
    let cols = dims.iter().copied().max().unwrap_or(1);
    let mut arguments: Vec<Argument> = Vec::new();
    for param in &program.params {
        arguments.push(match &param.kind {
            ParamKind::Scalar { .. } if param.name == "ignore_index" => Argument::Scalar(-100.0),
            ParamKind::Scalar { .. } => Argument::Scalar(0.5),
            ParamKind::Tensor { dtype, shape, .. } => {
                let shape: Vec<usize> = shape.iter().map(|e| e.value(dims)).collect();
                let count: usize = shape.iter().product();
                let value = |i: usize| match dtype.is_float() {
                    true => ((i * 7919) % 1013) as f64 / 256.0 - 2.0,
                    false => ((i * 12_347) % cols) as f64,
                };
                let values: Vec<f64> = (0..count).map(value).collect();
                Argument::Tensor(Tensor::from_values(*dtype, &shape, &values))
            }
        });
    }
    emulate(threads, dims, &mut arguments)?;
    let written = program.params.iter().zip(&arguments).filter_map(|(param, argument)| {
        let ParamKind::Tensor { access: Access::Out, .. } = param.kind else { return None };
        Some(argument.tensor()?.values())
    });
    Ok(written.collect())
}

#[test]
fn clusters_give_what_one_group_gives() {
    let cases = [("rmsnorm", 20_004), ("rmsnorm", 65_536), ("layernorm", 33_001)];
    for (name, cols) in cases {
        for dtype in [DType::F32, DType::BF16] {
            let programs = programs(name, dtype, true);
            let program = &programs[0];
            let dims = dims(program, cols);
            let threads = in_cluster(program, &dims);
            assert_eq!(threads.cluster, 8, "{name}");
            let found = run(program, &threads, &dims).unwrap();
            let right = run(program, &by_one_group(program, &dims), &dims).unwrap();
            let unit = if dtype == DType::F32 { 2e-5 } else { 1e-2 };
            for (found, right) in found.iter().zip(&right) {
                let greatest = right.iter().fold(0f64, |m, x| m.max(x.abs()));
                for (i, (a, b)) in found.iter().zip(right).enumerate() {
                    assert!((a - b).abs() <= unit * greatest, "{name} {dtype}: {i}: {a}, {b}");
                }
            }
        }
    }
}

#[test]
fn what_one_group_does_as_well_stays_with_it() {
    // What moves elements, what a group holds, what one reads in blocks.
    let cases = [
        ("cumsum", 40_000),
        ("topk", 40_000),
        ("softmax", 16_384),
        ("softmax", 40_000),
        ("add", 40_000),
        ("sum", 40_000),
        ("argmax", 40_000),
        ("softmax_cross_entropy", 40_000),
    ];
    for (name, cols) in cases {
        let programs = programs(name, DType::F32, false);
        let dims = dims(&programs[0], cols);
        assert_eq!(in_cluster(&programs[0], &dims).cluster, 1, "{name}");
    }
}

#[test]
fn groups_meet_once_a_row_for_what_they_can_know_together() {
    fn barriers(body: &[Code]) -> usize {
        body.iter()
            .map(|code| match code {
                Code::Barrier => 1,
                Code::For { body, .. } => barriers(body),
                _ => 0,
            })
            .sum()
    }
    fn without_last(body: &mut Vec<Code>) {
        for code in body {
            if let Code::For { body, .. } = code {
                let last = body.iter().rposition(|code| *code == Code::Barrier).unwrap();
                body.remove(last);
            }
        }
    }
    // One before the first write. A norm's two sums need none of each other; of layernorm, the mean comes before two others,
    // and the gradient's mean after.
    for (name, meetings) in [("rmsnorm", 2), ("layernorm", 4)] {
        let programs = programs(name, DType::F32, true);
        let dims = dims(&programs[0], 20_000);
        let mut threads = in_cluster(&programs[0], &dims);
        assert_eq!(barriers(&threads.body), meetings, "{name}");
        without_last(&mut threads.body);
        let fault = run(&programs[0], &threads, &dims).unwrap_err();
        assert!(fault.contains("without a barrier"), "{fault}");
    }
}
