//! Kernels from their own text: MSL bodies on the host, CUDA bodies where there is a GPU.

use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_tensor::{Runtime, SourceCall, Template, Tensor, source_kernel};

/// Root-mean-square norm: one group a row; partial sums of subgroups meet in threadgroup memory.
const RMSNORM: &str = "
uint row = threadgroup_position_in_grid.x;
uint tid = thread_index_in_threadgroup;
uint lane = thread_index_in_simdgroup;
uint sg = simdgroup_index_in_threadgroup;
uint D = x_shape[x_ndim - 1];
float eps_val = eps[0];

float sum_sq = 0.0f;
for (uint i = tid; i < D; i += threads_per_threadgroup.x) {
    float val = (float)x[row * D + i];
    sum_sq += val * val;
}
sum_sq = simd_sum(sum_sq);
threadgroup float shared[32];
if (lane == 0) shared[sg] = sum_sq;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (sg == 0) {
    float p = lane < (threads_per_threadgroup.x + 31) / 32 ? shared[lane] : 0.0f;
    p = simd_sum(p);
    if (lane == 0) shared[0] = p;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float rms = metal::rsqrt(shared[0] / float(D) + eps_val);
for (uint i = tid; i < D; i += threads_per_threadgroup.x) {
    out[row * D + i] = (T)((float)x[row * D + i] * rms * (float)w[i]);
}
";

/// The same in CUDA C.
const RMSNORM_CUDA: &str = include_str!("../../target-cuda/tests/rmsnorm.cu");

fn host() -> Option<Arc<Runtime>> {
    Runtime::open("msl-host").inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

/// The devices here that run bodies.
fn present() -> Vec<Arc<Runtime>> {
    let gpu = Runtime::open("cuda").inspect_err(|missing| eprintln!("skipped: {missing}")).ok();
    host().into_iter().chain(gpu).collect()
}

fn rmsnorm(body: &str, dtype: DType, runtime: &Arc<Runtime>) -> Result<Vec<f64>, String> {
    let (rows, cols, group) = (3usize, 257usize, 256usize);
    let values: Vec<f64> = (0..rows * cols).map(|i| ((i * 37) % 19) as f64 * 0.25 - 2.0).collect();
    let x = Tensor::from_f64(dtype, &[rows, cols], &values).unwrap();
    let w = Tensor::full(dtype, &[cols], 0.5).unwrap();
    let eps = Tensor::new(vec![1e-5f32], &[1]).unwrap();
    let kernel = source_kernel("custom_rmsnorm", &["x", "w", "eps"], &["out"]);
    let kernel = kernel.metal(body).cuda(RMSNORM_CUDA);
    let call = SourceCall {
        template: &[("T", Template::Dtype(dtype))],
        grid: [rows * group, 1, 1],
        threadgroup: [group, 1, 1],
        outputs: &[(dtype, &[rows, cols])],
        init_value: None,
    };
    // SAFETY: the host checks every access, and the CUDA body keeps to its rows.
    let out = unsafe { kernel.on(runtime).call(&[&x, &w, &eps], &call) };
    let out = out.map_err(|e| e.to_string())?;
    let result = out[0].to_f64().unwrap();
    for (row, y) in values.chunks(cols).zip(result.chunks(cols)) {
        let mean = row.iter().map(|x| x * x).sum::<f64>() / cols as f64;
        let scale = 0.5 / (mean + 1e-5).sqrt();
        // Half a unit of the storage type, and what f32 sums of 257 squares lose.
        let unit = dtype.epsilon() + 257.0 * DType::F32.epsilon();
        for (x, y) in row.iter().zip(y) {
            assert!(
                (x * scale - y).abs() <= unit * (x * scale).abs(),
                "{dtype}: {y} is not {}",
                x * scale
            );
        }
    }
    Ok(result)
}

#[test]
fn an_mlx_body_runs_from_its_own_text() {
    for runtime in present() {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            rmsnorm(RMSNORM, dtype, &runtime).unwrap();
        }
    }
}

#[test]
fn the_race_of_a_common_body_is_found() {
    let Some(runtime) = host() else { return };
    // All lanes write the sum, to where one of them may still read its part.
    let body = RMSNORM.replace("if (lane == 0) shared[0] = p;", "shared[0] = p;");
    let fault = rmsnorm(&body, DType::F32, &runtime).unwrap_err();
    assert!(fault.contains("race: byte 0 of threadgroup memory"), "{fault}");
}

#[test]
fn strides_are_injected_where_the_body_wants_them() {
    let x =
        Tensor::from_f64(DType::F32, &[4, 3], &(0..12).map(f64::from).collect::<Vec<_>>()).unwrap();
    let turned = x.transpose().unwrap();
    let body = "uint i = thread_position_in_grid.x;\n\
                out[i] = x[elem_to_loc(i, x_shape, x_strides, x_ndim)] * scale + (FLIP ? N : 0);";
    let cuda = "const int i = cooperative_groups::this_grid().thread_rank();\n\
                if (i >= 12) return;\n\
                out[i] = x[elem_to_loc(i, x_shape.data(), x_strides.data(), x_ndim)] * scale[0] + (FLIP ? N : 0);";
    let scale = Tensor::new(vec![2.0f32], &[]).unwrap();
    let kernel = source_kernel("strided", &["x", "scale"], &["out"]).metal(body).cuda(cuda);
    let call = SourceCall {
        template: &[("N", Template::Int(5)), ("FLIP", Template::Bool(true))],
        // Groups of 8: the last has 4 threads.
        grid: [12, 1, 1],
        threadgroup: [8, 1, 1],
        outputs: &[(DType::F32, &[3, 4])],
        init_value: Some(0.0),
    };
    let right: Vec<f64> = turned.to_f64().unwrap().iter().map(|x| 2.0 * x + 5.0).collect();
    for runtime in present() {
        for ensure in [true, false] {
            let kernel = kernel.clone().ensure_row_contiguous(ensure).on(&runtime);
            // SAFETY: the host checks every access, and the CUDA body keeps to 12 elements.
            let out = unsafe { kernel.call(&[&turned, &scale], &call) }.unwrap();
            assert_eq!(out[0].to_f64().unwrap(), right, "{runtime:?}, contiguous: {ensure}");
        }
    }
}

#[test]
fn a_body_that_does_not_compile_is_told_by_its_own_lines() {
    let Ok(runtime) = Runtime::open("cuda") else { return eprintln!("skipped: no GPU") };
    let kernel = source_kernel("broken", &["x"], &["y"]).cuda("int a = 1;\ny[0] = nothing;");
    let x = Tensor::zeros(DType::F32, &[4]).unwrap();
    let call = SourceCall {
        template: &[],
        grid: [1, 1, 1],
        threadgroup: [1, 1, 1],
        outputs: &[(DType::F32, &[4])],
        init_value: None,
    };
    // SAFETY: nothing runs.
    let told = unsafe { kernel.on(&runtime).call(&[&x], &call) }.unwrap_err().to_string();
    assert!(told.contains("broken: ") && told.contains("body(2)"), "{told}");
}

#[test]
fn other_devices_say_that_there_is_no_body() {
    let x = Tensor::zeros(DType::F32, &[4]).unwrap();
    let kernel = source_kernel("twice", &["x"], &["y"]).metal("y[0] = x[0];");
    let call = SourceCall {
        template: &[],
        grid: [1, 1, 1],
        threadgroup: [1, 1, 1],
        outputs: &[(DType::F32, &[4])],
        init_value: None,
    };
    let cpu = Runtime::open("cpu").unwrap();
    // SAFETY: nothing runs.
    let told = |kernel: &tilewright_tensor::SourceCallable, call: &SourceCall<'_>| {
        unsafe { kernel.call(&[&x], call) }.unwrap_err().to_string()
    };
    let text = told(&kernel.clone().on(&cpu), &call);
    assert!(text.contains("twice: has no body for cpu; it is written for Metal"), "{text}");
    assert!(told(&kernel, &call).contains("no device was chosen"));
    if let Ok(gpu) = Runtime::open("cuda") {
        let text = told(&kernel.clone().on(&gpu), &call);
        assert!(text.contains("twice: has no body for CUDA; it is written for Metal"), "{text}");
    }
    let kernel = kernel.on(&cpu);
    let text = told(&kernel, &SourceCall { threadgroup: [2048, 1, 1], ..call });
    assert!(text.contains("from 1 to 1024 threads") || text.contains("a group of"), "{text}");
    let text = told(&kernel, &SourceCall { outputs: &[], ..call });
    assert!(text.contains("0 outputs, 1 are declared"), "{text}");
    let text = told(&kernel, &SourceCall { template: &[("T; }", Template::Int(1))], ..call });
    assert!(text.contains("is no name"), "{text}");
}

