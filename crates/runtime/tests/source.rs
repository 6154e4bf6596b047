//! Kernels from source on tensors that run backwards through memory.

use tilewright_ir::DType;
use tilewright_runtime::source::{Body, Geometry, SourceKernel};
use tilewright_runtime::{HostBuffer, Memory, Runtime, TensorMut, TensorRef};

fn memory(values: &[f32]) -> Memory {
    let mut memory = Memory::adopt(Box::new(HostBuffer::new(values.len() * 4).unwrap()));
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    memory.buffer_mut().write(0, &bytes).unwrap();
    memory
}

/// The elements `[i, j]` of a matrix from its end to its start, of rows that are further apart than they are long, by a body
/// that finds its way by strides.
fn turned(body: &str, offset: usize) -> Option<Result<Vec<f32>, String>> {
    let runtime =
        Runtime::open("msl-host").inspect_err(|missing| eprintln!("skipped: {missing}")).ok()?;
    let kernel = SourceKernel {
        name: "turned".into(),
        inputs: vec!["x".into()],
        outputs: vec!["out".into()],
        metal: Some(Body { source: body.into(), header: String::new() }),
        cuda: None,
        ensure_row_contiguous: false,
        atomic_outputs: false,
        shared_memory: 0,
        wide: Vec::new(),
    };
    let x = memory(&(0..20).map(|i| i as f32).collect::<Vec<_>>());
    let mut out = memory(&[-1.0; 12]);
    let strides = [-5, -1];
    let input = TensorRef {
        buffer: x.buffer(),
        dtype: DType::F32,
        shape: &[3, 4],
        strides: Some(&strides),
        offset,
    };
    let output = TensorMut { buffer: out.buffer_mut(), dtype: DType::F32, shape: &[3, 4] };
    let geometry = Geometry { template: &[], grid: [12, 1, 1], group: [12, 1, 1] };
    // SAFETY: the host checks every access, and the tensors live on.
    let ran = unsafe { runtime.launch_source(&kernel, &geometry, &[input], &mut [output]) };
    let mut bytes = [0; 48];
    out.buffer().read(0, &mut bytes).unwrap();
    let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Some(ran.map(|()| values.collect()).map_err(|e| e.to_string()))
}

const BY_STRIDES: &str = "uint i = thread_position_in_grid.x;\n\
                          out[i] = x[elem_to_loc((int64_t)i, x_shape, x_strides, x_ndim)];";

#[test]
fn strides_may_lead_backwards() {
    let Some(out) = turned(BY_STRIDES, 18) else { return };
    let right: Vec<f32> =
        [18.0, 13.0, 8.0].into_iter().flat_map(|x| (0..4).map(move |j| x - j as f32)).collect();
    assert_eq!(out.unwrap(), right);
}

#[test]
fn what_lies_beside_a_tensor_that_runs_backwards_is_not_its_own() {
    let beyond = BY_STRIDES.replace("x[elem_to_loc", "x[1 + elem_to_loc");
    let Some(out) = turned(&beyond, 18) else { return };
    let fault = out.unwrap_err();
    assert!(fault.contains("of x, which has"), "{fault}");
    let before = turned(BY_STRIDES, 12).unwrap().unwrap_err();
    assert!(before.contains("reaches elements -1"), "{before}");
}
