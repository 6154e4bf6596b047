//! From the tensors of a checkpoint to modules on a device.

use crate::random::RandomWeights;
use crate::{
    DType, DenseLinear, Embedding, Error, ExpertLinear, Kernels, QuantizedLinear, Result, RmsNorm,
    Runtime, Slot, Tensor,
};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tilewright_formats::{
    Affine, AffineWeight, Checkpoint, ElementType, FormatError, StoredTensor,
};

/// The weights of a checkpoint as modules: packed where they are packed, floats where they are floats. A weight whose
/// type is that of the model's arithmetic stays in its file; others are converted.
pub struct Weights<'a> {
    source: Source<'a>,
    kernels: Kernels,
    dtype: DType,
    /// Tensors are copied out of their files.
    copied: bool,
    /// The tensors that modules were made of.
    used: RefCell<BTreeSet<String>>,
    /// The modules that were made.
    parts: RefCell<Vec<Part>>,
    /// The embedding and its path: a head that is tied to it has the same weight.
    table: RefCell<Option<(String, Weight)>>,
}

/// Where weights come from.
enum Source<'a> {
    Checkpoint(&'a Checkpoint),
    /// The same, checked and listed, but empty: no weight is read.
    Listed(&'a Checkpoint),
    Random(RandomWeights),
}

/// A module with weights, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its path; that of the stacked experts where a checkpoint has them one by one.
    pub path: String,
    /// What it is.
    pub kind: PartKind,
    /// The shape of its weight.
    pub shape: Vec<usize>,
    /// True when the tensor `<path>.bias` belongs to it.
    pub bias: bool,
    /// The path of each expert, where a checkpoint has them one by one.
    pub each: Vec<String>,
    /// Bytes of all its tensors.
    pub bytes: usize,
}

/// What a module with weights is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A linear layer.
    Linear,
    /// A table of vectors.
    Embedding,
    /// The weight of a norm.
    Norm,
    /// One projection of all experts, of which a token takes this many.
    Experts(usize),
}

