//! Programs that this target has text of its own for, as a whole. The tile program is the specification: what says the same
//! runs by the text, whatever its name, and by the generic lowering where the text cannot take its tensors.

use crate::attention::Attention;
use crate::driver::{Function, Shape};
use crate::grouped::Grouped;
use crate::launch::{CudaExecutable, Placed};
use crate::prepared::{Prepared, Run, Words};
use crate::unpacked::Unpacked;
use std::sync::{Arc, OnceLock};
use tilewright_ir::{Bindings, Program};
use tilewright_target::{Argument, TargetError, c};

/// CUDA C of this target's own, compiled when it is first asked for.
pub(crate) struct OwnText {
    /// All of it.
    pub source: String,
    /// The architecture to compile it for.
    pub architecture: String,
    /// Bytes of shared memory of a group.
    pub shared: usize,
    name: &'static str,
    function: OnceLock<Option<Arc<Function>>>,
}

impl OwnText {
    /// The text of the kernel `name`.
    pub fn new(name: &'static str, source: String, architecture: String, shared: usize) -> OwnText {
        OwnText { source, architecture, shared, name, function: OnceLock::new() }
    }
}

/// A text that a program may run by.
pub(crate) enum Specified {
    Grouped(Grouped),
    Unpacked(Unpacked),
    Attention(Attention),
}

/// A launch of a text: how many groups of how many threads, and what the kernel takes, a word or more each.
pub(crate) struct Work {
    /// Which of the texts.
    pub text: usize,
    pub grid: (u32, u32),
    pub threads: u32,
    pub arguments: Words,
}

/// What a text makes of a call.
pub(crate) enum Taken<T> {
    /// Nothing: the tensors lie as it cannot take them.
    No,
    /// There is nothing to compute.
    Nothing,
    /// This.
    Work(T),
}

impl Specified {
    /// That of `program`, which is optimized, if there is one; `architecture` as the compiler names it.
    pub fn of(program: &Program, architecture: &str) -> Option<Specified> {
        let grouped = || Grouped::of(program, architecture).map(Specified::Grouped);
        let unpacked = || Unpacked::of(program, architecture).map(Specified::Unpacked);
        let attention = || Attention::of(program, architecture).map(Specified::Attention);
        grouped().or_else(unpacked).or_else(attention)
    }

    /// Its texts, of which a call runs one.
    pub fn texts(&self) -> &[OwnText] {
        match self {
            Specified::Grouped(grouped) => std::slice::from_ref(&grouped.text),
            Specified::Unpacked(unpacked) => std::slice::from_ref(&unpacked.text),
            Specified::Attention(attention) => &attention.texts,
        }
    }

    /// What it makes of a call whose tensors lie so, on a GPU that runs `places` groups at a time; scalars have no place.
    fn take(
        &self,
        tensors: &[Option<Placed>],
        bindings: &Bindings,
        arguments: &[Argument<'_>],
        places: usize,
    ) -> Taken<Work> {
        let taken = match self {
            Specified::Grouped(grouped) => grouped.take(tensors, bindings),
            Specified::Unpacked(unpacked) => unpacked.take(tensors, bindings),
            Specified::Attention(attention) => attention.take(tensors, bindings, arguments, places),
        };
        taken.unwrap_or(Taken::No)
    }
}

impl CudaExecutable {
    /// The launch by a text of this target's own, if the program has one that takes these tensors.
    pub fn specified(
        &self,
        bindings: &Bindings,
        arguments: &[Argument<'_>],
    ) -> Result<Taken<Prepared>, TargetError> {
        let Some(specified) = &self.specified else { return Ok(Taken::No) };
        let mut tensors = Vec::with_capacity(arguments.len());
        for (number, argument) in arguments.iter().enumerate() {
            let Argument::Tensor(region) = argument else {
                tensors.push(None);
                continue;
            };
            let is_input = !c::is_written(&self.program.params[number].kind);
            let overwritten = is_input && self.is_overwritten(region, arguments);
            let tensor = self.place(number, region, bindings, overwritten)?;
            if tensor.stand_in.is_some() {
                return Ok(Taken::No);
            }
            tensors.push(Some(tensor));
        }
        let work = match specified.take(&tensors, bindings, arguments, self.gpu.places) {
            Taken::No => return Ok(Taken::No),
            Taken::Nothing => return Ok(Taken::Nothing),
            Taken::Work(work) => work,
        };
        let text = &specified.texts()[work.text];
        let function = text.function.get_or_init(|| {
            let function = self.gpu.source_for(&text.source, text.name, &text.architecture).ok()?;
            function.allow_shared(text.shared).ok()?;
            Some(function)
        });
        let Some(function) = function else { return Ok(Taken::No) };
        let (grid, threads) = ((work.grid.0, work.grid.1, 1), (work.threads, 1, 1));
        let shape = Shape { grid, threads, shared: text.shared };
        // `place` checked that each tensor lies in its buffer; the texts get sizes and strides that are those of the tensors.
        let run = Run::Own(function.clone());
        Ok(Taken::Work(Prepared { run, shape, arguments: work.arguments }))
    }
}
