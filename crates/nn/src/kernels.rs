//! The kernels of a model: callables of the catalog on the model's device, each made once.

use crate::{Result, Runtime};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_tensor::{Callable, kernel_with};

/// Kernels of the catalog on one runtime. Layers that call the same kernel share what is compiled.
#[derive(Debug)]
pub struct Kernels {
    runtime: Arc<Runtime>,
    known: Mutex<HashMap<String, Callable>>,
}

impl Kernels {
    /// No kernels yet, for this runtime.
    pub fn new(runtime: Arc<Runtime>) -> Kernels {
        Kernels { runtime, known: Mutex::default() }
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
