//! What only a GPU can show: recorded launches, products by the library, kernels from source, what a launch costs. Without
//! one every test here says so and ends.

use std::sync::Arc;
use std::time::Instant;
use tilewright_ir::{DType, Program, bind};
use tilewright_lang::{Specialization, record};
use tilewright_passes::lower::Multiprocessors;
use tilewright_target::recording::{Change, Step};
use tilewright_target::source::{Body, SourceKernel, SourceLaunch, SourceTensor, Template};
use tilewright_target::tuned::Untuned;
use tilewright_target::{Argument, Buffer, Device, Executable, Region};
use tilewright_target_cuda::{CudaDevice, staying_source};

fn device() -> Option<CudaDevice> {
    let opened = CudaDevice::open(0, None, Arc::new(Untuned));
    opened.inspect_err(|missing| println!("skipped: {missing}")).ok()
}

fn scale() -> Program {
    let signature = "x: T[rows, cols], by: f32 -> y: T[rows, cols]";
    record("scale", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        a["y"].row(row).store(a["x"].row(row).load() * a.scalar("by"));
    })
    .unwrap()
}

fn pick() -> Program {
    let signature = "x: T[rows, cols], at: i32[rows] -> y: T[rows]";
    record("pick", signature, &Specialization::of(DType::F32), |k, a| {
        let row = k.program();
        let at = a["at"].at(row).load();
        a["y"].at(row).store(a["x"].at(row).at(at).load());
    })
    .unwrap()
}

fn buffer(device: &CudaDevice, dtype: DType, values: &[f64]) -> Box<dyn Buffer> {
    let mut bytes = vec![0; values.len() * dtype.size()];
    for (element, value) in bytes.chunks_exact_mut(dtype.size()).zip(values) {
        dtype.write(*value, element);
    }
    let mut buffer = device.allocate(bytes.len()).unwrap();
    buffer.write(0, &bytes).unwrap();
    buffer
}

fn read(buffer: &dyn Buffer, dtype: DType, count: usize) -> Vec<f64> {
    let mut bytes = vec![0; count * dtype.size()];
    buffer.read(0, &mut bytes).unwrap();
    bytes.chunks_exact(dtype.size()).map(|element| dtype.read(element)).collect()
}

fn compile(device: &CudaDevice, program: &Program) -> (Program, Arc<dyn Executable>) {
    let mut program = program.clone();
    tilewright_passes::pipeline::optimize(&mut program);
    let executable = device.compile(&program).unwrap();
    (program, executable)
}

fn whole(buffer: &dyn Buffer) -> Argument<'_> {
    Argument::Tensor(Region::whole(buffer))
}

#[test]
fn a_graph_runs_again_with_other_numbers_and_sizes() {
    let Some(device) = device() else { return };
    let (program, executable) = compile(&device, &scale());
    let sizes = |rows, cols| bind(&program, &[Some(vec![rows, cols]), None, None], &[]).unwrap();
    let x = buffer(&device, DType::F32, &[1., 2., 3., 4., 5., 6.]);
    let (between, y) =
        (buffer(&device, DType::F32, &[0.; 6]), buffer(&device, DType::F32, &[0.; 6]));
    let step = |from: &dyn Buffer, by, to: &dyn Buffer| {
        let arguments = [whole(from), Argument::Scalar(by), whole(to)];
        // SAFETY: the buffers outlive the recording.
        unsafe { Step::new(executable.clone(), &sizes(2, 3), &arguments) }
    };
    let steps = vec![step(&*x, 2.0, &*between), step(&*between, 10.0, &*y)];
    let mut recording = device.record(steps).unwrap();
    assert!(recording.is_captured());
    let run = |recording: &mut Box<dyn tilewright_target::recording::Recording>| {
        // SAFETY: the buffers are this test's.
        unsafe { recording.enqueue() }.unwrap();
        device.synchronize().unwrap();
        read(&*y, DType::F32, 6)
    };
    assert_eq!(run(&mut recording), [20., 40., 60., 80., 100., 120.]);
    recording.change(1, &Change { bindings: None, scalars: &[(1, 100.0)] }).unwrap();
    assert_eq!(run(&mut recording), [200., 400., 600., 800., 1000., 1200.]);
    let part = sizes(1, 2);
    recording.change(0, &Change { bindings: Some(&part), scalars: &[(1, 3.0)] }).unwrap();
    recording.change(1, &Change { bindings: Some(&part), scalars: &[(1, 1.0)] }).unwrap();
    assert_eq!(run(&mut recording), [3., 6., 600., 800., 1000., 1200.]);
    let none = sizes(0, 3);
    recording.change(0, &Change { bindings: Some(&none), scalars: &[] }).unwrap();
    assert!(!recording.is_captured());
    assert_eq!(run(&mut recording), [3., 6., 600., 800., 1000., 1200.]);
    recording.change(0, &Change { bindings: Some(&part), scalars: &[(1, 5.0)] }).unwrap();
    assert!(recording.is_captured());
    assert_eq!(run(&mut recording)[..2], [5., 10.]);
    let long = sizes(1000, 1000);
    let change = Change { bindings: Some(&long), scalars: &[] };
    assert!(recording.change(0, &change).unwrap_err().to_string().contains("reaches"));
}

