//! A recorded kernel: parameters, expression arena, statement tree.

pub use crate::dim::{Dim, DimRule};
use crate::{BinaryOp, DType, ReduceOp, TernaryOp, UnaryOp};
use std::borrow::Cow;

macro_rules! ids {
    ($($(#[$doc:meta])* $Id:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $Id(pub u32);
        impl $Id {
            /// Position in the arena.
            pub fn index(self) -> usize { self.0 as usize }
        }
    )*};
}

ids! {
    /// An expression: index into [`Program::exprs`].
    ExprId
    /// A parameter: index into [`Program::params`].
    ParamId
    /// A named size: index into [`Program::dims`].
    DimId
    /// A carried value: index into [`Program::vars`].
    VarId
}

/// A size known when recording, or a multiple of one known at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Known when recording.
    Const(usize),
    /// `times` times the value of `dim`.
    Dim {
        /// The named size.
        dim: DimId,
        /// The constant factor, at least 1.
        times: usize,
    },
}

impl Extent {
    /// The size, once `dims` (by [`DimId`]) are known. Saturates instead of overflowing.
    pub fn value(self, dims: &[usize]) -> usize {
        match self {
            Extent::Const(n) => n,
            Extent::Dim { dim, times } => dims[dim.index()].saturating_mul(times),
        }
    }

    /// The size, if it is known when recording.
    pub fn constant(self) -> Option<usize> {
        match self {
            Extent::Const(n) => Some(n),
            Extent::Dim { .. } => None,
        }
    }
}

/// The shape of a tile or tensor, outermost axis first. Empty for a scalar.
pub type Shape = Vec<Extent>;

/// The dtype and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub shape: Shape,
}

/// What a kernel may do with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    In,
    /// Written, every element; may be read after it was written by the same program.
    Out,
    /// Read and written in place.
    InOut,
}

/// A tensor or scalar that the caller passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its one name: in formulas, files, docs.
    pub name: String,
    /// What it is.
    pub kind: ParamKind,
}

/// The two kinds of [`Param`].
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// A tensor.
    Tensor {
        /// Storage type.
        dtype: DType,
        /// Axes, outermost first.
        shape: Shape,
        /// When true the first axis stands for any number of leading axes of the caller's tensor (also none),
        /// flattened.
        leading: bool,
        /// What the kernel may do with it.
        access: Access,
    },
    /// A run-time number; a new value compiles nothing.
    Scalar {
        /// Its type in the kernel.
        dtype: DType,
        /// The value when the caller gives none.
        default: Option<f64>,
    },
}

/// Where in the author's source something was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Source file.
    pub file: Cow<'static, str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl From<&'static std::panic::Location<'static>> for Location {
    fn from(at: &'static std::panic::Location<'static>) -> Self {
        Location { file: Cow::Borrowed(at.file()), line: at.line(), column: at.column() }
    }
}

/// One pure expression, its type, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// The type of its (first) result.
    pub ty: Type,
    /// The author's line.
    pub at: Option<Location>,
    /// A name the author gave it, for text form and emitted code.
    pub name: Option<String>,
}

/// A number in the program text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// A truth value.
    Bool(bool),
    /// An integer; fits the expression's dtype.
    Int(i64),
    /// A float; rounded to the expression's dtype.
    Float(f64),
}

impl Literal {
    /// The value as f64.
    pub fn value(self) -> f64 {
        match self {
            Literal::Bool(b) => b as u8 as f64,
            Literal::Int(i) => i as f64,
            Literal::Float(x) => x,
        }
    }
}

/// What a range covers of an axis: of its positions `before` lie before the axis, then `inside` inside it from `first`
/// on, and the others past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Positions before the axis.
    pub before: usize,
    /// The first position inside; 0 where there is none.
    pub first: usize,
    /// Positions inside.
    pub inside: usize,
}

