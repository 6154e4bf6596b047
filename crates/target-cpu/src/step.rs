//! What a bound program is: registers, and steps that call primitives on them.
//!
//! Everything here is fixed for the sizes and strides of a call and shared by all threads. What differs from program to
//! program is a handful of addresses, the *registers*: register 0 is the thread's scratch frame, the others point
//! into tensors.

use crate::native::Code;
use crate::simd::call::{Call, Primitive};
use std::sync::Arc;
use tilewright_ir::{DType, ExprKind};

/// Most axes of a grid ([`tilewright_ir::validate::MAX_GRID_AXES`]).
pub const GRID_AXES: usize = 3;

/// The register of the scratch frame.
pub const FRAME: u32 = 0;
/// No operand.
pub const NOWHERE: Address = Address { register: u32::MAX, offset: 0 };

/// A place: so many bytes past a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Which register.
    pub register: u32,
    /// Bytes past it. While binding, an offset in the frame is relative to its slot ([`Slots`](crate::bind)).
    pub offset: isize,
}

/// What a register points at when a program starts.
#[derive(Clone, Debug)]
pub struct Register {
    /// The tensor, or `None` for the frame.
    pub param: Option<usize>,
    /// Bytes past its start.
    pub offset: isize,
    /// Bytes for each program along each grid axis.
    pub grid: [isize; GRID_AXES],
    /// Bytes for each element of the main axis, where rows come in blocks.
    pub advance: isize,
}

/// One action.
#[derive(Clone, Debug)]
pub enum Step {
    /// Calls a primitive.
    Invoke(Box<Invoke>),
    /// Runs native code that stands for several primitives.
    Native(Box<Native>),
    /// Points a register at elements that depend on run-time indices.
    Locate(Box<Locate>),
    /// Copies elements between a tensor and a tile, one way or the other, with every check.
    Transfer(Box<Transfer>),
    /// Calls a primitive for each program of the batch, on a row that its run-time index chooses, where it lies.
    LookUp(Box<LookUp>),
    /// Checks that the indices of a gather or pick are inside an extent.
    Check(Box<Check>),
    /// Writes the index of each program of the batch.
    Program { axis: usize, to: Address },
    /// A reduction or scan by a function of the author's.
    Combine(Box<Combining>),
    /// A loop, of which each round takes so many turns. The index ends as that of the first turn that is left.
    For { index: Address, start: Address, end: Address, step: usize, turns: usize, body: Vec<Step> },
    /// A condition.
    When { condition: Address, body: Vec<Step> },
}

/// A call of a primitive, complete but for its addresses.
#[derive(Clone, Debug)]
pub struct Invoke {
    /// What is called.
    pub primitive: Primitive,
    /// Sizes, row strides and constants.
    pub call: Call,
    /// The output.
    pub out: Address,
    /// The inputs.
    pub inputs: [Address; 4],
    /// What is fetched meanwhile.
    pub prefetch: Address,
    /// Axes outside the rows: extent, and bytes from one to the next for the output and each input.
    pub outer: Vec<(usize, [isize; 5])>,
    /// How the call follows the blocks of a long row.
    pub block: BlockRole,
    /// For people.
    pub name: &'static str,
}

/// A call of native code.
#[derive(Clone, Debug)]
pub struct Native {
    /// What is called.
    pub code: Arc<Code>,
    /// What is called where the rows of all `streamed` operands are aligned to lines.
    pub streaming: Option<Arc<Code>>,
    /// By operand: it is written past the caches.
    pub streamed: Vec<bool>,
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
    /// How the call follows the blocks of a long row.
    pub block: BlockRole,
    /// Where the operands lie, and bytes from row to row.
    pub operands: Vec<(Address, isize)>,
    /// By operand: a row of it is read.
    pub loaded: Vec<bool>,
    /// By operand: bytes from element to element, 0 for one value a row; empty where rows are folded, so that they must not be
    /// cut.
    pub steps: Vec<usize>,
    /// Sweeps of several rows go on side by side.
    pub staggered: bool,
    /// Lanes that the primitives would have worked on.
    pub lanes: usize,
    /// The primitives, for people.
    pub names: Vec<&'static str>,
}

/// How a step follows the blocks of a long row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRole {
    /// It does not: same sizes always.
    Fixed,
    /// Its length is the block's.
    Plain,
    /// Also, it keeps a state from block to block: the flags of the first and last block go into `extra[0]`, the
    /// block's position into `extra[1]`.
    Stateful,
    /// Also, `extra[0]` is the block's position.
    Counting,
}

