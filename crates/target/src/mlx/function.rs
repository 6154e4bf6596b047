//! The function in Python that calls a kernel of MLX.

use super::Call;
use std::fmt::Write;
use tilewright_ir::thread::{Serves, ThreadProgram};
use tilewright_ir::{DType, DimId, DimRule, Extent, ParamId, ParamKind, Shape};

/// Words that Python keeps for itself, and names that the function has a use for.
const TAKEN: [&str; 43] = [
    "False", "HEADER", "None", "SOURCE", "True", "and", "array", "as", "assert", "async", "await",
    "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from",
    "global", "if", "import", "in", "inputs", "is", "lambda", "mx", "name", "nonlocal", "not",
    "or", "outputs", "pass", "raise", "return", "shape", "try", "while", "with", "yield",
];

/// What parameters and sizes are called in Python: as in the kernel, wherever Python lets them.
pub(super) struct Names {
    kernel: String,
    params: Vec<String>,
    dims: Vec<String>,
}

impl Names {
    pub(super) fn of(program: &ThreadProgram) -> Names {
        let spell = |name: &String| match TAKEN.contains(&name.as_str()) {
            true => format!("{name}_"),
            false => name.clone(),
        };
        Names {
            kernel: spell(&program.name),
            params: program.params.iter().map(|p| spell(&p.name)).collect(),
            dims: program.dims.iter().map(|d| spell(&d.name)).collect(),
        }
    }

    /// What MLX makes of the kernel; a gradient's programs stand in one file with it, each with its own.
    pub(super) fn object(&self) -> String {
        format!("{}_KERNEL", self.kernel.to_uppercase())
    }
}

/// The function around a call.
pub(super) struct Python<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) names: &'a Names,
    pub(super) serves: &'a [Option<Serves>],
}