impl Covered {
    /// That of `len` positions `start, start + step, ...` on an axis of `extent`; `step` is at least 1.
    pub fn of(start: i64, step: usize, len: usize, extent: usize) -> Covered {
        let missing = start.min(0).unsigned_abs() as usize;
        let before = missing.div_ceil(step).min(len);
        let first = start.max(0) as usize + (before * step).saturating_sub(missing);
        let inside = extent.saturating_sub(first).div_ceil(step).min(len - before);
        Covered { before, first: if inside == 0 { 0 } else { first }, inside }
    }
}

/// Which elements of one tensor axis an access touches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    /// One position, an i32 scalar; the axis vanishes from the tile. Out of range is an error.
    At(ExprId),
    /// `len` positions `start, start + step, ...`; `start` is an i32 scalar. Positions before the axis or past its
    /// end load as the access' fill value and are not stored.
    Range {
        /// First position.
        start: ExprId,
        /// Number of positions: the tile's extent.
        len: Extent,
        /// Distance between positions, at least 1.
        step: usize,
    },
    /// The whole axis.
    All,
    /// The positions in a 1-D i32 or u32 tile; its extent is the tile's. Out of range is an error.
    Gather(ExprId),
}

/// The elements of a parameter that a load or store touches: one entry an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The tensor.
    pub param: ParamId,
    /// One entry for each of its axes.
    pub axes: Vec<Axis>,
}

/// A function of scalars, used by user-defined reductions and scans.
///
/// Its body may use only pure scalar ops on its arguments, constants, sizes and scalar parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Combine {
    /// The left partial result: one [`ExprKind::Argument`] a component.
    pub left: Vec<ExprId>,
    /// The right partial result, same length and types.
    pub right: Vec<ExprId>,
    /// The expressions of the body in order of evaluation.
    pub body: Vec<ExprId>,
    /// The joined result, same length and types.
    pub results: Vec<ExprId>,
}

