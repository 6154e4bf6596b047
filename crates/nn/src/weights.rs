//! From the tensors of a checkpoint to modules on a device.

use crate::{
    DType, DenseLinear, Embedding, Error, ExpertLinear, Kernels, QuantizedLinear, Result, RmsNorm,
    Runtime, Slot, Tensor,
};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use tilewright_formats::{AffineWeight, Checkpoint, ElementType, FormatError, StoredTensor};

/// The weights of a checkpoint as modules: packed where they are packed, floats where they are floats. A weight whose
/// type is that of the model's arithmetic stays in its file; others are converted.
pub struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    kernels: Kernels,
    dtype: DType,
    /// The tensors that modules were made of.
    used: RefCell<BTreeSet<String>>,
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
        let told = || {
            let scales = "model.embed_tokens.scales";
            let name =
                if checkpoint.contains(scales) { scales } else { "model.embed_tokens.weight" };
            let stored = checkpoint.tensor(name).map_err(wrong)?;
            match stored.dtype.is_float() {
                true => Ok(dtype_of(stored.dtype)),
                false => Err(not_floats(checkpoint, &stored)),
            }
        };
        let dtype = dtype.map_or_else(told, Ok)?;
        let used = RefCell::default();
        Ok(Weights { checkpoint, kernels: Kernels::new(runtime), dtype, used })
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
        self.checkpoint.contains(name)
    }

    /// The tensors of the checkpoint that no module was made of.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.checkpoint.names().filter(|name| !used.contains(*name)).map(String::from).collect()
    }

    /// A linear layer `[columns, depth]`, with the tensor `<path>.bias` if `bias`.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape, or the device has no memory for it.
    pub fn linear(&self, path: &str, shape: [usize; 2], bias: bool) -> Result<Slot> {
        let bias = match bias {
            true => Some(self.floats(&format!("{path}.bias"), &shape[..1])?),
            false => None,
        };
        Ok(match self.affine(path, &shape)? {
            Some((packed, format)) => {
                Box::new(QuantizedLinear::new(&self.kernels, packed, format, bias)?)
            }
            None => {
                let weight = self.floats(&format!("{path}.weight"), &shape)?;
                Box::new(DenseLinear::new(&self.kernels, weight, bias)?)
            }
        })
    }

    /// An embedding `[entries, features]` whose vectors are multiplied with `scale`.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn embedding(&self, path: &str, shape: [usize; 2], scale: Option<f64>) -> Result<Slot> {
        Ok(Box::new(match self.affine(path, &shape)? {
            Some((packed, format)) => Embedding::quantized(&self.kernels, packed, format, scale)?,
            None => {
                let table = self.floats(&format!("{path}.weight"), &shape)?;
                Embedding::dense(&self.kernels, table, scale)?
            }
        }))
    }

    /// A norm over `features`; `offset` is added to its stored weight.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn rms_norm(&self, path: &str, features: usize, eps: f64, offset: f64) -> Result<Slot> {
        let mut weight = self.floats(&format!("{path}.weight"), &[features])?;
        if offset != 0.0 {
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
        if let Some((packed, format)) = self.affine(stacked, &shape)? {
            return ExpertLinear::quantized(&self.kernels, packed, format, k);
        }
        let name = format!("{stacked}.weight");
        if self.contains(&name) {
            return ExpertLinear::dense(&self.kernels, self.floats(&name, &shape)?, k);
        }
        let [experts, columns, depth] = shape;
        let parts: Vec<StoredTensor> = (0..experts)
            .map(|expert| self.stored(&format!("{}.weight", each(expert)), &[columns, depth]))
            .collect::<Result<_>>()?;
        let mut bytes = Vec::new();
        for part in &parts {
            if part.dtype != parts[0].dtype {
                let (name, dtype) = (&part.name, part.dtype);
                let what = format!("`{name}` is of type {dtype}, the other experts are not");
                return Err(self.fault(what, "store all experts of a layer in one type"));
            }
            bytes.extend_from_slice(part.bytes());
        }
        let dtype = dtype_of(parts.first().map_or(ElementType::F32, |part| part.dtype));
        let weight = Tensor::from_bytes(dtype, &shape, &bytes)?.to(self.dtype)?;
        ExpertLinear::dense(&self.kernels, weight.on(self.kernels.runtime())?, k)
    }

    /// A tensor of floats of that shape, in the model's type on the device.
    ///
    /// # Errors
    /// As [`linear`](Self::linear).
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let stored = self.stored(name, shape)?;
        self.place(&stored)
    }

    /// The words, scales and biases of a packed weight, and their format.
    fn affine(
        &self,
        path: &str,
        shape: &[usize],
    ) -> Result<Option<([Tensor; 3], tilewright_formats::Affine)>> {
        let Some(packed) = self.checkpoint.affine(path, shape).map_err(wrong)? else {
            return Ok(None);
        };
        let AffineWeight { weight, scales, biases, format } = packed;
        let mut used = self.used.borrow_mut();
        used.extend([&weight, &scales, &biases].map(|tensor| tensor.name.clone()));
        let words = tensor(&weight)?.on(self.kernels.runtime())?;
        Ok(Some(([words, self.place(&scales)?, self.place(&biases)?], format)))
    }

    /// A tensor of the checkpoint, its shape and that it holds floats checked.
    fn stored(&self, name: &str, shape: &[usize]) -> Result<StoredTensor> {
        let stored = self.checkpoint.tensor(name).map_err(wrong)?;
        if stored.shape != shape {
            let what = format!(
                "`{name}` has shape {:?}, but config.json makes it {shape:?}",
                stored.shape
            );
            return Err(self.fault(what, "is the config.json that of these weights?"));
        }
        if !stored.dtype.is_float() {
            return Err(not_floats(self.checkpoint, &stored));
        }
        self.used.borrow_mut().insert(name.to_string());
        Ok(stored)
    }

    /// Floats in the model's type on the device.
    fn place(&self, stored: &StoredTensor) -> Result<Tensor> {
        tensor(stored)?.to(self.dtype)?.on(self.kernels.runtime())
    }

    fn fault(&self, what: String, next: &str) -> Error {
        Error::failure(format!("{}: {what}", self.checkpoint.directory().display())).help(next)
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
