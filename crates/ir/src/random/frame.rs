//! The grid of a random program, and its loads and stores.

use super::STORAGE;
use super::bounds::Bounds;
use super::builder::{Builder, Value};
use crate::{
    Access, Axis, BinaryOp, DType, DimRule, ExprId, ExprKind, Extent, GridAxis, Literal, ParamId,
    ParamKind, Place, Shape, Stmt, StoreMode, Type, UnaryOp,
};

/// How the work is divided: one entry a grid axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    axes: Vec<FrameAxis>,
    /// The extent that tiles mostly have inside.
    inner: Vec<Extent>,
    /// Whether rows stand for any leading axes.
    leading: bool,
}

#[derive(Clone, Copy, Debug)]
struct FrameAxis {
    /// What is divided.
    extent: Extent,
    /// Elements a program.
    block: usize,
    /// The number of programs.
    programs: Extent,
    /// The index of this program.
    index: ExprId,
    /// Its first element.
    start: ExprId,
}

/// The greatest number of elements of an input; the first load, of 13 x 13 x 257 at most, must fit.
const MAX_TENSOR_ELEMENTS: usize = 60_000;

/// The greatest number of outputs of a program, about.
const MAX_OUTPUTS: usize = 6;

const SIZES: [usize; 9] = [1, 2, 3, 8, 17, 33, 64, 100, 257];

