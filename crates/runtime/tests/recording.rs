//! Recorded launches run again: with other numbers, other sizes, on memory that nobody else gets meanwhile; faults are told.

use std::sync::Arc;
use tilewright_ir::{DType, Program};
use tilewright_lang::{Specialization, record};
use tilewright_runtime::targets::TARGETS;
use tilewright_runtime::{Kernel, Memory, Plan, Result, Runtime, TensorMut, TensorRef, Value};

fn scale() -> Program {
    let signature = "x: T[rows, cols], by: f32, plus: f32 = 0 -> y: T[rows, cols]";
    record("scale", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store(x * a.scalar("by") + a.scalar("plus"));
    })
    .unwrap()
}

fn pick() -> Program {
    let signature = "x: T[rows, cols], at: i32[rows] -> y: T[rows]";
    record("pick", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let at = a["at"].at(row).load();
        a["y"].at(row).store(a["x"].at(row).at(at).load());
    })
    .unwrap()
}

/// The devices here, each with a runtime of its own; the interpreter stands for those without a way to capture.
fn runtimes() -> Vec<Runtime> {
    let names = ["cpu", "cuda", "metal", "interpreter"];
    let targets = TARGETS.iter().filter(|target| names.contains(&target.name));
    targets.filter_map(|t| Some(Runtime::new(t.name, (t.open)().ok()?))).collect()
}

fn memory(runtime: &Runtime, values: &[f32]) -> Memory {
    let mut memory = runtime.allocate(values.len() * 4).unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    memory.buffer_mut().write(0, &bytes).unwrap();
    memory
}

