//! Kernels whose MSL somebody wrote, on the host.

use super::{Bytes, Compiler, launch, reach};
use crate::source::sign;
use tilewright_target::TargetError;
use tilewright_target::source::{Slot, SourceKernel, SourceLaunch, SourceTensor, kernel_name};

/// Builds and runs a kernel's Metal body.
pub fn run(
    compiler: &Compiler,
    kernel: &SourceKernel,
    launched: &SourceLaunch<'_>,
) -> Result<(), TargetError> {
    let Some(body) = &kernel.metal else { return Err(kernel.no_body("Metal")) };
    let told = |e: TargetError| TargetError::Device(format!("{}: {e}", kernel.name));
    let signed = sign(kernel, body, launched);
    let built =
        compiler.build(&signed.text, &kernel_name(kernel), &signed.parameters).map_err(told)?;
    let mut buffers = Vec::with_capacity(signed.slots.len());
    for slot in &signed.slots {
        buffers.push(match *slot {
            Slot::Input(i) => tensor(&kernel.inputs[i], &launched.inputs[i], false)?,
            Slot::Output(i) => tensor(&kernel.outputs[i], &launched.outputs[i], true)?,
            Slot::Shape(_) | Slot::Strides(_) | Slot::Rank(_) => {
                let element = if matches!(slot, Slot::Strides(_)) { 8 } else { 4 };
                let bytes = slot.injected(launched).unwrap_or_default();
                plain(slot.name(kernel), element, bytes)
            }
        });
    }
    let count = |axes: [usize; 3]| -> Result<[u32; 3], TargetError> {
        let mut out = [0; 3];
        for (to, n) in out.iter_mut().zip(axes) {
            *to = u32::try_from(n)
                .map_err(|_| TargetError::Device(format!("{}: too many threads", kernel.name)))?;
        }
        Ok(out)
    };
    let (grid, group) = (count(launched.grid)?, count(launched.group)?);
    let results = launch(&built, grid, group, 1, &buffers).map_err(told)?;
    for (output, bytes) in launched.outputs.iter().zip(&results) {
        let Some(host) = output.region.buffer.host() else {
            return Err(TargetError::Device(format!(
                "{}: an output is not host memory",
                kernel.name
            )));
        };
        // SAFETY: as many bytes as `tensor` read there; the caller of `launch_source` gives outputs to this call alone.
        unsafe {
            let to = host.as_ptr().add(output.region.offset * output.dtype.size());
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }
    Ok(())
}

fn plain(name: String, element: usize, bytes: Vec<u8>) -> Bytes {
    Bytes { name, written: false, faults: false, element, shift: 0, bytes }
}

/// The bytes from a tensor's first element to its last.
fn tensor(name: &str, of: &SourceTensor<'_>, written: bool) -> Result<Bytes, TargetError> {
    let (strides, size) = (of.strides(), of.dtype.size());
    if strides.iter().any(|stride| *stride < 0) {
        let text = format!("`{name}` runs backwards through memory; make it contiguous first");
        return Err(TargetError::Device(text));
    }
    let start = of.region.offset * size;
    let mut bytes = vec![0; reach(of.shape, &strides) * size];
    of.region.buffer.read(start, &mut bytes)?;
    let shift = start % 64;
    Ok(Bytes { name: name.into(), written, faults: false, element: size, shift, bytes })
}
