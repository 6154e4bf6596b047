//! Running a call on a device: copies in, outputs poisoned, copies out.

use crate::call::Call;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::interpret::{Argument, Tensor};
use tilewright_ir::{Access, DType, ParamKind, Program};
use tilewright_runtime::{
    DeviceKind, HostBuffer, Kernel, Memory, Result, Runtime, TensorMut, TensorRef, Value,
};

/// How the inputs lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Row-major, without gaps.
    Contiguous,
    /// Every second element of rows that are further apart than they are long.
    Padded,
    /// The first axis runs fastest.
    ColumnMajor,
}

/// The byte that outputs and gaps hold before a launch: NaN in every float type, far from any right integer.
const POISON: u8 = 0xff;

/// Compiles and runs a call; gives the outputs in order.
///
/// # Errors
/// What compiling or launching reports.
pub fn execute(runtime: &Runtime, call: &Call, layout: Layout) -> Result<Vec<Tensor>> {
    let kernel = runtime.compile(&call.program)?;
    let placed = place(&call.program, &call.arguments, layout, call.same_memory)?;
    launch(runtime, &kernel, &call.arguments, placed)
}

/// As [`execute`], of a program with arguments of its own.
///
/// # Errors
/// As [`execute`].
pub fn execute_program(
    runtime: &Runtime,
    program: &Program,
    arguments: &[Argument],
) -> Result<Vec<Tensor>> {
    let kernel = runtime.compile(program)?;
    launch(runtime, &kernel, arguments, place(program, arguments, Layout::Contiguous, None)?)
}

/// Puts the arguments into memory.
fn place(
    program: &Program,
    arguments: &[Argument],
    layout: Layout,
    same: Option<(usize, usize)>,
) -> Result<Vec<Placed>> {
    let mut placed = Vec::with_capacity(arguments.len());
    for (i, (param, argument)) in program.params.iter().zip(arguments).enumerate() {
        let shared = same.filter(|(_, second)| *second == i).map(|(first, _)| &placed[first]);
        placed.push(match (&param.kind, argument, shared) {
            (_, _, Some(Placed::In(input))) => Placed::In(input.clone()),
            (ParamKind::Tensor { access: Access::In, .. }, Argument::Tensor(tensor), _) => {
                Placed::input(tensor, layout)?
            }
            (ParamKind::Tensor { access, .. }, Argument::Tensor(tensor), _) => {
                Placed::output(tensor, *access == Access::InOut)?
            }
            (_, Argument::Scalar(number), _) => Placed::Scalar(*number),
            (_, Argument::Tensor(_), _) => Placed::Scalar(f64::NAN),
        });
    }
    Ok(placed)
}

/// On a GPU one launch is under way at a time: it tells of a stray index at the next wait or read,
/// whoever waits.
static ON_GPU: Mutex<()> = Mutex::new(());

fn launch(
    runtime: &Runtime,
    kernel: &Kernel,
    arguments: &[Argument],
    mut placed: Vec<Placed>,
) -> Result<Vec<Tensor>> {
    let shapes: Vec<Option<&[usize]>> =
        arguments.iter().map(|a| a.tensor().map(|t| t.shape.as_slice())).collect();
    let plan = kernel.plan(&shapes, &[])?;
    let values: Vec<Value<'_>> = placed.iter_mut().map(Placed::value).collect();
    let on_gpu = matches!(runtime.caps().kind, DeviceKind::Cuda | DeviceKind::Metal);
    if on_gpu {
        // What takes longest needs no turn.
        kernel.compile_for(&plan, &values)?;
    }
    let _turn = on_gpu.then(|| ON_GPU.lock().unwrap_or_else(PoisonError::into_inner));
    kernel.launch(&plan, &values)?;
    drop(values);
    let mut outputs = Vec::new();
    for p in placed {
        if let Placed::Out { memory, dtype, shape } = p {
            let mut tensor = Tensor::zeros(dtype, &shape);
            memory.buffer().read(0, &mut tensor.bytes)?;
            outputs.push(tensor);
        }
    }
    Ok(outputs)
}

