//! `patch`: modules of a model replaced by ones that call fused kernels, on the same weights, and back again.
//!
//! A [`Pattern`] says which modules it is for and makes another way to call one: a [`Replacement`], which reads the
//! weights and the children of the module that it stands for. [`patch`] puts it over the module, [`unpatch`] takes it
//! off, so that nothing of the model is ever lost or copied, and what is under a patched module keeps its path and can
//! be patched too.

mod attention;
mod feed_forward;
mod norm;
mod packed;
mod patterns;
mod rope_cache;
mod select;
mod short_conv;
mod smart;

pub use attention::{AttentionReport, attention_reports, set_attention_thresholds};
pub use patterns::PATTERNS;
pub use select::{MODES, Patterns};
pub use smart::{SmartOptions, smart_patch};

use crate::{Kernels, Model, Module, Result, RmsNorm, Slot, Step, Tensor};
use std::any::Any;
use std::fmt;

/// Modules that can be called in another way, and that way.
pub struct Pattern {
    /// Its one name.
    pub name: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// True for modules that it is for.
    pub matches: fn(&dyn Module) -> bool,
    /// The other way to call one of them.
    pub replace: fn(&dyn Module, &Kernels) -> Result<Box<dyn Replacement>>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.name)
    }
}

/// Another way to call a module.
pub trait Replacement: Any + Send + Sync {
    /// What the patched module is, in one word.
    fn kind(&self) -> &'static str;

    /// What `original` would give, to the rounding of its kernels.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn forward(&self, original: &dyn Module, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor>;

    /// As [`Module::branch`], with the rounding of the kernels that it replaces.
    ///
    /// # Errors
    /// As [`Module::forward`].
    fn branch(
        &self,
        _original: &dyn Module,
        _norm: &RmsNorm,
        _x: &Tensor,
        _step: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// True when it adds what the step holds as pending to its input, as a block may.
    fn adds_pending(&self) -> bool {
        false
    }
}

/// A module and what stands over it.
struct Patched {
    original: Slot,
    pattern: &'static str,
    replacement: Box<dyn Replacement>,
}

impl Module for Patched {
    fn kind(&self) -> &'static str {
        self.replacement.kind()
    }

    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor> {
        self.replacement.forward(self.original.as_ref(), x, step)
    }

    fn branch(&self, norm: &RmsNorm, x: &Tensor, step: &mut Step<'_>) -> Result<Option<Tensor>> {
        self.replacement.branch(self.original.as_ref(), norm, x, step)
    }

    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        self.original.parameters()
    }

    fn children(&self) -> Vec<(&str, &Slot)> {
        self.original.children()
    }

    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        self.original.children_mut()
    }

    fn adds_pending(&self) -> bool {
        self.replacement.adds_pending()
    }
}

/// What a slot holds for [`patch`] to put something over, and for [`unpatch`] to take it off.
struct Vacant;

impl Module for Vacant {
    fn kind(&self) -> &'static str {
        "Vacant"
    }

    fn forward(&self, x: &Tensor, _: &mut Step<'_>) -> Result<Tensor> {
        Ok(x.clone())
    }
}

/// A module as one type, whether it is patched or not: `of_type::<RmsNorm>(module)`.
pub fn of_type<M: Module>(module: &dyn Module) -> Option<&M> {
    let any: &dyn Any = module;
    match any.downcast_ref::<Patched>() {
        Some(patched) => of_type(patched.original.as_ref()),
        None => any.downcast_ref(),
    }
}

fn patched(module: &dyn Module) -> Option<&Patched> {
    let any: &dyn Any = module;
    any.downcast_ref()
}

/// The pattern that a module is patched with.
pub fn pattern_of(module: &dyn Module) -> Option<&'static str> {
    patched(module).map(|patched| patched.pattern)
}

