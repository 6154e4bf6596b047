//! Kernels lowered for a GPU whose threads are stepped through on the host.

use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{DType, Program};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline;

/// A kernel of the catalog, with all passes before lowering.
pub fn prepared(name: &str, dtype: DType) -> Program {
    let entry = tilewright_kernels::find(name).unwrap();
    let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
    pipeline::optimize(&mut program);
    pipeline::run(&mut program, PASSES, |_, _| {});
    program
}

/// The program of a thread for so many rows and columns, on devices with routines, and the sizes.
pub fn lowered(program: &Program, rows: usize, cols: usize) -> (ThreadProgram, Vec<usize>) {
    let dims: Vec<usize> =
        (program.dims.iter()).map(|dim| if dim.name == "rows" { rows } else { cols }).collect();
    let mut schedule = Schedule::default_for(program, &dims, Units::Half);
    schedule.routines = true;
    (lower(program, &schedule).unwrap(), dims)
}