/// An argument in the device's memory.
enum Placed {
    In(Input),
    Out { memory: Memory, dtype: DType, shape: Vec<usize> },
    Scalar(f64),
}

#[derive(Clone)]
struct Input {
    memory: Arc<Memory>,
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<isize>,
    offset: usize,
}

impl Placed {
    fn input(tensor: &Tensor, layout: Layout) -> Result<Placed> {
        let (strides, offset, elements) = strides(&tensor.shape, layout);
        let size = tensor.dtype.size();
        let mut bytes = vec![POISON; elements * size];
        let contiguous = tensor.offset == 0 && layout == Layout::Contiguous;
        if contiguous && tensor.bytes.len() == bytes.len() {
            bytes.copy_from_slice(&tensor.bytes);
        } else {
            for (i, value) in tensor.values().into_iter().enumerate() {
                let at = position(&tensor.shape, &strides, offset, i) * size;
                tensor.dtype.write(value, &mut bytes[at..]);
            }
        }
        let (dtype, shape) = (tensor.dtype, tensor.shape.clone());
        let memory = Arc::new(memory(&bytes)?);
        Ok(Placed::In(Input { memory, dtype, shape, strides, offset }))
    }

    fn output(tensor: &Tensor, keep: bool) -> Result<Placed> {
        let poison = vec![POISON; tensor.bytes.len()];
        let memory = memory(if keep { &tensor.bytes } else { &poison })?;
        Ok(Placed::Out { memory, dtype: tensor.dtype, shape: tensor.shape.clone() })
    }

    fn value(&mut self) -> Value<'_> {
        match self {
            Placed::In(input) => Value::In(TensorRef {
                buffer: input.memory.buffer(),
                dtype: input.dtype,
                shape: &input.shape,
                strides: Some(&input.strides),
                offset: input.offset,
            }),
            Placed::Out { memory, dtype, shape } => {
                Value::Out(TensorMut { buffer: memory.buffer_mut(), dtype: *dtype, shape })
            }
            Placed::Scalar(number) => Value::Scalar(*number),
        }
    }
}

fn memory(bytes: &[u8]) -> Result<Memory> {
    let mut memory = Memory::adopt(Box::new(HostBuffer::new(bytes.len())?));
    memory.buffer_mut().write(0, bytes)?;
    Ok(memory)
}

/// Strides, offset and number of elements of the memory that holds `shape` in a layout.
fn strides(shape: &[usize], layout: Layout) -> (Vec<isize>, usize, usize) {
    let (mut strides, offset) = (vec![0; shape.len()], usize::from(layout != Layout::Contiguous));
    let mut next = match layout {
        Layout::Padded => 2,
        Layout::Contiguous | Layout::ColumnMajor => 1,
    };
    let mut axes: Vec<usize> = (0..shape.len()).rev().collect();
    if layout == Layout::ColumnMajor {
        axes.reverse();
    }
    for (i, axis) in axes.into_iter().enumerate() {
        strides[axis] = next as isize;
        next *= shape[axis].max(1);
        if layout == Layout::Padded && i == 0 {
            next += 3;
        }
    }
    let elements = if shape.contains(&0) { 0 } else { next };
    (strides, offset, elements + offset)
}

/// Where element number `element` in row-major order lies.
fn position(shape: &[usize], strides: &[isize], offset: usize, mut element: usize) -> usize {
    let mut at = offset as isize;
    for (&extent, &stride) in shape.iter().zip(strides).rev() {
        at += (element % extent.max(1)) as isize * stride;
        element /= extent.max(1);
    }
    at as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_hold_every_element_once() {
        for layout in [Layout::Contiguous, Layout::Padded, Layout::ColumnMajor] {
            for shape in [&[3, 4, 5][..], &[7], &[], &[2, 0]] {
                let (strides, offset, elements) = strides(shape, layout);
                let count = shape.iter().product::<usize>();
                let mut places: Vec<usize> =
                    (0..count).map(|i| position(shape, &strides, offset, i)).collect();
                assert!(places.iter().all(|&p| p < elements));
                places.sort_unstable();
                places.dedup();
                assert_eq!(places.len(), count);
            }
        }
    }
}
