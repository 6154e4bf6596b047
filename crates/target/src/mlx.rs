//! Kernels for MLX: the body, header and call that `mx.fast.metal_kernel` and `mx.fast.cuda_kernel` take, as Python.
//!
//! MLX writes the signature itself: a pointer for each input and output by its name, the attributes that a Metal body
//! mentions, and `<input>_shape`. The body reads its sizes from those, so that a new shape compiles nothing; sizes that no
//! input's shape tells are arguments of the call, handed over as scalars are. The function in Python refuses shapes that
//! contradict each other and sizes that the text is not made for.
//!
//! An array may be a slice and begin at any element. On Metal vectors are read so that this is no matter; a CUDA device
//! refuses a vector that begins at no multiple of its size, so there the text asks for whole arrays.
//!
//! MLX's arrays are never changed. What a program of a gradient adds to, after another one filled it with zeros, is an output
//! all the same: MLX fills outputs before the call, where it is asked to.

mod function;

use crate::c::{Dialect, body, spelled};
use std::fmt::Write;
use tilewright_ir::thread::{Serves, ThreadProgram};
use tilewright_ir::{Access, DType, DimId, DimRule, Extent, Param, ParamId, ParamKind};

/// Which of MLX's functions takes the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `mx.fast.metal_kernel`
    Metal,
    /// `mx.fast.cuda_kernel`
    Cuda,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Function::Metal => "metal_kernel",
            Function::Cuda => "cuda_kernel",
        }
    }
}

