//! What every layer is, and paths to them.

use crate::{Error, Result, Step, Tensor};
use std::any::Any;

/// A layer: a function of a tensor, with parameters of its own and children under names.
///
/// Most take and give `[tokens, features]`. What depends on where the tokens stand (attention) finds it in the step.
pub trait Module: Any + Send + Sync {
    /// What it is, in one word: `RmsNorm`.
    fn kind(&self) -> &'static str;

    /// Calls it.
    ///
    /// # Errors
    /// When the tensor does not fit, or the device fails.
    fn forward(&self, x: &Tensor, step: &mut Step<'_>) -> Result<Tensor>;

    /// Its children, in the order in which they run. A name may be of several words, as `layers.0`.
    fn children(&self) -> Vec<(&str, &Slot)> {
        Vec::new()
    }

    /// Its children, to replace. The same as [`children`](Self::children).
    fn children_mut(&mut self) -> Vec<(&str, &mut Slot)> {
        Vec::new()
    }

    /// Its own weights under the names that they have in checkpoints, `weight` or `scales`; not those of its children.
    fn parameters(&self) -> Vec<(&'static str, &Tensor)> {
        Vec::new()
    }

    /// `x + self(norm x)`, a branch of a block, by fewer kernels than norm, module and sum take; `None` where it has none
    /// for this `x`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn branch(
        &self,
        _norm: &crate::RmsNorm,
        _x: &Tensor,
        _step: &mut Step<'_>,
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// True when it adds what the step holds as pending to its input by itself; for others the model does.
    fn adds_pending(&self) -> bool {
        false
    }
}

/// The place of a module in its parent.
pub type Slot = Box<dyn Module>;

/// Every module under `root` with its path, parents first.
pub fn named_modules(root: &dyn Module) -> Vec<(String, &dyn Module)> {
    let mut found = Vec::new();
    walk(root, "", &mut found);
    found
}

fn walk<'a>(module: &'a dyn Module, path: &str, found: &mut Vec<(String, &'a dyn Module)>) {
    for (name, child) in module.children() {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        found.push((path.clone(), child.as_ref()));
        walk(child.as_ref(), &path, found);
    }
}

/// Every weight under `root` with its path, as `model.norm.weight`, in the order of the modules.
pub fn named_parameters(root: &dyn Module) -> Vec<(String, &Tensor)> {
    let mut found = Vec::new();
    for (path, module) in named_modules(root) {
        let own = module.parameters().into_iter();
        found.extend(own.map(|(name, tensor)| (format!("{path}.{name}"), tensor)));
    }
    found
}

/// Puts `module` where `path` leads, and gives back what was there.
///
/// # Errors
/// When no module has that path.
pub fn replace(root: &mut dyn Module, path: &str, module: Slot) -> Result<Slot> {
    match find(root, path) {
        Some(slot) => Ok(std::mem::replace(slot, module)),
        None => {
            let error = Error::usage(format!("there is no module `{path}`"));
            Err(error.help("`named_modules` lists the paths"))
        }
    }
}

/// The slot at `path` under `root`, to replace what is in it.
pub fn find<'a>(root: &'a mut dyn Module, path: &str) -> Option<&'a mut Slot> {
    for (name, child) in root.children_mut() {
        match path.strip_prefix(name) {
            Some("") => return Some(child),
            // `layers.1` is no parent of `layers.10`.
            Some(rest) if rest.starts_with('.') => return find(child.as_mut(), &rest[1..]),
            _ => {}
        }
    }
    None
}
