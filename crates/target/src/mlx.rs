//! Kernels for MLX: the body, header and call that `mx.fast.metal_kernel` and `mx.fast.cuda_kernel` take, as Python.
//!
//! MLX writes the signature itself: a pointer for each input and output by its name, the attributes that a Metal body
//! mentions, and `<input>_shape`. The body reads its sizes from those, so that a new shape compiles nothing; sizes that no
//! input's shape tells are arguments of the call, handed over as scalars are. Inputs start at multiples of 16 bytes, as whole
//! arrays do, and hold 8 elements or more: MLX passes less in constant memory.

use crate::c::{Dialect, body, spelled};
use std::fmt::Write;
use tilewright_ir::thread::ThreadProgram;
use tilewright_ir::{Access, DType, DimId, DimRule, Extent, Param, ParamKind, Shape};

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

/// Python that makes the kernel and a function that calls it. `serves` tells of each size, in words, what it must be for
/// this text; `None` for any.
///
/// # Errors
/// For kernels that write a tensor in place, which MLX's arrays do not allow.
pub fn python(
    program: &ThreadProgram,
    dialect: &dyn Dialect,
    function: Function,
    serves: &[Option<String>],
) -> Result<String, String> {
    let name = program.name.clone();
    let program = spelled(program, dialect);
    let call = Call { program: &program, function };
    for param in &program.params {
        if matches!(param.kind, ParamKind::Tensor { access: Access::InOut, .. }) {
            return Err(format!(
                "{name} changes `{}` in place; MLX's arrays are never changed",
                param.name
            ));
        }
    }
    let source = call.prologue(dialect) + &body(&program, dialect);
    let mut out = String::new();
    let _ = writeln!(out, "# {name} for MLX, through mx.fast.{}.", function.name());
    for (dim, serves) in program.dims.iter().zip(serves) {
        if let Some(serves) = serves {
            let _ = writeln!(out, "# This text is right where {} {serves}.", dim.name);
        }
    }
    let header = dialect.prelude().trim_end();
    let _ = writeln!(out, "import mlx.core as mx\n\nHEADER = r\"\"\"\n{header}\n\"\"\"\n");
    let _ = writeln!(out, "SOURCE = r\"\"\"\n{}\n\"\"\"\n", source.trim_end());
    let (inputs, outputs) = (call.inputs(), call.outputs());
    let quoted =
        |names: &[String]| names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ");
    let names = |list: &[(&Param, String)]| list.iter().map(|(_, n)| n.clone()).collect::<Vec<_>>();
    let mut input_names = names(&inputs);
    input_names.extend(call.untold().map(|dim| call.size_name(dim)));
    let mut output_names = names(&outputs);
    if call.has_faults() {
        output_names.push("faults".into());
    }
    let _ = writeln!(
        out,
        "KERNEL = mx.fast.{}(\n    name={name:?},\n    input_names=[{}],\n    output_names=[{}],\n    \
         header=HEADER,\n    source=SOURCE,\n)\n\n",
        function.name(),
        quoted(&input_names),
        quoted(&output_names),
    );
    call.function(&mut out);
    Ok(out)
}

struct Call<'a> {
    program: &'a ThreadProgram,
    function: Function,
}

