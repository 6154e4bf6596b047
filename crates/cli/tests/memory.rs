//! The memory that a model takes: its file and its cache, and little more.
#![cfg(target_os = "linux")]

mod support;

use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use support::directory;
use tilewright_formats::{ElementType, Tensor, write};

const VOCABULARY: usize = 151_936;
const HIDDEN: usize = 1024;
const INTERMEDIATE: usize = 3072;
const LAYERS: usize = 36;
const HEADS: [usize; 2] = [16, 8];
const HEAD_DIM: usize = 128;

/// A checkpoint of 0.4 GB in the form of Qwen 3, 4 bits in groups of 64, all of it zeros.
fn checkpoint(folder: &Path) {
    let zeros = vec![0u8; VOCABULARY * HIDDEN / 2];
    let mut tensors = Vec::new();
    let mut add = |name: String, dtype: ElementType, shape: Vec<usize>| {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        tensors.push(Tensor { name: name.into(), dtype, shape, bytes: zeros[..bytes].into() });
    };
    let mut linear = |path: String, rows: usize, columns: usize| {
        add(format!("{path}.weight"), ElementType::U32, vec![rows, columns / 8]);
        for part in ["scales", "biases"] {
            add(format!("{path}.{part}"), ElementType::BF16, vec![rows, columns / 64]);
        }
    };
    let [heads, kv_heads] = HEADS.map(|heads| heads * HEAD_DIM);
    linear("model.embed_tokens".into(), VOCABULARY, HIDDEN);
    for layer in 0..LAYERS {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        linear(at("self_attn.q_proj"), heads, HIDDEN);
        linear(at("self_attn.k_proj"), kv_heads, HIDDEN);
        linear(at("self_attn.v_proj"), kv_heads, HIDDEN);
        linear(at("self_attn.o_proj"), HIDDEN, heads);
        linear(at("mlp.gate_proj"), INTERMEDIATE, HIDDEN);
        linear(at("mlp.up_proj"), INTERMEDIATE, HIDDEN);
        linear(at("mlp.down_proj"), HIDDEN, INTERMEDIATE);
    }
    let mut norm = |path: String, features: usize| {
        add(format!("{path}.weight"), ElementType::BF16, vec![features]);
    };
    norm("model.norm".into(), HIDDEN);
    for layer in 0..LAYERS {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        norm(at("input_layernorm"), HIDDEN);
        norm(at("post_attention_layernorm"), HIDDEN);
        norm(at("self_attn.q_norm"), HEAD_DIM);
        norm(at("self_attn.k_norm"), HEAD_DIM);
    }
    write(&folder.join("model.safetensors"), &tensors).unwrap();
    let config = json!({
        "model_type": "qwen3", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "intermediate_size": INTERMEDIATE, "num_attention_heads": HEADS[0],
        "num_key_value_heads": HEADS[1], "head_dim": HEAD_DIM, "rms_norm_eps": 1e-6,
        "vocab_size": VOCABULARY, "rope_theta": 1e6, "tie_word_embeddings": true,
        "max_position_embeddings": 40960, "quantization": {"group_size": 64, "bits": 4},
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
}

/// As many tokens as a model of that size has, each made of two others.
fn tokenizer() -> Value {
    let mut pieces: Vec<String> = ('a'..='z').map(String::from).collect();
    pieces.push("\u{120}".into());
    let (mut seen, mut merges) = (Map::new(), Vec::new());
    for left in 0.. {
        if pieces.len() >= VOCABULARY {
            break;
        }
        for right in 0..27 {
            let (first, second) = (pieces[left].clone(), pieces[right].clone());
            let both = format!("{first}{second}");
            if pieces.len() < VOCABULARY && seen.insert(both.clone(), Value::Null).is_none() {
                merges.push(json!([first, second]));
                pieces.push(both);
            }
        }
    }
    let vocabulary: Map<String, Value> =
        pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), json!(id))).collect();
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
    })
}

/// The most memory that the command held.
#[expect(clippy::zombie_processes, reason = "waited for in a way that tells the memory")]
fn peak(args: &[&str]) -> usize {
    let child = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut status = 0;
    // SAFETY: plain numbers, for which zeros are values.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: waits for the child, which nobody else waits for.
    unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!(status, 0, "{args:?}");
    usage.ru_maxrss as usize * 1024
}

#[test]
fn a_model_takes_its_file_and_its_cache_and_a_tenth_more() {
    let folder = directory("memory");
    checkpoint(&folder);
    let file = folder.join("model.safetensors").metadata().unwrap().len() as usize;
    let model = folder.display().to_string();
    let cache = |tokens: usize| tokens * LAYERS * 2 * HEADS[1] * HEAD_DIM * 2;
    let generate = ["generate", "--model", &model, "--max-tokens", "8", "--ignore-eos", "--prompt"];
    let (short, long) = ("the old king", "the old king ".repeat(80));
    for (prompt, tokens, patch) in [(short, 20, "none"), (&long, 500, "default")] {
        let found = peak(&[&generate[..], &[prompt, "--patch", patch]].concat());
        let most = (file + cache(tokens)) * 11 / 10;
        assert!(found <= most, "{patch}, {tokens} tokens: {found} bytes, {most} at most");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