impl Builder<'_> {
    /// Draws the sizes, the grid and the first loads.
    pub fn open(&mut self) {
        // Now and then rows are longer than what a target holds in registers or the first cache.
        let long = self.random.chance(0.05);
        let kind = self.random.below(if long { 6 } else { 10 });
        let cols_size = if long { self.random.of(&[1031, 4099]) } else { self.random.of(&SIZES) };
        let blocks: &[usize] = match kind {
            0 => &[],
            1..=5 => &[1],
            6 | 7 => &[4],
            _ => &[4, 8],
        };
        for (number, &block) in blocks.iter().enumerate() {
            let size = self.random.of(&[0, 1, 3, 4, 5, 9, 13]);
            let size = if self.random.chance(0.8) { size.max(1) } else { size };
            let extent = self.dim(["rows", "lines"][number], DimRule::Free, size);
            self.program.grid.push(GridAxis { extent, block });
        }
        self.frame.leading = self.random.chance(0.4);
        let cols = self.dim("cols", DimRule::Free, cols_size);
        self.frame.inner.push(cols);
        for (number, &block) in blocks.iter().enumerate() {
            self.frame_axis(number, block);
        }
        // The first load tells every size.
        self.load_aligned(DType::F32, &[cols]);
        for _ in 0..self.random.between(1, 3) {
            self.load();
        }
    }

    fn frame_axis(&mut self, number: usize, block: usize) -> Option<()> {
        let extent = self.program.grid[number].extent;
        let programs = match (extent, block) {
            (_, 1) => extent,
            (Extent::Dim { dim, .. }, by) => {
                let value = self.dims[dim.index()].div_ceil(by);
                let name = ["row_blocks", "line_blocks"][number];
                self.dim(name, DimRule::CeilDiv { dim, by, most: None }, value)
            }
            (Extent::Const(n), by) => Extent::Const(n.div_ceil(by)),
        };
        let last = programs.value(&self.dims).saturating_sub(1) as f64;
        let index = self.push(ExprKind::Program(number), None, Bounds::whole(0.0, last))?;
        let start = match block {
            1 => index,
            block => {
                let block = self.index(block)?;
                self.binary(BinaryOp::Mul, index, block)?
            }
        };
        let (index, start) = (index.id, start.id);
        self.frame.axes.push(FrameAxis { extent, block, programs, index, start });
        Some(())
    }

    /// True for a parameter whose rows stand for any leading axes of the caller's tensor.
    fn is_leading(&self, shape: &[Extent]) -> bool {
        let rows = self.program.grid.first().map(|axis| axis.extent);
        self.frame.leading && rows.is_some() && shape.first().copied() == rows
    }

    /// Axes of a parameter for this program's own elements: shape and place of the leading part.
    fn own(&mut self) -> (Shape, Vec<Axis>) {
        let axes = self.frame.axes.clone();
        axes.iter()
            .map(|axis| match axis.block {
                1 => (axis.extent, Axis::At(axis.start)),
                block => {
                    let len = Extent::Const(block);
                    (axis.extent, Axis::Range { start: axis.start, len, step: 1 })
                }
            })
            .unzip()
    }

    /// The bounds of what [`super::random_arguments`] puts into a tensor or scalar.
    fn input_bounds(dtype: DType) -> Bounds {
        match dtype {
            DType::Bool => Bounds::whole(0.0, 1.0),
            DType::I32 => Bounds::whole(-100.0, 100.0),
            DType::I8 => Bounds::whole(-100.0, 100.0),
            DType::U8 | DType::U32 => Bounds::any(dtype),
            _ => Bounds::exact(-2.0, 2.0),
        }
    }

    fn load_place(&mut self, dtype: DType, shape: Shape, axes: Vec<Axis>) -> Option<Value> {
        let rank = shape.len();
        if self.elements(&shape) > MAX_TENSOR_ELEMENTS {
            return None;
        }
        let kind = ParamKind::Tensor {
            dtype,
            leading: self.is_leading(&shape),
            shape,
            access: Access::In,
        };
        // A parameter is read once more now and then.
        let known = (0..self.program.params.len()).find(|&i| self.program.params[i].kind == kind);
        let param = match known.filter(|_| self.random.chance(0.5)) {
            Some(number) => ParamId(number as u32),
            None => self.param(kind, 0.0),
        };
        let whole =
            axes.len() == rank && axes.iter().all(|axis| !matches!(axis, Axis::Range { .. }));
        let fill = match dtype {
            DType::Bool => Literal::Bool(self.random.chance(0.5)),
            dtype if dtype.is_float() && whole => Literal::Float(0.0),
            dtype if dtype.is_float() => Literal::Float(self.random.of(&[0.0, 1.0, -1.5])),
            _ => Literal::Int(if whole { 0 } else { self.random.below(3) as i64 }),
        };
        let fills = Bounds::exact(fill.value(), fill.value());
        let mut bounds = Self::input_bounds(dtype);
        bounds.low = bounds.low.min(fills.low);
        bounds.high = bounds.high.max(fills.high);
        let value =
            self.push(ExprKind::Load { place: Place { param, axes }, fill }, None, bounds)?;
        // Half types are mostly storage.
        if matches!(dtype, DType::F16 | DType::BF16) && self.random.chance(0.8) {
            return self.cast(value, DType::F32);
        }
        Some(value)
    }

    fn load_aligned(&mut self, dtype: DType, inner: &[Extent]) -> Option<Value> {
        let (mut shape, mut axes) = self.own();
        shape.extend(inner);
        axes.extend(inner.iter().map(|_| Axis::All));
        self.load_place(dtype, shape, axes)
    }

    pub fn extent(&mut self) -> Extent {
        let cols = self.frame.inner[0];
        match self.random.below(6) {
            0 => Extent::Const(self.random.between(1, 9)),
            1 => match cols {
                Extent::Dim { dim, .. } => Extent::Dim { dim, times: 2 },
                other => other,
            },
            _ => cols,
        }
    }

    /// Draws a load of some kind.
    pub fn load(&mut self) -> Option<Value> {
        let dtype = if self.random.chance(0.5) { DType::F32 } else { self.random.of(&STORAGE) };
        match self.random.below(7) {
            0 => {
                let inner: Vec<Extent> = (0..self.random.below(3)).map(|_| self.extent()).collect();
                let axes = inner.iter().map(|_| Axis::All).collect();
                self.load_place(dtype, inner, axes)
            }
            1 => self.load_range(dtype),
            2 => self.load_gathered(dtype),
            3 => self.load_packed(),
            4 => {
                let default = self.random.chance(0.5).then_some(1.0);
                let dtype = self.random.of(&[DType::F32, DType::I32, DType::U32]);
                let scalar = self.param(ParamKind::Scalar { dtype, default }, 0.0);
                self.push(ExprKind::Scalar(scalar), None, Self::input_bounds(dtype))
            }
            _ => {
                let inner: Vec<Extent> = (0..self.random.below(3)).map(|_| self.extent()).collect();
                self.load_aligned(dtype, &inner)
            }
        }
    }

    fn load_range(&mut self, dtype: DType) -> Option<Value> {
        let (mut shape, mut axes) = match self.random.chance(0.5) {
            true => self.own(),
            false => (Vec::new(), Vec::new()),
        };
        // Windows may begin before the axis, at the same place for all programs or round the program's own.
        let first = self.random.between(0, 6) as f64 - 3.0;
        let mut start = self.constant(DType::I32, first)?;
        let near = self.random.chance(0.4).then(|| self.frame.axes.first().cloned()).flatten();
        if let Some(axis) = near {
            let last = axis.programs.value(&self.dims).saturating_sub(1) as f64;
            let index = Value { id: axis.index, bounds: Bounds::whole(0.0, last) };
            start = self.binary(BinaryOp::Add, index, start)?;
        }
        let start = start.id;
        let len = if self.random.chance(0.5) {
            self.extent()
        } else {
            Extent::Const(self.random.between(1, 40))
        };
        let step = self.random.between(1, 3);
        shape.push(self.extent());
        axes.push(Axis::Range { start, len, step });
        self.load_place(dtype, shape, axes)
    }

    /// Positions inside an axis of that extent: `(a * i + b) % extent`, or its elements from the end.
    pub fn positions(&mut self, len: Extent, extent: Extent, reversed: bool) -> Option<Value> {
        let greatest = len.value(&self.dims) as f64;
        let iota = self.push(ExprKind::Iota(len), None, Bounds::whole(0.0, greatest))?;
        let size = extent.value(&self.dims) as f64;
        let size = self.push(ExprKind::Size(extent), None, Bounds::whole(size, size))?;
        if reversed {
            let one = self.index(1)?;
            let last = self.binary(BinaryOp::Sub, size, one)?;
            return self.binary(BinaryOp::Sub, last, iota);
        }
        let factor = self.random.between(1, 7);
        let factor = self.index(factor)?;
        let scattered = self.binary(BinaryOp::Mul, iota, factor)?;
        let inside = self.binary(BinaryOp::Rem, scattered, size)?;
        match self.random.chance(0.3) {
            true => self.cast(inside, DType::U32),
            false => Some(inside),
        }
    }

    fn load_gathered(&mut self, dtype: DType) -> Option<Value> {
        let (extent, len) = (self.extent(), self.extent());
        let positions = self.positions(len, extent, false)?;
        let (mut shape, mut axes) = (vec![extent], vec![Axis::Gather(positions.id)]);
        if self.random.chance(0.4) {
            let inner = self.extent();
            let at = self.random.below(2);
            shape.insert(at, inner);
            axes.insert(at, Axis::All);
        }
        self.load_place(dtype, shape, axes)
    }

    fn load_packed(&mut self) -> Option<Value> {
        let dtype = self.random.of(&[DType::U8, DType::U32]);
        let words = self.extent();
        let packed = self.load_aligned(dtype, &[words])?;
        let bits = self.random.of(&[1, 2, 4, 8, 3]);
        let to = self.random.of(&[DType::I32, DType::U32]);
        let greatest = ((1u32 << bits) - 1) as f64;
        let hint = Type { dtype: to, shape: Vec::new() };
        let kind = ExprKind::Unpack { of: packed.id, bits };
        let unpacked = self.push(kind, Some(hint), Bounds::whole(0.0, greatest))?;
        match self.random.chance(0.7) {
            true => self.cast(unpacked, DType::F32),
            false => Some(unpacked),
        }
    }

    /// Stores what has been computed, at least one value to an output.
    pub fn close(&mut self) {
        if self.random.chance(0.4) {
            self.scatter();
        }
        // What nothing has used yet, so that no op goes unnoticed.
        let mut used = vec![false; self.program.exprs.len()];
        for expr in &self.program.exprs {
            expr.kind.operands(|id| used[id.index()] = true);
        }
        let mut unused: Vec<Value> = self.scope.clone();
        unused.retain(|value| !used[value.id.index()]);
        let first = unused.len().saturating_sub(MAX_OUTPUTS);
        for &value in &unused[first..] {
            self.store(value);
        }
        let is_out = |param: &crate::Param| {
            matches!(param.kind, ParamKind::Tensor { access: Access::Out, .. })
        };
        if !self.program.params.iter().any(is_out)
            && let Some(value) = self.constant(DType::F32, 1.0)
        {
            self.store(value);
        }
    }

    /// Stores a value, converted, to an output of its own.
    fn store(&mut self, value: Value) -> Option<()> {
        let from = self.ty(value.id).dtype;
        let mut value = value;
        if self.random.chance(0.5) {
            let to = self.random.of(&STORAGE);
            let rounds = to.is_float() && from.is_float();
            let fits = to != DType::F16 || value.bounds.magnitude() < 6e4;
            if rounds && fits {
                // Storing a rounded value is no rounding on the way, so inexact ones are allowed.
                let shape = self.ty(value.id).shape.clone();
                let kind = ExprKind::Cast(value.id);
                let bounds = Bounds { integral: false, ..value.bounds };
                value = self.push(kind, Some(Type { dtype: to, shape }), bounds)?;
                // Nobody else may use it.
                self.scope.pop();
            } else if let Some(converted) = self.cast(value, to) {
                value = converted;
            }
        }
        let Type { dtype, shape } = self.ty(value.id).clone();
        let blocks: Vec<Extent> =
            self.frame.axes.iter().map(|axis| Extent::Const(axis.block)).collect();
        let blocked = self.frame.axes.iter().any(|axis| axis.block > 1);
        let (mut outer, mut axes);
        let mut inner = &shape[..];
        if blocked && shape.starts_with(&blocks) {
            (outer, axes) = self.own();
            inner = &shape[blocks.len()..];
        } else {
            outer = self.frame.axes.iter().map(|axis| axis.programs).collect();
            axes = self.frame.axes.iter().map(|axis| Axis::At(axis.index)).collect();
        }
        outer.extend(inner);
        axes.extend(inner.iter().map(|_| Axis::All));
        let masked = self.random.chance(0.2);
        let mask = match masked {
            true => self.choose(|b, v| {
                let ty = b.ty(v.id);
                ty.dtype == DType::Bool
                    && crate::infer::broadcast(&b.program, &ty.shape, &shape)
                        .is_ok_and(|joined| joined == shape)
            }),
            false => None,
        };
        let access = if mask.is_some() { Access::InOut } else { Access::Out };
        let kind =
            ParamKind::Tensor { dtype, leading: self.is_leading(&outer), shape: outer, access };
        let param = self.param(kind, value.bounds.scale);
        let place = Place { param, axes };
        self.statement(Stmt::Store {
            place: place.clone(),
            value: value.id,
            mask: mask.map(|mask| mask.id),
            mode: StoreMode::Set,
            at: None,
        });
        if mask.is_none() && self.random.chance(0.2) {
            // What was stored can be read back by the same program.
            let fill = super::super::text::default_fill(dtype);
            self.push(ExprKind::Load { place, fill }, None, value.bounds)?;
            if !value.bounds.is_exact() && dtype != DType::F32 {
                self.scope.pop();
            }
        }
        Some(())
    }

    /// Stores to scattered positions of a tensor that holds something already, in some order or atomically.
    fn scatter(&mut self) -> Option<()> {
        let value = self.choose(|b, v| {
            let ty = b.ty(v.id);
            ty.shape.len() == 1 && matches!(ty.dtype, DType::F32 | DType::I32 | DType::U32)
        })?;
        let Type { dtype, shape } = self.ty(value.id).clone();
        let (mut outer, mut axes): (Shape, Vec<Axis>) = (
            self.frame.axes.iter().map(|axis| axis.programs).collect(),
            self.frame.axes.iter().map(|axis| Axis::At(axis.index)).collect(),
        );
        let mut mode = StoreMode::Set;
        let mut scale = value.bounds.scale;
        let positions = match self.options.atomics && self.random.chance(0.6) {
            false => self.positions(shape[0], shape[0], true)?,
            true => {
                use StoreMode::*;
                (outer, axes) = (Vec::new(), Vec::new());
                mode = self.random.of(&[AtomicAdd, AtomicMax, AtomicMin]);
                // Every program may add every element to the same place.
                let programs: Shape = self.frame.axes.iter().map(|axis| axis.programs).collect();
                let count = (self.elements(&programs) * self.elements(&shape)) as f64;
                if mode == AtomicAdd && dtype.is_float() {
                    let greatest = count * (value.bounds.magnitude() + scale) + 2.0;
                    scale = greatest * count.sqrt().max(1.0);
                }
                self.positions(shape[0], shape[0], false)?
            }
        };
        outer.push(shape[0]);
        axes.push(Axis::Gather(positions.id));
        let kind = ParamKind::Tensor {
            dtype,
            leading: self.is_leading(&outer),
            shape: outer,
            access: Access::InOut,
        };
        let param = self.param(kind, scale);
        let place = Place { param, axes };
        self.statement(Stmt::Store { place, value: value.id, mask: None, mode, at: None });
        Some(())
    }

    /// An exact bool scalar, if one can be made.
    pub fn condition(&mut self) -> Option<Value> {
        let a = self.choose(|b, v| {
            let ty = b.ty(v.id);
            ty.shape.is_empty() && ty.dtype != DType::Bool && v.bounds.is_exact()
        })?;
        let dtype = self.ty(a.id).dtype;
        let one = self.constant(dtype, 1.0)?;
        let condition = self.binary(BinaryOp::Gt, a, one)?;
        match self.random.chance(0.5) {
            true => {
                let kind = ExprKind::Unary(UnaryOp::Not, condition.id);
                self.push(kind, None, Bounds::whole(0.0, 1.0))
            }
            false => Some(condition),
        }
    }
}
