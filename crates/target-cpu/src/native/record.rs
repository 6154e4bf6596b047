//! Recording: lane arithmetic that becomes nodes of a graph.

use super::assemble::commutes;
use super::encoding::{predicate, rounding};
use super::graph::{Fold, Graph, Node, Op, Plain, Value};
use crate::simd::call::Folding;
use crate::simd::lanes::{self, LANES, Lanes};
use crate::simd::math;
use crate::simd::ops::to_bf16;
use crate::simd::tables;
use crate::simd::wide::{self, Wide};
use std::cell::RefCell;
use tilewright_ir::DType;

/// Lane arithmetic that is recorded instead of done.
#[derive(Clone, Copy)]
pub struct Recorder<'a>(pub(super) &'a RefCell<Graph>);

impl<'a> Recorder<'a> {
    /// Records an op without operands.
    pub fn leaf(self, op: Op) -> Value {
        self.0.borrow_mut().push(op, [Value::NONE; 3])
    }

    fn one(self, op: Op, a: Value) -> Value {
        self.0.borrow_mut().push(op, [a, Value::NONE, Value::NONE])
    }

    fn two(self, op: Op, a: Value, b: Value) -> Value {
        self.0.borrow_mut().push(op, [a, b, Value::NONE])
    }

    fn three(self, op: Op, a: Value, b: Value, c: Value) -> Value {
        self.0.borrow_mut().push(op, [a, b, c])
    }

    fn node(self, value: Value) -> Node {
        self.0.borrow().node(value)
    }

    fn narrow(self) -> bool {
        self.0.borrow().narrow
    }

    /// The truth value of which this is the other, if it was recorded as one.
    fn opposite(self, m: Value) -> Option<Value> {
        match self.node(m) {
            Node { op: Op::Not, of: [m, ..] } => Some(m),
            Node { op: Op::Plain(Plain::Xor), of: [m, ones, _] }
                if self.narrow() && self.node(ones).op == Op::Const(u32::MAX) =>
            {
                Some(m)
            }
            _ => None,
        }
    }

    fn table(self, lanes: [u32; LANES]) -> Value {
        let mut graph = self.0.borrow_mut();
        let number = graph.tables.iter().position(|table| *table == lanes);
        let number = number.unwrap_or_else(|| {
            graph.tables.push(lanes);
            graph.tables.len() - 1
        });
        graph.push(Op::Table(number), [Value::NONE; 3])
    }

    /// `usual` where `m` holds, else `other`; the choice of the whole row where `m` is the same for all its elements.
    pub fn either(self, m: Value, usual: Value, other: Value) -> Value {
        if usual == other {
            return usual;
        }
        let all = |value: Value| self.is_uniform(value);
        let whole_row = all(m) && !(all(usual) && all(other));
        self.three(if whole_row { Op::Either } else { Op::Select }, m, usual, other)
    }

    /// True for a value that is the same in all lanes of a row.
    pub fn is_uniform(self, value: Value) -> bool {
        self.0.borrow().uniform[value.index()]
    }

    /// What is written for a value to memory of a dtype. Storing rounds to 16 bits, so it need not be done before.
    pub fn stored(self, value: Value, dtype: DType) -> Value {
        let Node { op, of: [of, ..] } = self.node(value);
        match dtype {
            DType::BF16 => {
                let rounded = if op == Op::ShiftLeft(16) { of } else { Value::NONE };
                let exact = self.rounded_to_bf16(rounded).unwrap_or(value);
                if self.0.borrow().brain { exact } else { to_bf16(self, exact) }
            }
            DType::F16 if op == Op::Widen => match self.node(of) {
                Node { op: Op::Narrow, of: [exact, ..] } => exact,
                _ => value,
            },
            _ => value,
        }
    }

