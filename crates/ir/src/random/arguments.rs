//! Random data for a program's parameters.

use super::Random;
use crate::{Access, Argument, DType, ParamKind, Program, Tensor};

/// Arguments for a program with sizes `dims`: floats from -2 to 2, integers from -100 to 100 (unsigned ones of all
/// bits), in any memory layout if `strided`. Outputs hold garbage.
pub fn random_arguments(
    program: &Program,
    dims: &[usize],
    strided: bool,
    random: &mut Random,
) -> Vec<Argument> {
    let arguments = program.params.iter().map(|param| match &param.kind {
        ParamKind::Scalar { dtype, .. } => Argument::Scalar(draw(*dtype, random)),
        ParamKind::Tensor { dtype, shape, access, leading } => {
            let mut shape: Vec<usize> = shape.iter().map(|e| e.value(dims)).collect();
            if *leading {
                shape.splice(..1, unflattened(shape[0], random));
            }
            let mut tensor = match strided && random.chance(0.4) {
                true => in_some_layout(*dtype, &shape, random),
                false => Tensor::zeros(*dtype, &shape),
            };
            let size = dtype.size();
            for element in tensor.bytes.chunks_exact_mut(size) {
                let value = if *access == Access::Out { 77.0 } else { draw(*dtype, random) };
                dtype.write(value, element);
            }
            Argument::Tensor(tensor)
        }
    });
    arguments.collect()
}

/// The same numbers in other memory: axes permuted, padded or reversed.
pub fn relaid(tensor: &Tensor, random: &mut Random) -> Tensor {
    let mut other = in_some_layout(tensor.dtype, &tensor.shape, random);
    let size = tensor.dtype.size();
    for (element, value) in tensor.values().into_iter().enumerate() {
        let at = other.position(element) * size;
        other.dtype.write(value, &mut other.bytes[at..]);
    }
    other
}

/// The first elements of `arguments` along every axis, as a call of `program` with sizes `dims` takes them, one after the
/// other in memory. Where there are too few, or of another type, they are repeated and rounded.
pub fn cropped(program: &Program, dims: &[usize], arguments: &[Argument]) -> Vec<Argument> {
    let arguments = program.params.iter().zip(arguments).map(|(param, argument)| {
        match (&param.kind, argument) {
            (ParamKind::Tensor { dtype, shape, leading, .. }, Argument::Tensor(tensor)) => {
                let to: Vec<usize> = shape.iter().map(|e| e.value(dims)).collect();
                let mut from = tensor.shape.clone();
                if *leading {
                    let inner = from.split_off((from.len() + 1).saturating_sub(shape.len()));
                    from = std::iter::once(from.iter().product()).chain(inner).collect();
                }
                let values = tensor.values();
                let count: usize = to.iter().product();
                let wanted = (0..count).map(|element| {
                    let (mut rest, mut at, mut next) = (element, 0, 1);
                    for (axis, &extent) in to.iter().enumerate().rev() {
                        let held = from.get(axis).copied().unwrap_or(1).max(1);
                        at += rest % extent % held * next;
                        next *= held;
                        rest /= extent;
                    }
                    dtype.round(values.get(at).copied().unwrap_or(0.0))
                });
                let wanted: Vec<f64> = wanted.collect();
                Argument::Tensor(Tensor::from_values(*dtype, &to, &wanted))
            }
            (ParamKind::Scalar { dtype, .. }, Argument::Scalar(value)) => {
                Argument::Scalar(dtype.round(*value))
            }
            (_, argument) => argument.clone(),
        }
    });
    arguments.collect()
}

/// Some axes whose product is `rows`.
fn unflattened(rows: usize, random: &mut Random) -> Vec<usize> {
    match random.below(3) {
        0 if rows == 1 => Vec::new(),
        0 => vec![rows],
        _ => {
            let divides = |d: &usize| rows.is_multiple_of(*d);
            let inner = (2..=rows).rev().find(divides).filter(|_| random.chance(0.5));
            let inner = inner.or_else(|| (2..=rows).find(divides)).unwrap_or(1);
            vec![rows / inner, inner]
        }
    }
}

fn draw(dtype: DType, random: &mut Random) -> f64 {
    dtype.round(match dtype {
        DType::Bool => random.below(2) as f64,
        DType::U8 | DType::U32 => (random.bits() >> 32) as u32 as f64,
        DType::I8 | DType::I32 => random.below(201) as f64 - 100.0,
        // Some values repeat, so that ties are drawn too.
        _ if random.chance(0.2) => random.below(5) as f64 - 2.0,
        _ => 2.0 * random.signed(),
    })
}

/// A tensor whose axes are permuted, padded or reversed in memory.
fn in_some_layout(dtype: DType, shape: &[usize], random: &mut Random) -> Tensor {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    for i in 1..order.len() {
        let other = random.below(i + 1);
        order.swap(i, other);
    }
    let mut tensor = Tensor::zeros(dtype, &[]);
    tensor.shape = shape.to_vec();
    tensor.strides = vec![0; shape.len()];
    tensor.offset = random.below(3);
    let mut reach = 1;
    for axis in order {
        reach += random.below(3);
        tensor.strides[axis] = reach as isize;
        if random.chance(0.2) && shape[axis] > 0 {
            tensor.strides[axis] = -(reach as isize);
            tensor.offset += (shape[axis] - 1) * reach;
        }
        reach *= shape[axis].max(1);
    }
    let elements = if shape.contains(&0) { 0 } else { tensor.offset + reach };
    tensor.bytes = vec![0; elements * dtype.size()];
    tensor
}
