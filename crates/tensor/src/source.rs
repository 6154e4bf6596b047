//! Kernels written in a GPU's own language, as functions of tensors.

use crate::{Result, Runtime, Tensor};
use std::sync::Arc;
use tilewright_ir::DType;
use tilewright_runtime::source::{Geometry, SourceKernel};
pub use tilewright_runtime::source::{Template, Wide};
use tilewright_runtime::{DeviceKind, Error};

/// A kernel with a body in MSL, in CUDA C or in both. Bodies are those of `mx.fast.metal_kernel` and
/// `mx.fast.cuda_kernel`: declared inputs and outputs by name, `<input>_shape`, `_strides` and `_ndim` where the body names
/// them, template arguments, and grids that count threads.
#[derive(Clone, Debug)]
pub struct SourceCallable {
    kernel: SourceKernel,
    runtime: Option<Arc<Runtime>>,
}

/// What a call of a [`SourceCallable`] says beside its inputs.
#[derive(Clone, Copy, Debug)]
pub struct SourceCall<'a> {
    /// What the body's template names stand for.
    pub template: &'a [(&'a str, Template)],
    /// Threads, not groups, along each axis.
    pub grid: [usize; 3],
    /// Threads of a group along each axis, 1024 together at most.
    pub threadgroup: [usize; 3],
    /// Type and shape of each output.
    pub outputs: &'a [(DType, &'a [usize])],
    /// What outputs hold before; unspecified when `None`.
    pub init_value: Option<f64>,
}

/// A kernel of these inputs and outputs, without a body yet.
pub fn source_kernel(name: &str, inputs: &[&str], outputs: &[&str]) -> SourceCallable {
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    let kernel = SourceKernel {
        name: name.into(),
        inputs: owned(inputs),
        outputs: owned(outputs),
        metal: None,
        cuda: None,
        ensure_row_contiguous: true,
        atomic_outputs: false,
        shared_memory: 0,
        wide: Vec::new(),
    };
    SourceCallable { kernel, runtime: None }
}

impl SourceCallable {
    /// With this MSL body.
    pub fn metal(mut self, source: &str) -> Self {
        self.kernel.metal.get_or_insert_default().source = source.into();
        self
    }

    /// With this MSL before the kernel.
    pub fn metal_header(mut self, header: &str) -> Self {
        self.kernel.metal.get_or_insert_default().header = header.into();
        self
    }

    /// With this CUDA C body.
    pub fn cuda(mut self, source: &str) -> Self {
        self.kernel.cuda.get_or_insert_default().source = source.into();
        self
    }

    /// With this CUDA C before the kernel.
    pub fn cuda_header(mut self, header: &str) -> Self {
        self.kernel.cuda.get_or_insert_default().header = header.into();
        self
    }

    /// Whether inputs that are not row-major are copied first, as they are unless this says `false`.
    pub fn ensure_row_contiguous(mut self, ensure: bool) -> Self {
        self.kernel.ensure_row_contiguous = ensure;
        self
    }

    /// Whether the body takes its outputs as `atomic<T>`.
    pub fn atomic_outputs(mut self, atomic: bool) -> Self {
        self.kernel.atomic_outputs = atomic;
        self
    }

    /// With an input or output whose elements have a type that tensors do not have, as integers of 64 bits. Its tensor is one
    /// of halves, `u32[.., 2]` for [`Wide::U64`], the lower one first, which is how they lie in memory:
    /// [`Tensor::from_bytes`] takes them from whole ones. The body sees whole ones and not the last axis.
    pub fn wide(mut self, name: &str, element: Wide) -> Self {
        self.kernel.wide.push((name.into(), element));
        self
    }

    /// With that many bytes of dynamic shared memory for the CUDA body, which declares them as
    /// `extern __shared__ float held[];`.
    pub fn shared_memory(mut self, bytes: usize) -> Self {
        self.kernel.shared_memory = bytes;
        self
    }

    /// On that device.
    pub fn on(mut self, runtime: &Arc<Runtime>) -> Self {
        self.runtime = Some(runtime.clone());
        self
    }

    /// Runs the kernel; one tensor comes back an output.
    ///
    /// # Safety
    /// The body must keep to its tensors: a GPU checks nothing. The device `msl-host` does.
    ///
    /// # Errors
    /// When no device was chosen or the kernel has no body for it, when the body does not compile, and when counts, names
    /// or sizes do not fit.
    pub unsafe fn call(&self, inputs: &[&Tensor], call: &SourceCall<'_>) -> Result<Vec<Tensor>> {
        let runtime = self.runtime()?;
        let held = self.held(runtime, inputs)?;
        let mut outputs = Vec::with_capacity(call.outputs.len());
        for (dtype, shape) in call.outputs {
            let mut output = Tensor::empty(runtime, *dtype, shape)?;
            if let Some(fresh) = output.writable(None) {
                match call.init_value {
                    Some(value) => {
                        fresh.buffer.write(0, &Tensor::full(*dtype, shape, value)?.to_bytes()?)?;
                    }
                    // A device that proves shows what the body leaves out.
                    None if runtime.caps().kind == DeviceKind::Emulator => {
                        fresh.buffer.write(0, &vec![0xff; fresh.buffer.size()])?;
                    }
                    None => {}
                }
            }
            outputs.push(output);
        }
        let geometry =
            Geometry { template: call.template, grid: call.grid, group: call.threadgroup };
        let references: Vec<_> = held.iter().map(Tensor::reference).collect();
        let mut written: Vec<_> = outputs.iter_mut().filter_map(|o| o.writable(None)).collect();
        // SAFETY: the caller's promise.
        unsafe { runtime.launch_source(&self.kernel, &geometry, &references, &mut written) }?;
        drop(written);
        Ok(outputs)
    }

    /// The text that [`call`](Self::call) compiles, with the signature around the body: what MLX prints when it is asked to be
    /// verbose.
    ///
    /// # Errors
    /// As [`call`](Self::call), before anything is compiled.
    pub fn text(&self, inputs: &[&Tensor], call: &SourceCall<'_>) -> Result<String> {
        let runtime = self.runtime()?;
        let held = self.held(runtime, inputs)?;
        let geometry =
            Geometry { template: call.template, grid: call.grid, group: call.threadgroup };
        let references: Vec<_> = held.iter().map(Tensor::reference).collect();
        runtime.source_text(&self.kernel, &geometry, &references, call.outputs)
    }

    fn runtime(&self) -> Result<&Arc<Runtime>> {
        self.runtime.as_ref().ok_or_else(|| {
            let error = Error::usage(format!("{}: no device was chosen", self.kernel.name));
            error.help("say `.on(&runtime)`: source kernels run on cuda, metal or msl-host")
        })
    }

    /// The inputs as the body gets them.
    fn held(&self, runtime: &Runtime, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let place = |input: &&Tensor| match self.kernel.ensure_row_contiguous {
            true => input.contiguous()?.on(runtime),
            false => input.on(runtime),
        };
        inputs.iter().map(place).collect()
    }
}
