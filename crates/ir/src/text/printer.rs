//! Printing programs.

use super::lexer::quote;
use crate::bind::show_extent;
use crate::infer::{show_tile_shape, show_type};
use crate::validate::{MAX_DEPTH, is_word};
use crate::{
    Access, Axis, Combine, DType, DimRule, ExprId, ExprKind, Literal, Param, ParamKind, Place,
    Program, Stmt, StoreMode,
};
use std::fmt::Write;

/// The text form of a program, one statement a line.
pub fn print(program: &Program) -> String {
    let mut printer = Printer { program, text: String::new(), depth: 0 };
    printer.header();
    printer.body(&program.body);
    printer.text
}

/// The fill value that a load has when its text form names none.
pub(crate) fn default_fill(dtype: DType) -> Literal {
    match dtype {
        DType::Bool => Literal::Bool(false),
        dtype if dtype.is_float() => Literal::Float(0.0),
        _ => Literal::Int(0),
    }
}

/// The word of an access.
pub(super) fn access_word(access: Access) -> &'static str {
    match access {
        Access::In => "in",
        Access::Out => "out",
        Access::InOut => "inout",
    }
}

/// The keyword of a store.
pub(super) fn store_word(mode: StoreMode) -> &'static str {
    match mode {
        StoreMode::Set => "store",
        StoreMode::AtomicAdd => "atomic_add",
        StoreMode::AtomicMax => "atomic_max",
        StoreMode::AtomicMin => "atomic_min",
    }
}

/// The names of the sizes that a signature mentions, in order.
pub(super) fn dims_of_signature(program: &Program) -> Vec<&str> {
    let mut names = Vec::new();
    for param in &program.params {
        let ParamKind::Tensor { shape, .. } = &param.kind else { continue };
        for extent in shape {
            let crate::Extent::Dim { dim, .. } = extent else { continue };
            if let Some(dim) = program.dims.get(dim.index())
                && !names.contains(&dim.name.as_str())
            {
                names.push(dim.name.as_str());
            }
        }
    }
    names
}

struct Printer<'a> {
    program: &'a Program,
    text: String,
    depth: usize,
}

/// Writes to the text, which cannot fail.
macro_rules! put {
    ($printer:expr, $($arguments:tt)*) => {{
        let _ = write!($printer.text, $($arguments)*);
    }};
}

