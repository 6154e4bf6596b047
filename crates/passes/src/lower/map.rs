//! Elementwise expressions: each register of a thread computes its own element.

use super::access::as_i32;
use super::{Held, LowerError, Lowering, int, padded};
use crate::lower::layout::{Layout, Run};
use tilewright_ir::thread::{Builtin, Check, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, Literal, TernaryOp, UnaryOp};

impl Lowering<'_> {
    /// The element of `id` that belongs to a register of `layout`.
    pub(super) fn element(
        &mut self,
        id: ExprId,
        layout: &Layout,
        register: &Value,
    ) -> Result<Value, LowerError> {
        if let Some(held) = self.held_as(id, layout) {
            return Ok(read(self, &held, layout, register));
        }
        let rank = layout.capacity.len();
        let positions: Vec<Value> =
            (0..rank).map(|axis| self.position(layout, axis, register)).collect();
        self.value_under(id, &positions).ok_or_else(|| {
            LowerError(format!("{}: %{} is not where it is used", self.program.name, id.0))
        })
    }

    /// [`value_at`](Self::value_at) the positions of a tile that `id` broadcasts to: its own are the last of them, and a
    /// single element is there for all positions along its axis.
    fn value_under(&mut self, id: ExprId, positions: &[Value]) -> Option<Value> {
        let shape = &self.program.expr(id).ty.shape;
        let own = &positions[positions.len().checked_sub(shape.len())?..];
        let of = |(e, p): (&Extent, &Value)| match e {
            Extent::Const(1) => int(0),
            _ => p.clone(),
        };
        let own: Vec<Value> = shape.iter().zip(own).map(of).collect();
        self.value_at(id, &own)
    }

    /// The registers of `id`, if their layout is `layout` or `layout` without some axes.
    fn held_as(&self, id: ExprId, layout: &Layout) -> Option<Held> {
        self.held.get(&id)?.iter().find(|h| projects(layout, &h.layout)).cloned()
    }

    /// The registers of `id`, where their layout is that one.
    pub(super) fn held_in(&self, id: ExprId, layout: &Layout) -> Option<RegisterId> {
        let held = self.held.get(&id)?.iter().find(|held| held.layout == *layout);
        held.map(|held| held.register)
    }

    /// True when a register of each thread holds `id` for `layout`, or it is the same number everywhere.
    pub(super) fn is_held(&self, id: ExprId, layout: &Layout) -> bool {
        use ExprKind::{Const, Scalar, Size};
        let everywhere = matches!(self.program.expr(id).kind, Const(_) | Scalar(_) | Size(_));
        everywhere || self.held_as(id, layout).is_some()
    }

    /// True when [`element`](Self::element) can give `id` for `layout`.
    pub(super) fn is_near(&self, id: ExprId, layout: &Layout) -> bool {
        self.held_as(id, layout).is_some() || self.can_recompute(id)
    }

    /// True when any element of `id` can be computed anywhere, from memory, sizes and indices alone.
    pub(super) fn can_recompute(&self, id: ExprId) -> bool {
        let expr = self.program.expr(id);
        match &expr.kind {
            ExprKind::Const(_) | ExprKind::Scalar(_) | ExprKind::Size(_) => true,
            ExprKind::Program(_) | ExprKind::LoopIndex | ExprKind::Iota(_) => true,
            ExprKind::Reshape(a) => self.can_recompute(*a),
            ExprKind::Load { .. } => self.settled.contains(&id),
            ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Ternary(..)
            | ExprKind::Cast(_)
            | ExprKind::Bitcast(_)
            | ExprKind::Broadcast(_)
            | ExprKind::Transpose(..)
            | ExprKind::Concat(..)
            | ExprKind::Unpack { .. }
            | ExprKind::Pick { .. }
            | ExprKind::Slice { .. } => {
                let mut all = true;
                expr.kind.operands(|a| all &= self.is_uniform(a) || self.can_recompute(a));
                all
            }
            _ => self.is_uniform(id),
        }
    }

    /// True for values that every thread of the team holds.
    fn is_uniform(&self, id: ExprId) -> bool {
        let scalar = self.program.expr(id).ty.shape.iter().all(|&e| e == Extent::Const(1));
        scalar && self.held.contains_key(&id)
    }

    /// The element of `id` at `positions`, computed anew; `None` when it lies in other registers or threads.
    pub(super) fn value_at(&mut self, id: ExprId, positions: &[Value]) -> Option<Value> {
        let program = self.program;
        let expr = program.expr(id);
        let dtype = expr.ty.dtype;
        if self.is_uniform(id) && !matches!(expr.kind, ExprKind::Const(_)) {
            let held = self.held.get(&id)?.first().cloned()?;
            let layout = held.layout.clone();
            return Some(read(self, &held, &layout, &int(0)));
        }
        let operand = |l: &mut Self, a: ExprId| l.value_under(a, positions);
        let value = match &expr.kind {
            ExprKind::Const(literal) => Value::Const(*literal, dtype),
            ExprKind::Scalar(param) => Value::Scalar(*param),
            ExprKind::Size(extent) => Value::Size(*extent),
            ExprKind::Program(axis) => self.program_index(*axis),
            ExprKind::Iota(_) => positions.last()?.clone(),
            ExprKind::Unary(op, a) => {
                Value::Unary(*op, program.expr(*a).ty.dtype, Box::new(operand(self, *a)?))
            }
            ExprKind::Binary(op, a, b) => {
                if let Some(of) = self.fast_one_and_erf(id) {
                    return Some(one_and_erf(operand(self, of)?));
                }
                let (x, y) = (operand(self, *a)?, operand(self, *b)?);
                arithmetic(*op, &program.expr(*a).ty, x, y)
            }
            ExprKind::Ternary(op, [a, b, c]) => {
                let abc = [operand(self, *a)?, operand(self, *b)?, operand(self, *c)?];
                Value::Ternary(*op, dtype, Box::new(abc))
            }
            ExprKind::Cast(a) => {
                let of = Box::new(operand(self, *a)?);
                Value::Cast { from: program.expr(*a).ty.dtype, to: dtype, of }
            }
            ExprKind::Bitcast(a) => {
                let of = Box::new(operand(self, *a)?);
                Value::Bitcast { from: program.expr(*a).ty.dtype, to: dtype, of }
            }
            ExprKind::Broadcast(a) => operand(self, *a)?,
            ExprKind::Reshape(a) => {
                let at = reshaped(&expr.ty.shape, positions, &program.expr(*a).ty.shape);
                self.value_at(*a, &at)?
            }
            ExprKind::Transpose(a, order) => {
                let mut at = positions.to_vec();
                for (i, &axis) in order.iter().enumerate() {
                    at[axis] = positions[i].clone();
                }
                self.value_at(*a, &at)?
            }
            ExprKind::Slice { of, axis, start } => {
                let mut at = positions.to_vec();
                let start = match start {
                    Extent::Const(n) => int(*n as i64),
                    start => Value::Size(*start),
                };
                at[*axis] = super::add(at[*axis].clone(), start);
                self.value_at(*of, &at)?
            }
            ExprKind::Concat(parts, axis) => {
                let mut at = positions.to_vec();
                let mut chosen: Option<(Value, Value)> = None;
                for &part in parts {
                    let value = self.value_at(part, &at)?;
                    let extent = super::size(program.expr(part).ty.shape[*axis]);
                    let inside = super::binary(BinaryOp::Lt, at[*axis].clone(), extent.clone());
                    at[*axis] = super::binary(BinaryOp::Sub, at[*axis].clone(), extent);
                    chosen = Some(match chosen {
                        None => (value, inside),
                        // Earlier parts come first in the chain of selections.
                        Some((before, was_inside)) => {
                            let abc = [was_inside.clone(), before, value];
                            let either = both_or(was_inside, inside);
                            (Value::Ternary(TernaryOp::Select, dtype, Box::new(abc)), either)
                        }
                    });
                }
                chosen?.0
            }
            ExprKind::Unpack { of, bits } => {
                let (at, shift, straddles) = self.packed_at(*of, *bits, positions)?;
                let word = self.value_at(*of, &at)?;
                let next = match straddles {
                    false => None,
                    true => {
                        let mut next = at.clone();
                        let last = next.last_mut()?;
                        let end = super::size(*program.expr(*of).ty.shape.last()?);
                        let end = super::add(end, int(-1));
                        *last = super::binary(BinaryOp::Min, super::add(last.clone(), int(1)), end);
                        Some(self.value_at(*of, &next)?)
                    }
                };
                let from = program.expr(*of).ty.dtype;
                unpacked(word, next, shift, *bits, from, dtype)
            }
            ExprKind::Pick { of, indices } => {
                let index = operand(self, *indices)?;
                let mut at = positions.to_vec();
                *at.last_mut()? = self.picked(*of, *indices, index)?;
                self.value_at(*of, &at)?
            }
            ExprKind::Load { place, fill } if self.settled.contains(&id) => {
                let offset = self.offset(place, positions)?;
                let read = Value::Load { param: place.param, offset: Box::new(offset) };
                let valid = self.inside_tile(&expr.ty.shape, positions);
                match both(valid, self.inside(place, positions)) {
                    None => read,
                    Some(valid) => {
                        let abc = [valid, read, Value::Const(*fill, dtype)];
                        Value::Ternary(TernaryOp::Select, dtype, Box::new(abc))
                    }
                }
            }
            _ => return None,
        };
        Some(self.at_ease(id, value))
    }

    /// The value of `id`, marked where it may be computed fast.
    fn at_ease(&self, id: ExprId, value: Value) -> Value {
        let value = match self.rough.contains(&id) {
            true => Value::Rough(Box::new(value)),
            false => value,
        };
        match self.flushed.contains(&id) {
            true => Value::Flushed(Box::new(value)),
            false => value,
        }
    }

    /// An elementwise expression for a register of `layout`, its own.
    pub(super) fn compute(
        &mut self,
        id: ExprId,
        layout: &Layout,
        register: &Value,
    ) -> Result<Value, LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let dtype = expr.ty.dtype;
        let typed = |a: &ExprId| program.expr(*a).ty.dtype;
        if let Some(of) = self.beside_true(id) {
            return self.element(of, layout, register);
        }
        let value = match &expr.kind {
            ExprKind::Unary(op, a) => {
                Value::Unary(*op, typed(a), Box::new(self.element(*a, layout, register)?))
            }
            ExprKind::Binary(BinaryOp::Div, a, _) if self.reciprocals.contains_key(&id) => {
                let x = self.element(*a, layout, register)?;
                return Ok(self.quotient(id, x));
            }
            ExprKind::Binary(op, a, b) => {
                let of = self.fast_one_and_erf(id);
                if let Some(of) = of.filter(|of| self.is_held(*of, layout)) {
                    return Ok(one_and_erf(self.element(of, layout, register)?));
                }
                if let Some(value) = self.lane_sought(*op, [*a, *b], layout, register) {
                    return Ok(value);
                }
                let y = self.element(*b, layout, register)?;
                if let Some(x) = self.first_of_vector(*op, [*a, *b], layout, register) {
                    return Ok(Value::Binary(*op, typed(a), Box::new(x), Box::new(y)));
                }
                let x = self.element(*a, layout, register)?;
                arithmetic(*op, &program.expr(*a).ty, x, y)
            }
            ExprKind::Ternary(op, [a, b, c]) => {
                let x = self.element(*a, layout, register)?;
                let y = self.element(*b, layout, register)?;
                let z = self.element(*c, layout, register)?;
                Value::Ternary(*op, dtype, Box::new([x, y, z]))
            }
            ExprKind::Cast(a) => {
                let of = Box::new(self.element(*a, layout, register)?);
                Value::Cast { from: typed(a), to: dtype, of }
            }
            ExprKind::Bitcast(a) => {
                let of = Box::new(self.element(*a, layout, register)?);
                Value::Bitcast { from: typed(a), to: dtype, of }
            }
            ExprKind::Broadcast(a) => self.element(*a, layout, register)?,
            ExprKind::Get(var) => match self.vars.get(var).cloned() {
                Some(held) => read(self, &held, layout, register),
                None => {
                    return Err(LowerError(format!(
                        "{}: a variable is read before it is set",
                        program.name
                    )));
                }
            },
            _ => return self.element(id, layout, register),
        };
        Ok(self.at_ease(id, value))
    }

    /// What `id` adds 1 to the error function of, if that may be fast.
    fn fast_one_and_erf(&self, id: ExprId) -> Option<ExprId> {
        super::rough::one_and_erf(self.program, id).filter(|_| self.rough.contains(&id))
    }

    /// Where positions are compared with a size that whole vectors make up, the position of the first element of the
    /// vector: one comparison then serves all of it.
    fn first_of_vector(
        &mut self,
        op: BinaryOp,
        [position, size]: [ExprId; 2],
        layout: &Layout,
        register: &Value,
    ) -> Option<Value> {
        let ExprKind::Size(extent) = self.program.expr(size).kind else { return None };
        let bits = layout.vector().min(self.schedule.divisor_of(extent));
        if op != BinaryOp::Lt || bits == 0 || !self.counts_from(position, bits) {
            return None;
        }
        let first = super::shift_left(super::shift_right(register.clone(), bits), bits);
        let rank = layout.capacity.len();
        let at: Vec<Value> = (0..rank).map(|axis| self.position(layout, axis, &first)).collect();
        let shape = &self.program.expr(position).ty.shape;
        self.value_at(position, &at[rank - shape.len().min(rank)..])
    }

    /// A checked index into the last axis of a tile.
    pub(super) fn picked(&mut self, of: ExprId, indices: ExprId, index: Value) -> Option<Value> {
        let tile = self.program.expr(of);
        let index = as_i32(index, self.program.expr(indices).ty.dtype);
        let name = tile.name.clone().unwrap_or_else(|| format!("%{}", of.0));
        let what = format!("axis {} of the tile `{name}`", tile.ty.shape.len() - 1);
        Some(self.checked(Check { what, extent: *tile.ty.shape.last()? }, index))
    }

    /// For the integer at `positions` of an unpacked tile: the position of its word, the shift within it, and whether
    /// integers may straddle two words.
    pub(super) fn packed_at(
        &mut self,
        of: ExprId,
        bits: u32,
        positions: &[Value],
    ) -> Option<(Vec<Value>, Value, bool)> {
        let width = self.program.expr(of).ty.dtype.size() as i64 * 8;
        let mut at = positions.to_vec();
        let last = at.last_mut()?;
        let first_bit = super::binary(BinaryOp::Mul, last.clone(), int(bits as i64));
        let shift = super::binary(BinaryOp::And, first_bit.clone(), int(width - 1));
        *last = super::shift_right(first_bit, width.trailing_zeros());
        Some((at, shift, width % bits as i64 != 0))
    }

    /// The index of this program along a grid axis.
    fn program_index(&self, axis: usize) -> Value {
        let from_last = self.program.grid.len() - 1 - axis;
        match &self.programs[axis] {
            Some(index) => index.clone(),
            None => Value::Builtin(Builtin::Group(from_last + usize::from(self.split.is_some()))),
        }
    }

    /// The condition that `positions` lie inside a tile of `shape`, where threads may hold more; `None` if always.
    fn inside_tile(&self, shape: &[Extent], positions: &[Value]) -> Option<Value> {
        let mut condition = None;
        for (&extent, position) in shape.iter().zip(positions) {
            let split = self.split.is_some_and(|(axis, _)| axis == extent);
            if extent != Extent::Const(1) && (split || !self.schedule.is_exact(extent)) {
                let inside = super::binary(BinaryOp::Lt, position.clone(), super::size(extent));
                condition = both(condition, Some(inside));
            }
        }
        condition
    }
}

