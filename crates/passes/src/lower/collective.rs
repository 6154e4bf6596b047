//! Expressions whose elements depend on other registers and threads: reductions, scans, top-k, rearrangements.

use super::map::aligned;
use super::{Held, LowerError, Lowering, SUBGROUP, binary, int, run, shift_left, shift_right};
use crate::lower::layout::Layout;
use tilewright_ir::table::HashMap;
use tilewright_ir::thread::{Builtin, Code, RegisterId, SharedId, Shuffle, Value};
use tilewright_ir::{BinaryOp, Combine, DType, ExprId, ExprKind, Literal, ReduceOp, TernaryOp};

/// One partial result: a value for each component.
pub(super) type Partial = Vec<Value>;

/// How two partial results become one.
pub(super) enum Joiner<'a> {
    Op(ReduceOp, DType),
    /// (value, position): the greater or lesser value, NaN first; of equal ones the lower position.
    Arg {
        max: bool,
        dtype: DType,
    },
    By(&'a Combine),
}

/// A value that each subgroup of a cluster has, and how all of them become one.
#[derive(Clone, Copy)]
pub(super) struct Exchange {
    accumulator: RegisterId,
    dtype: DType,
    op: ReduceOp,
}

/// The most bytes that have two places, which take turns: what is more, such as the sums of a tile, would take the room of
/// another group or more than Metal has, and a barrier more is little beside it.
const MOST_BY_TURNS: usize = 4096;

/// The least registers of a thread that are compared two at a time.
const LEAST_OF_PAIRS: usize = 8;

