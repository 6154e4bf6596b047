//! Patching on the command line: the `--patch` option.

use crate::failure::Failure;
use clap::Arg;
use clap::builder::PossibleValuesParser;
use tilewright_nn::patch::{PatchResult, Patterns, SmartOptions, patch, smart_patch};
use tilewright_nn::{Logits, Model, Result};

/// Steps that a call under `smart` times.
const STEPS: usize = 8;

/// The option.
pub fn argument() -> Arg {
    Arg::new("patch")
        .long("patch")
        .value_name("WHICH")
        .value_parser(PossibleValuesParser::new(["none", "default", "all", "smart"]))
        .default_value("none")
        .help("Fused kernels: none, those for inference, all, or those that measure faster here")
}

/// Patches as the option says. `prompt` is what `smart` times with; `tell` gets its lines.
///
/// # Errors
/// When the device fails.
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
        _ => PatchResult::default(),
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
