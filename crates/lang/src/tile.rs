//! Tiles and the operators on them.

use crate::recorder::{At, POISON, Recorder, with};
use crate::view::{Size, cast, without_ones};
use std::panic::Location;
use tilewright_ir::{
    BinaryOp, DType, ExprId, ExprKind, Extent, ReduceOp, Stmt, TernaryOp, Type, UnaryOp, VarId,
};

/// A value of the kernel: a scalar, a row, a block. `Copy`: an index into the recording.
///
/// Dtype and shape are checked while recording; a mistake is reported with the line that made it. Binary
/// operators broadcast as NumPy does and take numbers on either side, which adopt the tile's dtype.
#[derive(Clone, Copy, Debug)]
pub struct Tile(pub(crate) ExprId);

/// What an operator takes beside a tile: a tile or a number.
pub trait Operand: Copy {
    /// The operand as a tile; a number becomes a literal of `dtype`.
    fn tile_of(self, dtype: DType, at: &'static Location<'static>) -> Tile;

    /// The dtype of a tile; `None` for a number, which adopts another's.
    fn own_dtype(self) -> Option<DType> {
        None
    }
}

impl Operand for Tile {
    fn own_dtype(self) -> Option<DType> {
        Some(self.dtype())
    }

    fn tile_of(self, _: DType, _: &'static Location<'static>) -> Tile {
        self
    }
}

impl Operand for Size {
    fn tile_of(self, dtype: DType, at: &'static Location<'static>) -> Tile {
        Tile(with(Some(at), |r| {
            let size = r.emit(ExprKind::Size(self.0), None, at);
            cast(r, size, dtype, at)
        }))
    }
}

macro_rules! number_operands {
    ($($number:ty)*) => {$(
        impl Operand for $number {
            fn tile_of(self, dtype: DType, at: &'static Location<'static>) -> Tile {
                Tile(with(Some(at), |r| r.literal(self as f64, dtype, at)))
            }
        }
    )*};
}

number_operands! { f64 f32 i32 u32 usize }

macro_rules! left_numbers {
    ($($number:ty)*) => {$(
        impl std::ops::Add<Tile> for $number {
            type Output = Tile;
            #[track_caller]
            fn add(self, right: Tile) -> Tile { binary_left(BinaryOp::Add, self, right, Location::caller()) }
        }
        impl std::ops::Sub<Tile> for $number {
            type Output = Tile;
            #[track_caller]
            fn sub(self, right: Tile) -> Tile { binary_left(BinaryOp::Sub, self, right, Location::caller()) }
        }
        impl std::ops::Mul<Tile> for $number {
            type Output = Tile;
            #[track_caller]
            fn mul(self, right: Tile) -> Tile { binary_left(BinaryOp::Mul, self, right, Location::caller()) }
        }
        impl std::ops::Div<Tile> for $number {
            type Output = Tile;
            #[track_caller]
            fn div(self, right: Tile) -> Tile { binary_left(BinaryOp::Div, self, right, Location::caller()) }
        }
    )*};
}

// One float type only: then Rust knows the type of `1.0 + x` at once, and a method can follow.
left_numbers! { f64 i32 u32 usize }

impl Operand for bool {
    fn tile_of(self, _: DType, at: &'static Location<'static>) -> Tile {
        Tile(with(Some(at), |r| r.literal(self as u8 as f64, DType::Bool, at)))
    }
}

fn binary_left(op: BinaryOp, left: impl Operand, right: Tile, at: At) -> Tile {
    let left = left.tile_of(right.dtype(), at);
    binary(op, left, right, at)
}

pub(crate) fn binary(op: BinaryOp, left: Tile, right: impl Operand, at: At) -> Tile {
    let right = right.tile_of(left.dtype(), at);
    Tile(with(Some(at), |r| r.emit(ExprKind::Binary(op, left.0, right.0), None, at)))
}

