//! From a GGUF file to a checkpoint folder: names and sizes as Hugging Face's configurations have them, blocks as affine
//! weights that hold the same numbers.
//!
//! What affine weights cannot hold (Q6_K, which llama.cpp mixes in, Q2_K, Q3_K and IQ4) becomes f16. Rows of Llama's queries and keys lie in
//! another order there, for ropes that turn neighbours.

use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;
use tilewright_formats::{
    Affine, Block, Config, ElementType, FormatError, Gguf, Outline, Quantization, Shards,
};

/// The type of floats, and of scales and biases.
const FLOAT: ElementType = ElementType::F16;

/// Architectures: llama.cpp's name, ours, and whether rows of queries and keys are reordered.
const ARCHITECTURES: [(&str, &str, bool); 4] = [
    ("llama", "llama", true),
    ("qwen2", "qwen2", false),
    ("qwen3", "qwen3", false),
    ("qwen3moe", "qwen3_moe", false),
];

/// Names of the tensors of a layer.
const LAYER: [(&str, &str); 15] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_exps", "mlp.switch_mlp.gate_proj"),
    ("ffn_up_exps", "mlp.switch_mlp.up_proj"),
    ("ffn_down_exps", "mlp.switch_mlp.down_proj"),
];

/// What an import will do.
pub struct Import<'a> {
    file: &'a Gguf,
    config: Config,
    targets: Vec<Target>,
}

/// A tensor to write.
struct Target {
    /// Without `.weight` where it is one.
    module: String,
    is_bias: bool,
    source: String,
    block: Block,
    shape: Vec<usize>,
    /// Rows of a head, where they are reordered.
    head: Option<usize>,
}

