//! MSL on the host can tell right text from wrong: emitted text broken on purpose, and text written to break the rules.
//!
//! Without a C++ compiler every test here says so and passes.

use std::path::PathBuf;
use tilewright_target_metal::host::{Bytes, Compiler, Parameter, launch};
use tilewright_target_metal::typical;

fn compiler() -> Option<Compiler> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    Compiler::find(&folder).inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

fn buffer(name: &str, written: bool, bytes: Vec<u8>) -> Bytes {
    Bytes { name: name.into(), written, faults: false, element: 4, shift: 0, origin: 0, bytes }
}

fn words(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

const ROWS: usize = 2;
const COLUMNS: usize = 4000;

/// The softmax of two rows by the catalog's emitted text, changed by `change`.
fn softmax(compiler: &Compiler, change: impl Fn(&str) -> String) -> Result<Vec<f32>, String> {
    let entry = tilewright_kernels::find("softmax").unwrap();
    let program = entry.record(&entry.specialization(tilewright_ir::DType::F32, &[])).unwrap();
    let size = |name: &str| if name == "cols" { COLUMNS } else { ROWS };
    let threads = typical(&program, size).unwrap().threads;
    let text = tilewright_target::c::source(&threads, &tilewright_target_metal::Msl);
    let changed = change(&text);
    let place = tilewright_target_metal::PLACE;
    let mut parameters = vec![Parameter::Pointer, Parameter::Pointer, Parameter::Reference];
    parameters.extend(place.map(|(ty, name)| Parameter::Place(name, ty == "uint3")));
    let built =
        compiler.build(&changed, "tw_kernel_softmax", &parameters).map_err(|e| e.to_string())?;
    let x: Vec<f32> = (0..ROWS * COLUMNS).map(|i| (i % 13) as f32 * 0.5).collect();
    let mut arguments: Vec<u8> = Vec::new();
    for stride in [COLUMNS as i64; 2] {
        arguments.extend(stride.to_le_bytes());
    }
    for dim in [ROWS as i32, COLUMNS as i32] {
        arguments.extend(dim.to_le_bytes());
    }
    let buffers = [
        buffer("x", false, words(&x)),
        buffer("y", true, vec![0xff; x.len() * 4]),
        buffer("arguments", false, arguments),
    ];
    let grid = [(ROWS * threads.threads) as u32, 1, 1];
    let group = [threads.threads as u32, 1, 1];
    let results = launch(&built, grid, group, 4, &buffers).map_err(|e| e.to_string())?;
    Ok(floats(&results[0]))
}

#[test]
fn emitted_text_is_right_and_broken_text_is_caught() {
    let Some(compiler) = compiler() else { return };
    let y = softmax(&compiler, str::to_string).unwrap();
    for row in y.chunks(COLUMNS) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let barrier = "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);";
    for (what, from, to, fault) in [
        ("no barrier", barrier, "", "race: "),
        (
            "a barrier that some threads miss",
            barrier,
            "if (thread_index_in_threadgroup != 3) threadgroup_barrier(mem_flags::mem_threadgroup);",
            "race: ",
        ),
        (
            "a barrier that does not order threadgroup memory",
            barrier,
            "threadgroup_barrier(mem_flags::mem_device);",
            "race: ",
        ),
        (
            "no mask",
            "< arguments.cols",
            "< arguments.cols + 4",
            "at byte 32000 of x, which has 32000",
        ),
        ("a row further", "arguments.x_stride0", "(arguments.x_stride0 + 8)", "bytes at byte"),
        (
            "the input is written",
            "*(device uint4*)(y",
            "*(device uint4*)(x",
            "which it may only read",
        ),
        ("a lane of another subgroup", ", 16))", ", 32))", "a lane that is not there"),
    ] {
        let found = softmax(&compiler, |text| {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{what}: the text has no `{from}`");
            changed
        });
        match found {
            Err(found) => assert!(found.contains(fault), "{what}: {found}"),
            Ok(_) => panic!("{what}: not caught"),
        }
    }
}

/// The product of two matrices of small integers by the catalog's emitted text, changed by `change`, and what is right.
fn matmul(
    compiler: &Compiler,
    [rows, depth, columns]: [usize; 3],
    change: impl Fn(&str) -> String,
) -> Result<[Vec<f32>; 2], String> {
    let entry = tilewright_kernels::find("matmul").unwrap();
    let program = entry.record(&entry.specialization(tilewright_ir::DType::F32, &[])).unwrap();
    let size = |name: &str| match name {
        "rows" => rows,
        "depth" => depth,
        _ => columns,
    };
    let threads = typical(&program, size).unwrap().threads;
    let text = tilewright_target::c::source(&threads, &tilewright_target_metal::Msl);
    let place = tilewright_target_metal::PLACE;
    let mut parameters = vec![Parameter::Pointer; 3];
    parameters.push(Parameter::Reference);
    parameters.extend(place.map(|(ty, name)| Parameter::Place(name, ty == "uint3")));
    let built = compiler
        .build(&change(&text), "tw_kernel_matmul", &parameters)
        .map_err(|e| e.to_string())?;
    let x: Vec<f32> = (0..rows * depth).map(|i| (i % 7) as f32 - 3.0).collect();
    let w: Vec<f32> = (0..depth * columns).map(|i| (i % 5) as f32 - 2.0).collect();
    let mut right = vec![0.0; rows * columns];
    for (i, y) in right.iter_mut().enumerate() {
        let (row, column) = (i / columns, i % columns);
        *y = (0..depth).map(|l| x[row * depth + l] * w[l * columns + column]).sum();
    }
    let strides = [depth, columns, columns].into_iter().flat_map(|n| (n as i64).to_le_bytes());
    let sizes = threads.dims.iter().flat_map(|dim| (size(&dim.name) as i32).to_le_bytes());
    let buffers = [
        buffer("x", false, words(&x)),
        buffer("w", false, words(&w)),
        buffer("y", true, vec![0xff; right.len() * 4]),
        buffer("arguments", false, strides.chain(sizes).collect()),
    ];
    let groups = threads.groups(&threads.dims.iter().map(|d| size(&d.name)).collect::<Vec<_>>());
    let grid = [(groups[0] * threads.threads) as u32, groups[1] as u32, groups[2] as u32];
    let group = [threads.threads as u32, 1, 1];
    let results = launch(&built, grid, group, 4, &buffers).map_err(|e| e.to_string())?;
    Ok([floats(&results[0]), right])
}

#[test]
fn matrices_of_a_simdgroup_are_multiplied() {
    let Some(compiler) = compiler() else { return };
    for shape in [[70, 72, 40], [3, 67, 65]] {
        let [y, right] = matmul(&compiler, shape, |text| {
            assert!(text.matches("tw_multiply_f32(").count() > 1, "{text}");
            text.into()
        })
        .unwrap();
        assert_eq!(y, right, "{shape:?}");
    }
    let barrier = "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);";
    let found = matmul(&compiler, [70, 72, 40], |text| text.replacen(barrier, "", 2));
    assert!(found.unwrap_err().contains("race: "));
}

/// Runs a kernel of one written buffer `y`, of this many words, with a grid of `threads` in groups of `group`.
fn raw(body: &str, words: usize, threads: u32, group: u32) -> Option<Result<Vec<u8>, String>> {
    let compiler = compiler()?;
    let text = format!(
        "#include <metal_stdlib>\nusing namespace metal;\nkernel void raw(device uint* y [[buffer(0)]],\n\
         uint i [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]],\n\
         uint t [[thread_index_in_threadgroup]]) {{\n{body}\n}}\n"
    );
    let place = |name| Parameter::Place(name, false);
    let parameters = [
        Parameter::Pointer,
        Parameter::Place("thread_position_in_grid[0]", false),
        place("thread_index_in_simdgroup"),
        place("thread_index_in_threadgroup"),
    ];
    let run = || {
        let built = compiler.build(&text, "raw", &parameters)?;
        let y = buffer("y", true, vec![0; words * 4]);
        launch(&built, [threads, 1, 1], [group, 1, 1], 1, &[y])
    };
    Some(run().map(|mut r| r.remove(0)).map_err(|e| e.to_string()))
}

#[test]
fn half_types_round_as_ieee_754_says() {
    // Every pattern of 16 bits, the halfway points next to it, and both sides of those.
    let body = "for (uint j = 0; j < 6; j++) {\n\
                const uint bits = (j < 3 ? (uint)as_type<uint>((float)as_type<half>((ushort)i)) : i << 16);\n\
                const uint step = j < 3 ? 0x1000u : 0x8000u;\n\
                const float x = as_type<float>(bits + step + (j % 3) - 1);\n\
                y[6 * i + j] = as_type<ushort>((half)x) | (uint)as_type<ushort>((bfloat)x) << 16;\n}";
    let Some(result) = raw(body, 6 << 16, 1 << 16, 256) else { return };
    let y = result.unwrap();
    for (number, got) in y.chunks_exact(4).enumerate() {
        let (i, j) = ((number / 6) as u32, (number % 6) as u32);
        let (bits, step) = match j < 3 {
            true => (half::f16::from_bits(i as u16).to_f32().to_bits(), 0x1000),
            false => (i << 16, 0x8000),
        };
        let x = f32::from_bits(bits.wrapping_add(step + j % 3).wrapping_sub(1));
        let (f16, bf16) =
            (u16::from_le_bytes([got[0], got[1]]), u16::from_le_bytes([got[2], got[3]]));
        if x.is_nan() {
            assert!(half::f16::from_bits(f16).is_nan() && half::bf16::from_bits(bf16).is_nan());
        } else {
            assert_eq!(f16, half::f16::from_f32(x).to_bits(), "{x:e}");
            assert_eq!(bf16, half::bf16::from_f32(x).to_bits(), "{x:e}");
        }
    }
}

#[test]
fn subgroups_exchange_and_reduce() {
    let body = "uint all = simd_sum(lane);\n\
                all += simd_max((int)lane) + simd_shuffle(lane, 7) + simd_shuffle_up(lane, 1);\n\
                y[i] = all + 100000 * (simd_prefix_inclusive_sum(1u) + simd_shuffle_down(lane, 2));";
    let Some(result) = raw(body, 64, 64, 64) else { return };
    let y = result.unwrap();
    for (i, got) in y.chunks_exact(4).enumerate() {
        let lane = i as u32 % 32;
        let (above, below) = (lane.saturating_sub(1), if lane + 2 > 31 { lane } else { lane + 2 });
        let right = 496 + 31 + 7 + above + 100000 * (lane + 1 + below);
        assert_eq!(u32::from_le_bytes([got[0], got[1], got[2], got[3]]), right, "lane {lane}");
    }
}

#[test]
fn broken_rules_are_named() {
    let shared = "threadgroup uint all[64];\n";
    let rules = [
        ("y[0] = i;", 64, 64, "race: byte 0 of y is touched by threads 1 and 0"),
        ("if (t == 0) y[0] = i;", 64, 32, "another of the same launch"),
        ("y[i + 1] = 0;", 64, 64, "which has 256"),
        ("all[t + 1] = 0; y[i] = all[t + 1];", 64, 64, "index 64 is outside its array"),
        ("all[t] = i; y[i] = all[t ^ 1];", 64, 64, "race: byte"),
        ("if (lane < 5) y[i] = simd_sum(1u);", 64, 64, ""),
        ("if (lane < 5) y[i] = simd_shuffle(lane, 9);", 64, 64, "a lane that is not there"),
        ("if (t < 9) threadgroup_barrier(mem_flags::mem_threadgroup);", 64, 64, "does not reach"),
        (
            "if (lane < 5) y[i] = simd_sum(1u); else threadgroup_barrier(mem_flags::mem_none);",
            64,
            64,
            "does not reach",
        ),
        ("y[i] = (uint)(1e20f * (float)(i + 1));", 64, 64, "a float beyond its integer type"),
        ("y[i] = 5 / (t - t);", 64, 64, "an integer division without a result"),
        ("*(device uint4*)(y + 1) = uint4(1);", 1, 1, "not aligned"),
        ("y[t] = 1;", 2048, 2048, "needs 2048 threads a group, Metal has 1024"),
        (
            "threadgroup uint more[9000]; more[t] = i; threadgroup_barrier(mem_flags::mem_threadgroup); y[t] = more[t ^ 1];",
            32,
            32,
            "bytes of threadgroup memory, Metal has 32768",
        ),
        ("y[i] = simd_shuffle_xor(t == 0, 1);", 32, 32, "exchanges no value of this type"),
        ("y[i] = max(i, 3);", 32, 32, "ambiguous"),
    ];
    for (body, threads, group, fault) in rules {
        let Some(found) = raw(&format!("{shared}{body}"), 64, threads, group) else { return };
        match (fault, found) {
            ("", found) => assert!(found.is_ok(), "{body}: {found:?}"),
            (fault, Err(found)) => assert!(found.contains(fault), "{body}: {found}"),
            (_, Ok(_)) => panic!("{body}: not caught"),
        }
    }
}

#[test]
fn atomics_meet_without_a_race() {
    let body = "atomic_fetch_add_explicit((device atomic_uint*)y, i, memory_order_relaxed);\n\
                atomic_fetch_max_explicit((device atomic_uint*)(y + 1), i, memory_order_relaxed);";
    let Some(result) = raw(body, 2, 100, 64) else { return };
    assert_eq!(
        result.unwrap(),
        [4950u32, 99].iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()
    );
    let Some(mixed) = raw(&format!("{body}\nif (t == 40) y[1] = 7;"), 2, 64, 64) else { return };
    assert!(mixed.unwrap_err().contains("race: "));
}

#[test]
fn damage_to_what_was_built_is_answered() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("damaged");
    let _ = std::fs::remove_dir_all(&folder);
    let Some(found) = Compiler::find(&folder).ok() else { return eprintln!("skipped") };
    let text = "#include <metal_stdlib>\nusing namespace metal;\n\
                [[kernel]] void k(device uint* y [[buffer(0)]]) { y[0] = max(7u, y[0]); }\n";
    let build = |compiler: &Compiler| compiler.build(text, "k", &[Parameter::Pointer]).unwrap();
    let run = |built: &std::path::Path| {
        let buffers = [buffer("y", true, vec![0; 4])];
        launch(built, [1, 1, 1], [1, 1, 1], 4, &buffers).map_err(|e| e.to_string())
    };
    let built = build(&found);
    assert_eq!(run(&built).unwrap(), [vec![7, 0, 0, 0]]);
    // What it cannot start, it removes, and says so.
    std::fs::write(&built, [0x7f, b'E', b'L', b'F', 2]).unwrap();
    let told = run(&built).unwrap_err();
    assert!(told.contains("run again"), "{told}");
    assert_eq!(run(&build(&found)).unwrap(), [vec![7, 0, 0, 0]]);
    // The header that all kernels include is written anew.
    let header = built.with_file_name("metal_stdlib");
    std::fs::write(&header, "half").unwrap();
    std::fs::remove_file(&built).unwrap();
    let again = Compiler::find(&folder).unwrap();
    assert_eq!(run(&build(&again)).unwrap(), [vec![7, 0, 0, 0]]);
}
