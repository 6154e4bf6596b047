//! The commands that run models.

use super::{device, json_flag, output, real, report, whole};
use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use std::path::PathBuf;

/// Every one of them.
pub(super) fn commands() -> [Command; 7] {
    [generate(), chat(), logits(), perplexity(), bench_model(), inspect(), convert()]
}

fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("X").value_parser(real).help(help)
}

fn count(name: &'static str, help: impl Into<clap::builder::StyledStr>) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(whole::<usize>).help(help)
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// How much is said, and how its tokens are chosen.
fn sampling(most: &str) -> [Arg; 8] {
    [
        count("max-tokens", format!("The most tokens to give [default: {most}]")),
        number("temp", "Temperature; 0 takes the most probable token [default: 0]"),
        count("top-k", "Draws from this many of the most probable tokens; 0 from all"),
        number("top-p", "Draws from the most probable tokens with this share together"),
        number(
            "min-p",
            "Draws from tokens at least this share as probable as the first; 0 from all",
        ),
        number("repetition-penalty", "Divides the logits of tokens that occurred"),
        Arg::new("seed")
            .long("seed")
            .value_name("N")
            .value_parser(whole::<u64>)
            .help("What the draws depend on [default: 0]"),
        Arg::new("stop")
            .long("stop")
            .value_name("TEXT")
            .action(ArgAction::Append)
            .allow_hyphen_values(true)
            .help("Ends the answer before this text"),
    ]
}

fn system() -> Arg {
    Arg::new("system")
        .long("system")
        .value_name("TEXT")
        .help("A system message before the prompt, for chat templates")
}

fn generate() -> Command {
    Command::new("generate")
        .about("Continues a text with a model, or answers it where the model has a chat template")
        .arg(model())
        .arg(
            Arg::new("prompt")
                .long("prompt")
                .value_name("TEXT")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help("What to continue; several are run as one batch [default: what stdin holds]"),
        )
        .arg(
            Arg::new("prompt-file")
                .long("prompt-file")
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("The same from a file, or from stdin for -, after those of --prompt"),
        )
        .arg(system())
        .arg(flag("raw", "Continues the plain text, without the chat template"))
        .args(sampling("128"))
        .arg(flag("ignore-eos", "Goes on past the tokens that end an answer"))
        .arg(crate::patching::argument())
        .arg(context())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .arg(flag("stats", "Prints counts and speeds to stderr"))
        .arg(json_flag())
        .after_help(
            "Examples:\n  tilewright generate --model models/fairytale-moe-4bit --prompt 'Once upon a time' \\\n    \
             --max-tokens 200 --temp 0.8 --top-p 0.95 --seed 7\n  \
             tilewright generate --model DIR --system 'Answer in one line.' < question.txt",
        )
}

fn logits() -> Command {
    Command::new("logits")
        .about("Writes what a model gives after each of some tokens")
        .arg(model())
        .arg(
            Arg::new("tokens")
                .long("tokens")
                .value_name("ID,ID,..")
                .value_delimiter(',')
                .value_parser(whole::<u32>)
                .required(true)
                .help("The token ids"),
        )
        .arg(output("gets `logits`, f32 [tokens, vocabulary]"))
        .arg(context())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .after_help(
            "Example:\n  tilewright logits --model DIR --tokens 1,2,3 --out logits.safetensors",
        )
}

fn chat() -> Command {
    Command::new("chat")
        .about("Talks with a model")
        .long_about(
            "Reads a line, answers it, and remembers both. /reset forgets the conversation, /quit ends it; \n\
             ctrl-C ends an answer. Without a chat template the model continues the text so far.",
        )
        .arg(model())
        .arg(system())
        .args(sampling("512"))
        .arg(crate::patching::argument())
        .arg(context())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .arg(flag("stats", "Prints counts and speeds after each answer"))
        .after_help(
            "Examples:\n  tilewright chat --model DIR --temp 0.7 --top-p 0.95\n  \
             printf 'Hello\\nWhat did I say?\\n' | tilewright chat --model DIR",
        )
}

fn perplexity() -> Command {
    Command::new("perplexity")
        .about("Tells how well a model predicts a text")
        .arg(model())
        .arg(
            Arg::new("text")
                .long("text")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The text"),
        )
        .arg(count("length", "Tokens that are read in a row, each piece from nothing [default: 512]"))
        .arg(count("pieces", "Reads this many pieces at most [default: all]"))
        .arg(context())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .arg(json_flag())
        .after_help(
            "The perplexity is e to the mean of -ln p of every token but the first of each piece.\n\n\
             Example:\n  tilewright perplexity --model DIR --text book.txt --length 512",
        )
}

fn bench_model() -> Command {
    let mut names: Vec<&str> = tilewright_models::KNOWN.iter().map(|known| known.name).collect();
    names.sort_unstable();
    Command::new("bench-model")
        .about("Times a model: prefill and decode, and the share of the memory's speed that decode reaches")
        .arg(model().required(false))
        .arg(
            Arg::new("synthetic")
                .long("synthetic")
                .value_name("NAME")
                .conflicts_with("model")
                .value_parser(names)
                .help("An architecture with random weights, made on the device"),
        )
        .group(ArgGroup::new("which").args(["model", "synthetic"]).required(true))
        .arg(count("bits", "Bits of a random weight: 2, 3, 4, 5, 6, 8, or 16 for none packed [default: 4]").conflicts_with("model"))
        .arg(count("group", "Random weights that share a scale [default: 64]").conflicts_with("model"))
        .arg(count("prompt", "Tokens of the prompt [default: 512]"))
        .arg(count("decode", "Tokens to decode after it [default: 128]"))
        .arg(count("batch", "Sequences that decode together [default: 1]"))
        .arg(count("runs", "Timed runs; the median counts [default: 3]"))
        .arg(crate::patching::argument())
        .arg(float())
        .arg(device("Where to run [default: cpu]"))
        .arg(report("json", "Writes the figures as JSON"))
        .after_help(
            "Examples:\n  tilewright bench-model --synthetic qwen3-0.6b\n  \
             tilewright bench-model --synthetic qwen3-30b-a3b --device cuda --json out.json",
        )
}

fn convert() -> Command {
    Command::new("convert")
        .about("Packs the weights of a checkpoint of floats, as mlx_lm.convert does, or imports a GGUF file")
        .arg(model())
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The new checkpoint: a folder that does not exist yet"),
        )
        .arg(count("bits", "Bits of a weight: 2, 3, 4, 5, 6 or 8 [default: 4]"))
        .arg(count("group", "Weights that share a scale and a bias: 32, 64 or 128 [default: 64]"))
        .arg(
            Arg::new("dtype")
                .long("dtype")
                .value_name("DTYPE")
                .help("The type of scales and of what stays floats [default: the checkpoint's]"),
        )
        .after_help(
            "Of a GGUF file (llama, mixtral, qwen2, qwen3, qwen3moe, gemma, gemma2, phi3, lfm2, lfm2moe) the weights in Q4_0, Q4_1, \
             Q5_0, Q5_1, Q8_0, Q4_K and Q5_K keep their integers, as 4, 5 or 8 bits in groups of 32. Floats and the \
             scales of Q4_K and Q5_K round to f16, which Q2_K, Q3_K, Q6_K, IQ4_NL and IQ4_XS become as well; of gemma \
             and gemma2 all of these become f32. A file of bf16 stays bf16.\n\n\
             Examples:\n  tilewright convert --model DIR --out DIR-4bit --bits 4 --group 64\n  \
             tilewright convert --model FILE.gguf --out DIR",
        )
}