impl<'a> Import<'a> {
    /// Plans to import `file`.
    ///
    /// # Errors
    /// When its architecture is not supported, or a field or tensor is missing or has no place.
    pub fn plan(file: &'a Gguf) -> Result<Import<'a>, FormatError> {
        let told = file.metadata();
        let field = "general.architecture";
        let declared = told.text(field)?.ok_or_else(|| told.missing(field))?;
        let known = ARCHITECTURES.iter().find(|(name, ..)| *name == declared);
        let (architecture, family, reordered) = *known.ok_or_else(|| {
            let names = ARCHITECTURES.map(|(name, ..)| name).join(", ");
            let what = format!("is `{declared}`, which is not read from GGUF files");
            told.error(field, &what, format!("those that are: {names}"))
        })?;
        let config = config(file, architecture, family)?;
        let head = reordered.then(|| config.positive("head_dim")).transpose()?;
        let mut targets = Vec::new();
        for name in file.names().filter(|name| *name != ROPE_FACTORS) {
            let wrong = || {
                let what = format!("tensor `{name}` has no place in a model of this architecture");
                FormatError::new(file.path(), what, "is the file of a newer kind?")
            };
            let (place, is_bias) = match (name.strip_suffix(".weight"), name.strip_suffix(".bias"))
            {
                (Some(place), _) => (place, false),
                (None, Some(place)) => (place, true),
                (None, None) => return Err(wrong()),
            };
            let module = module(place).ok_or_else(wrong)?;
            let Some(tensor) = file.tensor(name) else { continue };
            let turns = module.ends_with("q_proj") || module.ends_with("k_proj");
            let head = head.filter(|_| turns);
            let rows = tensor.shape.len().checked_sub(if is_bias { 1 } else { 2 });
            let rows = rows.and_then(|axis| tensor.shape.get(axis)).copied().unwrap_or(1);
            if head.is_some_and(|head| head % 2 == 1 || !rows.is_multiple_of(head)) {
                return Err(wrong());
            }
            targets.push(Target {
                module,
                is_bias,
                source: name.into(),
                block: tensor.block,
                shape: tensor.shape.to_vec(),
                head,
            });
        }
        Ok(Import { file, config, targets })
    }

    /// The number of tensors.
    pub fn steps(&self) -> usize {
        self.targets.len()
    }

    /// The text of the new `config.json`.
    pub fn config(&self) -> String {
        let packed = || self.targets.iter().filter_map(|t| Some((t, t.affine()?)));
        let count = |bits: usize| packed().filter(|(_, affine)| affine.bits == bits).count();
        let bits = [8, 5, 4].into_iter().max_by_key(|bits| count(*bits)).unwrap_or(4);
        let most = Affine { bits, group: 32 };
        if packed().count() == 0 {
            return self.config.to_text();
        }
        let differing: Vec<(String, Affine)> = packed()
            .filter(|(_, affine)| *affine != most)
            .map(|(target, affine)| (target.module.clone(), affine))
            .collect();
        Quantization::declare(&self.config, most, &differing)
    }

    /// Writes the tensors and their index into a folder. `step` hears the name of each tensor before it is read, and
    /// may stop.
    ///
    /// # Errors
    /// When a number is NaN or does not fit f16, `step` stops, or the disk fails.
    pub fn write(
        &self,
        directory: &Path,
        mut step: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), FormatError> {
        let outlines = self.targets.iter().flat_map(Target::outlines).collect();
        let weights = self.targets.iter().map(|t| t.shape.iter().product::<usize>() as u64).sum();
        let mut shards = Shards::new(directory, outlines, Shards::FILE, weights)?;
        for target in &self.targets {
            if step(&target.source).is_break() {
                return Err(FormatError::new(self.file.path(), "stopped", "nothing was written"));
            }
            self.write_one(target, &mut shards)?;
        }
        shards.finish()
    }

    fn write_one(&self, target: &Target, shards: &mut Shards) -> Result<(), FormatError> {
        let bytes = self.file.tensor(&target.source).map_or(&[][..], |tensor| tensor.bytes);
        let (depth, rows) = target.rows();
        let row = target.block.bytes_of(&[depth]).unwrap_or(0);
        let rows = (0..rows).map(|at| &bytes[target.place(at) * row..][..row]);
        let float = |values: &[f32]| {
            let narrow = FLOAT.bytes(values).unwrap_or_default();
            let back = FLOAT.floats(&narrow).unwrap_or_default();
            match back.iter().all(|x| x.is_finite()) {
                true => Ok(narrow),
                false => {
                    let what = format!("tensor `{}` holds NaN or what f16 cannot", target.source);
                    Err(FormatError::new(self.file.path(), what, "it cannot be imported"))
                }
            }
        };
        let Some(affine) = target.affine() else {
            let name = target.float_name();
            return rows
                .into_iter()
                .try_for_each(|row| shards.write(&name, &float(&target.block.floats(row))?));
        };
        let (mut scales, mut biases) = (Vec::new(), Vec::new());
        let name = |part: &str| format!("{}.{part}", target.module);
        for row in rows {
            let groups = target.block.groups(row);
            shards.write(&name("weight"), &groups.words(affine.bits))?;
            scales.extend(float(&groups.scales)?);
            biases.extend(float(&groups.biases)?);
        }
        shards.write(&name("scales"), &scales)?;
        shards.write(&name("biases"), &biases)
    }
}

impl Target {
    /// The affine form that it is written in: weights of modules that multiply.
    fn affine(&self) -> Option<Affine> {
        self.block.affine().filter(|_| !self.is_bias && self.shape.len() >= 2)
    }

    /// Elements of a row, and rows: a bias has rows of one element.
    fn rows(&self) -> (usize, usize) {
        match (self.is_bias, self.shape.split_last()) {
            (false, Some((depth, rows))) => (*depth, rows.iter().product()),
            _ => (1, self.shape.iter().product()),
        }
    }

    /// Where row `at` of ours lies there: a head's rows 0, half, 1, half + 1, ... lie one after the other.
    fn place(&self, at: usize) -> usize {
        match self.head {
            Some(head) => {
                let (first, within) = (at / head * head, at % head);
                first + within % (head / 2) * 2 + within / (head / 2)
            }
            None => at,
        }
    }

    fn float_name(&self) -> String {
        format!("{}.{}", self.module, if self.is_bias { "bias" } else { "weight" })
    }

