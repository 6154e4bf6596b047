//! The kernels of a model: callables of the catalog on the model's device, each made once.

use crate::linear::FEW_ROWS;
use crate::{Result, Runtime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_tensor::{Callable, kernel_with};

/// Rows from which on a device with memory of its own unpacks a packed weight before the product. Below, products read the
/// packed weight itself. On an H100, 12288 columns of 4096 weights of 4 bits, in microseconds packed: 35 for 16 rows, 60
/// for 32, 86 for 48, 111 for 64; unpacked: 50 and a product of 47 for 64 rows.
const UNPACKS_FROM: usize = 64;

/// Kernels of the catalog on one runtime. Layers that call the same kernel share what is compiled.
#[derive(Debug)]
pub struct Kernels {
    runtime: Arc<Runtime>,
    known: Mutex<HashMap<String, Callable>>,
    unpacks_from: usize,
}

impl Kernels {
    /// No kernels yet, for this runtime.
    pub fn new(runtime: Arc<Runtime>) -> Kernels {
        // Where the host's memory is the device's, floats cost more to write and read than integers to unpack again.
        let unpacks_from = if runtime.caps().host_visible { usize::MAX } else { UNPACKS_FROM };
        Kernels { runtime, known: Mutex::default(), unpacks_from }
    }

    /// These, with products of at least so many rows on floats made of the packed weights.
    pub fn unpacking_from(self, rows: usize) -> Kernels {
        Kernels { unpacks_from: rows.max(1), ..self }
    }

    /// Rows of a product from which on packed weights become floats first.
    pub fn unpacks_from(&self) -> usize {
        self.unpacks_from
    }

    /// Rows of a product with a packed weight up to which one program computes an element.
    pub(crate) fn few_rows(&self) -> usize {
        if self.runtime.caps().host_visible { FEW_ROWS } else { self.unpacks_from - 1 }
    }

    /// Where they run.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// The kernel of that name, recorded for these constants.
    ///
    /// # Errors
    /// When there is none, or it does not admit a constant.
    pub fn get(&self, name: &str, constants: &[(&str, usize)]) -> Result<Callable> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{name}{constants:?}");
        if let Some(callable) = known.get(&key) {
            return Ok(callable.clone());
        }
        let callable = kernel_with(name, constants)?.on(&self.runtime);
        known.insert(key, callable.clone());
        Ok(callable)
    }
}
