//! Arguments whose rows lie by [sixteens](crate::sixteens): they are bound by where their elements are, as any other. What
//! begins or ends amid sixteen rows, or has its axes in another order, is copied first.

use super::CpuExecutable;
use crate::memory::CpuBuffer;
use crate::sixteens::Sixteens;
use std::ptr::NonNull;
use tilewright_ir::{Access, Bindings, ParamKind};
use tilewright_target::{Argument, Buffer, Executable, TargetError, contiguous_strides};

/// What is wrong with an argument that is not [`Buffer::writable`].
pub const READ_ONLY: &str = "is written, but its memory may only be read";

/// Where a buffer begins whose rows lie by sixteens, and how.
pub fn laid(buffer: &dyn Buffer) -> Option<(NonNull<u8>, Sixteens)> {
    buffer.as_any()?.downcast_ref::<CpuBuffer>()?.laid()
}

impl CpuExecutable {
    /// True for arguments whose rows lie by [sixteens](crate::sixteens) but that begin or end amid some, or have axes in
    /// another order.
    pub fn lies_amid_sixteens(&self, bindings: &Bindings, arguments: &[Argument<'_>]) -> bool {
        arguments.iter().zip(&bindings.shapes).any(|(argument, shape)| {
            let Argument::Tensor(region) = argument else { return false };
            laid(region.buffer).is_some_and(|(_, laid)| {
                let dense =
                    region.strides.is_none_or(|strides| strides == contiguous_strides(shape));
                !dense || !laid.holds(region.offset, shape)
            })
        })
    }

    /// Launches with copies of what lies by sixteens, row after row.
    ///
    /// # Safety
    /// As [`Executable::launch`].
    #[cold]
    pub unsafe fn launch_with_copies(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let mut copies = Vec::new();
        for (k, argument) in arguments.iter().enumerate() {
            let Argument::Tensor(region) = argument else { continue };
            if laid(region.buffer).is_none() {
                continue;
            }
            if let ParamKind::Tensor { access: Access::Out | Access::InOut, .. } =
                self.program.params[k].kind
            {
                return Err(TargetError::argument(&self.program, k, READ_ONLY));
            }
            let mut copy = CpuBuffer::new(region.buffer.size())?;
            region.buffer.read(0, copy.bytes_mut())?;
            copies.push((k, copy));
        }
        let mut arguments = arguments.to_vec();
        for (k, copy) in &copies {
            if let Argument::Tensor(region) = &mut arguments[*k] {
                region.buffer = copy;
            }
        }
        // SAFETY: the caller's promise; the copies are this call's.
        unsafe { self.launch(bindings, &arguments) }
    }
}
