//! Lowering to threads, shown right by stepping through every thread: see `tilewright_ir::thread::emulate`. Random
//! programs and the catalog go through the same in `tilewright-runtime` and `tilewright-proof`.

use tilewright_ir::thread::{Code, ThreadProgram, emulate};
use tilewright_ir::{Argument, DType, Program, Tensor};
use tilewright_lang::{Specialization, record, reduce_by};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline;

/// Rows minus their mean, of more elements than a subgroup holds.
fn centered() -> Program {
    let signature = "x: T[*rows, cols] -> y: T[*rows, cols]";
    record("centered", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store(x - x.row_mean());
    })
    .unwrap()
}

fn lowered(program: &Program, dims: &[usize]) -> ThreadProgram {
    let mut program = program.clone();
    pipeline::run(&mut program, PASSES, |_, _| {});
    lower(&program, &Schedule::default_for(&program, dims, Units::Half)).unwrap()
}

fn run(threads: &ThreadProgram, rows: usize, cols: usize) -> Result<Vec<f64>, String> {
    let values: Vec<f64> = (0..rows * cols).map(|i| (i % 7) as f64).collect();
    let tensor =
        |values: &[f64]| Argument::Tensor(Tensor::from_values(DType::F32, &[rows, cols], values));
    let mut arguments = [tensor(&values), tensor(&vec![77.0; values.len()])];
    emulate(threads, &[rows, cols], &mut arguments)?;
    Ok(arguments[1].tensor().map(Tensor::values).unwrap_or_default())
}

#[test]
fn rows_of_any_length_are_centered() {
    for (rows, cols) in [(1, 1), (3, 31), (2, 257), (1, 2048), (5, 1000), (0, 4)] {
        let threads = lowered(&centered(), &[rows, cols]);
        let y = run(&threads, rows, cols).unwrap();
        for (row, y) in y.chunks(cols).enumerate() {
            let x: Vec<f64> = (row * cols..(row + 1) * cols).map(|i| (i % 7) as f64).collect();
            let mean = x.iter().sum::<f64>() / cols as f64;
            for (x, y) in x.iter().zip(y) {
                assert!((x - mean - y).abs() < 1e-5, "{rows} x {cols}: {y} is not {x} - {mean}");
            }
        }
    }
}

#[test]
fn one_text_serves_a_range_of_lengths() {
    let threads = lowered(&centered(), &[4, 2000]);
    for cols in [1028, 1500, 2000, 2044] {
        assert!(run(&threads, 2, cols).is_ok(), "{cols}");
    }
    assert_eq!(threads, lowered(&centered(), &[9, 1500]));
    assert_ne!(threads, lowered(&centered(), &[4, 4000]));
}

#[test]
fn short_rows_share_a_group_and_spare_teams_store_nothing() {
    let threads = lowered(&centered(), &[5, 16]);
    assert_eq!((threads.threads, threads.grid[0].per_group), (128, 4));
    assert_eq!(run(&threads, 5, 16).unwrap().len(), 80);
}

#[test]
fn a_missing_barrier_is_caught() {
    fn without_barriers(body: &mut Vec<Code>) {
        body.retain(|code| *code != Code::Barrier);
        for code in body {
            if let Code::Unroll(_, _, inner) | Code::If(_, inner) | Code::For { body: inner, .. } =
                code
            {
                without_barriers(inner);
            }
        }
    }
    let mut threads = lowered(&centered(), &[1, 2048]);
    assert!(run(&threads, 1, 2048).is_ok());
    without_barriers(&mut threads.body);
    let fault = run(&threads, 1, 2048).unwrap_err();
    assert!(fault.contains("race") && fault.contains("without a barrier"), "{fault}");
}

#[test]
fn a_stray_index_is_named() {
    let signature = "x: T[entries, cols], at: i32[rows] -> y: T[rows, cols]";
    let program = record("pick_rows", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let at = a["at"].at(row).load();
        a["y"].row(row).store(a["x"].row(at).load());
    })
    .unwrap();
    let dims: Vec<usize> = program
        .dims
        .iter()
        .map(|dim| match dim.name.as_str() {
            "entries" => 3,
            "rows" => 2,
            _ => 8,
        })
        .collect();
    let threads = lowered(&program, &dims);
    assert_eq!(threads.checks.len(), 1);
    let run = |index: f64| {
        let tensor = |dtype, shape: &[usize], values: &[f64]| {
            Argument::Tensor(Tensor::from_values(dtype, shape, values))
        };
        let mut arguments = [
            tensor(DType::F32, &[3, 8], &[1.0; 24]),
            tensor(DType::I32, &[2], &[1.0, index]),
            tensor(DType::F32, &[2, 8], &[]),
        ];
        emulate(&threads, &dims, &mut arguments)
    };
    assert_eq!(run(2.0), Ok(()));
    for stray in [3.0, -1.0] {
        let fault = run(stray).unwrap_err();
        assert!(fault.contains(&format!("position {stray} is outside axis 0 of `x`")), "{fault}");
    }
}

#[test]
fn the_gradient_of_a_reduction_by_a_function_fits_the_least_shared_memory() {
    // Welford's: count, mean and squared distances from it.
    let signature = "x: f32[*rows, cols] -> y: f32[*rows]";
    let specialization = Specialization::of(DType::F32);
    let program = record("variance", signature, &specialization, |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        let zero = x * 0.0;
        let [_, _, squares] =
            reduce_by([zero + 1.0, x, zero], [0.0; 3], |[n, mean, s], [m, other, t]| {
                let count = n + m;
                let share = count.eq(0.0).select(0.0, m / count);
                let apart = other - mean;
                [count, mean + apart * share, s + t + apart * apart * n * share]
            });
        let cols = x.size(0).tile().to(DType::F32);
        a["y"].row(row).store((squares / cols).reshape(&[]));
    });
    let backward = tilewright_passes::grad(&program.unwrap(), &Default::default()).unwrap();
    for program in &backward.programs {
        for cols in [40, 1000, 2000] {
            let bytes = lowered(program, &[64, cols]).shared_bytes();
            assert!(bytes <= 32768, "{bytes} bytes for {cols}");
        }
    }
}
