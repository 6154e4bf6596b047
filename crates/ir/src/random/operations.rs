//! Drawing single steps: maps, casts, shapes, reductions, scans, picks, products, blocks.

use super::bounds::{self, Bounds};
use super::builder::{Builder, Value};
use crate::op::{BINARY, REDUCE, UNARY};
use crate::{BinaryOp, DType, ExprKind, Extent, ReduceOp, Stmt, TernaryOp, Type, UnaryOp, infer};

impl Builder<'_> {
    /// Draws about `length` expressions.
    pub fn steps(&mut self, length: usize) {
        let goal = self.program.exprs.len() + length;
        for _ in 0..length * 6 {
            if self.program.exprs.len() >= goal {
                return;
            }
            self.step();
        }
    }

    fn step(&mut self) -> Option<()> {
        match self.random.below(32) {
            0..=6 => self.random_unary(),
            7..=14 => self.random_binary(),
            15 | 16 => self.random_ternary(),
            17 | 18 => self.random_cast(),
            19..=21 => self.random_reduction(),
            22 => self.random_scan(),
            23 | 24 => self.random_movement(),
            25 => self.random_order(),
            26 => self.random_pick(),
            27 => self.random_dot(),
            28 => self.random_combine(),
            29 => self.load(),
            30 => self.random_leaf(),
            _ => return self.random_block(),
        }
        .map(|_| ())
    }

    /// True when ops on this type may be drawn; the others are for storage.
    fn computes(&self, dtype: DType) -> bool {
        match dtype {
            DType::F16 | DType::BF16 => self.half,
            DType::I8 | DType::U8 => self.options.byte_arithmetic,
            _ => true,
        }
    }

    fn operand(&mut self) -> Option<Value> {
        self.choose(|b, v| b.computes(b.ty(v.id).dtype))
    }

    fn float(&mut self) -> Option<Value> {
        self.choose(|b, v| b.ty(v.id).dtype.is_float() && b.computes(b.ty(v.id).dtype))
    }

    fn random_unary(&mut self) -> Option<Value> {
        let a = if self.random.chance(0.7) { self.float()? } else { self.operand()? };
        let dtype = self.ty(a.id).dtype;
        let fitting: Vec<UnaryOp> =
            UNARY.iter().filter(|row| row.types.accepts(dtype)).map(|row| row.op).collect();
        let op = self.random.of(&fitting);
        match bounds::unary(op, dtype, a.bounds) {
            Some(bounds) => self.push(ExprKind::Unary(op, a.id), None, bounds),
            // Outside the op's domain: shift the operand into it.
            None => {
                let positive = self.positive(a)?;
                let bounds = bounds::unary(op, dtype, positive.bounds)?;
                self.push(ExprKind::Unary(op, positive.id), None, bounds)
            }
        }
    }

    /// A function of a float value with results of at least a half and at most a few.
    fn positive(&mut self, a: Value) -> Option<Value> {
        let dtype = self.ty(a.id).dtype;
        let squashed = match a.bounds.magnitude() < 3.0 {
            true => a,
            false => {
                let bounds = bounds::unary(UnaryOp::Tanh, dtype, a.bounds)?;
                self.push(ExprKind::Unary(UnaryOp::Tanh, a.id), None, bounds)?
            }
        };
        let bounds = bounds::unary(UnaryOp::Abs, dtype, squashed.bounds)?;
        let absolute = self.push(ExprKind::Unary(UnaryOp::Abs, squashed.id), None, bounds)?;
        let half = self.constant(dtype, 0.5)?;
        self.binary(BinaryOp::Add, absolute, half)
    }

    /// A value that `a` may be combined with: same type, and shapes that broadcast.
    fn partner(&mut self, a: Value) -> Option<Value> {
        let ty = self.ty(a.id).clone();
        let found = self.choose(|b, v| {
            let other = b.ty(v.id);
            other.dtype == ty.dtype
                && crate::infer::broadcast(&b.program, &ty.shape, &other.shape).is_ok()
        });
        match self.random.chance(0.25) {
            true => {
                let x = self.random.signed() * 2.0;
                self.constant(ty.dtype, if ty.dtype.is_float() { x } else { (4.0 * x).round() })
            }
            false => found,
        }
    }

    fn random_binary(&mut self) -> Option<Value> {
        let a = if self.random.chance(0.7) { self.float()? } else { self.operand()? };
        let dtype = self.ty(a.id).dtype;
        let b = self.partner(a)?;
        let fitting: Vec<BinaryOp> =
            BINARY.iter().filter(|row| row.types.accepts(dtype)).map(|row| row.op).collect();
        // Plain arithmetic is what programs are mostly made of.
        let plain = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul];
        let op = match dtype != DType::Bool && self.random.chance(0.4) {
            true => self.random.of(&plain),
            false => self.random.of(&fitting),
        };
        if let Some(value) = self.binary(op, a, b) {
            return Some(value);
        }
        match op {
            BinaryOp::Div => {
                let b = self.positive(b)?;
                self.binary(op, a, b)
            }
            BinaryOp::Pow => {
                let a = self.positive(a)?;
                self.binary(op, a, b)
            }
            _ => None,
        }
    }

    fn random_ternary(&mut self) -> Option<Value> {
        match self.random.below(5) {
            0 | 1 => {
                let a = self.operand()?;
                let b = self.partner(a)?;
                let condition = self.choose(|b, v| b.ty(v.id).dtype == DType::Bool)?;
                self.ternary(TernaryOp::Select, [condition, a, b])
            }
            2 => {
                let seed = self.choose(|b, v| {
                    let ty = b.ty(v.id);
                    ty.dtype == DType::U32 && ty.shape.is_empty()
                });
                let seed = match seed {
                    Some(seed) => seed,
                    None => self.constant(DType::U32, 42.0)?,
                };
                let position = self.choose(|b, v| b.ty(v.id).dtype == DType::U32)?;
                self.ternary(TernaryOp::Philox, [position, seed, seed])
            }
            _ => {
                let a = self.float()?;
                let (b, c) = (self.partner(a)?, self.partner(a)?);
                self.ternary(TernaryOp::Fma, [a, b, c])
            }
        }
    }

    fn ternary(&mut self, op: TernaryOp, of: [Value; 3]) -> Option<Value> {
        let dtype = self.ty(of[2].id).dtype;
        let bounds = bounds::ternary(op, dtype, of.map(|v| v.bounds))?;
        self.push(ExprKind::Ternary(op, of.map(|v| v.id)), None, bounds)
    }

    fn random_cast(&mut self) -> Option<Value> {
        let a = self.choose(|_, _| true)?;
        let (dtype, shape) = (self.ty(a.id).dtype, self.ty(a.id).shape.clone());
        if self.random.chance(0.2) && a.bounds.is_exact() && dtype.size() == 4 {
            // The bits of a float as an integer, or of one integer type as the other.
            let to = self.random.of(&[DType::I32, DType::U32]);
            let kind = ExprKind::Bitcast(a.id);
            return self.push(kind, Some(Type { dtype: to, shape }), Bounds::any(to));
        }
        let to = self.random.of(&super::STORAGE);
        if !self.computes(to) && self.random.chance(0.7) {
            return None;
        }
        let mut a = a;
        if to.is_float() && !dtype.is_float() && a.bounds.magnitude() > 1000.0 {
            let small = self.constant(dtype, if dtype == DType::Bool { 1.0 } else { 63.0 })?;
            a = self.binary(BinaryOp::And, a, small)?;
        }
        self.cast(a, to)
    }

    /// A value with axes, one of them, and its extent here.
    fn value_and_axis(&mut self) -> Option<(Value, usize, usize)> {
        let a = self.choose(|b, v| {
            let ty = b.ty(v.id);
            !ty.shape.is_empty() && b.computes(ty.dtype)
        })?;
        let shape = self.ty(a.id).shape.clone();
        let axis = self.random.below(shape.len());
        Some((a, axis, shape[axis].value(&self.dims)))
    }

    fn reduce_op(&mut self, dtype: DType) -> ReduceOp {
        let rows = REDUCE.iter().filter(|row| row.types.accepts(dtype));
        let fitting: Vec<ReduceOp> = rows.map(|row| row.op).collect();
        match dtype.is_float() && self.random.chance(0.5) {
            true => ReduceOp::Sum,
            false => self.random.of(&fitting),
        }
    }

    fn random_reduction(&mut self) -> Option<Value> {
        let (a, axis, extent) = self.value_and_axis()?;
        let dtype = self.ty(a.id).dtype;
        let numeric = dtype != DType::Bool;
        if numeric && a.bounds.is_exact() && self.random.chance(0.3) {
            let max = self.random.chance(0.5);
            let kind = ExprKind::ArgReduce { max, of: a.id, axis };
            return self.push(kind, None, Bounds::whole(0.0, extent as f64));
        }
        let op = self.reduce_op(dtype);
        let bounds = bounds::reduce(op, dtype, a.bounds, extent)?;
        self.push(ExprKind::Reduce(op, a.id, axis), None, bounds)
    }

    fn random_scan(&mut self) -> Option<Value> {
        let (a, axis, extent) = self.value_and_axis()?;
        let dtype = self.ty(a.id).dtype;
        let op = self.reduce_op(dtype);
        let exclusive = self.random.chance(0.4);
        let reverse = self.random.chance(0.4);
        let mut bounds = bounds::reduce(op, dtype, a.bounds, extent)?;
        if exclusive {
            let identity = op.identity(dtype);
            // An infinite identity would spread.
            if identity.is_infinite() {
                return None;
            }
            bounds = bounds.or(Bounds::whole(identity, identity));
        }
        let kind = ExprKind::Scan { op, of: a.id, axis, exclusive, reverse };
        self.push(kind, None, bounds)
    }

    /// Reshape, transpose, broadcast, slice or concatenation.
    fn random_movement(&mut self) -> Option<Value> {
        let a = self.choose(|b, v| !b.ty(v.id).shape.is_empty())?;
        let Type { dtype, shape } = self.ty(a.id).clone();
        let rank = shape.len();
        let hint = |shape| Some(Type { dtype, shape });
        match self.random.below(6) {
            0 => {
                let mut shape = shape;
                let at = self.random.below(rank + 1);
                shape.insert(at, Extent::Const(1));
                self.push(ExprKind::Reshape(a.id), hint(shape), a.bounds)
            }
            1 => {
                let split = shape.iter().position(|e| e.constant().is_some_and(|n| n % 2 == 0));
                let mut shape = shape;
                match split {
                    Some(axis) => {
                        let half = shape[axis].constant()? / 2;
                        shape.splice(axis..=axis, [Extent::Const(half), Extent::Const(2)]);
                    }
                    None => shape.rotate_left(1),
                }
                self.push(ExprKind::Reshape(a.id), hint(shape), a.bounds)
            }
            2 => {
                let mut order: Vec<usize> = (0..rank).collect();
                for i in 1..rank {
                    let other = self.random.below(i + 1);
                    order.swap(i, other);
                }
                self.push(ExprKind::Transpose(a.id, order), None, a.bounds)
            }
            3 => {
                let mut shape = shape;
                for extent in &mut shape {
                    if *extent == Extent::Const(1) {
                        *extent = Extent::Const(self.random.between(1, 5));
                    }
                }
                if self.random.chance(0.5) {
                    shape.insert(0, Extent::Const(self.random.between(1, 4)));
                }
                self.push(ExprKind::Broadcast(a.id), hint(shape), a.bounds)
            }
            4 => {
                let axis = self.random.below(rank);
                let (start, len) = self.part_of(shape[axis]);
                let mut shape = shape;
                shape[axis] = len;
                let kind = ExprKind::Slice { of: a.id, axis, start };
                self.push(kind, hint(shape), a.bounds)
            }
            _ => {
                let axis = self.random.below(rank);
                let b = self.choose(|b, v| {
                    let joined = ExprKind::Concat(vec![a.id, v.id], axis);
                    infer(&b.program, &joined, None).is_ok()
                })?;
                let kind = ExprKind::Concat(vec![a.id, b.id], axis);
                self.push(kind, None, a.bounds.or(b.bounds))
            }
        }
    }

    /// A part of an axis that is known to lie inside: its start and length.
    fn part_of(&mut self, extent: Extent) -> (Extent, Extent) {
        match extent {
            Extent::Const(n) => {
                let len = self.random.between(1, n);
                (Extent::Const(self.random.between(0, n - len)), Extent::Const(len))
            }
            Extent::Dim { dim, times } => {
                let len = self.random.between(1, times);
                let start = match self.random.between(0, times - len) {
                    0 => Extent::Const(0),
                    times => Extent::Dim { dim, times },
                };
                (start, Extent::Dim { dim, times: len })
            }
        }
    }

    /// Top-k of exact values, or their positions.
    fn random_order(&mut self) -> Option<Value> {
        let a = self.choose(|b, v| {
            let ty = b.ty(v.id);
            v.bounds.is_exact()
                && ty.dtype != DType::Bool
                && !ty.shape.is_empty()
                && b.computes(ty.dtype)
        })?;
        let n = self.ty(a.id).shape.last()?.value(&self.dims);
        let greatest = if self.random.chance(0.2) { n } else { n.min(9) };
        let k = self.random.between(1, greatest);
        let top = self.push(ExprKind::TopK { of: a.id, k }, None, a.bounds)?;
        self.push(ExprKind::Part(top.id, 1), None, Bounds::whole(0.0, n as f64 - 1.0))
    }

    /// Elements of a tile at positions that are known to lie inside it.
    fn random_pick(&mut self) -> Option<Value> {
        let of = self.choose(|b, v| !b.ty(v.id).shape.is_empty())?;
        let shape = self.ty(of.id).shape.clone();
        let (leading, last) = shape.split_at(shape.len() - 1);
        let n = last[0].value(&self.dims) as f64;
        let found = self.choose(|b, v| {
            let ty = b.ty(v.id);
            matches!(ty.dtype, DType::I32 | DType::U32)
                && ty.shape.len() == shape.len()
                && ty.shape.starts_with(leading)
                && v.bounds.low >= 0.0
                && v.bounds.high < n
        });
        let indices = match found {
            Some(indices) => indices,
            None if leading.is_empty() => {
                let len = self.extent();
                self.positions(len, last[0], false)?
            }
            None => return None,
        };
        let kind = ExprKind::Pick { of: of.id, indices: indices.id };
        self.push(kind, None, of.bounds)
    }

    fn random_dot(&mut self) -> Option<Value> {
        let is_matrix = |b: &Self, v: &Value| {
            let ty = b.ty(v.id);
            ty.shape.len() == 2 && ty.dtype != DType::Bool
        };
        let a = self.choose(is_matrix)?;
        let ty = self.ty(a.id).clone();
        let b = self.choose(|b, v| {
            is_matrix(b, v)
                && b.ty(v.id).dtype == ty.dtype
                && b.ty(v.id).shape.contains(&ty.shape[1])
        })?;
        let right = match self.ty(b.id).shape[0] == ty.shape[1] {
            true => b,
            false => self.push(ExprKind::Transpose(b.id, vec![1, 0]), None, b.bounds)?,
        };
        let terms = ty.shape[1].value(&self.dims);
        let dtype = if ty.dtype.is_float() { DType::F32 } else { DType::I32 };
        let product = bounds::binary(BinaryOp::Mul, dtype, a.bounds, right.bounds)?;
        let bounds = bounds::reduce(ReduceOp::Sum, dtype, product, terms)?;
        self.push(ExprKind::Dot(a.id, right.id), None, bounds)
    }

    fn random_leaf(&mut self) -> Option<Value> {
        let extent = self.extent();
        let size = extent.value(&self.dims) as f64;
        match self.random.below(3) {
            0 => self.push(ExprKind::Iota(extent), None, Bounds::whole(0.0, size)),
            1 => self.push(ExprKind::Size(extent), None, Bounds::whole(size, size)),
            _ => {
                let dtype = self.random.of(&super::STORAGE);
                let x = (self.random.signed() * 8.0).round() / 4.0;
                self.constant(dtype, if dtype.is_float() { x } else { x.abs().round() })
            }
        }
    }

    /// A loop or condition round a variable.
    fn random_block(&mut self) -> Option<()> {
        let start = self.operand()?;
        let ty = self.ty(start.id).clone();
        let var = self.declare(ty.clone());
        self.statement(Stmt::Set(var, start.id));
        let mut bounds = start.bounds;
        if self.random.chance(0.3) {
            let Some(condition) = self.condition() else {
                self.get(var, bounds);
                return Some(());
            };
            let length = self.random.between(1, 4);
            let body = self.block(|b| {
                b.steps(length);
                if let Some(other) = b.choose(|b, v| *b.ty(v.id) == ty) {
                    b.statement(Stmt::Set(var, other.id));
                    bounds = bounds.or(other.bounds);
                }
            });
            self.statement(Stmt::When { condition: condition.id, body });
        } else {
            let (rounds, step) = (self.random.between(0, 4), self.random.between(1, 3));
            let (first, end) = (self.index(0)?, self.index(rounds * step)?);
            let length = self.random.between(1, 5);
            let scalar = Type { dtype: DType::I32, shape: Vec::new() };
            let index = self.program.push(ExprKind::LoopIndex, scalar, None);
            let body = self.block(|b| {
                b.scope.push(Value { id: index, bounds: Bounds::whole(0.0, 12.0) });
                b.steps(length);
                b.update(var, &ty, &mut bounds, rounds);
            });
            let (start, end) = (first.id, end.id);
            self.statement(Stmt::For { index, start, end, step, body });
        }
        self.get(var, bounds);
        Some(())
    }

    /// Changes a variable in the body of a loop so that its bounds stay known whatever the number of rounds.
    fn update(&mut self, var: crate::VarId, ty: &Type, bounds: &mut Bounds, rounds: usize) {
        let Some(term) = self.choose(|b, v| b.ty(v.id) == ty) else { return };
        let exact = !ty.dtype.is_float();
        let op =
            if exact { BinaryOp::Xor } else { self.random.of(&[BinaryOp::Max, BinaryOp::Add]) };
        let after = match op {
            BinaryOp::Xor => Bounds::any(ty.dtype),
            BinaryOp::Max => bounds.or(term.bounds),
            _ => {
                let Some(sum) = bounds::reduce(ReduceOp::Sum, ty.dtype, term.bounds, rounds.max(1))
                else {
                    return;
                };
                // Each round rounds once more.
                let Some(mut sum) = bounds::binary(BinaryOp::Add, ty.dtype, *bounds, sum) else {
                    return;
                };
                sum.scale += rounds as f64 * if sum.is_exact() { 0.0 } else { sum.magnitude() };
                sum.or(*bounds)
            }
        };
        // The bounds of the variable in any round are those after all rounds.
        let Some(before) = self.get(var, after) else { return };
        if let Some(value) = self.push(ExprKind::Binary(op, before.id, term.id), None, after) {
            self.statement(Stmt::Set(var, value.id));
            *bounds = after;
        }
    }
}