/// The element of held registers that belongs to a register of `layout`, which projects onto theirs.
fn read(l: &Lowering<'_>, held: &Held, layout: &Layout, register: &Value) -> Value {
    if l.registers[held.register.0 as usize].len.is_none() {
        return Value::Get(held.register);
    }
    let mut index = register.clone();
    let mut from = layout.clone();
    for axis in 0..from.capacity.len() {
        if from.capacity[axis] > 0 && held.layout.capacity[axis] == 0 {
            let runs = from.register_without(axis);
            let whole =
                |r: &&Run| r.from == 0 && r.to == 0 && r.count as usize == from.register.len();
            if runs.iter().find(whole).is_none() {
                index = runs
                    .iter()
                    .map(|r| super::run(*r, index.clone()))
                    .reduce(super::add)
                    .unwrap_or(int(0));
            }
            from = from.without(axis);
        }
    }
    Value::Element(held.register, Box::new(index))
}

/// True when `held` is `layout` with some axes removed.
fn projects(layout: &Layout, held: &Layout) -> bool {
    let mut from = layout.clone();
    for axis in 0..from.capacity.len() {
        if from.capacity[axis] > 0 && held.capacity[axis] == 0 {
            from = from.without(axis);
        }
    }
    from == *held
}

/// The positions in a tile of shape `to` of the element at `positions` of one of shape `from`, in row-major order.
pub(super) fn reshaped(from: &[Extent], positions: &[Value], to: &[Extent]) -> Vec<Value> {
    let kept = |s: &[Extent]| -> Vec<Extent> {
        s.iter().copied().filter(|e| *e != Extent::Const(1)).collect()
    };
    let long: Vec<Value> = from
        .iter()
        .zip(positions)
        .filter(|(e, _)| **e != Extent::Const(1))
        .map(|(_, p)| p.clone())
        .collect();
    if kept(from) == kept(to) {
        // Only axes of extent 1 come or go, so the other positions pair up in order.
        let mut long = long.into_iter();
        let next = |e: &Extent| match e {
            Extent::Const(1) => int(0),
            _ => long.next().unwrap_or(int(0)),
        };
        return to.iter().map(next).collect();
    }
    let mut rest = super::linear(from, positions);
    let mut at = vec![int(0); to.len()];
    let outermost = to.iter().position(|e| *e != Extent::Const(1)).unwrap_or(0);
    for (axis, &extent) in to.iter().enumerate().rev() {
        if extent == Extent::Const(1) {
            continue;
        }
        if axis == outermost {
            at[axis] = rest.clone();
            break;
        }
        (rest, at[axis]) = super::divided(rest, extent);
    }
    at
}

