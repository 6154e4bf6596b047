//! Loads and stores: tiles from and to memory, in vectors where neighbours lie in neighbouring registers.

use super::map::{aligned, both};
use super::{Held, LowerError, Lowering, add, binary, int, shift_left};
use crate::lower::layout::Layout;
use tilewright_ir::thread::{Check, Code, Reuse, Value};
use tilewright_ir::{
    Access, Axis, BinaryOp, DType, ExprId, ExprKind, Extent, Literal, ParamKind, Place, StoreMode,
    UnaryOp,
};

impl Lowering<'_> {
    /// The 64-bit offset of the element at `positions` of the tile at `place`; `None` when an index of the place is
    /// not at hand.
    pub(super) fn offset(&mut self, place: &Place, positions: &[Value]) -> Option<Value> {
        let mut positions = positions.iter();
        let mut total: Option<Value> = None;
        for (axis, how) in place.axes.iter().enumerate() {
            let index = match how {
                Axis::At(id) => self.checked_index(place, axis, *id)?,
                Axis::All => positions.next()?.clone(),
                Axis::Range { start, step, .. } => {
                    let start = self.checked_index(place, axis, *start)?;
                    let inside = positions.next()?.clone();
                    let scaled = match step {
                        1 => inside,
                        step => binary(BinaryOp::Mul, inside, int(*step as i64)),
                    };
                    add(start, scaled)
                }
                Axis::Gather(id) => {
                    let at = positions.next()?.clone();
                    let index = match self.shared_indices.get(id) {
                        Some(shared) => self.read(*shared, &self.program.expr(*id).ty.shape, &[at]),
                        None => self.value_at(*id, &[at])?,
                    };
                    let index = as_i32(index, self.program.expr(*id).ty.dtype);
                    self.check(place, axis, *id, index)
                }
            };
            let term = match axis + 1 == place.axes.len() {
                // The last axis is contiguous.
                true => Value::Wide(Box::new(index)),
                false => {
                    let stride = Value::Stride(place.param, axis);
                    Value::Binary(
                        BinaryOp::Mul,
                        DType::I32,
                        Box::new(Value::Wide(Box::new(index))),
                        Box::new(stride),
                    )
                }
            };
            total = Some(match total {
                None => term,
                Some(before) => add(before, term),
            });
        }
        Some(total.unwrap_or(Value::Wide(Box::new(int(0)))))
    }

    /// The index of a place along an `At` or `Range` axis, checked where it could leave the tensor.
    pub(super) fn checked_index(
        &mut self,
        place: &Place,
        axis: usize,
        id: ExprId,
    ) -> Option<Value> {
        if let Some((of, known)) = self.checked_indices.get(&(place.param, axis))
            && *of == id
        {
            return Some(known.clone());
        }
        let index = self.index(id)?;
        Some(self.check(place, axis, id, index))
    }

    /// Checks an index of a place, unless it cannot leave its axis.
    fn check(&mut self, place: &Place, axis: usize, id: ExprId, of: Value) -> Value {
        let ParamKind::Tensor { shape, .. } = &self.program.param(place.param).kind else {
            return of;
        };
        let open = matches!(place.axes[axis], Axis::Range { .. });
        if open {
            // Positions past the end are left out, however far: from there on they could be past all numbers.
            return match self.is_bounded(id) {
                true => of,
                false => binary(BinaryOp::Min, of, Value::Size(shape[axis])),
            };
        }
        if self.stays_inside(id, shape[axis], open) {
            return of;
        }
        let what = format!("axis {axis} of `{}`", self.program.param(place.param).name);
        self.checked(Check { what, extent: shape[axis] }, of)
    }

    /// True when an index is surely not negative and, unless `open`, below the extent: the program's own, constants and
    /// sizes, and for open ends what integers that are not negative make, and loop indices.
    pub(super) fn stays_inside(&self, id: ExprId, extent: Extent, open: bool) -> bool {
        match &self.program.expr(id).kind {
            ExprKind::Program(axis) => {
                let grid = self.program.grid[*axis];
                open || (grid.block == 1 && grid.extent == extent)
            }
            ExprKind::Const(Literal::Int(n)) => {
                *n >= 0 && (open || extent.constant().is_some_and(|extent| (*n as usize) < extent))
            }
            ExprKind::Size(_) => open,
            // Loops that start at something not negative only count up.
            ExprKind::LoopIndex => {
                let ends = |(_, end, _): &(_, ExprId, _)| self.is_at_most(*end, extent);
                self.counts_up.contains(&id) && (open || self.steps.get(&id).is_some_and(ends))
            }
            ExprKind::Binary(BinaryOp::Min, next, last) if !open => {
                self.is_next_turn(*next, *last, extent)
            }
            ExprKind::Binary(
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Min,
                a,
                b,
            ) => open && self.stays_inside(*a, extent, true) && self.stays_inside(*b, extent, true),
            ExprKind::Binary(BinaryOp::Max, a, b) => {
                open && (self.stays_inside(*a, extent, true) || self.stays_inside(*b, extent, true))
            }
            _ => false,
        }
    }

    /// True for a number that is surely no greater than an extent.
    fn is_at_most(&self, id: ExprId, extent: Extent) -> bool {
        match self.program.expr(id).kind {
            ExprKind::Size(size) => size == extent,
            ExprKind::Binary(BinaryOp::Min, a, b) => {
                self.is_at_most(a, extent) || self.is_at_most(b, extent)
            }
            _ => false,
        }
    }

    /// True where the lesser of `next` and `last` is the next turn of a loop that stays inside, or in its last turn that turn:
    /// who is in a turn knows that the last one is not negative.
    fn is_next_turn(&self, next: ExprId, last: ExprId, extent: Extent) -> bool {
        let kind = |id: ExprId| &self.program.expr(id).kind;
        let one = |id: ExprId| matches!(kind(id), ExprKind::Const(Literal::Int(1)));
        let (
            ExprKind::Binary(BinaryOp::Add, index, by),
            ExprKind::Binary(BinaryOp::Sub, end, less),
        ) = (kind(next), kind(last))
        else {
            return false;
        };
        let ends = self.steps.get(index).is_some_and(|(_, own, _)| own == end);
        one(*by) && one(*less) && ends && self.stays_inside(*index, extent, false)
    }

    /// True for an index that is surely no greater than sizes are, by far less than would make a tile reach past all
    /// numbers.
    fn is_bounded(&self, id: ExprId) -> bool {
        match self.program.expr(id).kind {
            ExprKind::Const(literal) => literal.value() < 2f64.powi(30),
            ExprKind::Size(_) | ExprKind::Program(_) => true,
            // Nobody counts so far.
            ExprKind::LoopIndex => {
                let ends = self.steps.get(&id).map(|(start, end, _)| [*start, *end]);
                ends.is_some_and(|ends| ends.into_iter().any(|end| self.is_bounded(end)))
            }
            ExprKind::Binary(BinaryOp::Min, a, b) => self.is_bounded(a) || self.is_bounded(b),
            ExprKind::Binary(
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::Max | BinaryOp::Div,
                a,
                b,
            ) => self.is_bounded(a) && self.is_bounded(b),
            _ => false,
        }
    }

    /// Checks the indices of a place once, before the loop over the registers.
    pub(super) fn check_once(&mut self, place: &Place) {
        self.checked_indices.clear();
        self.check_too(place);
    }

    /// Checks the indices of places once, before a loop that reads from all of them.
    pub(super) fn check_all<'a>(&mut self, places: impl IntoIterator<Item = &'a Place>) {
        self.checked_indices.clear();
        places.into_iter().for_each(|place| self.check_too(place));
    }

    fn check_too(&mut self, place: &Place) {
        for (axis, how) in place.axes.iter().enumerate() {
            let (Axis::At(id) | Axis::Range { start: id, .. }) = how else { continue };
            if let Some(checked @ Value::Checked(..)) = self.checked_index(place, axis, *id) {
                let checked = self.let_value("index", DType::I32, checked);
                self.checked_indices.insert((place.param, axis), (*id, checked));
            }
        }
    }

    /// Puts the indices of a place that threads hold, each its own, where all can read them.
    fn share_indices(&mut self, place: &Place) -> Result<(), LowerError> {
        self.shared_indices.clear();
        for axis in &place.axes {
            if let Axis::Gather(id) = axis
                && !self.can_recompute(*id)
            {
                let shared = self.share(*id)?;
                self.shared_indices.insert(*id, shared);
            }
        }
        Ok(())
    }

    /// An index of a place: a scalar, the same in every thread of the team.
    fn index(&mut self, id: ExprId) -> Option<Value> {
        self.value_at(id, &[]).or_else(|| self.scalar(id).ok())
    }

    /// The condition that the element at `positions` lies inside its tensor, where ranges may leave it.
    pub(super) fn inside(&mut self, place: &Place, positions: &[Value]) -> Option<Value> {
        let ParamKind::Tensor { shape, .. } = &self.program.param(place.param).kind else {
            return None;
        };
        let mut positions = positions.iter();
        let mut condition = None;
        for (axis, (how, &extent)) in place.axes.iter().zip(shape).enumerate() {
            match how {
                Axis::At(_) => {}
                Axis::All | Axis::Gather(_) => {
                    positions.next();
                }
                Axis::Range { start, len, step } => {
                    let position = positions.next()?.clone();
                    let begins = self.stays_inside(*start, extent, true);
                    let ends = self.range_fits(*start, *len, *step, extent)
                        || self.is_whole_block(*start, *len, *step, extent);
                    if begins && ends {
                        continue;
                    }
                    let start = self.checked_index(place, axis, *start)?;
                    let at = add(start, binary(BinaryOp::Mul, position, int(*step as i64)));
                    if !begins {
                        let begun = binary(BinaryOp::Ge, at.clone(), int(0));
                        condition = both(condition, Some(begun));
                    }
                    if !ends {
                        let inside = binary(BinaryOp::Lt, at, Value::Size(extent));
                        condition = both(condition, Some(inside));
                    }
                }
            }
        }
        condition
    }

    /// True when a range surely ends inside its axis: a constant part of a multiple of a size.
    fn range_fits(&self, start: ExprId, len: Extent, step: usize, axis: Extent) -> bool {
        if let Some((_, end, _)) = self.steps.get(&start) {
            // One position a turn of a loop over the axis.
            return len == Extent::Const(1) && self.is_size(*end, axis);
        }
        let start = match self.program.expr(start).kind {
            ExprKind::Const(Literal::Int(n)) => Extent::Const(n.max(0) as usize),
            ExprKind::Size(extent) => extent,
            _ => return false,
        };
        match (start, len, axis) {
            (Extent::Const(s), Extent::Const(n), Extent::Const(whole)) => {
                n == 0 || s + (n - 1) * step < whole
            }
            (Extent::Const(s), Extent::Dim { dim: d, times: n }, Extent::Dim { dim, times }) => {
                d == dim && n * step <= times && s < step
            }
            (
                Extent::Dim { dim: a, times: s },
                Extent::Dim { dim: b, times: n },
                Extent::Dim { dim, times },
            ) => a == dim && b == dim && step == 1 && s + n <= times,
            _ => false,
        }
    }

    /// True for the value of an extent.
    fn is_size(&self, id: ExprId, of: Extent) -> bool {
        match self.program.expr(id).kind {
            ExprKind::Const(Literal::Int(n)) => of == Extent::Const(n.max(0) as usize),
            ExprKind::Size(extent) => of == extent,
            _ => false,
        }
    }

    /// log2 of the vector that accesses of `place` in `layout` may use.
    pub(super) fn vector(&self, place: &Place, layout: &Layout, dtype: DType) -> u32 {
        self.vector_of(place, layout.vector(), dtype)
    }

    /// log2 of the vector, at most `most`, that accesses of `place` may use.
    pub(super) fn vector_of(&self, place: &Place, most: u32, dtype: DType) -> u32 {
        let ParamKind::Tensor { shape, .. } = &self.program.param(place.param).kind else {
            return 0;
        };
        let (Some(last), Some(&extent)) = (place.axes.last(), shape.last()) else { return 0 };
        if !self.schedule.aligned[place.param.index()] {
            return 0;
        }
        // Vectors must start aligned and must not straddle the end of the tile.
        let aligned_start = match last {
            Axis::All => 31,
            Axis::Range { start, len, step: 1 } => {
                self.divisor(*start).min(self.schedule.divisor_of(*len))
            }
            _ => return 0,
        };
        let widest = (16 / dtype.size()).trailing_zeros();
        most.min(aligned_start).min(self.schedule.divisor_of(extent)).min(widest)
    }

    /// log2 of a number that surely divides an index expression.
    pub(super) fn divisor(&self, id: ExprId) -> u32 {
        let dtype = self.program.expr(id).ty.dtype;
        match &self.program.expr(id).kind {
            ExprKind::Const(Literal::Int(0)) => 31,
            ExprKind::Const(Literal::Int(n)) => n.trailing_zeros(),
            ExprKind::Size(extent) => self.schedule.divisor_of(*extent),
            ExprKind::LoopIndex => self
                .steps
                .get(&id)
                .map_or(0, |(start, _, step)| self.divisor(*start).min(step.trailing_zeros())),
            ExprKind::Broadcast(a) | ExprKind::Reshape(a) => self.divisor(*a),
            ExprKind::Cast(a) if keeps_integers(self.program.expr(*a).ty.dtype, dtype) => {
                self.divisor(*a)
            }
            ExprKind::Binary(BinaryOp::Mul, a, b) => (self.divisor(*a) + self.divisor(*b)).min(31),
            ExprKind::Binary(BinaryOp::Add, a, b) => self.divisor(*a).min(self.divisor(*b)),
            _ => 0,
        }
    }

    /// The positions that a register of `layout` holds, for the axes of a tile of `rank`.
    pub(super) fn positions(
        &mut self,
        layout: &Layout,
        rank: usize,
        register: &Value,
    ) -> Vec<Value> {
        let all = layout.capacity.len();
        (all - rank..all).map(|axis| self.position(layout, axis, register)).collect()
    }

    /// Lowers a load: registers of the storage type.
    pub(super) fn load(
        &mut self,
        id: ExprId,
        name: &str,
        place: &Place,
        fill: Literal,
    ) -> Result<(), LowerError> {
        let ty = self.program.expr(id).ty.clone();
        let layout = self.layout(&ty.shape);
        let lanes = 1usize << self.vector(place, &layout, ty.dtype);
        self.share_indices(place)?;
        self.before_load(id, place, &layout);
        self.check_once(place);
        let register = self.register(name, ty.dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        let missing = || LowerError(format!("{name}: an index of a load is spread over threads"));
        let rank = ty.shape.len();
        self.unroll(layout.registers() / lanes, |l, i| {
            let first = shift_left(i, lanes.trailing_zeros());
            let positions = l.positions(&layout, rank, &first);
            let shape = aligned(&ty.shape, &layout);
            let valid = l.valid(&layout, &shape, &first);
            let valid = both(valid, l.inside(place, &positions));
            let within = match lanes > 1 && valid.is_some() && !l.reads_kept(id) {
                true => l.clamped(place, &positions, lanes),
                false => None,
            };
            let at = within.as_deref().unwrap_or(&positions);
            let offset = l.offset(place, at).ok_or_else(missing)?;
            let read = match lanes {
                1 => {
                    let value = Value::Load { param: place.param, offset: Box::new(offset) };
                    Code::SetElement(register, first.clone(), value)
                }
                _ => Code::LoadVector {
                    into: register,
                    index: first.clone(),
                    param: place.param,
                    offset,
                    lanes,
                    reuse: l.reuse(place),
                },
            };
            let inside = valid.clone().filter(|_| fill.value() != 0.0);
            let near = l.kept_vector(id, place, &positions, (register, &first), inside);
            let valid = match &near {
                None => valid,
                Some((_, Some(far))) => both(Some(far.clone()), valid),
                Some((read, None)) => {
                    l.code(read.clone());
                    return Ok(());
                }
            };
            match valid {
                None => l.code(read),
                Some(valid) if within.is_some() => {
                    l.code(read);
                    let fills = (0..lanes).map(|lane| {
                        let at = add(first.clone(), int(lane as i64));
                        Code::SetElement(register, at, Value::Const(fill, ty.dtype))
                    });
                    let beyond = Value::Unary(UnaryOp::Not, DType::Bool, Box::new(valid));
                    l.code(Code::If(beyond, fills.collect()));
                }
                Some(valid) => {
                    for lane in 0..lanes {
                        let at = add(first.clone(), int(lane as i64));
                        l.code(Code::SetElement(register, at, Value::Const(fill, ty.dtype)));
                    }
                    near.into_iter().for_each(|(near, _)| l.code(near));
                    l.code(Code::If(valid, vec![read]));
                }
            }
            Ok(())
        })?;
        self.checked_indices.clear();
        self.shared_indices.clear();
        self.hold(id, Held { register, layout });
        Ok(())
    }

    /// Positions for a vector of a block of a long row that may lie past the row's end: those of the last vector then. A load
    /// without a condition is asked for before its turn of the loop, as far as there are registers.
    fn clamped(&mut self, place: &Place, positions: &[Value], lanes: usize) -> Option<Vec<Value>> {
        let ParamKind::Tensor { shape, access: Access::In, .. } =
            &self.program.param(place.param).kind
        else {
            return None;
        };
        let (Axis::Range { start, step: 1, .. }, before) = place.axes.split_last()? else {
            return None;
        };
        let single = before.iter().all(|axis| matches!(axis, Axis::At(_)));
        // In a turn of a loop over a row there is at least one vector.
        if !self.is_blocked || self.loops != 1 || !single {
            return None;
        }
        let (extent, axis) = (*shape.last()?, shape.len() - 1);
        let start = self.checked_index(place, axis, *start)?;
        let last = add(Value::Size(extent), int(-(lanes as i64)));
        let last = binary(BinaryOp::Sub, last, start);
        let (position, others) = positions.split_last()?;
        let mut positions = others.to_vec();
        positions.push(binary(BinaryOp::Min, position.clone(), last));
        Some(positions)
    }

    /// What becomes of what a load reads.
    fn reuse(&self, place: &Place) -> Reuse {
        let kind = &self.program.param(place.param).kind;
        let is_input = matches!(kind, ParamKind::Tensor { access: Access::In, .. });
        // Not what all programs read alike. Rows of a table, which others may want too, stay as well.
        let own = |axis: &Axis| matches!(axis, Axis::At(_) | Axis::Range { .. });
        let passes = self.split.is_some() || place.axes.iter().any(own);
        match () {
            () if self.is_last(place) => Reuse::Last,
            () if self.schedule.passing && is_input && passes => Reuse::Passing,
            () if self.schedule.once && is_input && passes => Reuse::Once,
            () => Reuse::Unknown,
        }
    }

    /// True in the last pass over a row for what is the program's own: nobody comes back to it.
    fn is_last(&self, place: &Place) -> bool {
        self.in_last_pass && place.axes.iter().any(|axis| matches!(axis, Axis::At(_)))
    }

    /// Lowers a store. Where several threads hold one element, the first of them writes it.
    pub(super) fn store(
        &mut self,
        place: &Place,
        value: ExprId,
        mask: Option<ExprId>,
        mode: StoreMode,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let mask = mask.filter(|mask| !self.is_true(*mask));
        let stored = program.expr(value).ty.dtype;
        let value = match program.expr(value).kind {
            // Memory rounds.
            ExprKind::Cast(wide) if self.only_stored.contains(&value) => wide,
            _ => value,
        };
        let shape = tilewright_ir::infer::place_type(program, place).map_err(LowerError)?.shape;
        let dtype = program.expr(value).ty.dtype;
        let layout = self.layout(&shape);
        self.bring_near(value, &layout)?;
        if let Some(mask) = mask {
            self.bring_near(mask, &layout)?;
        }
        self.share_indices(place)?;
        self.before_store(place, &layout);
        self.check_once(place);
        let whole = mask.is_none() && mode == StoreMode::Set;
        let lanes = if whole { 1usize << self.vector(place, &layout, stored) } else { 1 };
        let missing = || LowerError("an index of a store is spread over threads".into());
        let writer = self.writer(&layout);
        let (code, result) = self.nested(|l| {
            l.unroll(layout.registers() / lanes, |l, i| {
                let first = shift_left(i, lanes.trailing_zeros());
                let positions = l.positions(&layout, shape.len(), &first);
                let valid = l.valid(&layout, &aligned(&shape, &layout), &first);
                let valid = both(valid, l.inside(place, &positions));
                let valid = match mask {
                    None => valid,
                    Some(mask) => both(valid, Some(l.element(mask, &layout, &first)?)),
                };
                let offset = l.offset(place, &positions).ok_or_else(missing)?;
                let (body, result) = l.nested(|l| {
                    if lanes == 1 {
                        let value = l.element(value, &layout, &first)?;
                        l.code(Code::Store { param: place.param, offset, value, mode });
                        return Ok(());
                    }
                    let from = l.register("out", dtype, Some(lanes));
                    l.code(Code::Declare(from));
                    for lane in 0..lanes {
                        let at = add(first.clone(), int(lane as i64));
                        let value = l.element(value, &layout, &at)?;
                        l.code(Code::SetElement(from, int(lane as i64), value));
                    }
                    l.code(Code::StoreVector {
                        param: place.param,
                        offset,
                        from,
                        index: int(0),
                        lanes,
                        last: l.is_last(place),
                    });
                    Ok(())
                });
                result?;
                match valid {
                    None => body.into_iter().for_each(|c| l.code(c)),
                    Some(valid) => l.code(Code::If(valid, body)),
                }
                Ok(())
            })
        });
        self.checked_indices.clear();
        self.shared_indices.clear();
        result?;
        match writer {
            None => code.into_iter().for_each(|c| self.code(c)),
            Some(writer) => self.code(Code::If(writer, code)),
        }
        Ok(())
    }

    /// The condition that this thread is the first of those that hold the same elements, in a team that has a program.
    fn writer(&self, layout: &Layout) -> Option<Value> {
        both(self.active.clone(), self.first_holder(layout))
    }

    /// The condition that this thread is the first of those that hold the same elements; `None` if the only one.
    pub(super) fn first_holder(&self, layout: &Layout) -> Option<Value> {
        let copies: i64 = layout.copies().iter().map(|b| 1i64 << b).sum();
        (copies != 0).then(|| {
            let bits = binary(BinaryOp::And, self.thread.clone(), int(copies));
            binary(BinaryOp::Eq, bits, int(0))
        })
    }
}

/// True when a conversion leaves every integer as it is, or makes a negative one 0. Others end at the greatest of their
/// type, which nothing divides.
pub(super) fn keeps_integers(from: DType, to: DType) -> bool {
    let bits = |dtype: DType| 8 * dtype.size() - usize::from(dtype.is_signed());
    from.is_int() && to.is_int() && bits(to) >= bits(from)
}

/// An index as an i32: u32 ones beyond its range wrap to negative, which no axis has.
pub(super) fn as_i32(index: Value, dtype: DType) -> Value {
    match dtype {
        DType::U32 => Value::Bitcast { from: dtype, to: DType::I32, of: Box::new(index) },
        _ => index,
    }
}
