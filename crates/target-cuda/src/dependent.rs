//! Kernels that may start while the one ahead of them in a graph still runs (programmatic dependent launch, compute
//! capability 9.0): they wait for it before they touch memory, so that only the work of starting overlaps.
//!
//! The wait is put into the text on its way to the compiler: it is no part of what a kernel computes, and what was
//! measured with the text stays known by it. A launch outside of a graph has nothing to wait for.

use crate::routine::read_early;
use tilewright_ir::thread::ThreadProgram;

/// What a kernel begins with: it waits for the kernel ahead, then lets the one behind start, which waits in its turn.
const WAIT: &str = "    asm volatile(\"griddepcontrol.wait;\" ::: \"memory\");\n    \
                    asm volatile(\"griddepcontrol.launch_dependents;\" ::: \"memory\");\n";

/// `source`, the text of `program`, with the wait at its start, unless it waits by itself.
pub(crate) fn waiting(source: &str, program: &ThreadProgram) -> String {
    let kernel = source.find("extern \"C\" __global__").unwrap_or(source.len());
    let body = source[kernel..].find(") {\n").map(|at| kernel + at + 4);
    match body {
        Some(body) if read_early(program).is_empty() => {
            [&source[..body], WAIT, &source[body..]].concat()
        }
        _ => source.into(),
    }
}

/// Groups of a cluster.
pub(crate) const CLUSTER: usize = 8;

/// `source`, whose groups share the work of one, with [`CLUSTER`] of them as a cluster along the last axis of the grid.
pub(crate) fn clustered(source: &str) -> String {
    let kernel = "__global__ void";
    let with = format!("__global__ void __attribute__((cluster_dims(1, 1, {CLUSTER})))");
    ["#define TW_CLUSTER\n", &source.replacen(kernel, &with, 1)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CudaC;
    use tilewright_ir::DType;
    use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
    use tilewright_passes::pipeline;
    use tilewright_target::c;

    fn text(name: &str) -> (ThreadProgram, String) {
        let entry = tilewright_kernels::CATALOG.iter().find(|entry| entry.name == name).unwrap();
        let mut program = entry.record(&entry.specialization(DType::BF16, &[])).unwrap();
        pipeline::optimize(&mut program);
        pipeline::run(&mut program, PASSES, |_, _| {});
        let dims = vec![64; program.dims.len()];
        let mut schedule = Schedule::default_for(&program, &dims, Units::Half);
        schedule.routines = true;
        let threads = lower(&program, &schedule).unwrap();
        let text = waiting(&c::source(&threads, &CudaC), &threads);
        (threads, text)
    }

    #[test]
    fn every_kernel_waits_once_and_before_it_reads_what_another_may_write() {
        for entry in tilewright_kernels::CATALOG {
            if !entry.dtypes.contains(&DType::BF16) {
                continue;
            }
            let (threads, text) = text(entry.name);
            let kernel = &text[text.find("extern \"C\"").unwrap()..];
            let waits = kernel.matches("griddepcontrol.wait").count();
            let by_itself = kernel.matches("tw_wait();").count();
            assert_eq!(waits + by_itself, 1, "{}:\n{kernel}", entry.name);
            if waits == 1 {
                assert!(kernel.lines().nth(1).unwrap().contains("griddepcontrol.wait"), "{kernel}");
            } else {
                // Nothing is read above the routine.
                let above = &kernel[..kernel.find("tw_wait();").unwrap()];
                let body = &above[above.find(") {\n").unwrap()..];
                let in_word = |c: char| c.is_alphanumeric() || c == '_';
                let reads = |name: &str| {
                    let mut found = body.match_indices(name).map(|(at, _)| at);
                    found.any(|at| {
                        !body[..at].ends_with(in_word) && body[at + name.len()..].starts_with('[')
                    })
                };
                let read = threads.params.iter().find(|param| reads(&param.name));
                assert!(read.is_none(), "{}:\n{kernel}", entry.name);
            }
        }
        assert!(!read_early(&text("quantized_matvec").0).is_empty());
        // Which weights those are is read from a tensor.
        assert!(read_early(&text("gather_qmm").0).is_empty());
    }
}
