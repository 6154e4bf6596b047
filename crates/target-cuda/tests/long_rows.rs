//! Long rows on a GPU, where clusters of groups hold them, beside the same program stepped through on the host with one group
//! that reads them in blocks. Without a GPU it says so and ends.

use std::sync::Arc;
use tilewright_ir::thread::emulate;
use tilewright_ir::{Access, Argument as Emulated, DType, ParamKind, Program, Tensor, bind};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline;
use tilewright_target::tuned::Untuned;
use tilewright_target::{Argument, Buffer, Device, Region};
use tilewright_target_cuda::CudaDevice;

/// The first program of a kernel's gradient, or the kernel.
fn program(name: &str, dtype: DType, grad: bool) -> Program {
    let entry = tilewright_kernels::find(name).unwrap();
    let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
    pipeline::optimize(&mut program);
    if grad {
        program =
            tilewright_passes::grad(&program, &Default::default()).unwrap().programs.swap_remove(0);
        pipeline::optimize(&mut program);
    }
    program
}

/// Arguments for the host, of numbers that differ from element to element.
fn arguments(program: &Program, dims: &[usize], cols: usize) -> Vec<Emulated> {
    let argument = |kind: &ParamKind| match kind {
        ParamKind::Scalar { dtype, .. } if dtype.is_int() => Emulated::Scalar(-100.0),
        ParamKind::Scalar { .. } => Emulated::Scalar(0.5),
        ParamKind::Tensor { dtype, shape, .. } => {
            let shape: Vec<usize> = shape.iter().map(|e| e.value(dims)).collect();
            let value = |i: usize| match dtype.is_float() {
                true => ((i * 7919) % 1013) as f64 / 256.0 - 2.0,
                false => ((i * 12_347) % cols) as f64,
            };
            let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
            Emulated::Tensor(Tensor::from_values(*dtype, &shape, &values))
        }
    };
    program.params.iter().map(|param| argument(&param.kind)).collect()
}

fn device() -> Option<CudaDevice> {
    let opened = CudaDevice::open(0, None, Arc::new(Untuned));
    let required = std::env::var_os("CUDA").is_some_and(|v| v == "required");
    opened
        .inspect_err(|missing| {
            assert!(!required, "{missing}");
            println!("skipped: {missing}");
        })
        .ok()
}

/// A program that has the whole of a matrix for its tile is many, one a column.
#[test]
fn a_matrix_is_reduced_over_its_rows_by_many_programs() {
    let source = "kernel t(x: in f32[rows, n], s: out f32[n])\n%0: f32[rows, n] = load x[:, :]\n\
                  %1: f32[1, n] = reduce_sum %0 axis 0\n%2: f32[n] = reshape %1\nstore s[:] = %2\n";
    let mut program = tilewright_ir::text::parse(source).unwrap();
    pipeline::optimize(&mut program);
    let Some(device) = device() else { return };
    let executable = device.compile(&program).unwrap();
    for (rows, n) in [(4096, 4096), (77, 5), (3, 1030)] {
        let bytes: Vec<u8> =
            (0..rows * n).flat_map(|i| ((i % 113) as f32 / 16.0).to_le_bytes()).collect();
        let mut x = device.allocate(bytes.len()).unwrap();
        x.write(0, &bytes).unwrap();
        let sums = device.allocate(4 * n).unwrap();
        let bindings = bind(&program, &[Some(vec![rows, n]), None], &[]).unwrap();
        let arguments = [Region::whole(&*x), Region::whole(&*sums)].map(Argument::Tensor);
        for turn in 0..3 {
            let started = std::time::Instant::now();
            // SAFETY: the buffers outlive the work.
            unsafe { executable.launch(&bindings, &arguments) }.unwrap();
            device.synchronize().unwrap();
            println!("{rows} x {n}, turn {turn}: {:?}", started.elapsed());
        }
        let mut found = vec![0; 4 * n];
        sums.read(0, &mut found).unwrap();
        for (column, found) in found.chunks_exact(4).enumerate() {
            let found = f64::from(f32::from_le_bytes([found[0], found[1], found[2], found[3]]));
            let right: f64 = (0..rows).map(|r| ((r * n + column) % 113) as f64 / 16.0).sum();
            assert!((found - right).abs() <= 1e-5 * right.abs(), "{column}: {found}, {right}");
        }
    }
}