/// `bits` bits of `word` from `shift` on, continued in `next` where they straddle.
pub(super) fn unpacked(
    word: Value,
    next: Option<Value>,
    shift: Value,
    bits: u32,
    from: DType,
    to: DType,
) -> Value {
    let wide = |of: Value, from: DType| Value::Cast { from, to: DType::U32, of: Box::new(of) };
    let u32_op = |op, a: Value, b: Value| Value::Binary(op, DType::U32, Box::new(a), Box::new(b));
    let constant = |n: i64| Value::Const(tilewright_ir::Literal::Int(n), DType::U32);
    let shift = wide(shift, DType::I32);
    let mut value = u32_op(BinaryOp::Shr, wide(word, from), shift.clone());
    if let Some(next) = next {
        let width = from.size() as i64 * 8;
        let rest = u32_op(BinaryOp::Sub, constant(width), shift.clone());
        let high = u32_op(BinaryOp::Shl, wide(next, from), rest);
        let end = u32_op(BinaryOp::Add, shift, constant(bits as i64));
        let straddles = u32_op(BinaryOp::Gt, end, constant(width));
        let joined = u32_op(BinaryOp::Or, value.clone(), high);
        value = Value::Ternary(TernaryOp::Select, DType::U32, Box::new([straddles, joined, value]));
    }
    let value = u32_op(BinaryOp::And, value, constant((1i64 << bits) - 1));
    Value::Cast { from: DType::U32, to, of: Box::new(value) }
}

