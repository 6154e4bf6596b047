//! Two products and what is made of them ([`product::pair`]): the products as one, then the rest by a schedule.

use super::walk::Kept;
use super::{CpuExecutable, Places};
use crate::engine::Engine;
use crate::memory::CpuBuffer;
use crate::product::{self, Matrix, Pair, Problem, Product};
use crate::schedule::Schedule;
use std::sync::Arc;
use tilewright_ir::{Bindings, Program};
use tilewright_target::{Argument, Buffer, Region, TargetError};

/// See the [module](self).
pub struct Paired {
    products: [Product; 2],
    rest: CpuExecutable,
}

/// Bound to the arguments of a call.
pub struct Bound {
    problems: [Problem; 2],
    kept: Kept,
    schedule: Arc<Schedule>,
    /// What the products give.
    _between: [CpuBuffer; 2],
}

impl Paired {
    /// Of a program that is a pair.
    pub fn of(program: &Program, engine: &Arc<Engine>) -> Option<Paired> {
        let Pair { products, rest } = product::pair(program)?;
        Some(Paired { products, rest: CpuExecutable::scheduled(&rest, engine) })
    }

    /// Binds it to the arguments of a call of `own`, which is the program; `None` where that had better run itself: for many
    /// rows, or tensors that lie otherwise than products take them.
    ///
    /// # Safety
    /// As [`CpuExecutable::run_as_one`].
    ///
    /// # Errors
    /// When there is no memory for what lies between.
    pub unsafe fn bind(
        &self,
        own: &CpuExecutable,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        places: &Places<'_>,
    ) -> Result<Option<Bound>, TargetError> {
        let layouts = own.layouts(bindings, arguments);
        // SAFETY: the caller's promise.
        let problem = |product: &Product| unsafe {
            product.problem(&own.program, &bindings.dims, places.tensors, &layouts)
        };
        let [a, b] = &self.products;
        let (Some(a), Some(b)) = (problem(a), problem(b)) else { return Ok(None) };
        if !product::go_together([&a, &b]) {
            return Ok(None);
        }
        let y = self.products[0].y.index();
        let element = a.y.element;
        let row = element * a.columns as isize;
        let bytes = row.unsigned_abs() * a.rows.len();
        let between = [CpuBuffer::new(bytes)?, CpuBuffer::new(bytes)?];
        let (mut bindings, mut arguments) = (bindings.clone(), arguments.to_vec());
        let mut problems = [a, b];
        for (problem, buffer) in problems.iter_mut().zip(&between) {
            let Some(at) = buffer.host() else { return Ok(None) };
            problem.y = Matrix { at: at.as_ptr(), row, ..problem.y };
            bindings.shapes.push(bindings.shapes[y].clone());
            bindings.kernel_shapes.push(bindings.kernel_shapes[y].clone());
            arguments.push(Argument::Tensor(Region { buffer, offset: 0, strides: None }));
        }
        let mut kept = Kept::new(arguments.len());
        let (careful, stream) = self.rest.resolve(&bindings, &arguments, kept.all_mut())?;
        let schedule = self.rest.schedule(&bindings, &arguments, careful, stream);
        Ok(Some(Bound { problems, kept, schedule, _between: between }))
    }
}

impl Bound {
    /// # Safety
    /// As [`CpuExecutable::run_as_one`], for the arguments that it was bound to, of a call of this pair.
    pub unsafe fn run(&self, pair: &Paired) -> Result<(), TargetError> {
        let [a, b] = &self.problems;
        let done = pair.rest.engine.with_resources(|with| {
            // SAFETY: the caller's promise; what they write is their own.
            unsafe { product::run_together(&[a, b], with) }
        });
        done.map_err(|error| pair.rest.explain(error))?;
        // SAFETY: as above; the schedule was made for these arguments.
        unsafe { pair.rest.run_by(&self.schedule, &self.kept.places()) }
    }
}

#[cfg(test)]
mod tests;
