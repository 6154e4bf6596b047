//! The null device: compiles everything, runs nothing. It times and tests what is not arithmetic.

use crate::host::HostBuffer;
use crate::{Argument, Buffer, Caps, Device, DeviceKind, Executable, TargetError};
use std::sync::Arc;
use tilewright_ir::{Bindings, DType, Program};

/// See the [module](self).
pub struct NullDevice {
    caps: Caps,
}

impl NullDevice {
    /// A null device.
    pub fn new() -> Self {
        NullDevice {
            caps: Caps {
                kind: DeviceKind::Null,
                name: "null".into(),
                features: Vec::new(),
                parallelism: 1,
                memory: 0,
                dtypes: DType::ALL.to_vec(),
                host_visible: true,
                routines: false,
            },
        }
    }
}

impl Default for NullDevice {
    fn default() -> Self {
        Self::new()
    }
}

struct NullExecutable(String);

impl Executable for NullExecutable {
    unsafe fn launch(&self, _: &Bindings, _: &[Argument<'_>]) -> Result<(), TargetError> {
        Ok(())
    }

    fn describe(&self) -> String {
        format!("{}: not executed", self.0)
    }
}

impl Device for NullDevice {
    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn compile(&self, program: &Program) -> Result<Arc<dyn Executable>, TargetError> {
        Ok(Arc::new(NullExecutable(program.name.clone())))
    }

    fn allocate(&self, bytes: usize) -> Result<Box<dyn Buffer>, TargetError> {
        Ok(Box::new(HostBuffer::new(bytes)?))
    }

    fn synchronize(&self) -> Result<(), TargetError> {
        Ok(())
    }
}
