//! The GPU lowering as a device: programs become thread programs, and every thread of them is stepped through on the
//! host. Slow; it shows that a lowering is right, and that no two threads race, where there is no GPU.

use crate::interpreter::{read, write};
use std::sync::Arc;
use tilewright_ir::interpret::{Argument as Copied, Tensor};
use tilewright_ir::thread::emulate;
use tilewright_ir::{Bindings, DType, ParamKind, Program};
use tilewright_passes::lower::{PASSES, Schedule, Units, lower};
use tilewright_passes::pipeline::run;
use tilewright_target::host::HostBuffer;
use tilewright_target::{Argument, Buffer, Caps, Device, DeviceKind, Executable, TargetError};

/// See the [module](self).
pub struct EmulatorDevice {
    caps: Caps,
}

impl EmulatorDevice {
    /// An emulator.
    pub fn new() -> Self {
        let caps = Caps {
            kind: DeviceKind::Emulator,
            name: "GPU threads on the host".into(),
            features: Vec::new(),
            parallelism: 1,
            memory: 0,
            dtypes: DType::ALL.into_iter().filter(|d| *d != DType::F64).collect(),
            host_visible: true,
            routines: true,
        };
        EmulatorDevice { caps }
    }
}

impl Device for EmulatorDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        let mut program = program.clone();
        run(&mut program, PASSES, |_, _| {});
        Ok(Arc::new(Emulated(program)))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(HostBuffer::new(bytes)?))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        Ok(())
    }
}

/// Bytes of shared memory in which groups keep rows: an H100's, which holds a part of the longest rows of the catalog.
const KEEP: usize = 227 << 10;

struct Emulated(Program);

impl Executable for Emulated {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let mut schedule = Schedule::default_for(&self.0, &bindings.dims, Units::Half);
        schedule.routines = true;
        schedule.keep = KEEP;
        for (i, shape) in bindings.kernel_shapes.iter().enumerate() {
            if let ParamKind::Tensor { dtype, .. } = self.0.params[i].kind {
                let row = shape.last().copied().unwrap_or(1);
                schedule.aligned[i] = shape.len() <= 1 || (row * dtype.size()).is_multiple_of(16);
            }
        }
        let threads = lower(&self.0, &schedule).map_err(|e| TargetError::Unsupported {
            program: self.0.name.clone(),
            what: e.to_string(),
        })?;
        let mut copies = Vec::with_capacity(arguments.len());
        for (i, (param, argument)) in self.0.params.iter().zip(arguments).enumerate() {
            copies.push(match (argument, &param.kind) {
                (Argument::Tensor(region), ParamKind::Tensor { dtype, .. }) => {
                    let tensor = read(region, *dtype, &bindings.shapes[i])?;
                    let shape = &bindings.kernel_shapes[i];
                    Copied::Tensor(Tensor::from_values(*dtype, shape, &tensor.values()))
                }
                (Argument::Scalar(number), _) => Copied::Scalar(*number),
                (Argument::Tensor(_), ParamKind::Scalar { .. }) => {
                    return Err(TargetError::argument(&self.0, i, "is a number, got a tensor"));
                }
            });
        }
        emulate(&threads, &bindings.dims, &mut copies).map_err(TargetError::Device)?;
        for (index, _) in tilewright_ir::bind::outputs(&self.0) {
            if let (Argument::Tensor(region), Copied::Tensor(result)) =
                (&arguments[index], &copies[index])
            {
                let into = read(region, result.dtype, &bindings.shapes[index])?;
                write(region, &scattered(into, result))?;
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("{}: threads of a GPU, stepped through one group after the other", self.0.name)
    }
}

/// The memory of `into` with the elements of `result`, which has as many in row-major order.
fn scattered(mut into: Tensor, result: &Tensor) -> Vec<u8> {
    let size = result.dtype.size();
    for (number, element) in result.bytes.chunks_exact(size).enumerate() {
        let (mut at, mut rest) = (into.offset as isize, number);
        for (&extent, &stride) in into.shape.iter().zip(&into.strides).rev() {
            at += (rest % extent.max(1)) as isize * stride;
            rest /= extent.max(1);
        }
        let start = at.max(0) as usize * size;
        if let Some(bytes) = into.bytes.get_mut(start..start + size) {
            bytes.copy_from_slice(element);
        }
    }
    into.bytes
}
