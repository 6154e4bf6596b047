//! Growing a program: values in scope with their bounds, statements, sizes.

use super::bounds::Bounds;
use super::frame::Frame;
use super::{Options, Random};
use crate::{
    BinaryOp, DType, Dim, DimId, DimRule, ExprId, ExprKind, Extent, Literal, Param, ParamId,
    ParamKind, Program, Shape, Stmt, Type, VarId, Variable, infer,
};

/// A tile that is in scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub id: ExprId,
    pub bounds: Bounds,
}

/// The greatest number of elements of a tile, with this case's sizes.
const MAX_ELEMENTS: usize = 9000;
/// The greatest magnitude of a value.
const MAX_MAGNITUDE: f64 = 3e4;

pub(super) struct Builder<'a> {
    pub random: Random,
    pub options: &'a Options,
    /// Whether floats may be rounded to half types on the way.
    pub half: bool,
    pub program: Program,
    /// Values of the sizes.
    pub dims: Vec<usize>,
    /// By parameter, the scale of its errors.
    pub scales: Vec<f64>,
    pub frame: Frame,
    /// What can be used here, innermost block last.
    pub scope: Vec<Value>,
    /// Open blocks.
    blocks: Vec<Vec<Stmt>>,
}

impl<'a> Builder<'a> {
    pub fn new(random: Random, options: &'a Options, half: bool) -> Self {
        Builder {
            random,
            options,
            half,
            program: Program { name: "random".into(), ..Program::default() },
            dims: Vec::new(),
            scales: Vec::new(),
            frame: Frame::default(),
            scope: Vec::new(),
            blocks: vec![Vec::new()],
        }
    }

    pub fn finish(mut self) -> (Program, Vec<f64>, Vec<usize>, Random) {
        self.program.body = self.blocks.pop().unwrap_or_default();
        (self.program, self.scales, self.dims, self.random)
    }

    pub fn dim(&mut self, name: &str, rule: DimRule, value: usize) -> Extent {
        self.program.dims.push(Dim { name: name.into(), rule });
        self.dims.push(value);
        Extent::Dim { dim: DimId(self.dims.len() as u32 - 1), times: 1 }
    }

    pub fn param(&mut self, kind: ParamKind, scale: f64) -> ParamId {
        let number = self.program.params.len();
        self.program.params.push(Param { name: format!("p{number}"), kind });
        self.scales.push(scale);
        ParamId(number as u32)
    }

    pub fn statement(&mut self, stmt: Stmt) {
        if let Some(block) = self.blocks.last_mut() {
            block.push(stmt);
        }
    }

    /// Draws what `inside` records as a block of its own; values born there leave the scope.
    pub fn block(&mut self, inside: impl FnOnce(&mut Self)) -> Vec<Stmt> {
        let visible = self.scope.len();
        self.blocks.push(Vec::new());
        inside(self);
        self.scope.truncate(visible);
        self.blocks.pop().unwrap_or_default()
    }

    pub fn ty(&self, id: ExprId) -> &Type {
        &self.program.expr(id).ty
    }

    pub fn elements(&self, shape: &[Extent]) -> usize {
        shape.iter().fold(1, |n: usize, e| n.saturating_mul(e.value(&self.dims)))
    }

    /// True when errors and magnitudes are small enough for a comparison to mean something.
    fn is_tame(&self, dtype: DType, bounds: Bounds) -> bool {
        if !dtype.is_float() {
            return true;
        }
        // A sum over the longest axis may be used.
        let longest = self.dims.iter().copied().max().unwrap_or(1);
        let greatest = if self.half { 20.0 } else { (4.0 * longest as f64).max(2000.0) };
        bounds.magnitude() < MAX_MAGNITUDE && bounds.scale < greatest
    }

    /// Records an expression, unless it does not fit or is not tame.
    pub fn push(
        &mut self,
        kind: ExprKind,
        hint: Option<Type>,
        bounds: impl Into<Option<Bounds>>,
    ) -> Option<Value> {
        let bounds = bounds.into()?;
        let ty = infer(&self.program, &kind, hint.as_ref()).ok()?;
        let fits = self.elements(&ty.shape) <= MAX_ELEMENTS && self.is_tame(ty.dtype, bounds);
        fits.then(|| {
            let id = self.program.push(kind, ty, None);
            self.statement(Stmt::Let(id));
            let value = Value { id, bounds };
            self.scope.push(value);
            value
        })
    }

    pub fn constant(&mut self, dtype: DType, x: f64) -> Option<Value> {
        let x = dtype.round(x);
        let literal = match dtype {
            DType::Bool => Literal::Bool(x != 0.0),
            dtype if dtype.is_float() => Literal::Float(x),
            _ => Literal::Int(x as i64),
        };
        let integral = x.fract() == 0.0;
        let bounds = Bounds { integral, ..Bounds::exact(x, x) };
        self.push(ExprKind::Const(literal), Some(Type { dtype, shape: Shape::new() }), bounds)
    }

    /// An i32 scalar that is no literal to targets, but known here.
    pub fn index(&mut self, x: usize) -> Option<Value> {
        self.constant(DType::I32, x as f64)
    }

    pub fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Option<Value> {
        let bounds = super::bounds::binary(op, self.ty(a.id).dtype, a.bounds, b.bounds)?;
        self.push(ExprKind::Binary(op, a.id, b.id), None, bounds)
    }

    pub fn cast(&mut self, a: Value, to: DType) -> Option<Value> {
        let from = self.ty(a.id).dtype;
        if from == to {
            return Some(a);
        }
        let bounds = super::bounds::cast(from, to, a.bounds, self.half)?;
        let shape = self.ty(a.id).shape.clone();
        self.push(ExprKind::Cast(a.id), Some(Type { dtype: to, shape }), bounds)
    }

    /// A visible value that satisfies `wanted`; recent ones are likelier.
    pub fn choose(&mut self, wanted: impl Fn(&Self, &Value) -> bool) -> Option<Value> {
        let fitting: Vec<Value> = self.scope.iter().filter(|v| wanted(self, v)).copied().collect();
        if fitting.is_empty() {
            return None;
        }
        let back = self.random.below(fitting.len()).min(self.random.below(fitting.len()));
        Some(fitting[fitting.len() - 1 - back])
    }

    pub fn declare(&mut self, ty: Type) -> VarId {
        self.program.vars.push(Variable { ty, at: None, name: None });
        VarId(self.program.vars.len() as u32 - 1)
    }

    /// A value with bounds of the caller's making, for what a variable holds.
    pub fn get(&mut self, var: VarId, bounds: Bounds) -> Option<Value> {
        self.push(ExprKind::Get(var), None, bounds)
    }
}
