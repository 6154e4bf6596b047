//! Recorded launches: their arguments are checked and bound once, and products of the same few rows that follow each other,
//! such as queries, keys and values, run as one. A launch of decode costs 2 microseconds less so, and each product that is
//! no launch of its own 5 more, in which the memory would idle.

use super::{CpuExecutable, Places, paired};
use crate::bind::TensorLayout;
use crate::product::{self, Problem};
use crate::schedule::Schedule;
use std::sync::Arc;
use tilewright_target::TargetError;
use tilewright_target::recording::{Change, Recording, Step};

/// See the [module](self).
pub struct Walk {
    steps: Vec<Step>,
    /// What the steps are bound to, since they changed last.
    turns: Option<Vec<Turn>>,
}

/// What runs at once: a step, or some that follow each other.
enum Turn {
    /// A step as any other launch.
    Launch(usize),
    /// A step by a schedule.
    Scheduled(usize, Kept, Arc<Schedule>),
    /// A step that is attention, a scatter, or a product with rows of experts: memory tells how much of it there is to do.
    AsOne(usize, Kept, Arc<[TensorLayout]>),
    /// Products, the first of which is that of a step.
    Products(usize, Together),
    /// A step that is two products and what is made of them.
    Pair(usize, Box<paired::Bound>),
}

/// The arguments of a step; see [`Places`].
pub(super) struct Kept {
    tensors: Vec<*mut u8>,
    scalars: Vec<f64>,
    ranges: Vec<(usize, usize)>,
}

// SAFETY: addresses of buffers that stay where they are as long as the steps, and are followed by a launch only.
unsafe impl Send for Kept {}

impl Kept {
    pub fn new(count: usize) -> Kept {
        let (tensors, scalars) = (vec![std::ptr::null_mut(); count], vec![0.0; count]);
        Kept { tensors, scalars, ranges: vec![(0, 0); count] }
    }

    /// As [`CpuExecutable::resolve`] writes them down.
    pub fn all_mut(&mut self) -> (&mut [*mut u8], &mut [f64], &mut [(usize, usize)]) {
        (&mut self.tensors, &mut self.scalars, &mut self.ranges)
    }

    pub fn places(&self) -> Places<'_> {
        Places { tensors: &self.tensors, scalars: &self.scalars, ranges: &self.ranges }
    }
}

/// Products that run together, and the memory that they read and write.
struct Together {
    problems: Vec<Problem>,
    read: Vec<(usize, usize)>,
    written: Vec<(usize, usize)>,
}

impl Together {
    /// Takes another product, if it goes together with these and none touches what another writes.
    fn take(&mut self, more: Together) -> Result<(), Together> {
        let alike = |problem: &Problem| product::go_together([&self.problems[0], problem]);
        let apart = |written: &[(usize, usize)], others: &[(usize, usize)]| {
            written.iter().all(|a| others.iter().all(|b| a.1 <= b.0 || b.1 <= a.0))
        };
        let fits = more.problems.iter().all(alike)
            && apart(&self.written, &more.read)
            && apart(&more.written, &self.read)
            && apart(&self.written, &more.written);
        if !fits {
            return Err(more);
        }
        self.problems.extend(more.problems);
        self.read.extend(more.read);
        self.written.extend(more.written);
        Ok(())
    }
}

/// The executable of a step, which is this device's.
fn executable(step: &Step) -> Option<&CpuExecutable> {
    step.executable().as_any()?.downcast_ref()
}

impl Walk {
    /// Of these steps.
    pub fn new(steps: Vec<Step>) -> Walk {
        Walk { steps, turns: None }
    }

    /// The turns of the steps as they are.
    fn bound(steps: &[Step]) -> Result<Vec<Turn>, TargetError> {
        let mut turns: Vec<Turn> = Vec::with_capacity(steps.len());
        for (number, step) in steps.iter().enumerate() {
            let turn = Turn::of(number, step)?;
            let turn = match (turns.last_mut(), turn) {
                (Some(Turn::Products(_, before)), Turn::Products(number, more)) => {
                    match before.take(more) {
                        Ok(()) => continue,
                        Err(more) => Turn::Products(number, more),
                    }
                }
                (_, turn) => turn,
            };
            turns.push(turn);
        }
        Ok(turns)
    }

