//! Rows are added in the order of the program, whatever the threads, and bad indices are met where it would meet them.

use super::*;
use crate::{CpuDevice, CpuOptions};
use tilewright_ir::{bind::bind, text::parse};
use tilewright_target::{Argument, Buffer, Device, Region, TargetError};

/// Loops over `n` and `m`, positions in two axes, rows in blocks, zeros first.
const LOOPS_OF_ROWS: &str =
    "kernel scattered(rows: in u32[n], columns: in i32[n, m], values: in T[n, m, c], sum: out f32[a, b, c])
    grid c / 32
    %0: i32 = program 0
    %1: i32 = const 32
    %2: i32 = mul %0, %1
    %3: i32 = const 0
    %4: i32 = size a
    %5: i32 = size b
    for %6 in %3..%4 {
      for %7 in %3..%5 {
        %8: f32 = const 0.0
        store sum[%6, %7, %2..+32] = %8
      }
    }
    %9: i32 = size n
    %10: i32 = size m
    for %11 in %3..%9 {
      %12: u32 = load rows[%11]
      %13: i32 = cast %12
      for %14 in %3..%10 {
        %15: i32 = load columns[%11, %14]
        %16: T[32] = load values[%11, %14, %2..+32]
        %17: f32[32] = cast %16
        %18: f32[32] = load sum[%13, %15, %2..+32]
        %19: f32[32] = add %18, %17
        store sum[%13, %15, %2..+32] = %19
      }
    }";

/// A program an item, with atomic stores of single elements.
const PROGRAMS: &str = "kernel scattered(index: in i32[n], values: in f32[n], sum: inout f32[a])
    grid n
    %0: i32 = program 0
    %1: i32 = load index[%0]
    %2: f32 = load values[%0]
    atomic_add sum[%1] = %2";

fn device(threads: usize) -> CpuDevice {
    CpuDevice::with(CpuOptions { threads, ..CpuOptions::default() })
}

/// Numbers whose sums depend on the order.
fn numbers(count: usize) -> Vec<f32> {
    let hash = |k: usize| (k as u32 + 1).wrapping_mul(2_654_435_769) ^ 0x9e37;
    (0..count).map(|k| f32::from_bits(0x3f00_0000 + (hash(k) >> 5)) - 1.5).collect()
}

fn indices(count: usize, below: usize, seed: u32) -> Vec<u32> {
    let hash = |k: usize| (k as u32 ^ seed).wrapping_mul(2_654_435_769) >> 8;
    (0..count).map(|k| hash(k) % below as u32).collect()
}

fn bytes<T: Copy, const N: usize>(values: &[T], of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| of(value)).collect()
}

