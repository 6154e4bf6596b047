//! Thread programs: what a tile program becomes for a GPU.
//!
//! A [`ThreadProgram`] is the text of one thread as a small C-like tree: registers instead of tiles, offsets instead
//! of places, subgroup shuffles, barriers and shared memory spelled out. `tilewright-passes` lowers to it,
//! `tilewright-target` prints it as CUDA C or MSL, [`emulate()`] gives it its meaning. Every group runs
//! [`ThreadProgram::threads`] threads.

mod emulate;
mod routine;
mod walk;

use crate::{BinaryOp, DType, Dim, Extent, Literal, Param, ParamId, StoreMode, TernaryOp, UnaryOp};
pub use emulate::{Fault, emulate};
pub use routine::{
    AffineProduct, AffineProducts, Ahead, Attend, Cached, Choose, Fresh, HeadNorms, Normed,
    Queries, Ready, Ring, Routine, Rows, Turned,
};

/// A register or register array: index into [`ThreadProgram::registers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegisterId(pub u32);

/// A shared array: index into [`ThreadProgram::shared`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SharedId(pub u32);

/// A value in a thread's registers.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// Name in the emitted text, unique in the program.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Number of elements; `None` for a scalar. Arrays are indexed by unrolled counters and literals only, so that
    /// they stay in registers.
    pub len: Option<usize>,
}

/// An array that the threads of a group share.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedArray {
    /// Name in the emitted text, unique in the program.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Number of elements.
    pub len: usize,
    /// First byte in the group's shared memory; arrays with disjoint lifetimes may overlap.
    pub offset: usize,
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// Index of the thread in its group.
    Thread,
    /// Index of the thread in its subgroup of 32.
    Lane,
    /// Index of the subgroup in its group.
    Subgroup,
    /// Index of the group along a grid axis.
    Group(usize),
}

/// How lanes of a subgroup exchange a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shuffle {
    /// From the lane whose index differs in these bits.
    Xor(usize),
    /// From the lane this many below; the value stays where there is none.
    Up(usize),
    /// From the lane this many above; the value stays where there is none.
    Down(usize),
    /// From the lane whose lowest bits, this many, are all ones.
    Last(u32),
    /// From the lane whose lowest bits, this many, are all zeros.
    First(u32),
}

/// An expression of one thread. Integer values are i32 unless stated; offsets are 64-bit.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of that type.
    Const(Literal, DType),
    /// A scalar register.
    Get(RegisterId),
    /// An element of a register array.
    Element(RegisterId, Box<Value>),
    /// Where the thread is.
    Builtin(Builtin),
    /// A size.
    Size(Extent),
    /// A scalar parameter.
    Scalar(ParamId),
    /// An op of the table on operands of that type.
    Unary(UnaryOp, DType, Box<Value>),
    /// An op of the table on operands of that type.
    Binary(BinaryOp, DType, Box<Value>, Box<Value>),
    /// An op of the table; the type is that of the result.
    Ternary(TernaryOp, DType, Box<[Value; 3]>),
    /// The sum of two f32 values, each rounded before: what a product is part of, compilers may otherwise round once.
    Apart(Box<[Value; 2]>),
    /// Conversion between types; see [`DType::round`].
    Cast {
        /// Operand type.
        from: DType,
        /// Result type.
        to: DType,
        /// Operand.
        of: Box<Value>,
    },
    /// The same bits as another type of the same size.
    Bitcast {
        /// Operand type.
        from: DType,
        /// Result type.
        to: DType,
        /// Operand.
        of: Box<Value>,
    },
    /// The element of a tensor at a 64-bit offset.
    Load {
        /// The tensor.
        param: ParamId,
        /// Distance from its first element, in elements.
        offset: Box<Value>,
    },
    /// The distance of neighbours along an axis of a tensor, in elements; 64-bit.
    Stride(ParamId, usize),
    /// A 64-bit integer from an i32.
    Wide(Box<Value>),
    /// An element of shared memory.
    Shared(SharedId, Box<Value>),
    /// Another lane's value.
    Shuffle(Shuffle, DType, Box<Value>),
    /// The greatest or the least of all lanes' values, which are i32 or u32.
    Extreme {
        /// The greatest.
        max: bool,
        /// Their type.
        dtype: DType,
        /// What each lane has.
        of: Box<Value>,
    },
    /// Two floats rounded to a half type, the first in the low 16 bits of a u32: how matrix units take them.
    Pack(DType, Box<[Value; 2]>),
    /// The same, where an error of a few units in the last place of an f32 is lost in a later rounding to 16 bits.
    Rough(Box<Value>),
    /// A power of two of an f32 that may be 0 where it is below all normal numbers, for sums in which so little is nothing.
    Flushed(Box<Value>),
    /// An i32 index, if it passes that one of [`ThreadProgram::checks`]; else 0, and the fault is noted for the host.
    Checked(usize, Box<Value>),
}

