//! Kernels written in a GPU's own language; see [`tilewright_target::source`].

use crate::{Error, HostBuffer, Result, Runtime, TensorMut, TensorRef};
use tilewright_ir::DType;
pub use tilewright_target::source::{Body, SourceKernel, Template, Wide};
use tilewright_target::source::{SourceLaunch, SourceTensor, wrong_name};
use tilewright_target::{DeviceKind, Region};

/// How a source kernel is launched.
#[derive(Clone, Copy)]
pub struct Geometry<'a> {
    /// What the body's template names stand for.
    pub template: &'a [(&'a str, Template)],
    /// Threads, not groups, along each axis.
    pub grid: [usize; 3],
    /// Threads of a group along each axis.
    pub group: [usize; 3],
}

/// Threads that a group may have, on every GPU.
const MOST_THREADS: usize = 1024;

impl Runtime {
    /// Runs a kernel that is written in the device's own language, and waits for it as [`Kernel::start`](crate::Kernel::start)
    /// does. Outputs hold what they held where the kernel does not write.
    ///
    /// # Safety
    /// The kernel's body must keep to its tensors: on a GPU nothing checks it. (`msl-host` does.)
    ///
    /// # Errors
    /// When the kernel has no body for this device, the body does not compile, or an argument does not fit.
    pub unsafe fn launch_source(
        &self,
        kernel: &SourceKernel,
        geometry: &Geometry<'_>,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
    ) -> Result<()> {
        check(kernel, geometry, inputs.len(), outputs.len())?;
        let mut tensors = Vec::with_capacity(inputs.len());
        for (input, name) in inputs.iter().zip(&kernel.inputs) {
            let tensor = SourceTensor { wide: kernel.wide(name), ..read(input) };
            let wrong = |what| Error::usage(format!("{}: `{name}` {what}", kernel.name));
            tensor.region.check(tensor.shape, tensor.dtype.size()).map_err(wrong)?;
            tensor.check_halves().map_err(wrong)?;
            tensors.push(tensor);
        }
        let mut results = Vec::with_capacity(outputs.len());
        for (output, name) in outputs.iter().zip(&kernel.outputs) {
            let region = Region::whole(&*output.buffer);
            let wrong = |what| Error::usage(format!("{}: `{name}` {what}", kernel.name));
            region.check(output.shape, output.dtype.size()).map_err(wrong)?;
            let (dtype, shape, wide) = (output.dtype, output.shape, kernel.wide(name));
            let result = SourceTensor { region, dtype, shape, wide };
            result.check_halves().map_err(wrong)?;
            results.push(result);
        }
        let launch = SourceLaunch {
            template: geometry.template,
            grid: geometry.grid,
            group: geometry.group,
            inputs: &tensors,
            outputs: &results,
        };
        // SAFETY: inputs are borrowed shared and outputs exclusively until the device has finished or holds back what is
        // done with them later; the rest is the caller's promise.
        unsafe { self.device().launch_source(kernel, &launch) }?;
        match self.device().memory_waits() {
            true => Ok(()),
            false => self.synchronize(),
        }
    }

    /// The text that [`launch_source`](Self::launch_source) compiles for these tensors, signature and all.
    ///
    /// # Errors
    /// When the kernel has no body for this device, or an argument does not fit.
    pub fn source_text(
        &self,
        kernel: &SourceKernel,
        geometry: &Geometry<'_>,
        inputs: &[TensorRef<'_>],
        outputs: &[(DType, &[usize])],
    ) -> Result<String> {
        check(kernel, geometry, inputs.len(), outputs.len())?;
        let nothing = HostBuffer::new(0)?;
        let region = Region::whole(&nothing);
        let wrong = |name: &str, what| Error::usage(format!("{}: `{name}` {what}", kernel.name));
        let mut tensors = Vec::with_capacity(inputs.len());
        for (input, name) in inputs.iter().zip(&kernel.inputs) {
            let tensor = SourceTensor { wide: kernel.wide(name), ..read(input) };
            tensor.check_halves().map_err(|what| wrong(name, what))?;
            tensors.push(tensor);
        }
        let mut made = Vec::with_capacity(outputs.len());
        for (&(dtype, shape), name) in outputs.iter().zip(&kernel.outputs) {
            let tensor = SourceTensor { region, dtype, shape, wide: kernel.wide(name) };
            tensor.check_halves().map_err(|what| wrong(name, what))?;
            made.push(tensor);
        }
        let launch = SourceLaunch {
            template: geometry.template,
            grid: geometry.grid,
            group: geometry.group,
            inputs: &tensors,
            outputs: &made,
        };
        Ok(self.device().source_text(kernel, &launch)?)
    }

    /// True when the kernel has a body for this device.
    pub fn has_body(&self, kernel: &SourceKernel) -> bool {
        match self.caps().kind {
            DeviceKind::Cuda => kernel.cuda.is_some(),
            DeviceKind::Metal => kernel.metal.is_some(),
            _ => self.target() == "msl-host" && kernel.metal.is_some(),
        }
    }
}

/// A tensor that a body reads.
fn read<'a>(input: &TensorRef<'a>) -> SourceTensor<'a> {
    let region = Region { buffer: input.buffer, offset: input.offset, strides: input.strides };
    SourceTensor { region, dtype: input.dtype, shape: input.shape, wide: None }
}

/// Names become parts of the text, so they must be plain; counts must fit.
fn check(
    kernel: &SourceKernel,
    geometry: &Geometry<'_>,
    inputs: usize,
    outputs: usize,
) -> Result<()> {
    let name = &kernel.name;
    if let Some(what) = wrong_name(kernel, geometry.template) {
        let error = Error::usage(format!("{name}: {what}"));
        return Err(
            error.help("give kernel, inputs, outputs and template arguments names like `x`")
        );
    }
    for (what, declared, given) in
        [("inputs", kernel.inputs.len(), inputs), ("outputs", kernel.outputs.len(), outputs)]
    {
        if declared != given {
            return Err(Error::usage(format!("{name}: {given} {what}, {declared} are declared")));
        }
    }
    let is_known = |name: &String| kernel.inputs.contains(name) || kernel.outputs.contains(name);
    if let Some((unknown, _)) = kernel.wide.iter().find(|(name, _)| !is_known(name)) {
        let error = Error::usage(format!("{name}: there is no input or output `{unknown}`"));
        let all: Vec<&str> =
            kernel.inputs.iter().chain(&kernel.outputs).map(String::as_str).collect();
        return Err(error.help(format!("there are {}", all.join(", "))));
    }
    let threads = geometry.group.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    match threads {
        Some(1..=MOST_THREADS) => Ok(()),
        _ => Err(Error::usage(format!("{name}: a group of {:?} threads", geometry.group))
            .help("a group has from 1 to 1024 threads; the grid counts threads, not groups")),
    }
}
