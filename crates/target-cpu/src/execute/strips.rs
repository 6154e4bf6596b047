//! Programs that read their neighbours' rows run in batches and strips, and give the bits that they give one by one.

use crate::{CpuDevice, CpuOptions};
use tilewright_ir::{bind::bind, text::parse};
use tilewright_target::{Argument, Device, Region};

const TAPS: &str = "kernel taps(x: in f32[b, t, n], w: in f32[3, n], y: out f32[b, t, n])
    grid b, t
    %0: i32 = program 0
    %1: i32 = program 1
    %2: i32 = const -2
    %3: i32 = add %1, %2
    %4: f32[1, n] = load x[%0, %3..+1, :]
    %5: f32[n] = reshape %4
    %6: i32 = const 0
    %7: f32[n] = load w[%6, :]
    %8: f32[n] = mul %5, %7
    %9: i32 = const 1
    %10: i32 = add %1, %9
    %11: f32[1, n] = load x[%0, %10..+1, :]
    %12: f32[n] = reshape %11
    %13: f32[n] = load w[%9, :]
    %14: f32[n] = mul %12, %13
    %15: f32[n] = add %8, %14
    %16: f32[n] = load x[%0, %1, :]
    %17: bool = lt %10, %9
    %18: f32 = const 1.5
    %19: f32[n] = select %17, %18, %16
    %20: f32[n] = fma %19, %7, %15
    store y[%0, %1, :] = %20";

/// What the program makes, and how it was run.
fn made(options: CpuOptions, [b, t, n]: [usize; 3]) -> (Vec<u8>, String) {
    let device = CpuDevice::with(options);
    let program = parse(TAPS).unwrap();
    let executable = device.compile(&program).unwrap();
    let shapes = [vec![b, t, n], vec![3, n], vec![b, t, n]];
    let bindings = bind(&program, &shapes.clone().map(Some), &[]).unwrap();
    let buffers = shapes.map(|shape| {
        let count = shape.iter().product::<usize>();
        let number = |k: usize| (k as u32).wrapping_mul(2_654_435_769) as f32 / u32::MAX as f32;
        let bytes: Vec<u8> = (0..count).flat_map(|k| number(k).to_le_bytes()).collect();
        let mut buffer = device.allocate(bytes.len()).unwrap();
        buffer.write(0, &bytes).unwrap();
        buffer
    });
    let arguments: Vec<Argument<'_>> = (buffers.iter())
        .map(|buffer| Argument::Tensor(Region { buffer: &**buffer, offset: 0, strides: None }))
        .collect();
    // SAFETY: the buffers are this test's own.
    unsafe { executable.launch(&bindings, &arguments) }.unwrap();
    let mut out = vec![0; 4 * b * t * n];
    buffers[2].read(0, &mut out).unwrap();
    (out, executable.describe())
}

#[test]
fn strips_of_a_batch_give_the_bits_of_single_rows() {
    let options = CpuOptions { threads: 2, ..CpuOptions::default() };
    for size in [[2, 67, 1500], [1, 64, 2048], [3, 70, 4099]] {
        let (expected, _) = made(CpuOptions { native: false, ..options }, size);
        let (found, how) = made(options, size);
        assert!(found == expected, "{size:?}");
        if crate::native::runs_here(crate::Level::best()) {
            assert!(how.contains("batches of 16"), "{how}");
        }
    }
}
