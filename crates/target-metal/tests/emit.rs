//! The whole catalog as MSL, without a Mac: every kernel in every dtype lowers and prints.

use tilewright_ir::DType;
use tilewright_kernels::CATALOG;
use tilewright_target_metal::source;

#[test]
fn every_kernel_has_msl() {
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        for &dtype in dtypes {
            for case in entry.cases {
                let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
                let size = |name: &str| {
                    case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
                };
                let text = source(&program, size);
                let text = text.unwrap_or_else(|e| panic!("{} {:?}: {e}", entry.name, case.sizes));
                let signature = format!("tw_kernel_{}(", entry.name);
                assert_eq!(text.matches(&signature).count(), 1, "{text}");
                let (open, close) = (text.matches('{').count(), text.matches('}').count());
                assert_eq!(open, close, "{text}");
                assert!(text.contains("#include <metal_stdlib>"), "{text}");
            }
        }
    }
}
