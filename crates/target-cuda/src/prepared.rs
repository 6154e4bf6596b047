//! A launch in the driver's terms: which kernel, how many threads, and the words of its arguments.

use crate::device::{CudaBuffer, own_buffer};
use crate::driver::{Function, Shape};
use crate::routine::Early;
use crate::variant::Variant;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use tilewright_ir::Program;
use tilewright_target::{Argument, c};

/// Arguments whose pointers are kept on the stack; kernels with more of them allocate.
const INLINE: usize = 24;

/// The most groups of a launch that has few.
const SMALL: usize = 512;

/// What a launch runs.
pub(crate) enum Run {
    /// A variant of the program.
    Lowered {
        variant: Arc<Variant>,
        /// The groups that share work are a cluster.
        in_cluster: bool,
        /// Memory that stands in for arguments, by their numbers, kept until the launch is under way.
        stand_ins: Vec<(usize, CudaBuffer)>,
    },
    /// A text of this target's own.
    Own(Arc<Function>),
}

/// A launch.
pub(crate) struct Prepared {
    pub run: Run,
    pub shape: Shape,
    pub arguments: Words,
}

/// The arguments of a launch, each of some words: an address, a struct, or a number at the front of its word, as the
/// machine counts bytes from the lowest.
#[derive(Default)]
pub(crate) struct Words {
    words: Vec<u64>,
    /// Where each argument begins.
    starts: Vec<u32>,
}

impl Words {
    /// With room for so many arguments, and for a struct among them.
    pub fn with_room(arguments: usize) -> Words {
        Words { words: Vec::with_capacity(arguments + 16), starts: Vec::with_capacity(arguments) }
    }

    /// Adds an argument.
    pub fn push(&mut self, words: impl IntoIterator<Item = u64>) {
        self.starts.push(self.words.len() as u32);
        self.words.extend(words);
    }
}

impl Prepared {
    /// Calls `launch` with the kernel, its grid, threads, shared memory and a pointer to each argument: device addresses
    /// checked to cover their tensors, structs and numbers as the kernel declares them.
    pub fn with<R>(&mut self, launch: impl FnOnce(&Function, Shape, &mut [*mut c_void]) -> R) -> R {
        let Words { words, starts } = &mut self.arguments;
        let words = words.as_mut_ptr();
        let (mut few, mut many) = ([null_mut(); INLINE], Vec::new());
        let pointers: &mut [*mut c_void] = match few.get_mut(..starts.len()) {
            Some(few) => few,
            None => {
                many.resize(starts.len(), null_mut());
                &mut many
            }
        };
        for (pointer, start) in pointers.iter_mut().zip(starts) {
            *pointer = words.wrapping_add(*start as usize).cast();
        }
        let function = match &self.run {
            Run::Lowered { variant, in_cluster, .. } => {
                let clustered = variant.clustered.as_ref().filter(|_| *in_cluster);
                clustered.unwrap_or(&variant.function)
            }
            Run::Own(function) => function,
        };
        launch(function, self.shape, pointers)
    }

    /// True when its groups stay on their multiprocessors, with nearly all shared memory of each.
    pub fn stays(&self) -> bool {
        match &self.run {
            Run::Lowered { variant, .. } => variant.outline.stays,
            Run::Own(_) => false,
        }
    }

    /// True when it has few groups.
    pub fn is_small(&self) -> bool {
        let (x, y, z) = self.shape.grid;
        x as usize * y as usize * z as usize <= SMALL
    }

    /// True when every tensor is taken as it lies, so that the launch may be repeated as it is.
    pub fn repeats(&self) -> bool {
        match &self.run {
            Run::Lowered { stand_ins, .. } => stand_ins.is_empty(),
            Run::Own(_) => true,
        }
    }

    /// What it reads before it waits by itself for the launch ahead in a graph, if it does wait so. Texts of our own do not.
    pub fn early(&self) -> Option<&Early> {
        match &self.run {
            Run::Lowered { variant, .. } => variant.outline.early.as_ref(),
            Run::Own(_) => None,
        }
    }

    /// True when it may start while the launch ahead of it in a graph still runs, if that launch and those before it in the
    /// graph write what `is_written` tells, and the one ahead what `is_made` tells. Each lets the next one start once it
    /// has waited in its turn: when this one starts, all but the one ahead have ended.
    pub fn starts_early(
        &self,
        memory: &Memory,
        is_written: impl Fn(u64) -> bool,
        is_made: impl Fn(u64) -> bool,
    ) -> bool {
        let of = |tensor: &usize| memory.of.get(*tensor).copied().flatten();
        self.early().is_some_and(|early| {
            early.settled.iter().all(|tensor| of(tensor).is_some_and(|buffer| !is_written(buffer)))
                && early
                    .older
                    .iter()
                    .all(|tensor| of(tensor).is_some_and(|buffer| !is_made(buffer)))
        })
    }
}

/// Which memory a launch uses, by the addresses of whole buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// That of each argument, where it is the GPU's.
    of: Vec<Option<u64>>,
    /// What it writes.
    pub written: Vec<u64>,
}

impl Memory {
    /// That of a launch of `program`.
    pub fn of(program: &Program, arguments: &[Argument<'_>]) -> Memory {
        let mut memory = Memory::default();
        for (param, argument) in program.params.iter().zip(arguments) {
            let address = match argument {
                Argument::Tensor(region) => own_buffer(region).map(|buffer| buffer.address),
                Argument::Scalar(_) => None,
            };
            memory.of.push(address);
            if c::is_written(&param.kind) {
                memory.written.extend(address);
            }
        }
        memory
    }
}