#[test]
fn a_graph_tells_indices_out_of_range() {
    let Some(device) = device() else { return };
    let (program, executable) = compile(&device, &pick());
    let sizes = bind(&program, &[Some(vec![2, 3]), Some(vec![2]), None], &[]).unwrap();
    let x = buffer(&device, DType::F32, &[1., 2., 3., 4., 5., 6.]);
    let mut at = buffer(&device, DType::I32, &[0.; 2]);
    let y = buffer(&device, DType::F32, &[0.; 2]);
    let arguments = [whole(&*x), whole(&*at), whole(&*y)];
    // SAFETY: the buffers outlive the recording; `at` is written while nothing runs.
    let step = unsafe { Step::new(executable, &sizes, &arguments) };
    let mut recording = device.record(vec![step]).unwrap();
    for (indices, right) in [([2i32, 0], true), ([0, 3], false), ([1, 1], true)] {
        at.write(0, &indices.map(i32::to_le_bytes).concat()).unwrap();
        // SAFETY: as above.
        unsafe { recording.enqueue() }.unwrap();
        match device.synchronize() {
            Ok(()) => assert!(right, "{indices:?} is not told"),
            Err(told) => {
                assert!(!right && told.to_string().contains("pick"), "{told}");
            }
        }
    }
    assert_eq!(read(&*y, DType::F32, 2), [2., 5.]);
}

/// Attention of many queries has a text of its own on architecture 9.0, which a recording takes as a launch does.
#[test]
fn a_graph_runs_by_the_texts_that_a_launch_runs_by() {
    let Some(device) = device() else { return };
    let entry = tilewright_kernels::find("attention").unwrap();
    let recorded = entry.record(&entry.specialization(DType::BF16, &[("head_dim", 64)])).unwrap();
    let (program, executable) = compile(&device, &recorded);
    let (queries, length) = (150, 200);
    let shapes = [vec![1, 4, queries, 64], vec![1, 1, length, 64], vec![1, 1, length, 64]];
    let given: Vec<Option<Vec<usize>>> =
        shapes.iter().cloned().map(Some).chain([None, None, None]).collect();
    let sizes = bind(&program, &given, &[]).unwrap();
    let filled = |shape: &Vec<usize>, turn: f64| {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|i| (i as f64 * turn).sin()).collect();
        buffer(&device, DType::BF16, &values)
    };
    let [q, keys, values] = [0, 1, 2].map(|i| filled(&shapes[i], 0.37 + i as f64));
    let count = 4 * queries * 64;
    let by = |window: f64, out: &dyn Buffer| {
        let (scale, window) = (Argument::Scalar(0.125), Argument::Scalar(window));
        let arguments = [whole(&*q), whole(&*keys), whole(&*values), scale, window, whole(out)];
        // SAFETY: the buffers outlive the recording.
        unsafe { Step::new(executable.clone(), &sizes, &arguments) }
    };
    let [launched, replayed] = [0, 1].map(|_| buffer(&device, DType::BF16, &vec![0.0; count]));
    let mut recording = device.record(vec![by(1e9, &*replayed)]).unwrap();
    assert!(recording.is_captured());
    for window in [1e9, 33.0] {
        // SAFETY: the buffers are this test's.
        unsafe { by(window, &*launched).launch() }.unwrap();
        recording.change(0, &Change { bindings: None, scalars: &[(4, window)] }).unwrap();
        assert!(recording.is_captured());
        // SAFETY: as above.
        unsafe { recording.enqueue() }.unwrap();
        device.synchronize().unwrap();
        let right = read(&*launched, DType::BF16, count);
        assert!(right.iter().any(|x| *x != 0.0));
        assert_eq!(read(&*replayed, DType::BF16, count), right, "a window of {window}");
    }
}

