//! Steps that were bound once do what launches do, bit for bit.

use super::*;
use crate::{CpuDevice, CpuOptions};
use std::sync::Arc;
use tilewright_ir::{Bindings, bind::bind, text::parse};
use tilewright_target::{Argument, Buffer, Device, Executable, Region};

/// Halves as bf16.
fn halves(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5).to_bits().to_le_bytes()
    };
    (0..count).flat_map(|_| [next()[2], next()[3] & 0xbf]).collect()
}

fn buffer(device: &CpuDevice, bytes: &[u8]) -> Box<dyn Buffer> {
    let mut buffer = device.allocate(bytes.len()).unwrap();
    buffer.write(0, bytes).unwrap();
    buffer
}

fn whole(buffer: &dyn Buffer) -> Argument<'_> {
    Argument::Tensor(Region { buffer, offset: 0, strides: None })
}

/// A product of `rows` rows of 256 elements.
struct Case {
    executable: Arc<dyn Executable>,
    bindings: Bindings,
    /// Words, scales, biases.
    weights: [Box<dyn Buffer>; 3],
    y: Box<dyn Buffer>,
    columns: usize,
}

const DEPTH: usize = 256;

impl Case {
    fn new(device: &CpuDevice, rows: usize, columns: usize) -> Case {
        let text = "kernel product(x: in bf16[*rows, 64*groups], w: in u32[columns, 8*groups], scales: in bf16[columns, groups], biases: in bf16[columns, groups], y: out bf16[*rows, columns])
            grid rows, columns
            %0: i32 = program 0
            %1: i32 = program 1
            %2: bf16[64*groups] = load x[%0, :]
            %3: f32[64*groups] = cast %2
            %4: bf16[groups] = load scales[%1, :]
            %5: f32[groups] = cast %4
            %6: f32[groups, 1] = reshape %5
            %7: u32[8*groups] = load w[%1, :]
            %8: u32[64*groups] = unpack %7 bits 4
            %9: f32[64*groups] = cast %8
            %10: f32[groups, 64] = reshape %9
            %11: f32[groups, 64] = mul %10, %6
            %12: bf16[groups] = load biases[%1, :]
            %13: f32[groups] = cast %12
            %14: f32[groups, 1] = reshape %13
            %15: f32[groups, 64] = add %11, %14
            %16: f32[64*groups] = reshape %15
            %17: f32[64*groups] = mul %3, %16
            %18: f32[1] = reduce_sum %17 axis 0
            %19: bf16[1] = cast %18
            %20: bf16 = reshape %19
            store y[%0, %1] = %20";
        let program = parse(text).unwrap();
        let groups = DEPTH / 64;
        let matrix = [Some(vec![columns, groups]), Some(vec![columns, groups])];
        let shapes = [
            Some(vec![rows, DEPTH]),
            Some(vec![columns, 8 * groups]),
            matrix[0].clone(),
            matrix[1].clone(),
            Some(vec![rows, columns]),
        ];
        let part = |count: usize, seed: u32| buffer(device, &halves(count, seed));
        let seed = columns as u32;
        Case {
            executable: device.compile(&program).unwrap(),
            bindings: bind(&program, &shapes, &[]).unwrap(),
            weights: [
                part(columns * 16 * groups, seed),
                part(columns * groups, seed + 1),
                part(columns * groups, seed + 2),
            ],
            y: buffer(device, &vec![0xff; 2 * rows * columns]),
            columns,
        }
    }

    fn arguments<'a>(&'a self, x: &'a dyn Buffer, y: &'a dyn Buffer) -> Vec<Argument<'a>> {
        let [w, scales, biases] = &self.weights;
        vec![whole(x), whole(&**w), whole(&**scales), whole(&**biases), whole(y)]
    }

    fn step(&self, x: &dyn Buffer) -> Step {
        // SAFETY: the tests keep all buffers.
        unsafe { Step::new(self.executable.clone(), &self.bindings, &self.arguments(x, &*self.y)) }
    }

    /// What a launch by itself gives.
    fn alone(&self, device: &CpuDevice, x: &dyn Buffer) -> Vec<u8> {
        let y = buffer(device, &vec![0; self.y.size()]);
        // SAFETY: the tests keep all buffers, and nobody else uses them.
        unsafe { self.executable.launch(&self.bindings, &self.arguments(x, &*y)) }.unwrap();
        bytes(&*y)
    }
}

