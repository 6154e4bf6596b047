//! What a call starts: the programs, and what each of them is given.

use crate::Tensor;
use crate::call::Slot;
use std::sync::Arc;
use tilewright_runtime::{Kernel, Plan};

/// One program of a call.
#[derive(Debug)]
pub struct Started {
    /// What was compiled.
    pub kernel: Arc<Kernel>,
    /// Its sizes, and the shapes of its parameters: not those of the tensors where the call joined axes.
    pub plan: Arc<Plan>,
    /// What the caller gave for each parameter.
    pub given: Vec<Given>,
}

/// What the caller gave for a parameter.
#[derive(Debug)]
pub enum Given {
    /// Nothing: a number with a default, or a tensor that the call makes.
    Nothing,
    /// A number.
    Number(f64),
    /// A tensor to read or to update, as it was before the call.
    Tensor(Tensor),
}

impl Started {
    /// `read` tells whether a parameter is an input of the call, and not made between two of its programs.
    pub(crate) fn new(
        kernel: &Arc<Kernel>,
        plan: &Arc<Plan>,
        slots: &[Slot<'_>],
        read: impl Fn(usize) -> bool,
    ) -> Started {
        let given = slots.iter().enumerate().map(|(i, slot)| match slot {
            Slot::Scalar(number) => Given::Number(*number),
            Slot::In(tensor) => Given::Tensor((*tensor).clone()),
            Slot::Out(tensor) if read(i) => Given::Tensor((**tensor).clone()),
            // The view of an input that lies otherwise than its kernel sees it.
            Slot::Made(tensor) if read(i) => Given::Tensor(tensor.clone()),
            Slot::Out(_) | Slot::Made(_) | Slot::Empty => Given::Nothing,
        });
        Started { kernel: kernel.clone(), plan: plan.clone(), given: given.collect() }
    }
}
