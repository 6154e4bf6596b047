//! Running reductions along the last axis.

use super::collective::{Joiner, Partial, literal};
use super::map::aligned;
use super::rows::LineScan;
use super::{Held, LowerError, Lowering, SUBGROUP, add, binary, int, shift_left};
use tilewright_ir::thread::{Builtin, Code, RegisterId, SharedId, Shuffle, Value};
use tilewright_ir::{BinaryOp, Combine, DType, ExprId, ExprKind, Extent, Literal, TernaryOp};

/// So many subgroups' totals are joined by the lanes rather than one after the other, which takes more instructions the more
/// there are.
const JOINED_BY_LANES: usize = 16;

impl Lowering<'_> {
    /// True for a tile that all threads scan along `axis`: the last, along which there is one line, or lines that lie each
    /// in one subgroup.
    pub(super) fn lies_along(&self, id: ExprId, axis: usize) -> bool {
        let shape = &self.program.expr(id).ty.shape;
        let layout = self.layout(shape);
        let one = shape[..axis].iter().all(|e| *e == Extent::Const(1));
        let lanes = layout.thread_bits(layout.capacity.len() - 1).len() as u32;
        axis + 1 == shape.len() && (one || lanes <= SUBGROUP)
    }

    /// Lowers a scan along the last axis: within the vector of a thread, over the lanes, over the subgroups, and then
    /// over the blocks of registers, each with the total of what came before; one line of registers after the other.
    pub(super) fn scan(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let ExprKind::Scan { op, of, axis, exclusive, reverse } = expr.kind else { return Ok(()) };
        let dtype = expr.ty.dtype;
        let shape = aligned(&expr.ty.shape, &self.layout(&expr.ty.shape));
        let layout = self.layout(&expr.ty.shape);
        let last = shape.len() - 1;
        if !self.lies_along(of, axis) {
            let identity = Some(vec![literal(op.identity(dtype), dtype)]);
            let joiner = Joiner::Op(op, dtype);
            let scan = LineScan { of: &[of], axis, joiner, identity, exclusive, reverse };
            return self.line_scan(id, name, &scan);
        }
        self.bring_near(of, &layout)?;
        let identity = literal(op.identity(dtype), dtype);
        let join =
            |a: Value, b: Value| Value::Binary(op.combine(), dtype, Box::new(a), Box::new(b));
        let out = self.register(name, dtype, Some(layout.registers()));
        let (carry, sum) = (self.register("carry", dtype, None), self.register("sum", dtype, None));
        self.code(Code::Declare(out));
        self.code(Code::Declare(carry));
        let vector = 1usize << layout.vector();
        let line_bits = layout.register_bits(last).len() as u32;
        let blocks = (1usize << line_bits) / vector;
        let bits = layout.thread_bits(last).len() as u32;
        let ordered = |i: Value, count: usize| match reverse {
            false => i,
            true => binary(BinaryOp::Sub, int(count as i64 - 1), i),
        };
        self.unroll(layout.registers() >> line_bits, |l, line| {
            let line = shift_left(line, line_bits);
            l.code(Code::Set(carry, identity.clone()));
            l.unroll(blocks, |l, block| {
                let first = add(line.clone(), shift_left(ordered(block, blocks), layout.vector()));
                l.code(Code::Declare(sum));
                l.code(Code::Set(sum, identity.clone()));
                l.unroll(vector, |l, j| {
                    let at = add(first.clone(), ordered(j, vector));
                    let value = l.element(of, &layout, &at)?;
                    let value = match l.valid(&layout, &shape, &at) {
                        None => value,
                        Some(valid) => {
                            let abc = [valid, value, identity.clone()];
                            Value::Ternary(TernaryOp::Select, dtype, Box::new(abc))
                        }
                    };
                    let value = l.let_value("x", dtype, value);
                    if exclusive {
                        l.code(Code::SetElement(out, at.clone(), Value::Get(sum)));
                    }
                    l.code(Code::Set(sum, join(Value::Get(sum), value)));
                    if !exclusive {
                        l.code(Code::SetElement(out, at, Value::Get(sum)));
                    }
                    Ok::<(), LowerError>(())
                })?;
                let (before, total) = l.scan_threads(sum, dtype, &identity, bits, reverse, &join);
                let before = l.let_value("before", dtype, join(Value::Get(carry), before));
                l.unroll(vector, |l, j| {
                    let at = add(first.clone(), j);
                    let value = Value::Element(out, Box::new(at.clone()));
                    l.code(Code::SetElement(out, at, join(before.clone(), value)));
                });
                l.code(Code::Set(carry, join(Value::Get(carry), total)));
                Ok::<(), LowerError>(())
            })
        })?;
        self.hold(id, Held { register: out, layout });
        Ok(())
    }

    /// The join of the threads before this one, and of all, in the order of `bits` low bits of the thread index.
    fn scan_threads(
        &mut self,
        own: RegisterId,
        dtype: DType,
        identity: &Value,
        bits: u32,
        reverse: bool,
        join: &dyn Fn(Value, Value) -> Value,
    ) -> (Value, Value) {
        let lanes = bits.min(SUBGROUP);
        let mask = (1i64 << lanes) - 1;
        let lane = binary(BinaryOp::And, Value::Builtin(Builtin::Lane), int(mask));
        let lane = self.let_value("lane", DType::I32, lane);
        let has = |by: i64| match reverse {
            false => binary(BinaryOp::Ge, lane.clone(), int(by)),
            true => binary(BinaryOp::Le, lane.clone(), int(mask - by)),
        };
        let shuffle = |by: usize| if reverse { Shuffle::Down(by) } else { Shuffle::Up(by) };
        let select = |c: Value, a: Value, b: Value| {
            Value::Ternary(TernaryOp::Select, dtype, Box::new([c, a, b]))
        };
        let running = self.register("running", dtype, None);
        self.code(Code::Declare(running));
        self.code(Code::Set(running, Value::Get(own)));
        for step in (0..lanes).map(|s| 1usize << s) {
            let other = Value::Shuffle(shuffle(step), dtype, Box::new(Value::Get(running)));
            let other = self.let_value("other", dtype, other);
            let joined = join(other, Value::Get(running));
            self.code(Code::Set(running, select(has(step as i64), joined, Value::Get(running))));
        }
        let other = Value::Shuffle(shuffle(1), dtype, Box::new(Value::Get(running)));
        let other = self.let_value("other", dtype, other);
        let before = self.let_value("below", dtype, select(has(1), other, identity.clone()));
        let end = if reverse { Shuffle::First(lanes) } else { Shuffle::Last(lanes) };
        let total = Value::Shuffle(end, dtype, Box::new(Value::Get(running)));
        let total = self.let_value("total", dtype, total);
        if bits <= SUBGROUP {
            return (before, total);
        }
        let subgroups = 1usize << (bits - SUBGROUP);
        let array = self.shared("total", dtype, subgroups);
        self.barrier();
        let (slot, first) = self.subgroup_of_row(bits);
        self.code(Code::If(first, vec![Code::StoreShared(array, slot.clone(), total)]));
        self.barrier();
        let (base, all) = (self.register("base", dtype, None), self.register("all", dtype, None));
        for register in [base, all] {
            self.code(Code::Declare(register));
            self.code(Code::Set(register, identity.clone()));
        }
        self.unroll(subgroups, |l, k| {
            let k = if reverse { binary(BinaryOp::Sub, int(subgroups as i64 - 1), k) } else { k };
            let value = l.let_value("part", dtype, Value::Shared(array, Box::new(k.clone())));
            let order = if reverse { BinaryOp::Gt } else { BinaryOp::Lt };
            let earlier = binary(order, k, slot.clone());
            let joined = join(Value::Get(base), value.clone());
            l.code(Code::Set(base, select(earlier, joined, Value::Get(base))));
            l.code(Code::Set(all, join(Value::Get(all), value)));
        });
        (join(Value::Get(base), before), Value::Get(all))
    }

    /// Which of the subgroups that hold a row of `bits` low bits of the thread index this one is, and the condition that a
    /// thread is the one that speaks for it.
    fn subgroup_of_row(&self, bits: u32) -> (Value, Value) {
        let own = Value::Builtin(Builtin::Subgroup);
        if self.schedule.team == bits {
            return (own, binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0)));
        }
        // Where the row does not need all subgroups, the others hold copies.
        let subgroups = 1i64 << (bits - SUBGROUP);
        let above = !((1i64 << bits) - 1) | ((1i64 << SUBGROUP) - 1);
        let above = above & ((1i64 << self.schedule.team) - 1);
        let first = binary(BinaryOp::And, self.thread.clone(), int(above));
        let first = binary(BinaryOp::Eq, first, int(0));
        (binary(BinaryOp::And, own, int(subgroups - 1)), first)
    }

    /// Lowers a scan by a function of the author's along a row, as [`Lowering::scan`] does one by an op: with several
    /// components, and with nothing before the first element, as there may be no value that the function leaves alone.
    /// What comes after the end of a row is joined too, and reaches no element of it.
    pub(super) fn scan_by(
        &mut self,
        id: ExprId,
        name: &str,
        of: &[ExprId],
        combine: &Combine,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let shape = program.expr(of[0]).ty.shape.clone();
        let layout = self.layout(&shape);
        let joiner = Joiner::By(combine);
        let dtypes: Vec<DType> = of.iter().map(|&t| program.expr(t).ty.dtype).collect();
        for &of in of {
            self.bring_near(of, &layout)?;
        }
        let declare = |l: &mut Self, name: &str, len: Option<usize>| -> Vec<RegisterId> {
            let registers: Vec<_> = dtypes.iter().map(|&d| l.register(name, d, len)).collect();
            registers.iter().for_each(|&register| l.code(Code::Declare(register)));
            registers
        };
        let outs = declare(self, name, Some(layout.registers()));
        let vector = 1usize << layout.vector();
        let last = layout.capacity.len() - 1;
        let line_bits = layout.register_bits(last).len() as u32;
        let rest = (1usize << line_bits) / vector - 1;
        let carry = if rest > 0 { declare(self, "carry", None) } else { Vec::new() };
        let sums = declare(self, "sum", None);
        let bits = layout.thread_bits(last).len() as u32;
        let block_at = |l: &mut Self, line: &Value, block: Value, is_first: bool| {
            let first = add(line.clone(), shift_left(block, layout.vector()));
            let values = |l: &mut Self, at: &Value| {
                of.iter().map(|&of| l.element(of, &layout, at)).collect::<Result<Partial, _>>()
            };
            let own = values(l, &first)?;
            l.assign(&sums, own);
            l.assign_elements(&outs, &first, gets(&sums));
            l.unroll(vector - 1, |l, j| {
                let at = add(first.clone(), add(j, int(1)));
                let own = values(l, &at)?;
                let joined = l.join(&joiner, gets(&sums), own);
                l.assign(&sums, joined);
                l.assign_elements(&outs, &at, gets(&sums));
                Ok::<(), LowerError>(())
            })?;
            let (before, total) = l.scan_threads_by(&sums, &dtypes, bits, rest > 0, &joiner);
            let (before, any) = match (is_first, before) {
                (true, before) => before,
                (false, (before, any)) => {
                    let joined = l.join(&joiner, gets(&carry), before);
                    (l.select_parts(&dtypes, any, joined, gets(&carry)), None)
                }
            };
            let before = l.let_values("before", &dtypes, before);
            l.unroll(vector, |l, j| {
                let at = add(first.clone(), j);
                let own: Partial =
                    outs.iter().map(|&out| Value::Element(out, Box::new(at.clone()))).collect();
                let own = l.let_values("own", &dtypes, own);
                let joined = l.join(&joiner, before.clone(), own.clone());
                let joined = l.select_parts(&dtypes, any.clone(), joined, own);
                l.assign_elements(&outs, &at, joined);
            });
            if rest > 0 {
                let total = match is_first {
                    true => total,
                    false => l.join(&joiner, gets(&carry), total),
                };
                l.assign(&carry, total);
            }
            Ok::<(), LowerError>(())
        };
        self.unroll(layout.registers() >> line_bits, |l, line| {
            let line = shift_left(line, line_bits);
            block_at(l, &line, int(0), true)?;
            match rest {
                0 => Ok(()),
                rest => l.unroll(rest, |l, block| block_at(l, &line, add(block, int(1)), false)),
            }
        })?;
        let held: Vec<Held> =
            outs.into_iter().map(|register| Held { register, layout: layout.clone() }).collect();
        self.hold(id, held[0].clone());
        self.parts.insert(id, held);
        Ok(())
    }

    /// The join of the threads before this one with the condition that there are any (`None`: the row has but one thread,
    /// and the join is no value), and that of all, where a row `goes_on` behind them.
    fn scan_threads_by(
        &mut self,
        own: &[RegisterId],
        dtypes: &[DType],
        bits: u32,
        goes_on: bool,
        joiner: &Joiner,
    ) -> ((Partial, Option<Value>), Partial) {
        let never = || Some(Value::Const(Literal::Bool(false), DType::Bool));
        if bits == 0 {
            return ((gets(own), never()), gets(own));
        }
        let lanes = bits.min(SUBGROUP);
        let mask = (1i64 << lanes) - 1;
        let lane = binary(BinaryOp::And, Value::Builtin(Builtin::Lane), int(mask));
        let lane = self.let_value("lane", DType::I32, lane);
        let has = |by: i64| Some(binary(BinaryOp::Ge, lane.clone(), int(by)));
        let running: Vec<RegisterId> =
            dtypes.iter().map(|&d| self.register("running", d, None)).collect();
        running.iter().for_each(|&register| self.code(Code::Declare(register)));
        self.assign(&running, gets(own));
        for step in (0..lanes).map(|s| 1usize << s) {
            let other = self.shuffled("other", dtypes, Shuffle::Up(step), gets(&running));
            let joined = self.join(joiner, other, gets(&running));
            let joined = self.select_parts(dtypes, has(step as i64), joined, gets(&running));
            self.assign(&running, joined);
        }
        let before = self.shuffled("below", dtypes, Shuffle::Up(1), gets(&running));
        let total = self.shuffled("total", dtypes, Shuffle::Last(lanes), gets(&running));
        if bits <= SUBGROUP {
            return ((before, has(1)), total);
        }
        let subgroups = 1usize << (bits - SUBGROUP);
        let arrays: Vec<_> = dtypes.iter().map(|&d| self.shared("total", d, subgroups)).collect();
        self.barrier();
        let (slot, first) = self.subgroup_of_row(bits);
        let stores = arrays.iter().zip(total);
        let stores = stores.map(|(&array, v)| Code::StoreShared(array, slot.clone(), v)).collect();
        self.code(Code::If(first, stores));
        self.barrier();
        let [base, all] = match subgroups < JOINED_BY_LANES {
            true => self.totals_in_turn(&arrays, dtypes, subgroups, &slot, joiner),
            false => {
                let all = int(subgroups as i64);
                let mut first = |count: &Value| {
                    self.totals_by_lanes(&arrays, dtypes, subgroups, &lane, count, joiner)
                };
                [first(&slot), if goes_on { first(&all) } else { Partial::new() }]
            }
        };
        // Of the first subgroup the lanes before; else the subgroups before, and the lanes before if there are any.
        let later = binary(BinaryOp::Gt, slot, int(0));
        let joined = self.join(joiner, base.clone(), before.clone());
        let with_lanes = self.select_parts(dtypes, has(1), joined, base);
        let before = self.select_parts(dtypes, Some(later.clone()), with_lanes, before);
        let any = has(1).map(|lanes| {
            Value::Binary(BinaryOp::Or, DType::Bool, Box::new(lanes), Box::new(later))
        });
        ((before, any), all)
    }

    /// The join of the first `slot` of the subgroups' totals, and that of all, one after the other by each thread.
    fn totals_in_turn(
        &mut self,
        totals: &[SharedId],
        dtypes: &[DType],
        subgroups: usize,
        slot: &Value,
        joiner: &Joiner,
    ) -> [Partial; 2] {
        let joins = ["base", "all"].map(|name| -> Vec<RegisterId> {
            dtypes.iter().map(|&d| self.register(name, d, None)).collect()
        });
        let [base, all] = &joins;
        let start = self.total_at(totals, dtypes, &int(0));
        for registers in &joins {
            registers.iter().for_each(|&register| self.code(Code::Declare(register)));
            self.assign(registers, start.clone());
        }
        self.unroll(subgroups - 1, |l, k| {
            let k = add(k, int(1));
            let value = l.total_at(totals, dtypes, &k);
            let earlier = binary(BinaryOp::Lt, k, slot.clone());
            let joined = l.join(joiner, gets(base), value.clone());
            let joined = l.select_parts(dtypes, Some(earlier), joined, gets(base));
            l.assign(base, joined);
            let joined = l.join(joiner, gets(all), value);
            l.assign(all, joined);
        });
        [gets(base), gets(all)]
    }

    /// The join of the first `count` of the subgroups' totals, by the lanes of every subgroup: they lie at the end of its
    /// lanes, or of each run of as many as there are subgroups.
    fn totals_by_lanes(
        &mut self,
        totals: &[SharedId],
        dtypes: &[DType],
        subgroups: usize,
        lane: &Value,
        count: &Value,
        joiner: &Joiner,
    ) -> Partial {
        let own = binary(BinaryOp::And, lane.clone(), int(subgroups as i64 - 1));
        let empty = binary(BinaryOp::Sub, int(subgroups as i64), count.clone());
        let k = self.let_value("k", DType::I32, binary(BinaryOp::Sub, own, empty));
        let first = self.total_at(totals, dtypes, &binary(BinaryOp::Max, k.clone(), int(0)));
        let running: Vec<RegisterId> =
            dtypes.iter().map(|&d| self.register("base", d, None)).collect();
        running.iter().for_each(|&register| self.code(Code::Declare(register)));
        self.assign(&running, first);
        for step in (0..subgroups.ilog2()).map(|s| 1usize << s) {
            let other = self.shuffled("other", dtypes, Shuffle::Up(step), gets(&running));
            let joined = self.join(joiner, other, gets(&running));
            let has = binary(BinaryOp::Ge, k.clone(), int(step as i64));
            let joined = self.select_parts(dtypes, Some(has), joined, gets(&running));
            self.assign(&running, joined);
        }
        self.shuffled("base", dtypes, Shuffle::Last(subgroups.ilog2()), gets(&running))
    }

    fn total_at(&mut self, totals: &[SharedId], dtypes: &[DType], k: &Value) -> Partial {
        let parts = totals.iter().map(|&array| Value::Shared(array, Box::new(k.clone()))).collect();
        self.let_values("part", dtypes, parts)
    }

    fn shuffled(&mut self, name: &str, dtypes: &[DType], shuffle: Shuffle, of: Partial) -> Partial {
        let other = of.into_iter().zip(dtypes);
        let other = other.map(|(v, &d)| Value::Shuffle(shuffle, d, Box::new(v))).collect();
        self.let_values(name, dtypes, other)
    }

    /// The components of `yes` or of `no`; `None` stands for a condition that holds.
    fn select_parts(
        &mut self,
        dtypes: &[DType],
        condition: Option<Value>,
        yes: Partial,
        no: Partial,
    ) -> Partial {
        let Some(condition) = condition else { return yes };
        let select = |((yes, no), &dtype): ((Value, Value), &DType)| {
            Value::Ternary(TernaryOp::Select, dtype, Box::new([condition.clone(), yes, no]))
        };
        yes.into_iter().zip(no).zip(dtypes).map(select).collect()
    }

    fn let_values(&mut self, name: &str, dtypes: &[DType], values: Partial) -> Partial {
        let values = values.into_iter().zip(dtypes);
        values.map(|(value, &dtype)| self.let_value(name, dtype, value)).collect()
    }

    /// Sets registers, all values read before any is set.
    fn assign(&mut self, registers: &[RegisterId], values: Partial) {
        let dtypes: Vec<DType> =
            registers.iter().map(|r| self.registers[r.0 as usize].dtype).collect();
        let values = match registers.len() {
            1 => values,
            _ => self.let_values("next", &dtypes, values),
        };
        for (&register, value) in registers.iter().zip(values) {
            self.code(Code::Set(register, value));
        }
    }

    fn assign_elements(&mut self, registers: &[RegisterId], at: &Value, values: Partial) {
        for (&register, value) in registers.iter().zip(values) {
            self.code(Code::SetElement(register, at.clone(), value));
        }
    }
}

fn gets(registers: &[RegisterId]) -> Partial {
    registers.iter().map(|&register| Value::Get(register)).collect()
}
