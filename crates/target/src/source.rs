//! Kernels written in a GPU's own language: a body for each, with declared inputs and outputs. The signature is written
//! around it as MLX writes it, so that bodies made for `mx.fast.metal_kernel` and `mx.fast.cuda_kernel` run unchanged.

use crate::c::KEYWORDS;
use crate::{Region, TargetError, contiguous_strides};
use tilewright_ir::DType;

/// A kernel with a body in one or both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceKernel {
    /// Its name, an identifier.
    pub name: String,
    /// Names of the inputs, identifiers.
    pub inputs: Vec<String>,
    /// Names of the outputs, identifiers.
    pub outputs: Vec<String>,
    /// For Apple's GPUs.
    pub metal: Option<Body>,
    /// For NVIDIA's.
    pub cuda: Option<Body>,
    /// Inputs are copied into row-major order where they are not. Without it the body finds its way by the injected
    /// `<input>_strides`.
    pub ensure_row_contiguous: bool,
    /// Outputs are atomic: `device atomic<float>*`.
    pub atomic_outputs: bool,
    /// Bytes of dynamic shared memory that the CUDA body declares: `extern __shared__ float held[]`.
    pub shared_memory: usize,
    /// Inputs and outputs whose elements have a type that tensors do not have.
    pub wide: Vec<(String, Wide)>,
}

/// A type of elements that tensors do not have. A tensor of halves stands for one of these: its last axis, of extent 2, holds
/// the lower and the upper half of an element, as they lie in memory, and the body does not see that axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wide {
    /// Signed, of 16 bits: halves of 8.
    I16,
    /// Unsigned, of 16 bits: halves of 8.
    U16,
    /// Signed, of 64 bits: halves of 32.
    I64,
    /// Unsigned, of 64 bits: halves of 32.
    U64,
}

impl Wide {
    /// Its name in both languages, as MLX spells it.
    pub fn name(self) -> &'static str {
        match self {
            Wide::I16 => "int16_t",
            Wide::U16 => "uint16_t",
            Wide::I64 => "int64_t",
            Wide::U64 => "uint64_t",
        }
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Wide::I16 | Wide::U16 => 2,
            Wide::I64 | Wide::U64 => 8,
        }
    }
}

/// The text of a kernel in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The statements of the kernel. `<input>_shape`, `<input>_strides` and `<input>_ndim` are injected where it names
    /// them, and so are Metal's attributes by their own names.
    pub source: String,
    /// What stands before the kernel.
    pub header: String,
}

/// What a name in a body stands for. Another value is another compiled kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// A type.
    Dtype(DType),
    /// A type that tensors do not have.
    Wide(Wide),
    /// A whole number.
    Int(i32),
    /// A truth value.
    Bool(bool),
}

/// A tensor of a launch.
#[derive(Clone, Copy)]
pub struct SourceTensor<'a> {
    /// Where its elements lie.
    pub region: Region<'a>,
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub shape: &'a [usize],
    /// What two elements along the last axis are to the body, if not two.
    pub wide: Option<Wide>,
}

/// One launch.
#[derive(Clone, Copy)]
pub struct SourceLaunch<'a> {
    /// What the body's template names stand for.
    pub template: &'a [(&'a str, Template)],
    /// Threads, not groups, along each axis, as MLX counts.
    pub grid: [usize; 3],
    /// Threads of a group along each axis; the last group of an axis may have fewer.
    pub group: [usize; 3],
    /// One an input, in order.
    pub inputs: &'a [SourceTensor<'a>],
    /// One an output, in order; row-major.
    pub outputs: &'a [SourceTensor<'a>],
}

impl SourceKernel {
    /// The type of the elements of an input or output, where it is none that tensors have.
    pub fn wide(&self, name: &str) -> Option<Wide> {
        self.wide.iter().find(|(named, _)| named == name).map(|(_, wide)| *wide)
    }

    /// The error of a device for which the kernel has no body.
    pub fn no_body(&self, device: &str) -> TargetError {
        let has = match (&self.metal, &self.cuda) {
            (Some(_), Some(_)) => "Metal and CUDA",
            (Some(_), None) => "Metal",
            (None, Some(_)) => "CUDA",
            (None, None) => "nothing",
        };
        let what = format!("has no body for {device}; it is written for {has}");
        TargetError::Unsupported { program: self.name.clone(), what }
    }
}

/// A parameter of the signature that is written around a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The elements of that input.
    Input(usize),
    /// Its shape, as 32-bit integers.
    Shape(usize),
    /// Its strides, as 64-bit integers.
    Strides(usize),
    /// Its number of axes, as a 32-bit integer.
    Rank(usize),
    /// The elements of that output.
    Output(usize),
}

impl Slot {
    /// The bytes of what is injected; `None` for the elements of a tensor.
    pub fn injected(self, launch: &SourceLaunch<'_>) -> Option<Vec<u8>> {
        Some(match self {
            Slot::Input(_) | Slot::Output(_) => return None,
            Slot::Shape(i) => {
                launch.inputs[i].seen().iter().flat_map(|&n| (n as i32).to_le_bytes()).collect()
            }
            Slot::Strides(i) => {
                let strides = launch.inputs[i].strides_seen().into_iter();
                strides.flat_map(|s| (s as i64).to_le_bytes()).collect()
            }
            Slot::Rank(i) => (launch.inputs[i].seen().len() as i32).to_le_bytes().to_vec(),
        })
    }