/// What an expression computes. Operands come earlier in the program.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal scalar (shape `[]`).
    Const(Literal),
    /// The value of a scalar parameter (shape `[]`).
    Scalar(ParamId),
    /// The value of a size, i32 scalar.
    Size(Extent),
    /// The index of this program along a grid axis, i32 scalar.
    Program(usize),
    /// The index of a loop, i32 scalar; bound by [`Stmt::For`], never by a `Let`.
    LoopIndex,
    /// An argument of a [`Combine`] function; bound by it, never by a `Let`.
    Argument,
    /// 0, 1, 2, ... as i32, shape `[len]`.
    Iota(Extent),
    /// An op on each element.
    Unary(UnaryOp, ExprId),
    /// An op on each pair of elements. Operands have one dtype and the result's shape after NumPy broadcasting.
    Binary(BinaryOp, ExprId, ExprId),
    /// An op on each triple of elements, broadcast likewise.
    Ternary(TernaryOp, [ExprId; 3]),
    /// Conversion to the expression's dtype; see [`DType::round`].
    Cast(ExprId),
    /// The same bits as another dtype of the same size.
    Bitcast(ExprId),
    /// NumPy broadcasting to the expression's shape.
    Broadcast(ExprId),
    /// The same elements in row-major order under the expression's shape.
    Reshape(ExprId),
    /// Axes reordered: axis `i` of the result is axis `order[i]` of the operand.
    Transpose(ExprId, Vec<usize>),
    /// The sub-tile `start .. start + len` along `axis`, constant or symbolic start, in range.
    Slice {
        /// The tile.
        of: ExprId,
        /// Which axis.
        axis: usize,
        /// First position.
        start: Extent,
    },
    /// Tiles joined along `axis`.
    Concat(Vec<ExprId>, usize),
    /// Elements of a tile picked along its last axis: `out[.., j] = of[.., indices[.., j]]`. `indices` is i32 or
    /// u32, with the same leading axes as `of`. Out of range is an error.
    Pick {
        /// The tile.
        of: ExprId,
        /// Positions along the last axis.
        indices: ExprId,
    },
    /// A reduction over `axis`, which stays with extent 1.
    Reduce(ReduceOp, ExprId, usize),
    /// The position (u32) of the greatest (`max`) or least element along `axis`, which stays with extent 1.
    /// NaN wins; of equal elements the lowest position wins.
    ArgReduce {
        /// Greatest rather than least.
        max: bool,
        /// The tile.
        of: ExprId,
        /// Which axis.
        axis: usize,
    },
    /// A reduction over `axis` by a user-defined associative function of one or more components. The components
    /// have one shape. The expression is the first component; [`ExprKind::Part`] gives the others.
    ReduceBy {
        /// One tile a component.
        of: Vec<ExprId>,
        /// Which axis.
        axis: usize,
        /// Joins two partial results.
        combine: Combine,
        /// The identity, a constant scalar expression a component.
        identity: Vec<ExprId>,
    },
    /// A running reduction along `axis`.
    Scan {
        /// The op.
        op: ReduceOp,
        /// The tile.
        of: ExprId,
        /// Which axis.
        axis: usize,
        /// Excludes the element itself: the first result is the identity.
        exclusive: bool,
        /// From the end to the start.
        reverse: bool,
    },
    /// A running reduction by a user-defined function, which gets what comes before in the order of the scan on its left;
    /// parts as in `ReduceBy`.
    ScanBy {
        /// One tile a component.
        of: Vec<ExprId>,
        /// Which axis.
        axis: usize,
        /// Joins two partial results.
        combine: Combine,
        /// Excludes the element itself: what the first result is, a constant scalar expression a component. The function
        /// never sees it, so that it need be no identity.
        exclusive: Option<Vec<ExprId>>,
        /// From the end to the start.
        reverse: bool,
    },
    /// The `k` greatest elements along the last axis, descending; NaN first; of equal elements the lowest position
    /// first. [`ExprKind::Part`] 1 holds their positions (u32).
    TopK {
        /// The tile.
        of: ExprId,
        /// How many, at most the extent of the axis.
        k: usize,
    },
    /// Result `1, 2, ...` of an expression with several.
    Part(ExprId, usize),
    /// Matrix product `[m, k] x [k, n]`, accumulated in f32 (i32 for integers).
    Dot(ExprId, ExprId),
    /// Unsigned integers of `bits` bits, packed LSB-first in the little-endian bytes of the last axis, widened to
    /// the expression's dtype (i32 or u32). `[.., words]` becomes `[.., words * width / bits]`.
    Unpack {
        /// The packed tile, u8 or u32.
        of: ExprId,
        /// Bits of one integer, 1 to 8.
        bits: u32,
    },
    /// The value of a variable at this point.
    Get(VarId),
    /// Elements of a tensor as a tile. `fill` is what positions past the end of a range give.
    Load {
        /// Which elements.
        place: Place,
        /// Value past the end, default 0.
        fill: Literal,
    },
}

/// A value that changes round a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its type, the same for every value it takes.
    pub ty: Type,
    /// Where it was declared.
    pub at: Option<Location>,
    /// A name for text form and emitted code.
    pub name: Option<String>,
}

/// How a store joins the value with what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreMode {
    /// Replaces it.
    Set,
    /// Adds atomically: programs may share elements, in no fixed order on a GPU.
    AtomicAdd,
    /// Atomic maximum.
    AtomicMax,
    /// Atomic minimum.
    AtomicMin,
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// Evaluates an expression, here and once.
    Let(ExprId),
    /// Gives a variable a value; the first `Set` of a variable declares it, in the block it stands in.
    Set(VarId, ExprId),
    /// Writes a tile. The value is broadcast to the place's shape and has the parameter's dtype.
    Store {
        /// Which elements.
        place: Place,
        /// What is written.
        value: ExprId,
        /// Bool tile that broadcasts to the place's shape; false elements are not written.
        mask: Option<ExprId>,
        /// How.
        mode: StoreMode,
        /// The author's line.
        at: Option<Location>,
    },
    /// Runs `body` for `index` = `start`, `start + step`, ... below `end`.
    For {
        /// The [`ExprKind::LoopIndex`] expression.
        index: ExprId,
        /// First index, i32 scalar.
        start: ExprId,
        /// Bound, i32 scalar.
        end: ExprId,
        /// Distance, at least 1.
        step: usize,
        /// What runs.
        body: Vec<Stmt>,
    },
    /// Runs `body` if a bool scalar is true.
    When {
        /// The condition.
        condition: ExprId,
        /// What runs.
        body: Vec<Stmt>,
    },
}