fn inspect() -> Command {
    Command::new("inspect")
        .about("Tells what is in a checkpoint, and whether it can run")
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The directory or the name of a checkpoint, or a safetensors or GGUF file"),
        )
        .arg(
            Arg::new("tensors")
                .long("tensors")
                .action(ArgAction::SetTrue)
                .help("Lists the tensors too"),
        )
        .arg(
            Arg::new("values")
                .long("values")
                .action(ArgAction::SetTrue)
                .help("Reads every float too, and tells whether some are NaN or infinite"),
        )
        .arg(json_flag())
        .after_help("Example:\n  tilewright inspect models/fairytale-moe-4bit")
}

pub(super) fn model() -> Arg {
    Arg::new("model")
        .long("model")
        .value_name("DIR|NAME|FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help(
            "The directory of a checkpoint: config.json, safetensors, tokenizer.json. Or its name on the hub, \
             owner/name or owner/name@revision, which is fetched once into the cache of Hugging Face's tools. Or a \
             GGUF file, which is imported once into the cache of this program",
        )
}

pub(super) fn context() -> Arg {
    Arg::new("context")
        .long("context")
        .value_name("N")
        .value_parser(whole::<usize>)
        .help("The most tokens of a sequence [default: what config.json says]")
}

pub(super) fn float() -> Arg {
    Arg::new("dtype")
        .long("dtype")
        .value_name("DTYPE")
        .help("The type of the arithmetic between kernels [default: that of the checkpoint]")
}