/// What a body makes of the numbers from 0 on, on 64 threads in one group.
fn made(body: &str, header: &str) -> Option<Result<Vec<f64>, String>> {
    let runtime = host()?;
    let x = Tensor::from_f64(DType::F32, &[64], &(0..64).map(f64::from).collect::<Vec<_>>());
    let kernel = source_kernel("made", &["x"], &["out"]).metal(body).metal_header(header);
    let call = SourceCall {
        template: &[],
        grid: [64, 1, 1],
        threadgroup: [64, 1, 1],
        outputs: &[(DType::F32, &[64])],
        init_value: None,
    };
    // SAFETY: the host checks every access.
    let out = unsafe { kernel.on(&runtime).call(&[&x.unwrap()], &call) };
    Some(out.map(|out| out[0].to_f64().unwrap()).map_err(|e| e.to_string()))
}

const THREAD: &str = "uint t = thread_position_in_threadgroup.x;\n";
const BARRIER: &str = "threadgroup_barrier(mem_flags::mem_threadgroup);\n";

#[test]
fn pointers_to_threadgroup_memory_are_each_thread_s_own() {
    let header = "template <typename T> inline void put(threadgroup T* to, uint at, T x) { to[at] = x; }\n\
                  inline float get(const threadgroup float (&from)[64], uint at) { return from[at]; }";
    let bodies = [
        "threadgroup float held[64];\nthreadgroup float* own = held + t;\n*own = x[t];\nBARRIERout[t] = held[63 - t];",
        "threadgroup float held[64];\nput(held, t, x[t]);\nBARRIERout[t] = get(held, 63 - t);",
        "threadgroup float4 held[16];\n((threadgroup float*)held)[t] = x[t];\n\
         BARRIERout[t] = reinterpret_cast<threadgroup float*>(held)[63 - t];",
    ];
    let turned: Vec<f64> = (0..64).rev().map(f64::from).collect();
    for body in bodies {
        let body = format!("{THREAD}{}", body.replace("BARRIER", BARRIER));
        let Some(out) = made(&body, header) else { return };
        assert_eq!(out.as_ref(), Ok(&turned), "{body}");
    }
}

