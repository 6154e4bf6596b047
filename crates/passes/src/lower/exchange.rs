//! Moving tiles between threads through shared memory, for what the layouts do not bring together: reshapes,
//! transposes, slices, joins, picks, and operands that lie in other threads than their result.

use super::collective::literal;
use super::map::aligned;
use super::{Held, LowerError, Lowering, add, binary, int, linear, padded};
use crate::lower::layout::{Bit, Layout};
use tilewright_ir::thread::{Code, SharedId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent, TernaryOp};

/// log2 of the most elements that a tile in shared memory may have.
const LARGEST_SHARED: u32 = 15;

/// A tile in shared memory, one for each team.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    /// The array of all teams.
    pub array: SharedId,
    /// Elements a team.
    pub len: usize,
}

impl Lowering<'_> {
    /// Makes sure that [`Lowering::element`] can give `id` for `layout`.
    pub(super) fn bring_near(&mut self, id: ExprId, layout: &Layout) -> Result<(), LowerError> {
        if self.is_near(id, layout) {
            return Ok(());
        }
        let ty = self.program.expr(id).ty.clone();
        let array = self.share(id)?;
        // The layout of the use, without the axes along which this tile has extent 1.
        let shape = aligned(&ty.shape, layout);
        let mut own = layout.clone();
        for (axis, &extent) in shape.iter().enumerate() {
            if extent == Extent::Const(1) && own.capacity[axis] > 0 {
                own = own.without(axis);
            }
        }
        let name = super::names::of_expr(self.program, id);
        self.read_shared(id, &name, own, |l, _, at| Some(l.read(array, &ty.shape, at)))
    }

    /// Lowers a rearrangement of a tile that lies in registers. False for other ops.
    pub(super) fn rearrange(&mut self, id: ExprId, name: &str) -> Result<bool, LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let layout = self.layout(&expr.ty.shape);
        let shape_of = |id: ExprId| program.expr(id).ty.shape.clone();
        match &expr.kind {
            ExprKind::Reshape(of) => {
                let array = self.share(*of)?;
                self.read_shared(id, name, layout, |l, _, at| {
                    Some(l.read(array, &expr.ty.shape, at))
                })?;
            }
            ExprKind::Transpose(of, order) => {
                let array = self.share(*of)?;
                self.read_shared(id, name, layout, |l, _, at| {
                    let mut from = at.to_vec();
                    order.iter().enumerate().for_each(|(i, &axis)| from[axis] = at[i].clone());
                    Some(l.read(array, &shape_of(*of), &from))
                })?;
            }
            ExprKind::Slice { of, axis, start } => {
                let array = self.share(*of)?;
                self.read_shared(id, name, layout, |l, _, at| {
                    let mut from = at.to_vec();
                    let start = match start {
                        Extent::Const(n) => int(*n as i64),
                        start => Value::Size(*start),
                    };
                    from[*axis] = add(from[*axis].clone(), start);
                    Some(l.read(array, &shape_of(*of), &from))
                })?;
            }
            ExprKind::Pick { of, indices } => {
                let array = self.share(*of)?;
                self.bring_near(*indices, &layout)?;
                let own = layout.clone();
                self.read_shared(id, name, layout, |l, i, at| {
                    let (leading, _) = at.split_at(at.len() - 1);
                    let index = l.element(*indices, &own, i).ok()?;
                    let index = l.picked(*of, *indices, index)?;
                    let from: Vec<Value> = leading.iter().cloned().chain([index]).collect();
                    Some(l.read(array, &shape_of(*of), &from))
                })?;
            }
            ExprKind::Concat(parts, axis) => {
                let mut arrays = Vec::new();
                for &part in parts {
                    arrays.push(self.share_without_waiting(part)?);
                }
                self.barrier();
                self.read_shared(id, name, layout, |l, _, at| {
                    let mut at = at.to_vec();
                    let mut reads = Vec::new();
                    for (&part, &array) in parts.iter().zip(&arrays) {
                        let value = l.read(array, &shape_of(part), &at);
                        let extent = super::size(shape_of(part)[*axis]);
                        reads
                            .push((binary(BinaryOp::Lt, at[*axis].clone(), extent.clone()), value));
                        at[*axis] = binary(BinaryOp::Sub, at[*axis].clone(), extent);
                    }
                    let (_, last) = reads.pop()?;
                    Some(reads.into_iter().rev().fold(last, |rest, (inside, value)| {
                        Value::Ternary(
                            TernaryOp::Select,
                            expr.ty.dtype,
                            Box::new([inside, value, rest]),
                        )
                    }))
                })?;
            }
            ExprKind::Dot(a, b) => self.dot(id, name, *a, *b)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Lets a reshaped tile be the registers of `of` where each thread holds just the elements that it needs: the bits of
    /// a position in row-major order are then those of the axes, one after the other. False where they would move.
    pub(super) fn reshape_in_place(&mut self, id: ExprId, of: ExprId) -> bool {
        let [from, to] = [of, id].map(|id| padded(&self.program.expr(id).ty.shape, self.rank));
        let wanted = self.layout(&to);
        let (Some(from), Some(to)) = (self.bits_of(&from), self.bits_of(&to)) else { return false };
        let moved =
            |bit: &Bit| from.iter().position(|b| b == bit).and_then(|at| to.get(at)).copied();
        let same = |held: &Layout| {
            let register: Option<Vec<Bit>> = held.register.iter().map(moved).collect();
            let thread = held.thread.iter().map(|b| b.as_ref().map(moved));
            from.len() == to.len()
                && register.is_some_and(|bits| bits == wanted.register)
                && thread.eq(wanted.thread.iter().map(|b| b.map(Some)))
        };
        let held = self.held.get(&of).and_then(|held| held.iter().find(|h| same(&h.layout)));
        let Some(register) = held.map(|h| h.register) else { return false };
        self.hold(id, Held { register, layout: wanted });
        true
    }

    /// The bits of the coordinates that make the bits of the place in row-major order, from the least; `None` where an
    /// axis within is not filled, so that places are no runs of bits.
    fn bits_of(&self, shape: &[Extent]) -> Option<Vec<Bit>> {
        let long = |e: &&Extent| **e != Extent::Const(1);
        let within = shape.iter().filter(long).skip(1).all(|&e| self.schedule.is_exact(e));
        let axes = (0..shape.len()).rev();
        let bits =
            axes.flat_map(|axis| (0..self.capacity(shape[axis])).map(move |bit| Bit { axis, bit }));
        within.then(|| bits.collect())
    }

    /// Lowers a matrix product to a loop over the inner axis: both operands in shared memory, each thread its own
    /// elements of the result. Where there is no room for both, what can be is computed anew from the tensors instead.
    fn dot(&mut self, id: ExprId, name: &str, a: ExprId, b: ExprId) -> Result<(), LowerError> {
        let program = self.program;
        let ty = program.expr(id).ty.clone();
        let layout = self.layout(&ty.shape);
        let (left_ty, right_ty) = (&program.expr(a).ty, &program.expr(b).ty);
        let [left_bytes, right_bytes] = [left_ty, right_ty].map(|ty| self.shared_bytes(ty));
        let room = self.schedule.shared.unwrap_or(usize::MAX);
        let crowded = left_bytes + right_bytes > room;
        // The larger of those that can be.
        let anew = |l: &Self, id, bytes, other, of_other| {
            crowded && l.can_recompute(id) && (bytes >= of_other || !l.can_recompute(other))
        };
        let right_anew = anew(self, b, right_bytes, a, left_bytes);
        let left_anew = !right_anew && anew(self, a, left_bytes, b, right_bytes);
        let left = if left_anew { None } else { Some(self.share_without_waiting(a)?) };
        let right = if right_anew { None } else { Some(self.share_without_waiting(b)?) };
        self.barrier();
        // What is computed anew checks its own indices.
        self.check_all([]);
        let register = self.register(name, ty.dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        self.unroll(layout.registers(), |l, i| {
            l.code(Code::SetElement(register, i, literal(0.0, ty.dtype)));
        });
        let counter = self.register("k", DType::I32, None);
        let (body, result) = self.nested(|l| {
            l.unroll(layout.registers(), |l, i| {
                let rank = layout.capacity.len();
                let row = l.position_inside(&layout, rank - 2, ty.shape[0], &i);
                let column = l.position_inside(&layout, rank - 1, ty.shape[1], &i);
                let k = Value::Get(counter);
                let mut read = |id, shared: Option<Shared>, at: [Value; 2]| {
                    let ty = &program.expr(id).ty;
                    let lost = || LowerError(format!("{}: %{} is lost", program.name, id.0));
                    let of = Box::new(match shared {
                        Some(shared) => l.read(shared, &ty.shape, &at),
                        None => l.value_at(id, &at).ok_or_else(lost)?,
                    });
                    let (from, to) = (ty.dtype, accumulator(ty.dtype));
                    // Products wrap, whatever the sign.
                    Ok(match from == DType::U32 {
                        true => Value::Bitcast { from, to, of },
                        false => Value::Cast { from, to, of },
                    })
                };
                let x = read(a, left, [row, k.clone()])?;
                let y = read(b, right, [k, column])?;
                let sum = Value::Element(register, Box::new(i.clone()));
                let value = match ty.dtype.is_float() {
                    true => Value::Ternary(TernaryOp::Fma, ty.dtype, Box::new([x, y, sum])),
                    false => {
                        let product =
                            Value::Binary(BinaryOp::Mul, ty.dtype, Box::new(x), Box::new(y));
                        Value::Binary(BinaryOp::Add, ty.dtype, Box::new(sum), Box::new(product))
                    }
                };
                l.code(Code::SetElement(register, i, value));
                Ok::<(), LowerError>(())
            })
        });
        result?;
        let end = super::size(left_ty.shape[1]);
        self.code(Code::For { counter, start: int(0), end, step: int(1), body });
        self.hold(id, Held { register, layout });
        Ok(())
    }

    /// Bytes that a tile takes in shared memory.
    fn shared_bytes(&self, ty: &tilewright_ir::Type) -> usize {
        let capacity: u32 = ty.shape.iter().map(|&e| self.schedule.capacity_of(e)).sum();
        ty.dtype.size().checked_shl(capacity + self.schedule.teams).unwrap_or(usize::MAX)
    }

    /// Writes a tile to shared memory in row-major order and waits for all of it.
    pub(super) fn share(&mut self, id: ExprId) -> Result<Shared, LowerError> {
        let shared = self.share_without_waiting(id)?;
        self.barrier();
        Ok(shared)
    }

    /// As [`share`](Self::share), without the barrier after.
    pub(super) fn share_without_waiting(&mut self, id: ExprId) -> Result<Shared, LowerError> {
        let ty = self.program.expr(id).ty.clone();
        let shared = self.shared_tile("tile", ty.dtype, &ty.shape)?;
        if self.loops > 0 {
            self.barrier();
        }
        let held = self.held.get(&id).and_then(|h| h.first());
        let layout = held.map_or_else(|| self.layout(&ty.shape), |h| h.layout.clone());
        let (code, result) = self.nested(|l| {
            l.unroll(layout.registers(), |l, i| {
                let value = l.element(id, &layout, &i)?;
                let shape = aligned(&ty.shape, &layout);
                let positions: Vec<Value> =
                    (0..shape.len()).map(|axis| l.position(&layout, axis, &i)).collect();
                let at = l.place_in_team(shared.len, linear(&shape, &positions));
                let write = Code::StoreShared(shared.array, at, value);
                match l.valid(&layout, &shape, &i) {
                    None => l.code(write),
                    Some(valid) => l.code(Code::If(valid, vec![write])),
                }
                Ok(())
            })
        });
        result?;
        match self.first_holder(&layout) {
            None => code.into_iter().for_each(|c| self.code(c)),
            Some(first) => self.code(Code::If(first, code)),
        }
        Ok(shared)
    }

    /// Room for a tile in shared memory.
    pub(super) fn shared_tile(
        &mut self,
        name: &str,
        dtype: DType,
        shape: &[Extent],
    ) -> Result<Shared, LowerError> {
        let capacity: u32 = shape.iter().map(|&e| self.schedule.capacity_of(e)).sum();
        if capacity > LARGEST_SHARED {
            let program = &self.program.name;
            return Err(LowerError(format!(
                "{program}: a tile of 2^{capacity} elements is too large to move between threads"
            )));
        }
        let len = 1 << capacity;
        Ok(Shared { array: self.shared(name, dtype, len), len })
    }

    /// An element of a tile in shared memory.
    pub(super) fn read(&self, shared: Shared, shape: &[Extent], positions: &[Value]) -> Value {
        let at = self.place_in_team(shared.len, linear(shape, positions));
        Value::Shared(shared.array, Box::new(at))
    }

    /// As [`fill`](Self::fill), for the elements of an expression.
    fn read_shared(
        &mut self,
        id: ExprId,
        name: &str,
        layout: Layout,
        value: impl FnMut(&mut Self, &Value, &[Value]) -> Option<Value>,
    ) -> Result<(), LowerError> {
        let ty = self.program.expr(id).ty.clone();
        let held = self.fill(name, ty.dtype, &ty.shape, layout, value)?;
        self.hold(id, held);
        Ok(())
    }

    /// Fills registers of `layout` with what `value` gives for each register and its positions in a tile of `shape`.
    pub(super) fn fill(
        &mut self,
        name: &str,
        dtype: DType,
        shape: &[Extent],
        layout: Layout,
        mut value: impl FnMut(&mut Self, &Value, &[Value]) -> Option<Value>,
    ) -> Result<Held, LowerError> {
        let register = self.register(name, dtype, Some(layout.registers()));
        self.code(Code::Declare(register));
        let program = &self.program.name;
        let lost = || LowerError(format!("{program}: {name} cannot be moved between threads"));
        self.unroll(layout.registers(), |l, i| {
            let padded = aligned(shape, &layout);
            let all: Vec<Value> =
                (0..padded.len()).map(|axis| l.position(&layout, axis, &i)).collect();
            let read = value(l, &i, &all[padded.len() - shape.len()..]).ok_or_else(lost)?;
            match l.valid(&layout, &padded, &i) {
                None => l.code(Code::SetElement(register, i, read)),
                Some(valid) => {
                    l.code(Code::SetElement(register, i.clone(), literal(0.0, dtype)));
                    l.code(Code::If(valid, vec![Code::SetElement(register, i, read)]));
                }
            }
            Ok::<(), LowerError>(())
        })?;
        Ok(Held { register, layout })
    }
}

/// The type that products of this type are summed in.
fn accumulator(dtype: DType) -> DType {
    if dtype.is_float() { DType::F32 } else { DType::I32 }
}
