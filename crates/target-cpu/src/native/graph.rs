//! Recorded arithmetic: a graph of instructions, each made once.

use super::Record;
use super::record::Recorder;
use crate::simd::Level;
use crate::simd::call::Folding;
use crate::simd::lanes::LANES;
use std::cell::RefCell;
use tilewright_ir::table::HashMap;

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
    /// bf16; what is stored has been rounded to the low 16 bits, or is [rounded by storing](Graph::brain).
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
    /// a, and the bits of b where those of c are set, by (a, b, c)
    CopyBits,
    /// m ? a 2^floor(n) : +0, by (m, a, n)
    ScaleWhere,
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
    SignificandOrNan,
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
    /// Storing bf16 rounds: the CPU has an instruction for it.
    pub brain: bool,
    /// For a CPU that [follows streams](Level::follows_streams) by itself.
    pub follows: bool,
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
    /// The next row lies elsewhere than behind this one: so many bytes on; 0 where it does not.
    pub apart: i32,
    /// Bytes to the row that is read next, whether or not it lies behind this one; 0 where that is not known.
    pub next: i32,
    /// Rows of so many operands, from this one's on, lie one behind another and are fetched in that order; 0 where
    /// another operand fetches this one's.
    pub joined: usize,
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
    /// Rows, where that is known.
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
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

impl Chain {
    /// An empty chain for a level that has native code.
    pub fn new(level: Level) -> Self {
        let (narrow, follows) = (level == Level::Avx2, level.follows_streams());
        let brain = level == Level::Avx512 && has_bf16();
        let graph = Graph { narrow, brain, follows, ..Graph::default() };
        Chain { graph: RefCell::new(graph), ..Chain::default() }
    }

    /// How many instructions a map takes for a vector.
    pub fn instructions(&self, map: Record) -> usize {
        let recorder = self.recorder();
        map(recorder, [0, 1, 2].map(|operand| recorder.leaf(Op::Load(operand))));
        let given = |op| super::registers::is_given(op) || matches!(op, Op::Load(_));
        self.graph.borrow().nodes.iter().filter(|node| !given(node.op)).count()
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

/// True where the CPU has AVX512-BF16.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