#[test]
fn a_number_with_a_point_is_a_float() {
    let body =
        format!("{THREAD}out[t] = x[t] * 0.1 + 0.2 == x[t] * 0.1f + 0.2f ? max(x[t], 0.5) : -1;");
    let Some(out) = made(&body, "") else { return };
    let right: Vec<f64> = (0..64).map(|i| f64::from(i).max(0.5)).collect();
    assert_eq!(out, Ok(right));
}

#[test]
fn what_a_body_leaves_out_is_seen() {
    let Some(out) =
        made("if (thread_position_in_grid.x != 3) out[thread_position_in_grid.x] = 1;", "")
    else {
        return;
    };
    let out = out.unwrap();
    assert!(out[3].is_nan() && out.iter().filter(|x| **x == 1.0).count() == 63, "{out:?}");
}

#[test]
fn names_of_metal_and_of_mlx_mean_what_they_do_there() {
    let cases: &[(&str, fn(f64) -> f64)] = &[
        (
            "out[t] = threads_per_simdgroup + thread_execution_width + grid_size.x + grid_origin.y + \
             dispatch_threads_per_threadgroup.x + 1000 * thread_index_in_quadgroup + quadgroup_index_in_threadgroup;",
            |t| 192.0 + 1000.0 * (t % 4.0) + (t / 4.0).floor(),
        ),
        (
            "out[t] = ceildiv(t, 3u) + (Limits<float>::min == -INFINITY) + (Limits<half>::max == INFINITY);",
            |t| (t / 3.0).ceil() + 2.0,
        ),
        ("out[t] = log1p(x[t] * 1e-9f) * 1e9f >= 0.999999f * x[t] ? t : -1.0f;", |t| t),
        ("out[t] = bfloat16_t(x[t]) + (float)float16_t(x[t]) + (int)Limits<int8_t>::max;", |t| {
            2.0 * t + 127.0
        }),
        ("half h = x[t]; h *= 2u; h = h + 1u; h++; out[t] = h;", |t| 2.0 * t + 2.0),
        (
            "float4 v = float4(x[t], 1, 2, 3); v += v; v = -v * 0.5f; float4 w = 0.0f; w.xy = v.zw; w.zw = v.xy;\n\
             out[t] = w.x + 10 * w.y + 100 * w.z + 1000 * w.w + dot(v, v) + any(v > 1.0f) + all(w < 1.0f);",
            |t| -2.0 - 30.0 - 100.0 * t - 1000.0 + t * t + 14.0 + 1.0,
        ),
        ("out[t] = max(float3(x[t], 7, 1), 5.0f).x + float2(half2(x[t], 1)).y;", |t| {
            t.max(5.0) + 1.0
        }),
        ("out[t] = quad_sum(x[t]) + quad_max(x[t]);", |t| {
            let first = (t / 4.0).floor() * 4.0;
            4.0 * first + 6.0 + first + 3.0
        }),
        ("out[t] = simd_shuffle_and_fill_up(x[t], -1.0f, 2) + simd_broadcast_first(x[t]);", |t| {
            (if t % 32.0 < 2.0 { -1.0 } else { t - 2.0 }) + (t / 32.0).floor() * 32.0
        }),
        ("out[t] = (float)((simd_vote::vote_t)simd_ballot(t % 32 == 3)) + simd_is_first();", |t| {
            8.0 + f64::from(t % 32.0 == 0.0)
        }),
        (
            "out[t] = simd_sum(float2(1.0f, x[t])).x + select(1.0f, 2.0f, t > 5) + sign(-x[t]);",
            |t| 32.0 + if t > 5.0 { 2.0 } else { 1.0 } - f64::from(t > 0.0),
        ),
    ];
    for (body, right) in cases {
        let Some(out) = made(&format!("{THREAD}{body}"), "") else { return };
        let right: Vec<f64> = (0..64).map(|t| right(f64::from(t))).collect();
        assert_eq!(out.as_ref(), Ok(&right), "{body}");
    }
}

