//! Drawing user-defined reductions and scans, from a few associative functions.

use super::bounds::{self, Bounds};
use super::builder::{Builder, Value};
use crate::{
    BinaryOp, Combine, DType, ExprId, ExprKind, Literal, ReduceOp, Shape, Type, UnaryOp, infer,
};

/// The body of a function under construction.
struct Body<'b, 'a> {
    builder: &'b mut Builder<'a>,
    body: Vec<ExprId>,
}

impl Body<'_, '_> {
    fn push(&mut self, kind: ExprKind) -> Option<ExprId> {
        let ty = infer(&self.builder.program, &kind, None).ok()?;
        let id = self.builder.program.push(kind, ty, None);
        self.body.push(id);
        Some(id)
    }

    fn binary(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> Option<ExprId> {
        self.push(ExprKind::Binary(op, a, b))
    }
}

const SCALAR_F32: Type = Type { dtype: DType::F32, shape: Shape::new() };

/// Stands for minus infinity where that minus itself must be 0.
const LEAST: f64 = -1e30;

impl Builder<'_> {
    fn arguments(&mut self, count: usize) -> Vec<ExprId> {
        (0..count).map(|_| self.program.push(ExprKind::Argument, SCALAR_F32, None)).collect()
    }

    pub(super) fn random_combine(&mut self) -> Option<Value> {
        let tame = |b: &Self, v: &Value| {
            let ty = b.ty(v.id);
            ty.dtype == DType::F32 && !ty.shape.is_empty() && v.bounds.magnitude() < 4.0
        };
        let a = self.choose(tame)?;
        let shape = self.ty(a.id).shape.clone();
        let b = self.choose(|b, v| tame(b, v) && b.ty(v.id).shape == shape)?;
        let axis = self.random.below(shape.len());
        let n = shape[axis].value(&self.dims);
        match self.random.below(3) {
            0 => self.sum_and_max(a, b, axis, n),
            1 => self.log_sum_exp(a, b, axis, n),
            _ => self.recurrence(a, b, axis, n),
        }
    }

    fn reduce_by(
        &mut self,
        of: [Value; 2],
        axis: usize,
        identity: [f64; 2],
        combine: Combine,
        bounds: [Bounds; 2],
    ) -> Option<Value> {
        let identity = self.constants(identity)?.to_vec();
        let kind = ExprKind::ReduceBy { of: of.map(|v| v.id).to_vec(), axis, combine, identity };
        let first = self.push(kind, None, bounds[0])?;
        self.push(ExprKind::Part(first.id, 1), None, bounds[1])
    }

    /// Constants such as the least number are not for other ops to use.
    fn constants(&mut self, values: [f64; 2]) -> Option<[ExprId; 2]> {
        let visible = self.scope.len();
        let mut constant = |x: f64| {
            let bounds = Bounds::exact(0.0, 0.0);
            self.push(ExprKind::Const(Literal::Float(x)), Some(SCALAR_F32), bounds)
        };
        let made = [constant(values[0])?.id, constant(values[1])?.id];
        self.scope.truncate(visible);
        Some(made)
    }

    fn sum_and_max(&mut self, a: Value, b: Value, axis: usize, n: usize) -> Option<Value> {
        let (left, right) = (self.arguments(2), self.arguments(2));
        let mut body = Body { builder: self, body: Vec::new() };
        let sum = body.binary(BinaryOp::Add, left[0], right[0])?;
        let max = body.binary(BinaryOp::Max, left[1], right[1])?;
        let combine = Combine { body: body.body, left, right, results: vec![sum, max] };
        let mut bounds = bounds::reduce(ReduceOp::Sum, DType::F32, a.bounds, n)?;
        // A target may add in any order, with a rounding each.
        bounds.scale *= 2.0;
        self.reduce_by([a, b], axis, [0.0, f64::NEG_INFINITY], combine, [bounds, b.bounds])
    }

    /// The maximum of `a`, and the sum of `b² e^(a - max)`: the online softmax.
    fn log_sum_exp(&mut self, a: Value, b: Value, axis: usize, n: usize) -> Option<Value> {
        let weight = self.binary(BinaryOp::Mul, b, b)?;
        let (left, right) = (self.arguments(2), self.arguments(2));
        let mut body = Body { builder: self, body: Vec::new() };
        let max = body.binary(BinaryOp::Max, left[0], right[0])?;
        let mut parts = Vec::new();
        for side in [&left, &right] {
            let shifted = body.binary(BinaryOp::Sub, side[0], max)?;
            let factor = body.push(ExprKind::Unary(UnaryOp::Exp, shifted))?;
            parts.push(body.binary(BinaryOp::Mul, side[1], factor)?);
        }
        let sum = body.binary(BinaryOp::Add, parts[0], parts[1])?;
        let combine = Combine { body: body.body, left, right, results: vec![max, sum] };
        let mut bounds = bounds::reduce(ReduceOp::Sum, DType::F32, weight.bounds, n)?;
        // Each join multiplies by an exponential of a difference of errors.
        bounds.scale = bounds.scale * 4.0 + bounds.magnitude() * (a.bounds.scale + 8.0);
        bounds.low = 0.0;
        self.reduce_by([a, weight], axis, [LEAST, 0.0], combine, [a.bounds, bounds])
    }

    /// `y[i] = a[i] y[i-1] + b[i]` as a scan of pairs.
    fn recurrence(&mut self, a: Value, b: Value, axis: usize, n: usize) -> Option<Value> {
        let bounds = bounds::unary(UnaryOp::Tanh, DType::F32, a.bounds)?;
        let factor = self.push(ExprKind::Unary(UnaryOp::Tanh, a.id), None, bounds)?;
        let (left, right) = (self.arguments(2), self.arguments(2));
        let mut body = Body { builder: self, body: Vec::new() };
        let product = body.binary(BinaryOp::Mul, left[0], right[0])?;
        let carried = body.binary(BinaryOp::Mul, left[1], right[0])?;
        let next = body.binary(BinaryOp::Add, carried, right[1])?;
        let combine = Combine { body: body.body, left, right, results: vec![product, next] };
        let reach = (n as f64 * b.bounds.magnitude()).max(1.0);
        let scale = n as f64 * (b.bounds.scale + reach * (1.0 + factor.bounds.scale));
        let product = Bounds { scale: n as f64 * (1.0 + factor.bounds.scale), ..factor.bounds };
        let product = product.or(Bounds { scale: product.scale, ..Bounds::exact(-1.0, 1.0) });
        let next = Bounds { scale, ..Bounds::exact(-reach, reach) };
        let of = vec![factor.id, b.id];
        let reverse = self.random.below(2) == 1;
        // What the function never sees need not leave anything alone.
        let exclusive = match self.random.below(2) {
            0 => None,
            _ => Some(self.constants([0.5, -0.25])?.to_vec()),
        };
        let first =
            self.push(ExprKind::ScanBy { of, axis, combine, exclusive, reverse }, None, product)?;
        self.push(ExprKind::Part(first.id, 1), None, next)
    }
}