impl<'a> Weights<'a> {
    /// The weights of `checkpoint` for `runtime`. Arithmetic between kernels is in `dtype`, or in the type of the
    /// checkpoint's own floats.
    ///
    /// # Errors
    /// When the checkpoint has no embedding to tell the type.
    pub fn new(
        checkpoint: &'a Checkpoint,
        runtime: Arc<Runtime>,
        dtype: Option<DType>,
    ) -> Result<Weights<'a>> {
        let dtype = dtype.map_or_else(|| told(checkpoint), Ok)?;
        Ok(Weights::of(Source::Checkpoint(checkpoint), runtime, dtype))
    }

    /// Modules that fit `checkpoint`, every tensor checked but none of them read: what is built of them tells its
    /// [`parts`](Self::parts) and cannot run; any device will do.
    ///
    /// # Errors
    /// When the checkpoint has no embedding to tell the type.
    pub fn listed(checkpoint: &'a Checkpoint, runtime: Arc<Runtime>) -> Result<Weights<'a>> {
        let dtype = told(checkpoint)?;
        Ok(Weights::of(Source::Listed(checkpoint), runtime, dtype))
    }

    /// Random weights, which need no file. Arithmetic between kernels is in `dtype`; weights whose rows divide into
    /// groups are packed, if a format is given.
    pub fn random(runtime: Arc<Runtime>, dtype: DType, format: Option<Affine>) -> Weights<'a> {
        Weights::of(Source::Random(RandomWeights::new(dtype, format)), runtime, dtype)
    }

    fn of(source: Source<'a>, runtime: Arc<Runtime>, dtype: DType) -> Weights<'a> {
        let (used, parts, table) = Default::default();
        // What memory hardly holds is better left to the system, which reads it again when it is used.
        let copied = runtime.copies_pay()
            && matches!(source, Source::Checkpoint(checkpoint)
                if size_of_all(checkpoint) <= runtime.caps().memory / 2);
        Weights { source, kernels: Kernels::new(runtime), dtype, copied, used, parts, table }
    }

    /// The kernels that modules are made with.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// The kernels, for the model that is made with them.
    pub fn into_kernels(self) -> Kernels {
        self.kernels
    }

    /// The type of the arithmetic between kernels.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// True when the checkpoint holds a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.checkpoint().is_some_and(|checkpoint| checkpoint.contains(name))
    }

    /// The tensors of the checkpoint that no module was made of.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let names = self.checkpoint().into_iter().flat_map(Checkpoint::names);
        names.filter(|name| !used.contains(*name)).map(String::from).collect()
    }

    /// The modules that were made so far, in order.
    pub fn parts(&self) -> Vec<Part> {
        self.parts.borrow().clone()
    }

    fn checkpoint(&self) -> Option<&'a Checkpoint> {
        match self.source {
            Source::Checkpoint(checkpoint) | Source::Listed(checkpoint) => Some(checkpoint),
            Source::Random(_) => None,
        }
    }

    /// A linear layer `[columns, depth]`, with the tensor `<path>.bias` if `bias`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape, or the device has no memory for it.
    pub fn linear(&self, path: &str, shape: [usize; 2], bias: bool) -> Result<Slot> {
        let own = match bias {
            true => Some(self.floats(&format!("{path}.bias"), &shape[..1])?),
            false => None,
        };
        let table = self.table.borrow().as_ref().filter(|(of, _)| of == path).cloned();
        let weight = match table {
            Some((_, weight)) => weight,
            None => self.weight(path, &shape)?,
        };
        let bytes = weight.bytes() + own.as_ref().map_or(0, size);
        self.made(path, PartKind::Linear, &shape, bytes);
        if let (true, Some(part)) = (bias, self.parts.borrow_mut().last_mut()) {
            part.bias = true;
        }
        Ok(match weight {
            Weight::Packed(packed, format) => {
                Box::new(QuantizedLinear::new(&self.kernels, packed, format, own)?)
            }
            Weight::Dense(weight) => Box::new(DenseLinear::new(&self.kernels, weight, own)?),
        })
    }

    /// An embedding `[entries, features]` whose vectors are multiplied with `scale`.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn embedding(&self, path: &str, shape: [usize; 2], scale: Option<f64>) -> Result<Slot> {
        let weight = self.weight(path, &shape)?;
        self.made(path, PartKind::Embedding, &shape, weight.bytes());
        *self.table.borrow_mut() = Some((path.to_string(), weight.clone()));
        Ok(Box::new(match weight {
            Weight::Packed(packed, format) => {
                Embedding::quantized(&self.kernels, packed, format, scale)?
            }
            Weight::Dense(table) => Embedding::dense(&self.kernels, table, scale)?,
        }))
    }

    /// A norm over `features`; `offset` is added to its stored weight.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn rms_norm(&self, path: &str, features: usize, eps: f64, offset: f64) -> Result<Slot> {
        let mut weight = self.floats(&format!("{path}.weight"), &[features])?;
        self.made(path, PartKind::Norm, &[features], size(&weight));
        if offset != 0.0 && !weight.is_empty() {
            let shifted: Vec<f64> = weight.to_f64()?.iter().map(|w| w + offset).collect();
            weight = Tensor::from_f64(self.dtype, &[features], &shifted)?;
            weight = weight.on(self.kernels.runtime())?;
        }
        Ok(Box::new(RmsNorm::new(&self.kernels, weight, eps)?))
    }

    /// One projection `[experts, columns, depth]` of all experts, of which each token takes `k`: the module at
    /// `stacked` where the checkpoint has one, or the modules that `each` names, put together.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn experts(
        &self,
        stacked: &str,
        each: impl Fn(usize) -> String,
        shape: [usize; 3],
        k: usize,
    ) -> Result<ExpertLinear> {
        let whole = self.contains(&format!("{stacked}.scales"))
            || self.contains(&format!("{stacked}.weight"))
            || matches!(self.source, Source::Random(_));
        let (weight, each) = match whole {
            true => (self.weight(stacked, &shape)?, Vec::new()),
            false => {
                // The first that is missing ends the list, however many are declared.
                let named = |expert: usize| {
                    let path = each(expert);
                    let there = self.stored(&format!("{path}.weight"), &shape[1..]);
                    there.map(|_| path)
                };
                let each = (0..shape[0]).map(named).collect::<Result<Vec<String>>>()?;
                (Weight::Dense(self.joined(&each, shape)?), each)
            }
        };
        self.made(stacked, PartKind::Experts(k), &shape, weight.bytes());
        if let Some(part) = self.parts.borrow_mut().last_mut() {
            part.each = each;
        }
        match weight {
            Weight::Packed(packed, format) => {
                ExpertLinear::quantized(&self.kernels, packed, format, k)
            }
            Weight::Dense(weight) => ExpertLinear::dense(&self.kernels, weight, k),
        }
    }

    /// The weights of all experts as one tensor.
    fn joined(&self, each: &[String], shape: [usize; 3]) -> Result<Tensor> {
        let [_, columns, depth] = shape;
        let parts: Vec<StoredTensor> = each
            .iter()
            .map(|path| self.stored(&format!("{path}.weight"), &[columns, depth]))
            .collect::<Result<_>>()?;
        for part in &parts {
            if part.dtype != parts[0].dtype {
                let (name, dtype) = (&part.name, part.dtype);
                let what = format!("`{name}` is of type {dtype}, the other experts are not");
                return Err(self.fault(what, "store all experts of a layer in one type"));
            }
        }
        if matches!(self.source, Source::Listed(_)) {
            return nothing(self.dtype);
        }
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.bytes().len()).sum());
        parts.iter().for_each(|part| bytes.extend_from_slice(part.bytes()));
        let dtype = dtype_of(parts.first().map_or(ElementType::F32, |part| part.dtype));
        let weight = Tensor::from_bytes(dtype, &shape, &bytes)?.to(self.dtype)?;
        weight.on(self.kernels.runtime())
    }

    /// A tensor of floats of that shape, in the model's type on the device.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        match &self.source {
            Source::Random(random) => random.floats(self.kernels.runtime(), name, shape),
            Source::Checkpoint(_) | Source::Listed(_) => self.place(&self.stored(name, shape)?),
        }
    }

    /// The weight of a module, `[.., columns, depth]`, packed where it is.
    fn weight(&self, path: &str, shape: &[usize]) -> Result<Weight> {
        let packed = match &self.source {
            Source::Random(random) => random.packed(self.kernels.runtime(), shape)?,
            Source::Checkpoint(checkpoint) | Source::Listed(checkpoint) => {
                match checkpoint.affine(path, shape).map_err(wrong)? {
                    Some(packed) => Some(self.place_packed(packed)?),
                    None => None,
                }
            }
        };
        match packed {
            Some((packed, format)) => Ok(Weight::Packed(packed, format)),
            None => Ok(Weight::Dense(self.floats(&format!("{path}.weight"), shape)?)),
        }
    }

    /// The words, scales and biases of a packed weight on the device.
    fn place_packed(&self, packed: AffineWeight) -> Result<([Tensor; 3], Affine)> {
        let AffineWeight { weight, scales, biases, format } = packed;
        let mut used = self.used.borrow_mut();
        used.extend([&weight, &scales, &biases].map(|tensor| tensor.name.clone()));
        let words = match self.source {
            Source::Listed(_) => nothing(DType::U32)?,
            _ => self.tensor(&weight)?.on(self.kernels.runtime())?,
        };
        Ok(([words, self.place(&scales)?, self.place(&biases)?], format))
    }

    /// A tensor of the checkpoint, its shape and that it holds floats checked.
    fn stored(&self, name: &str, shape: &[usize]) -> Result<StoredTensor> {
        let Some(checkpoint) = self.checkpoint() else {
            return Err(Error::failure(format!("there is no checkpoint to hold `{name}`")));
        };
        let stored = checkpoint.tensor(name).map_err(wrong)?;
        if stored.shape != shape {
            let what = format!(
                "`{name}` has shape {:?}, but config.json makes it {shape:?}",
                stored.shape
            );
            return Err(self.fault(what, "is the config.json that of these weights?"));
        }
        if !stored.dtype.is_float() {
            return Err(not_floats(checkpoint, &stored));
        }
        self.used.borrow_mut().insert(name.to_string());
        Ok(stored)
    }

    /// A tensor of the checkpoint: over the bytes of its file, or a copy of them where that pays and memory is plenty.
    fn tensor(&self, stored: &StoredTensor) -> Result<Tensor> {
        if !self.copied {
            return tensor(stored);
        }
        let runtime = self.kernels.runtime();
        let dtype = dtype_of(stored.dtype);
        let mut copied = |range| stored.release(range);
        Tensor::copied_from(runtime, dtype, &stored.shape, stored.bytes(), &mut copied)
    }

    /// Floats in the model's type on the device.
    fn place(&self, stored: &StoredTensor) -> Result<Tensor> {
        match self.source {
            Source::Listed(_) => nothing(self.dtype),
            _ => self.tensor(stored)?.to(self.dtype)?.on(self.kernels.runtime()),
        }
    }

    fn made(&self, path: &str, kind: PartKind, shape: &[usize], bytes: usize) {
        let (path, shape, each) = (path.to_string(), shape.to_vec(), Vec::new());
        self.parts.borrow_mut().push(Part { path, kind, shape, bias: false, each, bytes });
    }

    fn fault(&self, what: String, next: &str) -> Error {
        let directory = self.checkpoint().map_or(Path::new(""), Checkpoint::directory);
        Error::failure(format!("{}: {what}", directory.display())).help(next)
    }
}

