//! A repeated call on the CPU allocates nothing, on none of its threads, whatever the kernel; but for products of matrices,
//! which make a few short lists.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use tilewright_ir::{Access, Argument, DType, ParamKind};
use tilewright_kernels::{CATALOG, Case};
use tilewright_proof::Call;
use tilewright_runtime::{HostBuffer, Memory, Runtime, TensorMut, TensorRef, Value};

struct Counting;

/// Of all threads: the device's own are among them, and this file has one test.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The product of a case's sizes is at most this: enough for several blocks of a row and batches of programs.
const LARGEST: usize = 300_000;
/// Calls after which every thread has met the kernel.
const WARM: usize = 4;
/// Products of matrices list the rows of each expert, and the parts that threads take: so many lists.
const PRODUCTS: (&[&str], usize) = (&["quantized_matmul", "matmul", "linear"], 4);
/// Calls after those.
const MEASURED: usize = 3;

fn volume(case: &Case) -> usize {
    case.sizes.iter().map(|(_, size)| size).product()
}

/// The fewest allocations of a call among some that are like those before them: a thread may meet the kernel late.
fn allocations(runtime: &Runtime, call: &Call) -> usize {
    let kernel = runtime.compile(&call.program).unwrap();
    let tensors = || call.arguments.iter().map(|argument| argument.tensor());
    let shapes: Vec<Option<&[usize]>> = tensors().map(|t| t.map(|t| t.shape.as_slice())).collect();
    let plan = kernel.plan(&shapes, &[]).unwrap();
    let room = |bytes: usize| Memory::adopt(Box::new(HostBuffer::new(bytes).unwrap()));
    let mut memories: Vec<Option<Memory>> =
        tensors().map(|t| t.map(|t| room(t.bytes.len()))).collect();
    let mut counts = Vec::new();
    for _ in 0..WARM + MEASURED {
        let mut values = Vec::new();
        let given = call.program.params.iter().zip(&call.arguments);
        for ((param, argument), memory) in given.zip(&mut memories) {
            let (Some(tensor), Some(memory)) = (argument.tensor(), memory) else {
                let Argument::Scalar(number) = argument else { unreachable!("a tensor") };
                values.push(Value::Scalar(*number));
                continue;
            };
            // What a kernel changes in place is as it was.
            memory.buffer_mut().write(0, &tensor.bytes).unwrap();
            let (dtype, shape) = (tensor.dtype, &tensor.shape[..]);
            values.push(match param.kind {
                ParamKind::Tensor { access: Access::In, .. } => {
                    let buffer = memory.buffer();
                    Value::In(TensorRef { buffer, dtype, shape, strides: None, offset: 0 })
                }
                _ => Value::Out(TensorMut { buffer: memory.buffer_mut(), dtype, shape }),
            });
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        kernel.launch(&plan, &values).unwrap();
        counts.push(ALLOCATIONS.load(Ordering::Relaxed) - before);
    }
    counts.split_off(WARM).into_iter().min().unwrap_or_default()
}

#[test]
fn a_repeated_call_allocates_nothing() {
    let runtime = Runtime::open("cpu").unwrap();
    let (mut found, mut calls) = (Vec::new(), 0);
    for entry in CATALOG {
        let dtype = entry.dtypes.first().copied().unwrap_or(DType::F32);
        for case in entry.cases.iter().filter(|case| (1..=LARGEST).contains(&volume(case))) {
            let call = Call::new(entry, case, dtype, 3).unwrap();
            calls += 1;
            let count = allocations(&runtime, &call);
            if count > if PRODUCTS.0.contains(&entry.name) { PRODUCTS.1 } else { 0 } {
                found.push(format!("{} {:?}: {count}", entry.name, case.sizes));
            }
        }
    }
    assert!(calls > CATALOG.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
