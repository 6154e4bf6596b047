//! The MSL around a body that somebody wrote: the signature as `mx.fast.metal_kernel` writes it.

use crate::dialect::Msl;
use crate::host::Parameter;
use tilewright_ir::DType;
use tilewright_target::c::Dialect;
use tilewright_target::source::{
    Body, Slot, SourceKernel, SourceLaunch, Template, kernel_name, mentions, slots,
};

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

/// A complete source, its buffers in order, and all parameters in order.
pub struct Signed {
    /// The text.
    pub text: String,
    /// What lies in each buffer.
    pub slots: Vec<Slot>,
    /// The parameters, buffers first.
    pub parameters: Vec<Parameter>,
}

/// Writes the signature around `body`.
pub fn sign(kernel: &SourceKernel, body: &Body, launch: &SourceLaunch<'_>) -> Signed {
    let (mut list, mut parameters) = (Vec::new(), Vec::new());
    let slots = slots(kernel, body);
    for (index, slot) in slots.iter().enumerate() {
        let name = slot.name(kernel);
        let declared = match *slot {
            Slot::Input(i) => {
                let ty = element_type(launch.inputs[i].dtype);
                match launch.inputs[i].shape {
                    [] => format!("constant const {ty}& {name}"),
                    _ => format!("device const {ty}* {name}"),
                }
            }
            Slot::Shape(_) => format!("constant const int* {name}"),
            Slot::Strides(_) => format!("constant const int64_t* {name}"),
            Slot::Rank(_) => format!("constant const int& {name}"),
            Slot::Output(i) => {
                let ty = element_type(launch.outputs[i].dtype);
                match kernel.atomic_outputs {
                    true => format!("device atomic<{ty}>* {name}"),
                    false => format!("device {ty}* {name}"),
                }
            }
        };
        parameters.push(match declared.contains('&') {
            true => Parameter::Reference,
            false => Parameter::Pointer,
        });
        list.push(format!("{declared} [[buffer({index})]]"));
    }
    for (name, three) in ATTRIBUTES.into_iter().filter(|(name, _)| mentions(&body.source, name)) {
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
    let helper = if mentions(&body.source, "elem_to_loc") { ELEM_TO_LOC } else { "" };
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
