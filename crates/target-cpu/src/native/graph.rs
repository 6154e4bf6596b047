//! Recorded arithmetic: a graph of instructions, each made once.

use crate::simd::call::Folding;
use crate::simd::lanes::{self, LANES, Lanes};
use crate::simd::wide::{self, Wide};
use crate::simd::{Level, math};
use std::cell::RefCell;
use std::collections::HashMap;

/// A recorded value: 16 lanes, or 16 truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

impl Value {
    /// No operand.
    pub const NONE: Value = Value(u32::MAX);

    /// Its place in the graph.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How elements of an operand lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32 bits as they are.
    Word,
    /// f16.
    Half,
    /// bf16; what is stored has been rounded to the low 16 bits.
    Brain,
    /// u8, and truth values.
    Byte,
    /// i8.
    SignedByte,
}

impl Format {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Format::Word => 4,
            Format::Half | Format::Brain => 2,
            Format::Byte | Format::SignedByte => 1,
        }
    }
}

/// One instruction, or a few that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A vector of an operand.
    Load(usize),
    /// The one value a row of an operand.
    Uniform(usize),
    /// These bits in every lane.
    Const(u32),
    /// One of the graph's tables.
    Table(usize),
    /// The number of the element in its row.
    Index,
    /// The element number at which the row's block starts.
    Position,
    /// The running total of a fold.
    Total(usize),
    /// The result of a fold.
    Folded(usize),
    /// The operands of a join.
    Side(bool),
    /// An instruction of two sources or one that may come from memory last.
    Plain(Plain),
    /// a * b + c
    Fma,
    /// c - a * b
    Fnma,
    /// A comparison of floats by its predicate.
    CompareFloats(u8),
    /// A comparison of signed integers by its predicate.
    CompareInts(u8),
    /// A comparison of unsigned integers by its predicate.
    CompareUnsigned(u8),
    /// True for zeros, infinities and NaN.
    IsSpecial,
    /// True where a & b is not zero.
    Test,
    /// Both truth values.
    Both,
    /// Either truth value.
    Any,
    /// The other truth value.
    Not,
    /// m ? a : b
    Select,
    /// a where m (the same in all lanes) holds, else b; at the choice of the whole row.
    Either,
    /// Half precision in the low bits to single.
    Widen,
    /// Single precision to half in the low bits.
    Narrow,
    /// Zeros from the right.
    ShiftLeft(u8),
    /// Zeros from the left.
    ShiftRight(u8),
    /// The sign from the left.
    ShiftRightSigned(u8),
}

/// Instructions with one destination and plain sources; see [`super::assemble::Encoding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // their names say it
pub enum Plain {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Scale,
    IntAdd,
    IntSub,
    IntMul,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    /// (index, table)
    LookUp,
    Sqrt,
    RoughReciprocal,
    Exponent,
    Significand,
    Round(u8),
    RoundToInt,
    TruncToInt,
    ToFloat,
}

/// An op and what it is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The op.
    pub op: Op,
    /// Its operands, [`Value::NONE`] past the last.
    pub of: [Value; 3],
}

/// A graph of recorded values, each after its operands.
#[derive(Debug, Default)]
pub struct Graph {
    /// The code is for AVX2: truth values are lanes of ones or zeros.
    pub narrow: bool,
    /// The values.
    pub nodes: Vec<Node>,
    /// By value: it is the same for all elements of a row (tables are, for the ops that look things up).
    pub uniform: Vec<bool>,
    /// Vectors of constants.
    pub tables: Vec<[u32; LANES]>,
    /// Folds: what they do, and their operands.
    pub folds: Vec<Fold>,
    numbers: HashMap<Node, Value>,
}

/// A fold of a row.
#[derive(Clone, Copy, Debug)]
pub struct Fold {
    /// What it does.
    pub folding: Folding,
    /// What is folded: the next total, given [`Op::Total`].
    pub next: Value,
}

/// A place in memory that a chain reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// One value a row rather than a row.
    pub uniform: bool,
    /// How its elements lie.
    pub format: Format,
    /// So many bytes ahead are worth fetching; 0 for none.
    pub ahead: i32,
    /// Written past the caches.
    pub stream: bool,
}

/// A value that goes to memory.
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// Where to.
    pub operand: usize,
    /// What.
    pub value: Value,
    /// It is written after everything that was recorded before this value.
    pub after: Value,
}

/// Everything that native code is made of.
#[derive(Debug, Default)]
pub struct Chain {
    /// The arithmetic.
    pub graph: RefCell<Graph>,
    /// The places.
    pub operands: Vec<Operand>,
    /// What is written.
    pub sinks: Vec<Sink>,
    /// Places in the frame where a value may be kept from one sweep to the next.
    pub spots: HashMap<Value, usize>,
}

impl Graph {
    /// The node of a value.
    pub fn node(&self, value: Value) -> Node {
        self.nodes[value.index()]
    }