/// An index that an access uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Index {
    /// Known from the program's place in the grid: a constant, and so much for each program along each axis.
    Affine { constant: i64, grid: [i64; GRID_AXES] },
    /// An i32 in the frame, `batch` bytes further for each program of the batch.
    At { at: Address, batch: isize },
}

/// A tensor's axis as an access sees it.
#[derive(Clone, Debug)]
pub struct TensorAxis {
    /// Its extent.
    pub extent: usize,
    /// Extent and stride (bytes) of the caller's axes that make it up, outermost first.
    pub parts: Vec<(usize, isize)>,
    /// Which positions.
    pub positions: Positions,
}

/// The positions of one axis that an access touches.
#[derive(Clone, Debug)]
pub enum Positions {
    /// One; no axis of the tile.
    One(Index),
    /// A run; past the end is outside.
    Run { start: Index, len: usize, step: usize },
    /// Those in a tile.
    List { at: Address, batch: isize, len: usize },
}

/// Points `register` at the elements that `axes` choose, all of them inside the tensor.
#[derive(Clone, Debug)]
pub struct Locate {
    /// Set by this step.
    pub register: u32,
    /// The tensor.
    pub param: usize,
    /// Its axes.
    pub axes: Vec<TensorAxis>,
}

/// A copy between a tensor and a contiguous tile.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The tensor.
    pub param: usize,
    /// Element type of the tensor.
    pub dtype: DType,
    /// Its axes.
    pub axes: Vec<TensorAxis>,
    /// The tile: row-major, 32-bit lanes.
    pub tile: Address,
    /// Programs of the batch, each with a tile of its own right behind the last.
    pub batch: usize,
    /// Lanes of one tile.
    pub elements: usize,
    /// Copies a run along the innermost axis: `load` or `scatter` of the dtype.
    pub primitive: Primitive,
    /// What to do.
    pub kind: TransferKind,
    /// Follows the blocks of a long row.
    pub block: BlockRole,
    /// For a load of elements that lie as the tile would: points this register at them where all of them are inside the
    /// tensor, and copies nothing; else it points at the tile.
    pub window: Option<u32>,
}

impl Transfer {
    /// True where a tile is one run along an axis of one stride, or one element.
    pub fn is_run(&self) -> bool {
        let mut tile = self.axes.iter().filter(|axis| !matches!(axis.positions, Positions::One(_)));
        let run = tile.next();
        let plain = |axis: &TensorAxis| {
            matches!(axis.positions, Positions::Run { .. }) && axis.parts.len() == 1
        };
        tile.next().is_none() && run.is_none_or(plain)
    }
}

/// A load of whole rows and the one call that reads them, without the copy between.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// What would be loaded; the tile is never written.
    pub load: Transfer,
    /// The call, of one long row of all programs' elements.
    pub invoke: Invoke,
    /// The input that is looked up.
    pub operand: usize,
}

/// The two directions of a [`Transfer`].
#[derive(Clone, Copy, Debug)]
pub enum TransferKind {
    /// Tensor to tile, with the lanes for positions outside.
    Load { fill: u32 },
    /// Tile to tensor, where the mask (a tile of truth values like the first) allows, with the joining code of
    /// [`crate::simd::memory::Joining`].
    Store { mask: Address, joining: u64 },
}

/// A check of indices.
#[derive(Clone, Debug)]
pub struct Check {
    /// Finds the first bad one.
    pub primitive: Primitive,
    /// The indices: `len` a row, `rows` rows.
    pub at: Address,
    /// Rows, a batch's programs among them.
    pub rows: usize,
    /// Indices in one row.
    pub len: usize,
    /// Rows that belong to one program.
    pub rows_of_program: usize,
    /// They stay below it.
    pub extent: usize,
    /// True for i32.
    pub signed: bool,
    /// Of what.
    pub tensor: String,
    /// Which axis of it.
    pub axis: usize,
    /// Follows the blocks of a long row.
    pub block: BlockRole,
}

/// A user-defined reduction or scan over the last axis of contiguous tiles.
#[derive(Clone, Debug)]
pub struct Combining {
    /// Rows and their length.
    pub rows: usize,
    /// Elements of a row.
    pub len: usize,
    /// One input a component.
    pub inputs: Vec<Address>,
    /// One output a component: `len` (scan) or 1 (reduction) a row.
    pub outputs: Vec<Address>,
    /// Element types of the components.
    pub dtypes: Vec<DType>,
    /// The function: operations on numbered values. The first values are the left components, then the right.
    pub body: Vec<(Operation, DType)>,
    /// Which values are the joined components.
    pub results: Vec<usize>,
    /// What is kept of what is joined.
    pub joined: Joined,
    /// For a scan, the operations of the body as maps of rows; empty where some are none.
    pub maps: Vec<Mapped>,
}

