//! From the tensors of a checkpoint to modules on a device.

mod heads;
mod taps;

use crate::linear::settle;
use crate::random::RandomWeights;
use crate::{
    DType, DenseLinear, Embedding, Error, ExpertLinear, ExpertNames, Kernels, Part, PartKind,
    QuantizedLinear, Result, RmsNorm, Runtime, Slot, Source, Tensor,
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
    source: Origin<'a>,
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

/// Which row of a stored weight each row of a weight is.
pub type Order<'o> = &'o dyn Fn(usize) -> usize;

/// Where weights come from.
enum Origin<'a> {
    Checkpoint(&'a Checkpoint),
    /// The same, checked and listed, but empty: no weight is read.
    Listed(&'a Checkpoint),
    Random(RandomWeights),
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
        Ok(Weights::of(Origin::Checkpoint(checkpoint), runtime, dtype))
    }

    /// Modules that fit `checkpoint`, every tensor checked but none of them read: what is built of them tells its
    /// [`parts`](Self::parts) and cannot run; any device will do.
    ///
    /// # Errors
    /// When the checkpoint has no embedding to tell the type.
    pub fn listed(checkpoint: &'a Checkpoint, runtime: Arc<Runtime>) -> Result<Weights<'a>> {
        let dtype = told(checkpoint)?;
        Ok(Weights::of(Origin::Listed(checkpoint), runtime, dtype))
    }

    /// Random weights, which need no file. Arithmetic between kernels is in `dtype`; weights whose rows divide into
    /// groups are packed, if a format is given.
    pub fn random(runtime: Arc<Runtime>, dtype: DType, format: Option<Affine>) -> Weights<'a> {
        Weights::of(Origin::Random(RandomWeights::new(dtype, format, false)), runtime, dtype)
    }

    /// The same of a single element each, which only tell their [`parts`](Self::parts) and bytes; any device will do.
    pub fn random_listed(
        runtime: Arc<Runtime>,
        dtype: DType,
        format: Option<Affine>,
    ) -> Weights<'a> {
        Weights::of(Origin::Random(RandomWeights::new(dtype, format, true)), runtime, dtype)
    }

    fn of(source: Origin<'a>, runtime: Arc<Runtime>, dtype: DType) -> Weights<'a> {
        let (used, parts, table) = Default::default();
        // What memory hardly holds is better left to the system, which reads it again when it is used.
        let copied = runtime.copies_pay()
            && matches!(source, Origin::Checkpoint(checkpoint)
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
            Origin::Checkpoint(checkpoint) | Origin::Listed(checkpoint) => Some(checkpoint),
            Origin::Random(_) => None,
        }
    }

    /// A linear layer `[columns, depth]`, with the tensor `<path>.bias` if `bias`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape, or the device has no memory for it.
    pub fn linear(&self, path: &str, shape: [usize; 2], bias: bool) -> Result<Slot> {
        self.linear_of(path, path, shape, bias, None)
    }

    /// As [`linear`](Self::linear), where the checkpoint has the tensors under another path.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn linear_at(
        &self,
        path: &str,
        stored: &str,
        shape: [usize; 2],
        bias: bool,
    ) -> Result<Slot> {
        self.linear_of(path, stored, shape, bias, None)
    }

    /// As [`linear`](Self::linear), where the columns of the result, rows of the stored weight, come in another `order`:
    /// column i is row `order(i)`, which must be one of as many.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn linear_ordered(
        &self,
        path: &str,
        shape: [usize; 2],
        bias: bool,
        order: Order<'_>,
    ) -> Result<Slot> {
        self.linear_of(path, path, shape, bias, Some(order))
    }

    fn linear_of(
        &self,
        path: &str,
        stored: &str,
        shape: [usize; 2],
        bias: bool,
        order: Option<Order<'_>>,
    ) -> Result<Slot> {
        let own = match bias {
            true => Some(self.floats_in(&format!("{stored}.bias"), &shape[..1], order)?),
            false => None,
        };
        let table = self.table.borrow().as_ref().filter(|(of, _)| of == path).cloned();
        let weight = match table {
            Some((_, weight)) => weight,
            None => self.weight(stored, &shape, order)?,
        };
        let bytes = weight.bytes() + own.as_ref().map_or(0, size);
        self.made(path, stored, PartKind::Linear, &shape, bytes);
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
        let mut weight = self.weight(path, &shape, None)?;
        // Products that share the table read more of it.
        if let Weight::Packed(packed, format) = &mut weight {
            settle(packed, *format);
        }
        self.made(path, path, PartKind::Embedding, &shape, weight.bytes());
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
        self.made(path, path, PartKind::Norm, &[features], size(&weight));
        if offset != 0.0 && !weight.is_empty() {
            let shifted: Vec<f64> = weight.to_f64()?.iter().map(|w| w + offset).collect();
            weight = Tensor::from_f64(self.dtype, &[features], &shifted)?;
            weight = weight.on(self.kernels.runtime())?;
        }
        Ok(Box::new(RmsNorm::new(&self.kernels, weight, eps)?))
    }

    /// The vector of floats `name` in f32, however its file has them.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn vector(&self, name: &str, features: usize) -> Result<Tensor> {
        let vector = match &self.source {
            Origin::Random(_) => Tensor::zeros(DType::F32, &[features])?,
            Origin::Checkpoint(_) => self.tensor(&self.stored(name, &[features])?, None)?,
            Origin::Listed(_) => self.stored(name, &[features]).and(nothing(DType::F32))?,
        };
        let vector = vector.to(DType::F32)?.on(self.kernels.runtime())?;
        self.made(name, name, PartKind::Vector, &[features], size(&vector));
        Ok(vector)
    }

    /// One projection `[experts, columns, depth]` of all experts, of which each token takes `k`, in whichever way the
    /// checkpoint has it.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn experts(
        &self,
        names: &ExpertNames<'_>,
        shape: [usize; 3],
        k: usize,
    ) -> Result<ExpertLinear> {
        let ExpertNames { stacked, fused, each } = names;
        let there = |name: String| self.contains(&name);
        let whole = matches!(self.source, Origin::Random(_))
            || there(format!("{stacked}.scales"))
            || there(format!("{stacked}.weight"));
        let (weight, sources) = if whole {
            (self.weight(stacked, &shape, None)?, vec![Source::whole(format!("{stacked}.weight"))])
        } else if self.contains(fused.0) {
            self.fused(*fused, shape)?
        } else if there(format!("{}.scales", each(0))) {
            (self.packed_each(each, shape)?, Vec::new())
        } else {
            self.floats_each(each, shape)?
        };
        self.made(stacked, stacked, PartKind::Experts(k), &shape, weight.bytes());
        if let Some(part) = self.parts.borrow_mut().last_mut() {
            part.sources = sources;
        }
        match weight {
            Weight::Packed(packed, format) => {
                ExpertLinear::quantized(&self.kernels, packed, format, k)
            }
            Weight::Dense(weight) => ExpertLinear::dense(&self.kernels, weight, k),
        }
    }

    /// Some rows of each expert out of a tensor that has more.
    fn fused(
        &self,
        (name, rows, first): (&str, usize, usize),
        shape: [usize; 3],
    ) -> Result<(Weight, Vec<Source>)> {
        let [experts, columns, depth] = shape;
        self.stored(name, &[experts, rows, depth])?;
        if rows == columns {
            let sources = vec![Source::whole(name.into())];
            return Ok((Weight::Dense(self.floats(name, &shape)?), sources));
        }
        let of = |expert: usize| expert * rows + first..expert * rows + first + columns;
        let part = |expert| Source { tensor: name.into(), rows: Some(of(expert)) };
        let sources: Vec<Source> = (0..experts).map(part).collect();
        Ok((Weight::Dense(self.joined_floats(&sources, &shape)?), sources))
    }

    /// Floats that the checkpoint has in a module for each expert.
    fn floats_each(
        &self,
        each: impl Fn(usize) -> String,
        shape: [usize; 3],
    ) -> Result<(Weight, Vec<Source>)> {
        // The first that is missing ends the list, however many are declared.
        let named = |expert: usize| {
            let name = format!("{}.weight", each(expert));
            self.stored(&name, &shape[1..]).map(|_| Source::whole(name))
        };
        let sources = (0..shape[0]).map(named).collect::<Result<Vec<Source>>>()?;
        Ok((Weight::Dense(self.joined_floats(&sources, &shape)?), sources))
    }

    /// Packed weights that the checkpoint has in a module for each expert, as older ones of MLX.
    fn packed_each(&self, each: impl Fn(usize) -> String, shape: [usize; 3]) -> Result<Weight> {
        let Some(checkpoint) = self.checkpoint() else { return Err(no_checkpoint(&each(0))) };
        let (mut parts, mut format) = ([Vec::new(), Vec::new(), Vec::new()], None);
        for expert in 0..shape[0] {
            let path = each(expert);
            let Some(packed) = checkpoint.affine(&path, &shape[1..]).map_err(wrong)? else {
                let what = format!("`{path}` is not packed, the experts before it are");
                return Err(self.fault(what, "store all experts of a layer in one type"));
            };
            if *format.get_or_insert(packed.format) != packed.format {
                let what = format!("`{path}` is packed otherwise than the experts before it");
                return Err(self.fault(what, "pack all experts of a layer alike"));
            }
            for (list, part) in parts.iter_mut().zip([packed.weight, packed.scales, packed.biases])
            {
                self.used.borrow_mut().insert(part.name.clone());
                list.push(part);
            }
        }
        let Some(format) = format else { return Err(no_checkpoint(&each(0))) };
        let [words, scales, biases] = parts;
        let shaped = |list: &[StoredTensor]| {
            let last = list.first().and_then(|one| one.shape.last()).copied();
            [shape[0], shape[1], last.unwrap_or(0)]
        };
        let floats = |list: Vec<StoredTensor>| {
            let shape = shaped(&list);
            self.joined(&list, &shape)?.to(self.dtype)?.on(self.kernels.runtime())
        };
        let shape = shaped(&words);
        let words = self.joined(&words, &shape)?.on(self.kernels.runtime())?;
        Ok(Weight::Packed([words, floats(scales)?, floats(biases)?], format))
    }

    /// Floats out of several places as one tensor, in the model's type on the device.
    fn joined_floats(&self, sources: &[Source], shape: &[usize]) -> Result<Tensor> {
        let Some(checkpoint) = self.checkpoint() else { return Err(no_checkpoint("experts")) };
        let parts = sources.iter().map(|source| source.of(checkpoint).map_err(wrong));
        let parts = parts.collect::<Result<Vec<StoredTensor>>>()?;
        let joined = self.joined(&parts, shape)?;
        match self.source {
            Origin::Listed(_) => nothing(self.dtype),
            _ => joined.to(self.dtype)?.on(self.kernels.runtime()),
        }
    }

    /// Several tensors as one, copied: into the device's memory where that pays.
    fn joined(&self, parts: &[StoredTensor], shape: &[usize]) -> Result<Tensor> {
        for part in parts {
            if part.dtype != parts[0].dtype {
                let (name, dtype) = (&part.name, part.dtype);
                let what = format!("`{name}` is of type {dtype}, the other experts are not");
                return Err(self.fault(what, "store all experts of a layer in one type"));
            }
        }
        let dtype = dtype_of(parts.first().map_or(ElementType::F32, |part| part.dtype));
        if matches!(self.source, Origin::Listed(_)) {
            return nothing(dtype);
        }
        let runtime = self.copied.then(|| &**self.kernels.runtime());
        let pieces: Vec<&[u8]> = parts.iter().map(StoredTensor::bytes).collect();
        let mut copied = |part: usize, range| parts[part].release(range);
        Tensor::copied_from(runtime, dtype, shape, &pieces, &mut copied)
    }

    /// A tensor of floats of that shape, in the model's type on the device.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.floats_in(name, shape, None)
    }

    /// The same with its rows in that order.
    fn floats_in(&self, name: &str, shape: &[usize], order: Option<Order<'_>>) -> Result<Tensor> {
        match &self.source {
            Origin::Random(random) => random.floats(self.kernels.runtime(), name, shape),
            Origin::Checkpoint(_) | Origin::Listed(_) => {
                self.place(&self.stored(name, shape)?, order)
            }
        }
    }

    /// The weight of a module, `[.., columns, depth]`, packed where it is, with its rows in that order.
    fn weight(&self, path: &str, shape: &[usize], order: Option<Order<'_>>) -> Result<Weight> {
        let packed = match &self.source {
            Origin::Random(random) => random.packed(self.kernels.runtime(), shape)?,
            Origin::Checkpoint(checkpoint) | Origin::Listed(checkpoint) => {
                match checkpoint.affine(path, shape).map_err(wrong)? {
                    Some(packed) => Some(self.place_packed(packed, order)?),
                    None => None,
                }
            }
        };
        match packed {
            Some((packed, format)) => Ok(Weight::Packed(packed, format)),
            None => Ok(Weight::Dense(self.floats_in(&format!("{path}.weight"), shape, order)?)),
        }
    }

    /// The words, scales and biases of a packed weight on the device.
    fn place_packed(
        &self,
        packed: AffineWeight,
        order: Option<Order<'_>>,
    ) -> Result<([Tensor; 3], Affine)> {
        let AffineWeight { weight, scales, biases, format } = packed;
        let mut used = self.used.borrow_mut();
        used.extend([&weight, &scales, &biases].map(|tensor| tensor.name.clone()));
        let words = match self.source {
            Origin::Listed(_) => nothing(DType::U32)?,
            _ => self.tensor(&weight, order)?.on(self.kernels.runtime())?,
        };
        Ok(([words, self.place(&scales, order)?, self.place(&biases, order)?], format))
    }

    /// A tensor of the checkpoint, its shape and that it holds floats checked.
    fn stored(&self, name: &str, shape: &[usize]) -> Result<StoredTensor> {
        let Some(checkpoint) = self.checkpoint() else { return Err(no_checkpoint(name)) };
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

    /// A tensor of the checkpoint: over the bytes of its file, or a copy of them where that pays and memory is plenty, or
    /// where its rows come in another order.
    fn tensor(&self, stored: &StoredTensor, order: Option<Order<'_>>) -> Result<Tensor> {
        if !self.copied && order.is_none() {
            return tensor(stored);
        }
        let runtime = self.copied.then(|| &**self.kernels.runtime());
        let (dtype, shape, bytes) = (dtype_of(stored.dtype), &stored.shape, stored.bytes());
        let Some(order) = order else {
            let mut copied = |_, range| stored.release(range);
            return Tensor::copied_from(runtime, dtype, shape, &[bytes], &mut copied);
        };
        let count = shape.first().copied().unwrap_or(0);
        let rows: Vec<&[u8]> = bytes.chunks_exact((bytes.len() / count.max(1)).max(1)).collect();
        let ordered = (0..count).map(|row| rows.get(order(row)).copied());
        let Some(rows) = ordered.collect::<Option<Vec<&[u8]>>>() else {
            let what = format!("`{}` has not the {count} rows of its order", stored.name);
            return Err(self.fault(what, "is the config.json that of these weights?"));
        };
        let ordered = Tensor::copied_from(runtime, dtype, shape, &rows, &mut |_, _| {})?;
        stored.release(0..bytes.len());
        Ok(ordered)
    }

    /// Floats in the model's type on the device.
    fn place(&self, stored: &StoredTensor, order: Option<Order<'_>>) -> Result<Tensor> {
        match self.source {
            Origin::Listed(_) => nothing(self.dtype),
            _ => self.tensor(stored, order)?.to(self.dtype)?.on(self.kernels.runtime()),
        }
    }

    fn made(&self, path: &str, stored: &str, kind: PartKind, shape: &[usize], bytes: usize) {
        let tensor = if kind == PartKind::Vector { "" } else { ".weight" };
        let sources = vec![Source::whole(format!("{stored}{tensor}"))];
        let (path, shape) = (path.to_string(), shape.to_vec());
        self.parts.borrow_mut().push(Part { path, kind, shape, bias: false, sources, bytes });
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

fn no_checkpoint(name: &str) -> Error {
    Error::failure(format!("there is no checkpoint to hold `{name}`"))
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
///
/// # Errors
/// When memory for what lies at odd places, which is copied, runs out.
pub fn tensor(stored: &StoredTensor) -> Result<Tensor> {
    let (file, range) = stored.shared();
    // SAFETY: the bytes are a mapped or owned file's, which lives as long as the tensor holds it; nothing here writes
    // to it, and that nobody else does is what `TensorFile::map` asks for.
    unsafe { Tensor::from_shared(dtype_of(stored.dtype), &stored.shape, file, range) }
}

/// The dtype of a stored tensor's elements.
pub fn dtype_of(element: ElementType) -> DType {
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