/// Launches `text` with these tensors, the last of which is the sum.
fn launch(
    device: &CpuDevice,
    text: &str,
    tensors: &[(Vec<usize>, Vec<u8>)],
) -> Result<Vec<f32>, TargetError> {
    let program = parse(text).unwrap();
    assert!(scatter(&program).is_some(), "not recognized");
    let executable = device.compile(&program).unwrap();
    let shapes: Vec<_> = tensors.iter().map(|(shape, _)| Some(shape.clone())).collect();
    let bindings = bind(&program, &shapes, &[]).unwrap();
    let buffers: Vec<Box<dyn Buffer>> = tensors
        .iter()
        .map(|(_, bytes)| {
            let mut buffer = device.allocate(bytes.len()).unwrap();
            buffer.write(0, bytes).unwrap();
            buffer
        })
        .collect();
    let arguments: Vec<Argument<'_>> = buffers
        .iter()
        .map(|buffer| Argument::Tensor(Region { buffer: &**buffer, offset: 0, strides: None }))
        .collect();
    // SAFETY: the buffers are this test's own.
    unsafe { executable.launch(&bindings, &arguments) }?;
    assert!(executable.describe().ends_with("as a whole\n"), "{}", executable.describe());
    let mut out = vec![0; tensors.last().unwrap().1.len()];
    buffers.last().unwrap().read(0, &mut out).unwrap();
    Ok(out.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn rows_are_added_in_the_order_of_the_loops() {
    // Sizes: alone, cut in ranges of rows, few long rows cut along their columns, longer than a range, many rows of little.
    let sizes = [
        [3, 2, 2, 3, 5],
        [400, 9, 37, 5, 67],
        [50, 30, 1, 2, 1100],
        [7, 3, 2, 1, 40_000],
        [900, 40, 300, 200, 3],
        [0, 4, 70, 9, 64],
    ];
    for [n, m, a, b, c] in sizes {
        for dtype in ["f32", "bf16"] {
            let text = LOOPS_OF_ROWS.replace(
                "%17: f32[32] = cast %16",
                match dtype {
                    "f32" => "%17: f32[32] = copy %16",
                    _ => "%17: f32[32] = cast %16",
                },
            );
            let text = match dtype {
                "f32" => text
                    .replace("        %17: f32[32] = copy %16\n", "")
                    .replace("%18, %17", "%18, %16"),
                _ => text,
            };
            let text = text.replace("T[", &format!("{dtype}["));
            let (rows, columns) = (indices(n, a, 7), indices(n * m, b, 99));
            let mut values = numbers(n * m * c);
            if dtype == "bf16" {
                values.iter_mut().for_each(|x| *x = f32::from_bits(x.to_bits() & 0xffff_0000));
            }
            let mut expected = vec![0.0f32; a * b * c];
            for i in 0..n * m {
                let row = rows[i / m] as usize * b + columns[i] as usize;
                for k in 0..c {
                    expected[row * c + k] += values[i * c + k];
                }
            }
            let stored = match dtype {
                "f32" => bytes(&values, f32::to_le_bytes),
                _ => bytes(&values, |x| [(x.to_bits() >> 16) as u8, (x.to_bits() >> 24) as u8]),
            };
            let tensors = [
                (vec![n], bytes(&rows, u32::to_le_bytes)),
                (vec![n, m], bytes(&columns, u32::to_le_bytes)),
                (vec![n, m, c], stored),
                (vec![a, b, c], vec![0xff; a * b * c * 4]),
            ];
            for threads in [1, 2, 5] {
                let sum = launch(&device(threads), &text, &tensors).unwrap();
                assert!(bits(&sum) == bits(&expected), "{:?} {dtype}, {threads}", [n, m, a, b, c]);
            }
        }
    }
}

#[test]
fn programs_that_add_atomically_go_one_after_another() {
    for (n, a) in [(5, 3), (100_000, 4_000), (60_000, 1)] {
        let (index, values, before) = (indices(n, a, 3), numbers(n), numbers(a));
        let mut expected = before.clone();
        index.iter().zip(&values).for_each(|(&to, x)| expected[to as usize] += x);
        let tensors = [
            (vec![n], bytes(&index, u32::to_le_bytes)),
            (vec![n], bytes(&values, f32::to_le_bytes)),
            (vec![a], bytes(&before, f32::to_le_bytes)),
        ];
        for threads in [1, 3] {
            let sum = launch(&device(threads), PROGRAMS, &tensors).unwrap();
            assert!(bits(&sum) == bits(&expected), "{n} {a}, {threads}");
        }
    }
}

#[test]
fn the_first_index_outside_is_told() {
    let (n, a) = (50_000, 100);
    let mut index = indices(n, a, 3);
    (index[40_007], index[20_011]) = (100, u32::MAX);
    let tensors = [
        (vec![n], bytes(&index, u32::to_le_bytes)),
        (vec![n], bytes(&numbers(n), f32::to_le_bytes)),
        (vec![a], vec![0; 4 * a]),
    ];
    let found = launch(&device(2), PROGRAMS, &tensors).unwrap_err();
    let TargetError::OutOfRange { tensor, axis, index, extent, at, .. } = found else {
        panic!("{found}");
    };
    assert_eq!((tensor.as_str(), axis, index, extent, at), ("sum", 0, -1, 100, vec![20_011]));
}

#[test]
fn what_does_more_is_no_scatter() {
    let is = |text: &str| scatter(&parse(text).unwrap()).is_some();
    assert!(is(PROGRAMS));
    let more = [
        ("sum[%1] = %2", "sum[%0] = %2\n    atomic_add sum[%1] = %2"),
        ("%2: f32 = load values[%0]", "%2: f32 = load values[%1]"),
        ("atomic_add", "atomic_max"),
        ("%1: i32 = load index[%0]", "%3: i32 = load index[%0]\n    %1: i32 = load index[%3]"),
    ];
    for (from, to) in more {
        assert!(!is(&PROGRAMS.replace(from, to)), "{to}");
    }
    let whole = LOOPS_OF_ROWS.replace("T[", "f16[");
    assert!(is(&whole));
    for (from, to) in [
        ("%3..%9", "%5..%9"),
        ("store sum[%13, %15", "store sum[%13, %14"),
        ("const 0.0", "const 1.0"),
        ("grid c / 32", "grid c / 16"),
        ("add %18", "sub %18"),
        ("for %7 in %3..%5", "for %7 in %3..%4"),
    ] {
        assert!(!is(&whole.replace(from, to)), "{to}");
    }
}
