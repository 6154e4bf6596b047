//! The whole catalog as CUDA C, without a GPU: every kernel in every dtype lowers and prints.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_kernels::CATALOG;
use tilewright_target::tuned::Untuned;
use tilewright_target_cuda::{CudaDevice, source};

#[test]
fn every_kernel_has_cuda_c() {
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        for &dtype in dtypes {
            for case in entry.cases {
                let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
                let size = |name: &str| {
                    case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
                };
                let text = source(&program, size)
                    .unwrap_or_else(|e| panic!("{} {dtype} {:?}: {e}", entry.name, case.sizes));
                let signature = format!("tw_kernel_{}(", entry.name);
                assert_eq!(text.matches(&signature).count(), 1, "{text}");
                let (open, close) = (text.matches('{').count(), text.matches('}').count());
                assert_eq!(open, close, "{text}");
            }
        }
    }
}

#[test]
fn a_machine_without_the_driver_is_told_what_is_missing() {
    if let Err(error) = CudaDevice::open(0, None, Arc::new(Untuned)) {
        let text = error.to_string();
        assert!(text.contains("CUDA: "), "{text}");
        assert!(
            ["libcuda", "libnvrtc", "GPU", "driver"].iter().any(|w| text.contains(w)),
            "{text}"
        );
    }
}
