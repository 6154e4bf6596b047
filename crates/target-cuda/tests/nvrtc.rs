//! NVRTC takes every kernel of the catalog, for an A100 and for an H100, without a GPU. Its library is looked for where
//! the loader looks; without it the test says so and ends.

use std::collections::HashSet;
use tilewright_ir::DType;
use tilewright_kernels::CATALOG;
use tilewright_target_cuda::{compile, source};

#[test]
fn every_kernel_compiles_for_both_architectures() {
    if let Err(missing) = compile("extern \"C\" __global__ void nothing() {}", "sm_90") {
        println!("skipped: {missing}");
        return;
    }
    let mut seen = HashSet::new();
    let mut failed = Vec::new();
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        // The timed case, else the largest, shows the text that matters.
        let volume = |case: &&tilewright_kernels::Case| -> usize {
            case.sizes.iter().map(|(_, n)| *n).product()
        };
        let timed = entry.cases.iter().find(|case| case.bench);
        let Some(case) = timed.or_else(|| entry.cases.iter().max_by_key(volume)) else { continue };
        for (number, &dtype) in dtypes.iter().enumerate() {
            let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
            let size = |name: &str| {
                case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
            };
            let text = source(&program, size).unwrap();
            // Each architecture once, with different dtypes where there are several: more takes minutes.
            let last = number + 1 == dtypes.len();
            let architectures: &[&str] = match (number, last) {
                (0, true) => &["sm_80", "sm_90"],
                (0, false) => &["sm_80"],
                (_, true) => &["sm_90"],
                (_, false) => continue,
            };
            for architecture in architectures {
                if !seen.insert((text.clone(), *architecture)) {
                    continue;
                }
                match compile(&text, architecture) {
                    Ok(image) => {
                        assert!(image.starts_with(b"\x7fELF"), "{} is no code", entry.name)
                    }
                    Err(error) => {
                        failed.push(format!("{} {dtype} {architecture}: {error}", entry.name));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), seen.len(), failed.join("\n"));
    println!("{} programs", seen.len());
}
