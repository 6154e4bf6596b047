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