    /// The name in the body of what is injected or passed.
    pub fn name(self, kernel: &SourceKernel) -> String {
        match self {
            Slot::Input(i) => kernel.inputs[i].clone(),
            Slot::Shape(i) => format!("{}_shape", kernel.inputs[i]),
            Slot::Strides(i) => format!("{}_strides", kernel.inputs[i]),
            Slot::Rank(i) => format!("{}_ndim", kernel.inputs[i]),
            Slot::Output(i) => kernel.outputs[i].clone(),
        }
    }
}

impl SourceTensor<'_> {
    /// Its strides in elements, given or row-major.
    pub fn strides(&self) -> Vec<isize> {
        self.region.strides.map_or_else(|| contiguous_strides(self.shape), <[isize]>::to_vec)
    }

    /// The axes that the body sees: not that of the halves.
    pub fn seen(&self) -> &[usize] {
        match (self.wide, self.shape) {
            (Some(_), [whole @ .., _]) => whole,
            _ => self.shape,
        }
    }

    /// The strides of those axes, in elements as the body sees them.
    pub fn strides_seen(&self) -> Vec<isize> {
        let mut strides = self.strides();
        if self.wide.is_some() {
            strides.pop();
            strides.iter_mut().for_each(|stride| *stride /= 2);
        }
        strides
    }

    /// Bytes of an element as the body sees it.
    pub fn element(&self) -> usize {
        self.wide.map_or(self.dtype.size(), Wide::size)
    }

    /// Whether it is one of halves, where it stands for one of whole elements; what it should be, if not.
    pub fn check_halves(&self) -> Result<(), String> {
        let Some(wide) = self.wide else { return Ok(()) };
        let fits = !self.dtype.is_float() && self.dtype != DType::Bool;
        let (name, bits) = (wide.name(), 4 * wide.size());
        if !fits || 2 * self.dtype.size() != wide.size() || self.shape.last() != Some(&2) {
            let (dtype, shape) = (self.dtype, tilewright_ir::bind::show_shape(self.shape));
            return Err(format!(
                "is {dtype}{shape}: elements of {name} are halves of {bits} bits along a last axis of 2"
            ));
        }
        let strides = self.strides();
        let (halves, others) = strides.split_last().unwrap_or((&1, &[]));
        let whole =
            others.iter().all(|stride| stride % 2 == 0) && self.region.offset.is_multiple_of(2);
        match *halves == 1 && whole {
            true => Ok(()),
            false => Err(format!("has halves of {name} that do not lie side by side")),
        }
    }
}

/// The parameters of a body's signature in order: each input with what the body mentions of it, then the outputs.
pub fn slots(kernel: &SourceKernel, body: &Body) -> Vec<Slot> {
    let inputs = (0..kernel.inputs.len()).flat_map(|i| {
        let injected = [Slot::Shape(i), Slot::Strides(i), Slot::Rank(i)];
        let wanted = injected.into_iter().filter(|s| mentions(&body.source, &s.name(kernel)));
        std::iter::once(Slot::Input(i)).chain(wanted)
    });
    inputs.chain((0..kernel.outputs.len()).map(Slot::Output)).collect()
}

/// What is wrong with the names of a kernel and of its template arguments; nothing if they can stand in the text.
pub fn wrong_name(kernel: &SourceKernel, template: &[(&str, Template)]) -> Option<String> {
    let name = &kernel.name;
    if !is_plain(name, false) {
        return Some(format!("the kernel's name `{name}` is not made of letters, digits and `_`"));
    }
    let tensors = kernel.inputs.iter().chain(&kernel.outputs).map(String::as_str);
    let words: Vec<&str> = tensors.chain(template.iter().map(|(name, _)| *name)).collect();
    for (i, word) in words.iter().enumerate() {
        let reserved =
            KEYWORDS.contains(word) || (kernel.metal.is_some() && RESERVED_IN_METAL.contains(word));
        let injected = (0..kernel.inputs.len()).find(|&i| {
            [Slot::Shape(i), Slot::Strides(i), Slot::Rank(i)]
                .iter()
                .any(|s| s.name(kernel) == *word)
        });
        let what = match injected {
            _ if !is_plain(word, true) => "is no name".into(),
            _ if words[..i].contains(word) => "is declared twice".into(),
            _ if reserved => "is a word of the language".into(),
            Some(i) => format!("is what belongs to the input `{}`", kernel.inputs[i]),
            None => continue,
        };
        return Some(format!("`{word}` {what}"));
    }
    None
}

/// True for letters, digits and `_`, where `first` with no digit at first.
fn is_plain(word: &str, first: bool) -> bool {
    !word.is_empty()
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !(first && word.starts_with(|c: char| c.is_ascii_digit()))
}

/// Words that Metal keeps beside those of C++.
const RESERVED_IN_METAL: &[&str] =
    &["bfloat", "constant", "device", "half", "kernel", "metal", "thread", "threadgroup", "uint"];

/// The name of the kernel in the text around its body.
pub fn kernel_name(kernel: &SourceKernel) -> String {
    format!("custom_kernel_{}", kernel.name)
}

/// True when a text holds a whole word.
pub fn mentions(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
    })
}
