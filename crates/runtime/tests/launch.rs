//! Launching: what fits runs, what does not fit says so in one line, and equal programs compile once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilewright_ir::{DType, Program};
use tilewright_lang::{Specialization, record};
use tilewright_runtime::targets::{Role, TARGETS};
use tilewright_runtime::{BorrowedBuffer, Kernel, Runtime, TensorMut, TensorRef, Value};
use tilewright_target::null::NullDevice;
use tilewright_target::{Buffer, Caps, Device, Executable, TargetError};

fn scale() -> Program {
    let signature = "x: T[*rows, cols], by: f32, plus: f32 = 0 -> y: T[*rows, cols]";
    record("scale", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let x = a["x"].row(row).load();
        a["y"].row(row).store(x * a.scalar("by") + a.scalar("plus"));
    })
    .unwrap()
}

fn runtime() -> Runtime {
    Runtime::new(
        "interpreter",
        (TARGETS.iter().find(|t| t.name == "interpreter").unwrap().open)().unwrap(),
    )
}

/// Runs `kernel` with `x` of `shape` and returns `y`.
fn run(
    kernel: &Kernel,
    x: &[f32],
    shape: &[usize],
    strides: Option<&[isize]>,
    by: Option<f64>,
) -> Result<Vec<f32>, String> {
    let go = || {
        let plan = kernel.plan(&[Some(shape), None, None, None], &[])?;
        let mut y = vec![f32::NAN; plan.shape(3).iter().product()];
        let by = by.map_or(Value::Default, Value::Scalar);
        let input = BorrowedBuffer::shared(x);
        let mut output = BorrowedBuffer::exclusive(&mut y);
        let tensor = TensorRef { buffer: &input, dtype: DType::F32, shape, strides, offset: 0 };
        let out = TensorMut { buffer: &mut output, dtype: DType::F32, shape: plan.shape(3) };
        kernel.launch(&plan, &[Value::In(tensor), by, Value::Default, Value::Out(out)])?;
        Ok(y)
    };
    go().map_err(|e: tilewright_runtime::Error| e.to_string())
}

#[test]
fn every_present_target_runs_it() {
    for target in TARGETS.iter().filter(|t| t.role == Role::Computes) {
        let Ok(runtime) = Runtime::open(target.name) else { continue }; // not on this machine
        let kernel = runtime.compile(&scale()).unwrap();
        let x: Vec<f32> = (0..6).map(|i| i as f32).collect();
        let by = || Some(2.0);
        assert_eq!(run(&kernel, &x, &[2, 3], None, by()).unwrap(), [0., 2., 4., 6., 8., 10.]);
        let transposed = run(&kernel, &x, &[3, 2], Some(&[1, 3]), by()).unwrap();
        assert_eq!(transposed, [0., 6., 2., 8., 4., 10.], "{}", target.name);
        let reversed = run(&kernel, &x, &[6], Some(&[0]), by()).unwrap();
        assert_eq!(reversed, [0.0; 6]);
        assert_eq!(run(&kernel, &x, &[1, 2, 3], None, by()).unwrap().len(), 6);
        assert!(run(&kernel, &[], &[0, 3], None, by()).unwrap().is_empty());
    }
}

