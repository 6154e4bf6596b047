//! Views: which elements of a tensor a kernel loads or stores.

use crate::recorder::{At, POISON, ViewData, with};
use crate::tile::{Operand, Tile};
use std::panic::Location;
use tilewright_ir::bind::show_extent;
use tilewright_ir::{Axis, DType, ExprKind, Extent, Literal, ParamKind, Place, Stmt, StoreMode};

/// A size: a constant, or a multiple of one that is known at launch. `2 * size` is a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub(crate) Extent);

impl Size {
    /// The size, if it is known while recording.
    pub fn constant(self) -> Option<usize> {
        self.0.constant()
    }

    /// The size as an i32 scalar tile.
    #[track_caller]
    pub fn tile(self) -> Tile {
        let at = Location::caller();
        Tile(with(Some(at), |r| r.emit(ExprKind::Size(self.0), None, at)))
    }

    /// The IR's form of this size.
    pub fn extent(self) -> Extent {
        self.0
    }
}

impl From<usize> for Size {
    fn from(n: usize) -> Self {
        Size(Extent::Const(n))
    }
}

impl std::ops::Mul<Size> for usize {
    type Output = Size;
    fn mul(self, size: Size) -> Size {
        Size(match size.0 {
            _ if self == 0 => Extent::Const(0),
            Extent::Const(n) => Extent::Const(self.saturating_mul(n)),
            // The factor of a named size is at least 1.
            Extent::Dim { .. } if self == 0 => Extent::Const(0),
            Extent::Dim { dim, times } => Extent::Dim { dim, times: self.saturating_mul(times) },
        })
    }
}

/// Some elements of a tensor parameter. `Copy`; every method gives a narrower view.
///
/// Where an index or a start is wanted, a scalar does, and what a reduction leaves of a row, with an axis of extent 1.
/// Methods act on the axes that are still whole: [`row`](Self::row), [`rows`](Self::rows), [`at`](Self::at) and
/// [`gather`](Self::gather) on the first of them, [`part`](Self::part), [`every`](Self::every) and
/// [`range`](Self::range) on the last.
#[derive(Clone, Copy, Debug)]
pub struct View(pub(crate) usize);

/// The view that stands for a mistake.
pub(crate) const POISON_VIEW: View = View(usize::MAX);

impl View {
    /// Element type in memory.
    pub fn dtype(self) -> DType {
        with(None, |r| match r.views.get(self.0).map(|v| &r.program.param(v.place.param).kind) {
            Some(ParamKind::Tensor { dtype, .. }) => *dtype,
            _ => DType::F32,
        })
    }

    /// The extent of axis `axis` of the view (axes that were picked with [`row`](Self::row) do not count).
    #[track_caller]
    pub fn size(self, axis: usize) -> Size {
        let at = Location::caller();
        with(Some(at), |r| {
            let Some(view) = r.views.get(self.0).cloned() else { return Size(Extent::Const(1)) };
            match shape_of(r, &view.place).get(axis) {
                Some(extent) => Size(*extent),
                None => {
                    r.mistake(at, format!("size({axis}): the view has fewer axes"));
                    Size(Extent::Const(1))
                }
            }
        })
    }

    /// Position `index` of the first whole axis, which vanishes: the row of a matrix. A negative index or one past
    /// the end is an error when the kernel runs.
    #[track_caller]
    pub fn row(self, index: impl Operand) -> View {
        let at = Location::caller();
        let index = index.tile_of(DType::I32, at);
        self.narrow("row", 0, at, |r, extent| {
            let index = without_ones(r, index.0, &[], at);
            if let Some(other) = r.tell_grid(index, extent) {
                let (picked, covered) = (show_extent(&r.program, extent), show_extent(&r.program, other));
                r.mistake(
                    at,
                    format!("row: this axis has {picked} positions, but the program index counts {covered}"),
                );
            }
            Axis::At(index)
        })
    }

    /// Position `index` of the first whole axis; [`row`](Self::row) by the name that suits vectors.
    #[track_caller]
    pub fn at(self, index: impl Operand) -> View {
        self.row(index)
    }

    /// Positions `start .. start + len` of the first whole axis: several rows of a matrix. What lies before the axis or
    /// past its end loads as the fill value and is not stored.
    #[track_caller]
    pub fn rows(self, start: impl Operand, len: impl Into<Size>) -> View {
        let at = Location::caller();
        let (start, len) = (start.tile_of(DType::I32, at), len.into());
        self.narrow("rows", 0, at, |r, _| Axis::Range {
            start: without_ones(r, start.0, &[], at),
            len: len.0,
            step: 1,
        })
    }

