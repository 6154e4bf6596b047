//! Kernels whose CUDA C somebody wrote: the signature as `mx.fast.cuda_kernel` writes it, and the launch.

use crate::device::{CudaBuffer, Gpu, own_buffer};
use crate::dialect::STATIC_SHARED;
use crate::driver::{Function, Shape};
use std::ffi::c_void;
use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_target::source::{
    Body, Slot, SourceKernel, SourceLaunch, SourceTensor, Template, Wide, kernel_name, mentions,
    slots,
};
use tilewright_target::{Buffer, TargetError, contiguous_strides};

/// The most axes whose shape a body may read.
const AXES: usize = 8;

/// The text of a kernel with its signature, for a launch with tensors and templates of these types.
pub fn sign(kernel: &SourceKernel, body: &Body, launch: &SourceLaunch<'_>) -> String {
    let parameters: Vec<String> = slots(kernel, body)
        .into_iter()
        .map(|slot| {
            let name = slot.name(kernel);
            match slot {
                Slot::Input(i) => format!("const {}* {name}", type_of(&launch.inputs[i])),
                Slot::Shape(_) => format!("const __grid_constant__ Shape {name}"),
                Slot::Strides(_) => format!("const __grid_constant__ Strides {name}"),
                Slot::Rank(_) => format!("const __grid_constant__ int {name}"),
                Slot::Output(i) => format!("{}* {name}", type_of(&launch.outputs[i])),
            }
        })
        .collect();
    let template: String = launch
        .template
        .iter()
        .map(|(name, value)| match value {
            Template::Dtype(dtype) => format!("using {name} = {};\n", element_type(*dtype)),
            Template::Wide(wide) => format!("using {name} = {};\n", wide.name()),
            Template::Int(n) => format!("constexpr int {name} = {n};\n"),
            Template::Bool(b) => format!("constexpr bool {name} = {b};\n"),
        })
        .collect();
    let half = match body.header.contains("cuda_fp16.h") || body.header.contains("cuda_bf16.h") {
        true => "",
        false => include_str!("half.cu"),
    };
    let uses = |word| mentions(&body.source, word) || mentions(&body.header, word);
    let groups = match uses("cooperative_groups") && !body.header.contains("cooperative_groups.h") {
        true => include_str!("groups.cu"),
        false => "",
    };
    // Lines are counted anew, so that the compiler's messages name those of the author.
    format!(
        "{}{half}{groups}#line 1 \"header\"\n{}\n#line 1 \"signature\"\nextern \"C\" __global__ void {}(\n    {}) \
         {{\n{template}#line 1 \"body\"\n{}\n}}\n",
        include_str!("source.cu"),
        body.header,
        kernel_name(kernel),
        parameters.join(",\n    "),
        body.source,
    )
}

fn type_of(tensor: &SourceTensor<'_>) -> &'static str {
    tensor.wide.map_or_else(|| element_type(tensor.dtype), Wide::name)
}

/// As MLX names them.
fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::I8 => "int8_t",
        DType::U8 => "uint8_t",
        DType::I32 => "int32_t",
        DType::U32 => "uint32_t",
        DType::F16 => "__half",
        DType::BF16 => "__nv_bfloat16",
        DType::F32 => "float",
        DType::F64 => "double",
    }
}