/// One axis of the grid of programs: `ceil(extent / block)` programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridAxis {
    /// What is divided among the programs.
    pub extent: Extent,
    /// Elements a program, at least 1.
    pub block: usize,
}

impl GridAxis {
    /// Number of programs, once `dims` are known.
    pub fn programs(self, dims: &[usize]) -> usize {
        self.extent.value(dims).div_ceil(self.block.max(1))
    }
}

/// A recorded kernel.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Program {
    /// The kernel's one name.
    pub name: String,
    /// Named sizes.
    pub dims: Vec<Dim>,
    /// Tensors and scalars, in the caller's order.
    pub params: Vec<Param>,
    /// The programs that run: one entry an axis, none for a single program.
    pub grid: Vec<GridAxis>,
    /// The expression arena.
    pub exprs: Vec<Expr>,
    /// Carried values.
    pub vars: Vec<Variable>,
    /// What a program does.
    pub body: Vec<Stmt>,
}

impl Program {
    /// The expression of that id.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.index()]
    }

    /// The parameter of that id.
    pub fn param(&self, id: ParamId) -> &Param {
        &self.params[id.index()]
    }

    /// Sets the sizes that follow from others to what those make them.
    pub fn derive(&self, dims: &mut [usize]) {
        for (number, dim) in self.dims.iter().enumerate() {
            if let Some(value) = dim.rule.value(|of| dims[of.index()]) {
                dims[number] = value;
            }
        }
    }

    /// The position of the parameter of that name.
    pub fn find_param(&self, name: &str) -> Option<ParamId> {
        self.params.iter().position(|p| p.name == name).map(|i| ParamId(i as u32))
    }

    /// An axis of a value as the author knows it: that of the tensor whose axis it is, or the value's own, by its name
    /// or number.
    pub fn axis_name(&self, id: ExprId, axis: usize) -> (String, usize) {
        let mut origin = self.expr(id);
        let name = origin.name.clone();
        while let ExprKind::Cast(of) = origin.kind {
            origin = self.expr(of);
        }
        if let (None, ExprKind::Load { place, .. }) = (&name, &origin.kind) {
            let axes = place.axes.iter().enumerate();
            let mut kept = axes.filter(|(_, axis)| !matches!(axis, Axis::At(_)));
            if let Some((number, Axis::All)) = kept.nth(axis) {
                return (self.param(place.param).name.clone(), number);
            }
        }
        (name.unwrap_or_else(|| format!("%{}", id.0)), axis)
    }

    /// Adds an expression to the arena (not to the body) and returns its id.
    pub fn push(&mut self, kind: ExprKind, ty: Type, at: Option<Location>) -> ExprId {
        self.exprs.push(Expr { kind, ty, at, name: None });
        ExprId(self.exprs.len() as u32 - 1)
    }
}

impl ExprKind {
    /// The function of a user-defined reduction or scan.
    pub fn combine(&self) -> Option<&Combine> {
        match self {
            ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => Some(combine),
            _ => None,
        }
    }

    /// As [`combine`](Self::combine), to change it.
    pub fn combine_mut(&mut self) -> Option<&mut Combine> {
        match self {
            ExprKind::ReduceBy { combine, .. } | ExprKind::ScanBy { combine, .. } => Some(combine),
            _ => None,
        }
    }

    /// True when the value depends on memory or variables, so that the place of its `Let` matters.
    pub fn is_ordered(&self) -> bool {
        matches!(self, ExprKind::Get(_) | ExprKind::Load { .. })
    }
}
