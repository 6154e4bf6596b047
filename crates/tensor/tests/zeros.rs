//! Zeros of either sign are equal, and keep their signs where elements are picked, on every device.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_tensor::{Runtime, Tensor, kernel_with};

fn present() -> Vec<Arc<Runtime>> {
    let names = ["cpu", "interpreter", "emulator", "msl-host", "cuda"];
    let open = |name: &&str| Runtime::open(name).inspect_err(|e| eprintln!("skipped: {e}")).ok();
    names.iter().filter_map(open).collect()
}

#[test]
fn top_k_gives_the_zero_that_it_found() {
    let topk = kernel_with("topk", &[("k", 4)]).unwrap();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        // As long as a subgroup finds with few candidates, as a team shares, and shorter.
        for cols in [4, 33, 700, 5000] {
            // Negative zeros come first, at 1 and 3; then a positive one.
            let mut values = vec![-1.0; cols];
            (values[1], values[2], values[3]) = (-0.0, 0.0, -0.0);
            let x = Tensor::from_f64(dtype, &[1, cols], &values).unwrap();
            for runtime in present() {
                let out = topk.on(&runtime).call_all(&[&x]).unwrap();
                let tensors = out.into_tensors();
                let told = format!("{runtime:?} {dtype} {cols}");
                let picked = tensors[0].to_f64().unwrap();
                let negative: Vec<bool> = picked.iter().map(|v| v.is_sign_negative()).collect();
                assert_eq!(picked, [0.0, 0.0, 0.0, -1.0], "{told}");
                assert_eq!(negative, [true, false, true, true], "{told}");
                assert_eq!(tensors[1].to_f64().unwrap(), [1.0, 2.0, 3.0, 0.0], "{told}");
            }
        }
    }
}