#[test]
fn long_rows_on_a_gpu_are_those_of_the_host() {
    let Some(device) = device() else { return };
    let cases = [
        ("softmax", false, 20_000),
        ("softmax", false, 128_256),
        ("log_softmax", false, 65_536),
        ("softmax_cross_entropy_grad", false, 70_001),
        ("rmsnorm", false, 65_536),
        ("layernorm", false, 33_000),
        ("softmax", true, 128_256),
        ("softmax_cross_entropy", true, 128_256),
        ("rmsnorm", true, 65_536),
        ("layernorm", true, 40_001),
    ];
    for (name, grad, cols) in cases {
        for dtype in [DType::F32, DType::BF16] {
            let program = program(name, dtype, grad);
            let sizes = [("rows", 130), ("cols", cols), ("classes", cols)];
            let sizes: Vec<(&str, usize)> = sizes
                .into_iter()
                .filter(|(name, _)| program.dims.iter().any(|dim| dim.name == *name))
                .collect();
            let bindings = bind(&program, &vec![None; program.params.len()], &sizes).unwrap();
            let dims = &bindings.dims;
            let host = arguments(&program, dims, cols);
            let buffers: Vec<Option<Box<dyn Buffer>>> = (host.iter())
                .map(|argument| {
                    let tensor = argument.tensor()?;
                    let mut buffer = device.allocate(tensor.bytes.len()).unwrap();
                    buffer.write(0, &tensor.bytes).unwrap();
                    Some(buffer)
                })
                .collect();
            let given: Vec<Argument<'_>> = (buffers.iter().zip(&host))
                .map(|(buffer, argument)| match (buffer, argument) {
                    (Some(buffer), _) => Argument::Tensor(Region::whole(&**buffer)),
                    (None, Emulated::Scalar(value)) => Argument::Scalar(*value),
                    (None, Emulated::Tensor(_)) => unreachable!("tensors have buffers"),
                })
                .collect();
            let executable = device.compile(&program).unwrap();
            // SAFETY: the buffers outlive the work.
            unsafe { executable.launch(&bindings, &given) }.unwrap();
            device.synchronize().unwrap();
            let adds_up = grad && name.ends_with("norm");
            assert_eq!(executable.describe().contains("cluster_dims("), adds_up, "{name} {cols}");
            // The host steps through the first rows only: a program of a gradient takes up to 64.
            let rows = if adds_up { 64 } else { 2 };
            let some = sizes.iter().map(|&(n, v)| (n, if n == "rows" { rows } else { v }));
            let some: Vec<(&str, usize)> = some.collect();
            let few = bind(&program, &vec![None; program.params.len()], &some).unwrap();
            let mut right = arguments(&program, &few.dims, cols);
            let mut lowered = program.clone();
            pipeline::run(&mut lowered, PASSES, |_, _| {});
            let schedule = Schedule::default_for(&lowered, &few.dims, Units::Half);
            let threads = lower(&lowered, &schedule).unwrap();
            emulate(&threads, &few.dims, &mut right).unwrap();
            let unit = if dtype == DType::F32 { 2e-5 } else { 1e-2 };
            for ((param, right), buffer) in program.params.iter().zip(&right).zip(&buffers) {
                let (ParamKind::Tensor { dtype, access: Access::Out, .. }, Some(buffer)) =
                    (&param.kind, buffer)
                else {
                    continue;
                };
                let right = right.tensor().unwrap().values();
                let mut bytes = vec![0; right.len() * dtype.size()];
                buffer.read(0, &mut bytes).unwrap();
                let found = bytes.chunks_exact(dtype.size()).map(|element| dtype.read(element));
                let greatest = right.iter().fold(0f64, |m, x| m.max(x.abs()));
                for (i, (a, b)) in found.zip(&right).enumerate() {
                    let near = (a - b).abs() <= unit * greatest;
                    assert!(near, "{name} {dtype} {cols}: {} {i}: {a}, {b}", param.name);
                }
            }
        }
    }
}
