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
}

/// The compiled copy.
pub(crate) struct Copier(Function);

impl Copier {
    /// Compiles it.
    pub fn new(context: &Arc<Context>, compiler: &Compiler) -> Result<Copier, TargetError> {
        let image = compiler.machine_code(include_str!("copy.cu"))?;
        Function::load(context, &image, "tw_copy").map(Copier)
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
        };
        let row_major = contiguous_strides(shape);
        for (axis, &extent) in shape.iter().enumerate() {
            view.extents[axis] = extent as i64;
            view.from[axis] = from_strides.unwrap_or(&row_major)[axis] as i64;
            view.to[axis] = to_strides.unwrap_or(&row_major)[axis] as i64;
        }
        let groups = (count as usize).div_ceil(256).min(GROUPS) as u32;
        let mut arguments: [*mut c_void; 4] = [
            (&raw mut from).cast(),
            (&raw mut to).cast(),
            (&raw mut count).cast(),
            (&raw mut view).cast(),
        ];
        let shape = Shape { grid: (groups, 1, 1), threads: (256, 1, 1), shared: 0 };
        // SAFETY: the arguments are those of `tw_copy`; the rest is the caller's.
        unsafe { self.0.launch(shape, &mut arguments) }
    }
}