/// What [`patch`] did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchResult {
    /// Modules that are patched now and were not before.
    pub patched_count: usize,
    /// How many by each pattern, in the order of the patterns; those without a match are absent.
    pub pattern_counts: Vec<(&'static str, usize)>,
    /// Paths that a pattern matched but could not patch, and why.
    pub skipped: Vec<(String, String)>,
    /// How much faster the model is with each pattern, where that was measured: time before over time after.
    pub speeds: Vec<(&'static str, f64)>,
}

impl PatchResult {
    fn count(&mut self, pattern: &'static str) {
        self.patched_count += 1;
        match self.pattern_counts.iter_mut().find(|(name, _)| *name == pattern) {
            Some((_, count)) => *count += 1,
            None => self.pattern_counts.push((pattern, 1)),
        }
    }

    /// Modules that a pattern patched.
    pub fn count_of(&self, pattern: &str) -> usize {
        let found = self.pattern_counts.iter().find(|(name, _)| *name == pattern);
        found.map_or(0, |(_, count)| *count)
    }

    /// The result in lines for people.
    pub fn summary(&self) -> String {
        let mut text = format!("Patched {} modules:", self.patched_count);
        for (name, count) in &self.pattern_counts {
            text.push_str(&format!("\n  {name}: {count}"));
            if let Some((_, speed)) = self.speeds.iter().find(|(timed, _)| timed == name) {
                text.push_str(&format!(" ({speed:.3}x)"));
            }
        }
        if !self.skipped.is_empty() {
            text.push_str(&format!("\n  Skipped: {}", self.skipped.len()));
        }
        text
    }
}

/// Patches every module of `model` that one of `patterns` matches, with the first that does, descendants before their
/// parents. What is patched already stays as it is, so that patching again is safe.
pub fn patch(model: &mut Model, patterns: &Patterns) -> PatchResult {
    let kernels = model.kernels().clone();
    let mut result = PatchResult::default();
    put_over(model, "", patterns, &kernels, &mut result);
    let order = |name: &str| patterns.iter().position(|pattern| pattern.name == name);
    result.pattern_counts.sort_by_key(|(name, _)| order(name));
    result
}

fn put_over(
    module: &mut dyn Module,
    path: &str,
    patterns: &Patterns,
    kernels: &Kernels,
    result: &mut PatchResult,
) {
    for (name, slot) in module.children_mut() {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        put_over(slot.as_mut(), &path, patterns, kernels, result);
        if patched(slot.as_ref()).is_some() {
            continue;
        }
        let Some(pattern) = patterns.iter().find(|pattern| (pattern.matches)(slot.as_ref())) else {
            continue;
        };
        match (pattern.replace)(slot.as_ref(), kernels) {
            Ok(replacement) => {
                let original = std::mem::replace(slot, Box::new(Vacant));
                *slot = Box::new(Patched { original, pattern: pattern.name, replacement });
                result.count(pattern.name);
            }
            Err(error) => result.skipped.push((path, error.to_string())),
        }
    }
}

/// Takes every patch off; gives how many modules are again what they were.
pub fn unpatch(model: &mut Model) -> usize {
    take_off(model, &|_| true)
}

/// Takes the patches of one pattern off; gives how many modules are again what they were.
pub fn unpatch_pattern(model: &mut Model, pattern: &str) -> usize {
    take_off(model, &|name| name == pattern)
}

fn take_off(module: &mut dyn Module, which: &dyn Fn(&str) -> bool) -> usize {
    let mut restored = 0;
    for (_, slot) in module.children_mut() {
        restored += take_off(slot.as_mut(), which);
        let any: &mut dyn Any = slot.as_mut();
        let Some(patched) = any.downcast_mut::<Patched>() else { continue };
        if which(patched.pattern) {
            *slot = std::mem::replace(&mut patched.original, Box::new(Vacant));
            restored += 1;
        }
    }
    restored
}

/// How many modules are patched, by pattern.
pub fn patched_counts(model: &Model) -> Vec<(&'static str, usize)> {
    let mut result = PatchResult::default();
    for (_, module) in crate::named_modules(model) {
        if let Some(pattern) = pattern_of(module) {
            result.count(pattern);
        }
    }
    result.pattern_counts
}
