//! The command line: what may be asked for, and the first check of it.

mod models;
mod validate;

use crate::failure::Failure;
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use std::path::PathBuf;
use std::str::FromStr;
use tilewright_runtime::targets::{Role, TARGETS};

/// The commands and their options.
pub fn command() -> Command {
    Command::new("tilewright")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Kernels from one recording: run, differentiate, test and time them.")
        .after_help(
            "Start with `tilewright tour`.\n\
             Errors go to stderr; exit status 1 is a failure, 2 wrong use.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(tour())
        .subcommand(devices())
        .subcommand(kernels())
        .subcommand(emit())
        .subcommand(eval())
        .subcommand(run())
        .subcommand(test())
        .subcommand(bench())
        .subcommand(tune())
        .subcommands(models::commands())
        .subcommand(validate::command())
        .mut_subcommands(|command| command.mut_args(negative))
}

/// A negative number is the value of an option, whose range says what is wrong with it, and not an option itself.
fn negative(arg: Arg) -> Arg {
    let takes_values = arg.get_action().takes_values();
    arg.allow_negative_numbers(takes_values)
}

fn tour() -> Command {
    Command::new("tour")
        .about("Records, runs, differentiates, checks and times a few kernels on this machine")
        .long_about(
            "Records mish from its formula, shows its IR, runs it and its gradient on a real array\n\
             and checks both against an f64 reference and finite differences; then softmax,\n\
             rmsnorm_residual and MoE gating the same way, with a table of times. Ends with a story\n\
             by a small model, as it is and patched. Takes less than a minute on two cores.",
        )
}

fn devices() -> Command {
    Command::new("devices")
        .about("Lists what can run kernels here")
        .arg(json_flag())
        .after_help("Example: tilewright devices")
}

fn kernels() -> Command {
    Command::new("kernels")
        .about("Lists the catalog, or describes one kernel")
        .arg(Arg::new("name").value_name("NAME").help("The kernel to describe"))
        .arg(json_flag())
        .after_help("Examples:\n  tilewright kernels\n  tilewright kernels rmsnorm --json")
}

fn emit() -> Command {
    Command::new("emit")
        .about("Prints the code of a kernel or formula")
        .arg(Arg::new("name").value_name("NAME").help("A kernel of the catalog"))
        .arg(expr().conflicts_with("name"))
        .arg(
            Arg::new("target")
                .long("target")
                .value_name("TARGET")
                .value_parser(["ir", "cuda", "metal"])
                .default_value("ir")
                .help("The language to print"),
        )
        .arg(dtype())
        .arg(shape("The shape of an input, checked against the kernel: x=8x1024"))
        .arg(set())
        .arg(grad("Prints the gradient programs too"))
        .arg(Arg::new("mlx").long("mlx").action(ArgAction::SetTrue).help(
            "Prints Python for MLX: the body, header and call that mx.fast.metal_kernel \
             (--target cuda: mx.fast.cuda_kernel) takes",
        ))
        .after_help(
            "Examples:\n  tilewright emit softmax --target ir --dtype f16 --shape x=8x1024\n  \
             tilewright emit --expr 'x * tanh(log(1 + exp(x)))' --grad\n  \
             tilewright emit rmsnorm --target metal --mlx --dtype bf16 --shape x=64x4096",
        )
}

fn eval() -> Command {
    Command::new("eval")
        .about("Evaluates a formula on tensors of a file")
        .arg(expr().required(true))
        .arg(input("tensors named as the formula's inputs"))
        .arg(output("gets the result as the tensor `out`"))
        .arg(set())
        .arg(grad(
            "Differentiates too: the input file may hold `d_out`\n\
             (ones if absent), the output file gains `d_<input>`",
        ))
        .arg(device("Where to run [default: cpu]"))
        .after_help(
            "Names of the formula that the input file holds are tensors; the others need --set.\n\n\
             Example:\n  tilewright eval --expr 'x * sigmoid(a*x)' --set a=1.702 --grad \\\n    \
             --in in.safetensors --out out.safetensors",
        )
}

fn run() -> Command {
    Command::new("run")
        .about("Runs a kernel of the catalog on tensors of a file")
        .arg(Arg::new("name").value_name("NAME").required(true).help("The kernel"))
        .arg(input("tensors named as the kernel's inputs"))
        .arg(output("gets the kernel's outputs under their names"))
        .arg(set())
        .arg(grad(
            "Differentiates too: the input file may hold `d_<output>`\n\
             (ones if absent), the output file gains `d_<input>`",
        ))
        .arg(device("Where to run [default: cpu]"))
        .after_help(
            "`tilewright kernels NAME` tells names, dtypes and shapes. T is the dtype of the input tensors.\n\
             A scalar comes from --set, from a tensor of one element in the file, or is its default.\n\n\
             Example:\n  tilewright run rmsnorm --in in.safetensors --out out.safetensors --set eps=1e-5",
        )
}

fn test() -> Command {
    Command::new("test")
        .about(
            "Checks kernels against their f64 reference, and gradients against finite differences",
        )
        .arg(names())
        .arg(device("Where to run [default: all]"))
        .arg(Arg::new("full").long("full").action(ArgAction::SetTrue).help(
            "Every case on every device, and on the interpreter those of up to 4 million elements: \
                 takes some gigabytes",
        ))
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("ELEMENTS")
                .value_parser(whole::<usize>)
                .conflicts_with("full")
                .help("Only cases whose largest tensor has at most this many elements"),
        )
        .arg(
            Arg::new("random")
                .long("random")
                .value_name("PROGRAMS")
                .value_parser(some)
                .conflicts_with_all(["names", "full", "limit"])
                .help("Runs that many random programs instead, against the interpreter"),
        )
        .arg(
            Arg::new("mutants")
                .long("mutants")
                .value_name("MUTANTS")
                .value_parser(some)
                .conflicts_with_all(["names", "full", "limit"])
                .help("Runs that many mutants of the kernels instead, against the interpreter"),
        )
        .group(ArgGroup::new("drawn").args(["random", "mutants"]))
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("SEED")
                .value_parser(whole::<u64>)
                .default_value("0")
                .help("The first random program or mutant; the next ones follow it")
                .requires("drawn"),
        )
        .arg(report("report", "Writes every check as JSON"))
        .after_help(
            "Examples:\n  tilewright test\n  tilewright test softmax rmsnorm --report out.json\n  \
             tilewright test --random 2000 --device cuda\n  \
             tilewright test --mutants 2000 --device emulator",
        )
}