/// A weight on the device.
#[derive(Clone)]
enum Weight {
    Packed([Tensor; 3], Affine),
    Dense(Tensor),
}

impl Weight {
    fn bytes(&self) -> usize {
        match self {
            Weight::Packed(tensors, _) => tensors.iter().map(size).sum(),
            Weight::Dense(tensor) => size(tensor),
        }
    }
}

/// Bytes of all tensors of a checkpoint.
fn size_of_all(checkpoint: &Checkpoint) -> u64 {
    let stored = checkpoint.names().filter_map(|name| checkpoint.tensor(name).ok());
    stored.map(|stored| stored.bytes().len() as u64).sum()
}

fn size(tensor: &Tensor) -> usize {
    tensor.len() * tensor.dtype().size()
}

/// The tensor of a weight that is only listed.
fn nothing(dtype: DType) -> Result<Tensor> {
    Tensor::zeros(dtype, &[0])
}

/// The type of a checkpoint's own floats.
fn told(checkpoint: &Checkpoint) -> Result<DType> {
    let scales = "model.embed_tokens.scales";
    let name = if checkpoint.contains(scales) { scales } else { "model.embed_tokens.weight" };
    let stored = checkpoint.tensor(name).map_err(wrong)?;
    match stored.dtype.is_float() {
        true => Ok(dtype_of(stored.dtype)),
        false => Err(not_floats(checkpoint, &stored)),
    }
}