    /// Positions `start .. start + len` of the last whole axis. What lies before the axis or past its end loads as the
    /// fill value and is not stored.
    #[track_caller]
    pub fn range(self, start: impl Operand, len: impl Into<Size>) -> View {
        let at = Location::caller();
        let (start, len) = (start.tile_of(DType::I32, at), len.into());
        self.narrow("range", 1, at, |r, _| Axis::Range {
            start: without_ones(r, start.0, &[], at),
            len: len.0,
            step: 1,
        })
    }

    /// Part `index` of `count` equal parts of the last whole axis, as the gate half of a packed `[gate | up]`.
    #[track_caller]
    pub fn part(self, index: usize, count: usize) -> View {
        let at = Location::caller();
        self.narrow("part", 1, at, |r, extent| {
            let len = match extent {
                Extent::Const(n) if count > 0 && n % count == 0 => Extent::Const(n / count),
                Extent::Dim { dim, times } if count > 0 && times % count == 0 => {
                    Extent::Dim { dim, times: times / count }
                }
                _ => {
                    let extent = show_extent(&r.program, extent);
                    r.mistake(at, format!("part: an axis of {extent} has no {count} equal parts"));
                    return Axis::All;
                }
            };
            let offset = (index * Size(len)).0;
            let start = r.emit(ExprKind::Size(offset), None, at);
            Axis::Range { start, len, step: 1 }
        })
    }

    /// Every `step`-th position of the last whole axis, from `offset` on; `step` divides its extent.
    #[track_caller]
    pub fn every(self, step: usize, offset: usize) -> View {
        let at = Location::caller();
        self.narrow("every", 1, at, |r, extent| {
            let len = match extent {
                Extent::Const(n) if step > 0 && n % step == 0 => Extent::Const(n / step),
                Extent::Dim { dim, times } if step > 0 && times % step == 0 => {
                    Extent::Dim { dim, times: times / step }
                }
                _ => {
                    let extent = show_extent(&r.program, extent);
                    r.mistake(at, format!("every: {step} does not divide an axis of {extent}"));
                    return Axis::All;
                }
            };
            let start = r.literal(offset as f64, DType::I32, at);
            Axis::Range { start, len, step }
        })
    }

    /// The positions in the 1-D tile `indices` (i32 or u32) of the first whole axis. Each must be in range.
    #[track_caller]
    pub fn gather(self, indices: Tile) -> View {
        let at = Location::caller();
        self.narrow("gather", 0, at, |_, _| Axis::Gather(indices.0))
    }

    /// A block of a matrix: `starts[i] .. starts[i] + lens[i]` of each whole axis, with the edges masked as in
    /// [`range`](Self::range).
    #[track_caller]
    pub fn block<const N: usize>(self, starts: [Tile; N], lens: [usize; N]) -> View {
        let at = Location::caller();
        let mut view = self;
        for (start, len) in starts.into_iter().zip(lens) {
            view = view.narrow("block", 0, at, |r, _| Axis::Range {
                start: without_ones(r, start.0, &[], at),
                len: Extent::Const(len),
                step: 1,
            });
        }
        view
    }

    /// The elements, as a tile. What a range covers outside its axis is 0.
    #[track_caller]
    pub fn load(self) -> Tile {
        self.load_from(0.0, Location::caller())
    }

    /// The elements, as a tile, with `fill` for what a range covers outside its axis.
    #[track_caller]
    pub fn load_or(self, fill: f64) -> Tile {
        self.load_from(fill, Location::caller())
    }

    fn load_from(self, fill: f64, at: At) -> Tile {
        let dtype = self.dtype();
        Tile(with(Some(at), |r| {
            let Some(view) = r.views.get(self.0).cloned() else { return POISON };
            let fill = match dtype {
                DType::Bool => Literal::Bool(fill != 0.0),
                d if d.is_int() => Literal::Int(fill as i64),
                _ => Literal::Float(fill),
            };
            r.emit(ExprKind::Load { place: view.place, fill }, None, at)
        }))
    }

    /// Writes `value`, broadcast to the view's shape and converted to its dtype (float to float, integer to
    /// integer). A reduction's axes of extent 1 may be more than the view has, as when a row's sum is stored to one
    /// element.
    #[track_caller]
    pub fn store(self, value: impl Operand) {
        self.store_as(
            value.tile_of(self.dtype(), Location::caller()),
            None,
            StoreMode::Set,
            Location::caller(),
        );
    }

    /// Writes the elements of `value` for which `mask` is true.
    #[track_caller]
    pub fn store_where(self, mask: Tile, value: impl Operand) {
        let at = Location::caller();
        self.store_as(value.tile_of(self.dtype(), at), Some(mask), StoreMode::Set, at);
    }

    /// Writes one element: `at(index).store(value)`.
    #[track_caller]
    pub fn put(self, index: impl Operand, value: impl Operand) {
        self.at(index).store(value);
    }