    /// True for values that are mask registers.
    pub fn is_mask(&self, value: Value) -> bool {
        !self.narrow && self.node(value).op.is_mask()
    }

    /// Records an op, or finds it.
    pub fn push(&mut self, op: Op, of: [Value; 3]) -> Value {
        let node = Node { op, of };
        if let Some(&found) = self.numbers.get(&node) {
            return found;
        }
        let value = Value(self.nodes.len() as u32);
        let own = !matches!(op, Op::Load(_) | Op::Index | Op::Total(_));
        let uniform = own
            && (matches!(op, Op::Folded(_)) || operands(&node).all(|of| self.uniform[of.index()]));
        self.nodes.push(node);
        self.uniform.push(uniform);
        self.numbers.insert(node, value);
        value
    }
}

impl Op {
    /// True for truth values.
    fn is_mask(self) -> bool {
        matches!(
            self,
            Op::CompareFloats(_)
                | Op::CompareInts(_)
                | Op::CompareUnsigned(_)
                | Op::Test
                | Op::IsSpecial
                | Op::Both
                | Op::Any
                | Op::Not
        )
    }
}

/// The operands of a node.
pub fn operands(node: &Node) -> impl Iterator<Item = Value> {
    node.of.into_iter().filter(|&of| of != Value::NONE)
}

/// Lane arithmetic that is recorded instead of done.
#[derive(Clone, Copy)]
pub struct Recorder<'a>(&'a RefCell<Graph>);

impl Chain {
    /// An empty chain for a level that has native code.
    pub fn new(level: Level) -> Self {
        let graph = Graph { narrow: level == Level::Avx2, ..Graph::default() };
        Chain { graph: RefCell::new(graph), ..Chain::default() }
    }

    /// The value that was recorded last.
    pub fn latest(&self) -> Option<Value> {
        self.graph.borrow().nodes.len().checked_sub(1).map(|k| Value(k as u32))
    }

    /// True when there is a fold in it.
    pub fn has_folds(&self) -> bool {
        !self.graph.borrow().folds.is_empty()
    }

    /// Records into this chain.
    pub fn recorder(&self) -> Recorder<'_> {
        Recorder(&self.graph)
    }
}

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
        if self.narrow() {
            return self.select(m, usual, other);
        }
        let uniform = |value: Value| self.0.borrow().uniform[value.index()];
        let whole_row = uniform(m) && !(uniform(usual) && uniform(other));
        self.three(if whole_row { Op::Either } else { Op::Select }, m, usual, other)
    }

    /// Records a fold of `x` (and `y` for pairs) over the row; its result.
    pub fn folded(self, folding: Folding, x: Value, y: Value) -> Value {
        let number = self.0.borrow().folds.len();
        let total = self.leaf(Op::Total(number));
        let next = (folding.fold)(self, [total, x, y]);
        self.0.borrow_mut().folds.push(Fold { folding, next });
        self.one(Op::Folded(number), next)
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

/// Predicates of comparisons.
pub mod predicate {
    /// Equal, both for floats and integers.
    pub const EQUAL: u8 = 0;
    /// Less, both for floats and integers.
    pub const LESS: u8 = 17;
    /// Less or equal, floats.
    pub const LESS_OR_EQUAL: u8 = 18;
    /// Either is NaN.
    pub const UNORDERED: u8 = 3;
    /// Not less, floats: also where either is NaN.
    pub const NOT_LESS: u8 = 21;
    /// Greater, integers.
    pub const INT_GREATER: u8 = 6;
}

/// Rounding modes of `vrndscaleps`, exceptions suppressed.
mod rounding {
    pub const NEAREST: u8 = 8;
    pub const DOWN: u8 = 9;
    pub const UP: u8 = 10;
    pub const ZERO: u8 = 11;
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
        and(a, b) = Plain::And;
        or(a, b) = Plain::Or;
        xor(a, b) = Plain::Xor;
        shlv(a, b) = Plain::ShiftLeft;
        shrv(a, b) = Plain::ShiftRight;
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
        match self.opposite(m) {
            Some(m) => self.three(Op::Select, m, b, a),
            None => self.three(Op::Select, m, a, b),
        }
    }

    fn bits(self, a: Value) -> Value {
        a
    }

    fn float(self, a: Value) -> Value {
        a
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
        exponent(a) = Plain::Exponent;
    }

    fn not_below(self, a: Value, b: Value) -> Value {
        self.two(Op::CompareFloats(predicate::NOT_LESS), a, b)
    }

    fn is_special(self, a: Value) -> Value {
        self.one(Op::IsSpecial, a)
    }

    fn look_up(self, table: [f32; LANES], index: Value) -> Value {
        let table = self.table(table.map(f32::to_bits));
        self.two(Op::Plain(Plain::LookUp), index, table)
    }
}
