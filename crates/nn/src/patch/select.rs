//! Which patterns to patch with: by name, by mode, all, or a list of one's own.

use super::{PATTERNS, Pattern};
use crate::{Error, Result};
use tilewright_tensor::nearest;

/// Lists of patterns by what a model is patched for.
pub static MODES: &[(&str, &[&str])] = &[
    (
        "inference",
        &[
            "swiglu_mlp",
            "geglu_mlp",
            "moe_mlp",
            "qkv_rope_cache",
            "short_conv",
            "attention",
            "residual_norm",
        ],
    ),
    ("training", &["swiglu_mlp", "geglu_mlp", "rmsnorm", "layernorm", "residual_norm"]),
];

/// Patterns in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Patterns(Vec<&'static Pattern>);

impl Patterns {
    /// No pattern.
    pub fn none() -> Patterns {
        Patterns(Vec::new())
    }

    /// Every pattern.
    pub fn all() -> Patterns {
        Patterns(PATTERNS.iter().collect())
    }

    /// Those for generating text.
    pub fn inference() -> Patterns {
        Patterns::named(MODES[0].1).unwrap_or_else(|_| Patterns::none())
    }

    /// Those of a mode.
    ///
    /// # Errors
    /// When there is no such mode.
    pub fn mode(name: &str) -> Result<Patterns> {
        match MODES.iter().find(|(mode, _)| *mode == name) {
            Some((_, patterns)) => Patterns::named(patterns),
            None => {
                let modes: Vec<&str> = MODES.iter().map(|(mode, _)| *mode).collect();
                let expected = modes.join(", ");
                Err(Error::usage(format!("Unknown mode '{name}'. Expected one of: {expected}"))
                    .help("a mode is a list of patterns; give the patterns themselves, or one of these"))
            }
        }
    }

    /// Those of these names, in this order, each once.
    ///
    /// # Errors
    /// When there is no pattern of a name.
    pub fn named<N: AsRef<str>>(names: &[N]) -> Result<Patterns> {
        let mut patterns: Vec<&'static Pattern> = Vec::new();
        for name in names {
            let pattern = known(name.as_ref())?;
            if patterns.iter().all(|listed| listed.name != pattern.name) {
                patterns.push(pattern);
            }
        }
        Ok(Patterns(patterns))
    }

    /// Patterns that need not be in [`PATTERNS`].
    pub fn of(patterns: &[&'static Pattern]) -> Patterns {
        Patterns(patterns.to_vec())
    }

    /// These without some.
    ///
    /// # Errors
    /// When there is no pattern of a name.
    pub fn without<N: AsRef<str>>(mut self, names: &[N]) -> Result<Patterns> {
        for name in names {
            if self.0.iter().all(|pattern| pattern.name != name.as_ref()) {
                known(name.as_ref())?;
            }
            self.0.retain(|pattern| pattern.name != name.as_ref());
        }
        Ok(self)
    }

    /// The patterns.
    pub fn iter(&self) -> impl Iterator<Item = &'static Pattern> {
        self.0.iter().copied()
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|pattern| pattern.name).collect()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn known(name: &str) -> Result<&'static Pattern> {
    PATTERNS.iter().find(|pattern| pattern.name == name).ok_or_else(|| {
        let names: Vec<String> = PATTERNS.iter().map(|p| format!("'{}'", p.name)).collect();
        let available = names.join(", ");
        let next = match nearest(name, PATTERNS.iter().map(|pattern| pattern.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "give it one of these names".into(),
        };
        Error::usage(format!("Unknown patch pattern: '{name}'. Available: [{available}]"))
            .help(next)
    })
}