fn bench() -> Command {
    Command::new("bench")
        .about("Times kernels: ms, GB/s, share of the measured copy bandwidth")
        .arg(names())
        .args(timed_expr())
        .arg(
            Arg::new("fresh")
                .long("fresh")
                .action(ArgAction::SetTrue)
                .help("Gives each call outputs of its own")
                .long_help(
                    "Gives each call outputs of its own, as a call without preallocated outputs does: the last\n\
                     call's are dropped first, and the device may use their memory again, which is its default.",
                ),
        )
        .arg(
            Arg::new("recorded")
                .long("recorded")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["fresh", "expr"])
                .help("Times calls that were recorded and run one behind the other, as a model's step does")
                .long_help(
                    "Times calls that were recorded and run one behind the other, as a model's step does: a captured\n\
                     graph on a GPU, in which a kernel begins while the one before ends. Each has tensors of its own, so\n\
                     many that none are found in a cache.",
                ),
        )
        .arg(
            Arg::new("compile")
                .long("compile")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["fresh", "recorded", "expr"])
                .help("Times what comes before the second call: recording, compiling, and a first small call"),
        )
        .arg(
            Arg::new("launch")
                .long("launch")
                .action(ArgAction::SetTrue)
                .conflicts_with_all([
                    "names", "expr", "fresh", "recorded", "compile", "set", "dtype", "grad",
                ])
                .help("Times what it costs to start a kernel that has next to nothing to do"),
        )
        .arg(set())
        .arg(dtype())
        .arg(grad("Times the gradient instead").conflicts_with("compile"))
        .arg(device("Where to run [default: cpu]"))
        .arg(report("json", "Writes every timing as JSON"))
        .after_help(
            "Examples:\n  tilewright bench softmax swiglu\n  tilewright bench softmax --set rows=65536 --set cols=2048 --dtype bf16\n  \
             tilewright bench --expr 'x * sigmoid(a*x)' --set a=1.702 --shape x=8192x4096\n  \
             tilewright bench --fresh --json out.json\n  \
             tilewright bench quantized_matvec --recorded --device cuda\n  tilewright bench --compile\n  \
             tilewright bench --launch --device cuda",
        )
}

fn tune() -> Command {
    Command::new("tune")
        .about("Finds the fastest schedule of each kernel by measuring, and keeps it for this device")
        .arg(names())
        .args(timed_expr())
        .arg(set())
        .arg(dtype())
        .arg(grad("Tunes the gradient's programs instead"))
        .arg(device("Where to run [default: cpu]"))
        .arg(report("out", "Writes the rows that were found, as the file of shipped rows has them"))
        .after_help(
            "Tries a kernel's schedules in turns, on inputs that no cache holds, and keeps another than the default\n\
             only where it wins by more than 2 % and by more than the spread of either. A schedule whose results differ\n\
             from the default's by more than another order of sums explains is dropped and listed. Later runs use\n\
             what was kept as long as the kernel's source is the same.\n\n\
             Examples:\n  tilewright tune softmax --device cuda --set rows=65536 --set cols=2048\n  \
             tilewright tune --expr 'x * sigmoid(a*x)' --set a=1.702 --shape x=8192x4096 --device cuda",
        )
}

fn names() -> Arg {
    Arg::new("names")
        .value_name("NAME")
        .action(ArgAction::Append)
        .help("Kernels; all of the catalog if none is named")
}

fn dtype() -> Arg {
    Arg::new("dtype")
        .long("dtype")
        .value_name("DTYPE")
        .help("The element type that the type variable T stands for [default: the kernel's first]")
}