impl Value {
    /// True for 64-bit integers: offsets into memory. Sums and products with one are 64-bit too.
    pub fn is_wide(&self) -> bool {
        match self {
            Value::Wide(_) | Value::Stride(..) => true,
            Value::Binary(BinaryOp::Add | BinaryOp::Mul, _, a, b) => a.is_wide() || b.is_wide(),
            _ => false,
        }
    }
}

/// The tiles that a matrix unit multiplies, and how the lanes of a subgroup hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatrixShape {
    /// 16x16 times 16x8 in a half type, summed in f32. With lane = 4 g + t, the sum's elements 0 to 3 are (g, 2 t),
    /// (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1). Operands are packed pairs along the summed axis: of the left one
    /// (g, 2 t), (g + 8, 2 t), (g, 2 t + 8), (g + 8, 2 t + 8), of the right one (2 t, g), (2 t + 8, g).
    Half16x8x16(DType),
    /// 8x8 times 8x8 in f32. Every lane holds two neighbours of a row of each; see [`MatrixShape::place`].
    Float8x8x8,
}

impl MatrixShape {
    /// Row and first column of the two neighbours that a lane holds of an 8x8 tile of [`MatrixShape::Float8x8x8`].
    pub fn place(lane: usize) -> (usize, usize) {
        let bit = |from: usize, to: usize| ((lane >> from) & 1) << to;
        (bit(1, 0) | bit(2, 1) | bit(4, 2), bit(0, 1) | bit(3, 2))
    }
}

/// What becomes of elements of a tensor after a thread has read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Others may read them.
    Unknown,
    /// They pass, of more than caches hold, while as much is written.
    Passing,
    /// They pass, and nobody reads them again; next to nothing is written.
    Once,
    /// No thread reads them again after it has read them several times, so they need not stay in a cache.
    Last,
}

