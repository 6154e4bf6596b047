//! The MSL around a body that somebody wrote: the signature as `mx.fast.metal_kernel` writes it.

use crate::dialect::Msl;
use crate::host::Parameter;
use tilewright_ir::DType;
use tilewright_target::TargetError;
use tilewright_target::c::Dialect;
use tilewright_target::source::{
    Slot, SourceKernel, SourceLaunch, SourceTensor, Template, Wide, kernel_name, mentions, slots,
};

/// The attributes that a body may name, those of MLX, with their types; `true` for three numbers.
const ATTRIBUTES: [(&str, bool); 20] = [
    ("dispatch_quadgroups_per_threadgroup", false),
    ("dispatch_simdgroups_per_threadgroup", false),
    ("dispatch_threads_per_threadgroup", true),
    ("grid_origin", true),
    ("grid_size", true),
    ("quadgroup_index_in_threadgroup", false),
    ("quadgroups_per_threadgroup", false),
    ("simdgroup_index_in_threadgroup", false),
    ("simdgroups_per_threadgroup", false),
    ("thread_execution_width", false),
    ("thread_index_in_quadgroup", false),
    ("thread_index_in_simdgroup", false),
    ("thread_index_in_threadgroup", false),
    ("thread_position_in_grid", true),
    ("thread_position_in_threadgroup", true),
    ("threadgroup_position_in_grid", true),
    ("threadgroups_per_grid", true),
    ("threads_per_grid", true),
    ("threads_per_simdgroup", false),
    ("threads_per_threadgroup", true),
];

/// Texts of names that MLX brings beside Metal's own; each stands before a kernel that uses one of its names.
const BESIDE: [(&[&str], &str); 6] = [
    (&["float16_t"], "typedef half float16_t;\n"),
    (&["bfloat16_t"], "typedef bfloat bfloat16_t;\n"),
    (
        &["elem_to_loc", "elem_to_loc_1", "elem_to_loc_2", "elem_to_loc_3"],
        include_str!("source/elem_to_loc.metal"),
    ),
    (&["ceildiv"], include_str!("source/ceildiv.metal")),
    (&["log1p"], include_str!("source/log1p.metal")),
    (&["Limits"], include_str!("source/limits.metal")),
];

/// Inputs of fewer elements are in the constant address space, as MLX has them.
const FEW: usize = 8;

/// A complete source, its buffers in order, and all parameters in order.
pub struct Signed {
    /// The text.
    pub text: String,
    /// What lies in each buffer.
    pub slots: Vec<Slot>,
    /// The parameters, buffers first.
    pub parameters: Vec<Parameter>,
}

/// Writes the signature around a kernel's Metal body.
///
/// # Errors
/// When it has none.
pub fn sign(kernel: &SourceKernel, launch: &SourceLaunch<'_>) -> Result<Signed, TargetError> {
    let body = kernel.metal.as_ref().ok_or_else(|| kernel.no_body("Metal"))?;
    let (mut list, mut parameters) = (Vec::new(), Vec::new());
    let slots = slots(kernel, body);
    for (index, slot) in slots.iter().enumerate() {
        let name = slot.name(kernel);
        let declared = match *slot {
            Slot::Input(i) => {
                let ty = type_of(&launch.inputs[i]);
                match launch.inputs[i].seen() {
                    [] => format!("constant const {ty}& {name}"),
                    shape if shape.iter().product::<usize>() < FEW => {
                        format!("constant const {ty}* {name}")
                    }
                    _ => format!("device const {ty}* {name}"),
                }
            }
            Slot::Shape(_) => format!("constant const int* {name}"),
            Slot::Strides(_) => format!("constant const int64_t* {name}"),
            Slot::Rank(_) => format!("constant const int& {name}"),
            Slot::Output(i) => {
                let ty = type_of(&launch.outputs[i]);
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
            Template::Wide(wide) => format!("    typedef {} {name};\n", wide.name()),
            Template::Int(n) => format!("    constexpr int {name} = {n};\n"),
            Template::Bool(b) => format!("    constexpr bool {name} = {b};\n"),
        })
        .collect();
    let uses = |word: &&str| mentions(&body.source, word) || mentions(&body.header, word);
    let beside = BESIDE.iter().filter(|(words, _)| words.iter().any(uses));
    let beside: String = beside.map(|(_, text)| *text).collect();
    // Lines are counted anew, so that the compiler's messages name those of the author.
    let text = format!(
        "#include <metal_stdlib>\nusing namespace metal;\n{beside}#line 1 \"header\"\n{}\n#line 1 \"signature\"\n\
         [[kernel]] void {}(\n    {}) {{\n{template}#line 1 \"body\"\n{}\n}}\n",
        body.header,
        kernel_name(kernel),
        list.join(",\n    "),
        body.source,
    );
    Ok(Signed { text, slots, parameters })
}

fn type_of(tensor: &SourceTensor<'_>) -> &'static str {
    tensor.wide.map_or_else(|| element_type(tensor.dtype), Wide::name)
}

fn element_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        dtype => Msl.storage_type(dtype),
    }
}
