//! Pairs give the bits that their programs give.

use super::*;
use crate::{CpuDevice, CpuOptions};
use tilewright_ir::{DType, bind::bind};
use tilewright_target::Device;
use tilewright_target::Executable;
use tilewright_target::recording::Step;

const GROUPS: usize = 16;

/// Finite halves of either type.
fn halves(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    (0..count).flat_map(|_| (next() & 0x83ff | 0x3800).to_le_bytes()).collect()
}

fn buffer(device: &CpuDevice, bytes: &[u8]) -> Box<dyn Buffer> {
    let mut buffer = device.allocate(bytes.len()).unwrap();
    buffer.write(0, bytes).unwrap();
    buffer
}

fn bytes(of: &dyn Buffer) -> Vec<u8> {
    let mut bytes = vec![0; of.size()];
    of.read(0, &mut bytes).unwrap();
    bytes
}

fn whole(buffer: &dyn Buffer) -> Argument<'_> {
    Argument::Tensor(Region { buffer, offset: 0, strides: None })
}

#[test]
fn a_pair_gives_what_its_program_gives() {
    for (name, dtype, rows, columns, paired) in [
        ("fused_quantized_swiglu_gemv", DType::BF16, 1, 256, true),
        ("fused_quantized_swiglu_gemv", DType::BF16, 3, 72, true),
        ("fused_quantized_geglu_gemv", DType::F16, 1, 192, true),
        ("fused_quantized_geglu_erf_gemv", DType::BF16, 2, 7, true),
        ("fused_quantized_swiglu_gemv", DType::BF16, 9, 40, false),
        ("fused_quantized_swiglu_gemv", DType::F32, 1, 40, false),
    ] {
        let entry = tilewright_kernels::find(name).unwrap();
        let constants = [("bits", 4), ("group", 64)];
        let mut program = entry.record(&entry.specialization(dtype, &constants)).unwrap();
        tilewright_passes::pipeline::optimize(&mut program);
        let size = dtype.size();
        let shapes = [vec![rows, 64 * GROUPS], vec![columns, 8 * GROUPS], vec![columns, GROUPS]];
        let order = [0, 1, 2, 2, 1, 2, 2];
        let mut shapes: Vec<_> = order.map(|k| Some(shapes[k].clone())).into();
        shapes.push(Some(vec![rows, columns]));
        let bindings = bind(&program, &shapes, &[]).unwrap();
        let device = CpuDevice::with(CpuOptions { threads: 2, ..CpuOptions::default() });
        let tensors: Vec<_> = (order.into_iter().zip(&bindings.shapes).enumerate())
            .map(|(seed, (k, shape))| {
                let count: usize = shape.iter().product();
                let count = if k == 1 { 2 * count } else { count * size / 2 };
                buffer(&device, &halves(count, seed as u32))
            })
            .collect();
        let launched = |how: &dyn Fn(&[Argument<'_>])| {
            let y = buffer(&device, &vec![0xff; rows * columns * size]);
            let inputs = tensors.iter().map(|tensor| &**tensor).chain([&*y]);
            how(&inputs.map(whole).collect::<Vec<_>>());
            bytes(&*y)
        };
        let by_schedule = CpuExecutable::scheduled(&program, &device.engine);
        let executable = device.compile(&program).unwrap();
        // SAFETY: the buffers are this test's.
        let asked = launched(&|all| unsafe { by_schedule.launch(&bindings, all) }.unwrap());
        // SAFETY: as above.
        let found = launched(&|all| unsafe { executable.launch(&bindings, all) }.unwrap());
        assert!(found == asked, "{name} {dtype:?} {rows} {columns}");
        assert_eq!(executable.describe().contains("two products"), paired, "{name} {rows}");
        let recorded = launched(&|all| {
            // SAFETY: as above.
            let step = unsafe { Step::new(executable.clone(), &bindings, all) };
            let mut walk = device.record(vec![step]).unwrap();
            // SAFETY: as above.
            (0..2).for_each(|_| unsafe { walk.enqueue() }.unwrap());
        });
        assert!(recorded == asked, "{name} {dtype:?} {rows} {columns}");
    }
}
