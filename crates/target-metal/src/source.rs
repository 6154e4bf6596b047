//! The MSL around a body that somebody wrote: the signature as `mx.fast.metal_kernel` writes it.

use crate::dialect::Msl;
use crate::host::Parameter;
use tilewright_ir::DType;
use tilewright_target::c::Dialect;
use tilewright_target::source::{Body, SourceKernel, SourceLaunch, Template};

/// The attributes that a body may name, with their types; `true` for three numbers.
const ATTRIBUTES: [(&str, bool); 10] = [
    ("threadgroup_position_in_grid", true),
    ("thread_position_in_threadgroup", true),
    ("thread_position_in_grid", true),
    ("threadgroups_per_grid", true),
    ("threads_per_threadgroup", true),
    ("threads_per_grid", true),
    ("thread_index_in_threadgroup", false),
    ("thread_index_in_simdgroup", false),
    ("simdgroup_index_in_threadgroup", false),
    ("simdgroups_per_threadgroup", false),
];

/// MLX's way from an element's number to its place.
const ELEM_TO_LOC: &str = "\
static inline size_t elem_to_loc(uint number, constant const int* shape, constant const int64_t* strides, int ndim) {
    size_t place = 0;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        place += (number % (uint)shape[axis]) * strides[axis];
        number /= (uint)shape[axis];
    }
    return place;
}
";

/// A buffer of the signature.
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

/// A complete source, its buffers in order, and all parameters in order.
pub struct Signed {
    /// The text.
    pub text: String,
    /// What lies in each buffer.
    pub slots: Vec<Slot>,
    /// The parameters, buffers first.
    pub parameters: Vec<Parameter>,
}

/// The kernel's name in the text.
pub fn kernel_name(kernel: &SourceKernel) -> String {
    format!("custom_kernel_{}", kernel.name)
}

/// Writes the signature around `body`.
pub fn sign(kernel: &SourceKernel, body: &Body, launch: &SourceLaunch<'_>) -> Signed {
    let (mut list, mut slots, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
    let mut add = |list: &mut Vec<String>, slot, declared: String| {
        parameters.push(match declared.contains('&') {
            true => Parameter::Reference,
            false => Parameter::Pointer,
        });
        list.push(format!("{declared} [[buffer({})]]", slots.len()));
        slots.push(slot);
    };
    for (i, (name, tensor)) in kernel.inputs.iter().zip(launch.inputs).enumerate() {
        let ty = element_type(tensor.dtype);
        match tensor.shape {
            [] => add(&mut list, Slot::Input(i), format!("constant const {ty}& {name}")),
            _ => add(&mut list, Slot::Input(i), format!("device const {ty}* {name}")),
        }
        for (slot, ty, suffix) in [
            (Slot::Shape(i), "constant const int*", "shape"),
            (Slot::Strides(i), "constant const int64_t*", "strides"),
            (Slot::Rank(i), "constant const int&", "ndim"),
        ] {
            let injected = format!("{name}_{suffix}");
            if names(&body.source, &injected) {
                add(&mut list, slot, format!("{ty} {injected}"));
            }
        }
    }
    for (i, (name, tensor)) in kernel.outputs.iter().zip(launch.outputs).enumerate() {
        let ty = element_type(tensor.dtype);
        let ty = if kernel.atomic_outputs { format!("atomic<{ty}>") } else { ty.into() };
        add(&mut list, Slot::Output(i), format!("device {ty}* {name}"));
    }
    for (name, three) in ATTRIBUTES.into_iter().filter(|(name, _)| names(&body.source, name)) {
        let ty = if three { "uint3" } else { "uint" };
        list.push(format!("{ty} {name} [[{name}]]"));
        parameters.push(Parameter::Place(name, three));
    }
    let template: String = launch
        .template
        .iter()
        .map(|(name, value)| match value {
            Template::Dtype(dtype) => format!("    typedef {} {name};\n", element_type(*dtype)),
            Template::Int(n) => format!("    constexpr int {name} = {n};\n"),
            Template::Bool(b) => format!("    constexpr bool {name} = {b};\n"),
        })
        .collect();
    let helper = if names(&body.source, "elem_to_loc") { ELEM_TO_LOC } else { "" };
    let text = format!(
        "#include <metal_stdlib>\nusing namespace metal;\n{helper}{}\n[[kernel]] void {}(\n    {}) {{\n{template}{}\n}}\n",
        body.header,
        kernel_name(kernel),
        list.join(",\n    "),
        body.source,
    );
    Signed { text, slots, parameters }
}

fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        dtype => Msl.storage_type(dtype),
    }
}

/// True when a text holds a whole word.
fn names(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
    })
}
