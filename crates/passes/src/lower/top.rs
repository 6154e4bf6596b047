//! The greatest elements of a row, with their positions.
//!
//! Elements become i32 keys of the same order, so that one comparison decides. Each thread keeps the best of its own; in
//! each of the k rounds the team finds the best of those, and its owner looks for its next.
//!
//! Zeros of either sign are equal, so the earlier wins, yet the one that won is given: the sign of a zero rides in the last
//! bit of its position, which leaves the order of positions as it is.

use super::candidates::TopK;
use super::collective::{Joiner, wins};
use super::layout::Layout;
use super::map::{aligned, both};
use super::{Held, LowerError, Lowering, SUBGROUP, add, binary, int, shift_left};
use tilewright_ir::thread::{Code, RegisterId, Value};
use tilewright_ir::{BinaryOp, DType, ExprId, Extent, Literal, TernaryOp, UnaryOp};

/// The key that no element has but the least integer.
pub(super) const LEAST: i64 = i32::MIN as i64;
/// How many elements a thread asks for at once where it reads a row again.
const READ_AT_ONCE: usize = 8;
/// The position of no element.
pub(super) const NOWHERE: i64 = u32::MAX as i64;

impl Lowering<'_> {
    /// Lowers a top-k along the last axis.
    pub(super) fn top_k(
        &mut self,
        id: ExprId,
        of: ExprId,
        k: usize,
        name: &str,
    ) -> Result<(), LowerError> {
        let program = self.program;
        let ty = program.expr(of).ty.clone();
        let layout = self.layout(&ty.shape);
        let shape = aligned(&ty.shape, &layout);
        let last = shape.len() - 1;
        if shape[..last].iter().any(|e| *e != Extent::Const(1)) {
            return self.line_top_k(id, of, k, name);
        }
        self.bring_near(of, &layout)?;
        let result = self.layout(&program.expr(id).ty.shape);
        let index = format!("{name}_index");
        let out = [(name, ty.dtype), (&index, DType::U32)]
            .map(|(n, d)| self.register(n, d, Some(result.registers())));
        out.iter().for_each(|&r| self.code(Code::Declare(r)));
        let top =
            TopK { of, dtype: ty.dtype, shape: &shape, layout: &layout, k, out, result: &result };
        match self.has_few_candidates(&top) {
            false if self.has_threshold(&top) => self.above_threshold(&top)?,
            false => self.search_in_rounds(&top, false)?,
            true => {
                let many = self.few_candidates(&top)?;
                let again = self.is_read(of);
                let (body, searched) = self.nested(|l| l.search_in_rounds(&top, again));
                searched?;
                self.code(Code::If(many, body));
            }
        }
        let parts: Vec<Held> =
            out.iter().map(|&register| Held { register, layout: result.clone() }).collect();
        self.hold(id, parts[0].clone());
        self.parts.insert(id, parts);
        Ok(())
    }

    /// Looks for the greatest element k times: each thread keeps the best of its own, the team finds the best of those,
    /// and its owner looks for its next. `again` reads the row for every look instead of holding its keys: where few rows
    /// need this, the registers would be missed by all.
    fn search_in_rounds(&mut self, top: &TopK<'_>, again: bool) -> Result<(), LowerError> {
        let TopK { of, dtype, shape, layout, k, out, result } = *top;
        let last = shape.len() - 1;
        let registers = layout.registers();
        let keys = match again {
            true => None,
            false => Some(self.keys(top)?),
        };
        let pair = |l: &mut Self, names: [&str; 2]| {
            let made =
                [l.register(names[0], DType::I32, None), l.register(names[1], DType::U32, None)];
            made.iter().for_each(|&r| l.code(Code::Declare(r)));
            made
        };
        // The best of the thread's own that are left, and the winner of the round.
        let own = pair(self, ["own", "own_at"]);
        let won = pair(self, ["won", "won_at"]);
        let search = |l: &mut Self, after: Option<[RegisterId; 2]>| {
            l.code(Code::Set(own[0], int(LEAST)));
            l.code(Code::Set(own[1], Value::Const(Literal::Int(NOWHERE), DType::U32)));
            let look = |l: &mut Self, i: Value| {
                let x = match keys {
                    Some(keys) => Value::Element(keys, Box::new(i.clone())),
                    None => l.key_again(of, layout, &i)?,
                };
                let at = l.position(layout, last, &i);
                let at = Value::Cast { from: DType::I32, to: DType::U32, of: Box::new(at) };
                let (x, at) = signed_place(x, at, dtype);
                let x = if dtype.is_float() { l.let_value("x", DType::I32, x) } else { x };
                let at = l.let_value("at", DType::U32, at);
                // A thread's positions grow with its registers, so the first of equal keys stays.
                let mut better = binary(BinaryOp::Gt, x.clone(), Value::Get(own[0]));
                if dtype.is_int() {
                    let nowhere = Value::Const(Literal::Int(NOWHERE), DType::U32);
                    let none = compare(BinaryOp::Eq, DType::U32, Value::Get(own[1]), nowhere);
                    better = either(better, none);
                }
                if let Some(won) = after {
                    let left =
                        wins(true, DType::I32, &won.map(Value::Get), &[x.clone(), at.clone()]);
                    better = both(Some(better), Some(left)).unwrap_or(int(1));
                }
                if dtype.is_int() {
                    better = both(l.valid(layout, shape, &i), Some(better)).unwrap_or(int(1));
                }
                l.code(Code::If(better, vec![Code::Set(own[0], x), Code::Set(own[1], at)]));
                Ok::<(), LowerError>(())
            };
            if keys.is_some() {
                return l.unroll(registers, look);
            }
            let some = registers.min(READ_AT_ONCE);
            let counter = l.register("k", DType::I32, None);
            let (body, result) = l.nested(|l| {
                l.unroll(some, |l, i| {
                    let start = shift_left(Value::Get(counter), some.trailing_zeros());
                    let i = add(start, i);
                    let valid = l.valid(layout, shape, &i);
                    let (body, result) = l.nested(|l| look(l, i));
                    match valid {
                        None => body.into_iter().for_each(|c| l.code(c)),
                        Some(valid) => l.code(Code::If(valid, body)),
                    }
                    result
                })
            });
            let (start, end, step) = (int(0), int((registers / some) as i64), int(1));
            l.code(Code::For { counter, start, end, step, body });
            result
        };
        search(self, None)?;
        let joiner = Joiner::Arg { max: true, dtype: DType::I32 };
        let identity = [int(LEAST), Value::Const(Literal::Int(NOWHERE), DType::U32)];
        let (narrow, bits) = (layout.without(last), layout.thread_bits(last));
        let round = self.register("round", DType::I32, None);
        self.loops += 1;
        let (body, searched) = self.nested(|l| {
            for (&w, &o) in won.iter().zip(&own) {
                l.code(Code::Set(w, Value::Get(o)));
            }
            if bits.iter().copied().eq(0..SUBGROUP) && narrow.registers() == 1 {
                // Of a subgroup: the greatest key, then the least position that has it.
                l.subgroup_extreme(won[0], DType::I32, true);
                let has = binary(BinaryOp::Eq, Value::Get(own[0]), Value::Get(won[0]));
                let nowhere = Value::Const(Literal::Int(NOWHERE), DType::U32);
                let at = select(DType::U32, has, Value::Get(own[1]), nowhere);
                l.code(Code::Set(won[1], at));
                l.subgroup_extreme(won[1], DType::U32, false);
            } else {
                let dtypes = [DType::I32, DType::U32];
                l.reduce_threads(&won, &dtypes, &narrow, &bits, &joiner, &identity);
            }
            l.unroll(result.registers(), |l, i| {
                let turn = binary(BinaryOp::Eq, l.position(result, last, &i), Value::Get(round));
                let (value, at) = winner(won.map(Value::Get), dtype);
                let sets = vec![
                    Code::SetElement(out[0], i.clone(), value),
                    Code::SetElement(out[1], i, at),
                ];
                l.code(Code::If(turn, sets));
            });
            let (next, searched) = l.nested(|l| search(l, Some(won)));
            let mine = compare(BinaryOp::Eq, DType::U32, Value::Get(own[1]), Value::Get(won[1]));
            l.code(Code::If(mine, next));
            searched
        });
        self.loops -= 1;
        let (start, end, step) = (int(0), int(k as i64), int(1));
        self.code(Code::For { counter: round, start, end, step, body });
        searched
    }

    /// The keys of a thread's elements, the least where there is none.
    fn keys(&mut self, top: &TopK<'_>) -> Result<RegisterId, LowerError> {
        let TopK { of, dtype, shape, layout, .. } = *top;
        let keys = self.register("key", DType::I32, Some(layout.registers()));
        self.code(Code::Declare(keys));
        self.unroll(layout.registers(), |l, i| {
            let value = l.element(of, layout, &i)?;
            let value = l.let_value("x", dtype, value);
            let key = signed_key(value, dtype);
            let key = match l.valid(layout, shape, &i) {
                None => key,
                Some(valid) => select(DType::I32, valid, key, int(LEAST)),
            };
            l.code(Code::SetElement(keys, i, key));
            Ok::<(), LowerError>(())
        })?;
        Ok(keys)
    }

    /// The key of an element that this thread reads again.
    fn key_again(
        &mut self,
        of: ExprId,
        layout: &Layout,
        register: &Value,
    ) -> Result<Value, LowerError> {
        let (program, all) = (self.program, layout.capacity.len());
        let expr = program.expr(of);
        let rank = expr.ty.shape.len();
        let at: Vec<Value> =
            (all - rank..all).map(|axis| self.position(layout, axis, register)).collect();
        let lost = || LowerError(format!("{}: %{} is lost", program.name, of.0));
        let value = self.value_at(of, &at).ok_or_else(lost)?;
        let value = self.let_value("x", expr.ty.dtype, value);
        Ok(self.let_value("key", DType::I32, signed_key(value, expr.ty.dtype)))
    }
}