impl Python<'_> {
    fn name(&self, param: ParamId) -> &str {
        &self.names.params[param.index()]
    }

    fn dim(&self, dim: DimId) -> &str {
        &self.names.dims[dim.index()]
    }

    fn size(&self, extent: Extent) -> String {
        match extent {
            Extent::Const(n) => n.to_string(),
            Extent::Dim { dim, times: 1 } => self.dim(dim).to_string(),
            Extent::Dim { dim, times } => format!("({times} * {})", self.dim(dim)),
        }
    }

    /// A tuple.
    fn shape(&self, shape: &[Extent]) -> String {
        let axes: Vec<String> = shape.iter().map(|e| self.size(*e)).collect();
        match &axes[..] {
            [one] => format!("({one},)"),
            axes => format!("({})", axes.join(", ")),
        }
    }

    /// The sizes that the text is not for any value of: what they must be in words that follow their names, and as a
    /// condition.
    pub(super) fn conditions(&self) -> Vec<(&str, String, String)> {
        let mut conditions = Vec::new();
        for (dim, serves) in self.names.dims.iter().zip(self.serves) {
            let Some(Serves { least, greatest, multiple_of }) = *serves else { continue };
            if least == greatest {
                conditions.push((
                    &dim[..],
                    format!("is {greatest}"),
                    format!("{dim} == {greatest}"),
                ));
                continue;
            }
            let mut words = Vec::new();
            let mut parts = Vec::new();
            if greatest < i32::MAX as usize {
                words.push(format!("at most {greatest}"));
                parts.push(format!("{dim} <= {greatest}"));
            }
            if multiple_of > 1 {
                words.push(format!("a multiple of {multiple_of}"));
                parts.push(format!("{dim} % {multiple_of} == 0"));
            }
            if !words.is_empty() {
                let words = format!("is {}", words.join(" and "));
                conditions.push((&dim[..], words, parts.join(" and ")));
            }
        }
        conditions
    }

    pub(super) fn function(&self, out: &mut String) {
        let call = self.call;
        let mut parameters = Vec::new();
        for id in call.inputs() {
            parameters.push(match call.param(id).kind {
                ParamKind::Scalar { default: Some(x), .. } => format!("{}={x:?}", self.name(id)),
                _ => self.name(id).to_string(),
            });
        }
        parameters.extend(call.untold().map(|dim| self.dim(dim).to_string()));
        // Python wants those with defaults last.
        parameters.sort_by_key(|p| p.contains('='));
        let _ = writeln!(out, "def {}({}):", self.names.kernel, parameters.join(", "));
        self.check_axes(out);
        self.inputs(out);
        self.sizes(out);
        self.check_sizes(out);
        self.run(out);
        self.results(out);
    }

    /// Refuses arrays of another number of axes: what the rest of the function counts on.
    fn check_axes(&self, out: &mut String) {
        for id in self.call.inputs() {
            let ParamKind::Tensor { shape, leading, .. } = &self.call.param(id).kind else {
                continue;
            };
            let name = self.name(id);
            let wrong = match (leading, shape.len(), ones(shape)) {
                (true, 1, _) => continue,
                (true, rank, _) => format!("{name}.ndim < {}", rank - 1),
                (false, rank, 0) => format!("{name}.ndim != {rank}"),
                (false, rank, ones) => format!("not {} <= {name}.ndim <= {rank}", rank - ones),
            };
            let wanted = self.shape(shape);
            let wanted = if *leading { wanted.replacen('(', "(*", 1) } else { wanted };
            let _ = writeln!(
                out,
                "    if {wrong}:\n        raise ValueError(f\"{}: {name} has the shape {{tuple({name}.shape)}}, not \
                 {wanted}\")",
                self.names.kernel
            );
        }
    }

    /// The arrays that MLX gets.
    fn inputs(&self, out: &mut String) {
        let mut arrays = Vec::new();
        for id in self.call.inputs() {
            let name = self.name(id);
            match &self.call.param(id).kind {
                ParamKind::Tensor { shape, leading, dtype, .. } => {
                    let rank = shape.len();
                    let rest = (1..rank).map(|a| format!(", {name}.shape[-{}]", rank - a));
                    let reshape = match (leading, ones(shape)) {
                        (true, _) => format!(".reshape(-1{})", rest.collect::<String>()),
                        (false, 0) => String::new(),
                        (false, _) => {
                            format!(".reshape((1,) * ({rank} - {name}.ndim) + tuple({name}.shape))")
                        }
                    };
                    arrays.push(format!("{name}{reshape}.astype({})", mlx_dtype(*dtype)));
                }
                ParamKind::Scalar { dtype, .. } => {
                    let ty = if dtype.is_float() { DType::F32 } else { *dtype };
                    arrays.push(format!("mx.array([{name}], dtype={})", mlx_dtype(ty)));
                }
            }
        }
        let sizes = self.call.untold().map(|dim| self.dim(dim));
        arrays.extend(sizes.map(|size| format!("mx.array([{size}], dtype=mx.int32)")));
        let _ = writeln!(out, "    inputs = [{}]", arrays.join(", "));
    }

    fn sizes(&self, out: &mut String) {
        let inputs = self.call.inputs();
        for (i, dim) in self.call.program.dims.iter().enumerate() {
            let value = match dim.rule {
                DimRule::CeilDiv { dim: of, by, most } => {
                    let parts = format!("-(-{} // {by})", self.dim(of));
                    most.map_or(parts.clone(), |most| format!("min({parts}, {most})"))
                }
                DimRule::Quotient { dim: of, by } => {
                    let (of, by) = (self.dim(of), self.dim(by));
                    format!("-(-{of} // max({by}, 1)) if {by} else 0")
                }
                DimRule::Free => {
                    let Some((param, axis, times)) = self.call.teller(DimId(i as u32)) else {
                        continue;
                    };
                    let position = inputs.iter().position(|id| *id == param).unwrap_or(0);
                    let shape = format!("inputs[{position}].shape[{axis}]");
                    if times == 1 { shape } else { format!("{shape} // {times}") }
                }
            };
            let _ = writeln!(out, "    {} = {value}", self.names.dims[i]);
        }
    }

    /// Refuses sizes that the text is not for, and shapes of other sizes.
    fn check_sizes(&self, out: &mut String) {
        let kernel = &self.names.kernel;
        for (dim, words, condition) in self.conditions() {
            let _ = writeln!(
                out,
                "    if not ({condition}):\n        raise ValueError(f\"{kernel}: {dim} is {{{dim}}}, and this text is \
                 right where it {words}; emit another with --shape\")"
            );
        }
        let tensors = self.call.inputs().into_iter().enumerate().filter_map(|(i, id)| {
            let ParamKind::Tensor { shape, .. } = &self.call.param(id).kind else { return None };
            Some(format!("(\"{}\", inputs[{i}], {})", self.name(id), self.shape(shape)))
        });
        let tensors: Vec<String> = tensors.collect();
        let _ = writeln!(
            out,
            "    for name, array, shape in [{}]:\n        if tuple(array.shape) != shape:\n            raise \
             ValueError(f\"{kernel}: {{name}} has the shape {{tuple(array.shape)}}, not {{shape}}\")",
            tensors.join(", ")
        );
    }

    /// The call itself.
    fn run(&self, out: &mut String) {
        let program = self.call.program;
        let mut groups = ["1".to_string(), "1".to_string(), "1".to_string()];
        for (i, axis) in program.grid.iter().enumerate() {
            let extent = self.size(axis.extent);
            let count = match axis.per_group {
                0 | 1 => extent,
                many => format!("-(-{extent} // {many})"),
            };
            let slot = if program.linear { 0 } else { i.min(2) };
            groups[slot] =
                if groups[slot] == "1" { count } else { format!("{} * {count}", groups[slot]) };
        }
        let mut shapes = Vec::new();
        let mut dtypes = Vec::new();
        for id in self.call.outputs() {
            if let ParamKind::Tensor { shape, dtype, .. } = &self.call.param(id).kind {
                shapes.push(self.shape(shape));
                dtypes.push(mlx_dtype(*dtype).to_string());
            }
        }
        let faults = self.call.faults().is_some();
        if faults {
            shapes.push("(4,)".into());
            dtypes.push("mx.uint32".into());
        }
        let zeros = faults || !self.call.added_to().is_empty();
        let threads = program.threads;
        let _ = writeln!(
            out,
            "    outputs = {}(\n        inputs=inputs,\n        template=[],\n        \
             grid=({} * {threads}, {}, {}),\n        threadgroup=({threads}, 1, 1),\n        \
             output_shapes=[{}],\n        output_dtypes=[{}],\n{}    )",
            self.names.object(),
            groups[0],
            groups[1],
            groups[2],
            shapes.join(", "),
            dtypes.join(", "),
            if zeros { "        init_value=0,\n" } else { "" },
        );
        if faults {
            let _ = writeln!(
                out,
                "    # faults[0] is 1 where an index was outside its axis; it was taken as 0."
            );
        }
    }

    /// The outputs, with the leading axes of the inputs.
    fn results(&self, out: &mut String) {
        let outputs = self.call.outputs();
        let mut results = Vec::new();
        for (i, id) in outputs.iter().enumerate() {
            results.push(match self.leading(*id) {
                Some((like, inner, shape)) => {
                    let leading = match inner {
                        0 => format!("*{like}.shape"),
                        inner => format!("*{like}.shape[:-{inner}]"),
                    };
                    let rest = shape[1..].iter().map(|e| format!(", {}", self.size(*e)));
                    format!("outputs[{i}].reshape({leading}{})", rest.collect::<String>())
                }
                None => format!("outputs[{i}]"),
            });
        }
        if self.call.faults().is_some() {
            results.push(format!("outputs[{}]", outputs.len()));
        }
        let _ = writeln!(out, "    return {}", results.join(", "));
    }

    /// For an output with any number of leading axes: the input that has them, its number of other axes, and the
    /// output's shape.
    fn leading(&self, output: ParamId) -> Option<(&str, usize, &Shape)> {
        let ParamKind::Tensor { shape, leading: true, .. } = &self.call.param(output).kind else {
            return None;
        };
        self.call.inputs().into_iter().find_map(|id| match &self.call.param(id).kind {
            ParamKind::Tensor { shape: s, leading: true, .. } if s.first() == shape.first() => {
                Some((self.name(id), s.len() - 1, shape))
            }
            _ => None,
        })
    }
}

/// The leading axes of extent 1, which an array may lack.
fn ones(shape: &[Extent]) -> usize {
    shape.iter().take_while(|extent| **extent == Extent::Const(1)).count()
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