fn unary(op: UnaryOp, of: Tile, at: At) -> Tile {
    Tile(with(Some(at), |r| r.emit(ExprKind::Unary(op, of.0), None, at)))
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Op:ident;)*) => {$(
        impl<R: Operand> std::ops::$Trait<R> for Tile {
            type Output = Tile;
            #[track_caller]
            fn $method(self, right: R) -> Tile {
                binary(BinaryOp::$Op, self, right, Location::caller())
            }
        }
    )*};
}

operators! {
    Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; Rem rem Rem;
    BitAnd bitand And; BitOr bitor Or; BitXor bitxor Xor; Shl shl Shl; Shr shr Shr;
}

impl std::ops::Neg for Tile {
    type Output = Tile;
    #[track_caller]
    fn neg(self) -> Tile {
        unary(UnaryOp::Neg, self, Location::caller())
    }
}

impl std::ops::Not for Tile {
    type Output = Tile;
    #[track_caller]
    fn not(self) -> Tile {
        unary(UnaryOp::Not, self, Location::caller())
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident $Op:ident;)*) => {
        impl Tile {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $method(self) -> Tile { unary(UnaryOp::$Op, self, Location::caller()) }
        )*}
    };
}

unary_methods! {
    /// |a|.
    abs Abs;
    /// -1, 0 or 1.
    sign Sign;
    /// Greatest integer not above.
    floor Floor;
    /// Least integer not below.
    ceil Ceil;
    /// Nearest integer, ties to even.
    round Round;
    /// Integer part.
    trunc Trunc;
    /// Square root.
    sqrt Sqrt;
    /// 1 / sqrt(a).
    rsqrt Rsqrt;
    /// 1 / a.
    recip Recip;
    /// e^a.
    exp Exp;
    /// 2^a.
    exp2 Exp2;
    /// e^a - 1, accurate near 0.
    expm1 Expm1;
    /// Natural logarithm.
    log Log;
    /// Base-2 logarithm.
    log2 Log2;
    /// log(1 + a), accurate near 0.
    log1p Log1p;
    /// Sine of radians.
    sin Sin;
    /// Cosine of radians.
    cos Cos;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// 1 / (1 + e^-a), without overflow.
    sigmoid Sigmoid;
    /// log(1 + e^a), without overflow.
    softplus Softplus;
    /// Error function.
    erf Erf;
    /// True where NaN.
    is_nan IsNan;
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $method:ident $Op:ident;)*) => {
        impl Tile {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $method(self, right: impl Operand) -> Tile {
                binary(BinaryOp::$Op, self, right, Location::caller())
            }
        )*}
    };
}

binary_methods! {
    /// a^b, as C's `pow`.
    pow Pow;
    /// Greater of both; NaN if either is.
    max Max;
    /// Lesser of both; NaN if either is.
    min Min;
    /// a == b, as a bool tile.
    eq Eq;
    /// a != b, as a bool tile.
    ne Ne;
    /// a < b, as a bool tile.
    lt Lt;
    /// a <= b, as a bool tile.
    le Le;
    /// a > b, as a bool tile.
    gt Gt;
    /// a >= b, as a bool tile.
    ge Ge;
}

