//! NVRTC takes every kernel of the catalog, for an A100 and for an H100, without a GPU, and tells what each takes of a
//! multiprocessor. Its library is looked for where the loader looks; without it the tests say so and end, unless
//! `NVRTC=required` says that it must be there.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tilewright_ir::DType;
use tilewright_kernels::CATALOG;
use tilewright_passes::lower::Multiprocessors;
use tilewright_target::null::NullDevice;
use tilewright_target::source::{Body, SourceKernel, SourceLaunch, SourceTensor, Template, Wide};
use tilewright_target::{Device, Region};
use tilewright_target_cuda::{Usage, compile, compile_with_usage, sign, source, staying_source};

/// Registers of an array that no kernel needs.
const TOO_MANY: usize = 4096;

/// The longest array of registers in a text.
fn longest_array(text: &str) -> usize {
    let lines = text.lines().filter(|line| !line.contains("__shared__"));
    let length = |line: &str| line.trim().strip_suffix("];")?.rsplit_once('[')?.1.parse().ok();
    lines.filter_map(length).max().unwrap_or(0)
}

const ARCHITECTURES: [&str; 2] = ["sm_80", "sm_90"];

/// Those of an H100, where groups stay whatever their columns.
const H100: Multiprocessors = Multiprocessors { count: 132, shared: 232_448, least: 1 };

fn is_missing() -> bool {
    let Err(missing) = compile("extern \"C\" __global__ void nothing() {}", "sm_90") else {
        return false;
    };
    let required = std::env::var_os("NVRTC").is_some_and(|value| value == "required");
    assert!(!required, "{missing}");
    println!("skipped: {missing}");
    true
}

/// A text and who needs it.
struct Job {
    kernel: &'static str,
    dtype: DType,
    architecture: &'static str,
    text: String,
}

/// Every distinct text of the catalog, in its timed case or else the largest. An architecture takes the first and the last
/// dtype of a kernel; those between them differ in the conversions of loads and stores only.
fn jobs() -> Vec<Job> {
    let (mut seen, mut jobs) = (HashSet::new(), Vec::new());
    for entry in CATALOG {
        let dtypes = if entry.dtypes.is_empty() { &[DType::F32] } else { entry.dtypes };
        let volume = |case: &&tilewright_kernels::Case| -> usize {
            case.sizes.iter().map(|(_, n)| *n).product()
        };
        let timed = entry.cases.iter().find(|case| case.bench);
        let Some(case) = timed.or_else(|| entry.cases.iter().max_by_key(volume)) else { continue };
        for (number, &dtype) in dtypes.iter().enumerate() {
            if number != 0 && number + 1 != dtypes.len() {
                continue;
            }
            let program = entry.record(&entry.specialization(dtype, case.constants)).unwrap();
            let size = |name: &str| {
                case.sizes.iter().find(|(n, _)| *n == name).map_or(1, |(_, value)| *value)
            };
            let text = source(&program, size).unwrap();
            let longest = longest_array(&text);
            assert!(longest < TOO_MANY, "{}: an array of {longest} registers", entry.name);
            let staying = staying_source(&program, H100, size).unwrap();
            let [older, newer] = ARCHITECTURES;
            for (architecture, text) in [(older, &text), (newer, &text), (newer, &staying)] {
                if seen.insert((text.clone(), architecture)) {
                    jobs.push(Job { kernel: entry.name, dtype, architecture, text: text.clone() });
                }
            }
        }
    }
    jobs
}

/// A row of the table.
fn row(job: &Job, usage: &Usage, took: Duration) -> String {
    let Usage { registers, stack, spill_stores, spill_loads, shared } = usage;
    format!(
        "{:38} {:5} {} {registers:9} {stack:5} {spill_stores:12} {spill_loads:11} {shared:6} {:6}",
        job.kernel,
        job.dtype.name(),
        job.architecture,
        took.as_millis()
    )
}

