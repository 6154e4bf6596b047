//! From a checkpoint of floats to one whose weights are packed, as `mlx_lm.convert` makes it: the same modules packed,
//! the same names, the same bits.
//!
//! Linear layers, embeddings and experts are packed where their rows divide into groups; norms and biases are not.
//! Experts that lie one by one are put together. One tensor is in memory at a time, the largest in pieces.

use crate::{Decoder, FeedForward, RouterFormat, describe};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tilewright_formats::{
    Affine, Checkpoint, ElementType, FormatError, Outline, Packed, Quantization, Shards,
    StoredTensor,
};
use tilewright_nn::{Error, Part, PartKind, Result, Runtime, Weights};

/// Weights that are packed at once.
const PIECE: usize = 4 << 20;

/// What a conversion will do.
pub struct Conversion<'a> {
    checkpoint: &'a Checkpoint,
    format: Affine,
    /// The type of floats, where they do not keep their own.
    dtype: Option<ElementType>,
    /// The tensors to write, and where each comes from.
    targets: Vec<Target>,
    /// Modules that are packed otherwise than the others.
    differing: Vec<(String, Affine)>,
    unused: Vec<String>,
}

/// A tensor of the checkpoint, or several in a row, under the name that they are written to.
struct Target {
    /// Without `.weight`, where it is packed.
    name: String,
    sources: Vec<StoredTensor>,
    shape: Vec<usize>,
    format: Option<Affine>,
    /// Of the floats, or of scales and biases.
    dtype: ElementType,
}

impl<'a> Conversion<'a> {
    /// Plans to pack `checkpoint`; `dtype` is that of what stays floats, and of scales and biases: by default the
    /// `torch_dtype` of its configuration, or that of each weight. Nothing runs on `runtime`.
    ///
    /// # Errors
    /// When the checkpoint is packed already, cannot run ([`crate::load`]), or `dtype` is no float.
    pub fn plan(
        checkpoint: &'a Checkpoint,
        runtime: Arc<Runtime>,
        format: Affine,
        dtype: Option<ElementType>,
    ) -> Result<Conversion<'a>> {
        if let Some(quantization) = checkpoint.quantization() {
            let Affine { bits, group } = quantization.default_format();
            let what = format!("is packed already, {bits} bits in groups of {group}");
            let error = checkpoint.config().error("quantization", &what, "");
            return Err(Error::usage(error.to_string()).help("convert the checkpoint of floats"));
        }
        let decoder = describe(checkpoint.config()).map_err(wrong)?;
        let weights = Weights::listed(checkpoint, runtime)?;
        let (parts, unused) = decoder.list(&weights)?;
        let dtype = match dtype {
            Some(dtype) if !dtype.is_float() => {
                let error = Error::usage(format!("weights of type {dtype} are no floats"));
                return Err(error.help("it is one of f32, f16, bf16"));
            }
            Some(dtype) => Some(dtype),
            None => declared(checkpoint)?,
        };
        let (targets, differing) = (Vec::new(), Vec::new());
        let mut plan = Conversion { checkpoint, format, dtype, targets, differing, unused };
        let mut seen = BTreeSet::new();
        for part in parts {
            // A tied head is the embedding once more.
            if seen.insert(part.path.clone()) {
                plan.add(&decoder, part)?;
            }
        }
        Ok(plan)
    }

    fn add(&mut self, decoder: &Decoder, part: Part) -> Result<()> {
        let stored = |name: String| self.checkpoint.tensor(&name).map_err(wrong);
        let sources = part.sources.iter().map(|source| source.of(self.checkpoint).map_err(wrong));
        let sources = sources.collect::<Result<Vec<StoredTensor>>>()?;
        let depth = part.shape.last().copied().unwrap_or(1);
        let router = router_format(decoder, &part.path);
        let own = match router {
            Some(RouterFormat::Own(own)) => Some(own),
            _ => None,
        };
        let format = match part.kind {
            PartKind::Norm | PartKind::Conv | PartKind::Vector => None,
            _ if router == Some(RouterFormat::Floats) => None,
            // mlx-lm asks whether rows divide into the groups of the others, then packs as it packs routers.
            _ if !depth.is_multiple_of(self.format.group) => None,
            _ => own.or(Some(self.format)).filter(|own| depth.is_multiple_of(own.group)),
        };
        if let (Some(own), Some(_)) = (own, format) {
            self.differing.push((part.path.clone(), own));
        }
        let bias = match part.bias {
            true => Some(stored(format!("{}.bias", part.path))?),
            false => None,
        };
        let (name, shape) = (part.path.clone(), part.shape);
        let stored_as = sources.first().map_or(ElementType::F32, |source| source.dtype);
        let vector = part.kind == PartKind::Vector;
        let dtype = self.dtype.filter(|_| !vector).unwrap_or(stored_as);
        let name = if format.is_some() || vector { name } else { format!("{name}.weight") };
        self.targets.push(Target { name, sources, shape, format, dtype });
        if let Some(bias) = bias {
            let (name, shape) = (format!("{}.bias", part.path), bias.shape.clone());
            let dtype = self.dtype.unwrap_or(bias.dtype);
            let sources = vec![bias];
            self.targets.push(Target { name, sources, shape, format: None, dtype });
        }
        Ok(())
    }

    /// The tensors of the checkpoint that the model does not use, and that are left out.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// The number of tensors that will be read.
    pub fn steps(&self) -> usize {
        self.targets.iter().map(|target| target.sources.len()).sum()
    }

    /// Bits of a weight, on average, scales and biases counted.
    pub fn bits_per_weight(&self) -> f64 {
        let (mut bits, mut weights) = (0.0, 0.0);
        for target in &self.targets {
            let count = target.shape.iter().product::<usize>() as f64;
            let float = target.dtype.size() as f64 * 8.0;
            weights += count;
            bits += count
                * target.format.map_or(float, |f| f.bits as f64 + 2.0 * float / f.group as f64);
        }
        bits / f64::max(weights, 1.0)
    }

    /// The text of the new `config.json`.
    pub fn config(&self) -> String {
        Quantization::declare(self.checkpoint.config(), self.format, &self.differing)
    }

    /// Writes the tensors and their index into a folder. `step` hears the name of each tensor before it is read, and
    /// may stop.
    ///
    /// # Errors
    /// When a weight is NaN or infinite, `step` stops, or the disk fails.
    pub fn write(
        &self,
        directory: &Path,
        mut step: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<()> {
        let outlines = self.targets.iter().flat_map(Target::outlines);
        let weights = self.targets.iter().map(|t| t.shape.iter().product::<usize>() as u64).sum();
        let mut shards =
            Shards::new(directory, outlines.collect(), Shards::FILE, weights).map_err(wrong)?;
        for target in &self.targets {
            let mut packed = Packed::default();
            for source in &target.sources {
                if step(&source.name).is_break() {
                    return Err(Error::failure("stopped").help("nothing was written"));
                }
                for piece in source.bytes().chunks(PIECE * source.dtype.size()) {
                    let values = self.values(source, piece, target.dtype)?;
                    match target.format {
                        None => {
                            let bytes = target.dtype.bytes(&values).unwrap_or_default();
                            shards.write(&target.name, &bytes).map_err(wrong)?;
                        }
                        Some(format) => {
                            let new = pack(format, &values);
                            let name = format!("{}.weight", target.name);
                            shards.write(&name, &new.words).map_err(wrong)?;
                            packed.scales.extend(new.scales);
                            packed.biases.extend(new.biases);
                        }
                    }
                }
            }
            if target.format.is_some() {
                for (name, values) in [("scales", &packed.scales), ("biases", &packed.biases)] {
                    let bytes = target.dtype.bytes(values).unwrap_or_default();
                    shards.write(&format!("{}.{name}", target.name), &bytes).map_err(wrong)?;
                }
            }
        }
        shards.finish().map_err(wrong)
    }

    /// Some weights of a tensor, rounded to the type of the new checkpoint.
    fn values(&self, source: &StoredTensor, piece: &[u8], dtype: ElementType) -> Result<Vec<f32>> {
        let mut values = source.dtype.floats(piece).unwrap_or_default();
        if source.dtype != dtype {
            let rounded = dtype.bytes(&values).unwrap_or_default();
            values = dtype.floats(&rounded).unwrap_or_default();
        }
        match values.iter().all(|x| x.is_finite()) {
            true => Ok(values),
            false => {
                let directory = self.checkpoint.directory().display();
                let name = &source.name;
                let what =
                    format!("{directory}: `{name}` holds NaN or what is infinite in {dtype}");
                Err(Error::failure(what).help("a weight that is no number cannot be packed"))
            }
        }
    }
}

