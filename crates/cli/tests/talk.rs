//! The commands around models: convert, chat, perplexity, bench-model, and prompts from files and stdin.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
#[cfg(unix)]
use support::hears;
use support::{Run, directory, tilewright, tilewright_in};
use tilewright_formats::TensorFile;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn story() -> String {
    root().join("models/fairytale-moe-4bit").display().to_string()
}

fn fixture(name: &str) -> String {
    root().join("crates/models/tests/fixtures").join(name).display().to_string()
}

/// Runs the binary with a text on stdin.
fn fed(args: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(args)
        .env_remove("SHOW")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is used wrongly ends before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    Run { status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn prompts_come_from_stdin_and_files() {
    let (model, here) = (story(), directory("prompts"));
    let common = ["generate", "--model", &model, "--max-tokens", "6"];
    let given = tilewright(&[&common[..], &["--prompt", "The old king"]].concat()).ok();
    assert_eq!(fed(&common, "The old king\n").ok(), given);
    let path = here.join("prompt.txt");
    std::fs::write(&path, "The old king\n").unwrap();
    let path = path.display().to_string();
    assert_eq!(tilewright(&[&common[..], &["--prompt-file", &path]].concat()).ok(), given);
    let both = [&common[..], &["--prompt", "A fox", "--prompt-file", &path, "--json"]].concat();
    let answers = tilewright(&both).json()["answers"].clone();
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(format!("{}\n", answers[1]["text"].as_str().unwrap()), given);
    fed(&common, "").fails(2, "there is no prompt");
    // A dash is stdin.
    let dash = [&common[..], &["--prompt-file", "-"]].concat();
    assert_eq!(fed(&dash, "The old king\n").ok(), given);
    fed(&dash, "").fails(2, "it has no tokens");
}

#[test]
fn a_conversation_goes_on_and_starts_anew() {
    let model = story();
    let talk = |input: &str, more: &[&str]| {
        fed(&[&["chat", "--model", &model, "--max-tokens", "8"][..], more].concat(), input).ok()
    };
    let twice = talk("The wolf\nThe wolf\n", &[]);
    let [first, second]: [&str; 2] = twice.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_ne!(first, second, "the second answer knows the first");
    let anew = talk("The wolf\n\n/reset\nThe wolf\n/quit\nThe wolf\n", &[]);
    assert_eq!(anew, format!("{first}\n{first}\n"));
    assert!(talk("/help\n", &[]).contains("there is no /help"));
    let stop = first.split_whitespace().last().unwrap();
    assert!(!talk("The wolf\n", &["--stop", stop]).contains(stop));
    fed(&["chat", "--model", &model, "--top-p", "2"], "x\n").fails(2, "top-p is 2");
    // Fused kernels say the same.
    for which in ["default", "all", "rmsnorm,moe_mlp"] {
        assert_eq!(talk("The wolf\nThe wolf\n", &["--patch", which]), twice, "{which}");
    }
    let smart = ["chat", "--model", &model, "--max-tokens", "8", "--patch", "smart"];
    let smart = fed(&smart, "The wolf\nThe wolf\n");
    assert!(smart.stdout == twice && smart.stderr.contains("[smart_patch] Result"), "{smart:?}");
    fed(&["chat", "--model", &model, "--patch", "nothing"], "x\n").fails(2, "nothing");
}

#[test]
fn a_template_gets_the_whole_conversation() {
    let here = directory("template");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(Path::new(&story()).join(name), here.join(name)).unwrap();
    }
    // It refuses what it does not expect, so that the answers below tell what it was given.
    let template = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}\
        {% if messages|length > 4 %}{{ raise_exception('five messages') }}{% endif %}";
    std::fs::write(here.join("chat_template.jinja"), template).unwrap();
    let model = here.display().to_string();
    let args = ["chat", "--model", &model, "--max-tokens", "2", "--system", "Be kind"];
    // System, user, assistant, user: four; the next would be six.
    assert_eq!(fed(&args, "one\ntwo\n").ok().lines().count(), 2);
    let run = fed(&args, "one\ntwo\nthree\n");
    assert_eq!(run.stdout.lines().count(), 2);
    run.fails(1, "five messages");
}

#[test]
fn a_checkpoint_of_floats_is_packed_whole_or_not_at_all() {
    let (here, from) = (directory("convert"), fixture("llama"));
    let convert = |more: &[&str]| {
        let args = [&["convert", "--model", &from, "--out", "packed"][..], more].concat();
        tilewright_in(&here, &args)
    };
    convert(&["--bits", "7"]).fails(2, "--bits is 7");
    convert(&["--group", "48"]).fails(2, "--group is 48");
    convert(&["--dtype", "i32"]).fails(2, "--dtype i32");
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
    let told = convert(&["--group", "32", "--dtype", "f32"]).ok();
    assert!(told.starts_with("packed: 6.25") && told.contains(" bits a weight"), "{told}");
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 1, "nothing else is left");
    // The tensors are those that mlx_lm.convert made.
    let made = TensorFile::open(&here.join("packed/model.safetensors")).unwrap();
    let path = PathBuf::from(fixture("llama-4bit")).join("model.safetensors");
    let expected = TensorFile::open(&path).unwrap();
    assert_eq!(made.names().collect::<Vec<_>>(), expected.names().collect::<Vec<_>>());
    for name in expected.names() {
        assert_eq!(made.tensor(name).unwrap(), expected.tensor(name).unwrap());
    }
    convert(&["--group", "32"]).fails(1, "packed: exists already");
    let told = tilewright_in(&here, &["inspect", "packed"]).ok();
    assert!(told.contains("4 bits in groups of 32") && told.contains("yes"), "{told}");
    let again = ["convert", "--model", "packed", "--out", "twice"];
    tilewright_in(&here, &again).fails(2, "is packed already");
}