fn read(memory: &Memory, count: usize) -> Vec<f32> {
    let mut bytes = vec![0; count * 4];
    memory.buffer().read(0, &mut bytes).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn plan(kernel: &Kernel, shape: &[usize]) -> Arc<Plan> {
    kernel.plan(&[Some(shape), None, None, None], &[]).unwrap()
}

/// `y = x * by + plus`, enqueued.
fn enqueue(
    kernel: &Kernel,
    plan: &Plan,
    x: &Memory,
    by: f64,
    plus: f64,
    y: &mut Memory,
) -> Result<()> {
    let input = TensorRef {
        buffer: x.buffer(),
        dtype: DType::F32,
        shape: plan.shape(0),
        strides: None,
        offset: 0,
    };
    let out = TensorMut { buffer: y.buffer_mut(), dtype: DType::F32, shape: plan.shape(3) };
    let values = [Value::In(input), Value::Scalar(by), Value::Scalar(plus), Value::Out(out)];
    // SAFETY: the tests wait before they touch the memory.
    unsafe { kernel.enqueue(plan, &values) }
}

#[test]
fn launches_run_again_with_other_numbers_and_sizes() {
    for runtime in runtimes() {
        let kernel = runtime.compile(&scale()).unwrap();
        let whole = plan(&kernel, &[2, 4]);
        let mut x = memory(&runtime, &[1., 2., 3., 4., 5., 6., 7., 8.]);
        let mut y = memory(&runtime, &[0.0; 8]);
        // y = (3 x + 1) * 2, by a temporary that is gone when the recording is made.
        // SAFETY: `x` and `y` outlive the recording.
        let (mut recording, ()) = unsafe {
            runtime.record(|| {
                let mut between = runtime.allocate(32)?;
                enqueue(&kernel, &whole, &x, 3.0, 1.0, &mut between)?;
                enqueue(&kernel, &whole, &between, 2.0, 0.0, &mut y)
            })
        }
        .unwrap();
        assert_eq!(recording.len(), 2);
        assert!(recording.kernels().all(|name| name == "scale"));
        assert_eq!(recording.is_captured(), runtime.target() == "cuda");
        assert_eq!(read(&y, 8), [8., 14., 20., 26., 32., 38., 44., 50.], "it ran once");
        // The temporary is nobody else's: filling memory of its size changes nothing.
        let other = memory(&runtime, &[99.0; 8]);
        x.buffer_mut().write(0, &2.0f32.to_le_bytes()).unwrap();
        // SAFETY: the memory is this test's.
        unsafe { recording.replay() }.unwrap();
        assert_eq!(read(&y, 8), [14., 14., 20., 26., 32., 38., 44., 50.]);
        assert_eq!(read(&other, 8), [99.0; 8]);
        recording.set_scalar(0, "plus", 0.0).unwrap();
        assert_eq!(recording.set_scalars("by", 10.0).unwrap(), 2);
        // SAFETY: as above.
        unsafe { recording.replay() }.unwrap();
        assert_eq!(read(&y, 8), [200., 200., 300., 400., 500., 600., 700., 800.]);
        // One row only, of another length: what lies behind it stays.
        let part = plan(&kernel, &[1, 3]);
        for launch in 0..2 {
            recording.set_sizes(launch, &kernel, &part).unwrap();
        }
        recording.set_scalars("by", 1.0).unwrap();
        // SAFETY: as above.
        unsafe { recording.replay() }.unwrap();
        assert_eq!(read(&y, 8), [2., 2., 3., 400., 500., 600., 700., 800.]);
        // Nothing to run, and back again.
        recording.set_sizes(0, &kernel, &plan(&kernel, &[0, 3])).unwrap();
        // SAFETY: as above.
        unsafe { recording.replay() }.unwrap();
        recording.set_sizes(0, &kernel, &whole).unwrap();
        recording.set_sizes(1, &kernel, &whole).unwrap();
        // SAFETY: as above.
        unsafe { recording.replay() }.unwrap();
        assert_eq!(read(&y, 8), [2., 2., 3., 4., 5., 6., 7., 8.]);
        assert_eq!(recording.is_captured(), runtime.target() == "cuda");
        let told = recording.set_scalar(0, "bye", 1.0).unwrap_err().to_string();
        assert!(told.contains("no number `bye`"), "{told}");
        assert!(recording.set_scalar(7, "by", 1.0).is_err());
        // Sizes that leave the memory are told, and nothing is launched.
        let long = plan(&kernel, &[1000, 1000]);
        let told = recording.set_sizes(1, &kernel, &long);
        // SAFETY: as above.
        let told = told.and_then(|()| unsafe { recording.replay() }).unwrap_err().to_string();
        assert!(told.contains("`x` reaches elements"), "{told}");
    }
}

#[test]
fn indices_out_of_range_are_told_after_a_replay() {
    for runtime in runtimes() {
        let kernel = runtime.compile(&pick()).unwrap();
        let plan = kernel.plan(&[Some(&[2, 4]), Some(&[2]), None], &[]).unwrap();
        let x = memory(&runtime, &[1., 2., 3., 4., 5., 6., 7., 8.]);
        let mut at = memory(&runtime, &[0.0; 2]);
        let mut y = memory(&runtime, &[0.0; 2]);
        let tensor = |memory, dtype, shape| {
            let buffer = Memory::buffer(memory);
            Value::In(TensorRef { buffer, dtype, shape, strides: None, offset: 0 })
        };
        // SAFETY: the memory outlives the recording.
        let (mut recording, ()) = unsafe {
            runtime.record(|| {
                let out =
                    TensorMut { buffer: y.buffer_mut(), dtype: DType::F32, shape: plan.shape(2) };
                let x = tensor(&x, DType::F32, plan.shape(0));
                kernel.enqueue(&plan, &[x, tensor(&at, DType::I32, plan.shape(1)), Value::Out(out)])
            })
        }
        .unwrap();
        let mut replay = |indices: [i32; 2]| {
            let bytes: Vec<u8> = indices.iter().flat_map(|i| i.to_le_bytes()).collect();
            at.buffer_mut().write(0, &bytes).unwrap();
            // SAFETY: as above.
            unsafe { recording.replay() }.map_err(|e| e.to_string())
        };
        replay([3, 1]).unwrap();
        assert_eq!(read(&y, 2), [4., 6.]);
        let told = replay([3, 4]).unwrap_err();
        assert!(told.contains("pick") && told.contains('4'), "{}: {told}", runtime.target());
        replay([0, 0]).unwrap();
        assert_eq!(read(&y, 2), [1., 5.]);
    }
}

#[test]
fn one_records_at_a_time() {
    let runtime = Runtime::open("cpu").unwrap();
    // SAFETY: nothing is launched.
    let told = unsafe { runtime.record(|| runtime.record(|| Ok(())).map(|_| ())) }.unwrap_err();
    assert!(told.to_string().contains("already"), "{told}");
    // A failure of the work leaves nothing behind.
    // SAFETY: as above.
    let (recording, ()) = unsafe { runtime.record(|| Ok(())) }.unwrap();
    assert!(recording.is_empty());
}