impl Call<'_> {
    /// The tensors and numbers that MLX gets, by the names that its signature declares.
    fn inputs(&self) -> Vec<(&Param, String)> {
        let read = |param: &&Param| match param.kind {
            ParamKind::Tensor { access, .. } => access == Access::In,
            ParamKind::Scalar { .. } => true,
        };
        self.program.params.iter().filter(read).map(|p| (p, self.array_name(p))).collect()
    }

    fn outputs(&self) -> Vec<(&Param, String)> {
        let written = |p: &&Param| matches!(p.kind, ParamKind::Tensor { access: Access::Out, .. });
        self.program.params.iter().filter(written).map(|p| (p, self.array_name(p))).collect()
    }

    fn has_faults(&self) -> bool {
        !self.program.checks.is_empty()
    }

    /// CUDA's half types are classes there and plain words in the body, which so needs a pointer of its own.
    fn array_name(&self, param: &Param) -> String {
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
        for param in &self.program.params {
            let ParamKind::Tensor { dtype, access, .. } = param.kind else { continue };
            let array = self.array_name(param);
            if array != param.name {
                let constant = if access == Access::In { "const " } else { "" };
                let ty = format!("{constant}{}*", dialect.storage_type(dtype));
                let _ = writeln!(out, "    {ty} {} = ({ty}){array};", param.name);
            }
        }
        let (mut fields, mut values) = (String::new(), Vec::new());
        for param in &self.program.params {
            let ParamKind::Tensor { shape, .. } = &param.kind else { continue };
            for axis in 0..shape.len().saturating_sub(1) {
                let _ = write!(fields, " {} {}_stride{axis};", dialect.offset_type(), param.name);
                let inner = shape[axis + 1..].iter().map(|e| self.size(*e));
                let wide = inner.map(|n| format!("({})({n})", dialect.offset_type()));
                values.push(wide.collect::<Vec<_>>().join(" * "));
            }
        }
        for i in 0..self.program.dims.len() {
            let _ = write!(fields, " int {};", self.program.dims[i].name);
            values.push(format!("(int)({})", self.dim(DimId(i as u32))));
        }
        for param in &self.program.params {
            if let ParamKind::Scalar { dtype, .. } = param.kind {
                let _ = write!(fields, " {} {};", dialect.register_type(dtype), param.name);
                values.push(format!("{}[0]", self.array_name(param)));
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
        if let DimRule::CeilDiv { dim: of, by } = self.program.dims[dim.index()].rule {
            return format!("({} + {}) / {by}", self.dim(of), by.saturating_sub(1));
        }
        let Some((param, axis, times)) = self.teller(dim) else {
            return format!("{}[0]", self.size_name(dim));
        };
        let shape = format!("{}_shape[{axis}]", self.array_name(param));
        if times == 1 { shape } else { format!("{shape} / {times}") }
    }

    /// The input whose shape tells a size, and where.
    fn teller(&self, dim: DimId) -> Option<(&Param, usize, usize)> {
        self.inputs().into_iter().find_map(|(param, _)| {
            let ParamKind::Tensor { shape, .. } = &param.kind else { return None };
            shape.iter().enumerate().find_map(|(axis, extent)| match extent {
                Extent::Dim { dim: d, times } if *d == dim => Some((param, axis, *times)),
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

    /// The Python function.
    fn function(&self, out: &mut String) {
        let (name, inputs, outputs) = (&self.program.name, self.inputs(), self.outputs());
        let mut parameters = Vec::new();
        for (param, _) in &inputs {
            parameters.push(match param.kind {
                ParamKind::Scalar { default: Some(x), .. } => format!("{}={x:?}", param.name),
                _ => param.name.clone(),
            });
        }
        parameters.extend(self.untold().map(|dim| self.program.dims[dim.index()].name.clone()));
        // Python wants those with defaults last.
        parameters.sort_by_key(|p| p.contains('='));
        let _ = writeln!(out, "def {name}({}):", parameters.join(", "));
        let mut arrays = Vec::new();
        for (param, _) in &inputs {
            match &param.kind {
                ParamKind::Tensor { shape, leading, dtype, .. } => {
                    let rank = shape.len();
                    let rest = (1..rank).map(|a| format!(", {}.shape[-{}]", param.name, rank - a));
                    let reshape = match leading {
                        true => format!(".reshape(-1{})", rest.collect::<String>()),
                        false => String::new(),
                    };
                    let ty = mlx_dtype(*dtype);
                    arrays.push(format!("{}{reshape}.astype({ty})", param.name));
                }
                ParamKind::Scalar { dtype, .. } => {
                    let ty = if dtype.is_float() { DType::F32 } else { *dtype };
                    arrays.push(format!("mx.array([{}], dtype={})", param.name, mlx_dtype(ty)));
                }
            }
        }
        for dim in self.untold() {
            let size = &self.program.dims[dim.index()].name;
            arrays.push(format!("mx.array([{size}], dtype=mx.int32)"));
        }
        let _ = writeln!(out, "    inputs = [{}]", arrays.join(", "));
        let position = |of: &Param| inputs.iter().position(|(p, _)| p.name == of.name).unwrap_or(0);
        for (i, dim) in self.program.dims.iter().enumerate() {
            let value = match dim.rule {
                DimRule::CeilDiv { dim: of, by } => {
                    format!("-(-{} // {by})", self.program.dims[of.index()].name)
                }
                DimRule::Free => {
                    let Some((param, axis, times)) = self.teller(DimId(i as u32)) else { continue };
                    let shape = format!("inputs[{}].shape[{axis}]", position(param));
                    if times == 1 { shape } else { format!("{shape} // {times}") }
                }
            };
            let _ = writeln!(out, "    {} = {value}", dim.name);
        }
        let mut groups = ["1".to_string(), "1".to_string(), "1".to_string()];
        for (i, axis) in self.program.grid.iter().enumerate() {
            let extent = self.python_size(axis.extent);
            let count = match axis.per_group {
                0 | 1 => extent,
                many => format!("-(-{extent} // {many})"),
            };
            let slot = if self.program.linear { 0 } else { i.min(2) };
            groups[slot] =
                if groups[slot] == "1" { count } else { format!("{} * {count}", groups[slot]) };
        }
        let threads = self.program.threads;
        let shape = |shape: &Shape| {
            let axes = shape.iter().map(|e| format!("{},", self.python_size(*e)));
            format!("({})", axes.collect::<Vec<_>>().join(" "))
        };
        let mut shapes = Vec::new();
        let mut dtypes = Vec::new();
        for (param, _) in &outputs {
            if let ParamKind::Tensor { shape: s, dtype, .. } = &param.kind {
                shapes.push(shape(s));
                dtypes.push(mlx_dtype(*dtype).to_string());
            }
        }
        if self.has_faults() {
            shapes.push("(4,)".into());
            dtypes.push("mx.uint32".into());
        }
        let faults = if self.has_faults() { "        init_value=0,\n" } else { "" };
        let _ = writeln!(
            out,
            "    outputs = KERNEL(\n        inputs=inputs,\n        template=[],\n        \
             grid=({} * {threads}, {}, {}),\n        threadgroup=({threads}, 1, 1),\n        \
             output_shapes=[{}],\n        output_dtypes=[{}],\n{faults}    )",
            groups[0],
            groups[1],
            groups[2],
            shapes.join(", "),
            dtypes.join(", "),
        );
        if self.has_faults() {
            let _ = writeln!(
                out,
                "    # faults[0] is 1 where an index was outside its axis; it was taken as 0."
            );
        }
        let mut results = Vec::new();
        for (i, (param, _)) in outputs.iter().enumerate() {
            results.push(match self.leading(param) {
                Some((like, inner)) => {
                    let ParamKind::Tensor { shape: s, .. } = &param.kind else { continue };
                    format!(
                        "outputs[{i}].reshape(*{}.shape[:-{inner}], *{})",
                        like.name,
                        shape(&s[1..].to_vec())
                    )
                    .replace("shape[:-0]", "shape")
                }
                None => format!("outputs[{i}]"),
            });
        }
        if self.has_faults() {
            results.push(format!("outputs[{}]", outputs.len()));
        }
        let _ = writeln!(out, "    return {}", results.join(", "));
    }

    /// For an output with any number of leading axes: the input that has them, and its number of other axes.
    fn leading(&self, output: &Param) -> Option<(&Param, usize)> {
        let ParamKind::Tensor { shape, leading: true, .. } = &output.kind else { return None };
        self.inputs().into_iter().find_map(|(param, _)| match &param.kind {
            ParamKind::Tensor { shape: s, leading: true, .. } if s.first() == shape.first() => {
                Some((param, s.len() - 1))
            }
            _ => None,
        })
    }

    fn python_size(&self, extent: Extent) -> String {
        match extent {
            Extent::Const(n) => n.to_string(),
            Extent::Dim { dim, times: 1 } => self.program.dims[dim.index()].name.clone(),
            Extent::Dim { dim, times } => {
                format!("({times} * {})", self.program.dims[dim.index()].name)
            }
        }
    }
}

fn mlx_dtype(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "mx.bool_",
        DType::I8 => "mx.int8",
        DType::U8 => "mx.uint8",
        DType::I32 => "mx.int32",
        DType::U32 => "mx.uint32",
        DType::F16 => "mx.float16",
        DType::BF16 => "mx.bfloat16",
        DType::F32 | DType::F64 => "mx.float32",
    }
}