/// The exit status of a conversation that waits for its first line, after a signal; nothing is left behind.
#[cfg(unix)]
fn ended_by(signal: libc::c_int) -> Option<i32> {
    let here = directory(&format!("interrupt-{signal}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
    command
        .args(["chat", "--model", &story()])
        .current_dir(&here)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = hears(&mut command, signal).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    // Waiting would close it, and the end of the input ends the conversation too.
    let input = child.stdin.take();
    // SAFETY: the child has not been waited for, so that the number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, signal) }, 0);
    let status = child.wait().unwrap().code();
    drop(input);
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
    status
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_program_where_no_answer_is_given() {
    assert_eq!(ended_by(libc::SIGINT), Some(130));
}

#[cfg(unix)]
#[test]
fn so_do_the_signals_of_systems_and_terminals() {
    // A status of its own says that the program had time to clear up.
    assert_eq!([libc::SIGTERM, libc::SIGHUP].map(ended_by), [Some(143), Some(129)]);
}

#[test]
fn a_text_has_a_perplexity() {
    let (model, here) = (story(), directory("perplexity"));
    let text = "Once upon a time there was a miller who had three sons, a mill, an ass and a cat.";
    std::fs::write(here.join("text"), text.repeat(4)).unwrap();
    let args = ["perplexity", "--model", &model, "--text", "text", "--dtype", "f32"];
    let whole = tilewright_in(&here, &[&args[..], &["--json"]].concat()).json();
    let found = whole["perplexity"].as_f64().unwrap();
    assert!((1.0..100.0).contains(&found), "{whole}");
    let pieces = [&args[..], &["--length", "10", "--pieces", "3", "--json"]].concat();
    assert_eq!(tilewright_in(&here, &pieces).json()["tokens"], 27);
    let told = tilewright_in(&here, &args).ok();
    assert!(told.starts_with(&format!("perplexity {found:.4} ± ")), "{told}");
    std::fs::write(here.join("text"), "").unwrap();
    tilewright_in(&here, &args).fails(2, "predict nothing");
    let args = ["perplexity", "--model", &model, "--text", "absent"];
    tilewright_in(&here, &args).fails(1, "absent: cannot read it");
}

#[test]
fn a_model_is_timed() {
    let (model, here) = (story(), directory("bench-model"));
    let args = [
        "bench-model",
        "--model",
        &model,
        "--prompt",
        "8",
        "--decode",
        "4",
        "--runs",
        "1",
        "--json",
        "out.json",
    ];
    let told = tilewright_in(&here, &args).ok();
    assert!(told.contains("decode") && told.contains("tokens/s"), "{told}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(here.join("out.json")).unwrap()).unwrap();
    for field in ["prefill_tokens_per_second", "decode_tokens_per_second", "share_of_copy"] {
        assert!(report[field].as_f64().unwrap() > 0.0, "{report}");
    }
    // Four of sixteen experts, and the embedding once, as the head.
    let (all, read) = (report["weight_bytes"].as_f64(), report["bytes_read_per_token"].as_f64());
    assert_eq!((all, read), (Some(6_484_736.0), Some(2_503_424.0)));
    let wrong = |more: &[&str], fault: &str| {
        tilewright(&[&["bench-model"][..], more].concat()).fails(2, fault);
    };
    wrong(&[], "--model");
    wrong(&["--synthetic", "gpt-9"], "gpt-9");
    wrong(&["--synthetic", "qwen3-0.6b", "--bits", "7"], "7 bits in groups of 64");
    // The weights of a checkpoint have the bits that they have.
    wrong(&["--model", &model, "--bits", "4"], "--bits");
    wrong(&["--model", &model, "--group", "32"], "--group");
    wrong(&["--model", &model, "--prompt", "0"], "--prompt is 0");
    wrong(&["--model", &model, "--prompt", "2048"], "do not fit the context of 2048");
    // 187 GB are not filled until the system has no more.
    let large = ["--synthetic", "mixtral-8x7b", "--bits", "16", "--dtype", "f32"];
    tilewright(&[&["bench-model"][..], &large].concat()).fails(1, "this takes 186.8 GB of memory");
    let many = ["bench-model", "--model", &model, "--batch", "1000000000000"];
    tilewright(&many).fails(1, "help: fewer sequences (--batch)");
}
