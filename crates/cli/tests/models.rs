//! The commands that run models: generate, logits, inspect.

mod support;

use std::path::{Path, PathBuf};
use support::{directory, get, near, tilewright, tilewright_in};
use tilewright_formats::TensorFile;
use tilewright_models::FAMILIES;

fn story() -> String {
    root().join("models/fairytale-moe-4bit").display().to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixture(name: &str) -> PathBuf {
    root().join("crates/models/tests/fixtures").join(name)
}

#[test]
fn a_story_is_told_and_told_again() {
    let prompt = "Once upon a time there was a king";
    let tell = |more: &[&str]| {
        let model = story();
        let mut args =
            vec!["generate", "--model", &model, "--prompt", prompt, "--max-tokens", "24"];
        args.extend(more);
        tilewright(&args).ok()
    };
    let greedy = tell(&[]);
    assert!(greedy.starts_with(" who had a "), "{greedy}");
    let warm =
        ["--temp", "0.9", "--top-k", "50", "--top-p", "0.95", "--min-p", "0.01", "--seed", "3"];
    assert_eq!(tell(&warm), tell(&warm));
    assert_ne!(tell(&warm), greedy);
    let stopped = tell(&["--stop", "had"]);
    assert_eq!(stopped, " who \n");
}

#[test]
fn several_prompts_are_one_batch_and_json_tells_all() {
    let model = story();
    let alone = |prompt: &str| {
        let args =
            ["generate", "--model", &model, "--prompt", prompt, "--max-tokens", "8", "--json"];
        tilewright(&args).json()["answers"][0].clone()
    };
    let args = [
        "generate",
        "--model",
        &model,
        "--prompt",
        "The wolf",
        "--prompt",
        "A",
        "--max-tokens",
        "8",
        "--json",
    ];
    let both = tilewright(&args).json();
    for (answer, prompt) in both["answers"].as_array().unwrap().iter().zip(["The wolf", "A"]) {
        assert_eq!(answer, &alone(prompt));
        assert_eq!(answer["tokens"].as_array().unwrap().len(), 8);
        assert_eq!(answer["finish"], "length");
    }
}

#[test]
fn logits_are_written_as_the_peer_gives_them() {
    let (folder, model) = (directory("logits"), fixture("gemma2"));
    let expected = TensorFile::open(&model.join("expected.safetensors")).unwrap();
    let ids = expected.tensor("tokens").unwrap();
    let ids: Vec<String> =
        ids.bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b).to_string()).collect();
    let (ids, model) = (ids.join(","), model.display().to_string());
    let args = [
        "logits",
        "--model",
        &model,
        "--tokens",
        &ids,
        "--dtype",
        "f32",
        "--out",
        "out.safetensors",
    ];
    let told = tilewright_in(&folder, &args).ok();
    assert!(told.contains("logits f32 24x64; perplexity"), "{told}");
    let (shape, found) = get(&folder, "logits");
    assert_eq!(shape, [24, 64]);
    let stored = expected.tensor("logits").unwrap();
    let stored: Vec<f32> =
        stored.bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    near(&found, &stored, 1e-3);
}