    /// How many steps begin a turn.
    #[cfg(test)]
    pub fn turns(&self) -> Option<usize> {
        self.turns.as_ref().map(Vec::len)
    }
}

impl Turn {
    fn of(number: usize, step: &Step) -> Result<Turn, TargetError> {
        let Some(own) = executable(step) else { return Ok(Turn::Launch(number)) };
        let (bindings, arguments) = (step.bindings(), step.arguments());
        if own.lies_amid_sixteens(bindings, &arguments) {
            return Ok(Turn::Launch(number));
        }
        let mut kept = Kept::new(own.program.params.len());
        let (careful, stream) = own.resolve(bindings, &arguments, kept.all_mut())?;
        if let Some(pair) = own.pair.as_ref().filter(|_| careful == 0) {
            // SAFETY: the arguments were resolved, and none shares memory with what is written.
            let bound = unsafe { pair.bind(own, bindings, &arguments, &kept.places()) }?;
            if let Some(bound) = bound {
                return Ok(Turn::Pair(number, Box::new(bound)));
            }
        }
        let fixed = own.product.filter(|product| product.indices.is_none());
        if careful == 0 && own.is_one() {
            let layouts = own.layouts(bindings, &arguments);
            let Some(product) = fixed else { return Ok(Turn::AsOne(number, kept, layouts)) };
            // SAFETY: the arguments were resolved, and none shares memory with what is written.
            if let Some(problem) = unsafe { own.problem(bindings, &kept.places(), &layouts) } {
                let mut read = kept.ranges;
                let written = vec![read.swap_remove(product.y.index())];
                return Ok(Turn::Products(
                    number,
                    Together { problems: vec![problem], read, written },
                ));
            }
        }
        let schedule = own.schedule(bindings, &arguments, careful, stream);
        Ok(Turn::Scheduled(number, kept, schedule))
    }

    /// # Safety
    /// As [`Recording::enqueue`], for the steps that it was made of.
    unsafe fn run(&self, steps: &[Step]) -> Result<(), TargetError> {
        let (Turn::Launch(number)
        | Turn::Scheduled(number, ..)
        | Turn::AsOne(number, ..)
        | Turn::Products(number, ..)
        | Turn::Pair(number, ..)) = *self;
        let step = &steps[number];
        // SAFETY: the caller's promise.
        let launch = || unsafe { step.launch() };
        let Some(own) = executable(step) else { return launch() };
        match self {
            Turn::Launch(_) => launch(),
            // SAFETY: the caller's promise; the schedule was made for these arguments.
            Turn::Scheduled(_, kept, schedule) => unsafe { own.run_by(schedule, &kept.places()) },
            Turn::AsOne(_, kept, layouts) => {
                // SAFETY: the caller's promise; none shares memory with what is written.
                let done = unsafe { own.run_as_one(step.bindings(), &kept.places(), layouts) };
                done.unwrap_or_else(launch)
            }
            Turn::Pair(_, bound) => match &own.pair {
                // SAFETY: as above.
                Some(pair) => unsafe { bound.run(pair) },
                None => launch(),
            },
            Turn::Products(_, Together { problems, .. }) => {
                let all: Vec<&Problem> = problems.iter().collect();
                let done = own.engine.with_resources(|with| match all[..] {
                    // SAFETY: as above.
                    [problem] => unsafe { product::run(problem, with) },
                    // SAFETY: as above, and none touches what another writes.
                    _ => unsafe { product::run_together(&all, with) },
                });
                done.map_err(|error| own.explain(error))
            }
        }
    }
}

impl Recording for Walk {
    fn change(&mut self, step: usize, change: &Change<'_>) -> Result<(), TargetError> {
        if let Some(step) = self.steps.get_mut(step) {
            step.change(change);
            self.turns = None;
        }
        Ok(())
    }

    unsafe fn enqueue(&mut self) -> Result<(), TargetError> {
        let turns = match self.turns.take() {
            Some(turns) => turns,
            None => Walk::bound(&self.steps)?,
        };
        let turns = self.turns.insert(turns);
        // SAFETY: the caller's promise.
        turns.iter().try_for_each(|turn| unsafe { turn.run(&self.steps) })
    }

    fn is_captured(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