pub(super) fn compare(op: BinaryOp, dtype: DType, a: Value, b: Value) -> Value {
    Value::Binary(op, dtype, Box::new(a), Box::new(b))
}

fn either(a: Value, b: Value) -> Value {
    compare(BinaryOp::Or, DType::Bool, a, b)
}

pub(super) fn select(dtype: DType, condition: Value, yes: Value, no: Value) -> Value {
    Value::Ternary(TernaryOp::Select, dtype, Box::new([condition, yes, no]))
}

fn bits(from: DType, to: DType, of: Value) -> Value {
    Value::Bitcast { from, to, of: Box::new(of) }
}

/// The key of -0 in [`signed_key`]; no other number has it.
const NEGATIVE_ZERO: i64 = -1;

/// An i32 that is greater the greater the value is: for floats the bits, those of negative numbers turned round; NaN is
/// the greatest, and -0 comes right before 0.
pub(super) fn signed_key(value: Value, dtype: DType) -> Value {
    let wide = |value: Value, to: DType| Value::Cast { from: dtype, to, of: Box::new(value) };
    match dtype {
        DType::I32 => value,
        DType::U32 => flipped_sign(bits(dtype, DType::I32, value)),
        dtype if dtype.is_float() => {
            let value = wide(value, DType::F32);
            let key = turned(bits(DType::F32, DType::I32, value.clone()));
            let nan = Value::Unary(UnaryOp::IsNan, DType::F32, Box::new(value));
            select(DType::I32, nan, int(i32::MAX as i64), key)
        }
        _ => wide(value, DType::I32),
    }
}

