//! The same memory under other shapes, orders and steps.

use super::{Tensor, element_count};
use crate::{Error, Result};
use tilewright_ir::bind::show_shape;
use tilewright_runtime::contiguous_strides;

impl Tensor {
    /// The same elements in row-major order under another shape; shares memory when they are contiguous.
    ///
    /// # Errors
    /// When the shape has another number of elements, or memory runs out.
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor> {
        if element_count(self.dtype, shape)? != self.len() {
            let (from, to) = (show_shape(&self.shape), show_shape(shape));
            return Err(Error::usage(format!(
                "cannot reshape {from} to {to}: other numbers of elements"
            )));
        }
        let from = self.contiguous()?;
        Ok(Tensor { shape: shape.to_vec(), strides: contiguous_strides(shape), ..from })
    }

    /// Axis `i` of the result is axis `order[i]` of this tensor. Shares memory.
    ///
    /// # Errors
    /// When `order` does not name every axis once.
    pub fn permute(&self, order: &[usize]) -> Result<Tensor> {
        let mut seen = vec![false; self.rank()];
        for &axis in order.iter().filter(|&&axis| axis < self.rank()) {
            seen[axis] = true;
        }
        if order.len() != self.rank() || seen.contains(&false) {
            let what =
                format!("permute: {order:?} does not name each of {} axes once", self.rank());
            return Err(Error::usage(what));
        }
        let shape = order.iter().map(|&axis| self.shape[axis]).collect();
        let strides = order.iter().map(|&axis| self.strides[axis]).collect();
        Ok(Tensor { shape, strides, ..self.clone() })
    }

    /// The last two axes exchanged. Shares memory.
    ///
    /// # Errors
    /// When there are fewer than two.
    pub fn transpose(&self) -> Result<Tensor> {
        let mut order: Vec<usize> = (0..self.rank()).collect();
        let Some(first) = self.rank().checked_sub(2) else {
            let what =
                format!("transpose: a tensor of shape {} has no two axes", show_shape(&self.shape));
            return Err(Error::usage(what));
        };
        order.swap(first, first + 1);
        self.permute(&order)
    }

    /// Positions `start .. start + len` of `axis`. Shares memory.
    ///
    /// # Errors
    /// When they are not inside the axis.
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Result<Tensor> {
        let extent = self.extent("narrow", axis)?;
        if start.checked_add(len).is_none_or(|end| end > extent) {
            let what = format!(
                "narrow: {start}..{start}+{len} leaves axis {axis}, which has extent {extent}"
            );
            return Err(Error::usage(what));
        }
        let mut view = self.clone();
        view.shape[axis] = len;
        if !view.is_empty() {
            view.offset = view.offset.wrapping_add_signed(start as isize * self.strides[axis]);
        }
        Ok(view)
    }

    /// Every `step`-th position of `axis`. Shares memory.
    ///
    /// # Errors
    /// When there is no such axis, or `step` is 0.
    pub fn every(&self, axis: usize, step: usize) -> Result<Tensor> {
        let extent = self.extent("every", axis)?;
        if step == 0 {
            return Err(Error::usage("every: the step is at least 1"));
        }
        let mut view = self.clone();
        view.shape[axis] = extent.div_ceil(step);
        view.strides[axis] = self.strides[axis].saturating_mul(step as isize);
        Ok(view)
    }

    /// `axis` in reverse. Shares memory.
    ///
    /// # Errors
    /// When there is no such axis.
    pub fn flip(&self, axis: usize) -> Result<Tensor> {
        let extent = self.extent("flip", axis)?;
        let mut view = self.clone();
        if !self.is_empty() {
            let last = (extent as isize - 1) * self.strides[axis];
            view.offset = view.offset.wrapping_add_signed(last);
            view.strides[axis] = -self.strides[axis];
        }
        Ok(view)
    }

    /// NumPy broadcasting to `shape`: new leading axes, and axes of extent 1, repeat. Shares memory.
    ///
    /// # Errors
    /// When an axis has another extent that is not 1.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Tensor> {
        let fail = || {
            let (from, to) = (show_shape(&self.shape), show_shape(shape));
            Error::usage(format!("cannot broadcast {from} to {to}"))
        };
        let lead = shape.len().checked_sub(self.rank()).ok_or_else(fail)?;
        element_count(self.dtype, shape)?;
        let mut strides = vec![0; lead];
        for (axis, (&from, &to)) in self.shape.iter().zip(&shape[lead..]).enumerate() {
            strides.push(match from == to {
                true => self.strides[axis],
                false if from == 1 => 0,
                false => return Err(fail()),
            });
        }
        Ok(Tensor { shape: shape.to_vec(), strides, ..self.clone() })
    }

    /// The axes from `first` on as one, which has extent 1 where there are none. Shares memory where the elements of those
    /// axes are evenly spaced.
    pub(crate) fn joined(&self, first: usize) -> Result<Tensor> {
        let mut shape = self.shape[..first].to_vec();
        let count = self.shape[first..].iter().product();
        shape.push(count);
        let mut step = None;
        let mut expected = 1;
        let axes = self.shape[first..].iter().zip(&self.strides[first..]).rev();
        for (&extent, &stride) in axes.filter(|(extent, _)| **extent != 1) {
            let step = *step.get_or_insert(stride);
            if stride != step.saturating_mul(expected) && count != 0 {
                return self.reshape(&shape);
            }
            expected = expected.saturating_mul(extent as isize);
        }
        let strides = [&self.strides[..first], &[step.unwrap_or(1)]].concat();
        Ok(Tensor { shape, strides, ..self.clone() })
    }

    /// Without its first axis, which has extent 1. Shares memory.
    pub(crate) fn without_first_axis(mut self) -> Tensor {
        self.shape.remove(0);
        self.strides.remove(0);
        self
    }

    fn extent(&self, what: &str, axis: usize) -> Result<usize> {
        self.shape.get(axis).copied().ok_or_else(|| {
            let shape = show_shape(&self.shape);
            Error::usage(format!("{what}: shape {shape} has no axis {axis}"))
        })
    }

    /// The same memory from the same place on under another shape and strides (row-major when `None`), which the
    /// caller answers for.
    pub(crate) fn viewed(&self, shape: &[usize], strides: Option<&[isize]>) -> Tensor {
        let strides = strides.map_or_else(|| contiguous_strides(shape), <[isize]>::to_vec);
        Tensor { shape: shape.to_vec(), strides, ..self.clone() }
    }
}