/// Compiles and launches a kernel's CUDA body.
///
/// # Safety
/// As [`tilewright_target::Device::launch_source`].
pub(crate) unsafe fn launch(
    gpu: &Arc<Gpu>,
    kernel: &SourceKernel,
    launch: &SourceLaunch<'_>,
) -> Result<(), TargetError> {
    let Some(body) = &kernel.cuda else { return Err(kernel.no_body("CUDA")) };
    let wrong = |what: String| TargetError::Device(format!("{}: {what}", kernel.name));
    let slots = slots(kernel, body);
    let function = gpu.source(&sign(kernel, body, launch), &kernel_name(kernel));
    let function = function.map_err(|e| wrong(e.to_string()))?;
    if launch.grid.contains(&0) {
        return Ok(());
    }
    let mut placed = Vec::with_capacity(launch.inputs.len());
    for (input, name) in launch.inputs.iter().zip(&kernel.inputs) {
        let copied = kernel.ensure_row_contiguous;
        placed.push(place(gpu, input, copied).map_err(|e| wrong(format!("`{name}`: {e}")))?);
    }
    let mut results = Vec::with_capacity(launch.outputs.len());
    for (output, name) in launch.outputs.iter().zip(&kernel.outputs) {
        results.push(place(gpu, output, false).map_err(|e| wrong(format!("`{name}`: {e}")))?);
    }
    // Each parameter's value in words of 8 bytes, which are aligned for all.
    let mut values: Vec<Vec<u64>> = Vec::with_capacity(slots.len());
    for slot in &slots {
        values.push(match *slot {
            Slot::Input(i) => vec![placed[i].0],
            Slot::Output(i) => vec![results[i].0],
            Slot::Shape(i) | Slot::Strides(i) if launch.inputs[i].shape.len() > AXES => {
                return Err(wrong(format!("`{}` has more than {AXES} axes", kernel.inputs[i])));
            }
            // The copy of an input has strides of its own.
            Slot::Strides(i) if kernel.ensure_row_contiguous => {
                let strides = contiguous_strides(launch.inputs[i].seen());
                padded(strides.into_iter().flat_map(|s| (s as i64).to_le_bytes()).collect())
            }
            slot => padded(slot.injected(launch).unwrap_or_default()),
        });
    }
    let mut arguments: Vec<*mut c_void> =
        values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
    let count = |n: usize| u32::try_from(n).map_err(|_| wrong("too many threads".into()));
    let (mut grid, mut group) = ([1u32; 3], [1u32; 3]);
    for axis in 0..3 {
        // As MLX: a group is no longer than the grid, and the last of an axis is whole.
        let threads = launch.group[axis].min(launch.grid[axis]).max(1);
        group[axis] = count(threads)?;
        grid[axis] = count(launch.grid[axis].div_ceil(threads))?;
    }
    let shared = kernel.shared_memory;
    if shared > STATIC_SHARED {
        function.allow_shared(shared).map_err(|e| wrong(e.to_string()))?;
    }
    let shape = Shape { grid: grid.into(), threads: group.into(), shared };
    // SAFETY: one value a parameter, in the order of the text's signature; the rest is the caller's promise.
    unsafe { function.launch(shape, &mut arguments) }?;
    for (output, (_, stand_in)) in launch.outputs.iter().zip(&results) {
        let (Some(stand_in), Some(host)) = (stand_in, output.region.buffer.host()) else {
            continue;
        };
        let mut bytes = vec![0; output.shape.iter().product::<usize>() * output.dtype.size()];
        stand_in.read(0, &mut bytes)?;
        // SAFETY: outputs are row-major from their offset on, were checked to lie in their buffers, and are this call's.
        unsafe {
            let to = host.as_ptr().add(output.region.offset * output.dtype.size());
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }
    Ok(())
}

/// 64 bytes, or as many as there are: what the greatest injected parameter takes.
fn padded(mut bytes: Vec<u8>) -> Vec<u64> {
    bytes.resize(bytes.len().max(AXES * 8), 0);
    let words = bytes.chunks_exact(8);
    words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default())).collect()
}

/// Where a tensor lies on the GPU, and the copy that was made of it if one was: of host memory, or for another layout.
fn place(
    gpu: &Arc<Gpu>,
    tensor: &SourceTensor<'_>,
    contiguous: bool,
) -> Result<(u64, Option<CudaBuffer>), TargetError> {
    let region = &tensor.region;
    let size = tensor.dtype.size();
    let offset = (region.offset * size) as u64;
    let (address, staged) = match own_buffer(region) {
        Some(own) => (own.address + offset, None),
        None if region.buffer.host().is_none() => {
            return Err(TargetError::Device("lies in the memory of another device".into()));
        }
        None => {
            let mut bytes = vec![0; region.buffer.size()];
            region.buffer.read(0, &mut bytes)?;
            // What lies before the first element is needed by negative strides only.
            let from = if region.strides.is_some() { 0 } else { region.offset * size };
            let mut copy = gpu.allocate(bytes.len() - from)?;
            copy.write(0, &bytes[from..])?;
            (copy.address + offset - from as u64, Some(copy))
        }
    };
    let row_major = contiguous_strides(tensor.shape);
    let mut lies = tensor.strides().into_iter().zip(row_major).zip(tensor.shape);
    if !contiguous || lies.all(|((given, wanted), &extent)| given == wanted || extent <= 1) {
        return Ok((address, staged));
    }
    let copy = gpu.allocate(tensor.shape.iter().product::<usize>() * size)?;
    // SAFETY: the region was checked, the copy has room for every element; `staged` is freed in the stream's order.
    unsafe {
        gpu.copier()?.copy(tensor.shape, size, (address, region.strides), (copy.address, None))
    }?;
    Ok((copy.address, Some(copy)))
}

/// Kernels from source that were compiled, by their text.
pub(crate) type Sources = std::sync::Mutex<std::collections::HashMap<String, Arc<Function>>>;
