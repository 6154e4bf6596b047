//! Copies between layouts, for tensors that kernels cannot take as they lie.

use crate::compile::Compiler;
use crate::driver::{Context, Function, Shape};
use std::ffi::c_void;
use std::sync::Arc;
use tilewright_target::{TargetError, contiguous_strides};

/// The most axes that a copy has.
const AXES: usize = 8;

/// Groups of a copy at most; each takes what the others leave.
const GROUPS: usize = 4096;

/// As `View` in `copy.cu`.
#[repr(C)]
struct View {
    extents: [i64; AXES],
    from: [i64; AXES],
    to: [i64; AXES],
    rank: i32,
    size: i32,
    read: i32,
    write: i32,
}

/// Elements along either axis of a square that is turned in shared memory.
const SQUARE: usize = 64;

/// The shortest axis for which a square is worth its while.
const SHORTEST: usize = 16;

/// The compiled copies: one element by element, one by squares.
pub(crate) struct Copier {
    each: Function,
    turning: Function,
}

impl Copier {
    /// Compiles it.
    pub fn new(context: &Arc<Context>, compiler: &Compiler) -> Result<Copier, TargetError> {
        let image = compiler.machine_code(include_str!("copy.cu"))?;
        let load = |name: &str| Function::load(context, &image, name);
        Ok(Copier { each: load("tw_copy")?, turning: load("tw_turn")? })
    }

    /// Copies the elements of `shape`, of `size` bytes each, between addresses; no strides mean row-major.
    ///
    /// # Safety
    /// Both sides hold these elements until the work is complete, and do not overlap.
    pub unsafe fn copy(
        &self,
        shape: &[usize],
        size: usize,
        (mut from, from_strides): (u64, Option<&[isize]>),
        (mut to, to_strides): (u64, Option<&[isize]>),
    ) -> Result<(), TargetError> {
        let mut count = shape.iter().product::<usize>() as i64;
        if count == 0 {
            return Ok(());
        }
        if shape.len() > AXES {
            let text =
                format!("CUDA: a strided tensor of {} axes; make it contiguous", shape.len());
            return Err(TargetError::Device(text));
        }
        let mut view = View {
            extents: [1; AXES],
            from: [0; AXES],
            to: [0; AXES],
            rank: shape.len() as i32,
            size: size as i32,
            read: 0,
            write: 0,
        };
        let row_major = contiguous_strides(shape);
        for (axis, &extent) in shape.iter().enumerate() {
            view.extents[axis] = extent as i64;
            view.from[axis] = from_strides.unwrap_or(&row_major)[axis] as i64;
            view.to[axis] = to_strides.unwrap_or(&row_major)[axis] as i64;
        }
        let mut groups = (count as usize).div_ceil(256);
        let turned = turned(shape, &view.from, &view.to);
        if let Some((read, write)) = turned {
            (view.read, view.write) = (read as i32, write as i32);
            let squares = |axis: usize| shape[axis].div_ceil(SQUARE);
            let outer = shape.iter().product::<usize>() / shape[read] / shape[write];
            groups = outer * squares(read) * squares(write);
            count = groups as i64;
        }
        let mut arguments: [*mut c_void; 4] = [
            (&raw mut from).cast(),
            (&raw mut to).cast(),
            (&raw mut count).cast(),
            (&raw mut view).cast(),
        ];
        let groups = groups.min(GROUPS) as u32;
        let shape = Shape { grid: (groups, 1, 1), threads: (256, 1, 1), shared: 0 };
        let function = if turned.is_some() { &self.turning } else { &self.each };
        // SAFETY: the arguments are those of both; the rest is the caller's.
        unsafe { function.launch(shape, &mut arguments) }
    }
}

/// The axes along which neighbours lie together where they come from, and where they go; `None` where these are one, or too
/// short for squares of both.
fn turned(shape: &[usize], from: &[i64; AXES], to: &[i64; AXES]) -> Option<(usize, usize)> {
    let neighbours =
        |strides: &[i64; AXES]| (0..shape.len()).find(|&a| strides[a] == 1 && shape[a] >= SHORTEST);
    let (read, write) = (neighbours(from)?, neighbours(to)?);
    (read != write).then_some((read, write))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_for_long_axes_that_change_places() {
        let strides = |strides: &[i64]| {
            let mut all = [0; AXES];
            all[..strides.len()].copy_from_slice(strides);
            all
        };
        let of =
            |shape: &[usize], from: &[i64], to: &[i64]| turned(shape, &strides(from), &strides(to));
        assert_eq!(of(&[64, 32], &[1, 64], &[32, 1]), Some((0, 1)));
        assert_eq!(of(&[3, 64, 32], &[64, 1, 192], &[2048, 32, 1]), Some((1, 2)));
        assert_eq!(of(&[32, 3, 64], &[1, 2048, 32], &[192, 64, 1]), Some((0, 2)));
        // Gaps within rows, a row for all, a short axis.
        assert_eq!(of(&[64, 32], &[64, 2], &[32, 1]), None);
        assert_eq!(of(&[64, 32], &[32, 1], &[64, 1]), None);
        assert_eq!(of(&[64, 3], &[1, 64], &[3, 1]), None);
    }
}