impl Lowering<'_> {
    /// Lowers a collective expression.
    pub(super) fn collective(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        match &expr.kind {
            ExprKind::Reduce(op, of, axis) => {
                let dtype = expr.ty.dtype;
                let is_late = self.late.iter().any(|sum| sum.reduction == id);
                if *op == ReduceOp::Sum
                    && !is_late
                    && let Some(total) = self.sum_of_squares(*of, *axis, name)?
                {
                    self.hold(id, total);
                    return Ok(());
                }
                let identity = vec![literal(op.identity(dtype), dtype)];
                let joiner = Joiner::Op(*op, dtype);
                let results =
                    self.reduce((&[*of], *axis), &[dtype], identity, &joiner, name, is_late)?;
                self.hold(id, results[0].clone());
            }
            ExprKind::ReduceBy { of, axis, combine, identity } => {
                let dtypes: Vec<DType> = of.iter().map(|&t| program.expr(t).ty.dtype).collect();
                let identity =
                    identity.iter().map(|&i| self.scalar(i)).collect::<Result<Vec<_>, _>>()?;
                let results =
                    self.reduce((of, *axis), &dtypes, identity, &Joiner::By(combine), name, false)?;
                self.hold(id, results[0].clone());
                self.parts.insert(id, results);
            }
            ExprKind::Part(of, part) => {
                let Some(held) = self.parts.get(of).and_then(|p| p.get(*part)).cloned() else {
                    return Err(LowerError(format!(
                        "{}: part {part} of %{} is unknown",
                        program.name, of.0
                    )));
                };
                self.hold(id, held);
            }
            ExprKind::Scan { .. } => self.scan(id, name)?,
            ExprKind::ScanBy { .. } => self.scan_by(id, name)?,
            ExprKind::TopK { of, k } => self.top_k(id, *of, *k, name)?,
            ExprKind::Reshape(of) if self.reshape_in_place(id, *of) => {}
            _ if self.can_recompute(id) => self.recompute(id, name)?,
            kind => {
                if self.rearrange(id, name)? {
                    return Ok(());
                }
                return Err(LowerError(format!(
                    "{}: %{} ({}) has no lowering to threads yet",
                    program.name,
                    id.0,
                    kind_name(kind)
                )));
            }
        }
        Ok(())
    }

    /// Reduces the components `of` together along an axis: first over the registers of a thread, then, unless that `is_late`,
    /// over the lanes of a subgroup and over the subgroups of the team. The order is fixed, so results repeat bit for bit.
    fn reduce(
        &mut self,
        (of, axis): (&[ExprId], usize),
        dtypes: &[DType],
        identity: Partial,
        joiner: &Joiner,
        name: &str,
        is_late: bool,
    ) -> Result<Vec<Held>, LowerError> {
        let shape = self.program.expr(of[0]).ty.shape.clone();
        let layout = self.layout(&shape);
        let axis = axis + self.rank - shape.len();
        let narrow = layout.without(axis);
        let accumulators: Vec<RegisterId> =
            dtypes.iter().map(|&d| self.register(name, d, Some(narrow.registers()))).collect();
        for &of in of {
            self.bring_near(of, &layout)?;
        }
        for &accumulator in &accumulators {
            self.code(Code::Declare(accumulator));
        }
        let extreme = match joiner {
            Joiner::Op(op, DType::F32) if narrow.registers() == 1 => {
                self.extreme_half(*op, of[0], &layout, accumulators[0])
            }
            _ => None,
        };
        match extreme {
            Some(extreme) => self.code(extreme),
            None => self.reduce_registers(of, axis, &layout, &accumulators, &identity, joiner)?,
        }
        if !is_late {
            let bits = layout.thread_bits(axis);
            self.reduce_threads(&accumulators, dtypes, &narrow, &bits, joiner, &identity);
        }
        let held = |register| Held { register, layout: narrow.clone() };
        Ok(accumulators.into_iter().map(held).collect())
    }

    /// The greatest or least of what a thread has of a row of bf16 as it was read, two elements at a time: half as many
    /// instructions, and registers where the row stays in words until it is used. H200, argmax of 65536 rows of 2048: 48 registers
    /// instead of 80.
    fn extreme_half(
        &mut self,
        op: ReduceOp,
        of: ExprId,
        layout: &Layout,
        into: RegisterId,
    ) -> Option<Code> {
        let max = match op {
            ReduceOp::Max => true,
            ReduceOp::Min => false,
            _ => return None,
        };
        let shape = aligned(&self.program.expr(of).ty.shape, layout);
        let pairs = layout.registers() >= LEAST_OF_PAIRS;
        let of = pairs.then(|| self.halves_of(of, layout, &shape)).flatten()?;
        Some(Code::ExtremeHalf { max, into, of })
    }

    /// Reduces the registers of a thread.
    fn reduce_registers(
        &mut self,
        of: &[ExprId],
        axis: usize,
        layout: &Layout,
        accumulators: &[RegisterId],
        identity: &[Value],
        joiner: &Joiner,
    ) -> Result<(), LowerError> {
        let shape = self.program.expr(of[0]).ty.shape.clone();
        let count = layout.without(axis).registers();
        self.unroll(count, |l, i| {
            for (&accumulator, identity) in accumulators.iter().zip(identity) {
                l.code(Code::SetElement(accumulator, i.clone(), identity.clone()));
            }
        });
        let factors = self.factors(of, joiner, layout);
        self.unroll(layout.registers(), |l, i| {
            let mut values = Vec::new();
            for &of in factors.as_ref().map_or(of, |factors| &factors[..]) {
                values.push(l.element(of, layout, &i)?);
            }
            let into = layout
                .register_without(axis)
                .iter()
                .map(|r| run(*r, i.clone()))
                .reduce(super::add)
                .unwrap_or(int(0));
            let valid = l.valid(layout, &aligned(&shape, layout), &i);
            let (body, ()) = l.nested(|l| {
                let before: Partial = accumulators
                    .iter()
                    .map(|&a| Value::Element(a, Box::new(into.clone())))
                    .collect();
                let joined = match (factors, &values[..]) {
                    (Some(_), [x, y]) => {
                        let fused = |sum| {
                            let abc = Box::new([x.clone(), y.clone(), sum]);
                            Value::Ternary(TernaryOp::Fma, DType::F32, abc)
                        };
                        before.into_iter().map(fused).collect()
                    }
                    _ => l.join(joiner, before, values),
                };
                for (&accumulator, value) in accumulators.iter().zip(joined) {
                    l.code(Code::SetElement(accumulator, into.clone(), value));
                }
            });
            match valid {
                None => body.into_iter().for_each(|c| l.code(c)),
                Some(valid) => l.code(Code::If(valid, body)),
            }
            Ok::<(), LowerError>(())
        })
    }

    /// The factors of products that are summed, where the threads hold them: each is then a fused multiply-add, as
    /// [`contract`](super::contract) writes other sums of products.
    fn factors(&self, of: &[ExprId], joiner: &Joiner, layout: &Layout) -> Option<[ExprId; 2]> {
        let (Joiner::Op(ReduceOp::Sum, DType::F32), [of]) = (joiner, of) else { return None };
        let ExprKind::Binary(BinaryOp::Mul, a, b) = self.program.expr(*of).kind else {
            return None;
        };
        [a, b].iter().all(|id| self.is_held(*id, layout)).then_some([a, b])
    }

    /// Joins the accumulators of the threads that differ in `bits`.
    pub(super) fn reduce_threads(
        &mut self,
        accumulators: &[RegisterId],
        dtypes: &[DType],
        narrow: &Layout,
        bits: &[u32],
        joiner: &Joiner,
        identity: &[Value],
    ) {
        let registers = narrow.registers();
        for &bit in bits.iter().filter(|&&b| b < SUBGROUP) {
            self.unroll(registers, |l, i| {
                l.join_lanes(accumulators, dtypes, &i, Shuffle::Xor(1 << bit), joiner)
            });
        }
        let subgroups: Vec<u32> = bits.iter().copied().filter(|&b| b >= SUBGROUP).collect();
        if subgroups.is_empty() {
            return;
        }
        // One value a subgroup if its lanes now agree, else one a thread.
        let lanes_agree = narrow.thread.iter().take(SUBGROUP as usize).all(Option::is_none);
        let slots = if lanes_agree {
            1usize << (self.schedule.team - SUBGROUP)
        } else {
            1usize << self.schedule.team
        };
        let whole = lanes_agree && registers == 1 && slots == 1 << subgroups.len();
        if let (true, true, Joiner::Op(op, _), [accumulator], [dtype]) =
            (super::cluster::groups_of(self.schedule.team) > 0, whole, joiner, accumulators, dtypes)
        {
            let exchange = Exchange { accumulator: *accumulator, dtype: *dtype, op: *op };
            match &mut self.meeting {
                Some(meeting) => meeting.push(exchange),
                None => self.exchange(&[exchange]),
            }
            return;
        }
        let slot =
            if lanes_agree { Value::Builtin(Builtin::Subgroup) } else { self.thread.clone() };
        if self.reduce_columns(accumulators, dtypes, narrow, &subgroups, joiner) {
            return;
        }
        let (arrays, place) = self.partials(dtypes, registers * slots);
        let placed = |at: Value| super::add(place.clone(), at);
        let (write, ()) = self.nested(|l| {
            l.unroll(registers, |l, i| {
                let at = super::add(shift_left(i.clone(), slots.trailing_zeros()), slot.clone());
                let at = placed(at);
                for (&array, &accumulator) in arrays.iter().zip(accumulators) {
                    let value = Value::Element(accumulator, Box::new(i.clone()));
                    l.code(Code::StoreShared(array, at.clone(), value));
                }
            });
        });
        match lanes_agree {
            false => write.into_iter().for_each(|c| self.code(c)),
            true => {
                let first = binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0));
                self.code(Code::If(first, write));
            }
        }
        self.barrier();
        // The slots of the others: the same slot with each combination of the reduced bits, in order.
        let shift = if lanes_agree { SUBGROUP } else { 0 };
        let mask: i64 = subgroups.iter().map(|b| 1i64 << (b - shift)).sum();
        let base = match slots as i64 - 1 == mask {
            true => int(0),
            false => binary(BinaryOp::And, slot, int(slots as i64 - 1 - mask)),
        };
        self.unroll(registers, |l, i| {
            for (&accumulator, identity) in accumulators.iter().zip(identity) {
                l.code(Code::SetElement(accumulator, i.clone(), identity.clone()));
            }
            let first = subgroups[0] - shift;
            let contiguous =
                subgroups.iter().enumerate().all(|(n, b)| b - shift == first + n as u32);
            l.unroll(1 << subgroups.len(), |l, j| {
                let other = match contiguous {
                    true => shift_left(j, first),
                    false => subgroups
                        .iter()
                        .enumerate()
                        .map(|(n, b)| {
                            let bit =
                                binary(BinaryOp::And, shift_right(j.clone(), n as u32), int(1));
                            shift_left(bit, b - shift)
                        })
                        .reduce(super::add)
                        .unwrap_or(int(0)),
                };
                let row = shift_left(i.clone(), slots.trailing_zeros());
                let at = placed(super::add(super::add(row, base.clone()), other));
                let left: Partial =
                    accumulators.iter().map(|&a| Value::Element(a, Box::new(i.clone()))).collect();
                let right: Partial =
                    arrays.iter().map(|&a| Value::Shared(a, Box::new(at.clone()))).collect();
                let joined = l.join(joiner, left, right);
                for (&accumulator, value) in accumulators.iter().zip(joined) {
                    l.code(Code::SetElement(accumulator, i.clone(), value));
                }
            });
        });
    }

    /// What tells a turn of a loop from the next by its last bit, where threads meet in every turn. Two places for what they
    /// exchange then take turns: a place is written again only after the barrier of the turn between, before which all have
    /// read it, so that no barrier is needed before.
    fn turn(&self) -> Option<Value> {
        match (&self.turns[..], self.loops, self.conditions) {
            ([(counter, step)], 1, 0) if step % 2 == 1 => Some(Value::Get(*counter)),
            _ => None,
        }
    }

    /// Shared arrays for `len` values of each type that threads are to exchange next, and where their places begin.
    pub(super) fn partials(&mut self, dtypes: &[DType], len: usize) -> (Vec<SharedId>, Value) {
        let bytes = dtypes.iter().map(|dtype| dtype.size()).sum::<usize>() * len;
        let turn = self.turn().filter(|_| bytes <= MOST_BY_TURNS);
        let places = if turn.is_some() { 2 } else { 1 };
        let arrays = dtypes.iter().map(|&d| self.shared("partial", d, places * len)).collect();
        let place = match turn {
            None if self.loops > 0 => {
                self.barrier();
                int(0)
            }
            None => int(0),
            Some(turn) => {
                let odd = binary(BinaryOp::And, turn, int(1));
                let place = binary(BinaryOp::Mul, odd, int(len as i64));
                self.let_value("place", DType::I32, place)
            }
        };
        (arrays, place)
    }

    /// Joins what the subgroups of a cluster have, several values at one meeting.
    pub(super) fn exchange(&mut self, exchanges: &[Exchange]) {
        let bits = self.schedule.team - SUBGROUP;
        let dtypes: Vec<DType> = exchanges.iter().map(|e| e.dtype).collect();
        let (arrays, first) = self.partials(&dtypes, 1 << bits);
        let place = |slot: Value| super::add(first.clone(), slot);
        let own = |e: &Exchange| Value::Element(e.accumulator, Box::new(int(0)));
        let to = place(Value::Builtin(Builtin::Subgroup));
        let writes = exchanges.iter().zip(&arrays);
        let writes = writes.map(|(e, array)| Code::StoreShared(*array, to.clone(), own(e)));
        let is_first = binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0));
        self.code(Code::If(is_first, writes.collect()));
        self.barrier();
        // Each lane joins some of the slots, then the lanes theirs.
        for (e, &array) in exchanges.iter().zip(&arrays) {
            let joiner = Joiner::Op(e.op, e.dtype);
            let read = |number: Value| {
                let slot = super::add(shift_left(number, SUBGROUP), Value::Builtin(Builtin::Lane));
                Value::Shared(array, Box::new(place(slot)))
            };
            self.code(Code::SetElement(e.accumulator, int(0), read(int(0))));
            self.unroll((1 << (bits - SUBGROUP)) - 1, |l, number| {
                let value = read(super::add(number, int(1)));
                for joined in l.join(&joiner, vec![own(e)], vec![value]) {
                    l.code(Code::SetElement(e.accumulator, int(0), joined));
                }
            });
            for bit in 0..SUBGROUP {
                let (of, shuffle) = ([e.accumulator], Shuffle::Xor(1 << bit));
                self.join_lanes(&of, &[e.dtype], &int(0), shuffle, &joiner);
            }
        }
    }

    /// Joins one register of each accumulator with another lane's.
    pub(super) fn join_lanes(
        &mut self,
        accumulators: &[RegisterId],
        dtypes: &[DType],
        index: &Value,
        shuffle: Shuffle,
        joiner: &Joiner,
    ) {
        let own: Partial =
            accumulators.iter().map(|&a| Value::Element(a, Box::new(index.clone()))).collect();
        let other: Partial = own
            .iter()
            .zip(dtypes)
            .map(|(v, &d)| {
                let value = Value::Shuffle(shuffle, d, Box::new(v.clone()));
                self.let_value("other", d, value)
            })
            .collect();
        let joined = self.join(joiner, own, other);
        for (&accumulator, value) in accumulators.iter().zip(joined) {
            self.code(Code::SetElement(accumulator, index.clone(), value));
        }
    }

    /// Joins two partial results; may add code to the current block.
    pub(super) fn join(&mut self, joiner: &Joiner, left: Partial, right: Partial) -> Partial {
        match joiner {
            Joiner::Op(op, dtype) => {
                let [a, b] = [left, right].map(|mut p| p.swap_remove(0));
                vec![Value::Binary(op.combine(), *dtype, Box::new(a), Box::new(b))]
            }
            Joiner::Arg { max, dtype } => {
                let better = wins(*max, *dtype, &right, &left);
                let better = self.let_value("better", DType::Bool, better);
                let pick = |dtype, i: usize| {
                    let abc = [better.clone(), right[i].clone(), left[i].clone()];
                    Value::Ternary(TernaryOp::Select, dtype, Box::new(abc))
                };
                // Both are read before either is set.
                let value = self.let_value("value", *dtype, pick(*dtype, 0));
                let position = self.let_value("position", DType::U32, pick(DType::U32, 1));
                vec![value, position]
            }
            Joiner::By(combine) => {
                let mut known: HashMap<ExprId, Value> = combine
                    .left
                    .iter()
                    .chain(&combine.right)
                    .copied()
                    .zip(left.into_iter().chain(right))
                    .collect();
                for &id in &combine.body {
                    let value = self.scalar_of(id, &known);
                    let dtype = self.program.expr(id).ty.dtype;
                    let value = self.let_value("c", dtype, value);
                    known.insert(id, value);
                }
                combine.results.iter().map(|id| self.scalar_of(*id, &known)).collect()
            }
        }
    }

    /// A scalar expression of a combine function.
    fn scalar_of(&mut self, id: ExprId, known: &HashMap<ExprId, Value>) -> Value {
        if let Some(value) = known.get(&id) {
            return value.clone();
        }
        let program = self.program;
        let expr = program.expr(id);
        let dtype = |a: &ExprId| program.expr(*a).ty.dtype;
        match &expr.kind {
            ExprKind::Unary(op, a) => {
                Value::Unary(*op, dtype(a), Box::new(self.scalar_of(*a, known)))
            }
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (self.scalar_of(*a, known), self.scalar_of(*b, known));
                Value::Binary(*op, dtype(a), Box::new(x), Box::new(y))
            }
            ExprKind::Ternary(op, abc) => {
                let abc = abc.map(|a| self.scalar_of(a, known));
                Value::Ternary(*op, expr.ty.dtype, Box::new(abc))
            }
            ExprKind::Cast(a) => {
                let of = Box::new(self.scalar_of(*a, known));
                Value::Cast { from: dtype(a), to: expr.ty.dtype, of }
            }
            ExprKind::Bitcast(a) => {
                let of = Box::new(self.scalar_of(*a, known));
                Value::Bitcast { from: dtype(a), to: expr.ty.dtype, of }
            }
            ExprKind::Const(literal) => Value::Const(*literal, expr.ty.dtype),
            ExprKind::Scalar(param) => Value::Scalar(*param),
            ExprKind::Size(extent) => Value::Size(*extent),
            _ => int(0),
        }
    }
}

