//! What a caller passes to the interpreter.

use crate::{BindError, Bindings, DType, ParamKind, Program, bind};

/// The argument of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A tensor.
    Tensor(Tensor),
    /// A run-time number; rounded to the parameter's dtype.
    Scalar(f64),
}

impl Argument {
    /// The tensor, if it is one.
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Argument::Tensor(tensor) => Some(tensor),
            Argument::Scalar(_) => None,
        }
    }
}

/// A tensor in host memory, in its storage type.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Axes as the caller sees them, outermost first.
    pub shape: Vec<usize>,
    /// Distance between neighbours along each axis, in elements; 0 and negative ones are allowed.
    pub strides: Vec<isize>,
    /// Position of element `[0, 0, ..]` in `bytes`, in elements.
    pub offset: usize,
    /// The memory, little-endian.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// A row-major tensor of zeros.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Tensor {
        let mut strides = vec![1isize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1) as isize);
        }
        let elements: usize = shape.iter().product();
        let bytes = vec![0; elements * dtype.size()];
        Tensor { dtype, shape: shape.to_vec(), strides, offset: 0, bytes }
    }

    /// A row-major tensor of `values`, each rounded to `dtype`. Missing values are 0, surplus ones ignored.
    pub fn from_values(dtype: DType, shape: &[usize], values: &[f64]) -> Tensor {
        let mut tensor = Tensor::zeros(dtype, shape);
        for (element, &value) in tensor.bytes.chunks_exact_mut(dtype.size()).zip(values) {
            dtype.write(value, element);
        }
        tensor
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// All elements in row-major order of the shape, whatever the strides.
    pub fn values(&self) -> Vec<f64> {
        let size = self.dtype.size();
        if self.is_row_major() {
            let elements = self.bytes[self.offset * size..].chunks_exact(size);
            return elements.take(self.elements()).map(|b| self.dtype.read(b)).collect();
        }
        (0..self.elements())
            .map(|i| {
                let at = self.position(i) * size;
                self.bytes.get(at..at + size).map_or(f64::NAN, |b| self.dtype.read(b))
            })
            .collect()
    }

    /// True when the elements follow one another in memory, and all of them are there.
    fn is_row_major(&self) -> bool {
        let mut next = 1isize;
        let axes = self.shape.iter().zip(&self.strides).rev();
        let even = axes.into_iter().all(|(&extent, &stride)| {
            let fits = extent <= 1 || stride == next;
            next = next.saturating_mul(extent as isize);
            fits
        });
        let held = self.bytes.len() / self.dtype.size();
        even && self.offset.checked_add(self.elements()).is_some_and(|end| end <= held)
    }

    /// Where element number `element` in row-major order lies in `bytes`, in elements.
    pub(crate) fn position(&self, mut element: usize) -> usize {
        let mut at = self.offset as isize;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            at += (element % extent.max(1)) as isize * stride;
            element /= extent.max(1);
        }
        at.max(0) as usize
    }

    /// Checks that dtype, rank and strides agree and that every element lies in `bytes`.
    pub(super) fn check(&self, writable: bool) -> Result<(), String> {
        if self.strides.len() != self.shape.len() {
            return Err(format!(
                "has rank {} but {} strides",
                self.shape.len(),
                self.strides.len()
            ));
        }
        if self.shape.contains(&0) {
            return Ok(());
        }
        let (mut low, mut high) = (self.offset as i128, self.offset as i128);
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = (extent as i128 - 1) * stride as i128;
            low += reach.min(0);
            high += reach.max(0);
            if writable && stride == 0 && extent > 1 {
                return Err("is written but has a stride of 0, so its elements overlap".into());
            }
        }
        let held = (self.bytes.len() / self.dtype.size()) as i128;
        match low >= 0 && high < held {
            true => Ok(()),
            false => Err(format!("reaches elements {low}..={high} of a memory that holds {held}")),
        }
    }
}

/// Binds the sizes of `program` from the shapes of the arguments.
///
/// # Errors
/// As [`bind()`].
pub fn bind_arguments(program: &Program, arguments: &[Argument]) -> Result<Bindings, BindError> {
    let shapes: Vec<Option<Vec<usize>>> =
        arguments.iter().map(|a| a.tensor().map(|t| t.shape.clone())).collect();
    bind(program, &shapes, &[])
}

/// The offset in elements of each position along an axis of a tensor as the kernel sees it.
pub(super) enum Offsets {
    /// So far from one position to the next.
    Even(isize),
    /// Of each position.
    Listed(Vec<isize>),
}

impl Offsets {
    /// Of a position inside the axis.
    pub fn at(&self, position: usize) -> isize {
        match self {
            Offsets::Even(stride) => position as isize * stride,
            Offsets::Listed(offsets) => offsets[position],
        }
    }

    /// Of the axis that runs over several in row-major order.
    fn flattened(shape: &[usize], strides: &[isize]) -> Offsets {
        // An axis may be of any extent where another is of none.
        if shape.contains(&0) {
            return Offsets::Even(0);
        }
        let longer = || shape.iter().zip(strides).filter(|(extent, _)| **extent != 1);
        let inner = longer().next_back().map_or(0, |(_, stride)| *stride);
        let (mut next, mut even) = (inner, true);
        for (&extent, &stride) in longer().rev() {
            even &= stride == next;
            next = next.saturating_mul(extent as isize);
        }
        if even {
            return Offsets::Even(inner);
        }
        let mut flat = vec![0];
        for (&extent, &stride) in shape.iter().zip(strides) {
            let steps = (0..extent as isize).map(|i| i * stride);
            flat = flat.iter().flat_map(|&at| steps.clone().map(move |s| at + s)).collect();
        }
        Offsets::Listed(flat)
    }
}

/// The offsets along each axis.
pub(super) fn axis_offsets(program: &Program, param: usize, tensor: &Tensor) -> Vec<Offsets> {
    let ParamKind::Tensor { shape, leading, .. } = &program.params[param].kind else {
        return Vec::new();
    };
    let outer = match leading {
        true => tensor.shape.len() + 1 - shape.len(),
        false => 0,
    };
    let mut offsets = Vec::with_capacity(shape.len());
    if *leading {
        offsets.push(Offsets::flattened(&tensor.shape[..outer], &tensor.strides[..outer]));
    }
    offsets.extend(tensor.strides[outer..].iter().map(|&stride| Offsets::Even(stride)));
    offsets
}
