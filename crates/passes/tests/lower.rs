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
fn what_fits_of_a_row_that_two_passes_read_stays_in_shared_memory() {
    let copies = |threads: &ThreadProgram| {
        let mut found = 0;
        let copy = &mut |code: &Code| found += usize::from(matches!(code, Code::CopyAsync { .. }));
        threads.body.iter().for_each(|code| code.visit(copy));
        found
    };
    // Two blocks of 32 KiB have room, of five; seven, of which two are no part of the row; all that such rows can have;
    // none where vectors are not aligned.
    let cases =
        [(40_000, 70_000, 1), (33_000, 250_000, 1), (33_000, 1 << 20, 0), (40_001, 70_000, 0)];
    for (cols, keep, kept) in cases {
        let mut program = centered();
        pipeline::run(&mut program, PASSES, |_, _| {});
        let mut schedule = Schedule::default_for(&program, &[2, cols], Units::Half);
        schedule.keep = keep;
        let threads = lower(&program, &schedule).unwrap();
        assert_eq!(copies(&threads), kept, "{cols}");
        assert!(threads.shared_bytes() <= keep);
        let without = run(&lowered(&centered(), &[2, cols]), 2, cols).unwrap();
        assert_eq!(run(&threads, 2, cols).unwrap(), without, "{cols}");
    }
}

/// Rows without their mean, divided by their greatest element, and the sum of them all; the greatest where `when` says so.
fn summed(dtype: &str, when: &str) -> Program {
    let (open, close) = if when.is_empty() { ("", "") } else { (when, "}\n") };
    let source = format!(
        "kernel t(x: in {dtype}[rows, cols], y: out f32[rows, cols], total: out f32[cols])\n\
         grid 1\nvar $0: f32[cols]\nvar $1: f32[1]\n%0: i32 = const 0\n%1: i32 = size rows\n\
         %10: f32 = const 0.0\n%11: f32[cols] = broadcast %10\nset $0 = %11\n\
         %16: f32 = const 1.0\n%17: f32[1] = broadcast %16\nset $1 = %17\n\
         for %2 row in %0..%1 {{\n  %20: {dtype}[cols] = load x[%2, :]\n\
         \x20 %3: f32[cols] = cast %20\n\
         \x20 %4: f32[1] = reduce_sum %3 axis 0\n  %8: f32[cols] = sub %3, %4\n{open}\
         \x20 %9: f32[1] = reduce_max %8 axis 0\nset $1 = %9\n{close}\
         \x20 %18: f32[1] = get $1\n  %12: f32[cols] = sub %8, %18\n  store y[%2, :] = %12\n\
         \x20 %13: f32[cols] = get $0\n  %14: f32[cols] = add %13, %12\n  set $0 = %14\n}}\n\
         %15: f32[cols] = get $0\nstore total[:] = %15\n"
    );
    tilewright_ir::text::parse(&source).unwrap()
}

/// Barriers of each turn of the loops of `threads`, and how many there are.
fn barriers(threads: &ThreadProgram) -> usize {
    let mut found = 0;
    let mut count = |code: &Code| found += usize::from(matches!(code, Code::Barrier));
    let each = |code: &Code| matches!(code, Code::For { .. }).then(|| code.clone());
    threads.body.iter().filter_map(each).for_each(|turn| turn.visit(&mut count));
    found
}

