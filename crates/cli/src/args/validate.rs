//! `tilewright validate`.

use super::models::{context, float, model};
use super::{device, json_flag, whole};
use clap::{Arg, ArgAction, Command};

/// The command.
pub fn command() -> Command {
    let count = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(whole::<usize>).help(help)
    };
    Command::new("validate")
        .about("Compares greedy tokens and speed of a model as it is and patched")
        .long_about(
            "Answers one prompt greedily with a model as it is and with fused kernels patched over its\n\
             modules, compares the tokens one by one, and prints the speeds of both. Exits with 1 when a\n\
             token differs.",
        )
        .arg(model())
        .arg(
            Arg::new("patterns")
                .long("patterns")
                .value_name("PATTERN")
                .num_args(1..)
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Patterns to patch with, `all`, or `none` [default: those for inference]"),
        )
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_name("MODE")
                .conflicts_with("patterns")
                .help("A list of patterns by what it is for: inference or training"),
        )
        .arg(count("max-tokens", "The most tokens to compare [default: 200]"))
        .arg(count("runs", "Timed runs of each [default: 3]"))
        .arg(
            Arg::new("prompt")
                .long("prompt")
                .value_name("TEXT")
                .allow_hyphen_values(true)
                .help("What to answer [default: a question about TCP and UDP]"),
        )
        .arg(context())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .arg(json_flag())
        .after_help(
            "Examples:\n  tilewright validate --model models/fairytale-moe-4bit --prompt 'Once upon a time'\n  \
             tilewright validate --model DIR --patterns moe_mlp residual_norm --runs 5",
        )
}