#[test]
fn every_kernel_compiles_for_both_architectures() {
    if is_missing() {
        return;
    }
    let started = Instant::now();
    let jobs = jobs();
    println!(
        "{:38} {:5} {:5} {:>9} {:>5} {:>12} {:>11} {:>6} {:>6}",
        "KERNEL",
        "DTYPE",
        "FOR",
        "REGISTERS",
        "STACK",
        "SPILL STORES",
        "SPILL LOADS",
        "SHARED",
        "MS"
    );
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let compiled = compile_with_usage(&job.text, job.architecture);
                    if let Ok((_, usage)) = &compiled {
                        println!("{}", row(job, usage, start.elapsed()));
                    }
                    results.lock().unwrap().push((job, compiled));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let mut failed = Vec::new();
    for (job, compiled) in &results {
        let Job { kernel, dtype, architecture, .. } = job;
        match compiled {
            Ok((image, usage)) => {
                assert!(image.starts_with(b"\x7fELF"), "{kernel} is no code");
                assert!(usage.registers > 0, "{kernel}: the log tells no registers");
            }
            Err(error) => failed.push(format!("{kernel} {dtype} {architecture}: {error}")),
        }
    }
    let spills = results.iter().filter(|(_, compiled)| {
        compiled.as_ref().is_ok_and(|(_, usage)| usage.spill_stores + usage.spill_loads > 0)
    });
    println!(
        "{} programs in {:.0} s, {} of them spill registers",
        results.len(),
        started.elapsed().as_secs_f64(),
        spills.count()
    );
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), results.len(), failed.join("\n"));
}

#[test]
fn copies_between_layouts_compile() {
    if is_missing() {
        return;
    }
    for architecture in ARCHITECTURES {
        compile(include_str!("../src/copy.cu"), architecture).unwrap();
    }
}

/// Gradients that add up over long rows take clusters, whose threads hold what they have of a row.
#[test]
fn long_rows_compile_for_clusters() {
    if is_missing() {
        return;
    }
    let cases = [("rmsnorm", 65_536), ("layernorm", 65_536)];
    for (name, columns) in cases {
        let entry = tilewright_kernels::find(name).unwrap();
        for dtype in [DType::F32, DType::BF16] {
            let mut program = entry.record(&entry.specialization(dtype, &[])).unwrap();
            tilewright_passes::pipeline::optimize(&mut program);
            let backward = tilewright_passes::grad(&program, &Default::default()).unwrap();
            let size = |name: &str| if name == "rows" { 8192 } else { columns };
            let text = staying_source(&backward.programs[0], H100, size).unwrap();
            assert!(text.contains("cluster_dims("), "{name}");
            let (_, usage) = compile_with_usage(&text, "sm_90").unwrap();
            println!("gradient of {name} {dtype}: {usage:?}");
            assert!(usage.spill_loads < 64, "{name} {dtype}: {usage:?}");
        }
    }
}

