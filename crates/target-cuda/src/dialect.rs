//! What CUDA C spells its own way.

use crate::routine;
use tilewright_ir::thread::{
    Builtin, Code, MatrixShape, Reuse, Routine, Shuffle, ThreadProgram, Value,
};
use tilewright_ir::{BinaryOp, DType, ParamKind, StoreMode, UnaryOp};
use tilewright_target::c::{Dialect, is_written, kernel_name};

/// Bytes of shared memory that a kernel may declare; more are asked for at launch.
pub(crate) const STATIC_SHARED: usize = 48 << 10;

/// CUDA C as NVRTC takes it, without headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct CudaC;

impl Dialect for CudaC {
    fn register_type(&self, dtype: DType) -> &'static str {
        match dtype {
            DType::Bool => "bool",
            DType::I8 => "signed char",
            DType::U8 => "unsigned char",
            DType::I32 => "int",
            DType::U32 => "unsigned int",
            DType::F16 | DType::BF16 | DType::F32 => "float",
            DType::F64 => "double",
        }
    }

    fn storage_type(&self, dtype: DType) -> &'static str {
        match dtype {
            DType::F16 | DType::BF16 => "unsigned short",
            DType::Bool => "unsigned char",
            other => self.register_type(other),
        }
    }

    fn offset_type(&self) -> &'static str {
        "long long"
    }

    fn builtin(&self, builtin: Builtin, program: &ThreadProgram) -> String {
        let groups = program.cluster;
        if groups > 1 {
            let threads = program.threads / groups;
            let through = |number: &str, each: usize| {
                format!("({number} + (int)(blockIdx.x % {groups}) * {each})")
            };
            match builtin {
                Builtin::Thread => return through("(int)threadIdx.x", threads),
                Builtin::Subgroup => return through("(int)(threadIdx.x >> 5)", threads / 32),
                Builtin::Group(0) => return format!("(int)(blockIdx.x / {groups})"),
                Builtin::Lane | Builtin::Group(_) => {}
            }
        }
        match builtin {
            Builtin::Thread => "(int)threadIdx.x".into(),
            Builtin::Lane => "(int)(threadIdx.x & 31)".into(),
            Builtin::Subgroup => "(int)(threadIdx.x >> 5)".into(),
            Builtin::Group(0) => "(int)blockIdx.x".into(),
            Builtin::Group(1) => "(int)blockIdx.y".into(),
            Builtin::Group(_) => "(int)blockIdx.z".into(),
        }
    }

    fn apart(&self, a: &str, b: &str) -> String {
        format!("__fadd_rn({a}, {b})")
    }

    fn shuffle(&self, shuffle: Shuffle, dtype: DType, value: &str) -> String {
        let value = match dtype {
            DType::Bool | DType::I8 | DType::U8 => format!("(int){value}"),
            _ => value.into(),
        };
        match shuffle {
            Shuffle::Xor(by) => format!("__shfl_xor_sync(0xffffffffu, {value}, {by})"),
            Shuffle::Up(by) => format!("__shfl_up_sync(0xffffffffu, {value}, {by})"),
            Shuffle::Down(by) => format!("__shfl_down_sync(0xffffffffu, {value}, {by})"),
            Shuffle::Last(bits) => {
                format!(
                    "__shfl_sync(0xffffffffu, {value}, (threadIdx.x & 31) | {})",
                    (1 << bits) - 1
                )
            }
            Shuffle::First(bits) => {
                format!(
                    "__shfl_sync(0xffffffffu, {value}, (threadIdx.x & 31) & ~{})",
                    (1 << bits) - 1
                )
            }
        }
    }

    fn extreme(&self, max: bool, value: &str) -> String {
        format!("__reduce_{}_sync(0xffffffffu, {value})", if max { "max" } else { "min" })
    }

    fn barrier(&self, program: &ThreadProgram) -> &'static str {
        if program.cluster > 1 { "tw_cluster_barrier();" } else { "__syncthreads();" }
    }

    fn store_shared(&self, place: &str, value: &str, program: &ThreadProgram) -> String {
        match program.cluster {
            1 => format!("{place} = {value};"),
            groups => format!("tw_store_in_cluster<{groups}>(&{place}, {value});"),
        }
    }

    fn subgroup_barrier(&self) -> &'static str {
        "__syncwarp();"
    }

    fn asked_at_launch(&self, program: &ThreadProgram) -> usize {
        let bytes = program.shared_bytes();
        if bytes > STATIC_SHARED { bytes } else { 0 }
    }

    fn shared_arrays(&self, program: &ThreadProgram) -> Vec<String> {
        let memory = match program.shared_bytes() {
            0 => return Vec::new(),
            _ if self.asked_at_launch(program) > 0 => {
                "extern __shared__ __align__(16) char shared_memory[];".into()
            }
            bytes => format!("__shared__ __align__(16) char shared_memory[{bytes}];"),
        };
        let arrays = program.shared.iter().map(|array| {
            let ty = self.storage_type(array.dtype);
            format!("{ty}* {} = ({ty}*)(shared_memory + {});", array.name, array.offset)
        });
        std::iter::once(memory).chain(arrays).collect()
    }

    fn reserved(&self) -> &'static [&'static str] {
        &[
            "atomicAdd",
            "atomicMax",
            "atomicMin",
            "blockDim",
            "blockIdx",
            "ceilf",
            "cosf",
            "erff",
            "exp2f",
            "expf",
            "expm1f",
            "fabsf",
            "floorf",
            "fmodf",
            "gridDim",
            "log1pf",
            "log2f",
            "logf",
            "powf",
            "rintf",
            "rsqrtf",
            "shared_memory",
            "sinf",
            "sqrtf",
            "tanhf",
            "threadIdx",
            "truncf",
            "uint2",
            "uint4",
            "warpSize",
        ]
    }

    fn unary(&self, op: UnaryOp, a: &str) -> String {
        let name = match op {
            UnaryOp::Abs => "fabsf",
            UnaryOp::Sign => "tw_sign",
            UnaryOp::Floor => "floorf",
            UnaryOp::Ceil => "ceilf",
            UnaryOp::Round => "rintf",
            UnaryOp::Trunc => "truncf",
            UnaryOp::Sqrt => "sqrtf",
            UnaryOp::Rsqrt => "rsqrtf",
            UnaryOp::Recip => return format!("(1.0f / {a})"),
            UnaryOp::Exp => "expf",
            UnaryOp::Exp2 => "exp2f",
            UnaryOp::Expm1 => "expm1f",
            UnaryOp::Log => "logf",
            UnaryOp::Log2 => "log2f",
            UnaryOp::Log1p => "log1pf",
            UnaryOp::Sin => "sinf",
            UnaryOp::Cos => "cosf",
            UnaryOp::Tanh => "tanhf",
            UnaryOp::Sigmoid => "tw_sigmoid",
            UnaryOp::Softplus => "tw_softplus",
            UnaryOp::Erf => "erff",
            UnaryOp::IsNan => return format!("({a} != {a})"),
            UnaryOp::Neg | UnaryOp::Not => return format!("(-{a})"),
        };
        format!("{name}({a})")
    }

    fn fast_unary(&self, op: UnaryOp, a: &str) -> Option<String> {
        let name = match op {
            UnaryOp::Exp => "tw_fast_exp",
            UnaryOp::Exp2 => "tw_fast_exp2",
            UnaryOp::Sigmoid => "tw_fast_sigmoid",
            UnaryOp::Softplus => "tw_fast_softplus",
            UnaryOp::Log => "tw_fast_log",
            UnaryOp::Expm1 => "tw_fast_expm1",
            UnaryOp::Tanh => "tw_fast_tanh",
            UnaryOp::Recip => return Some(format!("tw_fast_quotient(1.0f, {a})")),
            _ => return None,
        };
        Some(format!("{name}({a})"))
    }

    fn flushed_exp2(&self, a: &str) -> Option<String> {
        Some(format!("tw_flushed_exp2({a})"))
    }

    fn fast_quotient(&self, a: &str, b: &str) -> Option<String> {
        Some(format!("tw_fast_quotient({a}, {b})"))
    }

    fn fast_one_and_erf(&self, a: &str) -> Option<String> {
        Some(format!("tw_fast_one_and_erf({a})"))
    }

    fn float_call(&self, op: BinaryOp) -> &'static str {
        if op == BinaryOp::Pow { "powf" } else { "fmodf" }
    }

    fn read_storage(&self, dtype: DType, value: &str) -> String {
        match dtype {
            DType::F16 => format!("tw_from_f16({value})"),
            DType::BF16 => format!("tw_from_bf16({value})"),
            DType::Bool => format!("({value} != 0)"),
            _ => value.into(),
        }
    }

    fn read_lanes(&self, dtype: DType, lanes: usize) -> (String, String) {
        // By words of two: compilers cut single halves out first.
        if dtype == DType::BF16 && lanes.is_multiple_of(2) {
            let element = "tw_from_bf16_pair(vector.word[l >> 1], l & 1)";
            return (format!("unsigned int word[{}]", lanes / 2), element.into());
        }
        let element = self.read_storage(dtype, "vector.lane[l]");
        (format!("{} lane[{lanes}]", self.storage_type(dtype)), element)
    }

    fn packs(&self, dtype: DType) -> bool {
        dtype == DType::BF16
    }

    fn write_storage(&self, dtype: DType, value: &str) -> String {
        match dtype {
            DType::F16 => format!("tw_to_f16({value})"),
            DType::BF16 => format!("tw_to_bf16({value})"),
            _ => value.into(),
        }
    }

    fn bitcast(&self, from: DType, to: DType, a: &str) -> String {
        match (from, to) {
            _ if from == to => a.into(),
            // Half types lie in registers as f32; their own bits are those in memory.
            (DType::F16 | DType::BF16, _) => self.read_storage(to, &self.write_storage(from, a)),
            (DType::F32, DType::I32) => format!("__float_as_int({a})"),
            (DType::F32, _) => format!("__float_as_uint({a})"),
            (DType::I32, DType::F32) => format!("__int_as_float({a})"),
            (_, DType::F32) => format!("__uint_as_float({a})"),
            _ => format!("({})({a})", self.register_type(to)),
        }
    }

    fn vector_type(&self, bytes: usize) -> &'static str {
        match bytes {
            16 => "uint4",
            8 => "uint2",
            4 => "unsigned int",
            _ => "unsigned short",
        }
    }

    fn read_vector(&self, place: &str, reuse: Reuse, bytes: usize) -> Option<String> {
        match (reuse, bytes) {
            (Reuse::Passing, 16) => Some(format!("tw_read_passing({place})")),
            (Reuse::Once, 16) => Some(format!("tw_read_once({place})")),
            (Reuse::Last, _) => Some(format!("__ldcs({place})")),
            _ => None,
        }
    }

    fn write_last(&self, place: &str, vector: &str) -> String {
        format!("__stcs({place}, {vector})")
    }

    fn atomic(&self, mode: StoreMode, dtype: DType, pointer: &str, value: &str) -> String {
        let name = match (mode, dtype.is_float()) {
            (StoreMode::AtomicMax, true) => "tw_atomic_max",
            (StoreMode::AtomicMin, true) => "tw_atomic_min",
            (StoreMode::AtomicMax, false) => "atomicMax",
            (StoreMode::AtomicMin, false) => "atomicMin",
            (StoreMode::AtomicAdd | StoreMode::Set, _) => "atomicAdd",
        };
        format!("{name}({pointer}, {value});")
    }

    fn device_space(&self) -> &'static str {
        ""
    }

    fn shared_space(&self) -> &'static str {
        ""
    }

    fn copy_async(
        &self,
        to: &str,
        from: &str,
        (dtype, lanes): (DType, usize),
        valid: Option<&str>,
    ) -> Vec<String> {
        let (bytes, valid) = (dtype.size() * lanes, valid.unwrap_or("true"));
        vec![format!("tw_copy_async<{bytes}>({to}, {from}, {valid});")]
    }

    fn copy_commit(&self) -> Option<&'static str> {
        Some("tw_copy_commit();")
    }

    fn copy_wait(&self, left: usize) -> Option<String> {
        Some(format!("tw_copy_wait<{left}>();"))
    }

    fn load_matrix(&self, into: &str, from: &str, transposed: bool) -> String {
        let name = if transposed { "tw_load_matrix_transposed" } else { "tw_load_matrix" };
        format!("{name}({into}, {from});")
    }

    fn matrix_multiply(&self, shape: MatrixShape, into: &str, a: &str, b: &str) -> String {
        let name = match shape {
            MatrixShape::Half16x8x16(DType::BF16) => "tw_multiply_bf16",
            MatrixShape::Half16x8x16(_) => "tw_multiply_f16",
            MatrixShape::Float8x8x8 => "tw_multiply_f32",
        };
        format!("{name}({into}, {a}, {b});")
    }

    fn pack(&self, dtype: DType, low: &str, high: &str) -> String {
        let name = if dtype == DType::BF16 { "tw_pack_bf16" } else { "tw_pack_f16" };
        format!("{name}({low}, {high})")
    }

    fn routine(
        &self,
        routine: &Routine,
        program: &ThreadProgram,
        value: &dyn Fn(&Value) -> String,
    ) -> Vec<String> {
        routine::lines(routine, program, value)
    }

    fn templates(&self, program: &ThreadProgram) -> String {
        let mut text = routine::templates(program);
        if program.cluster > 1 {
            text.push_str(include_str!("cluster.cu"));
        }
        if compares_halves(program) {
            text.push_str(include_str!("halves.cu"));
        }
        text
    }

    fn prelude(&self) -> &'static str {
        include_str!("prelude.cu")
    }

    fn signature(&self, program: &ThreadProgram, arguments: &str) -> String {
        let threads = program.threads / program.cluster;
        let resident = (program.resident > 1).then_some(program.resident);
        let beside = routine::groups_beside(program).or(resident);
        let beside = beside.map(|groups| format!(", {groups}")).unwrap_or_default();
        let together = match program.cluster {
            1 => String::new(),
            groups => format!(" __attribute__((cluster_dims({groups}, 1, 1)))"),
        };
        let mut out = format!(
            "extern \"C\" __global__ void{together} __launch_bounds__({threads}{beside}) {}(",
            kernel_name(program)
        );
        for param in &program.params {
            if let ParamKind::Tensor { dtype, .. } = param.kind {
                let ty = self.storage_type(dtype);
                // What a kernel writes may be read by another thread after a barrier; a restricted pointer would let the
                // compiler read it before.
                out.push_str(&match is_written(&param.kind) {
                    true => format!("{ty}* {}, ", param.name),
                    false => format!("const {ty}* __restrict__ {}, ", param.name),
                });
            }
        }
        out.push_str(&format!("const {arguments} arguments"));
        if !program.checks.is_empty() {
            out.push_str(", uint4* faults");
        }
        if program.split.is_some() {
            out.push_str(", float* tw_groups, unsigned int* tw_arrived");
        }
        out.push_str(") {");
        out
    }

    fn special(&self) -> (&'static str, &'static str) {
        ("TW_INFINITY", "TW_NAN")
    }
}

/// True where arrays of 16-bit floats are compared in words.
fn compares_halves(program: &ThreadProgram) -> bool {
    let mut compares = false;
    let mut find = |code: &Code| {
        compares |= matches!(code, Code::ExtremeHalf { .. } | Code::MarkHalves { .. });
    };
    program.body.iter().for_each(|code| code.visit(&mut find));
    compares
}