#[test]
fn matrices_of_a_simdgroup_are_loaded_multiplied_and_stored() {
    let body = "simdgroup_float8x8 a, b, c = make_filled_simdgroup_matrix<float, 8, 8>(1.0f);\n\
                if (simdgroup_index_in_threadgroup == 0) {\n\
                simdgroup_load(a, x, 8);\nsimdgroup_load(b, x, 8, ulong2(0, 0), true);\n\
                simdgroup_multiply_accumulate(c, a, b, c);\nsimdgroup_store(c, out, 8);\n}";
    let Some(out) = made(body, "") else { return };
    let element = |i: usize, j: usize| (i * 8 + j) as f64;
    let product =
        |i: usize, j: usize| (0..8).map(|k| element(i, k) * element(j, k)).sum::<f64>() + 1.0;
    let right: Vec<f64> = (0..64).map(|n| product(n / 8, n % 8)).collect();
    assert_eq!(out, Ok(right));
}

#[test]
fn a_faulty_line_is_named_as_the_author_counts() {
    let Some(told) = made("out[0] = 1;\nout[1] = nothing;", "") else { return };
    let told = told.unwrap_err();
    assert!(told.contains("made: ") && told.contains("body:2:"), "{told}");
    let told = made("out[0] = 1;", "\ninline float f() {\n return b; }").unwrap().unwrap_err();
    assert!(told.contains("header:3:"), "{told}");
}

