//! Rows whose sweeps go on side by side give the bits of the primitives, on any number of threads.

use super::launch_bytes;
use crate::{CpuOptions, Level};
use tilewright_ir::{DType, ParamKind, Program, bind::bind, text::parse};
use tilewright_target::TargetError;

const SOFTMAX: &str = "kernel softmax(x: in f32[rows, n], y: out f32[rows, n])
    grid rows
    %0: i32 = program 0
    %1: f32[n] = load x[%0, :]
    %2: f32[1] = reduce_max %1 axis 0
    %3: f32[n] = sub %1, %2
    %4: f32[n] = exp %3
    %5: f32[1] = reduce_sum %4 axis 0
    %6: f32[n] = div %4, %5
    store y[%0, :] = %6";

const LOGSUMEXP: &str = "kernel logsumexp(x: in f32[rows, n], y: out f32[rows])
    grid rows
    %0: i32 = program 0
    %1: f32[n] = load x[%0, :]
    %2: f32[1] = reduce_max %1 axis 0
    %3: f32[n] = sub %1, %2
    %4: f32[n] = exp %3
    %5: f32[1] = reduce_sum %4 axis 0
    %6: f32[1] = log %5
    %7: f32[1] = add %6, %2
    %8: f32 = reshape %7
    store y[%0] = %8";

/// A row's last sweep needs what its first one looked at, its second one made, and words of the row.
const CROSS_ENTROPY: &str =
    "kernel both(x: in f32[rows, n], at: in i32[rows], loss: out f32[rows], y: out f32[rows, n])
    grid rows
    %0: i32 = program 0
    %1: f32[n] = load x[%0, :]
    %2: i32 = load at[%0]
    %3: i32 = const 3
    %4: bool = ne %2, %3
    %5: f32[1] = reduce_max %1 axis 0
    %6: f32[n] = sub %1, %5
    %7: f32[n] = exp %6
    %8: f32[1] = reduce_sum %7 axis 0
    %9: f32[1] = log %8
    %10: f32[1] = add %9, %5
    %11: i32[1] = reshape %2
    %12: f32[1] = pick %1, %11
    %13: f32[1] = sub %10, %12
    %14: f32 = const 0.0
    %15: f32[1] = select %4, %13, %14
    %16: f32 = reshape %15
    store loss[%0] = %16
    %17: f32 = const 0.125
    %18: f32[1] = div %17, %8
    %19: f32[n] = mul %7, %18
    %20: i32[n] = iota n
    %21: bool[n] = eq %20, %2
    %22: f32[n] = sub %19, %17
    %23: f32[n] = select %21, %22, %19
    %24: f32[n] = select %4, %23, %14
    store y[%0, :] = %24";

/// Two rows are read, by different sweeps, and one of all programs.
const NORM: &str =
    "kernel norm(x: in bf16[rows, n], w: in f32[n], r: in f32[rows, n], y: out bf16[rows, n])
    grid rows
    %0: i32 = program 0
    %1: bf16[n] = load x[%0, :]
    %2: f32[n] = cast %1
    %3: f32[1] = reduce_sum %2 axis 0
    %4: f32 = const 0.0001
    %5: f32[1] = mul %3, %4
    %6: f32[n] = sub %2, %5
    %7: f32[n] = mul %6, %6
    %8: f32[1] = reduce_sum %7 axis 0
    %9: f32[1] = sqrt %8
    %10: f32[n] = div %6, %9
    %11: f32[n] = load w[:]
    %12: f32[n] = mul %10, %11
    %13: f32[n] = load r[%0, :]
    %14: f32[n] = add %12, %13
    %15: bf16[n] = cast %14
    store y[%0, :] = %15";

/// Numbers of rows some of which are unusual: with NaN, infinities, without any number, and so far apart that their
/// exponentials are denormal or 0.
fn number(row: usize, k: usize, noise: u32) -> f64 {
    let usual = f64::from(noise >> 8) / f64::from(1 << 22) - 2.0;
    match (row % 11, k % 1000) {
        (3, 77) => f64::NAN,
        (4, _) => f64::NEG_INFINITY,
        (5, 13) => f64::INFINITY,
        (6, _) => usual * 40.0,
        (7, 500..) => f64::NEG_INFINITY,
        (8, _) => usual * 1e38,
        (9, _) => 0.0,
        _ => usual,
    }
}

