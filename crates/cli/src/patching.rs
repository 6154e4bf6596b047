//! Patching on the command line: the `--patch` option.

use crate::failure::Failure;
use clap::{Arg, ArgMatches};
use tilewright_engine::Sampling;
use tilewright_nn::patch::{MODES, PatchResult, Patterns, SmartOptions, patch, smart_patch};
use tilewright_nn::{Logits, Model, Result};

/// Steps that a call under `smart` times.
const STEPS: usize = 8;

/// The option.
pub fn argument() -> Arg {
    Arg::new("patch")
        .long("patch")
        .value_name("WHICH")
        .default_value("none")
        .help(
            "Fused kernels: none, default (those for inference), all, smart (those that measure faster here), the \
             name of a mode (inference, training), or patterns by name with commas between",
        )
}

/// What the option asks for.
pub enum Patching {
    /// Patterns that are known beforehand.
    Of(Patterns),
    /// Those that measure faster.
    Smart,
}

impl Patching {
    /// Reads the option, before anything that takes long.
    ///
    /// # Errors
    /// When there is no pattern of a name.
    pub fn asked(matches: &ArgMatches) -> std::result::Result<Patching, Failure> {
        let which = matches.get_one::<String>("patch").map_or("none", String::as_str);
        Ok(Patching::Of(match which {
            "smart" => return Ok(Patching::Smart),
            "none" => Patterns::none(),
            "default" => Patterns::inference(),
            "all" => Patterns::all(),
            mode if MODES.iter().any(|(name, _)| *name == mode) => Patterns::mode(mode)?,
            names => Patterns::named(&names.split(',').map(str::trim).collect::<Vec<_>>())?,
        }))
    }

    /// Patches the model. `prompt` is what is timed; `tell` gets a line for each step of that.
    ///
    /// # Errors
    /// When the device fails.
    pub fn apply(
        &self,
        model: &mut Model,
        prompt: &[u32],
        tell: impl FnMut(&str),
    ) -> std::result::Result<PatchResult, Failure> {
        Ok(match self {
            Patching::Of(patterns) => patch(model, patterns),
            Patching::Smart => {
                let options = SmartOptions::default();
                smart_patch(model, &options, |model| sample(model, prompt), tell)?
            }
        })
    }
}

/// What is timed and compared: the prompt, some steps after it, and the tokens that the model would say.
fn sample(model: &Model, prompt: &[u32]) -> Result<Vec<u32>> {
    let room = model.shape().context.saturating_sub(STEPS);
    let prompt = &prompt[..prompt.len().min(64).min(room)];
    let mut cache = model.cache(1, prompt.len() + STEPS)?;
    let says = |logits: Vec<f32>| Sampling::GREEDY.sample(logits, prompt);
    let logits = model.prefill(&mut cache, 0, prompt, Logits::Last)?;
    let mut tokens =
        logits.map(|logits| says(logits.to_vec()?)).transpose()?.into_iter().collect::<Vec<_>>();
    for step in 0..STEPS {
        let id = prompt.get(step).or(prompt.first()).copied();
        tokens.push(says(model.decode(&mut cache, &[id])?.to_vec()?)?);
    }
    Ok(tokens)
}