/// What a user-defined function's results are of a row.
#[derive(Clone, Debug)]
pub enum Joined {
    /// All of it, from the identity of each component.
    Whole(Vec<f64>),
    /// What is joined up to each element.
    Running {
        /// Without the element itself: what the first in order gets of each component.
        first: Option<Vec<f64>>,
        /// From the end to the start.
        reverse: bool,
    },
}

/// An operation of a combine function on rows of values.
#[derive(Clone, Copy, Debug)]
pub enum Mapped {
    /// One value for all elements.
    Same,
    /// A map of up to three numbered values.
    Map(Primitive, [usize; 3]),
}

/// A scalar operation of a combine function on earlier values.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A number.
    Constant(f64),
    /// A lane of the frame.
    Word(Address),
    /// An op on up to three values, the first op's operand of a dtype that tells how; see
    /// [`tilewright_ir::meaning::elementwise`].
    Op { kind: ExprKind, from: DType, operands: [usize; 3] },
}

/// A program bound to the sizes and strides of a call, for batches of one size.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Programs that run together.
    pub batch: usize,
    /// Bytes of the frame.
    pub frame: usize,
    /// All registers; the frame is the first.
    pub registers: Vec<Register>,
    /// Words of the frame that are set once a call.
    pub words: Vec<(Address, Word)>,
    /// What does not depend on the program: done once a call by each thread.
    pub prologue: Vec<Step>,
    /// The rest.
    pub passes: Vec<Pass>,
    /// Length of the main axis and of its blocks; one block unless rows are long.
    pub main: (usize, usize),
}

/// A word of the frame that is known at launch.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// These bits.
    Bits(u32),
    /// A scalar parameter of a dtype.
    Scalar(usize, DType),
}

/// One sweep over the blocks of a row.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// Done for each block.
    pub blocks: Vec<Step>,
    /// Done once afterwards.
    pub after: Vec<Step>,
}

impl Step {
    /// Visits every address of this step, not of those inside it.
    pub fn addresses(&mut self, mut visit: impl FnMut(&mut Address)) {
        let mut go = |address: &mut Address| {
            if *address != NOWHERE {
                visit(address);
            }
        };
        match self {
            Step::Invoke(invoke) => {
                invoke.inputs.iter_mut().for_each(&mut go);
                go(&mut invoke.out);
                go(&mut invoke.prefetch);
            }
            Step::Native(native) => native.operands.iter_mut().for_each(|(at, _)| go(at)),
            Step::Locate(locate) => axes(&mut locate.axes, &mut go),
            Step::Transfer(transfer) => {
                axes(&mut transfer.axes, &mut go);
                go(&mut transfer.tile);
                if let TransferKind::Store { mask, .. } = &mut transfer.kind {
                    go(mask);
                }
            }
            Step::LookUp(look_up) => {
                axes(&mut look_up.load.axes, &mut go);
                look_up.invoke.inputs.iter_mut().for_each(&mut go);
                go(&mut look_up.invoke.out);
            }
            Step::Check(check) => go(&mut check.at),
            Step::Program { to, .. } => go(to),
            Step::Combine(combining) => {
                combining.inputs.iter_mut().chain(&mut combining.outputs).for_each(&mut go);
                for (operation, _) in &mut combining.body {
                    if let Operation::Word(at) = operation {
                        go(at);
                    }
                }
            }
            Step::For { index, start, end, .. } => [index, start, end].into_iter().for_each(go),
            Step::When { condition, .. } => go(condition),
        }
    }

    /// The steps inside this one, and whether they are repeated.
    pub fn body(&mut self) -> Option<(&mut Vec<Step>, bool)> {
        match self {
            Step::For { body, .. } => Some((body, true)),
            Step::When { body, .. } => Some((body, false)),
            _ => None,
        }
    }
}

fn axes(axes: &mut [TensorAxis], visit: &mut impl FnMut(&mut Address)) {
    for axis in axes {
        match &mut axis.positions {
            Positions::One(Index::At { at, .. })
            | Positions::Run { start: Index::At { at, .. }, .. }
            | Positions::List { at, .. } => visit(at),
            Positions::One(_) | Positions::Run { .. } => {}
        }
    }
}
