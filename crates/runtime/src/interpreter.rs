//! The interpreter as a device: slow, exact, and it reports races, stray indices and unwritten elements.

use std::sync::Arc;
use tilewright_ir::interpret::{self, Fault, FaultKind, interpret};
use tilewright_ir::{Bindings, DType, ParamKind, Program};
use tilewright_target::host::HostBuffer;
use tilewright_target::{
    Argument, Buffer, Caps, Device, DeviceKind, Executable, Region, TargetError, contiguous_strides,
};

/// See the [module](self).
pub struct InterpreterDevice {
    caps: Caps,
}

impl InterpreterDevice {
    /// An interpreter.
    pub fn new() -> Self {
        let caps = Caps {
            kind: DeviceKind::Interpreter,
            name: "interpreter".into(),
            features: Vec::new(),
            parallelism: 1,
            memory: 0,
            dtypes: DType::ALL.to_vec(),
            host_visible: true,
            routines: false,
        };
        InterpreterDevice { caps }
    }
}

impl Device for InterpreterDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        Ok(Arc::new(Interpreted(program.clone())))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(HostBuffer::new(bytes)?))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        Ok(())
    }
}

struct Interpreted(Program);

impl Executable for Interpreted {
    unsafe fn launch(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<(), TargetError> {
        let mut copies = Vec::with_capacity(arguments.len());
        for (i, (param, argument)) in self.0.params.iter().zip(arguments).enumerate() {
            copies.push(match (argument, &param.kind) {
                (Argument::Tensor(region), ParamKind::Tensor { dtype, .. }) => {
                    interpret::Argument::Tensor(read(region, *dtype, &bindings.shapes[i])?)
                }
                (Argument::Scalar(number), _) => interpret::Argument::Scalar(*number),
                (Argument::Tensor(_), ParamKind::Scalar { .. }) => {
                    return Err(TargetError::argument(&self.0, i, "is a number, got a tensor"));
                }
            });
        }
        interpret(&self.0, &mut copies, bindings).map_err(|fault| error(*fault))?;
        for (index, _) in tilewright_ir::bind::outputs(&self.0) {
            if let (Argument::Tensor(region), interpret::Argument::Tensor(result)) =
                (&arguments[index], &copies[index])
            {
                write(region, &result.bytes)?;
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("{}: interpreted one program after the other", self.0.name)
    }
}

/// Copies the memory under a region, keeping its strides.
pub(crate) fn read(
    region: &Region<'_>,
    dtype: DType,
    shape: &[usize],
) -> Result<interpret::Tensor, TargetError> {
    let mut bytes = vec![0; region.buffer.size()];
    region.buffer.read(0, &mut bytes)?;
    let strides = region.strides.map_or_else(|| contiguous_strides(shape), <[isize]>::to_vec);
    Ok(interpret::Tensor { dtype, shape: shape.to_vec(), strides, offset: region.offset, bytes })
}

/// Copies `bytes` back over the memory of an output.
pub(crate) fn write(region: &Region<'_>, bytes: &[u8]) -> Result<(), TargetError> {
    let Some(base) = region.buffer.host() else {
        return Err(TargetError::Device("the interpreter writes host memory only".into()));
    };
    let len = bytes.len().min(region.buffer.size());
    // SAFETY: the range lies in the buffer, and the contract of `launch` gives outputs to this call alone.
    unsafe { base.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), len) };
    Ok(())
}

fn error(fault: Fault) -> TargetError {
    match fault.kind {
        FaultKind::Argument => TargetError::Unsupported { program: fault.kernel, what: fault.text },
        _ => TargetError::Device(fault.to_string()),
    }
}