/// One step of a thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Code {
    /// Declares a register or register array, uninitialized.
    Declare(RegisterId),
    /// Declares a scalar register with a value that never changes.
    Let(RegisterId, Value),
    /// Changes a scalar register.
    Set(RegisterId, Value),
    /// Changes an element of a register array.
    SetElement(RegisterId, Value, Value),
    /// Reads `lanes` neighbouring elements, aligned to their size together, into a register array.
    LoadVector {
        /// The array.
        into: RegisterId,
        /// First element of it.
        index: Value,
        /// The tensor.
        param: ParamId,
        /// 64-bit offset, a multiple of `lanes`.
        offset: Value,
        /// How many.
        lanes: usize,
        /// Who reads them later.
        reuse: Reuse,
    },
    /// Reads `lanes` neighbouring elements of a shared array, aligned to their size together, into a register array.
    LoadShared {
        /// The array.
        into: RegisterId,
        /// First element of it.
        index: Value,
        /// The shared array.
        from: SharedId,
        /// First element of that, a multiple of `lanes`.
        at: Value,
        /// How many.
        lanes: usize,
    },
    /// Writes `lanes` neighbouring elements, aligned to their size together.
    StoreVector {
        /// The tensor.
        param: ParamId,
        /// 64-bit offset, a multiple of `lanes`.
        offset: Value,
        /// The array.
        from: RegisterId,
        /// First element of it.
        index: Value,
        /// How many.
        lanes: usize,
        /// No thread reads them, and others that stay in a cache are of more use.
        last: bool,
    },
    /// The four words of a block of Philox4x32-10 (see [`crate::TernaryOp::Philox`]) into neighbours of an array.
    Philox {
        /// The array, of u32.
        into: RegisterId,
        /// First element of it.
        index: Value,
        /// Position of the first word, a multiple of 4.
        position: Value,
        /// Key.
        seed: Value,
        /// Counter's third word.
        stream: Value,
    },
    /// Makes a scalar f32 register the greatest or the least element of a whole array of 16-bit floats, NaN if one is.
    ExtremeHalf {
        /// The greatest.
        max: bool,
        /// The scalar.
        into: RegisterId,
        /// The array, of an even length.
        of: RegisterId,
    },
    /// Makes a scalar i32 register a mark for each of 32 elements of an array of 16-bit floats: bits 0 to 15 for those at even
    /// places, bits 16 to 31 for those at odd places, 1 where the element is not below the bound (NaN is not).
    MarkHalves {
        /// The scalar.
        into: RegisterId,
        /// The array.
        of: RegisterId,
        /// First element of it, even; fewer than 32 may follow.
        from: usize,
        /// An f32, of which the upper 16 bits count.
        bound: Value,
    },
    /// Writes one element.
    Store {
        /// The tensor.
        param: ParamId,
        /// 64-bit offset.
        offset: Value,
        /// The value, of the tensor's dtype.
        value: Value,
        /// How.
        mode: StoreMode,
    },
    /// Writes an element of shared memory.
    StoreShared(SharedId, Value, Value),
    /// Begins to copy `lanes` neighbouring elements of a tensor that nobody writes to shared memory, or zeros where
    /// `valid` is false. They are there after a [`Code::CopyWait`] of the same thread, for others after a barrier too.
    CopyAsync {
        /// Where to.
        to: SharedId,
        /// First element of it, a multiple of `lanes`.
        index: Value,
        /// The tensor.
        param: ParamId,
        /// 64-bit offset, a multiple of `lanes`.
        offset: Value,
        /// How many: 4, 8 or 16 bytes together.
        lanes: usize,
        /// A bool.
        valid: Option<Value>,
    },
    /// Makes one group of the copies that this thread began since the last commit.
    CopyCommit,
    /// Waits until at most so many of this thread's latest groups of copies are under way.
    CopyWait(usize),
    /// Reads four 8x8 blocks of half elements from shared memory, all lanes of a subgroup together: lanes 8 i to 8 i + 7
    /// say where the rows of block i begin, and lane l gets elements (l / 4, 2 (l % 4)) and the next one along the row,
    /// packed, as element i of four of a u32 array.
    LoadMatrix {
        /// The array.
        into: RegisterId,
        /// First of the four elements.
        index: Value,
        /// The shared array.
        from: SharedId,
        /// First element of a row of eight, a multiple of 8.
        at: Value,
        /// The blocks are transposed on the way.
        transposed: bool,
    },
    /// Adds the product of two tiles spread over a subgroup to a third, of the [`MatrixShape`]'s fragments.
    MatrixMultiply {
        /// Which fragments.
        shape: MatrixShape,
        /// The f32 array that is added to.
        into: RegisterId,
        /// First element of it.
        index: Value,
        /// The left operand: array and first element.
        a: (RegisterId, Value),
        /// The right operand.
        b: (RegisterId, Value),
    },
    /// All threads of the group wait; memory written before is seen after.
    Barrier,
    /// All threads of the subgroup wait; memory that they wrote before is seen by them after.
    SubgroupBarrier,
    /// A loop of constant count, unrolled by the compiler. The counter is an i32 register.
    Unroll(RegisterId, usize, Vec<Code>),
    /// A loop at run time.
    For {
        /// An i32 register that the loop declares.
        counter: RegisterId,
        /// First value.
        start: Value,
        /// Bound.
        end: Value,
        /// Distance.
        step: Value,
        /// What runs.
        body: Vec<Code>,
    },
    /// What all threads of the group do together, with barriers before and after.
    Routine(Routine),
    /// Runs a body if a bool is true. No barrier or shuffle inside unless the condition is uniform in the group.
    If(Value, Vec<Code>),
}