/// A plain product of many rows is the library's in a recording as in a launch, between kernels that are not.
#[test]
fn a_graph_multiplies_by_the_library_as_a_launch_does() {
    let Some(device) = device() else { return };
    let entry = tilewright_kernels::find("linear").unwrap();
    let recorded = entry.record(&entry.specialization(DType::F32, &[])).unwrap();
    let (product, multiply) = compile(&device, &recorded);
    let (scaled, scale) = compile(&device, &scale());
    let [rows, depth, columns] = [64, 256, 512];
    let filled = |count: usize, turn: f64| {
        let values: Vec<f64> = (0..count).map(|i| (i as f64 * turn).sin()).collect();
        buffer(&device, DType::F32, &values)
    };
    let (x, w) = (filled(rows * depth, 0.37), filled(columns * depth, 1.37));
    let all = rows * columns;
    let steps = |between: [&dyn Buffer; 3], rows: usize| {
        let sizes =
            |program: &Program, given: [Option<Vec<usize>>; 3]| bind(program, &given, &[]).unwrap();
        let by = Argument::Scalar(2.0);
        let [before, middle, after] = between;
        let first = sizes(&scaled, [Some(vec![rows, depth]), None, None]);
        let second = sizes(&product, [Some(vec![rows, depth]), Some(vec![columns, depth]), None]);
        let third = sizes(&scaled, [Some(vec![rows, columns]), None, None]);
        // SAFETY: the buffers outlive the recording.
        unsafe {
            vec![
                Step::new(scale.clone(), &first, &[whole(&*x), by, whole(before)]),
                Step::new(multiply.clone(), &second, &[whole(before), whole(&*w), whole(middle)]),
                Step::new(scale.clone(), &third, &[whole(middle), by, whole(after)]),
            ]
        }
    };
    let room = || [rows * depth, all, all].map(|n| buffer(&device, DType::F32, &vec![0.0; n]));
    let (launched, replayed) = (room(), room());
    let mut recording = device.record(steps([0, 1, 2].map(|i| &*replayed[i]), rows)).unwrap();
    assert!(recording.is_captured());
    for (rows, factor) in [(rows, 2.0), (rows, 3.0), (8, 3.0), (rows, 1.0)] {
        let mut plain = steps([0, 1, 2].map(|i| &*launched[i]), rows);
        let change = Change { bindings: None, scalars: &[(1, factor)] };
        plain[0].change(&change);
        // SAFETY: the buffers are this test's.
        plain.iter().for_each(|step| unsafe { step.launch() }.unwrap());
        for (number, step) in plain.iter().enumerate() {
            let change = Change { bindings: Some(step.bindings()), scalars: &[] };
            recording.change(number, &change).unwrap();
        }
        recording.change(0, &change).unwrap();
        assert!(recording.is_captured());
        // SAFETY: as above.
        unsafe { recording.enqueue() }.unwrap();
        device.synchronize().unwrap();
        let right = read(&*launched[2], DType::F32, rows * columns);
        assert!(right.iter().any(|x| *x != 0.0));
        assert_eq!(read(&*replayed[2], DType::F32, rows * columns), right, "{rows} rows");
    }
}

