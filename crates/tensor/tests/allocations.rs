//! A repeated call with its outputs given allocates nothing between the caller and the device.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tilewright_ir::DType;
use tilewright_tensor::{Runtime, Tensor, elementwise, kernel};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
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

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn a_repeated_call_allocates_nothing() {
    let null = Runtime::open("null").unwrap();
    let x = Tensor::full(DType::F32, &[4, 8], 1.0).unwrap();
    let weight = Tensor::full(DType::F32, &[8], 1.0).unwrap();
    let mut y = Tensor::zeros(DType::F32, &[4, 8]).unwrap();
    let norm = kernel("rmsnorm").unwrap().on(&null);
    let sum = elementwise("a * b + a").unwrap().on(&null);
    for _ in 0..3 {
        norm.call_into(&[&x, &weight], &mut [&mut y]).unwrap();
        sum.call_into(&[&x, &x], &mut [&mut y]).unwrap();
    }
    let rows = allocations(|| norm.call_into(&[&x, &weight], &mut [&mut y]).unwrap());
    let map = allocations(|| sum.call_into(&[&x, &x], &mut [&mut y]).unwrap());
    assert_eq!((rows, map), (0, 0));
    let named = allocations(|| {
        norm.bind()
            .input("x", &x)
            .input("weight", &weight)
            .scalar("eps", 1e-5)
            .output("y", &mut y)
            .run()
            .map(drop)
            .unwrap();
    });
    assert_eq!(named, 0);
    // Nor does finding the constants that the shapes tell.
    let q = Tensor::zeros(DType::F32, &[1, 6, 2, 8]).unwrap();
    let keys = Tensor::zeros(DType::F32, &[1, 2, 5, 8]).unwrap();
    let mut out = Tensor::zeros(DType::F32, &[1, 6, 2, 8]).unwrap();
    let attention = kernel("attention").unwrap().on(&null);
    let mut attend = || {
        let call = attention.bind().input("q", &q).input("keys", &keys).input("values", &keys);
        call.scalar("scale", 0.3).output("out", &mut out).run().map(drop).unwrap();
    };
    for _ in 0..3 {
        attend();
    }
    assert_eq!(allocations(attend), 0);
    // Fresh outputs come from the pool: the tensor itself is all that is new.
    drop(norm.call(&[&x, &weight]).unwrap());
    let fresh = allocations(|| drop(norm.call(&[&x, &weight]).unwrap()));
    assert!(fresh <= 8, "{fresh} allocations");
}
