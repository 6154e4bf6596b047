//! GGUF files made of the fixtures, as llama.cpp's converter makes them, imported and compared with what the peers make
//! of the fixtures.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tilewright_formats::{Checkpoint, Config, Gguf, TensorFile};
use tilewright_models::{Import, load};
use tilewright_nn::{DType, Logits, Runtime};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// How numbers are stored.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    /// As they are.
    Floats,
    /// Matrices in blocks of 32 bytes and a scale.
    Q8_0,
}

/// A GGUF file under way.
#[derive(Default)]
struct Writer {
    fields: Vec<Vec<u8>>,
    tensors: Vec<(Vec<u8>, Vec<u8>)>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Writer {
    fn field(&mut self, name: &str, kind: u32, value: Vec<u8>) {
        self.fields.push([text(name), kind.to_le_bytes().to_vec(), value].concat());
    }

    fn tensor(&mut self, name: &str, shape: &[usize], values: &[f32], stored: Stored) {
        let mut info = [text(name), (shape.len() as u32).to_le_bytes().to_vec()].concat();
        // Innermost first.
        info.extend(shape.iter().rev().flat_map(|axis| (*axis as u64).to_le_bytes()));
        let packs = stored == Stored::Q8_0 && shape.len() == 2;
        info.extend(if packs { 8u32 } else { 0 }.to_le_bytes());
        let bytes = match packs {
            false => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            true => values.chunks(32).flat_map(q8_0).collect(),
        };
        self.tensors.push((info, bytes));
    }

    fn finish(self) -> Vec<u8> {
        let counts = [self.tensors.len() as u64, self.fields.len() as u64];
        let mut file = [&b"GGUF"[..], &3u32.to_le_bytes()].concat();
        file.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        file.extend(self.fields.concat());
        let mut data = Vec::new();
        for (info, bytes) in self.tensors {
            file.extend(info);
            file.extend((data.len() as u64).to_le_bytes());
            data.extend(bytes);
            data.resize(data.len().next_multiple_of(32), 0);
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(data);
        file
    }
}

/// 32 numbers as llama.cpp packs them, with a scale that f16 holds exactly.
fn q8_0(values: &[f32]) -> Vec<u8> {
    let most = values.iter().fold(0f32, |most, x| most.max(x.abs()));
    // A power of two, whose bits as f16 are its exponent.
    let exponent = (most / 127.0).log2().ceil().max(-14.0) as i32;
    let half = (((exponent + 15) as u16) << 10).to_le_bytes();
    let scale = 2f32.powi(exponent);
    half.into_iter().chain(values.iter().map(|x| (x / scale).round() as i8 as u8)).collect()
}

/// Rows of queries or keys in llama.cpp's order: `reshape(heads, 2, head_dim / 2, ..).swapaxes(1, 2)`.
fn swapped(values: &[f32], heads: usize, columns: usize) -> Vec<f32> {
    let half = values.len() / columns / heads / 2;
    let mut out = Vec::new();
    for head in 0..heads {
        for pair in 0..half {
            for side in 0..2 {
                let row = (head * 2 + side) * half + pair;
                out.extend(&values[row * columns..(row + 1) * columns]);
            }
        }
    }
    out
}

/// The file of a fixture.
fn gguf(name: &str, stored: Stored) -> Vec<u8> {
    let folder = fixture(name);
    let config = Config::open(&folder.join("config.json")).unwrap();
    let family = config.text("model_type").unwrap().unwrap().to_string();
    let size = |field: &str| config.positive(field).unwrap();
    let mut writer = Writer::default();
    writer.field("general.architecture", 8, text(&family));
    for (theirs, ours) in [
        ("embedding_length", "hidden_size"),
        ("block_count", "num_hidden_layers"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("feed_forward_length", "intermediate_size"),
        ("context_length", "max_position_embeddings"),
    ] {
        let value = (size(ours) as u32).to_le_bytes();
        writer.field(&format!("{family}.{theirs}"), 4, value.to_vec());
    }
    let head_dim = config.size("head_dim").unwrap().unwrap_or(size("hidden_size") / 4);
    let key_length = (head_dim as u32).to_le_bytes().to_vec();
    writer.field(&format!("{family}.attention.key_length"), 4, key_length);
    let eps = config.number("rms_norm_eps").unwrap().unwrap() as f32;
    let field = format!("{family}.attention.layer_norm_rms_epsilon");
    writer.field(&field, 6, eps.to_le_bytes().to_vec());
    if family == "llama" {
        // What llama.cpp's converter makes of llama3 scaling: a divisor for each frequency.
        let rope = config.object("rope_parameters").unwrap().unwrap();
        let number = |field: &str| rope.number(field).unwrap().unwrap();
        let [low, high, factor] = ["low_freq_factor", "high_freq_factor", "factor"].map(&number);
        let original = number("original_max_position_embeddings");
        let divisor = |pair: usize| {
            let frequency = number("rope_theta").powf(-2.0 * pair as f64 / head_dim as f64);
            let wave = 2.0 * std::f64::consts::PI / frequency;
            let smooth = (original / wave - low) / (high - low);
            match (wave < original / high, wave > original / low) {
                (true, _) => 1.0,
                (_, true) => factor,
                _ => 1.0 / ((1.0 - smooth) / factor + smooth),
            }
        };
        let divisors: Vec<f32> = (0..head_dim / 2).map(|pair| divisor(pair) as f32).collect();
        writer.tensor("rope_freqs.weight", &[head_dim / 2], &divisors, stored);
    }
    let file = TensorFile::open(&folder.join("model.safetensors")).unwrap();
    for name in file.names() {
        let tensor = file.tensor(name).unwrap();
        let mut values = tensor.dtype.floats(&tensor.bytes).unwrap();
        let columns = if tensor.shape.len() == 2 { tensor.shape[1] } else { 1 };
        for (part, heads) in [("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")]
        {
            if family == "llama" && name.contains(part) {
                values = swapped(&values, size(heads), columns);
            }
        }
        writer.tensor(&theirs(name), &tensor.shape, &values, stored);
    }
    writer.finish()
}

/// llama.cpp's name of a tensor.
fn theirs(name: &str) -> String {
    let mut name = name.replace("model.layers.", "blk.");
    for (ours, theirs) in [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("input_layernorm", "attn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ] {
        name = name.replace(ours, theirs);
    }
    name
}

/// The logits of an imported fixture, and those that its peer gives.
fn imported(name: &str, stored: Stored) -> [Vec<f32>; 2] {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gguf-{name}-{}", stored as u8));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = Gguf::parse(Path::new("fixture.gguf"), gguf(name, stored)).unwrap();
    let import = Import::plan(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
    import.write(&folder, |_| ControlFlow::Continue(())).unwrap_or_else(|e| panic!("{name}: {e}"));
    std::fs::write(folder.join("config.json"), import.config()).unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(checkpoint.quantization().is_some(), stored == Stored::Q8_0);
    let model = load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32));
    let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
    let expected = TensorFile::open(&fixture(name).join("expected.safetensors")).unwrap();
    let tokens = expected.tensor("tokens").unwrap();
    let words = tokens.bytes.as_chunks::<4>().0.iter();
    let tokens: Vec<u32> = words.map(|word| u32::from_le_bytes(*word)).collect();
    let mut cache = model.cache(1, tokens.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, &tokens, Logits::All).unwrap().unwrap();
    let peer = expected.tensor("logits").unwrap();
    [logits.to_vec().unwrap(), peer.dtype.floats(&peer.bytes).unwrap()]
}

fn difference([found, expected]: [Vec<f32>; 2]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let greatest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
    let apart = found.iter().zip(&expected).map(|(f, e)| (f - e).abs());
    apart.fold(0f32, f32::max) / greatest
}

#[test]
fn imported_floats_give_the_logits_of_the_peers() {
    for name in ["llama", "qwen2", "qwen3"] {
        let apart = difference(imported(name, Stored::Floats));
        // Weights of bf16 are f16 without rounding, but for those so small that they matter to nothing.
        assert!(apart < 1e-3, "{name}: logits differ by {apart:.2e}");
    }
}

#[test]
fn imported_blocks_give_them_as_nearly_as_eight_bits_do() {
    for name in ["llama", "qwen3"] {
        let apart = difference(imported(name, Stored::Q8_0));
        assert!(apart > 0.0 && apart < 0.1, "{name}: logits differ by {apart:.2e}");
    }
}

#[test]
fn what_has_no_place_is_named() {
    let plan = |change: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::default();
        change(&mut writer);
        let file = Gguf::parse(Path::new("x.gguf"), writer.finish()).unwrap();
        Import::plan(&file).map(drop).unwrap_err().to_string()
    };
    assert!(plan(&|_| {}).contains("`general.architecture` is missing"));
    let other = plan(&|w| w.field("general.architecture", 8, text("mamba")));
    assert!(other.contains("is `mamba`"), "{other}");
    let bare = plan(&|w| w.field("general.architecture", 8, text("qwen3")));
    assert!(bare.contains("`qwen3.embedding_length` is missing"), "{bare}");
}
