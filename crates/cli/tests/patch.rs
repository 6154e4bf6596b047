//! Patched models on the command line: validate, and generate with `--patch`.

mod support;

use std::path::Path;
use support::{directory, floats, tilewright, tilewright_in};
use tilewright_formats::write;

fn story() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models/fairytale-moe-4bit")
        .display()
        .to_string()
}

const PROMPT: &str = "Once upon a time there was a king";

fn validate(more: &[&str]) -> support::Run {
    let model = story();
    let mut args = vec!["validate", "--model", &model, "--prompt", PROMPT, "--max-tokens", "24"];
    args.extend(["--runs", "1"]);
    args.extend(more);
    tilewright(&args)
}

#[test]
fn the_story_is_the_same_with_every_pattern() {
    let text = validate(&["--patterns", "all"]).ok();
    for part in [
        "VALIDATION REPORT",
        "moe_mlp (6)",
        "residual_norm (6)",
        "qkv_rope_cache (6)",
        "FIDELITY: 24/24 tokens identical  [PASS]",
        "Decode (tok/s)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let json = validate(&["--json"]).json();
    assert_eq!((&json["pass"], &json["identical"]), (&true.into(), &24.into()));
    assert_eq!(json["pattern_counts"]["attention"], 6);
    assert_eq!(json["baseline_tokens"], json["patched_tokens"]);
    let json = validate(&["--json", "--patterns", "none"]).json();
    assert_eq!((&json["patched_count"], &json["pass"]), (&0.into(), &true.into()));
    let json = validate(&["--json", "--patterns", "moe_mlp,rmsnorm"]).json();
    assert_eq!(json["patched_count"], 6 + 6 * 4 + 1);
}

#[test]
fn patterns_and_modes_that_do_not_exist_are_named() {
    let unknown = "Unknown patch pattern: 'x'. Available: ['swiglu_mlp', ";
    validate(&["--patterns", "x"]).fails(2, unknown);
    validate(&["--patterns", "rms_norm"]).fails(2, "help: did you mean `rmsnorm`?");
    validate(&["--mode", "bogus"]).fails(2, "Unknown mode 'bogus'. Expected one of: inference, ");
    validate(&["--mode", "inference", "--patterns", "softmax"]).fails(2, "cannot be used with");
    let model = story();
    let none = ["validate", "--model", &model, "--prompt", PROMPT, "--runs", "0"];
    tilewright(&none).fails(2, "--runs is 0");
}

#[test]
fn generate_patches_on_request() {
    let model = story();
    let tell = |which: &str| {
        let args = ["generate", "--model", &model, "--prompt", PROMPT, "--max-tokens", "16"];
        tilewright(&[&args[..], &["--patch", which]].concat())
    };
    let plain = tell("none").ok();
    assert_eq!(tell("default").ok(), plain);
    assert_eq!(tell("all").ok(), plain);
    assert_eq!(tell("training").ok(), plain);
    assert_eq!(tell("moe_mlp,rmsnorm").ok(), plain);
    let smart = tell("smart");
    assert_eq!((smart.status, &smart.stdout), (0, &plain));
    assert!(smart.stderr.starts_with("[smart_patch] Baseline: "), "{}", smart.stderr);
    assert!(smart.stderr.contains("  softmax: no matches (skipped)"), "{}", smart.stderr);
    tell("some").fails(2, "Unknown patch pattern: 'some'");
    tell("moe_mlp,moe-mlp").fails(2, "did you mean `moe_mlp`?");
    // Before anything is read.
    let absent = ["--model", "nowhere", "--patch", "moe-mlp"];
    for command in [&["generate", "--prompt", "x"][..], &["bench-model"]] {
        tilewright(&[command, &absent].concat()).fails(2, "did you mean `moe_mlp`?");
    }
}

/// Numbers that repeat, around 0.
fn random(state: &mut u32, count: usize) -> Vec<f32> {
    let mut next = || {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        *state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// Writes a mixture of experts that tosses a coin for every token. The numbers between its layers are four times the same
/// 32, and the rows of its head come in pairs that differ in the order of their quarters only: two tokens are always
/// as probable as each other, but for the rounding of sums.
fn coin(folder: &Path) {
    const HIDDEN: usize = 128;
    const VOCABULARY: usize = 4096;
    let mut state = 11;
    let mut tensors = Vec::new();
    let mut add = |name: &str, shape: &[usize], values: Vec<f32>| {
        let name = match name {
            "lm_head" => "lm_head.weight".to_string(),
            name => format!("model.{name}.weight"),
        };
        tensors.push(floats(&name, shape, &values));
    };
    add("norm", &[HIDDEN], vec![1.0; HIDDEN]);
    for layer in 0..2 {
        let mut add = |name: &str, shape: &[usize], values: Vec<f32>| {
            add(&format!("layers.{layer}.{name}"), shape, values);
        };
        for name in ["input_layernorm", "post_attention_layernorm"] {
            add(name, &[HIDDEN], vec![1.0; HIDDEN]);
        }
        for name in ["self_attn.q_norm", "self_attn.k_norm"] {
            add(name, &[32], vec![1.0; 32]);
        }
        for (name, rows) in [("q", 64), ("k", 32), ("v", 32)] {
            let name = format!("self_attn.{name}_proj");
            add(&name, &[rows, HIDDEN], random(&mut state, rows * HIDDEN));
        }
        add("mlp.gate", &[8, HIDDEN], random(&mut state, 8 * HIDDEN));
        // What is added to the numbers between layers has rows that are four times the same.
        let repeated = |state: &mut u32, columns: usize| {
            [&random(state, HIDDEN / 4 * columns)[..]; 4].concat()
        };
        add("self_attn.o_proj", &[HIDDEN, 64], repeated(&mut state, 64));
        for expert in 0..8 {
            let name = |part: &str| format!("mlp.experts.{expert}.{part}_proj");
            for part in ["gate", "up"] {
                add(&name(part), &[32, HIDDEN], random(&mut state, 32 * HIDDEN));
            }
            add(&name("down"), &[HIDDEN, 32], repeated(&mut state, 32));
        }
    }
    let quarters = random(&mut state, VOCABULARY * 32);
    let rows = quarters.chunks(32).flat_map(|quarter| [quarter; 4].concat());
    add("embed_tokens", &[VOCABULARY, HIDDEN], rows.collect());
    let head = random(&mut state, VOCABULARY / 2 * HIDDEN);
    let pairs = head.chunks(HIDDEN).flat_map(|row| {
        let quarter = |k: usize| &row[32 * k..32 * (k + 1)];
        [0, 1, 2, 3, 0, 2, 1, 3].map(quarter).concat()
    });
    add("lm_head", &[VOCABULARY, HIDDEN], pairs.collect());
    write(&folder.join("model.safetensors"), &tensors).unwrap();
    let config = serde_json::json!({
        "model_type": "qwen3_moe", "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "max_position_embeddings": 256, "intermediate_size": 32,
        "moe_intermediate_size": 32, "num_experts": 8, "num_experts_per_tok": 4, "norm_topk_prob": true,
        "decoder_sparse_step": 1, "mlp_only_layers": [], "hidden_act": "silu",
        "tie_word_embeddings": false, "dtype": "float32",
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let tokenizer = Path::new(&story()).join("tokenizer.json");
    std::fs::copy(tokenizer, folder.join("tokenizer.json")).unwrap();
}

/// In f32 many rows are summed in another order than few, which a patched mixture asks for: where a token hangs on that, it
/// is told, and the exit status says so too.
#[test]
fn other_tokens_are_a_failure() {
    let here = directory("coin");
    let floats = here.join("floats");
    std::fs::create_dir_all(&floats).unwrap();
    coin(&floats);
    tilewright_in(&here, &["convert", "--model", "floats", "--out", "packed", "--group", "32"])
        .ok();
    let args =
        ["validate", "--model", "packed", "--prompt", PROMPT, "--max-tokens", "48", "--runs", "1"];
    let run = |more: &[&str]| tilewright_in(&here, &[&args[..], more].concat());
    run(&["--patterns", "none"]).ok();
    let found = run(&["--patterns", "moe_mlp"]);
    assert_eq!((found.status, &found.stderr[..]), (1, ""), "{found:?}");
    for part in
        ["/48 tokens identical  [FAIL]", "First divergence at token ", "There the baseline gives"]
    {
        assert!(found.stdout.contains(part), "{part} is not in\n{}", found.stdout);
    }
    let found = run(&["--patterns", "moe_mlp", "--json"]);
    assert_eq!(found.status, 1);
    let report: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(report["pass"], false);
    let [a, b] = [0, 1].map(|k| report["divergence"]["logits"][k].as_f64().unwrap());
    assert!((a - b).abs() <= 1e-5 * a.abs(), "no tie: {a} and {b}");
}