macro_rules! row_reductions {
    ($($(#[$doc:meta])* $method:ident $Op:ident;)*) => {
        impl Tile {$(
            $(#[$doc])*
            /// The last axis stays with extent 1, so the result broadcasts against the row.
            #[track_caller]
            pub fn $method(self) -> Tile {
                self.reduce_at(ReduceOp::$Op, None, Location::caller())
            }
        )*}
    };
}

row_reductions! {
    /// Sum over the last axis.
    row_sum Sum;
    /// Product over the last axis.
    row_prod Prod;
    /// Greatest over the last axis.
    row_max Max;
    /// Least over the last axis.
    row_min Min;
    /// True where all are true, over the last axis (bitwise and for integers).
    row_all All;
    /// True where any is true, over the last axis (bitwise or for integers).
    row_any Any;
}

impl Tile {
    /// Element type.
    pub fn dtype(self) -> DType {
        with(None, |r| r.dtype(self.0))
    }

    /// The extents, outermost first.
    pub fn shape(self) -> Vec<Size> {
        with(None, |r| r.shape(self.0)).into_iter().map(Size).collect()
    }

    /// The extent of an axis; 1 beyond the rank.
    pub fn size(self, axis: usize) -> Size {
        self.shape().get(axis).copied().unwrap_or(Size(Extent::Const(1)))
    }

    pub(crate) fn rank(self) -> usize {
        with(None, |r| r.ty(self.0).map_or(0, |t| t.shape.len()))
    }

    /// Names the value in the text form and in emitted code.
    pub fn named(self, name: &str) -> Tile {
        with(None, |r| {
            if let Some(expr) = r.program.exprs.get_mut(self.0.index()) {
                expr.name = Some(name.into());
            }
        });
        self
    }

    /// Converted to `dtype`: floats round to nearest even, integers truncate and saturate, NaN becomes 0.
    #[track_caller]
    pub fn to(self, dtype: DType) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| if self.0 == POISON { POISON } else { cast(r, self.0, dtype, at) }))
    }

    /// The same bits as another dtype of the same size.
    #[track_caller]
    pub fn bitcast(self, dtype: DType) -> Tile {
        let at = Location::caller();
        self.hinted(|r, id| (ExprKind::Bitcast(id), Type { dtype, shape: r.shape(id) }), at)
    }

    /// `self ? yes : no` for each element; `self` is bool. Of a tile and a number, the number adopts the dtype.
    #[track_caller]
    pub fn select(self, yes: impl Operand, no: impl Operand) -> Tile {
        let at = Location::caller();
        // A number adopts the dtype of the other branch; two numbers are f32.
        let dtype = yes.own_dtype().or(no.own_dtype()).unwrap_or(DType::F32);
        let (yes, no) = (yes.tile_of(dtype, at), no.tile_of(dtype, at));
        let kind = ExprKind::Ternary(TernaryOp::Select, [self.0, yes.0, no.0]);
        Tile(with(Some(at), |r| r.emit(kind, None, at)))
    }

    /// `self * b + c`, rounded once.
    #[track_caller]
    pub fn fma(self, b: impl Operand, c: impl Operand) -> Tile {
        let at = Location::caller();
        let dtype = self.dtype();
        let (b, c) = (b.tile_of(dtype, at), c.tile_of(dtype, at));
        Tile(with(Some(at), |r| {
            r.emit(ExprKind::Ternary(TernaryOp::Fma, [self.0, b.0, c.0]), None, at)
        }))
    }

    /// Reduction over `axis`, which stays with extent 1.
    #[track_caller]
    pub fn reduce(self, op: ReduceOp, axis: usize) -> Tile {
        self.reduce_at(op, Some(axis), Location::caller())
    }

    fn reduce_at(self, op: ReduceOp, axis: Option<usize>, at: At) -> Tile {
        let axis = axis.unwrap_or(self.rank().saturating_sub(1));
        Tile(with(Some(at), |r| r.emit(ExprKind::Reduce(op, self.0, axis), None, at)))
    }

    /// Mean over `axis`, which stays with extent 1.
    #[track_caller]
    pub fn mean(self, axis: usize) -> Tile {
        let at = Location::caller();
        let sum = self.reduce_at(ReduceOp::Sum, Some(axis), at);
        binary(BinaryOp::Div, sum, self.size(axis).tile_of(self.dtype(), at), at)
    }

    /// Mean over the last axis, which stays with extent 1.
    #[track_caller]
    pub fn row_mean(self) -> Tile {
        self.mean(self.rank().saturating_sub(1))
    }

    /// Position (u32) of the greatest element of the last axis, which stays with extent 1. NaN counts as greatest;
    /// of equal elements the lowest position wins.
    #[track_caller]
    pub fn row_argmax(self) -> Tile {
        self.arg_reduce(true, Location::caller())
    }

    /// Position (u32) of the least element of the last axis, likewise; NaN counts as least.
    #[track_caller]
    pub fn row_argmin(self) -> Tile {
        self.arg_reduce(false, Location::caller())
    }

    fn arg_reduce(self, max: bool, at: At) -> Tile {
        let axis = self.rank().saturating_sub(1);
        Tile(with(Some(at), |r| r.emit(ExprKind::ArgReduce { max, of: self.0, axis }, None, at)))
    }

    /// Running reduction along the last axis.
    #[track_caller]
    pub fn scan(self, op: ReduceOp, exclusive: bool, reverse: bool) -> Tile {
        let at = Location::caller();
        let axis = self.rank().saturating_sub(1);
        Tile(with(Some(at), |r| {
            r.emit(ExprKind::Scan { op, of: self.0, axis, exclusive, reverse }, None, at)
        }))
    }

    /// Running sum along the last axis, the element itself included.
    #[track_caller]
    pub fn cumsum(self) -> Tile {
        self.scan(ReduceOp::Sum, false, false)
    }

    /// The `k` greatest elements of the last axis, descending, and their positions (u32). NaN counts as greatest; of
    /// equal elements the lowest position comes first.
    #[track_caller]
    pub fn top_k(self, k: usize) -> (Tile, Tile) {
        let at = Location::caller();
        with(Some(at), |r| {
            let values = r.emit(ExprKind::TopK { of: self.0, k }, None, at);
            (Tile(values), Tile(r.emit(ExprKind::Part(values, 1), None, at)))
        })
    }

    /// Elements of the last axis at `indices` (i32 or u32; leading axes as this tile's). Each must be in range.
    #[track_caller]
    pub fn pick(self, indices: Tile) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| {
            r.emit(ExprKind::Pick { of: self.0, indices: indices.0 }, None, at)
        }))
    }

    /// NumPy broadcasting to `shape`.
    #[track_caller]
    pub fn broadcast_to(self, shape: &[Size]) -> Tile {
        let (at, shape) = (Location::caller(), shape.iter().map(|s| s.0).collect());
        self.hinted(|r, id| (ExprKind::Broadcast(id), Type { dtype: r.dtype(id), shape }), at)
    }

    /// The same elements in row-major order under another shape.
    #[track_caller]
    pub fn reshape(self, shape: &[Size]) -> Tile {
        let (at, shape) = (Location::caller(), shape.iter().map(|s| s.0).collect());
        self.hinted(|r, id| (ExprKind::Reshape(id), Type { dtype: r.dtype(id), shape }), at)
    }

    /// A new last axis of extent 1: a row becomes a column.
    #[track_caller]
    pub fn column(self) -> Tile {
        let at = Location::caller();
        self.hinted(
            |r, id| {
                let mut ty = r.ty(id).cloned().unwrap_or(Type { dtype: DType::F32, shape: vec![] });
                ty.shape.push(Extent::Const(1));
                (ExprKind::Reshape(id), ty)
            },
            at,
        )
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn transpose(self) -> Tile {
        let at = Location::caller();
        let mut order: Vec<usize> = (0..self.rank()).collect();
        if let [.., a, b] = order.as_mut_slice() {
            std::mem::swap(a, b);
        }
        Tile(with(Some(at), |r| r.emit(ExprKind::Transpose(self.0, order), None, at)))
    }

    /// Positions `start .. start + len` of `axis`.
    #[track_caller]
    pub fn slice(self, axis: usize, start: impl Into<Size>, len: impl Into<Size>) -> Tile {
        let (at, start, len) = (Location::caller(), start.into().0, len.into().0);
        self.hinted(
            |r, id| {
                let mut shape = r.shape(id);
                if let Some(extent) = shape.get_mut(axis) {
                    *extent = len;
                }
                (ExprKind::Slice { of: id, axis, start }, Type { dtype: r.dtype(id), shape })
            },
            at,
        )
    }

    /// This tile and `right` joined along the last axis.
    #[track_caller]
    pub fn concat(self, right: Tile) -> Tile {
        let at = Location::caller();
        let axis = self.rank().saturating_sub(1);
        Tile(with(Some(at), |r| r.emit(ExprKind::Concat(vec![self.0, right.0], axis), None, at)))
    }

    /// Matrix product `[m, k] x [k, n]`, accumulated in f32 (integers in i32).
    #[track_caller]
    pub fn dot(self, right: Tile) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| r.emit(ExprKind::Dot(self.0, right.0), None, at)))
    }

    /// Unsigned integers of `bits` bits, packed LSB-first in the bytes of the last axis, as u32:
    /// `[.., words]` becomes `[.., words * width / bits]`.
    #[track_caller]
    pub fn unpack(self, bits: u32) -> Tile {
        let at = Location::caller();
        self.hinted(
            |r, id| {
                let ty = Type { dtype: DType::U32, shape: r.shape(id) };
                (ExprKind::Unpack { of: id, bits }, ty)
            },
            at,
        )
    }

    /// Word `self % 4` of Philox4x32-10 with counter `(self / 4, 0, offset, 0)` and key `(seed, 0)`: 32 random bits
    /// for each element of this tile, u32 or i32 such as a program's index. `seed` and `offset` are u32 scalars.
    #[track_caller]
    pub fn philox(self, seed: impl Operand, offset: impl Operand) -> Tile {
        let at = Location::caller();
        let (seed, offset) = (seed.tile_of(DType::U32, at), offset.tile_of(DType::U32, at));
        let counter = if self.dtype() == DType::I32 { self.to(DType::U32) } else { self };
        let kind = ExprKind::Ternary(TernaryOp::Philox, [counter.0, seed.0, offset.0]);
        Tile(with(Some(at), |r| r.emit(kind, None, at)))
    }

    fn hinted(self, make: impl FnOnce(&Recorder, ExprId) -> (ExprKind, Type), at: At) -> Tile {
        Tile(with(Some(at), |r| {
            if self.0 == POISON {
                return POISON;
            }
            let (kind, hint) = make(r, self.0);
            r.emit(kind, Some(hint), at)
        }))
    }
}