/// Reads a vector from either of the address spaces in which MLX passes inputs: those of fewer than 8 elements are in
/// constant memory. A slice may begin at any element, so elements are read, whole words at least.
const READ_VECTOR: &str = "
template <int bytes> struct tw_word { typedef uint type; };
template <> struct tw_word<2> { typedef ushort type; };
template <> struct tw_word<1> { typedef uchar type; };
template <typename V, typename T> inline V tw_vector(const device T* from) {
    typedef typename tw_word<sizeof(T)>::type word;
    union { V all; word each[sizeof(V) / sizeof(T)]; } vector;
    _Pragma(\"unroll\")
    for (int i = 0; i < int(sizeof(V) / sizeof(T)); i++) vector.each[i] = ((const device word*)from)[i];
    return vector.all;
}
template <typename V, typename T> inline V tw_vector(const constant T* from) {
    typedef typename tw_word<sizeof(T)>::type word;
    union { V all; word each[sizeof(V) / sizeof(T)]; } vector;
    _Pragma(\"unroll\")
    for (int i = 0; i < int(sizeof(V) / sizeof(T)); i++) vector.each[i] = ((const constant word*)from)[i];
    return vector.all;
}";

/// Python that makes the kernel and a function that calls it. `serves` tells of each size what it must be for this text;
/// `None` for any. `zeroed` are the tensors that hold nothing but zeros before the program changes them in place.
///
/// # Errors
/// For kernels that change a tensor in place that holds something else: MLX's arrays are never changed, and its kernels do
/// not wait for each other's threads, so that none could begin with a copy.
pub fn python(
    program: &ThreadProgram,
    dialect: &dyn Dialect,
    function: Function,
    serves: &[Option<Serves>],
    zeroed: &[String],
) -> Result<String, String> {
    let name = program.name.clone();
    for param in &program.params {
        if matches!(param.kind, ParamKind::Tensor { access: Access::InOut, .. })
            && !zeroed.contains(&param.name)
        {
            return Err(format!(
                "{name} changes `{}` in place; MLX's arrays are never changed, and its kernels cannot begin with a copy",
                param.name
            ));
        }
    }
    let names = function::Names::of(program);
    let program = spelled(program, dialect);
    let call = Call { program: &program, function };
    let python = function::Python { call: &call, names: &names, serves };
    let mut source = call.prologue(dialect) + &body(&program, dialect);
    let mut header = dialect.prelude().trim_end().to_string();
    if function == Function::Metal && source.contains(VECTOR_READ) {
        for bytes in [2, 4, 8, 16] {
            let vector = dialect.vector_type(bytes);
            let read = format!("tw_vector<{vector}>(");
            source = source.replace(&format!("{VECTOR_READ}{vector}*)("), &read);
        }
        header.push_str(READ_VECTOR);
    }
    if function == Function::Cuda && program.threads > WITHOUT_BOUND {
        header.push_str(&bound(program.threads));
    }
    let mut out = String::new();
    let _ = writeln!(out, "# {name} for MLX, through mx.fast.{}.", function.name());
    for (dim, words, _) in python.conditions() {
        let _ = writeln!(out, "# This text is right where {dim} {words}.");
    }
    for output in call.added_to() {
        let _ =
            writeln!(out, "# Adds to `{}`, which MLX fills with zeros.", call.param(output).name);
    }
    if function == Function::Cuda && (source.contains("(const uint") || source.contains("_async<"))
    {
        let _ = writeln!(
            out,
            "# Inputs begin at multiples of 16 bytes: whole arrays do; of a slice that may not, pass a copy."
        );
    }
    let _ = writeln!(out, "import mlx.core as mx\n\nHEADER = r\"\"\"\n{header}\n\"\"\"\n");
    let _ = writeln!(out, "SOURCE = r\"\"\"\n{}\n\"\"\"\n", source.trim_end());
    let quoted =
        |names: &[String]| names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    let named = |params: Vec<ParamId>| params.into_iter().map(|id| call.array_name(id));
    let mut input_names: Vec<String> = named(call.inputs()).collect();
    input_names.extend(call.untold().map(|dim| call.size_name(dim)));
    let mut output_names: Vec<String> = named(call.outputs()).collect();
    output_names.extend(call.faults().map(String::from));
    let asked = match dialect.asked_at_launch(&program) {
        0 => String::new(),
        bytes => format!("    shared_memory={bytes},\n"),
    };
    let _ = writeln!(
        out,
        "{} = mx.fast.{}(\n    name={name:?},\n    input_names=[{}],\n    output_names=[{}],\n    \
         header=HEADER,\n    source=SOURCE,\n{asked})\n\n",
        names.object(),
        function.name(),
        quoted(&input_names),
        quoted(&output_names),
    );
    python.function(&mut out);
    Ok(out)
}

/// Groups of so many threads find registers however many a thread of theirs takes: 255 of the 65536 of a multiprocessor at most.
const WITHOUT_BOUND: usize = 256;

/// Says in the signature that MLX writes, which bounds no threads, how many a group has: the compiler would take registers as it
/// likes, and a large group would not start.
fn bound(threads: usize) -> String {
    format!(
        "\n#undef __global__\n#define __global__ __location__(global) __launch_bounds__({threads})"
    )
}

/// How a body reads a vector of an input on Metal.
const VECTOR_READ: &str = "*(const device ";

/// What MLX is handed.
struct Call<'a> {
    program: &'a ThreadProgram,
    function: Function,
}

impl Call<'_> {
    fn param(&self, id: ParamId) -> &Param {
        &self.program.params[id.index()]
    }

    fn params(&self, wanted: impl Fn(&ParamKind) -> bool) -> Vec<ParamId> {
        let params = self.program.params.iter().enumerate();
        params.filter(|(_, p)| wanted(&p.kind)).map(|(i, _)| ParamId(i as u32)).collect()
    }

    /// The tensors and numbers that MLX gets.
    fn inputs(&self) -> Vec<ParamId> {
        self.params(|kind| match kind {
            ParamKind::Tensor { access, .. } => *access == Access::In,
            ParamKind::Scalar { .. } => true,
        })
    }

    fn outputs(&self) -> Vec<ParamId> {
        self.params(|kind| {
            matches!(kind, ParamKind::Tensor { access: Access::Out | Access::InOut, .. })
        })
    }

    /// The outputs that have to hold zeros before.
    fn added_to(&self) -> Vec<ParamId> {
        self.params(|kind| matches!(kind, ParamKind::Tensor { access: Access::InOut, .. }))
    }

    /// The output where faults are noted, if any can be.
    fn faults(&self) -> Option<&'static str> {
        let name = match self.function {
            Function::Metal => "faults",
            // Its words are one vector there.
            Function::Cuda => "faults_array",
        };
        (!self.program.checks.is_empty()).then_some(name)
    }

    /// The name that MLX's signature declares. CUDA's half types are classes there and plain words in the body, which so
    /// needs a pointer of its own.
    fn array_name(&self, id: ParamId) -> String {
        let param = self.param(id);
        match param.kind {
            ParamKind::Tensor { dtype: DType::F16 | DType::BF16, .. }
                if self.function == Function::Cuda =>
            {
                format!("{}_array", param.name)
            }
            ParamKind::Tensor { .. } => param.name.clone(),
            ParamKind::Scalar { .. } => format!("{}_number", param.name),
        }
    }

    /// What stands before the body: `arguments` from the shapes, and pointers to words.
    fn prologue(&self, dialect: &dyn Dialect) -> String {
        let mut out = String::new();
        let params = || self.program.params.iter().enumerate().map(|(i, p)| (ParamId(i as u32), p));
        for (id, param) in params() {
            let ParamKind::Tensor { dtype, access, .. } = param.kind else { continue };
            let array = self.array_name(id);
            if array != param.name {
                let constant = if access == Access::In { "const " } else { "" };
                let ty = format!("{constant}{}*", dialect.storage_type(dtype));
                let _ = writeln!(out, "    {ty} {} = ({ty}){array};", param.name);
            }
        }
        if self.function == Function::Cuda
            && let Some(array) = self.faults()
        {
            let _ = writeln!(out, "    uint4* faults = (uint4*){array};");
        }
        let (mut fields, mut values) = (String::new(), Vec::new());
        for (_, param) in params() {
            let ParamKind::Tensor { shape, .. } = &param.kind else { continue };
            for axis in 0..shape.len().saturating_sub(1) {
                let _ = write!(fields, " {} {}_stride{axis};", dialect.offset_type(), param.name);
                let inner = shape[axis + 1..].iter().map(|e| self.size(*e));
                let wide = inner.map(|n| format!("({})({n})", dialect.offset_type()));
                values.push(wide.collect::<Vec<_>>().join(" * "));
            }
        }
        for (i, dim) in self.program.dims.iter().enumerate() {
            let _ = write!(fields, " int {};", dim.name);
            values.push(format!("(int)({})", self.dim(DimId(i as u32))));
        }
        for (id, param) in params() {
            if let ParamKind::Scalar { dtype, .. } = param.kind {
                let _ = write!(fields, " {} {};", dialect.register_type(dtype), param.name);
                values.push(format!("{}[0]", self.array_name(id)));
            }
        }
        if !values.is_empty() {
            let values = values.join(", ");
            let _ = writeln!(out, "    const struct {{{fields} }} arguments = {{ {values} }};");
        }
        out
    }

    /// A size, as the body finds it.
    fn size(&self, extent: Extent) -> String {
        match extent {
            Extent::Const(n) => n.to_string(),
            Extent::Dim { dim, times: 1 } => self.dim(dim),
            Extent::Dim { dim, times } => format!("{times} * ({})", self.dim(dim)),
        }
    }

    fn dim(&self, dim: DimId) -> String {
        match self.program.dims[dim.index()].rule {
            DimRule::CeilDiv { dim: of, by, most } => {
                let parts = format!("({} + {}) / {by}", self.dim(of), by.saturating_sub(1));
                return most.map_or(parts.clone(), |most| format!("min({parts}, {most})"));
            }
            DimRule::Quotient { dim: of, by } => {
                let (of, by) = (self.dim(of), self.dim(by));
                return format!("({by} ? (({of}) + ({by}) - 1) / ({by}) : 0)");
            }
            DimRule::Free => {}
        }
        let Some((param, axis, times)) = self.teller(dim) else {
            return format!("{}[0]", self.size_name(dim));
        };
        let shape = format!("{}_shape[{axis}]", self.array_name(param));
        if times == 1 { shape } else { format!("{shape} / {times}") }
    }

    /// The input whose shape tells a size, and where.
    fn teller(&self, dim: DimId) -> Option<(ParamId, usize, usize)> {
        self.inputs().into_iter().find_map(|id| {
            let ParamKind::Tensor { shape, .. } = &self.param(id).kind else { return None };
            shape.iter().enumerate().find_map(|(axis, extent)| match extent {
                Extent::Dim { dim: d, times } if *d == dim => Some((id, axis, *times)),
                _ => None,
            })
        })
    }

    /// The sizes that the caller has to tell.
    fn untold(&self) -> impl Iterator<Item = DimId> {
        let free = move |dim: &DimId| self.program.dims[dim.index()].rule == DimRule::Free;
        let dims = (0..self.program.dims.len() as u32).map(DimId);
        dims.filter(free).filter(move |dim| self.teller(*dim).is_none())
    }

    /// The array that hands over a size.
    fn size_name(&self, dim: DimId) -> String {
        format!("{}_number", self.program.dims[dim.index()].name)
    }
}