/// What rounds compare of an element with this signed key at this position: zeros have one key, and the position of a
/// float is doubled, odd for -0.
pub(super) fn signed_place(key: Value, at: Value, dtype: DType) -> (Value, Value) {
    if !dtype.is_float() {
        return (key, at);
    }
    let negative = binary(BinaryOp::Eq, key.clone(), int(NEGATIVE_ZERO));
    let twice = compare(BinaryOp::Add, DType::U32, at.clone(), at);
    let odd = select(DType::U32, negative.clone(), number(1), number(0));
    let at = compare(BinaryOp::Or, DType::U32, twice, odd);
    (select(DType::I32, negative, int(0), key), at)
}

/// The value and the position of what [`signed_place`] made of an element.
pub(super) fn winner([key, at]: [Value; 2], dtype: DType) -> (Value, Value) {
    if !dtype.is_float() {
        return (of_key(key, dtype), at);
    }
    let odd = compare(BinaryOp::And, DType::U32, at.clone(), number(1));
    let odd = bits(DType::U32, DType::I32, odd);
    let key = binary(BinaryOp::Sub, key, odd);
    (of_key(key, dtype), compare(BinaryOp::Shr, DType::U32, at, number(1)))
}

fn number(n: i64) -> Value {
    Value::Const(Literal::Int(n), DType::U32)
}

/// The value of a key.
pub(super) fn of_key(key: Value, dtype: DType) -> Value {
    match dtype {
        DType::I32 => key,
        DType::U32 => bits(DType::I32, dtype, flipped_sign(key)),
        dtype if dtype.is_float() => {
            let of = Box::new(bits(DType::I32, DType::F32, turned(key)));
            Value::Cast { from: DType::F32, to: dtype, of }
        }
        dtype => Value::Cast { from: DType::I32, to: dtype, of: Box::new(key) },
    }
}

/// The bits of a float as an integer of the same order, and back.
fn turned(bits: Value) -> Value {
    let sign = binary(BinaryOp::Shr, bits.clone(), int(31));
    let mask = binary(BinaryOp::And, sign, int(i32::MAX as i64));
    binary(BinaryOp::Xor, bits, mask)
}

fn flipped_sign(bits: Value) -> Value {
    binary(BinaryOp::Xor, bits, int(LEAST))
}
