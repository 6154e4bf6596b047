//! From a GGUF file to a checkpoint folder: names and sizes as Hugging Face's configurations have them, blocks as affine
//! weights that hold the same integers.
//!
//! Scales are f16, to which the products of two that Q4_K and Q5_K have are rounded, as floats are. What affine weights
//! cannot hold (Q6_K, which llama.cpp mixes in, Q2_K, Q3_K and IQ4) becomes f16. Gemma's floats are f32, in which it is
//! then computed: what its layers add up to is more than f16 can hold. Files of bf16 stay bf16. Rows of Llama's queries
//! and keys lie in another order there, for ropes that turn neighbours.

mod config;
mod names;

use crate::{Decoder, FeedForward, describe};
use names::{Architecture, Place, ROPE_FACTORS, STEERING, place};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use tilewright_formats::{
    Affine, Block, BlockTensor, Config, ElementType, FormatError, Gguf, Outline, Quantization,
    Shards,
};

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
    /// What it is made of, one after the other.
    parts: Vec<Part>,
    shape: Vec<usize>,
    /// The type of its floats, and of its scales and biases.
    float: ElementType,
    /// Rows of a head, where they are reordered.
    head: Option<usize>,
    /// What is taken from each number.
    less: f32,
}

/// Rows of a tensor of the file.
struct Part {
    source: String,
    block: Block,
    rows: Range<usize>,
}

