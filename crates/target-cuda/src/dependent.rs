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
pub fn waiting(source: &str, program: &ThreadProgram) -> String {
    let kernel = source.find("extern \"C\" __global__").unwrap_or(source.len());
    let body = source[kernel..].find(") {\n").map(|at| kernel + at + 4);
    match body {
        Some(body) if read_early(program).is_none() => {
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