/// The text of one thread, and how many run.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadProgram {
    /// The kernel's name.
    pub name: String,
    /// As in the tile program.
    pub params: Vec<Param>,
    /// As in the tile program.
    pub dims: Vec<Dim>,
    /// How the groups cover the axes of the grid; neighbouring groups are neighbours along the first.
    pub grid: Vec<GroupAxis>,
    /// The groups of all axes are in one line, the first axis fastest, for grids of more axes than three.
    pub linear: bool,
    /// Threads of a group, a multiple of 32; of a cluster, those of all its groups.
    pub threads: usize,
    /// Groups that run a program together, as one: their threads are numbered through, a barrier is one of all of them, and
    /// what one writes to shared memory all see. 1 where a group is enough.
    pub cluster: usize,
    /// Groups that a processor should have room for at once, registers allowing; 0 where that does not matter.
    pub resident: usize,
    /// Registers.
    pub registers: Vec<Register>,
    /// Shared arrays.
    pub shared: Vec<SharedArray>,
    /// What [`Value::Checked`] checks. A program with any needs a place to note faults.
    pub checks: Vec<Check>,
    /// Several groups may share the work of one along the third axis of the grid; see [`Split`].
    pub split: Option<Split>,
    /// What a thread does.
    pub body: Vec<Code>,
}

/// Values of a size that a thread program is right for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serves {
    /// The least.
    pub least: usize,
    /// The greatest.
    pub greatest: usize,
    /// What divides all.
    pub multiple_of: usize,
}

/// How groups share the work of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// What is shared.
    pub positions: Extent,
    /// Floats that a group leaves for the last one to join.
    pub state: usize,
}

impl Split {
    /// The least positions that are worth a group.
    const LEAST: usize = 64;

    /// The most groups that share.
    pub const MOST: usize = 128;

    /// How many groups share the work of one, where there are `groups` of them and `places` for groups at a time.
    pub fn count(&self, groups: usize, places: usize, dims: &[usize]) -> usize {
        let most = self.positions.value(dims).div_ceil(Self::LEAST);
        (places / groups.max(1)).min(most).clamp(1, Self::MOST)
    }
}

/// The check of an index: not negative, and below the extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is indexed, in words: "axis 0 of `x`".
    pub what: String,
    /// The first index past the end.
    pub extent: Extent,
}

impl Check {
    /// What is said of an index that does not pass.
    pub fn fault(&self, index: i64) -> String {
        format!("position {index} is outside {}", self.what)
    }
}

/// How the groups cover one axis of the grid: `ceil(extent / per_group)` groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupAxis {
    /// What is divided.
    pub extent: Extent,
    /// How much of it one group takes.
    pub per_group: usize,
}

impl ThreadProgram {
    /// Bytes of shared memory a group uses.
    pub fn shared_bytes(&self) -> usize {
        self.shared.iter().map(|a| a.offset + a.len * a.dtype.size()).max().unwrap_or(0)
    }

    /// Groups along each axis of the grid of groups, once `dims` are known; clusters count as one.
    pub fn groups(&self, dims: &[usize]) -> [usize; 3] {
        let mut groups = [1usize; 3];
        for (i, axis) in self.grid.iter().enumerate() {
            let count = axis.extent.value(dims).div_ceil(axis.per_group.max(1));
            let slot = if self.linear { 0 } else { i.min(2) };
            groups[slot] = groups[slot].saturating_mul(count);
        }
        groups
    }
}