    /// Adds to what is there, atomically: several programs may add to one element. On a GPU float sums then depend
    /// on the order of arrival; prefer a loop that owns its output.
    #[track_caller]
    pub fn atomic_add(self, value: impl Operand) {
        let at = Location::caller();
        self.store_as(value.tile_of(self.dtype(), at), None, StoreMode::AtomicAdd, at);
    }

    /// Atomic maximum with what is there.
    #[track_caller]
    pub fn atomic_max(self, value: impl Operand) {
        let at = Location::caller();
        self.store_as(value.tile_of(self.dtype(), at), None, StoreMode::AtomicMax, at);
    }

    /// Atomic minimum with what is there.
    #[track_caller]
    pub fn atomic_min(self, value: impl Operand) {
        let at = Location::caller();
        self.store_as(value.tile_of(self.dtype(), at), None, StoreMode::AtomicMin, at);
    }

    fn store_as(self, value: Tile, mask: Option<Tile>, mode: StoreMode, at: At) {
        let dtype = self.dtype();
        with(Some(at), |r| {
            let Some(view) = r.views.get(self.0).cloned() else { return };
            let mut value = value.0;
            if value == POISON || mask.is_some_and(|m| m.0 == POISON) {
                return;
            }
            let from = r.dtype(value);
            if from != dtype {
                if from.is_float() != dtype.is_float()
                    || (from == DType::Bool) != (dtype == DType::Bool)
                {
                    let name = &r.program.param(view.place.param).name;
                    let text = format!(
                        "store: `{name}` holds {dtype}, the tile is {from}; convert it with `.to({dtype})`"
                    );
                    r.mistake(at, text);
                    return;
                }
                value = cast(r, value, dtype, at);
            }
            value = without_ones(r, value, &shape_of(r, &view.place), at);
            let mask = mask.map(|m| m.0);
            r.statement(Stmt::Store { place: view.place, value, mask, mode, at: Some(at.into()) });
        });
    }

    /// Replaces one whole axis: the first (`from_end` 0) or the last (1).
    fn narrow(
        self,
        what: &str,
        from_end: usize,
        at: At,
        axis: impl FnOnce(&mut crate::recorder::Recorder, Extent) -> Axis,
    ) -> View {
        with(Some(at), |r| {
            let Some(ViewData { mut place }) = r.views.get(self.0).cloned() else {
                return POISON_VIEW;
            };
            let Some((i, extent)) = r.open_axis(&place, from_end) else {
                r.mistake(at, format!("{what}: every axis of the view is already picked"));
                return POISON_VIEW;
            };
            place.axes[i] = axis(r, extent);
            let mut poisoned = false;
            place.operands(&mut |id| poisoned |= id == POISON);
            if poisoned {
                return POISON_VIEW;
            }
            r.views.push(ViewData { place });
            View(r.views.len() - 1)
        })
    }
}

/// Converts a tile to `dtype` without a `Let` of its own when nothing changes.
pub(crate) fn cast(
    r: &mut crate::recorder::Recorder,
    value: tilewright_ir::ExprId,
    dtype: DType,
    at: At,
) -> tilewright_ir::ExprId {
    if r.dtype(value) == dtype {
        return value;
    }
    let hint = tilewright_ir::Type { dtype, shape: r.shape(value) };
    r.emit(ExprKind::Cast(value), Some(hint), at)
}

/// `value` under `shape`, if it only has axes of extent 1 too many.
pub(crate) fn without_ones(
    r: &mut crate::recorder::Recorder,
    value: tilewright_ir::ExprId,
    shape: &[Extent],
    at: At,
) -> tilewright_ir::ExprId {
    let own = r.shape(value);
    let wide = |shape: &[Extent]| -> Vec<Extent> {
        shape.iter().copied().filter(|&extent| extent != Extent::Const(1)).collect()
    };
    if value == POISON || own.len() <= shape.len() || wide(&own) != wide(shape) {
        return value;
    }
    let hint = tilewright_ir::Type { dtype: r.dtype(value), shape: shape.to_vec() };
    r.emit(ExprKind::Reshape(value), Some(hint), at)
}

/// The shape of the tile at a place.
fn shape_of(r: &crate::recorder::Recorder, place: &Place) -> Vec<Extent> {
    let ParamKind::Tensor { shape, .. } = &r.program.param(place.param).kind else { return vec![] };
    let mut out = Vec::new();
    for (axis, extent) in place.axes.iter().zip(shape) {
        match axis {
            Axis::At(_) => {}
            Axis::All => out.push(*extent),
            Axis::Range { len, .. } => out.push(*len),
            Axis::Gather(id) => out.extend(r.shape(*id).first()),
        }
    }
    out
}