#[test]
fn equal_programs_compile_once() {
    let runtime = runtime();
    let first = runtime.compile(&scale()).unwrap();
    let second = runtime.compile(&scale()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let stats = runtime.stats();
    assert_eq!((stats.hits, stats.misses, stats.launches), (1, 1, 0));
    run(&first, &[1.0], &[1, 1], None, Some(1.0)).unwrap();
    run(&first, &[1.0, 2.0], &[2, 1], None, Some(3.0)).unwrap();
    assert_eq!((runtime.stats().misses, runtime.stats().launches, first.launches()), (1, 2, 2));
}

#[test]
fn what_does_not_fit_says_so() {
    let kernel = runtime().compile(&scale()).unwrap();
    let x = [0.0f32; 6];
    let by = || Some(2.0);
    let error = run(&kernel, &x, &[2, 3], None, None).unwrap_err();
    assert_eq!(error, "scale: `by` is missing: a number (f32) without a default");
    let error = run(&kernel, &x, &[2, 4], None, by()).unwrap_err();
    assert_eq!(error, "scale: `x` reaches elements 0..=7 of a buffer that holds 6");
    let error = run(&kernel, &x, &[], None, by()).unwrap_err();
    assert!(error.contains("`x` has shape [], expected [*rows, cols]"), "{error}");
    let error = kernel.position("bye").unwrap_err().to_string();
    assert!(error.contains("did you mean `by`?"), "{error}");
    let error = kernel.plan(&[None; 4], &[]).unwrap_err().to_string();
    assert!(error.contains("`x` is missing: a tensor f32[*rows, cols]"), "{error}");
    let error = kernel.plan(&[Some(&[2, 3][..]), None, None, None], &[("k", 3)]).unwrap_err();
    assert!(error.to_string().contains("no size named `k`"), "{error}");
    assert!(Runtime::open("gpu").unwrap_err().to_string().contains("devices are"));
}

#[test]
fn wrong_dtypes_and_directions_are_refused() {
    let kernel = runtime().compile(&scale()).unwrap();
    let plan = kernel.plan(&[Some(&[2, 1][..]), None, None, None], &[]).unwrap();
    let (x, mut y) = ([0i32; 2], [0.0f32; 2]);
    let mut launch = |dtype, swap: bool| {
        let input = BorrowedBuffer::shared(&x);
        let mut output = BorrowedBuffer::exclusive(&mut y);
        let shape = &[2, 1][..];
        let tensor = TensorRef { buffer: &input, dtype, shape, strides: None, offset: 0 };
        let out = TensorMut { buffer: &mut output, dtype: DType::F32, shape };
        let (a, b) = (Value::In(tensor), Value::Out(out));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        kernel.launch(&plan, &[a, Value::Scalar(1.0), Value::Default, b]).unwrap_err().to_string()
    };
    assert!(launch(DType::I32, false).contains("`x` has dtype i32, expected f32"));
    assert!(launch(DType::F32, true).contains("`x` is only read"));
}

#[test]
fn shared_memory_is_never_written() {
    let kernel = runtime().compile(&scale()).unwrap();
    let (x, y, shape) = ([1.0f32; 2], [0.0f32; 2], &[2, 1][..]);
    let plan = kernel.plan(&[Some(shape), None, None, None], &[]).unwrap();
    let (input, mut output) = (BorrowedBuffer::shared(&x), BorrowedBuffer::shared(&y));
    let x = TensorRef { buffer: &input, dtype: DType::F32, shape, strides: None, offset: 0 };
    let y = TensorMut { buffer: &mut output, dtype: DType::F32, shape };
    let values = [Value::In(x), Value::Scalar(1.0), Value::Default, Value::Out(y)];
    let error = kernel.launch(&plan, &values).unwrap_err().to_string();
    assert!(error.contains("`y` is written, but its memory may only be read"), "{error}");
}

/// A device that counts how often it is waited for.
struct Waited {
    null: NullDevice,
    memory_waits: bool,
    times: AtomicUsize,
}

impl Device for Waited {
    fn caps(&self) -> &Caps {
        self.null.caps()
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        self.null.compile(program)
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        self.null.allocate(bytes)
    }

    fn memory_waits(&self) -> bool {
        self.memory_waits
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        self.times.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn nobody_waits_where_memory_does() {
    for memory_waits in [false, true] {
        let times = AtomicUsize::new(0);
        let device = Arc::new(Waited { null: NullDevice::new(), memory_waits, times });
        let runtime = Runtime::new("null", device.clone());
        let kernel = runtime.compile(&scale()).unwrap();
        let plan = kernel.plan(&[Some(&[2, 3]), None, None, None], &[]).unwrap();
        let x = BorrowedBuffer::shared(&[0f32; 6]);
        let dtype = DType::F32;
        let tensor = TensorRef { buffer: &x, dtype, shape: &[2, 3], strides: None, offset: 0 };
        let mut y = runtime.allocate(24).unwrap();
        let mut start = || {
            let out = TensorMut { buffer: y.buffer_mut(), dtype, shape: &[2, 3] };
            kernel.start(
                &plan,
                &[Value::In(tensor), Value::Scalar(2.0), Value::Default, Value::Out(out)],
            )
        };
        start().unwrap();
        start().unwrap();
        assert_eq!(device.times.load(Ordering::Relaxed), if memory_waits { 0 } else { 2 });
    }
}
