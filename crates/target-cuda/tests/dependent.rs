//! Kernels that may start early wait, once, before they read what the kernel ahead of them may write.

use tilewright_ir::DType;
use tilewright_ir::thread::{Code, Routine, ThreadProgram};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline;
use tilewright_target::c;
use tilewright_target_cuda::{CudaC, waiting};

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

/// The tensors that attention reads ahead.
fn read_before_waiting(program: &ThreadProgram) -> Vec<usize> {
    let routines = program.body.iter().filter_map(|code| match code {
        Code::Routine(Routine::Ahead(ahead)) => Some(ahead.early.iter().map(|param| param.index())),
        _ => None,
    });
    routines.flatten().collect()
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
            // Nothing is read above the wait but what the program names: it may not start early where that is made.
            let above = &kernel[..kernel.find("tw_wait();").unwrap()];
            let body = &above[above.find(") {\n").unwrap()..];
            let in_word = |c: char| c.is_alphanumeric() || c == '_';
            let reads = |name: &str| {
                let mut found = body.match_indices(name).map(|(at, _)| at);
                found.any(|at| {
                    !body[..at].ends_with(in_word) && body[at + name.len()..].starts_with('[')
                })
            };
            let named = read_before_waiting(&threads);
            let mut others = threads.params.iter().enumerate().filter(|(i, _)| !named.contains(i));
            let read = others.find(|(_, param)| reads(&param.name));
            assert!(read.is_none(), "{}:\n{kernel}", entry.name);
        }
    }
    // It reads its weights first, and waits by itself.
    assert!(text("quantized_matvec").1.contains("tw_wait();"));
    // It reads the caches and where it stands in them, but not what the products before it make.
    let (program, attention) = text("rope_decode_attention");
    let early = read_before_waiting(&program);
    let name = |i: &usize| program.params[*i].name.as_str();
    assert_eq!(early.iter().map(name).collect::<Vec<_>>(), ["positions", "lens", "cos", "sin"]);
    assert!(attention.contains("tw_wait();"));
    // Which weights those are is read from a tensor.
    assert!(!text("gather_qmm").1.contains("tw_wait();"));
}