#[test]
fn names_that_cannot_stand_in_the_text_are_refused() {
    let cpu = Runtime::open("cpu").unwrap();
    let x = Tensor::zeros(DType::F32, &[4]).unwrap();
    let call = SourceCall {
        template: &[("N", Template::Int(1))],
        grid: [1, 1, 1],
        threadgroup: [1, 1, 1],
        outputs: &[(DType::F32, &[4])],
        init_value: None,
    };
    for (name, inputs, output, told) in [
        ("k", ["float", "b"], "y", "`float` is a word of the language"),
        ("k", ["a", "b"], "device", "`device` is a word of the language"),
        ("k", ["a", "a_shape"], "y", "`a_shape` is what belongs to the input `a`"),
        ("k", ["a", "b"], "a", "`a` is declared twice"),
        ("k", ["a", "N"], "y", "`N` is declared twice"),
        ("k", ["a", "2b"], "y", "`2b` is no name"),
        ("b1_0.9", ["a", "b"], "y", "the kernel's name `b1_0.9` is not made of"),
    ] {
        let kernel = source_kernel(name, &inputs, &[output]).metal("y[0] = a[0];").on(&cpu);
        // SAFETY: nothing runs.
        let text = unsafe { kernel.call(&[&x, &x], &call) }.unwrap_err().to_string();
        assert!(text.contains(told), "{text}");
    }
    // A kernel may have the name of its input, and CUDA knows no `device`.
    let kernel = source_kernel("a", &["a", "device"], &["y"]).cuda("y[0] = a[0];").on(&cpu);
    // SAFETY: nothing runs.
    let text = unsafe { kernel.call(&[&x, &x], &call) }.unwrap_err().to_string();
    assert!(text.contains("has no body for cpu"), "{text}");
}

#[test]
fn the_text_around_a_body_is_shown() {
    let Some(runtime) = host() else { return };
    let kernel = source_kernel("shown", &["x", "few", "scale"], &["y"]);
    let kernel = kernel
        .metal("y[0] = x[x_ndim] * scale * few[0];")
        .metal_header("#define ONE 1")
        .on(&runtime);
    let (x, few) = (Tensor::zeros(DType::F32, &[2, 4]), Tensor::zeros(DType::F16, &[7]));
    let scale = Tensor::full(DType::F32, &[], 2.0).unwrap();
    let call = SourceCall {
        template: &[("T", Template::Dtype(DType::BF16))],
        grid: [1, 1, 1],
        threadgroup: [1, 1, 1],
        outputs: &[(DType::BF16, &[4])],
        init_value: None,
    };
    let text = kernel.text(&[&x.unwrap(), &few.unwrap(), &scale], &call).unwrap();
    for part in [
        "device const float* x [[buffer(0)]]",
        "constant const int& x_ndim [[buffer(1)]]",
        "constant const half* few [[buffer(2)]]",
        "constant const float& scale [[buffer(3)]]",
        "device bfloat* y [[buffer(4)]]",
        "typedef bfloat T;",
        "#define ONE 1",
        "y[0] = x[x_ndim] * scale * few[0];",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