impl Target {
    fn outlines(&self) -> Vec<Outline> {
        let (dtype, shape) = (self.dtype, &self.shape);
        match self.format {
            Some(format) => Outline::packed(&self.name, shape, format, dtype).into(),
            None => vec![Outline { name: self.name.clone(), dtype, shape: shape.clone() }],
        }
    }
}

/// Packs on every core: groups do not depend on each other.
fn pack(format: Affine, values: &[f32]) -> Packed {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = values.len().div_ceil(threads).next_multiple_of(format.group).max(format.group);
    let parts: Vec<Packed> = std::thread::scope(|scope| {
        let pieces = values.chunks(share).map(|piece| scope.spawn(move || format.quantize(piece)));
        let running: Vec<_> = pieces.collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let mut whole = Packed::default();
    for part in parts {
        whole.words.extend(part.words);
        whole.scales.extend(part.scales);
        whole.biases.extend(part.biases);
    }
    whole
}

/// How the router at `path` is packed, if it is one that is packed in its own way.
fn router_format(decoder: &Decoder, path: &str) -> Option<RouterFormat> {
    decoder.feed_forward.iter().find_map(|part| match part {
        FeedForward::Experts(experts) if path.ends_with(&format!(".{}.gate", experts.module)) => {
            Some(experts.router)
        }
        _ => None,
    })
}

/// The type that the configuration declares, where it does under the name that mlx-lm reads.
fn declared(checkpoint: &Checkpoint) -> Result<Option<ElementType>> {
    Ok(match checkpoint.config().text("torch_dtype").map_err(wrong)? {
        Some("float16") => Some(ElementType::F16),
        Some("bfloat16") => Some(ElementType::BF16),
        Some("float32") => Some(ElementType::F32),
        _ => None,
    })
}

fn wrong(error: FormatError) -> Error {
    Error::failure(error.to_string()).help(error.next)
}
