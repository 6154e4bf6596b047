//! GGUF files made of the fixtures, as llama.cpp's converter makes them, imported and compared with what the peers make
//! of the fixtures.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Matrices as bf16, which they are.
    BF16,
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
        let stored = if shape.len() >= 2 { stored } else { Stored::Floats };
        let (kind, bytes) = match stored {
            Stored::Floats => (0u32, values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Stored::Q8_0 => (8, values.chunks(32).flat_map(q8_0).collect()),
            Stored::BF16 => {
                (30, values.iter().flat_map(|x| x.to_le_bytes()[2..].to_vec()).collect())
            }
        };
        info.extend(kind.to_le_bytes());
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

/// How a file is written where files differ.
#[derive(Clone, Copy)]
struct Ways {
    stored: Stored,
    /// Each expert has tensors of its own, as in files of 2023.
    apart: bool,
    /// Queries, keys and values lie in one tensor, as `--fuse-qkv` of the converter makes them.
    fused: bool,
}

impl Ways {
    fn of(stored: Stored) -> Ways {
        Ways { stored, apart: false, fused: false }
    }
}

/// The file of a fixture.
fn gguf(name: &str, ways: Ways) -> Vec<u8> {
    let folder = fixture(name);
    let config = Config::open(&folder.join("config.json")).unwrap();
    let family = config.text("model_type").unwrap().unwrap().to_string();
    let arch = match family.as_str() {
        "mixtral" => "llama",
        "lfm2_moe" => "lfm2moe",
        other => other,
    };
    let is_lfm2 = family.starts_with("lfm2");
    let experts =
        || config.size("num_local_experts").unwrap().or(config.size("num_experts").unwrap());
    let size = |field: &str| config.size(field).unwrap();
    let number = |field: &str| config.number(field).unwrap();
    let mut writer = Writer::default();
    writer.field("general.architecture", 8, text(arch));
    let whole = |writer: &mut Writer, field: &str, value: usize| {
        writer.field(&format!("{arch}.{field}"), 4, (value as u32).to_le_bytes().to_vec());
    };
    let real = |writer: &mut Writer, field: &str, value: f64| {
        writer.field(&format!("{arch}.{field}"), 6, (value as f32).to_le_bytes().to_vec());
    };
    for (theirs, ours) in [
        ("embedding_length", "hidden_size"),
        ("block_count", "num_hidden_layers"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("feed_forward_length", "intermediate_size"),
        ("context_length", "max_position_embeddings"),
        ("expert_count", "num_local_experts"),
        ("expert_used_count", "num_experts_per_tok"),
        ("attention.sliding_window", "sliding_window"),
    ] {
        let own = ["attention.head_count_kv", "feed_forward_length"].contains(&theirs);
        if let Some(value) = size(ours).filter(|_| !is_lfm2 || !own) {
            whole(&mut writer, theirs, value);
        }
    }
    if is_lfm2 {
        let kinds = config.texts("layer_types").unwrap().unwrap();
        let kv_heads = size("num_key_value_heads").unwrap() as u32;
        let mut list = [5u32.to_le_bytes().to_vec(), (kinds.len() as u64).to_le_bytes().to_vec()];
        let heads = kinds.iter().map(|kind| if kind == "conv" { 0 } else { kv_heads });
        list[1].extend(heads.flat_map(u32::to_le_bytes));
        writer.field(&format!("{arch}.attention.head_count_kv"), 9, list.concat());
        whole(&mut writer, "shortconv.l_cache", size("conv_L_cache").unwrap());
        // Of which the config.json of the dense form says what it is adjusted from.
        whole(&mut writer, "feed_forward_length", if arch == "lfm2" { 64 } else { 32 });
        if arch == "lfm2moe" {
            whole(&mut writer, "expert_count", size("num_experts").unwrap());
            whole(
                &mut writer,
                "expert_feed_forward_length",
                size("moe_intermediate_size").unwrap(),
            );
            whole(&mut writer, "leading_dense_block_count", size("num_dense_layers").unwrap());
            whole(&mut writer, "expert_gating_func", 2);
            real(&mut writer, "expert_weights_scale", number("routed_scaling_factor").unwrap());
        }
        real(&mut writer, "attention.layer_norm_rms_epsilon", number("norm_eps").unwrap());
    }
    let heads = size("num_attention_heads").unwrap();
    let head_dim = size("head_dim").unwrap();
    whole(&mut writer, "attention.key_length", head_dim);
    whole(&mut writer, "attention.value_length", head_dim);
    let share = number("partial_rotary_factor").unwrap_or(1.0);
    whole(&mut writer, "rope.dimension_count", (head_dim as f64 * share) as usize);
    for (theirs, ours) in [
        ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
        ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
    ] {
        if let Some(value) = number(ours) {
            real(&mut writer, theirs, value);
        }
    }
    let rope = config.object("rope_parameters").unwrap().unwrap();
    let told = |field: &str| rope.number(field).unwrap().unwrap();
    real(&mut writer, "rope.freq_base", told("rope_theta"));
    match rope.text("rope_type").unwrap().unwrap() {
        "llama3" => {
            let divisors = llama3(&told, head_dim);
            writer.tensor("rope_freqs.weight", &[head_dim / 2], &divisors, Stored::Floats);
        }
        "longrope" => {
            for kind in ["short", "long"] {
                let factors = rope.numbers(&format!("{kind}_factor")).unwrap().unwrap();
                let factors: Vec<f32> = factors.iter().map(|factor| *factor as f32).collect();
                let name = format!("rope_factors_{kind}.weight");
                writer.tensor(&name, &[factors.len()], &factors, Stored::Floats);
            }
            let original = told("original_max_position_embeddings");
            let ratio = number("max_position_embeddings").unwrap() / original;
            let magnitude = (1.0 + ratio.ln() / original.ln()).sqrt();
            real(&mut writer, "rope.scaling.attn_factor", magnitude);
            whole(&mut writer, "rope.scaling.original_context_length", original as usize);
        }
        // As files from before the field `rope.scaling.type` say it.
        "linear" => real(&mut writer, "rope.scale_linear", told("factor")),
        _ => {}
    }
    let file = TensorFile::open(&folder.join("model.safetensors")).unwrap();
    let read = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        let mut values = tensor.dtype.floats(&tensor.bytes).unwrap();
        let columns = if tensor.shape.len() == 2 { tensor.shape[1] } else { 1 };
        let kv_heads = size("num_key_value_heads").unwrap_or(heads);
        for (part, heads) in [("q_proj", heads), ("k_proj", kv_heads)] {
            if arch == "llama" && name.contains(part) {
                values = swapped(&values, heads, columns);
            }
        }
        if family.starts_with("gemma") && name.ends_with("norm.weight") {
            values.iter_mut().for_each(|value| *value += 1.0);
        }
        // What scores are divided by has no field there, so that the other factor makes up for it.
        if let (Some(scalar), true) = (number("query_pre_attn_scalar"), name.contains("q_proj")) {
            let factor = (head_dim as f64 / scalar).sqrt() as f32;
            values.iter_mut().for_each(|value| *value *= factor);
        }
        (tensor.shape.clone(), values)
    };
    for name in file.names() {
        let (mut shape, mut values) = read(name);
        let mut place = theirs(&family, name);
        if name.contains(".experts.") && !ways.apart {
            if !name.contains(".experts.0.") {
                continue;
            }
            let experts = experts().unwrap();
            for expert in 1..experts {
                let one = name.replace(".experts.0.", &format!(".experts.{expert}."));
                values.extend(read(&one).1);
            }
            shape.insert(0, experts);
            let (stem, last) = place.rsplit_once(".0.").unwrap();
            place = format!("{stem}_exps.{last}");
        }
        if ways.fused && name.contains("q_proj") {
            for part in ["k_proj", "v_proj"] {
                let (more, own) = read(&name.replace("q_proj", part));
                shape[0] += more[0];
                values.extend(own);
            }
            place = place.replace("attn_q", "attn_qkv");
        } else if ways.fused && (name.contains("k_proj") || name.contains("v_proj")) {
            continue;
        }
        if place.contains("shortconv.conv") {
            shape.remove(1);
        }
        // What chooses experts is kept as floats there, as are convolutions.
        let floats = ["gate_inp", "shortconv.conv"].iter().any(|part| place.contains(part));
        let stored = if floats { Stored::Floats } else { ways.stored };
        writer.tensor(&place, &shape, &values, stored);
    }
    writer.finish()
}

/// What llama.cpp's converter makes of llama3 scaling: a divisor for each frequency.
fn llama3(told: &dyn Fn(&str) -> f64, head_dim: usize) -> Vec<f32> {
    let [low, high, factor] = ["low_freq_factor", "high_freq_factor", "factor"].map(told);
    let original = told("original_max_position_embeddings");
    let divisor = |pair: usize| {
        let frequency = told("rope_theta").powf(-2.0 * pair as f64 / head_dim as f64);
        let wave = 2.0 * std::f64::consts::PI / frequency;
        let smooth = (original / wave - low) / (high - low);
        match (wave < original / high, wave > original / low) {
            (true, _) => 1.0,
            (_, true) => factor,
            _ => 1.0 / ((1.0 - smooth) / factor + smooth),
        }
    };
    (0..head_dim / 2).map(|pair| divisor(pair) as f32).collect()
}

/// llama.cpp's name of a tensor.
fn theirs(family: &str, name: &str) -> String {
    let mut name = name.replace("model.layers.", "blk.");
    if let Some(layer) = name.strip_suffix(".feed_forward.expert_bias") {
        return format!("{layer}.exp_probs_b.bias");
    }
    let moved = name.replace(".feed_forward.experts.", ".block_sparse_moe.experts.");
    if let Some((layer, rest)) = moved.split_once(".block_sparse_moe.experts.") {
        let [expert, part, ..] = rest.split('.').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let part = ["ffn_gate", "ffn_down", "ffn_up"][part[1..].parse::<usize>().unwrap() - 1];
        return format!("{layer}.{part}.{expert}.weight");
    }
    if family == "gemma2" {
        for (ours, theirs) in [
            ("post_attention_layernorm", "post_attention_norm"),
            ("pre_feedforward_layernorm", "ffn_norm"),
            ("post_feedforward_layernorm", "post_ffw_norm"),
        ] {
            name = name.replace(ours, theirs);
        }
    }
    for (ours, theirs) in [
        ("model.embed_tokens", "token_embd"),
        ("model.embedding_norm", "token_embd_norm"),
        ("operator_norm", "attn_norm"),
        ("self_attn.q_layernorm", "attn_q_norm"),
        ("self_attn.k_layernorm", "attn_k_norm"),
        ("self_attn.out_proj", "attn_output"),
        ("feed_forward.w1", "ffn_gate"),
        ("feed_forward.w3", "ffn_up"),
        ("feed_forward.w2", "ffn_down"),
        (".conv.", ".shortconv."),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.qkv_proj", "attn_qkv"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("input_layernorm", "attn_norm"),
        ("mlp.gate_up_proj", "ffn_up"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("block_sparse_moe.gate", "ffn_gate_inp"),
        ("feed_forward.gate", "ffn_gate_inp"),
    ] {
        name = name.replace(ours, theirs);
    }
    name
}

/// The logits of an imported fixture, and those that its peer gives.
fn imported(name: &str, ways: Ways) -> [Vec<f32>; 2] {
    // Of this call alone: tests that run side by side, as threads or as processes, import the same fixtures.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gguf-{}-{call}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = Gguf::parse(Path::new("fixture.gguf"), gguf(name, ways)).unwrap();
    let import = Import::plan(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
    import.write(&folder, |_| ControlFlow::Continue(())).unwrap_or_else(|e| panic!("{name}: {e}"));
    std::fs::write(folder.join("config.json"), import.config()).unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(checkpoint.quantization().is_some(), ways.stored == Stored::Q8_0);
    let model = load(&checkpoint, Runtime::open("cpu").unwrap(), Some(DType::F32));
    let model = model.unwrap_or_else(|e| panic!("{name}: {e}"));
    let expected = TensorFile::open(&fixture(name).join("expected.safetensors")).unwrap();
    let tokens = expected.tensor("tokens").unwrap();
    let words = tokens.bytes.as_chunks::<4>().0.iter();
    let tokens: Vec<u32> = words.map(|word| u32::from_le_bytes(*word)).collect();
    let mut cache = model.cache(1, tokens.len()).unwrap();
    let logits = model.prefill(&mut cache, 0, &tokens, Logits::All).unwrap().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
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
    for name in [
        "llama",
        "llama-bias",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "phi3",
        "phi3-partial",
        "mixtral",
        "lfm2",
        "lfm2_moe",
    ] {
        let apart = difference(imported(name, Ways::of(Stored::Floats)));
        // Weights of bf16 are f16 without rounding, but for those so small that they matter to nothing.
        assert!(apart < 1e-3, "{name}: logits differ by {apart:.2e}");
    }
}

#[test]
fn imported_blocks_give_them_as_nearly_as_eight_bits_do() {
    for name in ["llama", "qwen3", "gemma2", "phi3"] {
        let apart = difference(imported(name, Ways::of(Stored::Q8_0)));
        assert!(apart > 0.0 && apart < 0.1, "{name}: logits differ by {apart:.2e}");
    }
}

#[test]
fn other_ways_to_write_a_model_are_the_same_model() {
    for (name, ways) in [
        ("mixtral", Ways { apart: true, ..Ways::of(Stored::Floats) }),
        ("mixtral", Ways { apart: true, ..Ways::of(Stored::Q8_0) }),
        ("llama", Ways { fused: true, ..Ways::of(Stored::Q8_0) }),
        ("llama-bias", Ways { fused: true, ..Ways::of(Stored::Floats) }),
        ("qwen2", Ways { fused: true, ..Ways::of(Stored::Floats) }),
    ] {
        let [usual, _] = imported(name, Ways::of(ways.stored));
        let [other, _] = imported(name, ways);
        assert!(usual == other, "{name}");
    }
}

#[test]
fn models_are_computed_in_what_holds_their_sums_or_in_what_they_were() {
    for (name, stored, dtype) in [
        ("gemma2", Stored::Q8_0, "float32"),
        ("gemma2", Stored::BF16, "bfloat16"),
        ("mixtral", Stored::BF16, "bfloat16"),
        ("llama", Stored::Q8_0, "float16"),
        ("llama", Stored::Floats, "float16"),
    ] {
        let file = Gguf::parse(Path::new("x.gguf"), gguf(name, Ways::of(stored))).unwrap();
        let config = Import::plan(&file).unwrap().config();
        assert!(config.contains(&format!(r#""torch_dtype": "{dtype}""#)), "{name}: {config}");
    }
}

#[test]
fn files_of_bf16_are_the_checkpoint_again() {
    // But for gemma2, whose queries the test changes.
    for name in ["llama", "gemma", "phi3", "mixtral", "lfm2", "lfm2_moe"] {
        let apart = difference(imported(name, Ways::of(Stored::BF16)));
        assert!(apart < 1e-5, "{name}: logits differ by {apart:.2e}");
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
    let with = |arch: &str, change: &dyn Fn(&mut Writer)| {
        plan(&|w| {
            w.field("general.architecture", 8, text(arch));
            for (field, value) in [
                ("embedding_length", 8u32),
                ("block_count", 1),
                ("attention.head_count", 2),
                ("feed_forward_length", 8),
                ("context_length", 8),
            ] {
                w.field(&format!("{arch}.{field}"), 4, value.to_le_bytes().to_vec());
            }
            w.tensor("token_embd.weight", &[4, 8], &[0.0; 32], Stored::Floats);
            change(w);
        })
    };
    let tensor = |name: &str| {
        let name = name.to_string();
        move |w: &mut Writer| w.tensor(&name, &[8, 8], &[0.0; 64], Stored::Floats)
    };
    let odd = with("llama", &tensor("blk.0.ssm_in.weight"));
    assert!(odd.contains("`blk.0.ssm_in.weight` has no place"), "{odd}");
    let bias =
        with("qwen2", &|w| w.tensor("blk.0.attn_output.bias", &[8], &[0.0; 8], Stored::Floats));
    assert!(bias.contains("`blk.0.attn_output.bias` is a bias that"), "{bias}");
    let lone =
        with("phi3", &|w| w.tensor("rope_factors_long.weight", &[2], &[1.0; 2], Stored::Floats));
    assert!(lone.contains("caches of one kind only"), "{lone}");
    let part = with("llama", &|w| w.field("llama.rope.dimension_count", 4, vec![2, 0, 0, 0]));
    assert!(part.contains("`llama.rope.dimension_count` is 2, of 4"), "{part}");
    let short = with("llama", &|w| {
        for (field, value) in [("expert_count", 2), ("expert_used_count", 1)] {
            w.field(&format!("llama.{field}"), 4, vec![value, 0, 0, 0]);
        }
        tensor("blk.0.ffn_up.0.weight")(w);
    });
    assert!(short.contains("`blk.0.ffn_up.1.weight` is missing"), "{short}");
    let none = with("qwen3moe", &tensor("blk.0.ffn_up.0.weight"));
    assert!(none.contains("`qwen3moe.expert_count` is missing"), "{none}");
    let packed =
        with("qwen2", &|w| w.tensor("blk.0.attn_q.bias", &[1, 32], &[0.0; 32], Stored::Q8_0));
    assert!(packed.contains("`blk.0.attn_q.bias` has no place"), "{packed}");
    for (heads, told) in [
        ([2u32, 0, 1].as_slice(), "holds 1 and 2"),
        (&[0, 2], "has 2 numbers for 1 layers"),
        (&[2], "`lfm2.shortconv.l_cache` is missing"),
    ] {
        let odd = with("lfm2", &|w| {
            let mut list =
                [5u32.to_le_bytes().to_vec(), (heads.len() as u64).to_le_bytes().to_vec()];
            list[1].extend(heads.iter().flat_map(|count| count.to_le_bytes()));
            w.field("lfm2.attention.head_count_kv", 9, list.concat());
        });
        assert!(odd.contains(told), "{odd}");
    }
    let wide = with("qwen2", &tensor("blk.0.attn_qkv.weight"));
    assert!(wide.contains("`blk.0.attn_qkv.weight` has no place"), "{wide}");
}
