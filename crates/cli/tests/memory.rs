//! The memory that a model takes: its file and its cache, and little more.
#![cfg(target_os = "linux")]

mod support;

use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::Path;
use std::process::{Command, Stdio};
use support::directory;
use tilewright_formats::{ElementType, Tensor, write};

const VOCABULARY: usize = 151_936;
const HIDDEN: usize = 1024;
const INTERMEDIATE: usize = 3072;
const HEADS: [usize; 2] = [16, 8];
const HEAD_DIM: usize = 128;

/// A checkpoint of so many layers in the form of Qwen 3, 4 bits in groups of 64, all of it zeros.
fn checkpoint(folder: &Path, layers: usize) {
    let zeros = vec![0u8; VOCABULARY * HIDDEN / 2];
    let mut tensors = Vec::new();
    let mut add = |name: String, dtype: ElementType, shape: Vec<usize>| {
        let bytes = shape.iter().product::<usize>() * dtype.size();
        let bytes = Cow::Borrowed(&zeros[..bytes]);
        tensors.push(Tensor { name: name.into(), dtype, shape, bytes });
    };
    let mut linear = |path: String, rows: usize, columns: usize| {
        add(format!("{path}.weight"), ElementType::U32, vec![rows, columns / 8]);
        for part in ["scales", "biases"] {
            add(format!("{path}.{part}"), ElementType::BF16, vec![rows, columns / 64]);
        }
    };
    let [heads, kv_heads] = HEADS.map(|heads| heads * HEAD_DIM);
    linear("model.embed_tokens".into(), VOCABULARY, HIDDEN);
    for layer in 0..layers {
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
    for layer in 0..layers {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        norm(at("input_layernorm"), HIDDEN);
        norm(at("post_attention_layernorm"), HIDDEN);
        norm(at("self_attn.q_norm"), HEAD_DIM);
        norm(at("self_attn.k_norm"), HEAD_DIM);
    }
    write(&folder.join("model.safetensors"), &tensors).unwrap();
    let config = json!({
        "model_type": "qwen3", "hidden_size": HIDDEN, "num_hidden_layers": layers,
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

/// The most memory that the command held, as far as was seen a moment before its end. (What the system says of processes
/// that have ended counts the memory of their parent, too.)
fn peak(args: &[&str]) -> usize {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tilewright"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        most = most.max(kibibytes.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{args:?}");
            return most;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// What the command takes for a short prompt and for a longer one with fused kernels: bytes of the file and of the cache,
/// and of all.
fn taken(folder: &str, layers: usize) -> [[usize; 3]; 2] {
    let folder = directory(folder);
    checkpoint(&folder, layers);
    let file = folder.join("model.safetensors").metadata().unwrap().len() as usize;
    let model = folder.display().to_string();
    let cache = |tokens: usize| tokens * layers * 2 * HEADS[1] * HEAD_DIM * 2;
    let generate = ["generate", "--model", &model, "--max-tokens", "8", "--ignore-eos", "--prompt"];
    let (short, long) = ("the old king", "the old king ".repeat(80));
    let taken = [(short, 20, "none"), (&long, 500, "default")].map(|(prompt, tokens, patch)| {
        [file, cache(tokens), peak(&[&generate[..], &[prompt, "--patch", patch]].concat())]
    });
    std::fs::remove_dir_all(&folder).unwrap();
    taken
}

/// 0.4 GB.
#[test]
fn a_model_takes_its_file_and_its_cache_and_a_tenth_more() {
    for [file, cache, found] in taken("memory", 36) {
        let most = (file + cache) * 11 / 10;
        assert!(found <= most, "cache of {cache}: {found} bytes, {most} at most");
    }
}

/// 0.16 GB, of which a tenth is less than what the program and its tokenizer take.
#[test]
fn a_small_model_takes_little_beside_its_file_and_its_cache() {
    for [file, cache, found] in taken("memory-small", 8) {
        let beside = found - file - cache;
        assert!(beside <= 28 << 20, "cache of {cache}: {beside} bytes beside");
    }
}