/// Products of many columns and weights come through rings in a recording, not in a launch: to the same bits.
#[test]
fn groups_that_stay_multiply_as_those_of_a_launch_do() {
    // The last block of the last columns is half of one.
    let [hidden, wide, last] = [4096, 12288, 4104];
    let on = Multiprocessors { count: 132, shared: 232_448, least: 4096 };
    let parts = [
        ("norm_quantized_matvec", hidden, hidden),
        ("fused_quantized_swiglu_gemv", wide, hidden),
        ("quantized_matvec", last, wide),
    ];
    let recorded = parts.map(|(name, columns, depth)| {
        let entry = tilewright_kernels::find(name).unwrap();
        let program = entry.record(&entry.specialization(DType::BF16, &[])).unwrap();
        let size = |name: &str| match name {
            "columns" => columns,
            "groups" => depth / 64,
            _ => 1,
        };
        let text = staying_source(&program, on, size).unwrap();
        assert!(text.contains("tw_affine_ring<"), "{name} of {columns} columns of {depth}");
        program
    });
    let Some(device) = device() else { return };
    let compiled = recorded.map(|program| compile(&device, &program));
    let filled = |count: usize, by: f64, turn: f64| {
        let values: Vec<f64> = (0..count).map(|i| (i as f64 * turn).sin() * by).collect();
        buffer(&device, DType::BF16, &values)
    };
    // Words, scales, biases.
    let weights = |columns: usize, depth: usize| {
        let word = |i: usize| f64::from((i as u32).wrapping_mul(0x9e37_79b1) ^ (i as u32 >> 3));
        let words: Vec<f64> = (0..columns * depth / 8).map(word).collect();
        let scales = [0.37, 0.73].map(|turn| filled(columns * depth / 64, 0.003, turn));
        let [scales, biases] = scales;
        [buffer(&device, DType::U32, &words), scales, biases]
    };
    let (x, norm) = (filled(hidden, 1.0, 1.37), filled(hidden, 1.0, 0.19));
    let [first, gate, up] = [hidden, wide, wide].map(|columns| weights(columns, hidden));
    let down = weights(last, wide);
    let steps = |out: &[Box<dyn Buffer>; 3]| -> Vec<Step> {
        let eps = Argument::Scalar(1e-6);
        let [w, scales, biases] = first.each_ref().map(|b| whole(&**b));
        let normed = vec![whole(&*x), whole(&*norm), w, scales, biases, eps, whole(&*out[0])];
        let both = gate.iter().chain(&up).map(|b| whole(&**b));
        let mut gated = vec![whole(&*out[0])];
        gated.extend(both.chain([whole(&*out[1])]));
        let mut plain = vec![whole(&*out[1])];
        plain.extend(down.iter().map(|b| whole(&**b)).chain([whole(&*out[2])]));
        let arguments = [normed, gated, plain];
        let all = compiled.iter().zip(parts).zip(&arguments);
        all.map(|(((program, executable), (_, columns, depth)), arguments)| {
            let sizes = [("rows", 1), ("columns", columns), ("groups", depth / 64)];
            let sizes = bind(program, &vec![None; program.params.len()], &sizes).unwrap();
            // SAFETY: the buffers outlive the recording.
            unsafe { Step::new(executable.clone(), &sizes, arguments) }
        })
        .collect()
    };
    let room = || parts.map(|(_, columns, _)| filled(columns, 0.0, 0.0));
    let (launched, replayed) = (room(), room());
    let mut recording = device.record(steps(&replayed)).unwrap();
    assert!(recording.is_captured());
    // SAFETY: the buffers are this test's.
    steps(&launched).iter().for_each(|step| unsafe { step.launch() }.unwrap());
    for turn in 0..3 {
        // SAFETY: as above.
        unsafe { recording.enqueue() }.unwrap();
        device.synchronize().unwrap();
        for ((a, b), (name, columns, _)) in launched.iter().zip(&replayed).zip(parts) {
            let right = read(&**a, DType::BF16, columns);
            assert!(right.iter().any(|x| *x != 0.0) && right.iter().all(|x| x.is_finite()));
            assert!(read(&**b, DType::BF16, columns) == right, "{name}, turn {turn}");
        }
    }
}

