//! Running reductions along the last axis.

use super::collective::{Joiner, literal};
use super::map::aligned;
use super::rows::LineScan;
use super::{Held, LowerError, Lowering, SUBGROUP, add, binary, int, shift_left};
use tilewright_ir::thread::{Builtin, Code, RegisterId, Shuffle, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, ExprKind, Extent};

impl Lowering<'_> {
    /// Lowers a scan along the last axis: within the vector of a thread, over the lanes, over the subgroups, and then
    /// over the blocks of registers, each with the total of what came before.
    pub(super) fn scan(&mut self, id: ExprId, name: &str) -> Result<(), LowerError> {
        let program = self.program;
        let expr = program.expr(id);
        let ExprKind::Scan { op, of, axis, exclusive, reverse } = expr.kind else { return Ok(()) };
        let dtype = expr.ty.dtype;
        let shape = aligned(&expr.ty.shape, &self.layout(&expr.ty.shape));
        let layout = self.layout(&expr.ty.shape);
        let last = shape.len() - 1;
        if axis + 1 != expr.ty.shape.len() || shape[..last].iter().any(|e| *e != Extent::Const(1)) {
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
        self.code(Code::Set(carry, identity.clone()));
        let vector = 1usize << layout.vector();
        let blocks = layout.registers() / vector;
        let bits = layout.thread_bits(last).len() as u32;
        let ordered = |i: Value, count: usize| match reverse {
            false => i,
            true => binary(BinaryOp::Sub, int(count as i64 - 1), i),
        };
        self.unroll(blocks, |l, block| {
            let first = shift_left(ordered(block, blocks), layout.vector());
            l.code(Code::Declare(sum));
            l.code(Code::Set(sum, identity.clone()));
            l.unroll(vector, |l, j| {
                let at = add(first.clone(), ordered(j, vector));
                let value = l.element(of, &layout, &at)?;
                let value = match l.valid(&layout, &shape, &at) {
                    None => value,
                    Some(valid) => {
                        let abc = [valid, value, identity.clone()];
                        Value::Ternary(tilewright_ir::TernaryOp::Select, dtype, Box::new(abc))
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
            Value::Ternary(tilewright_ir::TernaryOp::Select, dtype, Box::new([c, a, b]))
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
        // Where the row does not need all subgroups, the others hold copies.
        let all = self.schedule.team == bits;
        let own = Value::Builtin(Builtin::Subgroup);
        let slot = match all {
            true => own,
            false => binary(BinaryOp::And, own, int(subgroups as i64 - 1)),
        };
        let first = match all {
            true => binary(BinaryOp::Eq, Value::Builtin(Builtin::Lane), int(0)),
            false => {
                let above = !((1i64 << bits) - 1) | mask;
                let above = above & ((1i64 << self.schedule.team) - 1);
                binary(BinaryOp::Eq, binary(BinaryOp::And, self.thread.clone(), int(above)), int(0))
            }
        };
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
}
