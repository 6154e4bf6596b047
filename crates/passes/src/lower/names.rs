//! Names of registers in the emitted text.

use std::collections::HashMap;
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Program, ReduceOp, TernaryOp};

/// Words that the C family, or the text around a kernel's body, uses itself.
const WORDS: &str = "abs alignas arguments asm atomicAdd auto bool break case char class const constant continue \
    default delete device do double else enum extern false faults float fma for friend goto half if inline int kernel \
    long max min namespace new operator private register return shared_memory short signed sizeof static struct \
    switch template thread threadgroup throw true try typedef typename uint union unsigned using virtual void \
    volatile while";

/// The names that are taken, each with the least number that may still be free behind it.
pub(super) struct Names(HashMap<String, usize>);

impl Names {
    /// Those of the parameters, and words of the language.
    pub fn new(program: &Program) -> Names {
        let words = WORDS.split_whitespace().map(str::to_string);
        let names = words.chain(program.params.iter().map(|p| p.name.clone()));
        Names(names.map(|name| (name, 2)).collect())
    }

    /// The name, or the first of `name_2`, `name_3`, ... that is free; taken from now on.
    pub fn unique(&mut self, name: &str) -> String {
        let Some(&first) = self.0.get(name) else {
            self.0.insert(name.to_string(), 2);
            return name.to_string();
        };
        let numbered = (first..).map(|number| (number, format!("{name}_{number}")));
        let mut free = numbered.skip_while(|(_, name)| self.0.contains_key(name));
        let (number, free) = free.next().unwrap_or_default();
        self.0.insert(name.to_string(), number + 1);
        self.0.insert(free.clone(), 2);
        free
    }
}

/// What the value of an expression is called: as its author did, or by what it is.
pub(super) fn of_expr(program: &Program, id: ExprId) -> String {
    let expr = program.expr(id);
    if let Some(name) = &expr.name {
        return name.clone();
    }
    let word = match &expr.kind {
        ExprKind::Load { place, .. } => return format!("{}_in", program.param(place.param).name),
        ExprKind::Unary(op, _) => op.name(),
        ExprKind::Binary(op, ..) => match op {
            BinaryOp::Add => "added",
            BinaryOp::Sub => "difference",
            BinaryOp::Mul => "product",
            BinaryOp::Div => "quotient",
            BinaryOp::Max => "larger",
            BinaryOp::Min => "smaller",
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge => "test",
            op => op.name(),
        },
        ExprKind::Ternary(TernaryOp::Select, _) => "chosen",
        ExprKind::Ternary(TernaryOp::Philox, _) => "random",
        ExprKind::Ternary(op, _) => op.name(),
        ExprKind::Cast(_) if expr.ty.dtype == DType::F32 => "wide",
        ExprKind::Cast(_) => "rounded",
        ExprKind::Reduce(op, ..) => match op {
            ReduceOp::Sum => "total",
            ReduceOp::Max => "greatest",
            ReduceOp::Min => "least",
            _ => "reduced",
        },
        ExprKind::ArgReduce { .. } => "best",
        ExprKind::Scan { .. } | ExprKind::ScanBy { .. } => "running",
        ExprKind::TopK { .. } => "top",
        ExprKind::Pick { .. } => "picked",
        ExprKind::Dot(..) => "products",
        ExprKind::Unpack { .. } => "unpacked",
        _ => "tile",
    };
    // Apart from the functions of that name.
    if word == expr_function(&expr.kind) { format!("{word}_x") } else { word.to_string() }
}

/// The name of the function that the languages have for an expression, if it is called by a name.
fn expr_function(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Unary(op, _) => op.name(),
        ExprKind::Ternary(op, _) => op.name(),
        _ => "",
    }
}