    fn outlines(&self) -> Vec<Outline> {
        match self.affine() {
            Some(affine) => Outline::packed(&self.module, &self.shape, affine, FLOAT).into(),
            None => {
                let (name, shape) = (self.float_name(), self.shape.clone());
                vec![Outline { name, dtype: FLOAT, shape }]
            }
        }
    }
}

/// Divisors of the frequencies of Llama 3.1 and later.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The path of the module whose tensor is called `place` there.
fn module(place: &str) -> Option<String> {
    Some(match place {
        "token_embd" => "model.embed_tokens".into(),
        "output_norm" => "model.norm".into(),
        "output" => "lm_head".into(),
        _ => {
            let (layer, name) = place.strip_prefix("blk.")?.split_once('.')?;
            let layer: usize = layer.parse().ok()?;
            let (_, ours) = LAYER.iter().find(|(theirs, _)| *theirs == name)?;
            format!("model.layers.{layer}.{ours}")
        }
    })
}

/// The configuration that the metadata says.
fn config(file: &Gguf, architecture: &str, family: &str) -> Result<Config, FormatError> {
    let told = file.metadata();
    let of = |field: &str| format!("{architecture}.{field}");
    let size = |field: &str| told.positive(&of(field));
    let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let head_dim = told.size(&of("attention.key_length"))?.unwrap_or(hidden / heads);
    let embedding = file.tensor("token_embd.weight");
    let vocabulary = embedding.and_then(|t| t.shape.first().copied()).unwrap_or(0);
    let eps = told.number(&of("attention.layer_norm_rms_epsilon"))?.unwrap_or(1e-5);
    let mut config = Config::parse(file.path(), "{}")?
        .with("model_type", family.into())
        .with("torch_dtype", "float16".into())
        .with("hidden_size", hidden.into())
        .with("num_hidden_layers", size("block_count")?.into())
        .with("num_attention_heads", heads.into())
        .with("head_dim", head_dim.into())
        .with("intermediate_size", size("feed_forward_length")?.into())
        .with("max_position_embeddings", size("context_length")?.into())
        .with("rms_norm_eps", json!(eps))
        .with("rope_theta", json!(told.number(&of("rope.freq_base"))?.unwrap_or(10000.0)))
        .with("vocab_size", vocabulary.into())
        .with("tie_word_embeddings", file.tensor("output.weight").is_none().into());
    let kv_heads = told.size(&of("attention.head_count_kv"))?.unwrap_or(heads);
    config = config.with("num_key_value_heads", kv_heads.into());
    if file.tensor("blk.0.attn_output.bias").is_some() {
        config = config.with("attention_bias", true.into());
    }
    if told.size(&of("expert_count"))?.is_some_and(|count| count > 0) {
        if family != "qwen3_moe" {
            let next = "of mixtures, qwen3moe is read";
            return Err(told.error(&of("expert_count"), "is above 0", next));
        }
        config = config
            .with("num_experts", size("expert_count")?.into())
            .with("num_experts_per_tok", size("expert_used_count")?.into())
            .with("moe_intermediate_size", size("expert_feed_forward_length")?.into())
            .with("norm_topk_prob", true.into());
    }
    if let Some(scaling) = scaling(file, architecture, &config)? {
        config = config.with("rope_scaling", scaling);
    }
    for name in ["bos_token_id", "eos_token_id"] {
        if let Some(id) = told.size(&format!("tokenizer.ggml.{name}"))? {
            config = config.with(name, id.into());
        }
    }
    Ok(config)
}

/// What is done to the rope, if anything is.
fn scaling(file: &Gguf, architecture: &str, config: &Config) -> Result<Option<Value>, FormatError> {
    let told = file.metadata();
    let of = |field: &str| format!("{architecture}.rope.scaling.{field}");
    if let Some(factors) = file.tensor(ROPE_FACTORS) {
        let factors = factors.block.floats(factors.bytes);
        // The same divisors for every length, and nothing else.
        return Ok(Some(json!({
            "rope_type": "longrope", "short_factor": factors, "long_factor": factors,
            "attention_factor": 1.0,
        })));
    }
    let factor = told.number(&of("factor"))?;
    let original = told.size(&of("original_context_length"))?;
    let context = config.positive("max_position_embeddings")?;
    Ok(match (told.text(&of("type"))?, factor) {
        (None | Some("none"), _) | (_, None) => None,
        (Some("linear"), Some(factor)) => Some(json!({"rope_type": "linear", "factor": factor})),
        (Some("yarn"), Some(factor)) => Some(json!({
            "rope_type": "yarn", "factor": factor,
            "original_max_position_embeddings": original.unwrap_or(context),
        })),
        (Some(other), _) => {
            let what = format!("is `{other}`, which is not supported");
            return Err(told.error(&of("type"), &what, "it is one of none, linear, yarn"));
        }
    })
}