    /// What a value is the bf16 of, if it was recorded as one.
    fn rounded_to_bf16(self, value: Value) -> Option<Value> {
        if value == Value::NONE {
            return None;
        }
        // Its choice for NaN names what was rounded; recording that again finds the same value.
        let Node { op: Op::Select, of: [nan, ..] } = self.node(value) else { return None };
        let Node { op: Op::CompareFloats(_), of: [exact, ..] } = self.node(nan) else {
            return None;
        };
        (to_bf16(self, exact) == value).then_some(exact)
    }

    /// Records a fold of `x` (and `y` for pairs) over the row; its result.
    pub fn folded(self, folding: Folding, x: Value, y: Value) -> Value {
        let number = self.0.borrow().folds.len();
        let total = self.leaf(Op::Total(number));
        let next = (folding.fold)(self, [total, x, y]);
        self.0.borrow_mut().folds.push(Fold { folding, next });
        self.one(Op::Folded(number), next)
    }

    /// Records folds of `x` (and `y` for pairs) over rows of `len` lanes that lie side by side in a vector; their results
    /// in all lanes of their rows. The order is that of [`simd::reduce`](crate::simd::reduce), whose other lanes hold
    /// the identity.
    pub fn folded_apart(self, folding: Folding, x: Value, y: Value, len: usize) -> Value {
        let moved = |value: Value, from: &dyn Fn(usize) -> usize| {
            let lanes = self.table(std::array::from_fn(|lane| from(lane) as u32));
            self.two(Op::Plain(Plain::LookUp), lanes, value)
        };
        let mut total = (folding.fold)(self, [self.i(folding.identity), x, y]);
        let mut apart = len / 2;
        while apart > 0 {
            let other = moved(total, &|lane| lane ^ apart);
            total = (folding.join)(self, [total, other, Value::NONE]);
            apart /= 2;
        }
        // Of +0 and -0 the greater is the second one, which for half of the lanes was the other.
        let same = matches!(self.node(total).op, Op::Plain(op) if commutes(op));
        if same { total } else { moved(total, &|lane| lane / len * len) }
    }
}

macro_rules! plain {
    ($($name:ident($($arg:ident),*) = $op:expr;)*) => { $(
        fn $name(self, $($arg: Value),*) -> Value {
            plain!(@ self, Op::Plain($op), $($arg),*)
        }
    )* };
    (@ $s:ident, $op:expr, $a:ident) => { $s.one($op, $a) };
    (@ $s:ident, $op:expr, $a:ident, $b:ident) => { $s.two($op, $a, $b) };
}

