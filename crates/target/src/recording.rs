//! Launches in a fixed order, to be run again and again: on devices that can, without work of the host for each.

use crate::{Argument, Buffer, Executable, Region, TargetError};
use std::ptr::NonNull;
use std::sync::Arc;
use tilewright_ir::Bindings;

/// One launch of a recording.
pub struct Step {
    executable: Arc<dyn Executable>,
    bindings: Bindings,
    arguments: Vec<Kept>,
}

/// An argument that outlives the borrow of its launch.
enum Kept {
    Tensor { buffer: NonNull<dyn Buffer>, offset: usize, strides: Option<Vec<isize>> },
    Scalar(f64),
}

impl Kept {
    fn lent(&self) -> Argument<'_> {
        match self {
            Kept::Scalar(value) => Argument::Scalar(*value),
            Kept::Tensor { buffer, offset, strides } => {
                // SAFETY: the buffer is where it was, by the promise of `Step::new`, for as long as `self` is.
                let buffer: &dyn Buffer = unsafe { buffer.as_ref() };
                Argument::Tensor(Region { buffer, offset: *offset, strides: strides.as_deref() })
            }
        }
    }
}

// SAFETY: buffers are `Send` and `Sync`, and only read through these pointers; see `Step::new`.
unsafe impl Send for Step {}

impl Step {
    /// A launch of `executable`.
    ///
    /// # Safety
    /// Every buffer among the arguments stays where it is until the step is dropped.
    pub unsafe fn new(
        executable: Arc<dyn Executable>,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Step {
        let keep = |argument: &Argument<'_>| match argument {
            Argument::Scalar(value) => Kept::Scalar(*value),
            Argument::Tensor(region) => {
                // SAFETY: only the lifetime changes; the caller promises that it is long enough.
                let buffer = unsafe {
                    std::mem::transmute::<&dyn Buffer, &'static dyn Buffer>(region.buffer)
                };
                let strides = region.strides.map(<[isize]>::to_vec);
                Kept::Tensor { buffer: NonNull::from(buffer), offset: region.offset, strides }
            }
        };
        let arguments = arguments.iter().map(keep).collect();
        Step { executable, bindings: bindings.clone(), arguments }
    }

    /// What is launched.
    pub fn executable(&self) -> &dyn Executable {
        &*self.executable
    }

    /// Its sizes.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Its arguments, as a launch takes them.
    pub fn arguments(&self) -> Vec<Argument<'_>> {
        self.arguments.iter().map(Kept::lent).collect()
    }

    /// Gives it other sizes or numbers. Tensors stay where they are.
    pub fn change(&mut self, change: &Change<'_>) {
        if let Some(bindings) = change.bindings {
            self.bindings = bindings.clone();
        }
        for &(number, value) in change.scalars {
            if let Some(Kept::Scalar(old)) = self.arguments.get_mut(number) {
                *old = value;
            }
        }
    }

    /// Launches it.
    ///
    /// # Safety
    /// As [`Executable::launch`].
    ///
    /// # Errors
    /// As [`Executable::launch`].
    pub unsafe fn launch(&self) -> Result<(), TargetError> {
        // SAFETY: the caller's promise.
        unsafe { self.executable.launch(&self.bindings, &self.arguments()) }
    }
}

/// What becomes different in a step.
#[derive(Clone, Copy, Default)]
pub struct Change<'a> {
    /// Other sizes, of tensors in the same places.
    pub bindings: Option<&'a Bindings>,
    /// Other numbers, by the position of their parameter.
    pub scalars: &'a [(usize, f64)],
}

/// Recorded launches of one device.
pub trait Recording: Send {
    /// Changes one step; the next [`enqueue`](Self::enqueue) runs it so.
    ///
    /// # Errors
    /// When the sizes do not fit the tensors, or the device fails.
    fn change(&mut self, step: usize, change: &Change<'_>) -> Result<(), TargetError>;

    /// Launches all steps in order. The work may still be under way on return; see
    /// [`Device::synchronize`](crate::Device::synchronize), which also tells errors of that work.
    ///
    /// # Safety
    /// As [`Executable::launch`], for every step.
    ///
    /// # Errors
    /// As [`Executable::launch`].
    unsafe fn enqueue(&mut self) -> Result<(), TargetError>;

    /// True when the host does no work for each step.
    fn is_captured(&self) -> bool;
}

/// Launches one after the other, for devices that know nothing better.
pub struct Plain(Vec<Step>);

impl Plain {
    /// Of these steps.
    pub fn new(steps: Vec<Step>) -> Plain {
        Plain(steps)
    }
}

impl Recording for Plain {
    fn change(&mut self, step: usize, change: &Change<'_>) -> Result<(), TargetError> {
        if let Some(step) = self.0.get_mut(step) {
            step.change(change);
        }
        Ok(())
    }

    unsafe fn enqueue(&mut self) -> Result<(), TargetError> {
        // SAFETY: the caller's promise.
        self.0.iter().try_for_each(|step| unsafe { step.launch() })
    }

    fn is_captured(&self) -> bool {
        false
    }
}
