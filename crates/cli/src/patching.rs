//! Patching on the command line: the `--patch` option.

use crate::failure::Failure;
use clap::Arg;
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

/// Patches as the option says. `prompt` is what `smart` times with; `tell` gets its lines.
///
/// # Errors
/// When there is no pattern of a name, or the device fails.
pub fn apply(
    which: &str,
    model: &mut Model,
    prompt: &[u32],
    tell: impl FnMut(&str),
) -> std::result::Result<PatchResult, Failure> {
    Ok(match which {
        "default" => patch(model, &Patterns::inference()),
        "all" => patch(model, &Patterns::all()),
        "smart" => {
            let options = SmartOptions::default();
            smart_patch(model, &options, |model| sample(model, prompt), tell)?
        }
        "none" => PatchResult::default(),
        mode if MODES.iter().any(|(name, _)| *name == mode) => patch(model, &Patterns::mode(mode)?),
        names => patch(model, &Patterns::named(&names.split(',').collect::<Vec<_>>())?),
    })
}

/// What is timed: the prompt, and some steps after it.
fn sample(model: &Model, prompt: &[u32]) -> Result<()> {
    let room = model.shape().context.saturating_sub(STEPS);
    let prompt = &prompt[..prompt.len().min(64).min(room)];
    let mut cache = model.cache(1, prompt.len() + STEPS)?;
    model.prefill(&mut cache, 0, prompt, Logits::None)?;
    for step in 0..STEPS {
        let id = prompt.get(step).or(prompt.first()).copied();
        // The logits are read, as a sampler does, so that the device is done.
        model.decode(&mut cache, &[id])?.to_vec::<f32>()?;
    }
    Ok(())
}