/// A number of that type.
pub(super) fn literal(value: f64, dtype: DType) -> Value {
    let literal = match dtype {
        DType::Bool => Literal::Bool(value != 0.0),
        d if d.is_int() => Literal::Int(value as i64),
        _ => Literal::Float(value),
    };
    Value::Const(literal, dtype)
}

/// True when (value, position) `a` goes before `b`: NaN first, then the greater (or lesser) value, then the lower
/// position.
pub(super) fn wins(max: bool, dtype: DType, a: &[Value], b: &[Value]) -> Value {
    let compare = |op, dtype, x: &Value, y: &Value| {
        Value::Binary(op, dtype, Box::new(x.clone()), Box::new(y.clone()))
    };
    let and = |x, y| Value::Binary(BinaryOp::And, DType::Bool, Box::new(x), Box::new(y));
    let or = |x, y| Value::Binary(BinaryOp::Or, DType::Bool, Box::new(x), Box::new(y));
    let order = if max { BinaryOp::Gt } else { BinaryOp::Lt };
    let earlier = compare(BinaryOp::Lt, DType::U32, &a[1], &b[1]);
    if !dtype.is_float() {
        let tie = and(compare(BinaryOp::Eq, dtype, &a[0], &b[0]), earlier);
        return or(compare(order, dtype, &a[0], &b[0]), tie);
    }
    let nan = |x: &Value| Value::Unary(tilewright_ir::UnaryOp::IsNan, dtype, Box::new(x.clone()));
    let not = |x| Value::Unary(tilewright_ir::UnaryOp::Not, DType::Bool, Box::new(x));
    let above = or(compare(order, dtype, &a[0], &b[0]), and(nan(&a[0]), not(nan(&b[0]))));
    let equal = or(compare(BinaryOp::Eq, dtype, &a[0], &b[0]), and(nan(&a[0]), nan(&b[0])));
    or(above, and(equal, earlier))
}

fn kind_name(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Reshape(_) => "reshape",
        ExprKind::Transpose(..) => "transpose",
        ExprKind::Slice { .. } => "slice",
        ExprKind::Concat(..) => "concat",
        ExprKind::Pick { .. } => "pick",
        ExprKind::Dot(..) => "dot",
        ExprKind::Unpack { .. } => "unpack",
        ExprKind::ScanBy { .. } => "scan by a function",
        _ => "this op",
    }
}
