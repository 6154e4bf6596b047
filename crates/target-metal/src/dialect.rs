//! What MSL spells its own way.

use tilewright_ir::thread::{Builtin, MatrixShape, SharedArray, Shuffle, ThreadProgram};
use tilewright_ir::{BinaryOp, DType, ParamKind, StoreMode, UnaryOp};
use tilewright_target::c::{Dialect, is_written, kernel_name};

/// The Metal Shading Language, version 3.1 for its `bfloat`. Threads know their place by the attributes' own names, which
/// are also those that MLX injects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Msl;

impl Dialect for Msl {
    fn register_type(&self, dtype: DType) -> &'static str {
        match dtype {
            DType::Bool => "bool",
            DType::I8 => "char",
            DType::U8 => "uchar",
            DType::I32 => "int",
            DType::U32 => "uint",
            // There is no double; a program that holds one is refused before it is printed.
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => "float",
        }
    }

    fn storage_type(&self, dtype: DType) -> &'static str {
        match dtype {
            DType::F16 => "half",
            DType::BF16 => "bfloat",
            DType::Bool => "uchar",
            other => self.register_type(other),
        }
    }

    fn offset_type(&self) -> &'static str {
        "long"
    }

    fn builtin(&self, builtin: Builtin, _program: &ThreadProgram) -> String {
        match builtin {
            Builtin::Thread => "(int)thread_index_in_threadgroup".into(),
            Builtin::Lane => "(int)thread_index_in_simdgroup".into(),
            Builtin::Subgroup => "(int)simdgroup_index_in_threadgroup".into(),
            Builtin::Group(axis) => {
                let axis = ["x", "y", "z"][axis.min(2)];
                format!("(int)threadgroup_position_in_grid.{axis}")
            }
        }
    }

    fn apart(&self, a: &str, b: &str) -> String {
        format!("fma({a}, 1.0f, {b})")
    }

    fn shuffle(&self, shuffle: Shuffle, dtype: DType, value: &str) -> String {
        let value = match dtype {
            DType::Bool | DType::I8 | DType::U8 => format!("(int)({value})"),
            _ => value.into(),
        };
        match shuffle {
            Shuffle::Xor(by) => format!("simd_shuffle_xor({value}, {by})"),
            Shuffle::Up(by) => format!("simd_shuffle_up({value}, {by})"),
            Shuffle::Down(by) => format!("simd_shuffle_down({value}, {by})"),
            Shuffle::Last(bits) => {
                format!("simd_shuffle({value}, thread_index_in_simdgroup | {})", (1 << bits) - 1)
            }
            Shuffle::First(bits) => {
                let ones = (1 << bits) - 1;
                format!("simd_shuffle({value}, thread_index_in_simdgroup & ~{ones}u)")
            }
        }
    }

    fn extreme(&self, max: bool, value: &str) -> String {
        format!("simd_{}({value})", if max { "max" } else { "min" })
    }

    fn barrier(&self, _program: &ThreadProgram) -> &'static str {
        "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);"
    }

    fn subgroup_barrier(&self) -> &'static str {
        "simdgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);"
    }

    fn shared_arrays(&self, program: &ThreadProgram) -> Vec<String> {
        let arrays = &program.shared;
        if !arrays.iter().enumerate().any(|(i, a)| arrays[..i].iter().any(|b| overlap(a, b))) {
            let declare = |a: &SharedArray| {
                format!("threadgroup {} {}[{}];", self.storage_type(a.dtype), a.name, a.len)
            };
            return arrays.iter().map(declare).collect();
        }
        // Arrays that are never needed together lie over each other.
        let words = program.shared_bytes().div_ceil(16);
        let memory = format!("threadgroup uint4 shared_memory[{words}];");
        let place = |a: &SharedArray| {
            let (ty, name, word) = (self.storage_type(a.dtype), &a.name, a.offset / 16);
            format!("threadgroup {ty}* {name} = (decltype({name}))(shared_memory + {word});")
        };
        std::iter::once(memory).chain(arrays.iter().map(place)).collect()
    }

    fn reserved(&self) -> &'static [&'static str] {
        &[
            "access",
            "as_type",
            "atomic_int",
            "atomic_uint",
            "bfloat",
            "ceil",
            "clamp",
            "constant",
            "copysign",
            "device",
            "exp",
            "exp2",
            "fabs",
            "floor",
            "fmod",
            "fragment",
            "half",
            "kernel",
            "log",
            "log2",
            "metal",
            "mulhi",
            "object_data",
            "pow",
            "precise",
            "ray_data",
            "rint",
            "rsqrt",
            "sampler",
            "shared_memory",
            "sin",
            "cos",
            "size_t",
            "sqrt",
            "tanh",
            "texture",
            "thread",
            "threadgroup",
            "trunc",
            "uchar",
            "uint",
            "uint2",
            "uint4",
            "ulong",
            "ushort",
            "vec",
            "vertex",
        ]
    }

    fn unary(&self, op: UnaryOp, a: &str) -> String {
        let name = match op {
            UnaryOp::Abs => "fabs",
            UnaryOp::Sign => "tw_sign",
            UnaryOp::Floor => "floor",
            UnaryOp::Ceil => "ceil",
            UnaryOp::Round => "rint",
            UnaryOp::Trunc => "trunc",
            UnaryOp::Sqrt => "precise::sqrt",
            UnaryOp::Rsqrt => "precise::rsqrt",
            UnaryOp::Recip => return format!("(1.0f / {a})"),
            UnaryOp::Exp => "precise::exp",
            UnaryOp::Exp2 => "precise::exp2",
            UnaryOp::Expm1 => "tw_expm1",
            UnaryOp::Log => "precise::log",
            UnaryOp::Log2 => "precise::log2",
            UnaryOp::Log1p => "tw_log1p",
            UnaryOp::Sin => "precise::sin",
            UnaryOp::Cos => "precise::cos",
            UnaryOp::Tanh => "precise::tanh",
            UnaryOp::Sigmoid => "tw_sigmoid",
            UnaryOp::Softplus => "tw_softplus",
            UnaryOp::Erf => "tw_erf",
            UnaryOp::IsNan => return format!("({a} != {a})"),
            UnaryOp::Neg | UnaryOp::Not => return format!("(-{a})"),
        };
        format!("{name}({a})")
    }

    fn float_call(&self, op: BinaryOp) -> &'static str {
        if op == BinaryOp::Pow { "precise::pow" } else { "precise::fmod" }
    }

    fn read_storage(&self, dtype: DType, value: &str) -> String {
        match dtype {
            DType::F16 | DType::BF16 => format!("(float)({value})"),
            DType::Bool => format!("({value} != 0)"),
            _ => value.into(),
        }
    }

    fn write_storage(&self, dtype: DType, value: &str) -> String {
        match dtype {
            DType::F16 => format!("(half)({value})"),
            DType::BF16 => format!("(bfloat)({value})"),
            _ => value.into(),
        }
    }

    fn bitcast(&self, from: DType, to: DType, a: &str) -> String {
        match (from, to) {
            _ if from == to => a.into(),
            // Half types lie in registers as f32; their own bits are those in memory.
            (DType::F16 | DType::BF16, _) | (_, DType::F16 | DType::BF16) => {
                let bits =
                    format!("as_type<{}>({})", self.storage_type(to), self.write_storage(from, a));
                self.read_storage(to, &bits)
            }
            (DType::F32, _) | (_, DType::F32) => {
                format!("as_type<{}>({a})", self.register_type(to))
            }
            _ => format!("({})({a})", self.register_type(to)),
        }
    }

    fn vector_type(&self, bytes: usize) -> &'static str {
        match bytes {
            16 => "uint4",
            8 => "uint2",
            4 => "uint",
            _ => "ushort",
        }
    }

    fn atomic(&self, mode: StoreMode, dtype: DType, pointer: &str, value: &str) -> String {
        let name = match (mode, dtype.is_float()) {
            (StoreMode::AtomicMax, true) => {
                return format!("tw_atomic_max((device atomic_uint*)({pointer}), {value});");
            }
            (StoreMode::AtomicMin, true) => {
                return format!("tw_atomic_min((device atomic_uint*)({pointer}), {value});");
            }
            (StoreMode::AtomicMax, false) => "max",
            (StoreMode::AtomicMin, false) => "min",
            (StoreMode::AtomicAdd | StoreMode::Set, _) => "add",
        };
        let ty = self.register_type(dtype);
        format!(
            "atomic_fetch_{name}_explicit((device atomic_{ty}*)({pointer}), {value}, memory_order_relaxed);"
        )
    }

    fn device_space(&self) -> &'static str {
        "device "
    }

    fn shared_space(&self) -> &'static str {
        "threadgroup "
    }

    fn copy_async(
        &self,
        to: &str,
        from: &str,
        (dtype, lanes): (DType, usize),
        valid: Option<&str>,
    ) -> Vec<String> {
        let (storage, vector) = (self.storage_type(dtype), self.vector_type(dtype.size() * lanes));
        let copied = format!("*(const device {vector}*)({from})");
        let copied = match valid {
            None => copied,
            Some(valid) => format!("({valid}) ? {copied} : {vector}(0)"),
        };
        vec![
            format!("union {{ {vector} all; {storage} lane[{lanes}]; }} vector;"),
            format!("vector.all = {copied};"),
            "_Pragma(\"unroll\")".into(),
            format!("for (int l = 0; l < {lanes}; l++) ({to})[l] = vector.lane[l];"),
        ]
    }

    // A copy is done when it is begun: Metal has none that run beside a thread.
    fn copy_commit(&self) -> Option<&'static str> {
        None
    }

    fn copy_wait(&self, _: usize) -> Option<String> {
        None
    }

    // Metal's fragments are floats, read one by one; packed pairs are never lowered for it.
    fn load_matrix(&self, into: &str, from: &str, _: bool) -> String {
        format!("tw_no_packed_matrices({into}, {from});")
    }

    fn matrix_multiply(&self, shape: MatrixShape, into: &str, a: &str, b: &str) -> String {
        let name = match shape {
            MatrixShape::Half16x8x16(_) => "tw_no_packed_matrices",
            MatrixShape::Float8x8x8 => "tw_multiply_f32",
        };
        format!("{name}({into}, {a}, {b});")
    }

    fn pack(&self, dtype: DType, low: &str, high: &str) -> String {
        let bits = |x: &str| format!("(uint)as_type<ushort>({})", self.write_storage(dtype, x));
        format!("({} | {} << 16)", bits(low), bits(high))
    }

    fn prelude(&self) -> &'static str {
        include_str!("prelude.metal")
    }

    fn signature(&self, program: &ThreadProgram, arguments: &str) -> String {
        let mut list = Vec::new();
        for param in &program.params {
            if let ParamKind::Tensor { dtype, .. } = param.kind {
                let constant = if is_written(&param.kind) { "" } else { "const " };
                let (ty, number) = (self.storage_type(dtype), list.len());
                list.push(format!("{constant}device {ty}* {} [[buffer({number})]]", param.name));
            }
        }
        list.push(format!("constant {arguments}& arguments [[buffer({})]]", list.len()));
        if !program.checks.is_empty() {
            list.push(format!("device uint* faults [[buffer({})]]", list.len()));
        }
        list.extend(PLACE.iter().map(|(ty, name)| format!("{ty} {name} [[{name}]]")));
        format!(
            "[[kernel, max_total_threads_per_threadgroup({})]]\nvoid {}(\n    {}) {{",
            program.threads,
            kernel_name(program),
            list.join(",\n    ")
        )
    }

    fn special(&self) -> (&'static str, &'static str) {
        ("INFINITY", "NAN")
    }
}

/// The parameters that tell a thread its place, in the order of every kernel's signature.
pub const PLACE: [(&str, &str); 4] = [
    ("uint3", "threadgroup_position_in_grid"),
    ("uint", "thread_index_in_threadgroup"),
    ("uint", "thread_index_in_simdgroup"),
    ("uint", "simdgroup_index_in_threadgroup"),
];

/// True when two arrays share a byte.
fn overlap(a: &SharedArray, b: &SharedArray) -> bool {
    let end = |a: &SharedArray| a.offset + a.len * a.dtype.size();
    a.offset < end(b) && b.offset < end(a)
}