fn bytes(of: &dyn Buffer) -> Vec<u8> {
    let mut bytes = vec![0; of.size()];
    of.read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn products_of_the_same_rows_run_as_one_and_give_what_launches_give() {
    for (threads, rows) in [(1, 1), (2, 1), (3, 3)] {
        let device = CpuDevice::with(CpuOptions { threads, ..CpuOptions::default() });
        let x = buffer(&device, &halves(rows * DEPTH, 5));
        let cases = [DEPTH, 136, 1, 72].map(|columns| Case::new(&device, rows, columns));
        // The fourth reads what the first writes.
        let inputs = [&*x, &*x, &*x, &*cases[0].y];
        let steps = cases.iter().zip(inputs).map(|(case, x)| case.step(x)).collect();
        let mut walk = Walk::new(steps);
        for round in 0..2 {
            // SAFETY: the buffers are this test's.
            unsafe { walk.enqueue() }.unwrap();
            assert_eq!(walk.turns(), Some(2));
            for (case, x) in cases.iter().zip(inputs) {
                let (found, asked) = (bytes(&*case.y), case.alone(&device, x));
                assert!(found == asked, "{threads} threads, {} columns, {round}", case.columns);
                assert!(found.iter().any(|byte| *byte != found[0]) || case.columns == 1);
            }
        }
    }
}

#[test]
fn a_step_that_changes_is_bound_anew() {
    let device = CpuDevice::with(CpuOptions { threads: 2, ..CpuOptions::default() });
    let program = parse(
        "kernel scaled(x: in f32[n], by: scalar f32, y: out f32[n])
        grid n
        %0: i32 = program 0
        %1: f32 = load x[%0]
        %2: f32 = scalar by
        %3: f32 = mul %1, %2
        store y[%0] = %3",
    )
    .unwrap();
    let values: Vec<u8> = (0..8u8).flat_map(|k| f32::from(k).to_le_bytes()).collect();
    let (x, y) = (buffer(&device, &values), buffer(&device, &[0xff; 32]));
    let bound = |n: usize| bind(&program, &[Some(vec![n]), None, Some(vec![n])], &[]).unwrap();
    let arguments = [whole(&*x), Argument::Scalar(2.0), whole(&*y)];
    let executable = device.compile(&program).unwrap();
    // SAFETY: this test keeps the buffers.
    let step = unsafe { Step::new(executable, &bound(4), &arguments) };
    let mut walk = Walk::new(vec![step]);
    let mut run = |change: Option<Change<'_>>| {
        if let Some(change) = change {
            walk.change(0, &change).unwrap();
        }
        // SAFETY: as above.
        unsafe { walk.enqueue() }.unwrap();
        let of = bytes(&*y);
        let numbers = of.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        numbers.take_while(|x| !x.is_nan()).map(|x| x as i32).collect::<Vec<_>>()
    };
    assert_eq!(run(None), [0, 2, 4, 6]);
    assert_eq!(run(Some(Change { bindings: None, scalars: &[(1, 3.0)] })), [0, 3, 6, 9]);
    let longer = bound(8);
    let change = Change { bindings: Some(&longer), scalars: &[] };
    assert_eq!(run(Some(change)), [0, 3, 6, 9, 12, 15, 18, 21]);
    let too_long = bound(9);
    walk.change(0, &Change { bindings: Some(&too_long), scalars: &[] }).unwrap();
    // SAFETY: as above.
    assert!(unsafe { walk.enqueue() }.is_err());
}
