//! A call of any callable, ready to be timed.

use super::{Bench, Flush, Outputs, Parameter, Slot, Stage, repeat};
use std::sync::Arc;
use tilewright_ir::bind::show_shape;
use tilewright_ir::{Access, DType, ParamKind};
use tilewright_runtime::{Result, Runtime};
use tilewright_tensor::{Call, Given, Started};

impl Bench {
    /// Prepares a call: of a formula, a kernel of one's own or a gradient. It runs once; its programs are then timed on copies
    /// of its inputs, row-major where they were not.
    ///
    /// # Errors
    /// When the call does not run, or memory runs out.
    pub fn of_call(call: Call<'_>, outputs: Outputs) -> Result<Bench> {
        let callable = call.callable();
        let runtime = callable.runtime()?;
        let tensors = call.tensors();
        let case = tensors.map(|(name, t)| format!("{name}={}", show_shape(t.shape())));
        let case = case.collect::<Vec<_>>().join(" ");
        let mut floats = call.tensors().map(|(_, t)| t.dtype()).filter(|dtype| dtype.is_float());
        let dtype = floats.next().unwrap_or(DType::F32);
        drop(floats);
        let (inputs, made) = (callable.inputs(), callable.outputs());
        let (_, started) = call.run_traced()?;
        let mut bench = Bench {
            name: callable.name().into(),
            dtype,
            case,
            runtime: runtime.clone(),
            tensors: Vec::new(),
            stages: Vec::new(),
            outputs,
            flush: Flush::of(&runtime)?,
            flops: None,
            preparation: (0.0, 0.0),
        };
        let seen = |name: &str| inputs.iter().chain(&made).any(|p| p.name == name);
        for started in &started {
            bench.started(started, &runtime, &seen)?;
        }
        Ok(bench)
    }

    /// Adds a program that the call ran, and the tensors that it is the first to name.
    fn started(
        &mut self,
        started: &Started,
        runtime: &Arc<Runtime>,
        seen: &dyn Fn(&str) -> bool,
    ) -> Result<()> {
        let (kernel, plan) = (started.kernel.clone(), started.plan.clone());
        let mut parameters = Vec::new();
        for (i, (param, given)) in kernel.program().params.iter().zip(&started.given).enumerate() {
            let (dtype, access) = match param.kind {
                ParamKind::Scalar { default, .. } => {
                    let number = match given {
                        Given::Number(number) => Some(*number),
                        _ => default,
                    };
                    parameters.push(Parameter::Scalar(number.unwrap_or(f64::NAN)));
                    continue;
                }
                ParamKind::Tensor { dtype, access, .. } => (dtype, access),
            };
            let shape = plan.shape(i).to_vec();
            let known = self.tensors.iter().position(|slot| slot.name == param.name);
            let slot = known.unwrap_or(self.tensors.len());
            if known.is_none() {
                let len = shape.iter().product::<usize>() * dtype.size();
                let mut memory = runtime.allocate(len)?;
                let mut first = None;
                if let Given::Tensor(tensor) = given {
                    let bytes = tensor.bytes()?;
                    // A broadcast input has fewer elements than its kernel sees.
                    repeat(memory.buffer_mut(), len, &bytes)?;
                    // What is updated may be an index, which would leave its axis after some runs.
                    let moves = access == Access::InOut && !dtype.is_float();
                    first = (moves && bytes.len() == len).then(|| bytes.into_owned());
                }
                let (name, temporary) = (param.name.clone(), !seen(&param.name));
                self.tensors.push(Slot { name, memory, dtype, shape, access, temporary, first });
            }
            parameters.push(Parameter::Tensor { slot, written: access != Access::In });
        }
        self.stages.push(Stage { kernel, plan, parameters });
        Ok(())
    }
}