fn expr() -> Arg {
    Arg::new("expr")
        .long("expr")
        .value_name("FORMULA")
        .allow_hyphen_values(true)
        .help("A formula, such as 'x * sigmoid(a*x)'")
}

fn shape(help: &'static str) -> Arg {
    Arg::new("shape")
        .long("shape")
        .value_name("NAME=AxB")
        .action(ArgAction::Append)
        .value_parser(parse_shape)
        .help(help)
}

/// A formula to be timed, and the shapes of its inputs.
fn timed_expr() -> [Arg; 2] {
    let shape = shape(
        "The shape of an input of the formula, x=8x1024; others have the longest that is given",
    );
    [
        expr().conflicts_with("names").requires("shape"),
        shape.conflicts_with("names").requires("expr"),
    ]
}

fn input(holds: &'static str) -> Arg {
    file("in", format!("Safetensors file: {holds}")).required(true)
}

fn output(gets: &'static str) -> Arg {
    file("out", format!("Safetensors file: {gets}")).required(true)
}

fn report(name: &'static str, help: &'static str) -> Arg {
    file(name, help.to_string())
}

fn file(name: &'static str, help: String) -> Arg {
    Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
}

fn set() -> Arg {
    Arg::new("set")
        .long("set")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .value_parser(parse_setting)
        .help("Gives a scalar, constant or size its value: eps=1e-5")
}

fn grad(help: &'static str) -> Arg {
    Arg::new("grad").long("grad").action(ArgAction::SetTrue).help(help)
}

fn device(help: &'static str) -> Arg {
    let present = TARGETS.iter().filter(|t| t.role != Role::Idles).map(|t| t.name);
    let devices: Vec<&str> = present.collect();
    Arg::new("device")
        .long("device")
        .value_name("DEVICE")
        .value_parser(PossibleValuesParser::new(devices))
        .help(help)
}

fn json_flag() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Prints JSON, for machines")
}

/// A whole number from 0 on.
fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| "it is a whole number from 0 on".into())
}

/// A whole number from 1 on.
fn some(text: &str) -> Result<u64, String> {
    let number = text.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "it is a whole number from 1 on".into())
}

/// Any number; whoever uses it knows its range.
fn real(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "it is a number, as in 0.8".into())
}

/// A `--set name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What is set.
    pub name: String,
    /// To what.
    pub value: f64,
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as in eps=1e-5")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err("expected NAME=VALUE, as in eps=1e-5".into());
    }
    let value = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok(Setting { name: name.into(), value })
}

/// A `--shape name=8x1024`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeOf {
    /// The tensor.
    pub name: String,
    /// Its axes.
    pub shape: Vec<usize>,
}

fn parse_shape(text: &str) -> Result<ShapeOf, String> {
    let (name, axes) = text.split_once('=').ok_or("expected NAME=AxB, as in x=8x1024")?;
    let axis = |axis: &str| {
        axis.trim().parse::<usize>().map_err(|_| format!("`{axis}` is not the size of an axis"))
    };
    let shape = axes.split('x').map(axis).collect::<Result<Vec<usize>, String>>()?;
    Ok(ShapeOf { name: name.trim().into(), shape })
}

/// Parses this process' arguments. Asking for help or the version ends the process.
///
/// # Errors
/// Wrong use, in two lines.
pub fn parse() -> Result<ArgMatches, Failure> {
    let error = match command().try_get_matches() {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => Err(in_two_lines(&error)),
    }
}

/// Clap's findings in this program's form.
fn in_two_lines(error: &clap::Error) -> Failure {
    let rendered = error.to_string();
    // The first paragraph says what is wrong, sometimes as a list on lines of its own.
    let first = rendered.split("\n\n").next().unwrap_or_default();
    let what = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let suggestion =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
            .into_iter()
            .find_map(|kind| match error.get(kind)? {
                ContextValue::String(name) => Some(name.clone()),
                // The most similar one is the last.
                ContextValue::Strings(names) => names.last().cloned(),
                _ => None,
            });
    let help = format!("`{} --help`", command_named());
    let next = match suggestion {
        Some(name) => format!("did you mean `{name}`? {help} lists what there is"),
        None => format!("see {help}"),
    };
    Failure::usage(what, next)
}

/// `tilewright run` when that command was asked for.
fn command_named() -> String {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let known = command().find_subcommand(&asked).is_some();
    if known { format!("tilewright {asked}") } else { "tilewright".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn settings_and_shapes() {
        assert_eq!(parse_setting("eps=1e-5"), Ok(Setting { name: "eps".into(), value: 1e-5 }));
        assert!(parse_setting("eps").unwrap_err().contains("NAME=VALUE"));
        assert!(parse_setting("eps=small").unwrap_err().contains("`small`"));
        assert_eq!(parse_shape("x=8x1024").unwrap().shape, [8, 1024]);
        assert!(parse_shape("x=8xa").unwrap_err().contains("`a`"));
    }
}