#[test]
fn threads_meet_once_for_a_sum_in_every_turn_of_a_loop() {
    // A turn may pass over a reduction under a condition, whose place then has nobody who waits.
    let rows_of_two =
        "%30: i32 = const 2\n%31: i32 = rem %2, %30\n%32: bool = eq %31, %0\nwhen %32 {\n";
    for (when, expected) in [("", 2), (rows_of_two, 3)] {
        for (dtype, of) in [("bf16", DType::BF16), ("f32", DType::F32)] {
            for (rows, cols) in [(0, 2048), (1, 2048), (2, 2048), (7, 4096), (5, 3000)] {
                let program = summed(dtype, when);
                let threads = lowered(&program, &[rows, cols]);
                assert_eq!(barriers(&threads), expected, "{dtype} {rows} x {cols}");
                let values: Vec<f64> = (0..rows * cols).map(|i| (i % 13) as f64 - 5.0).collect();
                let tensor = |dtype, shape: &[usize], values: &[f64]| {
                    Argument::Tensor(Tensor::from_values(dtype, shape, values))
                };
                let arguments = [
                    tensor(of, &[rows, cols], &values),
                    tensor(DType::F32, &[rows, cols], &vec![77.0; values.len()]),
                    tensor(DType::F32, &[cols], &vec![77.0; cols]),
                ];
                let results = |arguments: &[Argument]| -> Vec<Vec<f64>> {
                    arguments[1..].iter().filter_map(Argument::tensor).map(Tensor::values).collect()
                };
                let mut found = arguments.clone();
                emulate(&threads, &[rows, cols], &mut found).unwrap();
                let mut right = arguments;
                let shapes = [vec![rows, cols], vec![rows, cols], vec![cols]].map(Some);
                let bindings = tilewright_ir::bind(&program, &shapes, &[]).unwrap();
                tilewright_ir::interpret(&program, &mut right, &bindings).unwrap();
                for (found, right) in results(&found).iter().zip(&results(&right)) {
                    for (found, right) in found.iter().zip(right) {
                        let near = (found - right).abs() <= 1e-3 * right.abs().max(1.0);
                        assert!(near, "{dtype} {rows} x {cols}: {found} is not {right}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_halves_of_a_row_are_written_without_a_barrier() {
    for (start, expected) in [("size cols", 0), ("const 3", 2)] {
        let source = format!(
            "kernel t(x: in f32[rows, cols], y: inout f32[rows, 2*cols])\ngrid 1\n\
             %0: i32 = const 0\n%1: i32 = size rows\n%3: i32 = {start}\n\
             for %2 row in %0..%1 {{\n  %4: f32[cols] = load x[%2, :]\n\
             \x20 store y[%2, %0..+cols] = %4\n  store y[%2, %3..+cols] = %4\n}}\n"
        );
        let program = tilewright_ir::text::parse(&source).unwrap();
        assert_eq!(barriers(&lowered(&program, &[4, 2048])), expected, "{start}");
    }
}

#[test]
fn sums_of_exponentials_of_long_rows_meet_what_is_not_finite() {
    let source = "kernel t(x: in f32[rows, cols], y: out f32[rows, cols])\ngrid rows\n\
                  %0: i32 = program 0\n%1: f32[cols] = load x[%0, :]\n\
                  %2: f32[1] = reduce_max %1 axis 0\n%3: f32[cols] = sub %1, %2\n\
                  %4: f32[cols] = exp %3\n%5: f32[1] = reduce_sum %4 axis 0\n\
                  %6: f32[cols] = div %4, %5\nstore y[%0, :] = %6\n";
    let program = tilewright_ir::text::parse(source).unwrap();
    let cols = 20_000;
    let infinity = f64::INFINITY;
    // Falling and rising rows, so that maxima come first and last; masked ones; extremes and what is no number.
    let rows: [&dyn Fn(usize) -> f64; 8] = [
        &|i| -(i as f64) / 64.0,
        &|i| i as f64 / 64.0,
        &|i| if i < 12_000 { -infinity } else { -500.0 - (i % 3) as f64 },
        &|i| if i % 4096 == 17 { 300.0 } else { -infinity },
        &|_| -infinity,
        &|i| if i == 9_000 { infinity } else { 1.0 },
        &|i| if i == 19_999 { f64::NAN } else { -(i as f64) },
        &|i| if i % 2 == 0 { 3e38 } else { -3e38 },
    ];
    let values: Vec<f64> = rows.iter().flat_map(|row| (0..cols).map(row)).collect();
    let tensor = |values: &[f64]| {
        Argument::Tensor(Tensor::from_values(DType::F32, &[rows.len(), cols], values))
    };
    let mut arguments = [tensor(&values), tensor(&vec![77.0; values.len()])];
    emulate(&lowered(&program, &[rows.len(), cols]), &[rows.len(), cols], &mut arguments).unwrap();
    let found = arguments[1].tensor().map(Tensor::values).unwrap();
    for (number, (x, y)) in values.chunks(cols).zip(found.chunks(cols)).enumerate() {
        let greatest = x.iter().fold(-infinity, |m, x| if m.is_nan() || *x < m { m } else { *x });
        let e: Vec<f64> = x.iter().map(|x| (x - greatest).exp()).collect();
        let sum: f64 = e.iter().sum();
        for (i, (e, y)) in e.iter().zip(y).enumerate() {
            let right = e / sum;
            let same =
                (right.is_nan() && y.is_nan()) || (right - y).abs() <= 1e-5 * right.abs() + 1e-37;
            assert!(same, "row {number}, element {i}: {y} is not {right}");
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
    // By four threads and eight vectors, by two and three, and by a subgroup.
    for (cols, rows) in [(16, 32), (6, 64), (48, 4)] {
        let threads = lowered(&centered(), &[5, cols]);
        assert_eq!((threads.threads, threads.grid[0].per_group), (128, rows), "{cols}");
        assert_eq!(run(&threads, 5, cols).unwrap().len(), 5 * cols, "{cols}");
    }
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

#[test]
fn gradients_of_many_lines_scanned_fit_shared_memory_in_every_dtype() {
    let kernel = &tilewright_kernels::selective_scan::SELECTIVE_SCAN;
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let specialization = Specialization::of(dtype).with("states", 16);
        let program = kernel.record(&specialization).unwrap();
        let backward = tilewright_passes::grad(&program, &Default::default()).unwrap();
        for program in &backward.programs {
            let dims = program.dims.iter().map(|d| if d.name == "batch" { 2 } else { 2048 });
            let bytes = lowered(program, &dims.collect::<Vec<_>>()).shared_bytes();
            assert!(bytes <= 49_152, "{bytes} bytes of {} for {dtype}", program.name);
        }
    }
}

/// Losses of long rows in halves, with the row's sum of exponentials and its shares.
#[test]
fn whole_blocks_of_long_rows_are_read_without_masks() {
    let source = "kernel t(x: in bf16[rows, cols], at: in i32[rows], y: out bf16[rows, cols], s: out f32[rows])\n\
                  grid rows\n%0: i32 = program 0\n%1: bf16[cols] = load x[%0, :]\n\
                  %2: f32[cols] = cast %1\n%3: f32[1] = reduce_max %2 axis 0\n\
                  %4: f32[cols] = sub %2, %3\n%5: f32[cols] = exp %4\n\
                  %6: f32[1] = reduce_sum %5 axis 0\n%16: f32[] = reshape %6\nstore s[%0] = %16\n\
                  %7: f32[cols] = div %5, %6\n%8: i32[cols] = iota cols\n%9: i32 = load at[%0]\n\
                  %10: bool[cols] = eq %8, %9\n%11: f32 = const 1\n%12: f32[cols] = sub %7, %11\n\
                  %13: f32[cols] = select %10, %12, %7\n%14: bf16[cols] = cast %13\nstore y[%0, :] = %14\n";
    let program = tilewright_ir::text::parse(source).unwrap();
    // Blocks of 16384: none whole; one, and nothing left; one and a vector; two of seven kept; not in vectors.
    for (cols, keep) in
        [(9000, 0), (16_384, 0), (16_392, 0), (90_000, 70_000), (40_000, 70_000), (90_001, 70_000)]
    {
        let rows = 2;
        let mut program = program.clone();
        pipeline::optimize(&mut program);
        pipeline::run(&mut program, PASSES, |_, _| {});
        let mut schedule = Schedule::default_for(&program, &[rows, cols], Units::Half);
        schedule.keep = keep;
        let threads = lower(&program, &schedule).unwrap();
        let values: Vec<f64> =
            (0..rows * cols).map(|i| -4.0 - ((i * 7919) % 1013) as f64 / 256.0).collect();
        let sought = [3.0, (cols - 1) as f64];
        let mut arguments = [
            Argument::Tensor(Tensor::from_values(DType::BF16, &[rows, cols], &values)),
            Argument::Tensor(Tensor::from_values(DType::I32, &[rows], &sought)),
            Argument::Tensor(Tensor::from_values(
                DType::BF16,
                &[rows, cols],
                &vec![77.0; rows * cols],
            )),
            Argument::Tensor(Tensor::from_values(DType::F32, &[rows], &[77.0; 2])),
        ];
        let x = arguments[0].tensor().map(Tensor::values).unwrap();
        emulate(&threads, &[rows, cols], &mut arguments).unwrap();
        let found = |i: usize| arguments[i].tensor().map(Tensor::values).unwrap();
        let (y, sums) = (found(2), found(3));
        for row in 0..rows {
            let x = &x[row * cols..(row + 1) * cols];
            let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = x.iter().map(|x| (x - greatest).exp()).sum();
            assert!((sums[row] / sum - 1.0).abs() < 1e-5, "{cols}: {} is not {sum}", sums[row]);
            for (i, x) in x.iter().enumerate() {
                let one = if i as f64 == sought[row] { 1.0 } else { 0.0 };
                let (y, right) = (y[row * cols + i], (x - greatest).exp() / sum - one);
                assert!(
                    (y - right).abs() <= 0.005 * right.abs(),
                    "{cols}, {i}: {y} is not {right}"
                );
            }
        }
    }
}

/// What `program` makes of numbers, by its threads and by the interpreter: the last parameter.
fn both(program: &Program, dims: &[usize], shapes: &[&[usize]]) -> [Vec<f64>; 2] {
    let number = |i: usize| (i * 7 % 13) as f64 / 16.0 - 0.25;
    let arguments: Vec<Argument> = (shapes.iter())
        .map(|shape| {
            let values: Vec<f64> = (0..shape.iter().product()).map(number).collect();
            Argument::Tensor(Tensor::from_values(DType::F32, shape, &values))
        })
        .collect();
    let mut found = arguments.clone();
    emulate(&lowered(program, dims), dims, &mut found).unwrap();
    let shapes: Vec<_> = shapes.iter().map(|shape| Some(shape.to_vec())).collect();
    let bindings = tilewright_ir::bind(program, &shapes, &[]).unwrap();
    let mut right = arguments;
    tilewright_ir::interpret(program, &mut right, &bindings).unwrap();
    [found, right].map(|all| all.last().and_then(Argument::tensor).unwrap().values())
}

fn assert_near([found, right]: [Vec<f64>; 2]) {
    for (found, right) in found.iter().zip(&right) {
        assert!((found - right).abs() <= 1e-4 * right.abs().max(1.0), "{found} is not {right}");
    }
}

#[test]
fn a_sum_that_a_loop_carries_is_joined_behind_it() {
    let source = "kernel t(x: in f32[rows, 256, 64], y: out f32[64])\ngrid 1\nvar $0: f32[64]\n\
                  %0: i32 = const 0\n%1: i32 = size rows\n%2: f32 = const 0.0\n\
                  %3: f32[64] = broadcast %2\nset $0 = %3\nfor %4 row in %0..%1 {\n\
                  %5: f32[256, 64] = load x[%4, :, :]\n%6: f32[1, 64] = reduce_sum %5 axis 0\n\
                  %7: f32[64] = reshape %6\n%8: f32[64] = get $0\n%9: f32[64] = add %8, %7\n\
                  set $0 = %9\n}\n%10: f32[64] = get $0\nstore y[:] = %10\n";
    for (source, turns) in [(source.to_string(), 0), (source.replace("0.0", "1.0"), 2)] {
        let program = tilewright_ir::text::parse(&source).unwrap();
        for rows in [0, 1, 5] {
            let threads = lowered(&program, &[rows]);
            assert_eq!(barriers(&threads), turns, "what begins at 1 is no sum of all threads");
            assert_near(both(&program, &[rows], &[&[rows, 256, 64], &[64]]));
        }
    }
}

#[test]
fn scans_of_different_places_have_one_barrier_each() {
    let scan = |id: usize, of: usize, reverse: &str| {
        format!(
            "%{id}: f32[n] = scan_by %{of}, %{of} axis 0{reverse} (%{}: f32, %{}: f32; %{}: f32, \
             %{}: f32) {{\n%{}: f32 = mul %{}, %{}\n%{}: f32 = mul %{}, %{}\n%{}: f32 = add %{}, %{}\n\
             yield %{}, %{}\n}}\n%{}: f32[n] = part %{id} number 1\n",
            id + 1,
            id + 2,
            id + 3,
            id + 4,
            id + 5,
            id + 1,
            id + 3,
            id + 6,
            id + 2,
            id + 3,
            id + 7,
            id + 6,
            id + 4,
            id + 5,
            id + 7,
            id + 8,
        )
    };
    let source = format!(
        "kernel t(x: in f32[rows, n], y: out f32[rows, n])\ngrid 1\n%0: i32 = const 0\n\
         %1: i32 = size rows\nfor %2 row in %0..%1 {{\n%3: f32[n] = load x[%2, :]\n{}{}\
         store y[%2, :] = %28\n}}\n",
        scan(10, 3, ""),
        scan(20, 18, " reverse"),
    );
    let program = tilewright_ir::text::parse(&source).unwrap();
    for (rows, n) in [(3, 2048), (2, 1500)] {
        let threads = lowered(&program, &[rows, n]);
        let mut found = 0;
        let mut count = |code: &Code| found += usize::from(matches!(code, Code::Barrier));
        threads.body.iter().for_each(|code| code.visit(&mut count));
        assert_eq!(found, 2);
        assert_near(both(&program, &[rows, n], &[&[rows, n], &[rows, n]]));
    }
}