impl Lanes for Recorder<'_> {
    type F = Value;
    type I = Value;
    type M = Value;

    plain! {
        add(a, b) = Plain::Add;
        sub(a, b) = Plain::Sub;
        mul(a, b) = Plain::Mul;
        div(a, b) = Plain::Div;
        min_or_b(a, b) = Plain::Min;
        max_or_b(a, b) = Plain::Max;
        sqrt(a) = Plain::Sqrt;
        round(a) = Plain::Round(rounding::NEAREST);
        floor(a) = Plain::Round(rounding::DOWN);
        ceil(a) = Plain::Round(rounding::UP);
        trunc(a) = Plain::Round(rounding::ZERO);
        round_to_int(a) = Plain::RoundToInt;
        trunc_to_int(a) = Plain::TruncToInt;
        to_float(a) = Plain::ToFloat;
        iadd(a, b) = Plain::IntAdd;
        isub(a, b) = Plain::IntSub;
        imul(a, b) = Plain::IntMul;
        or(a, b) = Plain::Or;
        xor(a, b) = Plain::Xor;
        shlv(a, b) = Plain::ShiftLeft;
        sarv(a, b) = Plain::ShiftRightSigned;
    }

    fn f(self, x: f32) -> Value {
        self.leaf(Op::Const(x.to_bits()))
    }

    fn i(self, x: u32) -> Value {
        self.leaf(Op::Const(x))
    }

    fn fma(self, a: Value, b: Value, c: Value) -> Value {
        self.three(Op::Fma, a, b, c)
    }

    fn fnma(self, a: Value, b: Value, c: Value) -> Value {
        self.three(Op::Fnma, a, b, c)
    }

    fn scale(self, a: Value, n: Value) -> Value {
        match self.narrow() {
            true => lanes::by_powers(self, a, n),
            false => self.two(Op::Plain(Plain::Scale), a, n),
        }
    }

    fn div_normal(self, n: Value, d: Value) -> Value {
        if self.narrow() { self.div(n, d) } else { wide::div_normal(self, n, d) }
    }

    fn recip_normal(self, d: Value) -> Value {
        if self.narrow() { self.div(self.f(1.0), d) } else { wide::recip_normal(self, d) }
    }

    fn div_by_normal(self, n: Value, d: Value) -> Value {
        if self.narrow() { self.div(n, d) } else { wide::div_by_normal(self, n, d) }
    }

    fn div_with(self, n: Value, d: Value, r: Value) -> Value {
        if self.narrow() { self.div(n, d) } else { wide::div_with(self, n, d, r) }
    }

    fn scale_exp(self, x: Value, least: f32, p: Value, n: Value) -> Value {
        match self.narrow() {
            true => self.select(self.lt(x, self.f(least)), self.f(0.0), self.scale(p, n)),
            false => wide::scale_exp(self, x, least, p, n),
        }
    }

    fn exp_capped(self, a: Value) -> Value {
        if self.narrow() { math::exp_by_halves(self, a) } else { wide::exp_capped(self, a) }
    }

    fn exp_low(self, a: Value) -> Value {
        if self.narrow() { math::exp_from_above(self, a) } else { wide::exp_capped(self, a) }
    }

    fn tanh(self, a: Value) -> Value {
        if self.narrow() { math::tanh_by_exp(self, a) } else { tables::tanh(self, a) }
    }

    fn erf(self, a: Value) -> Value {
        if self.narrow() { math::erf_by_halves(self, a) } else { tables::erf(self, a) }
    }

    fn log1p_unit(self, a: Value) -> Value {
        if self.narrow() { math::log1p_by_series(self, a) } else { tables::log1p_unit(self, a) }
    }

    fn log(self, a: Value) -> Value {
        if self.narrow() { math::log_by_series(self, a) } else { tables::log(self, a) }
    }

    fn copy_sign(self, a: Value, b: Value) -> Value {
        let sign = self.i(0x8000_0000);
        if self.narrow() {
            self.or(a, self.and(b, sign))
        } else {
            self.three(Op::CopyBits, a, b, sign)
        }
    }

    fn split(self, a: Value) -> (Value, Value) {
        if self.narrow() { lanes::by_bits(self, a) } else { wide::split(self, a) }
    }

    fn lt(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::LESS), a, b)
    }

    fn le(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::LESS_OR_EQUAL), a, b)
    }

    fn eq(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::EQUAL), a, b)
    }

    fn unordered(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::UNORDERED), a, b)
    }

    fn select(self, m: Value, a: Value, b: Value) -> Value {
        let (m, a, b) = match self.opposite(m) {
            Some(m) => (m, b, a),
            None => (m, a, b),
        };
        let choice = self.three(Op::Select, m, a, b);
        // A row that is chosen as a whole is computed without the other, which is a number or what a row seldom is.
        match self.is_uniform(m) && self.is_uniform(b) && !self.is_uniform(a) {
            true => self.either(m, a, choice),
            false => choice,
        }
    }

    fn where_negative(self, x: Value, a: Value, b: Value) -> Value {
        match self.narrow() {
            // What is looked at of a truth value is its sign.
            true => self.three(Op::Select, x, a, b),
            false => self.select(self.lt(x, self.f(0.0)), a, b),
        }
    }

    fn part_of(self, n: Value, d: Value, r: Value) -> Value {
        math::part_of(self, n, d, r)
    }

    fn bits(self, a: Value) -> Value {
        a
    }

    fn float(self, a: Value) -> Value {
        a
    }

    fn and(self, a: Value, b: Value) -> Value {
        match (self.node(a).op, self.node(b).op) {
            (Op::Const(a), Op::Const(b)) => self.i(a & b),
            _ => self.two(Op::Plain(Plain::And), a, b),
        }
    }

    fn shrv(self, a: Value, b: Value) -> Value {
        match self.node(b).op {
            Op::Const(by) => self.one(Op::ShiftRight(by as u8), a),
            _ => self.two(Op::Plain(Plain::ShiftRight), a, b),
        }
    }

    fn unsigned_to_float(self, a: Value) -> Value {
        match self.node(a).op {
            // Not negative as a signed integer either.
            Op::ShiftRight(by) if by > 0 => self.to_float(a),
            _ => lanes::from_halves(self, a),
        }
    }

    fn shl<const N: i32>(self, a: Value) -> Value {
        self.one(Op::ShiftLeft(N as u8), a)
    }

    fn shr<const N: i32>(self, a: Value) -> Value {
        self.one(Op::ShiftRight(N as u8), a)
    }

    fn sar<const N: i32>(self, a: Value) -> Value {
        self.one(Op::ShiftRightSigned(N as u8), a)
    }

    fn igt(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareInts(predicate::INT_GREATER), a, b)
    }

    fn ugt(self, a: Value, b: Value) -> Value {
        if self.narrow() {
            let flip = self.i(0x8000_0000);
            return self.igt(self.xor(a, flip), self.xor(b, flip));
        }
        self.two(Op::CompareUnsigned(predicate::INT_GREATER), a, b)
    }

    fn ieq(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareInts(predicate::EQUAL), a, b)
    }

    fn iselect(self, m: Value, a: Value, b: Value) -> Value {
        self.select(m, a, b)
    }

    fn truth(self, a: Value) -> Value {
        // What was a truth value before it became a lane.
        let Node { op, of: [m, yes, no] } = self.node(a);
        if op == Op::Select {
            match (self.node(yes).op, self.node(no).op) {
                (Op::Const(1), Op::Const(0)) => return m,
                (Op::Const(0), Op::Const(1)) => return self.mnot(m),
                _ => {}
            }
        }
        if self.narrow() { self.mnot(self.ieq(a, self.i(0))) } else { self.two(Op::Test, a, a) }
    }

    fn mand(self, a: Value, b: Value) -> Value {
        if self.narrow() { self.and(a, b) } else { self.two(Op::Both, a, b) }
    }

    fn mor(self, a: Value, b: Value) -> Value {
        if self.narrow() { self.or(a, b) } else { self.two(Op::Any, a, b) }
    }

    fn mnot(self, a: Value) -> Value {
        match self.opposite(a) {
            Some(m) => m,
            None if self.narrow() => self.xor(a, self.i(u32::MAX)),
            None => self.one(Op::Not, a),
        }
    }

    fn half_to_float(self, a: Value) -> Value {
        self.one(Op::Widen, a)
    }

    fn float_to_half(self, a: Value) -> Value {
        self.one(Op::Narrow, a)
    }
}

impl Wide for Recorder<'_> {
    plain! {
        rough_reciprocal(a) = Plain::RoughReciprocal;
        significand(a) = Plain::Significand;
        significand_or_nan(a) = Plain::SignificandOrNan;
        exponent(a) = Plain::Exponent;
    }

    fn not_below(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::NOT_LESS), a, b)
    }

    fn scale_where(self, m: Value, a: Value, n: Value) -> Value {
        self.three(Op::ScaleWhere, m, a, n)
    }

    fn is_special(self, a: Value) -> Value {
        self.one(Op::IsSpecial, a)
    }

    fn look_up(self, table: [f32; LANES], index: Value) -> Value {
        let table = self.table(table.map(f32::to_bits));
        self.two(Op::Plain(Plain::LookUp), index, table)
    }
}