impl Printer<'_> {
    fn line(&mut self) {
        self.text.push('\n');
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn header(&mut self) {
        let program = self.program;
        let free = |rule| rule == DimRule::Free;
        let told = program.dims.iter().all(|dim| free(dim.rule))
            && program.dims.iter().map(|dim| dim.name.as_str()).eq(dims_of_signature(program));
        if !told {
            let dims: Vec<String> = program.dims.iter().map(|dim| self.dim(dim)).collect();
            put!(self, "dims {}\n", dims.join(", "));
        }
        let params: Vec<String> = program.params.iter().map(|param| self.param(param)).collect();
        put!(self, "kernel {}({})", program.name, params.join(", "));
        if !program.grid.is_empty() {
            let axes = program.grid.iter().map(|axis| {
                let extent = show_extent(program, axis.extent);
                if axis.block == 1 { extent } else { format!("{extent} / {}", axis.block) }
            });
            let axes: Vec<String> = axes.collect();
            self.line();
            put!(self, "grid {}", axes.join(", "));
        }
        for (number, var) in program.vars.iter().enumerate() {
            self.line();
            put!(self, "var ${number}{}: {}", name(&var.name), show_type(program, &var.ty));
        }
    }

    fn dim(&self, dim: &crate::Dim) -> String {
        match dim.rule {
            DimRule::Free => dim.name.clone(),
            DimRule::CeilDiv { dim: of, by, most } => {
                let of = show_extent(self.program, crate::Extent::Dim { dim: of, times: 1 });
                let most = most.map_or(String::new(), |most| format!(", {most}"));
                format!("{} = ceil({of} / {by}{most})", dim.name)
            }
            DimRule::Quotient { dim: of, by } => {
                let size = |dim| show_extent(self.program, crate::Extent::Dim { dim, times: 1 });
                format!("{} = ceil({} / {})", dim.name, size(of), size(by))
            }
        }
    }

    fn param(&self, param: &Param) -> String {
        let name = &param.name;
        match &param.kind {
            ParamKind::Tensor { dtype, shape, leading, access } => {
                let access = access_word(*access);
                let shape = show_tile_shape(self.program, shape);
                let shape = if *leading { shape.replacen('[', "[*", 1) } else { shape };
                format!("{name}: {access} {dtype}{shape}")
            }
            ParamKind::Scalar { dtype, default: None } => format!("{name}: scalar {dtype}"),
            ParamKind::Scalar { dtype, default: Some(value) } => {
                format!("{name}: scalar {dtype} = {}", float(*value))
            }
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        for stmt in body {
            self.line();
            self.stmt(stmt);
        }
    }

    fn block(&mut self, body: &[Stmt]) {
        self.text.push_str(" {");
        self.depth += 1;
        self.body(body);
        self.depth -= 1;
        self.line();
        self.text.push('}');
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let(id) => self.expr(*id),
            Stmt::Set(var, value) => put!(self, "set ${} = %{}", var.0, value.0),
            Stmt::Store { place, value, mask, mode, .. } => {
                let place = self.place(place);
                put!(self, "{} {place} = %{}", store_word(*mode), value.0);
                if let Some(mask) = mask {
                    put!(self, " if %{}", mask.0);
                }
            }
            Stmt::For { index, start, end, step, body } => {
                let named = self.program.exprs.get(index.index()).and_then(|e| e.name.clone());
                put!(self, "for %{}{} in %{}..%{}", index.0, name(&named), start.0, end.0);
                if *step != 1 {
                    put!(self, " step {step}");
                }
                self.block(body);
            }
            Stmt::When { condition, body } => {
                put!(self, "when %{}", condition.0);
                self.block(body);
            }
        }
    }

    fn place(&self, place: &Place) -> String {
        let axes = place.axes.iter().map(|axis| match axis {
            Axis::At(id) => format!("%{}", id.0),
            Axis::All => ":".into(),
            Axis::Gather(id) => format!("gather %{}", id.0),
            Axis::Range { start, len, step } => {
                let range = format!("%{}..+{}", start.0, show_extent(self.program, *len));
                if *step == 1 { range } else { format!("{range} step {step}") }
            }
        });
        let axes: Vec<String> = axes.collect();
        let param = self.program.params.get(place.param.index());
        format!("{}[{}]", param.map_or("?", |p| p.name.as_str()), axes.join(", "))
    }

    /// A value, by its number. Programs are looked up by their text, so that what they mostly consist of is written without
    /// the machinery of formats.
    fn value(&mut self, id: ExprId) {
        let (mut digits, mut rest, mut at) = ([0; 10], id.0, 10);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.push('%');
        self.text.extend(digits[at..].iter().map(|&digit| char::from(digit)));
    }

    fn op(&mut self, name: &str, operands: &[ExprId]) {
        self.text.push_str(name);
        for (number, &operand) in operands.iter().enumerate() {
            self.text.push_str(if number == 0 { " " } else { ", " });
            self.value(operand);
        }
    }

    fn expr(&mut self, id: ExprId) {
        let Some(expr) = self.program.exprs.get(id.index()) else {
            put!(self, "%{}", id.0);
            return;
        };
        self.value(id);
        self.text.push_str(&name(&expr.name));
        self.text.push_str(": ");
        self.text.push_str(&show_type(self.program, &expr.ty));
        self.text.push_str(" = ");
        let extent = |e| show_extent(self.program, e);
        match &expr.kind {
            ExprKind::Const(value) => put!(self, "const {}", literal(*value)),
            ExprKind::Scalar(param) => {
                let param = self.program.params.get(param.index());
                put!(self, "scalar {}", param.map_or("?", |p| p.name.as_str()));
            }
            ExprKind::Size(size) => put!(self, "size {}", extent(*size)),
            ExprKind::Program(axis) => put!(self, "program {axis}"),
            // These have no line of their own in a valid program.
            ExprKind::LoopIndex => put!(self, "loop_index"),
            ExprKind::Argument => put!(self, "argument"),
            ExprKind::Iota(len) => put!(self, "iota {}", extent(*len)),
            ExprKind::Unary(op, a) => self.op(op.name(), &[*a]),
            ExprKind::Binary(op, a, b) => self.op(op.name(), &[*a, *b]),
            ExprKind::Ternary(op, abc) => self.op(op.name(), abc),
            ExprKind::Cast(a) => self.op("cast", &[*a]),
            ExprKind::Bitcast(a) => self.op("bitcast", &[*a]),
            ExprKind::Broadcast(a) => self.op("broadcast", &[*a]),
            ExprKind::Reshape(a) => self.op("reshape", &[*a]),
            ExprKind::Transpose(a, order) => put!(self, "transpose %{} {order:?}", a.0),
            ExprKind::Slice { of, axis, start } => {
                put!(self, "slice %{} axis {axis} from {}", of.0, extent(*start));
            }
            ExprKind::Concat(parts, axis) => {
                put!(self, "concat {} axis {axis}", values(parts));
            }
            ExprKind::Pick { of, indices } => put!(self, "pick %{}, %{}", of.0, indices.0),
            ExprKind::Reduce(op, of, axis) => {
                put!(self, "reduce_{} %{} axis {axis}", op.name(), of.0);
            }
            ExprKind::ArgReduce { max, of, axis } => {
                let name = if *max { "argmax" } else { "argmin" };
                put!(self, "{name} %{} axis {axis}", of.0);
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                put!(self, "reduce_by {} axis {axis} from {}", values(of), values(identity));
                self.combine(combine);
            }
            ExprKind::Scan { op, of, axis, exclusive, reverse } => {
                put!(self, "scan_{} %{} axis {axis}", op.name(), of.0);
                put!(self, "{}", if *exclusive { " exclusive" } else { "" });
                put!(self, "{}", if *reverse { " reverse" } else { "" });
            }
            ExprKind::ScanBy { of, axis, combine, exclusive, reverse } => {
                put!(self, "scan_by {} axis {axis}", values(of));
                if let Some(first) = exclusive {
                    put!(self, " exclusive {}", values(first));
                }
                put!(self, "{}", if *reverse { " reverse" } else { "" });
                self.combine(combine);
            }
            ExprKind::TopK { of, k } => put!(self, "topk %{} k {k}", of.0),
            ExprKind::Part(of, part) => put!(self, "part %{} number {part}", of.0),
            ExprKind::Dot(a, b) => put!(self, "dot %{}, %{}", a.0, b.0),
            ExprKind::Unpack { of, bits } => put!(self, "unpack %{} bits {bits}", of.0),
            ExprKind::Get(var) => put!(self, "get ${}", var.0),
            ExprKind::Load { place, fill } => {
                put!(self, "load {}", self.place(place));
                // Compared as text, since -0 equals 0.
                if literal(*fill) != literal(default_fill(expr.ty.dtype)) {
                    put!(self, " fill {}", literal(*fill));
                }
            }
        }
    }

    fn combine(&mut self, combine: &Combine) {
        // A function of an invalid program may contain the very expression it belongs to.
        if self.depth > 2 * MAX_DEPTH {
            return;
        }
        let arguments = |ids: &[ExprId]| {
            let shown = ids.iter().map(|id| match self.program.exprs.get(id.index()) {
                Some(expr) => {
                    let ty = show_type(self.program, &expr.ty);
                    format!("%{}{}: {ty}", id.0, name(&expr.name))
                }
                None => format!("%{}", id.0),
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        put!(self, " ({}; {}) {{", arguments(&combine.left), arguments(&combine.right));
        self.depth += 1;
        for &id in &combine.body {
            self.line();
            self.expr(id);
        }
        self.line();
        put!(self, "yield {}", values(&combine.results));
        self.depth -= 1;
        self.line();
        self.text.push('}');
    }
}

fn values(ids: &[ExprId]) -> String {
    let shown: Vec<String> = ids.iter().map(|id| format!("%{}", id.0)).collect();
    shown.join(", ")
}

fn name(name: &Option<String>) -> String {
    match name {
        // `in` would read as the end of a loop's head.
        Some(word) if is_word(word) && word != "in" => format!(" {word}"),
        Some(other) => format!(" {}", quote(other)),
        None => String::new(),
    }
}

fn literal(value: Literal) -> String {
    match value {
        Literal::Bool(b) => b.to_string(),
        Literal::Int(i) => i.to_string(),
        Literal::Float(x) => float(x),
    }
}

/// The shortest text that reads back as the same f64, with a sign that it is no integer.
fn float(x: f64) -> String {
    if x.is_nan() { "nan".into() } else { format!("{x:?}") }
}