/// An op on two elements of a tile. Sums and products of i32 tiles wrap, which C promises for unsigned numbers only;
/// scalars are positions and sizes, and do not.
pub(super) fn arithmetic(op: BinaryOp, ty: &tilewright_ir::Type, a: Value, b: Value) -> Value {
    let wraps = matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul);
    if !wraps || ty.dtype != DType::I32 || ty.shape.is_empty() {
        return Value::Binary(op, ty.dtype, Box::new(a), Box::new(b));
    }
    let bits = |from, to, of: Value| Value::Bitcast { from, to, of: Box::new(of) };
    let [a, b] = [a, b].map(|v| Box::new(bits(DType::I32, DType::U32, v)));
    bits(DType::U32, DType::I32, Value::Binary(op, DType::U32, a, b))
}

pub(super) fn float_product(a: Value, b: Value) -> Value {
    Value::Binary(BinaryOp::Mul, DType::F32, Box::new(a), Box::new(b))
}

/// `erf(of) + 1`, fast.
fn one_and_erf(of: Value) -> Value {
    let erf = Value::Unary(UnaryOp::Erf, DType::F32, Box::new(of));
    let one = Value::Const(Literal::Int(1), DType::F32);
    Value::Rough(Box::new(Value::Binary(BinaryOp::Add, DType::F32, Box::new(erf), Box::new(one))))
}

fn both_or(a: Value, b: Value) -> Value {
    Value::Binary(BinaryOp::Or, DType::Bool, Box::new(a), Box::new(b))
}

/// A bool that is the conjunction of two optional ones.
pub(super) fn both(a: Option<Value>, b: Option<Value>) -> Option<Value> {
    match (a, b) {
        (Some(a), Some(b)) => {
            Some(Value::Binary(BinaryOp::And, DType::Bool, Box::new(a), Box::new(b)))
        }
        (a, b) => a.or(b),
    }
}

/// `shape` aligned to the axes of `layout`.
pub(super) fn aligned(shape: &[Extent], layout: &Layout) -> Vec<Extent> {
    padded(shape, layout.capacity.len())
}
