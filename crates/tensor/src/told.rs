//! Constants of a callable that the shapes of a call tell.

use crate::call::Slot;
use crate::inline::Inline;
use crate::interface::Interface;
use crate::{Error, Result, Tensor};
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_lang::{Signature, Specialization};

/// A recording may be as long as its constants are great.
const GREATEST: usize = 1 << 16;

/// Shapes that are remembered: a call of one of them computes and allocates nothing.
const REMEMBERED: usize = 32;

/// Names and values.
pub(crate) type Constants = Arc<[(String, usize)]>;

/// Constants that nobody chose: a call's shapes tell them where they can, and else they are as recorded first.
#[derive(Clone)]
pub(crate) struct Told {
    signature: Signature,
    constants: Vec<String>,
}

impl Told {
    /// What shapes tell of `constants`; `None` when no axis of an input says anything of one.
    pub fn new(signature: &Signature, constants: Vec<String>) -> Option<Told> {
        let names: Vec<&str> = constants.iter().map(String::as_str).collect();
        let telling = !signature.telling_axes(&names).is_empty();
        telling.then(|| Told { signature: signature.clone(), constants })
    }

    fn names(&self) -> Vec<&str> {
        self.constants.iter().map(String::as_str).collect()
    }

    /// The constants of a call of these shapes that differ from `base`.
    fn constants<'a>(
        &self,
        base: &Specialization,
        shape_of: impl Fn(&str) -> Option<&'a [usize]>,
    ) -> Vec<(String, usize)> {
        let open = self.names();
        let chosen = base.constants().iter().map(|(name, value)| (name.as_str(), *value));
        let chosen: Vec<_> = chosen.filter(|(name, _)| !open.contains(name)).collect();
        let mut constants = self.signature.told_constants(&open, &chosen, shape_of);
        constants.retain(|(name, value)| base.constant(name) != Some(*value));
        constants
    }
}

/// What the shapes of earlier calls told.
#[derive(Default)]
pub(crate) struct Memory {
    /// The slot of each axis that tells something, and where in its shape it is from the last.
    axes: Vec<(usize, usize)>,
    known: Mutex<Vec<(Vec<usize>, Constants)>>,
}

impl Memory {
    pub fn new(told: &Told, interface: &Interface) -> Memory {
        let slot = |name: &str| interface.slots.iter().position(|info| info.param.name == name);
        let names = told.names();
        let axes = told.signature.telling_axes(&names);
        let axes = axes.iter().filter_map(|axis| Some((slot(axis.param)?, axis.from_last)));
        Memory { axes: axes.collect(), known: Mutex::default() }
    }

    /// The constants that the shapes of a call tell otherwise than they were recorded first.
    pub fn constants(
        &self,
        told: &Told,
        base: &Specialization,
        interface: &Interface,
        slots: &[Slot<'_>],
    ) -> Result<Constants> {
        let mut next = self.axes.iter();
        // No axis is that long.
        let extents = Inline::new(self.axes.len(), || {
            let axis = next.next().and_then(|&(slot, from_last)| {
                let shape = slots[slot].tensor()?.shape();
                shape.iter().rev().nth(from_last).copied()
            });
            axis.unwrap_or(usize::MAX)
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, constants)) = known.iter().find(|(of, _)| **of == *extents) {
            return Ok(constants.clone());
        }
        let constants = told.constants(base, |name| {
            let slot = interface.slots.iter().position(|info| info.param.name == name)?;
            slots[slot].tensor().map(Tensor::shape)
        });
        if let Some((name, value)) = constants.iter().find(|(_, value)| *value > GREATEST) {
            let kernel = &interface.name;
            let what = format!(
                "{kernel}: the constant `{name}` would be {value}; a kernel is recorded for at most {GREATEST}"
            );
            return Err(Error::usage(what).help("check the shapes of the inputs"));
        }
        let constants: Constants = constants.into();
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((extents.to_vec(), constants.clone()));
        Ok(constants)
    }
}