/// The bytes of all tensors after a launch, and the schedule. The integers of rows that are `astray` are given.
fn launch(
    program: &Program,
    n: usize,
    rows: usize,
    options: CpuOptions,
    astray: &[(usize, usize)],
) -> Result<(Vec<Vec<u8>>, String), TargetError> {
    let shapes = vec![None; program.params.len()];
    let bindings = bind(program, &shapes, &[("rows", rows), ("n", n)]).unwrap();
    let mut contents: Vec<Vec<u8>> = Vec::new();
    for (param, shape) in program.params.iter().zip(&bindings.shapes) {
        let ParamKind::Tensor { dtype, .. } = param.kind else { unreachable!() };
        let mut content = vec![0u8; shape.iter().product::<usize>() * dtype.size()];
        for (i, element) in content.chunks_exact_mut(dtype.size()).enumerate() {
            let noise = (i as u32 + 1).wrapping_mul(2_654_435_769);
            let noise = (noise ^ noise >> 15).wrapping_mul(0x85eb_ca6b);
            let other = astray.iter().find(|(row, _)| *row == i).map(|(_, value)| *value);
            let value = match dtype {
                DType::I32 => {
                    let usual = (noise >> 4) as usize % if i % 5 == 0 { 4 } else { n };
                    other.unwrap_or(usual) as f64
                }
                _ => number(i / n, i % n, noise),
            };
            dtype.write(value, element);
        }
        contents.push(content);
    }
    launch_bytes(program, &bindings, &contents, &[], options)
}

/// True for the same bits of floats of so many bytes, NaN for NaN.
fn same(a: &[u8], b: &[u8], size: usize) -> bool {
    let nan = |x: &[u8]| match x {
        [a, b] => f32::from_bits(u32::from(u16::from_le_bytes([*a, *b])) << 16).is_nan(),
        [a, b, c, d] => f32::from_le_bytes([*a, *b, *c, *d]).is_nan(),
        _ => false,
    };
    let pairs = a.chunks_exact(size).zip(b.chunks_exact(size));
    a.len() == b.len() && pairs.into_iter().all(|(a, b)| a == b || nan(a) && nan(b))
}

#[test]
fn sweeps_side_by_side_give_the_bits_of_the_primitives() {
    let level = Level::best();
    let possible = crate::native::runs_here(level) && level == Level::Avx512;
    // Long and short, with and without a rest, with and without rows that begin with a line of the caches; rows that fill
    // batches and that do not.
    for (n, rows) in [(8192 + 64, 150), (8192 + 90, 131), (512, 150), (777, 289)] {
        for (text, size) in [(SOFTMAX, 4), (LOGSUMEXP, 4), (CROSS_ENTROPY, 4), (NORM, 2)] {
            let program = parse(text).unwrap();
            let name = &program.name;
            // Where the CPU follows streams by itself, only what computes much.
            let side_by_side = possible && (!level.follows_streams() || text != NORM);
            let usual = CpuOptions { threads: 1, ..CpuOptions::default() };
            let primitives = CpuOptions { native: false, ..usual };
            let (expected, _) = launch(&program, n, rows, primitives, &[]).unwrap();
            for (threads, stream_from) in [(1, None), (2, Some(0))] {
                let options = CpuOptions { threads, stream_from, ..usual };
                let (found, schedule) = launch(&program, n, rows, options, &[]).unwrap();
                for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let right = same(found, expected, size);
                    assert!(right, "{name}: tensor {k}, {threads} threads: {schedule}");
                }
                assert_eq!(schedule.contains(" side by side"), side_by_side, "{name}: {schedule}");
            }
        }
    }
}

#[test]
fn a_row_that_fails_is_named_as_it_is_alone() {
    let (program, n, rows) = (parse(CROSS_ENTROPY).unwrap(), 8192 + 64, 150);
    let usual = CpuOptions { threads: 1, ..CpuOptions::default() };
    for astray in [&[(45, n)][..], &[(45, n), (40, n + 7)], &[(0, n + 1)], &[(149, n)]] {
        let said = |options| launch(&program, n, rows, options, astray).unwrap_err();
        let expected = said(CpuOptions { native: false, ..usual }).to_string();
        for threads in [1, 2] {
            assert_eq!(said(CpuOptions { threads, ..usual }).to_string(), expected);
        }
    }
}