/// A tensor over the bytes of its file.
fn tensor(stored: &StoredTensor) -> Result<Tensor> {
    let (file, range) = stored.shared();
    // SAFETY: the bytes are a mapped or owned file's, which lives as long as the tensor holds it; nothing here writes
    // to it, and that nobody else does is what `TensorFile::map` asks for.
    unsafe { Tensor::from_shared(dtype_of(stored.dtype), &stored.shape, file, range) }
}

fn dtype_of(element: ElementType) -> DType {
    match element {
        ElementType::Bool => DType::Bool,
        ElementType::I8 => DType::I8,
        ElementType::U8 => DType::U8,
        ElementType::I32 => DType::I32,
        ElementType::U32 => DType::U32,
        ElementType::F16 => DType::F16,
        ElementType::BF16 => DType::BF16,
        ElementType::F32 => DType::F32,
    }
}

fn not_floats(checkpoint: &Checkpoint, stored: &StoredTensor) -> Error {
    let (directory, name, dtype) = (checkpoint.directory().display(), &stored.name, stored.dtype);
    Error::failure(format!("{directory}: `{name}` is of type {dtype}, but no float"))
        .help("packed weights need their `.scales` beside them and `quantization` in config.json")
}

/// An error of the files as one of ours.
fn wrong(error: FormatError) -> Error {
    Error::failure(error.to_string()).help(error.next)
}