#[test]
fn logits_that_are_no_numbers_are_written_and_told() {
    let folder = directory("logits-nan");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture("llama").join(name), folder.join(name)).unwrap();
    }
    let path = folder.join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    let told: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    // Of the vector of one token.
    let first = told["model.embed_tokens.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    let at = header + first + 5 * 32 * 2;
    bytes[at..at + 2].copy_from_slice(&0x7fc0u16.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let model = folder.to_str().unwrap();
    let logits = |tokens: &str| {
        let args = ["logits", "--model", model, "--tokens", tokens, "--out", "x.safetensors"];
        tilewright_in(&folder, &args)
    };
    logits("1,2,3").ok();
    logits("5,3").fails(1, "the logits after 1 tokens are not numbers");
    let written = TensorFile::open(&folder.join("x.safetensors")).unwrap();
    assert_eq!(written.shape("logits"), Some(&[2, 64][..]));
}

#[test]
fn checkpoints_are_described() {
    let text = tilewright(&["inspect", &story(), "--tensors", "--values"]).ok();
    for part in [
        "qwen3_moe",
        "4 bits in groups of 64, 6 modules differ",
        "4096 tokens",
        "floats are finite",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.contains("model.layers.5.mlp.switch_mlp.up_proj.weight"), "{text}");
    let json = tilewright(&["inspect", &story(), "--json"]).json();
    assert_eq!((&json["runs"], &json["facts"]["layers"]), (&true.into(), &"6".into()));
    assert!(json["tensors"].is_null());
    let json = tilewright(&["inspect", &story(), "--json", "--tensors"]).json();
    assert_eq!(json["tensors"].as_array().unwrap().len(), 172);
    let file = format!("{}/model.safetensors", story());
    assert!(tilewright(&["inspect", &file]).ok().contains("U32"));
}

/// A copy of a fixture with its configuration changed.
fn changed(test: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let folder = directory(test);
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let new = change(&config);
    assert_ne!(new, config);
    std::fs::write(folder.join("config.json"), new).unwrap();
    folder.display().to_string()
}

#[test]
fn tensors_that_nothing_reads_are_told() {
    let told = tilewright(&["inspect", &fixture("llama").display().to_string()]).ok();
    assert!(!told.contains("unread"), "{told}");
    let fewer = changed("fewer", "llama", |config| {
        config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1")
    });
    let told = tilewright(&["inspect", &fewer]).ok();
    let beyond = "tensors; layer 1 is beyond the 1 of config.json: model.layers.1.";
    assert!(told.contains("unread") && told.contains(beyond), "{told}");
    let json = tilewright(&["inspect", &fewer, "--json"]).json();
    assert_eq!(json["runs"], true);
    assert!(json["facts"]["unread"].as_str().unwrap().contains(beyond), "{json}");
}

#[test]
fn what_cannot_run_says_why() {
    let never = Path::new(env!("CARGO_TARGET_TMPDIR")).join("never.safetensors");
    let _ = std::fs::remove_file(&never);
    let logits = |model: &str| {
        tilewright(&["logits", "--model", model, "--tokens", "1,2", "--out", "never.safetensors"])
    };
    let unknown = changed("unknown", "llama", |c| c.replace("\"llama\"", "\"mamba2\""));
    logits(&unknown).fails(1, "`model_type` is `mamba2`, a family that is not known");
    let known: Vec<&str> = FAMILIES.iter().map(|family| family.model_type).collect();
    logits(&unknown).fails(1, &known.join(", "));
    let told = tilewright(&["inspect", &unknown]).ok();
    assert!(told.contains("no: ") && told.contains("mamba2"), "{told}");
    // Described all the same, however its weights are packed.
    let packed = changed("mxfp4", "llama-4bit", |config| {
        config.replacen("\"mode\": \"affine\"", "\"mode\": \"mxfp4\"", 2)
    });
    logits(&packed).fails(1, "`quantization.mode` is `mxfp4`");
    let told = tilewright(&["inspect", &packed]).ok();
    assert!(told.contains("no: ") && told.contains("mxfp4") && told.contains("tensors"), "{told}");
    for (test, name, [from, to], fault) in [
        (
            "wide",
            "llama",
            ["\"hidden_size\": 32", "\"hidden_size\": 48"],
            "`model.embed_tokens.weight` has shape",
        ),
        (
            "heads",
            "llama",
            ["\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"],
            "num_attention_heads",
        ),
        (
            "layers",
            "llama",
            ["\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"],
            "no tensor `model.layers.2.",
        ),
        (
            "many",
            "llama",
            ["\"num_hidden_layers\": 2", "\"num_hidden_layers\": 2000000000"],
            "num_hidden_layers",
        ),
        (
            "none",
            "llama",
            ["\"num_attention_heads\": 4", "\"num_attention_heads\": 0"],
            "num_attention_heads",
        ),
        ("act", "qwen2", ["\"silu\"", "\"relu\""], "hidden_act"),
        ("rope", "llama", ["\"llama3\"", "\"warped\""], "`warped`"),
        ("factors", "phi3", ["1.1,", ""], "short_factor"),
        ("bits", "llama-4bit", ["\"bits\": 4", "\"bits\": 8"], "8 bits in groups of 32"),
        (
            "experts",
            "mixtral",
            ["\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9"],
            "num_experts_per_tok",
        ),
    ] {
        logits(&changed(test, name, |c| c.replace(from, to))).fails(1, fault);
    }
    assert!(!never.exists());
}

#[test]
fn what_is_no_checkpoint_says_what_to_pass() {
    let weights = format!("{}/model.safetensors", story());
    let here = directory("no-checkpoint");
    let of = |model: &str| {
        ["generate", "chat", "bench-model", "validate", "inspect"].map(|command| {
            let name = if command == "inspect" { &[][..] } else { &["--model"] };
            tilewright_in(&here, &[&[command][..], name, &[model]].concat())
        })
    };
    of("absent").into_iter().for_each(|run| run.fails(1, "absent: does not exist"));
    of("./").into_iter().for_each(|run| run.fails(1, "holds no config.json"));
    std::fs::write(here.join("model.gguf"), b"GGUF").unwrap();
    of("./").into_iter().for_each(|run| run.fails(1, "model.gguf: ends within its header"));
    of("model.gguf").into_iter().for_each(|run| run.fails(1, "ends within its header"));
    // What holds tensors is described, whether a model or not.
    let [rest @ .., inspected] = of(&weights);
    rest.into_iter()
        .for_each(|run| run.fails(2, "model.safetensors: is a file, and a model is a folder"));
    inspected.ok();
    let config = format!("{}/config.json", story());
    of(&config)
        .into_iter()
        .for_each(|run| run.fails(2, &format!("help: pass the folder: {}", story())));
}

#[test]
fn wrong_use_is_refused_before_any_work() {
    let model = story();
    let generate = |more: &[&str]| {
        let mut args = vec!["generate", "--model", &model, "--prompt", "The fox"];
        args.extend(more);
        tilewright(&args)
    };
    generate(&["--max-tokens", "3000"]).fails(2, "do not fit the model's context of 2048");
    generate(&["--top-p", "1.5"]).fails(2, "top-p is 1.5");
    generate(&["--temp=-1"]).fails(2, "the temperature is -1");
    generate(&["--temp", "-1"]).fails(2, "the temperature is -1");
    generate(&["--top-p", "-0.5"]).fails(2, "top-p is -0.5");
    // 0 bounds nothing, as with other tools.
    let drawn =
        |more: &[&str]| generate(&[&["--temp", "1", "--seed", "4"][..], more].concat()).ok();
    assert_eq!(drawn(&["--top-k", "0", "--min-p", "0"]), drawn(&[]));
    generate(&["--top-k", "-3"]).fails(2, "it is a whole number from 0 on");
    generate(&["--temp", "warm"]).fails(2, "it is a number, as in 0.8");
    generate(&["--context", "0"]).fails(2, "--context is 0");
    tilewright(&["bench-model"]).fails(2, "--synthetic");
    tilewright(&["validate", "--model", &model, "--max-tokens", "0"]).fails(2, "--max-tokens is 0");
    tilewright(&["generat"]).fails(2, "did you mean `generate`? `tilewright --help`");
    generate(&["--dtype", "i32"]).fails(2, "--dtype i32");
    let args = ["logits", "--model", &model, "--tokens", "4096", "--out", "x.safetensors"];
    tilewright(&args).fails(2, "token 4096 is not of the vocabulary");
    tilewright(&["generate", "--model", "absent", "--prompt", "x"]).fails(1, "absent");
    let empty = ["generate", "--model", &model, "--prompt", ""];
    tilewright(&empty).fails(2, "it has no tokens");
}