/// What one device has compiled, another that keeps its files in the same folder neither lowers nor compiles.
#[test]
fn what_was_compiled_is_found_again() {
    let folder = std::env::temp_dir().join(format!("tilewright-found-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let open = || CudaDevice::open(0, Some(folder.clone()), Arc::new(Untuned));
    let mut files = Vec::new();
    for _ in 0..3 {
        let Ok(device) = open().inspect_err(|missing| println!("skipped: {missing}")) else {
            return;
        };
        let (program, executable) = compile(&device, &pick());
        let sizes = bind(&program, &[Some(vec![2, 3]), Some(vec![2]), None], &[]).unwrap();
        let x = buffer(&device, DType::F32, &[1., 2., 3., 4., 5., 6.]);
        let at = buffer(&device, DType::I32, &[2.0, 0.0]);
        let stray = buffer(&device, DType::I32, &[0.0, 3.0]);
        let y = buffer(&device, DType::F32, &[0.; 2]);
        // SAFETY: the buffers outlive the work.
        unsafe { executable.launch(&sizes, &[whole(&*x), whole(&*at), whole(&*y)]) }.unwrap();
        device.synchronize().unwrap();
        assert_eq!(read(&*y, DType::F32, 2), [3., 4.]);
        // SAFETY: as above.
        unsafe { executable.launch(&sizes, &[whole(&*x), whole(&*stray), whole(&*y)]) }.unwrap();
        let told = device.synchronize().unwrap_err().to_string();
        assert!(told.contains("pick: position 3 is outside"), "{told}");
        // Who does not wait is told when he reads.
        // SAFETY: as above.
        unsafe { executable.launch(&sizes, &[whole(&*x), whole(&*stray), whole(&*y)]) }.unwrap();
        let told = y.read(0, &mut [0; 8]).unwrap_err().to_string();
        assert!(told.contains("pick: position 3 is outside"), "{told}");
        files.push(std::fs::read_dir(&folder).unwrap().count());
        // The third finds an outline without its machine code.
        if files.len() == 2 {
            let all = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap());
            let largest = all.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
            std::fs::remove_file(largest.path()).unwrap();
        }
    }
    assert_eq!(files, [2, 2, 2], "machine code and its outline");
    std::fs::remove_dir_all(folder).unwrap();
}

/// Not a limit on the clock, which other work shares: the figures are printed.
#[test]
fn what_a_launch_costs() {
    let Some(device) = device() else { return };
    const LAUNCHES: usize = 480;
    let (program, executable) = compile(&device, &scale());
    let sizes = bind(&program, &[Some(vec![1, 256]), None, None], &[]).unwrap();
    let x = buffer(&device, DType::F32, &[1.0; 256]);
    let y = buffer(&device, DType::F32, &[0.0; 256]);
    let arguments = [whole(&*x), Argument::Scalar(1.0), whole(&*y)];
    // SAFETY: the buffers live on, and the device is waited for.
    let launch = || unsafe { executable.launch(&sizes, &arguments) }.unwrap();
    let started = Instant::now();
    launch();
    device.synchronize().unwrap();
    println!("first launch, compiled: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    for _ in 0..3 {
        let started = Instant::now();
        (0..LAUNCHES).for_each(|_| launch());
        let host = started.elapsed();
        device.synchronize().unwrap();
        let all = started.elapsed();
        let each = |took: std::time::Duration| took.as_secs_f64() * 1e6 / LAUNCHES as f64;
        println!("a launch: {:.2} us of the host, {:.2} us in all", each(host), each(all));
    }
    // SAFETY: as above.
    let step = || unsafe { Step::new(executable.clone(), &sizes, &arguments) };
    let started = Instant::now();
    let mut recording = device.record((0..LAUNCHES).map(|_| step()).collect()).unwrap();
    println!("recording {LAUNCHES}: {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    for _ in 0..3 {
        let started = Instant::now();
        // SAFETY: as above.
        unsafe { recording.enqueue() }.unwrap();
        let host = started.elapsed().as_secs_f64() * 1e6;
        device.synchronize().unwrap();
        let all = started.elapsed().as_secs_f64() * 1e6 / LAUNCHES as f64;
        println!("a graph: {host:.1} us of the host, {all:.2} us a kernel");
    }
    let started = Instant::now();
    for launch in 0..LAUNCHES {
        recording.change(launch, &Change { bindings: None, scalars: &[(1, 2.0)] }).unwrap();
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / LAUNCHES as f64;
    println!("changing a number: {each:.2} us of the host");
    // SAFETY: as above.
    unsafe { recording.enqueue() }.unwrap();
    device.synchronize().unwrap();
    assert_eq!(read(&*y, DType::F32, 256), [2.0; 256]);
}

#[test]
fn products_are_right_by_every_way_to_run_them() {
    let Some(device) = device() else { return };
    for (name, turned) in [("matmul", false), ("linear", true)] {
        let entry = tilewright_kernels::find(name).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let recorded = entry.record(&entry.specialization(dtype, &[])).unwrap();
            for [rows, depth, columns] in
                [[128, 256, 192], [130, 257, 129], [1, 64, 64], [513, 64, 1000]]
            {
                let (program, executable) = compile(&device, &recorded);
                let shape = if turned { vec![columns, depth] } else { vec![depth, columns] };
                let sizes =
                    bind(&program, &[Some(vec![rows, depth]), Some(shape), None], &[]).unwrap();
                // Small whole numbers: every sum is exact in f32, and in the half types up to their last rounding.
                let values = |n: usize, m: usize| {
                    (0..n).map(|i| ((i * m) % 7) as f64 - 3.0).collect::<Vec<_>>()
                };
                let (left, right) = (values(rows * depth, 5), values(depth * columns, 11));
                let mut exact = vec![0.0; rows * columns];
                for i in 0..rows {
                    for j in 0..columns {
                        exact[i * columns + j] = (0..depth)
                            .map(|l| {
                                let at = if turned { j * depth + l } else { l * columns + j };
                                left[i * depth + l] * right[at]
                            })
                            .sum::<f64>();
                    }
                }
                let exact: Vec<f64> = exact.into_iter().map(|sum| dtype.round(sum)).collect();
                let (x, w) = (buffer(&device, dtype, &left), buffer(&device, dtype, &right));
                let ways = executable.schedules(&sizes);
                println!(
                    "{name} {dtype} {rows}x{depth}x{columns}: {} first of {}",
                    ways[0],
                    ways.len()
                );
                for way in ways.iter().take(2).chain(ways.last()) {
                    executable.choose(&sizes, way).unwrap();
                    let y = buffer(&device, dtype, &vec![f64::NAN; rows * columns]);
                    let arguments = [whole(&*x), whole(&*w), whole(&*y)];
                    // SAFETY: the buffers live on, and the device is waited for.
                    unsafe { executable.launch(&sizes, &arguments) }.unwrap();
                    device.synchronize().unwrap();
                    let result = read(&*y, dtype, rows * columns);
                    let wrong = result.iter().zip(&exact).position(|(a, b)| a != b);
                    assert_eq!(wrong, None, "{name} {dtype} {rows}x{depth}x{columns} by {way}");
                }
            }
        }
    }
}

#[test]
fn a_body_runs_from_its_own_text() {
    let Some(device) = device() else { return };
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    let kernel = SourceKernel {
        name: "custom_rmsnorm".into(),
        inputs: owned(&["x", "w", "eps"]),
        outputs: owned(&["out"]),
        metal: None,
        cuda: Some(Body { source: include_str!("rmsnorm.cu").into(), header: String::new() }),
        ensure_row_contiguous: true,
        atomic_outputs: false,
        shared_memory: 0,
        wide: Vec::new(),
    };
    let (rows, cols) = (3usize, 257usize);
    let values: Vec<f64> = (0..rows * cols).map(|i| ((i * 37) % 19) as f64 * 0.25 - 2.0).collect();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        // Columns first in memory, so that a copy is made.
        let turned: Vec<f64> =
            (0..rows * cols).map(|i| values[i % rows * cols + i / rows]).collect();
        let x = buffer(&device, dtype, &turned);
        let w = buffer(&device, dtype, &vec![0.5; cols]);
        let eps = buffer(&device, DType::F32, &[1e-5]);
        let out = buffer(&device, dtype, &vec![f64::NAN; rows * cols]);
        let (shape, strides) = ([rows, cols], [1, rows as isize]);
        let region = Region { strides: Some(&strides), ..Region::whole(&*x) };
        let whole = |buffer, dtype, shape| SourceTensor {
            region: Region::whole(buffer),
            dtype,
            shape,
            wide: None,
        };
        let inputs = [
            SourceTensor { region, dtype, shape: &shape, wide: None },
            whole(&*w, dtype, &shape[1..]),
            whole(&*eps, DType::F32, &[1]),
        ];
        let launch = SourceLaunch {
            template: &[("T", Template::Dtype(dtype))],
            grid: [rows * 256, 1, 1],
            group: [256, 1, 1],
            inputs: &inputs,
            outputs: &[whole(&*out, dtype, &shape)],
        };
        // SAFETY: the body keeps to its rows.
        unsafe { device.launch_source(&kernel, &launch) }.unwrap();
        device.synchronize().unwrap();
        let result = read(&*out, dtype, rows * cols);
        for (row, y) in values.chunks(cols).zip(result.chunks(cols)) {
            let mean = row.iter().map(|x| x * x).sum::<f64>() / cols as f64;
            let scale = 0.5 / (mean + 1e-5).sqrt();
            let unit = dtype.epsilon() + 257.0 * DType::F32.epsilon();
            for (x, y) in row.iter().zip(y) {
                assert!(
                    (x * scale - y).abs() <= unit * (x * scale).abs(),
                    "{dtype}: {y} is not {}",
                    x * scale
                );
            }
        }
        let mut other = kernel.clone();
        other.cuda = None;
        // SAFETY: nothing runs.
        let told = unsafe { device.launch_source(&other, &launch) }.unwrap_err().to_string();
        assert!(told.contains("has no body for CUDA"), "{told}");
    }
}