/// A value that changes round a device loop.
#[derive(Clone, Copy, Debug)]
pub struct Var(pub(crate) VarId);

impl Var {
    /// The value at this point of the program.
    #[track_caller]
    pub fn get(self) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| {
            if self.0.0 == u32::MAX { POISON } else { r.emit(ExprKind::Get(self.0), None, at) }
        }))
    }

    /// Gives the variable a value, broadcast to the shape it was declared with. A reduction's axes of extent 1 may be more than
    /// it has, as when a scalar takes a row's sum.
    #[track_caller]
    pub fn set(self, value: impl Operand) {
        let at = Location::caller();
        let ty = with(Some(at), |r| r.program.vars.get(self.0.index()).map(|v| v.ty.clone()));
        let Some(ty) = ty else { return };
        let value = value.tile_of(ty.dtype, at);
        with(Some(at), |r| {
            if value.0 == POISON {
                return;
            }
            let mut id = without_ones(r, value.0, &ty.shape, at);
            if r.shape(id) != ty.shape {
                id = r.emit(
                    ExprKind::Broadcast(id),
                    Some(Type { dtype: r.dtype(id), ..ty.clone() }),
                    at,
                );
            }
            if id == POISON {
                return;
            }
            if r.dtype(id) != ty.dtype {
                let (held, given) = (ty.dtype, r.dtype(id));
                let text = format!(
                    "set: the variable holds {held}, the tile is {given}; convert it with `.to({held})`"
                );
                r.mistake(at, text);
                return;
            }
            r.statement(Stmt::Set(self.0, id));
        });
    }
}

macro_rules! assign_operators {
    ($($Trait:ident $method:ident $Op:ident;)*) => {$(
        impl<R: Operand> std::ops::$Trait<R> for Var {
            #[track_caller]
            fn $method(&mut self, right: R) {
                let at = Location::caller();
                let value = binary(BinaryOp::$Op, self.get(), right, at);
                self.set(value);
            }
        }
    )*};
}

assign_operators! { AddAssign add_assign Add; SubAssign sub_assign Sub; MulAssign mul_assign Mul; DivAssign div_assign Div; }