#[test]
fn a_body_compiles_within_its_signature() {
    if is_missing() {
        return;
    }
    let body = |source: &str| Body { source: source.into(), header: String::new() };
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    let kernel = SourceKernel {
        name: "custom_rmsnorm".into(),
        inputs: owned(&["x", "w", "eps"]),
        outputs: owned(&["out"]),
        metal: None,
        cuda: Some(body(include_str!("rmsnorm.cu"))),
        ensure_row_contiguous: true,
        atomic_outputs: false,
        shared_memory: 0,
        wide: Vec::new(),
    };
    let buffer = NullDevice::new().allocate(64).unwrap();
    let region = Region::whole(&*buffer);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let tensor = |dtype, shape| SourceTensor { region, dtype, shape, wide: None };
        let inputs =
            [tensor(dtype, &[3, 257]), tensor(dtype, &[257][..]), tensor(DType::F32, &[1])];
        let launch = SourceLaunch {
            template: &[("T", Template::Dtype(dtype))],
            grid: [3 * 256, 1, 1],
            group: [256, 1, 1],
            inputs: &inputs,
            outputs: &[tensor(dtype, &[3, 257])],
        };
        for architecture in ARCHITECTURES {
            let text = sign(&kernel, kernel.cuda.as_ref().unwrap(), &launch);
            assert!(text.contains("x_shape,") && !text.contains("x_strides"), "{text}");
            compile(&text, architecture).unwrap();
            let wrong = body("out[0] = x[0];\nout[1] = nothing;");
            let told = compile(&sign(&kernel, &wrong, &launch), architecture).unwrap_err();
            assert!(told.to_string().contains("body(2)"), "{told}");
            // What MLX's own example says.
            let mut example = body(
                "auto elem = cooperative_groups::this_grid().thread_rank();\n\
                 T tmp = x[elem_to_loc(elem, x_shape.data(), x_strides.data(), x_ndim)];\n\
                 tmp *= 2.0f;\nout[elem] = tmp > T(0) ? (T)expf(tmp) : (T)-inf;",
            );
            compile(&sign(&kernel, &example, &launch), architecture).unwrap();
            example.header = "__device__ int twice(int x) { return 2 * x; }".into();
            compile(&sign(&kernel, &example, &launch), architecture).unwrap();
        }
    }
}

#[test]
fn a_body_sees_whole_numbers_where_tensors_have_halves() {
    if is_missing() {
        return;
    }
    let body = "auto i = cooperative_groups::this_grid().thread_rank();\n\
                next[i] = (T)ids[elem_to_loc(i, ids_shape.data(), ids_strides.data(), ids_ndim)] >> 40;";
    let kernel = SourceKernel {
        name: "upper".into(),
        inputs: vec!["ids".into()],
        outputs: vec!["next".into()],
        metal: None,
        cuda: Some(Body { source: body.into(), header: String::new() }),
        ensure_row_contiguous: false,
        atomic_outputs: false,
        shared_memory: 0,
        wide: vec![("ids".into(), Wide::U64), ("next".into(), Wide::I16)],
    };
    let buffer = NullDevice::new().allocate(64).unwrap();
    let region = Region { buffer: &*buffer, offset: 0, strides: Some(&[2, 6, 1]) };
    let (ids, next) = (Some(Wide::U64), Some(Wide::I16));
    let input = SourceTensor { region, dtype: DType::U32, shape: &[3, 1, 2], wide: ids };
    let region = Region::whole(&*buffer);
    let output = SourceTensor { region, dtype: DType::U8, shape: &[3, 2], wide: next };
    let launch = SourceLaunch {
        template: &[("T", Template::Wide(Wide::I64))],
        grid: [3, 1, 1],
        group: [3, 1, 1],
        inputs: &[input],
        outputs: &[output],
    };
    assert_eq!((input.seen(), input.strides_seen()), (&[3, 1][..], vec![1, 3]));
    assert_eq!((input.check_halves(), output.check_halves()), (Ok(()), Ok(())));
    let text = sign(&kernel, kernel.cuda.as_ref().unwrap(), &launch);
    for part in ["const uint64_t* ids", "int16_t* next", "using T = int64_t;"] {
        assert!(text.contains(part), "{text}");
    }
    ARCHITECTURES.iter().for_each(|architecture| drop(compile(&text, architecture).unwrap()));
    for (wrong, part) in [
        (SourceTensor { dtype: DType::F32, ..input }, "halves of 32 bits"),
        (SourceTensor { shape: &[3, 1, 4], ..input }, "along a last axis of 2"),
        (SourceTensor { wide: next, ..input }, "halves of 8 bits"),
        (SourceTensor { region: Region { offset: 1, ..input.region }, ..input }, "side by side"),
    ] {
        let told = wrong.check_halves().unwrap_err();
        assert!(told.contains(part), "{told}");
    }
}
