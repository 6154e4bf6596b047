//! Tensors whose axes change places, as a GPU's kernels take and give them. Without a GPU it says so and ends.

use std::sync::Arc;
use tilewright_ir::{DType, bind};
use tilewright_lang::{Specialization, record};
use tilewright_target::tuned::Untuned;
use tilewright_target::{Argument, Buffer, Device, Region};
use tilewright_target_cuda::CudaDevice;

fn plain(buffer: &dyn Buffer) -> Argument<'_> {
    Argument::Tensor(Region::whole(buffer))
}

fn turned<'a>(buffer: &'a dyn Buffer, strides: &'a [isize]) -> Argument<'a> {
    Argument::Tensor(Region { strides: Some(strides), ..Region::whole(buffer) })
}

#[test]
fn turned_tensors_are_read_and_written_where_they_lie() {
    let device = match CudaDevice::open(0, None, Arc::new(Untuned)) {
        Ok(device) => device,
        Err(missing) => {
            assert!(std::env::var_os("CUDA").is_none_or(|v| v != "required"), "{missing}");
            return println!("skipped: {missing}");
        }
    };
    // Shapes, and in which order of axes their elements lie.
    let cases: [([usize; 3], [usize; 3]); 6] = [
        ([1, 70, 133], [0, 2, 1]),
        ([3, 64, 65], [0, 2, 1]),
        ([40, 3, 129], [2, 1, 0]),
        ([33, 64, 17], [1, 2, 0]),
        ([130, 2, 16], [1, 0, 2]),
        ([5, 7, 9], [2, 0, 1]),
    ];
    for dtype in [DType::F32, DType::BF16, DType::U8] {
        let signature = format!("x: {0}[a, b, c] -> y: {0}[a, b, c]", dtype.name());
        let program = record("same", &signature, &Specialization::of(DType::F32), |k, a| {
            let (i, j) = (k.program(), k.programs(a["x"].size(1)));
            a["y"].row(i).row(j).store(a["x"].row(i).row(j).load());
        });
        let mut program = program.unwrap();
        tilewright_passes::pipeline::optimize(&mut program);
        let executable = device.compile(&program).unwrap();
        for (shape, order) in cases {
            let count: usize = shape.iter().product();
            let mut strides = [0isize; 3];
            let mut stride = 1;
            for &axis in order.iter().rev() {
                strides[axis] = stride;
                stride *= shape[axis] as isize;
            }
            let bytes: Vec<u8> = (0..count * dtype.size()).map(|i| (i * 37 % 251) as u8).collect();
            let mut x = device.allocate(bytes.len()).unwrap();
            x.write(0, &bytes).unwrap();
            let y = device.allocate(bytes.len()).unwrap();
            let back = device.allocate(bytes.len()).unwrap();
            let bindings = bind(&program, &[Some(shape.to_vec()), None], &[]).unwrap();
            // SAFETY: the buffers outlive the work.
            unsafe {
                executable.launch(&bindings, &[turned(&*x, &strides), plain(&*y)]).unwrap();
                executable.launch(&bindings, &[plain(&*y), turned(&*back, &strides)]).unwrap();
            }
            device.synchronize().unwrap();
            let size = dtype.size();
            let read = |buffer: &dyn Buffer| {
                let mut bytes = vec![0; count * size];
                buffer.read(0, &mut bytes).unwrap();
                bytes
            };
            let (found, same) = (read(&*y), read(&*back));
            assert_eq!(same, bytes, "{shape:?} {order:?}");
            for i in 0..count {
                let at = [i / shape[2] / shape[1], i / shape[2] % shape[1], i % shape[2]];
                let from: usize = at.iter().zip(&strides).map(|(a, s)| a * *s as usize).sum();
                let (a, b) = (&found[i * size..][..size], &bytes[from * size..][..size]);
                assert_eq!(a, b, "{shape:?} {order:?} {dtype}: {i}");
            }
        }
    }
}