impl<'a> Import<'a> {
    /// Plans to import `file`.
    ///
    /// # Errors
    /// When its architecture is not supported, or a field or tensor is missing or has no place.
    pub fn plan(file: &'a Gguf) -> Result<Import<'a>, FormatError> {
        let architecture = config::architecture(file)?;
        let config = config::config(file, &architecture)?;
        let decoder = describe(&config)?;
        let float = config::float(file, &architecture);
        let planner = Planner { file, architecture, decoder, float };
        let mut targets = Vec::new();
        for name in file.names().filter(|name| !ROPE_FACTORS.contains(name)) {
            let Some(tensor) = file.tensor(name) else { continue };
            let made = planner.targets(name, &tensor)?;
            if made.iter().any(|target| !target.is_whole()) {
                return Err(planner.wrong(name));
            }
            targets.extend(made);
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
    /// When a number is NaN or does not fit its new type, `step` stops, or the disk fails.
    pub fn write(
        &self,
        directory: &Path,
        mut step: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), FormatError> {
        let outlines = self.targets.iter().flat_map(Target::outlines).collect();
        let weights = self.targets.iter().map(|t| t.shape.iter().product::<usize>() as u64).sum();
        let mut shards = Shards::new(directory, outlines, Shards::FILE, weights)?;
        for target in &self.targets {
            if step(&target.parts[0].source).is_break() {
                return Err(FormatError::new(self.file.path(), "stopped", "nothing was written"));
            }
            self.write_one(target, &mut shards)?;
        }
        shards.finish()
    }

    fn write_one(&self, target: &Target, shards: &mut Shards) -> Result<(), FormatError> {
        let (mut scales, mut biases) = (Vec::new(), Vec::new());
        let name = |part: &str| format!("{}.{part}", target.module);
        for Part { source, block, rows } in &target.parts {
            let bytes = self.file.tensor(source).map_or(&[][..], |tensor| tensor.bytes);
            let row = block.bytes_of(&[target.depth()]).unwrap_or(0);
            let row = |at: usize| &bytes[(rows.start + target.place(at)) * row..][..row];
            let float = |values: &[f32]| self.narrow(target, source, values);
            for at in 0..rows.len() {
                match target.affine() {
                    None => {
                        let mut values = block.floats(row(at));
                        values.iter_mut().for_each(|value| *value -= target.less);
                        shards.write(&target.float_name(), &float(&values)?)?;
                    }
                    Some(affine) => {
                        let groups = block.groups(row(at));
                        shards.write(&name("weight"), &groups.words(affine.bits))?;
                        scales.extend(float(&groups.scales)?);
                        biases.extend(float(&groups.biases)?);
                    }
                }
            }
        }
        if target.affine().is_some() {
            shards.write(&name("scales"), &scales)?;
            shards.write(&name("biases"), &biases)?;
        }
        Ok(())
    }

    /// The bytes of numbers as floats of the new file.
    fn narrow(&self, of: &Target, source: &str, values: &[f32]) -> Result<Vec<u8>, FormatError> {
        let narrow = of.float.bytes(values).unwrap_or_default();
        let back = of.float.floats(&narrow).unwrap_or_default();
        match back.iter().all(|x| x.is_finite()) {
            true => Ok(narrow),
            false => {
                let what = match of.float {
                    ElementType::F16 => format!("tensor `{source}` holds NaN or what f16 cannot"),
                    _ => format!("tensor `{source}` holds NaN or infinity"),
                };
                Err(FormatError::new(self.file.path(), what, "it cannot be imported"))
            }
        }
    }
}

/// What is known of the model while its tensors find their places.
struct Planner<'a> {
    file: &'a Gguf,
    architecture: Architecture,
    decoder: Decoder,
    float: ElementType,
}

impl Planner<'_> {
    fn wrong(&self, name: &str) -> FormatError {
        let what = format!("tensor `{name}` has no place in a model of this architecture");
        FormatError::new(self.file.path(), what, "is the file of a newer kind?")
    }

    /// The tensors that one of the file becomes: none for the second and later of several that become one.
    fn targets(&self, name: &str, tensor: &BlockTensor<'_>) -> Result<Vec<Target>, FormatError> {
        let (short, is_bias) = match (name.strip_suffix(".weight"), name.strip_suffix(".bias")) {
            (Some(short), _) => (short, false),
            (None, Some(short)) => (short, true),
            (None, None) => return Err(self.wrong(name)),
        };
        let place = place(self.architecture.family, short).ok_or_else(|| self.wrong(name))?;
        let part = |rows: Range<usize>| Part { source: name.into(), block: tensor.block, rows };
        let rows = rows(tensor.shape, is_bias);
        let axes = match (&place, is_bias) {
            (_, true) => 1..2,
            (Place::Module(_), false) => 1..4,
            (Place::Fused(_) | Place::Expert(..), false) => 2..3,
        };
        // A bias is read number by number, which blocks of several are not.
        if !axes.contains(&tensor.shape.len()) || is_bias && tensor.block.bytes_of(&[1]).is_none() {
            return Err(self.wrong(name));
        }
        match place {
            Place::Module(module) => {
                let shape = tensor.shape.to_vec();
                Ok(vec![self.target(name, module, is_bias, vec![part(0..rows)], shape)?])
            }
            Place::Fused(prefix) => {
                let style = &self.decoder.attention;
                let [q, k] = [style.heads, style.kv_heads].map(|heads| heads * style.head_dim);
                if rows != q + 2 * k {
                    return Err(self.wrong(name));
                }
                let pieces = [("q_proj", 0..q), ("k_proj", q..q + k), ("v_proj", q + k..rows)];
                let split = pieces.map(|(own, rows)| {
                    let mut shape = tensor.shape.to_vec();
                    shape[0] = rows.len();
                    self.target(name, format!("{prefix}{own}"), is_bias, vec![part(rows)], shape)
                });
                split.into_iter().collect()
            }
            // All of them, where the first is met.
            Place::Expert(module, 0) => {
                let experts = self.experts();
                let stem = short.strip_suffix('0').unwrap_or(short);
                let mut parts = Vec::new();
                for expert in 0..experts {
                    let source = format!("{stem}{expert}.weight");
                    let one = self.file.tensor(&source).ok_or_else(|| {
                        let what = format!("tensor `{source}` is missing");
                        FormatError::new(self.file.path(), what, "is the file complete?")
                    })?;
                    if one.shape != tensor.shape {
                        return Err(self.wrong(&source));
                    }
                    parts.push(Part { source, block: one.block, rows: 0..rows });
                }
                let shape = [&[experts], tensor.shape].concat();
                Ok(vec![self.target(name, module, is_bias, parts, shape)?])
            }
            Place::Expert(_, expert) if expert < self.experts() => Ok(Vec::new()),
            Place::Expert(..) => Err(self.wrong(name)),
        }
    }

    fn experts(&self) -> usize {
        let experts = self.decoder.feed_forward.iter().filter_map(|part| match part {
            FeedForward::Experts(experts) => Some(experts.shape.experts),
            _ => None,
        });
        experts.max().unwrap_or(0)
    }

    fn target(
        &self,
        name: &str,
        module: String,
        is_bias: bool,
        parts: Vec<Part>,
        shape: Vec<usize>,
    ) -> Result<Target, FormatError> {
        let is = |ends: &[&str]| ends.iter().any(|end| module.ends_with(end));
        let steers = is(&[STEERING]);
        if is_bias && !steers && !self.has_bias(is) {
            let what = format!("tensor `{name}` is a bias that models of this architecture lack");
            return Err(FormatError::new(self.file.path(), what, "is the file of a newer kind?"));
        }
        let is_norm = shape.len() == 1 && !is_bias;
        Ok(Target {
            head: (self.architecture.reordered && is(&["q_proj", "k_proj"]))
                .then_some(self.decoder.attention.head_dim),
            less: if is_norm { self.architecture.in_norms } else { 0.0 },
            float: if steers { ElementType::F32 } else { self.float },
            module,
            is_bias,
            parts,
            shape,
        })
    }

    /// Whether the model reads a bias of that module.
    fn has_bias(&self, is: impl Fn(&[&str]) -> bool) -> bool {
        let style = &self.decoder.attention;
        let in_mlp = |part: &FeedForward| matches!(part, FeedForward::Gated { bias: true, .. });
        is(&["q_proj", "k_proj", "v_proj"]) && style.bias
            || is(&["o_proj"]) && style.output_bias
            || is(&["gate_proj", "up_proj", "down_proj"])
                && self.decoder.feed_forward.iter().all(in_mlp)
    }
}

/// Rows of a tensor: a bias has rows of one element.
fn rows(shape: &[usize], is_bias: bool) -> usize {
    match (is_bias, shape.split_last()) {
        (false, Some((_, rows))) => rows.iter().product(),
        _ => shape.iter().product(),
    }
}

impl Target {
    /// The affine form that it is written in: weights of modules that multiply, all of whose parts have it.
    fn affine(&self) -> Option<Affine> {
        let first = self.parts.first()?.block.affine();
        let alike = self.parts.iter().all(|part| part.block.affine() == first);
        first.filter(|_| alike && !self.is_bias && self.shape.len() >= 2)
    }

    /// Whether the rows that are reordered are those of whole heads.
    fn is_whole(&self) -> bool {
        let whole =
            |head: usize| self.parts.iter().all(|part| part.rows.len().is_multiple_of(head));
        self.head.is_none_or(|head| head % 2 == 0 && whole(head))
    }

    /// Elements of a row.
    fn depth(&self) -> usize {
        if self.is_bias { 1 } else { self.shape.last().copied().unwrap_or(1) }
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
        match self.is_bias {
            true if self.module.ends_with(STEERING) => self.module.clone(),
            true => format!("{}.bias", self.module),
            false => format!("{}.weight", self.module),
        }
    }

    fn outlines(&self) -> Vec<Outline> {
        match self.affine() {
            Some(affine) => Outline::packed(&self.module, &self.shape, affine, self.float).into(),
            None => {
                let (name, mut shape) = (self.float_name(), self.shape.clone());
                // Convolutions have an axis more, as MLX holds them.
                if self.module.ends_with(".conv.conv") {
                    shape.push(1);
                }
                vec![Outline { name, dtype: self.float, shape }]
            }
        }
    }
}
