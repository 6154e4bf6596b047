//! The typing rules of the kinds that move elements without computing.

use super::{Inference, broadcast, check_tile, show_tile_shape};
use crate::bind::show_extent;
use crate::{DType, ExprId, Extent, Type};

impl Inference<'_> {
    pub(super) fn broadcast(&self, a: ExprId) -> Result<Type, String> {
        let (from, to) = (self.of(a)?, self.hinted("a broadcast")?);
        if broadcast(self.program, &from.shape, &to.shape)? != to.shape {
            return Err(format!(
                "{} does not broadcast to {}",
                self.show(from),
                show_tile_shape(self.program, &to.shape)
            ));
        }
        Ok(Type { dtype: from.dtype, shape: to.shape.clone() })
    }

    pub(super) fn reshape(&self, a: ExprId) -> Result<Type, String> {
        let (from, to) = (self.of(a)?, self.hinted("a reshape")?);
        let count = elements(&from.shape);
        if count.is_none() || count != elements(&to.shape) {
            return Err(format!(
                "{} does not have the elements of {}: a reshape keeps their number",
                self.show(from),
                show_tile_shape(self.program, &to.shape)
            ));
        }
        Ok(Type { dtype: from.dtype, shape: to.shape.clone() })
    }

    pub(super) fn transpose(&self, a: ExprId, order: &[usize]) -> Result<Type, String> {
        let ty = self.of(a)?;
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..ty.shape.len()) {
            return Err(format!(
                "{order:?} is no order of the {} axes of {}",
                ty.shape.len(),
                self.show(ty)
            ));
        }
        Ok(Type { dtype: ty.dtype, shape: order.iter().map(|&i| ty.shape[i]).collect() })
    }

    pub(super) fn slice(&self, of: ExprId, axis: usize, start: Extent) -> Result<Type, String> {
        let (ty, hint) = (self.of(of)?, self.hinted("a slice")?);
        let extent = self.axis(ty, axis, "slice")?;
        let mut expected = ty.shape.clone();
        let len = hint.shape.get(axis).copied().unwrap_or(Extent::Const(1));
        expected[axis] = len;
        if hint.shape != expected {
            return Err(format!(
                "a slice along axis {axis} of {} cannot have shape {}",
                self.show(ty),
                show_tile_shape(self.program, &hint.shape)
            ));
        }
        check_tile(self.program, &Type { dtype: ty.dtype, shape: vec![start] })?;
        let inside = match (start, len, extent) {
            (Extent::Const(0), _, _) if len == extent => true,
            (Extent::Const(start), Extent::Const(len), Extent::Const(n)) => {
                start.checked_add(len).is_some_and(|end| end <= n)
            }
            (Extent::Const(0), Extent::Dim { dim: b, times: len }, Extent::Dim { dim, times }) => {
                b == dim && len <= times
            }
            (
                Extent::Dim { dim: a, times: start },
                Extent::Dim { dim: b, times: len },
                Extent::Dim { dim, times },
            ) => a == dim && b == dim && start.checked_add(len).is_some_and(|end| end <= times),
            _ => false,
        };
        if !inside {
            return Err(format!(
                "the slice of {} positions from {} is not known to lie inside axis {axis} of {}: \
                 load a range instead, whose positions past the end are filled",
                show_extent(self.program, len),
                show_extent(self.program, start),
                self.show(ty)
            ));
        }
        Ok(Type { dtype: ty.dtype, shape: expected })
    }

    pub(super) fn concat(&self, parts: &[ExprId], axis: usize) -> Result<Type, String> {
        let Some((&first, rest)) = parts.split_first() else {
            return Err("`concat` joins at least one tile".into());
        };
        let mut joined = self.of(first)?.clone();
        self.axis(&joined, axis, "concat")?;
        for &id in rest {
            let ty = self.of(id)?;
            let same = ty.dtype == joined.dtype
                && ty.shape.len() == joined.shape.len()
                && (0..ty.shape.len()).all(|i| i == axis || ty.shape[i] == joined.shape[i]);
            let sum = match same {
                true => add(joined.shape[axis], ty.shape[axis]),
                false => None,
            };
            joined.shape[axis] = sum.ok_or_else(|| {
                format!(
                    "`concat` along axis {axis} cannot join {} and {}",
                    self.show(&joined),
                    self.show(ty)
                )
            })?;
        }
        Ok(joined)
    }

    pub(super) fn pick(&self, of: ExprId, indices: ExprId) -> Result<Type, String> {
        let (ty, positions) = (self.of(of)?, self.of(indices)?);
        if !matches!(positions.dtype, DType::I32 | DType::U32) {
            return Err(format!("`pick` takes i32 or u32 indices, not {}", self.show(positions)));
        }
        let rank = ty.shape.len();
        if rank == 0 || positions.shape.len() != rank {
            return Err(format!(
                "`pick` takes indices with as many axes as the tile, at least one; got {} for {}",
                self.show(positions),
                self.show(ty)
            ));
        }
        if ty.shape[..rank - 1] != positions.shape[..rank - 1] {
            return Err(format!(
                "`pick` takes indices with the tile's leading axes; got {} for {}",
                self.show(positions),
                self.show(ty)
            ));
        }
        Ok(Type { dtype: ty.dtype, shape: positions.shape.clone() })
    }

    pub(super) fn unpack(&self, of: ExprId, bits: u32) -> Result<Type, String> {
        let ty = self.of(of)?;
        let dtype = self.hint.map_or(DType::I32, |hint| hint.dtype);
        if !matches!(ty.dtype, DType::U8 | DType::U32) {
            return Err(format!("`unpack` takes u8 or u32 words, not {}", self.show(ty)));
        }
        if !matches!(dtype, DType::I32 | DType::U32) {
            return Err(format!("`unpack` gives i32 or u32, not {dtype}"));
        }
        if !(1..=8).contains(&bits) {
            return Err(format!("`unpack` takes integers of 1 to 8 bits, not {bits}"));
        }
        let Some((&words, leading)) = ty.shape.split_last() else {
            return Err("`unpack` works along the last axis, which a scalar does not have".into());
        };
        let width = ty.dtype.size() * 8;
        let widened = |n: usize| {
            let total = n.checked_mul(width)?;
            (total % bits as usize == 0).then_some(total / bits as usize)
        };
        let extent = match words {
            Extent::Const(n) => widened(n).map(Extent::Const),
            Extent::Dim { dim, times } => widened(times).map(|times| Extent::Dim { dim, times }),
        };
        let Some(extent) = extent else {
            return Err(format!(
                "{} words of {width} bits do not hold a whole number of {bits}-bit integers",
                show_extent(self.program, words)
            ));
        };
        Ok(Type { dtype, shape: leading.iter().copied().chain([extent]).collect() })
    }
}

/// The sum of two extents, where one extent can say it.
fn add(a: Extent, b: Extent) -> Option<Extent> {
    match (a, b) {
        (Extent::Const(a), Extent::Const(b)) => Some(Extent::Const(a.checked_add(b)?)),
        (Extent::Dim { dim, times }, Extent::Dim { dim: other, times: more }) if dim == other => {
            Some(Extent::Dim { dim, times: times.checked_add(more)? })
        }
        _ => None,
    }
}

/// The number of elements of a shape: a constant factor and the named sizes in order. Nothing when it overflows.
fn elements(shape: &[Extent]) -> Option<(usize, Vec<u32>)> {
    let mut product = 1usize;
    let mut dims = Vec::new();
    for &extent in shape {
        let factor = match extent {
            Extent::Const(n) => n,
            Extent::Dim { dim, times } => {
                dims.push(dim.0);
                times
            }
        };
        product = product.checked_mul(factor)?;
    }
    dims.sort_unstable();
    Some((product, dims))
}
