//! Kernels that may start while the one ahead of them in a graph still runs (programmatic dependent launch, compute
//! capability 9.0): they wait for it before they touch memory, so that only the work of starting overlaps.
//!
//! What a phase costs at least, as `measure/cuda_phases.cu` measures it on an H100 (us; 128 groups of 256 threads that norm a
//! row of 1024 and read 2 MiB of weights): 2.7 by full edges of a graph, 1.8 so; 1.9 where the next kernel may start before the
//! wait, 2.2 by counting groups in memory instead of waiting for the kernel ahead, 2.2 as phases of one kernel whose groups
//! count themselves and ask for weights a phase ahead, 1.9 where elements carry a mark that they are there. Of a layer of
//! qwen3-0.6b, five phases, each takes 0.7 to wait, 0.4 (a norm: 0.7) for its row, 0.6 to 0.9 for products, 0.5 for sums.
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
